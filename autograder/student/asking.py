"""How student code is asked by the process that it runs in."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
from pathlib import Path

from autograder.student import probes
from autograder.student.probes import PATIENCE, TOO_LONG, common


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
                with at_most(seconds):
                    return probes.run(probe, self.names, inputs)
            except TooLong:
                return {"error": TOO_LONG.format(seconds)}
            except BaseException as error:  # sys.exit() in student code must not end the grading
                if isinstance(error, KeyboardInterrupt):
                    raise
                return {"error": common.told(error)}


class TooLong(BaseException):
    """Raised by the alarm; not an Exception, so that a student's `except Exception` lets it
    pass.
    """


@contextlib.contextmanager
def at_most(seconds: float):
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
        raise TooLong

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
