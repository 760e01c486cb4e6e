"""nbgrader plug-ins: execute a submission in isolation, and store what its questions scored.

`Execute` takes the place of nbgrader's preprocessor of that name, `SaveAutoGrades` that of the
other; both are named in `nbgrader_config.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import astuple
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute as StockExecute
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.preprocessors import SaveAutoGrades as StockSaveAutoGrades
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy import Float as Real
from traitlets import Enum, Float, Integer

from autograder.exam import examiner, room, sanitize, verdict, walls, warm
from autograder.exam.walls.common import Limits, NoBox
from autograder.key import catalogue
from autograder.key.named import Named, Unusable
from autograder.plugins import ahead, patches, tries

MEBI = 2**20

# Extra credit as it was stored here last: nbgrader keeps no automatic value apart from a person's.
EXTRA = Table(
    "autograder_extra_credit",
    MetaData(),
    Column("grade", String, primary_key=True),
    Column("score", Real, nullable=False),
)


class WallBroke(NbGraderException, KeyboardInterrupt):
    """Ends `nbgrader autograde`: a wall that broke is not there for the next submission either.

    For an interrupt alone nbgrader takes back what it has begun and stops; after anything else it
    goes on, with a traceback a student.
    """


def key_of(cells, folder: Path, files: list[str], name: str, seed: int) -> str:
    """Names everything that the results of a notebook depend on."""
    told = [[astuple(cell) for cell in cells], name, seed]
    digest = hashlib.sha256(json.dumps(told).encode())
    for file in files:
        data = (Path(folder) / file).read_bytes()
        digest.update(json.dumps([file, len(data)]).encode() + data)
    return digest.hexdigest()


def course_of(preprocessor) -> CourseDirectory | None:
    """The course that a preprocessor works for; nbgrader hangs it on the converter above."""
    above = preprocessor
    while above is not None:
        if isinstance(getattr(above, "coursedir", None), CourseDirectory):
            return above.coursedir
        above = above.parent
    return None


@cache
def _works(rung: str | None, minimum: str | None, path: str | None) -> str:
    """The wall that would be taken; NoBox when there is none. Tried once a process, not once a
    student; path: PATH, on which it depends.
    """
    return warm.try_a_wall(rung, minimum)


class Execute(StockExecute):
    """Run a submission's cells and grade its questions; takes the place of nbgrader's `Execute`."""

    sandbox = Enum(
        ("", *walls.RUNGS, *walls.FORMER),
        "",
        help="The wall that student code is put behind: 'namespaces', 'landlock', or 'process', "
        "which is none; by default what AUTOGRADER_WALL names, else the best that isolates.",
    ).tag(config=True)

    minimum = Enum(
        tuple(walls.RUNGS),
        None,
        allow_none=True,
        help="Grade behind no weaker wall than this one, on whatever machine.",
    ).tag(config=True)

    seed = Integer(
        None,
        allow_none=True,
        help="Draw all hidden inputs from this seed; by default each submission gets its own.",
    ).tag(config=True)

    memory = Integer(2048, help="MiB of memory for one submission.").tag(config=True)
    disk = Integer(256, help="MiB that one submission may hold and write.").tag(config=True)
    processes = Integer(64, help="Processes and threads of one submission.").tag(config=True)
    seconds = Float(
        300.0,
        help="Seconds of computing for one submission; `timeout` is for a cell, a quarter of it.",
    ).tag(config=True)
    idle = Float(
        60.0, help="Seconds that one submission may wait in all, while nothing in it computes."
    ).tag(config=True)
    judging = Float(60.0, help="Seconds of the grader's own computing for one submission.").tag(
        config=True
    )
    cells = Integer(500, help="Code cells of a student's own that are run.").tag(config=True)
    text = Integer(1_000_000, help="Characters that one submission may show.").tag(config=True)
    pictures = Integer(24, help="MiB of pictures that one submission may show.").tag(config=True)

    def preprocess(self, nb, resources=None, km=None):
        problem = sanitize.problem_of(nb)
        if problem is not None:
            return self._unread(nb, resources, problem)
        seed = secrets.randbelow(2**31) if self.seed is None else self.seed
        return self._isolated(nb, resources, seed)

    def check(self) -> None:
        """Raise NoBox when this machine has not the wall that is asked for, or no room."""
        memory, there = self.taken(), room.free()
        if not room.boxes(memory, 1, there):
            raise NoBox(room.too_little(memory, there))
        if self._wall() == walls.Process.name:
            self.log.warning(walls.CAVEAT)
        else:
            self.log.info("Student code is put behind the wall %r.", self._wall())

    def taken(self) -> int:
        """Bytes of memory that a submission may take here. NoBox when nothing isolates."""
        return room.taken(self.limits(), self._wall())

    def _wall(self) -> str:
        try:
            return _works(self.rung(), self.minimum, os.environ.get("PATH"))
        except NoBox as error:
            raise NoBox(
                f"student code cannot be isolated here: {error}. `python -m autograder doctor` "
                "tells more. If you trust every submission: nbgrader autograde "
                f"--Execute.sandbox=process. {walls.CAVEAT}"
            ) from None

    def _isolated(self, nb, resources, seed):
        """The results of a worker, or of the examiner here."""
        folder = Path(resources["metadata"]["path"] or ".")
        about = resources.get("nbgrader", {})
        cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        files, left_out = examiner.files_of(folder, self.limits().disk // 2)
        asked = examiner.cells_of(nb)
        name = about.get("assignment", "submission")
        done = ahead.of(self).examined
        examined = done.pop(key_of(asked, folder, files, name, seed), None) if done else None
        if examined is None:
            where = self._hidden(), asked, self.rung(), self.minimum
            try:
                student = warm.shared(self.limits(), *where)
                examined = examiner.examine(asked, folder, files, name, seed, student)
            except NoBox as error:
                self.log.error(
                    "Student code can no longer be isolated: %s. What was graded stays; mend this "
                    "and give the same command again.",
                    error,
                )
                raise WallBroke(str(error)) from None
        for number, (cell, outputs) in enumerate(zip(cells, examined.outputs, strict=True), 1):
            cell.outputs = [NotebookNode(output) for output in outputs]
            cell.execution_count = number
        self._name(cells)
        for note in [f"not copied: {name}" for name in left_out] + examined.notes:
            self.log.warning("%s: %s", about.get("student", folder), note)
        return nb, resources

    def _name(self, cells) -> None:
        """Wrong answers get the names that the course has for them."""
        course = course_of(self)
        try:
            named = Named(Path(course.root)) if course else None
        except Unusable as problem:
            self.log.warning("%s; its names are left out", problem)
            return
        if named and named.said:
            for cell in cells:
                name(cell, named)

    def _unread(self, nb, resources, problem):
        """Every question of a file that could not be read says so, and counts 0."""
        for cell in nb.cells:
            if sanitize.is_test(cell):
                about = cell.metadata.nbgrader
                name = sanitize.question_of(cell) or sanitize.test_of(cell)
                record = verdict.failed(name, problem, None, float(about.points))
                cell.outputs = [NotebookNode(output) for output in verdict.outputs(record)]
        return nb, resources

    def rung(self) -> str | None:
        """The wall asked for, None for the best."""
        return walls.named(self.sandbox)

    def limits(self) -> Limits:
        """The configured limits."""
        return Limits(
            memory=self.memory * MEBI,
            disk=self.disk * MEBI,
            file=self.disk * MEBI // 2,
            processes=self.processes,
            cell_seconds=float(self.timeout or self.seconds / 4),
            seconds=self.seconds,
            cpu_seconds=int(self.seconds),
            idle_seconds=self.idle,
            examiner_seconds=self.judging,
            cells=self.cells,
            text=self.text,
            pictures=self.pictures * MEBI,
        )

    def _hidden(self) -> tuple[Path, ...]:
        course = course_of(self)
        return (Path(course.root).resolve(),) if course else ()


def name(cell, named: Named) -> bool:
    """Give a graded cell the name that the course has for what its answer did; whether that changed
    anything.
    """
    record = verdict.read(cell)
    again = named.applied(record) if record else None
    if again == record:
        return False
    again["feedback"] = verdict.printable(again["feedback"])
    cell.outputs = [NotebookNode(output) for output in verdict.outputs(again)]
    return True


class SaveAutoGrades(StockSaveAutoGrades):
    """Store scores from the records, where nbgrader takes any odd output for full marks.

    A notebook's grades are stored in one transaction: all of them or none. What a person entered in
    the formgrader stays, extra credit too.
    """

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        self.notebook_id, self.student_id = about["notebook"], about["student"]
        self.assignment_id, self.db_url = about["assignment"], about["db_url"]
        with Gradebook(self.db_url) as self.gradebook:
            EXTRA.create(self.gradebook.db.connection(), checkfirst=True)
            where = self.notebook_id, self.assignment_id, self.student_id
            patches.find_at_once(self.gradebook, *where)
            with patches.commit_once(self.gradebook):
                nb, resources = NbGraderPreprocessor.preprocess(self, nb, resources)
                tries.note(self.gradebook.db, where, nb)
        return nb, resources

    def _add_score(self, cell, resources):
        super()._add_score(cell, resources)
        if not sanitize.is_test(cell):
            return
        question_id, record = sanitize.question_of(cell), verdict.read(cell)
        if record is None and question_id is None:
            return  # run by another `Execute`
        extra = question_id is not None and catalogue.find(question_id).extra
        share = float(record["score"]) / (float(record["points"]) or 1.0) if record else 0.0
        grade = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"],
            self.notebook_id,
            self.assignment_id,
            self.student_id,
        )
        share = min(max(share, 0.0), 1.0)
        grade.auto_score = 0.0 if extra else round(share * float(grade.max_score), 2)
        if extra:
            self._add_extra(grade, round(share * float(catalogue.find(question_id).points), 2))

    def _add_extra(self, grade, score: float) -> None:
        """Store extra credit, unless a person has changed what was stored here before."""
        session, row = self.gradebook.db, EXTRA.c.grade == grade.id
        before = session.execute(select(EXTRA.c.score).where(row)).scalar()
        if grade.manual_score is not None or (grade.extra_credit or None) != (before or None):
            grade.needs_manual_grade = True
            return
        grade.extra_credit = score
        session.execute(delete(EXTRA).where(row))
        session.execute(insert(EXTRA).values(grade=grade.id, score=score))
