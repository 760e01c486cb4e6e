"""A warm process that never runs student code: for each submission it forks one that enters a box
and does.

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
import traceback
from pathlib import Path

from autograder.student import guard

MADV_COLLAPSE = 25


def load() -> None:
    """Import whatever a child would otherwise pay for."""
    import torch

    torch.set_num_threads(1)
    import ipywidgets  # noqa: F401
    import matplotlib.font_manager  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import numpy.random  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch.nn.functional  # noqa: F401
    import tqdm.auto  # noqa: F401

    from autograder.student import asking, kernel, probes  # noqa: F401

    parts = "checks", "data", "hand_in.preflight", "plots", "runs", "training", "explore.widgets"
    for optional in (*parts, "explore.explorers"):
        with contextlib.suppress(ImportError):
            __import__(f"utils.{optional}")
    for name in probes.PACKAGES:
        with contextlib.suppress(ImportError):
            __import__(f"autograder.student.probes.{name}")


def warm_up(heavy: list[str]) -> None:
    """Import everything and prepare it for being forked. heavy: see `probes.HEAVY`."""
    load()
    for name in heavy:
        with contextlib.suppress(ImportError):
            __import__(name)
    from autograder.student import kernel, libraries
    from utils import data

    for name in data.DOWNLOADS:
        data.unpack(name)
    libraries.adapt()
    kernel.prepare()
    gc.collect()
    gc.freeze()  # or a child's first full collection would copy every page with an object in it
    _collapse()


def _collapse() -> None:
    """Have the kernel put this process's memory into pages of 2 MiB: a fork copies an entry for
    each page, and its end frees them. Nothing happens before Linux 6.1.
    """
    if not Path("/proc/self/maps").exists():
        return
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

    An order is JSON with four descriptors: the box, the submission's folder, the wire to the
    examiner, and a pipe on which the process's pid, then how it ended, is told (see `guard`).
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the guardians
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 8)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            guard.guard(json.loads(data), *fds)
        for fd in fds:
            os.close(fd)


def main(descriptor: int) -> None:
    """Load, be told what is heavy, warm up, say so, serve orders from the control socket."""
    control = socket.socket(fileno=descriptor)
    try:
        load()
        told = control.recv(1 << 16)
        if not told:
            os._exit(0)  # nobody needs it
        warm_up(json.loads(told))
    except BaseException:
        control.send(json.dumps({"failed": traceback.format_exc()}).encode())
        raise
    control.send(b'{"ready": true}')
    serve(control)
    os._exit(0)  # nothing to put away: who closed the other end waits for this process
