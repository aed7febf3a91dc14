"""The page of permuted images: networks that grow from task to task."""

from functools import partial

from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.blocks.spread import line_note, points_note
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section, present
from maskscope.studies.permuted_images.drawing import picture_panels, shared_panels, task_panels
from maskscope.studies.permuted_images.result import GrowthRecord
from maskscope.studies.permuted_images.tables import earlier_table, growth_summary_table, shared_table, tasks_table
from maskscope.studies.permuted_images.words import answer, cautions, key_numbers, question, sentences

# a longer table is not in the terminal
_LONG = 40


def sections(record: GrowthRecord) -> list[Section]:
    """The sections between the claims and the settings."""
    return present(_shared(record) if len(record.functions) > 1 else None, _tasks(record), quantities_section(record))


def _shared(record: GrowthRecord) -> Section:
    summary, shared = growth_summary_table(record), shared_table(record)
    return Section(
        "shared",
        "Weights of earlier tasks that later tasks use",
        (
            "Of the weights that a task's mask keeps in a layer, the proportion that the mask of an earlier task keeps as well. "
            "The first layer is left out: it reads another order of pixels in every task"
            + (" and begins anew for each." if record.spec.get("reset_first_layer", True) else "."),
            "The more of a layer is in use, the more a mask would share that keeps weights blindly: that proportion is the "
            "dashed line. Only what lies above it is reuse. Where new logits start lower than used ones, weights of earlier "
            "tasks are preferred from the start.",
        ),
        (Figure("growth-shared", partial(shared_panels, record)),),
        f"Solid: shared. Grey, dashed: what chance would share. {line_note(len(record.seeds))}",
        (summary,),
        (shared,),
        terminal=(summary, *([shared] if len(shared.rows) <= _LONG else [])),
    )


def _tasks(record: GrowthRecord) -> Section:
    tasks = tasks_table(record)
    # with later tasks it stands beside what these share
    summary = (growth_summary_table(record),) if len(record.functions) == 1 else ()
    reset = record.spec.get("reset_first_layer", True)
    earlier = (
        "On earlier tasks, accuracy after a later one is meaningless here: the first layer began anew (table)."
        if reset
        else "Earlier tasks keep their weights to the bit, so that accuracy on them must stay what it was (table)."
    )
    return Section(
        "tasks",
        "Accuracy and density of each task",
        (
            "Accuracy under the task's own thresholded mask, at the end of its own stage, and the share of all weights that the "
            f"mask keeps. The first task is the same for every start of new logits. {earlier}",
        ),
        (Figure("growth-tasks", partial(task_panels, record)),),
        line_note(len(record.seeds)),
        folded=(tasks, earlier_table(record)),
        files=summary,
        terminal=(*summary, tasks),
    )


def _picture(record: GrowthRecord) -> Figure:
    return Figure(
        "picture",
        partial(picture_panels, record),
        "Of the weights that a later task keeps behind the first layer, the share that an earlier task keeps as well, beside "
        f"what a mask would share that keeps weights blindly. {points_note(len(record.seeds))}",
    )


PAGE = Page(question, answer, sentences, cautions, key_numbers, sections, _picture)
