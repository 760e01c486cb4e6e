"""Answers in words: what counts as a word, and a live count below each answer of a notebook.

The rule: words are what stands between spaces and has a letter or a digit in it. A formula is one
word; pictures, the addresses of links and HTML tags count nothing, and neither does the line that
came with the cell. The limit is the one that stands in the cell.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from utils.hand_in import notebook

HEADER = r"\*Your answer, at most (?:\d+) words:\*"
STUB = "YOUR ANSWER HERE"
# (pattern, what replaces it), in this order; JavaScript uses them too (words.js)
NOT_WORDS = [
    (HEADER, " "),
    (STUB, " "),
    (r"\$\$[^$]+\$\$|\$[^$\n]+\$", " 1 "),  # a formula
    (r"!\[[^\[\]]*\]\([^()]*\)", " "),  # a picture
    (r"\]\([^()]*\)", "] "),  # where a link leads
    (r"<[/!a-zA-Z][^<>]*>", " "),  # HTML
]


def words(source: str) -> int:
    """The number of words in the Markdown source of an answer."""
    for pattern, instead in NOT_WORDS:
        source = re.sub(pattern, instead, source)
    return sum(any(map(str.isalnum, part)) for part in source.split())


def own(source: str) -> str:
    """An answer's cell without what came with it."""
    return re.sub(HEADER, "", source).replace(STUB, "").strip()


def pictures(source: str) -> list[str]:
    """Addresses of the pictures in an answer."""
    return re.findall(r"!\[[^\[\]]*\]\(\s*([^()\s]+)", source)


def beside(source: str) -> list[str]:
    """Those of them that are not part of the notebook."""
    return [a for a in pictures(source) if not a.startswith(("attachment:", "data:image/"))]


def plain(source: str) -> str:
    """Markdown as one line of plain text, for what a question asks."""
    source = re.sub(r"^#+ .*$", "", source, flags=re.M)
    source = re.sub(r"\*\*Question[^*]*\*\*", "", source)
    return " ".join(re.sub(r"[*`$]", "", source).split())


@dataclass
class Answer:
    """An inline question and its answer. limit: words at most, None if the cell does not say."""

    id: str
    source: str
    limit: int | None
    points: float
    asked: str = ""
    cell: notebook.Cell | None = None

    @property
    def words(self) -> int:
        return words(self.source)

    def __str__(self):
        return f"{self.id}: {told(self.words, self.limit)}"


def told(count: int, limit: int | None) -> str:
    """A count against its limit, in words."""
    said = (
        f"{count} word{'' if count == 1 else 's'}"
        if limit is None
        else (f"{count} of {limit} words")
    )
    return f"{said}: {count - limit} too many" if limit and count > limit else said


def find(cells: list[notebook.Cell]) -> list[Answer]:
    """The answers among a notebook's cells, in their order."""
    asked = {cell.name: cell.source for cell in cells if cell.name.startswith("rubric-")}
    return [
        Answer(
            id=cell.name.replace("-", ".", 1),
            source=own(cell.source),
            limit=_limit(cell),
            points=cell.points,
            asked=asked.get(f"rubric-{cell.name}", ""),
            cell=cell,
        )
        for cell in cells
        if cell.is_("grade") and cell.is_("solution")
    ]


def _limit(cell) -> int | None:
    about = cell.metadata.get("answer")
    limit = about.get("words") if isinstance(about, dict) else None
    return limit if isinstance(limit, int) and limit > 0 else None


def count(*ids: str):
    """A count of words that follows you as you write, for these answers (default: all).

        answers.count("vae.beta_0")

    Where widgets do not work it says how many words there were when the notebook was last saved.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        return None
    try:
        path = notebook.locate(holding=ids[0].replace(".", "-", 1) if ids else "")
        found = {answer.id: answer for answer in find(notebook.read(path).cells)}
    except (notebook.Unreadable, OSError):
        found = {}  # the front end knows
    from utils.hand_in import counter

    return counter.Counter([found.get(i, Answer(i, "", None, 0)) for i in ids or found])
