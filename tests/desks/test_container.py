"""Bundles as their desks would run them, in what an ordinary container allows.

Emulated: the desk's folders, the container's capabilities and refusals, 768 MB of memory where this
machine has cgroups, no network, root and another user. Not here: an image, and the desk itself.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.desks import bundle
from autograder.release import build, demo
from tests.attacks.cells import EXHAUSTING, FORGING, READING

from .contracts import broken

pytestmark = pytest.mark.long
ASSIGNMENT, NEEDED = "explore", 768 * 10**6  # bytes, of Gradescope's containers by default
DOCKERLIKE = build.ROOT / "tests" / "dockerlike.py"
MEMORY = Path("/sys/fs/cgroup/memory")
USERS = {"root": [], "another user": ["--user", "10001"]}
WRONG = "def digit_statistics(mu, y):\n    return mu.mean(0), mu.std(0)\n"
HOSTILE = {  # of each aim a few, through the whole of `one`; tests/attacks has them all
    name: source
    for attacks, most in ((READING, 3), (FORGING, 4), (EXHAUSTING, 3))
    for name, source in [*attacks.items()][:: max(len(attacks) // most, 1)][:most]
}


@contextlib.contextmanager
def memory(most):
    """The file to write a process id to, so that it and its children have no more; None without."""
    group = MEMORY / f"vae-course-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(most))
    except OSError:
        yield None
        return
    try:
        yield group / "cgroup.procs"
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The bundle for Gradescope, unpacked."""
    if os.geteuid() != 0 or not DOCKERLIKE.exists():
        pytest.skip("a container is emulated by root alone")
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(bundle.write("gradescope", ASSIGNMENT, folder / "b.zip")) as archive:
        archive.extractall(folder / "source")
    return folder / "source"


@pytest.fixture
def home():
    """A folder that any user may pass into; pytest's own are for root alone."""
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    folder.chmod(0o755)
    yield folder / "autograder"
    shutil.rmtree(folder)


def reach():
    """Where this Python lies in root's home, another user needs a way to it."""
    folder = Path(sys.executable).resolve().parents[1]
    closed = any(not above.stat().st_mode & 0o001 for above in folder.parents)
    return ["--reach", folder] if closed else []


def grade(source, home, notebook, user):
    """Gradescope's /autograder after `run_autograder`: its exit status, log and result."""
    shutil.copytree(source, home / "source")
    shutil.copy(home / "source/run_autograder", home / "run_autograder")
    (home / "submission").mkdir()
    nbformat.write(notebook, home / "submission" / "my work.ipynb")
    (home / "results").mkdir()
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name.startswith("run_") else 0o644)
        if user:
            os.chown(path, int(user[-1]), int(user[-1]))
    with memory(NEEDED) as processes:
        enter = f"echo $$ > {processes}; " if processes else ""
        command = [sys.executable, DOCKERLIKE, *reach(), *user, "bash", home / "run_autograder"]
        called = subprocess.run(
            ["unshare", "--net", "bash", "-c", enter + 'exec "$@"', "bash", *map(str, command)],
            cwd=home,
            env={"PATH": os.environ["PATH"], "AUTOGRADER_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=900,
        )
    result = home / "results/results.json"
    return called, result.read_text() if result.exists() else ""


def right():
    path = build.ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    return demo.perfect(nbformat.read(path, 4))


@pytest.mark.parametrize("user", USERS)
def test_a_bundle_grades_behind_a_wall_in_768_mb(source, home, user):
    called, text = grade(source, home, right(), USERS[user])
    assert called.returncode == 0, called.stderr
    assert broken("gradescope", text) == []
    told = json.loads(text)
    assert told["score"] == 2 and told["extra_data"]["rung"] == "landlock"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_notebook_gains_nothing(source, home, name, user):
    attack = HOSTILE[name].replace("{course}", str(home)).replace("{host}", "1")
    attack = attack.replace("{{", "{").replace("}}", "}").replace("CANARY", "'canary'")
    notebook = demo.with_cells(right(), {"digit_statistics": WRONG})
    place = next(i for i, c in enumerate(notebook.cells) if c.source == WRONG.strip()) + 1
    prelude = "import os, sys\ndef found(what): print(what)\n"
    notebook.cells.insert(place, nbformat.v4.new_code_cell(prelude + attack))
    called, text = grade(source, home, notebook, USERS[user])
    assert called.returncode == 0, called.stderr
    assert broken("gradescope", text) == [] and json.loads(text)["score"] < 2
    assert {p.name for p in (home / "results").iterdir()} == {"results.json"}
