"""Networks that two processes share, by gloo: what they find together, beside what one process finds alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import maskscope as ms

HERE = Path(__file__).parent
CASES = ("mlp", "clipped", "distilled", "soft", "language", "micro")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the two processes are made by fork")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("shared")
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, str(HERE / "two_processes.py"), str(found)]
    ran = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=110)
    assert not ran.returncode, ran.stdout + ran.stderr
    return found


@pytest.fixture(scope="module")
def facts(folder):
    return [json.loads((folder / f"{process}.json").read_text(encoding="utf-8")) for process in range(2)]


@pytest.fixture(scope="module")
def tensors(folder):
    return [load_file(folder / f"{process}.safetensors") for process in range(2)]


def logits(tensors, case: str, alone: str) -> tuple[torch.Tensor, torch.Tensor]:
    """All logits of a case: those of the two processes together, and those of one alone."""
    names = [name.split("/")[1] for name in tensors[0] if name.startswith(f"alone {alone}/")]
    together = [one[f"{case}/{name}"] for name in names for one in tensors]
    return torch.cat(together), torch.cat([tensors[0][f"alone {alone}/{name}"] for name in names])


@pytest.mark.parametrize("case", CASES)
def test_with_the_same_parts_the_logits_are_those_of_one_process(facts, tensors, case):
    """Up to the last bits: torch's vector loops round otherwise at the end of a tensor, and a part ends elsewhere."""
    together, alone = logits(tensors, case, case)
    assert torch.allclose(together, alone, rtol=0, atol=1e-5)
    for one in facts:
        assert one[f"{case}/loss"] == pytest.approx(facts[0][f"alone {case}/loss"], rel=1e-6)


def test_the_draws_are_those_of_one_process_to_the_bit(tensors):
    together, alone = logits(tensors, "drawn", "drawn")
    assert torch.equal(together, alone)
    assert 0 < int(alone.sum()) < alone.numel()


def test_shares_of_a_part_give_the_same_draws_and_the_gradient_up_to_rounding(facts, tensors):
    together, alone = logits(tensors, "shares", "mlp")
    assert torch.allclose(together, alone, rtol=0, atol=1e-5)
    assert facts[0]["shares/loss"] == facts[1]["shares/loss"] == pytest.approx(facts[0]["alone mlp/loss"], rel=1e-5)


def test_each_process_has_a_range_of_each_weight(facts):
    assert facts[0]["mlp begins"] == {"0.weight": 0, "0.bias": 0, "2.weight": 0, "2.bias": 0, "4.weight": 0, "4.bias": 0}
    assert facts[1]["mlp begins"] == {"0.weight": 20, "0.bias": 4, "2.weight": 14, "2.bias": 2, "4.weight": 3, "4.bias": 1}


def test_the_network_is_left_as_it_was(facts):
    for one in facts:
        assert one["mlp is as before"]
        assert one["as before a failure"]
        assert one["after a failure"]


def test_a_mask_is_called_twice_and_the_network_is_unmasked_between(facts, tensors):
    for one, found in zip(facts, tensors, strict=True):
        for turn in range(2):
            assert torch.equal(found[f"called {turn}"], tensors[0]["alone called"])
            assert torch.equal(found[f"from whole {turn}"], tensors[0]["alone called"])
            assert one[f"plain again {turn}"]


def test_an_empty_mask_gives_the_output_of_a_network_of_zeros(tensors):
    for found in tensors:
        for turn in range(2):
            assert torch.equal(found[f"empty {turn}"], tensors[0]["alone empty"])
            assert torch.equal(found[f"empty language {turn}"], tensors[0]["alone empty language"])


def test_the_numbers_of_a_mask_are_those_of_all_processes(facts, folder):
    mask = ms.BinaryMask.load(folder / "mlp.safetensors")
    assert 0 < mask.kept < mask.count
    for process, one in enumerate(facts):
        assert one["mlp kept"] == [mask.kept, mask.density]
        assert one["inverted"] == (~mask).kept
        assert one["mlp judgement"].pop("faults") == facts[0]["alone judgement"]["faults"]
        assert one["mlp judgement"] == pytest.approx({name: facts[0]["alone judgement"][name] for name in one["mlp judgement"]})
        assert ms.BinaryMask.load(folder / f"whole-{process}.safetensors") == mask


def test_a_saved_mask_is_read_by_two_processes_and_by_one(facts, folder):
    assert facts[0]["loaded is same"]
    assert facts[1]["loaded is same"]
    assert facts[0]["files make the whole mask"]
    assert sorted(file.name for file in (folder / "mask").iterdir()) == [
        "mask-00000-of-00002.safetensors",
        "mask-00001-of-00002.safetensors",
    ]
    assert ms.whole_mask(folder / "mask").weights == ms.BinaryMask.load(folder / "mlp.safetensors").weights


def test_a_damaged_or_incomplete_folder_is_refused(folder, tmp_path):
    whole = {file.name: file.read_bytes() for file in (folder / "mask").iterdir()}
    first = next(iter(whole))
    (tmp_path / first).write_bytes(whole[first])
    with pytest.raises(ms.MaskscopeError, match="1 of 2 files"):
        ms.whole_mask(tmp_path)
    (tmp_path / first).write_bytes(whole[first][:-1] + b"\x55")
    with pytest.raises(ms.MaskscopeError, match="altered"):
        ms.whole_mask(tmp_path)
    with pytest.raises(ms.MaskscopeError, match="no files of a mask"):
        ms.whole_mask(tmp_path / "nothing")


def test_a_search_that_was_stopped_goes_on_with_the_same_bits(facts, tensors):
    assert facts[0]["stopped"]
    assert facts[1]["stopped"]
    for found in tensors:
        for name in (name for name in found if name.startswith("mlp/")):
            assert torch.equal(found[name], found[name.replace("mlp/", "resumed/")])


def test_samples_that_processes_share_give_the_mask_up_to_rounding(tensors):
    for case, units in (("dealt", "weight"), ("dealt rows", "row")):
        assert torch.equal(tensors[0][case], tensors[1][case])
        assert torch.allclose(tensors[0][case], tensors[0][f"alone dealt {units}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("other settings", "different settings.*noise.*process 0.*process 1"),
        ("other seed", "different settings.*noise"),
        ("unequal", r"unequal shares.*process 0: \[4\]; process 1: \[5\]"),
        ("units", "units row.*size=target-density.*state='lean'"),
        ("plain", "not sharded.*fully_shard"),
        ("tensor parallel", r"0.weight is placed as \(Shard\(dim=1\),\)"),
        ("meta", "0.weight is on the meta device"),
        ("nan", "gradient of mask .* is not finite"),
        ("unused", "no gradient leads from the loss to 1.weight, 1.bias"),
        ("too few calls", "1 calls of the network.*2 processes"),
        ("saved twice", "it exists"),
        ("discover", "maskscope.discover_sharded"),
        ("bake", "shared by several processes"),
        ("loss fails", "mine"),
    ],
)
def test_what_does_not_work_is_an_error_in_both_processes(facts, case, words):
    for one in facts:
        assert re.search(words, one[case], re.DOTALL)


def test_an_error_of_one_process_is_told_to_the_other(facts):
    assert facts[1]["ends early"] == "MaskscopeError: no more data here"
    assert facts[0]["ends early"] == "ConfigError: Process 1 of 2 failed: MaskscopeError: no more data here"


def test_the_example_runs_and_saves_its_mask(facts, folder):
    assert ms.whole_mask(folder / "example").density == facts[0]["example"] == facts[1]["example"]
