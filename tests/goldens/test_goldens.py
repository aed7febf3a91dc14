"""What every study finds is what it found when smoke.json was written, to the last bit. Alone: ``pytest -m goldens``."""

import json

import pytest

from tests.goldens.extract import digests, kinds, record_of
from tests.goldens.make import FILE, machine

pytestmark = pytest.mark.goldens
STORED = json.loads(FILE.read_text())
GOLDENS = {(golden["study"], golden["kind"]): golden for golden in STORED["goldens"]}


def test_there_is_a_golden_for_each_study_and_kind_and_its_preset_is_as_it_was():
    found = kinds()
    assert list(found) == list(GOLDENS)
    assert found == {key: golden["preset"] for key, golden in GOLDENS.items()}


@pytest.mark.parametrize("key", [key for key, golden in GOLDENS.items() if "digests" in golden], ids=" ".join)
def test_a_study_finds_what_it_found(key, tmp_path):
    here = machine()
    if here != STORED["machine"]:
        pytest.skip(f"the last bits of numbers may differ: the goldens were made with {STORED['machine']}, this is {here}")
    golden = GOLDENS[key]
    found = digests(record_of(golden, tmp_path))
    assert list(found) == list(golden["digests"])
    assert [what for what in found if found[what] != golden["digests"][what]] == []
