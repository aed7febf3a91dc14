"""What `python -m benchmarks.robustness` asks at length, asked a few times: nothing is lost or changed by anything."""

import sys
from functools import partial
from random import Random

import pytest

if sys.platform != "linux":
    pytest.skip("kills, limits and the like are tried on Linux", allow_module_level=True)

from benchmarks.robustness import child, disk, masks
from benchmarks.robustness.study import Case, contents, differences, finished, leftovers, lost
from benchmarks.robustness.surroundings import run_in

TINY = "addition-multiplication --preset smoke --hidden 8 --digits 1 --train-items 300 --random-draws 1 --repeats 0"
CASE = Case((*f"{TINY} --fit.steps 4 --mask.steps 4 --mask.learning-rate .5".split(), "--controls"))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run in a process of its own, undisturbed."""
    folder = tmp_path_factory.mktemp("robustness") / "own"
    end = run_in({"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}, CASE, folder)
    assert end.status == 0, end.said
    return folder


@pytest.fixture(scope="module")
def undisturbed(own):
    return contents(own)


def test_other_surroundings_give_the_same_bits(own, undisturbed, tmp_path):
    other = {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kolkata", "OMP_NUM_THREADS": "2"}
    end = run_in(other, CASE, tmp_path / "other")
    assert end.status == 0, end.said
    assert differences(tmp_path / "other", undisturbed) == []
    assert {"record.json", "seed-0-mask-add-0/mask.safetensors", "seed-0-network/weights.safetensors"} <= set(undisturbed)


def test_a_difference_would_be_found(own, undisturbed):
    assert differences(own, undisturbed) == []
    assert differences(own, undisturbed | {"record.json": "{}"}) == ["record.json differs"]
    assert differences(own, undisturbed | {"one more": ""}) == ["one more differs"]
    assert "no finished run" in differences(own / "artefacts", undisturbed)[0]


def test_killed_before_a_file_operation_and_in_a_torn_write(undisturbed, tmp_path):
    folder, done = tmp_path / "killed", {}
    for trouble in (partial(child.kill_before_operation, 60), partial(child.tear_write, 5)):
        assert child.run(CASE, folder, trouble).status == -9
        assert lost(done, folder) == []
        done = finished(folder)
    assert done
    assert leftovers(folder), "the second kill was to come while something was being written"
    end = child.run(CASE, folder)
    assert end.status == 0, end.said
    assert lost(done, folder) == []
    assert differences(folder, undisturbed) == []


@pytest.mark.parametrize(("trouble", "said"), [(child.limit_files, "ulimit -f"), (child.fill_disk, "The disk is full")])
def test_a_run_without_room_says_so_and_goes_on_to_the_same_bits(undisturbed, tmp_path, trouble, said):
    end = child.run(CASE, tmp_path / "full", partial(trouble, 2_000))
    assert said in end.said.splitlines()[-1]
    assert disk.limited(CASE, tmp_path / "full", undisturbed, partial(trouble, 2_000)) == (2, [])


@pytest.mark.parametrize("name", masks.MUTATIONS)
def test_a_mutated_mask_file_is_refused_or_the_same_mask(tmp_path, name):
    random = Random(1)
    network, pair = masks.example()
    for number, mask in enumerate(pair):
        mask.save(tmp_path / str(number))
    written = [(tmp_path / str(number)).read_bytes() for number in range(2)]
    found = {masks.outcome_of(masks.mutated(name, random, written), tmp_path / "m", network, pair[0]) for _ in range(12)}
    assert "refused" in found
    assert found <= {"refused", "another network's", "same mask"}
    assert masks.outcome_of(written[1], tmp_path / "m", network, pair[0]) == "ANOTHER MASK"
