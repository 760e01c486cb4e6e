"""One zip to hand in: the notebook, the runs that are graded, and a manifest of SHA-256 hashes.

    submit.make()                                     in a notebook, after saving it
    python -m utils.submit assignments/vae            in a terminal

It holds the folder vae/ with vae.ipynb, runs/NAME/… and manifest.json: unpacked below
submitted/STUDENT/, that is what nbgrader grades. Whatever the pre-flight finds, the zip is made.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zipfile
from datetime import datetime
from pathlib import Path

from utils.hand_in import notebook, preflight

RUN_FILES = (*preflight.RUN_FILES, "graph.json")
MANIFEST = "manifest.json"


class CannotSubmit(Exception):
    """There is nothing to hand in; the message says why."""

    def _render_traceback_(self):
        return [str(self)]


def make(where="", target=None) -> Path | None:
    """Pack an assignment, say what the pre-flight finds, and where the zip is.

    where   an assignment's name, a folder or a notebook; by default the one this is called in
    target  the zip's path; by default ASSIGNMENT-submission.zip beside the notebook
    Raises CannotSubmit where there is no notebook to pack, or no place for the zip.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        return None
    result = preflight.look(where)
    path = result.path
    try:
        nb = notebook.read(path)
    except notebook.Unreadable as problem:
        raise CannotSubmit(f"nothing was packed: {path} {problem}") from None
    name = nb.assignment or path.stem
    packed = {f"{name}.ipynb": path} | run_files(nb)
    target = Path(target) if target else path.parent / f"{name}-submission.zip"
    try:
        write(target, name, packed)
    except OSError as error:
        raise CannotSubmit(f"{target} cannot be written: {error.strerror}") from None
    print(result, end="\n\n")
    runs = ", ".join(dict.fromkeys(file.split("/")[1] for file in packed if "/" in file))
    print(f"Packed {path.name}{f' and the runs {runs}' if runs else ''}: hand in")
    print(f"  {target.resolve()} ({target.stat().st_size / 1e6:.1f} MB)")
    if result.lost:
        print("Read first what would be lost, and make the zip again when you change something.")
    return target


def run_files(nb: notebook.Notebook) -> dict[str, Path]:
    """{name in the submission: file} of all runs that are graded."""
    wanted = dict.fromkeys(run for runs in nb.runs.values() for run in runs)
    files = {
        f"runs/{run}/{file}": nb.path.parent / "runs" / run / file
        for run in wanted
        for file in RUN_FILES
    }
    return {name: path for name, path in files.items() if path.is_file()}


def write(target: Path, folder: str, files: dict[str, Path]) -> None:
    """Write the zip, whole or not at all; the files lie in `folder`, the manifest beside them."""
    listed = {}
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
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
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def main(arguments=None) -> int:
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
