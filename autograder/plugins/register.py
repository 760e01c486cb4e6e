"""Tell the gradebook what a release asks, from its sources, and leave the release as it is.

nbgrader registers an assignment only while it writes the release, and skips a release that exists;
the kit's is committed. So `register` has nbgrader write it once more, into a folder that is
thrown away, with the course's own gradebook.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from copy import deepcopy
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from sqlalchemy.exc import SQLAlchemyError

from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.key import points as key_points
from autograder.plugins import patches
from autograder.plugins.config import ROOT, no_gradebook, permit, scripts_on_path


def register(assignment: str, config) -> str:
    """Register an assignment of the course that `config` describes; a line that says what was done.

    The source is the course's own, else the kit's. WrongCall where there is none, or where nbgrader
    cannot write the gradebook.
    """
    course = CourseDirectory(config=config)
    source = _source(course, assignment)
    try:
        before = _registered(course, assignment)
    except (SQLAlchemyError, ImportError) as error:
        raise no_gradebook(course.db_url, error) from None
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        kept = scratch / course.source_directory / assignment
        kept.mkdir(parents=True)
        for notebook in source.glob("*.ipynb"):
            shutil.copy(notebook, kept)
        _generate(assignment, scratch, course, config)
        made = scratch / course.release_directory / assignment
        stale = _differs(made, Path(_folder(course, course.release_directory, assignment)))
    if _file(course):
        permit(_file(course), course.groupshared)
    after = _registered(course, assignment)
    what = "registered" if before is None else "as it was" if before == after else "updated"
    line = f"{assignment}: {what}; {_points(course, assignment)}"
    if stale:
        line += (
            f"\n  {stale} is not what {source} gives: students have other cells than the gradebook."
            "\n  `python -m autograder build` makes it anew."
        )
    return line


def compare(course: CourseDirectory, assignment: str) -> list[str]:
    """What key, notebook and gradebook say that a question is worth, before anything is graded.

    The gradebook's points count, since marks are out of them: where only the key has others, what a
    question earns is scaled to its cell, and a line returned here says so. WrongCall where they
    cannot all be meant; the message says what to do. An assignment that the gradebook does not know
    has nothing to compare.
    """
    if not _exists(course):
        return []
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            notebooks = gradebook.find_assignment(assignment).notebooks
        except MissingEntry:
            return []
        asked = [
            (notebook.name, cell.name, float(cell.max_score), cell.cell_type)
            for notebook in notebooks
            for cell in notebook.grade_cells
        ]
        unknown = [name for notebook in notebooks for name in foreign(notebook)]
    if unknown:
        raise WrongCall(
            f"the gradebook asks {', '.join(unknown)}, which this version of the kit does not "
            f"know: it comes from another one. {_HOW.format(assignment)}"
        )
    problems, notes = [], []
    promised = _promised(course, assignment)
    for notebook, name, worth, kind in asked:
        promise = promised.get((notebook, name))
        if promise is not None and promise[0] != worth:
            problems.append(
                f"{catalogue.question_id(name)} is worth {promise[0]:g} in {promise[1]} and "
                f"{worth:g} in the gradebook"
            )
        elif kind == "code":
            told = key_points.differ(catalogue.question_id(name), worth, "the gradebook")
            if told:
                (problems if told.refuses else notes).append(str(told))
    if problems:
        raise WrongCall(f"{'; '.join(problems)}. {_HOW.format(assignment)}")
    return notes


_HOW = (
    "`python -m autograder register {0}` enters what the notebook asks now; or make the notebook "
    "say what the gradebook does"
)


def foreign(notebook) -> list[str]:
    """Questions that a notebook of the gradebook has asked of the key, and that it has not."""
    asked = (_ASKED.search(cell.source or "") for cell in notebook.source_cells)
    return [found[1] for found in asked if found and not catalogue.known(found[1])]


_ASKED = re.compile(r"^from autograder\S* import incell; incell\.grade\(\"([^\"]+)\"\)", re.M)


def _promised(
    course: CourseDirectory, assignment: str
) -> dict[tuple[str, str], tuple[float, Path]]:
    """{(notebook, cell): (points, file)} of the course's own source, or else of its release."""
    for step in (course.source_directory, course.release_directory):
        found = {}
        for path in Path(_folder(course, step, assignment)).glob("*.ipynb"):
            try:
                cells = json.loads(path.read_text("utf-8"))["cells"]
            except (OSError, ValueError, LookupError, TypeError):
                continue
            for cell in cells:
                about = cell.get("metadata", {}).get("nbgrader", {})
                if about.get("grade") and isinstance(about.get("points"), (int, float)):
                    found[path.stem, about["grade_id"]] = float(about["points"]), path
        if found:
            return found
    return {}


def when_skipped() -> None:
    """Have `nbgrader generate_assignment` register a release that it skips since it exists."""
    patches.tell_of_skipped(_skipped)


def _skipped(converter: GenerateAssignment, assignment: str) -> None:
    if converter.no_database:
        return
    config = deepcopy(converter.config)
    config.CourseDirectory.root = converter.coursedir.root
    config.CourseDirectory.db_url = converter.coursedir.db_url
    converter.log.warning(
        "The release exists and stays as it is (--force makes it anew). In the gradebook, %s",
        register(assignment, config),
    )


def _source(course: CourseDirectory, assignment: str) -> Path:
    """The folder with nbgrader's source notebook; the course's own, else the kit's."""
    places = [
        Path(_folder(course, course.source_directory, assignment)),
        ROOT / "solutions" / assignment,
    ]
    for place in places:
        if any(place.glob("*.ipynb")):
            return place
    raise WrongCall(f"no assignment {assignment!r}: there is no notebook in {places[0]}")


def _folder(course: CourseDirectory, step: str, assignment: str) -> str:
    return course.format_path(step, ".", assignment)


def _generate(assignment: str, scratch: Path, course: CourseDirectory, config) -> None:
    scripts_on_path()  # nbgrader starts `alembic` to make a gradebook
    own = deepcopy(config)
    own.CourseDirectory.root = str(scratch)
    own.CourseDirectory.db_url = course.db_url
    own.CourseDirectory.assignment_id = assignment
    own.GenerateAssignment.pre_convert_hook = own.GenerateAssignment.post_convert_hook = None
    converter = GenerateAssignment(coursedir=CourseDirectory(config=own), config=own)
    converter.create_assignment = True
    outcome = capture_log(converter)
    if not outcome["success"]:
        said = (outcome.get("log") or outcome["error"]).strip().splitlines()
        why = next((line for line in reversed(said) if "Error: " in line), said[-1])
        raise WrongCall(f"nbgrader could not register {assignment}: {why.strip()}")


def _registered(course: CourseDirectory, assignment: str) -> list | None:
    """What the gradebook knows of the assignment's cells; None where it has none."""
    if not _exists(course):
        return None
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            notebooks = gradebook.find_assignment(assignment).notebooks
        except MissingEntry:
            return None
        cells = [(n.name, c.name, c.checksum) for n in notebooks for c in n.source_cells]
        marks = [(n.name, c.name, c.max_score) for n in notebooks for c in n.grade_cells]
        return sorted(map(str, cells + marks)) or None


def _exists(course: CourseDirectory) -> bool:
    file = _file(course)
    return file is None or file.is_file()


def _file(course: CourseDirectory) -> Path | None:
    """The gradebook's file; None where it is on a server."""
    url = course.db_url
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _points(course: CourseDirectory, assignment: str) -> str:
    with Gradebook(course.db_url, course.course_id) as gradebook:
        notebooks = gradebook.find_assignment(assignment).notebooks
        cells = [cell for notebook in notebooks for cell in notebook.grade_cells]
        code = [cell.max_score for cell in cells if cell.cell_type == "code"]
        words = [cell.max_score for cell in cells if cell.cell_type != "code"]
    return (
        f"questions graded by code: {len(code)} ({sum(code):g} points), "
        f"answered in words: {len(words)} ({sum(words):g} points)"
    )


def _differs(made: Path, released: Path) -> Path | None:
    """A notebook of the release that is not as its source gives it; None where there is none."""
    for notebook in sorted(made.glob("*.ipynb")):
        there = released / notebook.name
        if there.is_file() and there.read_bytes() != notebook.read_bytes():
            return there
    return None
