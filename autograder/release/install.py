"""Set the kit up: `python3 autograder/release/install.py [FOLDER]`, a virtual environment (.venv).

It needs nothing but a Python, an old one too, to say what is wrong with it. Whatever stops it, the
same command goes on where it stopped.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENOUGH = 100 * 2**20  # bytes; with less, the disk is what stopped it
AGAIN = "then run the same command again: it goes on where it stopped."

# What pip or the system says, and what to do about it; the first that fits is told.
REASONS = [
    (
        r"No space left on device|Errno 28|Disk quota exceeded",
        "The disk is full. The set-up needs 3 GB in {folder} and in {temporary} (on Linux 6 GB, "
        "unless torch comes for the CPU, see docs/for-students.md): make room, " + AGAIN,
    ),
    (
        r"ProxyError|Cannot connect to proxy|407 Proxy|Tunnel connection failed",
        "The proxy does not let pip through. Give its address as "
        "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, " + AGAIN,
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index shows a certificate that this machine does not trust; a proxy may stand "
        "between. Name its certificate as PIP_CERT=FILE, " + AGAIN,
    ),
    (
        r"Failed to establish a new connection|Temporary failure in name resolution|"
        r"Network is unreachable|ConnectTimeout|ReadTimeout|NameResolutionError|getaddrinfo|"
        r"Connection refused|\(from versions: none\)",
        "The package index cannot be reached. Connect to the network (behind a proxy: set "
        "HTTPS_PROXY=http://HOST:PORT), " + AGAIN,
    ),
    (
        r"ensurepip is not|No module named ('?ensurepip|'?venv|'?pip)",
        "This Python comes without venv. On Debian or Ubuntu: apt install python{python}-venv, "
        + AGAIN,
    ),
    (
        r"Read-only file system|Permission denied|Errno 13|Errno 30",
        "{folder} cannot be written. Copy the kit to a folder of your own, and run the command "
        "there.",
    ),
]


def too_old_or_new(version):
    """What to do when a Python does not fit, or None; version as `sys.version_info` has it."""
    found = tuple(version[:2])
    if OLDEST <= found <= NEWEST:
        return None
    return (
        f"This is Python {found[0]}.{found[1]}; the kit needs 3.{OLDEST[1]} to 3.{NEWEST[1]}. "
        "Install one of them and name it: make PYTHON=python3.13, or py -3.13 on Windows."
    )


def reason(said, folder):
    """One sentence that tells what to do, from what pip said and how full the disks are."""
    if min(map(_free, (folder, tempfile.gettempdir()))) < ENOUGH:
        said = "No space left on device"  # venv and pip do not always say so
    for pattern, sentence in REASONS:
        if re.search(pattern, said):
            return sentence.format(
                folder=folder,
                temporary=tempfile.gettempdir(),
                python=".".join(map(str, sys.version_info[:2])),
            )
    last = [line for line in said.splitlines() if line.strip()][-1:] or ["nothing"]
    return "The set-up failed; the last thing that was said: " + last[0].strip()


def _free(folder):
    """Bytes that are left where a folder is, or will be."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or os.curdir
    return shutil.disk_usage(folder).free


def program(folder):
    """The environment's Python."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(folder, *parts)


def run(command, folder):
    """Run a command, and show how far it is; SystemExit, in one sentence, when it fails."""
    shown = sys.stdout.isatty()
    said = []
    environment = dict(os.environ, PYTHONIOENCODING="utf-8", PIP_DISABLE_PIP_VERSION_CHECK="1")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        for line in process.stdout:
            said.append(line)
            step = re.match(r"\s*(Collecting|Downloading|Installing|Building) ?(.*)", line)
            if shown and step:
                text = " ".join(step.groups())[:76].encode("ascii", "replace").decode()
                sys.stdout.write(f"\r  {text:78}")
                sys.stdout.flush()
    except KeyboardInterrupt:
        process.terminate()
        raise
    finally:
        code = process.wait()
        if shown:
            sys.stdout.write(f"\r{'':80}\r")
    if code:
        raise SystemExit(reason("".join(said), folder))


def _has_pip(folder):
    try:
        command = [program(folder), "-m", "pip", "--version"]
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def main(arguments):
    """Set up an environment. SystemExit, in one sentence, where it cannot be."""
    wrong = too_old_or_new(sys.version_info)
    if wrong:
        raise SystemExit(wrong)
    folder = os.path.join(ROOT, arguments[0] if arguments else ".venv")
    print(f"Setting up {folder}: a few minutes, this once.", flush=True)
    try:
        if not _has_pip(folder):  # none yet, or one that was interrupted
            run([sys.executable, "-m", "venv", folder], folder)
        install = [program(folder), "-m", "pip", "install", "-r", "requirements.txt"]
        run(install, folder)
        with open(os.path.join(folder, ".done"), "wb"):
            pass
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; the same command goes on where it stopped.") from None
    except OSError as error:
        raise SystemExit(reason(str(error), folder)) from None
    print("Ready. Activate it with: " + activation(folder))


def home_of_its_own(folder):
    """Where the home folder cannot be written, let `folder` be it, for what Jupyter keeps there."""
    home = os.path.expanduser("~")
    try:
        with tempfile.TemporaryFile(dir=home):
            return
    except OSError:
        os.makedirs(folder, exist_ok=True)
        os.environ["HOME"] = os.environ["USERPROFILE"] = os.path.abspath(folder)
    print(
        f"Your home folder {home} cannot be written; {folder} takes its place here. For "
        "JupyterLab, set HOME to a folder that can be.",
        flush=True,
    )


def activation(folder):
    """The line that makes `nbgrader` and `python` those of the kit, in a terminal."""
    if os.name == "nt":
        return os.path.join(os.path.relpath(folder), "Scripts", "activate")
    return ". " + os.path.join(os.path.relpath(folder), "bin", "activate")


if __name__ == "__main__":
    main(sys.argv[1:])
