"""Latents on an interval inside (0, 1): a sample from a given uniform, and the KL to U(0, 1)."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from autograder.key.kinds.formula import STABLE, formula
from autograder.key.kinds.sampler import sampler, uniform


def rsample_uniform(low_logit, width_logit, u):
    """A point at the fraction u of an interval that lies inside (0, 1)."""
    width = width_logit.sigmoid()
    return low_logit.sigmoid() * (1 - width) + width * u


def _by_ends(low_logit, width_logit, u):
    width = width_logit.sigmoid()
    low = low_logit.sigmoid() * (1 - width)
    high = low + width
    return (1 - u) * low + u * high


def _by_lerp(low_logit, width_logit, u):
    width = width_logit.sigmoid()
    low = low_logit.sigmoid() * (1 - width)
    return torch.lerp(low, low + width, u)


def kl_uniform(low_logit, width_logit):
    """KL of an interval to U(0, 1): it depends on the width alone."""
    return -F.logsigmoid(width_logit).sum(1)


def _intervals(rng):
    return {
        "low_logit": rng.normal(0, 1.5, (5, 7)),
        "width_logit": rng.normal(0, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **uniform(rng),
    }


SAMPLE = sampler(
    "autodecoder.rsample_uniform",
    points=1,
    params=("low_logit", "width_logit"),
    noise="u",
    draw=_intervals,
    reference=rsample_uniform,
    forms=(_by_ends, _by_lerp),
    tails=(-1e-6, 1 + 1e-6),
    extra=True,
    mistakes={
        "sticks-out": lambda a, w, u: a.sigmoid() + w.sigmoid() * u,
        "width-as-end": lambda a, w, u: a.sigmoid() + (w.sigmoid() - a.sigmoid()) * u,
        "width-as-end/2": lambda a, w, u: (
            a.sigmoid() * (1 - w.sigmoid()) * (1 - u) + w.sigmoid() * u
        ),
        "not-squashed": lambda a, w, u: a * (1 - w) + w * u,
        "not-squashed/2": lambda a, w, u: a.sigmoid() * (1 - w) + w * u,
        "not-squashed/3": lambda a, w, u: a * (1 - w.sigmoid()) + w.sigmoid() * u,
        "exponential-for-sigmoid": lambda a, w, u: a.sigmoid() * (1 - w.exp()) + w.exp() * u,
        "room-not-width": lambda a, w, u: a.sigmoid() * w.sigmoid() + (1 - w.sigmoid()) * u,
        "centred": lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid() * (u - 0.5),
        "no-noise": lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + 0 * u,
        "no-noise/2": lambda a, w, u: a.sigmoid() * (1 - w.sigmoid()) + 0.5 * w.sigmoid(),
        "low-missing": lambda a, w, u: w.sigmoid() * u + 0 * a,
        "width-missing": lambda a, w, u: a.sigmoid() + u + 0 * w,
        "swapped": lambda a, w, u: rsample_uniform(w, a, u),
        "low-scaled": lambda a, w, u: (a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid()) * u,
        "shared-batch": lambda a, w, u: rsample_uniform(a, w, u[:1]),
        "shared-dims": lambda a, w, u: rsample_uniform(a, w, u[:, :1]),
    },
)


def _unstable(got, want, inputs, failed):
    if failed == ["stable"]:
        return "unstable"
    return None


DIVERGENCE = formula(
    "autodecoder.kl_uniform",
    points=1,
    args=("low_logit", "width_logit"),
    grad=("low_logit", "width_logit"),
    draw=lambda rng: {
        "low_logit": rng.normal(0, 1.5, (5, 7)),
        "width_logit": rng.normal(0, 1.5, (5, 7)),
        "low far": rng.normal(0, 1.5, (3, 7)),
        "width far": rng.choice([-200.0, -120.0, 120.0, 200.0], (3, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    },
    args2=("low far", "width far"),
    reference=kl_uniform,
    weights=(0.15, 0.45, 0.2, 0.1),
    more=(STABLE,),
    explain=_unstable,
    extra=True,
    mistakes={
        "low-for-width": lambda a, w: -F.logsigmoid(a).sum(1),
        "low-counted": lambda a, w: -(F.logsigmoid(w) + F.logsigmoid(a)).sum(1),
        "low-counted/2": lambda a, w: -(w.sigmoid() - a.sigmoid() * (1 - w.sigmoid())).log().sum(1),
        "upper-end": lambda a, w: -(a.sigmoid() * (1 - w.sigmoid()) + w.sigmoid()).log().sum(1),
        "not-squashed": lambda a, w: -w.log().sum(1),
        "logit-as-log": lambda a, w: -w.sum(1) + 0 * a.sum(1),
        "complement": lambda a, w: -F.logsigmoid(-w).sum(1),
        "log-missing": lambda a, w: w.sigmoid().sum(1),
        "log-missing/2": lambda a, w: (1 - w.sigmoid()).sum(1),
        "inverse-width": lambda a, w: (1 / w.sigmoid()).sum(1),
        "density-weighted": lambda a, w: -(w.sigmoid() * F.logsigmoid(w)).sum(1),
        "density-weighted/2": lambda a, w: -(F.logsigmoid(w) / w.sigmoid()).sum(1),
        "wrong-axis": lambda a, w: -F.logsigmoid(w).sum(0),
    },
)
