"""The three rings of tests: `python -m tests quick`, `test` or `long`.

quick  a minute: no browser, no bank of answers, no grading
test   what CI runs: the suite as this machine is, then isolation and notebooks once more on the
       wall that needs no namespaces
long   everything, file by file; run again, it goes on after the last file that passed, and ends by
       writing docs/long-run.md

Whatever ends a ring, Ctrl-C too, no process of it goes on. More arguments are pytest's; paths among
them take the place of a ring's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "build" / "long.json"
PAGE = ROOT / "docs" / "long-run.md"
QUICK = ["tests/utils", "tests/autograder/key", "tests/test_requirements.py"]
NOT_QUICK = "not browser and not bank"
ISOLATION = ["tests/attacks", "tests/autograder/exam"]  # notebooks of every editor, too
LANDLOCK = {"AUTOGRADER_WALL": "landlock"}
PARALLEL = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
NO_TESTS = 5  # pytest's exit status where nothing was selected


def main(arguments: list[str]) -> int:
    ring, more = (arguments or ["test"])[0], arguments[1:]
    if ring not in RINGS:
        print(__doc__, file=sys.stderr)
        return 2
    adopt_orphans()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return RINGS[ring](more)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        end_all()


def quick(more: list[str]) -> int:
    return pytest("-m", NOT_QUICK, *([] if _paths(more) else QUICK), *more)


def test(more: list[str]) -> int:
    as_it_is = pytest(*PARALLEL, "--durations", "15", *more)
    print("\nIsolation and notebooks once more, without namespaces (AUTOGRADER_WALL=landlock):")
    # What is tried on every wall has met this one already.
    again = [*PARALLEL, "-k", "not landlock", *([] if _paths(more) else ISOLATION)]
    walled = pytest(*again, *more, **LANDLOCK)
    return as_it_is or (0 if walled == NO_TESTS else walled)


def _paths(more: list[str]) -> bool:
    return any(Path(argument.partition("::")[0]).exists() for argument in more)


def long(more: list[str]) -> int:
    """Every test file in a process of its own; what passed with these sources is not repeated."""
    done, now, failed = _recorded(), sources(), []
    files = [f.relative_to(ROOT).as_posix() for f in sorted(ROOT.glob("tests/**/test_*.py"))]
    steps = {path: (path, {}) for path in files}
    steps |= {f"{path}, landlock": (path, LANDLOCK) for path in ISOLATION}
    for number, (name, (path, wall)) in enumerate(steps.items(), 1):
        if done.get(name, {}).get("sources") == now:
            continue
        print(f"\n[{number}/{len(steps)}] {name}", flush=True)
        log = ROOT / "build" / "long.log"
        status = pytest("--long", "--whole-bank", path, *more, tee=log, **wall)
        if status not in (0, NO_TESTS):
            failed.append(name)
            continue
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        done[name] = {"sources": now, "result": _counts(said[0] if said else "")}
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(done, indent=1), encoding="utf-8")
    if failed:
        print("\nfailed: " + ", ".join(failed) + "\nRun it again when they are mended: it goes on.")
        return 1
    PAGE.write_text(_page({name: done[name]["result"] for name in steps}), encoding="utf-8")
    print(f"\nall passed; {PAGE.relative_to(ROOT).as_posix()} says so")
    return 0


def _counts(line: str) -> str:
    return ", ".join(re.findall(r"\d+ (?:passed|skipped|xfailed|deselected)", line)) or "no test"


def _page(results: dict[str, str]) -> str:
    about = f"{datetime.date.today()}, {platform.system()}, Python {platform.python_version()}"
    rows = "".join(f"| `{name}` | {result} |\n" for name, result in results.items())
    return (
        "# The last run of everything\n\n"
        f"Written by `make long`: {about}, {os.cpu_count()} cores; all passed.\n\n"
        f"| tests | result |\n|---|---|\n{rows}"
    )


def _recorded() -> dict:
    try:
        return json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def sources() -> str:
    """A hash of all that git tracks or would: what a test's result may depend on."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        path = ROOT / name
        if path.is_file() and path != PAGE:
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def pytest(*arguments: str, tee: Path | None = None, **environment: str) -> int:
    """Run pytest in a process of its own; its exit status.

    tee: a file that gets what it prints, too. Orphans of its tests come to this process meanwhile,
    which lets them go.
    """
    command = [sys.executable, "-m", "pytest", *arguments]
    # One thread a process: they share two cores, and OpenMP's threads burn time waiting.
    env = {"COURSE_DATA": "embedded", "OMP_NUM_THREADS": "1"} | os.environ | environment
    piped = {"stdout": subprocess.PIPE} if tee else {}
    # In a session of its own: Ctrl-C comes here first, and there once.
    process = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, **piped)
    try:
        if tee:
            _copy(process.stdout, tee)
        return process.wait() if os.name == "nt" else _reap_until(process)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        raise


def _copy(lines, tee: Path) -> None:
    tee.parent.mkdir(exist_ok=True)
    with open(tee, "wb") as file:
        for line in lines:
            file.write(line)
            sys.stdout.buffer.write(line)
            sys.stdout.flush()


def _reap_until(process: subprocess.Popen) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode


def adopt_orphans() -> None:
    """On Linux, a process whose parent has ended becomes a child of this one."""
    if sys.platform.startswith("linux"):
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all() -> None:
    """End every process that a test has left behind."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)


RINGS = {"quick": quick, "test": test, "long": long}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
