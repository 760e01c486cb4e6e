"""What is written takes the place of what was there at the end, or not at all."""

import os

import pytest

from utils.hand_in.files import replacing


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["marks.csv"]


def test_where_writing_fails_all_is_as_it_was(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("old")
    with pytest.raises(OSError), replacing(path) as unfinished:
        unfinished.write_text("half")
        raise OSError("the disk is full")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["marks.csv"]


def test_what_a_link_names_is_replaced_and_a_pipe_is_written_to(tmp_path):
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    real.write_text("old")
    link.symlink_to(real)
    with replacing(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"
    os.mkfifo(pipe)
    with replacing(pipe) as unfinished:
        assert unfinished == pipe
