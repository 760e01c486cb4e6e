"""The log-likelihood of images under the logits of a decoder."""

from __future__ import annotations

import math

import torch.nn.functional as F

from autograder.key.kinds.formula import STABLE, formula, unstable


def bernoulli_log_likelihood(x, logits):
    """log p(x|z) of pixels in [0, 1], (B, 1, 28, 28) x 2 -> (B,), nats; stable for any logit."""
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def _by_softplus(x, logits):
    return (x * logits - F.softplus(logits)).sum((1, 2, 3))


def _by_logsigmoid(x, logits):
    ink = x * F.logsigmoid(logits)
    paper = (1 - x) * F.logsigmoid(-logits)
    return (ink + paper).sum((1, 2, 3))


def pictures(rng):
    """Grey pixels (a rule for 0 and 1 alone would pass on binary ones) and logits to both sides."""
    return {
        "x": rng.uniform(0.02, 0.98, (5, 1, 28, 28)),
        "logits": rng.normal(0.3, 1.5, (5, 1, 28, 28)),
    }


def _likelihood_inputs(rng):
    far = rng.choice([-200.0, -120.0, 120.0, 200.0], (4, 1, 28, 28))
    binary = rng.integers(0, 2, (4, 1, 28, 28)).astype(float)
    return {**pictures(rng), "weights": rng.uniform(0.5, 2, 5), "x far": binary, "logits far": far}


def _bce(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


WRONG_LIKELIHOODS = {
    "sign": lambda x, logits: -bernoulli_log_likelihood(x, logits),
    "swapped": lambda x, logits: bernoulli_log_likelihood(logits, x),
    "sigmoid-twice": lambda x, logits: bernoulli_log_likelihood(x, logits.sigmoid()),
    "sigmoid-missing": lambda x, logits: (
        (x * logits.log() + (1 - x) * (1 - logits).log()).flatten(1).sum(1)
    ),
    "ink-only": lambda x, logits: (x * F.logsigmoid(logits)).flatten(1).sum(1),
    "paper-only": lambda x, logits: ((1 - x) * F.logsigmoid(-logits)).flatten(1).sum(1),
    "terms-mixed": lambda x, logits: bernoulli_log_likelihood(1 - x, logits),
    "squared-error": lambda x, logits: -(x - logits.sigmoid()).pow(2).flatten(1).sum(1),
    "squared-error/2": lambda x, logits: -0.5 * (x - logits.sigmoid()).pow(2).flatten(1).sum(1),
    "binarised": lambda x, logits: bernoulli_log_likelihood((x > 0.5).to(x), logits),
    "mean-not-sum/negative": lambda x, logits: -bernoulli_log_likelihood(x, logits) / x[0].numel(),
    "batch-mean/pixels": lambda x, logits: -_bce(x, logits).mean(),
    "batch-mean/positive": lambda x, logits: _bce(x, logits).mean(),
    "batch-sum/positive": lambda x, logits: _bce(x, logits).sum(),
    "rows-only": lambda x, logits: -_bce(x, logits).sum(-1),
    "channel-only": lambda x, logits: -_bce(x, logits).sum(1),
    "absolute-error": lambda x, logits: -(x - logits.sigmoid()).abs().flatten(1).sum(1),
    "paper-sign": lambda x, logits: (
        (x * F.logsigmoid(logits) - (1 - x) * F.logsigmoid(-logits)).flatten(1).sum(1)
    ),
    "not-weighted": lambda x, logits: (
        (F.logsigmoid(logits) + F.logsigmoid(-logits)).flatten(1).sum(1)
    ),
    "bits": lambda x, logits: bernoulli_log_likelihood(x, logits) / math.log(2),
}

QUESTION = formula(
    "vae.bernoulli_log_likelihood",
    points=1,
    args=("x", "logits"),
    args2=("x far", "logits far"),
    grad=("logits",),
    draw=_likelihood_inputs,
    reference=bernoulli_log_likelihood,
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(STABLE,),
    explain=unstable,
    forms=(_by_softplus, _by_logsigmoid),
    mistakes={
        **WRONG_LIKELIHOODS,
        "wrong-axis": lambda x, logits: -_bce(x, logits).flatten(1).sum(0),
    },
)
