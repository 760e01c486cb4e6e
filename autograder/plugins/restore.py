"""An nbgrader plug-in: the cells of a submission become again what the gradebook says they are.

nbgrader trusts what it reads: a cell that stands there twice, or one odd value in the metadata,
costs the whole submission.
"""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.exam import sanitize


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
