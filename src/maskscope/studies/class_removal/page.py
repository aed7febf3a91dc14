"""The page of class removal: what falls without a class, what each class owns, and how masks distort gradients."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import NETWORK, UNDER, accuracy_table, confusion_table
from maskscope.report.blocks.half_mask import half_mask_section
from maskscope.report.blocks.masks import histogram_section, weights_section
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.blocks.spread import line_note, points_note
from maskscope.report.over_networks import few_pairs, function_pairs, networks, repeated
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section, present, short_or_folded
from maskscope.studies.class_removal import drawing, tables
from maskscope.studies.class_removal.filters import filter_panels
from maskscope.studies.class_removal.result import removal_of
from maskscope.studies.class_removal.words import answer, cautions, key_numbers, question, sentences

# a longer table of pairs is folded
_LONG = 10


def sections(record: MaskRecord[Any]) -> list[Section]:
    """The sections between the claims and the settings."""
    return present(
        _confusion(record),
        _drops(record),
        _owned(record),
        _removal(record),
        _overlap(record),
        _filters(record),
        _cosine(record),
        weights_section(record),
        histogram_section(record),
        half_mask_section(record) if any(network.half_masks for network in networks(record)) else None,
        quantities_section(record),
    )


def _picture(record: MaskRecord[Any]) -> Figure:
    return Figure(
        "picture",
        partial(drawing.picture_panels, record),
        "Accuracy under the mask that was found without the images of a class: of this class and, as a mean, of all others; "
        "grey: the same under the full mask. Beside it: what the class loses when only the weights that it owns are removed "
        f"from the full mask, and when as many random ones are. {points_note(len(record.seeds))}",
    )


def _confusion(record: MaskRecord[Any]) -> Section:
    return Section(
        "confusion",
        "Whose images are taken for what",
        (
            "First the confusion matrix under the full mask. Then, for each removed class, what changes under the mask that was "
            "found without its images. If the class is lost its row loses its diagonal, and says what its images are taken for "
            "instead; if the others are spared, all other rows stay empty.",
        ),
        (Figure("class-confusion", partial(drawing.class_confusion_panels, record)),),
        "Rows: the class of the image. Columns: the answer. First in percent of the images of a class; then differences in "
        f"percentage points, orange for less and blue for more, blank below half a point. Means over networks (n = "
        f"{len(record.seeds)}); spread is in the tables.",
        # the inverse of a mask that was found without a class removes what all other classes need
        folded=(confusion_table(record).only_whole(NETWORK, UNDER), tables.differences_table(record)),
    )


def _drops(record: MaskRecord[Any]) -> Section:
    table = tables.drops_table(record)
    return Section(
        "drops",
        "What is lost without a class",
        (
            "The relative drop of a class is the share of its accuracy under the full mask that is lost under another mask. That "
            "of the removed class, the target, should be large, that of the others small. A negative drop is a gain: images of "
            "other classes are no longer taken for the removed one.",
            "Largest other / target is the strictest way to put it: of the other classes only the one that loses most counts, as "
            "a share of what the target loses. It is 0 where none loses anything.",
        ),
        (Figure("class-drops", partial(drawing.drop_panels, record)),),
        points_note(len(record.seeds)),
        (table,),
        (accuracy_table(record, "class").only_whole(NETWORK, UNDER),),
        terminal=(table,),
    )


def _owned(record: MaskRecord[Any]) -> Section:
    table = tables.owned_table(record)
    shown = short_or_folded(table)
    return Section(
        "owned",
        "What each class owns, by layer",
        (
            "A class owns the weights of the full mask that the mask found without it does not keep: nothing but this class has "
            "a use for them. What is left to 100 % is what that mask still keeps of the full mask (“remaining” in the authors' "
            "code). Two masks for the same thing differ as well, so that a part of what a class seems to own is noise: see the "
            "ceilings below, where masks were repeated.",
        ),
        (Figure("class-layers", partial(drawing.layer_panels, record)),),
        "Each cell: share of the weights of the full mask in that tensor that the class owns, in percent; mean over networks (n "
        f"= {len(record.seeds)}). The cell of strongest colour is the largest number here.",
        *shown,
        terminal=shown[0],
    )


def _removal(record: MaskRecord[Any]) -> Section:
    table = tables.owned_removal_table(record)
    return Section(
        "owned-removal",
        "Does it matter what a class owns?",
        (
            "From the full mask, what a class owns is removed, and nothing else; beside it, as many random weights of the full "
            "mask in each tensor. If the class loses more in the first way, what it owns is what it needs.",
        ),
        (Figure("owned-removal", partial(drawing.owned_removal_panels, record)),),
        points_note(len(record.seeds)),
        (table,),
        terminal=(table,),
    )


def _overlap(record: MaskRecord[Any]) -> Section | None:
    if not function_pairs(record):
        return None
    ceilings, table = repeated(record), tables.owned_pairs_table(record)
    matrix = (
        "Dice of what two classes own, mean over networks. "
        + ("Diagonal: two repeats for one class, the ceiling. " if ceilings else "")
        + "Floors are in the table."
    )
    lines = "Tick in grey: floor, what sets of these sizes would have in common inside the full mask. " + points_note(
        len(record.seeds)
    )
    return Section(
        "owned-overlap",
        "Do two classes own the same weights?",
        (
            "A weight that two classes own is one that the other classes do without. An overlap means little by itself: the "
            "floor is what sets of these sizes share when nothing else is known, inside the full mask, for a class can only own "
            "weights of it.",
            "The ceiling is what two repeats for one class have in common, found with other noise and other data order; "
            "normalised sharing is 0 at the floor and 1 at the ceiling."
            if ceilings
            else "There is no ceiling, and so no normalised sharing: each mask was found once. Run again with --repeats 1.",
        ),
        (Figure("owned-overlap", partial(drawing.owned_overlap_panels, record)),),
        lines if few_pairs(record) else matrix,
        *short_or_folded(table, _LONG),
        terminal=(table,),
    )


def _filters(record: MaskRecord[Any]) -> Section | None:
    shown = next((network for network in networks(record) if removal_of(network).filters), None)
    filters = removal_of(shown).filters if shown else None
    if shown is None or filters is None:
        return None
    count, channels = filters.shape[:2]
    return Section(
        "filters",
        "First-layer filters",
        (
            f"The {count} filters of {filters.tensor} on one network (seed {shown.seed}): where a class owns weights of the "
            "first layer, is it whole filters, or their parts?",
        ),
        (Figure("filters", partial(filter_panels, record)),),
        f"First: the weights, {'red, green and blue' if channels == 3 else 'light to dark'} from −max to max, so that a weight "
        "of 0 is medium grey. Others: the same in pale grey; the stronger the orange, the larger the share of the "
        f"{'weights of a place, one for each colour,' if channels == 3 else 'weights of a place'} that the full mask removes, or "
        "that the class owns.",
    )


def _cosine(record: MaskRecord[Any]) -> Section | None:
    table = tables.cosine_table(record)
    if not table.rows:
        return None
    return Section(
        "cosine",
        "How a mask distorts gradients",
        (
            f"A mask found without {record.spec.get('gradient_cosine', 'a class')}, output layer and all, is applied to the last "
            "layer, to the last two, and so on. If the gradient soon points elsewhere than that of the unmasked network (cosine "
            "1: the same direction), a mask cannot be judged one layer at a time. Both gradients are looked at on the weights "
            "that the mask keeps.",
        ),
        (Figure("gradient-cosine", partial(drawing.cosine_panels, record)),),
        line_note(len(record.seeds)),
        folded=(table,),
    )


PAGE = Page(question, answer, sentences, cautions, key_numbers, sections, _picture)
