"""Scripts that complete words in a shell. They are static: what can be completed is written into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from maskscope.cli.commands import COMMANDS, load
from maskscope.cli.data.command import ACTIONS as DATA_ACTIONS
from maskscope.cli.mask.command import ACTIONS as MASK_ACTIONS
from maskscope.cli.new_command import TEMPLATES
from maskscope.cli.run_command import RunOptions
from maskscope.cli.sweep_command import StudySweepOptions
from maskscope.cli.words.fields import OptionText, options_of
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.sweep.points import named_sweeps
from maskscope.masks import ESTIMATORS
from maskscope.masks.sizes import SIZES

_OPTIONS = {
    "show": "maskscope.cli.show_command:ShowOptions",
    "list": "maskscope.cli.list_command:ListOptions",
    "report": "maskscope.cli.record_commands:ReportOptions",
    "figure": "maskscope.cli.record_commands:FigureOptions",
    "compare": "maskscope.cli.record_commands:CompareOptions",
    "claims": "maskscope.cli.record_commands:ClaimsOptions",
    "atlas": "maskscope.cli.atlas_command:AtlasOptions",
    "new": "maskscope.cli.new_command:NewOptions",
    "verify": "maskscope.cli.verify_command:VerifyOptions",
}
_HELP = ("--help",)
# options whose values are the names of a table
_TABLES = {"--mask.estimator": tuple(ESTIMATORS), "--mask.size": tuple(SIZES)}


@dataclass(frozen=True)
class Completed:
    """What can stand in a line that begins with some words.

    Args:
        first: the words: the command and, for those of a study, its name; empty: the line is empty.
        words: what can stand next: commands, studies, actions.
        options: that can stand anywhere behind.
        values: of options, by name.
    """

    first: tuple[str, ...]
    words: tuple[str, ...]
    options: tuple[str, ...]
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()


def words_to_complete() -> list[Completed]:
    """What can be completed, for every beginning of a line."""
    found = [Completed((), tuple(COMMANDS), ("--help", "--version"))]
    first = {"run": tuple(known_studies()), "sweep": (*known_studies(), *named_sweeps()), "new": tuple(TEMPLATES)}
    first |= {"list": tuple(known_studies()), "completion": ("bash", "zsh", "fish")}
    first |= {"mask": tuple(MASK_ACTIONS), "data": tuple(DATA_ACTIONS)}
    for name in COMMANDS:
        options = options_of(cast(type, load(_OPTIONS[name]))) if name in _OPTIONS else []
        found.append(_completed((name,), first.get(name, ()), options))
    for name in known_studies():
        study = study_at(name)
        presets = tuple(dict.fromkeys(preset for kind in study.presets.values() for preset in kind))
        settings = [one for one in options_of(study.spec) if not one.is_positional]
        for command, kind in (("run", RunOptions), ("sweep", StudySweepOptions)):
            found.append(_completed((command, name), (), [*options_of(kind), *settings], presets))
    return found


def completion_script(shell: str) -> str:
    """The script for a shell, ``bash``, ``zsh`` or ``fish``."""
    completed = words_to_complete()
    return _fish(completed) if shell == "fish" else _bash(completed, is_zsh=shell == "zsh")


def _completed(
    first: tuple[str, ...], words: tuple[str, ...], options: Sequence[OptionText], presets: tuple[str, ...] = ()
) -> Completed:
    values = {one.name: one.choices for one in options if one.choices and not one.is_positional}
    values |= {name: known for name, known in _TABLES.items() if name in (one.name for one in options)}
    if presets:
        values["--preset"] = presets
    names = dict.fromkeys([*(one.name for one in options if not one.is_positional), *_HELP])
    return Completed(first, words, tuple(names), tuple(values.items()))


def _bash(completed: Sequence[Completed], *, is_zsh: bool) -> str:
    """A function that looks the beginning of the line up; zsh reads it as bash does."""
    cases = [
        f'    "{" ".join(one.first)}") words="{" ".join(one.words)}"; options="{" ".join(one.options)}" ;;' for one in completed
    ]
    values = [
        f'    "{" ".join(one.first)} {option}") values="{" ".join(choices)}" ;;'
        for one in completed
        for option, choices in one.values
    ]
    head = ["autoload -Uz bashcompinit && bashcompinit"] if is_zsh else []
    return "\n".join(
        [
            *head,
            "_maskscope() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" words="" options="" values=""',
            '  local key="${COMP_WORDS[1]}"',
            '  [ "$COMP_CWORD" -le 1 ] && key=""',
            '  case "$key" in run|sweep) [ "$COMP_CWORD" -gt 2 ] && key="$key ${COMP_WORDS[2]}" ;; esac',
            '  case "$key" in',
            *cases,
            "  esac",
            '  case "$key $previous" in',
            *values,
            "  esac",
            '  if [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$current"))',
            '  elif [ "${current#-}" != "$current" ]; then COMPREPLY=($(compgen -W "$options" -- "$current"))',
            '  elif [ -n "$words" ] && [ "$COMP_CWORD" -le 2 ]; then',
            '    COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))',
            '    [ "$COMP_CWORD" -le 1 ] && COMPREPLY=($(compgen -W "$words" -- "$current"))',
            '  else COMPREPLY=($(compgen -f -- "$current")); fi',
            "}",
            "complete -o filenames -F _maskscope maskscope",
        ]
    )


def _fish(completed: Sequence[Completed]) -> str:
    """A line for each word that can be completed, with the condition under which it can."""
    lines = ["complete -c maskscope -e"]
    for one in completed:
        if not one.first:
            lines.append(f"complete -c maskscope -f -n __fish_use_subcommand -a '{' '.join(one.words)}'")
            continue
        seen = " && ".join(f"__fish_seen_subcommand_from {word}" for word in one.first)
        if one.words:
            place = f"{seen} && test (count (commandline -opc)) -eq 2"
            lines.append(f"complete -c maskscope -n '{place}' -a '{' '.join(one.words)}'")
        values = dict(one.values)
        for option in one.options:
            choices = f" -x -a '{' '.join(values[option])}'" if option in values else ""
            lines.append(f"complete -c maskscope -n '{seen}' -l {option[2:]}{choices}")
    return "\n".join(lines)
