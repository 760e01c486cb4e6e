"""The examiner: runs one submission's cells in a box, asks its questions, and writes down the
results.

It is the only side that knows answers. The student's process gets inputs and returns arrays; a
graded cell's source is never sent to it, and every output of a graded cell is written here.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from autograder.exam import causes, received, sanitize, verdict
from autograder.exam.budget import GRACE, Budget, Gone, Meter, Spent, too_large
from autograder.exam.warm import Inside, Warm
from autograder.key import catalogue, unnamed
from autograder.key.question import Exam
from autograder.student import libraries, wire
from autograder.student.probes import PATIENCE, TOO_LONG

STARTS = 4  # processes that one submission may use up
AGAIN = 2.0  # seconds of a cell that did not end, where it is run again for what it defines before
LEAST = 5.0  # seconds that a question gets at least, or all it asks for
NAMES = 100_000  # characters of file names: the order to a forked process is one packet


@dataclass(frozen=True)
class Cell:
    """A code cell. question: the id of the question that it tests, for a graded cell; test: the
    name of one that tests with code of its own. points: what it is worth, None for the key's.
    called: what the student calls it, where that is not "cell [1]".
    """

    source: str
    question: str | None = None
    points: float | None = None
    test: str | None = None
    called: str = ""


def cells_of(notebook: NotebookNode) -> tuple[Cell, ...]:
    """The code cells of a restored notebook."""
    return tuple(
        Cell(
            cell.source,
            sanitize.question_of(cell),
            float(cell.metadata.nbgrader.points) if sanitize.is_test(cell) else None,
            sanitize.test_of(cell),
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    )


@dataclass
class Examined:
    """What came of a submission: the outputs of every code cell, a record a question, notes
    for staff.
    """

    outputs: list[list[dict]] = field(default_factory=list)
    records: dict[str, dict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


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
    worth = {cell.question: cell.points for cell in cells}
    exam = Exam(student, seed, lambda name: catalogue.find(name, worth.get(name)))
    try:
        for position, cell in enumerate(cells):
            student.position = position
            if cell.test is not None:
                record = student.tested(position)
                examined.records[cell.test] = record
                examined.outputs.append(verdict.outputs(record))
            elif cell.question is None:
                examined.outputs.append(student.run(position))
            else:
                record = (kept or {}).get(cell.question) or student.judged(exam, cell)
                if record.get("traceback"):
                    examined.notes.append(f"{cell.question}: {record.pop('traceback')}")
                examined.records[cell.question] = record
                examined.outputs.append(verdict.outputs(record))
    finally:
        student.close()
    for position, sentence in student.causes.costs(examined.records.values()).items():
        examined.notes.append(f"code cell {position + 1}: {sentence}")
        said = {"output_type": "stream", "name": "stdout", "text": f"{sentence}\n"}
        examined.outputs[position].append(said)
    examined.seconds = time.monotonic() - started
    return examined


class Isolated:
    """A notebook in a box: runs its cells, and answers `ask` (see `autograder.student.asking`).

    When the process dies, a new one runs the earlier cells again; of the one that killed it only
    what it imports and defines, since an `os._exit` costs what comes of that statement.
    """

    def __init__(
        self, cells, folder: Path, files: list[str], name: str, warm: Warm, notes: list[str]
    ):
        self.cells, self.folder, self.files, self.name = cells, folder, files, name
        self.warm, self.limits, self.notes = warm, warm.limits, notes
        self.process: Inside | None = None
        self.budget, self.over = Budget(warm.limits), ""
        self.position = self.starts = self.serial = 0
        self.cell_seconds, self.hurried = self.limits.cell_seconds, False
        self.deadly: set[int] = set()  # of these only what they define is run again,
        self.given_up: set[int] = set()  # of these nothing
        self.endless: set[int] = set()
        self.causes = causes.Causes()
        self.deadline = time.monotonic() + PATIENCE * self.limits.seconds
        self.held = 0  # see `libraries.give_back`

    def run(self, position: int) -> list[dict]:
        """Run one cell; its outputs, in nbformat's form."""
        try:
            self._admit(position)
            process = self._alive()
            reply = self._converse(process, self._cell(position), self.cell_seconds)
            outputs = received.outputs(reply, self.budget)
            for output in outputs:
                if output["output_type"] == "error":
                    self._stopped(position, causes.reason(output))
                    if output["ename"] == "CellTimeoutError":
                        self.endless.add(position)
                        self._hurry()
            return outputs
        except Gone as gone:
            if self.process is None and not self.over:
                self._hurry()
            self.deadly.add(position)
            self._stopped(position, str(gone))
            self._note(f"code cell {position + 1}", gone)
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
        # and torch, which takes a second and most commands of a course do without
        from autograder.exam import standin
        from autograder.student.probes import common

        seconds = min(seconds, self.limits.cell_seconds)
        if self.hurried:
            seconds = max(seconds / 4, min(LEAST, seconds))
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
                board = standin.Switchboard(functions, self.budget)
                got = received.evidence(self._converse(process, request, seconds, board))
            if got.get("error") == TOO_LONG.format(seconds):
                self._hurry()
            return self.causes.explain(got, self.position)
        except Gone as gone:
            self._note(probe, gone)
            return {"error": str(gone)}

    def tested(self, position: int) -> dict:
        """The record of a test with code of its own: run beside the student's, as nbgrader does."""
        cell = self.cells[position]
        return verdict.of_test(cell.test, cell.points, self.run(position), self.warm.rung)

    def judged(self, exam: Exam, cell: Cell) -> dict:
        """The record of a question; one that says why, where nothing more is run."""
        question = cell.question or ""
        if not self.over:
            try:
                self.budget.judge()
            except Spent as spent:
                self._end(spent)
        if self.over:
            return verdict.failed(question, self.over, self.warm.rung, cell.points)
        record = verdict.of(
            lambda: unnamed.traced(exam, question), question, self.warm.rung, cell.points
        )
        self.held = libraries.give_back(self.held)  # references are large for a moment
        return record

    def _stopped(self, position: int, why: str) -> None:
        cell = self.cells[position]
        self.causes.stopped(position, cell.source, why, cell.called)

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
        self.cell_seconds = max(self.cell_seconds / 4, min(AGAIN, self.cell_seconds))
        self.hurried = True

    def _admit(self, position: int) -> None:
        """Gone for a cell that is one too many; it is not run."""
        self.budget.cells -= 1
        if self.budget.cells < 0:
            most = self.limits.cells
            self.given_up.add(position)
            raise Gone(f"This notebook has more than {most} code cells; this one was not run.")

    def _cell(self, position: int) -> dict:
        source, seconds = self.cells[position].source, self.cell_seconds
        if position in self.endless:
            seconds = min(AGAIN, seconds)
        only = position in self.deadly
        return {"do": "run", "source": source, "seconds": seconds, "definitions_only": only}

    def _alive(self) -> Inside:
        """The process; where there is none, a new one in the state that the cells so far make."""
        while self.process is None:
            if self.over:
                raise Gone(self.over)
            if self.starts == STARTS:
                raise Gone("This notebook ended its process too often; the rest was not run.")
            if self.starts and time.monotonic() > self.deadline:
                raise Gone(self._late())
            self.starts += 1
            self.process = self.warm.enter(self.folder, self.files, self.name)
            self.meter = Meter(self.process.box, self.budget, self.process.starved)
            for position in range(self.position):
                cell = self.cells[position]
                if (cell.question or cell.test) is None and position not in self.given_up:
                    try:
                        request = self._cell(position)
                        self._converse(self.process, request, request["seconds"])
                    except Gone:
                        again = position in self.deadly
                        (self.given_up if again else self.deadly).add(position)
                        break
        return self.process

    def _converse(self, process: Inside, request: dict, seconds: float, switchboard=None) -> dict:
        """Send a request and wait for its answer, serving stand-in calls meanwhile; Gone
        when none comes.
        """
        self.serial += 1
        until = min(time.monotonic() + PATIENCE * seconds + GRACE, self.deadline)
        try:
            with self.meter.waiting(seconds) as watch:
                left = until - time.monotonic()
                wire.send(process.to, {**request, "serial": self.serial}, left, watch)
                while True:
                    left = until - time.monotonic()
                    if left <= 0:  # also where it never stops sending what nobody waits for
                        raise TimeoutError
                    reply = wire.receive(process.fd, left, watch, self.budget.receive)
                    self.budget.judge()
                    serial = reply.get("serial")
                    if isinstance(serial, int) and serial < self.serial:
                        continue  # student code has answered that one itself
                    if serial != self.serial:
                        raise wire.WireError("an answer to no question")
                    if "stand_in" not in reply or switchboard is None:
                        return reply
                    from autograder.exam import standin

                    standin.reply(process.to, reply, switchboard, left, watch)
        except TimeoutError:
            late = time.monotonic() >= self.deadline
            raise self._gone(self._late() if late else TOO_LONG.format(seconds)) from None
        except (EOFError, ConnectionError):
            why = _ended(process.ended())
            raise self._gone(too_large(self.limits) if process.starved() else why) from None
        except wire.WireError as error:
            raise self._gone(f"Your code's process sent {error}.") from None
        except Spent as spent:
            self._end(spent)
            raise Gone(self.over) from None
        except Gone as gone:
            raise self._gone(str(gone)) from None

    def _end(self, spent: Spent) -> None:
        self.over = f"{spent} The rest was not run."
        self.close()

    def _note(self, where: str, why: Gone) -> None:
        """Tell staff; the same reason once, and not for every cell that it keeps from running."""
        if not any(note.endswith(f": {why}") for note in self.notes[-1:]):
            self.notes.append(f"{where}: {why}")

    def _gone(self, why: str) -> Gone:
        self.close()
        return Gone(why)

    def _late(self) -> str:
        return f"The notebook took more than {PATIENCE * self.limits.seconds:g} seconds in all."


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
    names: list[str] = []
    left_out: list[str] = []
    size = told = 0
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
