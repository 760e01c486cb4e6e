"""An ordinary nbgrader assignment beside the kit's: released, graded, reported."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.apps import NbGraderAPI

from autograder.course import grading, report
from autograder.course.course import Course
from autograder.exam import received, verdict
from autograder.exam.budget import OUTPUTS, Budget
from autograder.exam.walls.common import Limits
from autograder.plugins.config import ROOT, load_config, scripts_on_path
from autograder.release import build
from tests.autograder.conftest import graded

NAME = "warm_up"
HIDDEN = 'assert double(21) == 42, "21 doubled"'
STEP = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n"
TEST = f"assert double(1) == 2\n### BEGIN HIDDEN TESTS\n{HIDDEN}\n### END HIDDEN TESTS"
# Half of the points, as nbgrader has it: a number at the end of the cell.
PARTLY = """rows = open("data.csv").read().split()
### BEGIN HIDDEN TESTS
1.5 if total([2, 3]) != 5 else 3
### END HIDDEN TESTS"""
TOTAL = "def total(rows):\n    ### BEGIN SOLUTION\n    return sum(rows)\n    ### END SOLUTION\n"


def notebook(name, step, test, points):
    cells = [
        new_markdown_cell(f"# {name}"),
        graded(f"{name}-step", step, solution=True),
        graded(f"{name}-test", test, grade=True, locked=True, points=points),
    ]
    if name == "first":
        cells.append(graded("why", "Why?", new_markdown_cell, grade=True, solution=True, points=4))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


STUDENTS = {
    "ada": ("def double(x):\n    return 2 * x", "def total(rows):\n    return sum(rows)"),
    "bo": ("import warnings\ndef double(x):\n    warnings.warn('hm')\n    return 2", "total = len"),
    "eve": (f"import os\nos.listdir({str(ROOT / 'solutions')!r})\nos._exit(0)", "total = 1"),
}
SCORES = {
    "ada": {"first-test": 2.0, "second-test": 3.0},
    "bo": {"first-test": 0.0, "second-test": 1.5},
    "eve": {"first-test": 0.0, "second-test": 0.0},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder tied to the kit in one line, with the assignment released and handed in."""
    scripts_on_path()
    root = tmp_path_factory.mktemp("own")
    (root / "nbgrader_config.py").write_text(
        f"load_subconfig('nbgrader_config.py', path={str(ROOT)!r})\n"
    )
    source = root / "solutions" / NAME
    source.mkdir(parents=True)
    nbformat.write(notebook("first", STEP, TEST, 2), source / "first.ipynb")
    nbformat.write(notebook("second", TOTAL, PARTLY, 3), source / "second.ipynb")
    (source / "data.csv").write_text("1 2 3\n")
    done = NbGraderAPI(config=load_config(root)).generate_assignment(NAME)
    assert done["success"], done
    for student, steps in STUDENTS.items():
        folder = root / "submitted" / student / NAME
        folder.mkdir(parents=True)
        for name, step in zip(("first", "second"), steps, strict=True):
            released = nbformat.read(root / "assignments" / NAME / f"{name}.ipynb", 4)
            released.cells[1].source = step
            nbformat.write(released, folder / f"{name}.ipynb")
    return root


def test_it_is_released_whole_and_without_its_hidden_tests(course):
    folder = course / "assignments" / NAME
    assert {path.name for path in folder.iterdir()} == {"first.ipynb", "second.ipynb", "data.csv"}
    assert HIDDEN not in (folder / "first.ipynb").read_text()
    assert build.own_assignments(course) == [NAME]


def test_it_is_graded_by_its_own_tests_behind_the_wall_and_reported(course):
    assert grading.grade(NAME, course) == 0
    found = Course(course, NAME)
    assert found.results() == SCORES
    for student in STUDENTS:
        details = {
            row["id"]: row
            for row in found.details(
                {"student": student, "status": "graded", "questions": SCORES[student]}
            )
        }
        assert details.keys() == SCORES[student].keys()
        assert all(row["rung"] != "process" for row in details.values())
    lost = (course / "autograded" / "bo" / NAME / "first.ipynb").read_text()
    assert "AssertionError: 21 doubled" in lost  # the test's message, and nothing of its code
    assert report.write(NAME, course) == 0
    page = (course / "reports" / f"{NAME}.html").read_text()
    assert "first-test" in page and "second-test" in page and NAME in page
    assert NbGraderAPI(config=load_config(course)).generate_feedback(NAME)["success"]
    for path in course.glob(f"feedback/*/{NAME}/*.html"):
        assert "double(21)" not in path.read_text()


@pytest.mark.parametrize(
    "shown, score",
    [
        ("2", 2),
        ("1.5", 1.5),
        ("np.float64(0.0)", 0),
        ("tensor(0.)", 0),
        ("tensor(0.5000, grad_fn=<MulBackward0>)", 0.5),
        ("False", 0),
        ("nan", 0),
        ("-1", 0),
        ("7", 0),
        ("", 0),
        ("True", 2),
        ("'well done'", 2),
    ],
)
def test_what_a_test_ends_with_counts_as_the_number_that_it_is(shown, score):
    result = {"output_type": "execute_result", "data": {"text/plain": shown}, "metadata": {}}
    assert verdict.of_test("t", 2.0, [result], "landlock")["score"] == score


def test_no_flood_of_outputs_washes_a_failed_test_away():
    many = [{"output_type": "stream", "name": "stdout", "text": "x"}] * (2 * OUTPUTS)
    failed = {"output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": []}
    for outputs in (0, 1000):
        budget = Budget(Limits())
        budget.outputs = outputs
        cleaned = received.outputs({"outputs": [*many, failed]}, budget)
        assert verdict.of_test("t", 2.0, cleaned, "landlock")["score"] == 0


@pytest.mark.long
def test_workers_give_what_one_process_gives(course, tmp_path):
    root = shutil.copytree(course, tmp_path / "course")
    shutil.rmtree(root / "autograded", ignore_errors=True)
    assert grading.grade(NAME, root, workers=2) == 0
    assert Course(root, NAME).results() == SCORES
