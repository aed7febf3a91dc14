"""The masks that a run of a study has found, as values."""

from pathlib import Path

from maskscope.engine.artefact import Artefact
from maskscope.engine.job import Job
from maskscope.engine.step import existing_outputs
from maskscope.errors import RunFolderError
from maskscope.masks import BinaryMask
from maskscope.storage import user_path
from maskscope.studies.own.study import Study
from maskscope.tasks import Task


def masks_of_run(study: Study, out: str | Path, *, preset: str = "quick", network: int = 0) -> dict[str, tuple[BinaryMask, ...]]:
    """The masks of a network in a run folder, by function: the one that was compared, then those of the repeats.

    The mask for all functions together is under ``all``. Masks of the controls are not among them.

    Args:
        study: the study that was run. Networks, data and settings are compared: masks of another study are not taken for its own.
        out: the run folder.
        preset: that the run had.
        network: the number of the network, if the study has several.

    Raises:
        ConfigError: there is no such network.
        RunFolderError: the run has not finished, or was another one.
        FileFormatError: a mask is damaged.
    """
    folder = user_path(out, argument="out")
    job = Job(study.study, study.study.preset(preset), (network,), str(folder)).pinned
    made: dict[str, Artefact] = {}
    roles: dict[str, str] = {}
    for step in job.study.procedure.steps(job.study.name, job.spec, network, job.runtime()):
        inputs = step.inputs_from(made)
        made |= {} if inputs is None else existing_outputs(step, folder, inputs)
        if step.name == f"seed-{network}-analysis":
            roles = dict(step.inputs)
            break
    found: dict[str, tuple[BinaryMask, ...]] = {}
    guest = study.network(network)
    for function in (*study.task.functions, Task.whole):
        names = [name for role, name in roles.items() if role.rpartition("/")[0] == function]
        if missing := [name for name in names if name not in made]:
            raise RunFolderError(
                f"{folder} has not the mask {missing[0]} of this study, with these data and settings. Call study.run first, with "
                "the same folder and preset."
            )
        found[function] = tuple(BinaryMask.load(made[name].path / "mask.safetensors", guest) for name in names)
    return found
