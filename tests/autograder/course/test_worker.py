"""What a grade depends on: what the code does, and nothing that is written about it."""

import shutil

import pytest

import utils
from autograder.course import worker

GRADED = "exam/examiner.py", "student/kernel.py", "key/question.py", "utils/training.py"


@pytest.fixture
def kit(tmp_path):
    """A copy of the code, and the hash of it: kit.hash(), kit.change(file, old, new)."""

    class Kit:
        packages = tmp_path / "autograder", tmp_path / "utils"

        def hash(self):
            return worker.hash_of_code(*self.packages)

        def change(self, file, old, new):
            path = tmp_path / (file if file.startswith("utils/") else f"autograder/{file}")
            text = path.read_text("utf-8")
            assert old in text
            path.write_text(text.replace(old, new, 1), "utf-8")

    for source, copy in zip((worker.PACKAGE, utils.__path__[0]), Kit.packages, strict=True):
        ignored = shutil.ignore_patterns("embedded", "reference", "__pycache__")
        shutil.copytree(source, copy, ignore=ignored)
    return Kit()


def test_a_comment_regrades_nobody_and_a_docstring_neither(kit):
    before = kit.hash()
    assert before == worker.grader()
    for file in GRADED:
        kit.change(file, '"""', '"""In other words: ')
        kit.change(file, "\nimport ", "\n# a comment\n\nimport ")
    kit.change("exam/examiner.py", '    """Run one cell;', '    """Run a cell;')
    assert kit.hash() == before


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("exam/examiner.py", "AGAIN = 2.0", "AGAIN = 3.0"),
        ("student/kernel.py", 'IMAGES = ("image/png",', 'IMAGES = ("image/gif",'),
        ("key/question.py", "rtol=1e-4", "rtol=1e-3"),
        ("utils/training.py", "return ", "return not "),
    ],
)
def test_another_constant_or_call_regrades_everybody(kit, file, old, new):
    before = kit.hash()
    kit.change(file, old, new)
    assert kit.hash() != before


@pytest.mark.parametrize("file", ["exam/doctor.py", "course/report.py", "utils/hand_in/pack.py"])
def test_what_no_grade_depends_on_regrades_nobody(kit, file):
    before = kit.hash()
    kit.change(file, "\nimport ", "\nNEW = 1\nimport ")
    assert kit.hash() == before
