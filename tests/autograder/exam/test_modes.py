"""Isolated, behind whatever wall, or in process: every answer in the bank gets the same score and
the same mistake.
"""

from collections import Counter

import pytest
import torch

from autograder.exam import examiner
from autograder.exam.examiner import Cell
from autograder.exam.warm import Warm
from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student import probes
from autograder.student.asking import InProcess
from tests import bank
from tests.support import walls

torch.set_num_threads(1)


HEAVY = tuple(probes.HEAVY)


@pytest.fixture(scope="module")
def warm():
    with Warm(heavy=HEAVY) as server:
        yield server


def pytest_generate_tests(metafunc):
    """Two wrong answers and one right one a question; with --whole-bank, all of them."""
    entries = [*bank.mutants(), *bank.variants()]
    if "entry" not in metafunc.fixturenames:
        return
    if not metafunc.config.getoption("--whole-bank"):
        seen = Counter()
        kept = []
        for entry in entries:
            seen[type(entry), entry.question] += 1
            if seen[type(entry), entry.question] <= (2 if isinstance(entry, bank.Mutant) else 1):
                kept.append(entry)
        entries = kept
    metafunc.parametrize("entry", entries, ids=lambda e: f"{e.question}: {e.why}")


def test_both_ways_to_run_a_question_score_alike(warm, tmp_path, entry):
    names = {"__name__": "submission"}
    try:
        exec(compile(entry.source, "submission.py", "exec"), names)
    except Exception:
        names = {}
    within = Exam(InProcess(names, tmp_path), 5, catalogue.find).grade(entry.question)
    cells = [Cell(entry.source), Cell("", entry.question)]
    apart = examiner.examine(cells, tmp_path, [], "bank", 5, warm).records[entry.question]
    assert (apart["score"], apart["mistake"]) == (within.score, within.mistake)


@pytest.mark.long
def test_fifty_answers_get_the_same_points_behind_every_wall(tmp_path):
    entries = [*bank.mutants(), *bank.variants()]
    entries = entries[:: len(entries) // 50][:50]
    found = {}
    for rung in (*walls.here(), "process"):
        with Warm(rung=rung, heavy=HEAVY) as server:
            for number, entry in enumerate(entries[:: 1 if rung != "process" else 10]):
                cells = [Cell(entry.source), Cell("", entry.question)]
                of = examiner.examine(cells, tmp_path, [], "bank", 5, server).records
                record = of[entry.question]
                assert record["rung"] == rung
                name = number * (1 if rung != "process" else 10)
                found.setdefault(name, set()).add((record["score"], record["mistake"]))
    assert len(found) == 50 and {len(results) for results in found.values()} == {1}
