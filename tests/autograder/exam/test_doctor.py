"""`python -m autograder doctor` on the real machine, and on one without bubblewrap."""

import pytest

from autograder import cli
from tests.support import walls


def test_a_machine_says_which_walls_hold(capsys):
    assert cli.main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert f"behind the wall '{walls.best()}'" in told
    for rung in walls.here():
        about = told.split(f"\n{rung}\n")[1]
        about = about[: about.index("process tree")]
        assert "NO " not in about and about.count("  yes  ") >= 13


@pytest.mark.skipif("landlock" not in walls.here(), reason="there is no Landlock here")
def test_a_machine_without_bubblewrap_has_the_next_wall_and_says_how_to_get_the_first(
    capsys, monkeypatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("AUTOGRADER_WALL", raising=False)
    assert cli.main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "apt install bubblewrap" in told and "behind the wall 'landlock'" in told
