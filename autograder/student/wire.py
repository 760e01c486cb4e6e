"""Arrays and plain values over a pipe: a JSON head and a safetensors body, never pickle, always
bounded.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import sys
import time
from collections.abc import Callable

import numpy as np
from safetensors.numpy import load, save

LIMIT = 64 * 2**20  # bytes of one message; the largest honest one is below 8 MiB
HEAD_LIMIT = 4 * 2**20  # bytes of its JSON, which takes twenty times the room when it is read
NAMES_LIMIT = 2**16  # bytes of names and shapes of its arrays: some 600; honest ones have below 100
WATCH = 0.1  # seconds between looks at a silent sender
HEAD = struct.Struct("!II")
WINDOWS = sys.platform == "win32"
POLL = 0.005  # seconds between looks into a pipe there


class WireError(Exception):
    """The other side sent something that is no message, too much, or nothing in time."""


def pack(message: dict) -> bytes:
    """{name: array | JSON value} to bytes. Values may be nested in dicts and lists; arrays
    only at the top.
    """
    arrays = {k: np.ascontiguousarray(v) for k, v in message.items() if isinstance(v, np.ndarray)}
    # safetensors keeps no 0-d shape for some writers; shapes travel in the head.
    shapes = {k: list(v.shape) for k, v in message.items() if isinstance(v, np.ndarray)}
    plain = {k: v for k, v in message.items() if k not in arrays}
    head = json.dumps({"plain": plain, "shapes": shapes}, default=_plain).encode()
    body = save({k: v.reshape(-1) for k, v in arrays.items()}) if arrays else b""
    return HEAD.pack(len(head), len(body)) + head + body


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        raise TypeError("arrays belong at the top level of a message")
    return str(value)


def unpack(head: bytes, body: bytes) -> dict:
    """The message of `pack`; WireError for anything else."""
    try:
        if body and struct.unpack_from("<Q", body)[0] > NAMES_LIMIT:  # how safetensors begins
            raise WireError("too many arrays")
        parts = json.loads(head)
        arrays = load(body) if body else {}
        shaped = {k: arrays[k].reshape(shape) for k, shape in parts["shapes"].items()}
        return {**parts["plain"], **shaped}
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"unreadable answer ({type(error).__name__})") from None


def send(fd: int, message: dict, seconds: float | None = None, watch=None) -> None:
    """Write one message; TimeoutError when the other side does not read it in time."""
    write(fd, pack(message), seconds, watch)


def write(fd: int, data: bytes, seconds: float | None = None, watch=None) -> None:
    """Write the bytes of one message. With `seconds`, the descriptor must be non-blocking. `watch`
    is as in `receive`.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    left_over = memoryview(data)
    while left_over:
        while deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if watch is not None:
                watch()
            if WINDOWS or select.select([], [fd], [], min(left, WATCH) if watch else left)[1]:
                break
        with contextlib.suppress(BlockingIOError):
            left_over = left_over[os.write(fd, left_over) :]


def receive(
    fd: int,
    seconds: float | None = None,
    watch: Callable[[], object] | None = None,
    admit: Callable[[int], object] | None = None,
) -> dict:
    """Read one message; WireError when it is too large or malformed, TimeoutError when it is late,
    EOFError at the end. `watch` is called again and again meanwhile, `admit` with the size of the
    message before it is read; both may raise.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    head_size, body_size = HEAD.unpack(_read(fd, HEAD.size, deadline, watch))
    if head_size > HEAD_LIMIT or head_size + body_size > LIMIT:
        raise WireError(f"an answer of {(head_size + body_size) / 2**20:.0f} MiB is over the limit")
    if admit is not None:
        admit(HEAD.size + head_size + body_size)
    head = _read(fd, head_size, deadline, watch)
    return unpack(head, _read(fd, body_size, deadline, watch))


def _read(fd: int, size: int, deadline: float | None, watch=None) -> bytes:
    parts = []
    while size:
        while deadline is not None or watch is not None:
            left = WATCH if deadline is None else deadline - time.monotonic()
            if left <= 0:  # also where bytes keep trickling in
                raise TimeoutError
            if watch is not None:
                watch()
            if _readable(fd, min(left, WATCH) if watch else left):
                break
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _readable(fd: int, seconds: float) -> bool:
    """Whether something, or the end, can be read within so many seconds."""
    if not WINDOWS:
        return bool(select.select([fd], [], [], seconds)[0])
    import _winapi  # `select` knows no pipes there; multiprocessing looks into them so, too
    import msvcrt

    until = time.monotonic() + seconds
    with contextlib.suppress(BrokenPipeError):
        while not _winapi.PeekNamedPipe(msvcrt.get_osfhandle(fd), 0)[0]:  # type: ignore[attr-defined]
            if time.monotonic() > until:
                return False
            time.sleep(POLL)
    return True
