"""A class on a cluster: a scheduler and workers on loopback, over TLS, each worker behind a wall of
its own choice. How much of the work is the coordinator's says how many workers it can feed.

    python benchmarks/cluster.py --students 200
    python benchmarks/cluster.py --students 1000 --walls namespaces landlock

The notebooks are an assignment's functions without its experiments, as in benchmarks/grading.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grading
import psutil
from machine import machine

from autograder.release import build

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


def certified(folder: Path) -> dict[str, str]:
    """A key and a certificate, and the settings that name them, as docs/scaling.md has them."""
    key, certificate = str(folder / "grading.key"), str(folder / "grading.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "1"]
    words += ["-subj", "/CN=grading", "-keyout", key, "-out", certificate]
    subprocess.run(words, check=True, capture_output=True)
    told = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True", f"{TLS}CA_FILE": certificate}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        told |= {f"{TLS}{role}__KEY": key, f"{TLS}{role}__CERT": certificate}
    return told


@contextlib.contextmanager
def cluster(walls: list[str], told: dict, log: Path) -> Iterator[tuple[str, dict]]:
    """(address, {name: process}) of a scheduler and a worker a wall."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{free.getsockname()[1]}"
    usual = ["--no-dashboard"]
    parts = {"scheduler": (["scheduler", "--host", address, *usual], {})}
    for number, wall in enumerate(walls, 1):
        words = ["worker", address, "--nthreads", "1", "--no-nanny", *usual]
        parts[f"worker {number}, {wall}"] = words, {"AUTOGRADER_WALL": wall}
    with open(log, "wb") as out:
        started = {
            name: psutil.Popen(
                [sys.executable, "-m", "dask", *words],
                env={**os.environ, **told, **more, "PYTHONPATH": str(grading.ROOT)},
                cwd=log.parent,
                stdout=out,
                stderr=out,
            )
            for name, (words, more) in parts.items()
        }
        try:
            yield address, started
        finally:
            for process in started.values():
                process.terminate()
            _, waiting = psutil.wait_procs(started.values(), timeout=30)
            for process in waiting:  # a worker may wait for its scheduler
                process.kill()


def spent(process: psutil.Process) -> float:
    """CPU seconds of a process and its descendants that are there; boxes that ended left out."""
    seconds = 0.0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assignment", default="explore")
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--walls", nargs="+", default=["namespaces", "landlock"])
    options = parser.parse_args()
    build.scripts_on_path()
    with tempfile.TemporaryDirectory(prefix="cluster-") as scratch:
        folder = Path(scratch)
        made = grading.course(folder / "course", options.assignment, options.students, True)
        told, result = certified(folder), folder / "result.jsonl"
        with cluster(options.walls, told, folder / "log") as (address, parts):
            words = [sys.executable, "-m", "autograder", "grade", options.assignment]
            words += ["--course-dir", str(made), "--scheduler", address, "--json", str(result)]
            begun = time.monotonic()
            process = subprocess.Popen(words, env={**os.environ, **told})
            _, status, used = os.wait4(process.pid, 0)
            wall, work = time.monotonic() - begun, {n: spent(p) for n, p in parts.items()}
        if status:
            raise SystemExit(f"it ended with {status}")
        rows = [json.loads(line) for line in result.read_text("utf-8").splitlines()]
    own = used.ru_utime + used.ru_stime
    work = {"coordinator": own, **work}
    print(f"\n`{options.assignment}`, its functions, {options.students:,} students, {wall:.0f} s")
    print(f"{machine('distributed', 'nbgrader', 'torch')}\n")
    print("| process | CPU-s | a submission | share |\n|---|--:|--:|--:|")
    for name, seconds in work.items():
        each, share = seconds / options.students, seconds / sum(work.values())
        print(f"| {name} | {seconds:.1f} | {each:.3f} | {share:.0%} |")
    walls = Counter(q["rung"] for row in rows for q in row["details"][:1])
    scores = Counter(row["score"] for row in rows)
    print(f"\nsubmissions by wall: {dict(walls)}; scores: {dict(scores)}")


if __name__ == "__main__":
    main()
