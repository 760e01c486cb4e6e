"""Cells that stopped: why, what later went missing by it, and what that cost."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from autograder.student.probes import NO_GPU, UNDEFINED

RAISED = re.compile(r"NameError: name '(\w+)' is not defined")
LINES = 2000  # of a cell that are looked at; what is said here decides nothing
LINE = 500  # characters of each
FILE = re.compile(r"<ipython-input-[^>]*>, ")  # how IPython calls a cell
PLACE = re.compile(r"Cell In\[\d+\], (line \d+)")  # the same, in a traceback


class Causes:
    """What is known of the cells of one notebook that stopped, {place: reason}."""

    def __init__(self):
        self.why: dict[int, str] = {}
        self._called: dict[int, str] = {}
        self._bound: dict[str, int] = {}  # {name: the first stopped cell that may bind it}

    def stopped(self, place: int, source: str, why: str, called: str = "") -> None:
        """A cell stopped; of several reasons the first one counts. called: what a reader calls it,
        where that is not "cell [1]".
        """
        if place not in self.why:
            if NO_GPU.search(why):
                why = "it asks for a GPU, and there is none where it is graded"
            elif why.startswith("SyntaxError"):  # the student's own Python may read more
                why += ", as Python {}.{} reads it".format(*sys.version_info)
            self.why[place] = FILE.sub("", why)
            self._called[place] = called or f"cell [{place + 1}]"
            for name in bound_in(source):
                self._bound.setdefault(name, place)

    def explain(self, evidence: dict, before: int) -> dict:
        """Evidence in which a missing name is put down to the cell that should have bound it; where
        none is known to, the first one that stopped is named, such as `from mine import *`.
        """
        said = {k: v for k, v in evidence.items() if k == "error" or k.endswith(".error")}
        return {**evidence, **{k: self._because(str(v), before) for k, v in said.items() if v}}

    def _because(self, said: str, before: int) -> str:
        unfound, raised = UNDEFINED.search(said), RAISED.search(said)
        found = unfound or raised
        if found is None:
            return said
        missing = found[1]
        place = self._first(missing, before)
        if place is None:
            stopped = min((place for place in self.why if place < before), default=None)
            if stopped is None:
                return said
            return f"{said.rstrip('.')}{'' if unfound else '.'} Before that, {self._told(stopped)}."
        because = f"since {self._told(place)}"
        if unfound:
            return f"`{missing}` is not defined, {because}"
        return f"{said}. `{missing}` is missing {because}"

    def _told(self, place: int) -> str:
        return f"{self._called[place]} stopped: {self.why[place]}"

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
                if f"since {self._called[place]} stopped" in r["feedback"] and not r["passed"]
            ]
            if lost:
                told[place] = f"Points lost because this cell stopped: {', '.join(lost)}."
        return told


def reason(output: dict) -> str:
    """Why a cell stopped, by its output: the error, and the line where the notebook tells it."""
    said = f"{output['ename']}: {output['evalue']}"[:200]
    at = PLACE.search("\n".join(output["traceback"]))
    return said if at is None or output["ename"] == "SyntaxError" else f"{said} ({at[1]})"


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
