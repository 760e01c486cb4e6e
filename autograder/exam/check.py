"""One question, asked of a student's file: Python, or a notebook's code cells in order."""

from __future__ import annotations

from pathlib import Path

from autograder.exam import examiner, sanitize, verdict, warm
from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student.asking import Forked

FIELDS = "question", "score", "points", "passed", "mistake", "feedback"


def check(path: Path, question_id: str, seed: int) -> dict:
    """What `check --json` prints for one file. NoBox where a notebook cannot be isolated.

    A notebook's cells run behind the wall; one that stops costs what it was worth, as in grading.
    """
    if path.suffix.lower() == ".ipynb":
        record = _of_notebook(path, question_id, seed)
        return {key: record[key] for key in FIELDS}
    student = Forked(path)
    try:
        return Exam(student, seed, catalogue.find).grade(question_id).as_json()
    finally:
        student.close()


def _of_notebook(path: Path, question_id: str, seed: int) -> dict:
    try:
        notebook = sanitize.read(path)
    except (sanitize.Unreadable, OSError) as problem:
        why = problem if isinstance(problem, sanitize.Unreadable) else "cannot be read"
        return verdict.failed(question_id, f"The file {why}.", None)
    cells = [examiner.Cell(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    cells.append(examiner.Cell("", question_id))
    server = warm.shared(warm.Limits(), (), cells)
    return examiner.examine(cells, path.parent, [], "check", seed, server).records[question_id]
