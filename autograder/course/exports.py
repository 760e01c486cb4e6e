"""nbgrader export plug-ins: grades as the CSV that Canvas, Moodle or Gradescope imports, or plain.

    nbgrader export --exporter=autograder.course.exports.Canvas \\
        --Canvas.roster=canvas.csv --to=new.csv

A roster is the file that the LMS itself exports. With one, its rows, names and identifiers are kept
as they are and only the grade columns are filled in; without one, what nbgrader's gradebook knows
of the students is used.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Unicode

from autograder.errors import cause


class ExportError(SystemExit):
    """An export cannot be made: nothing is written, one line says why, the exit status is 1."""


class _Export(ExportPlugin):
    """What the four formats share: reading the gradebook, matching the roster, writing the file."""

    default_name = "grades.csv"
    roster = Unicode("", help="CSV exported from the LMS: whose rows, names and ids to use").tag(
        config=True
    )
    questions = Bool(False, help="one column a question as well as the total").tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the file; ExportError, in one line, when the roster cannot be used."""
        assignments = self._chosen(gradebook)
        rows = list(self.rows(gradebook, assignments))
        target = Path(self.to or self.default_name)
        try:
            with open(target, "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
        except OSError as error:
            raise ExportError(f"cannot write {target}: {error.strerror}") from None
        self.log.info(
            "%s: %d students, %s",
            target,
            len(rows) - self.headers,
            ", ".join(a.name for a in assignments),
        )
        open_answers = sum(a.num_submissions and self._waiting(gradebook, a) for a in assignments)
        if open_answers:
            self.log.warning("%d submissions have answers that nobody graded yet", open_answers)

    headers = 1

    def rows(self, gradebook, assignments) -> Iterable[list]:
        """Header rows, then one row a student."""
        raise NotImplementedError

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
        in.
        """
        assignment, cell, _, _ = column
        try:
            submission = gradebook.find_submission(assignment.name, student_id)
        except MissingEntry:
            return ""
        if cell is None:
            return _number(max(0.0, submission.score - submission.late_submission_penalty))
        grades = [g for n in submission.notebooks for g in n.grades if g.name == cell]
        return _number(grades[0].score) if grades else ""

    def _read_roster(self, *needed: str) -> tuple[list[str], list[dict]]:
        try:
            with open(self.roster, newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                fields, people = list(reader.fieldnames or ()), list(reader)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            why = f"the roster {self.roster} cannot be read: {cause(error)}"
            raise ExportError(why) from None
        lacking = [name for name in needed if name not in fields]
        if lacking:
            raise ExportError(
                f"the roster {self.roster} has no column {', '.join(lacking)}; "
                "export it from the LMS again and do not edit it"
            )
        return fields, people

    def _matched(self, gradebook, people: list[dict], keys: tuple[str, ...]) -> list[tuple]:
        """(roster row, nbgrader student or None); warns of whoever is on one side only."""
        by_key = {}
        for student in self._students(gradebook):
            for value in (student.id, student.lms_user_id, student.email):
                if value:
                    by_key.setdefault(str(value).strip().casefold(), student)
        pairs, seen, unknown = [], set(), []
        for person in people:
            values = [str(person.get(key) or "").strip().casefold() for key in keys]
            student = next((by_key[v] for v in values if v and v in by_key), None)
            if student is None:
                unknown.append(next(filter(None, values), "a row without a name"))
            elif student.id in seen:
                self.log.warning("twice in the roster, with the same grades: %s", student.id)
            seen.add(student.id if student else None)
            pairs.append((person, student))
        if unknown:
            self.log.warning("in the roster, unknown here: %s", ", ".join(sorted(unknown)))
        alone = [s.id for s in self._students(gradebook) if s.id not in seen]
        if alone:
            self.log.warning("not in the roster, so not in the file: %s", ", ".join(sorted(alone)))
        return pairs


def _number(value) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _full_name(student) -> tuple[str, str]:
    return student.first_name or "", student.last_name or student.id


class Canvas(_Export):
    """Canvas' gradebook import: five identifying columns, then one an assignment; a second row of
    points.

    Keep the header of an assignment that exists in Canvas ("vae (4711)"): a roster column that
    starts with its name is filled in under the name it has there.
    """

    default_name = "canvas.csv"
    headers = 2
    IDENTITY = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        if self.roster:
            fields, people = self._read_roster("Student", "ID")
            # Canvas puts up to two rows that are no students on top
            people = [
                p
                for p in people
                if (p["Student"] or "").strip() and "Points Possible" not in p["Student"]
            ]
            pairs = self._matched(gradebook, people, ("SIS Login ID", "SIS User ID", "ID"))
        else:
            fields, pairs = [], [(self._person(s), s) for s in self._students(gradebook)]
        titles = [next((f for f in fields if f.startswith(f"{t} (")), t) for _, _, t, _ in columns]
        yield [*self.IDENTITY, *titles]
        yield ["    Points Possible", "", "", "", "", *(_number(points) for *_, points in columns)]
        for person, student in pairs:
            scores = [self._score(gradebook, c, student.id) if student else "" for c in columns]
            yield [*(person.get(key) or "" for key in self.IDENTITY), *scores]

    def _person(self, student) -> dict:
        first, last = _full_name(student)
        return {
            "Student": f"{last}, {first}" if first else last,
            "ID": student.lms_user_id or "",
            "SIS User ID": student.id,
            "SIS Login ID": student.id,
        }


class Moodle(_Export):
    """Moodle's grade import: names and email, the identifier to map on, one column a grade item.

    With the grading worksheet of an assignment as roster, the same worksheet with its column Grade
    filled in, for "Upload grading worksheet".
    """

    default_name = "moodle.csv"
    IDENTITY = ("First name", "Last name", "ID number", "Email address")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        if self.roster:
            fields, people = self._read_roster("Email address")
            if {"Identifier", "Grade"} <= set(fields):
                yield from self._worksheet(gradebook, fields, people, columns)
                return
            pairs = self._matched(gradebook, people, ("ID number", "Username", "Email address"))
        else:
            pairs = [(self._person(s), s) for s in self._students(gradebook)]
        yield [*self.IDENTITY, *(title for _, _, title, _ in columns)]
        for person, student in pairs:
            scores = [self._score(gradebook, c, student.id) if student else "" for c in columns]
            yield [*(person.get(key) or "" for key in self.IDENTITY), *scores]

    def _worksheet(self, gradebook, fields, people, columns):
        if len(columns) != 1:
            raise ExportError(
                "a grading worksheet has one column for one assignment: name it with "
                "--assignment, and ask for no questions"
            )
        yield fields
        for person, student in self._matched(gradebook, people, ("ID number", "Email address")):
            score = self._score(gradebook, columns[0], student.id) if student else ""
            yield [{**person, "Grade": score or person["Grade"]}[field] or "" for field in fields]

    def _person(self, student) -> dict:
        first, last = _full_name(student)
        return dict(zip(self.IDENTITY, (first, last, student.id, student.email or ""), strict=True))


class Gradescope(_Export):
    """Gradescope's grade table: names, SID and email, then score and maximum of every
    assignment.
    """

    default_name = "gradescope.csv"
    IDENTITY = ("First Name", "Last Name", "SID", "Email")

    def rows(self, gradebook, assignments):
        columns = self._columns(assignments)
        if self.roster:
            _, people = self._read_roster("SID", "Email")
            pairs = self._matched(gradebook, people, ("SID", "Email"))
        else:
            pairs = [(self._person(s), s) for s in self._students(gradebook)]
        titles = [part for _, _, t, _ in columns for part in (t, f"{t} - Max Points")]
        yield [*self.IDENTITY, *titles]
        for person, student in pairs:
            scores = []
            for column in columns:
                scores += [
                    self._score(gradebook, column, student.id) if student else "",
                    _number(column[3]),
                ]
            yield [*(person.get(key) or "" for key in self.IDENTITY), *scores]

    def _person(self, student) -> dict:
        first, last = _full_name(student)
        return dict(zip(self.IDENTITY, (first, last, student.id, student.email or ""), strict=True))


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
        yield ["(points possible)", "", "", "", *(_number(points) for *_, points in columns)]
        for student in self._students(gradebook):
            first, last = student.first_name or "", student.last_name or ""
            scores = [self._score(gradebook, column, student.id) for column in columns]
            yield [student.id, last, first, student.email or "", *scores]

    headers = 2
