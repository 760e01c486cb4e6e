"""`python -m tests.support.resume --kills 20`: disturbed grading ends in undisturbed grades.

A class is regraded while its coordinator or its workers are killed, its scheduler is lost, its disk
is full or its gradebook is locked; then the same command runs again. At the end every student must
have exactly the grades, records and manual grades of a run that nobody disturbed. The disk is a
small one in memory, which only root may mount; other users skip that part.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from nbgrader.api import Gradebook

from autograder.course.ledger import NAME
from autograder.release import build
from tests.autograder.conftest import KL, Course
from tests.autograder.course import test_grading as tools

ANSWERS = [
    KL,
    KL.replace("0.5 * ", ""),
    "",
    "import os; os._exit(1)",
    KL + "\n# again\n",
    KL.replace("- 1", ""),
    "def f(:",
    KL.replace("sum(1)", "mean(1)"),
]
BY_HAND = {"student3": 1.5, "student6": 0.25}


def prepared(root: Path) -> Path:
    """A class that was graded once, given two grades by hand, and has handed in again."""
    course = Course(root)
    (root / "nbgrader_config.py").write_text(tools.CONFIG)
    for number, source in enumerate(ANSWERS):
        course.hand_in(f"student{number}", course.solved(source))
    status, _, said = tools.grade(root)
    assert status == 0, said
    for student, points in BY_HAND.items():
        tools.give_manual_grade(root, student, points)
    for number in range(len(ANSWERS)):
        (root / "submitted" / f"student{number}" / "vae" / "note.txt").write_text("handed in again")
    return root


def outcome(root: Path) -> dict:
    """Every student's grades by cell, and the records in the graded notebook."""
    found = {}
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        for submission in gradebook.assignment_submissions("vae"):
            grades = [g for notebook in submission.notebooks for g in notebook.grades]
            path = root / "autograded" / submission.student_id / "vae" / "vae.ipynb"
            found[submission.student_id] = {
                "grades": sorted(
                    (g.name, g.auto_score, g.manual_score, g.extra_credit or 0) for g in grades
                ),
                "records": tools.records(path.read_text()) if path.exists() else None,
            }
    return found


def begin(root: Path, *arguments) -> subprocess.Popen:
    """A grading run in the background; what it says goes to a file."""
    with open(root.parent / "said", "ab") as said:
        return subprocess.Popen(
            tools.command("--course-dir", root, *arguments),
            cwd=build.ROOT,
            env=tools.ENVIRONMENT,
            stdout=said,
            stderr=said,
        )


def when_grading(run: subprocess.Popen, root: Path, students: int = 2) -> bool:
    """Wait until so many students more are begun; False when the run ended before."""
    ledger = root / NAME
    goal = len(ledger.read_bytes().splitlines()) + 2 * students - 1
    while run.poll() is None:
        if len(ledger.read_bytes().splitlines()) >= goal:
            return True
        time.sleep(0.005)
    return False


def kill_coordinator(root: Path, workers: int, rng: random.Random, base: Path, kills: int) -> str:
    begun = time.monotonic()
    assert begin(root, "--workers", workers).wait() == 0
    whole, moments = time.monotonic() - begun, []
    fresh(base, root)
    while len(moments) < kills:
        run, moment = begin(root, "--workers", workers), rng.uniform(0, whole)
        try:
            run.wait(moment)
            fresh(base, root)  # it was quicker: start over, so that there is something to kill
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            moments.append(moment)
    return f"killed {kills} times, {min(moments):.1f} to {max(moments):.1f} s after the start"


def kill_workers(root: Path, workers: int, rng: random.Random, *_) -> str:
    run, killed = begin(root, "--workers", workers), []
    for _ in range(3):
        if not when_grading(run, root, 1):
            break
        below = psutil.Process(run.pid).children(recursive=True)
        mine = [p for p in below if b"forkserver" in cmdline(p) or b"spawn_main" in cmdline(p)]
        if mine:
            victim = rng.choice(mine)
            killed.append("warm server" if b"forkserver" in cmdline(victim) else "worker")
            victim.kill()
    run.wait()
    return f"killed {', '.join(killed) or 'nothing'}"


def lose_scheduler(root: Path, workers: int, rng, *_) -> str:
    address = f"tcp://127.0.0.1:{tools.free_port()}"
    dask = [sys.executable, "-m", "dask"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": build.ROOT}
    words = ["scheduler", "--host", address, "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, *words], **silent)
    there = [
        subprocess.Popen(
            [
                *dask,
                "worker",
                address,
                "--nthreads",
                "1",
                "--no-dashboard",
                "--no-nanny",
                "--death-timeout",
                "10",
            ],
            **silent,
        )
        for _ in range(workers)
    ]
    try:
        run = begin(root, "--scheduler", address)
        in_time = when_grading(run, root)
        scheduler.kill()
        status = run.wait()
        return f"scheduler lost {'while grading' if in_time else 'too late'}, exit status {status}"
    finally:
        for process in (scheduler, *there):
            process.kill()
            process.wait()


def fill_disk(root: Path, workers: int, rng, *_) -> str:
    run = begin(root, "--workers", workers)
    in_time = when_grading(run, root)
    filler = root / "filler"
    try:
        with open(filler, "wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
    except OSError:
        pass
    status = run.wait()
    filler.unlink()
    return f"disk filled {'while grading' if in_time else 'too late'}, exit status {status}"


def lock_database(root: Path, workers: int, rng, *_) -> str:
    run = begin(root, "--workers", workers)
    in_time = when_grading(run, root)
    other = sqlite3.connect(root / "gradebook.db", isolation_level=None, timeout=30)
    other.execute("BEGIN EXCLUSIVE")
    status = run.wait()
    other.rollback()
    other.close()
    return f"gradebook locked {'while grading' if in_time else 'too late'}, exit status {status}"


DISTURBANCES: dict[str, Callable] = {
    "kill": kill_coordinator,
    "workers": kill_workers,
    "scheduler": lose_scheduler,
    "disk": fill_disk,
    "lock": lock_database,
}


def cmdline(process: psutil.Process) -> bytes:
    try:
        return Path("/proc", str(process.pid), "cmdline").read_bytes()
    except OSError:
        return b""


def fresh(base: Path, root: Path) -> None:
    """Make `root` the prepared class again."""
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(base, root, dirs_exist_ok=True)


def main() -> int:
    """Exit status 0 when all ended as undisturbed."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.resume", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--only", nargs="+", choices=DISTURBANCES, default=list(DISTURBANCES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    build.scripts_on_path()
    rng, bad = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory(prefix="resume-") as scratch:
        base = prepared(Path(scratch) / "base")
        undisturbed = Path(shutil.copytree(base, Path(scratch) / "undisturbed" / "course"))
        status, _, said = tools.grade(undisturbed)
        assert status == 0, said
        wanted = outcome(undisturbed)
        for workers in options.workers:
            for name in options.only:
                root = Path(scratch) / f"{name}-{workers}" / "course"
                root.mkdir(parents=True)
                mounted = name == "disk" and mount(root)
                if name == "disk" and not mounted:
                    print("disk: skipped, only root may mount a small one")
                    continue
                try:
                    shutil.copytree(base, root, dirs_exist_ok=True)
                    what = DISTURBANCES[name](root, workers, rng, base, options.kills)
                    status, _, said = tools.grade(root, "--workers", workers)
                    got = outcome(root)
                finally:
                    if mounted:
                        subprocess.run(["umount", str(root)], check=True)
                differ = sorted(s for s in wanted if got.get(s) != wanted[s])
                well = status == 0 and not differ
                bad += not well
                end = "as undisturbed" if well else f"status {status}, differ: {differ}\n{said}"
                print(f"{workers} workers, {what}: {end}", flush=True)
                if not well:
                    for student in differ[:2]:
                        print(json.dumps([wanted[student], got.get(student)])[:1500])
    return 1 if bad else 0


def mount(folder: Path) -> bool:
    """Mount a disk of 6 MB in memory."""
    if os.geteuid() != 0:
        return False
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(folder)]
    return subprocess.run(words, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
