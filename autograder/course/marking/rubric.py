"""How far the marking of answers is, and what was given for every criterion, as a table."""

from __future__ import annotations

import csv
import io

from nbgrader.api import BaseCell, Grade

from autograder.course.answers import Desk, graded
from autograder.key.catalogue import question_id
from autograder.plugins.tables import harmless


def progress(desk: Desk) -> dict[str, tuple[int, int]]:
    """{question: (answers that somebody has marked, all answers)}"""
    counted = {name: [0, 0] for name in desk.questions}
    with desk.course.gradebook() as gradebook:
        rows = graded(gradebook, desk.course.assignment).with_entities(
            BaseCell.name, Grade.needs_manual_grade
        )
        for name, waiting in rows:
            if name in counted:
                counted[name][0] += not waiting
                counted[name][1] += 1
    return {name: (done, of) for name, (done, of) in counted.items()}


def table(desk: Desk) -> str:
    """CSV: a row for every answer and criterion; "total" for the whole of an answer. A mark that
    nobody has given is empty.
    """
    stream = io.StringIO()
    rows = csv.writer(stream)
    rows.writerow(["student", "question", "criterion", "marks", "of", "comment"])
    for name, asked in desk.questions.items():
        for answer in desk.answers(name):
            begin = [harmless(answer.student), question_id(name)]
            for criterion in asked.criteria:
                mark = answer.criteria.get(criterion.title)
                given = "" if mark is None else f"{mark:g}"
                rows.writerow(
                    [*begin, harmless(criterion.title), given, f"{criterion.points:g}", ""]
                )
            given = "" if answer.score is None else f"{answer.score:g}"
            rows.writerow([*begin, "total", given, f"{asked.points:g}", harmless(answer.comment)])
    return stream.getvalue()
