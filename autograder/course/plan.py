"""What a run of `grade` will do and why, and what came of it, in words."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable

from autograder.exam.verdict import printable

NAMED = 12  # students that are named where more have the same reason


def told(assignment: str, reasons: dict[str, str], kept: int, failed: int, missing: int) -> str:
    """The lines before a run. reasons: {student: why} of those to be graded."""
    groups = defaultdict(list)
    for student, why in reasons.items():
        groups[why].append(student)
    lines = [
        f"{len(who)} to grade, {why}: {some(who)}" for why, who in sorted(groups.items()) if who
    ]
    rest = [
        f"{count} {what}"
        for count, what in (
            (kept, "graded already, and nothing has changed"),
            (failed, "that cannot be graded"),
            (missing, "handed in nothing"),
        )
        if count
    ]
    lines += [", ".join(rest)] if rest else []
    return "\n".join([f"{assignment}:", *map(_indented, lines)]) if lines else ""


def listed(title: str, lines: Iterable[str]) -> str:
    """Lines under a title; nothing where there are none."""
    lines = [f"  {line}" for line in lines]
    return "\n".join([title, *lines]) if lines else ""


def some(names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - NAMED
    shown = ", ".join(one(name) for name in names[:NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def one(name: str) -> str:
    """An id on one line."""
    return printable(name.replace("\n", " "))


def _indented(line: str) -> str:
    return textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    ")
