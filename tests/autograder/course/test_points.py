"""Points stand in the key, the notebook and the gradebook: they follow, or nothing is graded."""

import dataclasses
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI

from autograder import cli
from autograder.course.course import Course as Graded
from autograder.desks import one
from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.plugins.config import scripts_on_path
from autograder.plugins.register import register
from tests.autograder.conftest import KL, Course
from tests.autograder.course.test_grading import (
    CONFIG,
    copy,
    give_manual_grade,
    grade,
    manual,
    scores,
    times,
)

QUESTION, CELL = "vae.kl_gaussian", "vae-kl_gaussian"
TWICE = KL.replace("0.5 * ", "")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A course where two have handed in, one of them with half the KL's factor lost."""
    scripts_on_path()  # alembic
    course = Course(tmp_path_factory.mktemp("points"))
    (course.root / "nbgrader_config.py").write_text(CONFIG)
    for student, source in {"ada": KL, "bo": TWICE}.items():
        course.hand_in(student, course.solved(source))
    return course


def key_says(monkeypatch, **changes):
    """The key's question, changed for this process."""
    found = catalogue.of("vae")
    monkeypatch.setitem(found, QUESTION, dataclasses.replace(found[QUESTION], **changes))


def notebook_says(root, points, name=CELL):
    path = root / "source" / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == name:
            cell.metadata.nbgrader.points = points
    nbformat.write(notebook, path)


def autograde(root, student):
    config = Graded(root, "vae").config
    config.Execute.seed = 7
    return NbGraderAPI(config=config).autograde("vae", student)


def stored(root, student):
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        grade = gradebook.find_grade(CELL, "vae", "vae", student)
        return grade.auto_score, grade.max_score


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_points_of_a_notebook_that_is_registered_count(two, tmp_path, workers):
    root = copy(two, tmp_path / "course")
    notebook_says(root, 5)
    register("vae", Graded(root, "vae").config)
    status, rows, said = grade(root, "--workers", workers)
    assert status == 0 and f"{QUESTION} is worth 2 points in the key and 5 in the gradebook" in said
    assert scores(rows)["ada"] == 5 == rows["ada"]["max_score"]
    [told] = rows["bo"]["details"]
    assert told["points"] == 5 and 0 < told["score"] < 5
    assert f"{told['score']:g} of 5 points" in told["feedback"]


def test_points_raised_in_the_key_alone_are_scaled_to_the_cell(two, tmp_path, monkeypatch):
    root = copy(two, tmp_path / "course")
    assert autograde(root, "bo")["success"]
    before = stored(root, "bo")
    key_says(monkeypatch, points=3)
    assert autograde(root, "ada")["success"] and autograde(root, "bo")["success"]
    assert stored(root, "ada") == (2, 2)
    assert stored(root, "bo") == before


REFUSED = {
    "not-registered": (5, {}, r"is worth 5 in \S+vae.ipynb and 2 in the gradebook.*register vae"),
    "now-extra": (2, {"extra": True}, "extra credit in the key, and 2 points that count"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_all_be_meant_refuses_before_anything_is_touched(
    two, tmp_path, monkeypatch, what
):
    root = copy(two, tmp_path / "course")
    assert autograde(root, "ada")["success"]
    written, before = times(root), (root / "gradebook.db").read_bytes()
    points, changes, says = REFUSED[what]
    notebook_says(root, points)
    key_says(monkeypatch, **changes)
    with pytest.raises(WrongCall, match=says):
        Graded(root, "vae").points()
    done = autograde(root, "ada")
    assert not done["success"] and "Nothing was graded: " in done["log"]
    assert times(root) == written and (root / "gradebook.db").read_bytes() == before


def test_grade_says_so_in_one_line_and_touches_nothing(two, tmp_path, capsys):
    root = copy(two, tmp_path / "course")
    notebook_says(root, 5)
    notebook_says(root, 4, "vae-beta_0")
    assert cli.main(["grade", "vae", "--course-dir", str(root)]) == 2 and not times(root)
    [line] = capsys.readouterr().err.splitlines()
    assert "vae.kl_gaussian is worth 5" in line and "vae.beta_0 is worth 4" in line


@pytest.mark.long
def test_hand_given_marks_outlast_a_change_of_points(two, tmp_path):
    root = copy(two, tmp_path / "course")
    assert grade(root)[0] == 0
    give_manual_grade(root, "ada", 2.5, "vae-beta_0")
    notebook_says(root, 4)
    register("vae", Graded(root, "vae").config)
    assert grade(root)[0] == 0
    assert manual(root, "ada", "vae-beta_0") == (2.5, False)  # its own points are what they were
    assert stored(root, "ada") == (4, 4)
    notebook_says(root, 6, "vae-beta_0")
    register("vae", Graded(root, "vae").config)
    assert grade(root)[0] == 0
    assert manual(root, "ada", "vae-beta_0") == (2.5, True)  # kept, and shown again


def test_one_marks_out_of_the_releases_points(tmp_path, monkeypatch, capsys):
    release = tmp_path / "assignments" / "explore"
    shutil.copytree(one.RELEASE / "explore", release)
    notebook = nbformat.read(release / "explore.ipynb", 4)
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade_id") == "explore-digit_statistics":
            about["points"] = 7
    nbformat.write(notebook, release / "explore.ipynb")
    monkeypatch.setattr(one, "RELEASE", release.parent)
    one.official.cache_clear()
    try:
        found = one.found(release / "explore.ipynb")
        assert "2 points in the key and 7 in the release" in capsys.readouterr().err
        result = one.grade(found, 1)
    finally:
        one.official.cache_clear()
    [row] = result["questions"]
    assert result["max_score"] == row["points"] == 7 and "0 of 7 points" in row["feedback"]
