"""The warm server as this side sees it: a process that students' processes are forked from.

It takes seconds to warm up. So it can be started before this process imports torch and nbgrader,
which takes seconds too, and nothing heavy is imported here: `begin`, then the imports, then `Warm`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import select
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import utils
from autograder.exam.walls.common import NoBox, environment
from autograder.exam.walls.scratch import Scratch

PACKAGE = Path(__file__).resolve().parents[1]
WARM_SECONDS = 120.0
LAUNCH = (
    "import os, sys; sys.path[:] = [p for p in sys.path if not os.path.isdir("
    "os.path.join(p, 'autograder', 'exam'))]; sys.path.insert(0, sys.argv[1]); "
    "from autograder.student import forkserver; forkserver.main(int(sys.argv[2]))"
)

_begun: list[Server] = []


def begin() -> None:
    """Start a warm server for whoever needs one first; it ends with this process."""
    with contextlib.suppress(NoBox):  # told when it is needed
        _begun.append(Server())
        atexit.register(_begun[-1].close)


def taken() -> Server:
    """The server that has been begun, or a new one."""
    return _begun.pop() if _begun else Server()


class Server:
    """Forks a process for every order. Close it.

    kit: the folder with all that student code may see of this course. heavy: see `probes.HEAVY`.
    forks: False for the kit alone.
    """

    def __init__(self, forks: bool = True):
        self._scratch = Scratch("kit")
        self.folder = self._scratch.folder
        self.heavy: tuple[str, ...] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.kit = stage(self.folder)
            if forks:
                self._start()
        except BaseException:
            self.close()
            raise

    def warm_up(self, heavy: tuple[str, ...]) -> None:
        """Say what is to be imported besides; it is ready some time later."""
        self.heavy = heavy
        with contextlib.suppress(OSError):  # it has ended: `fork` finds out
            self.control.send(json.dumps(heavy).encode())

    def fork(self, order: dict, fds: list[int]) -> None:
        """Have a process forked, see `forkserver.serve`. NoBox when the server does not start."""
        if self.poll() is not None:  # somebody has killed it
            self.control.close()
            self._start()
            self.warm_up(self.heavy or ())
        self._wait()
        socket.send_fds(self.control, [json.dumps(order).encode()], fds)

    def poll(self) -> int | None:
        """How it has ended; None while it is there."""
        return self.process.poll() if self.process else 0

    def close(self) -> None:
        """End it, and remove the kit."""
        if self.process is not None:
            self.control.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2 if self._ready else 0)
            self.process.kill()
            self.process.wait()
            self.process = None
        self._scratch.close()

    def _start(self) -> None:
        self.control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready, self._log = False, self.folder / "server.log"
        with open(self._log, "wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", LAUNCH, str(self.kit), str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env={
                    **environment("/", str(self.folder), self.kit),
                    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # its forks map pages by the 2 MiB
                },
                cwd="/",
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        there.close()

    def _wait(self) -> None:
        if self._ready:
            return
        told = b""
        with contextlib.suppress(OSError):
            if select.select([self.control], [], [], WARM_SECONDS)[0]:
                told = self.control.recv(1 << 16)
        if not told or not json.loads(told).get("ready"):
            said = self._log.read_text("utf-8", errors="replace").strip().splitlines()
            if self.process:
                self.process.kill()
            raise NoBox(f"the warm server did not start: {(said or ['no answer'])[-1]}")
        self._ready = True


def stage(folder: Path) -> Path:
    """Copy what student code may see: neutral code and `utils`. Readable by everybody."""
    kit = folder / "kit"
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    try:
        (kit / "autograder").mkdir(parents=True)
        shutil.copyfile(PACKAGE / "__init__.py", kit / "autograder" / "__init__.py")
        shutil.copytree(PACKAGE / "student", kit / "autograder" / "student", ignore=ignore)
        shutil.copytree(Path(utils.__file__).parent, kit / "utils", ignore=ignore)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    except OSError as error:  # of copytree: a list of (from, to, why)
        why = error.strerror or str(error.args[0][0][2]).partition("] ")[2].partition(":")[0]
        raise NoBox(f"the kit cannot be copied to {folder.parent}: {why}") from None
    return kit
