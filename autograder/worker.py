"""What a worker does: execute a student's notebook, on any machine that has this kit.

A result depends on cells, files and seed alone, so it does not matter where it comes from. nbgrader
is not imported: only the coordinator needs it, and it takes seconds to load.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import utils
from autograder import examiner, probes, questions
from autograder.box import Limits
from autograder.errors import Stopped
from autograder.warm import Warm

PACKAGE = Path(__file__).resolve().parent
# Modules of this package that no grade depends on.
NOT_GRADING = (
    "__main__", "answers", "build", "cli", "collect", "course", "demo", "doctor", "errors",
    "exports", "feedback", "fingerprint", "grading", "ledger", "prose", "report",
)  # fmt: skip


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
        return [run(job) for job in jobs]


def run(job: Job) -> examiner.Examined:
    with tempfile.TemporaryDirectory(prefix="submission-") as scratch:
        folder = Path(scratch)
        for name, data in job.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        if job.sandbox == "bubblewrap":
            server = warm(job.limits, tuple(map(Path, job.hidden)), job.cells)
            submission = job.cells, folder, list(job.files), job.name, job.seed
            return examiner.examine(*submission, server, job.kept)
        return _trusted(job, folder)


def _trusted(job: Job, folder: Path) -> examiner.Examined:
    """Without a sandbox: nbgrader's kernel, tests inside."""
    import nbformat
    from nbgrader.utils import setenv

    from autograder import execute, sanitize

    cells = [nbformat.v4.new_code_cell(cell.source) for cell in job.cells]
    notebook = sanitize.in_place_of("")
    notebook.metadata.pop(sanitize.KEY)
    notebook.cells = cells
    runner = execute.Execute(sandbox="none", seed=job.seed, timeout=int(job.limits.cell_seconds))
    started = time.monotonic()
    with setenv(NBGRADER_EXECUTION="autograde"):
        runner.preprocess(notebook, {"metadata": {"path": str(folder)}})
    outputs = [[dict(output) for output in cell.outputs] for cell in notebook.cells]
    return examiner.Examined(outputs, seconds=time.monotonic() - started)


def warm(limits: Limits, hidden: tuple[Path, ...], cells: Sequence[examiner.Cell]) -> Warm:
    """This process's warm server for notebooks of such cells; it ends with the process."""
    asked = {questions.find(cell.question).probe for cell in cells if cell.question}
    return _warm(limits, hidden, probes.late(asked))


@cache
def _warm(limits: Limits, hidden: tuple[Path, ...], late: tuple[str, ...]) -> Warm:
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # or collections would go through all of torch and nbgrader again and again
    started = Warm(limits, hidden, late=late)
    atexit.register(started.close)
    return started


@cache
def kit_version() -> str:
    """Hash of all of the kit's code: the coordinator and its workers must have the same."""
    return hash_of({**_sources(PACKAGE), **_sources(Path(utils.__file__).parent)})


@cache
def grader() -> str:
    """Hash of the code that every grade depends on; what a question adds is in `fingerprint`."""
    files = {**_sources(PACKAGE), **_sources(Path(utils.__file__).parent)}
    own = tuple(f"autograder/{folder}/" for folder in ("questions", "probes"))
    common = {f"autograder/{name}.py" for name in NOT_GRADING}
    files = {k: v for k, v in files.items() if k not in common and not k.startswith(own)}
    return hash_of(files)


def _sources(folder: Path) -> dict[str, Path]:
    return {f"{folder.name}/{p.relative_to(folder)}": p for p in sorted(folder.rglob("*.py"))}


def hash_of(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
