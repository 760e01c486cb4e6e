"""A submission through nbgrader with our plug-ins: its points, or a line on what is wrong."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from autograder.exam import verdict
from autograder.plugins import execute
from tests.autograder.conftest import KL
from tests.support import walls


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def graded_cell(notebook):
    return next(cell for cell in notebook.cells if name_of(cell) == "vae-kl_gaussian")


def first(notebook, source):
    notebook.cells.insert(0, new_code_cell(source))
    return notebook


def moved(notebook, name, to):
    place = next(i for i, cell in enumerate(notebook.cells) if name_of(cell) == name)
    notebook.cells.insert(to, notebook.cells.pop(place))
    return notebook


def without(notebook, *names):
    notebook.cells = [cell for cell in notebook.cells if name_of(cell) not in names]
    return notebook


def doubled(notebook, name):
    cell = next(cell for cell in notebook.cells if name_of(cell) == name)
    notebook.cells.append(nbformat.from_dict({**json.loads(json.dumps(cell)), "id": "twice"}))
    return notebook


def odd_metadata(notebook):
    """What nbgrader stumbles over, or would believe."""
    graded_cell(notebook).metadata["nbgrader"].update(points="ten", schema_version=None)
    notebook.cells[0].metadata["nbgrader"] = {"grade": True, "points": 1e9}
    notebook.cells[1].metadata["nbgrader"]["locked"] = notebook.cells[1].metadata["tags"] = [[[]]]
    notebook.metadata["kernelspec"] = {"name": "../../bin/sh", "argv": 5}
    return notebook


def of_every_editor(notebook):
    """Colab's metadata, lines of Windows, one id for all, widgets, a byte order mark."""
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
        cell.id = "same"
        cell.metadata |= {"id": "x", "colab": {}, "outputId": "y"}
    state = {"m": {"state": {"value": "A" * 10_000_000}}}
    notebook.metadata |= {"widgets": {"application/vnd.jupyter.widget-state+json": state}}
    notebook.metadata["kernelspec"] = {"name": "my-env", "display_name": "R", "language": "R"}
    return json.dumps(notebook).encode("utf-8-sig")


def old(notebook):
    return json.dumps(nbformat.convert(notebook, 3)).encode()


FULL_MARKS = {
    "perfect": lambda nb: nb,
    "name error in the first cell": lambda nb: first(nb, "surely_not_defined"),
    "syntax error": lambda nb: first(nb, "def f(:"),
    "prints a lot": lambda nb: first(nb, "for i in range(30_000): print('x' * 500)"),
    "noise on stderr": lambda nb: first(nb, "import sys; print('!', file=sys.stderr)"),
    "ends the process": lambda nb: first(nb, "import os; os._exit(1)"),
    "test missing": lambda nb: without(nb, "vae-kl_gaussian"),
    "all but the work missing": lambda nb: without(nb, "vae-kl_gaussian", "check-kl", "vae-beta_0"),
    "test twice": lambda nb: doubled(nb, "vae-kl_gaussian"),
    "work twice": lambda nb: doubled(nb, "kl_gaussian"),
    "test before the work": lambda nb: moved(nb, "vae-kl_gaussian", 0),
    "odd metadata": odd_metadata,
    "of every editor": of_every_editor,
    "of format 3": old,
}


@pytest.mark.parametrize("what", FULL_MARKS)
def test_right_work_gets_its_points_however_the_notebook_looks(course, what):
    student = what.replace(" ", "-")
    folder = course.hand_in(student, FULL_MARKS[what](course.solved()))
    before = (folder / "vae.ipynb").read_bytes()
    done = course.autograde(student)
    assert done["success"], done["log"]
    assert course.score(student) == 2
    assert (folder / "vae.ipynb").read_bytes() == before


def test_only_the_work_is_the_students(course):
    """What was read-only, or of another kind of cell, is again what was released."""
    notebook = course.solved()
    by_name = {name_of(cell): cell for cell in notebook.cells}
    by_name["check-kl"].source = "print('all is well')"
    place = notebook.cells.index(by_name["kl_gaussian"])
    work = notebook.cells[place]
    as_text = nbformat.v4.new_markdown_cell(work.source, metadata=work.metadata)
    notebook.cells[place] = as_text
    course.hand_in("changed", notebook)
    done = course.autograde("changed")
    assert done["success"], done["log"]
    graded = {name_of(cell): cell for cell in course.result("changed").cells}
    assert (graded["check-kl"].source, graded["kl_gaussian"].source) == ("pass", work.source)
    assert graded["kl_gaussian"].cell_type == "code"
    assert course.score("changed") == 2


UNREADABLE = {
    "is empty": b"",
    "not JSON": b"dear grader",
    "not text": b"\xff\xfe\x00PK",
    "no list of cells": b'{"nbformat": 4}',
    "nested too deeply": b"[" * 200_000,
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_broken_file_says_what_is_wrong_and_counts_nothing(course, what):
    student = "broken-" + what.replace(" ", "-")
    course.hand_in(student, UNREADABLE[what])
    done = course.autograde(student)
    assert done["success"], done["log"]
    assert course.score(student) == 0
    assert what in graded_cell(course.result(student)).outputs[0].text
    assert "print('was never run')" not in str(course.result(student))


def test_the_record_says_how_the_score_came_about(course):
    half = KL.replace("0.5 * ", "")
    course.hand_in("record", course.solved(half))
    assert course.autograde("record")["success"]
    record = verdict.read(graded_cell(course.result("record")))
    assert record["rung"] == walls.best() and record["seed"] == 7
    assert record["score"] == course.score("record") and 0 < record["score"] < 2


def test_without_a_sandbox_the_scores_are_the_same(course):
    """Of a cell that stops, too."""
    half = "import surely_not_installed\n" + KL.replace("0.5 * ", "")
    for student, sandbox in (("in-a-box", ""), ("in-the-open", "none")):
        course.hand_in(student, course.solved(half))
        assert course.autograde(student, sandbox=sandbox)["success"]
    assert 0 < course.score("in-a-box") == course.score("in-the-open")


def test_without_the_wall_asked_for_nothing_is_graded(course, monkeypatch):
    course.hand_in("refused", course.solved())
    monkeypatch.setenv("PATH", "/nowhere")
    done = course.autograde("refused", sandbox="bubblewrap")
    assert not done["success"]
    assert (
        "bubblewrap is not installed" in done["log"] and "--Execute.sandbox=process" in done["log"]
    )
    assert not (course.root / "autograded" / "refused").exists()


def test_extra_credit_that_a_person_has_changed_stays(course):
    course.hand_in("extra", course.solved())
    assert course.autograde("extra")["success"]
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as gradebook:
        plugin = execute.SaveAutoGrades()
        plugin.gradebook = gradebook
        grade = gradebook.find_grade("vae-kl_gaussian", "vae", "vae", "extra")
        for score in (1.0, 0.0, 2.0):
            plugin._add_extra(grade, score)
            assert grade.extra_credit == score
        grade.extra_credit = 0.5
        plugin._add_extra(grade, 1.0)
        assert grade.extra_credit == 0.5 and grade.needs_manual_grade


def test_links_are_not_followed(course):
    folder = course.hand_in("links", course.solved())
    os.symlink(course.root / "gradebook.db", folder / "mine.db")
    os.symlink("/dev/zero", folder / "endless")
    assert course.autograde("links")["success"]
    assert course.score("links") == 2
    assert sorted(p.name for p in (course.root / "autograded/links/vae").iterdir()) == ["vae.ipynb"]


def test_a_name_in_another_form_of_unicode_makes_no_second_student(course):
    with Gradebook(f"sqlite:///{course.root}/gradebook.db", "vae-course") as book:
        book.add_student(unicodedata.normalize("NFC", "josé"))
        before = {student.id for student in book.students}
    other = unicodedata.normalize("NFD", "josé")
    course.hand_in(other, course.solved())
    outcome = course.autograde(other)
    assert not outcome["success"] and "with other characters for the accents" in outcome["log"]
    with Gradebook(f"sqlite:///{course.root}/gradebook.db", "vae-course") as book:
        assert {student.id for student in book.students} == before


def test_a_linked_notebook_is_not_read(course):
    course.hand_in("honest", course.solved())
    folder = course.hand_in("copycat", b"")
    (folder / "vae.ipynb").unlink()
    os.symlink(course.root / "submitted/honest/vae/vae.ipynb", folder / "vae.ipynb")
    assert course.autograde("copycat")["success"]
    assert course.score("copycat") == 0


@pytest.mark.long
@pytest.mark.parametrize("chosen", ["side_effects or showtraceback_exploit", "test"])
def test_nbgraders_own_tests_pass_except_where_the_docs_say_why_not(chosen):
    root = Path(__file__).resolve().parents[3]
    command = (
        "-m pytest -p tests.support.nbgrader_plugin -p no:cacheprovider --rootdir /tmp -rA "
        "--pyargs nbgrader.tests.apps.test_nbgrader_autograde -k"
    ).split()
    done = subprocess.run(
        [sys.executable, *command, chosen], cwd=root, capture_output=True, text=True
    )
    told = re.findall(r"^(PASSED|FAILED|ERROR) .*::(test_\w+)", done.stdout, re.M)
    results = {name: went for went, name in told}
    table = (root / "docs/nbgrader-tests.md").read_text()
    meant = set(re.findall(r"`(test_\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert len(results) > 1, done.stdout[-2000:]
    assert {name for name, went in results.items() if went != "PASSED"} == meant & results.keys()
