"""How much of the feedback a student is shown: all of it at once, or more with every changed try.

1: which property failed. 2: what was received instead, and what that usually means. 3: the named
mistake, and what to reread.
"""

from __future__ import annotations

from autograder.letter import told

POLICIES = ("all", "by-tries")
ALL = 3


def level(policy: str, tries: int) -> int:
    """The level after so many earlier submissions in which something was changed."""
    return ALL if policy == "all" else min(1 + max(tries, 0), ALL)


def shown(result: dict, policy: str, tries: int) -> dict:
    """A result with the feedback that the policy allows."""
    allowed = level(policy, tries)
    return {**result, "questions": [at(row, allowed) for row in result["questions"]]}


def at(row: dict, allowed: int) -> dict:
    """One question's row. What is not about properties (an error, a missing name) stays."""
    parts = told.read(row["feedback"])
    if allowed >= ALL or not parts.tested:
        return row
    parts.says = parts.reread = ""
    if allowed < 2:
        for tested in parts.tested:
            tested.message = ""
    return {**row, "mistake": None, "feedback": parts.text()}
