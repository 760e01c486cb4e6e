"""What isolation this machine gives student code: every line is tried in a real box, none assumed.

`python -m autograder doctor` prints it; exit status 0 when submissions can be graded in isolation.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autograder.exam import walls
from autograder.exam.examiner import Cell, Isolated
from autograder.exam.walls import groups
from autograder.exam.walls.common import Limits, NoBox
from autograder.exam.walls.namespaces import INSTALL
from autograder.exam.walls.scratch import Scratch
from autograder.exam.warm import PACKAGE, Warm
from utils.hand_in import elsewhere

LIMITS = Limits(memory=2**30, disk=16 * 2**20, file=8 * 2**20)

# What brings namespaces where bubblewrap is installed and may not make them; the first whose sign
# is there. sign: file: what it starts with.
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
REMEDIES = (
    (
        APPARMOR,
        "1",
        "Ubuntu lets only named programs make them. As root: `printf 'abi <abi/4.0>,\\nprofile "
        "bwrap /usr/bin/bwrap flags=(unconfined) { userns, }\\n' > /etc/apparmor.d/bwrap && "
        "apparmor_parser -r /etc/apparmor.d/bwrap`",
    ),
    (
        Path("/proc/sys/kernel/unprivileged_userns_clone"),
        "0",
        "They are switched off for users. As root: `sysctl kernel.unprivileged_userns_clone=1`",
    ),
    (
        Path("/proc/sys/user/max_user_namespaces"),
        "0",
        "They are switched off. As root: `sysctl user.max_user_namespaces=10000`",
    ),
    (
        Path("/"),
        "",
        "A container forbids them, unless it is started so: `docker run --security-opt "
        "seccomp=unconfined --security-opt apparmor=unconfined --security-opt "
        "systempaths=unconfined`. There is no need: 'landlock' works in any container",
    ),
)

PRELUDE = """
import ctypes, importlib.util, json, os, re, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def status(*names):
    lines = open("/proc/self/status").read().splitlines()
    return [line.split()[1] for line in lines if line.split(":")[0] in names]
def tried(action):
    try:
        action()
        return "it worked"
    except BaseException as error:
        return type(error).__name__
def worked(action, things):
    return [thing for thing in things if tried(lambda: action(thing)) == "it worked"]
def fill():
    for n in range(200):
        with open(f"{os.environ['TMPDIR']}/{n}", "wb") as file:
            file.write(bytes(2**20))
        time.sleep(0.02)
def crowd():
    children = []
    try:
        for _ in range(500):
            children.append(subprocess.Popen(["sleep", "60"]))
    finally:
        for child in children:
            child.kill()
"""

BOX = "a box can be made"
GROUPS = {True: "with a control group for its memory", False: groups.NONE}
PACKAGES = "packages that students may use are there"
INSTALLED = """
from importlib import metadata
print(json.dumps({found.name: found.version for found in metadata.distributions()}))
"""


def _is(wanted) -> Callable[[object], bool]:
    return lambda got: got == wanted


def _one_of(*wanted) -> Callable[[object], bool]:
    return lambda got: got in wanted


# What is tried: (in words, an expression that is evaluated in the box, whether that isolates).
# {secret}: files of this machine; {grader}: this process; {memory}, {file}: limits.
TRIED = (
    ("no network", "[tried(lambda: socket.socket(f)) for f in (2, 10, 40)]", _is(["OSError"] * 3)),
    ("this machine's files cannot be opened", "worked(open, {secret})", _is([])),
    (
        "the answer key cannot be imported",
        "bool(importlib.util.find_spec('autograder.key'))",
        _is(False),
    ),
    (
        "system and environment are read-only",
        "worked(lambda p: open(p + '/autograder', 'w'), ['', '/usr', '/etc', '/dev', sys.prefix])",
        _is([]),
    ),
    (
        "other processes cannot be looked into, traced or signalled",
        "worked(lambda f: f(), [lambda: os.kill({grader}, 0), "
        "lambda: open('/proc/{grader}/environ').read(), lambda: open('/proc/1/mem', 'rb')])",
        _is([]),
    ),
    (
        "no way to gain a capability",
        # none, or the one that is kept; a container's user cannot empty the set of the others
        "[status('CapEff') in (['0' * 16], status('CapBnd')), status('NoNewPrivs'), "
        "status('Seccomp')]",
        _is([True, ["1"], ["2"]]),
    ),
    (
        "dangerous system calls are refused",
        "[libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), libc.memfd_create(b'', 0)]",
        _is([-1] * 3),
    ),
    ("memory is limited", "tried(lambda: bytearray(2 * {memory}))", _is("MemoryError")),
    (
        "file size is limited",
        "tried(lambda: open('big', 'wb').truncate(2 * {file}))",
        _is("OSError"),
    ),
    ("processes are limited", "tried(crowd)", _is("BlockingIOError")),
    (
        "open files are limited",
        "tried(lambda: [open('/dev/null') for _ in range(9999)])",
        _is("OSError"),
    ),
    (
        "disk space is limited",
        "tried(fill)",
        _one_of("OSError", f"Your code wrote more than {LIMITS.disk >> 20} MiB of files."),
    ),
)


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. works: whether it is as isolation wants it."""

    name: str
    works: bool
    detail: str = ""


def findings(rung: str) -> list[Finding]:
    """Try everything behind one wall; stops where nothing further can be tried."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(Scratch("doctor"))
            server = stack.enter_context(Warm(LIMITS, [folder], rung))
        except NoBox as error:
            return [Finding(BOX, False, f"{error}{remedy(str(error))}")]
        found = [Finding(BOX, True, server.wall.way)]
        secret = [PACKAGE / "key" / "question.py", Path("/etc/shadow")]
        with contextlib.suppress(OSError, RuntimeError):  # a user without a home
            secret += Path.home().iterdir()
        about = {
            "{secret}": repr([str(path) for path in secret if path.is_file()][:20]),
            "{grader}": str(os.getpid()),
            "{memory}": str(LIMITS.memory),
            "{file}": str(LIMITS.file),
        }
        cells = [Cell(PRELUDE)]
        for _, expression, _ in TRIED:
            for word, value in about.items():
                expression = expression.replace(word, value)
            cells.append(Cell(f"print(json.dumps({expression}, default=str))"))
        cells.append(Cell(INSTALLED))
        cells.append(Cell("subprocess.Popen('setsid sleep 1000 &', shell=True).wait()"))
        try:
            inside = Isolated(cells, folder, [], "doctor", server, [])
            stack.callback(inside.close)
            inside.run(0)
            for number, (name, _, isolates) in enumerate(TRIED, 1):
                inside.position = number
                got = _told(inside.run(number))
                found.append(Finding(name, isolates(got), "" if isolates(got) else f"got {got!r}"))
            inside.position = len(cells) - 2
            found.append(_packages(_told(inside.run(inside.position))))
            inside.position = len(cells) - 1
            inside.run(inside.position)
            if inside.process is None:
                raise NoBox("its process has ended")
            grouped = inside.process.group is not None
            found[0] = Finding(BOX, True, f"{server.wall.way}; {GROUPS[grouped]}")
            box = inside.process.box
            inside.close()
            left = box.usage().processes
        except (NoBox, AttributeError) as error:
            return [*found, Finding("a process can enter it", False, str(error))]
        detail = f"{left} processes are left" if left else ""
        return [*found, Finding("the whole process tree ends with it", not left, detail)]


def remedy(why: str) -> str:
    """What to do about bubblewrap's refusal, as the end of a sentence."""
    if INSTALL in why or "bubblewrap" not in why:
        return ""
    for sign, start, text in REMEDIES:
        with contextlib.suppress(OSError):
            if not start or sign.read_text("utf-8").startswith(start):
                return f". {text}"
    return ""


def main() -> int:
    """Print the findings; 0 when submissions can be graded in isolation, else 1."""
    user = getattr(os, "geteuid", lambda: "-")()  # Windows has no numbers
    print(f"{platform.system()} {platform.release()}, {platform.machine()}, user {user}")
    isolating: list[str] = []
    for rung in walls.ISOLATED:
        print(rung)
        found = findings(rung)
        for finding in found:
            detail = f"  ({finding.detail})" if finding.detail else ""
            print(f"  {'yes' if finding.works else 'NO '}  {finding.name}{detail}")
        if all(finding.works for finding in found if finding.name != PACKAGES):
            isolating.append(rung)
    asked = walls.named(None)  # by the environment
    taken = [rung for rung in isolating if asked in (None, rung)]
    if taken:
        print(f"Student code is put behind the wall '{taken[0]}' when it is graded.")
        return 0
    if isolating:
        print(f"{walls.VARIABLE} asks for {asked!r}; '{isolating[0]}' would hold in everything.")
        return 1
    print(
        "No wall holds in everything, so grading is refused or weaker than it should be.\n"
        "If you trust every submission: nbgrader autograde --Execute.sandbox=process\n"
        + walls.CAVEAT
    )
    return 1


def _packages(told) -> Finding:
    """Whether student code has what requirements-students.txt lets students use."""
    listed, path = elsewhere.packages() or {}, elsewhere.LISTS[0]
    there = told if isinstance(told, dict) else {}
    there = {elsewhere.canonical(name): version for name, version in there.items()}
    odd = [
        f"{name} is {there.get(name, 'missing')}{f', not {version}' if version else ''}"
        for name, version in listed.items()
        if name not in there or version and there[name].partition("+")[0] != version
    ]
    mend = f"{'; '.join(odd)}: {sys.executable} -m pip install -r {path}"
    return Finding(PACKAGES, not odd, mend if odd else f"{len(listed)} in {path}")


def _told(outputs: list[dict]):
    """What a cell printed, as JSON; a sentence when it did not print any."""
    for output in outputs:
        if output["output_type"] == "error":
            return output["evalue"]
    with contextlib.suppress(ValueError):
        return json.loads("".join(output.get("text", "") for output in outputs))
    return "no answer"
