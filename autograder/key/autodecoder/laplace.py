"""Laplace latents: a sample from a given uniform, and the KL to Laplace(0, 1)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from autograder.key.autodecoder.exponential import rsample_exponential
from autograder.key.kinds.formula import formula, free_bits, named_by_values
from autograder.key.kinds.sampler import same_call, sampler, uniform
from autograder.key.question import Check
from autograder.key.vae.kl_gaussian import kl_gaussian


def rsample_laplace(mu, log_scale, u):
    """Inverse CDF of Laplace(mu, scale) at u."""
    v = u - 0.5
    return mu - log_scale.exp() * v.sign() * torch.log1p(-2 * v.abs())


def _by_cases(mu, log_scale, u):
    low, high = (2 * u).log(), -(2 - 2 * u).log()
    return mu + log_scale.exp() * torch.where(u < 0.5, low, high)


def kl_laplace(mu, log_scale):
    """KL of Laplace(mu, scale) to Laplace(0, 1)."""
    scale, distance = log_scale.exp(), mu.abs()
    return (distance + scale * (-distance / scale).exp() - log_scale - 1).sum(1)


def _laplaces(rng):
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "log_scale": rng.uniform(-1.5, 1, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **uniform(rng),
    }


def _standard_laplace(u):
    return rsample_laplace(torch.zeros_like(u), torch.zeros_like(u), u)


SAMPLE = sampler(
    "autodecoder.rsample_laplace",
    points=2,
    params=("mu", "log_scale"),
    noise="u",
    draw=_laplaces,
    reference=rsample_laplace,
    forms=(_by_cases,),
    tails=(-np.inf, np.inf),
    mistakes={
        "sign-missing": lambda mu, s, u: mu - s.exp() * torch.log1p(-2 * (u - 0.5).abs()),
        "sign-missing/2": lambda mu, s, u: mu + s.exp() * torch.log1p(-2 * (u - 0.5).abs()),
        "not-centred": lambda mu, s, u: mu - s.exp() * u.sign() * torch.log(1 - 2 * u.abs()),
        "factor-two-missing": lambda mu, s, u: (
            mu - s.exp() * (u - 0.5).sign() * torch.log1p(-(u - 0.5).abs())
        ),
        "absolute-value-missing": lambda mu, s, u: (
            mu - s.exp() * (u - 0.5).sign() * torch.log1p(-2 * (u - 0.5))
        ),
        "scale-inverted": lambda mu, s, u: mu + (-s).exp() * _standard_laplace(u),
        "log-not-undone": lambda mu, s, u: mu + s * _standard_laplace(u),
        "root": lambda mu, s, u: mu + (0.5 * s).exp() * _standard_laplace(u),
        "mean-missing": lambda mu, s, u: s.exp() * _standard_laplace(u) + 0 * mu,
        "mean-subtracted": lambda mu, s, u: s.exp() * _standard_laplace(u) - mu,
        "mean-scaled": lambda mu, s, u: s.exp() * (mu + _standard_laplace(u)),
        "scale-missing": lambda mu, s, u: mu + _standard_laplace(u) + 0 * s,
        "no-noise": lambda mu, s, u: mu + 0 * s,
        "gaussian": lambda mu, s, u: mu + s.exp() * u,
        "noise-not-transformed": lambda mu, s, u: mu + s.exp() * (u - 0.5),
        "noise-not-transformed/2": lambda mu, s, u: mu + s.exp() * (2 * u - 1),
        "exponential": lambda mu, s, u: mu + rsample_exponential(-s, u),
        "shared-batch": lambda mu, s, u: rsample_laplace(mu, s, u[:1]),
        "shared-dims": lambda mu, s, u: rsample_laplace(mu, s, u[:, :1]),
    },
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
        return "kink"
    named = free_bits(_laplace_terms)(got, want, inputs, failed)
    return named or named_by_values(got, want, inputs, failed)


_formula = formula(
    "autodecoder.kl_laplace",
    points=1,
    args=("mu", "log_scale"),
    grad=("mu", "log_scale"),
    draw=lambda rng: {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "log_scale": rng.uniform(-1.5, 1, (5, 7)),
        "zeros": rng.normal(0, 1.3, (5, 7)) * (rng.permutation(35).reshape(5, 7) % 2),
        "variations": {"zero": {"mu": "zeros"}},
        "weights": rng.uniform(0.5, 2, 5),
    },
    reference=kl_laplace,
    weights=(0.15, 0.45, 0.25, 0.1),
    more=(Check("kink", 0.05, _finite_at_zero),),
    mistakes={
        "absolute-value-missing": lambda mu, s: (
            mu + s.exp() * (-mu.abs() / s.exp()).exp() - s - 1
        ).sum(1),
        "absolute-value-missing/2": lambda mu, s: (
            mu.abs() + s.exp() * (-mu / s.exp()).exp() - s - 1
        ).sum(1),
        "absolute-value-missing/3": lambda mu, s: (
            mu + s.exp() * (-mu / s.exp()).exp() - s - 1
        ).sum(1),
        "scale-before-exponential": lambda mu, s: (
            mu.abs() + (-mu.abs() / s.exp()).exp() - s - 1
        ).sum(1),
        "scale-in-exponent": lambda mu, s: (mu.abs() + s.exp() * (-mu.abs()).exp() - s - 1).sum(1),
        "scale-in-exponent/2": lambda mu, s: (
            mu.abs() + s.exp() * (-mu.abs() * s.exp()).exp() - s - 1
        ).sum(1),
        "exponent-sign": lambda mu, s: (
            mu.abs() + s.exp() * (mu.abs() / s.exp()).exp() - s - 1
        ).sum(1),
        "log-sign": lambda mu, s: (mu.abs() + s.exp() * (-mu.abs() / s.exp()).exp() + s - 1).sum(1),
        "log-missing": lambda mu, s: (mu.abs() + s.exp() * (-mu.abs() / s.exp()).exp() - 1).sum(1),
        "one-missing": lambda mu, s: (_laplace_terms(mu, s) + 1).sum(1),
        "one-sign": lambda mu, s: (_laplace_terms(mu, s) + 2).sum(1),
        "one-not-summed": lambda mu, s: (_laplace_terms(mu, s) + 1).sum(1) - 1,
        "exponential-missing": lambda mu, s: (mu.abs() - s - 1).sum(1),
        "exponential-missing/2": lambda mu, s: (mu.abs() + s.exp() - s - 1).sum(1),
        "distance-missing": lambda mu, s: (s.exp() * (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        "scale-inverted": lambda mu, s: _laplace_terms(mu, -s).sum(1),
        "root": lambda mu, s: _laplace_terms(mu, 0.5 * s).sum(1),
        "log-not-undone": lambda mu, s: (
            mu.abs() + s * (-mu.abs() / s).exp() - s.abs().log() - 1
        ).sum(1),
        "log-not-undone/2": lambda mu, s: (mu.abs() + s * (-mu.abs() / s).exp() - s - 1).sum(1),
        "log-not-undone/3": lambda mu, s: (mu.abs() + s * (-mu.abs() / s).exp() - s.log() - 1).sum(
            1
        ),
        "log-undone-twice": lambda mu, s: (_laplace_terms(mu, s) + s - s.exp()).sum(1),
        "squared": lambda mu, s: (mu**2 + s.exp() * (-mu.abs() / s.exp()).exp() - s - 1).sum(1),
        "squared/2": lambda mu, s: (mu**2 + s.exp() * (-(mu**2) / s.exp()).exp() - s - 1).sum(1),
        "reversed": lambda mu, s: (s - 1 + (mu.abs() + (-mu.abs()).exp()) / s.exp()).sum(1),
        "gaussian": lambda mu, s: kl_gaussian(mu, s),
        "gaussian/2": lambda mu, s: kl_gaussian(mu, 2 * s),
        "wrong-axis": lambda mu, s: _laplace_terms(mu, s).sum(0),
    },
)


DIVERGENCE = replace(_formula, probe="common.variations", alike=same_call, explain=_kink_named)
