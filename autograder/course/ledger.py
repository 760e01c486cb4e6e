"""What is in the gradebook already, so that a second run grades what changed and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from autograder.errors import Stopped, WrongCall
from autograder.plugins.config import permit

NAME = ".autograder-ledger.jsonl"


def entries(text: bytes) -> Iterator[dict]:
    """The lines of a ledger; a torn one is skipped."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry


class Ledger:
    """What the gradebook holds, one JSON object a line, in the course folder.

    The first line has the course's seed. A line is written before nbgrader begins with a
    submission and another when it is done; the last line of a student counts, so that a run
    killed between the two leaves nothing that looks graded. A torn last line is ignored.
    """

    def __init__(self, root: Path, shared: bool = False):
        """shared: whether a group shares the course."""
        self.path, self.latest, self.seed = root / NAME, {}, None
        try:
            self.file = open(self.path, "a+b")  # noqa: SIM115  (closed in `close`)
            permit(self.path, shared)
        except OSError as error:
            raise WrongCall(f"cannot write {self.path}: {error.strerror}") from None
        try:
            hold(self.file)
        except OSError:
            self.file.close()
            raise WrongCall(f"another run grades this course (it holds {self.path})") from None
        self.file.seek(0)
        text = self.file.read()
        for entry in entries(text):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                if "course_seed" in entry:
                    self.seed = int(entry["course_seed"])
                else:
                    self.latest[entry["assignment"], entry["student"]] = entry
        if text and not text.endswith(b"\n"):
            self._append(b"\n")
        if self.seed is None:
            self.seed = secrets.randbits(63)
            self.write(course_seed=self.seed)

    def write(self, **entry) -> None:
        """Append a line and wait until the disk has it; Stopped when it cannot."""
        self._append(json.dumps(entry).encode() + b"\n")
        if "student" in entry:
            self.latest[entry["assignment"], entry["student"]] = entry

    def _append(self, line: bytes) -> None:
        try:
            self.file.write(line)
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            raise Stopped(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()


def hold(file) -> None:
    """Hold an open file as long as this process has it open. OSError where another process does."""
    try:
        import fcntl
    except ImportError:  # Windows, where a locked byte can be read by nobody: one behind the end
        import msvcrt

        file.seek(2**30)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
