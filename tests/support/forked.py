"""Asks code from a Python file in a fork of this process, behind no wall: for answers of our own,
of which tests ask hundreds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import types
from pathlib import Path

from autograder.student import probes, wire
from autograder.student.asking import InProcess
from autograder.student.probes import PATIENCE, TOO_LONG, common


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
