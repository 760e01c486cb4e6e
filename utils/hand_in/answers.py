"""Answers in words: what counts as a word, and a live count below each answer of a notebook.

The limit is the one that stands in the cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from utils import autograding
from utils.hand_in import notebook
from utils.hand_in.words import HEADER, STUB, words

PICTURES = "image/png", "image/jpeg", "image/gif", "image/webp"  # that an answer may show


def own(source: str, stub: str = STUB) -> str:
    """An answer's cell without what came with it."""
    return re.sub(HEADER, "", source).replace(stub, "").strip()


def pictures(source: str) -> list[str]:
    """Addresses of the pictures in an answer."""
    return re.findall(r"!\[[^\[\]]*\]\(\s*([^()\s]+)", source)


def beside(source: str) -> list[str]:
    """Those of them that are not part of the notebook."""
    return [a for a in pictures(source) if not a.startswith(("attachment:", "data:image/"))]


@dataclass
class Answer:
    """A question and its answer in words. limit: words at most, None if the cell does not say."""

    id: str
    source: str
    limit: int | None
    points: float
    asked: str = ""
    cell: notebook.Cell | None = None
    stub: str = STUB

    @property
    def words(self) -> int:
        return words(self.source)

    def __str__(self):
        return f"{self.id}: {told(self.words, self.limit)}"


def told(count: int, limit: int | None) -> str:
    """A count against its limit, in words."""
    if limit is None:
        return f"{count} word{'' if count == 1 else 's'}"
    over = f": {count - limit} too many" if limit and count > limit else ""
    return f"{count} of {limit} words{over}"


def find(cells: list[notebook.Cell]) -> list[Answer]:
    """The answers among a notebook's cells, in their order."""
    asked = {cell.name: cell.source for cell in cells if cell.name.startswith("rubric-")}
    return [
        Answer(
            id=cell.name.replace("-", ".", 1),
            source=own(cell.source, _stub(cell)),
            limit=_limit(cell),
            points=cell.points,
            asked=asked.get(f"rubric-{cell.name}", ""),
            cell=cell,
            stub=_stub(cell),
        )
        for cell in cells
        if cell.is_("grade") and cell.is_("solution")
    ]


def _limit(cell) -> int | None:
    about = cell.metadata.get("answer")
    limit = about.get("words") if isinstance(about, dict) else None
    return limit if isinstance(limit, int) and limit > 0 else None


def _stub(cell) -> str:
    about = cell.metadata.get("answer")
    stub = about.get("stub") if isinstance(about, dict) else None
    return stub if isinstance(stub, str) and stub else STUB


def count(*ids: str):
    """A count of words that follows you as you write, for these answers (default: all).

        answers.count("vae.beta_0")

    Where widgets do not work it says how many words there were when the notebook was last saved.
    """
    if autograding():
        return None
    try:
        path = notebook.locate(holding=ids[0].replace(".", "-", 1) if ids else "")
        found = {answer.id: answer for answer in find(notebook.read(path).cells)}
    except (notebook.Unreadable, OSError):
        found = {}  # the front end knows
    from utils.hand_in import counter

    return counter.Counter([found.get(i, Answer(i, "", None, 0)) for i in ids or found])
