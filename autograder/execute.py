"""nbgrader plug-ins: execute a submission, and store what its questions scored."""

from __future__ import annotations

import os
import secrets

from nbgrader import utils as nbgrader_utils
from nbgrader.preprocessors import Execute as StockExecute
from nbgrader.preprocessors import SaveAutoGrades as StockSaveAutoGrades
from traitlets import Enum, Integer

from autograder import incell, questions, verdict


def question_of(cell) -> str | None:
    """The question that a cell tests, or None; by its restored name, whatever its source says."""
    tested = nbgrader_utils.is_grade(cell) and not nbgrader_utils.is_solution(cell)
    if cell.cell_type != "code" or not tested:
        return None
    question_id = str(cell.metadata.nbgrader.get("grade_id", "")).replace("-", ".", 1)
    try:
        return questions.find(question_id).id
    except questions.UnknownQuestion:
        return None


class Execute(StockExecute):
    """Run a submission's cells and grade its questions; takes the place of nbgrader's `Execute`."""

    sandbox = Enum(
        ("bubblewrap", "none"),
        "bubblewrap",
        help="'bubblewrap' isolates student code; 'none' trusts it (plain kernel, tests inside).",
    ).tag(config=True)

    seed = Integer(
        None,
        allow_none=True,
        help="Draw all hidden inputs from this seed; by default each submission gets its own.",
    ).tag(config=True)

    def preprocess(self, nb, resources=None, km=None):
        seed = secrets.randbelow(2**31) if self.seed is None else self.seed
        os.environ[incell.SEED] = str(seed)
        try:
            return super().preprocess(nb, resources, km)
        finally:
            del os.environ[incell.SEED]


class SaveAutoGrades(StockSaveAutoGrades):
    """Store scores from the records, where nbgrader takes any odd output for full marks."""

    def _add_score(self, cell, resources):
        super()._add_score(cell, resources)
        question_id = question_of(cell)
        if question_id is None:
            return
        question, record = questions.find(question_id), verdict.read(cell) or {"score": 0.0}
        score = min(max(float(record["score"]), 0.0), float(question.points))
        grade = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"],
            self.notebook_id,
            self.assignment_id,
            self.student_id,
        )
        grade.auto_score = 0.0 if question.extra else min(score, float(grade.max_score))
        if question.extra and grade.manual_score is None:
            grade.extra_credit = score
        self.gradebook.db.commit()
