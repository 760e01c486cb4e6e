"""Exponential latents: a sample from a given uniform, and the KL to Exp(1)."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds.formula import formula, free_bits
from autograder.key.kinds.sampler import sampler, uniform


def rsample_exponential(log_rate, u):
    """Inverse CDF of Exp(rate) at u."""
    return -torch.log1p(-u) / log_rate.exp()


def _by_scale(log_rate, u):
    scale = (-log_rate).exp()
    return -(1 - u).log() * scale


def kl_exponential(log_rate):
    """KL of Exp(rate) to Exp(1)."""
    return (log_rate - 1 + (-log_rate).exp()).sum(1)


def _exponentials(rng):
    return {
        "log_rate": rng.uniform(-1.5, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **uniform(rng),
    }


SAMPLE = sampler(
    "autodecoder.rsample_exponential",
    points=1,
    params=("log_rate",),
    noise="u",
    draw=_exponentials,
    reference=rsample_exponential,
    forms=(_by_scale,),
    tails=(0.0, np.inf),
    mistakes={
        "scale-for-rate": lambda log_rate, u: -torch.log1p(-u) * log_rate.exp(),
        "sign": lambda log_rate, u: torch.log1p(-u) / log_rate.exp(),
        "sign/2": lambda log_rate, u: torch.log1p(-u) * log_rate.exp(),
        "log-of-negative": lambda log_rate, u: -(u - 1).log() / log_rate.exp(),
        "log-not-undone": lambda log_rate, u: -torch.log1p(-u) / log_rate,
        "log-not-undone/2": lambda log_rate, u: -torch.log1p(-u) * log_rate,
        "noise-not-transformed": lambda log_rate, u: u / log_rate.exp(),
        "rate-missing": lambda log_rate, u: -torch.log1p(-u) + 0 * log_rate,
        "no-noise": lambda log_rate, u: (-log_rate).exp() + 0 * u,
        "added": lambda log_rate, u: -torch.log1p(-u) - log_rate,
        "density": lambda log_rate, u: log_rate.exp() * (-log_rate.exp() * u).exp(),
        "distribution-function": lambda log_rate, u: 1 - (-log_rate.exp() * u).exp(),
        "plus-for-minus": lambda log_rate, u: torch.log1p(u) / log_rate.exp(),
        "plus-for-minus/2": lambda log_rate, u: -torch.log1p(u) / log_rate.exp(),
        "gaussian": lambda log_rate, u: (-log_rate).exp() + (-log_rate).exp() * u,
        "root": lambda log_rate, u: -torch.log1p(-u) / (0.5 * log_rate).exp(),
        "shared-batch": lambda log_rate, u: rsample_exponential(log_rate, u[:1]),
        "shared-dims": lambda log_rate, u: rsample_exponential(log_rate, u[:, :1]),
    },
)


def _by_rate(log_rate):
    rate = log_rate.exp()
    return (rate.log() - 1 + 1 / rate).sum(1)


def _exponential_terms(s):
    return s - 1 + (-s).exp()


DIVERGENCE = formula(
    "autodecoder.kl_exponential",
    points=1,
    args=("log_rate",),
    grad=("log_rate",),
    draw=lambda rng: {
        "log_rate": rng.uniform(-1.5, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    },
    reference=kl_exponential,
    explain=free_bits(_exponential_terms),
    forms=(_by_rate,),
    mistakes={
        "rate-inverted": lambda s: (-s - 1 + s.exp()).sum(1),
        "rate-for-inverse": lambda s: (s - 1 + s.exp()).sum(1),
        "log-sign": lambda s: (-s - 1 + (-s).exp()).sum(1),
        "one-missing": lambda s: (s + (-s).exp()).sum(1),
        "one-sign": lambda s: (s + 1 + (-s).exp()).sum(1),
        "one-not-summed": lambda s: (s + (-s).exp()).sum(1) - 1,
        "log-missing": lambda s: ((-s).exp() - 1).sum(1),
        "inverse-missing": lambda s: (s - 1).sum(1),
        "log-not-undone": lambda s: (s - 1 + 1 / s).sum(1),
        "log-not-undone/2": lambda s: (s.log() - 1 + 1 / s).sum(1),
        "log-undone-twice": lambda s: (s.exp() - 1 + (-s).exp()).sum(1),
        "gaussian": lambda s: 0.5 * (s.exp() - 1 - s).sum(1),
        "wrong-axis": lambda s: _exponential_terms(s).sum(0),
    },
)
