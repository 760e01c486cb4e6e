"""The families of latents in `autodecoder`: samples from given noise, and KLs to the prior.

Every KL is checked against torch.distributions, quadrature and Monte Carlo in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from autograder.key import vae
from autograder.key.kinds.formula import STABLE, formula, inputs_unchanged, named_by_values
from autograder.key.question import Check, Mistake, Question, close, same_arrays, well_formed

# The reference: samples (B, nz) and KLs (B,), in nats


def rsample_gaussian(mu, logvar, eps):
    """mu + sigma * eps, eps from N(0, I)."""
    return mu + (0.5 * logvar).exp() * eps


def kl_gaussian(mu, logvar):
    """KL to N(0, I). Kingma & Welling 2014, appendix B."""
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)


def rsample_exponential(log_rate, u):
    """Inverse CDF of Exp(rate) at u."""
    return -torch.log1p(-u) / log_rate.exp()


def kl_exponential(log_rate):
    """KL of Exp(rate) to Exp(1)."""
    return (log_rate - 1 + (-log_rate).exp()).sum(1)


def rsample_laplace(mu, log_scale, u):
    """Inverse CDF of Laplace(mu, scale) at u."""
    v = u - 0.5
    return mu - log_scale.exp() * v.sign() * torch.log1p(-2 * v.abs())


def kl_laplace(mu, log_scale):
    """KL of Laplace(mu, scale) to Laplace(0, 1)."""
    scale, distance = log_scale.exp(), mu.abs()
    return (distance + scale * (-distance / scale).exp() - log_scale - 1).sum(1)


def rsample_uniform(low_logit, width_logit, u):
    """A point at the fraction u of an interval that lies inside (0, 1)."""
    width = width_logit.sigmoid()
    return low_logit.sigmoid() * (1 - width) + width * u


def kl_uniform(low_logit, width_logit):
    """KL of an interval to U(0, 1): it depends on the width alone."""
    return -F.logsigmoid(width_logit).sum(1)


def cholesky_factor(tril):
    """L from unconstrained (B, nz, nz): the strictly lower part, and a positive diagonal."""
    return tril.tril(-1) + torch.diag_embed(tril.diagonal(dim1=-2, dim2=-1).exp())


def rsample_full_gaussian(mu, tril, eps):
    """mu + L eps, eps from N(0, I)."""
    return mu + torch.einsum("bij,bj->bi", cholesky_factor(tril), eps)


def kl_full_gaussian(mu, tril):
    """KL of N(mu, L L^T) to N(0, I)."""
    trace = cholesky_factor(tril).pow(2).sum((1, 2))
    log_det = 2 * tril.diagonal(dim1=-2, dim2=-1).sum(1)
    return 0.5 * (trace + mu.pow(2).sum(1) - mu.shape[1] - log_det)


# Samples


# where the notebook treats each family
SECTIONS = {
    "gaussian": "Gaussian latents",
    "exponential": "Exponential latents",
    "laplace": "Laplace latents",
    "uniform": "Uniform latents",
    "full_gaussian": "Gaussian with full covariance",
}


def sampler(
    id, *, points, title, params, noise, draw, reference, mistakes=(), tails=None, extra=False
) -> Question:
    """A question about a sample made from given noise.

    A uniform u and its mirror image 1 - u are equally good, as are eps and -eps: whatever the
    mirrored noise would give is right too, as long as values and gradients are of one kind.

    params: what is differentiated; noise: the last argument. draw(rng) gives `noise`, its
    `mirrored` and, with tails=(low, high), the range of a sample, `tails`: noise as near to 0 and
    1 as float32 goes.
    """
    name = id.split(".")[1]
    again = {
        "mirror": {noise: "mirrored"},
        "again": {},
        **({"edge": {noise: "tails"}} if tails else {}),
    }

    def drawn(rng):
        arguments = {"name": name, "args": [*params, noise], "grad": list(params)}
        return {**arguments, "variations": again, **draw(rng)}

    def forms(want):
        """The right evidence, and that for mirrored noise."""
        return want, {k[7:]: v for k, v in want.items() if k.startswith("mirror.")}

    def form(got, want, inputs):
        return well_formed(got, want, "value", "the sample")

    def values(got, want, inputs):
        problem = form(got, want, inputs)
        if problem:
            return problem
        if got.get("again.value") is not None and not close(got["value"], got["again.value"]):
            return "the same noise gave two different samples."
        if not any(close(got["value"], right["value"]) for right in forms(want)):
            return "the samples differ from the right ones."

    def gradients(got, want, inputs):
        if got.get("grad.error"):
            return f"asking for a gradient failed: {got['grad.error']}"
        if not got.get("value.attached"):
            return "the sample carries no gradient."
        kinds = [r for r in forms(want) if close(got.get("value", ()), r["value"])] or forms(want)
        for key in params:
            value = got.get(f"grad.{key}")
            if value is None or not any(close(value, r[f"grad.{key}"], 1e-3, 1e-4) for r in kinds):
                none = "is not the right one" if value is not None and np.any(value) else "is zero"
                return f"the gradient with respect to {key} {none}."

    def finite(got, want, inputs):
        problem = well_formed(got, want, "edge.value", "the sample")
        value = got.get("edge.value")
        if problem or not (tails[0] <= value.min() and value.max() <= tails[1]):
            return problem or "there are values that this distribution never takes."

    def manners(got, want, inputs):
        if got.get("value") is None:
            return "no sample was received."
        return inputs_unchanged(got, want, inputs)

    def alike(a, b, inputs):
        return any(same_call(a, other, inputs) for other in forms(b))

    def explain(got, want, inputs, failed):
        value, again = got.get("value"), got.get("again.value")
        if value is not None and again is not None and not close(value, again):
            return (
                "noise-redrawn",
                (
                    f"The same {noise} gave two different samples: fresh noise is drawn inside"
                    " instead of using the noise that is given."
                ),
                SECTIONS[name.partition("_")[2]],
            )
        for right in forms(want):
            named = named_by_values(got, right, inputs, failed)
            if named and (named[0] != "factor" or np.size(right["value"]) > 2):
                return named
        for right in (r["value"] for r in forms(want)):
            reduced = (f(right, axis) for f in (np.sum, np.mean) for axis in (0, 1, None))
            if any(close(value, part, 1e-3) for part in reduced if value is not None):
                return (
                    "reduced",
                    "The numbers are added up or averaged: a sample has one for every dimension.",
                )
        if failed == ["tails"]:
            return (
                "not-finite-at-the-edge",
                "Near the edges of its range the noise gives no finite sample.",
            )
        return None

    kind = "sample" if noise == "eps" else "sample, from u or its mirror image"
    checks = [
        Check("form", 0.15, f"`{name}` returns one sample, shaped like its parameters", form),
        Check("values", 0.45 if tails is None else 0.4, f"the values are the {kind}", values),
        Check(
            "gradients", 0.3, f"gradients flow to {' and '.join(params)} and are right", gradients
        ),
        Check("manners", 0.1, "the arguments are left as they were", manners),
    ]
    if tails:
        says = f"the sample is finite and in its range for {noise} next to 0 and next to 1"
        checks.insert(3, Check("tails", 0.05, says, finite))
    return Question(
        id=id,
        points=points,
        title=title,
        probe="common.variations",
        draw=drawn,
        reference={name: reference},
        checks=tuple(checks),
        mistakes=mistakes,
        extra=extra,
        alike=alike,
        explain=explain,
    )


def same_call(a, b, inputs) -> bool:
    """The same result and gradients; where one side has no gradient, none counts as zero."""

    def full(evidence):
        zeros = {f"grad.{key}": np.zeros(inputs[key].shape) for key in inputs["grad"]}
        return {**zeros, **{k: v for k, v in evidence.items() if v is not None}}

    keys = ["value", *(f"grad.{key}" for key in inputs["grad"])]
    return b.get("value") is not None and same_arrays(full(a), full(b), keys=keys)


def named(name: str, reread: str = ""):
    """Mistakes of one function: (id, sentence, code[, credit])."""
    reread = reread or SECTIONS[name.partition("_")[2]]

    def mistake(id, says, code, credit=0.0):
        return Mistake(id, says, reread, {name: code}, credit)

    return mistake


def _normal(rng, shape=(5, 7)):
    eps = rng.normal(size=shape)
    return {"eps": eps, "mirrored": -eps}


def _uniform(rng, shape=(5, 7)):
    """u, 1 - u, and u as close to 0 and 1 as float32 is spaced."""
    u = rng.uniform(0.03, 0.97, shape).astype(np.float32)
    tails = np.where(rng.permutation(np.arange(u.size)).reshape(shape) % 2, 2.0**-24, 1 - 2.0**-24)
    return {"u": u, "mirrored": 1 - u, "tails": tails}


def _gaussians(rng):
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "logvar": rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **_normal(rng),
    }


_m = named("rsample_gaussian")
RSAMPLE_GAUSSIAN = sampler(
    "autodecoder.rsample_gaussian",
    points=1,
    title="sampling a Gaussian from given noise",
    params=("mu", "logvar"),
    noise="eps",
    draw=_gaussians,
    reference=rsample_gaussian,
    mistakes=(
        _m(
            "variance-for-std",
            "The spread of your sample equals exp(logvar), which is the variance. If you meant"
            " logvar as the logarithm of the standard deviation: that is a mere convention, but not"
            " the one of this course.",
            lambda mu, logvar, eps: mu + logvar.exp() * eps,
            0.3,
        ),
        _m(
            "root-twice",
            "The spread of your sample is the root of the standard deviation: a square root too "
            "many.",
            lambda mu, logvar, eps: mu + (logvar / 4).exp() * eps,
        ),
        _m(
            "log-not-undone",
            "The spread of your sample is logvar itself, which can be negative: undo the "
            "logarithm.",
            lambda mu, logvar, eps: mu + logvar * eps,
        ),
        _m(
            "log-not-undone",
            "The spread of your sample is half of logvar, which can be negative: undo the "
            "logarithm.",
            lambda mu, logvar, eps: mu + 0.5 * logvar * eps,
        ),
        _m(
            "factor-outside",
            "The half stands outside the exponential: it halves the variance instead of taking "
            "its root.",
            lambda mu, logvar, eps: mu + 0.5 * logvar.exp() * eps,
        ),
        _m(
            "precision",
            "The spread of your sample shrinks where logvar grows: the sign in the exponent is "
            "wrong.",
            lambda mu, logvar, eps: mu + (-0.5 * logvar).exp() * eps,
        ),
        _m(
            "precision",
            "The spread of your sample shrinks where logvar grows: the sign in the exponent is "
            "wrong.",
            lambda mu, logvar, eps: mu + (-logvar).exp() * eps,
        ),
        _m(
            "mean-missing",
            "Your sample does not depend on mu: its mean is zero.",
            lambda mu, logvar, eps: (0.5 * logvar).exp() * eps,
        ),
        _m(
            "noise-missing",
            "Your sample does not depend on the noise: it is the mean.",
            lambda mu, logvar, eps: mu + 0 * logvar,
        ),
        _m(
            "noise-missing",
            "Your sample does not depend on the noise: it is the mean plus one standard deviation.",
            lambda mu, logvar, eps: mu + (0.5 * logvar).exp(),
        ),
        _m(
            "spread-missing",
            "Your sample has spread one everywhere: logvar does not enter.",
            lambda mu, logvar, eps: mu + eps + 0 * logvar,
        ),
        _m(
            "mean-times-spread",
            "Mean and spread are multiplied where they should be added.",
            lambda mu, logvar, eps: mu * (0.5 * logvar).exp() * eps,
        ),
        _m(
            "noise-shared",
            "Every row gets the noise of the first row: samples of one batch are not independent.",
            lambda mu, logvar, eps: rsample_gaussian(mu, logvar, eps[:1]),
        ),
        _m(
            "noise-shared",
            "Every dimension gets the noise of the first: the dimensions are not independent.",
            lambda mu, logvar, eps: rsample_gaussian(mu, logvar, eps[:, :1]),
        ),
        _m(
            "mean-scaled",
            "The mean is multiplied by the spread too.",
            lambda mu, logvar, eps: (0.5 * logvar).exp() * (mu + eps),
        ),
    ),
)


def _exponentials(rng):
    return {
        "log_rate": rng.uniform(-1.5, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **_uniform(rng),
    }


_m = named("rsample_exponential")
RSAMPLE_EXPONENTIAL = sampler(
    "autodecoder.rsample_exponential",
    points=1,
    title="sampling an exponential from a given uniform",
    params=("log_rate",),
    noise="u",
    draw=_exponentials,
    reference=rsample_exponential,
    tails=(0.0, np.inf),
    mistakes=(
        _m(
            "scale-for-rate",
            "Your samples grow with the rate: they are multiplied by it. The rate counts events per"
            " time, so a large one means small values. Reading it as a scale is a mere convention,"
            " but not that of this course.",
            lambda log_rate, u: -torch.log1p(-u) * log_rate.exp(),
            0.3,
        ),
        _m(
            "sign",
            "Your samples are negative: the logarithm of a number below one is, and a minus sign is"
            " lost.",
            lambda log_rate, u: torch.log1p(-u) / log_rate.exp(),
            0.3,
        ),
        _m(
            "sign",
            "Your samples are negative, and they grow with the rate.",
            lambda log_rate, u: torch.log1p(-u) * log_rate.exp(),
        ),
        _m(
            "log-of-negative",
            "Your samples are NaN: the logarithm is taken of a negative number. Check the "
            "order of u and 1 in it.",
            lambda log_rate, u: -(u - 1).log() / log_rate.exp(),
            0.2,
        ),
        _m(
            "log-not-undone",
            "The logarithm of the rate is used as the rate.",
            lambda log_rate, u: -torch.log1p(-u) / log_rate,
        ),
        _m(
            "log-not-undone",
            "The logarithm of the rate is used as a scale.",
            lambda log_rate, u: -torch.log1p(-u) * log_rate,
        ),
        _m(
            "noise-not-transformed",
            "The uniform noise is only scaled: without the logarithm the samples stay uniform.",
            lambda log_rate, u: u / log_rate.exp(),
        ),
        _m(
            "rate-missing",
            "Your samples are those of rate one everywhere.",
            lambda log_rate, u: -torch.log1p(-u) + 0 * log_rate,
        ),
        _m(
            "noise-missing",
            "Your sample is the mean: it does not depend on the noise.",
            lambda log_rate, u: (-log_rate).exp() + 0 * u,
        ),
        _m(
            "added",
            "The logarithm of the rate is added where the rate should divide.",
            lambda log_rate, u: -torch.log1p(-u) - log_rate,
        ),
        _m(
            "density",
            "Your value is the density at u, not a sample: invert the distribution function.",
            lambda log_rate, u: log_rate.exp() * (-log_rate.exp() * u).exp(),
        ),
        _m(
            "distribution-function",
            "Your value is the distribution function at u; its inverse is wanted.",
            lambda log_rate, u: 1 - (-log_rate.exp() * u).exp(),
        ),
        _m(
            "plus-for-minus",
            "The logarithm is taken of one plus u: it never gets beyond log 2.",
            lambda log_rate, u: torch.log1p(u) / log_rate.exp(),
        ),
        _m(
            "plus-for-minus",
            "The logarithm is taken of one plus u: it never gets beyond log 2.",
            lambda log_rate, u: -torch.log1p(u) / log_rate.exp(),
        ),
        _m(
            "rate-inside",
            "The rate is inside the logarithm; it should divide the result.",
            lambda log_rate, u: -(log_rate.exp() * u).log(),
        ),
        _m(
            "gaussian",
            "Your sample treats u as Gaussian noise: mean plus spread times noise.",
            lambda log_rate, u: (-log_rate).exp() + (-log_rate).exp() * u,
        ),
        _m(
            "root",
            "There is a square root too many: the rate is treated as a variance.",
            lambda log_rate, u: -torch.log1p(-u) / (0.5 * log_rate).exp(),
        ),
        _m(
            "noise-shared",
            "Every row gets the noise of the first row.",
            lambda log_rate, u: rsample_exponential(log_rate, u[:1]),
        ),
        _m(
            "noise-shared",
            "Every dimension gets the noise of the first.",
            lambda log_rate, u: rsample_exponential(log_rate, u[:, :1]),
        ),
    ),
)


def _laplaces(rng):
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "log_scale": rng.uniform(-1.5, 1, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **_uniform(rng),
    }


def _standard_laplace(u):
    return rsample_laplace(torch.zeros_like(u), torch.zeros_like(u), u)


_m = named("rsample_laplace")
RSAMPLE_LAPLACE = sampler(
    "autodecoder.rsample_laplace",
    points=2,
    title="sampling a Laplace from a given uniform",
    params=("mu", "log_scale"),
    noise="u",
    draw=_laplaces,
    reference=rsample_laplace,
    tails=(-np.inf, np.inf),
    mistakes=(
        _m(
            "sign-missing",
            "Your samples lie on one side of mu only: the sign of u - 1/2 is lost.",
            lambda mu, s, u: mu - s.exp() * torch.log1p(-2 * (u - 0.5).abs()),
        ),
        _m(
            "sign-missing",
            "Your samples lie on one side of mu only: the sign of u - 1/2 is lost.",
            lambda mu, s, u: mu + s.exp() * torch.log1p(-2 * (u - 0.5).abs()),
        ),
        _m(
            "not-centred",
            "The uniform is not centred before its sign is taken: your samples all lie on one"
            " side.",
            lambda mu, s, u: mu - s.exp() * u.sign() * torch.log(1 - 2 * u.abs()),
        ),
        _m(
            "factor-two-missing",
            "A factor of two is lost inside the logarithm: your samples never get further than "
            "log 2 scales from mu.",
            lambda mu, s, u: mu - s.exp() * (u - 0.5).sign() * torch.log1p(-(u - 0.5).abs()),
        ),
        _m(
            "absolute-value-missing",
            "The absolute value is lost inside the logarithm: one half of your samples is "
            "too close to mu.",
            lambda mu, s, u: mu - s.exp() * (u - 0.5).sign() * torch.log1p(-2 * (u - 0.5)),
        ),
        _m(
            "scale-inverted",
            "The spread of your samples shrinks where the scale grows: it is divided by instead of "
            "multiplied.",
            lambda mu, s, u: mu + (-s).exp() * _standard_laplace(u),
            0.2,
        ),
        _m(
            "log-not-undone",
            "The logarithm of the scale is used as the scale.",
            lambda mu, s, u: mu + s * _standard_laplace(u),
        ),
        _m(
            "root",
            "There is a square root too many: the scale is treated as a variance.",
            lambda mu, s, u: mu + (0.5 * s).exp() * _standard_laplace(u),
        ),
        _m(
            "mean-missing",
            "Your samples do not depend on mu.",
            lambda mu, s, u: s.exp() * _standard_laplace(u) + 0 * mu,
        ),
        _m(
            "mean-subtracted",
            "mu is subtracted: your samples are centred at its negative.",
            lambda mu, s, u: s.exp() * _standard_laplace(u) - mu,
        ),
        _m(
            "mean-scaled",
            "mu is multiplied by the scale too.",
            lambda mu, s, u: s.exp() * (mu + _standard_laplace(u)),
        ),
        _m(
            "scale-missing",
            "Your samples have scale one everywhere.",
            lambda mu, s, u: mu + _standard_laplace(u) + 0 * s,
        ),
        _m(
            "noise-missing",
            "Your sample is mu: it does not depend on the noise.",
            lambda mu, s, u: mu + 0 * s,
        ),
        _m(
            "gaussian",
            "Your sample treats u as Gaussian noise: mean plus spread times noise.",
            lambda mu, s, u: mu + s.exp() * u,
        ),
        _m(
            "noise-not-transformed",
            "The centred uniform is only scaled: without the logarithm the samples stay uniform.",
            lambda mu, s, u: mu + s.exp() * (u - 0.5),
        ),
        _m(
            "noise-not-transformed",
            "The centred uniform is only scaled: without the logarithm the samples stay uniform.",
            lambda mu, s, u: mu + s.exp() * (2 * u - 1),
        ),
        _m(
            "exponential",
            "Your samples are those of an exponential: they lie on one side of mu.",
            lambda mu, s, u: mu + rsample_exponential(-s, u),
        ),
        _m(
            "noise-shared",
            "Every row gets the noise of the first row.",
            lambda mu, s, u: rsample_laplace(mu, s, u[:1]),
        ),
        _m(
            "noise-shared",
            "Every dimension gets the noise of the first.",
            lambda mu, s, u: rsample_laplace(mu, s, u[:, :1]),
        ),
    ),
)


def _intervals(rng):
    return {
        "low_logit": rng.normal(0, 1.5, (5, 7)),
        "width_logit": rng.normal(0, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **_uniform(rng),
    }


_m = named("rsample_uniform")
RSAMPLE_UNIFORM = sampler(
    "autodecoder.rsample_uniform",
    points=1,
    title="sampling a uniform interval",
    params=("low_logit", "width_logit"),
    noise="u",
    draw=_intervals,
    reference=rsample_uniform,
    tails=(-1e-6, 1 + 1e-6),
    extra=True,
    mistakes=(
        _m(
            "sticks-out",
            "Your interval can stick out of (0, 1): its lower end leaves no room for the width.",
            lambda a, w, u: a.sigmoid() + w.sigmoid() * u,
            0.2,
        ),
        _m(
            "width-as-end",
            "The width is used as the upper end of the interval.",
            lambda a, w, u: a.sigmoid() + (w.sigmoid() - a.sigmoid()) * u,
        ),
        _m(
            "width-as-end",
            "The width is used as the upper end of the interval.",
            lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) * (1 - u) + w.sigmoid() * u,
        ),
        _m(
            "not-squashed",
            "The two numbers are used as they come; both are logits, and need a sigmoid.",
            lambda a, w, u: a * (1 - w) + w * u,
        ),
        _m(
            "not-squashed",
            "The width is used as it comes; it is a logit, and needs a sigmoid.",
            lambda a, w, u: a.sigmoid() * (1 - w) + w * u,
        ),
        _m(
            "not-squashed",
            "The lower end is used as it comes; it is a logit, and needs a sigmoid.",
            lambda a, w, u: a * (1 - w.sigmoid()) + w.sigmoid() * u,
        ),
        _m(
            "exponential-for-sigmoid",
            "An exponential is used where a sigmoid belongs: the width can exceed one.",
            lambda a, w, u: a.sigmoid() * (1 - w.exp()) + w.exp() * u,
        ),
        _m(
            "room-not-width",
            "The room that is left is used as the width, and the width as the room.",
            lambda a, w, u: a.sigmoid() * w.sigmoid() + (1 - w.sigmoid()) * u,
        ),
        _m(
            "centred",
            "The uniform is centred: half of your samples lie below the interval.",
            lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid() * (u - 0.5),
        ),
        _m(
            "noise-missing",
            "Your sample does not depend on the noise: it is the lower end.",
            lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + 0 * u,
        ),
        _m(
            "noise-missing",
            "Your sample does not depend on the noise: it is the middle of the interval.",
            lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + 0.5 * w.sigmoid(),
        ),
        _m(
            "low-missing",
            "Your interval always starts at zero.",
            lambda a, w, u: w.sigmoid() * u + 0 * a,
        ),
        _m(
            "width-missing",
            "Your interval always has width one.",
            lambda a, w, u: a.sigmoid() + u + 0 * w,
        ),
        _m("swapped", "The two arguments are exchanged.", lambda a, w, u: rsample_uniform(w, a, u)),
        _m(
            "low-scaled",
            "Low end and width are multiplied by the noise together.",
            lambda a, w, u: (a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid()) * u,
        ),
        _m(
            "noise-shared",
            "Every row gets the noise of the first row.",
            lambda a, w, u: rsample_uniform(a, w, u[:1]),
        ),
        _m(
            "noise-shared",
            "Every dimension gets the noise of the first.",
            lambda a, w, u: rsample_uniform(a, w, u[:, :1]),
        ),
    ),
)


def _full_gaussians(rng):
    """The upper triangle holds numbers too: what is not asked for must not matter."""
    tril = rng.normal(0, 0.5, (5, 4, 4))
    # d away from where d + exp(d) is 0: a diagonal counted twice must leave a determinant to judge
    low, high = rng.uniform(-1.2, -0.8, (5, 4)), rng.uniform(-0.3, 0.8, (5, 4))
    tril[:, range(4), range(4)] = np.where(rng.random((5, 4)) < 0.4, low, high)
    return {"mu": rng.normal(0, 1.3, (5, 4)), "tril": tril}


def _times(factor, eps):
    return torch.einsum("bij,bj->bi", factor, eps)


def _diagonal(tril):
    return tril.diagonal(dim1=-2, dim2=-1)


# (id, sentence, L from tril): said of samples and of the KL
_FACTORS = (
    (
        "upper-kept",
        "The numbers above the diagonal take part; L is lower triangular.",
        lambda t: t - torch.diag_embed(_diagonal(t)) + torch.diag_embed(_diagonal(t).exp()),
    ),
    (
        "diagonal-not-exponentiated",
        "The diagonal is used as it comes; it holds logarithms, so that L has a positive diagonal.",
        lambda t: t.tril(),
    ),
    (
        "all-exponentiated",
        "Everything below the diagonal is exponentiated too; only the diagonal should be.",
        lambda t: t.exp().tril(),
    ),
    (
        "diagonal-twice",
        "The diagonal is counted twice: as it comes, and exponentiated.",
        lambda t: t.tril() + torch.diag_embed(_diagonal(t).exp()),
    ),
    (
        "diagonal-only",
        "Only the diagonal takes part: that is a Gaussian without correlations.",
        lambda t: torch.diag_embed(_diagonal(t).exp()),
    ),
    ("diagonal-missing", "The diagonal is missing from L.", lambda t: t.tril(-1)),
    (
        "diagonal-halved",
        (
            "Half of the diagonal is exponentiated, as if it held log-variances; here it holds the "
            "logarithms of L's own diagonal. A mere convention, but not that of this course."
        ),
        lambda t: t.tril(-1) + torch.diag_embed((0.5 * _diagonal(t)).exp()),
    ),
    (
        "diagonal-doubled",
        "The diagonal is exponentiated twice over, as if it held logarithms of a root.",
        lambda t: t.tril(-1) + torch.diag_embed((2 * _diagonal(t)).exp()),
    ),
    (
        "softplus",
        "The diagonal goes through a softplus; here it is an exponential.",
        lambda t: t.tril(-1) + torch.diag_embed(F.softplus(_diagonal(t))),
    ),
    (
        "first-of-batch",
        "Every image gets the factor L of the first image.",
        lambda t: cholesky_factor(t)[:1].expand_as(t),
    ),
)

_m = named("rsample_full_gaussian")
RSAMPLE_FULL_GAUSSIAN = sampler(
    "autodecoder.rsample_full_gaussian",
    points=1,
    title="sampling a Gaussian with full covariance",
    params=("mu", "tril"),
    noise="eps",
    draw=lambda rng: {
        **_full_gaussians(rng),
        "weights": rng.uniform(0.5, 2, (5, 4)),
        **_normal(rng, (5, 4)),
    },
    reference=rsample_full_gaussian,
    extra=True,
    mistakes=(
        *(
            _m(id, says, lambda mu, t, eps, factor=factor: mu + _times(factor(t), eps))
            for id, says, factor in _FACTORS
        ),
        _m(
            "transposed",
            "The noise is multiplied by L transposed: your samples have another covariance. Mind "
            "which index of L meets the noise.",
            lambda mu, t, eps: mu + _times(cholesky_factor(t).transpose(1, 2), eps),
            0.3,
        ),
        _m(
            "covariance-for-root",
            "The noise is multiplied by the covariance; its root, L, gives samples that "
            "have this covariance.",
            lambda mu, t, eps: (
                mu + _times(cholesky_factor(t) @ cholesky_factor(t).transpose(1, 2), eps)
            ),
        ),
        _m(
            "mean-missing",
            "Your samples do not depend on mu.",
            lambda mu, t, eps: _times(cholesky_factor(t), eps) + 0 * mu,
        ),
        _m(
            "noise-missing",
            "Your sample is mu: it does not depend on the noise.",
            lambda mu, t, eps: mu + 0 * eps,
        ),
        _m(
            "mean-scaled",
            "mu is multiplied by L too.",
            lambda mu, t, eps: _times(cholesky_factor(t), mu + eps),
        ),
        _m(
            "noise-shared",
            "Every row gets the noise of the first row.",
            lambda mu, t, eps: mu + _times(cholesky_factor(t), eps[:1].expand_as(eps)),
        ),
        _m(
            "elementwise",
            "L and the noise are multiplied element by element and added up the wrong way.",
            lambda mu, t, eps: mu + (cholesky_factor(t) * eps[:, :, None]).sum(2),
        ),
    ),
)


# KL divergences


def _divergence(id, *, noise_free: Callable, **arguments):
    """A formula question on drawn parameters: `noise_free(rng)` gives them."""

    def draw(rng):
        drawn = noise_free(rng)
        return {**drawn, "weights": rng.uniform(0.5, 2, 5)}

    return formula(id, draw=draw, **arguments)


def _reductions(mistake, terms):
    """The wrong ways to add up (B, nz) terms that a shape cannot explain."""
    return (
        mistake(
            "wrong-axis",
            "You add up over the images of the batch; the sum should run over latent dimensions.",
            lambda *args: terms(*args).sum(0),
        ),
    )


# The same function as in `vae`, asked and judged the same way.
KL_GAUSSIAN = replace(
    next(question for question in vae.QUESTIONS if question.id == "vae.kl_gaussian"),
    id="autodecoder.kl_gaussian",
    points=1,
)


def _exponential_terms(s):
    return s - 1 + (-s).exp()


_m = named("kl_exponential")
KL_EXPONENTIAL = _divergence(
    "autodecoder.kl_exponential",
    points=1,
    title="KL of an exponential to Exp(1)",
    args=("log_rate",),
    grad=("log_rate",),
    noise_free=lambda rng: {"log_rate": rng.uniform(-1.5, 1.5, (5, 7))},
    reference=kl_exponential,
    about="the KL divergence to Exp(1), summed over latent dimensions",
    mistakes=(
        _m(
            "rate-inverted",
            "Your KL is the right one at the inverse rate: log_rate was read as the logarithm of a "
            "scale, or the two distributions were exchanged.",
            lambda s: (-s - 1 + s.exp()).sum(1),
            0.3,
        ),
        _m(
            "rate-for-inverse",
            "The last term grows with the rate, where it should shrink.",
            lambda s: (s - 1 + s.exp()).sum(1),
        ),
        _m(
            "log-sign",
            "The logarithm of the rate enters with the wrong sign.",
            lambda s: (-s - 1 + (-s).exp()).sum(1),
        ),
        _m(
            "one-missing",
            "A constant is lost: your KL is not zero where the distribution equals the prior.",
            lambda s: (s + (-s).exp()).sum(1),
        ),
        _m(
            "one-sign",
            "A constant has the wrong sign: your KL is not zero where the distribution equals the "
            "prior.",
            lambda s: (s + 1 + (-s).exp()).sum(1),
        ),
        _m(
            "one-not-summed",
            "A constant is taken once an image, where it belongs to every dimension.",
            lambda s: (s + (-s).exp()).sum(1) - 1,
        ),
        _m(
            "log-missing",
            "The term with the logarithm of the rate is missing.",
            lambda s: ((-s).exp() - 1).sum(1),
        ),
        _m(
            "inverse-missing",
            "The term with the inverse rate is missing.",
            lambda s: (s - 1).sum(1),
        ),
        _m(
            "log-not-undone",
            "The logarithm of the rate is used as the rate.",
            lambda s: (s - 1 + 1 / s).sum(1),
        ),
        _m(
            "log-not-undone",
            "The logarithm of the rate is used as the rate, and its logarithm taken again: "
            "that is NaN where it is negative.",
            lambda s: (s.log() - 1 + 1 / s).sum(1),
        ),
        _m(
            "log-undone-twice",
            "The rate stands where its logarithm belongs.",
            lambda s: (s.exp() - 1 + (-s).exp()).sum(1),
        ),
        _m(
            "gaussian",
            "Your formula is that of a Gaussian with mean zero.",
            lambda s: 0.5 * (s.exp() - 1 - s).sum(1),
        ),
        *_reductions(_m, _exponential_terms),
    ),
)


def _laplace_terms(mu, s):
    b, a = s.exp(), mu.abs()
    return a + b * (-a / b).exp() - s - 1


def _finite_at_zero(got, want, inputs):
    """A test: at mu = 0 there is a kink in |mu|, and still a gradient that is no NaN."""
    if got.get("zero.error"):
        return got["zero.error"]
    value = got.get("zero.grad.mu")
    if value is None or np.shape(value) != inputs["zeros"].shape:
        return "no gradient was received."
    if not np.isfinite(value[inputs["zeros"] == 0]).all():
        return "the gradient is NaN or infinite there."


def _kink_named(got, want, inputs, failed):
    if failed == ["kink"]:
        return (
            "kink",
            (
                "Everything is right except the gradient where mu is zero: a square root or a"
                " division has no derivative there."
            ),
        )
    return named_by_values(got, want, inputs, failed)


_m = named("kl_laplace")
_formula = _divergence(
    "autodecoder.kl_laplace",
    points=1,
    title="KL of a Laplace to Laplace(0, 1)",
    args=("mu", "log_scale"),
    grad=("mu", "log_scale"),
    noise_free=lambda rng: {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "log_scale": rng.uniform(-1.5, 1, (5, 7)),
        "zeros": rng.normal(0, 1.3, (5, 7)) * (rng.permutation(35).reshape(5, 7) % 2),
        "variations": {"zero": {"mu": "zeros"}},
    },
    reference=kl_laplace,
    about="the KL divergence to Laplace(0, 1), summed over latent dimensions",
    weights=(0.15, 0.45, 0.25, 0.1),
    more=(Check("kink", 0.05, "gradients are finite where mu is exactly zero", _finite_at_zero),),
    mistakes=(
        _m(
            "absolute-value-missing",
            "The sign of mu matters in your KL; only its distance from zero should: an "
            "absolute value is missing.",
            lambda mu, s: (mu + s.exp() * (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "absolute-value-missing",
            "The sign of mu matters in your KL; only its distance from zero should: an "
            "absolute value is missing.",
            lambda mu, s: (mu.abs() + s.exp() * (-mu / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "absolute-value-missing",
            "The sign of mu matters in your KL; only its distance from zero should: the "
            "absolute values are missing.",
            lambda mu, s: (mu + s.exp() * (-mu / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "scale-before-exponential",
            "The factor in front of the exponential is missing.",
            lambda mu, s: (mu.abs() + (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "scale-in-exponent",
            "The distance in the exponent is not measured in scales.",
            lambda mu, s: (mu.abs() + s.exp() * (-mu.abs()).exp() - s - 1).sum(1),
        ),
        _m(
            "scale-in-exponent",
            "The distance in the exponent is multiplied by the scale instead of divided.",
            lambda mu, s: (mu.abs() + s.exp() * (-mu.abs() * s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "exponent-sign",
            "The exponential grows with the distance, where it should fade.",
            lambda mu, s: (mu.abs() + s.exp() * (mu.abs() / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "log-sign",
            "The logarithm of the scale enters with the wrong sign.",
            lambda mu, s: (mu.abs() + s.exp() * (-mu.abs() / s.exp()).exp() + s - 1).sum(1),
        ),
        _m(
            "log-missing",
            "The term with the logarithm of the scale is missing.",
            lambda mu, s: (mu.abs() + s.exp() * (-mu.abs() / s.exp()).exp() - 1).sum(1),
        ),
        _m(
            "one-missing",
            "A constant is lost: your KL is not zero where the distribution equals the prior.",
            lambda mu, s: (_laplace_terms(mu, s) + 1).sum(1),
        ),
        _m(
            "one-sign",
            "A constant has the wrong sign: your KL is not zero where the distribution equals the "
            "prior.",
            lambda mu, s: (_laplace_terms(mu, s) + 2).sum(1),
        ),
        _m(
            "one-not-summed",
            "A constant is taken once an image, where it belongs to every dimension.",
            lambda mu, s: (_laplace_terms(mu, s) + 1).sum(1) - 1,
        ),
        _m(
            "exponential-missing",
            "The exponential term is missing: your KL is right only far from zero.",
            lambda mu, s: (mu.abs() - s - 1).sum(1),
        ),
        _m(
            "exponential-missing",
            "The exponential is missing, and only its factor is left: right only at zero.",
            lambda mu, s: (mu.abs() + s.exp() - s - 1).sum(1),
        ),
        _m(
            "distance-missing",
            "The distance from zero is missing: the first term is lost.",
            lambda mu, s: (s.exp() * (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "scale-inverted",
            "Your KL is the right one at the inverse scale: log_scale is used with the wrong sign.",
            lambda mu, s: _laplace_terms(mu, -s).sum(1),
            0.2,
        ),
        _m(
            "root",
            "Your KL is the right one at the root of the scale: the scale is treated as a"
            " variance.",
            lambda mu, s: _laplace_terms(mu, 0.5 * s).sum(1),
            0.2,
        ),
        _m(
            "log-not-undone",
            "The logarithm of the scale is used as the scale.",
            lambda mu, s: (mu.abs() + s * (-mu.abs() / s).exp() - s.abs().log() - 1).sum(1),
        ),
        _m(
            "log-not-undone",
            "The logarithm of the scale is used as the scale.",
            lambda mu, s: (mu.abs() + s * (-mu.abs() / s).exp() - s - 1).sum(1),
        ),
        _m(
            "log-not-undone",
            "The logarithm of the scale is used as the scale, and its logarithm taken again: "
            "that is NaN where it is negative.",
            lambda mu, s: (mu.abs() + s * (-mu.abs() / s).exp() - s.log() - 1).sum(1),
        ),
        _m(
            "log-undone-twice",
            "The scale stands where its logarithm belongs.",
            lambda mu, s: (_laplace_terms(mu, s) + s - s.exp()).sum(1),
        ),
        _m(
            "squared",
            "mu is squared, as for a Gaussian; a Laplace measures the absolute distance.",
            lambda mu, s: (mu**2 + s.exp() * (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "squared",
            "mu is squared, as for a Gaussian; a Laplace measures the absolute distance.",
            lambda mu, s: (mu**2 + s.exp() * (-(mu**2) / s.exp()).exp() - s - 1).sum(1),
        ),
        _m(
            "exchanged",
            "Your KL is that of the prior to the posterior: the two are exchanged.",
            lambda mu, s: (s - 1 + (mu.abs() + (-mu.abs()).exp()) / s.exp()).sum(1),
        ),
        _m("gaussian", "Your formula is that of a Gaussian.", lambda mu, s: kl_gaussian(mu, s)),
        _m("gaussian", "Your formula is that of a Gaussian.", lambda mu, s: kl_gaussian(mu, 2 * s)),
        *_reductions(_m, _laplace_terms),
    ),
)
KL_LAPLACE = replace(_formula, probe="common.variations", alike=same_call, explain=_kink_named)


def _unstable(got, want, inputs, failed):
    if failed == ["stable"]:
        return (
            "unstable",
            "Right on ordinary logits, but not on very large ones, where a sigmoid rounds to 0 "
            "before its logarithm is taken. There is a function for both at once.",
        )
    return None


_m = named("kl_uniform")
KL_UNIFORM = _divergence(
    "autodecoder.kl_uniform",
    points=1,
    title="KL of a uniform interval to U(0, 1)",
    args=("low_logit", "width_logit"),
    grad=("low_logit", "width_logit"),
    noise_free=lambda rng: {
        "low_logit": rng.normal(0, 1.5, (5, 7)),
        "width_logit": rng.normal(0, 1.5, (5, 7)),
        "low far": rng.normal(0, 1.5, (3, 7)),
        "width far": rng.choice([-200.0, -120.0, 120.0, 200.0], (3, 7)),
    },
    args2=("low far", "width far"),
    reference=kl_uniform,
    about="the KL divergence to U(0, 1), summed over latent dimensions",
    weights=(0.15, 0.45, 0.2, 0.1),
    more=(STABLE,),
    explain=_unstable,
    extra=True,
    mistakes=(
        _m(
            "low-for-width",
            "Your KL depends on where the interval starts, and not on its width.",
            lambda a, w: -F.logsigmoid(a).sum(1),
        ),
        _m(
            "low-counted",
            "Your KL depends on where the interval starts; only its width matters.",
            lambda a, w: -(F.logsigmoid(w) + F.logsigmoid(a)).sum(1),
        ),
        _m(
            "low-counted",
            "Your KL depends on where the interval starts; only its width matters.",
            lambda a, w: -(w.sigmoid() - a.sigmoid() * (1 - w.sigmoid())).log().sum(1),
        ),
        _m(
            "upper-end",
            "The logarithm is taken of the interval's upper end, not of its width.",
            lambda a, w: -(a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid()).log().sum(1),
        ),
        _m(
            "not-squashed",
            "The width is used as it comes; it is a logit, and its logarithm is NaN where it is "
            "negative.",
            lambda a, w: -w.log().sum(1),
        ),
        _m(
            "logit-as-log",
            "The logit is used as if it were the logarithm of the width.",
            lambda a, w: -w.sum(1) + 0 * a.sum(1),
        ),
        _m(
            "complement",
            "Your KL is that of an interval as wide as what this one leaves free: a sign inside the"
            " sigmoid is wrong.",
            lambda a, w: -F.logsigmoid(-w).sum(1),
        ),
        _m(
            "log-missing",
            "You return the width, not its logarithm.",
            lambda a, w: w.sigmoid().sum(1),
        ),
        _m(
            "log-missing",
            "You return what the width leaves free, not a logarithm.",
            lambda a, w: (1 - w.sigmoid()).sum(1),
        ),
        _m(
            "inverse-width",
            "You return the inverse width, not its logarithm.",
            lambda a, w: (1 / w.sigmoid()).sum(1),
        ),
        _m(
            "density-weighted",
            "The logarithm is weighted with the width: the density times the width is one.",
            lambda a, w: -(w.sigmoid() * F.logsigmoid(w)).sum(1),
        ),
        _m(
            "density-weighted",
            "The logarithm is weighted with the density, and not multiplied with the width.",
            lambda a, w: -(F.logsigmoid(w) / w.sigmoid()).sum(1),
        ),
        *_reductions(_m, lambda a, w: -F.logsigmoid(w)),
    ),
)


def _full_terms(factor, mu, log_det):
    return 0.5 * (factor.pow(2).sum((1, 2)) + mu.pow(2).sum(1) - mu.shape[1] - log_det)


def _log_det(tril):
    return 2 * _diagonal(tril).sum(1)


_m = named("kl_full_gaussian")
KL_FULL_GAUSSIAN = _divergence(
    "autodecoder.kl_full_gaussian",
    points=1,
    title="KL of a Gaussian with full covariance",
    args=("mu", "tril"),
    grad=("mu", "tril"),
    noise_free=_full_gaussians,
    reference=kl_full_gaussian,
    about="the KL divergence of N(mu, L L^T) to N(0, I)",
    extra=True,
    mistakes=(
        _m(
            "determinant-of-root",
            "The determinant is that of L, not of the covariance: a factor of two is lost in "
            "its logarithm.",
            lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * _diagonal(t).sum(1),
            0.2,
        ),
        _m(
            "determinant-missing",
            "The logarithm of the determinant is missing.",
            lambda mu, t: kl_full_gaussian(mu, t) + _diagonal(t).sum(1),
        ),
        _m(
            "determinant-sign",
            "The logarithm of the determinant enters with the wrong sign.",
            lambda mu, t: kl_full_gaussian(mu, t) + 2 * _diagonal(t).sum(1),
        ),
        _m(
            "determinant-doubled",
            "The logarithm of the determinant counts twice.",
            lambda mu, t: kl_full_gaussian(mu, t) - _diagonal(t).sum(1),
        ),
        _m(
            "half-missing",
            "Your KL is exactly twice the right one: a factor of one half was lost.",
            lambda mu, t: 2 * kl_full_gaussian(mu, t),
            0.5,
        ),
        _m(
            "dimension-missing",
            "A constant is lost: your KL is not zero where the distribution equals the prior.",
            lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * mu.shape[1],
        ),
        _m(
            "dimension-missing",
            "A constant is too small: it should count every latent dimension.",
            lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * (mu.shape[1] - 1),
        ),
        _m(
            "trace-of-root",
            "The trace is that of L, not of the covariance.",
            lambda mu, t: (
                0.5 * (_diagonal(t).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t))
            ),
        ),
        _m(
            "diagonal-only",
            "Only the diagonal of L counts in your trace: what stands below it adds "
            "to the variances too.",
            lambda mu, t: (
                0.5
                * ((2 * _diagonal(t)).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t))
            ),
        ),
        _m(
            "trace-missing",
            "The trace of the covariance is missing.",
            lambda mu, t: 0.5 * (mu.pow(2).sum(1) - mu.shape[1] - _log_det(t)),
        ),
        _m(
            "mean-missing",
            "mu does not enter.",
            lambda mu, t: kl_full_gaussian(mu, t) - 0.5 * mu.pow(2).sum(1),
        ),
        _m(
            "mean-not-squared",
            "mu is not squared.",
            lambda mu, t: kl_full_gaussian(mu, t) - 0.5 * (mu.pow(2) - mu).sum(1),
        ),
        _m(
            "mean-not-squared",
            "The absolute value of mu stands where its square belongs.",
            lambda mu, t: kl_full_gaussian(mu, t) - 0.5 * (mu.pow(2) - mu.abs()).sum(1),
        ),
        *(
            _m(
                id,
                says,
                lambda mu, t, factor=factor: _full_terms(
                    factor(t), mu, 2 * _diagonal(factor(t)).abs().log().sum(1)
                ),
            )
            for id, says, factor in _FACTORS
            if id != "diagonal-missing"
        ),
        *(
            _m(id, says, lambda mu, t, factor=factor: _full_terms(factor(t), mu, _log_det(t)))
            for id, says, factor in _FACTORS
        ),
    ),
)


FAMILIES = (
    RSAMPLE_GAUSSIAN,
    KL_GAUSSIAN,
    RSAMPLE_EXPONENTIAL,
    KL_EXPONENTIAL,
    RSAMPLE_LAPLACE,
    KL_LAPLACE,
)
CHALLENGES = (RSAMPLE_UNIFORM, KL_UNIFORM, RSAMPLE_FULL_GAUSSIAN, KL_FULL_GAUSSIAN)
