"""The answer key of `vae`. Kingma & Welling 2014 (arXiv:1312.6114), equations 3, 7 and 10."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograder.key.autoencoder import (
    blobs,
    loop_alike,
    loop_graph,
    loop_list,
    loop_mode,
    loop_moved_alike,
    loop_named,
    loop_update,
    some,
    training_inputs,
    unstable,
)
from autograder.key.kinds import noise, runs
from autograder.key.kinds.formula import STABLE, formula, inputs_unchanged, named_by_values
from autograder.key.question import KEPT, Check, Mistake, Question, close, well_formed
from autograder.student import probes

CLOSED_FORM = "the KL divergence in closed form"
CONVENTION = "the convention for losses: sum over dimensions, mean over the batch"
LOGVAR = "what logvar means"


# -- KL divergences -------------------------------------------------------------------------------


def kl_gaussian(mu, logvar):
    """KL[N(mu, exp(logvar)) || N(0, I)], (B, nz) -> (B,), nats. Kingma & Welling 2014,
    appendix B.
    """
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)


def kl_between(mu1, logvar1, mu2, logvar2):
    """KL[N(mu1, exp(logvar1)) || N(mu2, exp(logvar2))], diagonal, (B, nz) x 4 -> (B,), nats."""
    spread = (logvar1 - logvar2).exp() + (mu1 - mu2).pow(2) * (-logvar2).exp()
    return 0.5 * (spread - 1 - logvar1 + logvar2).sum(1)


def _gaussians(rng):
    """Spread-out posteriors: no mean at 0, no variance at 1, B != nz."""
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "logvar": rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    }


def _two_gaussians(rng):
    second = {"mu2": rng.normal(0, 1.3, (5, 7)), "logvar2": rng.uniform(-1.5, 1.5, (5, 7))}
    first = _gaussians(rng)
    return {"mu1": first["mu"], "logvar1": first["logvar"], **second, "weights": first["weights"]}


def _kl_mistake(id, says, of, credit=0.0, reread=CLOSED_FORM):
    return Mistake(id, says, reread, {"kl_gaussian": of}, credit)


KL = formula(
    "vae.kl_gaussian",
    points=2,
    title="KL of a diagonal Gaussian to the prior",
    args=("mu", "logvar"),
    grad=("mu", "logvar"),
    draw=_gaussians,
    reference=kl_gaussian,
    about="the KL divergence to N(0, I), summed over latent dimensions",
    mistakes=(
        _kl_mistake(
            "half-missing",
            "Your KL is exactly twice the right one: a factor of one half was lost.",
            lambda mu, logvar: 2 * kl_gaussian(mu, logvar),
            credit=0.5,
        ),
        _kl_mistake(
            "log-std",
            "Your numbers are right for a logvar that is the logarithm of the standard "
            "deviation. That is a "
            "mere convention, but the course's is the logarithm of the variance.",
            lambda mu, logvar: kl_gaussian(mu, 2 * logvar),
            credit=0.5,
            reread=LOGVAR,
        ),
        _kl_mistake(
            "variance-not-log",
            "Your numbers are those of a second argument that is the variance itself; it is its "
            "logarithm, "
            "and may be negative.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar.log()).sum(1),
            reread=LOGVAR,
        ),
        _kl_mistake(
            "std-for-variance",
            "Where the variance belongs, your formula has the standard deviation.",
            lambda mu, logvar: 0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "exp-missing",
            "Where the variance belongs, your formula has its logarithm: an exponential is "
            "missing.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "logvar-sign",
            "Your KL grows with logvar where it should shrink: the sign of one term is the wrong "
            "way round.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1),
        ),
        _kl_mistake(
            "logvar-missing",
            "The term that punishes a narrow posterior is missing: yours can shrink to a point "
            "for free.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1).sum(1),
        ),
        _kl_mistake(
            "exp-term-missing",
            "The term that punishes a wide posterior is missing.",
            lambda mu, logvar: 0.5 * (mu**2 - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-not-squared",
            "The mean enters your KL without its square, so negative means count as negative "
            "divergence.",
            lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-absolute",
            "The mean enters your KL with its absolute value where its square belongs.",
            lambda mu, logvar: 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-sign",
            "The further the mean is from 0, the smaller your KL: the sign of that term is wrong.",
            lambda mu, logvar: 0.5 * (-(mu**2) + logvar.exp() - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-missing",
            "Your KL does not depend on the mean at all.",
            lambda mu, logvar: 0.5 * (logvar.exp() - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-exponentiated",
            "The roles of mu and logvar are swapped in your formula.",
            lambda mu, logvar: kl_gaussian(logvar, mu),
        ),
        _kl_mistake(
            "half-on-one-term",
            "The factor of one half acts on one term of your sum only: look at the brackets.",
            lambda mu, logvar: (0.5 * mu**2 + logvar.exp() - 1 - logvar).sum(1),
            credit=0.25,
        ),
        _kl_mistake(
            "half-on-one-term",
            "The factor of one half acts on part of your sum only: look at the brackets.",
            lambda mu, logvar: (mu**2 + 0.5 * (logvar.exp() - 1 - logvar)).sum(1),
            credit=0.25,
        ),
        _kl_mistake(
            "reversed",
            "This is the divergence the other way round, of the prior from the posterior.",
            lambda mu, logvar: kl_between(torch.zeros_like(mu), torch.zeros_like(mu), mu, logvar),
            credit=0.25,
        ),
        _kl_mistake(
            "wrong-axis",
            "You summed over the batch and kept the latent dimensions; it is the other way round.",
            lambda mu, logvar: 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(0),
            reread=CONVENTION,
        ),
        _kl_mistake(
            "clamped",
            "Negative terms were cut off before the sum. Only the whole is never negative.",
            lambda mu, logvar: 0.5 * (mu**2 + (logvar.exp() - 1) - logvar.clamp(min=0)).sum(1),
        ),
    ),
)


def _between_mistake(id, says, of, credit=0.0, reread=CLOSED_FORM):
    return Mistake(id, says, reread, {"kl_between": of}, credit)


KL_BETWEEN = formula(
    "vae.kl_between",
    points=1,
    title="KL between two diagonal Gaussians",
    args=("mu1", "logvar1", "mu2", "logvar2"),
    grad=("mu1", "logvar1", "mu2", "logvar2"),
    draw=_two_gaussians,
    reference=kl_between,
    about="the KL divergence of the first Gaussian from the second, summed over latent dimensions",
    mistakes=(
        _between_mistake(
            "reversed",
            "This is the divergence of the second Gaussian from the first. KL is not symmetric: "
            "the "
            "expectation is over the first one.",
            lambda m1, v1, m2, v2: kl_between(m2, v2, m1, v1),
            credit=0.25,
        ),
        _between_mistake(
            "half-missing",
            "Your KL is exactly twice the right one: a factor of one half was lost.",
            lambda m1, v1, m2, v2: 2 * kl_between(m1, v1, m2, v2),
            credit=0.5,
        ),
        _between_mistake(
            "log-std",
            "Your numbers are right for logarithms of standard deviations. That is a mere "
            "convention, but "
            "the course's logvar is the logarithm of the variance.",
            lambda m1, v1, m2, v2: kl_between(m1, 2 * v1, m2, 2 * v2),
            credit=0.5,
            reread=LOGVAR,
        ),
        _between_mistake(
            "distance-not-scaled",
            "The distance of the means is not measured against the width of the second Gaussian.",
            lambda m1, v1, m2, v2: 0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 - 1 - v1 + v2).sum(1),
        ),
        _between_mistake(
            "distance-scaled-by-first",
            "The distance of the means is measured against the width of the first Gaussian; it "
            "is the "
            "second that counts.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v1.exp() - 1 - v1 + v2).sum(1)
            ),
        ),
        _between_mistake(
            "distance-not-squared",
            "The difference of the means enters without its square.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) / v2.exp() - 1 - v1 + v2).sum(1)
            ),
        ),
        _between_mistake(
            "distance-missing",
            "Your KL does not depend on how far apart the means are.",
            lambda m1, v1, m2, v2: 0.5 * ((v1 - v2).exp() - 1 - v1 + v2).sum(1),
        ),
        _between_mistake(
            "log-term-sign",
            "The difference of the two logarithms has the wrong sign.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1 + v1 - v2).sum(1)
            ),
        ),
        _between_mistake(
            "log-term-missing",
            "The difference of the two logarithms of the widths is missing.",
            lambda m1, v1, m2, v2: 0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1).sum(1),
        ),
        _between_mistake(
            "ratio-inverted",
            "The ratio of the two variances is upside down.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v2 - v1).exp() + (m1 - m2) ** 2 / v2.exp() - 1 - v1 + v2).sum(1)
            ),
        ),
        _between_mistake(
            "std-for-variance",
            "Where variances belong, your formula has standard deviations.",
            lambda m1, v1, m2, v2: (
                0.5
                * ((0.5 * (v1 - v2)).exp() + (m1 - m2) ** 2 / (0.5 * v2).exp() - 1 - v1 + v2).sum(1)
            ),
        ),
        _between_mistake(
            "wrong-axis",
            "You summed over the batch and kept the latent dimensions; it is the other way round.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1 - v1 + v2).sum(0)
            ),
            reread=CONVENTION,
        ),
        _between_mistake(
            "prior-assumed",
            "The second Gaussian makes no difference: yours is the divergence to the prior.",
            lambda m1, v1, m2, v2: kl_gaussian(m1, v1) + 0 * (m2 + v2).sum(1),
        ),
        _between_mistake(
            "difference-of-kls",
            "You subtracted two divergences to the prior; that is not the divergence between the "
            "two.",
            lambda m1, v1, m2, v2: kl_gaussian(m1, v1) - kl_gaussian(m2, v2),
        ),
    ),
)


# -- the likelihood and the bound -----------------------------------------------------------------


def bernoulli_log_likelihood(x, logits):
    """log p(x|z) of pixels in [0, 1], (B, 1, 28, 28) x 2 -> (B,), nats; stable for any logit."""
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def _pictures(rng):
    """Grey pixels (a rule for 0 and 1 alone would pass on binary ones) and logits to both sides."""
    return {
        "x": rng.uniform(0.02, 0.98, (5, 1, 28, 28)),
        "logits": rng.normal(0.3, 1.5, (5, 1, 28, 28)),
    }


def _likelihood_inputs(rng):
    far = rng.choice([-200.0, -120.0, 120.0, 200.0], (4, 1, 28, 28))
    binary = rng.integers(0, 2, (4, 1, 28, 28)).astype(float)
    return {**_pictures(rng), "weights": rng.uniform(0.5, 2, 5), "x far": binary, "logits far": far}


def _likelihood_mistake(id, says, of, credit=0.0, reread="the Bernoulli likelihood"):
    return Mistake(id, says, reread, {"bernoulli_log_likelihood": of}, credit)


def _bce(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


LIKELIHOOD = formula(
    "vae.bernoulli_log_likelihood",
    points=1,
    title="log-likelihood of an image under its logits",
    args=("x", "logits"),
    args2=("x far", "logits far"),
    grad=("logits",),
    draw=_likelihood_inputs,
    reference=bernoulli_log_likelihood,
    about="the Bernoulli log-likelihood, summed over the pixels of an image",
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(STABLE,),
    explain=unstable,
    mistakes=(
        _likelihood_mistake(
            "sign",
            "Your values are those of the negative log-likelihood, the loss; a log-likelihood of "
            "pixels is "
            "negative.",
            lambda x, logits: -bernoulli_log_likelihood(x, logits),
            credit=0.5,
        ),
        _likelihood_mistake(
            "swapped",
            "Your numbers come out when images and logits change places: look at the order of "
            "arguments.",
            lambda x, logits: bernoulli_log_likelihood(logits, x),
        ),
        _likelihood_mistake(
            "sigmoid-twice",
            "The logits went through a sigmoid before a function that applies one itself.",
            lambda x, logits: bernoulli_log_likelihood(x, logits.sigmoid()),
        ),
        _likelihood_mistake(
            "sigmoid-missing",
            "The logits are used as if they were probabilities.",
            lambda x, logits: (x * logits.log() + (1 - x) * (1 - logits).log()).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "ink-only",
            "Only the term of the ink counts in your sum: paper that is predicted as ink costs "
            "nothing.",
            lambda x, logits: (x * F.logsigmoid(logits)).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "paper-only",
            "Only the term of the paper counts in your sum: ink that is predicted as paper costs "
            "nothing.",
            lambda x, logits: ((1 - x) * F.logsigmoid(-logits)).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "terms-mixed",
            "The two terms of the likelihood have changed roles: ink is scored as paper.",
            lambda x, logits: bernoulli_log_likelihood(1 - x, logits),
        ),
        _likelihood_mistake(
            "gaussian",
            "Your values are a squared error, the likelihood of a Gaussian; pixels here are "
            "Bernoulli.",
            lambda x, logits: -(x - logits.sigmoid()).pow(2).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "gaussian",
            "Your values are a squared error, the likelihood of a Gaussian; pixels here are "
            "Bernoulli.",
            lambda x, logits: -0.5 * (x - logits.sigmoid()).pow(2).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "binarised",
            "Grey pixels were rounded to ink or paper first.",
            lambda x, logits: bernoulli_log_likelihood((x > 0.5).to(x), logits),
        ),
        _likelihood_mistake(
            "mean-not-sum",
            "Your values are the negative mean over pixels, a loss of the other convention; the "
            "course sums "
            "over pixels and keeps the sign of a log-likelihood.",
            lambda x, logits: -bernoulli_log_likelihood(x, logits) / x[0].numel(),
            credit=0.25,
            reread=CONVENTION,
        ),
        _likelihood_mistake(
            "batch-mean",
            "You averaged over pixels and batch; here every image keeps its own sum over pixels.",
            lambda x, logits: -_bce(x, logits).mean(),
            credit=0.25,
            reread=CONVENTION,
        ),
        _likelihood_mistake(
            "batch-mean",
            "You averaged over pixels and batch (and lost the sign of a log-likelihood); here "
            "every image "
            "keeps its own sum over pixels.",
            lambda x, logits: _bce(x, logits).mean(),
            credit=0.25,
            reread=CONVENTION,
        ),
        _likelihood_mistake(
            "batch-sum",
            "You summed over everything, the batch too (and lost the sign of a log-likelihood).",
            lambda x, logits: _bce(x, logits).sum(),
            credit=0.25,
            reread=CONVENTION,
        ),
        _likelihood_mistake(
            "rows-only",
            "You summed over one axis of the image; every pixel of it counts.",
            lambda x, logits: -_bce(x, logits).sum(-1),
            reread=CONVENTION,
        ),
        _likelihood_mistake(
            "channel-only",
            "You summed over the channel axis alone; every pixel of the image counts.",
            lambda x, logits: -_bce(x, logits).sum(1),
            reread=CONVENTION,
        ),
    ),
)


def elbo(x, logits, mu, logvar, beta=1.0):
    """Mean over the batch of log p(x|z) - beta KL, nats per image, to maximise. Equation 7 at
    beta 1.
    """
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()


def _elbo_inputs(rng):
    """Weak logits, so that the likelihood does not drown the KL, a beta that is no special number,
    and means and log-variances whose exchange shows in the one number asked for.
    """
    scaled = {"logits": rng.normal(0.3, 1.0, (5, 1, 28, 28))}
    apart = 0.0
    while apart < 2:
        latents = {k: v for k, v in _gaussians(rng).items() if k != "weights"}
        mu, logvar = (torch.from_numpy(latents[k]) for k in ("mu", "logvar"))
        apart = (kl_gaussian(mu, logvar) - kl_gaussian(logvar, mu)).mean().abs()
    return {
        **_pictures(rng),
        **scaled,
        **latents,
        "beta": float(rng.uniform(1.8, 3.2)),
        "one": 1.0,
        "zero": 0.0,
        "variations": {"one": {"beta": "one"}, "zero": {"beta": "zero"}},
    }


def _elbo_mistake(id, says, of, credit=0.0, reread="the evidence lower bound"):
    return Mistake(id, says, reread, {"elbo": of}, credit)


def _terms(x, logits, mu, logvar):
    return bernoulli_log_likelihood(x, logits), kl_gaussian(mu, logvar)


def _elbo_of(combine):
    """An `elbo` that puts the two terms together in another way: combine(rec, kl, beta,
    pixels, nz).
    """

    def mistaken(x, logits, mu, logvar, beta=1.0):
        return combine(*_terms(x, logits, mu, logvar), beta, x[0].numel(), mu.shape[1])

    return mistaken


def beta_is_one(default: str, what: str):
    """A test: without beta (evidence `default`) comes what beta = 1 gives, and 0 is a beta, too;
    whether these are right is another check's question.
    """

    def test(got, want, inputs):
        if got.get(f"{default.removesuffix('.value')}.error"):
            return got[f"{default.removesuffix('.value')}.error"]
        for key in (default, "one.value", "zero.value"):
            problem = well_formed(got, want, key, what)
            if problem:
                return problem
        if not close(got[default], got["one.value"]):
            return f"without beta, {what} differs from that with beta = 1."
        if close(got["zero.value"], got["one.value"]) and not close(got["value"], got["one.value"]):
            return f"with beta = 0, {what} is that with beta = 1."
        return None

    return test


def beta_named(got, default: str):
    """The name of a default or a beta of 0 that is wrong where all else is right."""
    if close(got.get(default), got.get("one.value")):
        return "beta-zero", "A beta of 0 counts as none given: it is a weight like any other."
    return "beta-default", "Right where beta is given; left out, it should count as one."


def _no_default(got, want, inputs, failed):
    if failed == ["default"] and "required positional argument" in str(got.get("second.error")):
        return (
            "no-default",
            "`elbo` cannot be called without beta: give the argument its default value.",
        )
    return beta_named(got, "second") if failed == ["default"] else None


_formula = formula(
    "vae.elbo",
    points=2,
    title="the evidence lower bound",
    args=("x", "logits", "mu", "logvar", "beta"),
    args2=("x", "logits", "mu", "logvar"),
    grad=("logits", "mu", "logvar"),
    draw=_elbo_inputs,
    reference=elbo,
    upstream={"kl_gaussian": kl_gaussian, "bernoulli_log_likelihood": bernoulli_log_likelihood},
    form="one number, to be maximised",
    about="the ELBO in nats per image, at a beta other than 1",
    weights=(0.1, 0.4, 0.3, 0.1),
    more=(
        Check(
            "default",
            0.1,
            "without beta, it is the one of beta = 1; at a beta of 0 the KL does not count",
            beta_is_one("second", "the value"),
        ),
    ),
    explain=_no_default,
    mistakes=(
        _elbo_mistake(
            "sign",
            "This is the negative ELBO, a loss to minimise. That is a mere convention, but here "
            "`elbo` is "
            "the bound itself.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * kl - rec).mean()),
            credit=0.5,
        ),
        _elbo_mistake(
            "kl-sign",
            "The KL is added to the likelihood: a posterior far from the prior would be rewarded.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec + beta * kl).mean()),
        ),
        _elbo_mistake(
            "likelihood-sign",
            "The reconstruction term has the wrong sign: a worse reconstruction gives a higher "
            "bound.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (-rec - beta * kl).mean()),
        ),
        _elbo_mistake(
            "beta-ignored",
            "Your value does not change with beta.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - kl).mean()),
        ),
        _elbo_mistake(
            "beta-on-likelihood",
            "Beta multiplies the reconstruction term; it weighs the KL.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * rec - kl).mean()),
        ),
        _elbo_mistake(
            "beta-on-both",
            "Beta multiplies the whole bound; it weighs the KL only.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * (rec - kl)).mean()),
        ),
        _elbo_mistake(
            "beta-inverted",
            "The KL is divided by beta.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - kl / beta).mean()),
        ),
        _elbo_mistake(
            "beta-mixed",
            "Likelihood and KL are weighed against each other by one minus beta; here only the "
            "KL is weighed.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: ((1 - beta) * rec - beta * kl).mean()),
        ),
        _elbo_mistake(
            "kl-missing",
            "Your value does not depend on the posterior: the KL term is missing.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: rec.mean()),
        ),
        _elbo_mistake(
            "likelihood-missing",
            "Your value does not depend on the images: the reconstruction term is missing.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (-beta * kl).mean()),
        ),
        _elbo_mistake(
            "half-kl",
            "The KL has twice, or half, the weight it should have: a factor of one half was lost "
            "or doubled.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 2 * beta * kl).mean()),
        ),
        _elbo_mistake(
            "half-kl",
            "The KL has twice, or half, the weight it should have: a factor of one half was lost "
            "or doubled.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 0.5 * beta * kl).mean()),
        ),
        _elbo_mistake(
            "mean-pixels",
            "The reconstruction term is a mean over pixels, the KL a sum. That is a mere "
            "convention, but "
            "beta then means something else, and at beta 1 the KL wins.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "mean-latents",
            "The KL is a mean over latent dimensions, the likelihood a sum. That is a mere "
            "convention, but "
            "beta then means something else.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl / nz).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "mean-everything",
            "Both terms are means over all their elements. That is a mere convention, but beta "
            "then means "
            "something else.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl / nz).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "batch-sum",
            "You summed over the batch, so the value grows with its size; losses are means over "
            "the batch.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl).sum()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "half-reduced",
            "One term is summed over the batch and the other averaged, so beta would change with "
            "batch size.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: rec.mean() - beta * kl.sum()),
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "half-reduced",
            "One term is summed over the batch and the other averaged, so beta would change with "
            "batch size.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: rec.sum() - beta * kl.mean()),
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "swapped",
            "Your numbers come out when images and logits change places: look at the order of "
            "arguments.",
            lambda x, logits, mu, logvar, beta=1.0: elbo(logits, x, mu, logvar, beta),
        ),
        _elbo_mistake(
            "swapped-latents",
            "Your numbers come out when mu and logvar change places: look at the order of "
            "arguments.",
            lambda x, logits, mu, logvar, beta=1.0: elbo(x, logits, logvar, mu, beta),
        ),
    ),
)
ELBO = replace(_formula, probe="common.variations")


# -- sampling -------------------------------------------------------------------------------------


def reparametrize(mu, logvar):
    """A sample of N(mu, exp(logvar)), shaped like mu, differentiable in both. Equation 10,
    section 2.4.
    """
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)


def _noise_inputs(rng):
    """Enough draws for statistics, with means and spreads that differ from element to element."""
    shape = 2400, 6
    return {
        "name": "reparametrize",
        "args": ["mu", "logvar"],
        "args2": ["mu", "logvar"],
        "grad": ["mu", "logvar"],
        "mu": rng.normal(0.4, 1.5, shape),
        "logvar": rng.uniform(-3, 1.5, shape),
        "weights": rng.uniform(0.5, 2, shape),
    }


def _standard(got, inputs, key="value"):
    """The noise that a sample must have been made of, (N, nz)."""
    mu, logvar = (inputs[k].astype(np.float32).astype(float) for k in ("mu", "logvar"))
    return (got[key] - mu) / np.exp(0.5 * logvar)


def _sample_form(got, want, inputs):
    return well_formed(got, want, "value", "the result")


def _marginal(got, inputs):
    """The noise, and the mu and logvar that it belongs to; of one dimension where all dimensions
    share theirs, which costs its own check and no other.
    """
    e = _standard(got, inputs)
    shared = noise.column_correlation((e - e.mean()) / max(e.std(), 1e-9)) > 0.9
    kept = slice(0, 1) if shared else slice(None)
    return e[:, kept], inputs["mu"][:, kept], inputs["logvar"][:, kept]


def _sample_centre(got, want, inputs):
    e, mu, _ = _marginal(got, inputs)
    if noise.level(e):
        return "the samples are not centred on mu."
    for part in noise.bins(e, mu):
        if abs(part.mean()) > noise.SIGMAS * max(part.std(), 1e-3) / np.sqrt(part.size):
            return "the samples do not follow mu."
    return None


def _sample_spread(got, want, inputs):
    e, _, logvar = _marginal(got, inputs)
    if np.ptp(e - e.mean()) < 1e-4:
        return "there is no noise in the samples."
    return noise.spread(e, by=logvar)


def _sample_shape(got, want, inputs):
    """Normal where logvar is about the same: what the spread makes of logvar is not asked here."""
    e, _, logvar = _marginal(got, inputs)
    # Where there is none, or the same numbers come again and again, it is not normal anywhere.
    if e.std() > 1e-4 and noise.dependence(e) is None:
        parts = noise.bins(e, logvar, 64)
        e = np.concatenate([(p - p.mean()) / max(p.std(), 1e-9) for p in parts])
    return noise.shape(e)


def _sample_independent(got, want, inputs):
    if got.get("second") is None:
        return got.get("second.error") or "a second call gave nothing."
    e = _standard(got, inputs)
    if not e.std() > 1e-6:
        return "there is no noise in the samples."
    again = _standard(got, inputs, "second")
    if noise.same(e - e.mean(), again - again.mean()):
        return "a second call used the same noise again."
    return noise.dependence(e)


def _sample_gradients(got, want, inputs):
    if not got.get("value.attached"):
        return "the samples carry no gradient."
    if got.get("grad.error"):
        return f"asking for a gradient failed: {got['grad.error']}"
    weights, mu = inputs["weights"], inputs["mu"].astype(np.float32).astype(float)
    if not close(got["grad.mu"], weights, 1e-3, 1e-4):
        return f"the gradient with respect to mu {_zero(got['grad.mu'])}."
    if not close(got["grad.logvar"], weights * 0.5 * (got["value"] - mu), 1e-3, 1e-4):
        return f"the gradient with respect to logvar {_zero(got['grad.logvar'])}."
    return None


def _zero(gradient):
    return "is not the right one" if np.any(gradient) else "is zero everywhere"


def _noise_alike(a, b, inputs):
    """Whether two samplers behave alike: their statistics, not their numbers."""
    for key in ("value.attached", "grad.error"):
        if bool(a.get(key)) != bool(b.get(key)):
            return False
    first, second = _sampler(_Evidence(a, inputs)), _sampler(_Evidence(b, inputs))
    if first is None or second is None:
        return first is second and a.get("value.kind") == b.get("value.kind")
    return bool(np.all(np.abs(first - second) <= _sampler_tolerance(first, second, inputs)))


class _Evidence:
    """A piece of evidence and its inputs as the key of a cache: equal to itself alone."""

    def __init__(self, got, inputs):
        self.got, self.inputs = got, inputs

    def __hash__(self):
        return id(self.got)

    def __eq__(self, other):
        return self.got is other.got


@lru_cache(KEPT)  # each piece is compared with that of every mistake
def _sampler(evidence: _Evidence):
    """A sampler in numbers: noise by logvar and by mu, its shape, what is shared, gradients,
    manners.
    """
    got, inputs = evidence.got, evidence.inputs
    value = got.get("value")
    if value is None or np.shape(value) != inputs["mu"].shape:
        return None
    e = _standard(got, inputs)
    centred = (e - e.mean()) / max(e.std(), 1e-9)
    again = _standard(got, inputs, "second") if np.shape(got.get("second")) == e.shape else e
    shares = [
        noise.row_correlation(centred) > 0.2,
        noise.column_correlation(centred) > 0.2,
        bool(noise.same(e - e.mean(), again - again.mean())),
    ]
    weights = inputs["weights"]
    slopes = []
    for key in ("mu", "logvar"):
        gradient = got.get(f"grad.{key}")
        slope = np.zeros_like(e) if gradient is None else gradient / weights
        slopes += [slope.mean(), slope.std()]
    touched = [not close(got[f"after.{key}"], inputs[key], 1e-4) for key in ("mu", "logvar")]
    by = [[p.mean(), np.log(p.std() + 1e-9)] for p in noise.bins(e, inputs["logvar"])]
    by += [[p.mean(), np.log(p.std() + 1e-9)] for p in noise.bins(e, inputs["mu"])]
    kurtosis = (centred**4).mean()
    return np.nan_to_num(
        np.array([*np.ravel(by), kurtosis, *shares, *slopes, *touched], float), nan=1e3
    )


def _sampler_tolerance(a, b, inputs):
    """Six standard errors of a difference in each number, for bins of heavy-tailed noise."""
    count = inputs["mu"].size / noise.BINS
    scale = np.exp(np.maximum(a[1:32:2], b[1:32:2]).clip(-5, 5))
    by = np.stack([8 * scale / np.sqrt(count), np.full(16, 12 / np.sqrt(count))], -1).ravel()
    kurtosis = 0.15 * max(a[32], b[32])
    return np.concatenate(
        [by, [kurtosis, 0.5, 0.5, 0.5], 0.1 + 0.15 * np.abs(a[36:40]), [0.5, 0.5]]
    )


def _named_sampler(got, want, inputs, failed):
    if failed == ["gradients"] or failed == ["manners"]:
        return named_by_values({**got, "value": want["value"]}, want, inputs, failed)
    if got.get("value") is None or np.shape(got["value"]) != inputs["mu"].shape:
        return named_by_values(got, want, inputs, failed)
    e = _standard(got, inputs)
    if not np.isfinite(e).all():
        return (
            "not-finite",
            "The spread is not defined for some logvar: it may be negative.",
            LOGVAR,
        )
    if "spread" in failed and not {"centre", "shape", "independent"} & set(failed):
        if not noise.spread(e / e.std(), by=inputs["logvar"]):
            return (
                "noise-scaled",
                "The noise is multiplied by a constant: its spread before scaling is not 1.",
            )
    return None


def _noise_mistake(id, says, of, credit=0.0, reread="the reparametrization trick"):
    return Mistake(id, says, reread, {"reparametrize": of}, credit)


def _sampled(std=lambda lv: (0.5 * lv).exp(), eps=torch.randn_like, centre=lambda mu: mu):
    """A `reparametrize` with one of its parts wrong."""
    return lambda mu, logvar: centre(mu) + std(logvar) * eps(mu)


def _seeded(mu, logvar):
    state = torch.get_rng_state()
    torch.manual_seed(0)
    z = reparametrize(mu, logvar)
    torch.set_rng_state(state)
    return z


def _in_place(mu, logvar):
    return mu.add_((0.5 * logvar).exp() * torch.randn_like(mu))


def _in_place_logvar(mu, logvar):
    return mu + logvar.mul_(0.5).exp_() * torch.randn_like(mu)


REPARAMETRIZE = Question(
    id="vae.reparametrize",
    points=2,
    title="sampling that gradients pass",
    probe="common.function",
    draw=_noise_inputs,
    reference={"reparametrize": reparametrize},
    checks=(
        Check("form", 0.1, "it returns one finite sample for each entry of mu", _sample_form),
        Check("centre", 0.15, "samples are centred on mu", _sample_centre),
        Check("spread", 0.25, "samples spread as logvar says, large or small", _sample_spread),
        Check("shape", 0.1, "the noise is normally distributed", _sample_shape),
        Check(
            "independent",
            0.15,
            "every image and every dimension gets its own noise, fresh in every call",
            _sample_independent,
        ),
        Check(
            "gradients",
            0.2,
            "gradients flow to mu and logvar and fit the sample",
            _sample_gradients,
        ),
        Check("manners", 0.05, "the arguments are left as they were", inputs_unchanged),
    ),
    alike=_noise_alike,
    explain=_named_sampler,
    mistakes=(
        _noise_mistake(
            "variance-as-std",
            "The spread of your samples equals exp(logvar), which is the variance. If your "
            "logvar means the "
            "logarithm of the standard deviation, that is another convention than the course's.",
            _sampled(std=lambda lv: lv.exp()),
            credit=0.5,
            reread=LOGVAR,
        ),
        _noise_mistake(
            "logvar-as-std",
            "Your noise is multiplied by logvar itself, the logarithm of a variance, which may "
            "be negative.",
            _sampled(std=lambda lv: lv),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "logvar-as-std",
            "Your noise is multiplied by half of logvar, without taking the exponential.",
            _sampled(std=lambda lv: 0.5 * lv),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "inverse-std",
            "Your samples spread less where logvar is large: a sign in the exponent is wrong.",
            _sampled(std=lambda lv: (-0.5 * lv).exp()),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "exponent-doubled",
            "The exponent is too large: instead of half of logvar it is a multiple of it.",
            _sampled(std=lambda lv: (2 * lv).exp()),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "exponent-quartered",
            "A square root was taken once too often: the spread grows too slowly with logvar.",
            _sampled(std=lambda lv: (0.25 * lv).exp()),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "half-outside",
            "The factor of one half stands outside the exponential, where it only scales.",
            _sampled(std=lambda lv: 0.5 * lv.exp()),
            reread=LOGVAR,
        ),
        _noise_mistake(
            "unit-noise",
            "Your samples spread equally whatever logvar is.",
            _sampled(std=lambda lv: torch.ones_like(lv)),
        ),
        _noise_mistake(
            "no-noise",
            "There is no noise: you return the mean (or the mean plus a fixed amount).",
            lambda mu, logvar: mu + 0 * logvar,
        ),
        _noise_mistake(
            "no-noise",
            "There is no noise: you return the mean (or the mean plus a fixed amount).",
            lambda mu, logvar: mu + (0.5 * logvar).exp(),
        ),
        _noise_mistake(
            "mean-missing",
            "Your samples are centred on 0 wherever mu is.",
            _sampled(centre=lambda mu: 0 * mu),
        ),
        _noise_mistake(
            "roles-swapped",
            "Mean and spread have changed places: the noise is multiplied by mu.",
            lambda mu, logvar: (0.5 * logvar).exp() + mu * torch.randn_like(mu),
        ),
        _noise_mistake(
            "roles-swapped",
            "The two arguments have changed places.",
            lambda mu, logvar: reparametrize(logvar, mu),
        ),
        _noise_mistake(
            "noise-on-both",
            "The noise multiplies the mean as well.",
            lambda mu, logvar: (mu + (0.5 * logvar).exp()) * torch.randn_like(mu),
        ),
        _noise_mistake(
            "uniform",
            "Your noise is uniform between 0 and 1; it should be normal, with mean 0.",
            _sampled(eps=torch.rand_like),
        ),
        _noise_mistake(
            "uniform",
            "Your noise is uniform; it should be normal.",
            _sampled(eps=lambda mu: 2 * torch.rand_like(mu) - 1),
        ),
        _noise_mistake(
            "uniform",
            "Your noise is uniform; it should be normal.",
            _sampled(eps=lambda mu: (2 * torch.rand_like(mu) - 1) * 3**0.5),
        ),
        _noise_mistake(
            "absolute",
            "Your noise is never negative: samples lie on one side of mu.",
            _sampled(eps=lambda mu: torch.randn_like(mu).abs()),
        ),
        _noise_mistake(
            "laplace",
            "Your noise has the heavy tails of another distribution; it should be normal.",
            _sampled(eps=lambda mu: torch.distributions.Laplace(0.0, 1.0).sample(mu.shape)),
        ),
        _noise_mistake(
            "shared-batch",
            "All images of the batch get the same noise: the shape of your noise lacks the batch.",
            _sampled(eps=lambda mu: torch.randn(1, mu.shape[1])),
        ),
        _noise_mistake(
            "shared-dims",
            "All dimensions of a latent get the same noise: one number is drawn for each image.",
            _sampled(eps=lambda mu: torch.randn(len(mu), 1)),
        ),
        _noise_mistake(
            "fixed-seed",
            "Every call uses the same noise: a seed is set inside the function, or the noise is "
            "drawn once.",
            _seeded,
        ),
        _noise_mistake(
            "detached",
            "The samples are right but cut off from the graph (sample instead of rsample, "
            "detach, no_grad, "
            "numpy), so nothing can be learned through them.",
            lambda mu, logvar: reparametrize(mu, logvar).detach(),
        ),
        _noise_mistake(
            "logvar-detached",
            "The samples are right, but no gradient reaches logvar: the spread is cut off from "
            "the graph.",
            lambda mu, logvar: reparametrize(mu, logvar.detach()) + 0 * logvar,
        ),
        _noise_mistake(
            "mu-detached",
            "The samples are right, but no gradient reaches mu: the mean is cut off from the "
            "graph.",
            lambda mu, logvar: reparametrize(mu.detach(), logvar) + 0 * mu,
        ),
        _noise_mistake(
            "in-place",
            "The call overwrites its arguments: look for operations that end in an underscore, "
            "or for `+=`.",
            _in_place,
        ),
        _noise_mistake(
            "in-place",
            "The call overwrites its arguments: look for operations that end in an underscore, "
            "or for `*=`.",
            _in_place_logvar,
        ),
        *(
            _noise_mistake(
                "one-number",
                "One single number is drawn for the whole batch; every entry needs its own noise.",
                _sampled(eps=lambda mu, value=value: torch.full((), value)),
            )
            for value in (0.5,)
        ),
    ),
)


# -- the model ------------------------------------------------------------------------------------


class VAE(nn.Module):
    """A small convolutional VAE with Bernoulli pixels. Kingma & Welling 2014, appendix C."""

    def __init__(self, nz):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 2 * nz),
        )
        self.decoder = nn.Sequential(
            nn.Linear(nz, 32 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparametrize(mu, logvar)), mu, logvar

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()


DRAWS = 200
EXPONENTS = {0.5: "right", 1.0: "variance-as-std", 0.0: "unit-noise"}


def _model_inputs(rng):
    sizes = [int(n) for n in rng.permutation([2, 5])]
    return {
        "sizes": sizes,
        "x": blobs(rng, 7),
        **{f"z.{nz}": rng.normal(0, 1.5, (6, nz)) for nz in sizes},
        "draws": DRAWS,
        "own seed": int(rng.integers(2**31)),  # of what is drawn on this side; not sent
    }


def _model_asked(student, inputs, stand_ins, seconds):
    """Look at the model; then have it decode latents that are drawn here from what it said, in an
    order of their own, so that its word is not taken for what its samples should be like.

    Evidence: that of `probes.vae.model`, and random projections of logits: sampled.<mode>, of one
    image drawn many times; centre.eval, at its mean; near.eval, close to it; candidate.<i>.eval, of
    mu + exp(c logvar) eps for each exponent c; at mean, also of the second model.
    """
    asked = {key: value for key, value in inputs.items() if key != "own seed"}
    got = student.ask("vae.model", asked, stand_ins, seconds)
    means, posterior = got.get("means"), got.get("posterior")
    if not all(isinstance(p, np.ndarray) and p.ndim == 2 for p in (means, posterior)):
        return got
    if len(means) != len(inputs["x"]) or not 0 < 2 * means.shape[1] == posterior.shape[1] < 512:
        return got
    rng = np.random.default_rng(inputs["own seed"])
    mu, logvar = np.split(posterior[:1].astype(float), 2, axis=1)
    parts = [means, mu]
    with np.errstate(all="ignore"):
        parts.append(mu + 0.001 * np.exp(0.5 * logvar) * rng.standard_normal((20, mu.shape[1])))
        for c in EXPONENTS:
            noises = rng.standard_normal((DRAWS if c == 0.5 else DRAWS // 2, mu.shape[1]))
            parts.append(mu + np.exp(c * logvar) * noises)
        z = np.nan_to_num(np.concatenate(parts).astype(np.float32))
    order = rng.permutation(len(z))
    asked = {"z": z[order], "seed": inputs["seed"]}
    told = student.ask("vae.decoding", asked, stand_ins, seconds)
    if told.get("error"):
        return {**got, "error": told["error"]}
    got = {**got, **told}
    shapes = {"sampled.eval": DRAWS, "sampled.train": 32, "decoded": len(z)}
    for key, count in shapes.items():
        right = isinstance(got.get(key), np.ndarray) and got[key].shape == (count, 784)
        if key in got and not right:
            got[f"samples.{'train' if key == 'sampled.train' else 'eval'}.error"] = (
                f"received logits of shape {np.shape(got[key])} for {count} images, flattened."
            )
            return got
    views = rng.normal(0, 1, (784, 6)) / 28
    for key in {"sampled.eval", "sampled.train"} & set(got):
        got[key] = got[key] @ views
    if "decoded" in got:
        decoded = np.empty((len(z), 784), np.float32)
        decoded[order] = got.pop("decoded")
        at_mean, *seen = np.split(decoded, np.cumsum([len(part) for part in parts])[:-1])
        fresh = got.get("at mean")
        if isinstance(fresh, np.ndarray) and fresh.size == at_mean.size:
            got["at mean"] = np.concatenate([fresh, at_mean.reshape(fresh.shape)])
        keys = ["centre.eval", "near.eval", *(f"candidate.{i}.eval" for i in range(len(EXPONENTS)))]
        got |= {key: part @ views for key, part in zip(keys, seen, strict=True)}
    return got


def _cases(inputs):
    """(tag, nz, number of images, number of latents) of every way in which the model was called."""
    for nz in inputs["sizes"]:
        yield f".{nz}", nz, len(inputs["x"]), len(inputs[f"z.{nz}"])
        yield f".{nz}.one", nz, 1, 1


def _shaped(got, key, shape, what):
    """None, or what is wrong with the form of one result of the model."""
    if got.get(f"{key}.error"):
        return f"{what}: {got[f'{key}.error']}"
    if got.get(key) is None:
        return f"{what}: received a {got.get(f'{key}.kind')}, not a tensor."
    if got[key].shape != shape:
        return f"{what}: received shape {got[key].shape}, expected {shape}."
    if not np.isfinite(got[key]).all():
        return f"{what}: received values that are NaN or infinite."
    return None


def _built(got, inputs):
    for nz in inputs["sizes"]:
        if got.get(f"build.{nz}.error"):
            return got[f"build.{nz}.error"]
    return None


def _model_encode(got, want, inputs):
    problem = _built(got, inputs)
    for tag, nz, images, _ in _cases(inputs):
        problem = problem or got.get(f"encode{tag}.error")
        if not problem and got.get(f"encode{tag}.count") != 2:
            problem = f"encode gave {got.get(f'encode{tag}.count')} things, not mu and logvar."
        for i, part in enumerate(("mu", "logvar")):
            problem = problem or _shaped(got, f"encode{tag}.{i}", (images, nz), part)
    if problem:
        return problem
    if got.get("mu lowest") is None:
        return got.get("instances.error")
    if got["mu lowest"] >= 0 or (got["mu lowest"] >= -1 - 1e-6 and got["mu highest"] <= 1 + 1e-6):
        return "mu is confined to a part of the numbers."
    if got["logvar lowest"] >= 0 or got["logvar highest"] <= 0:
        return "logvar is confined to one sign."
    if got["codes apart"] == 0:
        return "mu and logvar are the same numbers, in every network."
    return None


def _model_decode(got, want, inputs):
    problem = _built(got, inputs)
    for tag, _, _, latents in _cases(inputs):
        problem = problem or got.get(f"decode{tag}.error")
        problem = problem or _shaped(got, f"decode{tag}", (latents, 1, 28, 28), "logits")
    if problem:
        return problem
    if got.get("logits lowest") is None:
        return got.get("instances.error")
    if got["logits lowest"] >= 0 or (
        got["logits lowest"] >= -1 - 1e-6 and got["logits highest"] <= 1 + 1e-6
    ):
        return "the decoder's output is confined to a part of the numbers, as no logits are."
    return None


def _model_forward(got, want, inputs):
    problem = _built(got, inputs)
    for tag, nz, images, _ in _cases(inputs):
        problem = problem or got.get(f"forward{tag}.error")
        if not problem and got.get(f"forward{tag}.count") != 3:
            problem = (
                f"forward gave {got.get(f'forward{tag}.count')} things, not logits, mu and logvar."
            )
        shapes = (images, 1, 28, 28), (images, nz), (images, nz)
        for i, part in enumerate(("logits", "mu", "logvar")):
            problem = problem or _shaped(got, f"forward{tag}.{i}", shapes[i], f"{part} of forward")
    if problem:
        return problem
    nz = inputs["sizes"][0]
    for i, part in ((1, "mu"), (2, "logvar")):
        if got.get(f"encode.{nz}.all.{i - 1}") is None:
            return "without a working encode, forward cannot be compared with it."
        if not close(got[f"forward.{nz}.all.{i}"], got[f"encode.{nz}.all.{i - 1}"], 1e-3, 1e-4):
            return f"the {part} that forward returns is not the one of encode."
    return None


def _same_spread(a, b):
    """Whether two samples (N, views) have equal means and mean distances from them, at six standard
    errors; squared distances of such long tails would need many more samples.
    """
    for x, y in zip(a.T, b.T, strict=True):
        for one, other in ((x, y), (abs(x - x.mean()), abs(y - y.mean()))):
            error = np.sqrt(one.var() / len(one) + other.var() / len(other))
            if abs(one.mean() - other.mean()) > noise.SIGMAS * error + 1e-5:
                return False
    return True


def _varies(got, mode):
    return np.ptp(got[f"sampled.{mode}"], 0).max() > 1e-5 * (1 + np.abs(got["centre.eval"]).max())


def _unsteady(got):
    """Whether one image has another posterior every time."""
    return np.ptp(got["posterior"], 0).max() > 1e-3 * (1 + np.abs(got["posterior"]).max())


def _model_sampling(got, want, inputs):
    for mode in ("train", "eval"):
        if got.get(f"samples.{mode}.error"):
            return got[f"samples.{mode}.error"]
    if not _varies(got, "train"):
        return "in train mode, forward gives one image the same logits every time."
    if not _varies(got, "eval"):
        return "in evaluation mode, forward gives one image the same logits every time."
    if _unsteady(got):
        return "in evaluation mode, the posterior of one image is another one every time."
    if not _same_spread(got["sampled.eval"], got["candidate.0.eval"]):
        return "the logits of forward are not spread like those of samples from the posterior."
    if _leaps(got, inputs):
        return "latents that are almost equal are decoded to quite different logits."
    return None


def _leaps(got, inputs):
    """Whether decode's answers cannot be those of a network, though it gave equal ones for equal
    latents before: made up, perhaps.
    """
    key, centre, near = f"decode.{inputs['sizes'][0]}", got["centre.eval"], got["near.eval"]
    far = abs(near - centre).max() > 0.3 * abs(got["candidate.0.eval"] - centre).max()
    return far and close(got[f"{key}.all"], got[f"{key}.again"], 1e-3, 1e-4)


def _model_reconstruct(got, want, inputs):
    problem = _built(got, inputs)
    for tag, _, images, _ in _cases(inputs):
        problem = problem or got.get(f"reconstruct{tag}.error")
        problem = problem or _shaped(got, f"reconstruct{tag}", (images, 1, 28, 28), "images")
    problem = problem or got.get("rebuilding.error")
    if problem:
        return problem
    decoded = got["at mean"]
    rebuilt = got["rebuilt"][: len(decoded)]
    decoded = decoded.reshape(rebuilt.shape)
    if rebuilt.min() < 0 or rebuilt.max() > 1:
        return "pixels are below 0 or above 1."
    if not close(got["rebuilt"], got["rebuilt twice"], 1e-4, 1e-5):
        return "the same images give different reconstructions every time."
    pixels = 0 <= decoded.min() and decoded.max() <= 1  # that they should be logits costs elsewhere
    if not close(rebuilt, decoded if pixels else 1 / (1 + np.exp(-decoded)), 1e-3, 1e-4):
        return "the images are not those decoded from the posterior mean."
    return None


def _model_trainable(got, want, inputs):
    if got.get("structure.error"):
        return got["structure.error"]
    if not got["parameters"]:
        return "it has no parameters that an optimizer could find."
    if got["frozen"]:
        return f"{some(got['frozen'])} cannot be trained (requires_grad is off)."
    if got["unreached"]:
        return f"no gradient reaches {some(got['unreached'])}."
    for part in ("image", "mu"):
        if not got[f"{part} gradient"]:
            return f"the reconstruction sends no gradient back through the sample to {part}."
    if got["logvar learns"] is False and not _model_sampling(got, want, inputs):
        return "the reconstruction sends no gradient back through the sample to logvar."
    if got.get("uncopied", 0) > 1e-4:
        return "a model that loads another's state_dict does not become the same model."
    return None


def _model_independent(got, want, inputs):
    if got.get("instances.error"):
        return got["instances.error"]
    if got["shared"] or got["apart"] == 0:
        return "two models built one after the other are not independent of each other."
    nz = inputs["sizes"][0]
    for key in ("encode.{}.{}.0", "encode.{}.{}.1", "decode.{}.{}"):
        part = key.partition(".")[0]
        one, every, again = (got.get(key.format(nz, tag)) for tag in ("one", "all", "again"))
        if one is None or every is None or again is None:
            return f"{part} gave no result in evaluation mode."
        if not close(every, again, 1e-3, 1e-4):
            return f"in evaluation mode, {part} gives different results for the same input."
        if not close(every[:1].ravel(), one.ravel(), 1e-3, 1e-4):
            return f"in evaluation mode, {part} of an input depends on the others of its batch."
    return None


def _model_named(got, want, inputs, failed):
    """What usually makes a VAE behave as it was seen to, the plainest first."""
    nz, other = inputs["sizes"]
    if _built(got, inputs):
        return None
    if got.get("images changed"):
        return "in-place", (
            "The images that it was given are different ones afterwards: look for operations that "
            "end in an underscore, or for `-=`."
        )
    for part in ("encode", "forward", "decode", "reconstruct"):
        if f"has no attribute '{part}'" in str(got.get(f"{part}.{nz}.error")):
            return (
                "method-missing",
                f"The class has no method `{part}`; the notebook lists the four it needs.",
            )
        for tag in ("", ".one"):
            if "invalid for input of size" in str(got.get(f"{part}.{nz}{tag}.error")):
                return (
                    "fixed-batch",
                    "A batch size is written into a view or reshape; it must work for any.",
                )
    mu, mu2 = got.get(f"encode.{nz}.0"), got.get(f"encode.{other}.0")
    decode_failed = got.get(f"decode.{nz}.error") or got.get(f"decode.{other}.error") or ""
    if (mu is not None and mu2 is not None and mu.ndim == 2 and mu.shape[1:] == mu2.shape[1:]) or (
        "mat1 and mat2" in decode_failed
    ):
        return (
            "nz-ignored",
            "The number of latent dimensions is written into a layer instead of taken from nz.",
        )
    count = got.get(f"encode.{nz}.count")
    if count == 1:
        return (
            "not-split",
            "encode gives one tensor; mean and logvar are two, each with nz columns.",
        )
    return (
        _model_form_named(got, inputs, nz)
        or _model_range_named(got, failed)
        or _model_sample_named(got, nz, failed)
        or _model_reconstruct_named(got, failed)
        or _model_state_named(got, nz, failed)
    )


_RANDOM = (
    "random-in-eval",
    "Something besides the sample stays random in evaluation mode, such as dropout.",
)


def _model_form_named(got, inputs, nz):
    images = len(inputs["x"])
    forward = [got.get(f"forward.{nz}.{i}") for i in range(3)]
    if (got.get(f"forward.{nz}.count") or 0) > 3:
        return "forward-extra", "forward returns more than logits, mu and logvar."
    coded = [got.get(f"encode.{nz}.{tag}") for tag in ("all.0", "again.0", "all.1", "again.1")]
    if all(part is not None for part in coded) and not close(coded[0], coded[1], 1e-3, 1e-4):
        if close(coded[2], coded[3], 1e-3, 1e-4):
            return "encode-samples", "encode returns a sample where the mean belongs."
        return _RANDOM
    drawn = [got.get(f"decode.{nz}.{tag}") for tag in ("all", "again")]
    if all(part is not None for part in drawn) and not close(*drawn, 1e-3, 1e-4):
        return _RANDOM
    if got.get(f"forward.{nz}.count") == 1:
        return (
            "forward-alone",
            "forward returns the logits alone; the loss needs mu and logvar as well.",
        )
    if got.get(f"forward.{nz}.count") == 2:
        return "forward-incomplete", "forward returns two of the three things that the loss needs."
    if forward[0] is not None and forward[0].shape != (images, 1, 28, 28):
        if any(part is not None and part.shape == (images, 1, 28, 28) for part in forward):
            return "forward-order", "forward returns the right things in another order."
    decoded = got.get(f"decode.{nz}")
    if decoded is not None and decoded.shape == (len(inputs[f"z.{nz}"]), 784):
        return (
            "not-unflattened",
            "Logits come as flat lists of pixels; give them the shape of images.",
        )
    mean, logvar = got.get(f"encode.{nz}.all.0"), got.get(f"encode.{nz}.all.1")
    if forward[1] is not None and mean is not None and logvar is not None:
        forward_mu = got.get(f"forward.{nz}.all.1")
        if close(forward_mu, logvar, 1e-3) and not close(forward_mu, mean, 1e-3):
            return "forward-order", "mu and logvar change places between encode and forward."
        forward_logvar = got.get(f"forward.{nz}.all.2")
        if close(forward_mu, mean, 1e-3) and not close(forward_logvar, logvar, 1e-3):
            if close(forward_logvar, np.exp(0.5 * logvar), 1e-3):
                return (
                    "std-returned",
                    "forward returns the standard deviation where logvar belongs.",
                    LOGVAR,
                )
            if close(forward_logvar, np.exp(logvar), 1e-3):
                return (
                    "variance-returned",
                    "forward returns the variance where its logarithm belongs.",
                    LOGVAR,
                )
        if (
            forward_mu is not None
            and forward_mu.shape == mean.shape
            and not close(forward_mu, mean, 1e-3)
        ):
            return (
                "sample-returned",
                "forward returns another tensor than encode's mu, such as the sample.",
            )
    for part in ("encode.{}.one.0", "decode.{}.one"):
        alone, whole = got.get(part.format(nz)), got.get(part.format(nz).replace("one", "all"))
        if alone is not None and whole is not None and alone.size == whole[0].size:
            if alone.ndim < whole.ndim:
                return (
                    "squeezed-batch",
                    "With one image the batch axis is lost, as squeeze() without an axis does.",
                )
    return None


def _model_range_named(got, failed):
    if got.get("logits lowest") is None or not got.get("parameters"):
        return None  # without parameters nothing was made larger, and ranges say nothing
    if "decode" in failed and got["logits lowest"] >= 0:
        if got["logits highest"] <= 1 + 1e-6:
            return (
                "sigmoid",
                "decode returns pixels: a sigmoid stands at its end, but logits are asked for.",
                ("why decoders return logits"),
            )
        return (
            "relu",
            "A ReLU at the end of the decoder lets no logit be negative.",
            "why decoders return logits",
        )
    if (
        "decode" in failed
        and got["logits highest"] <= 1 + 1e-6
        and got["logits lowest"] >= -1 - 1e-6
    ):
        return (
            "tanh",
            "The decoder's output is bounded, as by a tanh; logits may be any number.",
            ("why decoders return logits"),
        )
    if "encode" in failed and got["codes apart"] == 0:
        return "one-for-both", "mu and logvar are one and the same: each needs numbers of its own."
    if "encode" in failed and got["logvar lowest"] == got["logvar highest"]:
        return "logvar-constant", "logvar is the same number for every image and network."
    if "encode" in failed and (got["logvar lowest"] >= 0 or got["logvar highest"] <= 0):
        return (
            "logvar-one-sided",
            (
                "logvar is never negative (or never positive): it passed through a ReLU, "
                "softplus, exp or the like. "
                "It is the logarithm of a variance, and may be any number."
            ),
            LOGVAR,
        )
    if "encode" in failed and "confined" in (_model_encode(got, {}, {"sizes": []}) or ""):
        return "mu-squashed", "mu passed through a ReLU, sigmoid or tanh; means may be any number."
    return None


def _model_sample_named(got, nz, failed):
    if "sampling" not in failed or any(got.get(f"samples.{m}.error") for m in ("train", "eval")):
        return None
    train, evaluation = _varies(got, "train"), _varies(got, "eval")
    logits = got.get(f"forward.{nz}.all.0")
    if logits is not None and logits.min() >= 0 and logits.max() <= 1:
        return (
            "forward-images",
            "forward returns pixels; the loss asks for logits.",
            "why decoders return logits",
        )
    if (
        not train
        and close(got["sampled.eval"][:1], got["centre.eval"], 1e-3, 1e-4)
        and not evaluation
    ):
        return (
            "no-sampling",
            "forward decodes the mean of the posterior; training needs a sample of it.",
        )
    if train and not evaluation and close(got["sampled.eval"][:1], got["centre.eval"], 1e-3, 1e-4):
        return "mean-in-eval", (
            "forward samples only in train mode. It should always: the ELBO of a test image is "
            "about samples, "
            "and the mean has a method of its own."
        )
    if evaluation and not train:
        return (
            "mean-in-train",
            "forward samples only in evaluation mode, and training never sees a sample.",
        )
    if not evaluation:
        return "shared-noise", "All images of a batch get the same noise."
    if not got.get("structure.error") and not (got["image gradient"] or got["mu gradient"]):
        return "prior-sampled", "The sample does not depend on the image: it comes from the prior."
    if _unsteady(got):
        return None
    for i, name in enumerate(EXPONENTS.values()):
        if i and _same_spread(got["sampled.eval"], got[f"candidate.{i}.eval"]):
            says = {
                "variance-as-std": "The sample spreads as exp(logvar), which is the variance.",
                "unit-noise": "The sample spreads equally whatever logvar is.",
            }[name]
            return name, says, LOGVAR
    return None


def _model_reconstruct_named(got, failed):
    if "reconstruct" not in failed or got.get("rebuilding.error") or got.get("rebuilt") is None:
        return None
    rebuilt, logits = got["rebuilt"], got["at mean"]
    right = 1 / (1 + np.exp(-logits))
    if rebuilt.shape == logits.shape:
        if close(rebuilt, logits, 1e-3, 1e-4):
            return (
                "no-sigmoid",
                "reconstruct returns logits; it should return images.",
                "logits and images",
            )
        if close(rebuilt, 1 / (1 + np.exp(-right)), 1e-3, 1e-4):
            return "sigmoid-twice", "In reconstruct the pixels go through a sigmoid twice."
        if close(rebuilt, right > 0.5, 1e-3, 1e-4):
            return "thresholded", "reconstruct rounds pixels to ink and paper."
        if not close(rebuilt, got["rebuilt twice"], 1e-4, 1e-5):
            return (
                "reconstruct-samples",
                "reconstruct decodes a sample; it should decode the posterior mean.",
            )
    return None


def _model_state_named(got, nz, failed):
    if got.get("instances.error") or got.get("structure.error"):
        return None
    if "independent" in failed and (got["shared"] or got["apart"] == 0):
        return "shared-layers", (
            "Layers are made once and shared by all models of the class (or a seed is set in "
            "it); make them "
            "in __init__, as attributes of self."
        )
    if "trainable" in failed:
        if got["frozen"]:
            return "frozen", "Some parameters are switched off for training."
        if not got["parameters"] or got["uncopied"] > 1e-4:
            return "unregistered", (
                "Some layers are not registered: in a plain list, or made during a call, the "
                "optimizer and "
                "state_dict never see them. nn.Sequential and nn.ModuleList are lists that torch "
                "can see into."
            )
        if got["unreached"]:
            return (
                "no-gradient",
                "Those layers are not used, or the graph is cut after them (detach, no_grad).",
            )
        if got["image gradient"] and got["mu gradient"]:
            return "logvar-detached", (
                "In the sample logvar is cut off from the graph: its size is learned from the KL "
                "alone."
            )
        return "sample-detached", (
            "The sample is cut off from the graph: the encoder learns from the KL alone, not "
            "from reconstructions."
        )
    if "independent" in failed:
        same = [
            close(got[f"{part}.{nz}.all{i}"], got[f"{part}.{nz}.again{i}"], 1e-3, 1e-4)
            for part, i in (("encode", ".0"), ("encode", ".1"), ("decode", ""))
        ]
        if all(same):
            return "batch-mixing", "Something is computed over the batch also in evaluation mode."
        return _RANDOM
    return None


MODEL = Question(
    id="vae.VAE",
    points=7,
    title="the variational autoencoder",
    probe="vae.model",
    draw=_model_inputs,
    reference={"VAE": VAE, "reparametrize": reparametrize},
    builds_on=("reparametrize",),
    checks=(
        Check(
            "encode",
            0.15,
            "encode gives mu and logvar (B, nz), free to be any number",
            _model_encode,
        ),
        Check(
            "decode",
            0.15,
            "decode gives logits (B, 1, 28, 28), free to be any number",
            _model_decode,
        ),
        Check(
            "forward", 0.15, "forward gives logits, and the mu and logvar of encode", _model_forward
        ),
        Check(
            "sampling",
            0.2,
            "forward decodes a fresh sample of each image's posterior, in either mode",
            _model_sampling,
        ),
        Check(
            "reconstruct",
            0.15,
            "reconstruct gives images in [0, 1], decoded from the posterior mean",
            _model_reconstruct,
        ),
        Check(
            "trainable",
            0.1,
            "every parameter is registered, and gradients reach it, also through the sample",
            _model_trainable,
        ),
        Check(
            "independent",
            0.1,
            "in evaluation mode an image's result depends on that image alone, and two models "
            "share nothing",
            _model_independent,
        ),
    ),
    explain=_model_named,
    examine=_model_asked,
    seconds=30,
)


# -- the training loop ----------------------------------------------------------------------------


def train_epoch(model, loader, optimizer, beta):
    """One pass in train mode that maximises elbo; [(reconstruction, kl)] in nats per image,
    one a batch.
    """
    model.train()
    pairs = []
    for x, _ in loader:
        logits, mu, logvar = model(x)
        loss = -elbo(x, logits, mu, logvar, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        reconstruction = -bernoulli_log_likelihood(x, logits).mean()
        pairs.append((reconstruction.item(), kl_gaussian(mu, logvar).mean().item()))
    return pairs


def _loop_inputs(rng):
    return {
        **training_inputs(rng),
        "inner": rng.normal(0, 0.05, (6, 784)),
        "outer": rng.normal(0, 0.1, (784, 3)),
        "bias": 1.0,  # so that bright batches and dark ones differ in their reconstruction
        "lr": 1e-4,  # small: a wrong update is judged where parameters move, not in later pairs too
        "beta": float(rng.uniform(2, 4)),
    }


def _pair_update(got, want, inputs):
    # The small model's own noise moves the parameters by about a thousandth of an update.
    problem = loop_update(0.02)(got, want, inputs)
    if problem:
        return problem
    if not got["sampled"]:
        return "what is decoded and trained on is the mean of the posterior, not a sample of it."
    return _zero_update(got, want)


def _zero_update(got, want):
    if got.get("zero.error"):
        return f"with beta = 0: {got['zero.error']}"
    if not loop_moved_alike({"update": got["zero.update"]}, {"update": want["zero.update"]}, 0.02):
        return "with beta = 0 the parameters are not where a right loop takes them."
    return None


def _pair_named(got, want, inputs, failed):
    if failed == ["update"] and not loop_update(0.02)(got, want, inputs):
        if not got["sampled"]:
            return (
                "no-sampling",
                "The mean of the posterior is decoded; training needs a sample, as forward gives.",
            )
        return "beta-zero", "A beta of 0 counts as none given: it is a weight like any other."
    return loop_named(got, want, inputs, failed)


def _pair_values(got, want, inputs):
    """The reconstruction may be logged as a loss or as a log-likelihood: its sign is left open."""
    if np.shape(got["result"]) != np.shape(want["result"]):
        return "there is not one pair for each batch."
    for column, part in enumerate(("reconstruction", "KL")):
        a, b = got["result"][:, column], want["result"][:, column]
        if not close(np.abs(a), b, 2e-2):
            return f"the {part} numbers are not those of the batches, in nats per image."
    return None


def _pair_loop(
    loss=None,
    pair=None,
    train=True,
    clear="before",
    step=True,
    batches=slice(None),
    last=None,
    twice=False,
    keep=lambda t: t.item(),
):
    """A `train_epoch` with one of its parts wrong."""

    def mistaken(model, loader, optimizer, beta):
        if train:
            model.train()
        pairs = []
        for x, _ in list(loader)[batches]:
            logits, mu, logvar = model(x)
            rec, kl = -bernoulli_log_likelihood(x, logits), kl_gaussian(mu, logvar)
            if clear == "before":
                optimizer.zero_grad()
            ((loss or (lambda rec, kl, beta: (rec + beta * kl).mean()))(rec, kl, beta)).backward()
            if clear == "between":
                optimizer.zero_grad()
            for _ in range(2 if twice else 1):
                if step:
                    optimizer.step()
            both = (pair or (lambda rec, kl, beta: (rec.mean(), kl.mean())))(rec, kl, beta)
            pairs.append(tuple(keep(t) for t in both) if isinstance(both, tuple) else keep(both))
        return last(pairs) if last else pairs

    def once(model, loader, optimizer, beta):
        optimizer.zero_grad()
        return mistaken(model, loader, optimizer, beta)

    return once if clear == "once" else mistaken


def _pair_mistake(id, says, of, credit=0.0, reread="the training loop of the VAE"):
    return Mistake(id, says, reread, {"train_epoch": of}, credit)


LOOP = Question(
    id="vae.train_epoch",
    points=2,
    title="the training loop",
    probe="vae.training",
    draw=_loop_inputs,
    reference={
        "train_epoch": train_epoch,
        "elbo": elbo,
        "kl_gaussian": kl_gaussian,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
        "reparametrize": reparametrize,
    },
    builds_on=("reparametrize", "kl_gaussian", "bernoulli_log_likelihood", "elbo"),
    checks=(
        Check(
            "list",
            0.15,
            "it returns a list of pairs of floats, one a batch",
            loop_list("pairs of floats", 2),
        ),
        Check(
            "values",
            0.2,
            "a pair is the reconstruction and the KL of its batch, in nats per image",
            _pair_values,
        ),
        Check("graph", 0.1, "no graph is kept alive in the list", loop_graph),
        Check("mode", 0.15, "the model is in train mode while it is trained", loop_mode),
        Check(
            "update",
            0.4,
            "every batch moves the parameters up the ELBO of that beta, once, by a sample of each "
            "posterior; beta may be 0",
            _pair_update,
        ),
    ),
    alike=loop_alike(0.02),
    explain=_pair_named,
    mistakes=(
        _pair_mistake(
            "sign",
            "The parameters move the wrong way: the ELBO is minimised. An optimizer minimises, "
            "so give it the "
            "negative.",
            _pair_loop(loss=lambda rec, kl, beta: -(rec + beta * kl).mean()),
        ),
        _pair_mistake(
            "beta-ignored",
            "The same happens whatever beta is: it is not handed on to the loss.",
            _pair_loop(loss=lambda rec, kl, beta: (rec + kl).mean()),
        ),
        _pair_mistake(
            "kl-missing",
            "Only the reconstruction is trained; the KL does not enter the loss.",
            _pair_loop(loss=lambda rec, kl, beta: rec.mean()),
        ),
        _pair_mistake(
            "kl-sign",
            "The KL is driven up instead of down: its sign in the loss is wrong.",
            _pair_loop(loss=lambda rec, kl, beta: (rec - beta * kl).mean()),
        ),
        _pair_mistake(
            "beta-on-likelihood",
            "Beta multiplies the reconstruction; it weighs the KL.",
            _pair_loop(loss=lambda rec, kl, beta: (beta * rec + kl).mean()),
        ),
        _pair_mistake(
            "batch-sum",
            "The loss is summed over the batch, so steps grow with its size.",
            _pair_loop(loss=lambda rec, kl, beta: (rec + beta * kl).sum()),
            credit=0.25,
            reread=CONVENTION,
        ),
        _pair_mistake(
            "mean-pixels",
            "The reconstruction in the loss is a mean over pixels, the KL a sum: beta means "
            "something else then.",
            _pair_loop(loss=lambda rec, kl, beta: (rec / 784 + beta * kl).mean()),
            credit=0.25,
            reread=CONVENTION,
        ),
        _pair_mistake(
            "no-zero-grad",
            "Gradients pile up from batch to batch: they are never set back to zero.",
            _pair_loop(clear="once"),
        ),
        _pair_mistake(
            "zero-grad-too-late",
            "Gradients are set to zero between backward and step, so nothing is learned.",
            _pair_loop(clear="between"),
        ),
        _pair_mistake("no-step", "The optimizer never makes a step.", _pair_loop(step=False)),
        _pair_mistake(
            "two-steps", "The optimizer makes two steps for each batch.", _pair_loop(twice=True)
        ),
        _pair_mistake(
            "eval-mode",
            "The model stays in the mode that it was handed over in; put it into train mode.",
            _pair_loop(train=False),
            credit=0.5,
        ),
        _pair_mistake(
            "first-batch-only",
            "Only the first batch was used: is there a return or break inside the loop?",
            _pair_loop(batches=slice(1)),
        ),
        _pair_mistake(
            "last-batch-missing", "The last batch was left out.", _pair_loop(batches=slice(-1))
        ),
        _pair_mistake(
            "mean-returned",
            "You return one mean pair; a pair for every batch is asked for.",
            _pair_loop(
                last=lambda pairs: tuple(sum(p) / len(pairs) for p in zip(*pairs, strict=True))
            ),
            credit=0.5,
        ),
        _pair_mistake(
            "running-mean",
            "The numbers are running means over the epoch so far; each batch's own are asked for.",
            _pair_loop(
                last=lambda pairs: [
                    tuple(np.mean(pairs[: i + 1], axis=0).tolist()) for i in range(len(pairs))
                ]
            ),
            credit=0.5,
        ),
        _pair_mistake(
            "two-lists",
            "You return two lists; a list of pairs is asked for, one pair for every batch.",
            _pair_loop(last=lambda pairs: tuple(list(p) for p in zip(*pairs, strict=True))),
            credit=0.5,
        ),
        _pair_mistake(
            "elbo-returned",
            "You return one number for every batch; reconstruction and KL are asked for as a pair.",
            _pair_loop(pair=lambda rec, kl, beta: -(rec + beta * kl).mean()),
        ),
        _pair_mistake(
            "elbo-returned",
            "You return one number for every batch; reconstruction and KL are asked for as a pair.",
            _pair_loop(pair=lambda rec, kl, beta: (rec + beta * kl).mean()),
        ),
        _pair_mistake(
            "pair-swapped",
            "The two numbers of a pair have changed places: reconstruction first, then KL.",
            _pair_loop(pair=lambda rec, kl, beta: (kl.mean(), rec.mean())),
            credit=0.5,
        ),
        _pair_mistake(
            "kl-weighted",
            "The KL that you log is already multiplied by beta, so runs of different beta cannot "
            "be compared.",
            _pair_loop(pair=lambda rec, kl, beta: (rec.mean(), beta * kl.mean())),
            credit=0.5,
        ),
        _pair_mistake(
            "sums-returned",
            "The numbers that you log are sums over the batch, not nats per image.",
            _pair_loop(pair=lambda rec, kl, beta: (rec.sum(), kl.sum())),
            credit=0.5,
            reread=CONVENTION,
        ),
        _pair_mistake(
            "pixel-mean-returned",
            "The reconstruction that you log is per pixel, not per image.",
            _pair_loop(pair=lambda rec, kl, beta: (rec.mean() / 784, kl.mean())),
            credit=0.5,
            reread=CONVENTION,
        ),
        _pair_mistake(
            "keeps-graph",
            "The list holds tensors with their graph, so the memory of every batch is kept: "
            "store numbers.",
            _pair_loop(keep=lambda t: t),
            credit=0.25,
        ),
        _pair_mistake(
            "tensors",
            "The list holds tensors, where plain floats are asked for.",
            _pair_loop(keep=lambda t: t.detach()),
            credit=0.25,
        ),
    ),
)


# -- the importance-weighted bound ----------------------------------------------------------------


def _log_weights(model, x, k, exponent=0.5):
    """(log p(x|z), log p(z), log q(z|x)) of k samples for every image, each (k, B), nats."""
    mu, logvar = model.encode(x)
    eps = torch.randn(k, *mu.shape)
    z = mu + (exponent * logvar).exp() * eps
    logits = model.decode(z.flatten(0, 1)).view(k, *x.shape)
    likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    constant = math.log(2 * math.pi)
    prior = -0.5 * (z**2 + constant).sum(-1)
    posterior = -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + constant).sum(-1)
    return likelihood.flatten(2).sum(-1), prior, posterior


def iwae_bound(model, x, k):
    """log of the mean of k importance weights, (B,), nats. Burda et al. 2016
    (arXiv:1509.00519), eq. 8.
    """
    likelihood, prior, posterior = _log_weights(model, x, k)
    return torch.logsumexp(likelihood + prior - posterior, 0) - math.log(k)


# samples: of how many images, each how often; one sample of a posterior far from the prior is no
# better a test than one of a posterior close to it
KS = {1: (1, 700), 10: (2, 90)}


def _bound_inputs(rng):
    """A linear model whose posteriors are known: close to the prior for the first image, where
    weights vary little and every term shows; ten away for the second, where one sample's weight
    says nothing about the mean of ten. Along the first image's mean, in the widest dimension,
    likelihood and prior cancel, which they do for one and the same sample only.
    """
    x = blobs(rng, 2)
    wide = rng.integers(3)
    mu = np.zeros((2, 3))
    mu[0, wide] = rng.choice([-1, 1])
    mu[1] = rng.normal(0, 1, 3)
    mu[1] *= 7 / np.linalg.norm(mu[1])
    logvar = rng.uniform(-1.5, -1.0, (2, 3))
    logvar[:, wide] = 0.8
    to = np.linalg.pinv(x.reshape(2, 784))
    ink = x[0].ravel() - 0.5  # the slope of the log-likelihood at logits near 0
    to_logits = rng.normal(0, 0.01, (3, 784))
    to_logits[wide] = mu[0, wide] * ink / (ink @ ink)
    return {
        "x": x,
        "to mu": to @ mu,
        "to logvar": to @ logvar,
        "to logits": to_logits,
        "asked": [[k, *rows] for k, rows in KS.items()],
    }


def _bound_form(got, want, inputs):
    for k, (images, repeats) in KS.items():
        value, rows = got.get(f"bound.{k}"), images * repeats
        if value is None:
            return f"received a {got.get(f'bound.{k}.kind')} where one tensor is asked for."
        if value.shape != want[f"bound.{k}"].shape:
            return (
                f"for {rows} images and k = {k}: received shape {value.shape}, expected ({rows},)."
            )
        if not np.isfinite(value).all():
            return f"for k = {k}: received values that are NaN or infinite."
    return None


def _same_mean(a, b, errors=noise.SIGMAS):
    """Whether two samples (images, repeats) have equal means, image by image, to so many standard
    errors.
    """
    error = np.sqrt(a.var(1) / a.shape[1] + b.var(1) / b.shape[1])
    return bool((np.abs(a.mean(1) - b.mean(1)) <= errors * error + 1e-4).all())


def _bound_at(*ks):
    def test(got, want, inputs):
        problem = _bound_form(got, want, inputs)
        if problem:
            return problem
        frozen = _bound_noise(got, want, inputs)
        if frozen:
            return frozen
        for k in ks:
            if not _same_mean(got[f"bound.{k}"], want[f"bound.{k}"]):
                return f"for k = {k} the bound is, on average, not the right one."
        return None

    return test


def _bound_noise(got, want, inputs):
    problem = _bound_form(got, want, inputs)
    if problem:
        return problem
    if any(np.ptp(got[f"bound.{k}"], 1).max() < 1e-6 for k in KS):
        return "the same image, many times in one batch, gets the same value every time."
    return None


def _bound_alike(a, b, inputs):
    for k in KS:
        x, y = a.get(f"bound.{k}"), b.get(f"bound.{k}")
        if x is None or y is None:
            return x is y and not a.get("error") and not b.get("error")
        if x.shape != y.shape:
            return False
        if np.isfinite(x).all() != np.isfinite(y).all():
            return False
        if not np.isfinite(x).all():
            continue
        if x.ndim == 2:
            frozen = np.ptp(x, 1).max() < 1e-6, np.ptp(y, 1).max() < 1e-6
            if frozen[0] != frozen[1] or not (frozen[0] or _same_mean(x, y, 4)):
                return False
            spreads = x.std(1).mean(), y.std(1).mean()
            if not frozen[0] and abs(np.log(spreads[0] / spreads[1])) > 0.7:
                return False
        elif x.ndim == 0 and abs(x - y) > 0.02 * abs(y) + 0.5:
            return False
    return True


def _bound_named(got, want, inputs, failed):
    values = [got.get(f"bound.{k}") for k in KS]
    if any(value is None for value in values):
        kind = got.get("bound.1.kind")
        if kind == "NoneType":
            return "returns-nothing", "Your function returns nothing: is its `return` missing?"
        return "no-tensor", f"Your function returns a {kind}, where one tensor is asked for."
    images = [images * repeats for images, repeats in KS.values()]
    if all(v.shape in ((k, n), (n, k)) for v, k, n in zip(values, KS, images, strict=True)):
        return (
            "not-reduced",
            "There is a weight for each sample and image; the samples are to be reduced to one.",
        )
    if all(v.shape == (k,) for v, k in zip(values, KS, strict=True)):
        return (
            "wrong-axis",
            "You reduced over the images and kept the samples; it is the other way round.",
        )
    # These two can come out alike by chance; then neither is named.
    named = [
        (id, says)
        for (id, says), of in _LARGER.items()
        if _bound_alike(got, probes.run(IWAE.probe, {"iwae_bound": of}, inputs), inputs)
    ]
    return named[0] if len(named) == 1 else None


def _bound_of(combine, exponent=0.5):
    """An `iwae_bound` with its weights put together in another way: combine(rec, prior,
    posterior, k).
    """
    return lambda model, x, k: combine(*_log_weights(model, x, k, exponent), k)


def _shared_noise(model, x, k):
    state = torch.get_rng_state()
    rows = []
    for row in x.split(1):
        torch.set_rng_state(state)
        rows.append(iwae_bound(model, row, k))
    return torch.cat(rows)


def _two_samples(model, x, k):
    likelihood = _log_weights(model, x, k)[0]
    _, prior, posterior = _log_weights(model, x, k)
    return torch.logsumexp(likelihood + prior - posterior, 0) - math.log(k)


_LARGER = {
    ("maximum", "You take the largest weight where their mean belongs."): _bound_of(
        lambda rec, prior, posterior, k: (rec + prior - posterior).max(0).values
    ),
    (
        "two-samples",
        "The sample that is decoded is another one than the one that is weighed: all terms of a "
        "weight are about one z.",
    ): _two_samples,
}


def _bound_mistake(id, says, of, credit=0.0, reread="the importance-weighted bound"):
    return Mistake(id, says, reread, {"iwae_bound": of}, credit)


IWAE = Question(
    id="vae.iwae_bound",
    points=2,
    title="the importance-weighted bound",
    probe="vae.bound",
    draw=_bound_inputs,
    reference={
        "iwae_bound": iwae_bound,
        "reparametrize": reparametrize,
        "kl_gaussian": kl_gaussian,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
    },
    builds_on=("reparametrize", "kl_gaussian", "bernoulli_log_likelihood"),
    extra=True,
    checks=(
        Check("form", 0.2, "it returns one finite value per image, shape (B,)", _bound_form),
        Check("one", 0.25, "with one sample it is, on average, the ELBO", _bound_at(1)),
        Check("many", 0.4, "with more samples it rises as the bound does", _bound_at(10)),
        Check("noise", 0.15, "every image gets its own samples", _bound_noise),
    ),
    alike=_bound_alike,
    explain=_bound_named,
    mistakes=(
        _bound_mistake(
            "mean-of-logs",
            "Your value does not rise with k: it is the mean of the logarithms, an ordinary "
            "ELBO. The "
            "logarithm comes after the mean.",
            _bound_of(lambda rec, prior, posterior, k: (rec + prior - posterior).mean(0)),
        ),
        _bound_mistake(
            "sum-not-mean",
            "Your value rises too fast with k: the weights are added up, not averaged.",
            _bound_of(lambda rec, prior, posterior, k: torch.logsumexp(rec + prior - posterior, 0)),
            credit=0.5,
        ),
        _bound_mistake(
            "underflow",
            "The weights of whole images are too small for floating-point numbers: take the "
            "exponential only "
            "inside a log-sum-exp.",
            _bound_of(
                lambda rec, prior, posterior, k: (rec + prior - posterior).exp().mean(0).log()
            ),
        ),
        _bound_mistake(
            "posterior-missing",
            "The density of the posterior, from which you sample, does not enter the weights.",
            _bound_of(
                lambda rec, prior, posterior, k: torch.logsumexp(rec + prior, 0) - math.log(k)
            ),
        ),
        _bound_mistake(
            "prior-missing",
            "The prior does not enter the weights.",
            _bound_of(
                lambda rec, prior, posterior, k: torch.logsumexp(rec - posterior, 0) - math.log(k)
            ),
        ),
        _bound_mistake(
            "likelihood-only",
            "Only the likelihood enters the weights; prior and posterior are missing.",
            _bound_of(lambda rec, prior, posterior, k: torch.logsumexp(rec, 0) - math.log(k)),
        ),
        _bound_mistake(
            "ratio-inverted",
            "Prior and posterior have changed places in the weights.",
            _bound_of(
                lambda rec, prior, posterior, k: (
                    torch.logsumexp(rec - prior + posterior, 0) - math.log(k)
                )
            ),
        ),
        _bound_mistake(
            "closed-form-kl",
            "The KL in closed form is subtracted from the averaged likelihood; each sample needs "
            "a weight of "
            "its own.",
            lambda model, x, k: (
                torch.logsumexp(_log_weights(model, x, k)[0], 0)
                - math.log(k)
                - kl_gaussian(*model.encode(x))
            ),
        ),
        _bound_mistake(
            "sign",
            "Your value has the wrong sign: it is a loss, not a bound.",
            lambda model, x, k: -iwae_bound(model, x, k),
            credit=0.5,
        ),
        _bound_mistake(
            "batch-mean",
            "You averaged over the batch; every image keeps its own bound.",
            lambda model, x, k: iwae_bound(model, x, k).mean(),
            credit=0.5,
            reread=CONVENTION,
        ),
        _bound_mistake(
            "k-ignored",
            "The same comes out for every k: only one sample is drawn.",
            lambda model, x, k: iwae_bound(model, x, 1),
        ),
        _bound_mistake(
            "variance-as-std",
            "The samples spread as exp(logvar), which is the variance.",
            _bound_of(
                lambda rec, prior, posterior, k: (
                    torch.logsumexp(rec + prior - posterior, 0) - math.log(k)
                ),
                exponent=1.0,
            ),
            reread=LOGVAR,
        ),
        _bound_mistake(
            "shared-noise",
            "All images of the batch share their samples' noise; each needs its own.",
            _shared_noise,
        ),
    ),
)


QUESTIONS = (
    REPARAMETRIZE,
    KL,
    KL_BETWEEN,
    LIKELIHOOD,
    ELBO,
    MODEL,
    LOOP,
    runs.EXTREMES,
    runs.TUNED,
    IWAE,
)
