"""Networks that read and write: sizes of the paper; what they write by themselves is what they write when it is shown to them."""

import pytest
import torch

import maskscope as ms
from maskscope import zoo
from maskscope.training import isolated_random

INPUTS, OUTPUTS, ROWS, STEPS = 14, 7, 40, 9  # more rows than a Transformer takes in one call
KINDS = {
    "lstm": lambda: zoo.SequenceLSTM(INPUTS, OUTPUTS, hidden=10, layers=2, embedding=5),
    "transformer": lambda: zoo.SequenceTransformer(INPUTS, OUTPUTS, width=8, heads=2, feedforward=12, layers=2, longest=20),
    "tied": lambda: zoo.SequenceTransformer(9, 9, width=8, heads=2, feedforward=12, layers=2, longest=20, tied=True),
}


@pytest.fixture(params=KINDS)
def network(request):
    with isolated_random(3):
        return KINDS[request.param]()


def commands():
    random = torch.Generator().manual_seed(1)
    tokens = torch.randint(7, (ROWS, 6), generator=random)
    lengths = torch.randint(1, 7, (ROWS,), generator=random)
    asked = torch.randint(1, STEPS + 1, (ROWS,), generator=random)
    asked[3] = STEPS
    return tokens, lengths, asked


def counted(scores, asked):
    return scores[torch.arange(scores.shape[1]) < asked[:, None]]


def test_sizes_are_the_papers():
    """987,000 and 603,700 weights under masks; the LSTM has two biases a layer where theirs has one, 3,200 more."""
    lstm, transformer = zoo.SequenceLSTM(14, 7), zoo.SequenceTransformer(14, 7)
    assert ms.select(lstm, exclude=["*bias*", "*embedding*"]).count == 987_000
    assert ms.select(transformer, exclude=["*linear*.bias", "output.bias", "*embedding*"]).count == 603_700
    assert sum(p.numel() for p in lstm.parameters()) == 990_543 + 3_200
    assert sum(p.numel() for p in transformer.parameters()) == 607_607
    with torch.device("meta"):
        mathematics = zoo.SequenceTransformer(60, 60, 512, 8, 2_048, 6, 200, tied=True)
    sizes = {name: parameter.numel() for name, parameter in mathematics.named_parameters() if "embedding" not in name}
    assert sum(size for name, size in sizes.items() if "bias" not in name or "norm" in name) == 44_070_912


def test_what_it_writes_by_itself_is_what_it_writes_when_shown(network):
    tokens, lengths, asked = commands()
    network.eval()
    with torch.no_grad():
        own = network(tokens, lengths, asked)
        shown = network(tokens, lengths, asked, own.argmax(-1))
    assert own.shape == shown.shape == (ROWS, STEPS, 9 if network.start == 8 else OUTPUTS)
    torch.testing.assert_close(counted(own, asked), counted(shown, asked), rtol=1e-4, atol=1e-5)
    assert own.argmax(-1).unique().numel() > 1


def test_each_row_is_answered_as_if_it_were_alone(network):
    """So neither padding, nor the order of the rows, nor the company they are in plays a part."""
    tokens, lengths, asked = commands()
    network.eval()
    with torch.no_grad():
        together = network(tokens, lengths, asked)
        for row in range(ROWS):
            one = slice(row, row + 1)
            alone = network(tokens[one, : lengths[row]], lengths[one], asked[one])
            torch.testing.assert_close(together[row, : asked[row]], alone[0], rtol=1e-4, atol=1e-5)
        noise = torch.where(torch.arange(6) < lengths[:, None], tokens, 2)
        torch.testing.assert_close(counted(network(noise, lengths, asked), asked), counted(together, asked))


def test_gradients_flow_the_same_whether_it_is_shown_its_answers_or_writes_them(network):
    tokens, lengths, asked = commands()
    network.eval()
    found = []
    answers = network(tokens, lengths, asked).detach().argmax(-1)
    for given in (None, answers):
        network.zero_grad()
        counted(network(tokens, lengths, asked, given), asked).square().sum().backward()
        found.append([p.grad.clone() for p in network.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_dropout_is_off_in_evaluation_unless_the_authors_slip_is_asked_for():
    with isolated_random(0):
        network = zoo.SequenceLSTM(INPUTS, OUTPUTS, hidden=10, layers=2, embedding=5).eval()
        with torch.no_grad():
            clean = [network(*commands()) for _ in range(2)]
            network.decoder_always_drops = True
            dropping = [network(*commands()) for _ in range(2)]
    assert torch.equal(*clean)
    assert not torch.equal(*dropping)


def test_the_future_is_not_seen():
    network = KINDS["transformer"]().eval()
    tokens, lengths, asked = commands()
    answers = torch.randint(OUTPUTS, (ROWS, STEPS))
    other = answers.clone()
    other[:, 5:] = (other[:, 5:] + 1) % OUTPUTS
    with torch.no_grad():
        first, second = network(tokens, lengths, asked, answers), network(tokens, lengths, asked, other)
    torch.testing.assert_close(first[:, :6], second[:, :6])
    assert not torch.allclose(first[:, 6:], second[:, 6:])


def test_a_sequence_longer_than_the_table_of_positions_is_said():
    network = KINDS["transformer"]()
    tokens, lengths, asked = torch.zeros(1, 21, dtype=torch.long), torch.tensor([21]), torch.tensor([3])
    with pytest.raises(ValueError, match="A sequence of 21 tokens does not fit the table of 20 positions"):
        network(tokens, lengths, asked)
    with pytest.raises(ValueError, match="longest=21 or more"):
        network(tokens[:, :3], torch.tensor([3]), torch.tensor([25]))


def test_sizes_that_do_not_fit_are_said():
    with pytest.raises(ValueError, match="width is 10; a multiple of heads, 4"):
        zoo.SequenceTransformer(5, 5, width=10)
    with pytest.raises(ValueError, match="one alphabet; found 5 inputs and 6 outputs"):
        zoo.SequenceTransformer(5, 6, width=8, tied=True)
