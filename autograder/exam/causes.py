"""Cells that stopped: why, what later went missing by it, and what that cost."""

from __future__ import annotations

import re
from collections.abc import Iterable

from autograder.student.probes import common

RAISED = re.compile(r"NameError: name '(\w+)' is not defined")
LINES = 2000  # of a cell that are looked at; what is said here decides nothing
LINE = 500  # characters of each
FILE = re.compile(r"<ipython-input-[^>]*>, ")  # how IPython calls a cell


class Causes:
    """What is known of the cells of one notebook that stopped, {place: reason}."""

    def __init__(self):
        self.why: dict[int, str] = {}
        self._bound: dict[str, int] = {}  # {name: the first stopped cell that may bind it}

    def stopped(self, place: int, source: str, why: str) -> None:
        """A cell stopped; of several reasons the first one counts."""
        if place not in self.why:
            no_gpu = common.NO_GPU.search(why)
            self.why[place] = f"it {common.WANTS_GPU}" if no_gpu else FILE.sub("", why)
            for name in bound_in(source):
                self._bound.setdefault(name, place)

    def explain(self, evidence: dict, before: int) -> dict:
        """Evidence in which a missing name is put down to the cell that should have bound it."""
        said = {k: v for k, v in evidence.items() if k == "error" or k.endswith(".error")}
        return {**evidence, **{k: self._because(str(v), before) for k, v in said.items() if v}}

    def _because(self, said: str, before: int) -> str:
        unfound, raised = common.UNDEFINED.search(said), RAISED.search(said)
        missing = unfound or raised
        place = self._first(missing[1], before) if missing else None
        if missing is None or place is None:
            return said
        because = f"since cell [{place + 1}] stopped: {self.why[place]}"
        if unfound:
            return f"`{missing[1]}` is not defined, {because}"
        return f"{said}. `{missing[1]}` is missing {because}"

    def _first(self, name: str, before: int) -> int | None:
        """The place of the first cell in a row of cells that stopped, each for want of another."""
        first = None
        while self._bound.get(name, before) < before:
            first = before = self._bound[name]
            wanting = RAISED.search(self.why[first])
            if wanting is None:
                break
            name = wanting[1]
        return first

    def costs(self, records: Iterable[dict]) -> dict[int, str]:
        """{place: sentence} for the cells whose stop has cost points."""
        told = {}
        for place in self.why:
            lost = [
                f"{r['question']} ({r['points'] - r['score']:g})"
                for r in records
                if f"since cell [{place + 1}] stopped" in r["feedback"] and not r["passed"]
            ]
            if lost:
                told[place] = f"Points lost because this cell stopped: {', '.join(lost)}."
        return told


def bound_in(source: str) -> set[str]:
    """Names that a cell may bind: the words where names are bound. It need not be Python."""
    names, inside = set(), False
    for line in source.splitlines()[:LINES]:
        line = line[:LINE].partition("#")[0]
        words = re.findall(r"\w+", line)
        imports = words[:1] in (["import"], ["from"])
        if words[:1] in (["def"], ["class"]):
            names.update(words[1:2])
        elif inside or imports or words[:1] in (["async"], ["for"], ["with"]):
            names.update(words)
        elif "=" in line.replace("==", ""):
            names.update(re.findall(r"\w+", line.partition("=")[0]))
        inside = (inside or imports and "(" in line) and ")" not in line
    return names
