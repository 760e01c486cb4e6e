"""Questions about one function: bad input is named for what it is, and costs that question only."""

import json
import os
import subprocess
import sys

import pytest

from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student.asking import InProcess

GOOD = """
import torch
def kl_gaussian(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
"""
BAD = {
    "raises": ("def kl_gaussian(mu, logvar):\n    return mu @ logvar", "RuntimeError"),
    "returns None": ("def kl_gaussian(mu, logvar):\n    pass", "return` missing"),
    "returns a list": ("def kl_gaussian(mu, logvar):\n    return [1.0]", "list"),
    "returns a string": ("def kl_gaussian(mu, logvar):\n    return 'kl'", "str"),
    "wrong shape": ("def kl_gaussian(mu, logvar):\n    return mu", "received shape (5, 7)"),
    "NaN": ("def kl_gaussian(mu, logvar):\n    return (mu - 99).log().sum(1)", "NaN"),
    "too many arguments": ("def kl_gaussian(mu, logvar, k):\n    return mu", "TypeError"),
    "not a function": ("kl_gaussian = 3", "should be a function"),
    "missing": ("x = 1", "not defined"),
    "not written yet": ("def kl_gaussian(m, v):\n    raise NotImplementedError", "to be written"),
    "recursion": ("def kl_gaussian(m, v):\n    return kl_gaussian(m, v)", "without end"),
    "exits": ("import sys\ndef kl_gaussian(m, v):\n    sys.exit(3)", "SystemExit"),
    "dies": ("import os\ndef kl_gaussian(m, v):\n    os._exit(3)", "ended its process"),
    "syntax": ("def kl_gaussian(mu, logvar:\n", "your file stopped: SyntaxError"),
    "crashes on import": (
        "1 / 0",
        "your file stopped: ZeroDivisionError: division by zero (line 1)",
    ),
    "in place": (GOOD.replace("mu.pow(2)", "mu.pow_(2)"), "changed by the call"),
    "no gradient": (GOOD.replace(".sum(1)", ".sum(1).detach()"), "cut off from the graph"),
    "never ends": ("def kl_gaussian(m, v):\n    while True: pass", "still running"),
    "enormous": ("import torch\ndef kl_gaussian(m, v):\n    return torch.zeros(9000, 2000)", "MiB"),
}
LOUD = GOOD.replace(":\n", ":\n    for i in range(20000): print('x' * 100)\n")


def check(question, *paths, timeout=300):
    """The CLI's records for some files."""
    command = [sys.executable, "-m", "autograder", "check", question, "--json"]
    for path in paths:
        command += ["--file", str(path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    sources = {**{name: source for name, (source, _) in BAD.items()}, "good": GOOD, "loud": LOUD}
    paths = []
    for i, source in enumerate(sources.values()):
        paths.append(folder / f"{i}.py")
        paths[-1].write_text(source)
    return dict(zip(sources, check("vae.kl_gaussian", *paths), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_called_what_it_is(bad, name):
    assert not bad[name]["passed"]
    assert BAD[name][1] in bad[name]["feedback"]
    assert "Traceback" not in bad[name]["feedback"]


@pytest.mark.parametrize("name", ["good", "loud"])
def test_files_beside_bad_ones_are_graded(bad, name):
    assert bad[name]["passed"] and bad[name]["score"] == 2


def test_an_upstream_mistake_is_not_paid_for_twice():
    elbo = catalogue.find("vae.elbo")
    names = {**elbo.reference, "kl_gaussian": lambda mu, logvar: mu.sum(1)}
    names["elbo"] = lambda x, logits, mu, logvar, beta=1.0: (
        names["bernoulli_log_likelihood"](x, logits) - beta * names["kl_gaussian"](mu, logvar)
    ).mean()
    exam = Exam(InProcess(names), 0, catalogue.find)
    assert not exam.grade("vae.kl_gaussian").passed
    result = exam.grade("vae.elbo")
    assert result.passed and result.stood_in == ("kl_gaussian",)
    assert "stood in" in result.feedback


def test_messages_hold_no_number_of_the_reference():
    exam = Exam(InProcess({"kl_gaussian": lambda m, v: 3.0 * (m + v).sum(1)}), 0, catalogue.find)
    result = exam.grade("vae.kl_gaussian")
    assert not result.passed and result.mistake is None
    assert not any(c.isdigit() for c in result.feedback.replace("N(0, I)", "").split("points")[1])
