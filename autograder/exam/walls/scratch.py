"""Folders for temporary files, which do not outlive whoever made them.

A run that is killed cannot remove its own. So each is locked as long as its maker lives, and the
next run removes those that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from autograder.exam.walls.common import UIDS, NoBox

PREFIX = ".autograder-scratch-"  # nobody calls a folder of their own so
YOUNG = 60.0  # seconds in which a folder may not be locked yet


class Scratch:
    """A folder of one's own, `folder`; close it, or use `with`, which gives the folder.

    kind: goes into its name. room: bytes that must be free there. NoBox where there is no such
    place.
    """

    def __init__(self, kind: str, room: int = 0):
        self._held = -1
        try:
            sweep(tempfile.gettempdir())
            self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-"))
            with contextlib.suppress(OSError):
                self._held = _lock(self.folder)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            if hasattr(self, "folder"):
                self.close()
            raise NoBox(
                f"there is no place for temporary files ({error.strerror}): make room there, or "
                "have TMPDIR name another folder"
            ) from None
        if free < room:
            self.close()
            raise NoBox(
                f"{self.folder.parent} has {free / 2**20:.0f} MiB free, and a submission may write "
                f"{room / 2**20:.0f}: make room there, have TMPDIR name another folder, or allow "
                "less (Execute.disk)"
            )

    def close(self) -> None:
        """Remove it with all that is in it."""
        remove(self.folder)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *exception) -> None:
        self.close()


@cache
def sweep(where: str) -> None:
    """Remove what killed runs of this user, and of boxes that root made, have left there."""
    if not hasattr(os, "geteuid"):
        return
    mine = {os.geteuid(), *(UIDS if os.geteuid() == 0 else ())}
    for folder in Path(where).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if about.st_uid in mine and time.time() - about.st_ctime > YOUNG:
                held = _lock(folder)
                remove(folder)
                os.close(held)


def remove(folder: Path) -> None:
    """Remove a folder, also one that somebody has made deep or closed to make that hard."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            with contextlib.suppress(OSError):
                subprocess.run([*command, "--", str(folder)], capture_output=True)


def _lock(folder: Path) -> int:
    """A descriptor that holds a folder while its process lives. OSError where somebody else's does,
    or the file system knows no locks.
    """
    try:
        import fcntl
    except ImportError:  # on Windows nothing is swept
        return -1
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
