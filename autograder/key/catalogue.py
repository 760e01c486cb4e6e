"""The answer key: every question by its id.

Each package holds one assignment's questions in `QUESTIONS`; `written` those answered in words.
"""

from __future__ import annotations

import importlib
from functools import cache

from autograder.key.question import Question
from autograder.key.written import WRITTEN, Written

ASSIGNMENTS = ("autoencoder", "vae", "interpolation", "autodecoder", "explore")

__all__ = [
    "ASSIGNMENTS",
    "WRITTEN",
    "UnknownQuestion",
    "Written",
    "find",
    "grade_id",
    "of",
    "question_id",
    "what_is_tested",
]


class UnknownQuestion(KeyError):
    """There is no question of that id; the message says which there are."""

    def __str__(self):
        return self.args[0]


def grade_id(question_id: str) -> str:
    """nbgrader's name of a question's cell: it allows no dot."""
    return question_id.replace(".", "-", 1)


def question_id(grade_id: str) -> str:
    """The question, if there is one, whose cell has that name."""
    return grade_id.replace("-", ".", 1)


@cache
def of(assignment: str) -> dict[str, Question]:
    """The code questions of one assignment, {id: Question}, in notebook order."""
    if assignment not in ASSIGNMENTS:
        raise UnknownQuestion(f"no assignment {assignment!r}; there are {', '.join(ASSIGNMENTS)}")
    module = importlib.import_module(f"autograder.key.{assignment}")
    return {question.id: question for question in module.QUESTIONS}


def find(question_id: str) -> Question:
    """The question of that id; UnknownQuestion names the neighbours when there is none."""
    assignment, _, _ = question_id.partition(".")
    known = of(assignment)
    if question_id not in known:
        raise UnknownQuestion(f"no question {question_id!r}; {assignment} has {', '.join(known)}")
    return known[question_id]


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
