"""Wrong answers that the key has no name for: found together, named by a person, and told so.

Answers that did the same (`key.unnamed`) stand in one group. A name goes into the course's own file
(`key.named`), to everybody in the group, and to those who hand in later; feedback that is out is
generated anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course import ledger
from autograder.course.course import Course
from autograder.errors import WrongCall
from autograder.exam import verdict
from autograder.key import catalogue, unnamed
from autograder.key.named import Named, Unusable
from autograder.plugins import execute
from utils.hand_in.files import replacing


@dataclass(frozen=True)
class Wrong:
    """One answer that has no name. code: the student's cell. failed: what it failed, in words."""

    student: str
    question: str
    code: str
    failed: tuple[str, ...]
    trace: dict


@dataclass(frozen=True)
class Group:
    """Answers to one question that did the same."""

    question: str
    answers: tuple[Wrong, ...]

    @property
    def key(self) -> str:
        """What tells the group from others, as long as its first answer is what it is."""
        first = self.answers[0]
        told = json.dumps([self.question, first.student, first.trace], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def example(self) -> Wrong:
        """The answer with the least code."""
        return min(self.answers, key=lambda answer: (not answer.code, len(answer.code)))


def named(course: Course) -> Named:
    """The course's names; WrongCall where their file cannot be read."""
    try:
        return Named(course.root)
    except Unusable as problem:
        raise WrongCall(str(problem)) from None


def groups(course: Course) -> list[Group]:
    """What nobody has named yet, the largest group of a question first."""
    found: dict[str, list[Wrong]] = {}
    for student, _, notebook in _graded(course):
        for wrong in _unnamed(student, notebook):
            found.setdefault(wrong.question, []).append(wrong)
    made = []
    for question_id in catalogue.of_any(course.assignment):
        wrong = found.get(question_id, [])
        same = unnamed.grouped(catalogue.find(question_id), [w.trace for w in wrong])
        made += [Group(question_id, tuple(wrong[i] for i in places)) for places in same]
    return made


def names(course: Course) -> list[tuple[str, str, str, int]]:
    """(question, name, sentence, how many answers have it) of what this course has named."""
    known, made = named(course), Counter()
    for _, _, notebook in _graded(course):
        for record in filter(None, map(verdict.read, notebook.cells)):
            if record.get("trace") and record.get("mistake"):
                made[record["question"], record["mistake"]] += 1
    return [
        (question, name, about.says, made[question, name])
        for question in catalogue.of_any(course.assignment)
        for name, about in known.said.get(question, {}).items()
    ]


def name(course: Course, key: str, mistake: str, sentence: str) -> list[str]:
    """Name a group; the students whose record has the name now. Unusable where it cannot be,
    BeingGraded while a run grades.
    """
    with _nobody_grades(course):
        group = next((group for group in groups(course) if group.key == key), None)
        if group is None:
            raise Unusable("this group has changed meanwhile: load the page again")
        traces = [answer.trace for answer in group.answers]
        known = named(course)
        known.add(group.question, mistake, sentence, traces[0], group.example.code)
        return _applied(course, known)


def apply(course: Course) -> list[str]:
    """Give all graded answers the names that the course has now; the students where one changed.
    BeingGraded while a run grades.
    """
    with _nobody_grades(course):
        return _applied(course, named(course))


class BeingGraded(WrongCall):
    """A run grades the course, and writes the same notebooks."""


def _nobody_grades(course: Course):
    """Holds the ledger, if there is one."""
    if not (course.root / ledger.NAME).exists():
        return contextlib.nullcontext()
    try:
        return contextlib.closing(ledger.Ledger(course.root, course.shared))
    except WrongCall as busy:
        raise BeingGraded(str(busy)) from None


def _applied(course: Course, known: Named) -> list[str]:
    changed = []
    for student, path, notebook in _graded(course):
        renamed = [execute.name(cell, known) for cell in notebook.cells]
        if any(renamed):
            with replacing(path) as unfinished:
                unfinished.write_text(nbformat.writes(notebook), "utf-8")
            changed.append(student)
    changed = list(dict.fromkeys(changed))
    for student in changed:
        _tell(course, student)
    return changed


def _graded(course: Course) -> Iterator[tuple[str, Path, nbformat.NotebookNode]]:
    for student in sorted(course.results()):
        for notebook in course.notebooks:
            path = course.result(student, notebook)
            try:
                yield student, path, nbformat.read(path, as_version=4)
            except (OSError, ValueError, AttributeError):
                continue


def _unnamed(student: str, notebook) -> Iterator[Wrong]:
    written: list[str] = []
    for cell in notebook.cells:
        record = verdict.read(cell)
        if record is None:
            if cell.cell_type == "code":
                written.append(cell.source)
            continue
        if (
            record.get("trace")
            and record.get("mistake") in (None, *unnamed.VAGUE)
            and catalogue.known(record["question"])
        ):
            question = catalogue.find(record["question"])
            failed = record["trace"].get("failed", ())
            told = tuple(question.property(c) for c in question.checks if c.name in failed)
            code = _code(written, question.names)
            yield Wrong(student, question.id, code, told, record["trace"])


def _code(cells: list[str], names: tuple[str, ...]) -> str:
    """The last cell that defines what is asked for, or ''."""
    defines = re.compile(rf"^\s*(?:def|class)\s+(?:{'|'.join(map(re.escape, names))})\b", re.M)
    return next((source for source in reversed(cells) if defines.search(source)), "")


def _tell(course: Course, student: str) -> None:
    """Generate a student's feedback anew, where there is some."""
    from nbgrader.apps import NbGraderAPI

    steps = course.directory.feedback_directory, student, course.assignment
    if Path(course.directory.format_path(*steps)).is_dir():
        api = NbGraderAPI(config=course.config)
        made = api.generate_feedback(course.assignment, student, force=True)
        if not made.get("success"):
            again = f"nbgrader generate_feedback {course.assignment} --student={student} --force"
            print(f"{student}: the feedback is still the old one; try `{again}`", file=sys.stderr)
