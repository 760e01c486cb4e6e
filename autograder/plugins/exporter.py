"""How `nbgrader autograde` reads submissions: warily, and only where they can be isolated.

nbgrader trusts what it reads: a cell that stands there twice, or one odd value in the metadata,
costs the whole submission. So the cells become again what the gradebook says they are.
"""

from __future__ import annotations

import os

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.errors import WrongCall
from autograder.exam import sanitize
from autograder.exam.walls.common import NoBox
from autograder.plugins import ahead, patches, register
from autograder.plugins.execute import Execute


class Exporter(NotebookExporter):
    """Reads submissions for `nbgrader autograde`, and refuses to start without the sandbox
    asked for.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        try:
            Execute(parent=self).check()
        except NoBox as error:
            self.log.error("Nothing was graded: %s", error)
            raise NbGraderException(str(error)) from None
        self._compare_points()
        patches.copy_plain_files(self.parent)
        patches.know_students(self.parent)
        patches.doubt_timestamps(self.parent)
        patches.log_printable(self.parent)

    def _compare_points(self) -> None:
        """Refuse to start where key, notebook and gradebook disagree about points."""
        course = getattr(self.parent, "coursedir", None)
        if course is None or ahead.hung_on(self.parent):  # who works ahead has compared them
            return
        try:
            for note in register.compare(course, course.assignment_id):
                self.log.warning("%s", note)
        except WrongCall as error:
            self.log.error("Nothing was graded: %s", error)
            raise NbGraderException(str(error)) from None

    def from_filename(self, filename, resources=None, **kwargs):
        submitted = getattr(self.parent, "_sanitizing", True)
        if not submitted:
            return super().from_filename(filename, resources, **kwargs)
        sanitized = ahead.of(self).sanitized
        if filename in sanitized:
            return sanitized.pop(filename)
        resources = {} if resources is None else resources
        folder, base = os.path.split(filename)
        resources["metadata"] = {"path": folder, "name": os.path.splitext(base)[0]}
        try:
            notebook = sanitize.read(filename)
        except sanitize.Unreadable as problem:
            self.log.warning("%s %s. Its questions count 0.", filename, problem)
            notebook = sanitize.in_place_of(f"This file {problem}.")
        return self.from_notebook_node(notebook, resources, **kwargs)


class RestoreCells(NbGraderPreprocessor):
    """`sanitize.restore` with the gradebook's record of the release.

    Takes the place of nbgrader's `OverwriteCells`, which asks the gradebook for every cell.
    """

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            source = gradebook.find_notebook(about["notebook"], about["assignment"])
            known = _official(source)
        sanitize.restore(nb, known, self.log.warning)
        return nb, resources


def _official(notebook) -> dict[str, NotebookNode]:
    """{name: cell} as a notebook was released, from the gradebook's record of it, in its order."""
    grades = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    tasks = {cell.name for cell in notebook.task_cells}
    found = {}
    for cell in notebook.source_cells:
        about = {
            "grade_id": cell.name,
            "grade": cell.name in grades,
            "solution": cell.name in solutions,
            "task": cell.name in tasks,
            "locked": bool(cell.locked),
            "schema_version": 3,
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
        }
        if about["grade"]:
            about["points"] = grades[cell.name]
        found[cell.name] = sanitize.cell_of(f"official-{len(found)}", cell.cell_type, cell.source)
        found[cell.name].metadata.nbgrader = NotebookNode(about)
    return found
