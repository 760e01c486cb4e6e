"""The noising step of a diffusion model: Ho, Jain and Abbeel 2020, equation 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autograder.key.kinds.formula import formula
from autograder.key.sentences import pages


def noised(x0, t, eps, alpha_bar):
    """x0 after t steps, (B, 1, h, w), (B,), like x0, (T,) -> like x0."""
    return _mixed(x0, t, eps, alpha_bar, _right)


def _right(kept):
    return kept.sqrt(), (1 - kept).sqrt()


def _mixed(x0, t, eps, alpha_bar, shares, at=lambda t: t):
    image, noise = shares(alpha_bar[at(t)].view(-1, 1, 1, 1))
    return image * x0 + noise * eps


def _inputs(rng):
    return {
        "x0": rng.uniform(-1, 1, (5, 1, 4, 3)),
        "t": 1 + rng.permutation(9)[:5],
        "eps": rng.normal(0, 1, (5, 1, 4, 3)),
        "alpha_bar": np.cumprod(rng.uniform(0.75, 0.95, 11)),
        "weights": rng.uniform(0.5, 2, (5, 1, 4, 3)),
    }


def _of(shares, at=lambda t: t):
    return lambda x0, t, eps, alpha_bar: _mixed(x0, t, eps, alpha_bar, shares, at)


QUESTION = formula(
    "diffused.noised",
    points=2,
    args=("x0", "t", "eps", "alpha_bar"),
    grad=("x0", "eps"),
    draw=_inputs,
    reference=noised,
    sentences=pages(Path(__file__).with_suffix(".md"))["noised"],
    mistakes={
        "no-roots": _of(lambda kept: (kept, 1 - kept)),
        "root-missing": _of(lambda kept: (kept, (1 - kept).sqrt())),
        "root-missing/noise": _of(lambda kept: (kept.sqrt(), 1 - kept)),
        "shares-swapped": _of(lambda kept: ((1 - kept).sqrt(), kept.sqrt())),
        "image-not-scaled": _of(lambda kept: (1, (1 - kept).sqrt())),
        "noise-not-scaled": _of(lambda kept: (kept.sqrt(), 1)),
        "one-step-early": _of(_right, lambda t: t - 1),
        "one-step-for-all": _of(_right, lambda t: t[:1]),
    },
)
