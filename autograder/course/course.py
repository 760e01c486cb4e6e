"""One assignment of an nbgrader course: who handed in what, and nbgrader's own grading of it."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import warnings
from copy import deepcopy
from pathlib import Path

import nbformat
from nbgrader.api import MissingEntry
from sqlalchemy.exc import SQLAlchemyError

from autograder.course import worker
from autograder.errors import Stopped, WrongCall
from autograder.exam import examiner, sanitize, verdict, walls
from autograder.key import catalogue, question
from autograder.plugins import dates, execute, late, patches, register
from autograder.plugins.ahead import Ahead
from autograder.plugins.config import course_config, no_gradebook, scripts_on_path


class Course:
    """One assignment of an nbgrader course: who handed in what, and nbgrader's grading of it."""

    def __init__(self, root: Path, assignment: str, sandbox: bool = True):
        from nbgrader.coursedir import CourseDirectory

        if not root.is_dir():
            raise WrongCall(f"no folder {root}")
        self.root, self.assignment = root.resolve(), assignment
        scripts_on_path()
        self.config = course_config(self.root)
        if not sandbox:
            self.config.Execute.sandbox = "process"
        self.directory = CourseDirectory(config=self.config)
        self.shared = bool(self.directory.groupshared)
        self.log = logging.getLogger("autograder.grade")
        self.log.propagate = False
        self.log.addHandler(logging.NullHandler())
        self.runner = execute.Execute(config=self.config, log=self.log)
        self.ahead = Ahead()
        self.known = self._released()

    def _released(self) -> set[str]:
        """The gradebook's students; WrongCall where it does not know the assignment."""
        url = self.directory.db_url
        if url.startswith("sqlite:///") and not Path(url[10:]).is_file():
            raise WrongCall(f"no gradebook {url[10:]}: {self._how()}")
        if url.startswith("sqlite:///") and _older(Path(url[10:])):
            raise WrongCall(
                f"the gradebook {url[10:]} comes from an older nbgrader; `nbgrader db upgrade` "
                "brings it up to date and keeps a copy"
            )
        try:
            with self.gradebook() as gradebook:
                released = gradebook.find_assignment(self.assignment)
                if not released.notebooks:
                    raise MissingEntry
                self.asked = digest_of(
                    [
                        [
                            n.name,
                            c.name,
                            c.source,
                            c.cell_type,
                            c.checksum,
                            c.locked,
                            [g.max_score for g in n.grade_cells if g.name == c.name],
                        ]
                        for n in released.notebooks
                        for c in n.source_cells
                    ]
                )
                self.notebooks = [notebook.name for notebook in released.notebooks]
                self.cells = {c.name for n in released.notebooks for c in n.grade_cells}
                return {student.id for student in gradebook.students}
        except MissingEntry:
            raise WrongCall(
                f"the gradebook of {self.root} has no assignment {self.assignment!r}: {self._how()}"
            ) from None
        except (SQLAlchemyError, ImportError) as error:
            raise no_gradebook(url, error) from None

    def _how(self) -> str:
        return f"`python -m autograder register {self.assignment}` enters it"

    def gradebook(self):
        from nbgrader.api import Gradebook

        return Gradebook(self.directory.db_url, self.directory.course_id)

    def submitted(self, student: str) -> Path:
        steps = self.directory.submitted_directory, student, self.assignment
        return Path(self.directory.format_path(*steps))

    def handed_in(self) -> list[str]:
        """Students with something under `submitted/` for this assignment."""
        above = self.root / self.directory.submitted_directory
        if above.exists() and not above.is_dir():
            raise WrongCall(f"{above} is a file, not a folder")
        names = sorted(p.name for p in above.iterdir()) if above.exists() else []
        names = [name for name in names if not name.startswith(".")]
        return [n for n in names if (above / n).is_file() or os.path.lexists(self.submitted(n))]

    def problem(self, student: str) -> str | None:
        """Why there is nothing to grade in what a student handed in."""
        problem = unusable_id(student) or patches.other_accents(student, self.known)
        if problem:
            return problem
        folder = self.submitted(student)
        for path in (folder.parent, folder):
            if path.is_symlink() or not path.is_dir():
                return f"{path.relative_to(self.root)} is not a folder"
        if not any(os.path.lexists(folder / f"{name}.ipynb") for name in self.notebooks):
            wanted = " or ".join(f"{name}.ipynb" for name in self.notebooks)
            found = ", ".join(sorted(path.name for path in folder.glob("*.ipynb"))[:3])
            found = verdict.printable(f", but {found}") if found else ""
            return f"{folder.relative_to(self.root)} holds no {wanted}{found}"
        return None

    def content(self, student: str) -> str:
        """Hash of everything in a submission."""
        digest, folder = hashlib.sha256(), self.submitted(student)
        for base, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(base, name)
                said = f"left out: {path.lstat().st_size} bytes"
                if sanitize.plain(path):
                    with open(path, "rb") as file:
                        said = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(json.dumps([str(path.relative_to(folder)), said]).encode())
        return digest.hexdigest()

    def seed(self, course_seed: int, student: str, content: str) -> int:
        """Of a submission's hidden inputs: neither worker nor order matters."""
        if self.runner.seed is not None:
            return self.runner.seed
        digest = digest_of([course_seed, self.assignment, student, content])
        return int(digest[:8], 16) % 2**31

    @property
    def rules(self) -> str:
        """Hash of all that grades depend on besides submission, seed and the questions."""
        folder = self.directory.format_path(self.directory.source_directory, ".", self.assignment)
        laid_over = {
            str(p): p
            for p in sorted(Path(folder).rglob("*"))
            if p.is_file() and p.suffix != ".ipynb" and "runs" not in p.parts
        }
        settings = repr(self.config.Execute)
        return digest_of([worker.grader(), self.asked, worker.hash_of(laid_over), settings])

    def _converter(self, student: str, seed: int):
        from nbgrader.converters import Autograde

        config = deepcopy(self.config)
        config.Execute.seed = seed
        self.directory.assignment_id = self.assignment
        self.directory.student_id = glob.escape(student)
        converter = Autograde(coursedir=self.directory, config=config)
        converter.log, converter.force, converter.create_student = self.log, True, True
        converter.ahead = self.ahead
        return converter

    def jobs(self, student: str, seed: int, kept: dict | None = None) -> dict[str, worker.Job]:
        """A submission's notebooks as workers get them, {`execute.key_of`: job}.

        The cells are what nbgrader's sanitizing makes of them, the files what it will lay beside
        them; nothing is written.
        """
        converter = self._converter(student, seed)
        found = {}
        with (
            contextlib.chdir(self.root),
            patches.quickly(),
            tempfile.TemporaryDirectory() as scratch,
        ):
            self._lay_out(student, converter, Path(scratch))
            limits = self.runner.limits()
            files, _ = examiner.files_of(Path(scratch), limits.disk // 2)
            converter.init_notebooks()
            converter.exporter = converter.exporter_class(parent=converter, config=converter.config)
            for path in sum(converter.assignments.values(), []):
                if Path(path).stem not in self.notebooks:
                    continue
                converter._init_preprocessors()
                resources = converter.init_single_notebook_resources(path)
                sanitized = converter.exporter.from_filename(path, resources=resources)
                self.ahead.sanitized[path] = sanitized
                notebook = nbformat.reads(sanitized[0], as_version=4)
                if sanitize.problem_of(notebook) is not None:
                    continue
                cells = examiner.cells_of(notebook)
                key = execute.key_of(cells, Path(scratch), files, self.assignment, seed)
                contents = {name: (Path(scratch) / name).read_bytes() for name in files}
                found[key] = worker.Job(
                    cells,
                    contents,
                    self.assignment,
                    seed,
                    self.runner.rung(),
                    self.runner.minimum,
                    limits,
                    (str(self.root),),
                    kept or {},
                )
        return found

    def _lay_out(self, student: str, converter, target: Path) -> None:
        """The files beside the notebooks as nbgrader lays them out for autograding."""
        from nbgrader.utils import find_all_files

        handed_in = str(self.submitted(student))
        source = self.directory.format_path(self.directory.source_directory, ".", self.assignment)
        kept = set(converter.exclude_overwriting.get(self.assignment, []))
        ignore = [*self.directory.ignore, "*.ipynb"]
        for folder, skipped in ((handed_in, set()), (source, kept)):
            for path in find_all_files(folder, ignore):
                name = os.path.relpath(path, folder)
                if name in skipped or not sanitize.plain(path):
                    continue
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / name)

    def autograde(self, student: str, seed: int) -> str | None:
        """nbgrader's own autograde of one student; None, or why it failed.

        Stopped when the fault is the machine's, not the submission's.
        """
        from nbgrader.utils import capture_log

        with warnings.catch_warnings(), patches.quickly():
            # SQLAlchemy's: nbgrader looks at a submission before it adds it to its session
            warnings.filterwarnings("ignore", "Object of type <Submitted")
            outcome = capture_log(self._converter(student, seed))
        if outcome["success"]:
            return None
        said = outcome.get("log", "") + outcome["error"]
        if "KeyboardInterrupt" in outcome["error"]:
            raise KeyboardInterrupt
        for sign, why in MACHINE.items():
            if sign in said:
                raise Stopped(why.format(root=self.root))
        if "WallBroke: " in said:
            raise Stopped(_last(r"WallBroke: (.*)", said))
        return _last(r"^(\w[\w.]*(?:Error|Exception|Entry)\b.*)", said)

    def results(self) -> dict[str, dict]:
        """{student: {question: points}} of code questions, as the gradebook has them now."""
        found = {}
        with self.gradebook() as gradebook:
            for submission in gradebook.assignment_submissions(self.assignment):
                if unfinished(submission):
                    continue
                grades = [g for notebook in submission.notebooks for g in notebook.grades]
                code = [g for g in grades if g.cell_type == "code"]
                found[submission.student_id] = {
                    catalogue.question_id(g.name): float(g.score) for g in code
                }
        return found

    def settle(self, students: set[str] | None = None) -> list[str]:
        """Late penalties and extensions as they are now; a line for each change."""
        with self.gradebook() as gradebook:
            where = self.config, self.root, self.assignment
            return late.settle(gradebook, *where, students)

    def points(self) -> list[str]:
        """How the key's points differ from the gradebook's; WrongCall where nobody can say what is
        meant.
        """
        return register.compare(self.directory, self.assignment)

    def strangers(self) -> list[str]:
        """Extensions of nobody that the gradebook knows."""
        with self.gradebook() as gradebook:
            assignments = [assignment.name for assignment in gradebook.assignments]
        known = self.known | set(self.handed_in())
        return late.strangers(self.config, self.root, known, assignments)

    def penalties(self) -> dict[str, float]:
        """{student: points taken off for being late}."""
        with self.gradebook() as gradebook:
            return {
                submission.student_id: sum(
                    notebook.late_submission_penalty or 0.0 for notebook in submission.notebooks
                )
                for submission in gradebook.assignment_submissions(self.assignment)
            }

    def note(self, student: str) -> str:
        """What somebody should look at in a graded submission: files that could not be read."""
        notes = []
        for name in self.notebooks:
            with contextlib.suppress(OSError, ValueError):
                problem = sanitize.problem_of(nbformat.read(self.result(student, name), 4))
                notes += [f"{name}.ipynb: {problem} Its questions count 0"] if problem else []
        try:
            dates.stamp(self.submitted(student))
        except ValueError as error:
            notes.append(f"{dates.STAMP}: {error}; it counts as handed in in time")
        return "; ".join(notes)

    def most(self) -> float:
        """Points that the code questions are worth, extra credit aside."""
        with self.gradebook() as gradebook:
            notebooks = gradebook.find_assignment(self.assignment).notebooks
            graded = [cell for notebook in notebooks for cell in notebook.grade_cells]
            return float(sum(cell.max_score for cell in graded if cell.cell_type == "code"))

    def result(self, student: str, notebook: str) -> Path:
        """Where a student's autograded notebook lies, if there is one."""
        steps = self.directory.autograded_directory, student, self.assignment
        return Path(self.directory.format_path(*steps)) / f"{notebook}.ipynb"

    def records(self, student: str) -> dict[str, dict]:
        """{question: record} of what was examined in isolation when it was last graded."""
        records = self._records(student).items()
        isolated = {q: r for q, r in records if r.get("rung") in walls.ISOLATED}
        return {q: r for q, r in isolated.items() if r["status"] == "graded"}

    def _records(self, student: str) -> dict[str, dict]:
        """{question: record} of everything in a student's autograded notebooks."""
        found = {}
        for name in self.notebooks:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                for cell in nbformat.read(self.result(student, name), as_version=4).cells:
                    record = verdict.read(cell)
                    if record:
                        found[record["question"]] = record
        return found

    def details(self, row: dict) -> list[dict]:
        """Of a line of --json, every question as `one` tells it, with the rung that it was asked on
        and the points that the gradebook has now.
        """
        records = self._records(row["student"]) if row["status"] == "graded" else {}
        return [
            {
                **verdict.row(record),
                "score": row["questions"].get(q, 0.0),
                "rung": record.get("rung"),
            }
            for q, record in records.items()
        ]

    def kept(self, student: str, seed: int, asked: set[str] | None) -> dict[str, dict]:
        """The records of a submission that stay as they are where `asked` are asked again."""
        if asked is None:
            return {}
        records = self.records(student).items()
        return {q: r for q, r in records if q not in asked and r["seed"] == seed}

    def looked_at(self, student: str) -> dict[str, str]:
        """{cell: hash of what was there to see} for cells that a person has graded, and that
        nobody need look at again.
        """
        with self.gradebook() as gradebook, contextlib.suppress(MissingEntry):
            submission = gradebook.find_submission(self.assignment, student)
            grades = [g for notebook in submission.notebooks for g in notebook.grades]
            settled = {
                g.name for g in grades if g.manual_score is not None and not g.needs_manual_grade
            }
            seen = self._seen(student) if settled else {}
            return {name: seen[name] for name in settled & seen.keys()}
        return {}

    def _seen(self, student: str) -> dict[str, str]:
        """What a person who grades sees of each graded cell: the answer, or the result."""
        seen = {}
        for name in self.notebooks:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                for cell in nbformat.read(self.result(student, name), as_version=4).cells:
                    about = cell.metadata.get("nbgrader", {})
                    if about.get("grade"):
                        record = verdict.read(cell) or {}
                        told = [record.get(part) for part in ("status", "score", "mistake")]
                        answer = [cell.source, cell.get("attachments", {}), about.get("points")]
                        seen[about["grade_id"]] = digest_of([*answer, told])
        return seen

    def keep_looked_at(self, student: str, before: dict[str, str], asked: set[str]) -> None:
        """Where nothing has changed for the eye nobody need look again: nbgrader asks for a look
        at every grade. asked: cells of questions that were corrected.
        """
        now = self._seen(student)
        cells = {n for n, seen in before.items() if now.get(n) == seen and n not in asked}
        with self.gradebook() as gradebook:
            submission = gradebook.find_submission(self.assignment, student)
            for grade in (g for notebook in submission.notebooks for g in notebook.grades):
                if grade.name in cells:
                    grade.needs_manual_grade = False
            gradebook.db.commit()

    def autograded(self, student: str) -> bool:
        """Whether the result is there, and none of an nbgrader that was killed on the way."""
        paths = [self.result(student, name) for name in self.notebooks]
        return any(path.is_file() and _finished(path) for path in paths)


def unusable_id(student: str) -> str | None:
    """Why nothing can be graded under this id; None for any other: nbgrader makes folders and
    patterns of ids.
    """
    odd = sorted(set(student) & set("/\\*?[]+\n\r\t\0"))
    if odd or student in ("", ".", "..") or verdict.printable(student) != student:
        what = f"holds {' '.join(map(repr, odd))}" if odd else "is no name for a folder"
        return f"the id {verdict.printable(student)!r} {what}: give this student another one"
    if len(student.encode()) > 200:
        return f"the id {student[:40]!r}… is longer than the 200 bytes of a folder's name"
    return None


def unfinished(submission) -> bool:
    """Whether grading began with a submission and was interrupted: no test of one of its notebooks
    has a result, not even 0. It counts as not graded.
    """
    for notebook in submission.notebooks:
        written = {cell.name for cell in notebook.notebook.solution_cells}
        tests = [g for g in notebook.grades if g.cell_type == "code" and g.name not in written]
        if tests and all(g.auto_score is None and g.manual_score is None for g in tests):
            return True
    return False


def _finished(path: Path) -> bool:
    """Whether questions in an autograded notebook have been asked; none has an output before."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):
        return False
    tests = [cell for cell in cells if sanitize.is_test(cell)]
    return not tests or any(cell.outputs for cell in tests)


# What nbgrader's log says when the machine, not a submission, is at fault.
MACHINE = {
    "No space left on device": "the disk of {root} is full",
    "database or disk is full": "the disk of {root} is full",
    "disk I/O error": "the gradebook in {root} cannot be written (disk error, or disk full)",
    "Disk quota exceeded": "the disk quota in {root} is used up",
    "Read-only file system": "the disk of {root} is read-only",
    "readonly database": "the gradebook of {root} is read-only",
    "database is locked": "the gradebook of {root} is locked by another program",
    "unable to open database file": "the gradebook of {root} cannot be opened",
}


def _older(path: Path) -> bool:
    """Whether a gradebook lacks a table or column of this nbgrader; looks, and changes nothing."""
    from nbgrader.api import Base

    with (
        contextlib.suppress(sqlite3.DatabaseError),  # no database at all: reading it says so
        contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as book,
    ):
        for table in Base.metadata.sorted_tables:
            there = {row[1] for row in book.execute(f'pragma table_info("{table.name}")')}
            if {column.name for column in table.columns} - there:
                return True
    return False


def digest_of(value) -> str:
    """Hash of a value that JSON can tell; of others what `str` says."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def _last(pattern: str, text: str) -> str:
    """The last match in a log, else its last line; one line."""
    found = re.findall(pattern, text, re.M) or text.strip().splitlines()[-1:]
    return one_line(found[-1]) if found else "nbgrader gave no reason"


def one_line(text: str) -> str:
    """Text as one line, fit for a terminal, of at most 500 characters."""
    return verdict.printable(question.one_line(text))[:500]


def reason(error: BaseException) -> str:
    """An exception in one line; of a database's error what the database said."""
    said = str(getattr(error, "orig", None) or error)
    return one_line(said or type(error).__name__)
