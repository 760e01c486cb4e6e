"""The committed release is entered into the gradebook, whichever command is taken, and stays."""

import shutil

import pytest
from nbgrader.api import Gradebook, MissingEntry

from autograder.cli import main
from autograder.plugins.config import ROOT
from autograder.release import demo

ASSIGNMENT = "explore"


@pytest.fixture
def kit(tmp_path):
    """A course folder as a fresh clone has it: source and release, no gradebook. Its name has what
    is a pattern or a name to somebody: it is taken as it is.
    """
    root = tmp_path / "winter [2026] #1 50%"
    for folder in ("solutions", "assignments"):
        shutil.copytree(ROOT / folder / ASSIGNMENT, root / folder / ASSIGNMENT)
    mine = root / "assignments" / ASSIGNMENT / "runs" / "mine" / "run.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    return root


def cells(root):
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        try:
            notebooks = gradebook.find_assignment(ASSIGNMENT).notebooks
        except MissingEntry:
            return None
        return {(c.name, c.max_score) for n in notebooks for c in n.grade_cells}


def files(root):
    folder = root / "assignments"
    return {p.relative_to(root): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_register_enters_every_question_and_says_so(kit, capsys):
    before = files(kit)
    assert main(["register", ASSIGNMENT, "--course-dir", str(kit)]) == 0
    assert cells(kit) == {("explore-digit_statistics", 2), ("explore-hypothesis", 4)}
    assert f"{ASSIGNMENT}: registered; questions graded by code: 1" in capsys.readouterr().out
    assert main(["register", ASSIGNMENT, "--course-dir", str(kit)]) == 0
    assert f"{ASSIGNMENT}: as it was" in capsys.readouterr().out
    assert files(kit) == before


def test_a_name_that_a_gradebooks_address_cannot_hold_is_told(tmp_path, capsys):
    (tmp_path / "my%20course").mkdir()
    assert main(["register", "--course-dir", str(tmp_path / "my%20course")]) == 2
    assert "rename the folder" in capsys.readouterr().err


def test_nbgraders_own_command_ends_well_where_the_release_exists(kit):
    before = files(kit)
    done = demo.nbgrader("generate_assignment", ASSIGNMENT, course=kit)
    assert done.returncode == 0 and f"{ASSIGNMENT}: registered" in done.stderr, done.stderr
    assert cells(kit) == {("explore-digit_statistics", 2), ("explore-hypothesis", 4)}
    assert files(kit) == before


def test_an_empty_course_folder_takes_the_kits_source_and_its_group_may_write(tmp_path):
    config = tmp_path / "nbgrader_config.py"
    config.write_text("c = get_config()\nc.CourseDirectory.groupshared = True\n")
    assert main(["register", ASSIGNMENT, "--course-dir", str(tmp_path)]) == 0
    assert cells(tmp_path) == {("explore-digit_statistics", 2), ("explore-hypothesis", 4)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gradebook.db", config.name]
    assert (tmp_path / "gradebook.db").stat().st_mode & 0o660 == 0o660


def test_a_release_that_is_not_as_its_source_is_named(kit, capsys):
    release = kit / "assignments" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    release.write_text(release.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["register", ASSIGNMENT, "--course-dir", str(kit)]) == 0
    assert f"{release} is not what" in capsys.readouterr().out


@pytest.mark.parametrize(
    "own, says",
    [("c = get_config()\nc.X = (", "line 2: SyntaxError"), ("x = 1\ny = z\n", "line 2: NameError")],
)
def test_bad_input_is_one_line_and_changes_nothing(tmp_path, capsys, own, says):
    assert main(["register", "nothing", "--course-dir", str(tmp_path)]) == 2
    assert main(["register", "--course-dir", str(tmp_path / "absent")]) == 2
    (tmp_path / "nbgrader_config.py").write_text(own)
    assert main(["register", ASSIGNMENT, "--course-dir", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 3 and not said.out
    assert "no assignment 'nothing'" in said.err and says in said.err
    assert not (tmp_path / "gradebook.db").exists()
