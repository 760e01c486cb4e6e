"""`python -m autograder doctor` on the real machine, and on one without bubblewrap."""

from autograder import cli


def test_a_machine_with_bubblewrap_isolates(capsys):
    assert cli.main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "NO " not in told and told.count("  yes  ") >= 15


def test_a_machine_without_it_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["doctor"]) == 1
    assert "apt install bubblewrap" in capsys.readouterr().out
