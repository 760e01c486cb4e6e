"""What nobody wrote down: one slip, or two, or a slip beside a known mistake, has a name."""

import pytest

from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student.asking import InProcess

HEAD = "import torch\nimport torch.nn.functional as F\n"
BETWEEN = HEAD + "def kl_between(mu1, logvar1, mu2, logvar2):\n    return "
ELBO = HEAD + (
    "def elbo(x, logits, mu, logvar, beta=1.0):\n"
    "    rec = -F.binary_cross_entropy_with_logits(logits, x, reduction='none').flatten(1).sum(1)\n"
    "    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)\n"
    "    return "
)


def asked(question, source):
    names = {}
    exec(source, names)
    return Exam(InProcess(names), 5, catalogue.find).grade(question)


@pytest.mark.parametrize(
    "body, name",
    [
        (
            "0.5 * ((logvar1 - logvar2).exp() - 1 + logvar2 - logvar1).sum(1)",
            "distance-missing",  # what is written down comes first
        ),
        (
            "(((mu2 - mu1).abs() + logvar1.exp()) / logvar2.exp() - 1 + logvar2 - logvar1)"
            ".sum(1) / 2",
            "part-wrong",  # an absolute value is no slip of a square
        ),
        (
            "0.5 * (((mu1 + mu2) ** 2 + logvar1.exp()) / logvar2.exp() - 1 + logvar2 - logvar1)"
            ".sum(1)",
            "wrong-sign",
        ),
        (
            "0.5 * (((mu1 + mu2) ** 2 + logvar1.exp()) / logvar2.exp() + logvar2 - logvar1).sum(1)",
            "two-slips",
        ),
    ],
)
def test_a_slip_is_named_however_the_rest_is_written(body, name):
    result = asked("vae.kl_between", BETWEEN + body)
    assert result.mistake == name
    if name in ("wrong-sign", "two-slips"):
        assert "Your answer does what a right one would" in result.feedback


def test_two_mistakes_at_once_are_both_told():
    result = asked("vae.elbo", ELBO + "-(beta * rec - kl).mean()")
    assert result.mistake == "both"
    assert "the bound itself" in result.feedback and "Beta multiplies" in result.feedback


def test_a_slip_tells_nothing_but_arguments():
    source = BETWEEN + (
        "0.5 * (((mu1 + mu2) ** 2 + logvar1.exp()) / logvar2.exp() - 1 + logvar2 - logvar1).sum(1)"
    )
    told = asked("vae.kl_between", source).feedback.splitlines()[-1]
    assert told.strip().endswith("one sign turned round, in a part with `mu1` and `mu2`.")
