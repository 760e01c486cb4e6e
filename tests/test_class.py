"""A whole class through stock `nbgrader autograde`: whatever one student hands in, the others are
graded.
"""

import json
import shutil

import nbformat
import pytest

from autograder.release import build, demo

ASSIGNMENT = "explore"


def without(notebook, name):
    """The notebook with one graded cell deleted."""
    notebook.cells = [c for c in notebook.cells if _name(c) != name]
    return notebook


def _name(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def twice(notebook, name):
    """The notebook with one graded cell copied, as Jupyter's paste does."""
    place, cell = next((i, c) for i, c in enumerate(notebook.cells) if _name(c) == name)
    copy = nbformat.from_dict({**json.loads(json.dumps(cell)), "id": "copied"})
    notebook.cells.insert(place, copy)
    return notebook


def first(notebook, source):
    """The notebook with a code cell put before all others."""
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source))
    return notebook


def kernel(notebook, name):
    notebook.metadata["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
    return notebook


# By students of every name: what is handed in, and the points of `digit_statistics` (2) it must get
GRADED = {
    "perfect": (lambda nb: nb, 2),
    "-rf": (lambda nb: first(nb, "surely_not_defined"), 2),
    "a,b": (lambda nb: first(nb, "def f(:"), 2),
    "#1": (lambda nb: kernel(nb, "my-conda-env"), 2),
    "missing-test": (lambda nb: without(nb, "explore-digit_statistics"), 2),
    'o\'hara "q"': (lambda nb: twice(nb, "explore-digit_statistics"), 2),
    "名前": (lambda nb: twice(nb, "digit_statistics"), 2),
    "n" * 120: (lambda nb: first(nb, "for i in range(200_000): print('x' * 50)"), 2),
    "stderr": (
        lambda nb: first(
            nb, "import sys, warnings; warnings.warn('old'); print('e', file=sys.stderr)"
        ),
        2,
    ),
    "no-function": (lambda nb: without(nb, "digit_statistics"), 0),
}
UNREADABLE = {
    "not-json": lambda text: "this is no notebook",
    "zero-length": lambda text: "",
    "cut-short": lambda text: text[:1500],
    "a-list": lambda text: "[]",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder in which the whole class above has been autograded by the real command."""
    root = tmp_path_factory.mktemp("course")
    build.scripts_on_path()
    for folder in ("solutions", "assignments"):
        shutil.copytree(build.ROOT / folder / ASSIGNMENT, root / folder / ASSIGNMENT)
    made = demo.nbgrader("generate_assignment", ASSIGNMENT, "--force", course=root)
    assert made.returncode == 0, made.stderr
    right = demo.perfect(nbformat.read(root / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", 4))
    work = {
        s: nbformat.writes(change(demo.with_cells(right, {}))) for s, (change, _) in GRADED.items()
    }
    work |= {student: change(nbformat.writes(right)) for student, change in UNREADABLE.items()}
    for student, text in work.items():
        folder = root / "submitted" / student / ASSIGNMENT
        folder.mkdir(parents=True)
        (folder / f"{ASSIGNMENT}.ipynb").write_text(text)
    handed_in = {p: p.read_bytes() for p in (root / "submitted").rglob("*.ipynb")}
    graded = demo.nbgrader("autograde", ASSIGNMENT, course=root)
    return root, work, handed_in, graded


def test_every_readable_submission_gets_the_points_it_earned(course):
    root, work, _, graded = course
    rows = {row["student"]: row["score"] for row in demo.scores(ASSIGNMENT, work, root)}
    assert {s: rows[s] for s in GRADED} == {s: points for s, (_, points) in GRADED.items()}, (
        graded.stderr
    )


def test_an_unreadable_submission_counts_nothing_and_its_result_says_why(course):
    root, work, _, graded = course
    rows = {row["student"]: row["score"] for row in demo.scores(ASSIGNMENT, work, root)}
    for student in UNREADABLE:
        assert rows[student] == 0, graded.stderr
        result = root / "autograded" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        assert "This file is" in nbformat.read(result, 4).cells[0].source


def test_what_was_handed_in_is_left_as_it_was(course):
    _, _, handed_in, _ = course
    assert all(path.read_bytes() == data for path, data in handed_in.items())


def test_feedback_validate_and_export_work(course):
    root, _, _, _ = course
    made = demo.nbgrader("generate_feedback", ASSIGNMENT, course=root)
    assert made.returncode == 0, made.stderr
    page = (root / "feedback" / "perfect" / ASSIGNMENT / f"{ASSIGNMENT}.html").read_text()
    assert "<code>digit_statistics</code>" in page and "2 of 2 points" in page
    assert "HIDDEN TESTS" not in page and "MARK SCHEME" not in page and "incell" not in page
    table = root / "grades.csv"
    database = f"--db=sqlite:///{root / 'gradebook.db'}"
    exported = demo.nbgrader(
        "export",
        "--exporter=autograder.course.exports.Table",
        f"--to={table}",
        database,
        course=None,
    )
    assert exported.returncode == 0 and "perfect" in table.read_text(), exported.stderr
    release = root / "assignments" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    checked = demo.nbgrader("validate", str(release), course=None)
    assert checked.returncode == 0, checked.stderr
