"""A question with four choices: what the student's own code answers, and what usual mistakes would.

The right choice is found by running her code behind the wall; the others by running the key's named
mistakes on the same inputs, here. Nothing in a question was written by the student but one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from autograder.key import catalogue
from autograder.student import probes

CHOICES = 4
APART = 0.02  # relative difference below which two numbers are one choice
PROBE = "asked.calls"
SECONDS = 5.0  # of computing that her code gets for one question


@dataclass(frozen=True)
class Item:
    """A question as it is asked. right: the place of the right one among the choices. about: the
    graded question whose check the code has passed. pictures: of the choices, which then are their
    descriptions. figure, figure_says: a picture that the question is about. All as `data:`
    addresses.
    """

    about: str
    text: str
    choices: tuple[str, ...]
    right: int
    pictures: tuple[str, ...] = ()
    figure: str = ""
    figure_says: str = ""


@dataclass
class Call:
    """One call of her code. values: of the arguments, by their keys; see `probes.asked`."""

    name: str
    args: list[str]
    values: dict = field(default_factory=dict)
    kwargs: dict[str, str] = field(default_factory=dict)
    nz: int | None = None
    method: str = ""

    def inputs(self, seed: int) -> dict:
        call = {"name": self.name, "args": self.args, "kwargs": self.kwargs}
        return {
            "calls": {"it": {**call, "nz": self.nz, "method": self.method}},
            **self.values,
            "seed": seed,
        }


@dataclass(frozen=True)
class Asked:
    """What can be asked about one graded question.

    draw(rng) -> (text, call). seen(evidence) -> the value that is asked for, None where there is
    none. more(value) -> other values that are wrong, where the named mistakes give too few.
    """

    about: str
    draw: Callable[[np.random.Generator], tuple[str, Call]]
    seen: Callable[[Mapping], object]
    more: Callable[[object], Iterable] = lambda value: ()

    def item(self, student, rng, source: str = "") -> Item | None:
        """The question to her; None where her code gives no answer, or too few choices differ."""
        text, call = self.draw(rng)
        inputs = call.inputs(int(rng.integers(2**31)))
        right = self._value(student.ask(PROBE, inputs, {}, SECONDS))
        if right is None:
            return None
        question, wrong = catalogue.find(self.about), []
        names = list(question.mistakes)
        for name in rng.permutation(names) if names else ():
            own = {question.names[0]: question.mistakes[name]}
            value = self._value(probes.run(PROBE, {**question.reference, **own}, inputs))
            if value is not None:
                wrong.append(value)
            if len(_distinct([right, *wrong])) == CHOICES:
                break
        try:
            wrong += self.more(right)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return None  # another form than was asked for
        return chosen(self.about, text, right, wrong, rng)

    def _value(self, evidence: Mapping):
        try:
            with np.errstate(all="ignore"):
                return None if evidence.get("error") else self.seen(evidence)
        except (LookupError, TypeError, ValueError, AttributeError):
            return None  # another form than was asked for


def chosen(about: str, text: str, right, wrong: Iterable, rng) -> Item | None:
    """Four choices in an order of chance; None where fewer differ."""
    values = _distinct([right, *wrong])[:CHOICES]
    if len(values) < CHOICES:
        return None
    order = [int(i) for i in rng.permutation(CHOICES)]
    return Item(about, text, tuple(shown(values[i]) for i in order), order.index(0))


def _distinct(values: Iterable) -> list:
    kept: list = []
    for value in values:
        if all(_differ(value, other) for other in kept):
            kept.append(value)
    return kept


def _differ(a, b) -> bool:
    """Whether two values are two choices: they look different, and by more than a rounding."""
    if shown(a) == shown(b):
        return False
    if isinstance(a, float) and isinstance(b, float) and np.isfinite([a, b]).all():
        return abs(a - b) > APART * max(abs(a), abs(b))
    return True


def shown(value) -> str:
    """A value as a choice: a number with two decimals, a shape or a row in brackets, or text."""
    if isinstance(value, float):
        if np.isnan(value):
            return "NaN"
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text.replace("-", "−")
    if isinstance(value, tuple):
        inside = ", ".join(shown(part) for part in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return str(value)


def number(key: str = "it"):
    """Seen: one number."""

    def seen(evidence):
        value = evidence[key]
        return float(np.reshape(value, ())) if value is not None and np.size(value) == 1 else None

    return seen


def shape(key: str = "it"):
    """Seen: the shape of a result."""

    def seen(evidence):
        value = evidence[key]
        return None if value is None else tuple(int(n) for n in np.shape(value))

    return seen


def row(place: int):
    """Seen: one row of a result."""

    def seen(evidence):
        values = evidence["it"]
        return tuple(float(v) for v in values[place].ravel()[:4]) if np.ndim(values) > 1 else None

    return seen
