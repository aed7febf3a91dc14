import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import SelectionError


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.output = nn.Linear(4, 5, bias=False)
        self.output.weight = self.embedding.weight
        self.mix = nn.Linear(4, 4)


def test_patterns_and_order():
    selection = ms.select(Tied(), exclude=["*bias"])
    assert selection.names == ("embedding.weight", "mix.weight")
    assert selection.count == 20 + 16
    assert ms.select(Tied(), include=["mix.*"]).names == ("mix.weight", "mix.bias")


def test_exclude_wins_over_every_alias():
    assert ms.select(Tied(), exclude=["output.*"]).names == ("mix.weight", "mix.bias")
    assert ms.select(Tied(), include=["output.*"]).names == ("embedding.weight",)
    assert ms.select(Tied(), include=["output.*", "mix*"], exclude=["*embedding*"]).names == ("mix.weight", "mix.bias")


def test_a_wildcard_exclusion_may_match_nothing():
    assert ms.select(nn.Linear(2, 2), exclude=["*embedding*", "*bias"]).names == ("weight",)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"include": ["mix.wieght"]}, r"'mix.wieght' matches no parameter. Did you mean 'mix.weight'"),
        ({"include": ["nothing*"]}, "matches no parameter"),
        ({"exclude": ["mix.bais"]}, "Did you mean 'mix.bias'"),
        ({"exclude": ["*"]}, "Nothing is left to mask"),
        ({"include": "*weight"}, r"a list of patterns was expected: \['\*weight'\]"),
    ],
)
def test_faults_are_named(kwargs, words):
    with pytest.raises(SelectionError, match=words):
        ms.select(Tied(), **kwargs)


def test_several_faults_are_listed_together():
    with pytest.raises(SelectionError) as error:
        ms.select(Tied(), include=["first*", "second*"])
    assert "'first*'" in str(error.value)
    assert "'second*'" in str(error.value)


def test_weights_that_cannot_be_masked():
    with pytest.raises(SelectionError, match="the network once on an example"):
        ms.select(nn.LazyLinear(3))
    with pytest.raises(SelectionError, match="meta device"):
        ms.select(nn.Linear(2, 2, device="meta"))
    with pytest.raises(SelectionError, match="complex64; only real"):
        ms.select(nn.Linear(2, 2, dtype=torch.complex64))
    with pytest.raises(SelectionError, match="no parameters"):
        ms.select(nn.ReLU())


def test_overlapping_memory_is_refused_only_where_it_is_selected():
    network = nn.Module()
    network.whole = nn.Parameter(torch.zeros(4, 4))
    network.rows = nn.Parameter(network.whole.detach()[:2])
    network.other = nn.Parameter(torch.zeros(2))
    with pytest.raises(SelectionError, match="whole and rows are different parameters over the same memory|rows and whole"):
        ms.select(network)
    assert ms.select(network, include=["other"]).names == ("other",)


def test_views_of_one_buffer_that_do_not_touch_are_fine():
    flat = torch.zeros(8)
    network = nn.Module()
    network.first, network.second = nn.Parameter(flat[:4]), nn.Parameter(flat[4:])
    assert ms.select(network).names == ("first", "second")


def test_selection_of_another_network_names_every_difference():
    selection = ms.select(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)))
    with pytest.raises(SelectionError) as error:
        selection.of(nn.Sequential(nn.Linear(2, 4), nn.Identity()))
    text = str(error.value)
    assert "0.weight: expected float32 [3, 2], found float32 [4, 2]" in text
    assert "0.bias" in text
    assert "1.weight: not there" in text
