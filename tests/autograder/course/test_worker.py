"""What a grade depends on: what the code does, and nothing that is written about it."""

import ast
from pathlib import Path

import pytest

import autograder
import utils
from autograder.course import worker
from autograder.key import catalogue
from tests.support import house

GRADED = worker.graded_by(house.ROOT)


def wing(*names):
    """Files of these folders of the kit, by name."""
    paths = [p for name in names for p in (house.ROOT / name).rglob("*.py")]
    return {path.relative_to(house.ROOT).as_posix() for path in paths}


def test_every_grade_depends_on_four_wings_and_each_question_on_its_own_module():
    questions = wing(*(f"autograder/key/{name}" for name in catalogue.ASSIGNMENTS))
    wings = wing("autograder/student", "autograder/exam", "autograder/key", "utils")
    assert set(GRADED) == wings - questions
    assert len(questions) > len(catalogue.ASSIGNMENTS)


def test_the_kit_in_use_is_the_kit_that_is_hashed():
    assert Path(autograder.__file__).parent == worker.PACKAGE
    assert Path(utils.__file__).parent == worker.PACKAGE.parent / "utils"


@pytest.mark.parametrize("name", GRADED)
def test_a_comment_regrades_nobody_and_a_changed_constant_everybody(name):
    source = GRADED[name].read_text("utf-8")
    meaning = worker.meaning(source)
    assert worker.meaning(f"# In other words.\n{source}\n# The end.\n") == meaning
    assert worker.meaning(described(source)) == meaning
    assert worker.meaning(ast.unparse(Changed().visit(ast.parse(source)))) != meaning


def described(source):
    """The same code with other docstrings: longer ones, and one where there was none."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            node.body.insert(0, ast.Expr(ast.Constant("In other words.")))
    return ast.unparse(ast.fix_missing_locations(tree))


class Changed(ast.NodeTransformer):
    """Changes the last constant of a module that is no docstring; adds one where there is none."""

    def visit_Module(self, tree):
        said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n not in said]
        if constants:
            constants[-1].value = "another"
        else:
            tree.body.append(ast.parse("ANOTHER = 1").body[0])
        return tree
