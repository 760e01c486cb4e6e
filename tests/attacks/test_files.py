"""Hostile files through all of `nbgrader autograde`: metadata, structure, links, odd modules."""

import json
import os

import nbformat
import pytest

from tests.autograder.conftest import Course

WRONG = "import torch\ndef kl_gaussian(mu, logvar):\n    return mu.sum(1)\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    os.environ["PATH"] = f"{os.path.dirname(os.sys.executable)}:{os.environ['PATH']}"  # alembic
    made = Course(tmp_path_factory.mktemp("course"))
    made.hand_in("unattacked", made.solved(WRONG))
    assert made.autograde("unattacked")["success"]
    return made


def about(notebook, name="vae-kl_gaussian"):
    found = (c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)
    return next(found).metadata["nbgrader"]


def more_points(nb):
    about(nb)["points"] = 1000


def nothing_to_test(nb):
    about(nb).update(grade=False, locked=False)


def a_test_that_is_an_answer(nb):
    about(nb).update(solution=True, cell_type="markdown")


def an_unlocked_test(nb):
    about(nb)["locked"] = False
    nb.cells[3].source = "2.0"


def a_test_of_markdown(nb):
    nb.cells[3] = nbformat.v4.new_markdown_cell("2.0", metadata=nb.cells[3].metadata)


def a_test_of_another_question(nb):
    nb.cells[
        3
    ].source = 'from autograder.plugins import incell; incell.grade("explore.digit_statistics")'


def a_checksum_of_ones_own(nb):
    about(nb)["checksum"] = "0" * 32
    nb.cells[3].source = "2.0"


def a_test_more(nb):
    extra = json.loads(json.dumps(nb.cells[3]))
    extra["id"], extra["metadata"]["nbgrader"]["grade_id"] = "more", "vae-elbo"
    nb.cells.append(nbformat.from_dict(extra))


def a_forged_output(nb):
    record = {"question": "vae.kl_gaussian", "score": 2.0, "status": "graded"}
    data = {"application/vnd.autograder+json": record, "text/plain": "2.0"}
    nb.cells[3].outputs = [nbformat.v4.new_output("execute_result", data)]


def a_grade_id_that_climbs(nb):
    nb.cells[0].metadata["nbgrader"] = {"grade_id": "../../../gradebook", "grade": True}


def a_kernel_of_ones_own(nb):
    nb.metadata["kernelspec"] = {"name": "evil", "argv": ["sh", "-c", "touch /tmp/evil"]}


def a_problem_of_ones_own(nb):
    nb.metadata["autograder"] = {"problem": None, "records": {"vae.kl_gaussian": {"score": 2}}}


def deep_metadata(nb):
    deep = {}
    for _ in range(400):
        deep = {"x": deep}
    nb.metadata["deep"] = nb.cells[0].metadata["deep"] = deep


def an_answer_by_hand(nb):
    about(nb, "vae-beta_0").update(solution=False, points=3)


FORGED = [
    more_points,
    nothing_to_test,
    a_test_that_is_an_answer,
    an_unlocked_test,
    a_test_of_markdown,
    a_test_of_another_question,
    a_checksum_of_ones_own,
    a_test_more,
    a_forged_output,
    a_grade_id_that_climbs,
    a_kernel_of_ones_own,
    a_problem_of_ones_own,
    deep_metadata,
    an_answer_by_hand,
]


@pytest.mark.parametrize("forge", FORGED, ids=lambda f: f.__name__)
def test_forged_metadata_earns_nothing(course, forge):
    notebook = course.solved(WRONG)
    forge(notebook)
    course.hand_in(forge.__name__, notebook)
    done = course.autograde(forge.__name__)
    assert done["success"], done["log"]
    assert course.score(forge.__name__) <= course.score("unattacked")


SHADOWING = ("torch.py", "autograder.py", "utils.py", "json.py", "sitecustomize.py", "IPython.py")


@pytest.mark.parametrize("name", SHADOWING)
def test_modules_handed_in_earn_nothing(course, name):
    source = "import os, sys\nprint('2.0')\nscore = passed = 2.0\nallclose = lambda *a, **k: True\n"
    student = f"shadow-{name}"
    course.hand_in(student, course.solved(WRONG), **{name: source.encode()})
    assert course.autograde(student)["success"]
    assert course.score(student) <= course.score("unattacked")


def test_a_huge_file_is_not_read(course):
    notebook = course.solved(WRONG)
    notebook.cells[0].source = "x" * (40 * 2**20)
    course.hand_in("huge", notebook)
    assert course.autograde("huge")["success"]
    assert course.score("huge") == 0


def test_a_notebook_of_very_many_cells_is_not_read(course):
    notebook = course.solved(WRONG)
    notebook.cells += [nbformat.v4.new_code_cell("1") for _ in range(3000)]
    course.hand_in("many", notebook)
    assert course.autograde("many")["success"]
    assert course.score("many") == 0


def test_a_pipe_under_the_name_of_a_file_is_left_out(course):
    folder = course.hand_in("pipe", course.solved())
    os.mkfifo(folder / "data")
    assert course.autograde("pipe")["success"]
    assert course.score("pipe") == 2


@pytest.mark.parametrize("kind", ["pipe", "folder", "bytes", "no date", "endless"])
def test_a_timestamp_that_is_none_is_left_alone(course, kind):
    student = f"timestamp-{kind}"
    stamp = course.hand_in(student, course.solved()) / "timestamp.txt"
    if kind == "pipe":
        os.mkfifo(stamp)
    elif kind == "folder":
        stamp.mkdir()
    elif kind == "endless":
        stamp.symlink_to("/dev/zero")
    else:
        stamp.write_bytes({"bytes": b"\xff\xfe", "no date": b"yesterday"}[kind])
    assert course.autograde(student)["success"]
    assert course.score(student) == 2


def test_a_sparse_file_is_not_copied(course):
    folder = course.hand_in("sparse", course.solved())
    with open(folder / "big", "wb") as file:
        file.truncate(2**42)
    assert course.autograde("sparse")["success"]
    assert course.score("sparse") == 2


def test_names_of_files_reach_no_terminal(course):
    course.hand_in("named", course.solved(), **{"esc\x1b[31m\x1b]0;pwn\x07.ipynb": b"{}"})
    done = course.autograde("named")
    assert done["success"] and "\x1b" not in done["log"]
    assert course.score("named") == 2


def test_the_next_student_is_graded_right(course):
    course.hand_in("next", course.solved())
    assert course.autograde("next")["success"]
    assert course.score("next") == 2
