"""Runs all samples of a group in one call: the network is vmapped over its masks.

`torch.func.vmap` has the semantics of one call for each sample, and torch's batched operations do the work. If the network is a
chain, and the loss only calls it, its layers are run as a list (`chain.py`). Else small weights are given to it as masked copies,
``[samples, *shape]``, and large weights of linear layers are replaced by stand-ins (`stand_ins.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskscope.errors import ConfigError, LossError, MaskscopeError
from maskscope.masks.call import call_with
from maskscope.masks.executors.callee import AsksForMoreError, Callee, left_alone
from maskscope.masks.executors.chain import Chain
from maskscope.masks.executors.executor import Executor, Networks
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.layers import Affine, Chains, Layer
from maskscope.masks.executors.stacking import CannotBatchError, PartOf, stack_parts
from maskscope.masks.executors.stand_ins import StandInMode, stand_in
from maskscope.masks.executors.whole import Whole, whole_of
from maskscope.masks.gradient import NO_PATH, BackwardPass, Loss, scalar_loss
from maskscope.masks.randomness import Randomness
from maskscope.masks.twin import ours, twin_of

# Up to this size, in bytes, all masked copies of a weight are made at once: a product in blocks would cost more than it saves.
WHOLE_BYTES = 1 << 20


@final
class BatchedExecutor(Executor):
    """One vmapped call for all samples of a group, of all masks that are searched together.

    Whether the loss asked more of the network than to be called is saved in a run's checkpoint, so that a resumed run continues
    in the same way.
    """

    name = "batched"

    def __init__(self, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._may_stand_in = linear_weights(self.networks[0]) & set(units)
        self._chains = Chains(self.networks[0])
        self._constants: dict[int, dict[str, Tensor]] = {}
        self._wholes: dict[tuple[tuple[Layer, ...], int], Whole | None] = {}
        self._is_called = False  # whether the network was called in the present step
        self._callee = Callee(self.networks[0])
        self._lends, self._has_only_called = torch.tensor(not self._chains.may_be), False
        self._memory: dict[tuple[str, int], Tensor] = {}
        self._backward = BackwardPass()

    @property
    def only_calls(self) -> bool:
        """Whether the network may be a chain, and the loss has asked nothing else of it than to be called."""
        return not self._lends

    def state(self) -> dict[str, Tensor]:
        """See `Executor.state`."""
        return {"lends the network": self._lends}

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`.

        Raises:
            ConfigError: the samples cannot be run in one call.
        """
        try:
            return self.attempt(parts)
        except (MaskscopeError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if "DefaultCPUAllocator" in str(error):
                raise
            reason = next(iter(str(error).splitlines()), "no message")
            raise ConfigError(
                f"The samples of a step cannot go in one call ({type(error).__name__}: {reason}). Leave the executor at 'auto', "
                "or take executor='sequential'."
            ) from error

    def attempt(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """The same as `run`, but errors are raised as they are.

        Raises:
            CannotBatchError: the parts differ in structure or shape; nothing was computed.
        """
        if len(self.distinct) > 1 and any(True for _ in self.networks[0].buffers()):
            raise CannotBatchError("the networks have buffers of their own")
        stacked, part_of = stack_parts([part for mine in parts for part in mine])
        if self.only_calls:
            try:
                return self._run_with_callee(stacked, part_of).view(len(parts), -1)
            except AsksForMoreError:
                self._lends.fill_(True)
        stand_ins = {name: stand_in(unit) for name, unit in self.units.items() if self._stands_in(name)}
        leaves = {name: self._leaf(name) for name in self.units if name not in stand_ins}
        return self._run(stacked, partial(self._loss_of_network, part_of, stand_ins), leaves).view(len(parts), -1)

    def _run_with_callee(self, stacked: list[Tensor], part_of: PartOf) -> Tensor:
        """The losses of all rows, if the loss only calls its argument.

        Raises:
            AsksForMoreError: it asks for more, or the first such run failed in its forward pass; nothing was taken, and random
                generators are as they were.
        """
        loss_of = partial(self._loss_of_callee, part_of)
        if self._has_only_called:
            with twin_of(self.networks[0]):  # the network itself cannot be called
                return self._run(stacked, loss_of, {})
        start, before = Randomness(next(iter(self.units.values())).device), self.takes
        try:
            with left_alone(self.distinct):
                losses = self._run(stacked, loss_of, {})
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if self.takes != before:
                raise
            start.put_back()  # so that the same random numbers are drawn again
            raise AsksForMoreError(str(error)) from error
        self._has_only_called = True
        return losses

    def _run(self, stacked: list[Tensor], loss_of: Callable[..., Tensor], leaves: dict[str, Tensor]) -> Tensor:
        """The losses of all rows in one vmapped call, and its backward pass.

        Args:
            stacked: the tensors of the parts.
            loss_of: gets the row, the anchor, the row's copies and constants, and the tensors of its part.
            leaves: all copies of those weights that are given to it.
        """
        anchor, before, self._is_called = torch.zeros((), requires_grad=True), self.takes, False
        rows = torch.arange(next(iter(self.units.values())).rows)
        # what is not masked is the same for all rows, unless the networks are several
        with ours():
            constants = self._constants_of_rows() if len(self.distinct) > 1 else {}

        def one(row: Tensor, copies: dict[str, Tensor], others: dict[str, Tensor], tensors: list[Tensor]) -> Tensor:
            return scalar_loss(loss_of(row, anchor, copies | others, tensors)).reshape(())

        # on CPUs, fused attention cannot be vmapped; the plain form (MATH) can
        with torch.enable_grad(), self.precision(), sdpa_kernel(SDPBackend.MATH):
            losses = torch.func.vmap(one)(rows, leaves, constants, stacked)
            with self._listening():
                self._backward.run(losses.sum(), [anchor, *leaves.values()])
        if anchor.grad is None and self.takes == before:
            raise LossError(NO_PATH)
        return losses.detach()

    def _loss_of_network(
        self, part_of: PartOf, stand_ins: dict[str, Tensor], row: Tensor, anchor: Tensor, copies: dict[str, Tensor], tensors: Any
    ) -> Any:
        """The loss of a row, inside vmap, of the network with its masked weights."""
        by_identity = {id(tensor): self.units[name] for name, tensor in stand_ins.items()}
        with StandInMode(by_identity, row, anchor):
            return call_with(self.networks[0], copies | stand_ins, lambda guest: self.loss(guest, part_of(tensors)))

    def _loss_of_callee(self, part_of: PartOf, row: Tensor, anchor: Tensor, copies: dict[str, Tensor], tensors: Any) -> Any:
        """The loss of a row, inside vmap, of something that can only be called, and that does what the network does.

        Raises:
            AsksForMoreError: the loss did something else than to call it, or the network is no chain.
        """
        del copies

        def call(*args: Any, **kwargs: Any) -> Tensor:
            if len(args) != 1 or kwargs or not isinstance(args[0], Tensor):
                raise AsksForMoreError("other arguments than one tensor")
            with ours():
                layers = self._chains.of(args[0])
                if layers is None:
                    raise AsksForMoreError("no chain")
                return self._chain(layers).of_sample(args[0], row, anchor)

        return self.loss(self._callee.that_does(call), part_of(tensors))

    def _chain(self, layers: tuple[Layer, ...]) -> Chain:
        """The chain for one call of the network. Its first call in a step has all weights in one piece of memory, if it can."""
        key = (layers, next(iter(self.units.values())).samples)
        if key not in self._wholes:
            names = [name for layer in layers if isinstance(layer, Affine) for name in (layer.weight, layer.bias) if name]
            self._wholes[key] = whole_of(self.units, [name for name in names if name in self.units])
        whole = self._wholes[key]
        is_first, self._is_called = not self._is_called, True
        whole = whole if is_first and whole and whole.can_run else None
        return Chain(layers, self.units, self._constants_of_rows(), len(self.distinct) > 1, whole)

    def _constants_of_rows(self) -> dict[str, Tensor]:
        """What is not masked: of one network as it is; of several, ``[rows, *shape]``."""
        samples = next(iter(self.units.values())).samples
        if samples not in self._constants:
            of_networks = [{name: one.detach() for name, one in its.named_parameters()} for its in self.networks]
            if len(self.distinct) > 1:
                of_rows = [its for its in of_networks for _ in range(samples)]
                made = {name: torch.stack([its[name] for its in of_rows]) for name in of_networks[0] if name not in self.units}
            else:
                made = {name: one for name, one in of_networks[0].items() if name not in self.units}
            self._constants[samples] = made
        return self._constants[samples]

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Marks our own backward pass: gradients of backward passes inside the loss are not taken."""
        for unit in self.units.values():
            unit.listens = True
        try:
            yield
        finally:
            for unit in self.units.values():
                unit.listens = False

    def _stands_in(self, name: str) -> bool:
        unit = self.units[name]
        return name in self._may_stand_in and unit.rows * unit.shape.numel() * unit.dtype.itemsize > WHOLE_BYTES

    def _leaf(self, name: str) -> Tensor:
        unit = self.units[name]
        shape = (unit.rows, *unit.shape)
        memory = self._memory.get((name, unit.rows))
        if memory is None:
            memory = self._memory[name, unit.rows] = torch.empty(shape, dtype=unit.dtype, device=unit.device)
        unit.copies(memory.view(unit.rows, -1))
        leaf = memory.detach().requires_grad_()
        leaf.register_post_accumulate_grad_hook(partial(_hand_over, unit))
        return leaf


def _hand_over(unit: GatedWeight, leaf: Tensor) -> None:
    if not unit.listens:
        return
    assert leaf.grad is not None
    gradient, leaf.grad = leaf.grad, None
    unit.take((gradient.to_dense() if gradient.is_sparse else gradient).reshape(unit.rows, -1).contiguous())


def linear_weights(network: nn.Module) -> set[str]:
    """The weights of all Linear modules. That of attention's output projection is excluded: this module is never called."""
    own = nn.modules.linear.NonDynamicallyQuantizableLinear
    linear = [name for name, m in network.named_modules() if isinstance(m, nn.Linear) and not isinstance(m, own)]
    return {f"{name}.weight" if name else "weight" for name in linear}
