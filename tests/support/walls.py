"""The walls that this machine has, for tests: they run behind the best, or behind what
AUTOGRADER_WALL names, and what is about walls runs behind each.
"""

from functools import cache

import pytest

from autograder.exam import walls, warm
from autograder.exam.walls.common import Limits, NoBox, can_change_user

OLDER = (1, 4, 6)  # of Landlock: files alone; and TCP; and signals


@cache
def missing(rung: str, **how) -> str | None:
    """Why there is no such wall here, None where there is."""
    try:
        warm.try_a_wall(rung, **how)
    except NoBox as error:
        return str(error)
    return None


@cache
def here() -> tuple[str, ...]:
    """The rungs that isolate here, the best first; the one asked for, if one is."""
    asked = walls.named(None)
    return (asked,) if asked else tuple(rung for rung in walls.ISOLATED if not missing(rung))


def ways() -> list:
    """Parameters of a fixture, (rung, how) each: the rungs here; with --long also Landlock as older
    systems have it.
    """
    older = [("landlock", {"abi": abi}) for abi in OLDER if "landlock" in here()]
    return [
        *(pytest.param((rung, {}), id=rung) for rung in here()),
        *(
            pytest.param(way, id=f"landlock {way[1]['abi']}", marks=pytest.mark.long)
            for way in older
        ),
    ]


def behind(way: tuple, limits: Limits, hidden: list) -> warm.Warm:
    """A warm server for one of `ways`. The test is skipped where old Landlock is refused: it is for
    root alone, and for a Python and a TMPDIR that others may read.
    """
    rung, how = way
    if rung == "landlock" and how.get("abi", 3) < 3 and (why := missing(rung, **how)):
        refused = "student code may not read" if can_change_user() else "cannot keep student code"
        assert refused in why
        pytest.skip(why)
    return warm.Warm(limits, hidden, rung, **how)


def best() -> str:
    """The rung that grading takes here."""
    return here()[0]
