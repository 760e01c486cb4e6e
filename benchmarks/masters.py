"""Notebooks as scripts: what a master defines, and a run of all of it."""

import ast
import contextlib
import io
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ("device", "few", "train", "test")  # variables that functions of the masters rely on


def definitions(assignment):
    """The functions, classes and CONSTANTS of a master by name; nothing is trained or drawn."""
    path = ROOT / "solutions" / f"{assignment}.py"
    tree = ast.parse(path.read_text("utf8"))
    tree.body = [node for node in tree.body if _defines(node)]
    names = {"__name__": assignment}
    exec(compile(tree, path, "exec"), names)
    return names


def _defines(node):
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id.isupper() or node.targets[0].id in GIVEN
    kinds = ast.Import | ast.ImportFrom | ast.Try | ast.FunctionDef | ast.ClassDef
    return isinstance(node, kinds)  # the course's own modules are imported in a try


def run(assignment, folder, **constants):
    """The names that a master leaves behind, run as a script in FOLDER/<assignment>.

    `constants` take the place of what the master assigns to these names. Runs that are saved
    there, by an earlier call or by benchmarks/figures.py, are loaded.
    """
    path = ROOT / "solutions" / f"{assignment}.py"
    tree = ast.parse(path.read_text("utf8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in constants:
            node.value = ast.parse(repr(constants[node.targets[0].id]), mode="eval").body
    names = {"__name__": assignment, "__file__": str(path)}
    folder = Path(folder) / assignment
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(compile(ast.fix_missing_locations(tree), path, "exec"), names)
        except BaseException:
            print(printed.getvalue(), file=sys.stderr)
            raise
    return names
