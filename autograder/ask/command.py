"""`python -m autograder ask ASSIGNMENT`: questions to every student about her own work."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm import tqdm

from autograder.ask import interview, pool, sheets
from autograder.ask.item import Item
from autograder.course.course import Course, digest_of
from autograder.errors import WrongCall
from autograder.exam import examiner, sanitize, unlabelled, verdict, warm
from autograder.key import catalogue
from autograder.letter.language import ENGLISH
from autograder.plugins import feedback
from utils.hand_in.files import replacing

FOLDER = "asked"
UNREADABLE = ENGLISH.say("the autograded notebook cannot be read")
VERSION = 3  # of what is kept of a student


@dataclass
class Asked:
    """A student, and what she is asked. note: why there are fewer questions than three,
    in English."""

    student: str
    name: str
    items: list[Item] = field(default_factory=list)
    note: str = ""


def run(assignment: str, root: Path, only: list[str], sandbox: bool = True) -> int:
    """Ask everybody who is graded; what was made before of the same work is kept.

    WrongCall where nothing can be asked.
    """
    warnings.filterwarnings("ignore", module="nbgrader")
    course = Course(root, assignment, sandbox)
    if assignment not in pool.POOL:
        raise WrongCall(f"{assignment}: there are questions about {', '.join(pool.POOL)} only")
    students = _students(course, only)
    kept = course.root / FOLDER / assignment
    (kept / "kept").mkdir(parents=True, exist_ok=True)
    made = []
    for student, name in tqdm(students, unit=" students", file=sys.stderr, disable=None):
        now = not only or student in only
        made += filter(None, [_kept(course, kept / "kept", student, name, now)])
    spoken = feedback.Letter(config=course.config).spoken(course.root)
    files = sheets.write(kept, assignment, made, spoken)
    for asked in made:
        if asked.note and (not only or asked.student in only):
            print(f"{asked.student}: {asked.note}")
    print("\n".join(f"{path}   {what}" for path, what in files))
    return 0


def _students(course: Course, only: list[str]) -> list[tuple[str, str]]:
    with course.gradebook() as gradebook:
        names = {
            s.id: " ".join(filter(None, (s.first_name, s.last_name))) for s in gradebook.students
        }
        graded = sorted(s.student_id for s in gradebook.assignment_submissions(course.assignment))
    unknown = sorted(set(only) - set(graded))
    if unknown:
        raise WrongCall(f"nothing of {', '.join(unknown)} is graded in {course.assignment}")
    if not graded:
        raise WrongCall(
            f"no submission of {course.assignment} is graded yet: "
            f"`nbgrader autograde {course.assignment}` first"
        )
    return [(student, names.get(student) or student) for student in graded]


def _kept(course: Course, folder: Path, student: str, name: str, now: bool) -> Asked | None:
    """What a student is asked: as it was made before where her work is the same; else made now, or
    None where that was not asked for.
    """
    digest = digest_of([VERSION, *(_digest(course.result(student, n)) for n in course.notebooks)])
    path = folder / f"{student}.json"
    try:
        before = json.loads(path.read_text("utf-8"))
        if before["of"] == digest:
            items = [Item(**_tuples(item)) for item in before["items"]]
            return Asked(student, name, items, before["note"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    if not now:
        return None
    asked = _asked(course, student, name, int(digest[:8], 16))
    told = {"of": digest, "items": [asdict(item) for item in asked.items], "note": asked.note}
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    return asked


def _tuples(item: dict) -> dict:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in item.items()}


def _digest(path: Path) -> str:
    """Of her code and of what passes; not of what else changes when it is graded again."""
    try:
        notebook = json.loads(path.read_text("utf-8"))
        sources = ["".join(cell["source"]) for cell in notebook["cells"]]
        return digest_of([sources, sorted(known(notebook)[0])])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _asked(course: Course, student: str, name: str, seed: int) -> Asked:
    asked, most = Asked(student, name), interview.COUNT
    for notebook in course.notebooks:
        try:
            found = sanitize.read(course.result(student, notebook))
            raw = json.loads(course.result(student, notebook).read_text("utf-8"))
        except (sanitize.Unreadable, OSError, ValueError):
            asked.note = UNREADABLE
            continue
        passed, sources = known(raw)
        if not passed:
            continue
        graded = {catalogue.grade_id(question) for question in catalogue.of(course.assignment)}
        cells = [
            examiner.Cell("" if unlabelled.label_of(c) in graded else c.source)
            for c in found.cells
            if c.cell_type == "code"
        ]
        asked.items += _interviewed(course, student, cells, passed, sources, seed)
    asked.items = asked.items[:most]
    if len(asked.items) < most and not asked.note:
        asked.note = few(len(asked.items), most)
    return asked


def known(notebook: dict) -> tuple[set[str], dict[str, str]]:
    """(questions with full points, {question: the code of its cell}) of an autograded notebook."""
    passed, sources = set(), {}
    for cell in notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        record = verdict.read(cell)
        if record and record.get("passed"):
            passed.add(record["question"])
        if about.get("solution") and cell["cell_type"] == "code":
            sources[about["grade_id"]] = "".join(cell["source"])
    return passed, {q: sources[n] for q in passed if (n := q.partition(".")[2]) in sources}


def few(made: int, most: int) -> str:
    """Why a student has so few questions, in English; a sheet says it in the course's language."""
    return ENGLISH.say(
        "{} of {} questions: too little of the code runs and passes its checks", made, most
    )


def _interviewed(course: Course, student: str, cells, passed, sources, seed: int) -> list[Item]:
    """Her code is run behind the wall, once, and asked there."""
    runner, folder = course.runner, course.result(student, course.notebooks[0]).parent
    limits = runner.limits()
    server = warm.shared(limits, (course.root,), cells, runner.rung(), runner.minimum)
    files, _ = examiner.files_of(folder, limits.disk // 2)
    notes: list[str] = []
    inside = examiner.Isolated(cells, folder, files, course.assignment, server, notes)
    try:
        for position in range(len(cells)):
            inside.position = position
            if cells[position].source:
                inside.run(position)
        inside.position = len(cells)
        return interview.questions(course.assignment, inside, passed, sources, seed)
    finally:
        inside.close()
