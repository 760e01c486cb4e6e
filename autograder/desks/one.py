"""`python -m autograder one NOTEBOOK`: grade one submission, without gradebook or course folder.

What is official comes from the kit: the release in `assignments/` says which cells there are, the
catalogue what they are worth. A submission's own metadata say only which cell is meant to be which.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from autograder.course.intake import submission as intake
from autograder.errors import WrongCall
from autograder.exam import examiner, sanitize, unlabelled, verdict, warm
from autograder.exam.walls.scratch import Scratch
from autograder.key import catalogue, points

RELEASE = Path(__file__).resolve().parents[2] / "assignments"
VERSION = 1  # of the JSON; a new key raises nothing, a key that goes or changes raises it
LIMITS = warm.Limits()  # what nbgrader's plug-in has by default
NOTES = 50
FILES = 128 * 2**20  # bytes of a submission, and of what goes into its box


@dataclass
class Submission:
    """What was handed in: a notebook, or a problem in words, with which nothing is run.

    name: of the notebook. assignment: None where nothing tells which one it is. folder, content:
    what was handed in beside it, as files or as {name: bytes}.
    """

    name: str
    assignment: str | None
    folder: Path | None = None
    content: dict[str, bytes] = field(default_factory=dict)
    notebook: NotebookNode | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of what its cells hold: another when a student has changed something."""
        cells = self.notebook.cells if self.notebook else []
        return hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()[:16]


def found(path: Path, files: Path | None = None, assignment: str | None = None) -> Submission:
    """What was handed in.

    path: the notebook, or a folder or zip in which it is looked for, with what lies beside it.
    files: the folder of what was handed in with a notebook, such as `runs/`.
    assignment: which one was asked for; by default what the notebook's name or its cells say.
    WrongCall where there is no such file or assignment.
    """
    if not path.exists():
        raise WrongCall(f"no such file: {path}")
    if files is not None and not files.is_dir():
        raise WrongCall(f"no folder {files}")
    asked = assignment or path.stem
    if asked not in catalogue.ASSIGNMENTS and (RELEASE / asked / f"{asked}.ipynb").is_file():
        raise WrongCall(
            f"{asked} is an ordinary nbgrader assignment, whose tests stand in the notebook: "
            f"`python -m autograder grade {asked}` runs them"
        )
    if assignment is not None and assignment not in available():
        raise WrongCall(f"no assignment {assignment!r}; there are {', '.join(available())}")
    submission = _read(path, files, assignment)
    submission.assignment = submission.assignment or _assignment(submission)
    if not submission.problem:
        submission.problem = _other(submission.notebook, submission.assignment)
    _compare_points(submission.assignment)
    return submission


def grade(submission: Submission, seed: int | None = None) -> dict:
    """The result of one submission, as `result.schema.json` describes it.

    seed: of the hidden inputs; drawn, and told in the result, where it is not given.
    Whatever the submission holds, there is a result. NoBox where nothing isolates student code.
    """
    started, records, notes, rung = time.monotonic(), {}, [], None
    if submission.problem:
        seed, notes = None, [submission.problem]
    else:
        seed = secrets.randbelow(2**31) if seed is None else seed
        examined, rung = _examined(submission, seed)
        records, notes = examined.records, _for_students(examined.notes)
    questions = [
        verdict.row(records.get(q) or verdict.failed(q, submission.problem, None, worth))
        for q, worth in asked(submission.assignment).items()
    ]
    return {
        "version": VERSION,
        "assignment": submission.assignment,
        "score": round(sum(row["score"] for row in questions), 2),
        "max_score": sum(row["points"] for row in questions if not row["extra"]),
        "rung": rung,
        "seconds": round(time.monotonic() - started, 2),
        "seed": seed,
        "questions": questions,
        "notes": _few([*notes, *submission.notes]),
    }


def available() -> list[str]:
    """Assignments whose release and key are here: all of them, or the one of a bundle."""
    return [name for name in catalogue.ASSIGNMENTS if (RELEASE / name / f"{name}.ipynb").is_file()]


@cache
def official(assignment: str) -> dict[str, NotebookNode]:
    """{grade_id: cell} as it was released, in its order."""
    import nbformat

    known = {}
    for cell in nbformat.read(RELEASE / assignment / f"{assignment}.ipynb", 4).cells:
        about = cell.metadata.get("nbgrader")
        if about:
            name = about["grade_id"]
            known[name] = sanitize.cell_of(f"official-{len(known)}", cell.cell_type, cell.source)
            known[name].metadata.nbgrader = about
    return known


def released(assignment: str | None) -> list[NotebookNode]:
    """The cells of an assignment's notebook as it was released; none where it is not known."""
    import nbformat

    path = RELEASE / str(assignment) / f"{assignment}.ipynb"
    return nbformat.read(path, 4).cells if path.is_file() else []


def asked(assignment: str | None) -> dict[str, float]:
    """{question: points of its cell} that the notebook tests, in its order. Tests with code of
    their own are not among them: the release has none.
    """
    cells = official(assignment).values() if assignment else ()
    return {
        sanitize.question_of(cell): float(cell.metadata.nbgrader.points)
        for cell in cells
        if sanitize.question_of(cell)
    }


def _compare_points(assignment: str | None) -> None:
    """Tell the desk where the key has other points than the release; WrongCall where marks cannot
    be scaled.
    """
    told = [points.differ(q, worth, "the release") for q, worth in asked(assignment).items()]
    refused = [str(said) for said in told if said and said.refuses]
    if refused:
        raise WrongCall(f"{'; '.join(refused)}. `python -m autograder build` makes it anew")
    for said in filter(None, told):
        print(said, file=sys.stderr)


def _read(path: Path, files: Path | None, assignment: str | None) -> Submission:
    """The notebook that was handed in, and what lies beside it."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _out_of(path, files, assignment)
    submission = Submission(path.stem, assignment, folder=files)
    if files is None and (path.parent / "runs").is_dir():
        submission.notes.append(
            "runs/ lies beside the notebook and was not looked at: name its folder, "
            f"--files {path.parent}"
        )
    return _opened(submission, path)


def _opened(submission: Submission, path: Path) -> Submission:
    try:
        submission.notebook = sanitize.read(path)
    except (sanitize.Unreadable, OSError) as problem:
        said = problem if isinstance(problem, sanitize.Unreadable) else "cannot be read"
        submission.problem = f"This file {said}."  # as nbgrader's plug-in says it
    return submission


def _out_of(path: Path, files: Path | None, assignment: str | None) -> Submission:
    """A submission as `collect` would take it, out of a folder or a zip."""
    wanted = [assignment] if assignment else available()
    try:
        uploads = intake.files.source(path)
        taken, notes = intake.taken(uploads, {name: {*official(name)} for name in wanted}, FILES)
    except intake.Unusable as problem:
        said = f"What was handed in cannot be graded: {problem}."
        return Submission("", assignment or _only(), problem=said)
    except WrongCall as problem:
        return Submission("", assignment or _only(), problem=f"{problem}.")
    names = [name for name in wanted if f"{name}.ipynb" in taken]
    submission = Submission(names[0], names[0], files, notes=notes)
    if len(names) > 1:
        said = f"The notebooks of {' and '.join(names)} were handed in; hand in one."
        return Submission("", None, problem=said)
    notebook = taken.pop(f"{names[0]}.ipynb")
    submission.content = {} if files else taken
    with tempfile.NamedTemporaryFile(suffix=".ipynb") as scratch:
        scratch.write(notebook)
        scratch.flush()
        return _opened(submission, Path(scratch.name))


def _only() -> str | None:
    """The assignment, where there is but one here."""
    return available()[0] if len(available()) == 1 else None


def _assignment(submission: Submission) -> str | None:
    """Which assignment a submission is of: the only one here, or by its name, or by its cells."""
    if submission.name in available():
        return submission.name
    return _only() or (_most_alike(submission.notebook) if submission.notebook else None)


def _most_alike(notebook) -> str | None:
    """The assignment of which a notebook holds most cells, if any: by their names, or where an
    editor dropped all of them, by their text.
    """
    own, texts = _names(notebook), {cell.source.strip() for cell in notebook.cells}
    held = {name: len(own & official(name).keys()) for name in available()}
    if not any(held.values()):
        for name in held:
            held[name] = sum(
                unlabelled.as_released(cell) in texts for cell in official(name).values()
            )
    best = max(held, key=held.get, default=None)
    return best if best and held[best] else None


def _other(notebook, assignment: str | None) -> str:
    """What to say of a notebook of no assignment; or with more cells of another than of this one:
    a few names are the same in several.
    """
    if assignment is None:
        names = " or ".join(f"{name}.ipynb" for name in available())
        return (
            f"Which assignment this is cannot be told: it is not called {names}, and holds no cell "
            "of theirs."
        )
    names = _names(notebook)
    named = Counter(name.partition("-")[0] for name in names if "-" in name)
    others = {name: count for name, count in named.items() if name in catalogue.ASSIGNMENTS}
    other = max(others, key=others.get, default=assignment)
    if other != assignment and others[other] > len(names & official(assignment).keys()):
        return f"This is the notebook of {other}; {assignment} was asked for."
    return ""


def _names(notebook) -> set[str]:
    return {label for cell in notebook.cells if (label := unlabelled.label_of(cell))}


def _examined(submission: Submission, seed: int):
    """What the examiner finds, and the rung of the wall behind which it asked."""
    assignment = submission.assignment

    def put_right(said, *values):
        submission.notes.append(said % values)

    sanitize.restore(submission.notebook, official(assignment), put_right)
    cells = examiner.cells_of(submission.notebook)
    with Scratch("submission") as folder:
        names, left_out = [], []
        if submission.folder is not None:
            names, left_out = examiner.files_of(submission.folder, FILES)
            _copy(submission.folder, names, folder)
        for name, data in submission.content.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            names.append(name)
        submission.content = {}
        given = RELEASE / assignment
        names += (own := examiner.files_of(given, FILES)[0])
        _copy(given, own, folder)
        submission.notes += [f"not copied: {name}" for name in left_out]
        server = warm.shared(LIMITS, (RELEASE.parent,), cells)
        examined = examiner.examine(cells, folder, sorted({*names}), assignment, seed, server)
    return examined, server.rung


def _few(notes: list[str]) -> list[str]:
    """What a desk takes of them: the names in them are the student's, as many and as long as the
    student likes.
    """
    told = [verdict.printable(note)[:500] for note in notes[:NOTES]]
    more = len(notes) - NOTES
    return [*told, f"and {more:,} more notes"] if more > 0 else told


def _copy(source: Path, names: list[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            shutil.copyfile(source / name, target / name, follow_symlinks=False)


def _for_students(notes: list[str]) -> list[str]:
    """The examiner's notes without tracebacks, which show the key: these go to standard error."""
    secret = [note for note in notes if "Traceback (" in note]
    if secret:
        print("\n".join(secret), file=sys.stderr)
    return [note for note in notes if note not in secret]
