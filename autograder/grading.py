"""`python -m autograder grade`: a whole class through nbgrader, on one process, many, or a cluster.

nbgrader's own autograde does the work, one student after the other, and only this process writes
the gradebook. With workers, notebooks are executed ahead of it elsewhere: that is a pure function
of cells, files and seed, so `Execute` may take its result from a table (`execute.ahead`). A ledger
remembers what is in the gradebook, so that a second run grades what changed and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbgrader.api import InvalidEntry, MissingEntry
from nbgrader.converters.base import NbGraderException
from sqlalchemy.exc import SQLAlchemyError

import utils
from autograder import build, examiner, execute, fingerprint, questions, sanitize, verdict
from autograder.box import Limits, NoBox

LEDGER = ".autograder-ledger.jsonl"
CONNECT_SECONDS = 10
WORKER_SECONDS = 60
PACKAGE = Path(__file__).resolve().parent
# Modules of this package that no grade depends on.
NOT_GRADING = (
    "__main__", "answers", "build", "cli", "collect", "demo", "doctor", "exports", "feedback",
    "fingerprint", "grading", "prose", "report",
)  # fmt: skip


class WrongCall(Exception):
    """Nothing was begun; the message says what to do."""


class Stopped(Exception):
    """Grading cannot go on, through no submission's fault; what is graded stays."""


@dataclass(frozen=True)
class Job:
    """One notebook to execute anywhere: code cells, files by name, and what grades depend on.

    hidden: paths that student code must not see, where they exist on the worker.
    kept: {question: record} of what need not be asked again.
    """

    cells: tuple[examiner.Cell, ...]
    files: dict[str, bytes]
    name: str
    seed: int
    sandbox: str
    limits: Limits
    hidden: tuple[str, ...]
    kept: dict[str, dict]


_one_at_a_time = threading.Lock()  # a worker with more threads still has one warm server


def executed(kit: str, jobs: list[Job]) -> list[examiner.Examined]:
    """Run a student's notebooks on this worker; Stopped where its kit is not version `kit`."""
    if kit_version() != kit:
        raise Stopped("a worker has another version of the kit")
    with _one_at_a_time:
        return [_executed(job) for job in jobs]


def _executed(job: Job) -> examiner.Examined:
    with tempfile.TemporaryDirectory(prefix="submission-") as scratch:
        folder = Path(scratch)
        for name, data in job.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        if job.sandbox == "bubblewrap":
            warm = execute.warm(job.limits, tuple(map(Path, job.hidden)))
            submission = job.cells, folder, list(job.files), job.name, job.seed
            return examiner.examine(*submission, warm, job.kept)
        return _trusted(job, folder)


def _trusted(job: Job, folder: Path) -> examiner.Examined:
    """Without a sandbox: nbgrader's kernel, tests inside."""
    from nbgrader.utils import setenv

    cells = [nbformat.v4.new_code_cell(cell.source) for cell in job.cells]
    notebook = sanitize.in_place_of("")
    notebook.metadata.pop(sanitize.KEY)
    notebook.cells = cells
    runner = execute.Execute(
        sandbox="none", seed=job.seed, timeout=int(job.limits.cell_seconds)
    )
    started = time.monotonic()
    with setenv(NBGRADER_EXECUTION="autograde"):
        runner.preprocess(notebook, {"metadata": {"path": str(folder)}})
    outputs = [[dict(output) for output in cell.outputs] for cell in notebook.cells]
    return examiner.Examined(outputs, seconds=time.monotonic() - started)


@cache
def kit_version() -> str:
    """Hash of all of the kit's code: the coordinator and its workers must have the same."""
    return _hash_of({**_sources(PACKAGE), **_sources(Path(utils.__file__).parent)})


@cache
def grader() -> str:
    """Hash of the code that every grade depends on; what a question adds is in `fingerprint`."""
    files = {**_sources(PACKAGE), **_sources(Path(utils.__file__).parent)}
    own = tuple(f"autograder/{folder}/" for folder in ("questions", "probes"))
    common = {f"autograder/{name}.py" for name in NOT_GRADING}
    files = {k: v for k, v in files.items() if k not in common and not k.startswith(own)}
    return _hash_of(files)


def _sources(folder: Path) -> dict[str, Path]:
    return {f"{folder.name}/{p.relative_to(folder)}": p for p in sorted(folder.rglob("*.py"))}


def _hash_of(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


class Ledger:
    """What the gradebook holds, one JSON object a line, in the course folder.

    The first line has the course's seed. A line is written before nbgrader begins with a
    submission and another when it is done; the last line of a student counts, so that a run
    killed between the two leaves nothing that looks graded. A torn last line is ignored.
    """

    def __init__(self, root: Path):
        self.path, self.latest, self.seed = root / LEDGER, {}, None
        try:
            self.file = open(self.path, "a+b")  # noqa: SIM115  (closed in `close`)
        except OSError as error:
            raise WrongCall(f"cannot write {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.close()
            raise WrongCall(f"another run grades this course (it holds {self.path})") from None
        self.file.seek(0)
        text = self.file.read()
        for line in text.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if "course_seed" in entry:
                    self.seed = int(entry["course_seed"])
                else:
                    self.latest[entry["assignment"], entry["student"]] = entry
        if text and not text.endswith(b"\n"):
            self._append(b"\n")
        if self.seed is None:
            self.seed = secrets.randbits(63)
            self.write(course_seed=self.seed)

    def write(self, **entry) -> None:
        """Append a line and wait until the disk has it; Stopped when it cannot."""
        self._append(json.dumps(entry).encode() + b"\n")
        if "student" in entry:
            self.latest[entry["assignment"], entry["student"]] = entry

    def _append(self, line: bytes) -> None:
        try:
            self.file.write(line)
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            raise Stopped(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()


class Course:
    """One assignment of an nbgrader course: who handed in what, and nbgrader's grading of it."""

    def __init__(self, root: Path, assignment: str, sandbox: bool = True):
        from nbgrader.coursedir import CourseDirectory

        if not root.is_dir():
            raise WrongCall(f"no folder {root}")
        self.root, self.assignment = root.resolve(), assignment
        build.scripts_on_path()
        self.config = _config(self.root)
        if not sandbox:
            self.config.Execute.sandbox = "none"
        self.directory = CourseDirectory(config=self.config)
        self.log = logging.getLogger("autograder.grade")
        self.log.propagate = False
        self.log.addHandler(logging.NullHandler())
        self.runner = execute.Execute(config=self.config, log=self.log)
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
                self.asked = _digest(
                    [[n.name, c.name, c.source, c.cell_type, c.checksum, c.locked,
                      [g.max_score for g in n.grade_cells if g.name == c.name]]
                     for n in released.notebooks for c in n.source_cells]
                )  # fmt: skip
                self.notebooks = [notebook.name for notebook in released.notebooks]
                self.cells = {c.name for n in released.notebooks for c in n.grade_cells}
                return {student.id for student in gradebook.students}
        except MissingEntry:
            raise WrongCall(
                f"the gradebook of {self.root} has no assignment {self.assignment!r}: {self._how()}"
            ) from None
        except SQLAlchemyError as error:
            raise WrongCall(f"cannot read the gradebook {url}: {_reason(error)}") from None

    def _how(self) -> str:
        return f"generate it first, `nbgrader generate_assignment {self.assignment}`"

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
        folder = self.submitted(student)
        for path in (folder.parent, folder):
            if path.is_symlink() or not path.is_dir():
                return f"{path.relative_to(self.root)} is not a folder"
        if not any(os.path.lexists(folder / f"{name}.ipynb") for name in self.notebooks):
            wanted = " or ".join(f"{name}.ipynb" for name in self.notebooks)
            return f"{folder.relative_to(self.root)} holds no {wanted}"
        return None

    def content(self, student: str) -> str:
        """Hash of everything in a submission."""
        digest, folder = hashlib.sha256(), self.submitted(student)
        for base, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(base, name)
                plain = stat.S_ISREG(path.lstat().st_mode)
                said = hashlib.sha256(path.read_bytes()).hexdigest() if plain else "no plain file"
                digest.update(json.dumps([str(path.relative_to(folder)), said]).encode())
        return digest.hexdigest()

    def seed(self, course_seed: int, student: str, content: str) -> int:
        """Of a submission's hidden inputs: neither worker nor order matters."""
        if self.runner.seed is not None:
            return self.runner.seed
        digest = _digest([course_seed, self.assignment, student, content])
        return int(digest[:8], 16) % 2**31

    @property
    def rules(self) -> str:
        """Hash of all that grades depend on besides submission, seed and the questions."""
        folder = self.directory.format_path(
            self.directory.source_directory, ".", self.assignment
        )
        laid_over = {
            str(p): p for p in sorted(Path(folder).rglob("*"))
            if p.is_file() and p.suffix != ".ipynb" and "runs" not in p.parts
        }  # fmt: skip
        settings = {k: v for k, v in self.config.items() if "Late" in k or k == "Execute"}
        return _digest([grader(), self.asked, _hash_of(laid_over), repr(settings)])

    def _converter(self, student: str, seed: int):
        from nbgrader.converters import Autograde

        config = deepcopy(self.config)
        config.Execute.seed = seed
        self.directory.assignment_id = self.assignment
        self.directory.student_id = glob.escape(student)
        converter = Autograde(coursedir=self.directory, config=config)
        converter.log, converter.force, converter.create_student = self.log, True, True
        return converter

    def jobs(self, student: str, seed: int, kept: dict | None = None) -> dict[str, Job]:
        """A submission's notebooks as workers get them, {`execute.key_of`: Job}.

        The cells are what nbgrader's sanitizing makes of them, the files what it will lay beside
        them; nothing is written.
        """
        converter = self._converter(student, seed)
        found = {}
        with (
            contextlib.chdir(self.root), _one_engine(), tempfile.TemporaryDirectory() as scratch
        ):  # fmt: skip
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
                sanitize.ahead[path] = sanitized
                notebook = nbformat.reads(sanitized[0], as_version=4)
                if sanitize.problem_of(notebook) is not None:
                    continue
                cells = tuple(
                    examiner.Cell(cell.source, execute.question_of(cell))
                    for cell in notebook.cells
                    if cell.cell_type == "code"
                )
                key = execute.key_of(cells, Path(scratch), files, self.assignment, seed)
                contents = {name: (Path(scratch) / name).read_bytes() for name in files}
                found[key] = Job(
                    cells, contents, self.assignment, seed,
                    self.runner.sandbox, limits, (str(self.root),), kept or {},
                )  # fmt: skip
        return found

    def _lay_out(self, student: str, converter, target: Path) -> None:
        """The files beside the notebooks as nbgrader lays them out for autograding."""
        from nbgrader.utils import find_all_files

        handed_in = str(self.submitted(student))
        source = self.directory.format_path(
            self.directory.source_directory, ".", self.assignment
        )
        kept = set(converter.exclude_overwriting.get(self.assignment, []))
        ignore = [*self.directory.ignore, "*.ipynb"]
        for folder, skipped in ((handed_in, set()), (source, kept)):
            for path in find_all_files(folder, ignore):
                name = os.path.relpath(path, folder)
                if name in skipped or not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / name)

    def autograde(self, student: str, seed: int) -> str | None:
        """nbgrader's own autograde of one student; None, or why it failed.

        Stopped when the fault is the machine's, not the submission's.
        """
        from nbgrader.utils import capture_log

        with warnings.catch_warnings(), _one_engine():
            warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's own queries
            outcome = capture_log(self._converter(student, seed))
        if outcome["success"]:
            return None
        said = outcome.get("log", "") + outcome["error"]
        if "KeyboardInterrupt" in outcome["error"]:
            raise KeyboardInterrupt
        for sign, reason in MACHINE.items():
            if sign in said:
                raise Stopped(reason.format(root=self.root))
        if "sandbox" in said and "NoBox" in said:
            raise Stopped(_last(r"NoBox: (.*)", said))
        return _last(r"^(\w[\w.]*(?:Error|Exception|Entry)\b.*)", said)

    def results(self) -> dict[str, dict]:
        """{student: {question: points}} of code questions, as the gradebook has them now."""
        found = {}
        with self.gradebook() as gradebook:
            for submission in gradebook.assignment_submissions(self.assignment):
                grades = [g for notebook in submission.notebooks for g in notebook.grades]
                code = [g for g in grades if g.cell_type == "code"]
                found[submission.student_id] = {
                    questions.question_id(g.name): float(g.score) for g in code
                }
        return found

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
        found = {}
        for name in self.notebooks:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                for cell in nbformat.read(self.result(student, name), as_version=4).cells:
                    record = verdict.read(cell)
                    if record and (record["status"], record["mode"]) == ("graded", "isolated"):
                        found[record["question"]] = record
        return found

    def kept(self, task: Task) -> dict[str, dict]:
        """The records of a task's submission that stay as they are."""
        if task.asked is None:
            return {}
        records = self.records(task.student).items()
        return {q: r for q, r in records if q not in task.asked and r["seed"] == task.seed}

    def looked_at(self, student: str) -> set[str]:
        """The cells of a student that a person has graded and nobody need look at again."""
        with self.gradebook() as gradebook, contextlib.suppress(MissingEntry):
            submission = gradebook.find_submission(self.assignment, student)
            grades = [g for notebook in submission.notebooks for g in notebook.grades]
            return {g.name for g in grades
                    if g.manual_score is not None and not g.needs_manual_grade}  # fmt: skip
        return set()

    def keep_looked_at(self, student: str, cells: set[str]) -> None:
        """Nothing has changed in these cells: nbgrader asks for another look at every grade."""
        with self.gradebook() as gradebook:
            submission = gradebook.find_submission(self.assignment, student)
            for grade in (g for notebook in submission.notebooks for g in notebook.grades):
                if grade.name in cells:
                    grade.needs_manual_grade = False
            gradebook.db.commit()

    def autograded(self, student: str) -> bool:
        return any(self.result(student, name).is_file() for name in self.notebooks)


@cache
def _engine(url: str, **settings):
    from sqlalchemy import create_engine

    return create_engine(url, **settings)


@contextlib.contextmanager
def _one_engine():
    """Let nbgrader, which opens its gradebook ten times a student, compile its SQL only once."""
    from nbgrader import api

    before, api.create_engine = api.create_engine, _engine
    try:
        yield
    finally:
        api.create_engine = before


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


def _config(root: Path):
    """The kit's nbgrader configuration, and the course's own on top where it has one."""
    from traitlets.config import PyFileConfigLoader

    with contextlib.chdir(root):  # the configuration looks at folders below the current one
        config = build.load_config(root)
        own = root / "nbgrader_config.py"
        if own.is_file() and root != build.ROOT:
            config.merge(PyFileConfigLoader(own.name, path=str(root)).load_config())
    config.CourseDirectory.root = str(root)
    return config


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


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def _last(pattern: str, text: str) -> str:
    """The last match in a log, else its last line; one line."""
    found = re.findall(pattern, text, re.M) or text.strip().splitlines()[-1:]
    return _one_line(found[-1]) if found else "nbgrader gave no reason"


def _one_line(text: str) -> str:
    return verdict.printable(" ".join(str(text).split()))[:500]


def _reason(error: BaseException) -> str:
    said = str(getattr(error, "orig", None) or error)
    return _one_line(said or type(error).__name__)


@dataclass
class Task:
    """One submission that is to be graded.

    about: what its grades will depend on, for the ledger. asked: the questions whose answers may
    differ from the last time, None for all. why: in words, where it was graded before.
    """

    student: str
    key: str
    seed: int
    about: dict
    asked: set[str] | None = None
    why: str = ""


Ready = tuple[Task, str | None, float]  # a task that nbgrader may finish, an error, seconds so far


def here(course: Course, tasks: list[Task]) -> Iterator[Ready]:
    """One worker: this process, and nbgrader's own pace.

    Where only some questions are to be asked again, these are asked ahead of it.
    """
    for task in tasks:
        seconds = 0.0
        if task.asked is not None:
            with contextlib.suppress(NbGraderException, OSError, ValueError):
                jobs = course.jobs(task.student, task.seed, course.kept(task))
                done = [_executed(job) for job in jobs.values()]
                execute.ahead.update(zip(jobs, done, strict=True))
                seconds = sum(result.seconds for result in done)
        yield task, None, seconds
        execute.ahead.clear()


def on_workers(course: Course, tasks: list[Task], client) -> Iterator[Ready]:
    """Have workers execute notebooks ahead of nbgrader, never many more than they can hold."""
    from distributed import CancelledError, as_completed
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    waiting, jobs_of, flow = list(reversed(tasks)), {}, as_completed()

    def feed():
        slots = sum(client.nthreads().values())
        while waiting and len(jobs_of) < max(2 * slots, 2):
            task = waiting.pop()
            try:
                jobs = course.jobs(task.student, task.seed, course.kept(task))
            except Exception:  # nbgrader meets it again, and says what is wrong
                jobs = {}
            future = client.submit(executed, kit_version(), list(jobs.values()), pure=False)
            jobs_of[future.key] = (task, list(jobs))
            flow.add(future)

    lost = f"lost the scheduler {client.scheduler.address if client.scheduler else ''}".strip()
    try:
        feed()
        while jobs_of:
            future = next(flow)
            task, keys = jobs_of.pop(future.key)
            error, seconds = None, 0.0
            try:
                results = future.result()
                execute.ahead.update(zip(keys, results, strict=True))
                seconds = sum(result.seconds for result in results)
            except KilledWorker:
                error = "every worker that ran this submission was killed"
            except (NoBox, ModuleNotFoundError) as problem:
                raise Stopped(f"a worker cannot grade: {_reason(problem)}") from None
            except (CancelledError, CommClosedError):
                raise Stopped(lost) from None
            except Stopped:
                raise
            except Exception as problem:
                error = f"{type(problem).__name__}: {_reason(problem)}"
            del future
            yield task, error, seconds
            execute.ahead.clear()
            sanitize.forget(course.submitted(task.student))
            feed()
    except (CommClosedError, OSError, TimeoutError, StopIteration) as problem:
        raise Stopped(f"{lost}: {_reason(problem)}") from None


@contextlib.contextmanager
def pool(workers: int, scheduler: str | None) -> Iterator:
    """A dask client with workers that can grade; None for this process alone."""
    if scheduler is None and workers == 1:
        yield None
        return
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0,
                    dashboard_address=None, silence_logs=logging.CRITICAL,
                )  # fmt: skip
            )
        try:
            client = stack.enter_context(Client(scheduler, timeout=CONNECT_SECONDS))
        except (OSError, TimeoutError, ValueError) as error:
            raise WrongCall(f"no dask scheduler answers at {scheduler}: {_reason(error)}") from None
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise WrongCall(f"the scheduler {scheduler} has no workers") from None
        _same_kit(client)
        yield client


def _same_kit(client) -> None:
    found = client.run(_kit_there, on_error="return")
    for address, kit in found.items():
        if isinstance(kit, Exception):
            raise WrongCall(f"the worker {address} cannot load the kit: {_reason(kit)}")
        if kit != kit_version():
            raise WrongCall(
                f"the worker {address} has another version of the kit ({kit[:8]}, here "
                f"{kit_version()[:8]}): install the same one everywhere and restart the workers"
            )


def _kit_there() -> str:
    return kit_version()


def grade(
    assignment: str, root: Path, workers: int = 1, scheduler: str | None = None,
    json_file: Path | None = None, sandbox: bool = True,
) -> int:  # fmt: skip
    """Grade what changed; exit status 0 all graded, 1 some failed or the run stopped, 2 wrong
    call.
    """
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL + 1)  # nbgrader's tracebacks
    try:
        if workers < 1:
            raise WrongCall("--workers must be 1 or more")
        if json_file and not json_file.absolute().parent.is_dir():
            raise WrongCall(f"no folder {json_file.absolute().parent} for --json")
        course = Course(root, assignment, sandbox)
        with contextlib.closing(Ledger(course.root)) as ledger:
            rows, stopped = _grade(course, ledger, workers, scheduler)
    except (WrongCall, NoBox) as error:
        print(f"autograder grade: {error}", file=sys.stderr)
        return 2
    except Stopped as error:
        print(f"autograder grade: {error}; nothing was graded", file=sys.stderr)
        return 1
    except (SQLAlchemyError, InvalidEntry) as error:
        signs = [why.format(root=root) for sign, why in MACHINE.items() if sign in str(error)]
        why = signs[0] if signs else f"cannot use the gradebook: {_reason(error)}"
        print(f"autograder grade: {why}. What is graded is kept; run it again to go on.",
              file=sys.stderr)  # fmt: skip
        return 1
    for row in rows:
        if row["status"] == "failed" and not (stopped and row["error"] == stopped):
            print(f"{row['student']}: {row['error']}", file=sys.stderr)
    if stopped:
        print(f"autograder grade: {stopped}. What is graded is kept; run it again to go on.",
              file=sys.stderr)  # fmt: skip
    if json_file:
        try:
            write_json(json_file, rows)
        except OSError as error:
            why = f"cannot write {json_file}: {error.strerror}; the grades are in the gradebook"
            print(f"autograder grade: {why}", file=sys.stderr)
            return 1
    return 1 if stopped or any(row["status"] == "failed" for row in rows) else 0


def _grade(course: Course, ledger: Ledger, workers, scheduler) -> tuple[list[dict], str | None]:
    rows, tasks = {}, []
    rules, students, now = course.rules, course.handed_in(), course.results()
    prints = {q: made for q, made in fingerprint.of(course.assignment).items()
              if questions.grade_id(q) in course.cells}  # fmt: skip
    for student in students:
        problem = course.problem(student)
        if problem:
            rows[student] = {"status": "failed", "error": problem}
            continue
        try:
            content = course.content(student)
        except OSError as error:
            rows[student] = {"status": "failed", "error": f"cannot be read: {error}"}
            continue
        seed = course.seed(ledger.seed, student, content)
        about = {"rules": rules, "content": content, "seed": seed, "questions": prints}
        key = _digest([rules, content, seed, prints])
        entry = ledger.latest.get((course.assignment, student), {})
        if entry.get("done") == key and student in now and course.autograded(student):
            rows[student] = {"status": "graded", "seconds": entry["seconds"]}
        else:
            task = Task(student, key, seed, about)
            if student in now:
                task.why, task.asked = _reason_for(course.assignment, about, entry)
            tasks.append(task)
    for student in course.known - set(students):
        rows[student] = {"status": "missing"}

    stopped = _run(course, ledger, tasks, rows, workers, scheduler) if tasks else None
    for task in tasks:
        rows.setdefault(task.student, {"status": "failed", "error": stopped})
    scores, most = course.results(), course.most()
    told = [_row(student, rows[student], scores.get(student, {}), most) for student in sorted(rows)]
    print(_summary(course.assignment, told, len(tasks)))
    changes = [line for task in tasks if task.why and rows[task.student]["status"] == "graded"
               for line in _changes(task, now[task.student], scores[task.student])]  # fmt: skip
    if any(task.why for task in tasks):
        print("\n".join(["marks that changed:", *changes] if changes else ["no marks changed"]))
    return told, stopped


def _reason_for(assignment: str, about: dict, entry: dict) -> tuple[str, set[str] | None]:
    """Why a graded submission is graded again, and which questions are asked; None for all.

    entry: the ledger's last about it.
    """
    last = entry.get("about") if "done" in entry else None
    if not isinstance(last, dict):
        return "graded again from the start", None
    if last["content"] != about["content"]:
        return "handed in again", None
    if last["rules"] != about["rules"] or last["seed"] != about["seed"]:
        return "the grader, its settings or the notebook changed", None
    old, new = last["questions"], about["questions"]
    changed = {question for question in {*old, *new} if old.get(question) != new.get(question)}
    why = f"corrected: {', '.join(sorted(changed))}" if changed else "its result was gone"
    return why, fingerprint.affected(assignment, changed)


def _changes(task: Task, old: dict[str, float], new: dict[str, float]) -> Iterator[str]:
    """One line for each question whose points are not what they were."""
    for question in sorted({*old, *new}):
        before, after = old.get(question, 0.0), new.get(question, 0.0)
        if abs(before - after) > 1e-6:
            yield f"  {task.student}: {question} {before:g} → {after:g} ({task.why})"


def _run(course, ledger, tasks, rows, workers, scheduler) -> str | None:
    """Grade the tasks, filling in `rows`; None, or why the run stopped."""
    from tqdm import tqdm

    tally = {"graded": 0, "failed": 0}
    with contextlib.ExitStack() as stack:
        if not (scheduler or workers > 1):
            course.runner.check()
        client = stack.enter_context(pool(min(workers, max(len(tasks), 1)), scheduler))
        ready = on_workers(course, tasks, client) if client else here(course, tasks)
        bar = stack.enter_context(
            tqdm(total=len(tasks), desc=course.assignment, unit=" submission", postfix=tally,
                 mininterval=0.1 if sys.stderr.isatty() else 10)
        )  # fmt: skip
        try:
            for task, error, seconds in ready:
                rows[task.student] = _finish(course, ledger, task, error, seconds)
                tally[rows[task.student]["status"]] += 1
                bar.set_postfix(tally, refresh=False)
                bar.update()
        except Stopped as stop:
            return str(stop)
    return None


def _finish(course, ledger, task: Task, error: str | None, seconds: float) -> dict:
    """Have nbgrader store one submission; the ledger says so before and after."""
    if error is None:
        begun = time.monotonic()
        ledger.write(assignment=course.assignment, student=task.student, begun=task.key)
        seen = course.looked_at(task.student) if task.asked is not None else set()
        error = course.autograde(task.student, task.seed)
        if error is None and seen:
            again = {questions.grade_id(question) for question in task.asked}
            course.keep_looked_at(task.student, seen - again)
        seconds = round(seconds + time.monotonic() - begun, 3)
    if error is not None:
        return {"status": "failed", "error": error, "seconds": seconds}
    ledger.write(
        assignment=course.assignment, student=task.student, done=task.key, seed=task.seed,
        seconds=seconds, about=task.about,
    )  # fmt: skip
    return {"status": "graded", "seconds": seconds}


def _row(student: str, row: dict, scores: dict, most: float) -> dict:
    """One line of --json. score: of the code questions, extra credit and manual grades included."""
    graded = row["status"] == "graded"
    score = sum(scores.values()) if graded else None if row["status"] == "failed" else 0.0
    told = {
        "student": student, "status": row["status"], "score": score, "max_score": most,
        "seconds": row.get("seconds", 0.0), "questions": scores if graded else {},
    }  # fmt: skip
    return {**told, "error": row["error"]} if "error" in row else told


def _summary(assignment: str, rows: Iterable[dict], done: int) -> str:
    counts = {s: sum(r["status"] == s for r in rows) for s in ("graded", "failed", "missing")}
    told = ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "nobody handed in"
    new = f"{done} to grade in this run" if done else "nothing to do, no submission has changed"
    return f"{assignment}: {told} ({new})"


def write_json(path: Path, rows: list[dict]) -> None:
    """One object a line; a plain file is replaced at once."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.exists() and not path.is_file():
        with open(path, "w") as stream:
            stream.write(text)
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


