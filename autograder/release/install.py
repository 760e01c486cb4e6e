"""Set the kit up: `python3 autograder/release/install.py [FOLDER]`, a virtual environment (.venv).

It needs nothing but a Python, an old one too, to say what is wrong with it: 2.7 can read this file.
Whatever stops it, the same command goes on where it stopped; where all is well, it says nothing.
"""

import contextlib
import glob
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENOUGH = 100 * 2**20  # bytes; with less, the disk is what stopped it
AGAIN = "then run the same command again: it goes on where it stopped."
LISTS = ("requirements.txt", "requirements-students.txt", "pyproject.toml")
TRIED = "import torch, nbgrader, autograder"  # what was installed, and is imported
# Settings that would put packages elsewhere, or have them found elsewhere.
ELSEWHERE = ["PIP_" + name for name in ("TARGET", "PREFIX", "ROOT", "PYTHON", "DRY_RUN", "NO_DEPS")]
ELSEWHERE += ["PYTHONPATH", "PYTHONHOME"]

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
        r"Connection refused|Connection reset|RemoteDisconnected|IncompleteRead",
        "The package index cannot be reached. Connect to the network (behind a proxy: set "
        "HTTPS_PROXY=http://HOST:PORT), " + AGAIN,
    ),
    (
        r"No matching distribution found for (?P<package>\S+)",
        "pip finds no {package}. Either the package index cannot be reached: connect to the "
        "network, look at `pip config list`, " + AGAIN + " Or there is none for this machine: "
        "torch has none for 32-bit systems, Macs with Intel, Alpine.",
    ),
    (
        r"failed to map segment|noexec",
        "Programs may not run in {folder}. Copy the kit to a folder of your own on another disk, "
        "and run the command there.",
    ),
    (
        r"ModuleNotFoundError: No module named '(?P<package>torch|torchvision|nbgrader|autograder)",
        "pip did not put {package} into {folder}: look at `pip config list` and at variables whose "
        "name begins with PIP_, " + AGAIN,
    ),
    (
        r"ensurepip is not|No module named ('?ensurepip|'?venv|'?pip\b)",
        "This Python comes without venv. On Debian or Ubuntu: apt install python{python}-venv, "
        + AGAIN,
    ),
    (
        r"Read-only file system|Permission denied|Operation not permitted|Errno (1|13|30)\b",
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
        "This is Python %s.%s; the kit needs %s.%s to %s.%s. " % (found + OLDEST + NEWEST)
        + "Install one of them and name it: make PYTHON=python3.13, or py -3.13 on Windows."
    )


def reason(said, folder):
    """One sentence that tells what to do, from what pip said and how full the disks are."""
    if min(map(_free, (folder, tempfile.gettempdir()))) < ENOUGH:
        said = "No space left on device"  # venv and pip do not always say so
    for pattern, sentence in REASONS:
        found = re.search(pattern, said)
        if found:
            known = {"folder": folder, "temporary": tempfile.gettempdir()}
            known["python"] = ".".join(map(str, sys.version_info[:2]))
            known.update(found.groupdict())
            return sentence.format(**known)
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["nothing"]
    told = [line for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    return "The set-up failed; what was said: %s If %s is damaged, delete it, %s" % (
        told[0].rstrip(".") + ".",
        folder,
        AGAIN,
    )


def _free(folder):
    """Bytes that are left where a folder is, or will be."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or os.curdir
    return shutil.disk_usage(folder).free


def tell(line):
    """Print a line at once, if anybody reads."""
    if sys.stdout:
        try:
            print(line)
            sys.stdout.flush()
        except OSError:  # `| head -1` has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def program(folder):
    """The environment's Python."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(folder, *parts)


def _environment():
    """Variables of what is started: nothing in them puts packages elsewhere, or finds others."""
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    # PIP_USER: whatever pip's own settings are
    return dict(kept, PYTHONIOENCODING="utf-8", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_USER="0")


def run(command, folder):
    """Run a command, and show how far it is; SystemExit, in one sentence, when it fails."""
    shown = bool(sys.stdout) and sys.stdout.isatty()
    said = []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that all that it starts can be ended with it
    )
    output = io.TextIOWrapper(process.stdout, encoding="utf-8", errors="replace")
    try:
        for line in output:
            said.append(line)
            step = re.match(r"\s*(Collecting|Downloading|Installing|Building) ?(.*)", line)
            if shown and step:
                text = " ".join(step.groups())[:76].encode("ascii", "replace").decode()
                sys.stdout.write("\r  " + text.ljust(78))
                sys.stdout.flush()
    except KeyboardInterrupt:
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)
        raise
    finally:
        code = process.wait()
        output.close()
        if shown:
            sys.stdout.write("\r" + 80 * " " + "\r")
    if code:
        sys.exit(reason("".join(said), folder))


def _says(folder, *words):
    """What the environment's Python prints, in bytes; None where it does not run, or fails."""
    command = [program(folder)] + list(words)
    try:
        process = subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError:
        return None
    printed = process.communicate()[0]
    return None if process.returncode else printed


def main(arguments):
    """Set up an environment, where there is none. SystemExit, in one sentence, where it cannot."""
    wrong = too_old_or_new(sys.version_info)
    if wrong:
        sys.exit(wrong)
    folder = os.path.join(ROOT, arguments[0] if arguments else ".venv")
    for end in filter(None, (signal.SIGTERM, getattr(signal, "SIGHUP", None))):
        if signal.getsignal(end) == signal.SIG_DFL:
            signal.signal(end, signal.default_int_handler)  # as Ctrl-C, so that pip ends, too
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a folder's name may have any letters
    try:
        with _alone():
            mend_moved(folder)
            if not is_ready(folder):
                set_up(folder)
    except KeyboardInterrupt:
        sys.exit("Interrupted; the same command goes on where it stopped.")
    except OSError as error:
        sys.exit(reason(str(error), folder))


def set_up(folder):
    """Make the environment, or what of it is missing."""
    tell("Setting up %s: a few minutes, this once." % folder)
    with contextlib.suppress(OSError):
        os.remove(os.path.join(folder, ".done"))
    drop_halves(folder)
    if not _says(folder, "-m", "pip", "--version"):  # none yet, or one that was interrupted
        runs = _says(folder, "-c", "print(1)")
        begun = os.path.exists(os.path.join(folder, "pyvenv.cfg"))
        anew = ["--clear"] if begun and not runs else []  # its Python has gone
        run([sys.executable, "-m", "venv"] + anew + [folder], folder)
    within = _says(folder, "-c", "import sys; print('%s %s' % sys.version_info[:2])")
    wrong = too_old_or_new(tuple(map(int, within.split())))
    if wrong:
        sys.exit("%s was made with another Python: delete it. %s" % (folder, wrong))
    run([program(folder), "-m", "pip", "install", "-r", "requirements.txt"], folder)
    run([program(folder), "-I", "-c", TRIED], folder)
    with open(os.path.join(folder, ".done"), "wb") as mark:
        mark.write(asked())
    tell("Ready. Activate it with: " + activation(folder))


def is_ready(folder):
    """Whether an environment runs, and was set up with the lists of packages as they are now."""
    mark = os.path.join(folder, ".done")
    try:
        with open(mark, "rb") as file:
            done = file.read()
        if done:
            fits = done == asked()
        else:  # version 1.0 went by the files' times
            made = os.path.getmtime(mark)
            fits = all(made >= os.path.getmtime(os.path.join(ROOT, name)) for name in LISTS)
    except OSError:
        return False
    return fits and _says(folder, "-c", "print(1)") is not None


def asked():
    """A hash of the lists of packages."""
    digest = hashlib.sha256()
    for name in LISTS:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read() + b"\0")
    return digest.hexdigest().encode()


@contextlib.contextmanager
def _alone():
    """Hold the kit while it is set up: a second set-up waits, and finds all done."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(os.path.join(ROOT, "requirements.txt"), "rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                tell("Another set-up of this folder is running; waiting for its end.")
                fcntl.flock(held, fcntl.LOCK_EX)
        yield  # also on a disk without locks


def _packages(folder, pattern):
    """Files and folders beside an environment's packages."""
    folder = glob.escape(folder)
    here = [os.path.join(folder, "lib", "python*"), os.path.join(folder, "Lib")]
    return [p for at in here for p in glob.glob(os.path.join(at, "site-packages", pattern))]


def drop_halves(folder):
    """Let pip install anew what was cut off: the last thing that it writes is RECORD."""
    for about in _packages(folder, "*.dist-info"):
        if not os.path.exists(os.path.join(about, "RECORD")):
            shutil.rmtree(about)


def mend_moved(folder):
    """Where an environment lay elsewhere when it was made, name the new place in its programs."""
    programs = os.path.realpath(os.path.join(folder, "bin"))
    here = os.path.dirname(programs)
    start = re.compile(
        b"#!(/.*)/bin/python[0-9.]*\n|#!/bin/sh\n'''exec' \"?(/.*?)/bin/python.*\n' '''\n"
    )
    made = start.match(_read(os.path.join(programs, "pip")))
    old = os.fsdecode(made.group(1) or made.group(2)) if made else here
    if os.path.realpath(old) == here or _says(here, "-c", "print(1)") is None:
        return
    tell("%s was made in %s: it is put right." % (folder, os.path.dirname(old)))
    run([program(here), "-m", "venv", "--without-pip", here], folder)  # how it is activated
    was, now = ("'" + os.path.dirname(at).replace("'", "\\'") + "/" for at in (old, here))
    for path in _packages(here, "__editable__*.py"):
        _write(path, _read(path).replace(os.fsencode(was), os.fsencode(now)))
    first = "#!/bin/sh\n'''exec' \"%s/bin/python\" \"$0\" \"$@\"\n' '''\n" % here
    paths = glob.glob(os.path.join(glob.escape(programs), "*"))
    for path in sorted(paths, key=lambda path: path.endswith("/pip")):  # what tells is mended last
        found = start.match(_read(path))
        if found and (found.group(1) or found.group(2)) == os.fsencode(old):
            _write(path, os.fsencode(first) + _read(path)[found.end() :])


def _read(path):
    """A file in bytes; nothing for what is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _write(path, text):
    """Put another file in a file's place: its old one may have more names."""
    with open(path + ".new", "wb") as file:
        file.write(text)
    shutil.copymode(path, path + ".new")
    os.rename(path + ".new", path)


def home_of_its_own(folder):
    """Where the home folder cannot be written, let `folder` be it, for what Jupyter keeps there."""
    home = os.path.expanduser("~")
    try:
        with tempfile.TemporaryFile(dir=home):
            return
    except OSError:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:  # nor can the kit's folder
            folder = tempfile.mkdtemp(prefix="vae-course-home-")
        os.environ["HOME"] = os.environ["USERPROFILE"] = os.path.abspath(folder)
    tell(
        "Your home folder %s cannot be written; %s takes its place here. For JupyterLab, set HOME "
        "to a folder that can be." % (home, folder)
    )


def activation(folder):
    """The line that makes `nbgrader` and `python` those of the kit, in a terminal."""
    if os.name == "nt":
        return os.path.join(os.path.relpath(folder), "Scripts", "activate")
    return ". " + os.path.join(os.path.relpath(folder), "bin", "activate")


if __name__ == "__main__":
    main(sys.argv[1:])
