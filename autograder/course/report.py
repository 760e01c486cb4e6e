"""`python -m autograder report`: how an assignment went, as one HTML page that needs nothing else.

Everything in it is read: scores and lateness from nbgrader's gradebook, mistakes from the records
in the autograded notebooks, seconds from the ledger of `autograder grade` where there is one.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from autograder.course import answers, ledger, naming
from autograder.course.course import Course, unfinished
from autograder.errors import WrongCall
from autograder.exam import sanitize, verdict
from autograder.key import catalogue
from autograder.key.catalogue import question_id
from autograder.letter.page import template
from autograder.plugins import dates, register
from autograder.plugins.config import permit
from utils.hand_in.files import replacing

FEWEST = 8  # students; a discrimination of fewer says nothing
BINS = 18


@dataclass
class Item:
    """One question: what the class scored, in the order of `Overview.people`."""

    name: str
    title: str
    points: float
    extra: bool
    by_hand: bool
    scores: list[float] = field(default_factory=list)  # NaN where a person has yet to grade
    mistakes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: dict[str, str] = field(default_factory=dict)  # what one who made it read

    @property
    def shares(self) -> np.ndarray:
        """Of the points, of everybody who is graded."""
        scores = np.asarray(self.scores)
        return scores[~np.isnan(scores)] / (self.points or 1.0)

    @property
    def waiting(self) -> int:
        return int(np.isnan(self.scores).sum())

    def made(self) -> list[tuple[str, list[str]]]:
        """(mistake, who made it), the most frequent first."""
        return sorted(self.mistakes.items(), key=lambda made: (-len(made[1]), made[0]))


@dataclass
class Person:
    """One submission. score: of the questions that nobody waits for, with extra credit, the penalty
    taken off. until: the due date of an extension. put_right: cells that were put back.
    """

    student: str
    name: str
    score: float
    late: timedelta
    penalty: float
    waiting: int
    flagged: bool = False
    notes: list[str] = field(default_factory=list)
    put_right: list[str] = field(default_factory=list)
    seconds: float | None = None
    until: str = ""


@dataclass
class Overview:
    """All that the page shows. most: points of the questions that everybody's scores count, extra
    credit aside; what somebody still waits for counts for nobody.
    """

    assignment: str
    most: float
    people: list[Person]
    items: list[Item]
    missing: list[str]
    ungraded: list[str]
    walls: Counter = field(default_factory=Counter)  # {name: submissions that ran behind it}

    @property
    def scores(self) -> list[float]:
        return [person.score for person in self.people]

    @property
    def waiting(self) -> int:
        return sum(person.waiting for person in self.people)

    @property
    def left_out(self) -> list[Item]:
        """Questions that the scores do not count yet."""
        return [item for item in self.items if item.waiting]

    def late(self) -> list[Person]:
        """Who was late, the latest first."""
        return sorted((p for p in self.people if p.late > timedelta()), key=lambda p: p.late)[::-1]

    def extended(self) -> list[Person]:
        return [person for person in self.people if person.until]

    def summary(self) -> dict[str, str]:
        """Mean, spread and quartiles of the scores."""
        if not self.people:
            return {}
        low, middle, high = np.quantile(self.scores, [0.25, 0.5, 0.75])
        return {
            "submissions": f"{len(self.people)}",
            "mean": f"{statistics.mean(self.scores):.1f} of {self.most:g}",
            "median": f"{middle:.1f}",
            "middle half": f"{low:.1f} to {high:.1f}",
            "lowest, highest": f"{min(self.scores):g}, {max(self.scores):g}",
            "behind the wall": ", ".join(f"{name}: {n}" for name, n in self.walls.most_common()),
        }

    def histogram(self) -> list[tuple[str, int]]:
        """(range of scores, how many); extra credit may lift a score into the last one."""
        width = next(w for w in (0.5, 1, 2, 5, 10, 20, 50, np.inf) if self.most <= w * BINS)
        edges = [width * i for i in range(int(np.ceil((self.most or 1) / width)) + 1)]
        counts, _ = np.histogram(np.clip(self.scores, 0, edges[-1]), edges)
        return [(f"{a:g}–{b:g}", int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]

    def discrimination(self, item: Item) -> tuple[float, float] | None:
        """(correlation of a question's scores with the rest of the total, its standard error).

        None where it would say nothing: few students, one question, no spread. A question that
        tells strong from weak students is well above 0; one near 0 or below deserves a look.
        """
        if len(self.items) < 2:
            return None
        own = np.asarray(item.scores)
        rest = np.nansum([i.scores for i in self.items if i is not item], axis=0)
        own, rest = own[~np.isnan(own)], rest[~np.isnan(own)]
        if len(own) < FEWEST or not own.std() or not np.std(rest):
            return None
        r = float(np.corrcoef(own, rest)[0, 1])
        return r, (1 - r**2) / np.sqrt(len(own) - 1)


def overview(course: Course) -> Overview:
    """Read everything once."""
    seconds = _seconds(course)
    with course.gradebook() as gradebook:
        assignment = gradebook.find_assignment(course.assignment)
        items = {}
        for notebook in assignment.notebooks:
            for cell in notebook.grade_cells:
                items[notebook.name, cell.name] = _item(cell)
            if unknown := register.foreign(notebook):
                raise WrongCall(
                    f"the gradebook asks {', '.join(unknown)}, which this version of the kit does "
                    "not know: it comes from another one. Grade and report with that version, or "
                    "generate the assignment again"
                )
        submissions = gradebook.assignment_submissions(course.assignment)
        interrupted = {s.student_id for s in submissions if unfinished(s)}
        shared = Counter(_name(submission.student) for submission in submissions)
        people, walls = [], Counter()
        for submission in submissions:
            if submission.student_id in interrupted:
                continue
            person = _person(submission, seconds, dates.zone(course.config))
            if shared[person.name] > 1 and person.name != person.student:
                person.name += f" ({person.student})"
            records = {}
            for notebook in submission.notebooks:
                path = course.result(submission.student_id, notebook.name)
                found, notes, put_right = _records(path)
                records.update(found)
                person.notes += notes
                person.put_right += put_right
                person.flagged |= bool(notebook.flagged)
                scored = {grade.name: grade for grade in notebook.grades}
                for (where, name), item in items.items():
                    if where == notebook.name:
                        _count(item, scored.get(name), person, records.get(question_id(name)))
            people.append(person)
            rungs = {record.get("rung") for record in records.values()}
            walls.update(rungs - {None} or {"none, not run"})
        counted = [item for item in items.values() if not item.waiting]
        for place, person in enumerate(people):
            total = sum(item.scores[place] for item in counted)
            person.score = round(max(0.0, total - person.penalty), 2)
        handed_in, graded = set(course.handed_in()), {p.student for p in people}
        order = {question: i for i, question in enumerate(_order(course.assignment))}
        return Overview(
            course.assignment,
            float(sum(item.points for item in counted if not item.extra)),
            people,
            sorted(items.values(), key=lambda item: order.get(item.name, 0)),
            sorted(course.known - handed_in - graded),
            sorted((handed_in | interrupted) - graded),
            walls,
        )


def _order(assignment: str) -> list[str]:
    written = (q for q in catalogue.WRITTEN if q.startswith(f"{assignment}."))
    return [*catalogue.of_any(assignment), *written]


def _item(cell) -> Item:
    name = question_id(cell.name)
    by_hand = cell.cell_type == "markdown"
    if by_hand:
        known = catalogue.WRITTEN.get(name)
        return Item(name, known.title if known else name, float(cell.max_score), False, True)
    if not catalogue.known(name):  # a test with code of its own
        return Item(name, name, float(cell.max_score), False, False)
    known = catalogue.find(name)
    worth = known.points if known.extra else cell.max_score
    return Item(name, known.title, float(worth), known.extra, False)


def _name(student) -> str:
    return " ".join(filter(None, (student.first_name, student.last_name))) or student.id


def _person(submission, seconds, zone) -> Person:
    student = submission.student
    penalty = sum(notebook.late_submission_penalty or 0.0 for notebook in submission.notebooks)
    return Person(
        student.id,
        _name(student),
        0.0,
        timedelta(seconds=submission.total_seconds_late or 0),
        penalty,
        0,
        seconds=seconds.get(student.id),
        until=dates.shown(submission.duedate, zone) if submission.extension else "",
    )


def _count(item: Item, grade, person: Person, record: dict | None) -> None:
    waiting = grade is not None and bool(grade.needs_manual_grade)
    item.scores.append(np.nan if waiting else float(grade.score) if grade else 0.0)
    person.waiting += waiting
    if record and record.get("mistake"):
        item.mistakes[record["mistake"]].append(person.name)
        item.told.setdefault(record["mistake"], record["feedback"].splitlines()[-1].strip())
    if record and record.get("status") == "failed" and record.get("rung", "before"):
        person.notes.append(f"{item.name} could not be graded")


def _records(path: Path) -> tuple[dict[str, dict], list[str], list[str]]:
    """The records in an autograded notebook, what a person should look at, and what was put
    right.
    """
    try:
        notebook = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}, ["no autograded notebook"], []
    records, notes = {}, []
    problem = notebook["metadata"].get(sanitize.KEY, {}).get("problem")
    if problem:
        notes.append(problem)
    ended = 0
    for cell in notebook["cells"]:
        record = verdict.read(NotebookNode(cell))
        if record:
            records[record["question"]] = record
        ended += any(output.get("ename") == "ProcessEnded" for output in cell.get("outputs", ()))
    if ended:
        notes.append(f"its process was ended in {ended} cell{'s' * (ended > 1)}")
    return records, notes, sanitize.notes_of(notebook["metadata"])


def _seconds(course: Course) -> dict[str, float]:
    """Seconds that grading took, by student, as the ledger has them."""
    try:
        text = (course.root / ledger.NAME).read_bytes()
    except OSError:
        return {}
    found = {}
    for entry in ledger.entries(text):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if entry.get("assignment") == course.assignment and "done" in entry:
                found[entry["student"]] = float(entry["seconds"])
    return found


def flags(course: Course, shown: Overview) -> dict[str, list[str]]:
    """{what: [who]} of what a person should look at; an answer's likeness accuses nobody."""
    found = defaultdict(list)
    flagged = [person.name for person in shown.people if person.flagged]
    if flagged:
        found["flagged in the formgrader"] = flagged
    try:
        desk = answers.Desk(course)
    except WrongCall:
        return found
    names = {person.student: person.name for person in shown.people}
    for name, asked in desk.questions.items():
        given = [answer for answer in desk.answers(name) if answer.student in names]
        answers.arranged(asked, given, desk.alike)
        for answer in given:
            if asked.limit and answer.words > asked.limit:
                found[f"{question_id(name)}: over {asked.limit} words"].append(
                    f"{names[answer.student]} ({answer.words:,})"
                )
            if answer.reference >= desk.alike:
                alike = f"{question_id(name)}: much like the reference answer"
                found[alike].append(names[answer.student])
        for group in _connected(given):
            alike = f"{question_id(name)}: much alike"
            found[alike].append(", ".join(names[a.student] for a in group))
    return found


def _connected(given: list[answers.Answer]) -> list[list[answers.Answer]]:
    """Answers that are much alike, directly or through others."""
    by_number, groups, seen = {a.number: a for a in given}, [], set()
    for answer in given:
        group, waiting = [], [answer] if answer.alike else []
        while waiting:
            one = waiting.pop()
            if one.number not in seen:
                seen.add(one.number)
                group.append(one)
                waiting += [by_number[number] for number, _ in one.alike]
        groups += [group] if group else []
    return groups


def says(item: Item, mistake: str) -> str:
    """What students read about a named mistake; of one named after its numbers, an example."""
    question, told = catalogue.find(item.name), item.told[mistake]
    known = {question.mistake(n).says for n in question.mistakes if n.partition("/")[0] == mistake}
    return known.pop() if len(known) == 1 and told.startswith(*known) else f"for instance: {told}"


def page(course: Course) -> str:
    """The report as HTML."""
    shown = overview(course)
    return template(answers.PAGES / "report.html.j2", _duration).render(
        shown=shown,
        flags=flags(course, shown),
        says=says,
        unnamed=naming.groups(course),
        named=naming.named(course),
        now=_now(),
        fewest=FEWEST,
        alike=answers.ALIKE,
        times=sorted(p.seconds for p in shown.people if p.seconds is not None),
        median=statistics.median,
    )


def _now() -> str:
    from datetime import datetime

    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _duration(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    if hours >= 48:
        return f"{hours // 24} days {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def write(assignment: str, root: Path, target: Path | None = None) -> int:
    """Write the page. WrongCall where there is nothing to report on."""
    warnings.filterwarnings("ignore", module="nbgrader")
    course = Course(root, assignment)
    for change in course.settle():
        print(change)
    try:
        for student in naming.apply(course):
            print(f"{student}: mistakes.md names a mistake in another way now")
    except naming.BeingGraded as busy:
        print(f"mistakes.md is not looked at: {busy}")
    target = target or course.root / "reports" / f"{assignment}.html"
    made = page(course)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as unfinished:
            unfinished.write_text(made, "utf-8")
        for path in (target, target.parent) if target.is_relative_to(course.root) else ():
            permit(path, course.shared)
    except OSError as error:
        raise WrongCall(f"cannot write {target}: {error.strerror}") from None
    print(target)
    return 0
