"""`python -m autograder collect`: submissions out of what a learning platform gives to download.

What is found goes to `submitted/STUDENT/ASSIGNMENT/`, whole or not at all; what lay there before is
kept under `superseded/`. What is not taken is said, with the reason.

nbgrader's zip_collect wants a regular expression for each form of download, and unpacks without
limits over what is there; so this is our own. Its parts are in `intake/`: the forms of downloads,
files read warily, what of a submission is graded, whose it is, and rosters.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from autograder.course.course import Course, unusable_id
from autograder.course.intake import files, submission
from autograder.course.intake.downloads import Entry, entries
from autograder.course.intake.files import Unusable
from autograder.course.intake.people import TEST_STUDENT, People, letters
from autograder.course.intake.rosters import Roster, columns_of
from autograder.errors import WrongCall
from autograder.exam.verdict import printable
from autograder.plugins import dates
from autograder.plugins.config import permit


def collect(
    assignment: str,
    root: Path,
    download: Path,
    roster: Path | None = None,
    pattern: str | None = None,
    columns: Iterable[str] = (),
) -> int:
    """Collect what can be; exit status 0 all, 1 not all. WrongCall where nothing is done."""
    warnings.filterwarnings("ignore", module="nbgrader")
    try:
        named = columns_of(columns)
        course = Course(root, assignment)
        zone = dates.zone(course.config)
        with course.gradebook() as gradebook:
            people = People(gradebook.students)
            wanted = {
                notebook.name: {cell.name for cell in notebook.source_cells}
                for notebook in gradebook.find_assignment(assignment).notebooks
            }
        platform, found = entries(files.source(download, zone), pattern, zone)
        print(f"{download}: {platform}, {len(found)} submissions")
        if roster:
            known = Roster(roster, people, {entry.key for entry in found}, named)
            known.teach()
            print(known.said())
        said, missed = _collect(course, found, people, wanted)
    except Unusable as problem:
        raise WrongCall(f"{download} cannot be taken: {problem}") from None
    print(said)
    return 1 if missed else 0


def _collect(course, found: list[Entry], people: People, wanted) -> tuple[str, int]:
    owners, lines, missed = defaultdict(list), [], 0
    for entry in found:
        try:
            if entry.problem:
                raise Unusable(entry.problem)
            owners[people.find(entry)].append(entry)
        except Unusable as problem:
            if letters(entry.name) == TEST_STUDENT:
                lines.append(f"not collected: {entry.shown}: Canvas' own Test Student")
                continue
            lines.append(f"not collected: {entry.shown}: {problem}")
            missed += 1
    taken = 0
    for student, theirs in sorted(owners.items()):
        try:
            if len(theirs) > 1:
                both = " and ".join(entry.shown for entry in theirs)
                raise Unusable(f"is in several submissions, {both}: nothing was taken")
            outcome, notes = _take(course, student, theirs[0], wanted)
        except Unusable as problem:
            lines.append(f"not collected: {printable(student)}: {problem}")
            missed += 1
            continue
        taken += outcome != "as it was"
        lines.append(f"{student}: {'; '.join([outcome, *notes])}")
    lines.append(
        f"{course.assignment}: {taken} collected, {len(owners)} of the gradebook's "
        f"students in the file, {missed} not collected"
    )
    return "\n".join(lines), missed


def _take(course, student: str, entry: Entry, wanted) -> tuple[str, list[str]]:
    """(outcome, notes) of putting one submission in its place; Unusable where that cannot be."""
    problem = unusable_id(student)
    if problem:
        raise Unusable(problem)
    if not entry.uploads:
        raise Unusable("no file was handed in")
    try:
        content, notes = submission.taken(entry.uploads, wanted)
    except (MemoryError, RecursionError) as error:
        raise Unusable(f"it cannot be unpacked ({type(error).__name__})") from None
    times = [upload.time for upload in entry.uploads if upload.time]
    outcome = _store(course, student, content, max(times, default=None))
    late = ["late, says Canvas"] if entry.late else []
    return outcome, [*entry.notes, *notes, *late]


def _store(course, student: str, content: dict[str, bytes], time: datetime | None) -> str:
    """Put a submission in its place, at once; what was there before is moved away, never lost."""
    target = course.submitted(student)
    if target.is_symlink() or target.parent.is_symlink():
        raise Unusable(f"{target} is a link")
    before = _read(target) if target.is_dir() else {}
    stamp = before.pop(dates.STAMP, b"").decode("utf-8", "replace").strip()
    if before == content:
        return "as it was"
    if before and time and _later(stamp, time):
        raise Unusable(f"what is there is newer ({stamp}) than the file's ({time:%Y-%m-%d %H:%M})")
    above = [folder for folder in (target.parent.parent, target.parent) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".collect-", dir=target.parent))
    try:
        for name, data in content.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if time:
            (scratch / dates.STAMP).write_text(_utc(time), encoding="utf-8")
        for path in (*above, scratch, *scratch.rglob("*")):
            path.chmod((0o777 if path.is_dir() else 0o666) & ~_umask())
            permit(path, course.shared)
        outcome = "collected"
        if before or target.exists():
            kept = course.root / "superseded" / student / course.assignment
            kept.mkdir(parents=True, exist_ok=True)
            for folder in (kept, *kept.parents[:2]):
                permit(folder, course.shared)
            kept /= f"{sum(1 for _ in kept.iterdir()) + 1}"
            shutil.move(target, kept)
            outcome = f"collected; the earlier one is in {kept.relative_to(course.root)}"
        scratch.rename(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Unusable("a file and a folder have the same name") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return outcome


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _utc(time: datetime) -> str:
    """As nbgrader reads it; an offset such as +0200 it would take for 200 seconds."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _later(stamp: str, time: datetime) -> bool:
    try:
        return dates.parse(stamp) > dates.parse(_utc(time))
    except ValueError:
        return False
