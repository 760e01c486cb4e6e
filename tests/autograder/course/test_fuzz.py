"""Mutated notebooks: each is read, or refused in words, and then gets a grade.

`python -m tests.support.fuzz --notebooks 1000` sends them all through `nbgrader autograde`.
"""

import json
import random

import nbformat

from autograder.exam import sanitize
from tests.support import fuzz


def test_every_mutant_becomes_a_notebook_or_a_reason(course, tmp_path):
    right = json.loads(nbformat.writes(course.solved()))
    path, read = tmp_path / "vae.ipynb", 0
    for number in range(300):
        path.write_bytes(fuzz.mutant(right, random.Random(number)))
        try:
            nbformat.validate(sanitize.read(path))
            read += 1
        except sanitize.Unreadable as reason:
            assert str(reason) and "\n" not in str(reason)
    assert 100 < read < 300


def test_mutants_through_nbgrader_get_grades_and_spoil_nothing(course):
    right = json.loads(nbformat.writes(course.solved()))
    mutants = {f"m{n}": fuzz.mutant(right, random.Random(n)) for n in range(8)}
    mutants["honest"] = nbformat.writes(course.solved()).encode()
    told = fuzz.grade(course, mutants)
    assert {student: row["problem"] for student, row in told.items() if row["problem"]} == {}
    assert told["honest"]["score"] == 2
