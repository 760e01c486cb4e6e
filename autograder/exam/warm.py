"""Student processes in milliseconds: a warm server to fork from, and boxes ready for what it
forks.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import socket
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from autograder.exam import server, walls
from autograder.exam.server import PACKAGE
from autograder.exam.walls import groups
from autograder.exam.walls.common import Limits, NoBox
from autograder.exam.walls.scratch import Scratch
from autograder.key import catalogue
from autograder.student import libraries, probes, wire

START_SECONDS = 30.0


class Warm:
    """Starts processes inside boxes. One for a grading run or a worker; close it, or use `with`.

    hidden: paths that student code must not see even if a folder above them belongs to the system.
    heavy: modules of `probes.HEAVY` to import before, where students need them; each makes every
    fork slower. rung, minimum: see `walls.choose`. NoBox where this machine has no such wall.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        hidden: Sequence[Path] = (),
        rung: str | None = None,
        heavy: tuple[str, ...] = (),
        minimum: str | None = None,
        **how,
    ):
        self.limits = limits or Limits()
        self.hidden = [PACKAGE, PACKAGE.parent / "solutions", *map(Path, hidden)]
        self.spare = None
        self.bare = walls.named(rung) == walls.Process.name
        self.server = server.Server(forks=False) if self.bare else server.taken()
        try:
            if not self.bare:
                self.server.warm_up(heavy)
            about = self.server.kit, self.hidden, self.limits
            self.wall = walls.choose(*about, rung, minimum, **how)
            if self.bare:
                self.wall.heavy = heavy
                self.spare = self.wall.box()
        except BaseException:
            self.close()
            raise

    @property
    def rung(self) -> str:
        """The wall's name, for records."""
        return self.wall.name

    def enter(self, folder: Path, files: list[str], name: str) -> Inside:
        """A process in a fresh box, with a copy of some of a folder's files, in ~/NAME."""
        box, self.spare = self.spare or self.wall.box(), None
        try:
            box.ready()
        except BaseException:
            box.close()
            raise
        begin = _begun if self.bare else self._forked
        inside = begin(box, folder, files, name)
        with contextlib.suppress(NoBox):  # told when it is needed
            self.spare = self.wall.box()  # stands by the time the next submission comes
        return inside.ready()

    def _forked(self, box, folder: Path, files: list[str], name: str) -> Inside:
        here, there = socket.socketpair()
        told, told_write = os.pipe()
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        order = {"name": name, "files": files, "limits": self.limits.of_process(), **box.order()}
        group = groups.group(self.limits.memory + self.limits.disk)  # as much as looks allow
        order["group"] = group.processes if group else None
        try:
            fds = [box.fd, opened, there.fileno(), told_write]
            self.server.fork(order, fds)
        except BaseException:
            here.close()
            box.close()
            if group:
                group.close()
            raise
        finally:
            there.close()
            os.close(told_write)
            os.close(opened)
        box.entered()
        here.setblocking(False)
        return Inside(box, here.fileno(), here.fileno(), told, here, group)

    def close(self) -> None:
        """End the server and the spare box."""
        if self.spare is not None:
            self.spare.close()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def shared(
    limits: Limits,
    hidden: tuple[Path, ...],
    cells: Sequence,
    rung: str | None = None,
    minimum: str | None = None,
) -> Warm:
    """This process's warm server for notebooks of such cells; it ends with the process."""
    asked = {catalogue.find(cell.question).probe for cell in cells if cell.question}
    return _warm(limits, hidden, rung, probes.heavy(asked), minimum)


@cache
def _warm(*about) -> Warm:
    import torch

    torch.set_num_threads(1)
    libraries.spare_the_compiler()  # references train, too
    gc.collect()
    gc.freeze()  # or collections would go through all of torch and nbgrader again and again
    started = Warm(*about)
    atexit.register(started.close)
    return started


def try_a_wall(rung: str | None = None, minimum: str | None = None, **how) -> str:
    """Try to make a box here, and return the name of its wall. NoBox when none can be made."""
    with Scratch("kit") as folder:
        kit = server.stage(folder)
        return walls.choose(kit, [PACKAGE], Limits(), rung, minimum, **how).name


def _begun(box, folder: Path, files: list[str], name: str) -> Inside:
    box.begin(folder, files, name)
    return Inside(box, box.fd, box.to)


class Inside:
    """A student process in its box: the wire to it, what it uses, and its end.

    box: of a wall, with `usage()` and `close()`. fd, to: for `autograder.student.wire` frames, to
    read and to write. Closing kills the box with all that is in it.
    """

    def __init__(
        self,
        box,
        fd: int,
        to: int,
        told: int = -1,
        link: socket.socket | None = None,
        group: groups.Group | None = None,
    ):
        self.box, self.fd, self.to, self.told, self.link = box, fd, to, told, link
        self.group = group
        self._said = b""

    def ready(self) -> Inside:
        """Wait until it answers. NoBox when it does not."""
        seconds = START_SECONDS if self.link else server.WARM_SECONDS
        try:
            first = wire.receive(self.fd, seconds)
        except (EOFError, TimeoutError, wire.WireError) as error:
            first = {"failed": self._heard().get("failed", f"no answer ({type(error).__name__})")}
        if not first.get("ready"):
            self.close()
            raise NoBox(f"a process could not enter its box: {first.get('failed')}")
        return self

    def ended(self, seconds: float = 2.0) -> int | None:
        """The wait status of the student's process, or None while it lives."""
        return self._heard(seconds).get("status") if self.link else self.box.status(seconds)

    def starved(self) -> bool:
        """Whether the kernel has ended something in it for the memory that it took."""
        return self.group is not None and self.group.starved()

    def close(self) -> None:
        self.box.close()
        if self.group is not None:
            self.group.close()
        if self.link is not None:
            self.link.close()
        if self.told >= 0:
            os.close(self.told)
            self.told = -1

    def _heard(self, seconds: float = 0.5) -> dict:
        """What the guardian has told: pid, then status; or why it failed."""
        deadline = time.monotonic() + seconds
        while self.told >= 0 and b"status" not in self._said and b"failed" not in self._said:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.told], [], [], left)[0]:
                break
            part = os.read(self.told, 4096)
            if not part:
                break
            self._said += part
        heard = {}
        for line in self._said.splitlines():
            with contextlib.suppress(ValueError):
                heard.update(json.loads(line))
        return heard
