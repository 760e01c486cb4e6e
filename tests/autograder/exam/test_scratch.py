"""Folders for temporary files: they end with whoever made them, and there is room in them."""

import errno
import os
import subprocess
import sys
import tempfile

import pytest

from autograder.exam.walls import scratch
from autograder.exam.walls.common import NoBox
from autograder.exam.walls.scratch import Scratch
from autograder.release import build

GIB = 2**30
KILLED = """
import os, signal
from autograder.exam.walls.scratch import Scratch
kept = Scratch("box")
(kept.folder / "work").mkdir()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder for temporary files, in which nothing is too young to be swept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "YOUNG", -1)
    scratch.sweep.cache_clear()
    yield tmp_path
    scratch.sweep.cache_clear()


def test_what_a_killed_run_left_is_removed_by_the_next_and_nothing_else(place):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=build.ROOT, env={**os.environ, "TMPDIR": str(place)}
    )
    assert killed.returncode == -9
    [left] = place.iterdir()
    living, other = Scratch("kit"), place / "box-of-somebody"
    assert not left.exists() and living.folder.exists()
    other.mkdir()
    scratch.sweep.cache_clear()
    with Scratch("box") as folder:
        assert {*place.iterdir()} == {living.folder, other, folder}
    living.close()
    assert {*place.iterdir()} == {other}


def test_where_there_is_no_room_for_what_a_submission_may_write_there_is_no_box(place, monkeypatch):
    monkeypatch.setattr(
        scratch.shutil, "disk_usage", lambda path: type("", (), {"free": 10 * 2**20})
    )
    with pytest.raises(NoBox, match="has 10 MiB free, and a submission may write 1024: make room"):
        Scratch("box", GIB)
    assert not [*place.iterdir()]


def test_a_full_disk_is_a_sentence(place, monkeypatch):
    def full(**how):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(
        NoBox, match="no place for temporary files .No space left on device.*TMPDIR"
    ):
        Scratch("box")
