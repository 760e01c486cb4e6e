"""This version grades and exports a class of version 1.0 with equal marks; nobody marks again."""

import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def term(tmp_path):
    with zipfile.ZipFile(Path(__file__).with_name("term-1.0.zip")) as kept:
        kept.extractall(tmp_path)
    return tmp_path


def run(term, *command):
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=term,
        env={**os.environ, "PATH": path, "COURSE_DATA": "embedded"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def marks(file):
    with open(file, encoding="utf-8-sig", newline="") as opened:
        return {row["student"]: row["explore"] for row in csv.DictReader(opened)}


def exported(term):
    run(term, "nbgrader", "export", "--exporter=autograder.exports.Table", "--to=now.csv")
    return marks(term / "now.csv")


def test_grade_gives_equal_marks_and_asks_nobody_to_mark_again(term):
    run(term, "autograder", "grade", "explore", "--course-dir", ".")
    assert exported(term) == marks(term / "marks.csv")
    with Gradebook(f"sqlite:///{term / 'gradebook.db'}") as gradebook:
        for student, points in {"ada": 3.5, "ben": 1.0}.items():
            grade = gradebook.find_grade("explore-hypothesis", "explore", "explore", student)
            assert (grade.manual_score, grade.needs_manual_grade) == (points, False)


def test_the_configuration_of_1_0_grades_and_gives_feedback_with_nbgraders_own_commands(term):
    run(term, "nbgrader", "autograde", "explore", "--student=ben", "--force")
    run(term, "nbgrader", "generate_feedback", "explore", "--student=ben")
    assert exported(term) == marks(term / "marks.csv")
    page = (term / "feedback/ben/explore/explore.html").read_text(encoding="utf-8")
    assert "0.65" in page or "1.65" in page
    assert "HIDDEN TESTS" not in page


def test_a_notebook_of_1_0_finds_what_it_imports(term):
    notebook = nbformat.read(term / "assignments/explore/explore.ipynb", 4)
    lines = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    imports = [line for line in lines.splitlines() if line.startswith("from utils import")]
    assert imports
    names = "answers, checks, explorers, preflight, widgets"
    code = "\n".join([*imports, f"from utils import {names}", "print(explorers.__name__)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout == "utils.explore.explorers\n", done.stderr
