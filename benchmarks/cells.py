"""What the cells of a finished notebook cost while it is graded, in CPU seconds.

    python benchmarks/cells.py [ASSIGNMENT ...] [--cells 8]

Runs the code cells of each solution notebook as the warm kernel does, on one thread and with its
libraries imported, under NBGRADER_EXECUTION=autograde and with the embedded data; hidden tests are
left out. Prints a table, and with --cells so many of the dearest cells.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from machine import machine

from autograder.key import catalogue
from autograder.student import forkserver, probes

ROOT = Path(__file__).resolve().parent.parent


def measured(assignment):
    """[(CPU seconds, the cell's first line), …] in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_run, args=(assignment, theirs))
    process.start()
    result = ours.recv()
    process.join()
    return result


def _run(assignment, pipe):
    from IPython.core.interactiveshell import InteractiveShell

    os.environ |= {"NBGRADER_EXECUTION": "autograde", "COURSE_DATA": "embedded"}
    notebook = nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
    costs = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shell = InteractiveShell.instance()
        shell.display_pub.publish = lambda *a, **k: None
        for cell in notebook.cells:
            if cell.cell_type != "code" or "### BEGIN HIDDEN TESTS" in cell.source:
                continue
            before = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()) as said:
                done = shell.run_cell(cell.source, store_history=True)
            if not done.success:
                sys.stderr.write(said.getvalue())
            lines = [line for line in cell.source.split("\n") if line and line[0] not in "#@"]
            costs.append((time.process_time() - before, (lines or [""])[0][:60]))
    pipe.send(costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", nargs="*", default=catalogue.ASSIGNMENTS)
    parser.add_argument("--cells", type=int, default=0, help="the dearest cells, so many")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    forkserver.warm_up(list(probes.HEAVY))  # what a submission's process finds there
    found = {assignment: measured(assignment) for assignment in options.assignment}
    if options.json:
        print(json.dumps(found))
        return
    print(f"{machine('torch')}\n\n| notebook | cells | CPU-s |\n|---|--:|--:|")
    for assignment, costs in found.items():
        print(f"| `{assignment}` | {len(costs)} | {sum(cost for cost, _ in costs):.1f} |")
    for assignment, costs in found.items():
        for cost, line in sorted(costs, reverse=True)[: options.cells]:
            print(f"{assignment}: {cost:.2f}  {line}")


if __name__ == "__main__":
    main()
