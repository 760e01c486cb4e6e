"""A warm process that never runs student code: for each submission it forks one that joins a
sandbox and does.

It imports what notebooks import, once, and runs no OpenMP region, which a forked child would wait
for at its first parallel operation. It holds nothing secret: a child inherits its memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import stat
import traceback
from pathlib import Path

from autograder.student import confine

HOME = Path("/home/student")
MADV_COLLAPSE = 25


def warm_up(late: list[str]) -> None:
    """Import and prepare whatever a child would otherwise pay for. late: see `probes.LATE`."""
    import torch

    torch.set_num_threads(1)
    import ipywidgets  # noqa: F401
    import matplotlib.font_manager  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch.nn.functional  # noqa: F401
    import tqdm.auto  # noqa: F401

    from autograder.student import asking, kernel, probes  # noqa: F401

    for optional in ("checks", "data", "plots", "runs", "training", "explorers"):
        with contextlib.suppress(ImportError):
            __import__(f"utils.{optional}")
    for name in (*late, *(f"autograder.student.probes.{name}" for name in probes.PACKAGES)):
        with contextlib.suppress(ImportError):
            __import__(name)
    from utils import data

    for name in data.DOWNLOADS:
        data.unpack(name)
    kernel.prepare()
    gc.collect()
    gc.freeze()  # or a child's first full collection would copy every page with an object in it
    _collapse()


def _collapse() -> None:
    """Have the kernel put this process's memory into pages of 2 MiB: a fork copies an entry for
    each page, and its end frees them. Nothing happens before Linux 6.1.
    """
    madvise, whole = ctypes.CDLL(None).madvise, 2 << 20
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_, inode = line.split(maxsplit=5)[:5]
        first, end = (int(place, 16) for place in span.split("-"))
        if rights == "rw-p" and inode == "0":
            for page in range(-(-first // whole) * whole, end // whole * whole, whole):
                madvise(page, whole, MADV_COLLAPSE)


def serve(control: socket.socket) -> None:
    """Fork a process for every order, until the other end closes.

    An order is JSON with five descriptors: the sandbox (pidfd), the submission's folder, the wire
    to the examiner, and a pipe on which the process's pid, then how it ended, is told.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the guardians
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 8)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            _guard(json.loads(data), *fds)
        for fd in fds:
            os.close(fd)


def _guard(order: dict, sandbox: int, folder: int, wire: int, told: int) -> None:
    """Join the sandbox, fork the student's process there, tell how it ends. Never returns.

    This guardian stays outside the pid namespace, so that student code can neither see nor signal
    it.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        confine.join(sandbox, order["user_namespace"])
        pid = os.fork()
        if pid == 0:
            os.close(told)
            os.close(sandbox)
            _become_student(order, folder, wire)
        os.close(wire)
        os.close(folder)
        os.write(told, json.dumps({"pid": pid}).encode() + b"\n")
        _, status = os.waitpid(pid, 0)
        os.write(told, json.dumps({"status": status}).encode() + b"\n")
    except BaseException:
        with contextlib.suppress(OSError):
            why = traceback.format_exc(limit=-2).strip()
            os.write(told, json.dumps({"failed": why}).encode() + b"\n")
    finally:
        os._exit(0)


def _become_student(order: dict, folder: int, wire: int) -> None:
    """Copy the submission in, confine this process, then serve the examiner. Never returns."""
    try:
        home = HOME / order["name"]
        home.mkdir()
        _copy(folder, home, order["files"], order["uid"])
        os.close(folder)
        os.chdir(home)
        confine.limit(order["limits"])
        confine.surrender(order["uid"])
        if not confine.filter_calls() and not order["filter_optional"]:
            raise OSError("no system call filter for this processor")
        null = os.open("/dev/null", os.O_RDWR)
        for number, fd in enumerate((null, null, null, wire)):
            os.dup2(fd, number)
        os.closerange(4, 1 << 16)
        os.environ.update(order["environment"])
        from autograder.student import kernel

        kernel.serve(3)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            from autograder.student import wire as frames

            for fd in (wire, 3):  # it moves to 3 on the way
                frames.send(fd, {"failed": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(70)


def _copy(folder: int, home: Path, files: list[str], uid: int | None) -> None:
    """Copy regular files from an open folder of the host; links of any kind are not followed."""
    for name in files:
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with open(source, "rb") as stream:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                continue
            with open(target, "wb") as copy:
                while part := stream.read(1 << 20):
                    copy.write(part)
    if uid is not None:
        for path in [home, *home.rglob("*")]:
            os.chown(path, uid, uid)


def main(descriptor: int, late: list[str]) -> None:
    """Warm up, say so, serve orders from the control socket."""
    control = socket.socket(fileno=descriptor)
    try:
        warm_up(late)
    except BaseException:
        control.send(json.dumps({"failed": traceback.format_exc()}).encode())
        raise
    control.send(b'{"ready": true}')
    serve(control)
    os._exit(0)  # nothing to put away: who closed the other end waits for this process
