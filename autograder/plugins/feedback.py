"""An nbgrader plug-in for `nbgrader generate_feedback`: what a graded cell shows its student."""

from __future__ import annotations

import contextlib

from nbformat.v4 import new_output
from nbgrader import preprocessors as stock
from nbgrader import utils as nbgrader_utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.errors import WrongCall
from autograder.exam import verdict
from autograder.key import catalogue
from autograder.plugins import execute, late

NOT_GRADED = "This question was not graded; ask your instructor about it.\n"


class ShowResults(NbGraderPreprocessor):
    """Leave a graded cell the text of its record (no number, no record, no traceback of a test) and
    its question's title, for the list of contents.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        if not nbgrader_utils.is_grade(cell):
            return cell, resources
        title = _title(catalogue.question_id(cell.metadata.nbgrader.grade_id))
        if title:
            cell.metadata.title = title
        if cell.cell_type == "code" and not nbgrader_utils.is_solution(cell):
            record = verdict.read(cell)
            text = f"{record['feedback']}\n" if record else NOT_GRADED
            cell.outputs = [new_output("stream", name="stdout", text=text)]
        return cell, resources


class GetGrades(stock.GetGrades):
    """nbgrader's, after late penalty and extension have been brought up to date."""

    def preprocess(self, nb, resources):
        about, course = resources["nbgrader"], execute.course_of(self)
        if course:
            with Gradebook(about["db_url"]) as gradebook:
                try:
                    who = {about["student"]}
                    late.settle(gradebook, self.config, course.root, about["assignment"], who)
                except WrongCall as problem:
                    self.log.error("%s. The late penalty is as it was.", problem)
        return super().preprocess(nb, resources)


def _ours(cell) -> bool:
    """Whether a cell is as it was released: only there is a test or a mark scheme to be hidden."""
    return bool(cell.metadata.get("nbgrader", {}).get("locked"))


class ClearHiddenTests(stock.ClearHiddenTests):
    """nbgrader's, which stops at a student's own cell that holds its mark without an end."""

    def preprocess_cell(self, cell, resources, cell_index):
        if _ours(cell):
            return super().preprocess_cell(cell, resources, cell_index)
        return cell, resources


class ClearMarkScheme(stock.ClearMarkScheme):
    """nbgrader's, in the same way."""

    def preprocess_cell(self, cell, resources, cell_index):
        if _ours(cell):
            return super().preprocess_cell(cell, resources, cell_index)
        return cell, resources


def _title(question_id: str) -> str | None:
    """What a question is about; None for a cell of a course's own."""
    if question_id in catalogue.WRITTEN:
        return catalogue.WRITTEN[question_id].title
    with contextlib.suppress(catalogue.UnknownQuestion):
        name = question_id.partition(".")[2]
        return f"{name}: {catalogue.find(question_id).title}"
    return None
