"""Runs that find no room: one line says so, nothing is half written, and going on gives what an undisturbed run gives."""

import subprocess
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.robustness.child import End, fill_disk, limit_files, run
from benchmarks.robustness.study import STUDIES, Case, Outcome, contents, differences, finished, leftovers
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
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def disk(folder: Path, count: int, seed: int, study: str, pages: bool) -> list[Outcome]:
    """``count`` sizes each: of the largest file, of the room that the process is given, and of a small disk."""
    case, random = Case(STUDIES[study], pages), Random(seed)
    end = run(case, folder / "undisturbed")
    if end.status:
        return [Outcome(f"disk, {study}", 0, "not run", (f"undisturbed: {end.fault()}",))]
    undisturbed = contents(folder / "undisturbed")
    sizes = [file.stat().st_size for file in (folder / "undisturbed").rglob("*") if file.is_file()]
    ways: dict[str, tuple[int, Callable[[Path, int], list[str]]]] = {
        "limit on a file": (max(sizes), lambda place, size: limited(case, place, undisturbed, partial(limit_files, size))),
        "full after some bytes": (sum(sizes), lambda place, size: limited(case, place, undisturbed, partial(fill_disk, size))),
    }
    if _has_namespaces():
        # a disk keeps whole pages
        most = sum(-(-size // 4096) * 4096 for size in sizes)
        ways["small tmpfs"] = most, lambda place, size: on_a_small_disk(case, place, undisturbed, size)
    return [_outcome(study, way, most, attempt, folder, count, random) for way, (most, attempt) in ways.items()]


def _outcome(
    study: str, way: str, most: int, attempt: Callable[[Path, int], list[str]], folder: Path, count: int, random: Random
) -> Outcome:
    faults = list[str]()
    # one in each part of the whole range, so that every kind of file comes to be the one without room
    sizes = [round(most * (part + random.random()) / count) for part in range(count)]
    found = Counter[str]()
    for size in sizes:
        wrong = attempt(folder / f"{way.replace(' ', '-')}-{size}", size)
        found["kept, and went on to the same record" if not wrong else "FAULT"] += 1
        faults += [f"{study}, {way} of {size:,} bytes: {fault}" for fault in wrong]
    shown = ", ".join(f"{size / 2**10:,.0f}" for size in sizes)
    return Outcome(f"disk, {way}", count, f"{_counted(found)}; at {shown} KiB", tuple(faults))


def limited(case: Case, folder: Path, undisturbed: dict[str, str], trouble: Callable[[Path], None]) -> list[str]:
    """What went wrong in a run without room and in the same command after it, with room."""
    end = run(case, folder, trouble)
    return _faults(end, folder) + _kept_by(lambda: run(case, folder), folder) + differences(folder, undisturbed)


def on_a_small_disk(case: Case, folder: Path, undisturbed: dict[str, str], size: int) -> list[str]:
    """The same on a real disk, whose size is rounded to whole pages."""
    folder.mkdir(parents=True)
    copy = folder.with_name(f"{folder.name}-copy")
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ON_A_SMALL_DISK, "sh"]
    size = max(4096, size)  # tmpfs takes 0 for "no limit"
    done = subprocess.run(
        [*shell, str(folder), str(size), str(copy), *new_process(case, folder)], check=False, capture_output=True, text=True
    )
    full = copy.with_name(f"{copy.name}-full")
    faults = _faults(End(done.returncode, done.stdout + done.stderr), full)
    after = finished(copy)
    faults += [f"{name} was lost or changed" for name, made in finished(full).items() if after.get(name) != made]
    return faults + differences(copy, undisturbed)


def _faults(end: End, folder: Path) -> list[str]:
    return [fault for fault in (end.fault(),) if fault] + leftovers(folder)


def _kept_by(go_on: Callable[[], End], folder: Path) -> list[str]:
    before = finished(folder)
    end = go_on()
    after = finished(folder)
    lost = [f"{name} was lost or changed" for name, made in before.items() if after.get(name) != made]
    return [f"going on {end.fault() or end.said}", *lost] if end.status else lost


def _has_namespaces() -> bool:
    tried = [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(tried, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(found.items()))
