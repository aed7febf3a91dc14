"""Run by two processes at the same time (test_two_processes.py): every case, and what each process found, in one file."""

import contextlib
import faulthandler
import json
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

CONFIG = ms.MaskConfig(steps=STEPS, learning_rate=0.6, size=ms.Penalty(0.02), clip_norm=0.0, samples_per_step=2)
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
    results.facts["mlp kept"] = [found.mask.kept, found.mask.density]
    clipped = ms.MaskConfig(steps=STEPS, learning_rate=0.6, size=ms.Penalty(0.02), clip_norm=1e-3, samples_per_step=2)
    results.add("clipped", FIND(network, mlp_loss, mlp_part, config=clipped))
    shares = lambda index: mlp_part(index).chunk(2)[RANK]  # noqa: E731
    results.add("shares", FIND(network, mlp_loss, shares))
    whole = ms.unmasked(network)

    def distilled(net: nn.Module, part: torch.Tensor) -> torch.Tensor:
        first = net(part)
        return (first - whole(part)).square().mean() + (net(part) - first).square().mean()

    results.add("distilled", FIND(network, distilled, mlp_part))
    soft = ms.MaskConfig(steps=STEPS, learning_rate=0.6, size=ms.Penalty(0.02), estimator="continuous-sparsification")
    results.add("soft", FIND(network, mlp_loss, mlp_part, config=soft))
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
    again = ms.MaskConfig(
        steps=3, learning_rate=0.6, size=ms.Penalty(0.02), clip_norm=0.0, samples_per_step=2, accumulation=2
    )
    results.add("micro", FIND(network, in_micro_batches, language_part, config=again))
    empty = ms.ShardedMask.of(network, ms.BinaryMask({name: torch.zeros(one.shape, dtype=torch.bool) for name, one in network.named_parameters()}))
    for turn in range(2):
        results.tensors[f"empty language {turn}"] = ms.call_masked(network, empty, input_ids=language_part(0)).logits


def resumed(results: Results) -> None:
    network = sharded_mlp()

    class Stop(ms.Observer):
        def after_step(self, report) -> None:
            if report.step == 4 and RANK == 1:
                raise KeyboardInterrupt  # as Ctrl-C would, in one process only

    kept = ms.Checkpoint(FOLDER / "state.safetensors", every_seconds=0.0)
    with contextlib.suppress(KeyboardInterrupt):
        stops = ms.MaskConfig(steps=STEPS, learning_rate=0.6, size=ms.Penalty(0.02), clip_norm=0.0, samples_per_step=2)
        FIND(network, mlp_loss, mlp_part, config=stops, checkpoint=kept, observers=[Interrupted(4)])
    if RANK == 0:  # as if it had been killed before it could write its last file
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
            import signal

            signal.raise_signal(signal.SIGINT)


def data_parallel(results: Results) -> None:
    network, compute = mlp(), ms.Compute(data_parallel=True)
    config = ms.MaskConfig(steps=STEPS, learning_rate=0.6, size=ms.Penalty(0.02), samples_per_step=3)
    for case, units, executor in (("dealt", "weight", "sequential"), ("dealt rows", "row", "auto")):
        found = ms.discover(
            network,
            mlp_loss,
            mlp_part,
            selection=ms.select(network, units=units),
            config=config,
            seed=SEED,
            watch=False,
            judge=False,
            compute=ms.Compute(executor=executor, data_parallel=True),
        )
        results.tensors[case] = found.logits.flat
        results.facts[f"{case}/loss"] = found.history.loss
    one = ms.MaskConfig(steps=1, samples_per_step=1)
    results.error("too few calls", lambda: ms.discover(network, mlp_loss, mlp_part, config=one, compute=compute, watch=False))
    other = partial(ms.discover, network, mlp_loss, mlp_part, config=config, compute=compute, watch=False)
    results.error("other seed", lambda: other(seed=RANK))


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
    results.error("units", lambda: FIND(network, mlp_loss, mlp_part, selection=rows, config=ms.MaskConfig(size=ms.TargetDensity(0.5))))
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
    faulthandler.dump_traceback_later(100, exit=True)
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ms.WeakMaskWarning)  # six steps
    torch.set_num_threads(1)
    FOLDER, RANK = Path(sys.argv[1]), int(sys.argv[2])
    dist.init_process_group("gloo", init_method=f"file://{FOLDER / 'meeting'}", rank=RANK, world_size=2)
    MESH = init_device_mesh("cpu", (2,))
    results = Results()
    for case in (searches, language, resumed, data_parallel, refusals):
        case(results)
    save_file({name: tensor.detach().contiguous() for name, tensor in results.tensors.items()}, FOLDER / f"{RANK}.safetensors")
    (FOLDER / f"{RANK}.json").write_text(json.dumps(results.facts))
    dist.destroy_process_group()
