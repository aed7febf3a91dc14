"""Attention heads as units: which parts of which tensors belong to one head."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from maskscope.errors import ConfigError, SelectionError
from maskscope.masks.units.group import UnitGroup
from maskscope.masks.units.layout import Layout
from maskscope.masks.units.roles import Role

# What the projections of an attention layer are called, as attributes of its module, in usual implementations.
QUERY = ("q_proj", "query", "q", "wq", "to_q", "q_lin", "q_linear", "query_proj", "q_proj_weight")
KEY = ("k_proj", "key", "k", "wk", "to_k", "k_lin", "k_linear", "key_proj", "k_proj_weight", "bias_k")
VALUE = ("v_proj", "value", "v", "wv", "to_v", "v_lin", "v_linear", "value_proj", "v_proj_weight", "bias_v")
PACKED = ("c_attn", "qkv", "Wqkv", "qkv_proj", "to_qkv", "in_proj_weight", "in_proj_bias")
OUT = ("out_proj", "o_proj", "c_proj", "wo", "to_out", "out_lin", "proj", "dense", "o", "out")
# What the number of heads is called, on the module of the attention layer, or in a ``config`` of it or of the network.
COUNTS = ("num_heads", "num_attention_heads", "n_head", "n_heads", "nhead", "heads")
KEY_VALUE_COUNTS = ("num_key_value_heads", "num_kv_heads", "n_kv_heads")


@dataclass(frozen=True)
class Heads:
    """Attention heads as units, with their number, for networks that do not say it themselves.

    The unit of grouped-query attention is a key/value head together with the query heads that use it.

    Args:
        count: the number of (query) heads.
        key_value: the number of key/value heads; None if it is the same.

    Examples:
        >>> import torch, maskscope as ms
        >>> layer = torch.nn.MultiheadAttention(8, num_heads=4)
        >>> ms.select(layer, include=["*weight"], units=ms.Heads(4)).unit_count
        4
    """

    count: int
    key_value: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1 or (self.key_value is not None and self.key_value < 1):
            raise ConfigError(f"A layer has at least 1 head; found {self.count} and {self.key_value}.")
        if self.count % self.units:
            raise ConfigError(f"{self.count} query heads cannot be divided equally among {self.units} key/value heads.")

    @property
    def units(self) -> int:
        """The number of units."""
        return self.key_value or self.count

    def __call__(self, network: nn.Module, roles: Sequence[Role]) -> list[UnitGroup]:
        """The rule: see `heads`."""
        return _groups(network, roles, self)


def heads(network: nn.Module, roles: Sequence[Role]) -> list[UnitGroup]:
    """A group for each attention layer: the slices of the query, key, value and output projections of each head.

    Raises:
        SelectionError: a tensor does not belong to heads, or their number is not known or does not divide it.
    """
    return _groups(network, roles, None)


def _groups(network: nn.Module, roles: Sequence[Role], given: Heads | None) -> list[UnitGroup]:
    members: dict[str, list[tuple[str, Layout]]] = {}
    numbers: dict[str, Heads | str] = {}
    sizes: dict[str, dict[str, int]] = {}
    modules, faults = dict(network.named_modules()), []
    for role in roles:
        path, part = _place(modules, role)
        if not part:
            faults.append(f"{role.name}: a head does not fit this {role.kind}, which is not known as a part of attention")
            continue
        if path not in numbers:
            numbers[path] = given or _count(network, modules, path)
        number = numbers[path]
        layout = number if isinstance(number, str) else _layout(role, part, number)
        if isinstance(layout, str):
            faults.append(f"{role.name}: {layout}")
        else:
            members.setdefault(path, []).append((role.name, layout))
            sizes.setdefault(path, {})[part] = _features(role, part)[0]
    for path, own in sizes.items():
        number = numbers[path]
        assert isinstance(number, Heads)
        if "query" in own and own.get("key", 0) * number.count not in (0, own["query"] * number.units):
            faults.append(
                f"{path or 'the network'}: with {number.count} heads, {number.units} of them for keys and values, its heads of "
                "query and key have unlike sizes; give the numbers: ms.Heads(count, key_value=...)"
            )
    if faults:
        raise SelectionError("\n".join(faults))
    return [UnitGroup(path or type(network).__name__, "head", mine[0][1].units, tuple(mine)) for path, mine in members.items()]


def _place(modules: dict[str, nn.Module], role: Role) -> tuple[str, str]:
    """The path of the attention layer that a tensor belongs to, and which projection it is; empty if it is none."""
    if isinstance(role.module, nn.MultiheadAttention):
        return role.path, _part(role.attribute)
    parent, _, child = role.path.rpartition(".")
    if child.isdecimal():  # ``to_out.0``: a Sequential of the projection and dropout
        parent, _, child = parent.rpartition(".")
    part = _part(child)
    if _has_inputs(modules.get(parent)):
        return parent, part
    # as in BERT: ``attention.self.query`` and ``attention.output.dense``
    above, _, middle = parent.rpartition(".")
    sibling = f"{above}.self" if above else "self"
    return (sibling, part) if middle == "output" and part == "out" and _has_inputs(modules.get(sibling)) else (parent, "")


def _part(name: str) -> str:
    table = {"query": QUERY, "key": KEY, "value": VALUE, "packed": PACKED, "out": OUT}
    return next((part for part, names in table.items() if name in names), "")


def _has_inputs(module: nn.Module | None) -> bool:
    """Whether a module has the input projections of attention, which tell ``c_proj`` of attention from that of an MLP."""
    if module is None:
        return False
    parts = {_part(name) for name, _ in module.named_children()}
    return isinstance(module, nn.MultiheadAttention) or "packed" in parts or {"query", "key", "value"} <= parts


def _count(network: nn.Module, modules: dict[str, nn.Module], path: str) -> Heads | str:
    """The number of heads as the layer, a module above it, or a configuration says; else what is wrong."""
    chain = [modules[path]] if path in modules else []
    while path:
        path = path.rpartition(".")[0]
        chain.append(modules.get(path, network))
    places = [place for module in chain for place in (module, getattr(module, "config", None)) if place is not None]
    for place in places:
        if count := next(_numbers(place, COUNTS), None):
            key_value = next((number for other in places for number in _numbers(other, KEY_VALUE_COUNTS)), None)
            try:
                return Heads(count, key_value)
            except ConfigError as error:
                return str(error)
    return "the number of heads is not known: give it, units=ms.Heads(8) or {'*attn*': ms.Heads(8, key_value=2), ...}"


def _numbers(place: Any, names: Sequence[str]) -> Iterator[int]:
    yield from (found for name in names if type(found := getattr(place, name, None)) is int and found > 0)


def _features(role: Role, part: str) -> tuple[int, bool]:
    """How many features of all heads a tensor has, and whether they are its last axis."""
    if _is_vector(role):
        return role.count, True
    # the heads are the inputs of the output projection, and the outputs of the others
    last = (part == "out") != role.is_swapped
    return role.shape[1 if last else 0], last


def _is_vector(role: Role) -> bool:
    return len(role.shape) != 2 and sum(size > 1 for size in role.shape) <= 1


def _layout(role: Role, part: str, heads: Heads) -> Layout | str:
    """The layout of the heads in a tensor, or what is wrong."""
    if part == "out" and _is_vector(role):
        return "the bias of the output is shared by all heads; exclude it, or give it another unit before this pattern"
    if not _is_vector(role) and len(role.shape) != 2:
        return f"a head does not fit a tensor of shape {list(role.shape)}"
    if part == "packed" and heads.units != heads.count:
        return "query, key and value of grouped-query attention are packed in parts of unlike sizes; write a rule of your own"
    (features, last), pieces = _features(role, part), 3 if part == "packed" else 1
    number = heads.units if part in ("key", "value") else heads.count
    if features % (pieces * number):
        packed = " of query, key and value" if pieces > 1 else ""
        return f"its {features} features cannot be divided equally among {number} heads{packed}"
    each, other = features // (pieces * heads.units), role.count // features
    return Layout(other * pieces, heads.units, each) if last else Layout(pieces, heads.units, each * other)
