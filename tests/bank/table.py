"""Runs the bank against the answer key: who is caught, by which check, under which name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, product
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path

from tqdm import tqdm

from autograder.key import catalogue
from autograder.key.question import Exam, Result
from autograder.student import probes
from tests.support.forked import Forked

from . import Mutant, Variant

SEEDS = 20  # graded by one child


@dataclass(frozen=True)
class Row:
    """How one answer was graded.

    verdict: for a mutant "killed", "elsewhere" (points lost, but not in the check about its
    mistake) or
    "survived"; for a variant "accepted" or "rejected". naming: "right", "wrong" or "unnamed".
    """

    question: str
    why: str
    seed: int
    verdict: str
    naming: str
    score: float
    failed: tuple[str, ...]
    mistake: str | None
    feedback: str


def grade(answer: Mutant | Variant, seeds: Iterable[int]) -> Iterator[Row]:
    """Grade one answer in a forked child, the way `python -m autograder check` does, with one seed
    after the other.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.py"
        path.write_text(answer.source, encoding="utf8")
        if answer.prepare:
            answer.prepare(path.parent)
        student = Forked(path)
        try:
            for seed in seeds:
                if student.broken:
                    student.close()
                    student = Forked(path)
                result = Exam(student, seed, catalogue.find).grade(answer.question)
                yield _row(answer, seed, result)
        finally:
            student.close()


def _row(answer: Mutant | Variant, seed: int, result: Result) -> Row:
    failed = tuple(outcome.check.name for outcome in result.outcomes if not outcome.passed)
    if isinstance(answer, Variant):
        verdict, naming = "accepted" if result.passed else "rejected", "unnamed"
    else:
        verdict = (
            "survived" if result.passed else "killed" if answer.check in failed else "elsewhere"
        )
        naming = (
            "unnamed"
            if not result.mistake
            else "right"
            if result.mistake == answer.mistake
            else "wrong"
        )
    return Row(
        answer.question,
        answer.why,
        seed,
        verdict,
        naming,
        result.score,
        failed,
        result.mistake,
        result.feedback,
    )


def end_with_parent() -> None:
    """On Linux, end this process when the one that started it ends, however that happens."""
    if sys.platform.startswith("linux"):
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_groups: list = []  # what the forked workers find in their memory; answers need not be pickled


def _grade(index: int) -> list[tuple[int, Row]]:
    """Seed by seed: what the reference and the known mistakes give is then computed once a seed."""
    answers, seeds = _groups[index]
    places = list(answers)
    with contextlib.ExitStack() as stack:
        exams = [stack.enter_context(closing(grade(a, seeds))) for a in answers.values()]
        rows = [next(exam) for _ in seeds for exam in exams]
    return list(zip(product(seeds, places), rows, strict=True))


def run(
    answers: Iterable[Mutant | Variant], seeds: Sequence[int] = (0,), workers: int = 1
) -> list[Row]:
    """Grade every answer with every seed, in order; the processes are forked from this one."""
    import torch

    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork
    by_question: dict[str, dict] = {}
    for place, answer in enumerate(answers):
        by_question.setdefault(answer.question, {})[place] = answer
    for question in by_question:
        probes.prepare(catalogue.find(question).probe)
    parts = [seeds[i : i + SEEDS] for i in range(0, len(seeds), SEEDS)]
    _groups[:] = sorted(
        product(by_question.values(), parts), key=lambda group: -len(group[0]) * len(group[1])
    )
    with contextlib.ExitStack() as stack:
        graded = map
        if workers > 1 and hasattr(os, "fork"):
            fork = get_context("fork")
            pool = ProcessPoolExecutor(workers, mp_context=fork, initializer=end_with_parent)
            graded = stack.enter_context(pool).map
        done = graded(_grade, range(len(_groups)))
        bar = tqdm(chain.from_iterable(done), total=len(answers) * len(seeds), disable=None)
        return [row for _, row in sorted(bar, key=itemgetter(0))]


def flaky(rows: Iterable[Row]) -> dict[tuple[str, str], set[float]]:
    """Answers whose score depends on the seed: {(question, why): scores}."""
    scores: dict[tuple[str, str], set[float]] = {}
    for row in rows:
        scores.setdefault((row.question, row.why), set()).add(row.score)
    return {key: found for key, found in scores.items() if len(found) > 1}


COLUMNS = (
    "mutants",
    "killed",
    "elsewhere",
    "survived",
    "named",
    "wrongly",
    "unnamed",
    "variants",
    "accepted",
    "rejected",
)


def counts(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """{question: {column: how many}}, with a last line for all of them."""
    table: dict[str, dict[str, int]] = {}
    for row in rows:
        line = table.setdefault(row.question, dict.fromkeys(COLUMNS, 0))
        if row.verdict in ("accepted", "rejected"):
            line["variants"] += 1
        else:
            line["mutants"] += 1
            line[{"right": "named", "wrong": "wrongly"}.get(row.naming, "unnamed")] += 1
        line[row.verdict] += 1
    table["all"] = {column: sum(line[column] for line in table.values()) for column in COLUMNS}
    return table


def text(rows: list[Row]) -> str:
    """The table for a terminal."""
    table = counts(rows)
    width = max(len(question) for question in table)
    lines = [" " * width + "".join(f"{column:>10}" for column in COLUMNS)]
    for question, line in table.items():
        lines.append(f"{question:{width}}" + "".join(f"{line[column]:>10}" for column in COLUMNS))
    return "\n".join(lines)


def markdown(rows: list[Row]) -> str:
    """The page `docs/hidden-tests.md`: the table, and what caught each answer."""
    table = counts(rows)
    total = table["all"]
    lines = [
        "# How the hidden checks are tested",
        "",
        "Every hidden check of this course is itself tested: with wrong answers (mutants), each "
        "of which must "
        "lose points in the check that is about its mistake and should be called by its name, "
        "and with right "
        "answers that look unusual (variants), each of which must get full points. This page is "
        "written by",
        "",
        "```bash",
        "python -m tests.bank --markdown > docs/hidden-tests.md",
        "```",
        "",
        "(minutes of computing, so not run by the tests)",
        "",
        f"{total['mutants']} mutants: {total['killed']} killed by the check about their mistake, "
        f"{total['elsewhere']} by another, {total['survived']} survived. {total['named']} named "
        "rightly, "
        f"{total['wrongly']} wrongly, {total['unnamed']} not named. "
        f"{total['variants']} variants: {total['accepted']} accepted, {total['rejected']} "
        "rejected.",
        "",
        "| question | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
    ]
    for question, line in table.items():
        lines.append(
            f"| {question} | " + " | ".join(str(line[column]) for column in COLUMNS) + " |"
        )
    for question in table:
        own = [row for row in rows if row.question == question]
        if not own:
            continue
        points = catalogue.find(question).points
        lines += [
            "",
            f"## {question}",
            "",
            "| answer | points | failed checks | named |",
            "|---|---:|---|---|",
        ]
        for row in own:
            kind = "right: " if row.verdict in ("accepted", "rejected") else ""
            lines.append(
                f"| {kind}{_cell(row.why)} | {row.score:g} of {points:g} | "
                f"{', '.join(row.failed) or '–'} "
                f"| {row.mistake or '–'} |"
            )
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def problems(rows: list[Row]) -> list[Row]:
    """What is to be looked at: survivors, kills elsewhere, wrong names, rejections."""
    return [
        row
        for row in rows
        if row.verdict in ("survived", "elsewhere", "rejected") or row.naming == "wrong"
    ]
