"""Becomes two processes, which run every case together, and each writes what it found (test_two_processes.py)."""

import faulthandler
import importlib.util
import json
import os
import signal
import sys
import warnings
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from networks import (
    SEED,
    STEPS,
    in_micro_batches,
    language_loss,
    language_model,
    language_part,
    mlp,
    mlp_loss,
    mlp_part,
)
from safetensors.torch import save_file
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard, distribute_tensor

import maskscope as ms
from maskscope.masks.shards import shards_of

SIZE = {"size": ms.Penalty(1e-4), "initial_logit": 0.5}
USUAL = {"steps": STEPS, "learning_rate": 0.6, "samples_per_step": 2, "clip_norm": 0.0} | SIZE
CONFIG, CLIPPED = ms.MaskConfig(**USUAL), ms.MaskConfig(**USUAL | {"clip_norm": 1e-3})
SOFT = ms.MaskConfig(**USUAL | {"samples_per_step": 1, "estimator": "continuous-sparsification"})
ACCUMULATED = ms.MaskConfig(**USUAL | {"steps": 3, "accumulation": 2})
DEALT = ms.MaskConfig(**USUAL | {"samples_per_step": 3})
FIND = partial(ms.discover_sharded, config=CONFIG, seed=SEED, watch=False, judge=False)


class Results:
    """What this process found: facts by name, and tensors by name."""

    def __init__(self) -> None:
        self.facts: dict[str, object] = {}
        self.tensors: dict[str, torch.Tensor] = {}

    def add(self, case: str, found: ms.ShardedDiscovery) -> None:
        self.facts[f"{case}/loss"] = found.history.loss
        for name, logits in found.logits.by_unit().items():
            self.tensors[f"{case}/{name}"] = logits.reshape(-1).clone()

    def error(self, case: str, work) -> None:
        """The message with which some work fails."""
        self.facts[case] = "no error"
        try:
            work()
        except ms.MaskscopeError as error:
            self.facts[case] = f"{type(error).__name__}: {error}"


def sharded_mlp() -> nn.Module:
    network = mlp()
    fully_shard(network[0], mesh=MESH)
    return fully_shard(network, mesh=MESH)


def sharded_language_model() -> nn.Module:
    network = language_model()
    for block in network.transformer.h:
        fully_shard(block, mesh=MESH)
    return fully_shard(network, mesh=MESH)


class Distilled:
    """A loss that compares the masked network with the whole one, between two calls of it."""

    def __init__(self, network: nn.Module) -> None:
        self._whole = ms.unmasked(network)

    def __call__(self, net: nn.Module, part: torch.Tensor) -> torch.Tensor:
        first = net(part)
        return (first - self._whole(part)).square().mean() + (net(part) - first - 0.1).square().mean()


def state_of(network: nn.Module) -> dict[str, object]:
    return {
        name: (id(one), one.requires_grad, id(one.grad) if one.grad is not None else None, one.to_local().tolist())
        for name, one in network.named_parameters()
    } | {"modes": [module.training for module in network.modules()], "class": type(network).__name__}


def searches(results: Results) -> None:
    network = sharded_mlp()
    network[0].bias.requires_grad_(False)
    network[2].bias.grad = torch.zeros_like(network[2].bias)
    before = state_of(network)
    found = FIND(network, mlp_loss, mlp_part, judge=True)
    results.add("mlp", found)
    results.facts["mlp is as before"] = state_of(network) == before
    results.facts["mlp judgement"] = found.judgement.as_json()
    results.facts["mlp begins"] = {name: shard.begin for name, shard in shards_of(network, found.mask.bits).items()}
    part = ms.sample(found.logits, ms.Noise(SEED, "draws"), step=7, index=9, begins=results.facts["mlp begins"])
    results.tensors |= {f"drawn/{name}": bits.reshape(-1) for name, bits in part.items()}
    results.facts["mlp kept"] = [found.mask.kept, found.mask.density]
    results.add("clipped", FIND(network, mlp_loss, mlp_part, config=CLIPPED))
    shares = lambda index: mlp_part(index).chunk(2)[RANK]  # noqa: E731
    results.add("shares", FIND(network, mlp_loss, shares))
    results.add("distilled", FIND(network, Distilled(network), mlp_part))
    results.add("soft", FIND(network, mlp_loss, mlp_part, config=SOFT))
    masks(results, network, found)


def masks(results: Results, network: nn.Module, found: ms.ShardedDiscovery) -> None:
    """A mask is called twice, saved, loaded, combined; and the law of the empty mask."""
    part, mask = mlp_part(99), found.mask
    nothing = mask - mask
    plain = network(part).detach()  # FSDP keeps the weights of the root gathered after this
    for turn in range(2):
        results.tensors[f"called {turn}"] = ms.call_masked(network, mask, part)
        results.tensors[f"empty {turn}"] = ms.call_masked(network, nothing, part)
        results.tensors[f"from whole {turn}"] = ms.call_masked(network, mask.whole(), part)
        results.facts[f"plain again {turn}"] = torch.equal(network(part), plain)
    whole = mask.whole()
    whole.save(FOLDER / f"whole-{RANK}.safetensors")
    mask.save(FOLDER / "mask")
    loaded = ms.ShardedMask.load(FOLDER / "mask", network)
    results.facts["loaded is same"] = (loaded - mask).kept == 0 and (mask - loaded).kept == 0 and loaded.made_by == mask.made_by
    results.facts["inverted"] = (~mask).kept
    results.error("saved twice", lambda: mask.save(FOLDER / "mask"))
    results.error("discover", lambda: ms.discover(network, mlp_loss, mlp_part, watch=False))
    results.error("bake", lambda: ms.bake(network, whole))

    def fails(net: nn.Module, part: torch.Tensor) -> torch.Tensor:
        net(part)
        raise ms.MaskscopeError("mine")

    before = state_of(network)
    results.error("loss fails", lambda: FIND(network, fails, mlp_part, check=False))
    results.facts["after a failure"] = torch.equal(network(part), plain)
    network.reshard()
    results.facts["as before a failure"] = state_of(network) == before


def language(results: Results) -> None:
    network = sharded_language_model()
    results.add("language", FIND(network, language_loss, language_part))
    results.add("micro", FIND(network, in_micro_batches, language_part, config=ACCUMULATED))
    empty = ms.ShardedMask.of(network, nothing_of(network))
    for turn in range(2):
        results.tensors[f"empty language {turn}"] = ms.call_masked(network, empty, input_ids=language_part(0)).logits


def example(results: Results) -> None:
    path = Path(__file__).parents[2] / "examples" / "sharded.py"
    spec = importlib.util.spec_from_file_location("example_sharded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results.facts["example"] = module.main(str(FOLDER / "example"), training=3, steps=2).density


def nothing_of(network: nn.Module) -> ms.BinaryMask:
    return ms.BinaryMask({name: torch.zeros(one.shape, dtype=torch.bool) for name, one in network.named_parameters()})


def resumed(results: Results) -> None:
    """Ctrl-C in one process stops both; then the first one has lost its last file, as if it had been killed before writing it."""
    network, kept = sharded_mlp(), ms.Checkpoint(FOLDER / "state.safetensors", every_seconds=0.0)
    results.facts["stopped"] = False
    try:
        FIND(network, mlp_loss, mlp_part, checkpoint=kept, observers=[Interrupted(4)])
    except KeyboardInterrupt:
        results.facts["stopped"] = True
    if RANK == 0:
        file = FOLDER / "state-00000-of-00002.safetensors"
        file.with_name(f"{file.name}.before").replace(file)
    dist.barrier()
    results.add("resumed", FIND(network, mlp_loss, mlp_part, checkpoint=kept))


class Interrupted(ms.Observer):
    """Ends a search by the signal of Ctrl-C, in the second process only."""

    def __init__(self, step: int) -> None:
        self._step = step

    def after_step(self, report) -> None:
        if report.step == self._step and RANK == 1:
            signal.raise_signal(signal.SIGINT)


def data_parallel(results: Results) -> None:
    network, compute = mlp(), ms.Compute(data_parallel=True)
    for case, units, executor in (("dealt", "weight", "sequential"), ("dealt rows", "row", "auto")):
        results.tensors[case] = dealt(units, ms.Compute(executor, data_parallel=True))
    other = partial(ms.discover, network, mlp_loss, mlp_part, compute=compute, watch=False)
    results.error("too few calls", lambda: other(config=ms.MaskConfig(samples_per_step=1)))
    results.error("other seed", lambda: other(seed=RANK))


def dealt(units: str, compute: ms.Compute) -> torch.Tensor:
    """The logits of a search over three samples, with a network that every process has whole."""
    network, told = mlp(), {"config": DEALT, "seed": SEED, "watch": False, "judge": False, "compute": compute}
    return ms.discover(network, mlp_loss, mlp_part, selection=ms.select(network, units=units), **told).logits.flat


def alone(results: Results) -> None:
    """The same searches in one process."""
    compute = ms.Compute("sequential")
    find = partial(ms.discover, config=CONFIG, seed=SEED, watch=False, judge=False, compute=compute)
    network, model = mlp(), language_model()
    found = find(network, mlp_loss, mlp_part, judge=True)
    found.mask.save(FOLDER / "mlp.safetensors")
    results.facts["alone judgement"] = found.judgement.as_json()
    drawn = ms.sample(found.logits, ms.Noise(SEED, "draws"), step=7, index=9)
    results.tensors |= {f"alone drawn/{name}": bits.reshape(-1) for name, bits in drawn.items()}
    cases = {
        "mlp": found,
        "clipped": find(network, mlp_loss, mlp_part, config=CLIPPED),
        "distilled": find(network, Distilled(network), mlp_part),
        "soft": find(network, mlp_loss, mlp_part, config=SOFT),
        "language": find(model, language_loss, language_part),
        "micro": find(model, in_micro_batches, language_part, config=ACCUMULATED),
    }
    for case, one in cases.items():
        results.facts[f"alone {case}/loss"] = one.history.loss
        for name, logits in one.logits.by_unit().items():
            results.tensors[f"alone {case}/{name}"] = logits.reshape(-1).clone()
    for units in ("weight", "row"):
        results.tensors[f"alone dealt {units}"] = dealt(units, compute)
    part = mlp_part(99)
    results.tensors["alone called"] = ms.call_masked(network, found.mask, part)
    results.tensors["alone empty"] = ms.call_masked(network, nothing_of(network), part)
    results.tensors["alone empty language"] = ms.call_masked(model, nothing_of(model), input_ids=language_part(0)).logits
    results.facts["files make the whole mask"] = ms.whole_mask(FOLDER / "mask") == found.mask


def refusals(results: Results) -> None:
    network = sharded_mlp()
    results.error("other settings", lambda: FIND(network, mlp_loss, mlp_part, seed=RANK))
    results.error("unequal", lambda: FIND(network, mlp_loss, lambda index: mlp_part(index)[: 4 + RANK]))

    def ends(index: int) -> torch.Tensor:
        if index > 4 and RANK == 1:
            raise ms.MaskscopeError("no more data here")
        return mlp_part(index)

    results.error("ends early", lambda: FIND(network, mlp_loss, ends))
    rows = ms.select(mlp(), units="row")
    half = ms.MaskConfig(size=ms.TargetDensity(0.5))
    lean = ms.Compute(state="lean")
    results.error("units", lambda: FIND(network, mlp_loss, mlp_part, selection=rows, config=half, compute=lean))
    results.error("plain", lambda: FIND(mlp(), mlp_loss, mlp_part))
    split = mlp()
    split[0].weight = nn.Parameter(distribute_tensor(split[0].weight.detach(), MESH, [Shard(1)]))
    results.error("tensor parallel", lambda: FIND(split, mlp_loss, mlp_part))
    with torch.device("meta"):
        empty = mlp()
    results.error("meta", lambda: FIND(fully_shard(empty, mesh=MESH), mlp_loss, mlp_part))
    broken = sharded_mlp()
    if RANK == 1:
        with torch.no_grad():
            broken[0].weight.to_local().view(-1)[0] = float("nan")
    results.error("nan", lambda: FIND(broken, mlp_loss, mlp_part, check=False))
    unused = nn.ModuleList([mlp(), nn.Linear(4, 4)])
    fully_shard(unused[0], mesh=MESH)
    fully_shard(unused[1], mesh=MESH)
    results.error("unused", lambda: FIND(unused, lambda net, part: mlp_loss(net[0], part), mlp_part))


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    language_model()  # imports transformers, once for both
    RANK = 0 if os.fork() else 1
    faulthandler.dump_traceback_later(100, exit=True)
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ms.WeakMaskWarning)  # after six steps
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{FOLDER / 'meeting'}", rank=RANK, world_size=2)
    MESH = init_device_mesh("cpu", (2,))
    results = Results()
    for case in (searches, language, resumed, data_parallel, refusals, example):
        case(results)
    dist.destroy_process_group()
    if RANK == 0:
        alone(results)
    save_file({name: tensor.detach().contiguous() for name, tensor in results.tensors.items()}, FOLDER / f"{RANK}.safetensors")
    (FOLDER / f"{RANK}.json").write_text(json.dumps(results.facts), encoding="utf-8")
    if RANK == 0 and os.wait()[1]:
        sys.exit("the second process failed")
