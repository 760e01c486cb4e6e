"""What a hidden test cell calls: grade one question inside the student's kernel, without a sandbox.

Isolated grading never runs this; there the examiner asks from another process. Here student code
could forge what it likes: this is for classes that are trusted and machines that have no sandbox.
"""

from __future__ import annotations

import secrets
from functools import cache

from autograder.exam import verdict


def grade(question_id: str) -> float:
    """Show the student the result and return the score as nbgrader wants it: a plain float.

    Extra credit returns 0.0, because its cell is worth no points; `execute.SaveAutoGrades` takes
    the score from the record in the output.
    """
    from IPython import get_ipython
    from IPython.display import display

    record = verdict.of(lambda: _exam(get_ipython()).grade(question_id), question_id, "kernel")
    print(record["feedback"])
    display({verdict.MIME: record, "text/plain": ""}, raw=True)
    return verdict.points(record)


@cache
def _exam(shell):
    """One exam a kernel, so that a question graded twice costs and counts once."""
    from autograder.key import catalogue
    from autograder.key.question import Exam
    from autograder.student.asking import InProcess

    return Exam(InProcess(shell.user_ns), secrets.randbelow(2**31), catalogue.find)
