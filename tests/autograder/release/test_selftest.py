"""`selftest` finds what an author gets wrong, and `formula` takes what an author writes."""

import dataclasses

import pytest

from autograder.cli import main
from autograder.key import catalogue
from autograder.key.kinds.formula import formula
from autograder.key.sentences import Said, Sentences
from autograder.release import selftest

SAID = {n: Said(f"It is {n}.") for n in ("no-floor", "floor-on-sum", "right", "too-few")}
TESTED = dict.fromkeys(("form", "values", "gradients", "manners"), "…")
PAGE = Sentences("a floor", "", TESTED, SAID)


def free_bits(mu, logvar, floor):
    """Kingma et al. 2016, appendix C: no latent dimension is charged less than `floor`."""
    return (0.5 * (mu**2 + logvar.exp() - 1 - logvar)).clamp(min=floor).sum(1)


def no_floor(mu, logvar, floor):
    return free_bits(mu, logvar, 0.0)


def floor_on_sum(mu, logvar, floor):
    return no_floor(mu, logvar, floor).clamp(min=floor)


def question(floor, mistakes, reference=free_bits, words=False):
    return formula(
        "vae.free_bits",
        points=2,
        args=("mu", "logvar") if words else ("mu", "logvar", "floor"),
        kwargs={"floor": "floor"} if words else None,
        grad=("mu", "logvar"),
        draw=lambda rng: {
            "mu": rng.normal(0, 0.3, (5, 7)),
            "logvar": rng.normal(0, 0.3, (5, 7)),
            "weights": rng.uniform(0.5, 2, 5),
            "floor": floor,
        },
        reference=reference,
        mistakes=mistakes,
        sentences=PAGE,
    )


BOTH = {"no-floor": no_floor, "floor-on-sum": floor_on_sum}


@pytest.mark.parametrize("words", [False, True])
def test_a_number_among_the_arguments_belongs_to_all_images(words):
    assert selftest.reference(question(0.2, BOTH, words=words), 0) == []


def test_mistakes_that_the_inputs_do_not_tell_apart_are_found():
    [found] = selftest.mistakes(question(0.02, BOTH), 0)
    assert (found.place, found.question) == ("floor-on-sum", "vae.free_bits")
    assert "called 'no-floor': draw inputs that tell them apart" in found.says
    assert selftest.mistakes(question(2.0, BOTH), 0) == []


def test_a_mistake_that_loses_nothing_or_cannot_run_is_found():
    broken = {"right": free_bits, "too-few": lambda mu, logvar: mu}
    found = selftest.mistakes(question(0.2, broken), 0)
    assert [f.says.partition(":")[0] for f in found] == ["loses no points", "cannot be run"]


def test_a_reference_that_loses_points_is_found():
    [found] = selftest.reference(question(0.2, {}, lambda mu, logvar, floor: mu.mul_(2).sum(1)), 0)
    assert found.place == "reference" and "manners" in found.says


def test_the_visible_check_is_tried_on_the_reference_and_on_the_stub():
    asked = catalogue.find("explore.digit_statistics")
    assert selftest.visible(asked) == []
    wrong = dataclasses.replace(asked, reference={"digit_statistics": lambda mu, y: (mu, mu)})
    [found] = selftest.visible(wrong)
    assert found.place == "visible check" and "refuses the reference" in found.says


@pytest.mark.parametrize(
    "call, says",
    [
        (["selftest", "vae.nothing"], "no question 'vae.nothing'"),
        (["selftest", "gan"], "no assignment 'gan'"),
        (["new", "question", "vae.elbo", "--kind", "formula"], "there is a question 'vae.elbo'"),
        (["new", "question", "gan.loss", "--kind", "formula"], "there are the assignments"),
        (["new", "question", "vae.x", "--kind", "essay"], "no kind 'essay'"),
        (["new", "question", "vae.1x", "--kind", "formula"], "no name of a function"),
        (["new", "question", "vae.model", "--kind", "formula"], "take another name"),
        (["new", "assignment", "vae"], "there is an assignment 'vae'"),
        (["new", "assignment", "My GAN"], "no name for an assignment"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_writes_nothing(call, says, capsys):
    assert main(call) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line
