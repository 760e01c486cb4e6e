"""One text source a notebook: masters in, source notebooks and release out.

`solutions/<assignment>.py` (jupytext py:percent) is the only file edited by hand. `build` writes
`solutions/<assignment>/<assignment>.ipynb`, nbgrader's source, and has nbgrader itself make the
release from it. The master lies beside its folder, not in it: nbgrader copies every other file of a
source folder to students.
"""

from __future__ import annotations

import ast
import hashlib
import logging
import re
import shutil
import tempfile
import tomllib
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path

import jupytext
import nbformat

from autograder.errors import Stopped
from autograder.exam import sanitize, unlabelled
from autograder.key import catalogue
from autograder.key.catalogue import grade_id
from autograder.letter.language import Language
from autograder.plugins.config import ROOT, load_config, scripts_on_path
from autograder.plugins.feedback import Letter
from autograder.release import promises
from utils.hand_in.words import STUB

LEFT_BEHIND = ("runs", "report.*", "*-submission.zip", ".ipynb_checkpoints", "__pycache__")
TEST_CELL = """\
# {what}
### BEGIN HIDDEN TESTS
from autograder.plugins import incell; incell.grade("{id}")
### END HIDDEN TESTS"""


class MasterError(Stopped):
    """A master breaks a rule of the format; the message says where and what to do."""


def master(assignment: str, root: Path = ROOT) -> Path:
    """The text source of an assignment."""
    return root / "solutions" / f"{assignment}.py"


def source_notebook(path: Path, published=None) -> nbformat.NotebookNode:
    """The nbgrader source notebook of one master; MasterError where the master breaks a rule.

    published  {"package": address, "colab": address}, as in pyproject.toml, [tool.course]
    """
    assignment = path.stem
    master = filled(path)
    text = jupytext.reads(master, fmt="py:percent")
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    places: dict[str, str] = {}
    _publish(text.cells, assignment, published or {})
    for cell, place in zip(text.cells, _places(master, text.cells, path), strict=True):
        role = cell.metadata.get("role")
        if role is not None and role not in ROLES:
            raise MasterError(f"{place}: unknown role {role!r}; there are {', '.join(ROLES)}")
        made = ROLES[role](cell, place) if role else _plain(cell)
        name = unlabelled.label_of(made)
        made.id = _unique(name or hashlib.sha1(made.source.encode()).hexdigest()[:12], places)
        places[made.id] = place
        notebook.cells.append(made)
    notebook.metadata["course"] = {
        "assignment": assignment,
        "cells": [c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata],
        "runs": {
            grade_id(question.id): list(question.runs)
            for question in catalogue.of(assignment).values()
            if question.runs
        },
    }
    if goals := {k: v for q in catalogue.of(assignment).values() for k, v in q.goals.items()}:
        notebook.metadata["course"]["goals"] = goals
    _lint(notebook, path, assignment, places)
    for cell, problem in promises.problems(notebook, assignment):
        raise MasterError(f"{places[cell.id] if cell else _called(path)}: {problem}")
    nbformat.validate(notebook)
    return notebook


def _called(path: Path) -> str:
    """A master as people find it: other folders have files of its name."""
    return f"solutions/{path.name}"


def _places(text: str, cells, path: Path) -> list[str]:
    """Where the cells of a master begin: file and line."""
    begun = [n for n, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
    if len(begun) != len(cells):  # text before the first cell
        return [_called(path)] * len(cells)
    return [f"{_called(path)}, line {number}" for number in begun]


GUARD = re.compile(
    r"try:\n((?:    from utils.*\n)+)except ImportError as error:\n.*?from error", re.S
)
FETCH = """\
try:
{imports}except ImportError:  # this notebook lies alone, as on Colab or a hub
    import sys

    get_ipython().run_line_magic("pip", "install -q {package}")
    sys.modules.pop("utils", None)
{imports}"""
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


def _publish(cells, assignment, published) -> None:
    """Where the course has addresses: fetch its package if it is missing, and offer Colab."""
    first = next((cell for cell in cells if cell.cell_type == "code"), None)
    if first is None:
        raise MasterError(f"solutions/{assignment}.py: it has no code cell (`# %%`)")
    if package := published.get("package"):
        found = GUARD.search(first.source)
        if found is None:
            raise MasterError(
                f"solutions/{assignment}.py: its first code cell imports nothing from utils"
            )
        fetch = FETCH.format(imports=found[1], package=package)
        first.source = first.source.replace(found[0], fetch.rstrip())
    if colab := published.get("colab"):
        badge = f"[![Open in Colab]({BADGE})]({colab.format(assignment=assignment)})"
        cells[0].source = f"{cells[0].source}\n\n{badge}"


def filled(path: Path) -> str:
    """The text of a master, with the key's points in its headings."""
    try:
        return promises.filled(path.read_text(encoding="utf-8"), path.stem)
    except FileNotFoundError:
        raise MasterError(
            f"{path}: there is no such master; write it, or take it off the list "
            "ASSIGNMENTS in autograder/key/catalogue.py"
        ) from None
    except UnicodeDecodeError:
        raise MasterError(f"{_called(path)} is not UTF-8: save it as that") from None
    except promises.Broken as broken:
        raise MasterError(f"{_called(path)}, {broken}") from None


def _plain(cell):
    if cell.cell_type == "markdown":
        return nbformat.v4.new_markdown_cell(cell.source)
    return nbformat.v4.new_code_cell(cell.source)


def _graded(cell, grade_id: str, *, grade=False, solution=False, locked=False, points=None):
    made = _plain(cell)
    made.metadata["nbgrader"] = {
        "cell_type": made.cell_type,
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if grade:
        made.metadata["nbgrader"]["points"] = points
    if locked:
        made.metadata["editable"] = made.metadata["deletable"] = False
    return made


def _solution(cell, place):
    return _graded(cell, _identifier(cell, place), solution=True)


def _check(cell, place):
    # The first name checked tells one check from another: `checks.vae.elbo(elbo)` is "check-elbo".
    if not cell.source:
        raise MasterError(f"{place}: this cell of role check is empty: call the check in it")
    name = cell.source.split("(", 1)[0].rsplit(".", 1)[-1].strip()
    return _graded(cell, f"check-{cell.metadata.get('id', name)}", locked=True)


def _test(cell, place):
    try:
        question = catalogue.find(cell.metadata.get("question", ""))
    except catalogue.UnknownQuestion as error:
        raise MasterError(f"{place}: a test cell names {error}") from None
    spoken, points = _spoken(), f"{question.points:g}"
    worth = spoken.say("1 point") if points == "1" else spoken.say("{} points", points)
    worth = spoken.say("extra credit") if question.extra else worth
    ours = spoken.say(
        "Hidden checks run here when your work is graded; there is nothing to fill in."
    )
    what = " ".join(f"{spoken.told(question.title)} ({worth}). {ours}".split())
    cell.source = TEST_CELL.format(what=what, id=question.id)
    points = 0 if question.extra else question.points
    return _graded(cell, grade_id(question.id), grade=True, locked=True, points=points)


def _rubric(cell, place):
    return _graded(cell, f"rubric-{grade_id(_written(cell, place).id)}", locked=True)


def _answer(cell, place):
    question = _written(cell, place)
    header = _spoken().say("Your answer, at most {} words:", question.words)
    cell.source = f"*{header}*\n\n{cell.source}"
    made = _graded(cell, grade_id(question.id), grade=True, solution=True, points=question.points)
    made.metadata["answer"] = {"question": question.id, "words": question.words}
    if (stub := load_config().ClearSolutions.text_stub) != STUB:
        made.metadata["answer"]["stub"] = stub
    return made


ROLES = {
    "solution": _solution,
    "check": _check,
    "test": _test,
    "rubric": _rubric,
    "answer": _answer,
}


@cache
def _spoken() -> Language:
    """The course's language, as its letters have it."""
    return Letter(config=load_config()).spoken(ROOT)


def _written(cell, place):
    name = cell.metadata.get("question", "")
    if name not in catalogue.WRITTEN:
        raise MasterError(
            f"{place}: no question in words {name!r}; autograder/key/written.py has "
            f"{', '.join(catalogue.WRITTEN)}"
        )
    return catalogue.WRITTEN[name]


def _identifier(cell, place) -> str:
    name = str(cell.metadata.get("id") or "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,56}", name):
        has = f", and not {name!r}" if name else ""
        raise MasterError(
            f'{place}: a solution cell needs id="…" of letters, digits, _ and -{has}: '
            f"{cell.source[:60]!r}"
        )
    return name


def _unique(name: str, taken: Container[str]) -> str:
    name = name[:56]
    candidate, n = name, 2
    while candidate in taken:
        candidate, n = f"{name}-{n}", n + 1
    return candidate


def _lint(notebook, path: Path, assignment: str, places: Mapping[str, str]) -> None:
    """The rules every notebook of the course keeps."""
    ids: dict[str, str] = {}  # and where
    for cell in notebook.cells:
        name, place = unlabelled.label_of(cell), places[cell.id]
        if name in ids:
            raise MasterError(f'{place}: {name} is there already ({ids[name]}); give id="…"')
        if name:
            ids[name] = place
    wanted = {grade_id(q) for q in catalogue.of(assignment)}
    wanted |= {grade_id(w.id) for w in catalogue.WRITTEN.values() if w.assignment == assignment}
    graded = {c.metadata.nbgrader.grade_id for c in notebook.cells if sanitize.is_grade(c)}
    if graded != wanted:
        for name in sorted(wanted - graded):
            question = catalogue.question_id(name)
            raise MasterError(
                f'{_called(path)}: lacking: no cell has question="{question}", which the key asks '
                f"({catalogue.place(question)})"
            )
        name = min(graded - wanted)
        raise MasterError(f"{ids[name]}: unknown: {name}, which the key has not")
    for question in catalogue.WRITTEN.values():
        if question.assignment == assignment and f"rubric-{grade_id(question.id)}" not in ids:
            raise MasterError(
                f'{_called(path)}: no cell has role="rubric" question="{question.id}": the '
                "question itself, and its mark scheme"
            )
    for position, cell in enumerate(notebook.cells):
        place = places[cell.id]
        _regions(cell, place)
        if cell.cell_type != "code":
            continue
        try:
            ast.parse(_without_magics(cell.source))
        except SyntaxError as error:
            said = f"{error.msg}: `{(error.text or '').strip()[:60]}`"
            raise MasterError(f"{place}: this cell does not parse: {said}") from None
        if sanitize.is_solution(cell):
            if "### BEGIN SOLUTION" not in cell.source:
                raise MasterError(f"{place}: solution cell without a region `### BEGIN SOLUTION`")
            after = [c for c in notebook.cells[position + 1 :] if c.cell_type == "code"][:1]
            name = unlabelled.label_of(after[0]) if after else None
            if not (name or "").startswith("check-"):
                raise MasterError(f"{place}: no visible check under {cell.source[:60]!r}")


def _regions(cell, place: str) -> None:
    """What is cut out of a release has a beginning and an end, in a cell where nbgrader cuts."""
    for region in ("SOLUTION", "MARK SCHEME", "HIDDEN TESTS"):
        begun, ended = (cell.source.count(f"### {word} {region}") for word in ("BEGIN", "END"))
        if begun != ended:
            raise MasterError(
                f"{place}: {begun} times `### BEGIN {region}` and {ended} times `### END "
                f"{region}` in one cell: {cell.source[:60]!r}"
            )
    if "### BEGIN SOLUTION" in cell.source and not sanitize.is_solution(cell):
        raise MasterError(
            f'{place}: a solution in a cell without role="solution" or role="answer": '
            f"{cell.source[:60]!r}"
        )


def _without_magics(source: str) -> str:
    return "\n".join(
        line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))
    )


def write_sources(assignments=catalogue.ASSIGNMENTS, root: Path = ROOT) -> None:
    """Masters to `solutions/<assignment>/<assignment>.ipynb`, written only when they change; the
    masters themselves where the key has other points.
    """
    for assignment in assignments:
        path = master(assignment, root)
        if (text := filled(path)) != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8", newline="\n")
        target = root / "solutions" / assignment / f"{assignment}.ipynb"
        text = nbformat.writes(source_notebook(master(assignment, root), _published())) + "\n"
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")


def _published() -> dict[str, str]:
    """Where the course has addresses: [tool.course] of pyproject.toml."""
    path = ROOT / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text("utf8")).get("tool", {}).get("course", {})
    except ValueError as error:
        raise MasterError(f"{path.name}: {error}") from None


def generate(assignments=catalogue.ASSIGNMENTS, root: Path = ROOT) -> None:
    """The release by nbgrader's own `generate_assignment`, as an instructor would call it."""
    from nbgrader.apps import NbGraderAPI

    scripts_on_path()
    api = NbGraderAPI(config=load_config(root))
    api.log.setLevel(logging.ERROR)
    for assignment in assignments:
        for path in sorted((root / "solutions" / assignment).glob("*.ipynb")):
            try:
                nbformat.read(path, as_version=4)
            except Exception as error:  # whatever a file holds
                where = path.relative_to(root)
                raise MasterError(f"{where} is no notebook: {type(error).__name__}") from None
        outcome = api.generate_assignment(assignment, force=True, create=True)
        if not outcome["success"]:
            said = outcome.get("log", "") + str(outcome.get("error") or "")
            why = re.findall(r"^\s*([\w.]*(?:Error|Exception)\b.*)", said, re.M)
            why = why[-1] if why else "`nbgrader generate_assignment` says why"
            raise MasterError(f"nbgrader could not release {assignment}: {why}")


def own_assignments(root: Path = ROOT) -> list[str]:
    """Ordinary nbgrader assignments beside the kit's: folders of `solutions/` with notebooks and
    no master.
    """
    found = {path.parent.name for path in (root / "solutions").glob("*/*.ipynb")}
    masters = {path.stem for path in (root / "solutions").glob("*.py")}
    return sorted(found - masters - {*catalogue.ASSIGNMENTS})


def differences(root: Path = ROOT) -> list[str]:
    """Generated files that are not what the masters give; [] when all is in sync."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch).resolve()
        (fresh / "solutions").mkdir()
        stale = []
        for assignment in catalogue.ASSIGNMENTS:
            path = master(assignment, root)
            if filled(path) != path.read_text(encoding="utf-8"):
                stale.append(str(path.relative_to(root)))
            shutil.copy(path, master(assignment, fresh))
        write_sources(root=fresh)
        generate(root=fresh)
        for folder in ("solutions", "assignments"):
            for made in sorted((fresh / folder).rglob("*.ipynb")):
                kept = root / made.relative_to(fresh)
                if not kept.exists() or kept.read_text("utf-8") != made.read_text("utf-8"):
                    stale.append(str(made.relative_to(fresh)))
        return stale


def clean_release(assignment, student, notebooks) -> None:
    """nbgrader's post_convert_hook: a release holds nothing that a run left behind.

    Of an assignment of the key it holds the notebook alone, since what else lies beside the source
    may be a solution in another form; an ordinary assignment keeps its data and its notebooks.
    """
    folder = Path.cwd() / "assignments" / assignment  # nbgrader works in the course's root
    ours = assignment in catalogue.ASSIGNMENTS
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if (ours and path.name != f"{assignment}.ipynb") or any(map(path.match, LEFT_BEHIND)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
