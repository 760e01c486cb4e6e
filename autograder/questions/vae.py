"""The answer key of `vae`. Kingma & Welling 2014 (arXiv:1312.6114), equations 3, 7 and 10."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from autograder.question import Check, Mistake, Question, matches

from .formula import formula

CLOSED_FORM = "the KL divergence in closed form"
CONVENTION = "the convention for losses: sum over dimensions, mean over the batch"
LOGVAR = "what logvar means"


# -- KL divergences -------------------------------------------------------------------------------


def kl_gaussian(mu, logvar):
    """KL[N(mu, exp(logvar)) || N(0, I)], (B, nz) -> (B,), nats. Kingma & Welling 2014, appendix B."""
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
            "Your numbers are right for a logvar that is the logarithm of the standard deviation. That is a "
            "mere convention, but the course's is the logarithm of the variance.",
            lambda mu, logvar: kl_gaussian(mu, 2 * logvar),
            credit=0.5,
            reread=LOGVAR,
        ),
        _kl_mistake(
            "variance-not-log",
            "Your numbers are those of a second argument that is the variance itself; it is its logarithm, "
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
            "Where the variance belongs, your formula has its logarithm: an exponential is missing.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "logvar-sign",
            "Your KL grows with logvar where it should shrink: the sign of one term is the wrong way round.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1),
        ),
        _kl_mistake(
            "logvar-missing",
            "The term that punishes a narrow posterior is missing: yours can shrink to a point for free.",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1).sum(1),
        ),
        _kl_mistake(
            "exp-term-missing",
            "The term that punishes a wide posterior is missing.",
            lambda mu, logvar: 0.5 * (mu**2 - 1 - logvar).sum(1),
        ),
        _kl_mistake(
            "mean-not-squared",
            "The mean enters your KL without its square, so negative means count as negative divergence.",
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
            "This is the divergence of the second Gaussian from the first. KL is not symmetric: the "
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
            "Your numbers are right for logarithms of standard deviations. That is a mere convention, but "
            "the course's logvar is the logarithm of the variance.",
            lambda m1, v1, m2, v2: kl_between(m1, 2 * v1, m2, 2 * v2),
            credit=0.5,
            reread=LOGVAR,
        ),
        _between_mistake(
            "distance-not-scaled",
            "The distance of the means is not measured against the width of the second Gaussian.",
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 - 1 - v1 + v2).sum(1)
            ),
        ),
        _between_mistake(
            "distance-scaled-by-first",
            "The distance of the means is measured against the width of the first Gaussian; it is the "
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
            lambda m1, v1, m2, v2: (
                0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1).sum(1)
            ),
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
            "You subtracted two divergences to the prior; that is not the divergence between the two.",
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


def _unstable(got, want, inputs, failed):
    if failed == ["stable"]:
        return (
            "unstable",
            "Right on ordinary logits, but not on very large ones: the logarithm of a sigmoid that has "
            "rounded to 0 or 1. There is a function in torch.nn.functional that takes the logits themselves.",
            "why decoders return logits",
        )
    return None


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
    more=(
        Check(
            "stable",
            0.1,
            "logits as large as ±200 give finite, accurate values",
            matches("second", "the values at very large logits"),
        ),
    ),
    explain=_unstable,
    mistakes=(
        _likelihood_mistake(
            "sign",
            "Your values are those of the negative log-likelihood, the loss; a log-likelihood of pixels is "
            "negative.",
            lambda x, logits: -bernoulli_log_likelihood(x, logits),
            credit=0.5,
        ),
        _likelihood_mistake(
            "swapped",
            "Your numbers come out when images and logits change places: look at the order of arguments.",
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
            "Only the term of the ink counts in your sum: paper that is predicted as ink costs nothing.",
            lambda x, logits: (x * F.logsigmoid(logits)).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "paper-only",
            "Only the term of the paper counts in your sum: ink that is predicted as paper costs nothing.",
            lambda x, logits: ((1 - x) * F.logsigmoid(-logits)).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "terms-mixed",
            "The two terms of the likelihood have changed roles: ink is scored as paper.",
            lambda x, logits: bernoulli_log_likelihood(1 - x, logits),
        ),
        _likelihood_mistake(
            "gaussian",
            "Your values are a squared error, the likelihood of a Gaussian; pixels here are Bernoulli.",
            lambda x, logits: -(x - logits.sigmoid()).pow(2).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "gaussian",
            "Your values are a squared error, the likelihood of a Gaussian; pixels here are Bernoulli.",
            lambda x, logits: -0.5 * (x - logits.sigmoid()).pow(2).flatten(1).sum(1),
        ),
        _likelihood_mistake(
            "binarised",
            "Grey pixels were rounded to ink or paper first.",
            lambda x, logits: bernoulli_log_likelihood((x > 0.5).to(x), logits),
        ),
        _likelihood_mistake(
            "mean-not-sum",
            "Your values are the negative mean over pixels, a loss of the other convention; the course sums "
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
            "You averaged over pixels and batch (and lost the sign of a log-likelihood); here every image "
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
    """Mean over the batch of log p(x|z) - beta KL, nats per image, to maximise. Equation 7 at beta 1."""
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()


def _elbo_inputs(rng):
    """Weak logits, so that the likelihood does not drown the KL, and a beta that is no special number."""
    scaled = {"logits": rng.normal(0.3, 1.0, (5, 1, 28, 28))}
    latents = {k: v for k, v in _gaussians(rng).items() if k != "weights"}
    return {**_pictures(rng), **scaled, **latents, "beta": float(rng.uniform(1.8, 3.2))}


def _elbo_mistake(id, says, of, credit=0.0, reread="the evidence lower bound"):
    return Mistake(id, says, reread, {"elbo": of}, credit)


def _terms(x, logits, mu, logvar):
    return bernoulli_log_likelihood(x, logits), kl_gaussian(mu, logvar)


def _elbo_of(combine):
    """An `elbo` that puts the two terms together in another way: combine(rec, kl, beta, pixels, nz)."""

    def mistaken(x, logits, mu, logvar, beta=1.0):
        return combine(*_terms(x, logits, mu, logvar), beta, x[0].numel(), mu.shape[1])

    return mistaken


ELBO = formula(
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
        Check("default", 0.1, "without beta, it is the ELBO itself", matches("second", "the value")),
    ),
    mistakes=(
        _elbo_mistake(
            "sign",
            "This is the negative ELBO, a loss to minimise. That is a mere convention, but here `elbo` is "
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
            "The reconstruction term has the wrong sign: a worse reconstruction gives a higher bound.",
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
            "Likelihood and KL are weighed against each other by one minus beta; here only the KL is weighed.",
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
            "The KL has twice, or half, the weight it should have: a factor of one half was lost or doubled.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 2 * beta * kl).mean()),
        ),
        _elbo_mistake(
            "half-kl",
            "The KL has twice, or half, the weight it should have: a factor of one half was lost or doubled.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 0.5 * beta * kl).mean()),
        ),
        _elbo_mistake(
            "mean-pixels",
            "The reconstruction term is a mean over pixels, the KL a sum. That is a mere convention, but "
            "beta then means something else, and at beta 1 the KL wins.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "mean-latents",
            "The KL is a mean over latent dimensions, the likelihood a sum. That is a mere convention, but "
            "beta then means something else.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl / nz).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "mean-everything",
            "Both terms are means over all their elements. That is a mere convention, but beta then means "
            "something else.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl / nz).mean()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "batch-sum",
            "You summed over the batch, so the value grows with its size; losses are means over the batch.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl).sum()),
            credit=0.5,
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "half-reduced",
            "One term is summed over the batch and the other averaged, so beta would change with batch size.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: rec.mean() - beta * kl.sum()),
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "half-reduced",
            "One term is summed over the batch and the other averaged, so beta would change with batch size.",
            _elbo_of(lambda rec, kl, beta, pixels, nz: rec.sum() - beta * kl.mean()),
            reread=CONVENTION,
        ),
        _elbo_mistake(
            "beta-default",
            "Right when beta is given; left out, it should be one.",
            lambda x, logits, mu, logvar, beta=0.0: elbo(x, logits, mu, logvar, beta),
        ),
        _elbo_mistake(
            "swapped",
            "Your numbers come out when images and logits change places: look at the order of arguments.",
            lambda x, logits, mu, logvar, beta=1.0: elbo(logits, x, mu, logvar, beta),
        ),
        _elbo_mistake(
            "swapped-latents",
            "Your numbers come out when mu and logvar change places: look at the order of arguments.",
            lambda x, logits, mu, logvar, beta=1.0: elbo(x, logits, logvar, mu, beta),
        ),
        _elbo_mistake(
            "absolute",
            "Signs were thrown away: an ELBO of pixels is negative.",
            lambda x, logits, mu, logvar, beta=1.0: elbo(x, logits, mu, logvar, beta).abs(),
        ),
    ),
)

def _planned(id, points, title, extra=False):
    name = id.split(".")[1]
    return Question(
        id=id, points=points, title=title, probe="common.defined", draw=lambda rng: {"name": name},
        reference={name: lambda: None}, extra=extra,
        checks=(Check("defined", 1.0, f"`{name}` is defined", lambda got, want, inputs: None),),
    )  # fmt: skip


QUESTIONS = (
    _planned("vae.reparametrize", 2, "sampling that gradients pass"),
    KL,
    KL_BETWEEN,
    LIKELIHOOD,
    ELBO,
    _planned("vae.VAE", 7, "the variational autoencoder"),
    _planned("vae.train_epoch", 2, "the training loop"),
    _planned("vae.trained", 2, "the runs beta-0 and beta-10, evaluated on held-out images"),
    _planned("vae.tuned", 5, "the tuned run, evaluated on held-out images"),
    _planned("vae.iwae_bound", 2, "the importance-weighted bound", extra=True),
)
