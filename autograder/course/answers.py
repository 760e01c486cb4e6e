"""`python -m autograder answers`: a page on which people grade the answers in words.

All answers to one question stand side by side, those that are alike next to each other, without
names. Marks and comments go into nbgrader's gradebook and come from there: the formgrader shows
what was entered here, and this page what was entered there. Nothing is stored anywhere else, and
nothing is suggested.
"""

from __future__ import annotations

import base64
import json
import math
import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload
from traitlets import Enum, Float
from traitlets.config import Configurable

from autograder.course.course import Course
from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.key.written import Criterion, criteria_of
from autograder.letter.language import ENGLISH
from autograder.plugins import prose
from autograder.plugins.config import only_known
from autograder.plugins.feedback import Letter
from utils.hand_in.answers import own
from utils.hand_in.answers import words as count
from utils.hand_in.words import UNSPACED

PAGES = Path(__file__).parent / "pages"
ALIKE = 0.6  # cosine from which two answers are marked as much alike
NEAR = 0.3  # mean cosine from which answers stand in one group
COMPARED = 20_000  # characters of an answer that are compared
SHORT = 20  # words; shorter answers are alike by chance and not compared


class WordLimit(Configurable):
    """What an answer over the limit means, in nbgrader_config.py: `c.WordLimit.policy = "cut"`."""

    policy = Enum(
        ("note", "cut", "penalty"),
        "note",
        help="'note' says so; 'cut' marks what stands behind the limit as not to be read; "
        "'penalty' takes `penalty` points off for every started `step` per cent over it.",
    ).tag(config=True)
    penalty = Float(0.5, min=0, help="points").tag(config=True)
    step = Float(20, min=1, help="per cent of the limit").tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        only_known(WordLimit, self.config)

    def points_off(self, words: int, limit: int | None) -> float:
        """Points that an answer of so many words loses for its length."""
        if self.policy != "penalty" or not limit or words <= limit:
            return 0.0
        return self.penalty * math.ceil(100 * (words - limit) / limit / self.step)

    def within(self, text: str, limit: int | None) -> tuple[str, str]:
        """The text up to the limit, and what stands behind it where the policy cuts."""
        if self.policy != "cut" or not limit or count(text) <= limit:
            return text, ""
        ends = [match.end() for match in re.finditer(rf"[{UNSPACED}]|[^\s{UNSPACED}]+", text)]
        low, high = 0, len(ends)  # the first `low` chunks hold at most `limit` words
        while high - low > 1:
            middle = (low + high) // 2
            if count(text[: ends[middle - 1]]) <= limit:
                low = middle
            else:
                high = middle
        cut = ends[low - 1] if low else 0
        return text[:cut], text[cut:]

    def says(self, words: int, limit: int | None, say=ENGLISH.say) -> str:
        """The flag of an answer over the limit, or ''."""
        if not limit or words <= limit:
            return ""
        over = say("{} words, {} over the limit", f"{words:,}", f"{words - limit:,}")
        off = self.points_off(words, limit)
        if off:
            return say("{}: {} points off", over, f"{off:g}")
        return say("{}: what is grey stands behind it", over) if self.policy == "cut" else over


@dataclass(frozen=True)
class Asked:
    """A question that a person grades, with what the source notebook says about it."""

    name: str  # of nbgrader's cell
    title: str
    points: float
    limit: int | None
    prompt: str = ""
    scheme: str = ""
    reference: str = ""
    criteria: tuple[Criterion, ...] = ()


@dataclass
class Answer:
    """What one student wrote, and what the gradebook says of it. key: nbgrader's id of the grade.

    marks: a person's, before points are taken off for the length. score: the gradebook's; nbgrader
    gives 0 to a cell that was left as it was. Both None while there is none.
    """

    key: str
    student: str
    name: str
    path: Path
    text: str
    words: int
    marks: float | None
    score: float | None
    waiting: bool
    criteria: dict[str, float]
    comment: str
    number: int = 0  # on the page
    alike: list[tuple[int, float]] = field(default_factory=list)  # (number, similarity)
    reference: float = 0.0

    @property
    def entered(self) -> dict:
        """What a person has entered."""
        return {
            "marks": self.marks,
            "score": self.score,
            "criteria": self.criteria,
            "comment": self.comment,
            "waiting": self.waiting,
        }


class Refused(Exception):
    """Something that cannot be entered; the message says why."""


_SCHEME = re.compile(r"### BEGIN MARK SCHEME\n(.*?)### END MARK SCHEME", re.S)
_SOLUTION = re.compile(r"### (?:BEGIN|END) SOLUTION\n?")


class Desk:
    """The answers of one assignment, read from gradebook and autograded notebooks as they are
    now.
    """

    def __init__(self, course: Course, alike: float = ALIKE):
        self.course, self.alike = course, alike
        self.language = Letter(config=course.config).spoken(course.root)
        self.limit = WordLimit(config=course.config)
        self.questions = self._questions()
        if not self.questions:
            raise WrongCall(f"{course.assignment} asks nothing in words")

    def _questions(self) -> dict[str, Asked]:
        with self.course.gradebook() as gradebook:
            assignment = gradebook.find_assignment(self.course.assignment)
            by_hand = [
                (notebook.name, cell.name, float(cell.max_score))
                for notebook in assignment.notebooks
                for cell in notebook.grade_cells
                if cell.cell_type == "markdown"
            ]
        found = {}
        for notebook, name, points in by_hand:
            source = self._source(notebook)
            known = catalogue.WRITTEN.get(catalogue.question_id(name))
            rubric = source.get(f"rubric-{name}", "")
            scheme = "\n".join(_SCHEME.findall(rubric))
            found[name] = Asked(
                name,
                self.language.told(known.title) if known else name,
                points,
                known.words if known else None,
                prompt=_SCHEME.sub("", rubric).strip(),
                scheme=scheme,
                reference=self._own(source.get(name, "")),
                criteria=criteria_of(scheme),
            )
        order = [name for notebook in self.course.notebooks for name in self._source(notebook)]
        place = {name: i for i, name in enumerate(order)}
        return dict(sorted(found.items(), key=lambda item: place.get(item[0], 0)))

    def _source(self, notebook: str) -> dict[str, str]:
        folder = self.course.directory.format_path(
            self.course.directory.source_directory, ".", self.course.assignment
        )
        return texts(Path(folder) / f"{notebook}.ipynb")

    def _own(self, source: str) -> str:
        """What a person wrote in an answer cell, without what the notebook had there."""
        return own(_SOLUTION.sub("", source), self.course.config.ClearSolutions.text_stub)

    def answers(self, name: str) -> list[Answer]:
        """Everybody's answer to one question, by student."""
        asked, notebook = self.questions[name], joinedload(Grade.notebook)
        with self.course.gradebook() as gradebook:
            query = graded(gradebook, self.course.assignment).filter(BaseCell.name == name)
            query = query.order_by(SubmittedAssignment.student_id).options(
                notebook.joinedload(SubmittedNotebook.notebook),
                notebook.joinedload(SubmittedNotebook.assignment).joinedload(
                    SubmittedAssignment.student
                ),
                notebook.selectinload(SubmittedNotebook.comments).joinedload(Comment.cell),
            )
            return [
                self._answer(asked, grade.notebook.assignment, grade.notebook, grade)
                for grade in query
            ]

    def _answer(self, asked: Asked, submission, notebook, grade) -> Answer:
        path = self.course.result(submission.student_id, notebook.name)
        text = self._own(texts(path).get(asked.name, ""))
        comments = [c for c in notebook.comments if c.name == asked.name]
        said = (comments[0].manual_comment if comments else None) or ""
        marks, criteria, comment = parsed(said, asked, grade.manual_score)
        person = submission.student
        return Answer(
            grade.id,
            person.id,
            _full_name(person),
            path,
            text,
            count(text),
            marks,
            None if grade.needs_manual_grade and marks is None else grade.score,
            bool(grade.needs_manual_grade),
            criteria,
            comment,
        )

    def picture(self, key: str, name: str) -> tuple[str, bytes]:
        """(type, content) of a picture in an answer; LookupError where there is none."""
        asked, answer = self.find(key)
        cell = read(answer.path)[asked.name]
        kind, data = prose.pictures(cell["source"], cell["attachments"])[1][name]
        return kind, base64.b64decode(data)

    def find(self, key: str) -> tuple[Asked, Answer]:
        """The answer of one grade, as it is now; MissingEntry where there is none."""
        with self.course.gradebook() as gradebook:
            return self._found(gradebook, key)[:2]

    def _found(self, gradebook, key: str) -> tuple[Asked, Answer, Grade]:
        grade = gradebook.find_grade_by_id(key)
        asked = self.questions.get(grade.name)
        submission = grade.notebook.assignment
        if asked is None or submission.name != self.course.assignment:
            raise MissingEntry
        return asked, self._answer(asked, submission, grade.notebook, grade), grade

    def enter(self, key: str, sent: dict) -> dict:
        """Put marks and comment of one answer into the gradebook; what stands there then.

        sent: {"marks": number or None, "criteria": {title: number}, "comment": text, "was": what
        the page showed}. Refused where it is no mark, or where somebody else was faster.
        """
        say = self.language.say
        with self.course.gradebook() as gradebook:
            _alone(gradebook, key, say)
            asked, answer, grade = self._found(gradebook, key)
            if sent.get("was") != answer.entered:
                raise Refused(
                    say(
                        "Not saved. Somebody has changed it meanwhile to {}. "
                        "Enter yours again to replace that.",
                        self._told(answer),
                    )
                )
            criteria = {
                c.title: self._mark(sent.get("criteria", {}).get(c.title), c.points, c.title)
                for c in asked.criteria
            }
            criteria = {title: mark for title, mark in criteria.items() if mark is not None}
            marks = self._mark(sent.get("marks"), asked.points, say("Marks"))
            if marks is not None and criteria and abs(sum(criteria.values()) - marks) > 1e-9:
                criteria = {}
            off = self.limit.points_off(answer.words, asked.limit)
            comment = str(sent.get("comment") or "").strip()
            said = composed(asked, marks, criteria, off, answer.words, comment)
            grade.manual_score = None if marks is None else max(0.0, marks - off)
            # As the formgrader has it
            grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
            note = next(c for c in grade.notebook.comments if c.name == asked.name)
            note.manual_comment = said or None
            gradebook.db.commit()
        for change in self.course.settle({answer.student}):
            print(change, flush=True)
        return self.find(key)[1].entered

    def _told(self, answer: Answer) -> str:
        say = self.language.say
        marks = say("no marks") if answer.score is None else say("{} points", f"{answer.score:g}")
        if not answer.comment:
            return say("{}, no comment", marks)
        return say("{} and “{}”", marks, answer.comment[:200])

    def _mark(self, value, most: float, what: str) -> float | None:
        if value is None or value == "":
            return None
        try:
            mark = float(value)
        except (TypeError, ValueError):
            refused = self.language.say("{}: “{}” is no number.", what, str(value)[:20])
            raise Refused(refused) from None
        if not 0 <= mark <= most:
            raise Refused(self.language.say("{}: between 0 and {}, please.", what, f"{most:g}"))
        return mark


def _alone(gradebook, key: str, say) -> None:
    """From here until the commit nobody else writes this grade: a second server, or the formgrader,
    waits. A change that changes nothing, as every database understands it.
    """
    try:
        gradebook.db.query(Grade).filter(Grade.id == key).update(
            {Grade.needs_manual_grade: Grade.needs_manual_grade}
        )
    except OperationalError:
        gradebook.db.rollback()
        raise Refused(
            say("Not saved: another program is writing the gradebook. Enter it once more.")
        ) from None


def graded(gradebook, assignment: str):
    """All grades of an assignment, as a query: a class of hundreds is read in one go."""
    return (
        gradebook.db.query(Grade)
        .join(Grade.cell)
        .join(Grade.notebook)
        .join(SubmittedNotebook.assignment)
        .join(SubmittedAssignment.assignment)
        .filter(Assignment.name == assignment)
    )


def parsed(said: str, asked: Asked, score: float | None):
    """(marks, {criterion: marks}, comment) of what the gradebook holds.

    The first line of a comment made here says how the marks add up. Where it does not agree with
    the score, the score was entered elsewhere, and counts.
    """
    head, _, rest = said.partition("\n")
    if not head.startswith("Marks: "):
        return score, {}, said
    off = re.search(r"; length −([\d.]+)", head)
    off = float(off[1]) if off else 0.0
    criteria = {}
    for criterion in asked.criteria:
        told = re.search(rf"(?:: |; ){re.escape(criterion.title)} ([\d.]+) of ", head)
        if told:
            criteria[criterion.title] = float(told[1])
    marks = sum(criteria.values())
    if not criteria:
        told = re.match(r"Marks: ([\d.]+) of ", head)
        marks = float(told[1]) if told else math.nan
    if score is None or not abs(max(0.0, marks - off) - score) < 1e-6:
        return score, {}, rest.strip()
    return marks, criteria, rest.strip()


def composed(asked: Asked, marks, criteria: dict, off: float, words: int, comment: str) -> str:
    """The comment as students and formgrader read it: how the marks add up, then the comment."""
    if marks is None or not (criteria or off):
        return comment
    parts = [
        f"{c.title} {criteria[c.title]:g} of {c.points:g}"
        for c in asked.criteria
        if c.title in criteria
    ] or [f"{marks:g} of {asked.points:g}"]
    if off:
        parts.append(f"length −{off:g} ({words:,} words, at most {asked.limit} were asked for)")
    return f"Marks: {'; '.join(parts)}\n\n{comment}".strip()


def read(path: Path) -> dict[str, dict]:
    """The markdown cells that nbgrader knows in one of its notebooks, by name, in their order."""
    notebook = json.loads(path.read_text("utf-8"))
    named = {
        cell["metadata"].get("nbgrader", {}).get("grade_id"): {
            "source": "".join(cell["source"]),
            "attachments": cell.get("attachments", {}),
        }
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
    }
    named.pop(None, None)
    return named


@lru_cache(maxsize=4000)
def _texts(path: Path, changed: int) -> dict[str, str]:
    """What stands in these cells without the bytes of pictures: a whole class fits in memory."""
    return {name: prose.pictures(cell["source"])[0] for name, cell in read(path).items()}


def texts(path: Path) -> dict[str, str]:
    """{cell: Markdown}; {} where there is no such notebook."""
    try:
        return _texts(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}


def _full_name(person) -> str:
    name = " ".join(part for part in (person.first_name, person.last_name) if part)
    return f"{name} ({person.id})" if name else person.id


# Which answers are alike


def similarities(texts: tuple[str, ...]) -> np.ndarray:
    """(n, n) cosines in [0, 1]: the mean of TF-IDF over character 3- to 5-grams, which see through
    small changes of words, and over one to three words, which see borrowed phrases.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    total = np.zeros((len(texts), len(texts)))
    for settings in (
        {"analyzer": "char_wb", "ngram_range": (3, 5)},
        {"analyzer": "word", "ngram_range": (1, 3), "token_pattern": r"\w+"},
    ):
        try:
            vectors = TfidfVectorizer(sublinear_tf=True, **settings).fit_transform(
                text[:COMPARED] for text in texts
            )
        except ValueError:  # not a single word in any of them
            return total
        total += (vectors @ vectors.T).toarray() / 2
    return np.clip(total, 0, 1)


def grouped(alike: np.ndarray) -> list[list[int]]:
    """Numbers of the answers, group by group, the largest first; neighbours are most alike."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(alike) < 2:
        return [list(range(len(alike)))] if len(alike) else []
    distance = 1 - alike
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    cluster = fcluster(tree, 1 - NEAR, "distance")
    groups: dict[int, list[int]] = {}
    for index in leaves_list(tree):
        groups.setdefault(cluster[index], []).append(int(index))
    return sorted(groups.values(), key=len, reverse=True)


_COMPARING = threading.Lock()


def compared(texts: tuple[str, ...]) -> tuple[np.ndarray, list[list[int]]]:
    """Similarities of all texts, and the groups of all but the last, which is the reference."""
    with _COMPARING:  # who comes while it is being worked out waits for that
        return _compared(texts)


@lru_cache(maxsize=64)
def _compared(texts: tuple[str, ...]) -> tuple[np.ndarray, list[list[int]]]:
    alike = similarities(texts)
    return alike, grouped(alike[:-1, :-1])


@dataclass
class Group:
    """Answers that stand together on the page."""

    title: str
    answers: list[Answer]


def arranged(
    asked: Asked, answers: list[Answer], threshold: float, say=ENGLISH.say
) -> tuple[list[Group], dict]:
    """Groups of answers with what is alike noted in them, and the numbers that explain the mark."""
    full = [a for a in answers if a.words >= SHORT]
    short = [a for a in answers if a.text and a.words < SHORT]
    empty = [a for a in answers if not a.text]
    alike, groups = compared((*(a.text for a in full), asked.reference))
    many = [[full[i] for i in group] for group in groups if len(group) > 1]
    alone = [full[group[0]] for group in groups if len(group) == 1]
    found = [Group(say("Group {}", n), g) for n, g in enumerate(many, 1)]
    found += [Group(say("On their own"), alone), Group(say("Under {} words", SHORT), short)]
    found = [g for g in [*found, Group(say("Nothing written"), empty)] if g.answers]
    for number, answer in enumerate((a for group in found for a in group.answers), 1):
        answer.number = number
    for i, answer in enumerate(full):
        close = [j for j in range(len(full)) if j != i and alike[i, j] >= threshold]
        close.sort(key=lambda j: -alike[i, j])
        answer.alike = [(full[j].number, float(alike[i, j])) for j in close]
        answer.reference = float(alike[i, -1]) if asked.reference else 0.0
    pairs = alike[:-1, :-1][np.triu_indices(len(full), 1)]
    explained = {"pairs": len(pairs), "threshold": threshold}
    if len(pairs):
        explained |= {
            "median": float(np.median(pairs)),
            "high": float(np.quantile(pairs, 0.95)),
            "marked": int((pairs >= threshold).sum()),
        }
    return found, explained
