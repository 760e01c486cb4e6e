"""docs/jupyterhub.md, command by command: an instructor and a student with a local exchange."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.release import build, bundle

LIBRARIES = sysconfig.get_path("purelib")
DOC = (build.ROOT / "docs" / "jupyterhub.md").read_text("utf-8")


def commands(begin, end):
    """The commands of the document between two lines of its text."""
    part = DOC.partition(begin)[2].partition(end)[0] if end else DOC.partition(begin)[2]
    blocks = re.findall(r"```bash\n(.*?)```", part, re.S)
    return [line for block in blocks for line in block.splitlines()]


class Somebody:
    """A user of the hub: a home, and a folder to work in."""

    def __init__(self, home: Path, folder: Path, exchange: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (home / ".jupyter").mkdir(parents=True)
        settings = re.findall(r"```python\n(.*?)```", DOC, re.S)[0]
        settings = settings.replace("/srv/nbgrader/exchange", str(exchange))
        (home / ".jupyter" / "nbgrader_config.py").write_text(f"c = get_config()\n{settings}")
        scripts = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "PATH": scripts + os.pathsep + os.environ["PATH"],
            "PYTHONPATH": str(build.ROOT),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, command):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.mark.long
def test_an_assignment_goes_through_the_exchange_and_back(tmp_path):
    from tests.autograder.conftest import KL, source_notebook

    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    teacher = Somebody(tmp_path / "teacher", tmp_path / "course", exchange)
    student = Somebody(tmp_path / "student", tmp_path / "work", exchange)
    source = teacher.folder / "solutions" / "vae"
    source.mkdir(parents=True)
    nbformat.write(source_notebook(), source / "vae.ipynb")
    kit = (build.ROOT / "nbgrader_config.py").read_text()
    settings = f'c.Exchange.root = "{exchange}"\n'
    (teacher.folder / "nbgrader_config.py").write_text(f"{kit}\n{settings}")

    for command in commands("releases an assignment", "A student fetches"):
        teacher.run(command)
    fetch, submit = commands("A student fetches", "The instructor collects")
    student.run(fetch)
    path = student.folder / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source = KL
    nbformat.write(notebook, path)
    (student.folder / "vae" / "runs").mkdir()
    (student.folder / "vae" / "runs" / "note.txt").write_text("runs go along")
    student.run(submit)
    said = "".join(map(teacher.run, commands("The instructor collects", "And the student reads")))
    assert "1 graded" in said
    [handed_in] = (teacher.folder / "submitted").iterdir()
    assert (handed_in / "vae" / "runs" / "note.txt").exists()
    assert (handed_in / "vae" / "timestamp.txt").exists()
    for command in commands("And the student reads", None):
        student.run(command)
    [page] = (student.folder / "vae" / "feedback").rglob("vae.html")
    assert "2 of 2 points" in page.read_text("utf-8")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The release zip, installed into a folder of its own, without network."""
    target = tmp_path_factory.mktemp("site")
    zipped = bundle.write(tmp_path_factory.mktemp("dist") / "vae-course.zip")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--no-deps", "--target", target, zipped], check=True)
    return zipped, target


def test_the_student_package_installs_under_a_name_of_its_own_and_without_the_key(package):
    zipped, target = package
    [about] = target.glob("*.dist-info")
    assert about.name.startswith("vae_course_students-")
    assert not list(target.rglob("autograder*"))
    with zipfile.ZipFile(zipped) as archive:
        assert not [name for name in archive.namelist() if "autograder" in name]


@pytest.mark.parametrize("installed", [True, False])
def test_a_notebook_that_lies_alone_finds_utils_or_says_what_to_do(package, tmp_path, installed):
    released = nbformat.read(build.ROOT / "assignments" / "vae" / "vae.ipynb", 4)
    first = next(c.source for c in released.cells if c.cell_type == "code")
    script = tmp_path / "first.py"
    script.write_text(first.partition("torch.manual_seed")[0])
    site = package[1] if installed else tmp_path / "site"
    if not installed:  # the stranger's package that `pip install utils` fetches
        (site / "utils").mkdir(parents=True)
        (site / "utils" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-S", script],  # without what this environment finds by itself
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), LIBRARIES])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == installed, done.stderr
    if not installed:
        last = done.stderr.strip().splitlines()[-1]
        assert "put vae-course.zip beside this notebook" in last and "%pip install" in last
