"""A network with a mask baked in, written so that programs which do not know maskscope can load it."""

from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.exchange.destination import require_free
from maskscope.masks import BinaryMask, bake, check_mask
from maskscope.masks.selection import aliases
from maskscope.storage import user_path, write_bytes, write_folder

SUFFIX = ".safetensors"


def export(network: nn.Module, mask: BinaryMask, where: str | Path, *, check: bool = True, force: bool = False) -> Path:
    """Writes the network's weights with those outside the mask off, whole or not at all. The network is not changed.

    Args:
        network: the network that the mask was found on.
        mask: the mask.
        where: a name that ends in ``.safetensors`` makes a file with the state dict, for ``load_state_dict`` (tied weights stand
            there under each of their names). Any other name makes a folder for ``from_pretrained``, which the network's own
            ``save_pretrained`` writes.
        check: whether dtypes and values of the weights must be those that the mask was found on. Names and shapes always must.
        force: whether a file that is there may be replaced.

    Returns:
        The path that was written.

    Raises:
        ConfigError: there is something at that path already, the network has no ``save_pretrained``, or its state dict holds
            what such a file cannot.
        MaskMismatchError: the mask is of another network; or its off-values are those of a state dict that is not there.
        RunFolderError: the path cannot be written.

    Examples:
        >>> import tempfile
        >>> network = nn.Linear(2, 2, bias=False)
        >>> mask = BinaryMask({"weight": network.weight.detach() > 0})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = export(network, mask, f"{folder}/positive.safetensors")
        ...     bool((safetensors.torch.load_file(file)["weight"] >= 0).all())
        True
    """
    path = user_path(where, argument="where")
    require_free(path, force=force)
    check_mask(network, mask, values=check)
    save: Any = getattr(network, "save_pretrained", None)
    if path.suffix != SUFFIX and not callable(save):
        raise ConfigError(
            f"{type(network).__name__} has no `save_pretrained`, so no folder can be written. Name a file for the state dict: "
            f"{path}{SUFFIX}."
        )
    baked: Any = bake(network, mask)
    if path.suffix == SUFFIX:
        write_bytes(path, _state_dict_file(baked))
    else:
        with write_folder(path) as folder:
            baked.save_pretrained(folder)
    return path


def _state_dict_file(network: nn.Module) -> bytes:
    state = network.state_dict()
    if faults := [f"{name} ({type(value).__name__})" for name, value in state.items() if not isinstance(value, Tensor)]:
        raise ConfigError(f"The state dict holds what is no tensor, which a {SUFFIX} file cannot: {', '.join(faults)}.")
    # each name gets memory of its own: safetensors refuses tensors that share it, and `load_state_dict` wants every name
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    tied = {alias: name for name, group in aliases(network).items() for alias in group if alias != name}
    return safetensors.torch.save(tensors, metadata={"format": "pt"} | tied)
