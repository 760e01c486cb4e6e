"""A student's process that was started, not forked: it warms up, waits for its order, and serves
the examiner over its standard input and output.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys


def main(heavy: list[str]) -> None:
    """Never returns before the examiner has gone. heavy: see `probes.HEAVY`."""
    asked, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    from autograder.student import forkserver, kernel

    forkserver.warm_up(heavy)
    order = json.loads(_line(asked))
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        for name, value in order["limits"].items():
            with contextlib.suppress(ValueError, OSError, AttributeError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    os.chdir(order["home"])
    sys.argv[:] = [""]
    try:
        kernel.serve(asked, answers)
    except (EOFError, OSError):
        os._exit(0)


def _line(fd: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(fd, 1)  # what follows it is not for us
        if not part:
            os._exit(0)
        line += part
    return line
