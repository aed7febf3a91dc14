"""What a selection makes of every tensor, in a table that can be read."""

import torch
from torch import nn

from maskscope.analysis import selection_table
from maskscope.masks import select


class Tied(nn.Module):
    def __init__(self, blocks=40):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(blocks)])
        self.norm = nn.BatchNorm1d(4)
        self.steps = nn.Parameter(torch.zeros(2, dtype=torch.int32), requires_grad=False)
        self.nothing = nn.Parameter(torch.zeros(0))
        self.head = nn.Linear(4, 10)
        self.head.weight = self.embedding.weight


def rows(network, **chosen):
    return {row.name: row for row in selection_table(network, select(network, **chosen)).rows}


def test_every_tensor_has_a_row_with_its_unit_or_the_reason():
    found = rows(Tied(1), include=["*"], exclude=["*bias", "steps", "norm.*"])
    assert found["embedding.weight"].cells == ("embedding.weight", "[10, 4]", "embedding, tied to head.weight", "weight", "40")
    assert found["layers.0.0.bias"].reason == "excluded by '*bias'"
    assert found["norm.weight"].reason == "excluded by 'norm.*'"
    assert found["nothing"].reason == "is empty"
    assert found["steps"].reason == "excluded by 'steps'"
    assert set(found) == {name for name, _ in Tied(1).named_parameters()}


def test_a_tensor_that_could_not_be_masked_says_so():
    found = rows(Tied(1), include=["layers*"])
    assert found["steps"].reason == "is int32"
    assert found["head.bias"].reason == "no pattern includes it"


def test_units_count_once_where_they_have_weights_in_several_tensors():
    network = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    selection = select(network, units="row")
    table = selection_table(network, selection)
    assert [row.cells[3:] for row in table.rows] == [("row", "5"), ("row", "as above"), ("row", "2"), ("row", "as above")]
    assert sum(row.units for row in table.rows) == selection.unit_count
    assert "in 7 units" in table.summary


def test_blocks_that_are_alike_are_one_row():
    network = Tied()
    table = selection_table(network, select(network, exclude=["*bias", "steps"]))
    assert len(table.rows) > 160
    grouped = table.grouped()
    assert [row.cells[0] for row in grouped[3:6]] == ["layers.*.0.weight x 40", "layers.*.*.bias x 80", "layers.*.1.weight x 40"]
    alike = next(row for row in grouped if row.name == "layers.*.0.weight")
    assert (alike.tensors, alike.weights, alike.units, alike.shape) == (40, 640, 640, "[4, 4]")
    assert sum(row.tensors for row in grouped) == len(table.rows)
    assert sum(row.units for row in grouped) == sum(row.units for row in table.rows)
    assert "3 buffers are no parameters" in table.summary


def test_however_many_tensors_there_are_the_table_is_short():
    network = nn.ModuleDict({f"part_{chr(97 + place)}": nn.Linear(place + 1, 2) for place in range(26)})
    table = selection_table(network, select(network, exclude=["*a.bias"]))
    for most in (30, 4, 2):
        grouped = table.grouped(most)
        assert len(grouped) <= most
        assert sum(row.weights for row in grouped) == sum(row.weights for row in table.rows)
    assert table.grouped(2)[-1].name == "further tensors"
    small = selection_table(network.part_a, select(network.part_a))
    assert small.grouped() == small.rows
