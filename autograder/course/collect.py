"""`python -m autograder collect`: submissions out of the zip that Moodle or Canvas gives.

Moodle's "Download all submissions" names a folder (or, without folders, a file)
`Full Name_12345_assignsubmission_file_`, Canvas a file `lastfirst_LATE_12345_67890_vae-2.ipynb`.
Both hold what a student handed in: a notebook under any name, files, or the kit's own submission
zip. What is found goes to `submitted/STUDENT/ASSIGNMENT/`, whole or not at all; what lay there
before is kept under `superseded/`.

nbgrader's zip_collect wants a regular expression for each of these forms, and unpacks without
limits over what is there; so this is our own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import stat
import sys
import tempfile
import unicodedata
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from autograder.course.course import Course
from autograder.errors import WrongCall, cause
from autograder.exam.verdict import printable
from utils.hand_in.submit import MANIFEST

MEBI = 2**20
RUN = "run.json"  # lies in every run's folder
LARGEST = 512 * MEBI  # of one submission, unpacked
FILES = 2000
MOODLE = re.compile(
    r"(?P<name>[^/]+)_(?P<key>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?/?(?P<file>.*)"
)
CANVAS = re.compile(
    r"(?:[^/]+/)?(?P<name>[^/_]+)(?P<late>_LATE)?_(?P<key>\d+)_(?P<upload>\d+|text)_?(?P<file>[^/]+)"
)
AGAIN = re.compile(r"[-_ ]?\(?(\d+)\)?$")  # vae-2, vae (2), vae_2


class Unusable(Exception):
    """One student's submission cannot be taken; the message says why."""


@dataclass
class Upload:
    """A file of a submission: its name there, and how to read it."""

    name: str
    read: callable
    size: int
    time: datetime | None


@dataclass
class Entry:
    """One person's submission in the LMS's zip. key: the LMS's own number."""

    name: str
    key: str
    late: bool = False
    uploads: list[Upload] = field(default_factory=list)
    problem: str | None = None


def entries(archive: zipfile.ZipFile) -> list[Entry]:
    """The submissions in a zip of Moodle or Canvas; WrongCall where it looks like neither."""
    infos = [(_named(info), info) for info in archive.infolist() if not info.is_dir()]
    infos = [(n, i) for n, i in infos if not n.startswith("__MACOSX/") and n[-9:] != ".DS_Store"]
    moodle = sum(bool(MOODLE.fullmatch(name)) for name, _ in infos)
    canvas = sum(bool(CANVAS.fullmatch(name)) for name, _ in infos)
    pattern = MOODLE if moodle >= canvas else CANVAS
    if not max(moodle, canvas):
        raise WrongCall(
            "this is no download of Moodle (Full Name_12345_assignsubmission_file_/…) or Canvas "
            f"(lastfirst_12345_67890_….ipynb): it holds {', '.join(n for n, _ in infos[:3])} …"
        )
    found: dict[str, Entry] = {}
    for name, info in infos:
        parts = pattern.fullmatch(name)
        if not parts:
            found.setdefault(name, Entry(name, "", problem="its name does not say whose it is"))
            continue
        entry = found.setdefault(parts["key"], Entry(parts["name"], parts["key"]))
        about = parts.groupdict()
        entry.late |= bool(about.get("late"))
        if about.get("kind") == "onlinetext" or about.get("upload") == "text":
            continue  # what was typed into the LMS's own text field
        entry.uploads.append(_upload(archive, info, parts["file"]))
    return list(found.values())


def _named(info: zipfile.ZipInfo) -> str:
    """Its name; archives that do not say that it is UTF-8 mostly hold it all the same."""
    if not info.flag_bits & 0x800:
        try:
            return info.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return info.filename


def _upload(archive, info, name: str) -> Upload:
    link = stat.S_ISLNK(info.external_attr >> 16)

    def read(most: int) -> bytes:
        if link:
            raise Unusable(f"{name!r} is a link")
        if info.flag_bits & 1:
            raise Unusable(f"{name!r} is encrypted")
        try:
            with archive.open(info) as stream:
                data = stream.read(most + 1)
        except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError) as error:
            raise Unusable(f"{name!r} is damaged ({error})") from None
        except Exception as error:  # zlib.error, lzma.LZMAError
            raise Unusable(f"{name!r} is damaged ({type(error).__name__})") from None
        if len(data) > most:
            raise Unusable(f"unpacked it has more than {LARGEST // MEBI} MiB")
        return data

    try:
        time = datetime(*info.date_time).astimezone() if info.date_time[0] > 1980 else None
    except ValueError:
        time = None
    return Upload(name, read, info.file_size, time)


def unpacked(entry: Entry, wanted: dict[str, set[str]]) -> tuple[dict[str, bytes], list[str]]:
    """({file: content}, notes) of a submission: notebooks under their right names, and the rest.

    wanted: {notebook: names of its nbgrader cells}. Unusable where it holds none of them, or what
    no honest submission holds.
    """
    files, notes, left = {}, [], LARGEST
    for upload in entry.uploads:
        if upload.name.lower().endswith(".zip"):
            inner, left = _inside(upload, left, notes)
            files.update(inner)
        else:
            name = _safe(upload.name)
            data = upload.read(left)
            left -= len(data)
            files[name] = data, upload.time
    if len(files) > FILES:
        raise Unusable(f"it has more than {FILES} files")
    kept = {n: data for n, (data, _) in files.items() if not n.lower().endswith(".ipynb")}
    candidates = {n: pair for n, pair in files.items() if n.lower().endswith(".ipynb")}
    for notebook, cells in wanted.items():
        mine = [n for n in candidates if _cells_of(candidates[n][0]) & cells]
        if not mine:  # a file that cannot be read is handed in all the same: grading says why
            mine = [n for n in candidates if _attempt(n, notebook) is not None]
        if not mine:
            continue
        best = max(mine, key=lambda n: _order(n, notebook, candidates[n][1]))
        kept[f"{notebook}.ipynb"] = candidates[best][0]
        if PurePosixPath(best).name != f"{notebook}.ipynb":
            notes.append(f"{best!r} taken as {notebook}.ipynb")
        older = [repr(n) for n in mine if n != best]
        if older:
            notes.append(f"the latest of {len(mine)} counts; not taken: {', '.join(older)}")
    bare = {n.split("/")[0] for n in kept if n.count("/") == 1 and n.endswith(f"/{RUN}")}
    bare -= {"runs"}
    if bare:
        notes.append(f"runs without their folder put into runs/: {', '.join(sorted(bare))}")
        kept = {f"runs/{n}" if n.split("/")[0] in bare else n: data for n, data in kept.items()}
    if not any(f"{notebook}.ipynb" in kept for notebook in wanted):
        raise Unusable(f"it holds no {' or '.join(f'{n}.ipynb' for n in wanted)}")
    return kept, notes


def _inside(upload: Upload, left: int, notes: list[str]):
    """The files of a zip that a student handed in, without the one folder that all lie in, unless
    that is runs/ or a run.
    """
    data = upload.read(left)
    left -= len(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError):
        raise Unusable(f"{upload.name!r} is no zip file") from None
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > FILES:
        raise Unusable(f"it has more than {FILES} files")
    files = {}
    for info in infos:
        name = _safe(_named(info))
        if name.startswith("__MACOSX/") or ".ipynb_checkpoints/" in name:
            continue
        content = _upload(archive, info, name)
        files[name] = content.read(left), content.time or upload.time
        left -= len(files[name][0])
    tops = {PurePosixPath(name).parts[0] for name in files}
    ours = tops == {"runs"} or any(f"{top}/{RUN}" in files for top in tops)
    if len(tops) == 1 and all("/" in name for name in files) and not ours:
        files = {name.split("/", 1)[1]: pair for name, pair in files.items()}
    if MANIFEST in files:
        notes += _compared(files.pop(MANIFEST)[0], files)
    return files, left


def _compared(manifest: bytes, files: dict) -> list[str]:
    """What differs from the hashes that were written when the zip was packed."""
    try:
        told = json.loads(manifest)["files"]
        hashes = {name: about["sha256"] for name, about in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"its {MANIFEST} cannot be read"]
    odd = [
        n
        for n, h in hashes.items()
        if n not in files or hashlib.sha256(files[n][0]).hexdigest() != h
    ]
    odd += [n for n in files if n not in hashes]
    return [f"changed after it was packed: {', '.join(map(repr, sorted(odd)))}"] if odd else []


def _safe(name: str) -> str:
    """A relative path that stays in its folder; Unusable for any other."""
    path = PurePosixPath(name)
    odd = path.is_absolute() or ".." in path.parts or "\\" in name or re.match("[a-zA-Z]:", name)
    if odd or not path.parts or printable(name) != name or "\n" in name or len(name.encode()) > 200:
        raise Unusable(f"{printable(name)[:80]!r} is no name for a file")
    return str(path)


def _cells_of(data: bytes) -> set[str]:
    """The names of the nbgrader cells in a notebook; none in what cannot be read as one."""
    try:
        return {
            cell["metadata"]["nbgrader"]["grade_id"]
            for cell in json.loads(data.decode("utf-8-sig"))["cells"]
            if "nbgrader" in cell["metadata"]
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _attempt(name: str, notebook: str) -> int | None:
    """0 for vae.ipynb, 2 for vae-2.ipynb or vae (2).ipynb; None for another name."""
    stem = PurePosixPath(name).stem
    if stem == notebook:
        return 0
    number = AGAIN.search(stem)
    rest = stem[: number.start()] if number else ""
    return int(number[1]) if number and rest.strip() == notebook else None


def _order(name: str, notebook: str, time: datetime | None):
    """Later attempts are larger: by the LMS's number, then by time, then the right name first."""
    attempt = _attempt(name, notebook)
    known = time.timestamp() if time else 0.0
    return (attempt or 0, known, attempt is not None, name)


# Whose is it?


class People:
    """The gradebook's students, found by what an LMS calls them.

    roster: Canvas' gradebook export or Moodle's grading worksheet, which tie the LMS's numbers to
    logins and email addresses; without it names must do.
    """

    def __init__(self, students: Iterable, roster: Path | None = None):
        self.by: dict[str, set[str]] = defaultdict(set)
        for student in students:
            first, last = student.first_name or "", student.last_name or ""
            for known in (student.id, student.lms_user_id, student.email):
                if known:
                    self.by[f"id {str(known).strip().casefold()}"].add(student.id)
            for name in (first + last, last + first):
                if name.strip():
                    self.by[f"name {_letters(name)}"].add(student.id)
        if roster:
            self._read(roster)

    def _read(self, path: Path) -> None:
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise WrongCall(f"the roster {path} cannot be read: {cause(error)}") from None
        if not rows or not {"ID", "Identifier"} & set(rows[0]):
            raise WrongCall(
                f"the roster {path} has no column ID (Canvas' gradebook export) or Identifier "
                "(Moodle's grading worksheet)"
            )
        for row in rows:
            number = re.sub(r"\D", "", row.get("Identifier") or row.get("ID") or "")
            told = ("SIS Login ID", "SIS User ID", "ID number", "Username", "Email address")
            known = [self.by.get(f"id {(row.get(k) or '').strip().casefold()}") for k in told]
            names = [
                self.by.get(f"name {_letters(row.get(k) or '')}") for k in ("Student", "Full name")
            ]
            match = next((found for found in [*known, *names] if found), None)
            if number and match:
                self.by[f"number {number}"] |= match

    def find(self, entry: Entry) -> str:
        """Whose submission this is; Unusable where that is nobody, or not certain."""
        for key in (f"number {entry.key}", f"id {entry.key}", f"name {_letters(entry.name)}"):
            found = self.by.get(key)
            if found and len(found) == 1:
                return next(iter(found))
            if found:
                raise Unusable(f"may be {' or '.join(sorted(found))}; a --roster tells them apart")
        raise Unusable(
            "is not in the gradebook: `nbgrader db student add` or `import`, or give a --roster"
        )


def _letters(name: str) -> str:
    """Letters and digits without accents or case: LMSs keep no more of a name."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(c for c in plain if c.isalnum()).casefold()


# Into the course


def collect(assignment: str, root: Path, archive: Path, roster: Path | None = None) -> int:
    """Collect what can be; exit status 0 all, 1 not all, 2 the call was wrong and nothing done."""
    warnings.filterwarnings("ignore", module="nbgrader")
    try:
        course = Course(root, assignment)
        with course.gradebook() as gradebook:
            people = People(gradebook.students, roster)
            wanted = {
                notebook.name: {cell.name for cell in notebook.source_cells}
                for notebook in gradebook.find_assignment(assignment).notebooks
            }
        try:
            opened = zipfile.ZipFile(archive)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise WrongCall(f"{archive} cannot be read as a zip file: {cause(error)}") from None
        with opened:
            said, missed = _collect(course, entries(opened), people, wanted)
    except (WrongCall, OSError) as error:
        print(f"autograder collect: {error}", file=sys.stderr)
        return 2
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
            lines.append(f"not collected: {printable(entry.name)} ({entry.key}): {problem}")
            missed += 1
    taken = 0
    for student, theirs in sorted(owners.items()):
        try:
            if len(theirs) > 1:
                both = " and ".join(f"{printable(e.name)} ({e.key})" for e in theirs)
                raise Unusable(f"is in several submissions, {both}: nothing was taken")
            files, notes = unpacked(theirs[0], wanted)
            times = [upload.time for upload in theirs[0].uploads if upload.time]
            outcome = _store(course, student, files, max(times, default=None))
        except Unusable as problem:
            lines.append(f"not collected: {student}: {problem}")
            missed += 1
            continue
        taken += outcome != "as it was"
        if theirs[0].late:
            notes.append("late, says Canvas")
        lines.append(f"{student}: {'; '.join([outcome, *notes])}")
    lines.append(
        f"{course.assignment}: {taken} collected, {len(owners)} of the gradebook's "
        f"students in the file, {missed} not collected"
    )
    return "\n".join(lines), missed


def _store(course, student: str, files: dict[str, bytes], time: datetime | None) -> str:
    """Put a submission in its place, at once; what was there before is moved away, never lost."""
    target = course.submitted(student)
    if target.is_symlink() or target.parent.is_symlink():
        raise Unusable(f"{target} is a link")
    before = _read(target) if target.is_dir() else {}
    stamp = before.pop("timestamp.txt", b"").decode("utf-8", "replace").strip()
    if before == files:
        return "as it was"
    if before and time and _later(stamp, time):
        raise Unusable(f"what is there is newer ({stamp}) than the file's ({time:%Y-%m-%d %H:%M})")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".collect-", dir=target.parent))
    try:
        scratch.chmod(0o755)
        for name, data in files.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if time:
            (scratch / "timestamp.txt").write_text(_utc(time))
        outcome = "collected"
        if before or target.exists():
            kept = course.root / "superseded" / student / course.assignment
            kept.mkdir(parents=True, exist_ok=True)
            kept /= f"{sum(1 for _ in kept.iterdir()) + 1}"
            shutil.move(target, kept)
            outcome = f"collected; the earlier one is in {kept.relative_to(course.root)}"
        scratch.rename(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Unusable("a file and a folder have the same name") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return outcome


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
    from nbgrader.utils import parse_utc

    try:
        return bool(stamp) and parse_utc(stamp) > parse_utc(_utc(time))
    except (ValueError, OverflowError):
        return False
