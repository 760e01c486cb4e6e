"""What one submission may cost on this side of the wall: what it sends, shows, has computed here,
and how long it keeps us waiting.

A box bounds what student code uses inside. Here is counted what comes out of it, over the whole
submission: a thousand small cells are no way around a limit for each.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from autograder.exam.walls.common import Box, Limits
from autograder.student import wire
from autograder.student.probes import TOO_LONG

GRACE = 3.0  # seconds that a process gets to stop by itself before its box is closed
OUTPUTS = 500  # of one cell; ten times as many in a notebook
OWN = 4  # processes in a box that are not the student's, at most
LEAST_IDLE = 1.0  # seconds that any conversation may wait, while there is something left


class Gone(Exception):
    """The student's process is no more; the message says why, to the student."""


class Spent(Gone):
    """The whole submission has used up what it may have; nothing more of it is run."""


def too_large(limits: Limits) -> str:
    """To the student whose processes took more memory than they may."""
    return f"Your code used more than {limits.memory / 2**30:g} GiB of memory."


class Budget:
    """What is left to one submission, in the units of `Limits`."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.text, self.pictures, self.outputs = limits.text, limits.pictures, 10 * OUTPUTS
        self.cells, self.calls, self.received = limits.cells, limits.calls, limits.received
        self.idle, self.computing = limits.idle_seconds, limits.seconds
        self._own = limits.examiner_seconds + _own_seconds()

    def receive(self, size: int) -> None:
        """Pay for a message before it is read. Spent."""
        self.received -= size
        if self.received < 0:
            most = self.limits.received / 2**20
            raise Spent(f"Your notebook's answers came to more than {most:.0f} MiB in all.")
        self.judge()

    def judge(self) -> None:
        """Spent when this side has computed for too long because of the submission."""
        if _own_seconds() > self._own:
            most = self.limits.examiner_seconds
            raise Spent(f"Judging your notebook's answers took more than {most:g} seconds.")

    def compute(self, seconds: float) -> None:
        """Pay for computing inside. Spent."""
        self.computing -= max(0.0, seconds)
        if self.computing < 0:
            most = self.limits.seconds
            raise Spent(f"Your notebook computed for more than {most:g} seconds in all.")

    def wait(self, seconds: float) -> None:
        """Pay for waiting while nothing computed inside. Spent."""
        self.idle -= max(0.0, seconds)
        if self.idle < 0:
            most = self.limits.idle_seconds
            raise Spent(f"Your notebook waited for more than {most:g} seconds in all.")

    def unused(self, seconds: float) -> None:
        """Take back what this side computed for itself."""
        self._own += seconds


def _own_seconds() -> float:
    """CPU seconds of this thread and of its children that have ended, such as those that evaluate a
    run; examiners in one process take turns.
    """
    spent = os.times()
    return time.thread_time() + spent.children_user + spent.children_system


class Meter:
    """Looks now and then at what a box uses, and charges the submission for it."""

    def __init__(self, box: Box, budget: Budget, starved: Callable[[], bool] = lambda: False):
        self.box, self.budget, self.limits = box, budget, budget.limits
        self.starved = starved  # whether the kernel has found before a look that memory is used up
        self.last = box.usage()
        self.next = time.monotonic() + wire.WATCH
        self.waited, self.since = 0.0, 0.0

    @contextlib.contextmanager
    def waiting(self, seconds: float) -> Iterator[Callable[[], None]]:
        """While the answer to one request is awaited. Yields what to call again and again
        meanwhile: it raises Gone when the box takes more memory, more than `seconds` of computing,
        or waits longer than a quarter of what is left for it.
        """
        computed, idle = self.last.cpu, self.budget.idle
        patience = max(idle / 4, LEAST_IDLE)
        self.since = time.monotonic()

        def look():
            if time.monotonic() < self.next:
                return
            self._look()
            if self.last.memory > self.limits.memory or self.starved():
                raise Gone(too_large(self.limits))
            if self.last.disk > self.limits.disk:
                most = self.limits.disk / 2**20
                raise Gone(f"Your code wrote more than {most:g} MiB of files.")
            if self.last.processes > self.limits.processes + OWN:
                raise Gone(f"Your code started more than {self.limits.processes} processes.")
            if self.last.cpu - computed > seconds + GRACE:
                raise Gone(TOO_LONG.format(seconds))
            if idle - self.budget.idle > patience:
                raise Gone(f"Your code waited for {patience:.3g} seconds and was stopped.")

        try:
            yield look
        finally:
            self._count()

    def _count(self) -> None:
        now = time.monotonic()
        self.waited, self.since = self.waited + now - self.since, now

    def _look(self) -> None:
        begun, before = time.thread_time(), self.last
        self._count()
        self.last = self.box.usage()
        self.next = time.monotonic() + wire.WATCH
        self.budget.unused(time.thread_time() - begun)
        computed = max(0.0, self.last.cpu - before.cpu)
        # Waiting for a processor is no idling: on a busy machine the same work must get its grade.
        queued = max(0.0, self.last.queued - before.queued)
        waited, self.waited = self.waited, 0.0
        self.budget.compute(computed)
        self.budget.wait(waited - computed - queued)
