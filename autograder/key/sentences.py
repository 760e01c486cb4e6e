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
    place: str = ""  # its file and heading

    def property(self, check: str) -> str:
        """What a check tests, in words."""
        if check not in self.tested:
            raise SentenceError(f"{self.place}: no sentence under Tested for the check {check!r}")
        return self.tested[check]

    def about(self, mistake: str) -> Said:
        """What is said about a mistake, by its whole name or by what stands before the slash."""
        for known in (self.mistakes, shared()):
            for name in (mistake, mistake.partition("/")[0]):
                if name in known:
                    return known[name]
        raise SentenceError(f"{self.place}: no sentence about {mistake!r}, nor in {SHARED.name}")


UNWRITTEN = Sentences("")  # of a question whose page is still to be looked up


@cache
def of(question_id: str) -> Sentences:
    """The page of a question, in the folder of its assignment."""
    assignment, _, name = question_id.partition(".")
    for path in sorted((KEY / assignment).glob("*.md")):
        if name in pages(path):
            return pages(path)[name]
    raise SentenceError(
        f"{question_id}: no page `# {name}: …` in a *.md of {_shown(KEY / assignment)}"
    )


@cache
def shared() -> Mapping[str, Said]:
    """The mistakes that several questions know."""
    return mistakes_of(SHARED, _of(SHARED, "###", _read(SHARED)))


@cache
def pages(path: Path) -> dict[str, Sentences]:
    """Every page of a file, {name of the question: its sentences}."""
    found = {}
    for heading, page in _of(path, "#", _read(path)).items():
        name, colon, title = heading.partition(": ")
        if not colon:
            raise SentenceError(
                f"{_shown(path)}: `# {heading}` should be `# name of the question: title`"
            )
        parts = _of(path, "##", page)
        reread = re.search(r"^Reread: (.+)$", page, re.M)
        found[name] = Sentences(
            title,
            reread[1] if reread else "",
            dict(_items(parts.get("Tested", ""))),
            mistakes_of(path, _of(path, "###", parts.get("Mistakes", ""))),
            f"{_shown(path)}, # {name}",
        )
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf8")
    except UnicodeDecodeError:
        raise SentenceError(f"{_shown(path)} is not UTF-8: save it as that") from None


def _of(path: Path, mark: str, text: str) -> dict[str, str]:
    """`sections`; SentenceError where two have one heading, of which one would be lost."""
    headings = re.findall(rf"^{mark} (.+)$", text, re.M)
    for heading in headings:
        if headings.count(heading) > 1:
            raise SentenceError(f"{_shown(path)} has `{mark} {heading.strip()}` twice")
    return sections(text, mark)


def _shown(path: Path) -> str:
    """A file as an author knows it."""
    home = KEY.parents[1]
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


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
            wanted = "a sentence, and below it only credit and reread"
            raise SentenceError(f"{_shown(path)}, {name}: {wanted}")
        credit = items.get("credit", "0")
        if not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", credit):
            raise SentenceError(f"{_shown(path)}, {name}: credit is from 0 to 1, not {credit!r}")
        found[name] = Said(says, items.get("reread"), float(credit))
    return found
