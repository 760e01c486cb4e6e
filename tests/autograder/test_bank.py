"""The answer key is tested: every wrong answer loses points where it should, every right one none.

`python -m tests.bank --seeds 100` repeats this with other inputs; it takes hours.
"""

import json
import os
import subprocess
import sys

import pytest

from autograder import questions
from tests.bank import mutants, variants

IDS = [q.id for assignment in questions.ASSIGNMENTS for q in questions.of(assignment).values()]


@pytest.fixture(scope="module")
def rows():
    """The whole bank, graded by processes that fork from one: it must not have run OpenMP."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bank", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("question", IDS)
def test_every_mutant_is_killed_by_the_check_about_its_mistake(rows, question):
    own = [row for row in rows if row["question"] == question]
    wrong = [
        f"{row['why']}: {row['verdict']}, failed {row['failed']}"
        for row in own
        if row["verdict"] in ("survived", "elsewhere")
    ]
    assert wrong == []


@pytest.mark.parametrize("question", IDS)
def test_every_unusual_right_answer_gets_full_points(rows, question):
    rejected = [
        f"{row['why']}:\n{row['feedback']}"
        for row in rows
        if row["question"] == question and row["verdict"] == "rejected"
    ]
    assert rejected == []


def test_mistakes_are_named_rightly(rows):
    named = [row["naming"] for row in rows if row["verdict"] in ("killed", "elsewhere")]
    wrong = [
        f"{row['question']}, {row['why']}: {row['mistake']}"
        for row in rows
        if row["naming"] == "wrong"
    ]
    assert named.count("right") >= 0.9 * len(named)
    assert len(wrong) <= 0.02 * len(named), wrong


def test_the_bank_is_as_large_as_it_should_be():
    assert len(mutants()) >= 250 and len(variants()) >= 100
    for question in IDS:
        assert sum(mutant.question == question for mutant in mutants()) >= 6, question
    keys = [(mutant.question, mutant.why) for mutant in mutants()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("question", IDS)
def test_no_message_names_a_file_of_ours(rows, question):
    for row in rows:
        if row["question"] == question:
            assert "site-packages" not in row["feedback"]
            assert "autograder/" not in row["feedback"]
