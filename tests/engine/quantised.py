"""Vector quantisation with a straight-through gradient: van den Oord et al. 2017, section 3.2."""

from __future__ import annotations

from pathlib import Path

import torch

from autograder.key.kinds.formula import formula
from autograder.key.sentences import pages


def quantise(z, codebook):
    """The nearest code of each z, (B, n), (K, n) -> (B, n); its gradient passes to z unchanged."""
    return z + (_nearest(z, codebook) - z).detach()


def _nearest(z, codebook, choose=torch.argmin):
    return codebook[choose(torch.cdist(z, codebook), dim=1)]


def _inputs(rng):
    """Codes on one side of the origin, so that the nearest is not the one of largest product."""
    codebook = rng.normal(0.5, 1, (9, 7)) * rng.uniform(0.5, 2, (9, 1))
    return {
        "z": rng.normal(0.5, 1, (8, 7)),  # far from all codes
        "codebook": codebook,
        "weights": rng.uniform(0.5, 2, (8, 7)),
    }


def _straight(choose):
    return lambda z, codebook: z + (choose(z, codebook) - z).detach()


QUESTION = formula(
    "quantised.quantise",
    points=3,
    args=("z", "codebook"),
    grad=("z", "codebook"),
    draw=_inputs,
    reference=quantise,
    sentences=pages(Path(__file__).with_suffix(".md"))["quantise"],
    mistakes={
        "no-straight-through": _nearest,
        "codebook-trained": lambda z, codebook: z + _nearest(z, codebook) - z.detach(),
        "quantises-nothing": lambda z, codebook: z * 1,
        "farthest": _straight(lambda z, book: _nearest(z, book, torch.argmax)),
        "largest-product": _straight(lambda z, book: book[(z @ book.T).argmax(dim=1)]),
        "gradient-doubled": lambda z, codebook: 2 * z + (_nearest(z, codebook) - 2 * z).detach(),
        "index-returned": lambda z, codebook: torch.cdist(z, codebook).argmin(dim=1),
        "wrong-axis": _straight(lambda z, book: book[torch.cdist(z, book).argmin(dim=0)[: len(z)]]),
    },
)
