"""The walls that this machine has, for tests: they run behind the best, or behind what
AUTOGRADER_WALL names, and what is about walls runs behind each.
"""

from functools import cache

from autograder.exam import walls, warm
from autograder.exam.walls.common import NoBox


@cache
def missing(rung: str) -> str | None:
    """Why there is no such wall here, None where there is."""
    try:
        warm.try_a_wall(rung)
    except NoBox as error:
        return str(error)
    return None


@cache
def here() -> tuple[str, ...]:
    """The rungs that isolate here, the best first; the one asked for, if one is."""
    asked = walls.named(None)
    return (asked,) if asked else tuple(rung for rung in walls.ISOLATED if not missing(rung))


def best() -> str:
    """The rung that grading takes here."""
    return here()[0]
