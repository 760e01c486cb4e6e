"""Images that nobody has: test images, slightly moved, turned, scaled, thickened and mixed.

They are drawn for each submission from its seed. A network that has learned from other images
loses little by them; one that holds the public test images loses most of what it seemed to know.
"""

from __future__ import annotations

import numpy as np

COUNT = 500
SHIFT, TURN, SCALE, STROKE, MIXED = 0.7, 8.0, 0.05, 0.7, 0.15  # at most: pixels, degrees, shares


def draw(images, seed: int):
    """(which, changed): the places of COUNT of the `images` (N, 1, 28, 28), which are in [0, 1],
    and what becomes of these.
    """
    import torch
    import torch.nn.functional as F

    rng = np.random.default_rng([seed, 28])
    chosen, others = rng.choice(len(images), (2, COUNT), replace=False)
    x = torch.from_numpy(images[chosen])
    angle = np.deg2rad(rng.uniform(-TURN, TURN, COUNT))
    size = 1 + rng.uniform(-SCALE, SCALE, COUNT)
    shift = rng.uniform(-SHIFT, SHIFT, (2, COUNT)) * 2 / images.shape[-1]
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    moves = np.stack([[cos, -sin, shift[0]], [sin, cos, shift[1]]]).transpose(2, 0, 1)
    grid = F.affine_grid(torch.from_numpy(moves).float(), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)

    much = torch.from_numpy(rng.uniform(-STROKE, STROKE, (COUNT, 1, 1, 1))).float()
    thick, thin = F.max_pool2d(moved, 3, 1, 1), -F.max_pool2d(-moved, 3, 1, 1)
    stroked = moved + much.abs() * (torch.where(much > 0, thick, thin) - moved)

    share = torch.from_numpy(rng.uniform(0, MIXED, (COUNT, 1, 1, 1))).float()
    mixed = (1 - share) * stroked + share * torch.from_numpy(images[others])
    return chosen, mixed.clamp(0, 1).numpy()


def floor(x) -> np.ndarray:
    """The least reconstruction error, nats, that any network can have on grey images (N, ...):
    their entropy as Bernoulli pixels, (N,).
    """

    def entropy(x):
        p = np.clip(x.astype(float), 1e-7, 1 - 1e-7)
        return (-p * np.log(p) - (1 - p) * np.log1p(-p)).reshape(len(x), -1).sum(1)

    return in_parts(entropy, x)


def in_parts(function, *arrays, rows=250) -> np.ndarray:
    """function(*arrays), which gives a number a row, for so many rows at a time: in float64 each
    step of it would take a dozen MiB.
    """
    starts = range(0, len(arrays[0]), rows)
    return np.concatenate([function(*(a[i : i + rows] for a in arrays)) for i in starts])
