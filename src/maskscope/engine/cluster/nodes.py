"""What the machines of a cluster are: whether they have the same code, and whether they see the run folder."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from maskscope.engine.address import file_digest, is_file
from maskscope.engine.cluster.choice import Files
from maskscope.engine.records.provenance import provenance
from maskscope.errors import ConfigError, RunFolderError

_MISSING = "missing"
_COMPARED = ("python", "torch", "numpy")


@dataclass(frozen=True)
class Surroundings:
    """What results depend on besides the settings.

    Args:
        versions: of Python and packages, each with its name: ``torch 2.6.0``.
        processor: the bits of a result may depend on it in their last places.
    """

    versions: tuple[str, ...]
    processor: str


@dataclass(frozen=True)
class NodeReport:
    """What a node says of itself.

    Args:
        node: its name.
        surroundings: its versions.
        study: the digest of the file that the study is in; ``missing``, or empty for a study of the package.
        sees: whether it sees the file that was written into the run folder.
    """

    node: str
    surroundings: Surroundings
    study: str
    sees: bool


@cache
def surroundings() -> Surroundings:
    """Those of this process."""
    found = provenance(threads=0, device="cpu", seconds={})
    packages = (f"{name} {found.versions.get(name, 'missing')}" for name in _COMPARED)
    return Surroundings((*packages, f"maskscope {found.maskscope}", f"source {found.code}"), found.machine["processor"])


def report(address: str, probe: str) -> NodeReport:
    """What this machine says of itself.

    Args:
        address: of the study.
        probe: a file that the process that runs the study has written into the run folder.
    """
    file = Path(address.rpartition(".py")[0] + ".py")
    study = _MISSING if is_file(address) and not file.is_file() else file_digest(address)
    return NodeReport(platform.node(), surroundings(), study, Path(probe).is_file())


def require_same(mine: NodeReport, nodes: Sequence[NodeReport], announce: Callable[[str], None] = lambda text: None) -> None:
    """Nodes that would give other results are refused; of other processors it is only told.

    Args:
        mine: what this process says of itself.
        nodes: what the nodes say.
        announce: is told if processors differ.

    Raises:
        ConfigError: a node has other versions or another file of the study; the message has a line for each.
    """
    lines = [f"{one.node}: {words}" for one in nodes if (words := differing(mine.surroundings, one.surroundings))]
    if lines:
        here = ", ".join(mine.surroundings.versions)
        raise ConfigError(
            "\n  ".join([f"These nodes of the cluster have other versions than this process ({here}):", *lines])
            + "\nInstall the same on all nodes, best one environment in a shared folder, and start Ray from it."
        )
    others = [one for one in nodes if one.study != mine.study]
    lines = [f"{one.node}: {'it is not there' if one.study == _MISSING else 'it is another file'}" for one in others]
    if lines:
        raise ConfigError(
            "\n  ".join(["These nodes of the cluster do not have the study's file as it is here:", *lines])
            + "\nPut the same file at the same path on every node, best in a shared folder."
        )
    if len(processors := dict.fromkeys(one.surroundings.processor for one in (mine, *nodes))) > 1:
        announce(f"The processors differ ({', '.join(processors)}): results can differ from node to node in their last bits.")


def differing(mine: Surroundings, theirs: Surroundings) -> str:
    """The versions that a node has otherwise; empty where it has the same."""
    return ", ".join(version for version in theirs.versions if version not in mine.versions)


def is_shared(files: Files, nodes: Sequence[NodeReport], folder: Path) -> bool:
    """Whether the nodes write into the run folder themselves.

    Raises:
        RunFolderError: the folder was said to be shared, and a node does not see it.
    """
    blind = [one.node for one in nodes if not one.sees]
    if files == "shared" and blind:
        raise RunFolderError(
            f"The run folder was said to be shared (--files shared), but {', '.join(blind)} "
            f"{'do' if len(blind) > 1 else 'does'} not see {folder}. Name a folder with --out that all nodes see at the same "
            "path, or take --files shipped: what they make is then sent to this process."
        )
    return files != "shipped" and not blind


def require_fit(nodes: Sequence[Any], cpus: float, gpus: float) -> list[Any]:
    """The nodes on which a step can run, of those that Ray tells of.

    Raises:
        ConfigError: there is none; Ray would wait for one for ever.
    """
    alive = [node for node in nodes if node["Alive"]]
    fit = [node for node in alive if node["Resources"].get("CPU", 0) >= cpus and node["Resources"].get("GPU", 0) >= min(gpus, 1)]
    if not fit:
        there = "; ".join(
            f"{node['NodeManagerHostname']}: {node['Resources'].get('CPU', 0):g} and {node['Resources'].get('GPU', 0):g}"
            for node in alive
        )
        raise ConfigError(
            f"A step needs {cpus:g} CPUs and {gpus:g} GPUs, and no node of the cluster has them ({there or 'no node is alive'}). "
            "Take fewer --threads or --gpus-per-step, or start Ray with more (ray start --num-cpus, --num-gpus)."
        )
    return fit
