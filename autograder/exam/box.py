"""A sandbox for one submission: bubblewrap's namespaces and mounts, and the limits of what joins
them.

No network. The system, the environment and the neutral kit are read-only; /tmp, /dev/shm and the
home folder are private, empty and bounded; nothing else of this machine is there. A box waits,
empty, for the one process that joins it (see `inside.confine`), and dies with everything in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HOME = "/home/student"
UIDS = range(
    60100, 61100
)  # of no account, on any usual system; root gives student code one of them
START_SECONDS = 20.0

ENVIRONMENT = {
    "HOME": HOME,
    "USER": "student",
    "LOGNAME": "student",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "IPYTHONDIR": "/tmp/ipython",
    "OMP_NUM_THREADS": "1",
    "NBGRADER_EXECUTION": "autograde",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TMPDIR": "/tmp",
}


class NoBox(Exception):
    """This machine cannot isolate student code; the message says what failed and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    memory: bytes, of each process and of all together. disk: bytes written, in all. file: bytes of
    one file.
    cell_seconds, seconds: of computing, in a cell and in the whole submission; by the clock it may
    be
        `student.PATIENCE` times as long. cpu_seconds: of computing in one process, kept by the
        kernel.
    The rest is kept by the examiner (`exam.budget`), each in the whole submission. idle_seconds: of
    waiting while nothing computes. examiner_seconds: of computing on the examiner's side. cells: of
    the student's own code. text, pictures: characters and bytes that are shown. received: bytes of
    answers. calls: of stand-ins.
    """

    memory: int = 2 * 2**30
    processes: int = 64
    open_files: int = 256
    file: int = 128 * 2**20
    disk: int = 256 * 2**20
    cell_seconds: float = 30.0
    seconds: float = 300.0
    cpu_seconds: int = 300
    idle_seconds: float = 60.0
    examiner_seconds: float = 60.0
    cells: int = 500
    text: int = 1_000_000
    pictures: int = 24 * 2**20
    received: int = 256 * 2**20
    calls: int = 2000

    def of_process(self) -> dict[str, int]:
        """As setrlimit(2) wants them."""
        return {
            "DATA": self.memory,
            "NPROC": self.processes,
            "NOFILE": self.open_files,
            "FSIZE": self.file,
            "CPU": self.cpu_seconds,
            "CORE": 0,
            "MSGQUEUE": 0,
            "MEMLOCK": 2**20,
        }


@dataclass(frozen=True)
class Usage:
    """What the processes of a box take at one moment: bytes, seconds, count.

    queued: seconds that they have waited for a processor.
    """

    memory: int
    cpu: float
    processes: int
    queued: float = 0.0


def command(kit: Path, hidden: list[Path], limits: Limits, as_root: bool) -> list[str]:
    """bubblewrap's arguments, without descriptors and program.

    kit: folder with the neutral code. hidden: paths that must not be seen even where a folder above
    is.
    """
    args = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    args += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "box"]
    args += ["--cap-drop", "ALL", "--clearenv"]
    if not as_root:
        args += ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    seen, links = _system()
    args += [word for link, target in links.items() for word in ("--symlink", target, link)]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):
        args += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", folder]
    args += ["--perms", "0755", "--dir", "/home"]
    args += ["--perms", "0755", "--size", str(limits.disk), "--tmpfs", HOME]
    seen += [Path(p) for p in (sys.base_prefix, sys.prefix)]
    seen += [Path(sys.executable).resolve().parents[1], kit]
    return [*args, *_mounts(seen, hidden), "--remount-ro", "/dev", "--remount-ro", "/"]


def _system() -> tuple[list[Path], dict[str, str]]:
    """Folders of the operating system that programs need, and links among them."""
    seen, links = [Path("/usr")], {}
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(name):
            links[name] = os.readlink(name)
        elif os.path.isdir(name):
            seen.append(Path(name))
    for name in ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"):
        if os.path.exists(f"/etc/{name}"):
            seen.append(Path("/etc") / name)
    return seen, links


def _mounts(seen: list[Path], hidden: list[Path]) -> list[str]:
    """Read-only binds of `seen` and empty folders over `hidden`, the outer before the inner."""
    kinds = {path: "see" for path in seen}
    kinds.update({path.resolve(): "hide" for path in hidden if path.exists()})
    args, made, last = [], {Path("/"), Path("/tmp"), Path("/home")}, []
    for path in sorted(kinds, key=lambda p: len(p.parts)):
        around = max(
            (p for p in kinds if p in path.parents), key=lambda p: len(p.parts), default=None
        )
        nearest = kinds.get(around)
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


class Box:
    """One bubblewrap sandbox with a waiting program in it. Single use.

    as_root: build it with root's rights, and let student code be user `uid`; otherwise a user
    namespace.
    """

    def __init__(self, arguments: list[str], uid: int | None):
        self.uid, self.pidfd = uid, -1
        program = shutil.which("bwrap")
        if program is None:
            raise NoBox("bubblewrap is not installed: `apt install bubblewrap` (Debian, Ubuntu)")
        files = {
            "/etc/passwd": _passwd(uid),
            "/etc/group": _group(uid),
            "/etc/hosts": "127.0.0.1 box\n",
        }
        info, info_write = os.pipe()
        opened = [info_write]
        words = ["--info-fd", str(info_write)]
        for name, text in files.items():
            fd = _readable(text.encode())
            opened.append(fd)
            words += ["--perms", "0644", "--ro-bind-data", str(fd), name]
        # Arguments through a pipe: a command line could be read from inside, as /proc/1/cmdline.
        split = arguments.index("--remount-ro")
        arguments = [*arguments[:split], *words, *arguments[split:]]
        opened.append(_readable("\0".join([*arguments, ""]).encode()))
        try:
            self.process = subprocess.Popen(
                [program, "--args", str(opened[-1]), "--", shutil.which("cat") or "cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=opened,
                env={"PATH": os.defpath},
                cwd="/",
            )
        finally:
            for fd in opened:
                os.close(fd)
        self._info = info

    def ready(self) -> int:
        """Wait until the sandbox stands; returns a pidfd of its first process. NoBox when
        it fails.
        """
        if self.pidfd < 0:
            deadline = time.monotonic() + START_SECONDS
            told = b""
            while part := _read_until(self._info, deadline):
                told += part
            os.close(self._info)
            self._info = -1
            with contextlib.suppress(OSError):
                os.write(self.process.stdin.fileno(), b"\n")
            if _read_until(self.process.stdout.fileno(), deadline) != b"\n":
                self.process.kill()
                why = self.process.communicate()[1].decode(errors="replace").strip()
                raise NoBox(
                    f"bubblewrap could not make a sandbox: {why or 'it did not start in time'}"
                )
            self.first = json.loads(told)["child-pid"]
            self.pidfd = os.pidfd_open(self.first)
        return self.pidfd

    def usage(self) -> Usage:
        """Sum over the processes in the box, seen from outside, so that they cannot lie
        about it.
        """
        here = _namespace(self.first)
        memory, cpu, processes, queued = 0, 0.0, 0, 0.0
        tick = os.sysconf("SC_CLK_TCK")
        for name in os.listdir("/proc"):
            if name.isdigit() and here is not None and _namespace(name) == here:
                with contextlib.suppress(OSError, ValueError, IndexError):
                    stat = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
                    cpu += sum(int(field) for field in stat[11:15]) / tick
                    for line in Path("/proc", name, "status").read_text().splitlines():
                        if line.startswith(("RssAnon:", "RssShmem:")):
                            memory += int(line.split()[1]) * 1024
                    processes += 1
                    queued += int(Path("/proc", name, "schedstat").read_text().split()[1]) / 1e9
        return Usage(memory, cpu, processes, queued)

    def close(self) -> None:
        """Kill everything in the box and wait until it is gone."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            os.close(self.pidfd)
            self.pidfd = -1
        if self._info >= 0:
            os.close(self._info)
            self._info = -1
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


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


def _read_until(fd: int, deadline: float) -> bytes:
    if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
        return b""
    return os.read(fd, 1 << 16)


def _namespace(pid) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
