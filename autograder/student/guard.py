"""The guardian of a box: puts a student's process into it, tells how it ends, and stays out of its
reach.

With namespaces, the box ends when its first process is killed, from outside. Behind Landlock the
guardian itself is what holds the box together: everything that the student's process starts stays
below it, whoever dies (it is their reaper), and it ends them all when the grader lets go.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
import tempfile
import traceback
from pathlib import Path

from autograder.student import confine, landlock

PR_SET_CHILD_SUBREAPER = 36
UNREAD = "student code may not read "  # and the name of a file, where a wall was tried


def guard(order: dict, box: int, folder: int, wire: int, told: int) -> None:
    """Fork the student's process into the box and watch over it. Never returns.

    order: see `exam.walls`. box: a pidfd of the sandbox, or a socket that closes when the box is to
    end. folder: the submission's. told: gets {"pid"}, then {"status"}, or {"failed"}, a line each.
    """
    alone = order["rung"] == "landlock" and order["uid"] is None and order["abi"] < 6
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        likely = _killed_first()
        group = order.get("group") and os.open(order["group"], os.O_WRONLY | os.O_CLOEXEC)
        if order["rung"] == "landlock":
            _enclose(order, box, alone)
        else:
            confine.join(box, order["user_namespace"])
        pid = os.fork()
        if pid == 0:
            os.close(told)
            os.close(box)
            if group:
                os.write(group, b"0")  # and all that it starts
            if not alone:
                os.setsid()  # or a signal to its own group would reach this process's parent
            _become_student(order, folder, wire, alone)
        with contextlib.suppress(OSError):
            os.write(likely, b"0")
        os.close(wire)
        os.close(folder)
        os.write(told, json.dumps({"pid": pid}).encode() + b"\n")
        if order["rung"] == "landlock":
            _keep(order["uid"], box, pid, told, alone)
        else:
            _tell(told, os.waitpid(pid, 0)[1])
    except BaseException:
        with contextlib.suppress(OSError):
            why = traceback.format_exc(limit=-2).strip()
            os.write(told, json.dumps({"failed": why}).encode() + b"\n")
    finally:
        os._exit(0)


def _killed_first() -> int:
    """Have a machine without memory kill this process first, and its children; the file that says
    so. It is written before the box is entered: there it cannot be, and nobody can take it back.
    """
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, b"1000")
    return fd


def _tell(told: int, status: int) -> None:
    os.write(told, json.dumps({"status": status}).encode() + b"\n")


def _enclose(order: dict, hold: int, alone: bool) -> None:
    """Be the reaper of all that follows, and tell the grader one's number.

    As the user who also grades, this process enters a domain that signals do not leave, so that it
    can signal everybody in it and nobody else; where they do leave, it tries that they do not.
    """
    if confine.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this process cannot become a reaper")
    os.write(hold, b"%d\n" % os.getpid())
    if order["uid"] is None:
        order["limits"]["NPROC"] += _of_this_user()
        confine.surrender(None)
        landlock.restrict(landlock.scope(order["abi"]))
        if not alone:
            with contextlib.suppress(PermissionError):
                os.kill(os.getppid(), 0)
                raise OSError("Landlock does not keep signals in")


def _of_this_user() -> int:
    """Threads of this user: the kernel counts them all against the limit of a process."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, KeyError, ValueError):
            lines = Path("/proc", name, "status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
            if int(fields["Uid"].split()[0]) == os.getuid():
                count += int(fields["Threads"])
    return count


def _keep(uid: int | None, hold: int, pid: int, told: int, alone: bool) -> None:
    """Bury the dead, tell how the student's process ended; end everything when `hold` closes."""
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while True:
        with contextlib.suppress(ChildProcessError):
            while (dead := os.waitpid(-1, os.WNOHANG))[0]:
                if dead[0] == pid:
                    _tell(told, dead[1])
        ready = select.select([hold, awake], [], [])[0]
        if hold in ready:
            break
        with contextlib.suppress(BlockingIOError):
            os.read(awake, 1 << 16)
    if alone:
        os.killpg(0, signal.SIGKILL)  # this process too: nobody could leave its group
    if uid is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # whom it may signal: those in its domain
    elif os.fork() == 0:
        os.setresuid(uid, uid, uid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _become_student(order: dict, folder: int, wire: int, alone: bool) -> None:
    """Copy the submission in, confine this process, then serve the examiner. Never returns."""
    try:
        home = Path(order["home"]) / order["name"]
        home.mkdir(parents=True, exist_ok=True)
        _copy(folder, home, order["files"])
        if order["uid"] is not None:
            for path in [home.parent, home, *home.rglob("*")]:
                os.chown(path, order["uid"], order["uid"])
        os.close(folder)
        os.chdir(home)
        confine_self(order, alone)
        null = os.open("/dev/null", os.O_RDWR)
        for number, fd in enumerate((null, null, null, wire)):
            os.dup2(fd, number)
        os.closerange(4, 1 << 16)
        os.environ.update(order["environment"])
        tempfile.tempdir = None  # the warm server's own, where an import has asked for one
        from autograder.student import kernel

        kernel.serve(3, shared=order["rung"] == "landlock")
    except BaseException as error:
        from autograder.student import wire as frames

        for fd in (3, wire):  # it moves to 3 on the way
            with contextlib.suppress(BaseException):
                frames.send(fd, {"failed": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(70)


def confine_self(order: dict, alone: bool = False) -> None:
    """Limits, user, domain, filter: for good. OSError where one of them fails."""
    confine.limit(order["limits"])
    behind_landlock = order["rung"] == "landlock"
    domain = None
    if behind_landlock:
        places = order["read"], order["look"], order["write"]
        domain = landlock.fence(*places, order["abi"])
    elif order["abi"]:
        domain = landlock.scope(order["abi"])
    confine.surrender(order["uid"], order.get("kept"))
    if domain is not None:
        landlock.restrict(domain)
    confine.filter_calls(shared=behind_landlock, alone=alone)


def _copy(folder: int, home: Path, files: list[str]) -> None:
    """Copy regular files from an open folder of the host; links of any kind are not followed."""
    for name in files:
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with open(source, "rb") as stream:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                continue
            with open(target, "wb") as copy:
                while part := stream.read(1 << 20):
                    copy.write(part)


def try_out(text: str) -> None:
    """Confine this process as an order says and print "works", or what does not."""
    order = json.loads(text)
    try:
        os.chdir(order["write"][0])
        if order["uid"] is None:
            confine.surrender(None)
            landlock.restrict(landlock.scope(order["abi"]))
        confine_self(order)
        for path in order["needed"]:
            with open(path, "rb") as stream:
                stream.read(1)
        for path in order["secret"]:
            with contextlib.suppress(OSError):
                open(path, "rb").close()
                raise RuntimeError(f"{path} can be read all the same")
        print("works")
    except PermissionError as error:
        print(f"{UNREAD}{error.filename}")
    except Exception as error:
        print(error)
