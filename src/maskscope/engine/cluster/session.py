"""A Ray cluster for the time of a run: what is asked of it, and whether its nodes can do it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskscope.engine.cluster.choice import Cluster
from maskscope.engine.cluster.connection import connected
from maskscope.engine.cluster.nodes import NodeReport, is_shared, report, require_fit, require_same
from maskscope.engine.cluster.parcels import Parcel
from maskscope.engine.cluster.task import Done, Failed, Order, Report, do_step
from maskscope.engine.job import Job
from maskscope.errors import ConfigError, MaskscopeError, MissingExtraError
from maskscope.storage import unfinished_name, write_bytes

# seconds until a node has said what it is, for which it imports torch
_LOOK = 180.0
# how often Ray begins a step again whose process or node was lost
_RETRIES = 20


@dataclass(frozen=True)
class Session:
    """A cluster that does the steps of a job.

    Args:
        shared: whether its nodes see the run folder.
        at_once: how many steps it makes at the same time.
        task: the function of Ray that makes a step. There is one for all: each new one would be sent to all processes again.
        mailbox: the actor to which tasks report.
    """

    shared: bool
    at_once: int
    task: Any
    mailbox: Any

    def start(self, order: Order, parcels: Sequence[Any]) -> Any:
        """Hands a step to Ray; returns the reference of its end, a `Done` or a `Failed`."""
        return self.task.options(name=order.step).remote(order, self.mailbox, *parcels)

    def put(self, parcel: Parcel) -> Any:
        """Hands an artefact to Ray once, for all steps that are made from it."""
        import ray

        return ray.put(parcel)

    def ended(self, running: Sequence[Any], patience: float) -> list[Any]:
        """Those steps that have ended, at least one unless the time in seconds is over."""
        import ray

        return list(ray.wait(list(running), num_returns=1, timeout=patience, fetch_local=False)[0])

    def end_of(self, reference: Any, name: str) -> Done | Failed:
        """How a step ended."""
        import ray

        try:
            end: Done | Failed = ray.get(reference)
        except ray.exceptions.OutOfMemoryError:
            return Failed(f"{name} took more memory than its node has. Start Ray on larger nodes, or take a smaller batch.")
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError) as error:
            return Failed(f"{name} was lost with its process or node, {_RETRIES} times over ({type(error).__name__}).")
        except ray.exceptions.RayError as error:
            return Failed(f"Ray could not make {name}: {str(error).strip().splitlines()[-1]}", trace=str(error))
        return end

    def reports(self) -> list[Report]:
        """What the tasks have told since."""
        import ray

        with suppress(ray.exceptions.RayError):  # it begins anew if its process was killed; what was told is only shown
            count = ray.get(self.mailbox.qsize.remote())
            return list(ray.get(self.mailbox.get_nowait_batch.remote(count))) if count else []
        return []

    def cancel(self, running: Sequence[Any], patience: float) -> None:
        """Tells the steps to save their state and end, and waits for it some seconds; on another Ctrl-C they end at once."""
        import ray

        for reference in running:
            ray.cancel(reference)
        try:
            ray.wait(list(running), num_returns=len(running), timeout=patience, fetch_local=False)
        except KeyboardInterrupt:
            for reference in running:
                ray.cancel(reference, force=True)


def _perform(order: Order, mailbox: Any, *parcels: Parcel) -> Done | Failed:
    """The task of Ray."""
    import ray

    def send(report: Report) -> None:
        with suppress(ray.exceptions.RayError):  # what is told is only shown
            sent = mailbox.put_nowait.remote(report)
            if report[3] == "makes":  # it has to arrive even if the step ends its process at once
                ray.get(sent)

    return do_step(order, send, *parcels)


@contextmanager
def joined(cluster: Cluster, job: Job, folder: Path, announce: Callable[[str], None]) -> Iterator[Session]:
    """A block in which a cluster is there for a job. Nothing is left in the run folder if it cannot be.

    Args:
        cluster: which.
        job: the study, the device, and the threads of each step.
        folder: the run folder.
        announce: is told what may matter to the user.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: there is no such cluster, no node is large enough, or nodes have other versions.
        RunFolderError: the run folder was said to be shared, and is not; or it cannot be written.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "--engine ray", "ray") from error
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    cpus, gpus = float(job.threads or 1), cluster.gpus_per_step if job.device.startswith("cuda") else 0.0
    with connected(cluster, ray) as own:
        fit = require_fit(ray.nodes(), cpus, gpus)
        shared = cluster.files != "shipped"
        if not own:
            shared = _look_at(fit, cluster, job, folder, announce)
        at_once = sum(_room(node["Resources"], cpus, gpus) for node in fit)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        queue = Queue(actor_options={"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here})
        limits = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": _RETRIES, "retry_exceptions": False}
        try:
            yield Session(shared, max(1, at_once), ray.remote(**limits)(_perform), queue.actor)
        finally:
            queue.shutdown(force=True)


def _room(there: Mapping[str, float], cpus: float, gpus: float) -> int:
    """How many steps a node makes at the same time."""
    rooms = [there.get("CPU", 0.0) // cpus, *([there.get("GPU", 0.0) // gpus] if gpus else [])]
    return int(min(rooms))


def _look_at(nodes: Sequence[Any], cluster: Cluster, job: Job, folder: Path, announce: Callable[[str], None]) -> bool:
    """Asks each node what it is; returns whether they share the run folder."""
    there = folder.exists()
    probe = unfinished_name(folder / "probe")
    write_bytes(probe, b"")
    try:
        mine = report(job.study.address, str(probe))
        found = _reports(nodes, job.study.address, str(probe))
        require_same(mine, found, announce)
        return is_shared(cluster.files, found, folder)
    except MaskscopeError:
        probe.unlink(missing_ok=True)
        if not there:
            with suppress(OSError):
                folder.rmdir()
        raise
    finally:
        probe.unlink(missing_ok=True)


def _reports(nodes: Sequence[Any], address: str, probe: str) -> list[NodeReport]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        reference = ray.remote(report).options(num_cpus=0, scheduling_strategy=there).remote(address, probe)
        asked[reference] = node["NodeManagerHostname"]
    late = ray.wait(list(asked), num_returns=len(asked), timeout=_LOOK)[1]
    if late:
        raise ConfigError(
            f"These nodes did not say within {_LOOK:.0f} s what they are: {', '.join(asked[one] for one in late)}. "
            "Look at ray status, and take them out of the cluster or start them again."
        )
    found, wrong = [], []
    for reference, name in asked.items():
        try:
            found.append(ray.get(reference))
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
            continue  # it has just gone, which Ray learns after some seconds
        except ray.exceptions.RayError as error:
            wrong.append(f"{name}: {str(error).strip().splitlines()[-1]}")
    if wrong:
        raise ConfigError(
            "\n  ".join(["These nodes of the cluster cannot run maskscope:", *wrong])
            + "\nInstall maskscope in the environment that Ray is started from, the same version on every node."
        )
    return found
