"""The sections of a study of networks that grow from task to task."""

from maskscope.procedure.result import Record
from maskscope.report.growth_tables import earlier_table, growth_summary_table, shared_table, tasks_table
from maskscope.report.kinds import sample_size
from maskscope.report.mask_sections import quantities_section
from maskscope.report.section import Section, line_note


def growth_sections(record: Record) -> list[Section]:
    """The sections between the claims and the settings."""
    shared = [_shared(record)] if len(record.functions) > 1 else []
    return [*shared, _tasks(record), quantities_section(record)]


def _shared(record: Record) -> Section:
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
        ("growth-shared",),
        f"Solid: shared. Dashed, in the same colour: what chance would share. {line_note(sample_size(record))}",
        (growth_summary_table(record),),
        (shared_table(record),),
    )


def _tasks(record: Record) -> Section:
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
        ("growth-tasks",),
        line_note(sample_size(record)),
        (),
        (tasks_table(record), earlier_table(record)),
    )
