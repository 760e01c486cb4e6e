"""Run the notebooks with the reference solutions, training too, and keep their pictures in docs/.

    python benchmarks/figures.py                 # every notebook: about half an hour on two cores
    python benchmarks/figures.py vae             # one of them

Writes docs/figures/<assignment>/NN.png and docs/figures.md (a gallery with the pictures' own alt
texts), and prints how long each notebook took, by the clock and in CPU seconds.
"""

import argparse
import base64
import io
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import nbformat
from PIL import Image

from autograder.key.catalogue import ASSIGNMENTS
from autograder.release import demo
from utils.plots import diagrams

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"


def executed(assignment: str, folder: Path) -> nbformat.NotebookNode:
    """The source notebook after a run from top to bottom in `folder`; hidden tests are left out."""
    notebook = nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
    work = folder / assignment
    work.mkdir(exist_ok=True)
    wanted = [i for i, c in enumerate(notebook.cells) if "### BEGIN HIDDEN TESTS" not in c.source]
    demo.execute(notebook, work, wanted)
    return notebook


def cpu_seconds() -> float:
    """Of the kernels that have ended, and of this process."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pictures(notebook) -> list[tuple[str, bytes]]:
    """Every PNG that the notebook shows, with its alt text."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                alt = output.metadata.get("image/png", {}).get("alt") or data.get("text/plain", "")
                found.append((alt, base64.b64decode(data["image/png"])))
    return found


def keep(assignment: str, found) -> None:
    """Write the pictures with few colours, which is enough for plots, and their alt texts beside
    them.
    """
    folder = FIGURES / assignment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    alts = {}
    for number, (alt, data) in enumerate(found, 1):
        name = f"{number:02}.png"
        Image.open(io.BytesIO(data)).convert("RGB").quantize(128).save(folder / name, optimize=True)
        alts[name] = " ".join(alt.split())
    (folder / "alt.json").write_text(json.dumps(alts, indent=1, ensure_ascii=False) + "\n")


def gallery() -> str:
    """docs/figures.md."""
    made = "Made by `python benchmarks/figures.py` from the reference solutions, embedded data."
    lines = ["# What the notebooks show", "", made]
    for name in diagrams.DIAGRAMS:
        lines += ["", f"![{diagrams.Diagram(name).alt}](figures/diagram-{name}.svg)"]
    for assignment in ASSIGNMENTS:
        alts = FIGURES / assignment / "alt.json"
        if alts.exists():
            lines += ["", f"## {assignment}", ""]
            for name, alt in json.loads(alts.read_text()).items():
                alt = alt.replace("[", "(").replace("]", ")")
                lines += [f"![{alt}](figures/{assignment}/{name})", ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("assignment", nargs="*", default=ASSIGNMENTS, help="default: all five")
    parser.add_argument(
        "--folder", type=Path, help="keep the runs here (default: a temporary folder)"
    )
    options = parser.parse_args()
    os.environ.setdefault("COURSE_DATA", "embedded")
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for assignment in options.assignment:
        start, used = time.monotonic(), cpu_seconds()
        notebook = executed(assignment, folder)
        seconds, used = time.monotonic() - start, cpu_seconds() - used
        print(f"{assignment}: {seconds:.0f} s, {used:.0f} CPU s")
        keep(assignment, pictures(notebook))
    (ROOT / "docs" / "figures.md").write_text(gallery())


if __name__ == "__main__":
    main()
