"""The page of sequences: the tests, accuracy on held-out questions, the output map, examples, and overlap."""

from dataclasses import replace
from functools import partial
from typing import Any

from maskscope.procedure.controls import SHUFFLED_WEIGHTS, UNTRAINED
from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import INVERSE, accuracy_table
from maskscope.report.blocks.controls import controls_section
from maskscope.report.blocks.core import core_section
from maskscope.report.blocks.half_mask import half_mask_section
from maskscope.report.blocks.masks import histogram_section, weights_section
from maskscope.report.blocks.overlap import overlap_section
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.blocks.spread import points_note
from maskscope.report.examples import ExampleGroup, Examples
from maskscope.report.over_networks import function_pairs, networks, repeated
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section, present
from maskscope.studies.sequences import tables
from maskscope.studies.sequences.answers import example_of, examples, examples_seed, seen_words, short_forms
from maskscope.studies.sequences.drawing import output_panels, picture_panels, sequence_panels
from maskscope.studies.sequences.values import (
    is_scan,
    mask_targets,
    noun,
    seen_of_all,
    seen_sentence,
    token_noun,
    trained_on,
    what_it_is,
)
from maskscope.studies.sequences.words import answer, cautions, key_numbers, question, sentences

# examples of a test that are shown; others are folded
_SHOWN = 2
# a table with more columns is not in the terminal
_MOST_COLUMNS = 6
_SAME_QUESTIONS = (
    "Each of these masks was found with a part of the questions. Parts may have many in common, and so may their masks."
)
_FOUND_WITH = "A mask's own function is here what it was found with, not what it was found without."


def sections(record: MaskRecord[Any]) -> list[Section]:
    """The sections between the claims and the settings."""
    # questions of sequences have no labels to shuffle
    offered = [UNTRAINED.name, SHUFFLED_WEIGHTS.name]
    return present(
        _tests(record),
        _accuracy(record),
        _output(record),
        _examples(record),
        _dropout(record),
        overlap_section(record, _SAME_QUESTIONS, ceilings=repeated(record), totals=False) if function_pairs(record) else None,
        core_section(record),
        weights_section(record),
        histogram_section(record),
        half_mask_section(record, record.functions[0]) if any(network.half_masks for network in networks(record)) else None,
        controls_section(
            record,
            accuracy_table(record, "test"),
            _FOUND_WITH,
            each="What each mask was found with",
            offered=offered,
            wide=True,
        ),
        quantities_section(record),
    )


def _tests(record: MaskRecord[Any]) -> Section:
    if not is_scan(record):
        text = [
            "An answer is right if every character is, and its end."
            + ("" if any(part.seen for part in record.evaluated_on) else " The network was trained on no question of a test."),
        ]
    else:
        text = [
            "An answer is right if every action is, and its end. Of each split there are several tests. Under its own name: "
            "the commands that the split holds out, and that its mask was found without.",
            seen_of_all(record) + " There, accuracy is not generalisation. The part that is new to the network is judged "
            "apart (-unseen); a network that was trained on the split alone has seen nothing of either."
            if seen_of_all(record)
            else "",
            "And commands that the mask was found with (-train): a mask that does not do these says nothing about the others.",
        ]
    table = tables.evaluation_table(record)
    return Section(
        "tests",
        "What accuracy is measured on",
        tuple(one for one in text if one),
        tables=(table,),
        terminal=(table,),
        short="Tests",
    )


def _accuracy(record: MaskRecord[Any]) -> Section:
    scan = is_scan(record)
    text = (
        "Under the full mask, nearly all that the network can do should be left. Under the mask for a split, what it was found "
        "with should be left, and the question is what becomes of the commands that it was found without."
        if scan
        else "Under the full mask, which was found with all levels, nearly all that the network can do should be left. Under the "
        f"mask for {' or '.join(mask_targets(record))} questions these should be left, and the question is what becomes of the "
        "others."
    )
    beside = (
        "A network that was trained on the split alone, without masks, says how far one comes that has never seen what is held "
        "out: if the mask is no better, then what the network knows about it is in weights that the rest does not need."
        if trained_on(record)
        else "No networks were trained on a split alone; run again without --no-baselines."
        if scan
        else ""
    )
    caption = (
        "First: the test of split simple. Then for each split: no mask, full mask, its mask, and a network trained on the split "
        "alone, on what it holds out, on the part of this that the network has never seen, and on what the mask was found with. "
        if scan
        else "Each level, without a mask, under the full mask, and under each mask. "
    )
    scores, compared, by_mask = tables.scores_table(record), tables.compared_table(record), accuracy_table(record, "test")
    return Section(
        "accuracy",
        "Accuracy on what is held out" if scan else "Accuracy on each level",
        tuple(one for one in (text, beside, seen_of_all(record)) if one),
        (Figure("sequence-accuracy", partial(sequence_panels, record)),),
        " ".join(one for one in (caption.strip(), seen_of_all(record), points_note(len(record.seeds))) if one),
        (scores, compared),
        (replace(by_mask.only(INVERSE), title="Accuracy (%) without each mask's weights"),),
        (by_mask,),
        (*([scores] if len(scores.columns) <= _MOST_COLUMNS else []), compared),
    )


def _output(record: MaskRecord[Any]) -> Section | None:
    table = tables.output_table(record)
    if not table.rows:
        return None
    return Section(
        "output",
        "Weights removed for each action",
        (
            "The output map has a row of weights for each action (I_JUMP: jump), and one for the end of an answer. The share of "
            "a row that a mask removes says how much of the way to that action is gone. Split jump has jumping in one command "
            "alone, “jump” by itself: a mask for that needs little of the row.",
        ),
        (Figure("output-rows", partial(output_panels, record)),),
        f"Weights of the row that are removed, full mask beside the masks for the splits. {points_note(len(record.seeds))}",
        (table,),
        terminal=(table,),
        short="Output map",
    )


def _dropout(record: MaskRecord[Any]) -> Section | None:
    table = tables.dropout_table(record)
    if not table.rows:
        return None
    return Section(
        "dropout",
        "With the decoder's dropout left on",
        (
            "In the authors' code the decoder of an LSTM goes on dropping features when a network without masks is evaluated. "
            "That lowers its accuracy, and masks, which were evaluated without dropout, look better beside it. Everywhere else "
            "on this page dropout is off in evaluation; here stand both.",
            seen_of_all(record),
        ),
        tables=(table,),
        terminal=(table,),
        short="Decoder's dropout",
    )


def _examples(record: MaskRecord[Any]) -> Section | None:
    found = examples(record)
    if not found:
        return None
    forms = short_forms(record)
    legend = tuple((form, token) for token, form in forms.items() if form != token)
    return Section(
        "examples",
        "Questions and answers",
        (
            f"How it fails: {noun(record)}s of every test, drawn at random, with what was answered on the first trained network "
            f"(seed {examples_seed(record)}). Each {token_noun(record)} is compared with the one in the same place of the right "
            "answer: where one is left out, what follows is shifted, and counts as wrong.",
        ),
        files=(tables.examples_table(record),),
        examples=Examples(tuple(_group(record, test, forms) for test in dict.fromkeys(one.test for one in found)), legend),
    )


def _group(record: MaskRecord[Any], test: str, forms: dict[str, str]) -> ExampleGroup:
    here = [example for example in examples(record) if example.test == test]
    # one that the network has not seen beside one that it has, where there are both
    first = [next((one for one in here if seen_words(one) == word), None) for word in ("no", "yes")]
    shown = [one for one in first if one is not None]
    shown += [one for one in here if one not in shown][: _SHOWN - len(shown)]
    folded = [one for one in here if one not in shown]
    words = what_it_is(record, test)
    note = (f"{words[0].upper()}{words[1:]}.", seen_sentence(record, test))
    return ExampleGroup(
        f"Test {test}",
        tuple(one for one in note if one),
        tuple(example_of(record, one, forms) for one in shown),
        tuple(example_of(record, one, forms) for one in folded),
    )


def _picture(record: MaskRecord[Any]) -> Figure:
    caption = (
        "Under a mask that was found without the commands that a split holds out: accuracy on commands that it was found with, "
        "and on those held out; grey: the same network without a mask. Below, where there is one: a network that was trained "
        "without those commands."
        if is_scan(record)
        else "Accuracy on each level with only the weights of a mask, and grey: of the intact network."
    )
    words = (caption, seen_of_all(record), points_note(len(record.seeds)))
    return Figure("picture", partial(picture_panels, record), " ".join(one for one in words if one))


PAGE = Page(question, answer, sentences, cautions, key_numbers, sections, _picture)
