"""One question, asked of students' files: Python, or a notebook's code cells in order."""

from __future__ import annotations

import tokenize
from pathlib import Path

from autograder.exam import examiner, sanitize, verdict, warm
from autograder.exam.walls.common import Limits

FIELDS = "question", "score", "points", "passed", "mistake", "feedback"
LARGEST = 4 * 2**20  # bytes of a file
# A file is a module of this name, as it is where somebody imports it, and no program.
MODULE = """import sys
__name__ = "submission"
sys.modules[__name__] = get_ipython().user_module
del sys
"""


def check(path: Path, question_id: str, seed: int, sandbox: bool = True) -> dict:
    """What `check --json` prints for one file. NoBox where it cannot be isolated.

    All files run behind the same wall, each in a process of its own out of one that is warm. A cell
    that stops costs what it was worth, as in grading; so does a file. Its `runs/` go with it.
    sandbox: isolate it, for files that are not one's own.
    """
    try:
        cells = _of_notebook(path) if path.suffix.lower() == ".ipynb" else _of_python(path)
    except sanitize.Unreadable as problem:
        record = verdict.failed(question_id, f"The file {problem}.", None)
        return {key: record[key] for key in FIELDS}
    cells.append(examiner.Cell("", question_id))
    server = warm.shared(Limits(), (), cells, None if sandbox else "process")
    names = []
    if (path.parent / "runs").is_dir():
        found = examiner.files_of(path.parent / "runs", Limits().disk // 2)[0]
        names = [f"runs/{name}" for name in found]
    examined = examiner.examine(cells, path.parent, names, "check", seed, server)
    return {key: examined.records[question_id][key] for key in FIELDS}


def _of_python(path: Path) -> list[examiner.Cell]:
    try:
        if path.stat().st_size > LARGEST:
            raise sanitize.Unreadable("is too large")
        with tokenize.open(path) as file:
            return [examiner.Cell(MODULE), examiner.Cell(file.read(), called="your file")]
    except (SyntaxError, UnicodeDecodeError):
        raise sanitize.Unreadable("is not text in UTF-8") from None
    except OSError as error:
        raise sanitize.Unreadable(f"cannot be read: {error.strerror}") from None


def _of_notebook(path: Path) -> list[examiner.Cell]:
    try:
        notebook = sanitize.read(path)
    except OSError as error:
        raise sanitize.Unreadable(f"cannot be read: {error.strerror}") from None
    return [examiner.Cell(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
