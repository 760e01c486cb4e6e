"""The lists of a course that a platform exports: who is who, in whatever language and form.

Columns are found by what is in them: one whose cells are ids or emails of the gradebook says who a
row is about, one that holds the numbers of a download ties these to it. Headers only help, and
where both fail, `--columns number=HEADER` names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from autograder.course.intake.people import People
from autograder.errors import WrongCall
from autograder.plugins import tables

IDENTIFIER = re.compile(r"(\D+?)\s*(\d+)")  # "Participant 8000", "Teilnehmer/in8000"
EMAIL = re.compile(r"[^\s<>:\"']+@[^\s<>\"']+")
IDS = "sis login id,sis user id,id,id number,username,email address,email,sid,login".split(",")
WORDS = {"", "student", "name", *IDS}  # of a header, should a student be called so
# "Grade" in Moodle's languages, for worksheets whose maximum does not give the column away.
GRADES = (
    "grade,bewertung,note,calificación,qualificació,nota,valutazione,beoordeling,cijfer,karakter,"
    "betyg,arvosana,ocena,známka,hodnotenie,osztályzat,βαθμός,оценка,оцінка,not,成绩,評定,評点,점수"
).split(",")


class Roster:
    """A platform's list, with what its columns mean.

    named: {role: header} as the caller has it; roles are number, id, name, grade, maximum, and
    whatever else a caller names. numbers: those of a download.
    """

    def __init__(
        self,
        path: Path,
        people: People,
        numbers: Iterable[str] = (),
        named: dict[str, str] | None = None,
    ):
        self.people = people
        # of encodings that nothing tells apart, the one in which most people are known
        self.table = max(tables.readings(path, "roster"), key=self._known)
        self.named = {role: self._named(role, head) for role, head in (named or {}).items()}
        heads = [head for head in self.table.fields if head.strip().casefold() not in WORDS]
        told = [head for head in heads if people.by_id(head) or people.by_name(head)]
        if told:
            raise WrongCall(
                f"the first line of the roster {path} is about {told[0]!r}, a student: put a line "
                "with the names of the columns on top, such as id;name"
            )
        columns = [self.table.column(i) for i in range(len(self.table.fields))]
        self.names = self._names(columns)
        self.ids = self._ids(columns)
        self.numbers = self._numbers(columns, set(numbers))
        if not self.ids and not self.names and self.table.rows:
            raise WrongCall(
                f"the roster {path} names nobody of the gradebook: its columns are "
                f"{', '.join(map(repr, self.table.fields))}. --columns id=HEADER says which one "
                "holds ids or emails"
            )

    def _known(self, table: tables.Table) -> int:
        """How many names with other letters than those of English are somebody's here."""
        pairs = [pair for row in table.rows for pair in zip(row, [*row[1:], ""], strict=True)]
        told = [name for one, two in pairs for name in (one, one + two) if not name.isascii()]
        return sum(bool(self.people.by_name(name)) for name in told)

    def _who(self, cell: str) -> set[str]:
        """Whose id or email this is; Brightspace puts a # before it, spreadsheets an apostrophe or
        drop zeros, mail programs a name before an email.
        """
        plain, email = cell.strip().strip("#='\""), EMAIL.search(cell)
        found = self.people.by_id(cell) or self.people.by_id(plain)
        found = found or self.people.by_figure(plain)
        return found or (self.people.by_id(email[0]) if email else set())

    def _named(self, role: str, header: str) -> int:
        column = self.table.find(header)
        if column is None:
            raise WrongCall(
                f"the roster {self.table.path} has no column {header!r} ({role}); "
                f"it has {', '.join(map(repr, self.table.fields))}"
            )
        return column

    def _ids(self, columns) -> list[int]:
        """Columns of ids or emails, those that tell most people apart first; first names may look
        like ids, and come last.
        """
        if "id" in self.named:
            return [self.named["id"]]
        found, names = {}, {number for place in self.names for number in place}
        for number, cells in enumerate(columns):
            filled = [cell for cell in cells if cell]
            hits = [next(iter(self._who(cell)), None) for cell in filled]
            hits = [hit for hit in hits if hit]
            known = self.table.fields[number].strip().casefold() in IDS
            likely = known or (len(hits) > len(filled) / 2 and len(set(hits)) == len(hits))
            if hits and likely:
                sure = known or "@" in filled[0]
                whole = sum(bool(self.people.by_id(cell)) for cell in filled)  # with their zeros
                found[number] = number not in names, sure, whole, len(set(hits))
        return sorted(found, key=found.__getitem__, reverse=True)

    def _names(self, columns) -> list[tuple[int, ...]]:
        """Columns, or two neighbours, that hold names."""
        if "name" in self.named:
            return [(self.named["name"],)]
        neighbours = [(i, i + 1) for i in range(len(columns) - 1)]
        found = {}
        for place in [*((i,) for i in range(len(columns))), *neighbours]:
            names = ["".join(parts) for parts in zip(*(columns[i] for i in place), strict=True)]
            hits = sum(bool(self.people.by_name(name)) for name in names)
            if hits:
                found[place] = hits
        return sorted(found, key=lambda place: -found[place])[:1]

    def _numbers(self, columns, numbers: set[str]) -> int | None:
        """The column of the platform's own numbers."""
        if "number" in self.named:
            return self.named["number"]
        hits = [sum(digits(cell) in numbers for cell in cells) for cells in columns]
        best = max(range(len(columns)), key=hits.__getitem__, default=None)
        return best if best is not None and hits[best] else None

    def owner(self, row: list[str]) -> str | None:
        """Which student of the gradebook a row is about; None for nobody, or more than one."""
        for number in self.ids:
            found = self._who(row[number])
            if len(found) == 1:
                return next(iter(found))
        for place in self.names:
            found = self.people.by_name("".join(row[i] for i in place))
            if len(found) == 1:
                return next(iter(found))
        return None

    def teach(self) -> None:
        """Tell the gradebook's people which numbers of the platform are theirs."""
        if self.numbers is None:
            return
        for row in self.table.rows:
            owner, number = self.owner(row), digits(row[self.numbers])
            if owner and number:
                self.people.learn(number, owner)

    @property
    def worksheet(self) -> int | None:
        """The column of identifiers that makes this Moodle's grading worksheet: one word and a
        number of its own in every row. Not one that holds ids or names, which may look like that.
        """
        people = {*self.ids, *(i for place in self.names for i in place)}
        for number in set(range(len(self.table.fields))) - people:
            cells = self.table.column(number)
            told = [IDENTIFIER.fullmatch(cell) for cell in cells]
            words = {match[1].strip() for match in told if match}
            own = bool(told) and all(told) and len(set(cells)) == len(cells)
            if own and len(words) == 1 and not set("_@.-#").intersection(words.pop()):
                return number
        return None

    @property
    def maximum(self) -> int | None:
        """A worksheet's column of the points that can be had: one number in all rows, right of the
        grades.
        """
        if "maximum" in self.named:
            return self.named["maximum"]
        found = []
        for number in range(len(self.table.fields)):
            cells = set(self.table.column(number))
            if len(cells) == 1 and (value(cells.pop()) or 0) > 0:
                found.append(number)
        right = None if self._grade is None else self._grade + 1
        return right if right in found else next(iter(found), None)

    @property
    def _grade(self) -> int | None:
        """A column that is called so."""
        heads = [head.strip().casefold() for head in self.table.fields]
        return next((i for i, head in enumerate(heads) if head in GRADES), None)

    @property
    def grade(self) -> int | None:
        """A worksheet's column for grades: by its header, or left of the maximum."""
        if "grade" in self.named:
            return self.named["grade"]
        if self._grade is None and self.maximum:
            return self.maximum - 1
        return self._grade

    def said(self) -> str:
        """What was used, in a line."""
        fields = self.table.fields
        used = []
        if self.numbers is not None:
            used.append(f"numbers from {fields[self.numbers]!r}")
        if self.ids:
            used.append(f"people from {', '.join(repr(fields[i]) for i in self.ids)}")
        for place in self.names:
            used.append(f"names from {' and '.join(repr(fields[i]) for i in place)}")
        return f"roster {self.table.path.name} ({self.table.form}): {'; '.join(used)}"


def digits(text: str) -> str:
    """The number in "Participant 8000", or in the 8000.0 of a spreadsheet."""
    return re.sub(r"\D", "", re.sub(r"[.,]0{1,2}$", "", text.strip()))


def value(text: str) -> float | None:
    """A number with a point or a comma; None for anything else."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def columns_of(named: Iterable[str]) -> dict[str, str]:
    """{role: header} of `--columns role=header …`."""
    found = {}
    for part in named:
        role, equals, header = part.partition("=")
        if not equals or not role.strip() or not header.strip():
            raise WrongCall(f"--columns {part!r}: write it as ROLE=HEADER, such as id=Login")
        found[role.strip()] = header.strip()
    return found
