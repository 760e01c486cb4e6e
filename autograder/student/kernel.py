"""The student's side of the conversation: run cells in IPython, answer probes, show what was
displayed.

It stands in for a Jupyter kernel, without sockets, threads or history. Nothing here is trusted: the
examiner bounds and cleans whatever it says.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Instance, Type

from autograder.student import asking, libraries, wire
from autograder.student.standin import StandIn
from autograder.student.statements import Onward

TEXT_BUDGET = 64 * 1024  # characters of text that one cell may show
IMAGE_BUDGET = 4 * 2**20  # bytes of pictures that one cell may show
IMAGES = ("image/png", "image/jpeg")
CUT = "\n… the rest of this cell's output was cut …\n"


class Outbox:
    """The outputs of one cell, in nbformat's form, within a budget."""

    def __init__(self):
        self.start()

    def start(self) -> None:
        self.outputs: list[dict] = []
        self.images: dict[str, np.ndarray] = {}
        self.text_left, self.image_left = TEXT_BUDGET, IMAGE_BUDGET

    def stream(self, name: str, text: str) -> None:
        text = self._within(text)
        if not text:
            return
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["parts"].append(text)
        else:
            self.outputs.append({"output_type": "stream", "name": name, "parts": [text]})

    def data(self, kind: str, data: dict, metadata: dict | None = None) -> None:
        """A display or a result: its text, and its picture where it has one."""
        shown = {"text/plain": self._within(str(data.get("text/plain", "")))}
        for mime in IMAGES:
            picture = data.get(mime)
            if isinstance(picture, str):
                picture = base64.b64decode(picture)
            if isinstance(picture, bytes) and len(picture) <= self.image_left:
                self.image_left -= len(picture)
                key = f"image.{len(self.images)}"
                self.images[key] = np.frombuffer(picture, np.uint8)
                shown[mime] = key
        alt = {k: v for k, v in (metadata or {}).items() if k == "alt" and isinstance(v, str)}
        self.outputs.append({"output_type": kind, "data": shown, "metadata": alt})

    def error(self, name: str, value: str, trace: list[str]) -> None:
        if all(output["output_type"] != "error" for output in self.outputs):
            self.text_left = max(self.text_left, 16_000)  # worth more than a flood before it
        self.outputs.append(
            {
                "output_type": "error",
                "ename": name,
                "evalue": self._within(value),
                "traceback": [self._within(line) for line in trace],
            }
        )

    def message(self) -> dict:
        """What goes over the wire."""
        for output in self.outputs:
            if "parts" in output:
                output["text"] = "".join(output.pop("parts"))
        return {"outputs": self.outputs, **self.images}

    def _within(self, text: str) -> str:
        if len(text) <= self.text_left:
            self.text_left -= len(text)
            return text
        cut = text[: self.text_left] + (CUT if self.text_left else "")
        self.text_left = 0
        return cut


class _Stream:
    """sys.stdout or sys.stderr of a cell.

    Below it lies a file, in the place of descriptor 1 or 2: what compiled code, `faulthandler` and
    the student's own processes write there is shown as well.
    """

    encoding, errors = "utf-8", "strict"

    def __init__(self, outbox: Outbox, name: str, number: int):
        self._outbox, self.name, self._number = outbox, name, number
        with tempfile.TemporaryFile() as below:
            os.dup2(below.fileno(), number)
        with contextlib.suppress(ImportError):  # on Windows
            import fcntl

            fcntl.fcntl(number, fcntl.F_SETFL, os.O_APPEND)

    def drain(self, show: bool = True) -> None:
        """Show what was written below, or throw it away."""
        with contextlib.suppress(OSError):  # student code may have closed it
            if os.fstat(self._number).st_size:
                os.lseek(self._number, 0, os.SEEK_SET)
                text = os.read(self._number, TEXT_BUDGET).decode("utf-8", "replace")
                os.ftruncate(self._number, 0)
                os.lseek(self._number, 0, os.SEEK_SET)
                if show:
                    self._outbox.stream(self.name, text)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.drain()
        self._outbox.stream(self.name, text)
        return len(text)

    def writelines(self, lines) -> None:
        for line in lines:
            self.write(line)

    def fileno(self) -> int:
        return self._number

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    writable = property(lambda self: lambda: True)
    closed = False


class _Publisher(DisplayPublisher):
    outbox = Instance(Outbox)

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs):
        self.outbox.data("display_data", data, metadata)

    def clear_output(self, wait=False):
        self.outbox.start()


class _Hook(DisplayHook):
    outbox = Instance(Outbox)

    def write_output_prompt(self): ...

    def write_format_data(self, format_dict, md_dict=None):
        self.outbox.data("execute_result", format_dict, md_dict)

    def finish_displayhook(self): ...


class _Formatter(DisplayFormatter):
    """As IPython's, but of every figure there is a bitmap, whatever format was chosen: it is what a
    person who grades gets to see.
    """

    def format(self, obj, include=None, exclude=None):
        data, about = super().format(obj, include, exclude)
        if "image/svg+xml" in data or "application/pdf" in data:
            if not any(mime in data for mime in IMAGES) and hasattr(obj, "savefig"):
                from IPython.core.pylabtools import print_figure

                data["image/png"] = print_figure(obj, "png")
        return data, about


class Shell(Onward, InteractiveShell):
    """IPython with its displays in an outbox."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def __init__(self, **kwargs):
        self.outbox = Outbox()
        self.streams: tuple[_Stream, ...] = ()  # of stdout and stderr, once there are any
        super().__init__(**kwargs)
        self.display_pub.outbox = self.displayhook.outbox = self.outbox
        self.colors = "nocolor"

    def init_history(self):
        from IPython.core.history import HistoryManager

        self.history_manager = HistoryManager(shell=self, parent=self, enabled=False)
        self.configurables.append(self.history_manager)

    def init_display_formatter(self):
        self.display_formatter = _Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_virtualenv(self): ...

    def ask_exit(self): ...

    def enable_gui(self, gui=None): ...

    def showtraceback(self, exc_tuple=None, *args, **kwargs):
        if issubclass((exc_tuple or sys.exc_info())[0] or Exception, asking.TooLong):
            why = "This cell took too long and was stopped."
            self.outbox.error("CellTimeoutError", why, [f"CellTimeoutError: {why}"])
        else:
            super().showtraceback(exc_tuple, *args, **kwargs)

    def _showtraceback(self, etype, evalue, stb):
        self.outbox.error(etype.__name__, str(evalue), list(stb))

    def system(self, command):
        """`!command`: run it and show what it printed."""
        import subprocess

        done = subprocess.run(
            self.var_expand(command, depth=1),
            shell=True,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        self.outbox.stream("stdout", done.stdout + done.stderr)
        self.user_ns["_exit_code"] = done.returncode


def prepare() -> None:
    """Make the shell in the warm server, so that a child has it from the fork."""
    shell = Shell.instance()
    from matplotlib_inline.backend_inline import configure_inline_support

    configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
    for source in ("1 + 1", "1 / 0"):  # imports what shows results and errors
        shell.run_cell(source)
    shell.reset()
    shell.execution_count = 1


def serve(fd: int, to: int | None = None, shared: bool = False) -> None:
    """Answer the examiner until it closes the wire. fd, to: where requests come from and answers
    go, the same by default. shared: see `confine.program`.
    """
    to = fd if to is None else to
    if shared:
        libraries.work_alone()
    shell, itself = Shell.instance(), os.getpid()
    sys.path.insert(0, os.getcwd())
    _reseed()
    shell.user_ns["_dh"][:] = [Path.cwd()]  # where `%cd -` leads back to
    shell.db = {}  # what IPython remembers between sessions
    shell.streams = _Stream(shell.outbox, "stdout", 1), _Stream(shell.outbox, "stderr", 2)
    out, err = shell.streams
    vars(sys).update(stdout=out, stderr=err, __stdout__=out, __stderr__=err)
    wire.send(to, {"ready": True})
    held = 0
    while True:
        request = wire.receive(fd)
        answer = _run(shell, request) if request["do"] == "run" else _ask(shell, fd, to, request)
        if os.getpid() != itself:
            os._exit(0)  # a fork of the student's has come back here; only the first one answers
        _send(to, request["serial"], answer)
        held = libraries.give_back(held)


def _run(shell: Shell, request: dict) -> dict:
    for stream in shell.streams:  # what came while a question was asked belongs to no cell
        stream.drain(show=False)
    shell.outbox.start()
    shell.definitions_only = bool(request.get("definitions_only"))
    try:
        with asking.at_most(request["seconds"]):
            failed = shell.run_cell(request["source"], store_history=True).error_in_exec
        for stream in shell.streams:
            stream.drain()
        told = any(output["output_type"] == "error" for output in shell.outbox.outputs)
        if failed is not None and not told:  # somebody has replaced `showtraceback`
            shell.outbox.error(type(failed).__name__, "", [type(failed).__name__])
    except asking.TooLong as stopped:
        shell.showtraceback((asking.TooLong, stopped, None))
    finally:
        for name, stream in zip(("stdout", "stderr"), shell.streams, strict=True):
            left = getattr(sys, name, None)
            if left is None or getattr(left, "closed", False):  # the next cell prints all the same
                setattr(sys, name, stream)
    return shell.outbox.message()


def _ask(shell: Shell, fd: int, to: int, request: dict) -> dict:
    inputs = {k[7:]: v for k, v in request.items() if k.startswith("inputs.")}
    stand_ins = {name: StandIn(name, fd, to, request["serial"]) for name in request["stand_ins"]}
    names = asking.InProcess(shell.user_ns)
    evidence = names.ask(request["probe"], inputs, stand_ins, request["seconds"])
    return {f"evidence.{key}": value for key, value in evidence.items()}


def _send(fd: int, serial: int, answer: dict) -> None:
    """Send an answer; one that is too large is replaced by a sentence that says so."""
    data = wire.pack({**answer, "serial": serial})
    if len(data) > wire.LIMIT:
        size = f"{len(data) / 2**20:.0f} MiB, more than the {wire.LIMIT / 2**20:.0f} MiB allowed"
        wire.send(fd, {"serial": serial, "evidence.error": f"Your code returned {size}."})
    else:
        wire.write(fd, data)


def _reseed() -> None:
    """A child must not draw what its siblings draw."""
    import random

    import torch

    seed = int.from_bytes(os.urandom(4), "little")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
