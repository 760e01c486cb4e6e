"""Gaussian latents with full covariance: a sample from given noise, and the KL to N(0, I)."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.key.kinds.formula import formula
from autograder.key.kinds.sampler import normal, sampler


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


def _sampled_written_out(mu, tril, eps):
    diagonal = tril.diagonal(dim1=-2, dim2=-1).exp()
    factor = tril.tril(-1) + torch.diag_embed(diagonal)
    return mu + (factor @ eps[:, :, None])[:, :, 0]


def _written_out(mu, tril):
    log_diagonal = tril.diagonal(dim1=-2, dim2=-1)
    below = tril.tril(-1).square().sum((1, 2))
    trace = below + (2 * log_diagonal).exp().sum(1)
    return 0.5 * (trace + (mu**2).sum(1) - mu.shape[1]) - log_diagonal.sum(1)


def _by_covariance(mu, tril):
    log_diagonal = tril.diagonal(dim1=-2, dim2=-1)
    factor = tril.tril(-1) + torch.diag_embed(log_diagonal.exp())
    covariance = factor @ factor.mT
    trace = covariance.diagonal(dim1=-2, dim2=-1).sum(1)
    return 0.5 * (trace + (mu**2).sum(1) - mu.shape[1] - 2 * log_diagonal.sum(1))


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


# wrong factors L, made from tril: in samples and in the KL
_FACTORS = {
    "upper-kept": lambda t: (
        t - torch.diag_embed(_diagonal(t)) + torch.diag_embed(_diagonal(t).exp())
    ),
    "diagonal-not-exponentiated": lambda t: t.tril(),
    "all-exponentiated": lambda t: t.exp().tril(),
    "diagonal-twice": lambda t: t.tril() + torch.diag_embed(_diagonal(t).exp()),
    "diagonal-only": lambda t: torch.diag_embed(_diagonal(t).exp()),
    "diagonal-missing": lambda t: t.tril(-1),
    "diagonal-halved": lambda t: t.tril(-1) + torch.diag_embed((0.5 * _diagonal(t)).exp()),
    "diagonal-doubled": lambda t: t.tril(-1) + torch.diag_embed((2 * _diagonal(t)).exp()),
    "softplus": lambda t: t.tril(-1) + torch.diag_embed(F.softplus(_diagonal(t))),
    "first-of-batch": lambda t: cholesky_factor(t)[:1].expand_as(t),
}


def _sampled_with(factor):
    return lambda mu, tril, eps: mu + _times(factor(tril), eps)


def _divergence_with(factor, log_det=None):
    """A KL with a wrong factor, whose determinant is its own where no other one is given."""

    def mistaken(mu, tril):
        own = 2 * _diagonal(factor(tril)).abs().log().sum(1)
        return _full_terms(factor(tril), mu, log_det(tril) if log_det else own)

    return mistaken


SAMPLE = sampler(
    "autodecoder.rsample_full_gaussian",
    points=1,
    params=("mu", "tril"),
    noise="eps",
    draw=lambda rng: {
        **_full_gaussians(rng),
        "weights": rng.uniform(0.5, 2, (5, 4)),
        **normal(rng, (5, 4)),
    },
    reference=rsample_full_gaussian,
    forms=(_sampled_written_out,),
    extra=True,
    mistakes={
        **{name: _sampled_with(factor) for name, factor in _FACTORS.items()},
        "transposed": lambda mu, t, eps: mu + _times(cholesky_factor(t).transpose(1, 2), eps),
        "covariance-for-root": lambda mu, t, eps: (
            mu + _times(cholesky_factor(t) @ cholesky_factor(t).transpose(1, 2), eps)
        ),
        "mean-missing": lambda mu, t, eps: _times(cholesky_factor(t), eps) + 0 * mu,
        "no-noise": lambda mu, t, eps: mu + 0 * eps,
        "mean-scaled": lambda mu, t, eps: _times(cholesky_factor(t), mu + eps),
        "shared-batch": lambda mu, t, eps: mu + _times(cholesky_factor(t), eps[:1].expand_as(eps)),
        "elementwise": lambda mu, t, eps: mu + (cholesky_factor(t) * eps[:, :, None]).sum(2),
    },
)


def _full_terms(factor, mu, log_det):
    return 0.5 * (factor.pow(2).sum((1, 2)) + mu.pow(2).sum(1) - mu.shape[1] - log_det)


def _log_det(tril):
    return 2 * _diagonal(tril).sum(1)


DIVERGENCE = formula(
    "autodecoder.kl_full_gaussian",
    points=1,
    args=("mu", "tril"),
    grad=("mu", "tril"),
    draw=lambda rng: {**_full_gaussians(rng), "weights": rng.uniform(0.5, 2, 5)},
    reference=kl_full_gaussian,
    forms=(_written_out, _by_covariance),
    extra=True,
    mistakes={
        "determinant-of-root": lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * _diagonal(t).sum(1),
        "determinant-missing": lambda mu, t: kl_full_gaussian(mu, t) + _diagonal(t).sum(1),
        "determinant-sign": lambda mu, t: kl_full_gaussian(mu, t) + 2 * _diagonal(t).sum(1),
        "determinant-doubled": lambda mu, t: kl_full_gaussian(mu, t) - _diagonal(t).sum(1),
        "half-missing": lambda mu, t: 2 * kl_full_gaussian(mu, t),
        "one-missing": lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * mu.shape[1],
        "one-missing/2": lambda mu, t: kl_full_gaussian(mu, t) + 0.5 * (mu.shape[1] - 1),
        "trace-of-root": lambda mu, t: (
            0.5 * (_diagonal(t).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t))
        ),
        "diagonal-only": lambda mu, t: (
            0.5 * ((2 * _diagonal(t)).exp().sum(1) + mu.pow(2).sum(1) - mu.shape[1] - _log_det(t))
        ),
        "trace-missing": lambda mu, t: 0.5 * (mu.pow(2).sum(1) - mu.shape[1] - _log_det(t)),
        "mean-missing": lambda mu, t: kl_full_gaussian(mu, t) - 0.5 * mu.pow(2).sum(1),
        "mean-not-squared": lambda mu, t: kl_full_gaussian(mu, t) - 0.5 * (mu.pow(2) - mu).sum(1),
        "mean-not-squared/2": lambda mu, t: (
            kl_full_gaussian(mu, t) - 0.5 * (mu.pow(2) - mu.abs()).sum(1)
        ),
        **{
            f"{name}/twice": _divergence_with(factor)
            for name, factor in _FACTORS.items()
            if name != "diagonal-missing"
        },
        **{
            f"{name}/trace": _divergence_with(factor, _log_det) for name, factor in _FACTORS.items()
        },
    },
)
