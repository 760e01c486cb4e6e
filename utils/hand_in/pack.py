"""One zip to hand in: the notebook, the runs that are graded, and a manifest of SHA-256 hashes.

    hand_in.submit()                                  in a notebook
    python -m utils.submit assignments/vae            in a terminal

It holds the folder vae/ with vae.ipynb, runs/NAME/… and manifest.json: unpacked below
submitted/STUDENT/, that is what nbgrader grades. Whatever the pre-flight finds, the zip is made.
"""

from __future__ import annotations

import hashlib
import html
import json
import sys
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from utils import autograding, shell
from utils.hand_in import notebook, preflight
from utils.hand_in.files import replacing
from utils.run_files import GRAPH, NEEDED

MANIFEST = "manifest.json"


class CannotSubmit(Exception):
    """There is nothing to hand in; the message says why."""

    def _render_traceback_(self):
        return [str(self)]


@dataclass
class Packed:
    """What the pre-flight found, and the zip that was made all the same."""

    result: preflight.Result
    name: str
    runs: list[str]
    target: Path
    note: str = ""  # read first

    def parts(self) -> list[str]:
        """What is said after the pre-flight's findings, a sentence each."""
        runs = f" and the runs {', '.join(self.runs)}" if self.runs else ""
        size = self.target.stat().st_size / 1e6
        said = [f"Packed {self.name}{runs}: hand in", f"  {self.target.resolve()} ({size:.1f} MB)"]
        if self.result.lost:
            said.append(
                "Read first what would be lost, and make the zip again when you change something."
            )
        return said

    def __str__(self):
        return "\n".join([*filter(None, [self.note]), f"{self.result}\n", *self.parts()])

    def html(self) -> str:
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        lines = "<br>".join(map(html.escape, self.parts()))
        return f"{note}{self.result.html()}<p>{lines}</p>"


def pack(where="", target=None) -> Packed:
    """Pack an assignment; see `make`."""
    result = preflight.look(where)
    path = result.path
    try:
        nb = notebook.read(path)
    except notebook.Unreadable as problem:
        raise CannotSubmit(f"nothing was packed: {path} {problem}") from None
    name = nb.assignment or path.stem
    packed = {f"{name}.ipynb": path} | graded_runs(nb)
    target = Path(target) if target else path.parent / f"{name}-submission.zip"
    try:
        write(target, name, packed)
    except OSError as error:
        raise CannotSubmit(f"{target} cannot be written: {error.strerror}") from None
    runs = list(dict.fromkeys(file.split("/")[1] for file in packed if "/" in file))
    return Packed(result, path.name, runs, target)


def make(where="", target=None) -> Path | None:
    """Pack an assignment, say what the pre-flight finds, and where the zip is.

    where   an assignment's name, a folder or a notebook; by default the one this is called in
    target  the zip's path; by default ASSIGNMENT-submission.zip beside the notebook
    Raises CannotSubmit where there is no notebook to pack, or no place for the zip.
    """
    if autograding():
        return None
    packed = pack(where, target)
    print(packed)
    return packed.target


def in_notebook(where=""):
    """`make`, as the cell of a notebook: saved first where the front end can, else it says so."""
    if autograding():
        return None
    ipython = shell()
    try:
        if not hasattr(ipython, "kernel"):
            make(where)
            return None
        packed = pack(where)
    except CannotSubmit as problem:
        print(problem)  # an error would end a notebook that is run as a whole
        return None
    from utils.hand_in import saver

    preflight.unsaved(packed.result, ipython.execution_count)
    packed.note = (
        "This is the notebook as it was last saved. The same in a terminal, anywhere: "
        f'"{sys.executable}" -m utils.submit "{packed.result.path.parent.resolve()}"'
    )
    return saver.Preflight(packed, lambda: pack(where))


def graded_runs(nb: notebook.Notebook) -> dict[str, Path]:
    """{name in the submission: file} of all runs that are graded."""
    wanted = dict.fromkeys(run for runs in nb.runs.values() for run in runs)
    files = {
        f"runs/{run}/{file}": nb.path.parent / "runs" / run / file
        for run in wanted
        for file in (*NEEDED, GRAPH)
    }
    return {name: path for name, path in files.items() if path.is_file()}


def write(target: Path, folder: str, files: dict[str, Path]) -> None:
    """Write the zip, whole or not at all; the files lie in `folder`, the manifest beside them."""
    listed = {}
    with (
        replacing(target) as unfinished,
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, path in files.items():
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            listed[name] = {"sha256": digest, "bytes": len(content)}
            archive.writestr(f"{folder}/{name}", content)
        manifest = {
            "assignment": folder,
            "made": datetime.now().astimezone().isoformat(timespec="seconds"),
            "files": listed,
        }
        archive.writestr(f"{folder}/{MANIFEST}", json.dumps(manifest, indent=1) + "\n")


def main(arguments=None) -> int:
    """Pack what is handed in; exit status 1, after one line, where there is nothing to pack."""
    import argparse

    from utils.hand_in import console

    console.lenient()

    parser = argparse.ArgumentParser("python -m utils.submit", description=__doc__.split("\n")[0])
    parser.add_argument("where", help="an assignment's folder, such as assignments/vae")
    parser.add_argument("--to", help="the zip's path (default: beside the notebook)")
    options = parser.parse_args(arguments)
    try:
        make(options.where, options.to)
    except CannotSubmit as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
