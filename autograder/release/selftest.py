"""`python -m autograder selftest [QUESTION …]`: a question tried out before students meet it.

The reference must pass; each mistake must lose points, be named, and be told apart from every
other; the answers of `tests/bank` must be judged as it says; the visible check must accept the
reference and say of the stub that it is still to be written; no sentence may give a number away;
notebook and key must agree; and what the course itself has named can still be told.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import nbformat
import numpy as np

from autograder.exam import sanitize, unlabelled
from autograder.key import catalogue
from autograder.key import question as questions
from autograder.key.evidence import Evidence
from autograder.key.named import Named, Unusable
from autograder.key.question import Question, Result
from autograder.release import build
from autograder.student import probes
from utils import checks

DIGITS = 4  # of a number that would give a value away
_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be. place: the part of the question that it is about."""

    question: str
    place: str
    says: str

    def __str__(self):
        return f"{self.question}: {self.place}: {self.says}"


def selftest(asked: Sequence[str], seeds: Sequence[int] = (0,)) -> Iterator[tuple[str, list, dict]]:
    """(question, findings, counts) of each question in turn.

    seeds: the hidden inputs are drawn from each of them. UnknownQuestion where there is none.
    """
    import torch

    torch.set_num_threads(1)  # the bank's answers run in forks of this process
    questions.KEPT = 10_000  # every mistake is compared with every other, on the same inputs
    for name in asked:
        if name in catalogue.WRITTEN:  # a person grades it: its promises are all there is
            yield name, disagreements(name), {"mistakes": 0, "answers": 0}
            continue
        question = catalogue.find(name)
        found, counts = [], {"mistakes": len(question.mistakes), "answers": 0}
        found += disagreements(question.id)
        if question.examine is None:
            for seed in seeds:
                found += reference(question, seed) or mistakes(question, seed)
            found += visible(question)
        found += own_names(question.id)
        told, counts["answers"] = bank(question, seeds)
        yield question.id, _once(found + told), counts


def quick(assignments: Sequence[str]) -> list[Finding]:
    """What takes no longer than a build may: the reference of every formula passes."""
    every = [q for assignment in assignments for q in catalogue.of(assignment).values()]
    return [f for q in every if q.probe.startswith("common.") for f in reference(q, 0)]


def _once(found: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(found))


def reference(question: Question, seed: int) -> list[Finding]:
    """Where the reference loses points."""
    try:
        inputs = _inputs(question, seed)
    except Exception as error:  # an author's code
        return [
            Finding(
                question.id,
                "its inputs",
                f"cannot be drawn: {catalogue.told(error, question.assignment)}",
            )
        ]
    result = _judged(question, questions.evidence(question, inputs), inputs, seed)
    if result.passed:
        return []
    return [Finding(question.id, "reference", f"loses points: {_lost(result)}")]


def mistakes(question: Question, seed: int) -> list[Finding]:
    """Mistakes that lose nothing, have no name or another's, or whose feedback tells a value."""
    found, inputs = [], _inputs(question, seed)
    right = questions.evidence(question, inputs)
    for name in question.mistakes:
        got = questions.evidence(question, inputs, name)
        result = _judged(question, got, inputs, seed)
        says = question.mistake(name).id
        if result.passed:
            found.append(Finding(question.id, name, "loses no points"))
        elif ": " in name:
            pass  # of a part: what it does to the whole may have a name of its own
        elif got.get("error"):
            found.append(Finding(question.id, name, f"cannot be run: {got['error']}"))
        elif result.mistake != says:
            other = f"called {result.mistake!r}" if result.mistake else "not named"
            found.append(
                Finding(question.id, name, f"is {other}: draw inputs that tell them apart")
            )
        for number in given_away(result.feedback, right):
            found.append(Finding(question.id, name, f"its feedback gives {number} away"))
    return found


def visible(question: Question) -> list[Finding]:
    """What the check below the step says of the reference, and of the step as it is released."""
    cells = _steps(question.assignment)
    for name in question.names:
        if name not in cells or name not in question.reference:
            continue
        stub, check = cells[name]
        said = _said_by(check, {**question.reference})
        if not said.startswith("Passed"):
            return [Finding(question.id, "visible check", f"refuses the reference: {said}")]
        names: dict = {}
        exec("import math\nimport numpy as np\nimport torch\nfrom torch import nn\n", names)
        exec("import torch.nn.functional as F\nfrom torch import distributions\n", names)
        exec(compile(stub, f"<the stub of {name}>", "exec"), names)
        said = _said_by(check, names)
        if "still to be written" not in said.lower():
            return [Finding(question.id, "visible check", f"says of the stub: {said}")]
    return []


def own_names(question_id: str) -> list[Finding]:
    """Mistakes that this course has named and that nobody can be told any more."""
    try:
        problems = Named(build.ROOT).problems(question_id)
    except Unusable as problem:
        problems = [str(problem)]
    return [Finding(question_id, "the course's names", problem) for problem in problems]


def bank(question: Question, seeds: Sequence[int]) -> tuple[list[Finding], int]:
    """Answers of the bank that are judged otherwise than it says, and how many there are."""
    try:
        answers, table = (importlib.import_module(f"tests.{m}") for m in ("bank", "bank.table"))
    except ModuleNotFoundError:  # the kit without its tests
        return [], 0
    every = [a for a in (*answers.mutants(), *answers.variants()) if a.question == question.id]
    if not every and question.examine is None:
        path = f"tests/bank/{question.assignment}"
        return [Finding(question.id, "bank", f"holds no answers to it: {path}")], 0
    rows = table.run(every, seeds) if every else []
    found = []
    for row in table.problems(rows):
        named = f"named {row.mistake}" if row.naming == "wrong" else row.verdict
        found.append(Finding(question.id, f"the bank's answer {row.why!r}", f"is {named}"))
    return found, len(every)


def disagreements(question_id: str) -> list[Finding]:
    """Where notebook and key disagree."""
    try:
        _source(question_id.partition(".")[0])
    except build.MasterError as error:
        return [Finding(question_id, "notebook", str(error))]
    return []


@cache
def _source(assignment: str):
    return build.source_notebook(build.master(assignment))


def _steps(assignment: str) -> dict[str, tuple[str, str]]:
    """{name: (the released cell that defines it, the check below)}"""
    from nbgrader.preprocessors import ClearSolutions

    from autograder.plugins.config import load_config

    try:
        notebook = nbformat.from_dict(_source(assignment))
    except build.MasterError:
        return {}
    clear = ClearSolutions(config=load_config())
    steps, written = {}, []
    for cell in notebook.cells:
        name = unlabelled.label_of(cell) or ""
        if cell.cell_type != "code":
            continue
        if sanitize.is_solution(cell):
            written = re.findall(r"^(?:def|class) (\w+)", cell.source, re.M)
            stub = clear.preprocess_cell(nbformat.from_dict(cell), {"language": "python"}, 0)[0]
        elif name.startswith("check-") and written:
            steps |= {step: (stub.source, cell.source) for step in written}
            written = []
    return steps


def _said_by(check: str, names: dict) -> str:
    """What a visible check prints, or refuses with."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(check, "<the visible check>", "exec"), {"checks": checks, **names})
    except checks.CheckFailed as refused:
        return str(refused)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return printed.getvalue().strip()


def _inputs(question: Question, seed: int) -> dict:
    """As `Exam` draws them."""
    probes.prepare(question.probe)
    return questions.drawn(question, seed)


def _judged(question: Question, got, inputs, seed: int) -> Result:
    want = questions.wanted(question, inputs)
    return questions.judge(question, got, want, inputs, (), seed)


def _lost(result: Result) -> str:
    return "; ".join(f"{o.check.name} ({o.message})" for o in result.outcomes if not o.passed)


def numbers(text: str) -> set[str]:
    """The numbers in a text with at least four digits, such as would give a value away."""
    return {n for n in _NUMBER.findall(text) if len(n.strip("-0.").replace(".", "")) >= DIGITS}


def given_away(text: str, evidence: Evidence) -> list[str]:
    """The numbers in a text that the reference's evidence holds; among thousands any is found."""
    arrays = [np.ravel(v) for v in evidence.values() if isinstance(v, np.ndarray | float)]
    arrays = [a.astype(float) for a in arrays if a.dtype.kind in "fi" and a.size <= 100]
    values = np.concatenate(arrays) if arrays else np.zeros(0)
    return sorted(
        n for n in numbers(text) if float(n) in np.round(values, len(n.partition(".")[2]))
    )
