"""The second rung, for machines that forbid namespaces, as ordinary containers do.

Landlock says which files there are, a system call filter forbids what Landlock does not know of,
limits bound each process, and a look now and then bounds them together with the files they write.
Root gives each box a user of its own. Anybody else's boxes are of the same user as the grader:
there Landlock also keeps signals in (version 6), or the filter does (3 to 5).
Student code lives in a folder of its own, the only one that it can write into.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from autograder.exam.walls.common import (
    START_SECONDS,
    Account,
    Limits,
    NoBox,
    Usage,
    as_its_user,
    can_change_user,
    descendants,
    environment,
    going_on,
    has_capability,
    pythons,
    system,
    usage_of,
)
from autograder.exam.walls.scratch import Scratch
from autograder.student import confine, landlock
from autograder.student.guard import UNREAD

NAME = "landlock"
# /proc/self but for what tells of the machine: its mounts, its sockets
SELF = (
    "auxv cmdline comm environ exe fd fdinfo io limits maps mem oom_score oom_score_adj smaps "
    "smaps_rollup stat statm status"
)
SYSTEM = (
    *(f"/proc/self/{name}" for name in SELF.split()),
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/dev/full",
)
# Where Python lies in a folder of root's, such as /root, a user of its own could not run it, so it
# keeps the capability to pass through folders (Docker has only the larger one). It can open no more
# for that: what can be opened, and since version 3 what can be emptied, is Landlock's to say.
OVERRIDE, READ_SEARCH = 1, 2
TRY = (
    "import sys; sys.path.insert(0, sys.argv[1]); from autograder.student import guard; "
    "guard.try_out(sys.stdin.read())"
)


class Landlock:
    """A wall of Landlock and a filter; `box()` makes one box after the other.

    kit, hidden: as in `Namespaces`. as_root: a user for each box, or the one who grades; None for
    the first that works. abi: use no more of Landlock than that version has. NoBox when it does not
    work here.
    """

    name = NAME

    def __init__(
        self,
        kit: Path,
        hidden: list[Path],
        limits: Limits,
        as_root: bool | None = None,
        abi: int | None = None,
    ):
        there = landlock.version()
        self.kit, self.limits, self.abi = kit, limits, min(there, abi or there)
        self.as_root = can_change_user() if as_root is None else as_root
        if not there:
            raise NoBox("this kernel has no Landlock, or has it switched off (Linux 5.13 has it)")
        if not confine.known():
            raise NoBox("there is no system call filter for this processor")
        if not self.as_root and self.abi < 3:
            raise NoBox(
                f"Landlock of version {self.abi} cannot keep student code from emptying the files "
                "of the user who grades, who is its user too: grade as root, or with Linux 6.2"
            )
        self.read, self.look = openings([*system()[0], *pythons(), kit], hidden)
        self.way = f"Landlock {self.abi}; " + (
            "each box has a user of its own" if self.as_root else "of the user who grades"
        )
        self.kept = None
        said = self._try(hidden)
        kept = READ_SEARCH if has_capability(READ_SEARCH) else OVERRIDE
        if said.startswith(UNREAD) and self.as_root and (self.abi >= 3 or kept == READ_SEARCH):
            self.kept = kept
            self.way += f", and a capability, since {said.removeprefix(UNREAD)} is closed to others"
            said = self._try(hidden)
        if said != "works":
            raise NoBox(f"Landlock does not isolate here: {said}")

    def box(self) -> Place:
        return Place(self, Account() if self.as_root else None)

    def _try(self, hidden: list[Path]) -> str:
        """ "works", or what does not."""
        place = self.box()
        try:
            secret = [path for top in hidden for path in (top, *list(top.rglob("*"))[:9])]
            order = {
                **place.order(),
                "limits": self.limits.of_process(),
                "needed": [str(self.kit / "utils/__init__.py"), os.__file__],
                "secret": [str(path) for path in secret if path.is_file()],
            }
            del order["limits"]["NPROC"]
            tried = subprocess.run(
                [sys.executable, "-ISc", TRY, str(self.kit)],
                input=json.dumps(order),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=START_SECONDS,
            )
            return [*tried.stdout.splitlines(), *tried.stderr.splitlines()[-1:], "it ended"][0]
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoBox(f"Landlock could not be tried: {error}") from None
        finally:
            place.close()


def openings(seen: list[Path], hidden: list[Path]) -> tuple[list[str], list[str]]:
    """Paths to open for reading, and folders for listing, so that nothing of `hidden` is open.

    A rule holds for all below a folder: one above something hidden is opened child by child. Its
    names can be seen only where Python looks for modules.
    """
    secrets = {path.resolve() for path in hidden}
    read: list[str] = []
    look: list[str] = []

    def open_up(path: Path) -> None:
        real = path.resolve()
        if real in secrets:
            return
        if not any(real in secret.parents for secret in secrets):
            read.append(str(path))
            return
        if str(path) in sys.path:
            look.append(str(path))
        for child in sorted(path.iterdir()):
            inside = any(secret in child.resolve().parents for secret in secrets)
            if not (child.is_symlink() and inside):
                open_up(child)

    for path in seen:
        open_up(path)
    return read, look


class Place:
    """A folder for one submission, and its keeper (see `student.guard`). Single use."""

    def __init__(self, wall: Landlock, account: Account | None):
        self.wall, self.account = wall, account
        self.uid = account.uid if account else None
        try:
            self._scratch = Scratch("box", wall.limits.disk)
        except NoBox:
            if account:
                account.close()
            raise
        self.folder = self._scratch.folder
        self.link, self._there = socket.socketpair()
        self._keeper: int | None = None
        if self.uid is not None:
            os.chown(self.folder, self.uid, self.uid)

    @property
    def fd(self) -> int:
        """Goes to the keeper: when the other end closes, the box ends."""
        return self._there.fileno()

    def ready(self) -> None: ...

    def entered(self) -> None:
        """The keeper has its end of the link by now."""
        self._there.close()
        self.link.settimeout(START_SECONDS)

    def order(self) -> dict:
        """What `student.guard` is to do."""
        home = self.folder / "student"
        return {
            "rung": NAME,
            "home": str(home),
            "uid": self.uid,
            "abi": self.wall.abi,
            "kept": self.wall.kept,
            "read": [*self.wall.read, *SYSTEM],
            "look": self.wall.look,
            "write": [str(self.folder), "/dev/null"],
            "environment": environment(str(home), str(self.folder), self.wall.kit),
        }

    def usage(self) -> Usage:
        """What the box uses, its files included. Its keeper has the times of those who ended."""
        keeper = self.keeper()
        inside = descendants(keeper) if keeper else []
        used = usage_of(inside, self.wall.limits.memory)
        ended = usage_of([keeper] if keeper else [], self.wall.limits.memory)
        disk = _written(self.folder, inside, self.wall.limits)
        cpu = used.cpu + ended.cpu
        return Usage(used.memory, cpu, used.processes, used.queued, disk)

    def keeper(self) -> int | None:
        """Its process id; None before there is one."""
        if self._keeper is None:
            with contextlib.suppress(OSError, ValueError):
                self._keeper = int(self.link.recv(20))
        return self._keeper

    def close(self) -> None:
        """End everything in the box, wait until it is gone, and remove its files."""
        if self.link.fileno() < 0:
            return
        keeper = self.keeper() if self._there.fileno() < 0 else None
        self._there.close()
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_WR)
            self.link.recv(20)  # nothing: the keeper has gone as the last
        self.link.close()
        if keeper:
            self._make_sure(keeper)
        self._scratch.close()
        if self.account:
            self.account.close()

    def _make_sure(self, keeper: int) -> None:
        """Where somebody has ended the keeper, or it hangs, do its work from here."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            left = descendants(keeper) + [p for p in _of(self.uid) if self.uid is not None]
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _of(uid: int | None) -> list[int]:
    """Living processes of a user."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, IndexError, ValueError):
            status = Path("/proc", name, "status").read_text()
            if int(status.split("\nUid:")[1].split()[0]) == uid and going_on(name):
                found.append(int(name))
    return found


def _written(folder: Path, pids: list[int], limits: Limits) -> float:
    """Bytes of all files below a folder, and of those that have no name any more.

    Infinite where a folder cannot be looked into, which no honest program makes so.
    """
    size, folders = 0, [str(folder)]
    while folders and size <= limits.disk:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        size += 4096 + entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return math.inf
    return size + _nameless(folder, pids, limits.file)


def _nameless(folder: Path, pids: list[int], largest: int) -> int:
    """Bytes of files that are open or mapped and have no name any more. How large one is that is
    only mapped is told to nobody but root: it counts as the largest that there may be.
    """
    opened, mapped = {}, set()
    for pid in pids:
        with contextlib.suppress(OSError), as_its_user(pid):
            for thread in os.listdir(f"/proc/{pid}/task"):  # each may have open files of its own
                with contextlib.suppress(OSError):
                    for fd in os.scandir(f"/proc/{pid}/task/{thread}/fd"):
                        with contextlib.suppress(OSError):
                            about = fd.stat()
                            if about.st_nlink == 0:
                                opened[about.st_ino] = about.st_blocks * 512
            maps = Path(f"/proc/{going_on(pid)}/maps").read_text("utf-8", "replace")
            for line in maps.split("\n"):
                if line.endswith(" (deleted)") and f" {folder}/" in line:
                    mapped.add(int(line.split()[4]))
    return sum(opened.values()) + largest * len(mapped - opened.keys())
