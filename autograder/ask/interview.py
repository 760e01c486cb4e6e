"""Three questions to one student, drawn from what her code has been found to do right."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from autograder.ask import pool
from autograder.ask.item import Item

COUNT = 3


def questions(
    assignment: str, student, passed: Collection[str], sources: Mapping[str, str], seed: int
) -> list[Item]:
    """Questions about her own code, each about something else where there is enough.

    student: answers `ask`, see `autograder.student.asking`; its `folder` holds her runs. passed:
    ids of graded questions with full points; nothing else is asked about. sources: {id: her own
    code}. The same seed gives the same questions.
    """
    rng = np.random.default_rng(seed)
    waiting = [asked for asked in pool.POOL.get(assignment, ()) if asked.about in passed]
    waiting = [waiting[i] for i in rng.permutation(len(waiting))]
    made: list[Item] = []
    for again in (False, True):  # something else first, then the same once more
        for asked in list(waiting):
            known = {item.about for item in made}
            if len(made) < COUNT and (again or asked.about not in known):
                waiting.remove(asked)
                made += filter(None, [asked.item(student, rng, sources.get(asked.about, ""))])
    return made
