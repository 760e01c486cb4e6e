"""What `python -m autograder one` needs: memory at its peak, CPU seconds, and seconds.

    python benchmarks/one.py                    # every assignment, behind the best wall there is
    python benchmarks/one.py vae --wall landlock

Perfect submissions with their runs, whole notebooks. Memory is the sum of the proportional set
sizes of all processes (Linux), looked at ten times a second.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from grading import resident
from machine import machine

from autograder.key.catalogue import ASSIGNMENTS
from autograder.release import build, demo


def submission(assignment: str, folder: Path) -> Path:
    """Write a perfect notebook with its runs; where it lies."""
    runs = demo.train(assignment)
    source = build.ROOT / "solutions" / assignment / f"{assignment}.ipynb"
    path = folder / source.name
    nbformat.write(demo.perfect(nbformat.read(source, 4)), path)
    if runs.exists():
        shutil.copytree(runs, folder / "runs")
    return path


def watch(process: psutil.Process, peak: list[int], done: threading.Event) -> None:
    """Keep the peak: bytes of the examiner, of its children, and of their descendants."""
    while not done.wait(0.1):
        try:
            children = process.children()
            deeper = set(process.children(recursive=True)) - set(children)
        except psutil.Error:
            return
        sizes = [sum(resident(str(p.pid)) for p in ps) for ps in ([process], children, deeper)]
        if sum(sizes) > sum(peak):
            peak[:] = sizes


def measure(assignment: str, wall: str | None) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory(prefix="one-") as scratch:
        notebook = submission(assignment, Path(scratch))
        told = Path(scratch) / "result.json"
        words = [sys.executable, "-m", "autograder", "one", notebook, "--files", scratch]
        environment = {**os.environ, "COURSE_DATA": "embedded"}
        environment |= {"AUTOGRADER_WALL": wall} if wall else {}
        before, begun = os.times(), time.monotonic()
        process = subprocess.Popen(
            [*words, "--as", "json", "--to", told], cwd=build.ROOT, env=environment
        )
        peak, done = [0, 0, 0], threading.Event()
        watcher = threading.Thread(target=watch, args=(psutil.Process(process.pid), peak, done))
        watcher.start()
        process.wait()
        seconds = time.monotonic() - begun
        done.set()
        watcher.join()
        after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    mib = [round(size / 2**20) for size in (sum(peak), *peak)]
    return f"| `{assignment}` | {' | '.join(map(str, mib))} | {cpu:.1f} | {seconds:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignments", nargs="*", default=list(ASSIGNMENTS))
    parser.add_argument("--wall", choices=("namespaces", "landlock", "process"))
    options = parser.parse_args()
    for assignment in options.assignments:
        demo.train(assignment)
    print(machine("torch"))
    print("\n| notebook | MiB in all | examiner | its children | the others | CPU-s | s |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for assignment in options.assignments:
        print(measure(assignment, options.wall), flush=True)


if __name__ == "__main__":
    main()
