"""A control group for each box, where one can be had: the kernel then bounds the memory of all its
processes together, its own for them included, at every moment and not at every look.

Version 1 of the groups was tried. Version 2 follows its documentation (kernel.org, cgroup-v2) and
was not: the memory of a child group can be limited there only if this process's own group has
handed that on, which the group of a shell or a container has not.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import uuid
from functools import cache
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
PROCESSES = "cgroup.procs"
SECONDS = 2.0  # that the last process of a box may take to be gone
NONE = "no control group can be had: memory is looked at ten times a second"


class Group:
    """A group with a limit of so many bytes; what enters it stays in it. Close it when all have
    ended. OSError where it cannot be made.
    """

    def __init__(self, above: Path, most: int):
        self.folder = above / f"autograder-{uuid.uuid4().hex[:12]}"
        self.folder.mkdir()
        try:
            limits = {"memory.max": most, "memory.swap.max": 0, "memory.oom.group": 1}
            if (self.folder / "memory.limit_in_bytes").exists():  # version 1
                limits = {"memory.limit_in_bytes": most, "memory.memsw.limit_in_bytes": most}
            for number, (name, value) in enumerate(limits.items()):
                with contextlib.nullcontext() if number == 0 else contextlib.suppress(OSError):
                    self._write(name, value)  # all but the first are there on some systems only
        except BaseException:
            self.close()
            raise

    @property
    def processes(self) -> str:
        """The file by which a process enters: it writes 0."""
        return str(self.folder / PROCESSES)

    def starved(self) -> bool:
        """Whether the kernel has ended a process in it, which had reached the limit."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                lines = (self.folder / name).read_text("ascii").splitlines()
                return any(line.startswith("oom_kill ") and line[9:] != "0" for line in lines)
        return False

    def close(self) -> None:
        """Remove it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # its last process is on its way out
                time.sleep(0.01)

    def _write(self, name: str, value: int) -> None:
        fd = os.open(self.folder / name, os.O_WRONLY)  # not made where it is missing
        try:
            os.write(fd, b"%d" % value)
        finally:
            os.close(fd)


def group(most: int) -> Group | None:
    """A new group for one box, or None where there can be none."""
    above = _above()
    with contextlib.suppress(OSError):
        return Group(above, most) if above else None
    return None


@cache
def _above() -> Path | None:
    """This process's own group, if a group in it works: a process is sent there."""
    for folder in _own():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            tried = Group(folder, 2**26)
            try:
                enter = ["/bin/sh", "-c", 'echo 0 > "$1"', "sh", tried.processes]
                subprocess.run(enter, check=True, timeout=SECONDS, stderr=subprocess.DEVNULL)
                return folder
            finally:
                tried.close()
    return None


def _own() -> list[Path]:
    """Folders of the groups that this process is in, for memory."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
        parts = [line.split(":", 2) for line in lines]
        version1 = [TOP / "memory" / path.strip("/") for _, k, path in parts if "memory" in k]
        version2 = [TOP / path.strip("/") for _, kinds, path in parts if kinds == ""]
        return version1 or version2
    return []
