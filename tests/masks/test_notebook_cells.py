"""What a notebook shows for masks and selections: small, without scripts, escaped."""

import torch
from torch import nn

import maskscope as ms
from maskscope.storage.notebook_html import MOST_ROWS, bar, paragraph

HOSTILE = "<script>alert(1)</script>"


def mask(name="add", **made_by):
    bits = {"a.weight": torch.tensor([[True, False], [True, True]]), "a.bias": torch.tensor([False, False])}
    return ms.BinaryMask(bits, made_by={"noise": {"mask": name}} | made_by)


def test_a_mask_says_what_it_is_for_and_shows_a_bar_for_each_tensor():
    shown = mask()._repr_html_()
    for text in ("Mask for add", "3 of 6 weights in 2 tensors, density 50.000%", "a.weight", "75.00%", "width:75%", "width:0%"):
        assert text in shown
    assert "weak" not in shown


def test_the_faults_of_a_mask_are_shown():
    assert "It is weak: too few steps" in mask(judgement={"faults": ["too few steps"]})._repr_html_()


def test_combined_masks_are_named_by_what_they_are_made_of():
    both = (mask() & ~mask("mul")) | mask("sub")
    assert "Mask for (add &amp; ~(mul)) | sub<" in both._repr_html_()
    assert ">Mask<" in ms.BinaryMask(dict(mask()))._repr_html_()


def test_other_units_and_values_are_named():
    layer = nn.Linear(3, 4)
    selection = ms.select(layer, units="row")
    logits = ms.MaskLogits.full(selection, 1.0)
    shown = ms.BinaryMask.from_logits(logits, off=ms.Off("mean"))._repr_html_()
    assert "4 of 4 units (row)" in shown
    assert "what is off is not zero but mean" in shown
    assert ">row<" in selection._repr_html_()


def test_a_selection_lists_its_tensors():
    shown = ms.select(nn.Linear(3, 2), exclude=["*bias"])._repr_html_()
    for text in ("6 weights in 1 tensors", "exclude *bias", "2 × 3", "float32", "width:100%"):
        assert text in shown


def test_many_tensors_are_counted_and_stay_small():
    network = nn.Sequential(*(nn.Linear(2, 2) for _ in range(200)))
    selection = ms.select(network)
    for shown in (selection._repr_html_(), ms.BinaryMask.from_logits(ms.MaskLogits.full(selection, 1.0))._repr_html_()):
        assert f"and {400 - MOST_ROWS} more tensors" in shown
        assert len(shown) < 20_000


def test_text_is_escaped():
    hostile = ms.BinaryMask({HOSTILE: torch.ones(1, dtype=torch.bool)}, made_by={"noise": {"mask": HOSTILE}})
    shown = hostile._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "\\x1b" in paragraph("\x1b[31m")
    assert "width:0%" in bar(float("nan"))
