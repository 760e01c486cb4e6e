"""The ladder: which wall is taken, what each needs, how many boxes there is room for."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from autograder import cli
from autograder.exam import walls, warm
from autograder.exam.walls import landlock
from autograder.exam.walls.common import Account, NoBox
from tests.autograder.conftest import KL
from tests.support import walls as here

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30
has_landlock = pytest.mark.skipif(
    "landlock" not in here.here(), reason=f"no Landlock: {here.missing('landlock')}"
)


def test_former_names_and_the_environment_choose_a_wall(monkeypatch):
    assert walls.named("bubblewrap") == "namespaces" and walls.named("none") == "process"
    monkeypatch.setenv("AUTOGRADER_WALL", "landlock")
    assert walls.named(None) == walls.named("") == "landlock"
    assert walls.named("process") == "process"
    with pytest.raises(NoBox, match="no wall 'brick'; there are namespaces, landlock, process"):
        walls.named("brick")


def test_no_wall_is_taken_only_when_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("AUTOGRADER_WALL", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(landlock.landlock, "version", lambda: 0)
    with pytest.raises(NoBox, match="bubblewrap is not installed.*landlock: this kernel has no"):
        warm.try_a_wall()
    assert warm.try_a_wall("process") == "process"


def test_a_minimum_is_kept():
    with pytest.raises(NoBox, match="'process' is weaker than 'landlock'"):
        warm.try_a_wall("process", "landlock")
    with pytest.raises(NoBox, match="'landlock' is weaker than 'namespaces'"):
        warm.try_a_wall("landlock", "namespaces")


@has_landlock
@pytest.mark.parametrize("abi", [1, 2])
def test_old_landlock_does_not_hold_students_who_are_the_graders_user(abi):
    with pytest.raises(NoBox, match=f"Landlock of version {abi} cannot keep student code from"):
        warm.try_a_wall("landlock", as_root=False, abi=abi)


def test_a_folder_above_something_hidden_is_opened_child_by_child(tmp_path, monkeypatch):
    for name in ("packages/key", "packages/torch", "bin", "packages/module.py"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "packages/key")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    read, look = landlock.openings([tmp_path], [tmp_path / "packages/key"])
    names = {str(Path(path).relative_to(tmp_path)) for path in read}
    assert names == {"bin", "packages/torch", "packages/module.py"}
    assert look == [str(tmp_path / "packages")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives users away")
def test_no_two_boxes_have_one_user():
    accounts = [Account() for _ in range(3)]
    assert len({account.uid for account in accounts}) == 3
    for account in accounts:
        account.close()


@pytest.mark.parametrize("rung", here.here())
def test_a_box_waits_with_a_program_that_is_in_it(rung, tmp_path, monkeypatch):
    """Whatever a PATH finds, such as a folder of links."""
    for name in ("bwrap", "cat"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert warm.try_a_wall(rung) == rung


def test_a_bubblewrap_that_fails_is_told_in_a_sentence(tmp_path, monkeypatch):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho No permissions to make it >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NoBox, match="bubblewrap could not make a sandbox: No permissions"):
        warm.try_a_wall("namespaces")


# What Windows lacks, taken away from this kit alone: libraries find their own way there.
WINDOWS = """
import builtins, ctypes, os, select, sys, types
real, waits, given = builtins.__import__, select.select, {}
def imported(name, names=None, *about, **more):
    ours = (names or {}).get("__name__", "").startswith(("autograder", "utils"))
    if ours and name in ("fcntl", "resource", "pwd", "grp", "termios"):
        raise ImportError(name)
    return given[name] if ours and name in given else real(name, names, *about, **more)
builtins.__import__ = imported
for name in ("fork", "geteuid", "killpg", "pidfd_open", "set_blocking"):
    delattr(os, name)
from fcntl import ioctl
from autograder.student import confine, landlock, wire
confine.libc = landlock.libc = None
wire.WINDOWS = True
def avail(fd, size):
    waits([fd], [], [], 0)
    count = int.from_bytes(ioctl(fd, 0x541B, bytes(4)), sys.byteorder)
    if not count and waits([fd], [], [], 0)[0]:
        raise BrokenPipeError
    return count, 0
given["_winapi"] = types.SimpleNamespace(PeekNamedPipe=avail)
given["msvcrt"] = types.SimpleNamespace(get_osfhandle=lambda fd: fd)
def refused(*_):
    raise OSError(10038, "not a socket")
wire.select = types.SimpleNamespace(select=refused)
"""
GRADES = """
import json, sys
from pathlib import Path
from autograder.exam import examiner, warm
from autograder.exam.walls import process
from autograder.exam.walls.common import Limits, NoBox
process.START = process.START.replace("; from", "\\n" + WINDOWS + "\\nfrom", 1)
ends = "import os; os._exit(3)"
cells = [*map(examiner.Cell, (KL, "print(6 * 7)", ends)), examiner.Cell("", "vae.kl_gaussian")]
try:
    warm.try_a_wall()
except NoBox as error:
    print(json.dumps(str(error)))
with warm.Warm(Limits(memory=2**30), rung="process") as server:
    examined = examiner.examine(cells, Path(sys.argv[1]), [], "vae", 3, server)
print(json.dumps(examined.records["vae.kl_gaussian"]))
print(json.dumps(examined.outputs[:3]))
"""


def test_without_what_windows_lacks_a_process_grades_and_says_what_it_is(tmp_path):
    told = f"WINDOWS, KL = {WINDOWS!r}, {KL!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + told + GRADES, str(tmp_path)],
        env={**os.environ, "PATH": "/nowhere", "AUTOGRADER_WALL": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refusal, record, outputs = map(json.loads, done.stdout.splitlines())
    assert "bubblewrap is not installed" in refusal and "no Landlock" in refusal
    assert record["score"] == 2 and record["rung"] == "process"
    assert "can write the gradebook" in record["caveat"]
    assert outputs[1][0]["text"] == "42\n" and "exit status 3" in outputs[2][0]["evalue"]


STEALS = """
from autograder.key import catalogue
kl_gaussian = catalogue.find("vae.kl_gaussian").reference["kl_gaussian"]
"""
READS = """
import os
def kl_gaussian(mu, logvar):
    raise SystemExit
open({secret!r}, "w").write("forged")
"""


def test_a_checked_file_can_neither_import_the_key_nor_write_where_it_lies(tmp_path, capsys):
    for name, source in (("steals", STEALS), ("reads", READS), ("right", KL)):
        text = source.replace("{secret!r}", repr(str(tmp_path / "forged")))
        (tmp_path / f"{name}.py").write_text(text)
    files = [w for n in ("steals", "reads", "right") for w in ("--file", str(tmp_path / f"{n}.py"))]
    assert cli.main(["check", "vae.kl_gaussian", "--json", *files]) == 1
    scores = [json.loads(line)["score"] for line in capsys.readouterr().out.splitlines()]
    assert scores == [0, 0, 2] and not (tmp_path / "forged").exists()


# Where grading may run, on one machine: {name: (options of tests/dockerlike.py, rung)}
PLACES = {
    "root in a container": ([], "landlock"),
    "a user in a container": (["--user", "1500"], "landlock"),
    "a user of the machine": (["--user", "1500", "--unconfined"], "namespaces"),
}
SUITES = {
    "cells": ["tests/attacks/test_cells.py", "--long"],
    "box": ["tests/autograder/exam/test_box.py", "tests/autograder/exam/test_doctor.py", "--long"],
    "files": ["tests/attacks/test_files.py"],
}


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can emulate a container")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("place", PLACES)
def test_the_walls_hold_wherever_grading_runs(place, suite):
    options, rung = PLACES[place]
    if rung not in here.here():
        pytest.skip(here.missing(rung))
    python = Path(sys.executable)
    base = Path(os.path.realpath(python)).parents[1]
    with tempfile.TemporaryDirectory(prefix="home-") as home:  # pytest's own are closed to others
        if "--user" in options:
            os.chown(home, 1500, 1500)
        elif suite == "cells":  # in a folder that is closed, the box is tried
            os.chmod(home, 0o755)
        done = subprocess.run(
            ["/usr/bin/python3", "tests/dockerlike.py", "--reach", str(base), *options]
            + [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES[suite]],
            cwd=ROOT,
            env={**os.environ, "HOME": home, "TMPDIR": home, "AUTOGRADER_WALL": rung},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
