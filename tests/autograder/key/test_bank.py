"""The answer key is tested: every wrong answer loses points where it should, every right one none.

`python -m tests.bank --seeds 100` repeats this with other inputs; it takes hours.
"""

import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup

from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.letter import letter as letters
from autograder.letter import text as text_of
from autograder.letter import told
from autograder.plugins.feedback import WritePage
from autograder.release.build import ROOT
from autograder.student import probes
from tests.bank import mutants, table, variants
from tests.support import leaks, pseudo

IDS = [q.id for assignment in catalogue.ASSIGNMENTS for q in catalogue.of(assignment).values()]


@pytest.fixture(scope="module")
def rows(pytestconfig):
    """The bank, graded by processes that fork from one: it must not have run OpenMP.

    A tenth of it, always the same; with --whole-bank all.
    """
    part = [] if pytestconfig.getoption("--whole-bank") else ["--tenth=0"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bank", "--json", *part],
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


def test_the_published_table_is_this_one(rows, pytestconfig):
    """`make docs` writes both pages anew."""
    if not pytestconfig.getoption("--whole-bank"):
        pytest.skip("the table is of the whole bank: --whole-bank")
    published = (ROOT / "docs" / "hidden-tests.md").read_text(encoding="utf8").splitlines()
    fresh = table.markdown([table.Row(**row) for row in rows]).splitlines()
    counted = [line for line in fresh if line.startswith("|") and line.count("|") > 8]
    assert counted and [line for line in counted if line not in published] == []


def test_students_read_what_is_tested_now():
    published = (ROOT / "docs" / "what-is-tested.md").read_text(encoding="utf8")
    assert published.rstrip("\n") == catalogue.what_is_tested()


def expected_numbers(question: str) -> np.ndarray:
    """What the reference gives on the inputs that the bank was graded with: scalars and short
    arrays, since among thousands of numbers any number is found.
    """
    asked, given = catalogue.find(question), []

    class Reference:
        def ask(self, probe, inputs, stand_ins, seconds):
            given.append(probes.run(probe, asked.reference, inputs))
            return given[-1]

    if asked.examine is None:  # a submitted run has no reference
        Exam(Reference(), 0, catalogue.find)._grade(asked, ())
    arrays = [np.ravel(v) for e in given for v in e.values() if np.ndim(v) or np.isreal(v)]
    numbers = [a.astype(float) for a in arrays if a.dtype.kind in "fi" and a.size <= 100]
    return np.concatenate(numbers) if numbers else np.zeros(0)


def test_no_explanation_gives_an_answer_away(rows):
    told = {}
    for row in rows:
        assert not leaks.found(row["feedback"]), row["why"]
        told.setdefault(row["question"], set()).update(leaks.numbers(row["feedback"]))
    for question, numbers in told.items():
        expected = expected_numbers(question) if numbers else ()
        for number in numbers:
            digits = len(number.partition(".")[2])
            assert float(number) not in np.round(expected, digits), f"{question}: {number}"


@pytest.fixture(scope="module")
def letter(rows):
    """A letter that says all that the bank's answers are told."""
    return letters.Letter("vae", [question(row) for row in rows])


def question(row):
    own = {"mistake": row["mistake"], "told": told.read(row["feedback"])}
    return letters.Question(row["question"], "a title", 0.5, 1.0, **own)


def test_a_letter_about_the_whole_bank_gives_no_answer_away(letter):
    resources = {"letter": letter, "student": "anna"}
    WritePage().preprocess(nbformat.v4.new_notebook(), resources)
    page = BeautifulSoup(resources["page"], "html.parser").get_text()
    data = json.dumps(letter.as_json(), ensure_ascii=False, indent=1)
    shown = page.replace("`", "")
    for asked in letter.questions:
        parts = asked.told
        said = [parts.says, *(part for t in parts.tested for part in (t.property, t.message))]
        assert all(sentence.replace("`", "") in shown for sentence in said)
    for text in (page, data, text_of.markdown(letter)):
        assert not leaks.found(text)


def test_whatever_is_said_can_be_said_in_another_language(rows):
    spoken, left = pseudo.language(), {}
    for row in rows:
        said = spoken.feedback(row["feedback"]).partition("\n")[2]
        left |= {word: row["why"] for word in pseudo.english(said)}
    assert left == {}
