"""What is graded of what one person handed in: the notebook's own folder, and the runs.

People hand in a notebook, a zip or tar of its folder, of two folders, of the whole course, a zip in
a zip. The notebook is found by the cells in it, and the folder that it lies in is the submission.
Whatever is not taken is said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.course.intake import files
from autograder.course.intake.files import Budget, LeftOut, Unusable, Upload
from autograder.exam.verdict import printable
from autograder.plugins.dates import STAMP  # nbgrader's: only ours counts
from utils import run_files
from utils.hand_in.notebook import LARGEST as NOTEBOOK
from utils.hand_in.pack import MANIFEST

FILES = 2000  # of one submission
CANDIDATES = 200  # notebooks of one submission that are looked into
RUN = run_files.INFO  # lies in every run's folder
AGAIN = re.compile(r"[-_ ]?\(?(\d{1,3})\)?$")  # vae-2, vae (2), vae_2
CELL = re.compile(rb'"grade_id"\s*:\s*"([^"\\]+)"')
# Folders of programs, which may hold more files than any submission.
PROGRAMS = {".git", ".venv", "venv", "node_modules", "site-packages", ".idea", ".vscode"}
ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
INSTEAD = {  # of a notebook: what it is, and what to do
    ARCHIVES: "an archive that cannot be opened here; ask for a zip, or unpack it and collect the "
    "folder with --pattern",
    (".html", ".htm", ".pdf", ".docx"): "a page made from a notebook; ask for the notebook itself",
    (".py",): "code without its notebook; ask for the notebook itself",
    (".zip",): "a zip that cannot be opened",
    (".ipynb",): "another notebook, or one without any of its cells",
}


def taken(
    uploads: Iterable[Upload], wanted: dict[str, set[str]], most: int | None = None
) -> tuple[dict[str, bytes], list[str]]:
    """({file: content}, notes) of a submission: notebooks under their right names, and what lies
    beside them.

    wanted: {notebook: names of its nbgrader cells}. most: bytes, unpacked; by default
    `files.LARGEST`. Unusable where it holds none of them, or what no honest submission holds.
    """
    notes: list[str] = []
    budget = Budget(files.LARGEST if most is None else most)
    found = _opened(uploads, budget, notes)
    chosen = _chosen(found, wanted, budget, notes)
    if not chosen:
        lacking = f"it holds no {' or '.join(f'{name}.ipynb' for name in wanted)}"
        raise Unusable("; ".join([lacking, *_instead(found), *notes]))
    root = PurePosixPath(next(iter(chosen.values()))).parent
    places = _places(found, root, set(chosen.values()), notes)
    if len(places) > FILES:
        raise Unusable(f"it has more than {FILES:,} files")
    kept = {}
    for target, name in (*((f"{n}.ipynb", path) for n, path in chosen.items()), *places.items()):
        try:
            kept[target] = found[name].read(budget)
        except LeftOut as problem:
            notes.append(f"left out: {problem}")
    if not any(f"{notebook}.ipynb" in kept for notebook in wanted):
        raise Unusable("; ".join(dict.fromkeys(notes)))
    if MANIFEST in kept:
        notes += _compared(kept.pop(MANIFEST), kept)
    return kept, list(dict.fromkeys(notes))


def _opened(uploads: Iterable[Upload], budget: Budget, notes: list[str]) -> dict[str, Upload]:
    """{path: file} of all that was handed in; a zip is a folder of its name, and so is a zip in it,
    but no further.
    """
    found: dict[str, Upload] = {}
    waiting = deque((upload, "", 0) for upload in uploads)
    programs: dict[str, int] = {}
    copies = 0
    while waiting:
        if len(waiting) + len(found) > files.LISTED:
            raise Unusable(f"it has more than {files.LISTED:,} files")
        upload, above, depth = waiting.popleft()
        if files.systems(upload.name):
            copies += upload.name.endswith("-checkpoint.ipynb")
            continue
        owner = next((p for p in PurePosixPath(upload.name).parts if p in PROGRAMS), None)
        if owner:
            programs[owner] = programs.get(owner, 0) + 1
            continue
        try:
            told = upload.name
            if told.lower().endswith(".ipynb"):  # it becomes vae.ipynb, whatever its name
                told = files.shortened(told)
            name = above + files.checked(told)
            if files.is_archive(upload) and depth < 2:
                waiting.extend((m, f"{name}/", depth + 1) for m in files.unpacked(upload, budget))
                continue
        except LeftOut as problem:
            notes.append(f"left out: {problem}")
            continue
        if name in found:
            notes.append(f"{name!r} is there twice; the later counts")
        if name not in found or _seconds(upload) >= _seconds(found[name]):
            found[name] = upload
    notes += [f"left out: {name}/ ({count:,} files)" for name, count in programs.items()]
    if copies and not any(name.lower().endswith(".ipynb") for name in found):
        notes.append("left out: a copy in .ipynb_checkpoints, and there is no notebook beside it")
    return found


def _chosen(found, wanted, budget: Budget, notes: list[str]) -> dict[str, str]:
    """{notebook: path of the file that counts}: the latest that holds its cells, or else the latest
    of its name, or else the only one that lost all names of cells; a file that cannot be read is
    handed in all the same, and grading says why.
    """
    looked = _looked_into(found, wanted, budget, notes)
    chosen = {}
    for notebook, own in wanted.items():
        mine = [name for name, cells in looked.items() if cells.mostly(own)]
        mine = [name for name in mine if name in found] or [
            name for name in found if _attempt(name, {notebook.casefold()}) is not None
        ]
        mine = [n for n in mine if n.lower().endswith(".ipynb")] or mine
        if not mine and len(wanted) == 1:
            bare = [name for name, cells in looked.items() if cells.bare]
            mine = bare if len(bare) == 1 else []
        if not mine:
            continue
        paths = [PurePosixPath(part) for name in mine for part in (name, name.split("/")[0])]
        known = {notebook.casefold(), *(path.stem.casefold() for path in paths)}
        mine.sort(key=lambda name: _order(name, notebook, known, found[name]))
        best = mine[-1]
        chosen[notebook] = best
        cells = looked.get(best)
        if not cells or not cells.known & own:
            notes.append(f"{best!r} holds no cell of {notebook} by its name: look at it")
        elif not cells.mostly(own):
            notes.append(f"{best!r} holds more cells of another notebook than of {notebook}")
        if PurePosixPath(best).name != f"{notebook}.ipynb":
            notes.append(f"{best!r} taken as {notebook}.ipynb")
        older = [repr(name) for name in mine if name != best]
        if older:
            notes.append(f"the latest of {len(mine)} counts; not taken: {_some(older)}")
            for name in mine:
                if name != best:
                    del found[name]
    return chosen


@dataclass
class _Cells:
    """Names of nbgrader's cells in a file: those of the notebooks that are wanted, and how many
    others. bare: whether it is a notebook that has none.
    """

    known: set[str]
    others: int
    bare: bool

    def mostly(self, own: set[str]) -> bool:
        """Whether most of them are these, or it has most of these; notebooks of one course share a
        few.
        """
        held = len(self.known & own)
        return held > len(self.known - own) + self.others or 2 * held > len(own)


def _looked_into(found, wanted, budget: Budget, notes: list[str]) -> dict[str, _Cells]:
    known, looked = {cell.encode() for own in wanted.values() for cell in own}, {}
    for name in sorted(found, key=lambda name: (name.count("/"), name)):
        if _may_be_notebook(name, found[name]) and len(looked) < CANDIDATES:
            try:
                content = _utf8(found[name].read(budget))
            except LeftOut as problem:
                notes.append(f"left out: {problem}")
                continue
            cells, others = set(), 0
            for cell in CELL.finditer(content):
                if cell[1] in known:
                    cells.add(cell[1].decode())
                else:
                    others += 1
            bare = not cells and not others and b'"cells"' in content
            looked[name] = _Cells(cells, others, bare)
    return looked


def _utf8(content: bytes) -> bytes:
    """Of an editor or a shell that wrote UTF-16."""
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):
        return content
    return content.decode(encoding, "replace").encode("utf-8", "replace")


def _may_be_notebook(name: str, upload: Upload) -> bool:
    """vae.ipynb, and what browsers make of it: vae.ipynb.txt, vae.ipynb.zip, vae.json."""
    path = PurePosixPath(name.lower())
    likely = ".ipynb" in path.name or (path.suffix == ".json" and path.name not in (RUN, MANIFEST))
    return likely and upload.size <= NOTEBOOK


def _attempt(name: str, known: set[str]) -> int | None:
    """Which attempt a notebook of a known name is; None for another name."""
    path = PurePosixPath(name)
    return _again(path, known) if path.suffix.lower() == ".ipynb" else None


def _again(path: PurePosixPath, known: set[str]) -> int | None:
    """Of known names such as "vae": 0 for vae.ipynb, 2 for vae-2.ipynb or vae (2).ipynb; None for
    another name.
    """
    stem = path.stem.casefold()
    number = AGAIN.search(stem)
    if number and stem[: number.start()].strip() in known:
        return int(number[1])
    return 0 if stem in known else None


def _order(name: str, notebook: str, known: set[str], upload: Upload):
    """Later attempts are larger: by the LMS's number on the zip or on the notebook's own name, then
    by time, then the right name first, then by a number on another name. known: names of all that
    may count, and of the folders they lie in.
    """
    top = PurePosixPath(PurePosixPath(name).parts[0])
    whole = _again(top, known) if str(top) != name else None
    right = _attempt(name, {notebook.casefold()})
    other = _attempt(name, known) or 0
    return (whole or 0, right or 0, _seconds(upload), right is not None, other, name)


def _seconds(upload: Upload) -> float:
    return upload.time.timestamp() if upload.time else 0.0


def _places(found, root: PurePosixPath, notebooks: set[str], notes: list[str]) -> dict[str, str]:
    """{place in the submission: path} of all but the notebooks: what lies in the root, and runs
    from elsewhere where the root has none of their name.
    """
    above = "" if str(root) == "." else f"{root}/"
    runs = {}  # folder of a run that grading would not find: where it goes
    others = {str(PurePosixPath(name).parent) for name in found if name.endswith(".ipynb")}
    for folder in sorted(str(PurePosixPath(n).parent) for n in found if n.endswith(f"/{RUN}")):
        run = PurePosixPath(folder).name
        home = PurePosixPath(folder).parent
        home = home.parent if home.name == "runs" else home
        theirs = str(home) in others and home != root  # of another assignment's notebook
        if not theirs and f"{above}runs/{run}/{RUN}" not in found and run not in runs.values():
            runs[folder] = run
    if runs:
        notes.append(f"runs that lay elsewhere put into runs/: {_some(sorted(runs.values()))}")
    places, rest = {}, []
    for name in found:
        if name in notebooks:
            continue
        folder = next((f for f in runs if name.startswith(f"{f}/")), None)
        if folder:
            places[f"runs/{runs[folder]}{name[len(folder) :]}"] = name
        elif name == f"{above}{STAMP}":
            notes.append(f"its own {STAMP} does not count")
        elif name.startswith(above) and not name.lower().endswith(".ipynb"):
            places[name[len(above) :]] = name
        else:
            rest.append(repr(printable(name)))
    packed = [name for name in places.values() if name.lower().endswith((".zip", *ARCHIVES))]
    notes += [f"{name!r} is no archive that can be opened here" for name in packed]
    if rest:
        notes.append(f"not taken: {_some(rest)}")
    return places


def _instead(found) -> list[str]:
    """What was handed in where there is no notebook."""
    told = []
    for name in list(found)[:3]:
        lower = name.lower()
        what = next((said for ends, said in INSTEAD.items() if lower.endswith(ends)), "")
        told.append(f"it holds {printable(name)}{f': {what}' if what else ''}")
    more = len(found) - len(told)
    return [*told, f"and {more:,} more files"] if more > 0 else told


def _some(names: list[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _compared(manifest: bytes, kept: dict[str, bytes]) -> list[str]:
    """What differs from the hashes that were written when the zip was packed."""
    try:
        told = json.loads(manifest[: files.MEBI])["files"]
        hashes = {name: about["sha256"] for name, about in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"its {MANIFEST} cannot be read"]
    odd = [n for n, h in hashes.items() if n not in kept or _sha256(kept[n]) != h]
    odd += [name for name in kept if name not in hashes]
    return [f"changed after it was packed: {_some([repr(n) for n in sorted(odd)])}"] if odd else []


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
