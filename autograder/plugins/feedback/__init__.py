"""nbgrader plug-ins for `nbgrader generate_feedback`: a letter to the student, and below it the
notebook, folded. The same letter is written beside the page as Markdown and JSON, for other desks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbgrader import preprocessors as stock
from nbgrader import utils as nbgrader_utils
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Enum, TraitError, Unicode
from traitlets.config import Configurable

from autograder.errors import WrongCall
from autograder.exam import sanitize, verdict
from autograder.key import catalogue
from autograder.letter import language, levels, reread, text, told
from autograder.letter import letter as letters
from autograder.letter.page import template
from autograder.plugins import execute, late, prose, tries
from autograder.plugins.config import only_known
from autograder.plugins.feedback import folded


class Letter(Configurable):
    """How feedback speaks, in nbgrader_config.py: `c.Letter.show = "by-tries"`."""

    show = Enum(
        levels.POLICIES,
        levels.POLICIES[0],
        help="'all' at once; or 'by-tries': which property failed, after a second changed "
        "submission what was received, after a third the named mistake.",
    ).tag(config=True)
    language = Unicode("en", help="of the page, as in HTML's lang").tag(config=True)
    sentences = Unicode(
        "", help="the file of translated sentences; `python -m autograder.letter` begins one"
    ).tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        only_known(Letter, self.config)

    def spoken(self, root: Path) -> language.Language:
        """The language; `sentences` is looked for in the course folder."""
        return _language(self.language, str(root / self.sentences) if self.sentences else "")


@cache
def _language(name: str, path: str) -> language.Language:
    return language.of(name, Path(path) if path else None)


class GetGrades(stock.GetGrades):
    """nbgrader's, after late penalty and extension have been brought up to date."""

    def preprocess(self, nb, resources):
        about, course = resources["nbgrader"], execute.course_of(self)
        if course:
            with Gradebook(about["db_url"]) as gradebook:
                try:
                    who = {about["student"]}
                    late.settle(gradebook, self.config, course.root, about["assignment"], who)
                except WrongCall as problem:
                    self.log.error("%s. The late penalty is as it was.", problem)
        return super().preprocess(nb, resources)


class WriteLetter(NbGraderPreprocessor):
    """Put together what is said about every question, at the level that the course allows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        course = execute.course_of(self)
        try:  # before any letter is begun: a wrong setting is told once, and nobody's is taken away
            self.settings = Letter(config=self.config)
            self.spoken = self.settings.spoken(Path(course.root if course else "."))
        except (WrongCall, TraitError) as problem:
            self.log.error("no feedback was made: %s", problem)
            raise NbGraderException(str(problem)) from None

    def preprocess(self, nb, resources):
        about, spoken = resources["nbgrader"], self.spoken
        so_far = _so_far(about)
        level = levels.level(self.settings.show, so_far.earlier)
        asked = questions(nb, level, spoken, f"{about['notebook']}.ipynb", so_far.waiting)
        letter = letters.Letter(
            about["notebook"],
            asked,
            float(about.get("late_penalty") or 0.0),
            so_far.late,
            [letters.noted(note, asked, spoken) for note in _notes(nb)],
            level < levels.ALL,
            spoken,
        )
        resources["letter"], resources["student"] = letter, so_far.name
        written = {
            f"{about['notebook']}.json": json.dumps(letter.as_json(), ensure_ascii=False, indent=1),
            f"{about['notebook']}.md": text.markdown(letter),
        }
        resources.setdefault("outputs", {})
        resources["outputs"] |= {name: (said + "\n").encode() for name, said in written.items()}
        return nb, resources


class WritePage(NbGraderPreprocessor):
    """The page: the letter, and what is left of the notebook."""

    def preprocess(self, nb, resources):
        letter = resources["letter"]
        resources["page"] = template(Path(__file__).parent / "letter.html.j2").render(
            letter=letter,
            say=letter.language.say,
            student=resources["student"],
            number=letters.number,
            html=lambda source: prose.in_place(source, {}, {}),
            inline=folded.inline,
            cells=folded.cells(nb, letter),
        )
        return nb, resources


class ShowResults(NbGraderPreprocessor):
    """All of it, by the name that version 1.0's configuration has; it goes in 2.0."""

    def preprocess(self, nb, resources):
        for step in (WriteLetter, ClearHiddenTests, ClearMarkScheme, WritePage):
            nb, resources = step(parent=self.parent, config=self.config)(nb, resources)
        return nb, resources


@dataclass(frozen=True)
class _SoFar:
    """What the gradebook says of a submission. name: of the student, or the id where there is none.
    late: after the due date. earlier: changed submissions before. waiting: cells nobody has read.
    """

    name: str
    late: bool
    earlier: int
    waiting: set[str]


def _so_far(about: dict) -> _SoFar:
    where = about["notebook"], about["assignment"], about["student"]
    with Gradebook(about["db_url"]) as gradebook:
        notebook = gradebook.find_submission_notebook(*where)
        student, late = notebook.student, notebook.assignment.total_seconds_late > 0
        name = " ".join(filter(None, (student.first_name, student.last_name))) or student.id
        by_hand = [g for g in notebook.grades if g.cell_type == "markdown" or g.auto_score is None]
        waiting = {grade.name for grade in by_hand if grade.needs_manual_grade}
        earlier = tries.earlier(gradebook.db, where)
        gradebook.db.commit()
    return _SoFar(name, late, earlier, waiting)


def _notes(nb) -> list[str]:
    problem = sanitize.problem_of(nb)
    return ([problem] if problem else []) + sanitize.notes_of(nb.metadata)


def questions(
    nb, level: int, spoken: language.Language, name: str, waiting: set[str]
) -> list[letters.Question]:
    """Every graded cell of a notebook with its grades; a comment on code belongs to the question of
    that name, or else to the next.

    name: of the notebook's file. waiting: cells that nobody has graded yet.
    """
    found, said, problem = [], [], sanitize.problem_of(nb)
    on_code = {
        about["grade_id"]: str(about.get("comment") or "").strip()
        for about in (cell.metadata.get("nbgrader", {}) for cell in nb.cells)
        if about.get("solution") and not about.get("grade")
    }
    own = {catalogue.question_id(q.metadata.nbgrader.grade_id) for q in nb.cells if _graded(q)}
    own = {question.partition(".")[2] for question in own}
    for cell in nb.cells:
        about = cell.metadata.get("nbgrader", {})
        comment = str(about.get("comment") or "").strip()
        if _graded(cell):
            question = _question(cell, level, spoken, problem, waiting)
            found_at = reread.place(
                question.told.reread if question.told else "", question.id, nb.cells
            )
            question.place = f"{name}#{found_at.fragment}" if found_at else ""
            question.cell = found_at.cell if found_at else None
            if question.told:
                question.told.reread = spoken.told(question.told.reread)
            parts = filter(None, [*said, on_code.get(question.id.partition(".")[2]), comment])
            question.marks, question.off, question.comment = letters.marks_of(
                "\n\n".join(parts), spoken
            )
            found.append(question)
            said = []
        elif comment and about["grade_id"] not in own:
            said.append(comment)
    if said and found:
        found[-1].comment = "\n\n".join(filter(None, [found[-1].comment, *said]))
    return found


def _graded(cell) -> bool:
    return nbgrader_utils.is_grade(cell) or nbgrader_utils.is_task(cell)


def _question(cell, level, spoken, problem, waiting) -> letters.Question:
    about = cell.metadata.nbgrader
    question_id = catalogue.question_id(about["grade_id"])
    score = None if about["grade_id"] in waiting else float(about.get("score") or 0.0)
    made = letters.Question(
        question_id,
        question_id,
        score,
        float(about.get("points") or 0.0),
        written=cell.cell_type == "markdown",
        anchor=about["grade_id"],
    )
    record, known = verdict.read(cell), catalogue.known(question_id)
    if question_id in catalogue.WRITTEN:
        made.title = spoken.told(catalogue.WRITTEN[question_id].title)
    elif known:
        found = catalogue.find(question_id)
        made.title, made.extra = spoken.told(found.title), found.extra
        made.points = float(found.points) if found.extra else made.points
        said = spoken.say("This question was not graded; ask your instructor about it.")
        made.told = told.Told(question_id, [], said)
    if record:
        row = levels.at(verdict.row(record), level)
        made.told, made.mistake = told.read(row["feedback"]), row["mistake"]
    if made.told:
        if problem and problem in made.told.says:
            made.told.says = ""  # it is said once, on top
        spoken.translate(made.told)
    return made


def _ours(cell) -> bool:
    """Whether a cell is as it was released: only there is a test or a mark scheme to be hidden."""
    return bool(cell.metadata.get("nbgrader", {}).get("locked"))


class _InOurs:
    """nbgrader's stop at a student's own cell that holds their mark without an end."""

    def preprocess_cell(self, cell, resources, cell_index):
        if _ours(cell):
            return super().preprocess_cell(cell, resources, cell_index)
        return cell, resources


class ClearHiddenTests(_InOurs, stock.ClearHiddenTests):
    """nbgrader's, in cells that stand as they were released."""


class ClearMarkScheme(_InOurs, stock.ClearMarkScheme):
    """nbgrader's, in cells that stand as they were released."""
