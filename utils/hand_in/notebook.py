"""A saved notebook, read warily: whatever the file holds, there are cells or there is a sentence.

Cells that came with the release carry nbgrader's metadata: a name, points, and a checksum of how
they were handed out. The notebook's own metadata say which of them there were (see `Notebook`).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

LARGEST = 32 * 2**20  # bytes; the grader reads no more either


class Unreadable(Exception):
    """A file is no notebook; the message completes "vae.ipynb …"."""

    def _render_traceback_(self):
        return [str(self)]


@dataclass
class Cell:
    """One cell. `name` and `about` are nbgrader's; `number` is its place, from 1."""

    number: int
    kind: str
    source: str
    name: str = ""
    about: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    executed: int | None = None
    outputs: list = field(default_factory=list)
    attachments: dict = field(default_factory=dict)

    def is_(self, role: str) -> bool:
        """Whether it is a "solution", "locked" or "grade" cell of the release."""
        return bool(self.about.get(role))

    @property
    def points(self) -> float:
        points = self.about.get("points")
        return float(points) if isinstance(points, int | float) else 0.0

    @property
    def untouched(self) -> bool:
        """Whether a cell of the release is still as it was handed out."""
        return self.about.get("checksum") == checksum(self)

    @property
    def error(self) -> str:
        """What its last run ended with, in a line; "" where it ended well."""
        for output in self.outputs:
            if output.get("output_type") == "error":
                said = text(output.get("evalue")).strip() or text(output.get("ename"))
                return said.splitlines()[0] if said else "an error"
        return ""


@dataclass
class Notebook:
    """assignment: its name ("" if unknown). released: names of the cells that were handed out.
    runs: {name of a graded cell: [names of the runs that it grades]}. goals: {run: the test ELBO
    that earns all points}.
    """

    path: Path
    cells: list[Cell]
    assignment: str = ""
    released: list[str] = field(default_factory=list)
    runs: dict[str, list[str]] = field(default_factory=dict)
    goals: dict[str, float] = field(default_factory=dict)

    def find(self, name: str) -> Cell | None:
        """The cell of the release with this name; of several the last, or None."""
        return next((cell for cell in reversed(self.cells) if cell.name == name), None)


def checksum(cell: Cell) -> str:
    """nbgrader's checksum of a cell, which it stores in the metadata when it makes the release."""
    parts = [cell.source, cell.kind, *(str(cell.is_(role)) for role in ("grade", "solution"))]
    parts += [str(cell.is_("locked")), cell.name]
    parts += [str(cell.points)] if cell.is_("grade") else []
    return hashlib.md5("".join(parts).encode()).hexdigest()


def read(path) -> Notebook:
    """The notebook in a file. Raises Unreadable, never anything else."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise Unreadable("is not a plain file")
        if size > LARGEST:
            raise Unreadable(
                f"has {size / 2**20:.0f} MB, and more than {LARGEST / 2**20:.0f} MB is not read: "
                "clear large outputs, and paste smaller pictures"
            )
        content = path.read_bytes()
        raw = json.loads(content.decode("utf-8-sig"))
        if isinstance(raw, dict) and raw.get("nbformat") in (1, 2, 3):
            raw = _upgraded(raw)
        cells = raw["cells"]
        if not isinstance(cells, list):
            raise TypeError
    except FileNotFoundError:
        raise Unreadable("is not there") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        if b"<<<<<<< " in content:
            raise Unreadable(
                "holds the marks of a merge conflict (<<<<<<<): choose one of the two versions"
            ) from None
        raise Unreadable("is no notebook any more: what it holds cannot be read") from None
    made = [_cell(number, cell) for number, cell in enumerate(cells, 1) if isinstance(cell, dict)]
    course = _dict(_dict(raw.get("metadata")).get("course"))
    runs = {
        name: [run for run in listed if isinstance(run, str) and Path(run).name == run]
        for name, listed in _dict(course.get("runs")).items()
        if isinstance(listed, list)
    }
    released = course.get("cells")
    return Notebook(
        path,
        made,
        text(course.get("assignment")),
        [text(name) for name in released] if isinstance(released, list) else [],
        runs,
        {
            run: goal
            for run, goal in _dict(course.get("goals")).items()
            if type(goal) in (int, float)
        },
    )


def _upgraded(raw: dict) -> dict:
    """A notebook of an old format as Jupyter opens it; ValueError where it is damaged."""
    import nbformat

    try:
        return nbformat.convert(nbformat.from_dict(raw), 4)
    except Exception as error:  # whatever a damaged file makes it raise
        raise ValueError(str(error)) from None


def _cell(number: int, raw: dict) -> Cell:
    metadata = _dict(raw.get("metadata"))
    about = _dict(metadata.get("nbgrader"))
    executed, outputs = raw.get("execution_count"), raw.get("outputs")
    return Cell(
        number,
        text(raw.get("cell_type")),
        text(raw.get("source")).replace("\r\n", "\n").replace("\r", "\n"),  # as in the release
        text(about.get("grade_id")),
        about,
        metadata,
        executed if isinstance(executed, int) else None,
        [o for o in outputs if isinstance(o, dict)] if isinstance(outputs, list) else [],
        _dict(raw.get("attachments")),
    )


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}


def text(value) -> str:
    """As a string what a notebook holds as one or as a list of lines; halves of characters are
    replaced.
    """
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def locate(where="", holding: str = "") -> Path:
    """The file meant by an assignment's name, a folder or a path; by default the notebook that
    this kernel belongs to, or the one in this folder that holds a cell named `holding`.
    """
    if where:
        path = Path(where)
        beside = [
            path,
            path / f"{path.resolve().name}.ipynb",
            Path(f"{where}.ipynb"),
            Path("assignments", where, f"{where}.ipynb"),
        ]
        return next((p for p in beside if p.is_file()), beside[1] if path.is_dir() else beside[2])
    session = os.environ.get("JPY_SESSION_NAME", "")  # set by Jupyter's server
    if session.endswith(".ipynb") and os.path.isfile(session):
        return Path(os.path.relpath(session))
    usual = Path(f"{Path().resolve().name}.ipynb")
    there = sorted(Path().glob("*.ipynb"), key=lambda path: (path != usual, path))
    for path in there:
        if holding and f'"{holding}"' in path.read_text("utf8", "replace"):
            return path
    return there[0] if there else usual
