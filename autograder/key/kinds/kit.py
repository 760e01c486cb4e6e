"""The kit's own runs, recognised by what they compute.

A run is shown images that no training has ever seen: waves, noise, negatives, dots and patches.
What it decodes from the mean codes of those is its own: two networks that were trained apart agree
there only roughly, however alike their test images look, and a copy agrees closely, in whatever
order, scale or sign its hidden units and latents are kept. How far the two lie apart is measured by
`python -m benchmarks.copies`.
"""

from __future__ import annotations

import contextlib
import io
from functools import cache

import numpy as np

SAME = 0.75  # of the likeness, 1 at most; see docs/benchmarks.md
KINDS = 5  # of strange images
EACH = 48  # images of a kind
SEED = 20131220


@cache
def strange() -> np.ndarray:
    """Images that are no digits, one kind after the other, (KINDS · EACH, 1, 28, 28) in [0, 1]."""
    from utils import data

    rng = np.random.default_rng(SEED)
    with contextlib.redirect_stdout(io.StringIO()):
        digits = data.load("MNIST", train=False, root="embedded").images.numpy()
    shape = EACH, 1, 28, 28
    turns = rng.uniform(-1.5, 1.5, (2, EACH, 1, 1, 1))  # radians a pixel, across and down
    across, down = np.meshgrid(np.arange(28), np.arange(28))
    kinds = (
        0.5 + 0.5 * np.sin(turns[0] * across + turns[1] * down),
        rng.random(shape),
        1 - rng.choice(digits, EACH, replace=False),
        rng.random(shape) < rng.uniform(0, 0.5, (EACH, 1, 1, 1)),
        rng.random((EACH, 1, 7, 7)).repeat(4, 2).repeat(4, 3),
    )
    return np.concatenate(kinds).astype(np.float32)


def likeness(logits, others) -> float:
    """Correlation of what two runs decode from `strange`, (KINDS · EACH, 784) each: the mean over
    the kinds, each pixel taken from its mean over that kind. Whoever always decodes one picture is
    like nobody.
    """
    found = []
    for kind in range(KINDS):
        rows = slice(kind * EACH, (kind + 1) * EACH)
        a, b = (part[rows] - part[rows].mean(0) for part in (logits, others))
        size = np.linalg.norm(a) * np.linalg.norm(b)
        found.append(np.vdot(a, b) / size if size > 0 else 0.0)
    return float(np.mean(found))


@cache
def networks() -> dict[str, tuple[dict, dict]]:
    """{name: (graph, weights)} of the kit's runs that code and decode images."""
    from utils import runs

    found = {
        path.parent.name: (runs.read_graph(path.parent), runs.read_weights(path.parent))
        for path in sorted(runs.REFERENCE.glob("*/graph.json"))
    }
    return {name: both for name, both in found.items() if both[0] and both[0]["encode"]}


@cache
def decoded() -> dict[str, np.ndarray]:
    """{name: what the kit's run of that name decodes from `strange`, (KINDS · EACH, 784)}."""
    import torch

    from utils import graph

    found = {}
    for name, (program, weights) in networks().items():
        with torch.inference_mode():
            code = graph.run(program["encode"], weights, torch.from_numpy(strange()))[0]
            logits = graph.run(program["decode"], weights, code)[0]
        found[name] = logits.flatten(1).numpy()
    return found


def recognised(logits) -> str | None:
    """The name of the kit's run that decodes `strange` so, (KINDS · EACH, 784); None of no run."""
    alike = {name: likeness(logits, others) for name, others in decoded().items()}
    best = max(alike, key=lambda name: alike[name], default=None)
    return best if best and alike[best] > SAME else None
