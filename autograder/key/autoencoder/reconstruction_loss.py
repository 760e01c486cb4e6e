"""The reconstruction loss of the autoencoder."""

from __future__ import annotations

import torch.nn.functional as F

from autograder.key.kinds.formula import formula, unstable
from autograder.key.question import Check, close, differs


def reconstruction_loss(logits, x):
    """-log p(x|z) of Bernoulli pixels, nats per image: sum over pixels, mean over the batch;
    a scalar. As in the master.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def _by_softplus(logits, x):
    return (F.softplus(logits) - x * logits).sum((1, 2, 3)).mean()


def _loss_inputs(rng):
    far = rng.choice([-200.0, -120.0, 120.0, 200.0], (4, 1, 28, 28))
    x = rng.uniform(0.02, 0.98, (5, 1, 28, 28))
    return {
        # as a decoder's, they follow the image: rounding its greys then never comes out even
        "logits": rng.normal(0.3, 1.5, x.shape) + 3 * (x - 0.5),
        "x": x,
        "logits far": far,
        "x far": rng.integers(0, 2, far.shape).astype(float),
    }


def _bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _stable(got, want, inputs):
    if got.get("second.error") or got.get("second") is None:
        return f"with very large logits: {got.get('second.error') or 'nothing was received.'}"
    if not close(got["second"], want["second"], 1e-4):
        return f"the value at very large logits: {differs(got['second'], want['second'])}."
    return None


QUESTION = formula(
    "autoencoder.reconstruction_loss",
    points=1,
    args=("logits", "x"),
    args2=("logits far", "x far"),
    grad=("logits",),
    draw=_loss_inputs,
    reference=reconstruction_loss,
    per_image=False,
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(Check("stable", 0.1, _stable),),
    explain=unstable,
    forms=(_by_softplus,),
    mistakes={
        "sign": lambda logits, x: -reconstruction_loss(logits, x),
        "mean-not-sum": lambda logits, x: _bce(logits, x).mean(),
        "batch-sum": lambda logits, x: _bce(logits, x).sum(),
        "row-mean": lambda logits, x: _bce(logits, x).sum() / x.shape[-1],
        "row-mean/2": lambda logits, x: _bce(logits, x).sum(-1).mean(),
        "channel-only": lambda logits, x: -_bce(logits, x).sum(1).mean(),
        "swapped": lambda logits, x: reconstruction_loss(x, logits),
        "sigmoid-twice": lambda logits, x: reconstruction_loss(logits.sigmoid(), x),
        "ink-only": lambda logits, x: -(x * F.logsigmoid(logits)).sum() / len(x),
        "terms-mixed": lambda logits, x: reconstruction_loss(-logits, x),
        "binarised": lambda logits, x: reconstruction_loss(logits, (x > 0.5).to(x)),
        "one-of-many": lambda logits, x: F.cross_entropy(logits.flatten(1), x.flatten(1)),
        "one-of-many/2": lambda logits, x: F.cross_entropy(logits, x, reduction="sum") / len(x),
        "squared-error": lambda logits, x: (logits.sigmoid() - x).pow(2).sum() / len(x),
        "squared-error/2": lambda logits, x: (logits.sigmoid() - x).pow(2).mean(),
        "squared-error/3": lambda logits, x: 0.5 * (logits.sigmoid() - x).pow(2).sum() / len(x),
        "squared-error/4": lambda logits, x: (logits - x).pow(2).sum() / len(x),
        "squared-error/5": lambda logits, x: (logits - x).pow(2).mean(),
        "squared-error/6": lambda logits, x: (logits.sigmoid() - x).abs().sum() / len(x),
        "squared-error/7": lambda logits, x: (logits.sigmoid() - x).abs().mean(),
    },
)
