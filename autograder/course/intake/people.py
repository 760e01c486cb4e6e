"""Whose is it? The gradebook's students, found by what a platform calls them."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product

from autograder.course.intake.downloads import Entry
from autograder.course.intake.files import Unusable
from autograder.plugins import tables

# Moodle's "Participant", in its languages and without what it takes out of a file's name.
ANONYMOUS = re.compile(
    r"participante?|teilnehmer/?(in)?|partecipante|deelnemer|deltager|deltagare|deltaker|"
    r"osallistuja|uczestnik|účastník|résztvevő|katılımcı|участник|учасник|συμμετέχων|مشارك|"
    r"参与者|参加者|참가자",
    re.I,
)
# Letters that are no letter with an accent on it, and how they are written without.
PLAIN = str.maketrans({"ı": "i", "ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d"})
SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe"}
)
TEST_STUDENT = "studenttest"  # Canvas' own, as its downloads name it


class People:
    """The gradebook's students by id, email and the platform's number; by name where one has it."""

    def __init__(self, students: Iterable):
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._names: dict[str, set[str]] = defaultdict(set)
        self._spelled: dict[str, set[str]] = defaultdict(set)
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._numbers: dict[str, set[str]] = defaultdict(set)
        self._figures: dict[str, set[str]] = defaultdict(set)
        for student in students:
            first, last = student.first_name or "", student.last_name or ""
            for known in (student.id, student.lms_user_id, student.email):
                if known:
                    self._ids[_id(known)].add(student.id)
                    self._figures[figure(known)].add(student.id)
            for name in (first + last, last + first):
                if name.strip():
                    self._names[letters(name)].add(student.id)
                    self._spelled[letters(spelled(name))].add(student.id)
                    self._exact[_exact(name)].add(student.id)

    def by_id(self, text: str) -> set[str]:
        """Who has this id, email or number."""
        return self._ids.get(_id(text), set())

    def by_figure(self, text: str) -> set[str]:
        """Who has this number as id, after a spreadsheet has made 12 or 12.0 of 0012."""
        return self._figures.get(figure(text), set()) if figure(text) else set()

    def by_name(self, text: str) -> set[str]:
        """Who has this name, whatever its order, accents and case; or else its spelling without
        umlauts.
        """
        found = self._names.get(letters(text))
        return found or self._spelled.get(letters(spelled(text)), set())

    def learn(self, number: str, student: str) -> None:
        """A roster says that the platform's number means this student."""
        self._numbers[number].add(student)

    def find(self, entry: Entry) -> str:
        """Whose submission this is; Unusable where that is nobody, or not certain."""
        tried = [self._numbers.get(entry.key, set()), *map(self.by_id, entry.ids)]
        keyed, named = self.by_id(entry.key), self.by_name(entry.name)
        if keyed and named and not any(tried) and not keyed & named:  # Moodle counts submissions
            raise Unusable(
                f"has the number of {' and '.join(sorted(keyed))} and the name of "
                f"{' and '.join(sorted(named))}; a --roster says who it is"
            )
        tried += [keyed, named]
        if not any(tried):  # a team's submission bears its name before a person's
            parts = entry.name.split("-")
            tried = [self.by_name("-".join(parts[i:])) for i in range(1, len(parts))]
            tried += [self._exact.get(_exact(n), set()) for n in _otherwise(entry.name)]
            entry.notes += [f"taken from {entry.name!r}"] if any(tried) else []
        for found in tried:
            if len(found) == 1:
                return next(iter(found))
            if found:
                raise Unusable(f"may be {' or '.join(sorted(found))}; a --roster tells them apart")
        if ANONYMOUS.fullmatch(entry.name):
            raise Unusable("is anonymous; the grading worksheet as --roster says who it is")
        raise Unusable(
            "is not in the gradebook: `nbgrader db student add` or `import`, or give a --roster"
        )


def letters(name: str) -> str:
    """Letters and digits without accents or case: platforms keep no more of a name."""
    plain = unicodedata.normalize("NFKD", name).translate(PLAIN)
    return "".join(c for c in plain if c.isalnum()).casefold()


def spelled(name: str) -> str:
    """A name as a login or a system without such letters has it: Müller as Mueller."""
    return unicodedata.normalize("NFC", name).casefold().translate(SPELLED)


def _otherwise(name: str) -> Iterator[str]:
    """What a name may be that a zip program of another country wrote, or misread."""
    for read, written in product(("cp437", "cp1252"), ("utf-8", "cp866", *tables.OLDER)):
        with contextlib.suppress(UnicodeError):
            yield name.encode(read).decode(written)


def _exact(name: str) -> str:
    """A name with its accents, and with any sign that a wrong reading put into it."""
    return re.sub(r"[ .,'’_-]", "", unicodedata.normalize("NFC", name).casefold())


def figure(text) -> str:
    """A whole number without the zeros around it; "" for anything else."""
    found = re.fullmatch(r"0*([0-9]+?)(?:[.,]0{1,2})?", _seen(text))
    return found[1] if found else ""


def _id(text) -> str:
    """Systems write the same letter in several ways: macOS takes accents apart."""
    return unicodedata.normalize("NFC", _seen(text)).casefold()


def _seen(text) -> str:
    """Without what nobody sees around it, as it comes with a copy from a page."""
    return str(text).strip().strip("\u200b\u200e\u200f\u2060\ufeff").strip()
