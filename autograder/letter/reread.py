"""Where in a notebook stands what a student is told to reread."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# What to reread, and words of the cell that explains it, where no heading is called so.
EXPLAINED = {
    "the convention for losses": "convention of this course",
    "logits and images": "Why logits?",
    "why decoders return logits": "Why logits?",
    "what the prior is": "A story of how images come about",
    "what logvar means": "logvar",
}
HEADING = re.compile(r"^#{1,6} +(.+)$", re.M)


@dataclass(frozen=True)
class Place:
    """A cell of a notebook, by its number, and the heading that stands in it or above it."""

    cell: int
    heading: str

    @property
    def fragment(self) -> str:
        """The heading's anchor in Jupyter."""
        return re.sub(r"[`$*]", "", self.heading).strip().replace(" ", "-")


def place(reread: str, question_id: str, cells: Iterable) -> Place | None:
    """Where to go back to: a heading of that name, the cell that explains it, or else the part of
    the question. cells: of the notebook, with nbgrader's metadata.
    """
    own = {question_id.partition(".")[2], question_id.replace(".", "-", 1)}
    wanted, heading, parts, asked, explained = _bare(reread), "", [], None, None
    told = next((t for begin, t in EXPLAINED.items() if reread.startswith(begin)), None)
    for number, cell in enumerate(cells):
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown" and not about.get("solution"):
            for found in HEADING.findall(cell["source"]):
                heading = found
                parts.append(Place(number, heading))
            if told and told in cell["source"] and explained is None:
                explained = Place(number, heading)
        if about.get("grade_id") in own and asked is None:
            asked = next((p for p in reversed(parts) if p.cell <= number), None)
    if not wanted:
        return asked
    named = [p for p in parts if wanted in _bare(p.heading)]
    return next(iter(named), None) or explained or asked


def _bare(text: str) -> str:
    """What a heading and a mention of it have in common: "2 · `kl_gaussian` · 2 points" is "kl
    gaussian".
    """
    title = max(re.split(r" · ", re.sub(r"^\d+ · ", "", text)), key=lambda part: "`" in part)
    title = title.lower().replace("_", " ")
    title = re.sub(r"^the part about |^the ", "", re.sub(r"[^\w ]", "", title))
    return " ".join(title.split())
