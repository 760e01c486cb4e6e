"""The record of one graded cell: made in one place, shown as its outputs, read back from them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable

from autograder.exam.walls.process import CAVEAT
from autograder.key import catalogue
from autograder.key.question import Question, Result

MIME = "application/vnd.autograder+json"
BROKEN = (
    "{}: this question could not be graded, through no fault of yours. It counts 0 until your "
    "instructor has looked at it ({})."
)


def of(
    graded: Callable[[], Result], question_id: str, rung: str, worth: float | None = None
) -> dict:
    """The record of a question; an error of the answer key becomes a record too.

    graded() -> Result. rung: of the wall that student code was behind (`exam.walls`), or "kernel".
    worth: the points of its cell, None for the key's.
    Returns `Result.as_json()` with seed, stood_in, status ("graded" or "failed") and rung, and the
    trace of a wrong answer that has no name.
    """
    try:
        result = graded()
    except Exception as error:
        why = BROKEN.format(question_id, f"{type(error).__name__}: {error}")
        return {**failed(question_id, why, rung, worth), "traceback": traceback.format_exc()}
    return {
        **result.as_json(),
        "feedback": printable(result.feedback),
        "seed": result.seed,
        "stood_in": list(result.stood_in),
        "status": "graded",
        **({"trace": result.trace} if result.trace else {}),
        **_behind(rung),
    }


def failed(question_id: str, why: str, rung: str | None, worth: float | None = None) -> dict:
    """The record of a question that was not examined: no points; `why` is for the student. rung:
    None where nothing was run. worth: the points of its cell, None for the key's.
    """
    if catalogue.known(question_id):
        worth = float(catalogue.find(question_id, worth).points)
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


def of_test(name: str, worth: float, outputs: list[dict], rung: str) -> dict:
    """The record of a test with code of its own, as nbgrader reads it: an error counts 0, a number
    that the cell ends with counts itself, anything else counts all.

    Where nbgrader takes any text on stderr for an error, and `np.float64(0.0)`, `tensor(0.)`, False
    or NaN for all points, here the text is none, and these are 0. Of the test's code nothing is
    shown, only what it says to the student: the message of its assertion.
    """
    errors = [o for o in outputs if o["output_type"] == "error"]
    results = [o["data"]["text/plain"] for o in outputs if o["output_type"] == "execute_result"]
    said, score = [], worth
    if errors:
        score, error = 0.0, errors[0]
        said = [f"{error['ename']}: {error['evalue']}" if error["evalue"] else "a test failed"]
    elif results:
        number = _number(results[-1])
        score = worth if number is None else number if 0 <= number <= worth else 0.0
    said += [o["text"].strip() for o in outputs if o.get("name") == "stdout"]
    lines = [f"{name}: {score:g} of {worth:g} points", *(f"  {' '.join(s.split())}" for s in said)]
    return {
        "question": name,
        "score": score,
        "points": worth,
        "passed": score >= worth,
        "mistake": None,
        "feedback": printable("\n".join(lines)),
        "seed": None,
        "stood_in": [],
        "status": "graded",
        **_behind(rung),
    }


_NUMBER = re.compile(r"(?:[\w.]+\()?([-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf))\b\.?(?:,.*)?\)?", re.S)


def _number(shown: str) -> float | None:
    """The number that a cell ends with, in whatever type; None where it is no number."""
    shown = shown.strip()
    if shown in ("False", ""):
        return 0.0
    found = _NUMBER.fullmatch(shown)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _behind(rung: str | None) -> dict:
    """The wall, and what it does not hold."""
    return {"rung": rung} | ({"caveat": CAVEAT} if rung == "process" else {})


def row(record: dict) -> dict:
    """A question as every desk and `grade --json` tell it."""
    question = _asked(record)
    return {
        "id": record["question"],
        "title": question.title if question else record["question"],
        "score": min(max(float(record["score"]), 0.0), float(record["points"])),
        "points": float(record["points"]),
        "extra": bool(question and question.extra),
        "passed": bool(record["passed"]),
        "mistake": record["mistake"],
        "feedback": record["feedback"],
    }


def _asked(record: dict) -> Question | None:
    """The key's question; None for a test with code of its own."""
    name = record["question"]
    return catalogue.find(name) if catalogue.known(name) else None


def points(record: dict) -> float:
    """What nbgrader may store: a plain float within the cell's points, 0.0 for extra credit."""
    question = _asked(record)
    most = 0.0 if question and question.extra else float(record["points"])
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
