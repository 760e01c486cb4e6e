"""How `nbgrader autograde` reads submissions: warily, and only where they can be isolated."""

from __future__ import annotations

import glob
import os

from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException

from autograder.errors import WrongCall
from autograder.exam import sanitize, verdict
from autograder.exam.walls.common import NoBox
from autograder.plugins import ahead, dates, register
from autograder.plugins.execute import Execute


class Exporter(NotebookExporter):
    """Reads submissions for `nbgrader autograde`, and refuses to start without the sandbox
    asked for.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        try:
            Execute(parent=self).check()
        except NoBox as error:
            self.log.error("Nothing was graded: %s", error)
            raise NbGraderException(str(error)) from None
        self._compare_points()
        _leave_links_out(self.parent)
        _doubt_timestamps(self.parent)
        if hasattr(self.parent, "log"):  # also what nbgrader logs: names of files are students' own
            self.parent.log.addFilter(_printable)

    def _compare_points(self) -> None:
        """Refuse to start where key, notebook and gradebook disagree about points."""
        course = getattr(self.parent, "coursedir", None)
        if course is None or ahead.hung_on(self.parent):  # who works ahead has compared them
            return
        try:
            for note in register.compare(course, course.assignment_id):
                self.log.warning("%s", note)
        except WrongCall as error:
            self.log.error("Nothing was graded: %s", error)
            raise NbGraderException(str(error)) from None

    def from_filename(self, filename, resources=None, **kwargs):
        submitted = getattr(self.parent, "_sanitizing", True)
        if not submitted:
            return super().from_filename(filename, resources, **kwargs)
        sanitized = ahead.of(self).sanitized
        if filename in sanitized:
            return sanitized.pop(filename)
        resources = {} if resources is None else resources
        folder, base = os.path.split(filename)
        resources["metadata"] = {"path": folder, "name": os.path.splitext(base)[0]}
        try:
            notebook = sanitize.read(filename)
        except sanitize.Unreadable as problem:
            self.log.warning("%s %s. Its questions count 0.", filename, problem)
            notebook = sanitize.in_place_of(f"This file {problem}.")
        return self.from_notebook_node(notebook, resources, **kwargs)


def _printable(record) -> bool:
    record.msg, record.args = verdict.printable(record.getMessage()), ()
    return True


def _doubt_timestamps(converter) -> None:
    """Have nbgrader take a `timestamp.txt` that it cannot read for none: it would wait for a pipe
    for ever, and fail at a date that is none.
    """
    course = getattr(converter, "coursedir", None)
    if course is None:
        return

    def timestamp(folder):
        try:
            return dates.stamp(folder)
        except ValueError as error:
            converter.log.warning("%s counts as handed in in time: %s", folder, error)
            return None

    course.get_existing_timestamp = timestamp


def _leave_links_out(converter) -> None:
    """Have nbgrader copy plain files only: it would copy what a link points to, were it the
    gradebook.

    The names are added to `CourseDirectory.ignore` while one submission is copied; there is no hook
    there.
    """
    if converter is None or not hasattr(converter, "init_assignment"):
        return
    copy = converter.init_assignment

    def copy_plain_files(assignment, student):
        folder, course = converter._format_source(assignment, student), converter.coursedir
        odd = [
            name
            for base, _, names in os.walk(folder)
            for name in names
            if not sanitize.plain(os.path.join(base, name))
        ]
        if odd:
            converter.log.warning("%s: left out, no plain files: %s", student, sorted(odd))
        before = list(course.ignore)
        course.ignore = [*before, *map(glob.escape, odd)]
        try:
            copy(assignment, student)
        finally:
            course.ignore = before

    converter.init_assignment = copy_plain_files
