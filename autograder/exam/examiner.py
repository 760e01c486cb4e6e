"""The examiner: runs one submission's cells in a box, asks its questions, and writes down the
results.

It is the only side that knows answers. The student's process gets inputs and returns arrays; a
graded cell's source is never sent to it, and every output of a graded cell is written here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autograder.exam import standin, verdict
from autograder.exam.box import NoBox
from autograder.exam.warm import Inside, Warm
from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student import wire
from autograder.student.asking import PATIENCE, TOO_LONG
from autograder.student.probes import common

GRACE = 3.0  # seconds that a process gets to stop by itself before its box is closed
STARTS = 4  # processes that one submission may use up
TEXT = 100_000  # characters of text in a cell's outputs
PICTURES = 5 * 2**20  # bytes of pictures in a cell's outputs
OUTPUTS = 500
NAMES = 100_000  # characters of file names: the order to a forked process is one packet
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True)
class Cell:
    """A code cell. question: the id of the question that it tests, for a graded cell."""

    source: str
    question: str | None = None


@dataclass
class Examined:
    """What came of a submission: the outputs of every code cell, a record a question, notes
    for staff.
    """

    outputs: list[list[dict]] = field(default_factory=list)
    records: dict[str, dict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Gone(Exception):
    """The student's process is no more; the message says why, to the student."""


def examine(
    cells: Sequence[Cell],
    folder: Path,
    files: list[str],
    name: str,
    seed: int,
    warm: Warm,
    kept: Mapping[str, dict] | None = None,
) -> Examined:
    """Run the cells in order and grade each question where its cell stands.

    folder, files: the submission's own files, copied into the box. name: of the folder there.
    kept: records of questions that need not be asked again.
    NoBox when the machine cannot isolate; nothing that the submission does raises.
    """
    examined, started = Examined(), time.monotonic()
    student = Isolated(cells, Path(folder), files, name, warm, examined.notes)
    exam = Exam(student, seed, catalogue.find)
    try:
        for position, cell in enumerate(cells):
            student.position = position
            if cell.question is None:
                examined.outputs.append(student.run(position))
            else:
                record = (kept or {}).get(cell.question) or verdict.of(
                    lambda c=cell: exam.grade(c.question), cell.question, "isolated"
                )
                if record.get("traceback"):
                    examined.notes.append(f"{cell.question}: {record.pop('traceback')}")
                examined.records[cell.question] = record
                examined.outputs.append(verdict.outputs(record))
    finally:
        student.close()
    examined.seconds = time.monotonic() - started
    return examined


class Isolated:
    """A notebook in a box: runs its cells, and answers `ask` (see `autograder.student.asking`).

    When the process dies, a new one runs the earlier cells again, without the one that killed it:
    an `os._exit` in one cell costs what that cell was worth.
    """

    def __init__(
        self, cells, folder: Path, files: list[str], name: str, warm: Warm, notes: list[str]
    ):
        self.cells, self.folder, self.files, self.name = cells, folder, files, name
        self.warm, self.limits, self.notes = warm, warm.limits, notes
        self.process: Inside | None = None
        self.position = self.starts = self.serial = 0
        self.cell_seconds = self.limits.cell_seconds
        self.deadly: set[int] = set()
        self.broken: dict[int, str] = {}  # why cells stopped
        self.deadline = time.monotonic() + PATIENCE * self.limits.seconds

    def run(self, position: int) -> list[dict]:
        """Run one cell; its outputs, in nbformat's form."""
        try:
            process = self._alive()
            reply = self._converse(process, self._cell(position), self.cell_seconds)
            outputs = clean(reply)
            for output in outputs:
                if output["output_type"] == "error":
                    self.broken[position] = f"{output['ename']}: {output['evalue']}"[:200]
                    if output["ename"] == "CellTimeoutError":
                        self._hurry()
            return outputs
        except Gone as gone:
            self._hurry()
            self.deadly.add(position)
            self.broken[position] = str(gone)
            self.notes.append(f"code cell {position + 1}: {gone}")
            line = f"ProcessEnded: {gone}"
            return [
                {
                    "output_type": "error",
                    "ename": "ProcessEnded",
                    "evalue": str(gone),
                    "traceback": [line],
                }
            ]

    def ask(self, probe: str, inputs: dict, stand_ins=None, seconds: float = 20.0) -> dict:
        """Have a probe run beside the student's code; evidence, or {"error": sentence}."""
        try:
            process = self._alive()
            functions = standin.offered(stand_ins or {})
            request = {
                "do": "ask",
                "probe": probe,
                "seconds": seconds,
                "stand_ins": sorted(functions),
            }
            request.update({f"inputs.{key}": value for key, value in inputs.items()})
            with common.seeded(inputs.get("seed", 0)):
                reply = self._converse(process, request, seconds, standin.Switchboard(functions))
            return self._explained(evidence(reply))
        except Gone as gone:
            self.notes.append(f"{probe}: {gone}")
            return {"error": str(gone)}

    def _explained(self, got: dict) -> dict:
        """Where a name is missing because the cell that defines it stopped, say that."""
        missing = common.UNDEFINED.search(str(got.get("error")))
        if missing:
            defines = re.compile(rf"^\s*(def|class)\s+{re.escape(missing[1])}\b", re.M)
            for position, why in self.broken.items():
                if position < self.position and defines.search(self.cells[position].source):
                    said = f"`{missing[1]}` is not defined, since its cell stopped: {why}"
                    return {**got, "error": said}
        return got

    def renew(self) -> None:
        """Have what is asked next answered by a new process, which remembers nothing of what was
        asked before.
        """
        if self.process is not None:
            self.close()
            self.starts -= 1

    def close(self) -> None:
        """Kill the student's process and all its descendants."""
        if self.process is not None:
            self.process.close()
            self.process = None

    def _hurry(self) -> None:
        """A cell that did not end leaves less time to later ones: the questions are to have some,
        and a loop in a function that many cells call would take all of it.
        """
        self.cell_seconds = max(self.cell_seconds / 4, min(2.0, self.cell_seconds))

    def _cell(self, position: int) -> dict:
        source = self.cells[position].source
        return {"do": "run", "source": source, "seconds": self.cell_seconds}

    def _alive(self) -> Inside:
        """The process; where there is none, a new one in the state that the cells so far make."""
        while self.process is None:
            if self.starts == STARTS:
                raise Gone("This notebook ended its process too often; the rest was not run.")
            if self.starts and time.monotonic() > self.deadline:
                raise Gone(self._late())
            self.starts += 1
            self.process = self.warm.enter(self.folder, self.files, self.name)
            for position in range(self.position):
                if self.cells[position].question is None and position not in self.deadly:
                    try:
                        request = self._cell(position)
                        self._converse(self.process, request, self.cell_seconds)
                    except Gone:
                        self.deadly.add(position)
                        break
        return self.process

    def _converse(self, process: Inside, request: dict, seconds: float, switchboard=None) -> dict:
        """Send a request and wait for its answer, serving stand-in calls meanwhile; Gone
        when none comes.
        """
        self.serial += 1
        until = min(time.monotonic() + PATIENCE * seconds + GRACE, self.deadline)
        watch = self._watch(process, seconds)
        try:
            wire.send(process.fd, {**request, "serial": self.serial}, until - time.monotonic())
            while True:
                left = until - time.monotonic()
                if left <= 0:  # also where it never stops sending what nobody waits for
                    raise TimeoutError
                reply = wire.receive(process.fd, left, watch)
                serial = reply.get("serial")
                if isinstance(serial, int) and serial < self.serial:
                    continue  # student code has answered that one itself
                if serial != self.serial:
                    raise wire.WireError("an answer to no question")
                if "stand_in" not in reply or switchboard is None:
                    return reply
                standin.reply(process.fd, reply, switchboard, left)
        except TimeoutError:
            late = time.monotonic() >= self.deadline
            raise self._gone(self._late() if late else TOO_LONG.format(seconds)) from None
        except (EOFError, ConnectionError):
            raise self._gone(_ended(process.ended())) from None
        except wire.WireError as error:
            raise self._gone(f"Your code's process sent {error}.") from None
        except Gone as gone:
            raise self._gone(str(gone)) from None

    def _watch(self, process: Inside, seconds: float):
        """What to do until the answer comes: now and then, look at what the box uses, and end what
        uses too much.
        """
        before, next_look = None, time.monotonic() + wire.WATCH

        def look():
            nonlocal before, next_look
            if time.monotonic() < next_look:
                return
            usage = process.box.usage()
            next_look = time.monotonic() + wire.WATCH
            before = usage.cpu if before is None else before
            if usage.memory > self.limits.memory:
                most = self.limits.memory / 2**30
                raise Gone(f"Your code used more than {most:g} GiB of memory.")
            if usage.cpu - before > seconds + GRACE:
                raise Gone(TOO_LONG.format(seconds))

        return look

    def _gone(self, why: str) -> Gone:
        self.close()
        return Gone(why)

    def _late(self) -> str:
        return f"The notebook took more than {PATIENCE * self.limits.seconds:g} seconds in all."


def evidence(reply: Mapping) -> dict:
    """The evidence in an untrusted answer: arrays of numbers and plain values, texts cleaned
    and cut.
    """
    return {
        str(key)[9:200]: _plain(value)
        for key, value in reply.items()
        if key.startswith("evidence.")
    }


def _plain(value, depth: int = 0):
    if depth > 6:
        return None
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "fiub" else None
    if isinstance(value, str):
        return verdict.printable(value[:2000])
    if isinstance(value, (bool, float, type(None))):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value[:10_000]]
    if isinstance(value, dict):
        return {str(k)[:200]: _plain(v, depth + 1) for k, v in list(value.items())[:1000]}
    return None


def clean(reply: Mapping) -> list[dict]:
    """The outputs in an untrusted answer, rebuilt: text and bitmap pictures only, and only so
    much.
    """
    budget = {"text": TEXT, "pictures": PICTURES}
    outputs = reply.get("outputs")
    cleaned = [
        _output(o, reply, budget) for o in (outputs if isinstance(outputs, list) else [])[:OUTPUTS]
    ]
    return [output for output in cleaned if output]


def _output(output, reply, budget) -> dict | None:
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        text = _progress.sub("", _text(output.get("text"), budget))
        return {"output_type": "stream", "name": name, "text": text} if text else None
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": "error",
            "ename": _text(output.get("ename"), budget),
            "evalue": _text(output.get("evalue"), budget),
            "traceback": [
                _text(t, budget) for t in (lines if isinstance(lines, list) else [])[:200]
            ],
        }
    if kind in ("display_data", "execute_result"):
        sent = output.get("data") if isinstance(output.get("data"), dict) else {}
        data = {"text/plain": _text(sent.get("text/plain"), budget)}
        for mime, magic in MAGIC.items():
            picture = reply.get(sent.get(mime)) if isinstance(sent.get(mime), str) else None
            if isinstance(picture, np.ndarray) and picture.nbytes <= budget["pictures"]:
                if picture.tobytes().startswith(magic):
                    budget["pictures"] -= picture.nbytes
                    data[mime] = base64.b64encode(picture.tobytes()).decode()
        alt = output["metadata"].get("alt") if isinstance(output.get("metadata"), dict) else None
        metadata = {"alt": _text(alt, budget)} if isinstance(alt, str) else {}
        made = {"output_type": kind, "data": data, "metadata": metadata}
        return made if kind == "display_data" else {**made, "execution_count": None}
    return None


_progress = re.compile(r"[^\n\r]*\r(?!\n)")  # what a progress bar has overwritten


def _text(value, budget) -> str:
    text = verdict.printable(value[: budget["text"]], keep="\r") if isinstance(value, str) else ""
    budget["text"] -= len(text)
    return text


def _ended(status: int | None) -> str:
    if status is None:
        return "Your code ended its process."
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "Your code used up its computing time and was stopped."
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return f"Your code ended its process ({name})."
    return f"Your code ended its process (exit status {os.WEXITSTATUS(status)})."


def files_of(folder: Path, most: int) -> tuple[list[str], list[str]]:
    """The files of a submission that go into its box, as relative names; and what stays out, in
    words.

    Notebooks, symbolic links, anything that is no plain file, and what is over `most` bytes in all,
    or 1000 files, or NAMES characters of names stay out.
    """
    names, left_out, size, told = [], [], 0, 0
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not os.path.islink(os.path.join(base, f)))
        for file in sorted(files):
            path = Path(base, file)
            name = str(path.relative_to(folder))
            if name.endswith(".ipynb") or "\n" in name:
                continue
            told += len(json.dumps(name))
            if path.is_symlink() or not path.is_file():
                left_out.append(f"{name!r} is not a plain file")
            elif size + path.stat().st_size > most or len(names) >= 1000 or told > NAMES:
                left_out.append(f"{name!r} is too large")
            else:
                size += path.stat().st_size
                names.append(name)
    return names, left_out


__all__ = [
    "Cell",
    "Examined",
    "Gone",
    "Isolated",
    "NoBox",
    "clean",
    "evidence",
    "examine",
    "files_of",
]
