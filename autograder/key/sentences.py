"""What students read, in Markdown beside the code: titles, what is tested, mistakes by name.

A question has a title, a line for every check, and a section for every mistake of its own:

    # kl_gaussian: KL of a diagonal Gaussian to the prior

    Reread: the KL divergence in closed form

    ## Tested

    - form: `kl_gaussian` returns one value per image, shape (B,)

    ## Mistakes

    ### half-missing

    Your KL is exactly twice the right one: a factor of one half was lost.

    - credit: 0.5
    - reread: what logvar means

`Reread` is what a mistake that says nothing else sends students back to; `nothing` sends them
nowhere. What comes after a slash in a mistake's name tells apart sentences about one mistake. In a
sentence, `{kind}` and the like are filled in. Mistakes that several questions know stand in
`mistakes.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

KEY = Path(__file__).parent
SHARED = KEY / "mistakes.md"
NOTHING = "nothing"


class SentenceError(Exception):
    """A sentence is missing or cannot be read; the message says which, and where it belongs."""


@dataclass(frozen=True)
class Said:
    """What is said about a mistake: a sentence, what to reread, and the share given back."""

    says: str
    reread: str | None = None
    credit: float = 0.0


@dataclass(frozen=True)
class Sentences:
    """The page of one question."""

    title: str
    reread: str = ""
    tested: Mapping[str, str] = field(default_factory=dict)
    mistakes: Mapping[str, Said] = field(default_factory=dict)

    def property(self, check: str) -> str:
        """What a check tests, in words."""
        if check not in self.tested:
            raise SentenceError(f"{self.title!r}: no sentence under Tested for the check {check!r}")
        return self.tested[check]

    def about(self, mistake: str) -> Said:
        """What is said about a mistake, by its whole name or by what stands before the slash."""
        for known in (self.mistakes, shared()):
            for name in (mistake, mistake.partition("/")[0]):
                if name in known:
                    return known[name]
        raise SentenceError(f"{self.title!r}: no sentence about {mistake!r}, nor in {SHARED.name}")


UNWRITTEN = Sentences("")  # of a question whose page is still to be looked up


@cache
def of(question_id: str) -> Sentences:
    """The page of a question, in the folder of its assignment."""
    assignment, _, name = question_id.partition(".")
    for path in sorted((KEY / assignment).glob("*.md")):
        if name in pages(path):
            return pages(path)[name]
    raise SentenceError(f"{question_id}: no page `# {name}: …` in a *.md of {KEY / assignment}")


@cache
def shared() -> Mapping[str, Said]:
    """The mistakes that several questions know."""
    return mistakes_of(SHARED, sections(SHARED.read_text(encoding="utf8"), "###"))


@cache
def pages(path: Path) -> dict[str, Sentences]:
    """Every page of a file, {name of the question: its sentences}."""
    found = {}
    for heading, page in sections(path.read_text(encoding="utf8"), "#").items():
        name, colon, title = heading.partition(": ")
        if not colon:
            raise SentenceError(f"{path}: `# {heading}` should be `# name of the question: title`")
        parts = sections(page, "##")
        reread = re.search(r"^Reread: (.+)$", page, re.M)
        found[name] = Sentences(
            title,
            reread[1] if reread else "",
            dict(_items(parts.get("Tested", ""))),
            mistakes_of(path, sections(parts.get("Mistakes", ""), "###")),
        )
    return found


def sections(text: str, mark: str) -> dict[str, str]:
    """The text below each heading of that level; what stands before the first is left out."""
    parts = re.split(rf"^{mark} (.+)$", text, flags=re.M)[1:]
    return {title.strip(): below for title, below in zip(parts[::2], parts[1::2], strict=True)}


def _items(text: str) -> list[tuple[str, str]]:
    """The items `- name: words` of a list; a line that is indented goes on with the one above."""
    lines = re.sub(r"\n +", " ", text).splitlines()
    return [(n, w) for n, _, w in (line[2:].partition(": ") for line in lines if line[:2] == "- ")]


def mistakes_of(path: Path, sections: Mapping[str, str]) -> dict[str, Said]:
    """{name: what is said} of sections of a file. SentenceError where one holds anything else."""
    found = {}
    for name, text in sections.items():
        items = dict(_items(text))
        says = " ".join(line for line in text.splitlines() if line and line[:2] not in ("- ", "  "))
        strange = set(items) - {"credit", "reread"}
        if strange or not says:
            raise SentenceError(f"{path}, {name}: a sentence, and below it only credit and reread")
        found[name] = Said(says, items.get("reread"), float(items.get("credit", 0)))
    return found
