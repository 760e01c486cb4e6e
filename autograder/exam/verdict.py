"""The record of one graded cell: made in one place, shown as its outputs, read back from them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable

from autograder.exam.walls.process import CAVEAT
from autograder.key import catalogue
from autograder.key.question import Result

MIME = "application/vnd.autograder+json"
BROKEN = (
    "{}: this question could not be graded, through no fault of yours. It counts 0 until your "
    "instructor has looked at it ({})."
)


def of(graded: Callable[[], Result], question_id: str, rung: str) -> dict:
    """The record of a question; an error of the answer key becomes a record too.

    graded() -> Result. rung: of the wall that student code was behind (`exam.walls`), or "kernel".
    Returns `Result.as_json()` with seed, stood_in, status ("graded" or "failed") and rung.
    """
    try:
        result = graded()
    except Exception as error:
        why = BROKEN.format(question_id, f"{type(error).__name__}: {error}")
        return {**failed(question_id, why, rung), "traceback": traceback.format_exc()}
    return {
        **result.as_json(),
        "feedback": printable(result.feedback),
        "seed": result.seed,
        "stood_in": list(result.stood_in),
        "status": "graded",
        **_behind(rung),
    }


def failed(question_id: str, why: str, rung: str | None) -> dict:
    """The record of a question that was not examined: no points; `why` is for the student. rung:
    None where nothing was run.
    """
    worth = float(catalogue.find(question_id).points)
    feedback = f"{question_id}: 0 of {worth:g} points\n  {printable(why)}"
    return {
        "question": question_id,
        "score": 0.0,
        "points": worth,
        "passed": False,
        "mistake": None,
        "feedback": feedback,
        "seed": None,
        "stood_in": [],
        "status": "failed",
        **_behind(rung),
    }


def _behind(rung: str | None) -> dict:
    """The wall, and what it does not hold."""
    return {"rung": rung} | ({"caveat": CAVEAT} if rung == "process" else {})


def row(record: dict) -> dict:
    """A question as every desk and `grade --json` tell it."""
    question = catalogue.find(record["question"])
    return {
        "id": question.id,
        "title": question.title,
        "score": min(max(float(record["score"]), 0.0), float(question.points)),
        "points": float(question.points),
        "extra": question.extra,
        "passed": bool(record["passed"]),
        "mistake": record["mistake"],
        "feedback": record["feedback"],
    }


def points(record: dict) -> float:
    """What nbgrader may store: a plain float within the cell's points, 0.0 for extra credit."""
    question = catalogue.find(record["question"])
    most = 0.0 if question.extra else float(question.points)
    return min(max(float(record["score"]), 0.0), most)


def outputs(record: dict) -> list[dict]:
    """The outputs of a graded cell (nbformat 4): text to read, the record, nbgrader's float."""
    result = {"text/plain": repr(points(record))}
    return [
        {"output_type": "stream", "name": "stdout", "text": record["feedback"] + "\n"},
        {"output_type": "display_data", "data": {MIME: record, "text/plain": ""}, "metadata": {}},
        {"output_type": "execute_result", "data": result, "metadata": {}, "execution_count": 1},
    ]


def read(cell) -> dict | None:
    """The record in a graded cell's outputs, or None."""
    for output in cell.get("outputs", ()):
        if output["output_type"] == "display_data" and isinstance(output["data"].get(MIME), dict):
            return output["data"][MIME]
    return None


# Control characters, marks that reorder or hide text, and halves of characters; not tab and
# newline.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def printable(text: str, keep: str = "") -> str:
    """Text without terminal escapes and the like: what comes from a student may be shown
    anywhere.
    """
    return _ODD.sub(lambda m: m[0] if m[0] in keep else "\N{REPLACEMENT CHARACTER}", str(text))
