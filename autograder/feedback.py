"""An nbgrader plug-in for `nbgrader generate_feedback`: what a graded cell shows its student."""

from __future__ import annotations

from nbformat.v4 import new_output
from nbgrader import utils as nbgrader_utils
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder import verdict

NOT_GRADED = "This question was not graded; ask your instructor about it.\n"


class ShowResults(NbGraderPreprocessor):
    """Leave a graded cell the text of its record: no number, no record, no traceback of a test."""

    def preprocess_cell(self, cell, resources, cell_index):
        test = nbgrader_utils.is_grade(cell) and not nbgrader_utils.is_solution(cell)
        if cell.cell_type == "code" and test:
            record = verdict.read(cell)
            text = f"{record['feedback']}\n" if record else NOT_GRADED
            cell.outputs = [new_output("stream", name="stdout", text=text)]
        return cell, resources
