"""Images on the way from one image to another."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.interpolation.walks import (
    WALKS,
    forms,
    lerp,
    named_by_rows,
    named_walk,
    same_walks,
    slerp,
    turned,
    walk_problem,
)
from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question, close


@torch.no_grad()
def interpolate(encode, decode, x0, x1, steps):
    """Images (steps, 1, 28, 28) decoded from the straight walk between two latents."""
    return torch.sigmoid(decode(lerp(encode(x0)[0], encode(x1)[0], steps)))


def _draw_images(rng):
    nz = 6
    return {
        "name": "interpolate",
        "into": rng.normal(0, 1 / 12, (784, nz)),
        "out": rng.normal(0, 2, (nz, 784)),
        "bias": rng.normal(0, 1, 784),
        "x0": rng.uniform(0, 1, 784) ** 3,
        "x1": rng.uniform(0, 1, 784),
        "walks": {"usual": 11, "odd": 6, "again": 11},
    }


def _usable(got, want, inputs):
    return [label for label in inputs["walks"] if walk_problem(got, want, label, "") is None]


def _latents(got, want, label):
    """The rows that were decoded for one walk, when they are as many as its images."""
    rows = got.get(f"{label}.latents")
    return rows if rows is not None and rows.shape == want[f"{label}.latents"].shape else None


def _frames(which: slice | list, message: str):
    """A test of some images of each walk: they, or the latents they come from, are right."""

    def test(got, want, inputs):
        usable = _usable(got, want, inputs)
        if not usable:
            return "no images of the right form were received."
        for label in usable:
            if close(got[label][which], want[label][which], 1e-3, 1e-3):
                continue
            latents = _latents(got, want, label)
            if latents is None or not close(
                latents[which], want[f"{label}.latents"][which], 1e-3, 1e-3
            ):
                return message
        return None

    return test


def _as_images(got, want, inputs):
    usable = _usable(got, want, inputs)
    if not usable:
        return "no images of the right form were received."
    for label in usable:
        value = got[label]
        if value.min() < 0 or value.max() > 1:
            return f"pixel values go from {value.min():.2f} to {value.max():.2f}."
        logits = got.get(f"{label}.logits")
        if close(value, want[label], 1e-3, 1e-3):
            continue
        if logits is not None and logits.shape == value.shape:
            if not close(value, 1 / (1 + np.exp(-logits)), 1e-3, 1e-3):
                return "the images are not what the decoder's logits stand for."
    return None


def _no_graph(got, want, inputs):
    usable = _usable(got, want, inputs)
    if not usable:
        return "no images of the right form were received."
    if any(got.get(f"{label}.attached") for label in usable):
        return "the images carry the graph of encoder and decoder."
    return None


def _named(got, want, inputs, failed):
    if failed == ["gradient"]:
        return "keeps-graph/images"
    return named_walk(got, want, inputs, [name for name in failed if name != "gradient"])


def _walked(walk):
    return lambda encode, decode, x0, x1, steps: torch.sigmoid(
        decode(walk(encode(x0)[0], encode(x1)[0], steps))
    )


def _decoded(encode, decode, x0, x1, steps):
    return decode(lerp(encode(x0)[0], encode(x1)[0], steps))


def _logits_mixed(encode, decode, x0, x1, steps):
    a, b = decode(encode(x0)), decode(encode(x1))
    return torch.sigmoid(lerp(a.flatten(), b.flatten(), steps).view(-1, 1, 28, 28))


def _pictures_mixed(encode, decode, x0, x1, steps):
    a, b = torch.sigmoid(decode(encode(x0))), torch.sigmoid(decode(encode(x1)))
    return lerp(a.flatten(), b.flatten(), steps).view(-1, 1, 28, 28)


def _pixels_mixed(encode, decode, x0, x1, steps):
    return lerp(x0.flatten(), x1.flatten(), steps).view(-1, 1, 28, 28)


def _pixels_then_model(encode, decode, x0, x1, steps):
    return torch.sigmoid(decode(encode(_pixels_mixed(encode, decode, x0, x1, steps))))


def _originals_at_the_ends(encode, decode, x0, x1, steps):
    images = interpolate(encode, decode, x0, x1, steps).clone()
    images[0], images[-1] = x0.reshape(1, 28, 28), x1.reshape(1, 28, 28)
    return images


def _one_image(which):
    def walk(encode, decode, x0, x1, steps):
        x = (x0, x1)[which]
        return interpolate(encode, decode, x, x, steps)

    return walk


ONE_END = "constant", "constant/2"  # of walks: seen from here, one image only

QUESTION = Question(
    id="interpolation.interpolate",
    points=2,
    probe="interpolation.images",
    draw=_draw_images,
    reference={"interpolate": interpolate, "lerp": lerp},
    builds_on=("lerp",),
    checks=(
        Check("form", 0.2, forms(("usual", "odd"))),
        Check(
            "ends",
            0.25,
            _frames([0, -1], "the first or last image is not the reconstruction of x0 or x1."),
        ),
        Check(
            "path",
            0.3,
            _frames(slice(1, -1), "the images in between are not decoded from the straight walk."),
        ),
        Check("images", 0.15, _as_images),
        Check("gradient", 0.05, _no_graph),
        Check("manners", 0.05, inputs_unchanged),
    ),
    mistakes={
        "no-sigmoid": _decoded,
        "sigmoid-twice": lambda *args: torch.sigmoid(interpolate(*args)),
        "logits-clamped": lambda *args: _decoded(*args).clamp(0, 1),
        "tanh-for-sigmoid": lambda *args: _decoded(*args).tanh(),
        "tanh-for-sigmoid/2": lambda *args: (_decoded(*args).tanh() + 1) / 2,
        "logits-stretched": lambda *args: (lambda x: (x - x.min()) / (x.max() - x.min()))(
            _decoded(*args)
        ),
        "thresholded": lambda *args: (interpolate(*args) > 0.5).float(),
        "pixels-mixed": _pixels_mixed,
        "pixels-then-model": _pixels_then_model,
        "reconstructions-mixed": _pictures_mixed,
        "reconstructions-mixed/2": _logits_mixed,
        "originals-at-the-ends": _originals_at_the_ends,
        "one-image-only": _one_image(0),
        "one-image-only/2": _one_image(1),
        "no-channel": lambda *args: interpolate(*args).squeeze(1),
        "shape": lambda *args: interpolate(*args)[:, None],
        "flattened": lambda *args: interpolate(*args).flatten(1),
        **{name: _walked(walk) for name, walk in WALKS.items() if name not in ONE_END},
        "on-the-sphere": _walked(slerp),
        "on-the-sphere/2": _walked(turned),
    },
    alike=same_walks,
    explain=_named,
    last=named_by_rows,
)
