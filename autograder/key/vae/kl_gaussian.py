"""The KL divergence of a diagonal Gaussian to the prior."""

from __future__ import annotations

import numpy as np

from autograder.key.kinds.formula import EXTREME, formula, free_bits, overflows


def kl_gaussian(mu, logvar):
    """KL[N(mu, exp(logvar)) || N(0, I)], (B, nz) -> (B,), nats. Kingma & Welling 2014,
    appendix B.
    """
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)


_with_free_bits = free_bits(lambda mu, logvar: 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar))


def _by_variance(mu, logvar):
    variance = logvar.exp()
    return -0.5 * (1 + variance.log() - mu**2 - variance).sum(1)


def _by_std(mu, logvar):
    std = (logvar / 2).exp()
    return (-std.log() + (std**2 + mu**2) / 2 - 1 / 2).sum(1)


def gaussians(rng):
    """Spread-out posteriors: no mean at 0, no variance at 1, B != nz. One is close to the prior,
    where a floor under the KL shows.
    """
    closeness = np.array([0.2, 1, 1, 1, 1])[:, None]
    return {
        "mu": closeness * rng.normal(0, 1.3, (5, 7)),
        "logvar": closeness * rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    }


def _with_extremes(rng):
    """Also rows as narrow and as wide as a posterior may become in training."""
    far = rng.choice([-18.0, 14.0], (4, 7))
    far[:2] = [[-18], [14]]
    return {**gaussians(rng), "mu far": rng.normal(0, 1.3, (4, 7)), "logvar far": far}


WRONG_KLS = {
    "half-missing": lambda mu, logvar: 2 * kl_gaussian(mu, logvar),
    "log-std": lambda mu, logvar: kl_gaussian(mu, 2 * logvar),
    "variance-not-log": lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar.log()).sum(1),
    "std-not-log": lambda mu, logvar: kl_gaussian(mu, logvar.square().log()),
    "std-for-variance": lambda mu, logvar: 0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1),
    "exp-missing": lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar).sum(1),
    "logvar-sign": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1),
    "logvar-missing": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1).sum(1),
    "exp-term-missing": lambda mu, logvar: 0.5 * (mu**2 - 1 - logvar).sum(1),
    "mean-not-squared": lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1),
    "mean-absolute": lambda mu, logvar: 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(1),
    "mean-sign": lambda mu, logvar: 0.5 * (-(mu**2) + logvar.exp() - 1 - logvar).sum(1),
    "mean-missing": lambda mu, logvar: 0.5 * (logvar.exp() - 1 - logvar).sum(1),
    "mean-exponentiated": lambda mu, logvar: kl_gaussian(logvar, mu),
    "half-on-one-term": lambda mu, logvar: (0.5 * mu**2 + logvar.exp() - 1 - logvar).sum(1),
    "half-on-one-term/2": lambda mu, logvar: (mu**2 + 0.5 * (logvar.exp() - 1 - logvar)).sum(1),
    "reversed": lambda mu, logvar: 0.5 * ((mu**2 + 1) / logvar.exp() - 1 + logvar).sum(1),
    "wrong-axis": lambda mu, logvar: 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(0),
    "terms-clamped": lambda mu, logvar: (
        0.5 * (mu**2 + (logvar.exp() - 1) - logvar.clamp(min=0)).sum(1)
    ),
    "logvar-doubled": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - 2 * logvar).sum(1),
    "variance-squared": lambda mu, logvar: 0.5 * (mu**2 + (2 * logvar).exp() - 1 - logvar).sum(1),
    "exp-sign": lambda mu, logvar: 0.5 * (mu**2 - logvar.exp() - 1 - logvar).sum(1),
    "exp-sign/2": lambda mu, logvar: 0.5 * (mu**2 + (-logvar).exp() - 1 - logvar).sum(1),
    "one-missing": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar).sum(1),
    "one-sign": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() + 1 - logvar).sum(1),
    "one-not-summed": lambda mu, logvar: 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 1),
    "half-on-one-term/3": lambda mu, logvar: (
        (mu**2 + logvar.exp() - 1).sum(1) - 0.5 * logvar.sum(1)
    ),
    "half-twice": lambda mu, logvar: 0.5 * kl_gaussian(mu, logvar),
    "mean-cubed": lambda mu, logvar: 0.5 * (mu**3 + logvar.exp() - 1 - logvar).sum(1),
}

QUESTION = formula(
    "vae.kl_gaussian",
    points=2,
    args=("mu", "logvar"),
    args2=("mu far", "logvar far"),
    grad=("mu", "logvar"),
    draw=_with_extremes,
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(EXTREME,),
    explain=lambda *case: overflows(*case) or _with_free_bits(*case),
    forms=(_by_variance, _by_std),
    reference=kl_gaussian,
    mistakes=WRONG_KLS,
)
