"""What isolation this machine gives student code: every line is tried in a real box, none assumed.

`python -m autograder doctor` prints it; exit status 0 when submissions can be graded in isolation.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autograder.exam.box import Limits, NoBox
from autograder.exam.warm import PACKAGE, Warm, try_a_box
from autograder.student import wire

MISSING = "install it: `apt install bubblewrap` (Debian, Ubuntu), `dnf install bubblewrap` (Fedora)"
FORBIDDEN = (
    "User namespaces may be switched off: as root, `sysctl kernel.unprivileged_userns_clone=1` or "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in Docker, run with "
    "`--security-opt seccomp=unconfined` or `--privileged`"
)

# name: (what is tried inside, the answer that shows isolation). Each expression is evaluated in the
# box.
TRIED = {
    "no network": ("[n for _, n in socket.if_nameindex() if n != 'lo']", []),
    "this machine's files are not there": ("[p for p in {secret!r} if os.path.exists(p)]", []),
    "the answer key is not there": ("bool(importlib.util.find_spec('autograder.key'))", False),
    "system and environment are read-only": (
        "[p for p in ('/', '/usr', '/etc', '/dev', sys.prefix) if os.access(p, os.W_OK)]",
        [],
    ),
    "other processes cannot be seen": (
        "max(int(p) for p in os.listdir('/proc') if p.isdigit()) < 99",
        True,
    ),
    "no capabilities, and no way to gain one": (
        "re.findall(r'(?:CapPrm|CapEff|CapBnd|NoNewPrivs):\\s*(\\w+)', status())",
        ["0" * 16, "0" * 16, "0" * 16, "1"],
    ),
    "dangerous system calls are refused": (
        "[libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), libc.memfd_create(b'', 0)]",
        [-1] * 3,
    ),
    "memory is limited": ("tried(lambda: bytearray(2 * {memory}))", "MemoryError"),
    "file size is limited": ("tried(lambda: open('big', 'wb').truncate(2 * {file}))", "OSError"),
    "disk space is limited": ("tried(fill)", "OSError"),
    "processes are limited": ("tried(crowd)", "BlockingIOError"),
    "open files are limited": (
        "tried(lambda: [open('/dev/null') for _ in range(9999)])",
        "OSError",
    ),
}

PRELUDE = """
import ctypes, importlib.util, json, os, re, signal, socket, subprocess, sys
libc = ctypes.CDLL(None)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def status():
    return open("/proc/self/status").read()
def tried(action):
    try:
        action()
        return "it worked"
    except BaseException as error:
        return type(error).__name__
def fill():
    for n in range(10_000):
        with open(f"/tmp/{n}", "wb") as file:
            file.write(bytes(2**20))
def crowd():
    children = []
    try:
        for _ in range(500):
            children.append(subprocess.Popen(["sleep", "60"]))
    finally:
        for child in children:
            child.kill()
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. works: whether it is as isolation wants it."""

    name: str
    works: bool
    detail: str = ""


def findings() -> list[Finding]:
    """Try everything, the most basic first; stops where nothing further can be tried."""
    found = [_version()]
    if not found[0].works:
        return found
    try:
        as_root = try_a_box()
    except NoBox as error:
        return [*found, Finding("a sandbox can be made", False, f"{error}. {FORBIDDEN}")]
    way = "by root; student code is an unprivileged user" if as_root else "in a user namespace"
    found.append(Finding("a sandbox can be made", True, way))
    limits = Limits(memory=2**30, disk=16 * 2**20, file=8 * 2**20)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            server = stack.enter_context(Warm(limits))
            inside = server.enter(folder, [], "doctor")
        except NoBox as error:
            return [*found, Finding("a warm process can enter it", False, str(error))]
        stack.callback(inside.close)
        found.append(Finding("a warm process can enter it", True))
        _evaluate(inside, PRELUDE + "print('null')")
        secret = [str(p) for p in (PACKAGE / "key" / "question.py", Path("/etc/shadow"), folder)]
        secret += [str(p) for p in Path.home().iterdir() if p.is_file()][:20]
        for name, (expression, wanted) in TRIED.items():
            for word, value in (
                ("{secret!r}", repr(secret)),
                ("{memory}", limits.memory),
                ("{file}", limits.file),
            ):
                expression = expression.replace(word, str(value))
            got = _evaluate(inside, f"print(json.dumps({expression}))")
            found.append(Finding(name, got == wanted, "" if got == wanted else f"got {got!r}"))
        _evaluate(
            inside, "subprocess.Popen('setsid sleep 1000 &', shell=True).wait(); print('null')"
        )
        inside.close()
        left = inside.box.usage().processes
        detail = f"{left} processes are left" if left else ""
        found.append(Finding("the whole process tree ends with it", not left, detail))
    return found


def main() -> int:
    """Print the findings; 0 when submissions can be graded in isolation, else 1."""
    found = findings()
    print(f"{platform.system()} {platform.release()}, {platform.machine()}, user {os.geteuid()}")
    for finding in found:
        mark = "yes" if finding.works else "NO "
        detail = (
            f"  ({finding.detail})"
            if finding.detail and (not finding.works or "left" not in finding.detail)
            else ""
        )
        print(f"  {mark}  {finding.name}{detail}")
    if all(finding.works for finding in found):
        print("Student code is isolated when it is graded.")
        return 0
    print(
        "Not everything works, so grading in isolation is refused or weaker than it should be.\n"
        "If you trust every submission: nbgrader autograde --Execute.sandbox=none"
    )
    return 1


def _version() -> Finding:
    program = shutil.which("bwrap")
    if platform.system() != "Linux":
        return Finding("bubblewrap is installed", False, "bubblewrap needs Linux")
    if program is None:
        return Finding("bubblewrap is installed", False, MISSING)
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
    return Finding("bubblewrap is installed", True, said)


def _evaluate(inside, source: str):
    """What a cell there printed, as JSON; a sentence when it did not print any."""
    request = {"do": "run", "source": source, "seconds": 30.0, "serial": 0}
    try:
        wire.send(inside.fd, request, 30)
        reply = wire.receive(inside.fd, 60)
        return json.loads("".join(o.get("text", "") for o in reply["outputs"]))
    except (EOFError, OSError, TimeoutError, ValueError, wire.WireError) as error:
        return f"no answer ({type(error).__name__})"
