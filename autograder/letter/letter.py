"""A letter: what was reached of what is graded so far, what is open, and question by question."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field

from autograder.key import catalogue
from autograder.letter import reread, told
from autograder.letter.language import ENGLISH, Language

VERSION = 1  # of the JSON, as `autograder.desks.one` has it
_MARK = re.compile(r"(.+) ([\d.]+) of ([\d.]+)")
_LENGTH = re.compile(r"length −([\d.]+) \(([\d,]+) words, at most (\d+) were asked for\)")


@dataclass
class Mark:
    """What a reader gave for one criterion."""

    criterion: str
    score: float
    points: float


@dataclass
class Question:
    """One question. score: None while nobody has graded it. told: a record's text in its parts.

    anchor: of its cell in nbgrader, by which a page links to it. place, cell: where the notebook
    says what to reread, as a link and as the number of a cell. off: a sentence about points lost
    for the length.
    """

    id: str
    title: str
    score: float | None
    points: float
    extra: bool = False
    written: bool = False
    told: told.Told | None = None
    mistake: str | None = None
    marks: list[Mark] = field(default_factory=list)
    off: str = ""
    comment: str = ""
    anchor: str = ""
    place: str = ""
    cell: int | None = None

    @property
    def open(self) -> bool:
        return self.score is None

    @property
    def passed(self) -> bool:
        return self.score is not None and self.score >= self.points

    @property
    def in_code(self) -> str:
        """Its name in the code; '' where it has none besides its title."""
        return "" if self.written or self.title == self.id else self.id.partition(".")[2]

    def failed(self) -> list[told.Tested]:
        return [t for t in self.told.tested if not t.passed] if self.told else []

    def right(self) -> list[str]:
        """The properties that were passed."""
        return [t.property for t in self.told.tested if t.passed] if self.told else []


@dataclass
class Letter:
    """All that is said to one student about one assignment. penalty: points off for lateness.
    late: it came after the due date.
    """

    assignment: str
    questions: list[Question]
    penalty: float = 0.0
    late: bool = False
    notes: list[str] = field(default_factory=list)
    more_later: bool = False  # a later, changed submission is told more
    language: Language = ENGLISH

    @property
    def score(self) -> float:
        """What was reached so far, extra credit included, lateness taken off."""
        total = sum(q.score for q in self.questions if q.score is not None)
        return round(max(0.0, total - self.penalty), 2)

    @property
    def most(self) -> float:
        """What could be reached of what is graded so far, extra credit aside."""
        return sum(q.points for q in self.questions if not q.open and not q.extra)

    @property
    def waiting(self) -> list[Question]:
        return [q for q in self.questions if q.open]

    def headline(self) -> str:
        return self.language.say("{} of {} points", number(self.score), number(self.most))

    def summary(self) -> list[str]:
        """What the number on top means, a sentence each."""
        say, lines = self.language.say, []
        if self.waiting:
            worth = number(sum(q.points for q in self.waiting))
            lines.append(say("This counts what has been graded so far."))
            if len(self.waiting) == 1:
                lines.append(say("One answer is still to be read, worth {} points.", worth))
            else:
                count = len(self.waiting)
                lines.append(say("{} answers are still to be read, worth {} points.", count, worth))
        extra = sum(q.score or 0.0 for q in self.questions if q.extra)
        if extra:
            lines.append(say("{} of these points are extra credit.", number(extra)))
        if self.penalty:
            lines.append(say("{} points were taken off for lateness.", number(self.penalty)))
        elif self.late:
            lines.append(say("It came after the due date; no points were taken off for that."))
        if self.more_later and any(q.failed() for q in self.questions):
            lines.append(
                say("After your next submission in which something is changed, more will be said.")
            )
        return lines

    def points(self, question: Question) -> str:
        """The points of a question as the letter shows them."""
        say, worth = self.language.say, number(question.points)
        if question.open:
            return say("still to be read, {} points", worth)
        if question.extra:
            return say("{} of {} extra points", number(question.score), worth)
        return say("{} of {} points", number(question.score), worth)

    def as_json(self) -> dict:
        """The same for a program, as `autograder/desks/result.schema.json` describes it."""
        return {
            "version": VERSION,
            "assignment": self.assignment,
            "score": self.score,
            "max_score": self.most,
            "rung": None,
            "seconds": 0,
            "seed": None,
            "language": self.language.name,
            "summary": [self.headline(), *self.summary()],
            "late_penalty": self.penalty,
            "open": {"answers": len(self.waiting), "points": sum(q.points for q in self.waiting)},
            "questions": [row(q) for q in self.questions],
            "notes": self.notes,
        }


def row(question: Question) -> dict:
    """A question for a program; its record's text in parts beside the text as a whole."""
    parts = question.told
    said = {
        "id": question.id,
        "title": question.title,
        "score": question.score,
        "points": question.points,
        "extra": question.extra,
        "passed": question.passed,
        "mistake": question.mistake,
        "feedback": parts.text() if parts else question.comment,
    }
    if parts:
        said |= {"tested": [asdict(t) for t in parts.tested], "says": parts.says}
        said |= {"reread": parts.reread, "link": question.place}
    if question.written:
        said |= {"marks": [asdict(m) for m in question.marks], "comment": question.comment}
    return said


def of_result(result: dict, spoken: Language = ENGLISH, cells=()) -> Letter:
    """The letter about a result of `autograder one`. cells: of the notebook as it was released."""
    questions = []
    for line in result["questions"]:
        parts = told.read(line["feedback"])
        place = reread.place(parts.reread, line["id"], cells)
        question = Question(
            line["id"],
            spoken.told(line["title"]),
            line["score"],
            line["points"],
            line["extra"],
            told=spoken.translate(parts),
            mistake=line["mistake"],
            place=f"{result['assignment']}.ipynb#{place.fragment}" if place else "",
        )
        parts.reread = spoken.told(parts.reread)
        questions.append(question)
    notes = [noted(note, questions, spoken) for note in result["notes"]]
    return Letter(result["assignment"] or "", questions, notes=notes, language=spoken)


def in_full(result: dict, letter: Letter) -> dict:
    """A result with what its letter says, in its language."""
    own = {question.id: row(question) for question in letter.questions}
    spoken = letter.language
    lines = []
    for line in result["questions"]:
        about = {"title": own[line["id"]]["title"], "feedback": spoken.feedback(line["feedback"])}
        parts = {key: own[line["id"]][key] for key in ("tested", "says", "reread", "link")}
        lines.append({**line, **about, **parts})
    return {**result, "language": spoken.name, "questions": lines, "notes": letter.notes}


def noted(note: str, questions: list[Question], spoken: Language = ENGLISH) -> str:
    """What was noted about a submission; a cell that it names is called by its question's title."""
    titles = {question.id: question.title for question in questions}

    def title(match):
        known = catalogue.question_id(match[1].removeprefix("rubric-"))
        name = match[1].removeprefix("check-")
        known = next((q for q in titles if q.partition(".")[2] == name), known)
        return f"“{titles[known]}”" if known in titles else match[0]

    return re.sub(r"(?<=[Cc]ell )'([^']+)'", title, spoken.told(note))


def marks_of(comment: str, language: Language = ENGLISH) -> tuple[list[Mark], str, str]:
    """(marks, sentence about the length, comment) of what a reader left in the gradebook.

    `autograder answers` writes how marks add up as the first line; any other comment is one.
    """
    head, _, rest = comment.partition("\n")
    if not head.startswith("Marks: "):
        return [], "", comment.strip()
    marks, off = [], ""
    for part in head.removeprefix("Marks: ").split("; "):
        length, mark = _LENGTH.fullmatch(part), _MARK.fullmatch(part)
        if length:
            said = "{} points off for the length: {} words where at most {} were asked for."
            off = language.say(said, *length.groups())
        elif mark:
            marks.append(Mark(mark[1], float(mark[2]), float(mark[3])))
        else:
            return [], "", comment.strip()
    return marks, off, rest.strip()


def number(value: float) -> str:
    """Points as people write them: at most two decimals, none that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
