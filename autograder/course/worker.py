"""What a worker does: execute a student's notebook, on any machine that has this kit.

A result depends on cells, files and seed alone, so it does not matter where it comes from. nbgrader
is not imported: only the coordinator needs it, and it takes seconds to load.
"""

from __future__ import annotations

import ast
import hashlib
import socket
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import utils
from autograder.errors import Stopped
from autograder.exam import examiner, room, warm
from autograder.exam.walls.common import Limits, NoBox
from autograder.exam.walls.scratch import Scratch
from autograder.key import catalogue

PACKAGE = Path(__file__).resolve().parents[1]
# What every grade depends on: these wings, but for the key's folders of questions, of which a grade
# depends on its own question alone; see `fingerprint`.
WINGS = ("autograder/student", "autograder/exam", "autograder/key", "utils")
DOCUMENTED = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
BY_QUESTION = tuple(f"autograder/key/{assignment}/" for assignment in catalogue.ASSIGNMENTS)


@dataclass(frozen=True)
class Job:
    """One notebook to execute anywhere: code cells, files by name, and what grades depend on.

    rung, minimum: see `exam.walls.choose`. hidden: paths that student code must not see, where they
    exist on the worker.
    kept: {question: record} of what need not be asked again.
    """

    cells: tuple[examiner.Cell, ...]
    files: dict[str, bytes]
    name: str
    seed: int
    rung: str | None
    minimum: str | None
    limits: Limits
    hidden: tuple[str, ...]
    kept: dict[str, dict]


_one_at_a_time = threading.Lock()  # a worker with more threads still has one warm server


def executed(kit: str, jobs: list[Job]) -> list[examiner.Examined]:
    """Run a student's notebooks on this worker; Stopped where its kit is not version `kit`."""
    if kit_version() != kit:
        raise Stopped("a worker has another version of the kit")
    with _one_at_a_time:
        return [run(job) for job in jobs]


def run(job: Job) -> examiner.Examined:
    """Execute one notebook in a folder of its own. NoBox where it cannot be isolated."""
    with Scratch("submission") as folder:
        for name, data in job.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        hidden = tuple(map(Path, job.hidden))
        server = warm.shared(job.limits, hidden, job.cells, job.rung, job.minimum)
        submission = job.cells, folder, list(job.files), job.name, job.seed
        return examiner.examine(*submission, server, job.kept)


def wall(rung: str | None, minimum: str | None) -> str:
    """The wall that this worker's boxes get. Stopped when it has not what is asked for."""
    try:
        return warm.try_a_wall(rung, minimum)
    except NoBox as error:
        raise Stopped(str(error)) from None


def place(limits: Limits, rung: str | None, minimum: str | None) -> tuple[str, int | None, int]:
    """The machine that this worker is on, the bytes of memory that are free there, and those that a
    submission may take.
    """
    return socket.gethostname(), room.free(), room.taken(limits, wall(rung, minimum))


@cache
def kit_version() -> str:
    """Hash of all of the kit's code: the coordinator and its workers must have the same."""
    return hash_of({**_sources(PACKAGE), **_sources(Path(utils.__file__).parent)})


@cache
def grader() -> str:
    """Hash of the code that every grade depends on; what a question adds is in `fingerprint`."""
    digest = hashlib.sha256()
    for name, path in graded_by(PACKAGE.parent).items():
        digest.update(f"{name}\0{meaning(path.read_bytes())}\0".encode())
    return digest.hexdigest()


def graded_by(root: Path) -> dict[str, Path]:
    """{name: file} of the code that every grade depends on, in the kit that lies in `root`."""
    found = {}
    for wing in WINGS:
        for path in sorted((root / wing).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(BY_QUESTION):
                found[name] = path
    return found


def meaning(source: bytes | str) -> str:
    """What code does, whatever its comments and docstrings say: its syntax tree without them."""
    return repr(_shape(ast.parse(source)))


def _shape(node):
    """A tree as nested lists: twice as quick as `ast.dump`, and a class waits for it."""
    if isinstance(node, list):
        return [_shape(child) for child in node]
    if not isinstance(node, ast.AST):
        return node
    found = [type(node).__name__, *[_shape(getattr(node, name, None)) for name in node._fields]]
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        del found[1 + node._fields.index("body")][0]
    return found


def _sources(folder: Path) -> dict[str, Path]:
    return {f"{folder.name}/{p.relative_to(folder)}": p for p in sorted(folder.rglob("*.py"))}


def hash_of(files: dict[str, Path]) -> str:
    """Hash of files, by name and content."""
    digest = hashlib.sha256()
    for name, path in files.items():
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
