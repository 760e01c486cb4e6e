"""The answer key of `autodecoder`: latents without an encoder, and five families of them.

Auto-decoders and fitting at test time: Park et al. 2019, DeepSDF (arXiv:1901.05103), section 4. The KLs
are checked against torch.distributions, quadrature and Monte Carlo in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograder.question import Check, Mistake, Question, close, same_arrays, well_formed

from . import vae
from .formula import formula, named_by_values
from .interpolation import untouched

# The families: samples from given noise, and KL to the prior, (B, nz) -> (B,) in nats


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


def vad_loss(logits, x, kl, beta=1.0):
    """Bernoulli negative log-likelihood plus beta KL, nats per image."""
    return (_pixels(logits, x) + beta * kl).mean()


def _pixels(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def batch_rmse_score(x, x_rec):
    """Frobenius norm of the whole batch's error, over its number of elements."""
    if x.shape != x_rec.shape:
        raise ValueError(f"shapes {tuple(x.shape)} and {tuple(x_rec.shape)} differ")
    return (x - x_rec).norm() / x.numel()


class AutoDecoder(nn.Module):
    """Latents (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, z):
        return self.layers(z).reshape(-1, 1, 28, 28)


def fit_latents(decoder, x, nz, steps, lr):
    """Latents (N, nz) that decode to x, by Adam; the decoder stays as it is."""
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    training = decoder.training
    decoder.eval()
    for _ in range(steps):
        loss = _pixels(decoder(z), x).sum()
        (z.grad,) = torch.autograd.grad(loss, [z])
        optimizer.step()
    decoder.train(training)
    return z.detach()


# Samples


GIVEN = "sampling from given noise"


def sampler(
    id, *, points, title, params, noise, draw, reference, mistakes=(), tails=None, extra=False
) -> Question:
    """A question about a sample made from given noise.

    A uniform u and its mirror image 1 - u are equally good, as are eps and -eps: whatever the mirrored
    noise would give is right too, as long as values and gradients are of one kind.
    params: what is differentiated; noise: the last argument. draw(rng) gives `noise`, its `mirrored`, and with
    tails=(low, high), the range a sample may have, `tails`: noise as near to 0 and 1 as float32 can be.
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
        return untouched(
            {k: v for k, v in got.items() if k.startswith("after.")},
            want,
            {
                k: np.asarray(v, np.float32) if isinstance(v, np.ndarray) else v
                for k, v in inputs.items()
            },
        )

    def alike(a, b, inputs):
        keys = ["value", *(f"grad.{key}" for key in params)]
        return any(same_arrays(a, other, keys=keys) for other in forms(b))

    def explain(got, want, inputs, failed):
        value, again = got.get("value"), got.get("again.value")
        if value is not None and again is not None and not close(value, again):
            return (
                "noise-redrawn",
                (
                    f"The same {noise} gave two different samples: fresh noise is drawn inside"
                    " instead of using the noise that is given."
                ),
                GIVEN,
            )
        for right in forms(want):
            named = named_by_values(got, right, inputs, failed)
            if named and (named[0] != "factor" or np.size(right["value"]) > 2):
                return named
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
        probe="autodecoder.variations",
        draw=drawn,
        reference={name: reference},
        checks=tuple(checks),
        mistakes=mistakes,
        extra=extra,
        alike=alike,
        explain=explain,
    )


def _named(name: str, reread: str):
    """Mistakes of one function: (id, sentence, code[, credit])."""

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


_m = _named("rsample_gaussian", GIVEN)
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


_m = _named("rsample_exponential", GIVEN)
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


_m = _named("rsample_laplace", GIVEN)
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


_m = _named("rsample_uniform", GIVEN)
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
    tril[:, range(4), range(4)] = rng.uniform(-1.2, 0.8, (5, 4))
    return {"mu": rng.normal(0, 1.3, (5, 4)), "tril": tril}


def _times(factor, eps):
    return torch.einsum("bij,bj->bi", factor, eps)


def _diagonal(tril):
    return tril.diagonal(dim1=-2, dim2=-1)


FULL = "a Gaussian with full covariance"

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

_m = _named("rsample_full_gaussian", FULL)
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
            lambda mu, t, eps: mu
            + _times(cholesky_factor(t) @ cholesky_factor(t).transpose(1, 2), eps),
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


FAMILIES = "KL divergences of the families"

_m = _named("kl_exponential", FAMILIES)
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
    if value is None:
        return "no gradient was received."
    if not np.isfinite(value).all():
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


_m = _named("kl_laplace", FAMILIES)
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
KL_LAPLACE = replace(_formula, probe="autodecoder.variations", explain=_kink_named)


_m = _named("kl_uniform", FAMILIES)
KL_UNIFORM = _divergence(
    "autodecoder.kl_uniform",
    points=1,
    title="KL of a uniform interval to U(0, 1)",
    args=("low_logit", "width_logit"),
    grad=("low_logit", "width_logit"),
    noise_free=lambda rng: {
        "low_logit": rng.normal(0, 1.5, (5, 7)),
        "width_logit": rng.normal(0, 1.5, (5, 7)),
    },
    reference=kl_uniform,
    about="the KL divergence to U(0, 1), summed over latent dimensions",
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


_m = _named("kl_full_gaussian", FULL)
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
            lambda mu, t: 0.5
            * (_diagonal(t).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t)),
        ),
        _m(
            "trace-without-correlations",
            "Only the diagonal of L counts in your trace: what stands below it adds "
            "to the variances too.",
            lambda mu, t: 0.5
            * ((2 * _diagonal(t)).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t)),
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


# The loss and the score


def _batches(rng):
    """KLs as large as the reconstruction's differences, so that neither drowns the other."""
    return {
        "logits": rng.normal(0, 2, (5, 1, 28, 28)),
        "x": rng.uniform(0, 1, (5, 1, 28, 28)),
        "kl": rng.uniform(40, 300, 5),
        "beta": 2.5,
        "large": rng.choice([-200.0, 200.0], (5, 1, 28, 28)),
        "without": ["logits", "x", "kl"],
        "variations": {"default": {"args": "without"}, "large": {"logits": "large"}},
    }


def _beta_is_one(got, want, inputs):
    if got.get("default.error"):
        return got["default.error"]
    problem = well_formed(got, want, "default.value", "the loss")
    if problem or not close(got["default.value"], want["default.value"]):
        return problem or "without beta, the loss differs from that with beta = 1."


def _finite_at_large(got, want, inputs):
    return got.get("large.error") or well_formed(got, want, "large.value", "the loss")


def _loss_named(got, want, inputs, failed):
    if failed == ["default"]:
        return (
            "default-beta",
            "The loss is right where beta is given; left out, it should count as one.",
        )
    if failed == ["stable"]:
        return (
            "unstable",
            (
                "The loss is right for ordinary logits and not finite for large ones: the logarithm"
                " of a sigmoid that rounds to zero. There are functions that take logits."
            ),
        )
    return named_by_values(got, want, inputs, failed)


LOSS = "the loss of the variational auto-decoder"


def _bce(logits, x, reduction):
    return F.binary_cross_entropy_with_logits(logits, x, reduction=reduction)


_m = _named("vad_loss", LOSS)
_formula = formula(
    "autodecoder.vad_loss",
    points=2,
    title="the loss of a variational auto-decoder",
    args=("logits", "x", "kl", "beta"),
    grad=("logits", "kl"),
    form="one number",
    draw=_batches,
    reference=vad_loss,
    about="reconstruction plus beta times KL: summed over pixels, averaged over the batch",
    weights=(0.1, 0.4, 0.3, 0.05),
    more=(
        Check("default", 0.1, "beta is 1 where it is not given", _beta_is_one),
        Check("stable", 0.05, "the loss is finite for logits of 200 and -200", _finite_at_large),
    ),
    mistakes=(
        _m(
            "kl-sign",
            "The KL is subtracted; a loss that is minimised would make it as large as it can.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) - beta * kl).mean(),
            0.2,
        ),
        _m(
            "reconstruction-sign",
            "The reconstruction enters with the wrong sign: minimising would make it worse.",
            lambda logits, x, kl, beta=1.0: (beta * kl - _pixels(logits, x)).mean(),
        ),
        _m(
            "pixel-mean",
            "The reconstruction is the mean over pixels where the course sums. It is a mere"
            " convention, but another one, and beta would mean something else.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.mean(),
            0.4,
        ),
        _m(
            "batch-sum",
            "You sum over the batch; a loss is the mean over its images. It is a mere convention,"
            " but the learning rate would depend on the batch size.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl).sum(),
            0.4,
        ),
        _m(
            "reconstruction-batch-sum",
            "The reconstruction is summed over the batch and the KL averaged: the two "
            "no longer weigh the same.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "sum") + beta * kl.mean(),
        ),
        _m(
            "kl-batch-sum",
            "The KL is summed over the batch and the reconstruction averaged: the two no longer"
            " weigh the same.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + beta * kl.sum(),
        ),
        _m(
            "mixed-reductions",
            "The reconstruction is the mean over pixels, and the KL a sum over the batch.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.sum(),
        ),
        _m(
            "pixel-mean",
            "Both terms are divided by the number of pixels.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl).mean() / 784,
            0.4,
        ),
        _m(
            "beta-on-reconstruction",
            "beta weighs the reconstruction instead of the KL.",
            lambda logits, x, kl, beta=1.0: (beta * _pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-on-both",
            "beta weighs both terms.",
            lambda logits, x, kl, beta=1.0: beta * (_pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-ignored",
            "beta has no effect.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-divides",
            "The KL is divided by beta.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + kl / beta).mean(),
        ),
        _m(
            "kl-missing",
            "The KL does not enter.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + 0 * kl.sum(),
        ),
        _m(
            "kl-missing",
            "The KL does not enter.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean(),
        ),
        _m(
            "reconstruction-missing",
            "The reconstruction does not enter.",
            lambda logits, x, kl, beta=1.0: (beta * kl).mean() + 0 * logits.sum(),
        ),
        _m(
            "sigmoid-twice",
            "The sigmoid is applied twice: your function already takes logits.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits.sigmoid(), x) + beta * kl).mean(),
        ),
        _m(
            "exchanged",
            "Logits and images are exchanged.",
            lambda logits, x, kl, beta=1.0: (_pixels(x, logits) + beta * kl).mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: (
                (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: F.mse_loss(logits.sigmoid(), x) + beta * kl.mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is half a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: (
                0.5 * (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "logits-as-images",
            "The reconstruction compares logits with images: a sigmoid lies between them.",
            lambda logits, x, kl, beta=1.0: (
                (logits - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "logits-as-images",
            "The reconstruction compares logits with images: a sigmoid lies between them.",
            lambda logits, x, kl, beta=1.0: F.mse_loss(logits, x) + beta * kl.mean(),
        ),
        _m(
            "dark-pixels-missing",
            "Dark pixels cost nothing in your reconstruction: one half of the Bernoulli "
            "log-likelihood is lost.",
            lambda logits, x, kl, beta=1.0: (
                -(x * F.logsigmoid(logits)).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "bits",
            "Your reconstruction is in bits; a nat is the natural logarithm.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) / np.log(2) + beta * kl).mean(),
            0.3,
        ),
        _m(
            "first-image",
            "Only the first image of the batch counts.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl)[0],
        ),
        _m(
            "first-image",
            "Only the first image of the batch counts.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + beta * kl[0],
        ),
    ),
)
VAD_LOSS = replace(_formula, probe="autodecoder.variations", explain=_loss_named)


def _images(rng):
    """Two batch sizes; and pairs that broadcast or hold equally many numbers, but are not of one shape."""
    x, y = rng.uniform(0, 255, (6, 1, 28, 28)), rng.uniform(0, 255, (3, 1, 14, 20))
    return {
        "x": x,
        "x_rec": np.clip(x + rng.normal(0, 40, x.shape), 0, 255),
        "y": y,
        "y_rec": np.clip(y + rng.normal(0, 60, y.shape), 0, 255),
        "no_channel": x[:, 0],
        "one": x[:1],
        "half": x[:2],
        "flat": x.reshape(6, 784),
        "mean": x[:, :, :1],
        "pairs": {"batch": ["x", "x_rec"], "small": ["y", "y_rec"]},
        "misfits": {
            "channel": ["x", "no_channel"],
            "channel2": ["no_channel", "x"],
            "single": ["x", "one"],
            "row": ["x", "mean"],
            "flattened": ["x", "flat"],
            "fewer": ["x", "half"],
        },
    }


def _scored(got, inputs):
    return [
        label
        for label in inputs["pairs"]
        if np.size(got.get(label)) == 1 and got.get(label) is not None
    ]


def _is_number(got, want, inputs):
    for label in inputs["pairs"]:
        if got.get(f"{label}.error"):
            return got[f"{label}.error"]
        if got.get(label) is None:
            return f"received {got.get(f'{label}.kind')} where one number is asked for."
        if np.size(got[label]) != 1:
            return f"received shape {np.shape(got[label])} where one number is asked for."
        if not np.isfinite(got[label]).all():
            return "received NaN or infinity."


def _is_score(got, want, inputs):
    labels = _scored(got, inputs)
    if not labels:
        return "no number was received."
    for label in labels:
        if not close(np.reshape(got[label], ()), want[label], 1e-4, 0):
            return "the score differs from the right one."


def _refuses(got, want, inputs):
    if not _scored(got, inputs):
        return "no number was received for images that fit."
    accepted = [label for label in inputs["misfits"] if got.get(f"{label}.returned")]
    if accepted:
        shapes = (np.shape(inputs[key]) for key in inputs["misfits"][accepted[0]])
        return "a number came back for shapes {} and {}.".format(*shapes)


def _same_score(a, b, inputs):
    return all(
        (
            np.size(a.get(label)) == np.size(b.get(label)) == 1
            and close(np.reshape(a[label], ()), np.reshape(b[label], ()), 1e-3, 0)
            if np.size(b.get(label)) == 1
            else same_arrays(a, b, keys=[label])
        )
        for label in inputs["pairs"]
    )


def _score_named(got, want, inputs, failed):
    if failed == ["shapes"]:
        return (
            "broadcast",
            (
                "The score is right where both shapes are equal. Where they differ, broadcasting"
                " compares every image with every other one, silently: compare the shapes first,"
                " and raise an error."
            ),
            "the score",
            0.0,
        )
    labels = _scored(got, inputs)
    if not labels:
        kinds = {got.get(f"{label}.kind") for label in inputs["pairs"]}
        if kinds == {"NoneType"}:
            return "returns-nothing", "Your function returns nothing: is its `return` missing?"
        return None
    if failed == ["manners"]:
        return "in-place", "The score is right, but the call overwrites the images it was given."
    return None


def _error(x, y):
    return x - y


_m = _named("batch_rmse_score", "the score")
BATCH_RMSE_SCORE = Question(
    id="autodecoder.batch_rmse_score",
    points=2,
    title="the score of the VAD report",
    probe="autodecoder.score",
    draw=_images,
    reference={"batch_rmse_score": batch_rmse_score},
    checks=(
        Check("form", 0.1, "`batch_rmse_score` returns one number", _is_number),
        Check(
            "values",
            0.5,
            "the score is the norm over the whole batch, divided by the number of elements, for "
            "any batch size and image size",
            _is_score,
        ),
        Check(
            "shapes",
            0.3,
            "images of different shapes are refused with an error, also where they would broadcast",
            _refuses,
        ),
        Check(
            "manners",
            0.1,
            "the images are left as they were",
            lambda got, want, inputs: (
                untouched(got, want, inputs) if _scored(got, inputs) else "nothing came."
            ),
        ),
    ),
    mistakes=(
        _m(
            "ordinary-rmse",
            "Your score is the ordinary root mean square error: the number of elements stands"
            " inside the root. The report's score divides after the root, which is why it depends"
            " on the batch size.",
            lambda x, y: (x - y).pow(2).mean().sqrt(),
            0.3,
        ),
        _m(
            "mean-square",
            "Your score is the mean square error: the root is missing.",
            lambda x, y: (x - y).pow(2).mean(),
        ),
        _m(
            "no-division",
            "Your score is the norm itself: it is not divided by the number of elements.",
            lambda x, y: (x - y).norm(),
            0.2,
        ),
        _m(
            "per-image",
            "You take the norm of every image and average over the batch; the norm runs over the "
            "whole batch, once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).mean() / x[0].numel(),
            0.3,
        ),
        _m(
            "per-image",
            "You take the norm of every image and average over the batch; the norm runs over the "
            "whole batch, once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).mean(),
            0.2,
        ),
        _m(
            "per-image",
            "You take the norm of every image and add them up; the norm runs over the whole batch, "
            "once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).sum() / x.numel(),
            0.3,
        ),
        _m(
            "per-image",
            "You average every image's ordinary root mean square error; the norm runs over the"
            " whole batch, once.",
            lambda x, y: (x - y).flatten(1).pow(2).mean(1).sqrt().mean(),
            0.2,
        ),
        _m(
            "divided-by-batch",
            "You divide by the number of images, not of elements.",
            lambda x, y: (x - y).norm() / len(x),
            0.3,
        ),
        _m(
            "divided-by-pixels",
            "You divide by the number of pixels of one image, not of all elements.",
            lambda x, y: (x - y).norm() / x[0].numel(),
            0.3,
        ),
        _m(
            "absolute-error",
            "Your score is the mean absolute error.",
            lambda x, y: (x - y).abs().mean(),
        ),
        _m(
            "absolute-error",
            "The errors are added up in absolute value, not squared.",
            lambda x, y: (x - y).abs().sum(),
        ),
        _m("square-not-rooted", "The root is missing.", lambda x, y: (x - y).pow(2).sum()),
        _m(
            "signed",
            "The errors are not squared: those of opposite sign cancel.",
            lambda x, y: (x - y).mean(),
        ),
        _m(
            "rescaled",
            "The images are divided by 255 first; they come in 0 to 255 and should stay there.",
            lambda x, y: (x - y).norm() / x.numel() / 255,
            0.3,
        ),
        _m(
            "rescaled",
            "The images are multiplied by 255, where they already come in 0 to 255.",
            lambda x, y: (x - y).norm() / x.numel() * 255,
            0.3,
        ),
        _m(
            "square-divided",
            "You divide by the square of the number of elements.",
            lambda x, y: (x - y).norm() / x.numel() ** 2,
        ),
        _m(
            "squared-norm",
            "You divide the squared norm by the number of elements and take no root, or only of the"
            " number.",
            lambda x, y: (x - y).pow(2).sum() / x.numel() ** 0.5,
        ),
        _m("largest-error", "Your score is the largest error.", lambda x, y: (x - y).abs().max()),
        _m(
            "one-value-an-image",
            "There is one value for every image; the score is one number for the batch.",
            lambda x, y: (x - y).flatten(1).norm(dim=1) / x[0].numel(),
        ),
        _m(
            "one-value-an-image",
            "There is one value for every image; the score is one number for the batch.",
            lambda x, y: (x - y).flatten(1).norm(dim=1),
        ),
    ),
    alike=_same_score,
    explain=_score_named,
)


# The decoder, and latents fitted to it


def _codes(rng):
    return {
        "name": "AutoDecoder",
        "sizes": {"usual": 16, "small": 5},
        "main": "usual",
        "usual.z": rng.normal(0, 1, (6, 16)),
        "small.z": rng.normal(0, 1, (3, 5)),
        "weights": rng.normal(0, 1, 784),
        "pushes": 60,
        "rate": 0.03,
    }


def _decodes(got, want, inputs):
    for label, nz in inputs["sizes"].items():
        for key in (label, f"{label}.single", f"{label}.training"):
            problem = got.get(f"{label}.error") or well_formed(got, want, key, f"nz = {nz}")
            if problem:
                return problem


def _unbounded(got, want, inputs):
    for label in ("up", "down"):
        if got.get(f"{label}.error") or got.get(label) is None:
            return f"training it failed: {got.get(f'{label}.error')}"
    if got["up"] < 1.5 or got["down"] > -1.5:
        return (
            f"however it is trained, its output stays between {got['down']:.2g} and"
            f" {got['up']:.2g}."
        )


def _rows_apart(got, want, inputs):
    if got.get("grad") is None:
        return "no gradient with respect to z was received."
    grad = np.asarray(got["grad"])
    if np.any(np.abs(grad[1:]) > 1e-6 * np.abs(grad).max()) or not np.any(grad):
        return "an image depends on other latents of the batch, or not on its own."
    if not np.all(np.abs(grad[0]) > 0):
        return "some dimensions of z have no effect."
    single, usual = got.get("usual.single"), got.get("usual")
    if single is None or usual is None or not close(single[0], usual[0], 1e-3, 1e-4):
        return "a latent decodes differently alone than in a batch."
    if got.get("again") is None or not close(got["first"], got["again"]):
        return "two calls in eval mode gave two different outputs."


def _learnable(got, want, inputs):
    if got.get("closer.error"):
        return got["closer.error"]
    if not got.get("parameters"):
        return "it has no parameters to learn."
    if got.get("frozen"):
        return "some of its parameters do not require a gradient."
    if not got.get("attached"):
        return "its output carries no gradient."
    if got.get("copied") is None or not close(got["first"], got["copied"], 1e-3, 1e-4):
        return "a copy made through state_dict decodes differently."


def _latents_kept(got, want, inputs):
    if got.get("usual") is None:
        return "no output was received."
    return untouched(got, want, inputs)


def _decoder_named(got, want, inputs, failed):
    usual, right = got.get("usual"), want["usual"]
    if got.get("usual.kind") == "NoneType":
        return "returns-nothing", "Your forward returns nothing: is its `return` missing?"
    if got.get("usual.kind") in ("tuple", "list"):
        return "no-tensor", "Your forward returns several things; the logits alone are asked for."
    if usual is not None and usual.shape != right.shape:
        if usual.shape == (6, 784):
            return (
                "flattened",
                "The images come out flattened: each should be (1, 28, 28).",
                "",
                0.5,
            )
        if usual.shape == (6, 28, 28):
            return (
                "no-channel",
                "The channel axis is missing: each image should be (1, 28, 28).",
                "",
                0.5,
            )
        if usual.ndim == 4 and usual.shape[:2] == (6, 1):
            return "image-size", "The images are not 28 by 28: follow the shapes layer by layer."
        if usual.ndim == 4 and usual.shape[2:] == (28, 28):
            return "channels", "The images have more than one channel."
        return None
    if got.get("small.error") and usual is not None:
        return (
            "nz-ignored",
            (
                "Your decoder works for one size of latents only: that size is written into a"
                " layer, and nz is not used."
            ),
        )
    if "form" in failed and got.get("usual.single") is not None and len(got["usual.single"]) != 1:
        return "batch-size", "The batch size is written into your decoder."
    if "logits" in failed and got.get("down") is not None and got.get("up") is not None:
        if got["down"] >= 0 and got["up"] <= 1 + 1e-6:
            return (
                "sigmoid-inside",
                (
                    "Your decoder returns images in [0, 1]; it should return logits, and the loss"
                    " and the pictures take the sigmoid."
                ),
                "the decoder",
                0.3,
            )
        if got["down"] >= -1 - 1e-6 and got["up"] <= 1 + 1e-6:
            return (
                "tanh-inside",
                "Your decoder ends in a tanh; logits are not bounded.",
                "the decoder",
                0.3,
            )
        if got["down"] >= 0:
            return (
                "relu-last",
                "Your decoder ends in a ReLU: its logits are never negative.",
                "the decoder",
                0.3,
            )
        if got["up"] <= 0:
            return (
                "log-inside",
                (
                    "Your decoder returns logarithms of probabilities, never positive: logits are"
                    " asked."
                ),
            )
    if "weights" in failed:
        if not got.get("parameters"):
            return (
                "no-parameters",
                "Your decoder has nothing to learn: its layers are not attributes of the module.",
            )
        if got.get("frozen"):
            return "frozen", "Some parameters do not require a gradient: they would never learn."
        if got.get("attached") is False:
            return "detached", "The output is cut off from the graph (detach, no_grad or numpy)."
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return (
                "random",
                (
                    "The same latents decode differently every time in eval mode: layers are made"
                    " anew in forward, or noise is added."
                ),
            )
        if got.get("copied") is not None:
            return (
                "not-registered",
                (
                    "Some layers are hidden from the module, in a plain list or dict: they are"
                    " neither trained nor saved."
                ),
            )
    if "rows" in failed and got.get("grad") is not None:
        grad = np.asarray(got["grad"])
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return "random", "The same latents decode differently every time, also in eval mode."
        if not np.any(grad):
            return (
                "latent-unused",
                "No gradient reaches the latents: they are detached, or not used.",
            )
        if np.any(grad[1:]):
            return "rows-mixed", "The latents of a batch influence each other's images."
        if not np.all(grad[0]):
            return (
                "dimensions-unused",
                "Some dimensions of the latents have no effect on the image.",
            )
    if failed == ["manners"]:
        return "in-place", "Decoding overwrites the latents it was given."
    return None


AUTO_DECODER = Question(
    id="autodecoder.AutoDecoder",
    points=2,
    title="the decoder",
    probe="autodecoder.decoder",
    draw=_codes,
    reference={"AutoDecoder": AutoDecoder},
    checks=(
        Check(
            "form",
            0.35,
            "`AutoDecoder(nz)` takes latents (B, nz) to (B, 1, 28, 28), for any nz and B, in eval "
            "and in train mode",
            _decodes,
        ),
        Check(
            "logits", 0.2, "the output are logits: they can become large on both sides", _unbounded
        ),
        Check(
            "rows",
            0.15,
            "in eval mode every image depends on its own latent, all of it, and on nothing else",
            _rows_apart,
        ),
        Check(
            "weights",
            0.25,
            "all layers can learn, and are saved and loaded with its state_dict",
            _learnable,
        ),
        Check("manners", 0.05, "the latents are left as they were", _latents_kept),
    ),
    alike=lambda a, b, inputs: False,
    explain=_decoder_named,
    seconds=30.0,
)


def _targets(rng):
    """Images that latents can reach exactly; every image wants another latent, and N is not nz."""
    n, nz, hidden = 7, 3, 6
    into = rng.normal(0, 1 / np.sqrt(nz), (nz, hidden))
    inputs = {
        "name": "fit_latents",
        "nz": nz,
        "into": into,
        "out": rng.normal(0, 0.45, (hidden, 784)),
        "bias": rng.normal(0, 1, 784),
        "mean": rng.normal(0, 0.4, hidden),
        "var": rng.uniform(0.5, 1.5, hidden),
        "fits": {
            "full": [300, 0.02, "train"],
            "eval": [30, 0.05, "eval"],
            "short": [1, 0.02, "train"],
            "slow": [60, 1e-6, "train"],
        },
    }
    z = rng.choice([-1, 1], (n, nz)) * rng.uniform(0.6, 1.4, (n, nz))
    return {**inputs, "x": 1 / (1 + np.exp(-_logits(inputs, z)))}


def _logits(inputs, z):
    hidden = (z @ inputs["into"] - inputs["mean"]) / np.sqrt(inputs["var"] + 1e-5)
    return hidden @ inputs["out"] + inputs["bias"]


def _losses(logits, x):
    """(N,) Bernoulli negative log-likelihoods, nats per image."""
    logits = np.asarray(logits).reshape(len(x), -1)
    return (np.logaddexp(0, logits) - x * logits).sum(1)


def _gain(got, inputs, label):
    """(N,) share of the way from the loss at z = 0 (0) to the lowest there is (1); None without latents.

    A decoder in train mode normalises by the batch: whoever fitted in that mode is measured in it.
    """
    n, nz = inputs["x"].shape[0], inputs["nz"]
    if got.get(label) is None or np.shape(got[label]) != (n, nz):
        return None
    x = inputs["x"]
    start, best = (
        _losses(logits, x) for logits in (_logits(inputs, np.zeros((n, nz))), np.log(x / (1 - x)))
    )
    gains = [
        (start - _losses(got[f"{label}.{mode}"], x)) / (start - best)
        for mode in ("decoded", "normed")
        if got.get(f"{label}.{mode}") is not None
    ]
    gains = [gain if np.isfinite(gain).all() else np.full(n, -np.inf) for gain in gains]
    return max(gains, key=np.mean) if gains else None


def _latents_form(got, want, inputs):
    for label in inputs["fits"]:
        problem = got.get(f"{label}.error") or well_formed(got, want, label, "the latents")
        if problem:
            return problem


def _fits(got, want, inputs):
    gain = _gain(got, inputs, "full")
    if gain is None:
        return "no latents of the right shape were received."
    if gain.mean() < 0.8 or gain.min() < 0.4:
        return (
            f"after all steps {np.count_nonzero(gain > 0.8)} of {len(gain)} images are"
            " reconstructed about as well as they can be."
        )


def _left(kind):
    """A test: parameters, or buffers, are after the call what they were before."""

    def test(got, want, inputs):
        if got.get("full") is None:
            return "no latents were received."
        for label in inputs["fits"]:
            after = got.get(f"{label}.{kind}")
            if after is None or not close(after, got[f"before.{kind}"], 1e-6, 1e-7):
                return f"the decoder's {kind} changed."

    return test


def _schedule(got, want, inputs):
    full = _gain(got, inputs, "full")
    if full is None:
        return "no latents of the right shape were received."
    for label, what in (("short", "steps"), ("slow", "lr")):
        gain = _gain(got, inputs, label)
        if gain is not None and gain.mean() > 0.5:
            return f"the latents fit as well with hardly any {what}: it has no effect."
    if np.shape(got.get("short")) == np.shape(got["full"]) and close(
        got["short"], got["full"], 1e-6, 1e-7
    ):
        return "more steps lead to the same latents."


def _as_found(got, want, inputs):
    if got.get("full") is None:
        return "no latents were received."
    for label, (_, _, mode) in inputs["fits"].items():
        if got.get(f"{label}.mode") != mode:
            return f"the decoder was in {mode} mode before and is not after."
        if not all(got.get(f"{label}.flags", [False])):
            return "some of the decoder's parameters no longer require a gradient."
    return untouched(got, want, inputs)


def _fit_named(got, want, inputs, failed):
    if got.get("full.kind") == "NoneType" and not got.get("full.error"):
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    full = got.get("full")
    if full is None:
        return None
    if np.shape(full) != np.shape(want["full"]):
        if np.shape(full) == (1, inputs["nz"]) or np.shape(full) == (inputs["nz"],):
            return "one-latent", "There is one latent for all images: every image needs its own."
        if np.shape(full) == np.shape(want["full"])[::-1]:
            return "transposed", "Rows and columns are exchanged: a row is the latent of one image."
        if np.shape(full) == inputs["x"].shape or np.size(full) == inputs["x"].size:
            return "images-returned", "You return images; the latents are asked for."
        if np.ndim(full) < 2:
            return "losses-returned", "You return something else than the latents, such as losses."
        return None
    if "parameters" in failed:
        return (
            "decoder-trained",
            (
                "The decoder's weights changed: the optimiser should be given the latents and"
                " nothing else."
            ),
            TEST_TIME,
        )
    gain = _gain(got, inputs, "full")
    if "fits" in failed:
        if np.ptp(full, axis=0).max() < 1e-4 * (1 + np.abs(full).max()):
            same = "All latents are the same: one latent is fitted to the whole batch."
            if close(got.get("short", ()), full, 1e-6, 1e-7):
                same = "The latents are where they started: no step reaches them."
                return "latents-not-moved", same, TEST_TIME
            return "one-latent", same, TEST_TIME
        if close(got.get("short", ()), full, 1e-6, 1e-7):
            return (
                "latents-not-moved",
                (
                    "The latents are where they started: no step reaches them. Does the optimiser"
                    " hold the very tensor that is decoded, and is its gradient computed?"
                ),
                TEST_TIME,
            )
        if gain.mean() < -1:
            return (
                "climbs",
                "The reconstructions got worse with every step: the sign of the loss is wrong.",
                TEST_TIME,
            )
        if gain.max() > 0.8 and gain.min() < 0.4:
            return "some-latents-only", "Some images are fitted and others are not.", TEST_TIME
    if "buffers" in failed:
        return (
            "statistics-moved",
            (
                "The decoder's weights are unchanged, but not its buffers: batch normalisation"
                " keeps running averages in train mode."
            ),
            TEST_TIME,
        )
    if "schedule" in failed:
        short, slow = (_gain(got, inputs, label) for label in ("short", "slow"))
        if short is not None and short.mean() > 0.5 and slow is not None and slow.mean() <= 0.5:
            return (
                "steps-ignored",
                "The number of steps has no effect: it is written into your code.",
                TEST_TIME,
            )
        if slow is not None and slow.mean() > 0.5:
            return (
                "lr-ignored",
                "The learning rate has no effect: it is written into your code.",
                TEST_TIME,
            )
    if failed == ["as-found"]:
        if not all(all(got.get(f"{label}.flags", [])) for label in inputs["fits"]):
            return (
                "left-frozen",
                (
                    "The decoder's parameters no longer require gradients afterwards: training it"
                    " further would silently do nothing."
                ),
                TEST_TIME,
            )
        if any(got.get(f"{label}.mode") != mode for label, (_, _, mode) in inputs["fits"].items()):
            return (
                "mode-left",
                (
                    "The decoder is in another mode afterwards than before: whoever trains it on"
                    " would train in eval mode, or the other way round."
                ),
                TEST_TIME,
            )
        return "in-place", "The call overwrites the images it was given.", TEST_TIME
    return None


TEST_TIME = "fitting latents at test time"

FIT_LATENTS = Question(
    id="autodecoder.fit_latents",
    points=3,
    title="latents fitted to images at test time",
    probe="autodecoder.fitting",
    draw=_targets,
    reference={"fit_latents": fit_latents},
    checks=(
        Check("form", 0.15, "`fit_latents` returns one latent per image, (N, nz)", _latents_form),
        Check("fits", 0.35, "every image is reconstructed about as well as the decoder can", _fits),
        Check("parameters", 0.15, "the decoder's parameters are unchanged", _left("parameters")),
        Check(
            "buffers",
            0.15,
            "the decoder's buffers (running statistics) are unchanged",
            _left("buffers"),
        ),
        Check(
            "schedule",
            0.1,
            "steps and lr do what they say: few steps, or a tiny lr, hardly fit",
            _schedule,
        ),
        Check(
            "as-found",
            0.1,
            "the decoder is left as it was found: its mode, and that its parameters require "
            "gradients; so are the images",
            _as_found,
        ),
    ),
    alike=lambda a, b, inputs: False,
    explain=_fit_named,
    seconds=60.0,
)


QUESTIONS = (
    AUTO_DECODER,
    FIT_LATENTS,
    RSAMPLE_GAUSSIAN,
    KL_GAUSSIAN,
    RSAMPLE_EXPONENTIAL,
    KL_EXPONENTIAL,
    RSAMPLE_LAPLACE,
    KL_LAPLACE,
    VAD_LOSS,
    BATCH_RMSE_SCORE,
    RSAMPLE_UNIFORM,
    KL_UNIFORM,
    RSAMPLE_FULL_GAUSSIAN,
    KL_FULL_GAUSSIAN,
)
