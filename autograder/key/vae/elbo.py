"""The evidence lower bound, with a weight on the KL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from autograder.key.kinds.formula import beta_is_one, beta_named, differ, formula
from autograder.key.question import Check
from autograder.key.vae.bernoulli_log_likelihood import (
    WRONG_LIKELIHOODS,
    bernoulli_log_likelihood,
    pictures,
)
from autograder.key.vae.kl_gaussian import WRONG_KLS, gaussians, kl_gaussian


def elbo(x, logits, mu, logvar, beta=1.0):
    """Mean over the batch of log p(x|z) - beta KL, nats per image, to maximise. Equation 7 at
    beta 1. As in the master.
    """
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()


def _in_one_go(x, logits, mu, logvar, beta=1.0):
    reconstruction = (x * logits - F.softplus(logits)).sum()
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
    return (reconstruction - beta * kl) / x.shape[0]


def _elbo_inputs(rng):
    """Weak logits, so that the likelihood does not drown the KL, but for a few, at which a
    probability that is clamped shows; a beta that is no special number, and means and
    log-variances at which every known wrong KL shows in the one number asked for.
    """
    shape = 5, 1, 28, 28
    sure = rng.random(shape) < 0.01
    scaled = {"logits": np.where(sure, rng.choice([-7, 7], shape), rng.normal(0.3, 1, shape))}
    apart = 0.0
    while apart < 0.5:
        latents = {k: v for k, v in gaussians(rng).items() if k != "weights"}
        mu, logvar = (torch.from_numpy(latents[k]) for k in ("mu", "logvar"))
        right = kl_gaussian(mu, logvar).mean()
        wrong = torch.stack([of(mu, logvar).mean() for of in WRONG_KLS.values()])
        apart = (wrong - right).abs().nan_to_num(torch.inf).min()
    return {
        **pictures(rng),
        **scaled,
        **latents,
        "beta": float(rng.uniform(1.8, 3.2)),
        "one": 1.0,
        "zero": 0.0,
        "variations": {"one": {"beta": "one"}, "zero": {"beta": "zero"}, "again": {}},
    }


def _terms(x, logits, mu, logvar):
    return bernoulli_log_likelihood(x, logits), kl_gaussian(mu, logvar)


def _elbo_with(kl=kl_gaussian, likelihood=bernoulli_log_likelihood):
    """An `elbo` in which one of its parts is wrong."""

    def mistaken(x, logits, mu, logvar, beta=1.0):
        return (likelihood(x, logits) - beta * kl(mu, logvar)).mean()

    return mistaken


def _elbo_of(combine):
    """An `elbo` that puts the two terms together in another way: combine(rec, kl, beta,
    pixels, nz).
    """

    def mistaken(x, logits, mu, logvar, beta=1.0):
        return combine(*_terms(x, logits, mu, logvar), beta, x[0].numel(), mu.shape[1])

    return mistaken


def _no_default(got, want, inputs, failed):
    if differ(got):
        return "random"
    if failed == ["default"] and "required positional argument" in str(got.get("second.error")):
        return "no-default"
    return beta_named(got, "second") if failed == ["default"] else None


_formula = formula(
    "vae.elbo",
    points=2,
    args=("x", "logits", "mu", "logvar", "beta"),
    args2=("x", "logits", "mu", "logvar"),
    grad=("logits", "mu", "logvar"),
    draw=_elbo_inputs,
    reference=elbo,
    upstream={"kl_gaussian": kl_gaussian, "bernoulli_log_likelihood": bernoulli_log_likelihood},
    per_image=False,
    weights=(0.1, 0.4, 0.3, 0.1),
    more=(Check("default", 0.1, beta_is_one("second", "the value")),),
    explain=_no_default,
    forms=(_in_one_go,),
    mistakes={
        "sign": _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * kl - rec).mean()),
        "kl-sign": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec + beta * kl).mean()),
        "likelihood-sign": _elbo_of(lambda rec, kl, beta, pixels, nz: (-rec - beta * kl).mean()),
        "beta-ignored": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - kl).mean()),
        "beta-on-likelihood": _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * rec - kl).mean()),
        "beta-on-both": _elbo_of(lambda rec, kl, beta, pixels, nz: (beta * (rec - kl)).mean()),
        "beta-inverted": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - kl / beta).mean()),
        "beta-mixed": _elbo_of(
            lambda rec, kl, beta, pixels, nz: ((1 - beta) * rec - beta * kl).mean()
        ),
        "kl-missing": _elbo_of(lambda rec, kl, beta, pixels, nz: rec.mean()),
        "likelihood-missing": _elbo_of(lambda rec, kl, beta, pixels, nz: (-beta * kl).mean()),
        "half-kl": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 2 * beta * kl).mean()),
        "half-kl/2": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - 0.5 * beta * kl).mean()),
        "mean-pixels": _elbo_of(
            lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl).mean()
        ),
        "mean-latents": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl / nz).mean()),
        "mean-everything": _elbo_of(
            lambda rec, kl, beta, pixels, nz: (rec / pixels - beta * kl / nz).mean()
        ),
        "batch-sum": _elbo_of(lambda rec, kl, beta, pixels, nz: (rec - beta * kl).sum()),
        "half-reduced": _elbo_of(lambda rec, kl, beta, pixels, nz: rec.mean() - beta * kl.sum()),
        "half-reduced/2": _elbo_of(lambda rec, kl, beta, pixels, nz: rec.sum() - beta * kl.mean()),
        "swapped": lambda x, logits, mu, logvar, beta=1.0: elbo(logits, x, mu, logvar, beta),
        "swapped-latents": lambda x, logits, mu, logvar, beta=1.0: elbo(
            x, logits, logvar, mu, beta
        ),
        **{f"kl_gaussian: {name}": _elbo_with(kl=of) for name, of in WRONG_KLS.items()},
        **{
            f"bernoulli_log_likelihood: {name}": _elbo_with(likelihood=of)
            for name, of in WRONG_LIKELIHOODS.items()
        },
    },
)


QUESTION = replace(_formula, probe="common.variations")
