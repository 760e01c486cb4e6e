"""The three rings of tests: `python -m tests quick`, `test` or `long`.

quick  a minute: what students import, and each question by itself; no browser, bank or grading
test   what CI runs: the suite as this machine is, then isolation and notebooks once more on the
       wall that needs no namespaces
long   everything, three files at a time; run again, it goes on after the last file that passed.
       docs/long-run.md says when each file ran last; what it said is kept in build/long/

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
import time
from collections.abc import Iterable
from pathlib import Path

from autograder.release import install
from tests.support import tracked
from utils.hand_in import console

try:
    import psutil
except ModuleNotFoundError:
    raise SystemExit(console.lacks("lacks psutil")) from None

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "long"
RECORD = LOGS / "passed.json"
PAGE = ROOT / "docs" / "long-run.md"
QUICK = [
    "tests/utils",
    "tests/autograder/key/test_sentences.py",
    "tests/autograder/key/references",
    "tests/test_requirements.py",
]
NOT_QUICK = "not browser and not bank and not dear"
ISOLATION = ["tests/attacks", "tests/autograder/exam"]  # notebooks of every editor, too
LANDLOCK = {"AUTOGRADER_WALL": "landlock"}
# What has met this wall already, as it is tried on every wall, does not meet it again; nor does
# what no wall has a part in.
AGAIN = ["-k", "not landlock and not forged_metadata"]
# One more than the cores of a small machine: a third of the time, tests wait for a browser, or for
# something to end.
AT_ONCE = 3
# Files that take longest, first: the processes then end at the same time.
DEAREST = [
    "tests/autograder/exam/test_walls.py",
    "tests/attacks/test_cells.py",
    "tests/autograder/course/test_grading.py",
    "tests/test_documents.py",
    "tests/desks/test_class.py",
    "tests/test_class.py",
    "tests/term/test_term.py",
    "tests/test_notebooks.py",
    "tests/autograder/key/test_trained.py",
    "tests/autograder/plugins/test_execute.py",
    "tests/autograder/key/test_formula.py",
    "tests/desks/test_one.py",
    "tests/autograder/test_cli.py",
    "tests/autograder/key/test_bank.py",
    "tests/autograder/course/test_pool.py",
    "tests/autograder/key/test_strangers.py",
    "tests/access/test_pages.py",
]
PARALLEL = ["-n", str(AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder"]
NO_TESTS = 5  # pytest's exit status where nothing was selected


def main(arguments: list[str]) -> int:
    ring, more = (arguments or ["test"])[0], arguments[1:]
    if ring not in RINGS:
        print(__doc__, file=sys.stderr)
        return 2
    console.lenient()
    adopt_orphans()
    install.home_of_its_own(str(ROOT / "build" / "home"))
    for sign in (signal.SIGINT, signal.SIGTERM):  # SIGINT is ignored below a shell's `&`
        signal.signal(sign, signal.default_int_handler)
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
    again = [*PARALLEL, *AGAIN, *([] if _paths(more) else ISOLATION)]
    walled = pytest(*again, *more, **LANDLOCK)
    return as_it_is or (0 if walled == NO_TESTS else walled)


def _paths(more: list[str]) -> bool:
    return any(Path(argument.partition("::")[0]).exists() for argument in more)


def long(more: list[str]) -> int:
    """Every test file in a process of its own; what passed with these sources is not repeated."""
    paths = [argument for argument in more if Path(argument).exists() or argument in _steps([], [])]
    options = [argument for argument in more if argument not in paths]
    steps = _steps(paths, options)
    done, now = {} if options else _recorded(), _state()
    todo = [name for name in steps if not _passed(done.get(name), now)]
    print(f"{len(steps) - len(todo)} of {len(steps)} have passed already", flush=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    running, failed = {}, []
    with interrupted_all(running):
        while todo or running:
            while todo and len(running) < AT_ONCE:
                name = todo.pop(0)
                arguments, wall = steps[name]
                process = start(*arguments, log=_log(name), **wall)
                running[process] = name, time.monotonic()
            process = first_ended(running)
            name, since = running.pop(process)
            said = _log(name).read_text(encoding="utf-8", errors="replace")
            result = _counts(said)
            if process.returncode not in (0, NO_TESTS):
                failed.append(name)
                print(said)
                result = f"FAILED, see {_log(name).relative_to(ROOT).as_posix()}"
            if not options:
                done[name] = now | {"result": result, "passed": name not in failed}
                RECORD.write_text(json.dumps(done, indent=1), encoding="utf-8")
                PAGE.write_text(_page(done, now), encoding="utf-8")
            left = len(todo) + len(running)
            print(f"{name}: {result}, {time.monotonic() - since:.0f} s; {left} to go", flush=True)
    if failed:
        print("\nfailed: " + ", ".join(failed) + "\nRun it again when they are mended: it goes on.")
        return 1
    return 0


def _state() -> dict:
    """What a result is of: the sources' hash, the commit in words, today."""
    commit = (tracked.git("log", "-1", "--format=%h") or "a copy without git").strip()
    if tracked.git("status", "--porcelain", "--", ".", f":!{PAGE.relative_to(ROOT).as_posix()}"):
        commit += " and changes"
    return {"sources": sources(), "commit": commit, "date": f"{datetime.date.today()}"}


def _passed(entry: dict | None, now: dict) -> bool:
    """Whether a file has passed with these sources."""
    return bool(entry) and entry["passed"] and entry["sources"] == now["sources"]


def _steps(paths: list[str], more: list[str]) -> dict[str, tuple[list[str], dict]]:
    """{name: (what pytest is told, the wall that is forced)}, the dearest first. Once more without
    namespaces goes what `test` runs so: what is long meets every wall by itself.

    paths: how the names begin, all if empty. more: for pytest.
    """
    files = [f.relative_to(ROOT).as_posix() for f in sorted(ROOT.glob("tests/**/test_*.py"))]
    files.sort(key=lambda path: DEAREST.index(path) if path in DEAREST else len(DEAREST))
    steps = {path: (["--long", "--whole-bank", path, *more], {}) for path in files}
    steps |= {f"{path}, landlock": ([path, *AGAIN, *more], LANDLOCK) for path in ISOLATION}
    return {name: step for name, step in steps.items() if name.startswith(tuple(paths) or "")}


def _log(name: str) -> Path:
    return LOGS / (re.sub(r"\W+", "-", name) + ".log")


def _counts(said: str) -> str:
    """What pytest counted: the last line that counts, whatever ended after it."""
    counted = re.findall(
        r"^[^\n]*\b\d+ (?:passed|failed|skipped|error)[^\n]* in [\d.]+s", said, re.M
    )
    counts = re.findall(r"\d+ (?:passed|failed|skipped|xfailed|deselected)", "".join(counted[-1:]))
    return ", ".join(counts) or "no test"


def _page(done: dict[str, dict], now: dict) -> str:
    """docs/long-run.md. A file that has not run with these sources tells with which it has."""
    steps = _steps([], [])
    of_now = [name for name in steps if _passed(done.get(name), now)]
    rows = ""
    for name in steps:
        entry = done.get(name, {"result": "not run yet", "commit": "", "date": ""})
        rows += f"| `{name}` | {entry['result']} | {entry['date']} | {entry['commit']} |\n"
    return (
        "# The last run of everything\n\n"
        f"Written by `make long`: {platform.system()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores. It takes over an hour, and goes on where it was stopped. "
        f"{len(of_now)} of {len(steps)} have passed at {now['commit']}, the newest.\n\n"
        f"| tests | result | date | commit |\n|---|---|---|---|\n{rows}"
    )


def _recorded() -> dict:
    try:
        return json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def sources() -> str:
    """A hash of all that git tracks or would: what a test's result may depend on."""
    digest = hashlib.sha256()
    for name in tracked.files():
        path = ROOT / name
        if path != PAGE:
            digest.update(os.fsencode(name) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def pytest(*arguments: str, **environment: str) -> int:
    """Run pytest in a process of its own; its exit status."""
    process = start(*arguments, **environment)
    with interrupted_all([process]):
        return first_ended([process]).returncode


def start(*arguments: str, log: Path | None = None, **environment: str) -> subprocess.Popen:
    """pytest in a process of its own. log: gets what it prints."""
    command = [sys.executable, "-m", "pytest", *arguments]
    # One thread a process: they share two cores, and OpenMP's threads burn time waiting.
    env = {"COURSE_DATA": "embedded", "OMP_NUM_THREADS": "1"} | os.environ | environment
    with contextlib.ExitStack() as stack:
        to = stack.enter_context(open(log, "wb")) if log else None
        both = {"stdout": to, "stderr": to}
        # In a session of its own: Ctrl-C comes here first, and there once.
        return subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, **both)


@contextlib.contextmanager
def interrupted_all(running: Iterable[subprocess.Popen]):
    """Hand Ctrl-C on to what is running then, and wait a moment for its end."""
    try:
        yield
    except KeyboardInterrupt:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
        raise


def first_ended(running: Iterable[subprocess.Popen]) -> subprocess.Popen:
    """Wait until one has ended. Orphans of tests come to this process, which lets them go."""
    while True:
        if os.name == "nt":
            time.sleep(0.2)
        else:
            pid, status = os.waitpid(-1, 0)
            for process in running:
                if process.pid == pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
        for process in running:
            if process.poll() is not None:
                return process


def adopt_orphans() -> None:
    """On Linux, a process whose parent has ended becomes a child of this one."""
    if sys.platform.startswith("linux"):
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all() -> None:
    """End every process that a test has left behind, whatever else is pressed meanwhile."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    for _ in range(5):  # they may start more until they end
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)


RINGS = {"quick": quick, "test": test, "long": long}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
