"""Every patch of nbgrader, and what it is for.

`quickly`: nbgrader makes engine, tables and validator anew ten times a student.
`find_at_once`: it asks the gradebook for every grade and every comment by itself.
`commit_once`: it commits after every cell, so that a kill leaves half of a notebook's grades.
`copy_plain_files`: it copies what a link points to, were it the gradebook.
`know_students`: it makes a second student of a folder whose name writes é in another way.
`doubt_timestamps`: it waits for ever at a pipe, and fails at a date that is none.
`read_dates`: it takes an unknown zone of a due date for UTC, and +0200 for 200 seconds.
`read_paths`: it takes `[` in a path for a pattern, and `%` in a gradebook's address for a name.
`log_printable`: it logs names of files as students chose them.
`tell_of_skipped`: it skips a release that exists, and registers nothing.

All but `read_dates`, `read_paths` and the last are put on one object, or for as long as a `with`
lasts. `VERSION` is the nbgrader that they were written for; `tests/autograder/plugins` fails with
another one, so that whoever pins it anew looks at each. Outside this module nothing of nbgrader is
replaced.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterator
from functools import cache
from types import SimpleNamespace

import jsonschema
from nbgrader import dbutil, utils
from nbgrader.api import BaseCell, Comment, Grade, Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException

from autograder.exam import sanitize, verdict
from autograder.plugins import dates

VERSION = "0.9.6"
SEARCHING = ("nbgrader.converters.base", "nbgrader.apps.api", "nbgrader.utils")


@contextlib.contextmanager
def quickly():
    """Let nbgrader, which opens its gradebook ten times a student, compile its SQL only once, and
    look only once whether all tables are there and its schema of a cell's metadata is a schema.
    """
    from nbgrader import api
    from nbgrader.nbgraderformat import common

    before = api.create_engine, api.Base, common.jsonschema
    tables = SimpleNamespace(create_all=cache(api.Base.metadata.create_all))
    api.create_engine, api.Base = _engine, SimpleNamespace(metadata=tables)
    common.jsonschema = SimpleNamespace(validate=_validate)
    try:
        yield
    finally:
        api.create_engine, api.Base, common.jsonschema = before


@cache
def _engine(url: str, **settings):
    from sqlalchemy import create_engine

    return create_engine(url, **settings)


def _validate(instance, schema: dict) -> None:
    error = jsonschema.exceptions.best_match(_validator(json.dumps(schema)).iter_errors(instance))
    if error is not None:
        raise error


@cache
def _validator(schema: str) -> jsonschema.protocols.Validator:
    schema = json.loads(schema)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def find_at_once(gradebook: Gradebook, notebook: str, assignment: str, student: str) -> None:
    """Fetch all grades and comments of a submitted notebook; they are found without asking then."""
    submitted = gradebook.find_submission_notebook(notebook, assignment, student)
    for kind, find in ((Grade, "find_grade"), (Comment, "find_comment")):
        rows = gradebook.db.query(BaseCell.name, kind).join(kind, kind.cell_id == BaseCell.id)
        found = dict(rows.filter(kind.notebook_id == submitted.id).all())
        setattr(gradebook, find, _known(found, getattr(gradebook, find)))


def _known(found: dict, find):
    """`find`, which need not search for what is found already; it says what is missing."""
    return lambda name, *where: found[name] if name in found else find(name, *where)


@contextlib.contextmanager
def commit_once(gradebook: Gradebook) -> Iterator[None]:
    """Have everything stored at the end, or nothing."""
    session = gradebook.db
    commit, session.commit = session.commit, lambda: None
    yield
    commit()


def copy_plain_files(converter) -> None:
    """Have links and pipes left out of what is copied.

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


def know_students(converter) -> None:
    """Have a folder refused whose name is a student's of the gradebook in other characters."""
    if converter is None or not hasattr(converter, "init_assignment"):
        return
    begin, course = converter.init_assignment, converter.coursedir

    def know_students(assignment, student):
        problem = None
        if not student.isascii():  # listing a large class for each of its students takes minutes
            with Gradebook(course.db_url, course.course_id) as gradebook:
                problem = other_accents(student, {known.id for known in gradebook.students})
        if problem:
            converter.log.error("%s: nothing was graded: %s", student, problem)
            raise NbGraderException(problem)
        begin(assignment, student)

    converter.init_assignment = know_students


def other_accents(student: str, known: Collection[str]) -> str | None:
    """Systems write é in two ways; whoever is graded under the wrong one is somebody else. What to
    do then; None for a name that is known, or new.
    """
    if student.isascii() or student in known:
        return None
    plain = unicodedata.normalize("NFC", student)
    same = next((k for k in known if unicodedata.normalize("NFC", k) == plain), None)
    if same is None:
        return None
    return f"the gradebook writes {same!r} with other characters for the accents: rename it"


def doubt_timestamps(converter) -> None:
    """Have a `timestamp.txt` that cannot be read taken for none."""
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


_parse_utc = utils.parse_utc


@cache
def read_dates() -> None:
    """Have due dates in zones that are not known refused, by `nbgrader db` in a line."""

    def parse_utc(ts):
        return dates.parse_any(ts) if isinstance(ts, str) else _parse_utc(ts)

    def told(start):
        def start_and_tell(self):
            try:
                start(self)
            except dates.NoTime as error:
                self.fail(f"the due date {error}")

        return start_and_tell

    utils.parse_utc = parse_utc
    apps = sys.modules.get("nbgrader.apps.dbapp")  # only where it is the command that runs
    for name in ("DbAssignmentAddApp", "DbAssignmentImportApp") if apps else ():
        getattr(apps, name).start = told(getattr(apps, name).start)


_write_alembic_ini, _ALEMBIC_DIR = dbutil.write_alembic_ini, dbutil.ALEMBIC_DIR


def read_paths() -> None:
    """Have a course folder taken by its name, and the gradebook's address as it is (`p%40ss`)."""

    def found(pattern: str) -> list[str]:
        known = pattern
        while known != os.path.dirname(known) and not os.path.lexists(known):
            known = os.path.dirname(known)
        return glob.glob(glob.escape(known) + pattern.removeprefix(known))

    def write_alembic_ini(alembic_ini: str, db_url: str) -> None:
        _write_alembic_ini(alembic_ini, db_url.replace("%", "%%"))

    for module in filter(None, map(sys.modules.get, SEARCHING)):
        module.glob = SimpleNamespace(glob=found)
    dbutil.write_alembic_ini = write_alembic_ini
    dbutil.ALEMBIC_DIR = _ALEMBIC_DIR.replace("%", "%%")


def log_printable(converter) -> None:
    """Have what is logged made harmless for a terminal."""
    if hasattr(converter, "log"):
        converter.log.addFilter(_printable)


def _printable(record) -> bool:
    record.msg, record.args = verdict.printable(record.getMessage()), ()
    return True


_init_destination = GenerateAssignment.init_destination


def tell_of_skipped(told: Callable[[GenerateAssignment, str], None]) -> None:
    """Have `nbgrader generate_assignment` call `told(converter, assignment)` where it skips a
    release since it exists.
    """

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        written = _init_destination(self, assignment_id, student_id)
        if not written:
            told(self, assignment_id)
        return written

    GenerateAssignment.init_destination = init_destination
