"""Measurements that only networks of sequences have: examples, networks trained on a part, rows of the output map."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from maskscope.analysis import score
from maskscope.masks import BinaryMask, call_masked, evaluation_mode
from maskscope.procedure.plans import Companion
from maskscope.procedure.result import Kept
from maskscope.procedure.subject import MaskedNetwork
from maskscope.studies.sequences.result import AnsweredExample, Baseline, OutputRows, SequenceResult
from maskscope.tasks import Scores, SequenceTask
from maskscope.training import child_seed, isolated_random
from maskscope.zoo import SequenceLSTM

# the network as it is, among those that answer examples
UNMASKED = "unmasked"
END = "end"
# the weights of the output map
OUTPUT = "output.weight"
_BASELINE = "baseline-"


def trained_alone(sets: Sequence[str]) -> list[Companion]:
    """Networks that are trained on one set of questions alone, to compare its mask with."""
    return [Companion(f"{_BASELINE}{name}", trained_on=name) for name in sets]


def measure_sequences(masked: MaskedNetwork[Any], sets: Sequence[str], *, examples: int, drops: bool) -> SequenceResult:
    """What is measured beside the scores.

    Args:
        masked: the network with its masks and its companions.
        sets: of training questions that a companion is trained on.
        examples: of each test.
        drops: whether unmasked networks are also scored with the decoder's dropout on.
    """
    network, task, seed = masked.network, masked.task, masked.random_seed
    assert isinstance(task, SequenceTask), "the studies of sequences have such tasks"
    masks = {(one.plan.search.name, one.plan.repeat): one.mask for one in masked.found}
    alone = {name: masked.companions[f"{_BASELINE}{name}"] for name in sets if f"{_BASELINE}{name}" in masked.companions}
    with isolated_random(child_seed(seed, "dropout in evaluation")):
        return SequenceResult(
            examples=_answered(network, task, masks, alone, examples, seed),
            baselines=tuple(
                Baseline(name, score(one, task), _dropping(one, task) if drops else None) for name, one in alone.items()
            ),
            rows=tuple(rows for key, mask in masks.items() for rows in _output_rows(*key, mask, task)),
            dropping=_dropping(network, task) if drops else None,
        )


def _dropping(network: nn.Module, task: SequenceTask) -> Scores:
    with _decoder_drops(network):
        return score(network, task)


@contextmanager
def _decoder_drops(network: nn.Module) -> Iterator[None]:
    assert isinstance(network, SequenceLSTM)
    network.decoder_always_drops = True
    try:
        yield
    finally:
        network.decoder_always_drops = False


def _answered(
    network: nn.Module,
    task: SequenceTask,
    masks: Mapping[tuple[str, int], BinaryMask],
    trained_on: Mapping[str, nn.Module],
    each: int,
    seed: int,
) -> tuple[AnsweredExample, ...]:
    chosen = task.examples(each, child_seed(seed, "examples"))
    if not chosen:
        return ()
    questions = [question for _, question in chosen]
    given: dict[str, Sequence[tuple[str, ...]]] = {}
    with torch.no_grad(), evaluation_mode(network):
        given[UNMASKED] = task.answers(network, questions)
        for (name, repeat), mask in masks.items():
            if repeat == 0:
                given[name] = task.answers(lambda *inputs, mask=mask: call_masked(network, mask, *inputs), questions)
    for name, one in trained_on.items():
        with torch.no_grad(), evaluation_mode(one):
            given[f"baseline {name}"] = task.answers(one, questions)
    return tuple(
        AnsweredExample(
            example.test, example.question, example.answer, example.seen, {who: found[place] for who, found in given.items()}
        )
        for place, (example, _) in enumerate(chosen)
    )


def _output_rows(function: str, repeat: int, mask: BinaryMask, task: SequenceTask) -> list[OutputRows]:
    if OUTPUT not in mask:
        return []
    kept, width = mask[OUTPUT].sum(1).tolist(), mask[OUTPUT].shape[1]
    tokens = (*task.written.tokens, END)
    return [OutputRows(function, repeat, {token: Kept(count, width) for token, count in zip(tokens, kept, strict=True)})]
