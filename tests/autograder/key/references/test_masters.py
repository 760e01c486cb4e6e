"""Where a reference is the master's solution, both are one text; a bundle holds no masters, so that
the key cannot take it from there.
"""

import ast
import inspect
import textwrap

from autograder.key import catalogue
from autograder.release import build

DECLARED = "As in the master."  # in a reference's docstring


def without_docstrings(definition):
    """A function or class as one reads it: without docstrings and comments."""
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(definition)


def masters(assignment):
    """{name: definition} of the functions and classes of one master."""
    tree = ast.parse(build.master(assignment).read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.ClassDef
    return {n.name: without_docstrings(n) for n in tree.body if isinstance(n, kinds)}


def test_a_reference_that_is_the_masters_says_so_and_is():
    declared, equal = set(), set()
    for assignment in catalogue.ASSIGNMENTS:
        solved = masters(assignment)
        for question in catalogue.of(assignment).values():
            for name, reference in question.reference.items():
                [definition] = ast.parse(textwrap.dedent(inspect.getsource(reference))).body
                if DECLARED in " ".join((ast.get_docstring(definition) or "").split()):
                    declared.add((question.id, name))
                if without_docstrings(definition) == solved.get(name):
                    equal.add((question.id, name))
    assert declared == equal and declared
