"""The last rung: a process beside the examiner's, of the same user, on any system Python runs on.

Nothing can be forged through the wire, and the process ends with its limits of time. But it is no
wall: see `CAVEAT`. It is taken only when it is asked for. A process starts anew, over two pipes,
and not by a fork; the next one starts while a submission is graded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

from autograder.exam.walls.common import Limits, NoBox, Usage, environment, hang_up
from autograder.exam.walls.scratch import Scratch

NAME = "process"
CAVEAT = (
    "Behind the wall 'process' nothing can be forged through the wire; but student code runs as "
    "the user who grades, and who wants to can write the gradebook."
)
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from autograder.student import spawned; "
    "spawned.main(sys.argv[2:])"
)
KEPT = ("PATH", "SYSTEMROOT", "COMSPEC", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # to start at all


class Process:
    """No wall; `box()` starts one process after the other."""

    name = NAME
    way = "nothing is isolated"

    def __init__(self, kit: Path, hidden: list[Path], limits: Limits):
        self.kit, self.limits, self.heavy = kit, limits, ()

    def box(self) -> Bare:
        return Bare(self)


class Bare:
    """A process that warms up, and then is a student's. Single use."""

    def __init__(self, wall: Process):
        self.wall = wall
        self._scratch = Scratch("box", wall.limits.disk)
        self.folder = self._scratch.folder
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = self.folder / "student"
        home.mkdir()
        variables = environment(str(home), str(self.folder), wall.kit) | kept
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(wall.kit), *wall.heavy],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,
                cwd=home,
                start_new_session=True,
            )
        except OSError as error:
            self._scratch.close()
            raise NoBox(f"a process could not be started: {error}") from None
        assert self.process.stdin and self.process.stdout
        self.to, self.fd = self.process.stdin.fileno(), self.process.stdout.fileno()

    def ready(self) -> None: ...

    def entered(self) -> None: ...

    def begin(self, folder: Path, files: list[str], name: str) -> None:
        """Copy the submission there and have the process be the student's."""
        from autograder.student import wire  # it loads numpy, which a beginning need not

        home = self.folder / "student" / name
        home.mkdir(parents=True, exist_ok=True)
        for file in files:
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, home / file, follow_symlinks=False)
        limits = self.wall.limits.of_process()
        order = {"home": str(home), "limits": {k: limits[k] for k in ("CPU", "FSIZE", "CORE")}}
        with contextlib.suppress(BrokenPipeError):
            os.write(self.to, json.dumps(order).encode() + b"\n")
        for fd in (self.to, self.fd):
            if not wire.WINDOWS:
                os.set_blocking(fd, False)

    def status(self, seconds: float) -> int | None:
        """How it ended, as wait(2) tells it; None while it lives."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds)
            return -code if code < 0 else code << 8
        return None

    def usage(self) -> Usage:
        """What it and its children use, as far as they do not hide."""
        memory, cpu, processes = 0, 0.0, 0
        for one in self._all():
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                cpu += sum(getattr(times, kind, 0.0) for kind in ("user", "system"))
                cpu += sum(getattr(times, f"children_{kind}", 0.0) for kind in ("user", "system"))
                memory += one.memory_info().rss
                processes += 1
        return Usage(memory, cpu, processes)

    def _all(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            if first.status() != psutil.STATUS_ZOMBIE:
                return [first, *first.children(recursive=True)]
        return []

    def close(self) -> None:
        """End it, its children and its session, and remove its files."""
        everyone = self._all()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, 9)
        for one in everyone:
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(everyone, timeout=2)
        hang_up(self.process.stdin)
        self.process.wait()
        hang_up(self.process.stdout)
        deadline = time.monotonic() + 2
        while self.folder.exists() and time.monotonic() < deadline:
            self._scratch.close()
