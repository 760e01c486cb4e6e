"""Whatever stops the set-up is told in one sentence that says what to do."""

import ast
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
            "WARNING: Retrying … Failed to establish a new connection\n"
            "ERROR: No matching distribution found for torch==2.13.0",
            "cannot be reached",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "pip finds no torch==2.13.0."),
        ("ModuleNotFoundError: No module named 'torch'", "pip did not put torch into"),
        ("ModuleNotFoundError: No module named 'pip'", "-venv"),
        ("libc10.so: failed to map segment from shared object", "on another disk"),
        ("OSError: [Errno 1] Operation not permitted: 'lib'", "cannot be written"),
        ("ERROR: Cannot install a and b.\nThe conflict is\nERROR: see x", "said: ERROR: Cannot in"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "PIP_CERT"),
        ("The virtual environment was not created: ensurepip is not available", "-venv"),
        ("Error: [Errno 30] Read-only file system: '/kit/.venv'", "cannot be written"),
        ("ERROR: something new\n", "what was said: ERROR: something new. If"),
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
    assert "set HOME to a folder that can be" in capsys.readouterr().out
    (Path.home() / "note").touch()
    assert Path.home() == tmp_path / "other"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    (tmp_path / "file").touch()
    install.home_of_its_own(str(tmp_path / "file" / "other"))
    (Path.home() / "note").touch()


def test_an_old_python_can_read_the_script():
    """Python 2.7 would stop at each of these with a traceback, and not say that it is too old."""
    tree = ast.parse(SCRIPT.read_bytes())
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)
    assert SCRIPT.read_bytes().isascii()
    for node in ast.walk(tree):
        assert not isinstance(node, new), node.lineno
        assert getattr(node, "cause", None) is None, node.lineno
        if isinstance(node, ast.Call):
            function = getattr(node.func, "id", "")
            assert not (function == "print" and (node.keywords or len(node.args) != 1)), node.lineno


@pytest.mark.skipif(os.name == "nt", reason="programs on Windows name their place in other ways")
def test_an_environment_that_was_moved_with_its_folder_is_put_right(tmp_path, capsys):
    was, now = tmp_path / "winter", tmp_path / "my [course] é"
    made = [sys.executable, "-m", "venv", "--without-pip", str(was / ".venv")]
    subprocess.run(made, check=True)
    script = was / ".venv" / "bin" / "pip"
    script.write_text(
        f"#!{was}/.venv/bin/python\nimport sys\nprint(sys.prefix)\n", encoding="utf-8"
    )
    script.chmod(0o755)
    (packages,) = was.glob(".venv/lib/python*/site-packages")
    editable = f"MAPPING = {{'utils': '{was}/utils'}}\n"
    (packages / "__editable___kit_finder.py").write_text(editable, encoding="utf-8")
    install.mend_moved(str(was / ".venv"))
    assert capsys.readouterr().out == ""  # it is where it was made
    other = was / ".venv" / "bin" / "other"
    other.write_text("#!/usr/bin/python3\n", encoding="utf-8")
    was.rename(now)
    for told in ("put right", ""):
        install.mend_moved(str(now / ".venv"))
        assert told in capsys.readouterr().out
    tool = now / ".venv" / "bin" / "pip"
    assert tool.with_name("other").read_text(encoding="utf-8") == "#!/usr/bin/python3\n"
    said = subprocess.run([tool], capture_output=True, encoding="utf-8", check=True).stdout
    assert said.strip() == str(now / ".venv")
    for file in (*packages.parents[2].glob("bin/*"), *now.rglob("__editable__*.py")):
        assert file.is_symlink() or str(was) not in file.read_text(encoding="utf-8")


def test_a_reader_that_has_gone_stops_nothing():
    said = "import sys; from autograder.release import install; sys.stdin.read(); install.tell('β')"
    process = subprocess.Popen(
        [sys.executable, "-c", said],
        cwd=SCRIPT.parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)
    process.stderr.close()


def test_a_package_that_was_cut_off_is_installed_again(tmp_path):
    packages = tmp_path / ("Lib" if os.name == "nt" else "lib/python3.11") / "site-packages"
    for name in ("whole", "half"):
        (packages / f"{name}-1.0.dist-info").mkdir(parents=True)
        (packages / f"{name}-1.0.dist-info" / "METADATA").touch()
    (packages / "whole-1.0.dist-info" / "RECORD").touch()
    install.drop_halves(str(tmp_path))
    assert [p.name for p in packages.iterdir()] == ["whole-1.0.dist-info"]


def test_other_lists_of_packages_are_installed(tmp_path, monkeypatch):
    """Files of an unpacked zip are older than what they replace."""
    monkeypatch.setattr(install, "ROOT", str(tmp_path))
    monkeypatch.setattr(install, "program", lambda folder: sys.executable)
    for name in install.LISTS:
        (tmp_path / name).write_text("torch==1\n", encoding="utf-8")
    (tmp_path / ".done").write_bytes(install.asked())
    assert install.is_ready(str(tmp_path))
    (tmp_path / "requirements.txt").write_text("torch==2\n", encoding="utf-8")
    os.utime(tmp_path / "requirements.txt", (0, 0))
    assert not install.is_ready(str(tmp_path))


def test_without_a_network_the_set_up_ends_in_one_line(tmp_path):
    """In a folder with a space and an accent, where an older environment lacks its Python; the
    next try goes on with the same environment.
    """
    kit = tmp_path / "mein Kurs é"
    place = kit / "autograder" / "release"
    place.mkdir(parents=True)
    (place / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    for name in install.LISTS:
        (kit / name).write_text("torch==2.13.0\n", encoding="utf-8")
    gone = Path(install.program(kit / ".venv"))
    gone.parent.mkdir(parents=True)
    (kit / ".venv" / "pyvenv.cfg").touch()
    gone.symlink_to(tmp_path / "gone")
    (gone.parent / "pip").write_text("#!/elsewhere/.venv/bin/python\n", encoding="utf-8")
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
