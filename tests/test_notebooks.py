"""Every notebook runs from top to bottom with the reference solutions, as it does while grading."""

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.key import catalogue
from autograder.release import build


@pytest.mark.parametrize("assignment", catalogue.ASSIGNMENTS)
def test_the_reference_solutions_run_and_every_check_passes(assignment, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setenv("COURSE_DATA", "embedded")
    notebook = nbformat.read(build.ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "### BEGIN HIDDEN TESTS" in cell.source:
            cell.source = ""  # graded elsewhere; here it is the student's own run
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    locked = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("locked")]
    checked = [c for c in locked if c.cell_type == "code" and c.source]
    for cell in checked:
        printed = "".join(o.get("text", "") for o in cell.outputs)
        assert "Passed" in printed, cell.source
    noise = [
        o.text for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"
    ]
    assert not noise
