"""How much memory there is for submissions: what this machine has free, and what a container
allows.

Every box may fill up its limits at the same moment. So there are never more at a time than fit:
fewer workers grade the same class, and one that the system kills grades nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil

from autograder.exam.walls.common import Limits

WORKER = 768 * 2**20  # bytes that a worker with its warm server takes itself
GIBI = 2**30


def free(root: Path = Path("/")) -> int | None:
    """Bytes of memory that processes started here may still take: the least of what the machine has
    available and what each control group above this process leaves. None where nothing tells, as
    on a system without /proc. root: where /proc and /sys are.
    """
    found = [_available(root), *_groups(root)]
    return min((bytes for bytes in found if bytes is not None), default=None)


def taken(limits: Limits, wall: str) -> int:
    """Bytes of memory that a submission may take behind a wall; its files too, where these lie in
    memory.
    """
    files = wall == "namespaces" or _in_memory(Path(tempfile.gettempdir()))
    return limits.memory + (limits.disk if files else 0)


def boxes(memory: int, wanted: int, there: int | None) -> int:
    """How many of the wanted submissions, each with so many bytes, may run at a time."""
    if there is None:
        return wanted
    return min(wanted, max(there // (memory + WORKER), int(there >= memory)))


def too_little(memory: int, there: int) -> str:
    """A sentence for those who cannot grade even one."""
    return (
        f"a submission may use {memory / GIBI:.3g} GiB of memory, with its files, and "
        f"{there / GIBI:.2g} GiB are free here: close other programs, or allow less in "
        "nbgrader_config.py, such as `c.Execute.memory = 1024` (MiB)"
    )


def _in_memory(folder: Path) -> bool:
    """Whether what is written there is kept in memory, as some systems keep /tmp."""
    folder, nearest = folder.resolve(), None
    for disk in psutil.disk_partitions(all=True):
        above = folder.is_relative_to(disk.mountpoint)
        if above and (nearest is None or len(disk.mountpoint) >= len(nearest.mountpoint)):
            nearest = disk
    return nearest is not None and nearest.fstype in ("tmpfs", "ramfs")


def _available(root: Path) -> int | None:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _groups(root: Path):
    """What each control group leaves, version 2 and version 1, from this process's own upwards. A
    container sees its own group as the root of them all, whatever path it is told.
    """
    for line in _lines(root / "proc/self/cgroup"):
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = top / path.strip("/")
        for group in (own, *own.parents):
            if group.is_relative_to(top):
                yield _left(group, *names)


def _left(group: Path, limit: str, usage: str, cache: str) -> int | None:
    """Limit less use; what is only kept of files makes room when it is needed."""
    most, used = (next(iter(_lines(group / name)), "") for name in (limit, usage))
    if not (most.isdigit() and used.isdigit()):
        return None  # "max", or no such group
    kept = [line.split()[1] for line in _lines(group / "memory.stat") if line.startswith(cache)]
    return max(0, int(most) - int(used) + int(kept[0] if kept else 0))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []
