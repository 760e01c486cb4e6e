"""The answer key: every question by its id.

Each package holds one assignment's questions in `QUESTIONS`; `written` those answered in words.
"""

from __future__ import annotations

import importlib
import traceback
from dataclasses import replace
from functools import cache
from pathlib import Path

from autograder.errors import WrongCall
from autograder.key.question import WORTH, Question, is_worth
from autograder.key.sentences import SentenceError
from autograder.key.written import TWICE, WRITTEN, Written

ASSIGNMENTS = ("autoencoder", "vae", "interpolation", "autodecoder", "explore")

__all__ = [
    "ASSIGNMENTS",
    "WRITTEN",
    "BrokenKey",
    "UnknownQuestion",
    "Written",
    "consistent",
    "find",
    "grade_id",
    "known",
    "of",
    "of_any",
    "place",
    "question_id",
    "told",
    "what_is_tested",
]


class UnknownQuestion(WrongCall, KeyError):
    """There is no question of that id; the message says which there are."""

    def __str__(self):
        return self.args[0]


class BrokenKey(WrongCall):
    """The key cannot be read; the message says where, and what to do."""


def grade_id(question_id: str) -> str:
    """nbgrader's name of a question's cell: it allows no dot."""
    return question_id.replace(".", "-", 1)


def question_id(grade_id: str) -> str:
    """The question whose cell has that name; the name itself where the key has none."""
    name = grade_id.replace("-", ".", 1)
    return name if name in WRITTEN or known(name) else grade_id


@cache
def of(assignment: str) -> dict[str, Question]:
    """The code questions of one assignment, {id: Question}, in notebook order."""
    if assignment not in ASSIGNMENTS:
        raise UnknownQuestion(f"no assignment {assignment!r}; there are {', '.join(ASSIGNMENTS)}")
    name = f"autograder.key.{assignment}"
    try:
        questions = importlib.import_module(name).QUESTIONS
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise BrokenKey(
                f"autograder/key/catalogue.py lists {assignment!r}, and there is no autograder/key/"
                f"{assignment}: `python -m autograder new assignment {assignment}` begins one"
            ) from None
        raise BrokenKey(told(error, assignment)) from error
    problem = _no_questions(questions, assignment)
    if problem:
        raise BrokenKey(f"autograder/key/{assignment}/__init__.py: {problem}")
    found = {question.id: question for question in questions}
    if len(found) < len(questions):
        twice = next(q.id for n, q in enumerate(questions) if q.id in {p.id for p in questions[:n]})
        raise BrokenKey(f"{place(twice)} lists {twice} twice")
    return found


def of_any(assignment: str) -> dict[str, Question]:
    """The same, and {} for an ordinary nbgrader assignment, in which the key has no part."""
    return of(assignment) if assignment in ASSIGNMENTS else {}


def _no_questions(questions, assignment: str) -> str:
    """Why an assignment's QUESTIONS are none; "" where they are."""
    if not isinstance(questions, tuple | list):
        return "QUESTIONS should be a tuple: (module.QUESTION, …)"
    for question in questions:
        if not isinstance(question, Question):
            name = getattr(question, "__name__", "").rpartition(".")[2] or repr(question)[:40]
            return f"QUESTIONS holds {name}, which is no Question: {name}.QUESTION?"
        if question.assignment != assignment:
            return f"QUESTIONS holds {question.id}, which belongs to {question.assignment!r}"
    return ""


def _line(error: Exception, assignment: str) -> str:
    """Where in the key something cannot be read: file and line."""
    home = Path(__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    own = [at for at in places if at[0].parent.parent == home and at[0].parent.name != "kinds"]
    file, line = own[-1] if own else (home / assignment / "__init__.py", 1)
    return f"autograder/key/{file.relative_to(home)}, line {line}"


def told(error: Exception, assignment: str = "") -> str:
    """What an author's code failed with, and where in the key."""
    return f"{_line(error, assignment)}: {_said(error)}"


def _said(error: Exception) -> str:
    if type(error) in (ValueError, SentenceError):
        return str(error)
    return f"{type(error).__name__}: {getattr(error, 'msg', error)}"  # without its place


def consistent() -> None:
    """BrokenKey where the lists of the key contradict themselves."""
    if not isinstance(ASSIGNMENTS, tuple | list):  # a comma makes a tuple
        raise BrokenKey(f"autograder/key/catalogue.py: ASSIGNMENTS should be ({ASSIGNMENTS!r},)")
    twice = [name for name in dict.fromkeys(ASSIGNMENTS) if ASSIGNMENTS.count(name) > 1]
    if twice:
        raise BrokenKey(f"autograder/key/catalogue.py lists the assignment {twice[0]!r} twice")
    for question in WRITTEN.values():
        problem = _unfit(question)
        if problem:
            raise BrokenKey(f"{_listed(question.id)}: {question.id} {problem}")


def _listed(question_id: str) -> str:
    """Where a question in words stands on its list."""
    text = Path(__file__).with_name("written.py").read_text("utf-8")
    line = text.partition(f'"{question_id}"')[0].count("\n") + 1
    return f"autograder/key/written.py, line {line}"


def _unfit(question: Written) -> str:
    """Why a question in words cannot be asked; "" where it can."""
    if question.id in TWICE:
        return "is there twice"
    if not (Path(__file__).parent / question.assignment).is_dir():  # it may be left out of a course
        return f"is of no assignment; there are {', '.join(ASSIGNMENTS)}"
    if not is_worth(question.points):
        return f"is worth {question.points!r} points: {WORTH}"
    if not isinstance(question.words, int) or question.words < 1:
        return f"may have {question.words!r} words: give a whole number, 1 or more"
    return "" if question.title else "has no title"


def place(question_id: str) -> str:
    """The file in which a question stands on the list."""
    if question_id in WRITTEN:
        return "autograder/key/written.py"
    return f"autograder/key/{question_id.partition('.')[0]}/__init__.py"


def find(question_id: str, points: float | None = None) -> Question:
    """The question of that id; UnknownQuestion names the neighbours when there is none.

    points: what its cell is worth; None for what the key says. A cell of extra credit is worth none
    to nbgrader, and the question what the key says.
    """
    assignment, _, _ = question_id.partition(".")
    found = of(assignment)
    if question_id not in found:
        raise UnknownQuestion(f"no question {question_id!r}; {assignment} has {', '.join(found)}")
    question = found[question_id]
    if points is None or question.extra or points == question.points:
        return question
    return _worth(question_id, float(points))


@cache
def _worth(question_id: str, points: float) -> Question:
    return replace(find(question_id), points=points)


def known(question_id: str) -> bool:
    """Whether the key has that question, graded by code."""
    assignment = question_id.partition(".")[0]
    return assignment in ASSIGNMENTS and question_id in of(assignment)


def what_is_tested() -> str:
    """The page `docs/what-is-tested.md`: what the hidden checks of every question test."""
    lines = [
        "# What is tested",
        "",
        "For every question that is graded by a machine: the properties that its hidden checks "
        "test, and the share of the points that each is worth. Inputs are drawn afresh for every "
        "submission. A mistake in a function that a question builds on costs nothing in that "
        "question. Written by `python -m autograder questions --markdown`.",
    ]
    for assignment in ASSIGNMENTS:
        lines += ["", f"## {assignment}"]
        for question in of(assignment).values():
            points = f"{question.points:g} {'extra ' if question.extra else ''}"
            lines += ["", f"### {question.id} · {points}point{'s' * (question.points != 1)}", ""]
            if question.builds_on:
                names = ", ".join(f"`{name}`" for name in question.builds_on)
                lines += [f"Builds on {names}.", ""]
            for check in question.checks:
                lines.append(f"- {question.property(check)} ({round(100 * check.weight)} %)")
        for written in WRITTEN.values():
            if written.assignment == assignment:
                lines += ["", f"### {written.id} · {written.points:g} points, in words", ""]
                lines.append(f"- {written.title}; at most {written.words} words, read by a person")
    return "\n".join(lines)
