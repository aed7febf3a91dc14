"""Many masks in one pass score as each does alone; and how a mask distorts gradients, against autograd by hand."""

import math
import warnings

import pytest
import torch

from maskscope.analysis import gradient_cosine, random_mask_like, score, score_many
from maskscope.analysis.score import _MASKS_PER_PASS
from maskscope.errors import BatchesError, MaskMismatchError
from maskscope.masks import BinaryMask, select
from maskscope.tasks import AdditionMultiplication, ImageClasses
from maskscope.training import isolated_random
from maskscope.zoo import CNN, LSTM, MLP
from tests.small_images import small_images

TASK = AdditionMultiplication(digits=1, train_items=50)


def masks(network, count):
    random = torch.Generator().manual_seed(3)
    return [
        BinaryMask({w.name: torch.rand(w.shape, generator=random) > 0.2 for w in select(network).weights}) for _ in range(count)
    ]


@pytest.mark.parametrize("in_one_call", [None, False, True])
@pytest.mark.parametrize(
    ("network", "task"),
    [
        (lambda: MLP([22, 16, 10]), AdditionMultiplication(1, 50, dtype=torch.float64)),
        (CNN, None),
    ],
)
def test_many_masks_score_as_each_alone(network, task, in_one_call):
    task = task or Doubled(small_images(), {}, evaluate_on="test")
    with isolated_random(1):
        network = network().double()
    some = masks(network, 5)
    with warnings.catch_warnings():
        # torch's grouped convolutions say that they are slow, which is why a CPU does without
        warnings.simplefilter("ignore")
        found = score_many(network, task, some, in_one_call=in_one_call)
    assert found == [score(network, task, mask) for mask in some]
    assert len({str(one) for one in found}) > 1


class Doubled(ImageClasses):
    def score(self, run):
        return super().score(lambda inputs: run(inputs.double()))


def test_more_masks_than_go_in_a_pass_and_none_at_all():
    network = MLP([22, 4, 10])
    some = masks(network, _MASKS_PER_PASS + 2)
    assert score_many(network, TASK, some) == [score(network, TASK, mask) for mask in some]
    assert score_many(network, TASK, []) == []


def test_the_data_are_shown_once():
    network, seen = MLP([22, 4, 10]), []

    class Counting(AdditionMultiplication):
        def score(self, run):
            return super().score(lambda inputs: seen.append(len(inputs)) or run(inputs))

    score_many(network, Counting(digits=1, train_items=50), masks(network, 3))
    calls = []
    hook = network.register_forward_hook(lambda *_: calls.append(1))
    score_many(network, TASK, masks(network, 3))
    hook.remove()
    assert len(calls) == 3
    assert len(seen) == 3, "the task is asked once for each mask; two of the times the answers are played back"


def test_recurrent_networks_go_one_by_one_unless_asked():
    network = LSTM(22, 10, hidden=4)
    some = masks(network, 2)
    assert score_many(network, TASK, some) == [score(network, TASK, mask) for mask in some]


def test_random_masks_among_others_stay_inside_them():
    network = MLP([6, 5, 4])
    big, small = masks(network, 1)[0], masks(network, 2)[1]
    small = big & small
    drawn = random_mask_like(small, torch.Generator().manual_seed(0), among=big)
    assert (drawn - big).kept == 0
    assert all(int(drawn[name].sum()) == int(small[name].sum()) for name in small)
    assert drawn != small
    with pytest.raises(MaskMismatchError, match=r"random units were wanted among"):
        random_mask_like(big, torch.Generator(), among=small)


def test_gradient_cosines_are_those_of_autograd():
    torch.manual_seed(0)
    network = MLP([6, 5, 4]).double()
    parts = [(torch.randn(3, 6, dtype=torch.float64), torch.tensor([0, 1, 2])) for _ in range(2)]

    def loss(guest, part):
        return torch.nn.functional.cross_entropy(guest(part[0]), part[1])

    mask = masks(network, 1)[0]
    layers = [["layers.1.weight", "layers.1.bias"], ["layers.0.weight", "layers.0.bias"]]
    found = gradient_cosine(network, loss, parts, mask, layers)
    assert [one.masked for one in found] == [(), tuple(layers[0]), (*layers[0], *layers[1])]
    assert found[0].total == pytest.approx(1)

    def gradients(applied):
        weights = {
            name: (weight.detach() * (mask[name] if name in applied else 1)).requires_grad_()
            for name, weight in network.named_parameters()
        }
        total = sum(loss(lambda x: torch.func.functional_call(network, weights, x), part) for part in parts)
        return dict(zip(weights, torch.autograd.grad(total, list(weights.values())), strict=True))

    plain = gradients(())
    for one in found[1:]:
        own = gradients(one.masked)
        kept = [torch.cat([gradient[name][mask[name]] for name in mask]) for gradient in (own, plain)]
        assert one.total == pytest.approx(float(torch.cosine_similarity(*kept, dim=0)))
        for name in mask:
            pair = own[name][mask[name]], plain[name][mask[name]]
            assert one.by_tensor[name] == pytest.approx(float(torch.cosine_similarity(*pair, dim=0)))
    nothing = BinaryMask({name: torch.zeros_like(bits) for name, bits in mask.items()})
    assert math.isnan(gradient_cosine(network, loss, parts, nothing, layers)[1].total)
    with pytest.raises(BatchesError, match="at least one part"):
        gradient_cosine(network, loss, [], mask, layers)
