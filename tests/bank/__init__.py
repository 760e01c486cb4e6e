"""Wrong and right-but-unusual answers to every question: what the answer key itself is tested with.

`python -m tests.bank` prints who is caught, by which check, and whether it is named rightly.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from autograder.key.catalogue import ASSIGNMENTS, known


@dataclass(frozen=True)
class Mutant:
    """A realistic wrong answer.

    question: the id. why: the mistake it stands for, in a few words, unique within its question.
    check: the check that is about this mistake. mistake: the id it should be called by, or None
    where no honest name exists (then the property alone is said). source: a whole Python file.
    prepare(folder): puts more files beside it, such as training runs.
    """

    question: str
    why: str
    check: str
    mistake: str | None
    source: str
    prepare: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Variant:
    """A right answer that looks unusual; it must get full points."""

    question: str
    why: str
    source: str
    prepare: Callable[[Path], None] | None = None


@cache
def mutants() -> tuple[Mutant, ...]:
    """Every mutant of every question that is asked."""
    return tuple(m for module in _modules() for m in module.MUTANTS if known(m.question))


@cache
def variants() -> tuple[Variant, ...]:
    """Every right-but-unusual answer to every question that is asked."""
    return tuple(v for module in _modules() for v in module.VARIANTS if known(v.question))


def _modules():
    """Those of the assignments that have answers already, and those of all."""
    names = [name for name in ASSIGNMENTS if find_spec(f"{__name__}.{name}")]
    return [importlib.import_module(f"{__name__}.{name}") for name in (*names, "runs", "found")]


def edited(source: str, *pairs: tuple[str, str]) -> str:
    """The source with each (old, new) replaced in turn; what is not there is an error."""
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"not in the source: {old!r}")
        source = source.replace(old, new)
    return source
