"""How much of the feedback a student is shown: all of it at once, or more with every try.

1: which property failed. 2: what was received instead. 3: the named mistake and what to reread.
"""

from __future__ import annotations

POLICIES = ("all", "by-tries")
ALL = 3
VERDICTS = ("  passed: ", "  failed: ")


def shown(result: dict, policy: str, tries: int) -> dict:
    """A result with the feedback that the policy allows after so many earlier, changed tries."""
    level = ALL if policy == "all" else min(1 + max(tries, 0), ALL)
    return {**result, "questions": [_at(row, level) for row in result["questions"]]}


def _at(row: dict, level: int) -> dict:
    """One question's row. What is not about properties (an error, a missing name) stays."""
    lines = row["feedback"].splitlines()
    if level >= ALL or not any(line.startswith(VERDICTS) for line in lines):
        return row
    kept = lines[:1]
    for line in lines[1:]:
        if line.startswith(VERDICTS) or level > 1 and line.startswith("      "):
            kept.append(line)
    return {**row, "mistake": None, "feedback": "\n".join(kept)}
