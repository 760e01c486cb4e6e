"""nbgrader export plug-ins: grades as the CSV that Canvas, Moodle or Gradescope imports, or plain.

    nbgrader export --exporter=autograder.course.exports.Canvas \\
        --Canvas.roster=canvas.csv --to=new.csv

A roster is the file that the LMS itself exports, in any language, encoding and delimiter. With one,
its rows, names and identifiers are kept as they are, only the grade columns are filled in, and the
file is written in the same form; without one, what nbgrader's gradebook knows of the students is
used. What was taken for what is logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Dict, Unicode

from autograder.course.course import unfinished
from autograder.course.intake import rosters
from autograder.course.intake.people import TEST_STUDENT, People, letters
from autograder.errors import WrongCall
from autograder.plugins import late, tables


class ExportError(SystemExit):
    """An export cannot be made: nothing is written, one line says why, the exit status is 1."""


class _Kept(str):
    """A cell of the LMS's own, which goes back as it came."""


class _Export(ExportPlugin):
    """What the four formats share: reading the gradebook, matching the roster, writing the file."""

    default_name = "grades.csv"
    roster = Unicode("", help="CSV exported from the LMS: whose rows, names and ids to use").tag(
        config=True
    )
    columns = Dict(
        help="of the roster, where they are not found: {'id': header, 'name': …, 'grade': …, "
        "'maximum': …}, or {assignment: header}"
    ).tag(config=True)
    questions = Bool(False, help="one column a question as well as the total").tag(config=True)
    headers = 1

    def export(self, gradebook: Gradebook) -> None:
        """Write the file; ExportError, in one line, when the roster cannot be used."""
        assignments = self._chosen(gradebook)
        self._interrupted: set[str] = set()
        self._read: rosters.Roster | None = None
        target = Path(self.to or self.default_name)
        try:
            self._settle(gradebook, assignments)
            if self.roster:
                people = People(gradebook.students)
                self._read = rosters.Roster(Path(self.roster), people, (), self._named(assignments))
                self.log.info("%s", self._read.said())
            rows = [list(map(_cell, row)) for row in self.rows(gradebook, assignments)]
            tables.write(target, rows, self._read.table if self._read else None)
        except WrongCall as error:
            raise ExportError(str(error)) from None
        except OSError as error:
            raise ExportError(f"cannot write {target}: {error.strerror}") from None
        names = ", ".join(a.name for a in assignments)
        self.log.info("%s: %d students, %s", target, len(rows) - self.headers, names)
        if self._interrupted:
            who = ", ".join(sorted(self._interrupted))
            self.log.warning("not graded, since grading was interrupted: %s", who)
        open_answers = sum(a.num_submissions and self._waiting(gradebook, a) for a in assignments)
        if open_answers:
            self.log.warning("%d submissions have answers that nobody graded yet", open_answers)

    def rows(self, gradebook, assignments) -> Iterable[list]:
        """Header rows, then one row a student."""
        raise NotImplementedError

    def _settle(self, gradebook, assignments) -> None:
        """Late penalties as they are now; each change is told."""
        course = getattr(self.parent, "coursedir", None)
        if course is None:
            return
        for assignment in assignments:
            for change in late.settle(gradebook, self.config, Path(course.root), assignment.name):
                self.log.warning("%s, %s", assignment.name, change)

    def _chosen(self, gradebook) -> list:
        known = {a.name: a for a in gradebook.assignments}
        if not known:
            raise ExportError(
                "the gradebook has no assignment: is it the right one? "
                "--CourseDirectory.root=DIR names the course"
            )
        unknown = [name for name in self.assignment if name not in known]
        if unknown:
            raise ExportError(
                f"no assignment {', '.join(unknown)} in the gradebook: "
                f"it has {', '.join(known) or 'none'}"
            )
        return [known[name] for name in self.assignment] or list(known.values())

    def _named(self, assignments) -> dict[str, str]:
        roles = {"id", "name", "grade", "maximum", *(a.name for a in assignments)}
        unknown = sorted(set(self.columns) - roles)
        if unknown:
            raise WrongCall(f"columns: no role {', '.join(unknown)}; there are {sorted(roles)}")
        return dict(self.columns)

    def _waiting(self, gradebook, assignment) -> int:
        return sum(s.needs_manual_grade for s in gradebook.assignment_submissions(assignment.name))

    def _students(self, gradebook) -> list:
        return [s for s in gradebook.students if not self.student or s.id in self.student]

    def _columns(self, assignments) -> list[tuple]:
        """(assignment, grade cell or None, title, points), the total before its questions."""
        columns = []
        for assignment in assignments:
            columns.append((assignment, None, assignment.name, assignment.max_score))
            if self.questions:
                for notebook in assignment.notebooks:
                    for cell in notebook.grade_cells:
                        title = f"{assignment.name}: {cell.name}"
                        columns.append((assignment, cell.name, title, cell.max_score))
        return columns

    def _score(self, gradebook, column, student_id: str):
        """The score of one column, late penalty taken off the total; '' where nothing was handed
        in, or grading was interrupted.
        """
        assignment, cell, _, _ = column
        try:
            submission = gradebook.find_submission(assignment.name, student_id)
        except MissingEntry:
            return ""
        if unfinished(submission):
            self._interrupted.add(student_id)
            return ""
        if cell is None:
            total = max(0.0, submission.score - submission.late_submission_penalty)
            return self._number(total)
        grades = [g for n in submission.notebooks for g in n.grades if g.name == cell]
        return self._number(grades[0].score) if grades else ""

    def _number(self, value) -> str:
        number = f"{value:.4f}".rstrip("0").rstrip(".")
        return self._read.table.number(number) if self._read else number

    def _matched(self, gradebook) -> list[tuple]:
        """(roster row, nbgrader student or None); warns of whoever is on one side only."""
        students = {student.id: student for student in self._students(gradebook)}
        pairs, seen, unknown = [], set(), []
        for row in self._read.table.rows:
            owner = self._read.owner(row)
            told = next((cell.strip() for cell in row if cell.strip()), "")
            if owner is None and TEST_STUDENT not in letters(told):
                unknown.append(told)
            elif owner is not None and owner in seen:
                self.log.warning("twice in the roster, with the same grades: %s", owner)
            seen.add(owner)
            pairs.append((row, students.get(owner)))
        if unknown:
            self.log.warning("in the roster, unknown here: %s", ", ".join(sorted(unknown)))
        alone = [student for student in students if student not in seen]
        if alone:
            self.log.warning("not in the roster, so not in the file: %s", ", ".join(sorted(alone)))
        return pairs

    def _identity(self, width: int | None = None) -> list[int]:
        """The roster's columns that say who a row is about."""
        fields, roster = self._read.table.fields, self._read
        if width is not None:
            return list(range(width))
        known = [i for i, head in enumerate(fields) if head.strip() in self.IDENTITY]
        return known or sorted({*roster.ids, *(i for place in roster.names for i in place)})

    def _own(self, row: list[str], columns: Iterable[int]) -> list[str]:
        """Cells of the roster's as they go back: names are what people typed themselves."""
        names = {i for place in self._read.names for i in place}
        return [row[i] if i in names else _Kept(row[i]) for i in columns]

    def _title(self, title: str) -> str:
        """The header of an assignment: the roster's, such as `vae (4711)`, where it has one."""
        place = self._place(title)
        return title if place is None else self._read.table.fields[place]

    def _place(self, title: str) -> int | None:
        if self._read is None:
            return None
        if title in self._read.named:
            return self._read.named[title]
        like = re.compile(rf"(?:.*:)?\s*{re.escape(title)}\s*(?:\([^()]*\))?\s*", re.I)
        heads = enumerate(self._read.table.fields)
        found = [i for i, head in heads if like.fullmatch(head)]
        # Moodle may have it in points, in per cent and in letters
        return next(filter(self._holds_points, found), found[0] if found else None)

    def _holds_points(self, place: int) -> bool:
        cells = self._read.table.column(place)
        return all(rosters.value(cell) is not None for cell in cells if cell not in ("", "-"))

    def _compare(self, title: str, told: str, points: float) -> None:
        """Say so where the LMS has another maximum than the gradebook."""
        value = rosters.value(told)
        if value is not None and abs(value - points) > 1e-6:
            self.log.warning(
                "%s: at most %g points there, %g here; marks were not rescaled",
                title,
                value,
                points,
            )


def _cell(cell) -> str:
    return cell if isinstance(cell, _Kept) else tables.harmless(cell)


def _full_name(student) -> tuple[str, str]:
    return student.first_name or "", student.last_name or student.id


class Canvas(_Export):
    """Canvas' gradebook import: identifying columns, then one an assignment; a second row of
    points.

    Keep the header of an assignment that exists in Canvas ("vae (4711)"): a roster column that
    starts with its name is filled in under the name it has there.
    """

    default_name = "canvas.csv"
    headers = 2
    IDENTITY = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        titles = [title for _, _, title, _ in columns]
        worth = [self._number(points) for *_, points in columns]
        if not self.roster:
            yield [*self.IDENTITY, *titles]
            yield ["    Points Possible", "", "", "", "", *worth]
            for student in self._students(gradebook):
                scores = [self._score(gradebook, column, student.id) for column in columns]
                yield [*self._person(student), *scores]
            return
        table = self._read.table
        # Canvas puts up to three rows that are no students on top
        tops = [row for row in table.rows if self._on_top(row)]
        table.rows = [row for row in table.rows if row not in tops]
        points = next((row for row in tops if any(map(rosters.value, row))), None)
        identity = self._identity(self._width(table, points))
        yield [*(table.fields[i] for i in identity), *map(self._title, titles)]
        yield [_Kept("    Points Possible"), *[""] * (len(identity) - 1), *worth]
        for (*_, most), title in zip(columns, titles, strict=True):
            place = self._place(title)
            if points and place is not None:
                self._compare(table.fields[place], points[place], most)
        for row, student in self._matched(gradebook):
            scores = [self._score(gradebook, c, student.id) if student else "" for c in columns]
            yield [*self._own(row, identity), *scores]

    def _on_top(self, row: list[str]) -> bool:
        """Whether a row is about points or posting: it names nobody."""
        named = [cell for cell in row[:4] if cell.strip()]
        return not row[0].strip() or "Points Possible" in row[0] or len(named) < 2

    def _width(self, table, points) -> int:
        """How many columns come before the first assignment."""
        section = table.find("Section")
        if section is not None:
            return section + 1
        numbers = [i for i, cell in enumerate(points or ()) if rosters.value(cell) is not None]
        return numbers[0] if numbers else len(self.IDENTITY)

    def _person(self, student) -> list[str]:
        first, last = _full_name(student)
        name = f"{last}, {first}" if first else last
        return [name, student.lms_user_id or "", student.id, student.id, ""]


class Moodle(_Export):
    """Moodle's grade import: names and email, the identifier to map on, one column a grade item.

    With the grading worksheet of an assignment as roster, the same worksheet with its column Grade
    filled in, for "Upload grading worksheet".
    """

    default_name = "moodle.csv"
    IDENTITY = ("First name", "Last name", "Surname", "ID number", "Email address")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        titles = [title for _, _, title, _ in columns]
        if not self.roster:
            yield ["First name", "Last name", "ID number", "Email address", *titles]
            for student in self._students(gradebook):
                first, last = _full_name(student)
                scores = [self._score(gradebook, column, student.id) for column in columns]
                yield [first, last, student.id, student.email or "", *scores]
            return
        if self._read.worksheet is not None:
            yield from self._worksheet(gradebook, columns)
            return
        identity = self._identity()
        yield [*(self._read.table.fields[i] for i in identity), *map(self._title, titles)]
        for row, student in self._matched(gradebook):
            scores = [self._score(gradebook, c, student.id) if student else "" for c in columns]
            yield [*self._own(row, identity), *scores]

    def _worksheet(self, gradebook, columns):
        table, grade, maximum = self._read.table, self._read.grade, self._read.maximum
        if len(columns) != 1:
            raise ExportError(
                "a grading worksheet has one column for one assignment: name it with "
                "--assignment, and ask for no questions"
            )
        if grade is None:
            raise ExportError(
                f"the worksheet {table.path} has no column for grades that is known: name it with "
                "--Moodle.columns=grade=HEADER"
            )
        self.log.info("grades go into %r", table.fields[grade])
        if maximum is not None and table.rows:
            self._compare(columns[0][2], table.rows[0][maximum], columns[0][3])
        yield table.fields
        for row, student in self._matched(gradebook):
            score = self._score(gradebook, columns[0], student.id) if student else ""
            made = self._own(row, range(len(row)))
            made[grade] = score or made[grade]
            yield made


class Gradescope(_Export):
    """Gradescope's grade table: names, SID and email, then score and maximum of every
    assignment.
    """

    default_name = "gradescope.csv"
    IDENTITY = ("First Name", "Last Name", "SID", "Email")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        titles = [part for _, _, t, _ in columns for part in (t, f"{t} - Max Points")]
        if self.roster:
            identity = self._identity()
            yield [*(self._read.table.fields[i] for i in identity), *titles]
            pairs = [(self._own(row, identity), s) for row, s in self._matched(gradebook)]
        else:
            yield [*self.IDENTITY, *titles]
            pairs = [(self._person(s), s) for s in self._students(gradebook)]
        for person, student in pairs:
            scores = []
            for column in columns:
                score = self._score(gradebook, column, student.id) if student else ""
                scores += [score, self._number(column[3])]
            yield [*person, *scores]

    def _person(self, student) -> list[str]:
        return [*_full_name(student), student.id, student.email or ""]


class Table(_Export):
    """A plain table: one row a student and assignment, every question a column with
    `--Table.questions=True`.
    """

    default_name = "grades.csv"

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        yield [
            "student",
            "last name",
            "first name",
            "email",
            *(title for _, _, title, _ in columns),
        ]
        yield ["(points possible)", "", "", "", *(self._number(points) for *_, points in columns)]
        for student in self._students(gradebook):
            first, last = student.first_name or "", student.last_name or ""
            scores = [self._score(gradebook, column, student.id) for column in columns]
            yield [student.id, last, first, student.email or "", *scores]

    headers = 2
