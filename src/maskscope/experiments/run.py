"""Running an experiment over several seeds, in one run folder, here or in worker processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import torch

from maskscope.errors import ConfigError, FileFormatError, MaskscopeError, RunFolderError
from maskscope.experiments.catalogue import Experiment
from maskscope.experiments.claims import judge
from maskscope.experiments.provenance import provenance
from maskscope.experiments.quantities import quantities
from maskscope.experiments.record import NetworkResult, Record
from maskscope.experiments.spec import AdditionMultiplicationSpec, from_json, to_json
from maskscope.experiments.study import Place, Study
from maskscope.storage import canonical_json, read_json, remove_leftovers, write_json
from maskscope.training import Observer

RECORD = "record.json"
# exit status of a process that Ctrl-C stopped
INTERRUPTED = 130


@dataclass(frozen=True)
class Job:
    """What one process does: some seeds of an experiment in a run folder.

    Args:
        spec: all settings.
        seeds: of the networks.
        run: the run folder.
        device: torch device, ``cpu`` or ``cuda``.
        threads: torch threads; 0 for torch's own choice.
    """

    spec: AdditionMultiplicationSpec
    seeds: tuple[int, ...]
    run: str
    device: str = "cpu"
    threads: int = 0


def run_experiment(
    experiment: Experiment,
    preset: str,
    job: Job,
    *,
    workers: int = 1,
    watch: Callable[[str], Sequence[Observer]] = lambda name: (),
    announce: Callable[[str], None] = lambda text: None,
) -> Record:
    """Makes whatever the run folder lacks, and writes its record.

    Args:
        experiment: what is run.
        preset: the preset that the settings began from, for the record.
        job: settings, seeds, folder, device, threads.
        workers: processes; each takes whole seeds.
        watch: makes the observers of a long stage; only without worker processes.
        announce: is told what happens.

    Raises:
        RunFolderError: the folder cannot be written, or another process uses it.
        MaskscopeError: whatever a stage raises.
    """
    require_device(job.device)
    folder = Path(job.run)
    with _locked(folder):
        remove_leftovers(folder)
        processes = min(workers, len(job.seeds))
        if processes > 1:
            results, seconds = _in_workers(job, processes, announce)
        else:
            results, seconds = run_here(job, watch, announce)
        record = make_record(experiment, preset, job, results, seconds)
        write_json(folder / RECORD, to_json(record))
    return record


def run_here(
    job: Job, watch: Callable[[str], Sequence[Observer]], announce: Callable[[str], None]
) -> tuple[list[NetworkResult], dict[str, float]]:
    """All stages of a job in this process: results, and seconds by kind of stage."""
    place = Place(Path(job.run), torch.device(job.device), watch, announce)
    results, seconds = [], dict[str, float]()
    with threads(job.threads):
        for seed in job.seeds:
            study = Study(job.spec, seed, place)
            results += study.results()
            for kind, time in study.seconds.items():
                seconds[kind] = seconds.get(kind, 0.0) + time
    return results, seconds


def make_record(
    experiment: Experiment, preset: str, job: Job, results: Sequence[NetworkResult], seconds: dict[str, float]
) -> Record:
    """Puts the results of all seeds together: quantities with their spread, and verdicts."""
    networks = tuple(sorted(results, key=lambda result: (not result.trained, result.seed)))
    functions = tuple(networks[0].unmasked.accuracy)
    over_networks = quantities(networks, functions)
    return Record(
        experiment=experiment.name,
        preset=preset,
        spec=to_json(job.spec),
        functions=functions,
        seeds=job.seeds,
        networks=networks,
        quantities=over_networks,
        verdicts=tuple(judge(claim, over_networks) for claim in experiment.claims),
        differences=experiment.differences,
        provenance=provenance(threads=job.threads or torch.get_num_threads(), device=job.device, seconds=seconds),
    )


def load_record(folder: Path) -> Record:
    """The record of a finished run.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
    """
    path = folder / RECORD if folder.is_dir() else folder
    if not path.exists():
        raise FileFormatError(
            f"There is no record in {folder}: expected the folder of a finished run, with a {RECORD}. `maskscope run ... --out "
            f"{folder}` makes one, or goes on with an unfinished one."
        )
    try:
        return from_json(Record, read_json(path))
    except ConfigError as error:
        raise FileFormatError(
            f"{path} was written by another version of maskscope. Run again to have it remade.\n{error}"
        ) from error


def require_device(device: str) -> None:
    """Raises `ConfigError` unless torch has this device."""
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"device is {device!r}; cpu, cuda or cuda:N was expected.") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but torch sees no CUDA device here. Use --device cpu, or a CUDA build of torch."
        )
    if kind not in ("cpu", "cuda"):
        raise ConfigError(f"device is {device!r}; cpu or cuda was expected.")


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Torch's threads for the length of a block; 0 leaves them as they are."""
    before = torch.get_num_threads()
    if number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunFolderError(
            f"Another process is running in {folder}. Wait for it, or name another folder with --out."
        ) from error
    except OSError as error:
        raise RunFolderError(f"Cannot write the run folder {folder}: {error.strerror}. Name another with --out.") from error
    try:
        yield
    finally:
        lock.release()


def _in_workers(job: Job, processes: int, announce: Callable[[str], None]) -> tuple[list[NetworkResult], dict[str, float]]:
    """One process for each seed, ``processes`` at a time; then everything is read back here, where all of it is done.

    When one fails, or on Ctrl-C, the others are told to save their state and stop, and no further one begins.
    """
    each = job.threads or max(1, (os.cpu_count() or 1) // processes)
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(processes) as pool:
        parts = [Job(job.spec, (seed,), job.run, job.device, each) for seed in job.seeds]
        futures = [pool.submit(_work, part, announce, running) for part in parts]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            raise
    return run_here(job, lambda name: (), announce)


def _work(job: Job, announce: Callable[[str], None], running: "list[subprocess.Popen[str]]") -> None:
    command = [sys.executable, "-m", "maskscope.experiments.worker", canonical_json(to_json(job))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        running.append(process)
        last = ""
        for line in process.stdout or ():
            last = line.rstrip()
            announce(f"seed {job.seeds[0]} | {last}")
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode:
        raise MaskscopeError(f"The worker for seed {job.seeds[0]} failed: {last}")
