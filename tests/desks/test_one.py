"""`python -m autograder one`: one submission, from a cold start to its result."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograder.desks import FORMATS, one
from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.release import build, demo

from .contracts import broken

ASSIGNMENT = "explore"
QUESTION = "explore.digit_statistics"


def source(assignment=ASSIGNMENT):
    return nbformat.read(build.ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)


@pytest.fixture(scope="module")
def right():
    return demo.perfect(source())


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path) if not isinstance(notebook, str) else path.write_text(notebook)
    return path


def graded(path, files=None, assignment=None, seed=3):
    result = one.grade(one.found(path, files, assignment), seed)
    assert broken("json", json.dumps(result)) == []
    return result


@pytest.mark.parametrize(
    "form", [f if f == "gradescope" else pytest.param(f, marks=pytest.mark.long) for f in FORMATS]
)  # test_formats.py has every form, without the start
def test_a_cold_start_writes_the_form_that_was_asked_for(right, tmp_path, form):
    path, to = write(tmp_path / "explore.ipynb", right), tmp_path / "results" / "result"
    command = [sys.executable, "-m", "autograder", "one", path, "--as", form, "--to", to]
    called = subprocess.run(
        list(map(str, command)), cwd=build.ROOT, capture_output=True, text=True, timeout=300
    )
    assert called.returncode == 0, called.stderr
    assert called.stdout == "" and broken(form, to.read_text()) == []
    assert "2" in to.read_text() and QUESTION.split(".")[1] in to.read_text()
    assert [p.name for p in to.parent.iterdir()] == ["result"]


def test_the_result_says_what_was_earned_and_how_to_get_it_again(right, tmp_path):
    path = write(tmp_path / "handed-in.ipynb", right)  # which assignment it is, its cells say
    result = graded(path)
    assert result["assignment"] == ASSIGNMENT and result["seed"] == 3
    assert result["score"] == result["max_score"] == 2 and result["rung"]
    [row] = result["questions"]
    assert row["id"] == QUESTION and row["passed"] and row["points"] == 2
    drawn = graded(path, seed=None)
    again = graded(path, seed=drawn["seed"])
    assert drawn["questions"] == again["questions"]


def test_points_and_cells_are_the_releases_whatever_the_metadata_say(right, tmp_path):
    hostile = demo.with_cells(right, {"digit_statistics": "digit_statistics = None"})
    for cell in hostile.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade_id") == catalogue.grade_id(QUESTION):
            about["points"], cell.source = 1000, "2.0"
            cell.outputs = [nbformat.v4.new_output("stream", text="2 of 2 points")]
    hostile.metadata["course"] = {"assignment": "vae"}
    extra = nbformat.v4.new_code_cell("2.0")
    extra.metadata["nbgrader"] = {"grade_id": "explore-more", "grade": True, "points": 50}
    hostile.cells.append(extra)
    result = graded(write(tmp_path / "explore.ipynb", hostile))
    assert result["score"] == 0 and result["max_score"] == 2
    assert [row["id"] for row in result["questions"]] == [QUESTION]


@pytest.mark.parametrize("assignment", ["explore", "vae", "autoencoder"])
def test_a_notebook_that_lost_its_name_and_its_metadata_is_known_by_its_text(assignment, tmp_path):
    bare = nbformat.read(one.RELEASE / assignment / f"{assignment}.ipynb", 4)
    bare.metadata = nbformat.NotebookNode()
    for cell in bare.cells:
        cell.metadata = nbformat.NotebookNode(cell_id="x")
    found = one.found(write(tmp_path / "notebook1a2b.ipynb", bare))
    assert found.assignment == assignment and not found.problem


def test_a_notebook_of_another_assignment_is_named_though_they_share_cells(tmp_path):
    other = nbformat.read(one.RELEASE / "autoencoder/autoencoder.ipynb", 4)
    found = one.found(write(tmp_path / "vae.ipynb", other))
    assert found.problem == "This is the notebook of autoencoder; vae was asked for."


def test_cells_that_were_deleted_are_put_back_and_told(right, tmp_path):
    test = catalogue.grade_id(QUESTION)
    right = nbformat.from_dict(json.loads(json.dumps(right)))
    right.cells = [c for c in right.cells if c.metadata.get("nbgrader", {}).get("grade_id") != test]
    result = graded(write(tmp_path / "explore.ipynb", right))
    assert result["score"] == 2
    assert any(test in note and "put back" in note for note in result["notes"])


UNREADABLE = {
    "empty": ("", "is empty"),
    "not-json": ("hello", "not JSON"),
    "cut-short": ('{"cells": [', "not JSON"),
    "a-list": ("[]", "no list of cells"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_file_that_is_no_notebook_gets_a_result_that_says_so(tmp_path, what):
    text, why = UNREADABLE[what]
    result = graded(write(tmp_path / "explore.ipynb", text))
    assert result["score"] == 0 and result["max_score"] == 2 and result["rung"] is None
    assert why in result["notes"][0] and why in result["questions"][0]["feedback"]


def test_the_notebook_of_another_assignment_is_told_apart(tmp_path):
    other = demo.perfect(source("interpolation"))
    result = graded(write(tmp_path / "explore.ipynb", other))
    assert "interpolation" in result["notes"][0] and result["rung"] is None
    result = graded(write(tmp_path / "work.ipynb", other), assignment=ASSIGNMENT)
    assert result["assignment"] == ASSIGNMENT and "interpolation" in result["notes"][0]


def test_a_notebook_of_no_assignment_is_told_what_it_could_be(tmp_path):
    stranger = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    result = graded(write(tmp_path / "Untitled.ipynb", stranger))
    assert result["assignment"] is None and result["questions"] == []
    assert "explore.ipynb" in result["notes"][0]


def test_a_stripped_notebook_is_graded_where_its_assignment_is_told(right, tmp_path):
    stripped = nbformat.from_dict(json.loads(json.dumps(right)))
    for cell in stripped.cells:
        cell.metadata = {}
    path = write(tmp_path / "Untitled.ipynb", stripped)
    assert graded(path, assignment=ASSIGNMENT)["score"] == 2


def test_a_folder_or_a_zip_is_taken_as_collect_takes_it(right, tmp_path):
    write(tmp_path / "a" / "__MACOSX" / "explore.ipynb", "no notebook")
    write(tmp_path / "a" / "explore.ipynb", right)
    write(tmp_path / "a" / "runs" / "mine" / "run.json", "{}")
    packed = shutil.make_archive(str(tmp_path / "handed-in"), "zip", tmp_path / "a")
    for path in (tmp_path / "a", Path(packed)):
        submission = one.found(path)
        assert submission.assignment == ASSIGNMENT and not submission.problem
        assert list(submission.content) == ["runs/mine/run.json"]
    assert graded(Path(packed))["score"] == 2

    write(tmp_path / "b" / "explore" / "my work.ipynb", right)
    assert any("my work" in note for note in one.found(tmp_path / "b").notes)
    for number, assignment in enumerate((ASSIGNMENT, "vae")):
        write(tmp_path / "c" / f"{number}.ipynb", source(assignment))
    assert "hand in one" in one.found(tmp_path / "c").problem
    assert not one.found(tmp_path / "c", assignment="vae").problem


def test_what_holds_no_notebook_gets_a_result_that_says_what_it_holds(tmp_path):
    (tmp_path / "d").mkdir()
    assert graded(tmp_path / "d", assignment=ASSIGNMENT)["max_score"] == 2
    (tmp_path / "d" / "explore.rar").touch()
    result = graded(tmp_path / "d", assignment=ASSIGNMENT)
    assert "explore.rar" in result["notes"][0] and result["rung"] is None
    bad = tmp_path / "explore.zip"
    bad.write_bytes(b"PK no zip")
    assert graded(bad, assignment=ASSIGNMENT)["score"] == 0


def test_runs_beside_a_notebook_are_not_taken_in_silence(right, tmp_path):
    path = write(tmp_path / "explore.ipynb", right)
    shutil.copytree(build.ROOT / "utils/reference/tuned", tmp_path / "runs/tuned")
    assert any("--files" in note for note in one.found(path).notes)
    assert not one.found(path, tmp_path).notes
    assert not one.found(tmp_path).notes


def test_names_of_files_fill_no_result(right, tmp_path):
    path = write(tmp_path / "a" / "explore.ipynb", right)
    (tmp_path / "a" / "files").mkdir()
    for number in range(200):
        (tmp_path / "a" / "files" / f"{number}{'x' * 200}").symlink_to("/dev/null")
    result = graded(path, tmp_path / "a" / "files")
    assert result["score"] == 2 and len(result["notes"]) <= one.NOTES + 1
    assert "more notes" in result["notes"][-1]


def test_an_ordinary_assignment_is_left_to_grade(tmp_path, monkeypatch):
    monkeypatch.setattr(one, "RELEASE", tmp_path)
    (tmp_path / "warm_up").mkdir()
    notebook = tmp_path / "warm_up" / "warm_up.ipynb"
    notebook.write_text("{}")
    with pytest.raises(WrongCall, match="`python -m autograder grade warm_up` runs them"):
        one.found(notebook)


def test_a_wrong_call_is_said_in_a_sentence(tmp_path):
    with pytest.raises(WrongCall, match="no such file"):
        one.found(tmp_path / "nowhere.ipynb")
    with pytest.raises(WrongCall, match="no folder"):
        one.found(tmp_path, tmp_path / "nowhere")
    with pytest.raises(WrongCall, match="there are autoencoder"):
        one.found(tmp_path, assignment="vea")
