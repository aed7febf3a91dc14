"""Networks that nobody here made obey what is asked of any guest, and the losses that have names understand them."""

import copy
import math

import pytest
import torch

import maskscope as ms
from maskscope.engine.runtime import Runtime
from maskscope.errors import ConfigError, GuestError, LossError
from maskscope.tasks.calling import call_of, logits_of
from maskscope.tasks.named_objectives import Labels, Unmasked, Values

from . import guests
from .portrait import assert_same, portrait
from .real_networks import ITEMS, LENGTH, REAL, make

# what torch says of its own Transformer, and of samples that go in one call
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:There is a performance drop")
CONFIG = ms.MaskConfig(steps=2, samples_per_step=1, learning_rate=0.5, size=ms.Penalty(1e-4))


def logits(network, part):
    return logits_of(call_of(network, part).of(network), "the test")


def required(network, functions, loss, folder, exclude=("*bias*",)):
    """A study's task, once it has been asked whether network, data, loss and score fit together."""
    study = ms.Study(network, functions, loss, config=CONFIG, repeats=0, exclude=exclude)
    study._subject.require(study.study.preset("quick"), Runtime(folder, torch.device("cpu")))
    return study.task


@pytest.mark.parametrize("name", REAL)
def test_masks_are_found_with_either_loss_and_nothing_is_left(name, tmp_path):
    network, real = make(name)
    parts = list(map(real.part, range(8)))
    loss = {"even": "labels", "odd": "unmasked"}
    task = required(network, {"even": parts[::2], "odd": parts[1::2]}, loss, tmp_path)
    selection = ms.select(network, exclude=["*bias*"])
    before = portrait(network)
    found = ms.discover_many(
        network,
        task.loss,
        [ms.MaskSearch(function, task.batches(function, 1, 0)) for function in task.functions],
        selection=selection,
        config=CONFIG,
        check="but for unused weights",
        judge=False,
        watch=False,
    )
    assert_same(before, portrait(network))
    assert found[1].reference_loss == pytest.approx(0, abs=1e-6), "its own answers are the network's"
    for one in found:
        assert all(map(math.isfinite, one.history.loss))
        assert set(one.mask) == set(selection.names)
    full, part = ~(found[0].mask - found[0].mask), real.part(9)
    zeroed = copy.deepcopy(network)
    with torch.no_grad():
        for weight in selection.of(zeroed).values():
            weight.zero_()
        expected, empty = logits(network, part), logits(zeroed, part)
        assert not torch.equal(expected, empty)
        for mask, output in ((full, expected), (~full, empty), (full, expected)):
            call = call_of(network, part)
            called = logits_of(ms.call_masked(network, mask, *call.arguments, **call.named), "the test")
            # torch's own Transformer has a faster way for plain calls, which rounds otherwise
            torch.testing.assert_close(called, output, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert_same(before, portrait(network))


@pytest.mark.parametrize("name", [name for name, real in REAL.items() if real.names_labels])
def test_the_loss_of_labels_is_that_which_the_network_gives_itself(name):
    network, real = make(name)
    part = real.part(0)
    with torch.no_grad():
        own, mine = network(**part).loss, Labels().loss(network, part, None)
    assert mine.dtype == torch.float32
    assert float(mine) == pytest.approx(float(own), rel=1e-5 if network.dtype == torch.float32 else 1e-2)


def test_answers_of_a_decoder_count_where_there_are_labels_and_not_where_its_encoder_attends():
    network, real = make("T5")
    part = real.part(0)
    answers = Unmasked().answers(network, part)
    assert Unmasked().score(network, part, answers).tolist() == [True] * (ITEMS * LENGTH - 1)
    named = {**part, "decoder_input_ids": part["input_ids"], "decoder_attention_mask": torch.ones(ITEMS, LENGTH).long()}
    assert len(Unmasked().score(network, named, answers)) == ITEMS * LENGTH


def test_an_expert_that_one_function_sends_nothing_to_is_off_in_its_mask(tmp_path):
    network, real = make("experts")
    config = ms.MaskConfig(steps=10, samples_per_step=1, learning_rate=0.5, size=ms.Penalty(1e-6))
    parts = list(map(real.part, range(8)))
    task = required(network, {"even": parts[::2], "odd": parts[1::2]}, "unmasked", tmp_path)
    searches = [ms.MaskSearch(function, task.batches(function, 1, 0)) for function in task.functions]
    found = ms.discover_many(network, task.loss, searches, config=config, check="but for unused weights", judge=False)
    for place, one in enumerate(found):
        kept = [int(one.mask[f"experts.{expert}.0.weight"].sum()) for expert in (0, 1)]
        assert kept[place] == 0 < kept[1 - place], "even parts are sent to expert 1, odd ones to expert 0"


@pytest.mark.parametrize("name", ["pruned", "weight norm by hook"])
def test_a_study_takes_a_network_that_torch_does_not_copy(name, tmp_path):
    network, guest = guests.make(name)
    guest.loss(network.eval(), guest.part(0))
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(network)
    required(network, {"f": list(map(guest.part, range(8)))}, "unmasked", tmp_path)


def test_what_does_not_fit_a_real_network_is_said(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra test)")
    network, real = make("BERT, classes")
    parts = list(map(real.part, range(8)))
    pictures = [{"pixel_values": torch.zeros(2, 3, 8, 8), "labels": part["labels"][:2]} for part in parts]
    with pytest.raises(ConfigError, match="ValueError: You (must|have to) specify.*input_ids.*entries pixel_values, labels"):
        required(network, {"f": pictures}, "labels", tmp_path)
    body = network.bert
    with pytest.raises(
        LossError, match="Of function f: The loss 'unmasked' needs logits.*BaseModelOutput.*last_hidden_state"
    ) as error:
        required(body, {"f": parts}, "unmasked", tmp_path)
    assert "Values(targets='unmasked')" in str(error.value)
    assert "def loss(network, part):" in str(error.value)
    with pytest.raises(GuestError, match="loss of any function to pooler.dense.weight.*exclude="):
        required(body, {"f": parts}, Values(targets="unmasked"), tmp_path)
    required(body, {"f": parts}, Values(targets="unmasked"), tmp_path, exclude=("*bias*", "pooler.*"))
    columns = [{**part, "sentence": ["a text"] * ITEMS, "idx": torch.arange(ITEMS)} for part in parts]
    required(network, {"f": columns}, "labels", tmp_path)
    decoder = transformers.T5ForConditionalGeneration(make("T5")[0].config)
    unanswered = [{"input_ids": part["input_ids"]} for part in parts]
    with pytest.raises(ConfigError, match="specify.*a part is a dict with the entries input_ids,"):
        required(decoder, {"f": unanswered}, "unmasked", tmp_path)
    old = network.forward
    network.forward = lambda *inputs, **named: old(*inputs, **named)
    with pytest.raises(GuestError, match="functions that it holds refer to the network"):
        required(network, {"f": parts}, "labels", tmp_path)
