import pytest
import torch
from torch import nn

from maskscope.analysis import (
    kept_counts,
    magnitude,
    random_mask_like,
    top_weights,
    top_weights_overall,
    warm_start,
    weight_times_gradient,
)
from maskscope.errors import BatchesError, MaskMismatchError
from maskscope.masks import BinaryMask, select

SCORES = {"a": torch.tensor([[1.0, 5.0], [3.0, 2.0]]), "b": torch.tensor([9.0, 8.0, 7.0])}


def bits(mask: BinaryMask) -> dict[str, list]:
    return {name: tensor.int().tolist() for name, tensor in mask.items()}


def test_top_weights_keeps_the_highest_of_every_tensor():
    assert bits(top_weights(SCORES, {"a": 2, "b": 1})) == {"a": [[0, 1], [1, 0]], "b": [1, 0, 0]}


def test_top_weights_overall_compares_tensors_with_each_other():
    assert bits(top_weights_overall(SCORES, 4)) == {"a": [[0, 1], [0, 0]], "b": [1, 1, 1]}
    assert top_weights_overall(SCORES, 0).kept == 0
    assert top_weights_overall(SCORES, 7).kept == 7


def test_ties_do_not_change_the_count():
    zeros = {"a": torch.zeros(5), "b": torch.zeros(4)}
    assert kept_counts(top_weights(zeros, {"a": 2, "b": 3})) == {"a": 2, "b": 3}
    assert top_weights_overall(zeros, 6).kept == 6


def test_top_weights_lists_every_fault():
    with pytest.raises(MaskMismatchError, match=r"(?s)b: only in the scores.*a: 5 of 4.*c: no scores"):
        top_weights(SCORES, {"a": 5, "c": 1})


@pytest.mark.parametrize("k", [-1, 8])
def test_top_weights_overall_refuses_impossible_counts(k):
    with pytest.raises(MaskMismatchError, match=f"{k} of 7"):
        top_weights_overall(SCORES, k)


def test_weight_times_gradient_is_the_product_of_weight_and_mean_gradient():
    network = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[2.0, -3.0]]))
    parts = [torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, -2.0]])]  # mean gradient of the output: (2, 1)
    scores = weight_times_gradient(network, lambda guest, part: guest(part).mean(), iter(parts), select(network))
    torch.testing.assert_close(scores["weight"], torch.tensor([[4.0, 3.0]]))


def test_weight_times_gradient_runs_in_eval_mode_and_leaves_the_network_alone():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    selection = select(network, include=["0.weight"])
    scores = weight_times_gradient(network, lambda guest, part: guest(part).square().mean(), [torch.randn(4, 3)] * 2, selection)
    torch.set_rng_state(state)
    assert list(scores) == ["0.weight"]
    assert scores["0.weight"].min() >= 0
    assert scores["0.weight"].max() > 0
    assert all(module.training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_weight_times_gradient_needs_data():
    network = nn.Linear(2, 1)
    with pytest.raises(BatchesError, match="at least one part"):
        weight_times_gradient(network, lambda guest, part: guest(part).mean(), [], select(network))


def test_magnitude_is_the_absolute_value_of_the_selected():
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[2.0, -3.0]]))
    assert magnitude(network, select(network, exclude=["bias"]))["weight"].tolist() == [[2.0, 3.0]]


def test_random_masks_have_the_counts_of_the_mask_and_places_of_their_own():
    mask = BinaryMask({"a": torch.arange(100).view(10, 10) < 20, "b": torch.arange(50) < 0, "c": torch.arange(7) < 7})
    generator = torch.Generator().manual_seed(0)
    first, second = random_mask_like(mask, generator), random_mask_like(mask, generator)
    assert kept_counts(first) == kept_counts(second) == {"a": 20, "b": 0, "c": 7}
    assert first != second
    assert first["a"].shape == (10, 10)
    assert random_mask_like(mask, torch.Generator().manual_seed(0)) == first


def test_random_masks_are_uniform():
    mask = BinaryMask({"a": torch.tensor([True, False, False, False])})
    generator = torch.Generator().manual_seed(1)
    counts = sum(random_mask_like(mask, generator)["a"].int() for _ in range(2000))
    # 500 expected, standard deviation 19.4
    assert all(abs(int(count) - 500) < 4 * 19.4 for count in counts)


def test_a_warm_start_ranks_the_scores_of_each_tensor():
    network = nn.Linear(3, 2)
    selection = select(network)
    scores = {"weight": torch.tensor([[5.0, 0.0, 1.0], [9.0, 2.0, 3.0]]), "bias": torch.tensor([1.0, 0.5])}
    logits = warm_start(scores, selection, middle=2.0, spread=2.0).by_tensor()
    torch.testing.assert_close(logits["weight"], torch.tensor([[4, 0, 1], [5, 2, 3]]) * 0.8)
    assert logits["bias"].tolist() == [4.0, 0.0]
    assert warm_start({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, selection, 1.0, 0.0).flat.tolist() == [1.0] * 8
    with pytest.raises(MaskMismatchError, match="bias: no scores"):
        warm_start({"weight": torch.zeros(2, 3)}, selection)
