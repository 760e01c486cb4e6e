"""When: timestamps, due dates and extensions, read in the course's zone.

nbgrader keeps times in UTC without a zone, and takes one that names a zone it does not know, or an
offset such as +0200, for something else without a word. Here such a time is understood or refused.
"""

from __future__ import annotations

import math
import os
import re
import stat
import warnings
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path

from dateutil import parser, tz

from autograder.errors import WrongCall
from autograder.plugins import tables

STAMP = "timestamp.txt"
EXTENSIONS = "extensions.csv"
HEADERS = {  # of `extensions.csv`, and what else people call them
    "student": ("student", "student id", "id"),
    "assignment": ("assignment",),
    "due": ("due", "due date", "new due date", "duedate"),
}
_STAMP = re.compile(
    r"(\d{4}-\d{1,2}-\d{1,2})(?:[T ]\s*(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(\S+)?"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?")
_NAME = re.compile(r"[A-Za-z][\w+-]*(/[\w+-]+)*")


def zone(config) -> tzinfo | None:
    """The course's zone, `c.LatePolicy.timezone`; None for this machine's own."""
    name = config.LatePolicy.get("timezone", "") if "LatePolicy" in config else ""
    return zone_named(str(name)) if name else None


def zone_named(name: str) -> tzinfo:
    """A zone such as Europe/Berlin; WrongCall where there is none of that name."""
    found = tz.gettz(name) if _NAME.fullmatch(name) else None
    if found is None:
        raise WrongCall(f"c.LatePolicy.timezone = {name!r} is no zone; write it as Europe/Berlin")
    return found


class NoTime(ValueError):
    """A text is no time, or names a zone that nobody knows; the message says which."""


def parse(text: str, where: tzinfo | None = UTC, day_ends: bool = False) -> datetime:
    """A time such as `2026-03-01 12:00 Europe/Berlin`, in UTC and without a zone as nbgrader has
    it.

    where: the zone of a time that names none (None: this machine's), and the one whose
    abbreviations are known. day_ends: whether a day alone means its last second, as due dates do.
    Raises NoTime.
    """
    told = _STAMP.fullmatch(text.strip())
    if not told:
        raise NoTime(f"{text.strip()[:80]!r} is no time such as 2026-03-01 12:00 Europe/Berlin")
    day, clock, named = told.groups()
    try:
        date = datetime.strptime(day, "%Y-%m-%d").date()
        at = time(23, 59, 59) if day_ends else time()
        moment = datetime.combine(date, time.fromisoformat(clock.zfill(5)) if clock else at)
        if named:
            where = _zone_of(named, moment, where)
        return _aware(moment, where).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise NoTime(f"{text.strip()[:80]!r}: {error}") from None


def parse_any(text: str) -> datetime:
    """A time as `parse` reads it, or in another of the forms that nbgrader takes, such as
    `1 March 2026 12:00`; without a zone it is in UTC, as nbgrader has it. Raises NoTime.
    """
    if _STAMP.fullmatch(text.strip()):
        return parse(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", parser.UnknownTimezoneWarning)
            moment = parser.parse(text)
        return _aware(moment, moment.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, parser.UnknownTimezoneWarning) as error:
        why = "it names a zone that is not known" if isinstance(error, Warning) else error
        told = f"{text.strip()[:80]!r}: {why}; write it as 2026-03-01 12:00 Europe/Berlin"
        raise NoTime(told) from None


def stamp(folder: str | os.PathLike) -> datetime | None:
    """When a submission was handed in, as its `timestamp.txt` says; None where it has none.

    Raises ValueError, whose message says why, where the file holds no time.
    """
    path = Path(folder, STAMP)
    if not os.path.lexists(path):
        return None
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.lstat().st_size > 1000:
            raise ValueError("is no small plain file")
        return parse(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("is no text") from None


def _aware(moment: datetime, where: tzinfo | None) -> datetime:
    return moment.replace(tzinfo=where) if where else moment.astimezone()


def _zone_of(name: str, moment: datetime, where: tzinfo | None) -> tzinfo | None:
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        away = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(away if offset[1] == "+" else -away)
    if _aware(moment, where).tzname() == name:
        return where
    found = tz.gettz(name) if _NAME.fullmatch(name) else None
    # gettz takes the abbreviations of this machine's zone for it, summer or winter
    if found is None or isinstance(found, tz.tzlocal):
        raise ValueError(f"no zone {name!r} is known; write it as Europe/Berlin or +01:00")
    return found


def local(moment: datetime, where: tzinfo | None) -> datetime:
    """nbgrader's time as the clocks in a zone show it."""
    return moment.replace(tzinfo=UTC).astimezone(where)


def shown(moment: datetime, where: tzinfo | None) -> str:
    """nbgrader's time for people."""
    return f"{local(moment, where):%Y-%m-%d %H:%M %Z}".strip()


def days_late(due: datetime, handed_in: datetime, where: tzinfo | None) -> int:
    """Started days between two of nbgrader's times, by the clock: from noon to noon is one day,
    also when summer time ends in between.
    """
    if handed_in <= due:
        return 0
    clock = local(handed_in, where).replace(tzinfo=None) - local(due, where).replace(tzinfo=None)
    return max(1, math.ceil(clock / timedelta(days=1)))


def extensions(root: Path, where: tzinfo | None) -> dict[tuple[str, str], datetime] | None:
    """{(student, assignment): new due date} of `extensions.csv` in a course's folder; None where
    there is no such file. WrongCall, with the line, where it cannot be understood.

    It has the columns student, assignment and due; any other, such as a reason, is not read.
    """
    path = Path(root) / EXTENSIONS
    if not path.exists():
        return None
    table = tables.read(path, "file")
    columns = {}
    for what, names in HEADERS.items():
        found = next(filter(lambda n: n is not None, map(table.find, names)), None)
        if found is None:
            raise WrongCall(
                f"{path} has no column {what!r}: its first line is student,assignment,due,reason"
            )
        columns[what] = found
    told: dict[tuple[str, str], datetime] = {}
    for row in table.rows:
        student, assignment, due = (row[i].strip() for i in columns.values())
        if not student and not due:
            continue
        try:
            moment = parse(due, where, day_ends=True)
        except ValueError as error:
            raise WrongCall(f"{path}, {student}, {assignment}: {error}") from None
        if (student, assignment) in told:
            raise WrongCall(f"{path}: {student} has two extensions of {assignment}; leave one")
        told[student, assignment] = moment
    return told
