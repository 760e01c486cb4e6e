"""Cells that lost nbgrader's metadata: retyped, or saved by Deepnote, Kaggle and the like.

A cell is known again by what it says, by what it defines, or by its place: what was released stands
around it. An answer in words must reach the person who marks it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from nbformat import NotebookNode

HIDDEN = re.compile(r"^### BEGIN (HIDDEN TESTS|MARK SCHEME).*?^### END \1[^\n]*\n?", re.S | re.M)
DEFINED = re.compile(r"^(?:(?:async\s+)?(?:def|class)\s+(\w+)|(\w+)\s*=(?!=))", re.M)


def recognise(cells: list[NotebookNode], known: Mapping[str, NotebookNode], warn: Callable) -> None:
    """Give cells back the ids that they lost, and answers the text that stands beside them.

    cells: of a submission; changed in place. known: see `sanitize.restore`. warn(format, *values)
    is told what was done.
    """
    there = set(map(label_of, cells))
    lost = [name for name in known if name not in there]
    answers = [name for name in known if _is_answer(known[name])]
    if lost:
        steps = [(cell, defines(cell.source)) for cell in cells if cell.cell_type == "code"]
        for name in lost:
            if name not in answers:
                cell, how = _by_text(cells, known, name) or _by_names(steps, known, name)
                _label(cell, how, name, warn)
    for name in answers:
        _apart(cells, known, name)
        _join(cells, known, name, warn)
        if name in lost:
            cell, how = _by_header(cells, known, name) or _by_place(cells, known, name)
            _label(cell, how, name, warn)
        _gather(cells, known, name, warn)


NOTHING = None, ""


def as_released(official) -> str:
    """What students got of a cell, without the space around it."""
    return HIDDEN.sub("", official.source).strip()


def _label(cell: NotebookNode | None, how: str, name: str, warn) -> None:
    if cell is not None:
        cell.metadata.nbgrader = NotebookNode(grade_id=name)
        warn("Cell %r had lost its metadata and was known by %s", name, how)


def _by_text(cells, known, name):
    """The cell that says what the official one says, as students got it; and how it was known."""
    text = as_released(known[name])
    same = (c for c in _own(cells, known) if text and c.source.strip() == text)
    return next(((cell, "its text") for cell in same), None)


def _by_names(steps, known, name):
    """The last cell that defines what this step of the release asks for."""
    if known[name].cell_type != "code" or known[name].metadata.nbgrader.locked:
        return NOTHING
    asked = defines(known[name].source)
    own = (cell for cell, names in reversed(steps) if asked & names and label_of(cell) not in known)
    return next(((cell, "what it defines") for cell in own), NOTHING)


def defines(source: str) -> set[str]:
    return {function or value for function, value in DEFINED.findall(source)}


def _by_header(cells, known, name):
    """The cell between this answer's neighbours that begins with its first line."""
    header = _header(known[name])
    own = _own(_between(cells, known, name), known)
    found = (c for c in own if header and c.source.strip().startswith(header))
    return next(((cell, "its first line") for cell in found), None)


def _by_place(cells, known, name):
    """The text between what stood above this answer and what stood below it."""
    above, below = _neighbours(cells, known, name)
    if above is not None:
        texts = _texts(cells, known, above + 1, below)
    else:  # then it is the last thing above what names it
        texts = _texts(cells, known, max(below - 1, 0), below) if below is not None else []
    return (texts[0], "its place") if texts else NOTHING


def _apart(cells, known, name) -> None:
    """Give a cell of its own to an answer that was written, or merged, into the cell of its rubric
    or behind other text.
    """
    rubric, header = _rubric(known, name), _header(known[name])
    for cell in [c for c in cells if rubric and label_of(c) == rubric]:
        released = as_released(known[rubric])
        _split(cells, cell, released, _added(cell.source, released))
    if header and all(label_of(cell) != name for cell in cells):
        for cell in _own(_between(cells, known, name), known):
            above, found, below = cell.source.partition(f"\n{header}\n")
            if found and cell.cell_type == "markdown":
                _split(cells, cell, above, f"{header}\n{below}")
                break


def _split(cells, cell, above: str, below: str) -> None:
    """Leave the text above in a cell, and put the one below, if any, into another behind it."""
    if below:
        made = NotebookNode(
            {**cell, "id": f"{cell.id}-2", "source": below, "metadata": NotebookNode()}
        )
        place = next(n for n, other in enumerate(cells) if other is cell)
        cells.insert(place + 1, made)
        cell.pop("attachments", None)
        cell.source = above


def _added(source: str, released: str) -> str:
    """The lines that were added to a text of the release; "" where it is no longer whole, whatever
    an editor made of its signs.
    """

    def told(line: str) -> str:
        return "".join(filter(str.isalnum, line)) or line.strip()

    asked, added = Counter(filter(None, map(told, released.splitlines()))), []
    for line in source.splitlines():
        if asked[told(line)] > 0:
            asked[told(line)] -= 1
        else:
            added.append(line)
    return "" if asked.total() else "\n".join(added).strip()


def _join(cells, known, name, warn) -> None:
    """Put an answer together that an editor split in two: both halves have its id. Of copies, which
    begin with its first line or have most words in common, the last that was edited counts.
    """
    header = _header(known[name])
    for place in range(len(cells) - 1, 0, -1):
        cell, piece = cells[place - 1 : place + 1]
        if not label_of(cell) == label_of(piece) == name:
            continue
        texts = [c.source.strip() for c in (cell, piece)]
        one, other = (set(text.split()) for text in texts)
        copy = known[name].source.strip() in texts or len(one & other) > len(one | other) / 2
        if not copy and not (header and texts[1].startswith(header)):
            cell.source = f"{cell.source}\n\n{piece.source}".strip()
            if "attachments" in piece:
                cell.setdefault("attachments", NotebookNode()).update(piece.attachments)
            del cells[place]
            warn("Answer %r had been split and was put together", name)


def _gather(cells, known, name, warn) -> None:
    """Put texts that stand in cells of their own beside an answer into it."""
    places = [n for n, cell in enumerate(cells) if label_of(cell) == name]
    if len(places) != 1:  # deleted, or there twice: the one that was edited counts
        return
    answer, place = cells[places[0]], places[0]
    above, below = _neighbours(cells, known, name)
    before = _texts(cells, known, above + 1, place) if above is not None else []
    after = _texts(cells, known, place + 1, below) if below is not None else []
    if not (before or after):
        return
    untouched = answer.source.strip() == known[name].source.strip()
    own = _header(known[name]) if untouched else answer.source
    texts = [own, *(c.source for c in before + after)]
    answer.source = "\n\n".join(text.strip("\n") for text in texts if text.strip())
    for cell in before + after:
        if "attachments" in cell:
            answer.setdefault("attachments", NotebookNode()).update(cell.attachments)
    moved = set(map(id, before + after))
    cells[:] = [cell for cell in cells if id(cell) not in moved]
    warn("Answer %r goes on in %d cells beside it, which were put into it", name, len(moved))


def _neighbours(cells, known, name) -> tuple[int | None, int | None]:
    """The places of the rubric right above an answer and of the code below that counts its words:
    between them the release has nothing but this answer. None where there is no such cell.
    """
    above = below = None
    label = _rubric(known, name)
    if label:
        above = next((n for n, cell in enumerate(cells) if label_of(cell) == label), None)
    asks = f'"{name.replace("-", ".", 1)}"'
    for n, cell in enumerate(cells):
        if cell.cell_type == "code" and asks in cell.source and (above is None or n > above):
            below = n
            break
    return above, below


def _rubric(known, name) -> str | None:
    """The locked text right above an answer in the release, by its id."""
    order = list(known)
    above = order[order.index(name) - 1] if order.index(name) else None
    text = above is not None and known[above].cell_type == "markdown"
    return above if text and known[above].metadata.nbgrader.locked else None


def _texts(cells, known, first: int, last: int | None) -> list[NotebookNode]:
    """A student's own texts from one place to another, or to the next code, heading or cell of the
    release.
    """
    found = []
    for cell in cells[first:last]:
        heading = last is None and cell.source.lstrip().startswith("#")
        if cell.cell_type == "code" or label_of(cell) in known or heading:
            break
        if cell.source.strip():
            found.append(cell)
    return found


def _between(cells, known, name) -> list[NotebookNode]:
    """The cells between the last known one above an answer and the first known one below it."""
    order = list(known)
    place = {label_of(cell): n for n, cell in enumerate(cells)}
    above = [place[n] for n in order[: order.index(name)] if n in place]
    below = [place[n] for n in order[order.index(name) + 1 :] if n in place]
    return cells[max(above, default=-1) + 1 : min(below, default=len(cells))]


def _own(cells, known) -> list[NotebookNode]:
    return [cell for cell in cells if label_of(cell) not in known]


def label_of(cell) -> str | None:
    """What nbgrader calls a cell, its `grade_id`; None where it calls it nothing."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _is_answer(official) -> bool:
    about = official.metadata.nbgrader
    return official.cell_type == "markdown" and about.grade and about.solution


def _header(official) -> str:
    """What an answer's cell begins with, "" where it is nothing but a place to write in."""
    first, _, rest = official.source.strip().partition("\n")
    return first.strip() if rest.strip() else ""
