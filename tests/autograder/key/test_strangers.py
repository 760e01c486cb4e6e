"""The answer key against wrong answers that nobody wrote, and what makes these."""

import ast
import json
import os
import subprocess
import sys

import pytest

from tests.bank import alike, strangers

KL = """
def kl_gaussian(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
"""


def graded(*options):
    """The command's numbers: it must fork from a process that has not run OpenMP."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bank.strangers", "--json", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    rows = [strangers.table.Row(**row) for row in json.loads(done.stdout)]
    return rows, strangers.counted(rows)["all"]


def test_what_is_made_of_some_formulas_is_killed():
    rows, total = graded("--part=20")
    assert total["strangers"] >= 10
    survivors = [row for row in rows if row.verdict == "survived"]
    assert [f"{row.question}: {row.why}" for row in survivors if not strangers.explained(row)] == []


@pytest.mark.long
def test_of_all_strangers_one_in_a_hundred_may_live():
    _, total = graded()
    wrong = total["strangers"] - total["right too"]
    assert wrong >= 1500 and total["killed"] >= 0.99 * wrong


@pytest.mark.parametrize(
    "old, new, same",
    [
        ("0.5 *", "1 / 2 *", True),
        ("mu**2", "mu * mu", True),
        (".sum(1)", ".sum(-1)", True),
        ("- 1 - logvar", "- (1 + logvar)", True),
        (".sum(1)", ".sum(0)", False),
        ("- 1", "- 1.001", False),
        ("mu**2", "mu.detach()**2", False),
        ("logvar.exp()", "logvar.exp_()", False),
        ("(1)", "(1, keepdim=True)", False),
    ],
)
def test_what_does_the_same_is_told_from_what_does_not(old, new, same):
    assert alike.same("vae.kl_gaussian", KL, KL.replace(old, new)) is same


@pytest.mark.parametrize(
    "source", ["def kl_gaussian(mu, logvar):\n    return nu", "kl = (", "1 / 0"]
)
def test_what_fails_at_once_is_no_stranger(source):
    with pytest.raises(alike.Broken):
        alike.same("vae.kl_gaussian", KL, source)


def test_an_answer_that_never_ends_is_another_one(monkeypatch):
    monkeypatch.setattr(alike, "SECONDS", 0.2)
    endless = KL.replace("    return", "    while True: pass\n    return")
    assert not alike.same("vae.kl_gaussian", KL, endless)


def test_every_change_is_one_change_and_leaves_the_answer_as_it_was():
    tree = ast.parse(KL).body[0]
    before = ast.unparse(tree)
    found = [ast.unparse(changed) for _, changed in strangers.changes(tree)]
    assert ast.unparse(tree) == before
    assert len(set(found)) > 15 and before not in found
    for expected in ("- mu ** 2", "mu ** 3", ".sum(2)", ".mean(1)", "mu ** 2 - logvar.exp()"):
        wanted = expected.removeprefix("- ")
        assert any(wanted in text for text in found), expected


@pytest.mark.parametrize("right", strangers.rights()[:33], ids=lambda r: r.question)
def test_every_question_has_a_master_that_is_like_itself(right, monkeypatch):
    monkeypatch.setattr(alike, "INPUTS", 2)
    assert alike.same(right.question, right.source, right.source)
