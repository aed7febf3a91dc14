"""Runs that find no room: one line says so, nothing is half written, and going on gives what an undisturbed run gives."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.robustness.child import End, Trouble, fill_disk, limit_files, run
from benchmarks.robustness.study import STUDIES, Case, Outcome, contents, differences, finished, leftovers, lost
from benchmarks.robustness.surroundings import new_process

# A disk of its own, in memory, that only this shell and what it starts see; it takes no privileges where users may have
# namespaces. $1 is the run folder, $2 the size of the disk, $3 where everything is copied in the end; the rest is the command.
_ON_A_SMALL_DISK = """
out=$1; size=$2; copy=$3; shift 3
mount -t tmpfs -o size=$size tmpfs "$out" || exit 99
"$@"; status=$?
cp -a "$out" "$copy-full"
mount -o remount,size=1g "$out"
"$@" > /dev/null 2>&1 || exit 98
cp -a "$out" "$copy"
exit $status
"""
# bytes: a disk in memory keeps whole pages
_PAGE = 4096
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")

# the exit status of the run without room, and what went wrong
Attempt = tuple[int, list[str]]


def disk(folder: Path, count: int, seed: int, study: str, pages: bool) -> list[Outcome]:
    """``count`` sizes each: of the largest file, of the room that the process is given, and of a small disk."""
    case, random = Case(STUDIES[study], pages), Random(seed)
    end = run(case, folder / "undisturbed")
    if end.status:
        return [Outcome(f"disk, {study}", 0, "not run", (f"undisturbed: {end.fault()}",))]
    undisturbed = contents(folder / "undisturbed")
    sizes = sorted(file.stat().st_size for file in (folder / "undisturbed").rglob("*") if file.is_file())
    most = sum(-(-size // _PAGE) * _PAGE for size in sizes)
    # for a point between 0 and 1: a size that some files do not have room in
    ways: dict[str, tuple[Callable[[float], int], Callable[[Path, int], Attempt]]] = {
        "limit on a file": (
            lambda point: max(0, sizes[int(point * len(sizes))] - 1),
            lambda place, size: limited(case, place, undisturbed, partial(limit_files, size)),
        ),
        "full after some bytes": (
            lambda point: round(point * sum(sizes)),
            lambda place, size: limited(case, place, undisturbed, partial(fill_disk, size)),
        ),
    }
    if _has_namespaces():
        ways["small tmpfs"] = (
            lambda point: max(1, round(point * most / _PAGE)) * _PAGE,
            lambda place, size: on_a_small_disk(case, place, undisturbed, size),
        )
    return [_outcome(study, way, size_at, attempt, folder, count, random) for way, (size_at, attempt) in ways.items()]


def _outcome(
    study: str,
    way: str,
    size_at: Callable[[float], int],
    attempt: Callable[[Path, int], Attempt],
    folder: Path,
    count: int,
    random: Random,
) -> Outcome:
    faults, refused = list[str](), 0
    # one in each part of the whole range, so that every kind of file comes to be the one without room
    sizes = [size_at((part + random.random()) / count) for part in range(count)]
    for number, size in enumerate(sizes):
        status, wrong = attempt(folder / f"{way.replace(' ', '-')}-{number}", size)
        refused += status != 0
        faults += [f"{study}, {way} of {size:,} bytes: {fault}" for fault in wrong]
    shown = ", ".join(f"{size / 2**10:,.1f}" for size in sizes)
    return Outcome(f"disk, {way}", count, f"{refused} stopped, {count - refused} had room; KiB: {shown}", tuple(faults))


def limited(case: Case, folder: Path, undisturbed: dict[str, str], trouble: Trouble) -> Attempt:
    """A run without room, and the same command after it, with room."""
    end = run(case, folder, trouble)
    faults, before = _faults(end, folder), finished(folder)
    again = run(case, folder)
    if again.status:
        faults.append(f"going on {again.fault() or again.said}")
    return end.status, faults + lost(before, folder) + differences(folder, undisturbed)


def on_a_small_disk(case: Case, folder: Path, undisturbed: dict[str, str], size: int) -> Attempt:
    """The same on a real disk."""
    folder.mkdir(parents=True)
    copy = folder.with_name(f"{folder.name}-copy")
    shell = [*_NAMESPACE, "sh", "-c", _ON_A_SMALL_DISK, "sh", str(folder), str(size), str(copy)]
    done = subprocess.run([*shell, *new_process(case, folder)], check=False, capture_output=True, text=True)
    full = copy.with_name(f"{copy.name}-full")
    faults = _faults(End(done.returncode, done.stdout + done.stderr), full)
    return done.returncode, faults + lost(finished(full), copy) + differences(copy, undisturbed)


def _faults(end: End, folder: Path) -> list[str]:
    return [fault for fault in (end.fault(),) if fault] + leftovers(folder)


def _has_namespaces() -> bool:
    tried = [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(tried, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
