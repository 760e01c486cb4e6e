"""The loss of a variational auto-decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch.nn import functional as F

from autograder.key.kinds.formula import beta_is_one, beta_named, formula, named_by_values
from autograder.key.kinds.sampler import same_call
from autograder.key.question import Check, well_formed


def vad_loss(logits, x, kl, beta=1.0):
    """Bernoulli negative log-likelihood plus beta KL, nats per image."""
    return (reconstruction(logits, x) + beta * kl).mean()


def reconstruction(logits, x):
    """-log p(x|z) of Bernoulli pixels, (B, 1, 28, 28) x 2 -> (B,), nats per image."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def _in_one_go(logits, x, kl, beta=1.0):
    nats = (F.softplus(logits) - x * logits).sum((1, 2, 3))
    return nats.mean() + beta * kl.mean()


def _batches(rng):
    """KLs as large as the reconstruction's differences, so that neither drowns the other."""
    return {
        "logits": rng.normal(0, 2, (5, 1, 28, 28)),
        "x": rng.uniform(0, 1, (5, 1, 28, 28)),
        "kl": rng.uniform(40, 300, 5),
        "beta": 2.5,
        "large": rng.choice([-200.0, 200.0], (5, 1, 28, 28)),
        "without": ["logits", "x", "kl"],
        "one": 1.0,
        "zero": 0.0,
        "variations": {
            "default": {"args": "without"},
            "one": {"beta": "one"},
            "zero": {"beta": "zero"},
            "large": {"logits": "large"},
            "again": {},
        },
    }


def _finite_at_large(got, want, inputs):
    return got.get("large.error") or well_formed(got, want, "large.value", "the loss")


def _loss_named(got, want, inputs, failed):
    if failed == ["default"]:
        return beta_named(got, "default.value")
    if failed == ["stable"]:
        return "unstable"
    keys = "value", "one.value", "zero.value"
    if got.get("value") is None:
        return named_by_values(got, want, inputs, failed)
    if "values" in failed and all(np.size(got.get(key, ())) == 1 for key in keys):
        ratios = np.ravel([got[key] / want[key] for key in keys])
        if np.ptp(ratios) < 1e-3 * abs(ratios[0]) and abs(abs(ratios[0]) - 1) > 0.02:
            return "factor"
    return named_by_values(got, want, inputs, failed)


def _bce(logits, x, reduction):
    return F.binary_cross_entropy_with_logits(logits, x, reduction=reduction)


_formula = formula(
    "autodecoder.vad_loss",
    points=2,
    args=("logits", "x", "kl", "beta"),
    grad=("logits", "kl"),
    per_image=False,
    draw=_batches,
    reference=vad_loss,
    weights=(0.1, 0.4, 0.3, 0.05),
    forms=(_in_one_go,),
    more=(
        Check("default", 0.1, beta_is_one("default.value", "the loss")),
        Check("stable", 0.05, _finite_at_large),
    ),
    mistakes={
        "kl-sign": lambda logits, x, kl, beta=1.0: (reconstruction(logits, x) - beta * kl).mean(),
        "likelihood-sign": lambda logits, x, kl, beta=1.0: (
            beta * kl - reconstruction(logits, x)
        ).mean(),
        "mean-pixels": lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.mean(),
        "batch-sum": lambda logits, x, kl, beta=1.0: (reconstruction(logits, x) + beta * kl).sum(),
        "half-reduced": lambda logits, x, kl, beta=1.0: _bce(logits, x, "sum") + beta * kl.mean(),
        "half-reduced/2": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits, x).mean() + beta * kl.sum()
        ),
        "half-reduced/3": lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.sum(),
        "mean-pixels/2": lambda logits, x, kl, beta=1.0: (
            (reconstruction(logits, x) + beta * kl).mean() / 784
        ),
        "beta-on-likelihood": lambda logits, x, kl, beta=1.0: (
            beta * reconstruction(logits, x) + kl
        ).mean(),
        "beta-on-both": lambda logits, x, kl, beta=1.0: (
            beta * (reconstruction(logits, x) + kl).mean()
        ),
        "beta-ignored": lambda logits, x, kl, beta=1.0: (reconstruction(logits, x) + kl).mean(),
        "beta-inverted": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits, x) + kl / beta
        ).mean(),
        "kl-missing": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits, x).mean() + 0 * kl.sum()
        ),
        "kl-missing/2": lambda logits, x, kl, beta=1.0: reconstruction(logits, x).mean(),
        "likelihood-missing": lambda logits, x, kl, beta=1.0: (beta * kl).mean() + 0 * logits.sum(),
        "sigmoid-twice": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits.sigmoid(), x) + beta * kl
        ).mean(),
        "swapped": lambda logits, x, kl, beta=1.0: (reconstruction(x, logits) + beta * kl).mean(),
        "squared-error": lambda logits, x, kl, beta=1.0: (
            (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
        ).mean(),
        "squared-error/2": lambda logits, x, kl, beta=1.0: (
            F.mse_loss(logits.sigmoid(), x) + beta * kl.mean()
        ),
        "squared-error/3": lambda logits, x, kl, beta=1.0: (
            0.5 * (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
        ).mean(),
        "logits-as-images": lambda logits, x, kl, beta=1.0: (
            (logits - x).pow(2).flatten(1).sum(1) + beta * kl
        ).mean(),
        "logits-as-images/2": lambda logits, x, kl, beta=1.0: (
            F.mse_loss(logits, x) + beta * kl.mean()
        ),
        "ink-only": lambda logits, x, kl, beta=1.0: (
            -(x * F.logsigmoid(logits)).flatten(1).sum(1) + beta * kl
        ).mean(),
        "bits": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits, x) / np.log(2) + beta * kl
        ).mean(),
        "first-image": lambda logits, x, kl, beta=1.0: (reconstruction(logits, x) + beta * kl)[0],
        "first-image/2": lambda logits, x, kl, beta=1.0: (
            reconstruction(logits, x).mean() + beta * kl[0]
        ),
    },
)


def _alike(a, b, inputs) -> bool:
    """The same loss and gradients; small ones, of a mean over pixels, are told apart by their own
    size.
    """
    for key in ("logits", "kl"):
        none, name = np.zeros(inputs[key].shape), f"grad.{key}"
        slopes = [none if e.get(name) is None else e[name] for e in (a, b)]
        if np.shape(slopes[0]) != np.shape(slopes[1]):
            return False
        size = max(map(np.linalg.norm, slopes))
        if not np.linalg.norm(slopes[0] - slopes[1]) <= 1e-3 * size:
            return False
    return same_call(a, b, inputs)


QUESTION = replace(_formula, probe="common.variations", alike=_alike, explain=_loss_named)
