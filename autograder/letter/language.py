"""What is said to students, in the course's language.

Every sentence is written once, in English, where it belongs: in the key's Markdown, in a check, in
this room. A course in another language has one file, {"English sentence": "its own"}, which
`python -m autograder.letter` begins; a pair of braces stands for what changes (a name, a number,
another sentence). What it lacks is said in English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from autograder.errors import WrongCall, cause
from autograder.letter import told

GAP = re.compile(r"\{(\w*)[^{}]*\}")  # where something is filled in
BREAKS = (": ", ". ", "; ", ", ")  # where a sentence may be put together from two


class Language:
    """name: as in HTML's `lang`. sentences: {English: translation}."""

    def __init__(self, name: str = "en", sentences: Mapping[str, str] | None = None):
        self.name, self.sentences = name, dict(sentences or {})
        filled = [s for s in self.sentences if GAP.search(s)]
        filled.sort(key=lambda sentence: -len(GAP.sub("", sentence)))
        self.patterns = [(_pattern(s), GAP.findall(s), self.sentences[s]) for s in filled]
        self._found = lru_cache(maxsize=4096)(self._find)

    def say(self, sentence: str, *values) -> str:
        """A sentence of this room; values go into its braces."""
        if sentence not in self.sentences:
            return sentence.format(*values)
        names = GAP.findall(sentence)
        return _filled(self.sentences[sentence], names, list(map(str, values))[: len(names)])

    def told(self, text: str) -> str:
        """A sentence that was put together elsewhere; what is not known stays as it is."""
        try:
            return self._found(text)[0] if self.sentences else text
        except RecursionError:  # of hundreds of parts: numbers, no sentence
            return text

    def _find(self, text: str) -> tuple[str, int]:
        """(translation, how many letters of it are as they were): a sentence may be read in more
        than one way, and the one that leaves least is meant.
        """
        if text in self.sentences:
            return self.sentences[text], 0
        best = text, sum(map(str.isalpha, text))
        for pattern, names, instead in self.patterns:
            match = pattern.fullmatch(text)
            if match:
                values = [self._found(value) for value in match.groups()]
                filled = _filled(instead, names, [value for value, _ in values])
                best = min(best, (filled, sum(left for _, left in values)), key=lambda b: b[1])
            if not best[1]:
                return best
        for mark in BREAKS:
            head, found, rest = text.partition(mark)
            if found:
                (head, one), (rest, other) = self._found(head), self._found(rest)
                best = min(best, (head + mark + rest, one + other), key=lambda b: b[1])
        if text.endswith("."):
            inside, left = self._found(text[:-1])
            best = min(best, (inside + ".", left), key=lambda b: b[1])
        return best

    def translate(self, parts: told.Told) -> told.Told:
        """The parts of a record's text, in place; `reread` is left to who looks for its place."""
        for tested in parts.tested:
            tested.property = self.told(tested.property)
            tested.message = self.told(tested.message)
        parts.says, parts.stood_in = self.told(parts.says), self.told(parts.stood_in)
        parts.head = self.told(parts.head)
        return parts

    def feedback(self, text: str) -> str:
        """A record's text."""
        if not self.sentences:
            return text
        parts = self.translate(told.read(text))
        parts.reread = self.told(parts.reread)
        said = parts.text().replace(told.REREAD, f" {self.say('Reread:')} ")
        for mark in (told.PASSED, told.FAILED):
            said = said.replace(f"\n{mark}", f"\n  {self.say(mark.strip())} ")
        return said


ENGLISH = Language()
MARKS = ("passed:", "failed:", "Reread:", "{}: {} of {} points")  # of a record


def of(name: str, path: Path | None) -> Language:
    """The language of a file of sentences; WrongCall where it cannot be read."""
    if path is None:
        return Language(name)
    try:
        sentences = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongCall(f"{path} cannot be read: {cause(error)}") from None
    except ValueError as error:
        raise WrongCall(f"{path} is no list of sentences: {error}") from None
    if not isinstance(sentences, dict):
        raise WrongCall(f'{path} is no list of sentences: {{"English": "translation", …}}')
    known = {e: t for e, t in sentences.items() if isinstance(t, str) and t.strip()}
    strange = [e for e, t in known.items() if len(GAP.findall(e)) != len(GAP.findall(t))]
    if strange:
        raise WrongCall(f"{path}: the braces of {strange[0]!r} and of its translation differ")
    return Language(name, known)


def _pattern(sentence: str) -> re.Pattern:
    parts = GAP.split(sentence)[::2]
    return re.compile("(.+?)".join(map(re.escape, parts)), re.S)


def _filled(instead: str, names: list[str], values: list[str]) -> str:
    """A translation with its braces filled in, in their order or by their names."""
    by_name, in_order = dict(zip(names, values, strict=True)), iter(values)

    def value(match):
        name = match[1]
        if name.isdigit():
            return values[int(name)] if int(name) < len(values) else match[0]
        return by_name[name] if name and name in by_name else next(in_order, match[0])

    return GAP.sub(value, instead)
