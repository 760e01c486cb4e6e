"""Whatever stops the set-up is told in one sentence that says what to do."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.release import install

SCRIPT = Path(install.__file__)


@pytest.mark.parametrize(
    "version, fits",
    [((3, 10, 13), False), ((3, 11, 0), True), ((3, 14, 1), True), ((3, 15), False)],
)
def test_a_python_that_does_not_fit_is_told(version, fits):
    said = install.too_old_or_new(version)
    assert (said is None) if fits else "3.11 to 3.14" in said


@pytest.mark.parametrize(
    "said, told",
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left", "full"),
        ("ProxyError('Cannot connect to proxy.', OSError('407 Proxy Auth'))", "HTTPS_PROXY"),
        ("Failed to establish a new connection: [Errno -3]", "cannot be reached"),
        (
            "Could not find a version that satisfies torch (from versions: none)",
            "cannot be reached",
        ),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "PIP_CERT"),
        ("The virtual environment was not created: ensurepip is not available", "-venv"),
        ("Error: [Errno 30] Read-only file system: '/kit/.venv'", "cannot be written"),
        ("ERROR: something new\n", "the last thing that was said: ERROR: something new"),
    ],
)
def test_what_pip_says_becomes_what_to_do(said, told, tmp_path):
    sentence = install.reason(said, str(tmp_path))
    assert told in sentence and len(sentence.splitlines()) == 1


def test_a_full_disk_is_told_whatever_was_said(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "ENOUGH", 2**62)
    assert "The disk is full" in install.reason("ensurepip returned non-zero", str(tmp_path / "v"))


def test_a_home_that_cannot_be_written_is_told_and_replaced(tmp_path, monkeypatch, capsys):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    install.home_of_its_own(str(tmp_path / "other"))
    assert Path.home() == tmp_path and capsys.readouterr().out == ""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    install.home_of_its_own(str(tmp_path / "other"))
    (Path.home() / "note").touch()
    assert Path.home() == tmp_path / "other"
    assert "set HOME to a folder that can be" in capsys.readouterr().out


def test_without_a_network_the_set_up_ends_in_one_line(tmp_path):
    """In a folder with a space and an accent; the next try goes on with the same environment."""
    kit = tmp_path / "mein Kurs é"
    place = kit / "autograder" / "release"
    place.mkdir(parents=True)
    (place / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    (kit / "requirements.txt").write_text("torch==2.13.0\n", encoding="utf-8")
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")} | nowhere
    environment |= {"PIP_RETRIES": "0", "TMPDIR": tempfile.gettempdir()}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(place / SCRIPT.name)],
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1 and "cannot be reached" in done.stderr
    assert not (kit / ".venv" / ".done").exists()
