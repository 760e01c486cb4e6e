"""`python -m autograder bundle`: what a desk is given, unpacked and run as the desk would."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from autograder.desks import bundle
from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.release import build, demo

from .contracts import broken

ASSIGNMENT = "explore"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """{desk: where its bundle of ASSIGNMENT lies}."""
    to = tmp_path_factory.mktemp("bundles")
    return {
        desk: bundle.write(desk, ASSIGNMENT, to / f"{desk}{'.zip' if desk == 'gradescope' else ''}")
        for desk in bundle.DESKS
    }


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """A right submission, as a folder."""
    folder = tmp_path_factory.mktemp("submission")
    path = build.ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    nbformat.write(demo.perfect(nbformat.read(path, 4)), folder / f"{ASSIGNMENT}.ipynb")
    return folder


def run(script, *arguments, cwd):
    """A desk's script, with this Python in the place of the image's."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "AUTOGRADER_WALL") if name in os.environ
    }
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env={**kept, "AUTOGRADER_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_gradescopes_zip_is_what_gradescope_asks_for(packed):
    path = packed["gradescope"]
    assert path.stat().st_size < bundle.LARGEST
    with zipfile.ZipFile(path) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["run_autograder"] & 0o111 and "setup.sh" in modes  # at the root, not in a folder


@pytest.mark.parametrize("assignment", catalogue.ASSIGNMENTS)
def test_a_bundle_holds_the_key_of_its_assignment_only(assignment):
    tree = bundle.kit(assignment)
    key = "".join(t.decode() for name, t in tree.items() if name.startswith("autograder/key/"))
    held = {q for name in catalogue.ASSIGNMENTS for q in catalogue.of(name) if f'"{q}"' in key}
    # The KL of a Gaussian is asked in `vae` and in `autodecoder`, and judged by the same code.
    shared = {"vae.kl_gaussian"} if assignment == "autodecoder" else set()
    assert held - shared == {*catalogue.of(assignment)}
    assert not any(name.startswith(("solutions/", "tests/")) for name in tree)
    released = {name for name in tree if name.startswith("assignments/")}
    assert released == {f"assignments/{assignment}/{assignment}.ipynb"}
    assert b"BEGIN" not in tree[released.pop()]


def test_every_requirement_is_pinned_and_torch_comes_without_cuda():
    first, *pins = bundle.requirements().splitlines()
    assert first.startswith("--extra-index-url") and first.endswith("/cpu")
    assert all("==" in pin for pin in pins) and any(pin.startswith("torch==") for pin in pins)
    assert not any(pin.startswith(("nbgrader", "jupyterlab", "pytest", "-e")) for pin in pins)


def test_the_image_holds_no_key(packed):
    copied = [
        line.split()[1:-1]
        for line in (packed["docker"] / "Dockerfile").read_text().splitlines()
        if line.startswith(("COPY", "ADD"))
    ]
    assert copied == [["requirements.txt", "setup.sh"]]


def test_the_scripts_are_shell_that_parses(packed):
    for script in [*packed["docker"].glob("run_*"), packed["docker"] / "setup.sh"]:
        assert subprocess.run(["bash", "-n", script]).returncode == 0


@pytest.mark.long
def test_an_unpacked_bundle_grades_on_gradescope(packed, right, tmp_path):
    home = tmp_path / "autograder"
    with zipfile.ZipFile(packed["gradescope"]) as archive:
        archive.extractall(home / "source")
    shutil.copy(home / "source/run_autograder", home / "run_autograder")
    (home / "run_autograder").chmod(0o755)
    shutil.copytree(right, home / "submission")
    (home / "results").mkdir()
    (home / "submission_metadata.json").write_text('{"id": 1, "previous_submissions": []}')
    called = run(home / "run_autograder", cwd=home)
    assert called.returncode == 0, called.stderr
    text = (home / "results/results.json").read_text()
    assert broken("gradescope", text) == [] and json.loads(text)["score"] == 2


@pytest.mark.long
def test_an_unpacked_bundle_grades_on_prairielearn(packed, right, tmp_path):
    grade = tmp_path / "grade"
    shutil.copytree(packed["prairielearn"] / "tests", grade / "tests")
    shutil.make_archive(str(grade / "student" / f"{ASSIGNMENT}-submission"), "zip", right)
    info = json.loads((packed["prairielearn"] / "info.json").read_text())
    script = info["externalGradingOptions"]["entrypoint"].removeprefix("/grade/")
    called = run(grade / script, cwd=grade)
    assert called.returncode == 0, called.stderr
    text = (grade / "results/results.json").read_text()
    assert broken("prairielearn", text) == [] and json.loads(text)["score"] == 1


@pytest.mark.long
def test_an_unpacked_bundle_grades_in_a_plain_container(packed, right, tmp_path):
    home = tmp_path / "autograder"
    shutil.copytree(packed["docker"], home / "source")
    shutil.copytree(right, home / "submission")
    called = run(home / "source/run_autograder", "--as", "junit", cwd=home)
    assert called.returncode == 0, called.stderr
    text = (home / "results/result").read_text()
    assert broken("junit", text) == [] and 'failures="0"' in text


def test_a_wrong_call_writes_nothing(tmp_path):
    with pytest.raises(WrongCall, match="gradescope, prairielearn, docker"):
        bundle.write("canvas", ASSIGNMENT, tmp_path / "x")
    with pytest.raises(WrongCall, match="autoencoder, vae"):
        bundle.write("docker", "vea", tmp_path / "x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work").touch()
    with pytest.raises(WrongCall, match="is there already"):
        bundle.write("docker", ASSIGNMENT, tmp_path / "mine")
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "work"]
