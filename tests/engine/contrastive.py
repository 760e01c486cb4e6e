"""The two-sided loss of a contrastive model: Radford et al. 2021 (arXiv:2103.00020), figure 3."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from autograder.key.kinds.formula import formula
from autograder.key.sentences import pages


def contrastive_loss(images, texts, scale):
    """Mean cross-entropy of both sides, (B, n), (B, n), a number -> scalar, nats."""
    return _loss(F.normalize(images, dim=1), F.normalize(texts, dim=1), scale)


def _loss(images, texts, scale, sides=lambda image, text: (image + text) / 2):
    logits, own = scale * images @ texts.T, torch.arange(len(images))
    return sides(F.cross_entropy(logits, own), F.cross_entropy(logits.T, own))


def _inputs(rng):
    return {
        "images": rng.normal(0.3, 1.2, (5, 7)),
        "texts": rng.normal(-0.2, 0.8, (5, 7)),
        "scale": float(rng.uniform(2.2, 4.2)),
    }


def _of(sides):
    """A loss that puts its two sides together in another way."""
    return lambda x, y, scale: _loss(F.normalize(x, dim=1), F.normalize(y, dim=1), scale, sides)


QUESTION = formula(
    "contrastive.contrastive_loss",
    points=3,
    args=("images", "texts", "scale"),
    grad=("images", "texts"),
    per_image=False,
    draw=_inputs,
    reference=contrastive_loss,
    sentences=pages(Path(__file__).with_suffix(".md"))["contrastive_loss"],
    mistakes={
        "one-sided": _of(lambda image, text: image),
        "one-sided/texts": _of(lambda image, text: text),
        "sides-added": _of(lambda image, text: image + text),
        "not-normalised": _loss,
        "one-not-normalised": lambda x, y, scale: _loss(F.normalize(x, dim=1), y, scale),
        "one-not-normalised/2": lambda x, y, scale: _loss(x, F.normalize(y, dim=1), scale),
        "normalised-over-batch": lambda x, y, s: _loss(
            F.normalize(x, dim=0), F.normalize(y, dim=0), s
        ),
        "scale-ignored": lambda x, y, scale: contrastive_loss(x, y, 1.0),
        "scale-divides": lambda x, y, scale: contrastive_loss(x, y, 1 / scale),
    },
)
