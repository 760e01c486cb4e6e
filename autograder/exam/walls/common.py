"""What every wall has: limits, what a box uses, the users that root may give to student code."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from autograder.errors import WrongCall

UIDS = range(60100, 61100)  # of no account on any usual system
START_SECONDS = 20.0
UNSHARED = "VmPTE:", "HugetlbPages:"  # of /proc/PID/status, and in no other line there
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
BUFFER = Path("/proc/sys/net/core/wmem_default")  # bytes that one socket may hold in the kernel

ENVIRONMENT = {
    "USER": "student",
    "LOGNAME": "student",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",
    "NBGRADER_EXECUTION": "autograde",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def environment(home: str, scratch: str, kit: Path) -> dict[str, str]:
    """Of student code that lives in `home` and may write into `scratch`."""
    places = {"HOME": home, "TMPDIR": scratch, "PYTHONPATH": str(kit)}
    places |= {"MPLCONFIGDIR": f"{scratch}/matplotlib", "IPYTHONDIR": f"{scratch}/ipython"}
    return {**ENVIRONMENT, **places}


class NoBox(WrongCall):
    """This machine cannot isolate student code; the message says what failed and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    memory: bytes, of each process and of all together. disk: bytes written, in all, which may be
    memory too. file: bytes of one file.
    cell_seconds, seconds: of computing, in a cell and in the whole submission; by the clock it may
    be `student.probes.PATIENCE` times as long. cpu_seconds: of computing in one process, kept by
    the kernel.
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
        """As setrlimit(2) wants them.

        AS bounds page tables, which take a 512th of the addresses and are counted by nothing else;
        NOFILE keeps what all sockets may hold in the kernel, uncounted too, below `memory`.
        SIGPENDING is about timers, of which a user has only so many. CORE is 1, since 0 does not
        keep a crash from starting the program, of root's, that some systems have for crashes.
        """
        return {
            "DATA": self.memory,
            "AS": 32 * self.memory,
            "NPROC": self.processes,
            "NOFILE": max(32, min(self.open_files, self.memory // self.processes // _buffer())),
            "FSIZE": self.file,
            "CPU": self.cpu_seconds,
            "CORE": 1,
            "SIGPENDING": 1024,
            "MSGQUEUE": 0,
            "MEMLOCK": 2**20,
        }


def _buffer() -> int:
    try:
        return int(BUFFER.read_text("ascii"))
    except (OSError, ValueError):
        return 212992


@dataclass(frozen=True)
class Usage:
    """What the processes of a box take at one moment: bytes, seconds, count.

    queued: seconds that they have waited for a processor. disk: bytes of files, where no file
    system bounds them.
    """

    memory: int
    cpu: float
    processes: int
    queued: float = 0.0
    disk: float = 0


class Box(Protocol):
    """One submission's place behind a wall. Single use."""

    fd: int  # what `student.guard` needs to enter it

    def ready(self) -> None:
        """Wait until it can be entered. NoBox when it cannot."""

    def order(self) -> dict:
        """What `student.guard` is to do there."""

    def entered(self) -> None:
        """The guardian has `fd` by now."""

    def usage(self) -> Usage:
        """What everything in it uses."""

    def close(self) -> None:
        """End everything in it, wait until it is gone, and give back what it took."""


def usage_of(pids: Iterable[int | str], most: int) -> Usage:
    """Sum over processes, seen from outside, so that they cannot lie about it.

    Memory is what is resident and no file, and the page tables. A page that processes share is
    counted in each; where that exceeds `most`, it is counted once, if the kernel tells.
    """
    memory, cpu, queued, processes, living = 0, 0.0, 0.0, 0, []
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = _stat(pid)
            cpu += sum(int(field) for field in stat[11:15]) / TICK
            if stat[0] == "Z":
                if (thread := going_on(pid)) is None:
                    continue
                pid = thread
            memory += _resident(pid)
            processes += 1
            living.append(pid)
            queued += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    if memory > most:
        memory = sum(_shared_out(pid) for pid in living)
    return Usage(memory, cpu, processes, queued)


def going_on(pid) -> str | None:
    """A thread of a process that seems dead since its first thread has ended, None if all have.
    What /proc tells of the thread is true of the process.
    """
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            if _stat(f"{pid}/task/{thread}")[0] not in "ZX":
                return thread
    return None


def _stat(pid) -> list[str]:
    """What /proc/PID/stat says behind the program's name: state, parent, …; of a thread, too."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _resident(pid, wanted=("RssAnon:", "RssShmem:", *UNSHARED)) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(wanted))


def _shared_out(pid) -> int:
    """Like `_resident`, each page divided among those who share it, where one may see that."""
    try:
        with as_its_user(pid):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
        pages = [line.split()[1] for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
        return sum(int(size) * 1024 for size in pages) + _resident(pid, UNSHARED)
    except (OSError, ValueError, IndexError):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return _resident(pid)
        return 0


@contextlib.contextmanager
def as_its_user(pid) -> Iterator[None]:
    """Be the user of a process, who alone sees all of it: in a container root is not asked.

    setfsuid(2) is about this thread's opening of files and about nothing else. It takes away
    capabilities, but who looks into a process needs all that the process has.
    """
    about, libc = os.stat(f"/proc/{pid}"), ctypes.CDLL(None)
    before = libc.setfsgid(about.st_gid), libc.setfsuid(about.st_uid)
    version3_itself, sets = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    if libc.capget(version3_itself, sets) == 0:  # effective, permitted, inheritable, twice
        _, low, low_passed, _, high, high_passed = struct.unpack("=6I", sets.raw)
        whole = struct.pack("=6I", low, low, low_passed, high, high, high_passed)
        libc.capset(version3_itself, whole)
    try:
        yield
    finally:
        libc.setfsuid(before[1])
        libc.setfsgid(before[0])


def parents() -> dict[int, int]:
    """{pid: parent's pid} of every process that can be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[int(name)] = int(_stat(name)[1])
    return found


def descendants(pid: int) -> list[int]:
    """A process's children and theirs; of a subreaper, that is everybody who ever was one."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


class Account:
    """A user id without account, held by this object alone until it is closed.

    A lock on a file holds it, so that no other grading run on this machine takes the same.
    """

    def __init__(self):
        import fcntl  # Windows has none, and no such users

        folder = _locks()
        for uid in UIDS:
            fd = os.open(folder / str(uid), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                continue
            self.uid, self._fd = uid, fd
            return
        raise NoBox(f"all {len(UIDS)} users for student code are taken: is grading still running?")

    def close(self) -> None:
        """Give it back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _locks() -> Path:
    """A folder in which only root can make files."""
    for base in ("/run", tempfile.gettempdir()):
        folder = Path(base, "autograder-users")
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                return folder
    raise NoBox("no folder for locks: neither /run nor the folder for temporary files is writable")


def can_change_user() -> bool:
    """Whether this process may give student code another user id, and end and clean up after it."""
    needed = (0, 1, 5, 6, 7)  # CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID of linux/capability.h
    return hasattr(os, "geteuid") and os.geteuid() == 0 and all(map(has_capability, needed))


def has_capability(number: int) -> bool:
    """Whether this process has that capability of Linux; False where none can be read."""
    try:
        status = Path("/proc/self/status").read_text()
        return bool(int(status.split("CapEff:")[1].split()[0], 16) >> number & 1)
    except (OSError, IndexError, ValueError):
        return False


def read_until(fd: int, deadline: float) -> bytes:
    """What can be read from a descriptor, b"" at its end or when the time is up."""
    if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
        return b""
    return os.read(fd, 1 << 16)


def hang_up(*streams: IO[bytes] | None) -> None:
    """Close pipes to a process, whether somebody still reads them or not."""
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def system() -> tuple[list[Path], dict[str, str]]:
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


def pythons() -> list[Path]:
    """Where this interpreter, its environment and its libraries are, behind links too: an
    environment may be a folder of them.
    """
    executable = Path(sys.executable).resolve().parents[1]
    folders = [
        Path(p) for p in sys.path if Path(sys.prefix) in Path(p).parents and os.path.isdir(p)
    ]
    linked = [entry for folder in folders for entry in folder.iterdir() if entry.is_symlink()]
    behind = {path.resolve() for path in [*folders, *linked] if path.exists()}
    return [Path(sys.base_prefix), Path(sys.prefix), executable, *sorted(behind)]
