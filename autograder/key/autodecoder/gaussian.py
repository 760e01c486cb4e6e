"""Gaussian latents: a sample from given noise, and the KL to N(0, I)."""

from __future__ import annotations

from dataclasses import replace

from torch.nn import functional as F

from autograder.key.kinds.sampler import normal, sampler
from autograder.key.vae import kl_gaussian


def rsample_gaussian(mu, logvar, eps):
    """mu + sigma * eps, eps from N(0, I)."""
    return mu + (0.5 * logvar).exp() * eps


def _by_variance(mu, logvar, eps):
    variance = logvar.exp()
    std = variance.sqrt()
    return mu + std * eps


def _gaussians(rng):
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "logvar": rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, (5, 7)),
        **normal(rng),
    }


SAMPLE = sampler(
    "autodecoder.rsample_gaussian",
    points=1,
    params=("mu", "logvar"),
    noise="eps",
    draw=_gaussians,
    reference=rsample_gaussian,
    forms=(_by_variance,),
    mistakes={
        "variance-as-std": lambda mu, logvar, eps: mu + logvar.exp() * eps,
        "exponent-quartered": lambda mu, logvar, eps: mu + (logvar / 4).exp() * eps,
        "logvar-as-std": lambda mu, logvar, eps: mu + logvar * eps,
        "logvar-as-std/2": lambda mu, logvar, eps: mu + 0.5 * logvar * eps,
        "half-outside": lambda mu, logvar, eps: mu + 0.5 * logvar.exp() * eps,
        "inverse-std": lambda mu, logvar, eps: mu + (-0.5 * logvar).exp() * eps,
        "inverse-std/2": lambda mu, logvar, eps: mu + (-logvar).exp() * eps,
        "mean-missing": lambda mu, logvar, eps: (0.5 * logvar).exp() * eps,
        "no-noise": lambda mu, logvar, eps: mu + 0 * logvar,
        "no-noise/2": lambda mu, logvar, eps: mu + (0.5 * logvar).exp(),
        "unit-noise": lambda mu, logvar, eps: mu + eps + 0 * logvar,
        "softplus-as-std": lambda mu, logvar, eps: mu + F.softplus(logvar) * eps,
        "mean-times-spread": lambda mu, logvar, eps: mu * (0.5 * logvar).exp() * eps,
        "shared-batch": lambda mu, logvar, eps: rsample_gaussian(mu, logvar, eps[:1]),
        "shared-dims": lambda mu, logvar, eps: rsample_gaussian(mu, logvar, eps[:, :1]),
        "mean-scaled": lambda mu, logvar, eps: (0.5 * logvar).exp() * (mu + eps),
    },
)


# The same function as in `vae`, asked and judged the same way.
DIVERGENCE = replace(kl_gaussian.QUESTION, id="autodecoder.kl_gaussian", points=1)
