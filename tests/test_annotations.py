"""Annotations are checked in every test: what conftest.py puts in the place of jaxtyping's decorator refuses what it should."""

import dataclasses

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation, BeartypeCallHintReturnViolation
from jaxtyping import Float, jaxtyped
from torch import Tensor

import maskscope

checked = jaxtyped(typechecker=None)


def test_a_function_of_the_package_refuses_what_it_does_not_take():
    with pytest.raises(BeartypeCallHintParamViolation, match="iou"):
        maskscope.iou("two", "masks")


@checked
def joined(one: Float[Tensor, "n a"], other: Float[Tensor, "n b"]) -> Float[Tensor, "n a"]:
    return torch.cat([one, other], 1) if other.shape[1] else one


def test_sizes_of_one_call_agree_and_those_of_two_may_differ():
    for n in (2, 3):
        assert joined(torch.ones(n, 4), torch.ones(n, 0)).shape == (n, 4)
    with pytest.raises(BeartypeCallHintParamViolation):
        joined(torch.ones(2, 4), torch.ones(3, 0))
    with pytest.raises(BeartypeCallHintReturnViolation):
        joined(torch.ones(2, 4), torch.ones(2, 1))
    with pytest.raises(BeartypeCallHintParamViolation):
        joined(torch.ones(2, 4, dtype=torch.int64), torch.ones(2, 0))


def made_with(number: int):
    @checked
    def times(other: int) -> int:
        """What a reader of the code sees."""
        return number * other if other else "nothing"

    return times


def test_a_function_inside_a_function_is_checked_and_is_the_one_of_its_call():
    two, three = made_with(2), made_with(3)
    assert (two(5), three(5), two(7)) == (10, 15, 14)
    assert (three.__name__, three.__doc__) == ("times", "What a reader of the code sees.")
    for one in (two, three):
        with pytest.raises(BeartypeCallHintParamViolation):
            one("5")
        with pytest.raises(BeartypeCallHintReturnViolation):
            one(0)


@checked
@dataclasses.dataclass(frozen=True)
class Pair:
    one: Float[Tensor, " n"]
    other: Float[Tensor, " n"]

    @classmethod
    @checked
    def of(cls, number: int) -> "Pair":
        return cls(torch.ones(number), torch.ones(number)) if number else "no pair"


def test_the_fields_of_a_dataclass_are_checked_together():
    assert Pair.of(3).one.shape == (3,)
    with pytest.raises(BeartypeCallHintParamViolation):
        Pair(torch.ones(2), torch.ones(3))
    with pytest.raises(BeartypeCallHintReturnViolation):
        Pair.of(0)
