"""The answer key: every question by its id.

Each module holds one assignment's questions in `QUESTIONS`; `written` holds those answered in words.
"""

from __future__ import annotations

import importlib
from functools import cache

from autograder.question import Question

from .written import WRITTEN, Written

ASSIGNMENTS = ("autoencoder", "vae", "interpolation", "autodecoder", "explore")

__all__ = ["ASSIGNMENTS", "WRITTEN", "UnknownQuestion", "Written", "find", "of"]


class UnknownQuestion(KeyError):
    """There is no question of that id; the message says which there are."""

    def __str__(self):
        return self.args[0]


@cache
def of(assignment: str) -> dict[str, Question]:
    """The code questions of one assignment, {id: Question}, in notebook order."""
    if assignment not in ASSIGNMENTS:
        raise UnknownQuestion(f"no assignment {assignment!r}; there are {', '.join(ASSIGNMENTS)}")
    module = importlib.import_module(f"{__name__}.{assignment}")
    return {question.id: question for question in module.QUESTIONS}


def find(question_id: str) -> Question:
    """The question of that id; UnknownQuestion names the neighbours when there is none."""
    assignment, _, _ = question_id.partition(".")
    known = of(assignment)
    if question_id not in known:
        raise UnknownQuestion(f"no question {question_id!r}; {assignment} has {', '.join(known)}")
    return known[question_id]
