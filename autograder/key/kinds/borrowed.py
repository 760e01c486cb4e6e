"""Answers that are one of the kit's networks: recognised by what they compute, not by their code.

A fresh network of the answer is shown strange images (see `kit`), and latents next to the origin.
Its codes of the images, or its steps from one picture to the next, are the kit's when they are
linear combinations of one kit network's: then no order, sign, scale or rotation of the latents and
no small noise on the weights hides it. What a network that was not trained on the kit's images
computes is nowhere near: see `python -m benchmarks.copies networks`. Steps that are merely smooth,
as a decoder's that enlarges small pictures, are explained as well by the kit's turned upside down,
and show nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from autograder.key.kinds import kit

CODES, STEPS = 0.85, 0.7  # of what is explained, 1 at most; see docs/benchmarks.md
EACH = 24  # images of a kind
SHORT = 0.1  # of the latents: so near to the origin a decoder is nearly linear


def images(rng) -> dict:
    """Inputs of a probe that has images coded: strange ones, drawn anew, kind after kind."""
    places = np.concatenate(
        [kind * kit.EACH + rng.choice(kit.EACH, EACH, replace=False) for kind in range(kit.KINDS)]
    )
    return {"own places": places.tolist(), "own x": kit.strange()[places]}


def latents(rng, nz: int) -> dict:
    """Inputs of a probe that has latents decoded: the origin and, in any order, a step along each
    dimension.
    """
    steps = SHORT * rng.choice([-1.0, 1.0], nz)[:, None] * np.eye(nz)[rng.permutation(nz)]
    return {"own z": np.concatenate([np.zeros((1, nz)), steps])}


def taken(got, inputs) -> str | None:
    """The name of the kit's network that the answer's own codes or pictures come from, or None."""
    for alike, least in ((codes_alike(got, inputs), CODES), (steps_alike(got, inputs), STEPS)):
        best = max(alike, key=lambda name: alike[name], default="")
        if best and alike[best] > least:
            return best
    return None


def codes_alike(got, inputs) -> dict[str, float]:
    """{kit's network: which share of the best explained dimension of the codes it explains}."""
    codes, places = got.get("own codes"), inputs.get("own places")
    if codes is None or len(codes) != kit.KINDS * EACH:
        return {}
    codes = np.reshape(codes, (len(codes), -1))
    return {n: _codes_explained(codes, theirs[places]) for n, (theirs, _) in _networks().items()}


def steps_alike(got, inputs) -> dict[str, float]:
    """The same of the steps from the picture of the origin to the others."""
    pictures = got.get("own pictures")
    if pictures is None or np.size(pictures) != len(inputs["own z"]) * 784:
        return {}
    pictures = np.reshape(pictures, (-1, 784))
    steps = pictures[1:] - pictures[0]
    return {name: _steps_explained(steps, theirs) for name, (_, theirs) in _networks().items()}


def _steps_explained(steps, theirs) -> float:
    """The share of the best explained step, (nz, 784), of those that the kit's explain much better
    than their mirror images do.
    """
    pictures = theirs.reshape(-1, 28, 28)
    mirrored = [
        shares(steps.T, turned.reshape(len(theirs), 784).T)
        for turned in (pictures[:, ::-1], pictures[:, :, ::-1], pictures[:, ::-1, ::-1])
    ]
    found = shares(steps.T, theirs.T)
    return float(np.max(found[1 - found < (1 - np.max(mirrored, 0)) / 2], initial=0.0))


def _codes_explained(codes, theirs) -> float:
    """The share of the best explained dimension of codes (N, nz), taken from their mean over each
    kind of images, the kinds counted equally: of most images a wide kind would tell how bright they
    are, and no more.
    """
    codes, theirs = (_centred(part) for part in (codes, theirs))
    best = 0.0
    for own in codes.transpose(2, 0, 1):  # (kinds, images) of one dimension
        size = own.std(1)
        if size.min() > 1e-9 * size.max():
            scaled = (own / size[:, None]).reshape(-1, 1)
            by = (theirs / size[:, None, None]).reshape(len(scaled), -1)
            best = max(best, float(shares(scaled, by).max()))
    return best


def _centred(codes) -> np.ndarray:
    codes = np.asarray(codes, float).reshape(kit.KINDS, EACH, -1)
    return codes - codes.mean(1, keepdims=True)


def shares(columns, by) -> np.ndarray:
    """The share of each column's square that lies in the span of others; 0 of an empty one."""
    if not np.isfinite(columns).all():
        return np.zeros(columns.shape[1])
    basis = np.linalg.qr(by)[0]
    total = (columns**2).sum(0)
    inside = ((basis.T @ columns) ** 2).sum(0)
    return inside / np.where(total > 0, total, 1)


@cache
def _networks() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{name: (codes (images, nz), steps from the origin (nz, 784))} of the kit's networks."""
    import torch

    from utils import graph

    found = {}
    for name, (program, weights) in kit.networks().items():
        z = torch.cat([torch.zeros(1, program["nz"]), SHORT * torch.eye(program["nz"])])
        with torch.inference_mode():
            codes = graph.run(program["encode"], weights, torch.from_numpy(kit.strange()))[0]
            pictures = graph.run(program["decode"], weights, z)[0].flatten(1)
        steps = pictures[1:] - pictures[0]
        found[name] = codes.double().numpy(), steps.double().numpy()
    return found
