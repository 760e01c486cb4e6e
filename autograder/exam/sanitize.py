"""Make any file that calls itself a notebook gradable: read it warily, put the graded cells back in
place.

Nothing in its metadata is trusted: they are rebuilt from the release, and a file that cannot be
read becomes an empty notebook that says why. The submission itself is never changed. nbgrader is
not needed here: it takes a second to load, and most desks have none.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping

import nbformat
from nbformat import NotebookNode

from autograder.exam import unlabelled
from autograder.key import catalogue
from utils.hand_in.answers import PICTURES
from utils.hand_in.notebook import LARGEST
from utils.hand_in.notebook import text as text_of

FILE = 128 * 2**20  # bytes of any other file that is copied
CELLS = 2000

OTHERS = {  # how a file begins that is none, and what it is
    **dict.fromkeys(
        (b"<!", b"<?", b"<h", b"<H"), "a web page that shows one, saved in place of the file itself"
    ),
    b"PK": "an archive",
    b"%PDF": "a PDF of one",
}
KEY = "autograder"  # of the notebook metadata that tells the second pass what the first one found


class Unreadable(Exception):
    """The file is no notebook; the message completes "This file …"."""


def plain(path: str | os.PathLike) -> bool:
    """Whether this is a regular file of a size that may be copied; no link, no pipe."""
    status = os.lstat(path)
    return stat.S_ISREG(status.st_mode) and status.st_size <= FILE


def read(path: str | os.PathLike) -> NotebookNode:
    """The notebook in a file, rebuilt from what a notebook may hold; Unreadable says what is
    wrong.
    """
    # A pipe or a device would never end, and a link could name somebody else's work.
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise Unreadable("is not a plain file")
    size = os.path.getsize(path)
    if size == 0:
        raise Unreadable("is empty: it was handed in with no content")
    if size > LARGEST:
        raise Unreadable(f"has {size / 2**20:.0f} MiB, more than the {LARGEST / 2**20:.0f} allowed")
    notes: list[str] = []
    with open(path, "rb") as stream:
        data = stream.read()
    other = next((what for begin, what in OTHERS.items() if data.lstrip().startswith(begin)), "")
    if other:
        raise Unreadable(f"is not a notebook: it is {other}")
    raw = _parsed(_decoded(data, notes), notes)
    try:
        if isinstance(raw, dict) and raw.get("nbformat") in (1, 2, 3):
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        cells = raw["cells"]
        if not isinstance(cells, list):
            raise TypeError
    except Exception:
        raise Unreadable("is not a notebook: it has no list of cells") from None
    if len(cells) > CELLS:
        raise Unreadable(f"is not a notebook with at most {CELLS} cells")
    rebuilt = [_rebuilt(number, cell, notes) for number, cell in enumerate(cells)]
    about = {**_python(), **({KEY: {"notes": notes}} if notes else {})}
    return nbformat.v4.new_notebook(cells=[cell for cell in rebuilt if cell], metadata=about)


def _decoded(data: bytes, notes: list[str]) -> str:
    """A file's text, also of an editor or a shell that writes another encoding than UTF-8."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        if b"\0" in data:
            raise Unreadable("is not a notebook: it is not text in UTF-8") from None
        notes.append("The file is not in UTF-8; other letters than those of English may be wrong")
        return data.decode("cp1252", "replace")


def _parsed(text: str, notes: list[str]):
    """The JSON that a file begins with."""
    try:
        begin = re.search(r"[^\s\ufeff]|\Z", text)  # some editors write two marks
        raw, end = json.JSONDecoder(strict=False).raw_decode(text, begin.start() if begin else 0)
    except RecursionError:
        raise Unreadable("is not a notebook: it is nested too deeply") from None
    except ValueError as error:
        if "<<<<<<< " in text:
            raise Unreadable(
                "is not a notebook any more: it holds the marks of a merge conflict (`<<<<<<<`), "
                "two versions that were never put together"
            ) from None
        raise Unreadable(f"is not a notebook: it is not JSON ({error})"[:200]) from None
    if text[end:].strip():
        notes.append("The file goes on behind the notebook; what stands there was not read")
    return raw


def _rebuilt(number: int, cell, notes: list[str]) -> NotebookNode | None:
    """A cell with its source, its nbgrader id and its pictures, and nothing else."""
    if not isinstance(cell, dict):
        return None
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        notes.append(f"Cell {number + 1} is of no type that notebooks have: {kind!r:.40}")
        kind = "raw"
    source = text_of(cell.get("source"))
    source = source.replace("\r\n", "\n").replace("\r", "\n")  # as the release has line ends
    made = cell_of(f"cell-{number}", kind, source)
    if made.cell_type == "markdown" and isinstance(cell.get("attachments"), dict):
        made.attachments = _pictures(cell["attachments"], notes)
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(about, dict) and isinstance(about.get("grade_id"), str):
        made.metadata.nbgrader = NotebookNode(grade_id=about["grade_id"])
    return made


def cell_of(id: str, kind: str, source: str) -> NotebookNode:
    """A cell without metadata; nbformat's own way to make one validates it, which takes longer."""
    made = NotebookNode(id=id, cell_type=kind, source=source, metadata=NotebookNode())
    if kind == "code":
        made.update(outputs=[], execution_count=None)
    return made


def _pictures(attachments: dict, notes: list[str]) -> NotebookNode:
    """The pasted pictures that can be shown, {name: {"image/png": base64}}."""
    shown = NotebookNode()
    for name, bundle in attachments.items():
        name = text_of(name)
        for kind, data in bundle.items() if isinstance(bundle, dict) else ():
            if kind in PICTURES and text_of(data):
                shown[name] = NotebookNode({kind: text_of(data)})
        if name not in shown:
            kinds = ", ".join(map(str, bundle)) if isinstance(bundle, dict) else "nothing"
            notes.append(f"The picture {name[:80]!r} cannot be shown: it is {kinds[:80]}")
    return shown


def in_place_of(problem: str) -> NotebookNode:
    """An empty notebook that says why the real one was not read."""
    note = nbformat.v4.new_markdown_cell(f"**{problem}** Nothing in it could be graded.")
    return nbformat.v4.new_notebook(cells=[note], metadata={**_python(), KEY: {"problem": problem}})


def problem_of(notebook) -> str | None:
    """Why the submitted file could not be read, when that is so."""
    return notebook.metadata.get(KEY, {}).get("problem")


def notes_of(metadata: Mapping) -> list[str]:
    """What had to be put right, a sentence each: of the metadata of a restored notebook."""
    return list(metadata.get(KEY, {}).get("notes", []))


def _python() -> dict:
    return {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }


def restore(nb: NotebookNode, known: Mapping[str, NotebookNode], warn: Callable) -> None:
    """Make every cell what it was when it was released, but for what a student was to write, and
    put each graded cell once where it can be graded.

    known: {grade_id: cell} as it was released, in its order, with nbgrader's metadata. A cell that
    is not among them is the student's own. Of cells that stand there twice the last edited one
    counts. A test that is missing, or stands before the work that it tests, goes behind that work;
    other graded cells that are missing go to the end. warn(format, *values) is told what was done;
    the notebook's metadata keep it for the report.
    """
    notes = nb.metadata.get(KEY, {}).get("notes", [])
    told, warn = warn, lambda text, *values: (told(text, *values), notes.append(text % values))
    unlabelled.recognise(nb.cells, known, warn)
    cells = list(nb.cells)
    kept = _counting(cells, known)
    for cell in cells:
        name = cell.metadata.pop("nbgrader", {}).get("grade_id")
        if kept.get(name) is cell:
            _restore(cell, name, known[name], warn)
        elif name in kept:
            warn("Cell %r is there more than once", name)
    nb.cells = cells
    work, written = None, dict[str, NotebookNode | None]()  # {what a step defines: its cell}
    for name, official in known.items():
        if is_solution(official) and not is_grade(official):
            work = kept.get(name, work)
            written |= dict.fromkeys(unlabelled.defines(official.source), kept.get(name))
        elif is_grade(official):
            own = written.get(name.partition("-")[2])
            tested = [cell for cell in (work, own) if cell is not None]
            _place(nb, kept, name, official, tested, warn)
    if notes and not problem_of(nb):
        nb.metadata.setdefault(KEY, NotebookNode())["notes"] = notes


def is_grade(cell) -> bool:
    """Whether nbgrader's metadata says that the cell is worth points."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def is_solution(cell) -> bool:
    """Whether nbgrader's metadata says that students write the cell."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_test(cell) -> bool:
    """Whether the cell is code that grades what stands above it."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def question_of(cell) -> str | None:
    """The question that a restored cell tests, or None; by its name, whatever its source says."""
    if not is_test(cell):
        return None
    name = catalogue.question_id(str(cell.metadata.nbgrader.grade_id))
    return name if catalogue.known(name) else None


def test_of(cell) -> str | None:
    """The name of a restored cell that tests with code of its own, as nbgrader has it; or None."""
    if not is_test(cell) or question_of(cell):
        return None
    return str(cell.metadata.nbgrader.grade_id)


def _restore(cell, name, official, warn) -> None:
    """Give a cell its type and its metadata back, and a locked one its source."""
    cell.metadata.nbgrader = official.metadata.nbgrader.copy()
    if cell.cell_type != official.cell_type:
        warn("Cell %r had become a %s cell", name, cell.cell_type)
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
        cell.update({**official, "source": cell.source, "metadata": cell.metadata})
    if cell.metadata.nbgrader.locked and cell.source != official.source:
        if cell.source.strip() != unlabelled.as_released(official):
            warn("Cell %r is read-only and was put back as it was released", name)
        cell.source = official.source


def _place(nb, kept, name, official, tested, warn) -> None:
    """Make sure that a graded cell is there, and a test behind the work that it tests."""
    test = not is_solution(official)
    cell = kept.get(name)
    if cell is not None and not (test and tested):
        return
    places = {id(cell): number for number, cell in enumerate(nb.cells)}
    behind = max((places[id(work)] for work in tested), default=len(nb.cells) - 1)
    if cell is None:
        warn("Cell %r is missing and was put back", name)
        nb.cells.insert(behind + 1 if test else len(nb.cells), official)
    elif places[id(cell)] < behind:
        warn("Cell %r stood before the work that it tests and was moved", name)
        nb.cells.insert(behind, nb.cells.pop(places[id(cell)]))


def _counting(cells, known) -> dict[str, NotebookNode]:
    """{name: the cell that counts}: the last that was edited since the release, or else the
    last.
    """
    kept, edited = {}, set()
    for cell in cells:
        name = unlabelled.label_of(cell) or ""
        if name in known:
            changed = cell.source.strip() != known[name].source.strip()
            if changed or name not in edited:
                kept[name] = cell
            if changed:
                edited.add(name)
    return kept
