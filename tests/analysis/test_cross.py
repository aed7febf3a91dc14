import pytest
import torch

from maskscope.analysis import cross_matrix, score
from maskscope.errors import MaskMismatchError
from maskscope.masks import BinaryMask, MaskLogits, select
from maskscope.tasks.multiplexer import SHARED_TRUNK, Multiplexers
from maskscope.zoo import MLP

TASK = Multiplexers(SHARED_TRUNK, inputs=10)
HALF = {"A": 0.3, "B": 0.6}


def found_on(network: MLP) -> dict[str, BinaryMask]:
    selection = select(network, exclude=["*bias"])
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.rand(selection.count, generator=generator) - 1 + share for name, share in HALF.items()}
    return {name: BinaryMask.from_logits(MaskLogits(selection, flat), selection.of(network)) for name, flat in logits.items()}


def test_every_mask_is_scored_for_every_function_both_ways():
    network = MLP([10, 8, 6]).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    masks = found_on(network)
    found = cross_matrix(network, TASK, masks)
    assert (found.functions, found.masks) == (("A", "B", "C"), ("A", "B"))
    for name, mask in masks.items():
        assert found.sufficiency[name] == score(network, TASK, mask).accuracy
        assert found.necessity[name] == score(network, TASK, ~mask).accuracy
        assert set(found.necessity[name]) == {"A", "B", "C"}
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_full_and_empty_masks():
    network = MLP([10, 8, 6])
    full = BinaryMask({name: torch.ones_like(bits) for name, bits in found_on(network)["A"].items()})
    found = cross_matrix(network, TASK, {"full": full, "empty": ~full})
    bare = score(network, TASK).accuracy
    assert found.sufficiency["full"] == found.necessity["empty"] == bare
    assert found.sufficiency["empty"] == found.necessity["full"]
    assert cross_matrix(network, TASK, {}).masks == ()


def test_masks_of_another_network_are_refused():
    network, other = MLP([10, 8, 6]), MLP([10, 8, 6])
    with pytest.raises(MaskMismatchError, match="other values"):
        cross_matrix(other, TASK, found_on(network))
    with pytest.raises(MaskMismatchError, match="cross matrix from another network"):
        cross_matrix(other, TASK, {"A": found_on(network)["A"], "B": found_on(other)["B"]})
