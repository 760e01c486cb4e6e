"""Landlock by its three system calls: what this process, and all that it starts, may never do.

Their numbers are the same on every processor. A ruleset names folders; what is under none of them
can be neither opened, listed, made, removed nor run. Names, sizes and times stay visible.
See landlock(7) and linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Any

libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
CREATE, ADD, RESTRICT = 444, 445, 446
EXECUTE, WRITE, READ, LIST = 1, 2, 4, 8
MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
REFER, TRUNCATE, IOCTL = 1 << 13, 1 << 14, 1 << 15
FILE = EXECUTE | WRITE | READ | TRUNCATE | IOCTL  # the rights that a file can have
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many there are at each version; 16 since
TCP = 3  # bind and connect, since version 4
SCOPES = 3  # abstract sockets and signals, since version 6


def version() -> int:
    """Landlock's version (ABI) in this kernel, 0 where it has none or has it switched off."""
    return max(0, libc.syscall(CREATE, None, ctypes.c_size_t(0), 1)) if libc else 0


def fence(read: list[str], look: list[str], write: list[str], abi: int) -> int:
    """A ruleset, as a descriptor: read and run here, list here, anything here, nothing elsewhere.

    Paths that are not there are left out. abi: use no more than this version has.
    """
    rights = (1 << RIGHTS.get(abi, 16)) - 1
    ruleset = _ruleset(rights, TCP if abi >= 4 else 0, SCOPES if abi >= 6 else 0, abi)
    everything = rights & ~(MAKE_CHAR | MAKE_SOCK | MAKE_BLOCK | IOCTL)
    for paths, allowed in ((read, EXECUTE | READ | LIST), (look, LIST), (write, everything)):
        for path in paths:
            _allow(ruleset, path, allowed & rights)
    return ruleset


def scope(abi: int) -> int:
    """A ruleset that takes nothing from who is in it but to look into, or signal, who is not."""
    if abi >= 6:
        return _ruleset(0, 0, SCOPES, abi)
    if abi >= 4:
        return _ruleset(0, TCP, 0, abi)
    ruleset = _ruleset(REFER if abi >= 2 else MAKE_BLOCK, 0, 0, abi)
    if abi >= 2:
        _allow(ruleset, "/", REFER)
    return ruleset


def restrict(ruleset: int) -> None:
    """Apply a ruleset to this process, for good, and close it; needs no_new_privs."""
    if libc.syscall(RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def _ruleset(files: int, tcp: int, scopes: int, abi: int) -> int:
    attributes = struct.pack("=QQQ", files, tcp, scopes)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = libc.syscall(CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    return ruleset


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = struct.pack("=Qi", rights if os.path.isdir(path) else rights & FILE, fd)
        if libc.syscall(ADD, ruleset, 1, rule, 0):
            raise OSError(ctypes.get_errno(), f"landlock rule for {path}")
    finally:
        os.close(fd)
