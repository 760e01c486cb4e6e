"""What comes back from a student's process, rebuilt: evidence to be judged, outputs to be shown.

Whoever sends it may have written it himself. So nothing is taken over: what is made here holds
numbers, cleaned text and bitmap pictures, and only so much of each.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

from autograder.exam import verdict
from autograder.exam.budget import OUTPUTS, Budget

# Of one cell's outputs, characters and bytes; what is sent by `student.kernel` is less.
TEXT, PICTURES = 100_000, 5 * 2**20
CUT = "… the rest of this notebook's output was cut …\n"
ENDS = "error", "execute_result"
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


def evidence(reply: Mapping) -> dict:
    """The evidence in an untrusted answer: arrays of numbers and plain values, texts cleaned
    and cut.
    """
    return {
        key[:200].removeprefix("evidence."): _plain(value)
        for key, value in reply.items()
        if key.startswith("evidence.")
    }


def _plain(value, depth: int = 0):
    if depth > 6:
        return None
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "fiub" else None
    if isinstance(value, str):
        return verdict.printable(value[:2000])
    if isinstance(value, (bool, float, type(None))):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value[:10_000]]
    if isinstance(value, dict):
        return {str(k)[:200]: _plain(v, depth + 1) for k, v in list(value.items())[:1000]}
    return None


def outputs(reply: Mapping, budget: Budget) -> list[dict]:
    """The outputs in an untrusted answer, rebuilt: text and bitmap pictures only, and only so
    much in a cell, and in the whole notebook.
    """
    sent = reply.get("outputs")
    sent = sent if isinstance(sent, list) else []
    left = {"text": min(TEXT, budget.text), "pictures": min(PICTURES, budget.pictures)}
    most, before = min(OUTPUTS, budget.outputs), dict(left)
    # What says how the cell ended is kept, whatever stands before it.
    ends = [o for o in sent[most:] if isinstance(o, dict) and o.get("output_type") in ENDS]
    cleaned = [_output(output, reply, left) for output in sent[:most] + ends[-1:]]
    whole = budget.text > 0 and budget.outputs > 0
    budget.text -= before["text"] - left["text"]
    budget.pictures -= before["pictures"] - left["pictures"]
    budget.outputs -= len(sent[:most])
    if whole and not (budget.text > 0 and budget.outputs > 0):
        cleaned.append({"output_type": "stream", "name": "stdout", "text": CUT})
    return [output for output in cleaned if output]


def _output(output, reply, left) -> dict | None:
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        text = as_shown(_text(output.get("text"), left))
        return {"output_type": "stream", "name": name, "text": text} if text else None
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": "error",
            "ename": _text(output.get("ename"), left),
            "evalue": _text(output.get("evalue"), left),
            "traceback": [_text(t, left) for t in (lines if isinstance(lines, list) else [])[:200]],
        }
    if kind in ("display_data", "execute_result"):
        sent = output.get("data")
        sent = sent if isinstance(sent, dict) else {}
        data = {"text/plain": _text(sent.get("text/plain"), left)}
        for mime, magic in MAGIC.items():
            picture = reply.get(sent.get(mime)) if isinstance(sent.get(mime), str) else None
            if isinstance(picture, np.ndarray) and picture.nbytes <= left["pictures"]:
                if picture.tobytes().startswith(magic):
                    left["pictures"] -= picture.nbytes
                    data[mime] = base64.b64encode(picture.tobytes()).decode()
        alt = output["metadata"].get("alt") if isinstance(output.get("metadata"), dict) else None
        metadata = {"alt": _text(alt, left)} if isinstance(alt, str) else {}
        made = {"output_type": kind, "data": data, "metadata": metadata}
        return made if kind == "display_data" else {**made, "execution_count": None}
    return None


def as_shown(text: str) -> str:
    """Text without what a progress bar has overwritten: of each line, what stands behind its last
    carriage return, but for one that belongs to the line's end.
    """
    *lines, last = text.split("\n")
    kept = []
    for line in lines:
        body, end = (line[:-1], "\r") if line.endswith("\r") else (line, "")
        kept.append(body.rpartition("\r")[2] + end)
    return "\n".join([*kept, last.rpartition("\r")[2]])


def _text(value, left) -> str:
    text = verdict.printable(value[: left["text"]], keep="\r") if isinstance(value, str) else ""
    left["text"] -= len(text)
    return text
