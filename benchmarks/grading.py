"""Grading a class: stock nbgrader, this kit with one and two workers, and Otter-Grader, in one run.

Every way grades the same notebooks with the same questions. Stock nbgrader and Otter run the hidden
checks inside the student's kernel, unprotected; this kit isolates every submission.

    python benchmarks/grading.py                           # nbgrader, one worker, two workers
    python benchmarks/grading.py --otter OTTER/bin/python  # and Otter
    python benchmarks/grading.py --assignment vae --functions
    python benchmarks/grading.py --functions --ways two --students 10 100 1000
    python benchmarks/grading.py --functions --ways namespaces landlock process
    python benchmarks/grading.py --assignment vae --runs  # whole notebooks, runs handed in

Otter has an environment of its own: `pip install otter-grader`, and what notebooks need, as in
requirements.txt (ipykernel is one of them).
CPU time is that of a control group, which only root may make; memory is looked at once a second.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from autograder.key import catalogue  # noqa: E402
from autograder.release import build, demo  # noqa: E402
from autograder.student import probes  # noqa: E402

WAYS = {
    "nbgrader": "nbgrader 0.9.6, nothing isolated",
    "otter": "Otter-Grader, nothing isolated",
    "one": "this kit, isolated, one worker",
    "two": "this kit, isolated, two workers",
    "namespaces": "this kit behind namespaces, one worker",
    "landlock": "this kit behind Landlock, one worker",
    "process": "this kit behind no wall, one worker",
}
RUNGS = ("namespaces", "landlock", "process")
STOCK = """c = get_config()
c.CourseDirectory.course_id = "bench"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
"""
OTTER_TEST = """OK_FORMAT = False
from otter.test_files import test_case
name, points = "{name}", {points}

@test_case(points={points})
def test_question(env):
    from autograder.key import catalogue
    from autograder.key.question import Exam
    from autograder.student.asking import InProcess

    result = Exam(InProcess(env), 7, catalogue.find).grade("{id}")
    assert result.passed, result.feedback
"""
OTTER_CLASS = """import json, pathlib, sys
from otter.api import grade_submission

for path in sorted(pathlib.Path("submitted").glob(f"*/{sys.argv[1]}/*.ipynb")):
    told = grade_submission(str(path), "autograder.zip", quiet=True)
    target = pathlib.Path("autograded", path.parts[1], sys.argv[1])
    target.mkdir(parents=True)
    (target / path.name).write_text(json.dumps(told.total))
"""


@dataclass
class Measured:
    """One way on one class. Seconds, bytes; `steps` from one student's result to the next one's.

    each: CPU seconds a submission, from the first result to the last: without the start.
    """

    way: str
    students: int
    wall: float
    cpu: float | None
    each: float | None
    memory: int
    coordinator: int
    steps: list[float]
    score: float


def source(assignment: str, functions: bool) -> nbformat.NotebookNode:
    """An assignment's source notebook; with `functions`, only its imports, steps and tests."""
    notebook = nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
    if functions:
        about = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
        imports = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
        notebook.cells = [
            cell
            for i, cell in enumerate(notebook.cells)
            if i == imports or about[i].get("grade") or about[i].get("solution")
        ]
    return notebook


def course(folder: Path, assignment: str, students: int, functions: bool, runs=False) -> Path:
    """A generated assignment and a class that got everything right, each in words of its own.

    runs: each hands in trained runs, too.
    """
    trained = demo.train(assignment) if runs else None
    (folder / "solutions" / assignment).mkdir(parents=True)
    notebook = f"{assignment}.ipynb"
    nbformat.write(source(assignment, functions), folder / "solutions" / assignment / notebook)
    made = demo.nbgrader("generate_assignment", assignment, course=folder)
    if made.returncode:
        raise SystemExit(made.stderr)
    right = demo.perfect(source(assignment, functions))
    right.cells.append(nbformat.v4.new_markdown_cell())
    for number in range(students):
        right.cells[-1].source = f"Handed in by student {number}"
        handed_in = folder / "submitted" / f"student{number:04}" / assignment
        handed_in.mkdir(parents=True)
        nbformat.write(right, handed_in / notebook)
        if trained and trained.exists():
            shutil.copytree(trained, handed_in / "runs")
    return folder


def command(way: str, folder: Path, assignment: str, otter: str | None) -> list[str]:
    """What grades the class; run in the course folder."""
    if way == "nbgrader":
        (folder / "nbgrader_config.py").write_text(STOCK)
        return [sys.executable, "-m", "nbgrader", "autograde", assignment]
    if way == "otter":
        with zipfile.ZipFile(folder / "autograder.zip", "w") as archive:
            archive.writestr("otter_config.json", json.dumps({"lang": "python"}))
            for question in catalogue.of(assignment).values():
                name = catalogue.grade_id(question.id).replace("-", "_")
                test = OTTER_TEST.format(id=question.id, name=name, points=question.points)
                archive.writestr(f"tests/{name}.py", test)
        return [otter, "-c", OTTER_CLASS, assignment]
    workers = "2" if way == "two" else "1"
    grade = [sys.executable, "-m", "autograder", "grade", assignment]
    if way in RUNGS:
        grade = ["env", f"AUTOGRADER_WALL={way}", *grade]
    return [*grade, "--course-dir", str(folder), "--workers", workers]


@contextlib.contextmanager
def control_group() -> Iterator[Path | None]:
    """A control group that counts CPU time, or None where this user may not make one."""
    above = Path("/sys/fs/cgroup")
    above = above / "cpuacct" if (above / "cpuacct").is_dir() else above
    group = above / f"grading-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        for _ in range(50):
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def cpu_of(group: Path | None) -> float | None:
    """Seconds of CPU time that a control group has used."""
    if group is None:
        return None
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


def run(words: list[str], folder: Path, log: Path) -> tuple[float, list, list[int]]:
    """(seconds, [(time, CPU seconds so far)], peak bytes of all and of the first) of a command."""
    environment = {**os.environ, "COURSE_DATA": "embedded", "PYTHONPATH": str(ROOT)}
    with control_group() as group, open(log, "wb") as out:

        def join():
            if group:
                (group / "cgroup.procs").write_text("0")

        begun = time.monotonic()
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=out, stderr=out, preexec_fn=join
        )
        spent, peak, done = [], [0, 0], threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, group, spent, peak, done))
        watcher.start()
        status = process.wait()
        seconds = time.monotonic() - begun
        done.set()
        watcher.join()
        if status:
            raise SystemExit(f"{words[:4]} ended with {status}:\n{log.read_text()[-3000:]}")
        return seconds, spent, peak


def watch(first: int, group: Path | None, spent: list, peak: list[int], done) -> None:
    """Note CPU time, and the largest proportional set size of all processes and of the first."""
    ending = False
    while not ending:
        ending = done.wait(1.0)
        if group:
            spent.append((time.time(), cpu_of(group)))
        with contextlib.suppress(OSError, ValueError):
            pids = (group / "cgroup.procs").read_text().split() if group else [str(first)]
            sizes = {pid: resident(pid) for pid in pids}
            peak[0] = max(peak[0], sum(sizes.values()))
            peak[1] = max(peak[1], sizes.get(str(first), 0))


def resident(pid: str) -> int:
    """Bytes of a process, shared pages divided among those who share them."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", pid, "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def measure(way: str, made: Path, assignment: str, students: int, otter: str | None) -> Measured:
    """Grade a copy of a class one way."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(shutil.copytree(made, Path(scratch) / "course"))
        words = command(way, folder, assignment, otter)
        wall, spent, peak = run(words, folder, Path(scratch) / "log")
        graded = sorted(
            path.stat().st_mtime for path in folder.glob(f"autograded/*/{assignment}/*.ipynb")
        )
        if len(graded) < students:
            raise SystemExit(f"{way} graded {len(graded)} of {students}")
        if way == "otter":
            points = [json.loads(p.read_text()) for p in folder.glob("autograded/*/*/*.ipynb")]
        else:
            told = demo.scores(assignment, [f"student{n:04}" for n in range(students)], folder)
            points = [row["score"] for row in told]
    steps = [after - before for before, after in zip(graded, graded[1:], strict=False)]
    cpu, each = (spent[-1][1] if spent else None), None
    if spent and students > 1:
        first, last = np.interp([graded[0], graded[-1]], *zip(*spent, strict=True))
        each = (last - first) / (students - 1)
    return Measured(way, students, wall, cpu, each, *peak, steps, sum(points) / len(points))


def own_cells(assignment: str, functions: bool) -> float:
    """CPU seconds of a right notebook's own cells, with everything imported: median of 5 forks."""
    cells = [
        cell.source
        for cell in demo.perfect(source(assignment, functions)).cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade")
    ]
    heavy = probes.heavy({question.probe for question in catalogue.of(assignment).values()})
    runner = """
import json, os, resource, sys
os.environ.update(NBGRADER_EXECUTION="autograde", OMP_NUM_THREADS="1", COURSE_DATA="embedded")
import torch; torch.set_num_threads(1)
from autograder.student import kernel, forkserver
cells, heavy = json.load(sys.stdin)
forkserver.warm_up(heavy)
spent = []
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if (pid := os.fork()) == 0:
        for source in cells: kernel.Shell.instance().run_cell(source)
        os._exit(0)
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
print(json.dumps(spent))
"""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, "-c", runner],
            cwd=scratch,
            input=json.dumps([cells, heavy]),
            text=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )
    return statistics.median(json.loads(done.stdout.splitlines()[-1]))


def heading(own: float, options) -> None:
    """What stands above the rows."""
    part = ", its functions only" if options.functions else ""
    part += ", with its runs" if options.runs else ""
    print(f"Assignment `{options.assignment}`{part}; its own cells take {own:.2f} CPU-s.")
    print(f"{machine('nbgrader', 'torch')}\n")
    print(
        "| way | students | class, s | a submission, s: median (fastest to slowest) "
        "| submissions a minute | times nbgrader | CPU-s, class | a submission, once started "
        "| beyond the own cells "
        "| peak memory, MB | of the coordinator | mean score |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)


def row_of(row: Measured, own: float, stock: Measured | None) -> str:
    """One line of the table."""
    cells = [
        WAYS[row.way],
        f"{row.students:,}",
        f"{row.wall:.1f}",
        f"{statistics.median(row.steps):.2f} ({min(row.steps):.2f} to {max(row.steps):.2f})",
        f"{60 * row.students / row.wall:.0f}",
        f"{stock.wall / row.wall:.1f}" if stock else "–",
        *(
            ["–"] * 3
            if row.each is None
            else [f"{row.cpu:.1f}", f"{row.each:.2f}", f"{row.each - own:.2f}"]
        ),
        f"{row.memory / 1e6:.0f}",
        f"{row.coordinator / 1e6:.0f}",
        f"{row.score:g}",
    ]
    return f"| {' | '.join(cells)} |"


def evenness(row: Measured) -> str:
    """Whether late students of a large class cost what early ones do."""
    first, last = statistics.mean(row.steps[10:110]), statistics.mean(row.steps[-100:])
    return f"{WAYS[row.way]}: the last hundred took {last / first:.2f} times as long as the first"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assignment", default="explore", choices=catalogue.ASSIGNMENTS)
    parser.add_argument("--students", type=int, nargs="+", default=[12])
    parser.add_argument("--ways", nargs="+", choices=WAYS)
    parser.add_argument("--functions", action="store_true", help="no experiments, only the steps")
    parser.add_argument("--runs", action="store_true", help="trained runs are handed in, too")
    parser.add_argument("--otter", metavar="PYTHON", help="of an environment with otter-grader")
    options = parser.parse_args()
    usual = [way for way in WAYS if way not in RUNGS and (way != "otter" or options.otter)]
    ways = options.ways or usual
    build.scripts_on_path()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    own = own_cells(options.assignment, options.functions)
    heading(own, options)
    large = []
    for students in options.students:
        with tempfile.TemporaryDirectory(prefix="class-") as scratch:
            told = options.assignment, students, options.functions, options.runs
            made = course(Path(scratch), *told)
            stock = None
            for way in ways:
                row = measure(way, made, options.assignment, students, options.otter)
                stock = row if way == "nbgrader" else stock
                print(row_of(row, own, stock), flush=True)
                large += [row] if students >= 300 else []
    for row in large:
        print(f"\n{evenness(row)}")


if __name__ == "__main__":
    main()
