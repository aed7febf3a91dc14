"""What `run` and `sweep` have in common: the options of a study's settings, and the job that options ask for."""

from dataclasses import field, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from maskscope.cli.words.parsing import parse
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.cluster.choice import Cluster
from maskscope.engine.job import Job
from maskscope.engine.runtime import require_device
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.storage import user_path


def name_of(words: list[str]) -> str:
    """What a command line runs: its first word; if that is an option, the first study, whose settings ``--help-all`` shows."""
    return words[0] if words and not words[0].startswith("-") else next(iter(known_studies()))


def study_named(words: list[str], command: str) -> Study[Any]:
    """The study that a command line runs.

    Raises:
        ConfigError: it names none.
        UnknownNameError: there is no such study.
    """
    if not words:
        raise ConfigError(f"`maskscope {command}` needs the name of a study, or a FILE.py: {', '.join(known_studies())}.")
    return study_at(name_of(words))


def value_of(words: list[str], option: str) -> str | None:
    """What a command line says of an option, before it is parsed as a whole; the last time it does."""
    found = None
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            found = value if equals else words[place + 1] if place + 1 < len(words) else found
    return found


def kind_named(words: list[str], study: Study[Any]) -> str:
    """The kind of network, or of questions, that a command line names; empty for the study's first."""
    return (value_of(words, f"--{study.kind}") or "") if study.kind else ""


def parse_settings(base: type, words: list[str], command: str, *, begin: Any, out: str, seeds: int) -> Any:
    """All options of a command, and with them, as ``spec``, every field of a study's settings.

    Args:
        base: the options that do not depend on the study.
        words: of the command line, behind the command.
        command: its name.
        begin: the settings to begin from, which are the defaults.
        out: the default of the folder's name.
        seeds: the default of the number of networks.

    Raises:
        ConfigError: the name of what is run is not the first word.
    """
    further = [
        ("out", Path, field(default=Path("runs") / out)),
        ("seeds", int, field(default=seeds)),
        ("spec", Annotated[type(begin), tyro.conf.arg(name="")], field(default=begin)),
    ]
    kind = make_dataclass(base.__name__, further, bases=(base,), frozen=True)
    kind.__doc__ = base.__doc__
    options: Any = parse(kind, words, command)
    # its settings were looked up by the first word, before all words were parsed
    if options.name != name_of(words):
        raise ConfigError(f"The name {options.name!r} has to be the first word, before every option; found {words[0]!r} there.")
    return options


def job_of(study: Study[Any], options: Any) -> tuple[Any, Job]:
    """The options with whole paths, and the job that they ask for.

    Raises:
        ConfigError: an option has an impossible value.
    """
    if options.seeds < 1 or options.workers < 1 or options.threads < 0:
        raise ConfigError("--seeds and --workers are at least 1, --threads at least 0.")
    if options.engine != "ray" or options.dry_run:
        require_device(options.device)
    options = replace(options, out=user_path(options.out, argument="--out"))
    data = "" if options.data_dir is None else str(user_path(options.data_dir, argument="--data-dir"))
    seeds = tuple(range(options.first_seed, options.first_seed + options.seeds))
    run = (str(options.out), options.device, options.threads, options.executor, options.kernels)
    return options, Job(study, options.spec, seeds, *run, data)


def cluster_of(options: Any) -> Cluster | None:
    """The cluster that options ask for; None: the steps are done by processes of this machine.

    Raises:
        ConfigError: an option has no meaning with the engine that was chosen.
    """
    if options.engine == "ray":
        if options.workers > 1:
            raise ConfigError(
                "--workers is for --engine processes. Ray does as many steps at once as there are CPUs, each with --threads "
                "of them, or 1; leave --workers out."
            )
        return Cluster(options.address, options.files, options.gpus_per_step)
    usual = Cluster()
    given = {"--address": options.address != usual.address, "--files": options.files != usual.files}
    given["--gpus-per-step"] = options.gpus_per_step != usual.gpus_per_step
    if wrong := [name for name, there in given.items() if there]:
        raise ConfigError(f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} for --engine ray; add it, or leave them out.")
    return None
