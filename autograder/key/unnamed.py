"""Wrong answers that have no name: what they did, kept so that answers that did the same are found.

A failing answer that the key cannot name is asked once more, with inputs that are the same for
everybody. What comes back is its *trace*: the checks that failed, what they said, and the evidence,
as far as the question's `alike` looks at it. Two answers made the same mistake when their traces
show the same behaviour; how their code is written does not matter. Of a submitted run or a class,
whose numbers hang on chance, only what the checks said is compared.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from autograder.key import fingerprint, question, raised
from autograder.key.evidence import Evidence, Undeclared
from autograder.key.question import Exam, Question, Result
from autograder.student import probes

SEED = 18  # of the inputs; it counts for no points, so that nobody gains by knowing it
# They say where an answer is wrong, or stops, and not what its mistake is.
VAGUE = "part-wrong", "spread-other", *raised.NAMES
LARGEST = 16_384  # numbers of an array that are kept: every second, third … of a larger one
PLACE = re.compile(r",? at line \d+ of your code.*$")  # how code is written tells no mistakes apart
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def traced(exam: Exam, question_id: str) -> Result:
    """Grade a question; a wrong answer without a name, or with a vague one, gets its trace."""
    result = exam.grade(question_id)
    named = result.mistake and result.mistake not in VAGUE
    if not (result.passed or named or result.trace):
        with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
            result.trace = trace(exam.lookup(question_id), exam.student, result)
    return result


def trace(asked: Question, student, result: Result) -> dict:
    """What a wrong answer does: JSON, to be kept in its record.

    student: as for `Exam`. result: of the grading that found no name. The reference stands in as it
    did there.
    """
    made = {"version": version(asked), "failed": _failed(result.outcomes)}
    if result.error or asked.examine:
        return {**made, "said": _said(result.outcomes, numbers=False)}
    inputs = drawn(asked)
    stand_ins = {name: asked.reference[name] for name in result.stood_in}
    got = asked.read(student.ask(asked.probe, dict(inputs), stand_ins, asked.seconds), inputs)
    outcomes = question.tested(asked, got, question.wanted(asked, inputs), inputs)
    made |= {"failed": _failed(outcomes), "said": _said(outcomes)}
    if asked.alike and not got.get("error"):
        packed = _packed(_read_by(asked, got, inputs))
        if _alike(asked, packed, packed):
            made["evidence"] = packed
    return made


def same(asked: Question, a: Mapping, b: Mapping) -> bool:
    """Whether two traces show the same mistake; those of another version of the question do not."""
    if any(trace.get("version") != version(asked) for trace in (a, b)):
        return False
    if a.get("failed") != b.get("failed") or ("evidence" in a) != ("evidence" in b):
        return False
    if "evidence" in a:
        return _alike(asked, a["evidence"], b["evidence"])
    return a.get("said") == b.get("said")


def grouped(asked: Question, traces: Sequence[Mapping]) -> list[list[int]]:
    """The places of traces that show the same mistake, group by group, the largest first."""
    groups: list[list[int]] = []
    for place, one in enumerate(traces):
        for group in groups:
            if same(asked, one, traces[group[0]]):
                group.append(place)
                break
        else:
            groups.append([place])
    return sorted(groups, key=len, reverse=True)


_made: dict[tuple, tuple] = {}  # what follows from a question, and whose it is


def _once(of: Callable, asked: Question):
    key = of, id(asked)
    if key not in _made:
        _made[key] = of(asked), asked  # an id stays its own while the object lives
    return _made[key][0]


def version(asked: Question) -> str:
    """What a trace depends on, besides the answer."""
    return _once(_version, asked)


def _version(asked: Question) -> str:
    parts = asked.draw, probes.find(asked.probe), asked.alike, asked.checks
    return fingerprint.digest(*parts)[:16]


def drawn(asked: Question) -> dict:
    """The inputs that everybody's answer is asked with."""
    return _once(_drawn, asked)


def _drawn(asked: Question) -> dict:
    return question.drawn(asked, SEED)


def _failed(outcomes) -> list[str]:
    return [outcome.check.name for outcome in outcomes if not outcome.passed]


def _said(outcomes, numbers=True) -> list[str]:
    """What failed checks said, once each, without the place in the code; numbers=False: nor
    numbers, where these are not of the same inputs.
    """
    said = dict.fromkeys(PLACE.sub("", o.message) for o in outcomes if not o.passed)
    return [text if numbers else NUMBER.sub("#", text) for text in said]


def _alike(asked: Question, a: str, b: str) -> bool:
    inputs = drawn(asked)
    try:
        with np.errstate(all="ignore"):
            first, second = (asked.read(_unpacked(packed), inputs) for packed in (a, b))
            return asked.same(first, second, inputs)
    except Undeclared:
        raise
    except Exception:  # evidence of an untrusted process that `alike` cannot even read
        return False


class _Read(Evidence):
    """Evidence that notes what is looked at."""

    def __init__(self, asked: Question, got: Evidence, inputs):
        super().__init__(got.sent, asked.kinds, inputs)
        self.keys_read: set[str] = set()

    def __getitem__(self, key):
        self.keys_read.add(key)
        return super().__getitem__(key)


def _read_by(asked: Question, got: Evidence, inputs) -> dict:
    """The evidence that the question's `alike` looks at, without arguments that are unchanged."""
    watched = _Read(asked, got, inputs)
    try:
        with np.errstate(all="ignore"):
            asked.same(watched, watched, inputs)
    except Undeclared:
        raise
    except Exception:
        return {}

    def untouched(key):
        before = inputs.get(key.removeprefix("after."))
        return key.startswith("after.") and np.array_equal(got[key], np.float32(before))

    read = {key for key in watched.keys_read if key in got}
    return {key: got[key] for key in sorted(read) if not untouched(key)}


def _packed(evidence: Mapping) -> str:
    """Evidence as a line of text: arrays in single precision, thinned out where they are large."""
    arrays, plain = {}, {}
    for key, value in evidence.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            flat = np.asarray(value, np.float32).ravel()
            arrays[key] = np.ascontiguousarray(flat[:: 1 + flat.size // LARGEST])
            plain[key] = {"shape": value.shape}
        else:
            plain[key] = {"value": value}
    data = save(arrays, {"plain": json.dumps(plain)}) if arrays else json.dumps(plain).encode()
    return base64.b64encode(zlib.compress(data)).decode()


@lru_cache(256)
def _unpacked(text: str) -> dict:
    """The evidence again; of an array that was thinned out, what was left out is 0."""
    data = zlib.decompress(base64.b64decode(text))
    try:
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        plain = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["plain"])
    except SafetensorError:
        arrays, plain = {}, json.loads(data)
    evidence = {}
    for key, about in plain.items():
        if key in arrays:
            flat = np.zeros(int(np.prod(about["shape"])))
            flat[:: 1 + flat.size // LARGEST] = arrays[key]
            evidence[key] = flat.reshape(about["shape"])
        else:
            evidence[key] = about["value"]
    return evidence
