"""How an examiner asks a student's code: in this process, or in a child that can crash or hang
alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import types
from pathlib import Path

from autograder.student import probes, wire
from autograder.student.probes import common

TOO_LONG = "Your code was still running after {:g} seconds and was stopped."
PATIENCE = 4  # limits are in seconds of computing; on a busy clock it may be so many times more


class InProcess:
    """Asks code that lives in this process: a namespace, such as a notebook's.

    folder: where the submission's files are, such as `runs/`.
    """

    def __init__(self, names: dict, folder: str | Path = "."):
        self.names, self.folder = names, Path(folder)

    def ask(self, probe: str, inputs: dict, stand_ins=None, seconds: float = 20.0) -> dict:
        """Run a probe over the namespace; what it prints is thrown away; too slow becomes
        an error.
        """
        with _quiet(), _replaced(self.names, stand_ins or {}):
            try:
                with _at_most(seconds):
                    return probes.run(probe, self.names, inputs)
            except _TooLong:
                return {"error": TOO_LONG.format(seconds)}
            except BaseException as error:  # sys.exit() in student code must not end the grading
                if isinstance(error, KeyboardInterrupt):
                    raise
                return {"error": common.told(error)}


class Forked:
    """Asks code from a Python file, run in a forked child: a crash or a hang costs this file only.

    torch is imported once, by the parent; the child computes in one thread, since OpenMP's threads
    do not survive a fork.
    """

    def __init__(self, path: str | Path, load_seconds: float = 30.0):
        self.path, self.load_seconds = Path(path).resolve(), load_seconds
        self.folder = self.path.parent
        self.pid = 0
        self.broken: str | None = None

    def ask(self, probe: str, inputs: dict, stand_ins=None, seconds: float = 20.0) -> dict:
        """As `InProcess.ask`. stand_ins are the reference's objects; the child has them
        from the fork.
        """
        probes.prepare(probe)  # imported here, once, it is there in every child
        names = sorted(stand_ins or {})
        if self.pid and names != self._names:
            self.close()
        if not self.pid:
            self._names = names
            self._start(stand_ins or {})
        if self.broken:
            return {"error": self.broken}
        try:
            wire.send(self.to_child, {"probe": probe, "seconds": seconds, **_prefixed(inputs)})
            return wire.receive(self.from_child, PATIENCE * seconds + 2)
        except TimeoutError:
            self.close()
            return {"error": TOO_LONG.format(seconds)}
        except (EOFError, BrokenPipeError):
            return {"error": self._death()}
        except wire.WireError as error:
            self.close()
            return {"error": f"Your code returned {error}."}

    def close(self) -> None:
        """Kill the child and whatever it started."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            os.close(self.to_child)
            os.close(self.from_child)
            self.pid = 0

    def _start(self, stand_ins: dict) -> None:
        child_in, self.to_child = os.pipe()
        self.from_child, child_out = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.to_child)
            os.close(self.from_child)
            _child(self.path, child_in, child_out, stand_ins)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(self.pid, self.pid)
        os.close(child_in)
        os.close(child_out)
        try:
            loaded = wire.receive(self.from_child, self.load_seconds)
            self.broken = loaded.get("error")
        except TimeoutError:
            self.broken = f"Running the file took more than {self.load_seconds:g} seconds."
            self.close()
        except (EOFError, wire.WireError):
            self.broken = self._death()

    def _death(self) -> str:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.to_child)
        os.close(self.from_child)
        self.pid = 0
        if os.WIFSIGNALED(status):
            return f"Your code ended its process ({signal.Signals(os.WTERMSIG(status)).name})."
        return f"Your code ended its process (exit status {os.WEXITSTATUS(status)})."


def _prefixed(inputs: dict) -> dict:
    return {f"inputs.{key}": value for key, value in inputs.items()}


def _child(path: Path, requests: int, answers: int, stand_ins: dict) -> None:
    """The child: run the file, then answer probes until the pipe closes. Never returns."""
    try:
        import torch

        os.setpgid(0, 0)
        torch.set_num_threads(1)
        devnull = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(devnull, fd)
        os.chdir(path.parent)
        sys.path.insert(0, str(path.parent))
        module = types.ModuleType("submission")
        module.__file__ = str(path)
        sys.modules["submission"] = module
        try:
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
            wire.send(answers, {})
        except SyntaxError as error:
            wire.send(
                answers, {"error": f"The file is not Python: line {error.lineno}: {error.msg}"}
            )
        except BaseException as error:
            wire.send(answers, {"error": common.told(error)})
        student = InProcess(module.__dict__)
        while True:
            request = wire.receive(requests)
            inputs = {k[7:]: v for k, v in request.items() if k.startswith("inputs.")}
            evidence = student.ask(request["probe"], inputs, stand_ins, request["seconds"])
            wire.send(answers, evidence)
    except BaseException:
        pass
    finally:
        os._exit(0)


class _TooLong(BaseException):
    """Raised by the alarm; not an Exception, so that a student's `except Exception` lets it
    pass.
    """


@contextlib.contextmanager
def _at_most(seconds: float):
    """Interrupt Python code after seconds of computing, or PATIENCE times that of waiting.

    Computing is counted, not the clock: on a busy machine the same work must get the same grade.
    Works where there are alarms: in the main thread, not on Windows.
    """
    alarms = hasattr(signal, "setitimer")
    if not alarms or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum, frame):
        for _, timer, _ in timers:
            signal.setitimer(timer, 0)
        raise _TooLong

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE * seconds),
    )
    before = [signal.signal(number, stop) for number, _, _ in timers]
    for _, timer, most in timers:
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


@contextlib.contextmanager
def _quiet():
    """Throw away what student code prints while it is judged: text on stderr would cost all
    points.
    """
    import warnings

    sink = _Sink()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


class _Sink(io.TextIOBase):
    def write(self, text):
        return len(text)


@contextlib.contextmanager
def _replaced(names: dict, stand_ins: dict):
    """Put references in place of broken upstream functions, and the student's back afterwards."""
    absent = object()
    before = {name: names.get(name, absent) for name in stand_ins}
    names.update(stand_ins)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is absent:
                names.pop(name, None)
            else:
                names[name] = value
