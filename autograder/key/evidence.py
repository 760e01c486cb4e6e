"""What a probe sent, read by the names and kinds that it declares.

Evidence comes from a student's process, so a value of another kind than declared is no error of
ours: reading it is a TypeError, which a question takes for evidence that cannot be read. A name
that the probe never sends is a slip of the key's, and nobody may take it for an answer that is
missing: reading it raises `Undeclared`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it loads torch
    from autograder.student.probes.common import Kind

EVERY: dict[str, Kind] = {"error": {"": str}, "interpreted": {"": bool}}  # see `probes.run`
_LABELS = re.compile(r"\{(\w*)\}")


class Undeclared(Exception):
    """The key reads a name that no probe of the question sends."""


class Evidence(Mapping[str, Any]):
    """Evidence by name: arrays, numbers, texts, lists; None for what was looked for and not seen.

    sent: {name: value}, from wherever; what was not declared is left out. sends: see
    `probes.common.Probe`. inputs: what the probe was asked with.
    """

    def __init__(self, sent: Mapping, sends: Mapping[str, Kind], inputs: Mapping):
        self.kinds = declared(sends, inputs)
        self.sent = {name: value for name, value in sent.items() if name in self.kinds}

    def __getitem__(self, name: str) -> Any:
        if name not in self.kinds:
            raise Undeclared(f"no probe sends {name!r}; there are {', '.join(sorted(self.kinds))}")
        value = self.sent[name]
        if value is not None and not isinstance(value, self.kinds[name]):
            raise TypeError(f"{name!r} is of type {type(value).__name__}")
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.sent)

    def __len__(self) -> int:
        return len(self.sent)


def declared(sends: Mapping[str, Kind], inputs: Mapping) -> dict[str, Any]:
    """{name: type or types} of all that may come for these inputs."""
    return {
        name + part: of
        for pattern, kind in {**EVERY, **sends}.items()
        for name in _names(pattern, inputs)
        for part, of in kind.items()
    }


def _names(pattern: str, inputs: Mapping) -> Iterator[str]:
    """A pattern with every label of the inputs in the place of its `{key}`."""
    fixed = _LABELS.split(pattern)
    several = [_labels(key, inputs) for key in fixed[1::2]]
    for labels in itertools.product(*several):
        fixed[1::2] = labels
        yield "".join(fixed)


def _labels(key: str, inputs: Mapping) -> list[str]:
    """Of a list, or of a dictionary's keys; of rows, what each begins with; '' for all inputs."""
    found = inputs.get(key, ()) if key else inputs
    return [str(label[0] if isinstance(label, (list, tuple)) else label) for label in found]
