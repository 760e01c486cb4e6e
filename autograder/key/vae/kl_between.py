"""The KL divergence between two diagonal Gaussians."""

from __future__ import annotations

from autograder.key.kinds.formula import EXTREME, formula, free_bits, overflows
from autograder.key.vae.kl_gaussian import gaussians, kl_gaussian


def kl_between(mu1, logvar1, mu2, logvar2):
    """KL[N(mu1, exp(logvar1)) || N(mu2, exp(logvar2))], diagonal, (B, nz) x 4 -> (B,), nats."""
    spread = (logvar1 - logvar2).exp() + (mu1 - mu2).pow(2) * (-logvar2).exp()
    return 0.5 * (spread - 1 - logvar1 + logvar2).sum(1)


_with_free_bits = free_bits(
    lambda m1, v1, m2, v2: 0.5 * ((v1.exp() + (m1 - m2) ** 2) / v2.exp() - 1 - v1 + v2)
)


def _by_fraction(mu1, logvar1, mu2, logvar2):
    distance = (mu1 - mu2) ** 2
    return 0.5 * (logvar2 - logvar1 + (logvar1.exp() + distance) / logvar2.exp() - 1).sum(1)


def _by_stds(mu1, logvar1, mu2, logvar2):
    std1, std2 = (logvar1 / 2).exp(), (logvar2 / 2).exp()
    return ((std2 / std1).log() + (std1**2 + (mu1 - mu2) ** 2) / (2 * std2**2) - 1 / 2).sum(1)


def _two_gaussians(rng):
    second = {"mu2": rng.normal(0, 1.3, (5, 7)), "logvar2": rng.uniform(-1.5, 1.5, (5, 7))}
    first = gaussians(rng)
    return {"mu1": first["mu"], "logvar1": first["logvar"], **second, "weights": first["weights"]}


def _with_extremes(rng):
    """Also rows as narrow and as wide as a posterior may become in training."""
    drawn = _two_gaussians(rng)
    means = {f"mu{i} far": rng.normal(0, 1.3, (4, 7)) for i in (1, 2)}
    far = {f"logvar{i} far": rng.choice([-18.0, 14.0], (4, 7)) for i in (1, 2)}
    return {**drawn, **means, **far}


QUESTION = formula(
    "vae.kl_between",
    points=1,
    args=("mu1", "logvar1", "mu2", "logvar2"),
    grad=("mu1", "logvar1", "mu2", "logvar2"),
    args2=("mu1 far", "logvar1 far", "mu2 far", "logvar2 far"),
    draw=_with_extremes,
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(EXTREME,),
    explain=lambda *case: overflows(*case) or _with_free_bits(*case),
    forms=(_by_fraction, _by_stds),
    reference=kl_between,
    mistakes={
        "symmetrised": lambda m1, v1, m2, v2: (
            0.5 * (kl_between(m1, v1, m2, v2) + kl_between(m2, v2, m1, v1))
        ),
        "symmetrised/2": lambda m1, v1, m2, v2: (
            kl_between(m1, v1, m2, v2) + kl_between(m2, v2, m1, v1)
        ),
        "reversed": lambda m1, v1, m2, v2: kl_between(m2, v2, m1, v1),
        "half-on-one-term": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1).sum(1) + (v2 - v1).sum(1)
        ),
        "half-on-one-term/2": lambda m1, v1, m2, v2: (
            (v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1 + 0.5 * (v2 - v1)
        ).sum(1),
        "half-missing": lambda m1, v1, m2, v2: 2 * kl_between(m1, v1, m2, v2),
        "log-std": lambda m1, v1, m2, v2: kl_between(m1, 2 * v1, m2, 2 * v2),
        "distance-not-scaled": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 - 1 - v1 + v2).sum(1)
        ),
        "distance-scaled-by-first": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v1.exp() - 1 - v1 + v2).sum(1)
        ),
        "distance-not-squared": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) / v2.exp() - 1 - v1 + v2).sum(1)
        ),
        "distance-missing": lambda m1, v1, m2, v2: 0.5 * ((v1 - v2).exp() - 1 - v1 + v2).sum(1),
        "log-term-sign": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1 + v1 - v2).sum(1)
        ),
        "log-term-missing": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1).sum(1)
        ),
        "ratio-inverted": lambda m1, v1, m2, v2: (
            0.5 * ((v2 - v1).exp() + (m1 - m2) ** 2 / v2.exp() - 1 - v1 + v2).sum(1)
        ),
        "std-for-variance": lambda m1, v1, m2, v2: (
            0.5 * ((0.5 * (v1 - v2)).exp() + (m1 - m2) ** 2 / (0.5 * v2).exp() - 1 - v1 + v2).sum(1)
        ),
        "wrong-axis": lambda m1, v1, m2, v2: (
            0.5 * ((v1 - v2).exp() + (m1 - m2) ** 2 / v2.exp() - 1 - v1 + v2).sum(0)
        ),
        "prior-assumed": lambda m1, v1, m2, v2: kl_gaussian(m1, v1) + 0 * (m2 + v2).sum(1),
        "difference-of-kls": lambda m1, v1, m2, v2: kl_gaussian(m1, v1) - kl_gaussian(m2, v2),
    },
)
