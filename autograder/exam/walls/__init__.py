"""The walls that student code can be put behind, best first: a ladder, a module a rung.

    namespaces   bubblewrap: nothing of this machine is there
    landlock     a user of its own, or a domain of its own, and a system call filter
    process      a bare process of the user who grades; only when asked for

The examiner is outside the student's process on every rung, and asks it the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from autograder.exam.walls.common import Limits, NoBox
from autograder.exam.walls.landlock import Landlock
from autograder.exam.walls.namespaces import Namespaces
from autograder.exam.walls.process import CAVEAT, Process

RUNGS = {wall.name: wall for wall in (Namespaces, Landlock, Process)}
FORMER = {"bubblewrap": "namespaces", "none": "process"}  # names of version 1.0
WEAKEST = "landlock"  # that is taken without being asked for
ISOLATED = tuple(RUNGS)[: list(RUNGS).index(WEAKEST) + 1]
VARIABLE = "AUTOGRADER_WALL"


def named(name: str | None) -> str | None:
    """A rung's name, by what somebody has written: None for the best that works. NoBox if it is
    none.
    """
    name = name or os.environ.get(VARIABLE) or None
    if name is None:
        return None
    name = FORMER.get(name, name)
    if name not in RUNGS:
        raise NoBox(f"there is no wall {name!r}; there are {', '.join(RUNGS)}")
    return name


def choose(
    kit: Path,
    hidden: list[Path],
    limits: Limits,
    rung: str | None = None,
    minimum: str | None = None,
    **how,
):
    """The wall of that name, or the best that works here, each tried. NoBox says why there is none.

    kit: folder with all that student code may see of this course. hidden: what it must not see.
    rung: its name; by default AUTOGRADER_WALL's. minimum: the weakest that may be taken.
    """
    order, rung = list(RUNGS), named(rung)
    enough = order[: order.index(named(minimum) or WEAKEST) + 1]
    if rung is not None and minimum and rung not in enough:
        raise NoBox(f"the wall {rung!r} is weaker than {minimum!r}, which is asked for at least")
    reasons = []
    for name in [rung] if rung else enough:
        try:
            return RUNGS[name](kit, hidden, limits, **how)
        except NoBox as error:
            reasons.append(f"{name}: {error}")
    raise NoBox("; ".join(reasons))


__all__ = [
    "CAVEAT",
    "FORMER",
    "ISOLATED",
    "RUNGS",
    "VARIABLE",
    "Limits",
    "NoBox",
    "choose",
    "named",
]
