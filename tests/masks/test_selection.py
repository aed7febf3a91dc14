import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import SelectionError
from maskscope.masks import UnmatchedPatternWarning


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


class Named(nn.Module):
    def __init__(self, **parameters):
        super().__init__()
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value, requires_grad=False))
        self.bias = nn.Parameter(torch.zeros(2))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.eye(3).to_sparse(), r"odd is sparse \(sparse_coo\).*to_dense"),
        (torch.eye(3).to(torch.float8_e4m3fn), r"odd is float8_e4m3fn; only real floating-point"),
        (torch.eye(3, dtype=torch.complex64), "odd is complex64"),
        (torch.ones(3, dtype=torch.int8), "odd is int8"),
        (torch.zeros(3, 1).expand(3, 2), r"odd has several elements at one memory address.*contiguous\(\)"),
        (torch.zeros(9).as_strided((3, 3), (2, 1)), "odd has several elements at one memory address"),
        (torch.empty(3, device="meta"), "meta device"),
    ],
)
def test_what_cannot_be_masked_is_named_and_does_no_harm_when_excluded(value, words):
    network = Named(odd=value)
    with pytest.raises(SelectionError, match=words):
        ms.select(network)
    assert ms.select(network, exclude=["odd"]).names == ("bias",)


@pytest.mark.filterwarnings("ignore")
def test_sparse_rows_and_quantised_values_do_no_harm_when_excluded():
    for odd in (torch.eye(3).to_sparse_csr(), torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8)):
        assert ms.select(Named(odd=odd), exclude=["odd"]).names == ("bias",)
        with pytest.raises(SelectionError, match="odd is (sparse|quint8)"):
            ms.select(Named(odd=odd))


def test_a_lazy_parameter_does_no_harm_when_excluded():
    network = nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3))
    selection = ms.select(network, exclude=["1.*"])
    assert selection.names == ("0.weight", "0.bias")
    with pytest.raises(SelectionError, match=r"Not initialised yet: 1\.weight, 1\.bias\. Run the network once"):
        ms.discover(network, lambda net, x: net(x).mean(), [torch.ones(1, 2)], selection=selection)
    network(torch.ones(1, 2))
    assert list(selection.of(network)) == ["0.weight", "0.bias"]


def test_a_name_with_brackets_means_itself():
    network = nn.ParameterDict({"w[0]": torch.zeros(2), "w[1]": torch.zeros(2), "w0": torch.zeros(2)})
    assert ms.select(network, include=["w[0]"]).names == ("w[0]",)
    assert set(ms.select(network, exclude=["w[0]"]).names) == {"w[1]", "w0"}
    assert ms.select(network, include=["w[01]"]).names == ("w0",)


def test_columns_of_one_matrix_share_no_element():
    fused = torch.zeros(5, 6)
    assert ms.select(Named(q=fused[:, :3], k=fused[:, 3:])).names == ("q", "k", "bias")
    assert ms.select(Named(q=fused[:, ::2], k=fused[:, 1::2])).names == ("q", "k", "bias")
    halves = fused.view(torch.bfloat16)
    assert ms.select(Named(q=fused[:, :3], k=halves[:, 6:])).names == ("q", "k", "bias")
    with pytest.raises(SelectionError, match="q and k are different parameters over the same memory"):
        ms.select(Named(q=fused[:, :3], k=halves[:, 5:]))
    with pytest.raises(SelectionError, match="q and k are different parameters over the same memory"):
        ms.select(Named(q=fused[:, :4], k=fused[:, 3:]))


def test_a_flat_parameter_overlaps_all_its_views():
    flat = torch.zeros(30)
    network = Named(flat=flat, a=flat[:15].view(5, 3), b=flat[15:].view(5, 3))
    with pytest.raises(SelectionError, match="flat and b are different parameters"):
        ms.select(network, exclude=["flat", "a"])
    assert ms.select(network, include=["bias"]).names == ("bias",)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*LayerNorm*", r"exclude='\*LayerNorm\*' matches no parameter.*'norm1.weight' \(of a LayerNorm\)"),
        ("*Norm1*", "'norm1.weight'"),
        ("*bais", "'linear1.bias'"),
        ("linear[3-9].*", "'linear1.weight'"),
    ],
)
def test_an_exclusion_that_matches_nothing_names_what_may_be_meant(pattern, words):
    network = nn.TransformerEncoderLayer(4, 2, 8)
    with pytest.warns(UnmatchedPatternWarning, match=words):
        assert len(ms.select(network, exclude=[pattern]).names) == 12
