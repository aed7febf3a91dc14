"""How a network is called with a part of data, and where its logits are in what it returns."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from maskscope.errors import BatchesError, ConfigError, LossError

# the keys of a mapping, or the attributes of an object, under which labels are looked for
LABELS = ("labels", "label", "targets", "target", "y")
# where no loss that has a name will do
WRITE_IT = (
    "Or write the loss and the score yourself, as in\n"
    "    def loss(network, part):\n"
    "        inputs, labels = part\n"
    "        return torch.nn.functional.cross_entropy(network(inputs), labels)"
)
# what the decoder of an encoder-decoder network of transformers may be given
_DECODER_INPUTS = ("decoder_input_ids", "decoder_inputs_embeds")


@dataclass(frozen=True)
class Call:
    """A part as the arguments of a call, and its labels.

    Args:
        arguments: by position.
        named: by name.
        labels: None where the part has none.
    """

    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    labels: Any = None

    def of(self, network: nn.Module) -> Any:
        """What the network returns.

        Raises:
            BatchesError: the network needs an argument that the part does not have.
        """
        try:
            inspect.signature(network.forward).bind(*self.arguments, **self.named)
        except ValueError:  # Python cannot tell, as of a scripted module
            pass
        except TypeError as error:
            given = [*(f"argument {place}" for place in range(len(self.arguments))), *self.named]
            raise BatchesError(
                f"{type(network).__name__}.forward cannot be called with what a part gives ({', '.join(given) or 'nothing'}): "
                f"{error}. It takes {', '.join(_parameters(network))}. Give parts (inputs, labels), where inputs may be a tuple "
                "or a dict of these, or write the loss yourself: loss(network, part) -> scalar."
            ) from error
        return network(*self.arguments, **self.named)


def call_of(network: nn.Module, part: Any) -> Call:
    """The call that a part stands for.

    * a tensor, or a packed sequence: the input; there are no labels;
    * a pair ``(inputs, labels)``, where ``inputs`` may be a tuple or a mapping; of a longer tuple, the last entry is the labels.
      If ``forward`` needs as many arguments as the tuple has entries, all of them are inputs;
    * a mapping: the entries that ``forward`` has as arguments; labels are under ``labels``, ``label``, ``targets``, ``target`` or
      ``y``. One entry that ``forward`` has under another name is its first argument. Where transformers would make the inputs of
      a decoder of the labels (T5), they are made of them;
    * another object (as of torch_geometric): the object itself is the input, its ``y`` the labels.
    """
    if isinstance(part, Tensor | PackedSequence):
        return Call((part,), {})
    if isinstance(part, Mapping):
        return _of_mapping(network, part, next((part[key] for key in LABELS if key in part), None))
    if isinstance(part, tuple | list):
        if not part:
            raise BatchesError("A part is empty; inputs, or a pair (inputs, labels), were expected.")
        *inputs, labels = part
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            return _of_mapping(network, inputs[0], labels)
        if len(inputs) == 1 and type(inputs[0]) in (tuple, list):
            return Call(tuple(inputs[0]), {}, labels)
        if len(part) == 1 or _needed(network) == len(part):
            return Call(tuple(part), {})
        return Call(tuple(inputs), {}, labels)
    return Call((part,), {}, next((getattr(part, key) for key in LABELS if hasattr(part, key)), None))


def logits_of(output: Any, purpose: str) -> Tensor:
    """The logits in what a network returns: a tensor, the first entry of a tuple, or the entry ``logits`` of a mapping or object.

    Args:
        output: of a network.
        purpose: who needs them, as the beginning of the error.

    Raises:
        LossError: there are none.
    """
    found = _entry(output, "logits")
    if not isinstance(found, Tensor) or not found.is_floating_point() or not found.dim():
        raise LossError(
            f"{purpose} needs logits: a tensor, a tuple whose first entry is one, or a mapping or object with an entry logits; "
            f"the network returned {described(output)}. For numbers that are no logits, take loss='values', or "
            f"maskscope.Values(targets='unmasked') where they are to stay what they are. {WRITE_IT}"
        )
    return found


def values_of(output: Any, purpose: str) -> Tensor:
    """The numbers in what a module returns: as `logits_of`, or the entry ``last_hidden_state``.

    Raises:
        LossError: there are none.
    """
    found = _entry(output, "logits", "last_hidden_state")
    if not isinstance(found, Tensor) or not found.is_floating_point():
        raise LossError(
            f"{purpose} needs a tensor of real numbers, a tuple whose first entry is one, or a mapping or object with an entry "
            f"logits or last_hidden_state; what was returned is {described(output)}. {WRITE_IT}"
        )
    return found


def inner_module(network: nn.Module, name: str) -> nn.Module:
    """The module of that dotted name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return network.get_submodule(name)
    except AttributeError:
        known = [one for one, _ in network.named_modules() if one]
        first = ", ".join(known[:12])
        raise ConfigError(
            f"The network has no module {name!r}. Its modules are {first}{', ...' if len(known) > 12 else ''}."
        ) from None


def _of_mapping(network: nn.Module, inputs: Mapping[str, Any], labels: Any) -> Call:
    known = _parameters(network)
    given = {key: value for key, value in inputs.items() if key not in LABELS}
    taken = given if "**" in known else {key: value for key, value in given.items() if key in known}
    if not taken and len(given) == 1:
        return Call(tuple(given.values()), {}, labels)
    # of transformers, whose networks do this only where they are given labels, and then compute a loss that nobody asks for
    of_labels = getattr(network, "prepare_decoder_input_ids_from_labels", None)
    if callable(of_labels) and isinstance(labels, Tensor) and taken.keys().isdisjoint(_DECODER_INPUTS):
        taken = {**taken, _DECODER_INPUTS[0]: of_labels(labels=labels)}
    return Call((), taken, labels)


def _parameters(network: nn.Module) -> list[str]:
    """The names of what ``forward`` takes; ``**`` if it takes any name."""
    try:
        found = inspect.signature(network.forward).parameters.values()
    except ValueError:
        return ["**"]
    return ["**" if one.kind is one.VAR_KEYWORD else one.name for one in found if one.kind is not one.VAR_POSITIONAL]


def _needed(network: nn.Module) -> int:
    """How many arguments by position ``forward`` cannot do without; 0 if Python cannot tell."""
    try:
        found = inspect.signature(network.forward).parameters.values()
    except ValueError:
        return 0
    return sum(one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in found)


def _entry(output: Any, *names: str) -> Any:
    if isinstance(output, Tensor):
        return output
    for name in names:
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if found is not None:
            return found
    return output[0] if isinstance(output, tuple | list) and output else None


def described(output: Any) -> str:
    """What a network returns, or a part is, in a few words for an error."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} with the entries {', '.join(map(str, output))}"
    if isinstance(output, Tensor):
        return f"a tensor of {str(output.dtype).removeprefix('torch.')} and shape {list(output.shape)}"
    if isinstance(output, tuple | list):
        return f"a {kind} of {', '.join(type(one).__name__ for one in output) or 'nothing'}"
    return f"a {kind}"
