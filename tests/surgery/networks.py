"""Networks and masks to shrink, and what is asked of each smaller network."""

import torch
from torch import nn

import maskscope as ms


def mask_of(network, **off):
    """A mask that keeps everything but what is said: by name, with dots as double underscores, an index or several."""
    bits = {name: torch.ones_like(one, dtype=torch.bool) for name, one in network.named_parameters()}
    for name, indices in off.items():
        for index in indices if isinstance(indices, list) else [indices]:
            bits[name.replace("__", ".")][index] = False
    return ms.BinaryMask(bits)


def random_mask(network, seed):
    generator = torch.Generator().manual_seed(seed)
    bits = {}
    for name, one in network.named_parameters():
        bits[name] = torch.rand(one.shape, generator=generator) < 0.9
        if one.dim() > 1:
            bits[name][torch.rand(one.shape[0], generator=generator) < 0.4] = False
            bits[name][:, torch.rand(one.shape[1], generator=generator) < 0.4] = False
    return ms.BinaryMask(bits)


def assert_equal(shrunk, network, mask, inputs):
    baked = ms.bake(network, mask).eval()
    with torch.no_grad():
        torch.testing.assert_close(shrunk.network.eval()(inputs), baked(inputs), rtol=0, atol=1e-10)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).double()


class Recurrent(nn.Module):
    def __init__(self, kind, reads="output", **settings):
        super().__init__()
        torch.manual_seed(0)
        self.before = nn.Linear(3, 4)
        self.rnn = kind(4, 5, batch_first=True, **settings)
        self.after = nn.Linear(10 if settings.get("bidirectional") else 5, 2)
        self.reads = reads
        self.double()

    def forward(self, x):
        x = torch.relu(self.before(x))
        if self.reads == "given":
            output, _ = self.rnn(x, torch.zeros(1, len(x), 5, dtype=x.dtype))
        elif self.reads == "packed":
            x = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([4, 2]), batch_first=True)
            last = self.rnn(x)[1]
            return self.after((last[0] if isinstance(last, tuple) else last)[-1])
        elif self.reads == "inner state":
            return self.after(self.rnn(x)[1][0])
        else:
            output, _ = self.rnn(x)
        return self.after(output[:, -1])


class Residual(nn.Module):
    def __init__(self, padding=1):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (
            nn.Conv2d(2, 5, 3, padding=1),
            nn.Conv2d(5, 5, 3, padding=1),
            nn.Conv2d(5, 4, 3, padding=padding),
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(5) for _ in range(2))
        self.out = nn.Linear(16, 3)
        for norm in self.norms:
            nn.init.normal_(norm.bias)
            norm.running_mean.normal_()
        self.double()

    def forward(self, x):
        x = torch.relu(self.norms[0](self.first(x)))
        x = x + torch.relu(self.norms[1](self.second(x)))
        return self.out(nn.functional.adaptive_avg_pool2d(self.third(x), 2).flatten(1))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.gate, self.up, self.down = nn.Linear(4, 6, bias=False), nn.Linear(4, 6), nn.Linear(6, 3, bias=False)
        self.double()

    def forward(self, x):
        return x[:, :3] + self.down(nn.functional.silu(self.gate(x)) * self.up(x))
