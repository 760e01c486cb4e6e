"""The answer key of `interpolation`: walks between latents, and a linear classifier on them.

Spherical interpolation: Shoemake 1985, "Animating rotation with quaternion curves", section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import (
    Check,
    Mistake,
    Question,
    close,
    number_problem,
    same_arrays,
    well_formed,
)

# The reference


def lerp(z0, z1, steps):
    """Equal steps on a straight line, both ends included. (nz,) and (nz,) -> (steps, nz)."""
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (1 - t) * z0 + t * z1


def slerp(z0, z1, steps):
    """Equal angles on a great circle, the length going evenly from one end's to the other's."""
    length0, length1 = z0.norm(), z1.norm()
    angle = torch.dot(z0 / length0, z1 / length1).clamp(-1, 1).arccos()
    if angle.sin() < 1e-4:
        return lerp(z0, z1, steps)
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    turned = ((1 - t) * angle).sin() * z0 / length0 + (t * angle).sin() * z1 / length1
    return ((1 - t) * length0 + t * length1) * turned / angle.sin()


def interpolate(encode, decode, x0, x1, steps):
    """Images (steps, 1, 28, 28) decoded from the straight walk between two latents."""
    return torch.sigmoid(decode(lerp(encode(x0)[0], encode(x1)[0], steps)))


def linear_probe(z_train, y_train, z_test, y_test):
    """Test accuracy of least squares onto one-hot labels."""
    return _right(_least_squares(z_train, y_train), z_test, y_test)


def _least_squares(z, y):
    ones = torch.ones(len(z), 1)
    return torch.linalg.lstsq(torch.cat([z, ones], 1), torch.eye(10)[y]).solution


def _right(weights, z, y):
    scores = torch.cat([z, torch.ones(len(z), 1)], 1) @ weights
    return (scores.argmax(1) == y).double().mean().item()


# What walks are tested for


def _walk_problem(got, want, label, what) -> str | None:
    """What is wrong with the form of one walk: not a tensor, a wrong shape, NaN."""
    if got.get(f"{label}.error"):
        return f"{what}: {got[f'{label}.error']}"
    kind = got.get(f"{label}.kind")
    if kind not in ("Tensor", "Parameter"):
        return f"{what}: received {kind} where one tensor is asked for."
    return well_formed(got, want, label, what)


def _forms(labels: tuple[str, ...]):
    """A test: every walk has its form."""

    def test(got, want, inputs):
        for label in labels:
            problem = _walk_problem(got, want, label, f"steps={_steps(inputs, label)}")
            if problem:
                return problem
        return None

    return test


def _on_walks(labels: tuple[str, ...], test: Callable):
    """A test of every walk that has its form; without any there is nothing to pass on."""

    def tested(got, want, inputs):
        usable = [label for label in labels if _walk_problem(got, want, label, "") is None]
        if not usable:
            return "no walk of the right form was received."
        for label in usable:
            start, end, _ = inputs["walks"][label]
            problem = test(np.asarray(got[label]), want[label], inputs[start], inputs[end])
            if problem:
                return problem
        return None

    return tested


def _ends(rows, right, z0, z1):
    for index, name, z in ((0, "z0", z0), (-1, "z1", z1)):
        if not close(rows[index], z, 1e-4, 1e-4):
            where = "first" if index == 0 else "last"
            return f"the {where} row is not {name}."
    return None


def _straight(rows, right, z0, z1):
    jumps, along = np.diff(rows, axis=0), (z1 - z0) / np.linalg.norm(z1 - z0)
    lengths = np.linalg.norm(jumps, axis=1)
    if lengths.max() < 1e-6:
        return "all rows are the same."
    if not close(jumps, np.broadcast_to(jumps.mean(0), jumps.shape), 1e-3, 1e-4):
        even = close(lengths, np.full_like(lengths, lengths.mean()), 1e-3, 1e-4)
        return f"the steps {'do not point the same way' if even else 'are of unequal length'}."
    if abs(jumps.mean(0) @ along) < 0.999 * lengths.mean():
        return "the rows are not on the line through z0 and z1."
    return None


def _angles(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.arccos(np.clip((unit[1:] * unit[:-1]).sum(1), -1, 1))


def _turning(rows, right, z0, z1):
    """Equal angles that add up to the angle between the ends: then the path is a great circle."""
    angles, wanted = _angles(rows), _angles(right)
    if not np.isfinite(angles).all():
        return "some rows have no direction."
    if np.ptp(angles) > 2e-3:  # arccos of float32 is good to about 3e-4 at small angles
        return (
            "the angles between neighbouring rows differ, by up to"
            f" {np.degrees(np.ptp(angles)):.1f} degrees."
        )
    if abs(angles.sum() - wanted.sum()) > 5e-3:
        return "the walk is not the shortest way round."
    return None


def _lengths(rows, right, z0, z1):
    lengths, (low, high) = np.linalg.norm(rows, axis=1), sorted(map(np.linalg.norm, (z0, z1)))
    if (lengths < low * (1 - 1e-3)).any():
        return "some rows are shorter than both ends."
    if (lengths > high * (1 + 1e-3)).any():
        return "some rows are longer than both ends."
    return None


def _like_lerp(rows, right, z0, z1):
    return None if close(rows, right, 1e-3, 1e-3) else "the rows are not the straight walk's."


def _same_walks(a, b, inputs):
    """Whether two pieces of evidence show the same walks, whatever happened to the arguments."""
    return all(
        bool(a.get(f"{label}.error")) == bool(b.get(f"{label}.error"))
        and same_arrays(a, b, keys=[label])
        and (a.get(label) is not None or a.get(f"{label}.kind") == b.get(f"{label}.kind"))
        for label in inputs["walks"]
    ) and any(b.get(label) is not None for label in inputs["walks"])


def _named_walk(got, want, inputs, failed):
    """Name what no fixed code can: the type, steps that are ignored, changed arguments."""
    labels = list(inputs["walks"])
    kinds = {got.get(f"{label}.kind") for label in labels}
    if kinds == {"NoneType"}:
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    if kinds & {"list", "tuple"}:
        return "no-tensor", "You return the rows one by one in a list: stack them into one tensor."
    if "ndarray" in kinds:
        return "no-tensor", "You return a numpy array; the decoder needs a tensor."
    counts = {
        _steps(inputs, label): np.shape(got[label])[0]
        for label in labels
        if got.get(label) is not None and np.ndim(got[label])
    }
    if len(counts) > 1 and len(set(counts.values())) == 1:
        return (
            "steps-ignored",
            (
                "The number of rows stays the same whatever number of steps is asked for: it is"
                " written into your code."
            ),
        )
    rows, again = got.get(labels[0]), got.get("again")
    if rows is not None and again is not None and not close(rows, again):
        return "random", "Two calls with the same arguments give two different walks."
    if rows is not None and rows.shape == want[labels[0]].shape:
        if np.ptp(rows, axis=0).max() < 1e-6:
            return (
                "constant",
                (
                    "All rows are the same: nothing moves. Is one tensor changed in place and"
                    " appended again and again?"
                ),
            )
        if failed == ["between"] and np.linalg.matrix_rank(rows - rows[0], tol=1e-3) == 1:
            return "uneven", "The walk is straight, but its steps are not of equal length."
    if failed == ["manners"]:
        return (
            "in-place",
            (
                "The walk is right, but the call overwrites its arguments: look for operations that"
                " end in an underscore, or for `+=`."
            ),
        )
    return None


def _steps(inputs, label):
    """How many rows were asked for."""
    walk = inputs["walks"][label]
    return walk[2] if isinstance(walk, list) else walk


def _draw_walks(rng):
    return {
        "name": "lerp",
        "z0": rng.normal(0, 1.5, 16),
        "z1": rng.normal(0.5, 1.5, 16),
        "a0": rng.normal(0, 1.5, 5),
        "a1": rng.normal(-0.5, 1.5, 5),
        "walks": {
            "usual": ["z0", "z1", 11],
            "odd": ["a0", "a1", 7],
            "two": ["a1", "a0", 2],
            "again": ["z0", "z1", 11],
        },
    }


WALK, IMAGES = "A straight walk", "the part about `interpolate`"


def _weighted(weight) -> Callable:
    """A wrong walk with other weights than t and 1 - t: weight(t) -> (of z0, of z1)."""

    def walk(z0, z1, steps):
        w0, w1 = weight(torch.linspace(0, 1, steps)[:, None])
        return w0 * z0 + w1 * z1

    return walk


def _at(times) -> Callable:
    """A straight walk at other times: times(steps) -> (n,)."""

    def walk(z0, z1, steps):
        t = times(steps)[:, None]
        return (1 - t) * z0 + t * z1

    return walk


def _ending(steps):
    return torch.arange(steps) / steps


# (id, sentence, the walk, credit): said of lerp, and of the latents of interpolate
_WALKS = (
    (
        "last-missing",
        "Your walk starts right and stops one step before its end: the last row never arrives.",
        _at(_ending),
        0.3,
    ),
    (
        "first-missing",
        "Your walk arrives, but begins one step after its start.",
        _at(lambda steps: (torch.arange(steps) + 1) / steps),
        0.3,
    ),
    (
        "ends-missing",
        "Both ends are left out: your rows are only what lies between them.",
        _at(lambda steps: torch.linspace(0, 1, steps + 2)[1:-1]),
        0.3,
    ),
    (
        "one-row-too-many",
        (
            "There is one row more than asked for: the number of steps counts rows, both ends"
            " included."
        ),
        _at(lambda steps: torch.linspace(0, 1, steps + 1)),
        0.3,
    ),
    (
        "one-row-too-few",
        (
            "There is one row less than asked for: the number of steps counts rows, both ends"
            " included."
        ),
        _at(lambda steps: torch.linspace(0, 1, steps - 1)),
        0.3,
    ),
    (
        "two-rows-too-many",
        "There are two rows more than asked for: the number of steps counts the two ends too.",
        _at(lambda steps: torch.linspace(0, 1, steps + 2)),
        0.3,
    ),
    (
        "stops-early",
        "Your walk starts right and stops well before its end, at four fifths of the way.",
        _at(lambda steps: torch.linspace(0, 0.8, steps)),
        0.2,
    ),
    (
        "beyond-the-end",
        "Your last row lies beyond the end: the steps are counted as one less than they are.",
        _at(lambda steps: torch.arange(steps) / max(steps - 2, 1)),
        0.0,
    ),
    (
        "reversed",
        "Your walk goes the other way: it starts where it should end.",
        _at(lambda steps: torch.linspace(1, 0, steps)),
        0.3,
    ),
    (
        "there-and-back",
        "Your walk goes there and comes back within the steps.",
        _at(lambda steps: 1 - (2 * torch.linspace(0, 1, steps) - 1).abs()),
        0.0,
    ),
    (
        "uneven",
        "Both ends are right, but the steps between are not of equal length: they grow on the way.",
        _at(lambda steps: torch.linspace(0, 1, steps) ** 2),
        0.2,
    ),
    (
        "uneven",
        (
            "Both ends are right, but the steps between are not of equal length: they shrink on the"
            " way."
        ),
        _at(lambda steps: torch.linspace(0, 1, steps).sqrt()),
        0.2,
    ),
    (
        "uneven",
        "Both ends are right, but the steps between are not of equal length: slow at the ends.",
        _at(lambda steps: torch.linspace(0, 1, steps) ** 2 * (3 - 2 * torch.linspace(0, 1, steps))),
        0.2,
    ),
    (
        "uneven",
        "Both ends are right, but the steps between are not of equal length: slow at the ends.",
        _at(lambda steps: (1 - (torch.pi * torch.linspace(0, 1, steps)).cos()) / 2),
        0.2,
    ),
    (
        "start-not-faded",
        (
            "The end is faded in, but the start is not faded out: the two weights should add up to"
            " one."
        ),
        _weighted(lambda t: (1, t)),
        0.0,
    ),
    (
        "end-not-faded",
        (
            "The start is faded out, but the end is not faded in: the two weights should add up to"
            " one."
        ),
        _weighted(lambda t: (1 - t, 1)),
        0.0,
    ),
    (
        "same-weight",
        "Start and end get the same weight everywhere; when one grows the other should shrink.",
        _weighted(lambda t: (t, t)),
        0.0,
    ),
    (
        "sign",
        "The end is subtracted where it should be added.",
        _weighted(lambda t: (1 - t, -t)),
        0.0,
    ),
    (
        "sign",
        "A sign is wrong: your walk leads away from its end.",
        _weighted(lambda t: (1 + t, -t)),
        0.0,
    ),
    (
        "from-zero",
        "Your walk starts at the origin and goes to the end, whatever the start.",
        _weighted(lambda t: (0 * t, t)),
        0.0,
    ),
    (
        "constant",
        "All rows are the start: nothing moves.",
        _weighted(lambda t: (1 + 0 * t, 0)),
        0.0,
    ),
    ("constant", "All rows are the end: nothing moves.", _weighted(lambda t: (0 * t, 1)), 0.0),
    (
        "constant",
        "All rows are the middle between start and end: nothing moves.",
        _weighted(lambda t: (0.5 + 0 * t, 0.5)),
        0.0,
    ),
)

LERP = Question(
    id="interpolation.lerp",
    points=2,
    title="the straight walk between two latents",
    probe="interpolation.walks",
    draw=_draw_walks,
    reference={"lerp": lerp},
    checks=(
        Check(
            "form",
            0.2,
            "`lerp` returns a tensor (steps, nz), for any number of steps and any nz",
            _forms(("usual", "odd", "two")),
        ),
        Check(
            "ends",
            0.35,
            "row 0 is z0 and the last row is z1",
            _on_walks(("usual", "odd", "two"), _ends),
        ),
        Check(
            "between",
            0.35,
            "the rows lie on the line through z0 and z1, at equal distances",
            _on_walks(("usual", "odd"), _straight),
        ),
        Check("manners", 0.1, "the arguments are left as they were", inputs_unchanged),
    ),
    mistakes=(
        *(Mistake(id, says, WALK, {"lerp": walk}, credit) for id, says, walk, credit in _WALKS),
        Mistake(
            "transposed",
            "Rows and columns are exchanged: the steps should run down the first axis.",
            WALK,
            {"lerp": lambda z0, z1, steps: lerp(z0, z1, steps).T},
            0.3,
        ),
        Mistake(
            "one-axis-too-many",
            "The numbers are right, but there is an axis of size one in between.",
            WALK,
            {"lerp": lambda z0, z1, steps: lerp(z0, z1, steps)[:, None]},
            0.3,
        ),
        Mistake(
            "one-axis-too-many",
            "The numbers are right, but there is an axis of size one in front.",
            WALK,
            {"lerp": lambda z0, z1, steps: lerp(z0, z1, steps)[None]},
            0.3,
        ),
        Mistake(
            "joined",
            "The rows are joined into one long vector: stack them instead.",
            WALK,
            {"lerp": lambda z0, z1, steps: lerp(z0, z1, steps).flatten()},
            0.3,
        ),
        Mistake(
            "one-point",
            "Only one point comes back, the middle: the walk has as many rows as steps.",
            WALK,
            {"lerp": lambda z0, z1, steps: (z0 + z1) / 2},
        ),
        Mistake(
            "on-the-sphere",
            "Your rows turn on a sphere: this is spherical interpolation, and the straight "
            "one is asked for.",
            WALK,
            {"lerp": lambda z0, z1, steps: slerp(z0, z1, steps)},
        ),
        Mistake(
            "unit-length",
            "Every row is scaled to length one; the rows should keep their length.",
            WALK,
            {"lerp": lambda z0, z1, steps: torch.nn.functional.normalize(lerp(z0, z1, steps))},
        ),
    ),
    alike=_same_walks,
    explain=_named_walk,
)


# interpolate


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
    return [label for label in inputs["walks"] if _walk_problem(got, want, label, "") is None]


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


def _images_mistake(id, says, code, credit=0.0):
    return Mistake(id, says, IMAGES, {"interpolate": code}, credit)


INTERPOLATE = Question(
    id="interpolation.interpolate",
    points=2,
    title="images on the way from one image to another",
    probe="interpolation.images",
    draw=_draw_images,
    reference={"interpolate": interpolate, "lerp": lerp},
    builds_on=("lerp",),
    checks=(
        Check(
            "form",
            0.2,
            "`interpolate` returns images (steps, 1, 28, 28), for any number of steps",
            _forms(("usual", "odd")),
        ),
        Check(
            "ends",
            0.25,
            "the first image is what the latent of x0 decodes to, the last that of x1",
            _frames([0, -1], "the first or last image is not the reconstruction of x0 or x1."),
        ),
        Check(
            "path",
            0.3,
            "the latents are mixed, in equal steps, and every one is decoded",
            _frames(slice(1, -1), "the images in between are not decoded from the straight walk."),
        ),
        Check(
            "images", 0.15, "the images are in [0, 1]: the sigmoid of the logits, once", _as_images
        ),
        Check("manners", 0.1, "x0 and x1 are left as they were", inputs_unchanged),
    ),
    mistakes=(
        _images_mistake(
            "no-sigmoid",
            "You return the decoder's logits: they become images only through a sigmoid.",
            _decoded,
        ),
        _images_mistake(
            "sigmoid-twice",
            "The sigmoid is applied twice: your images are grey everywhere.",
            lambda *args: torch.sigmoid(interpolate(*args)),
        ),
        _images_mistake(
            "clamped",
            "You clamp the logits to [0, 1]; a logit becomes a pixel through a sigmoid.",
            lambda *args: _decoded(*args).clamp(0, 1),
        ),
        _images_mistake(
            "tanh",
            "Your squashing function is not the sigmoid: it reaches below zero.",
            lambda *args: _decoded(*args).tanh(),
        ),
        _images_mistake(
            "tanh",
            "Your squashing function is a shifted tanh of the logits, which is too steep.",
            lambda *args: (_decoded(*args).tanh() + 1) / 2,
        ),
        _images_mistake(
            "rescaled",
            "You stretch the logits to [0, 1] by their extremes; a logit becomes a pixel through "
            "a sigmoid.",
            lambda *args: (lambda x: (x - x.min()) / (x.max() - x.min()))(_decoded(*args)),
        ),
        _images_mistake(
            "thresholded",
            "Your images are black and white: they are cut at one half instead of left as "
            "probabilities.",
            lambda *args: (interpolate(*args) > 0.5).float(),
            0.3,
        ),
        _images_mistake(
            "pixels-mixed",
            "You mix the pixels of the two images; the model is not used for what lies between.",
            _pixels_mixed,
        ),
        _images_mistake(
            "pixels-then-model",
            "You mix the pixels and send the mixture through the model; the latents are "
            "what should be mixed.",
            _pixels_then_model,
        ),
        _images_mistake(
            "reconstructions-mixed",
            "You fade from one reconstruction to the other: the images are mixed after "
            "decoding. Mix latents, then decode every row.",
            _pictures_mixed,
        ),
        _images_mistake(
            "reconstructions-mixed",
            "The two decoded logits are mixed: mix latents, then decode every row.",
            _logits_mixed,
        ),
        _images_mistake(
            "originals-at-the-ends",
            "The first and last image are the originals; they should be what "
            "their latents decode to.",
            _originals_at_the_ends,
            0.3,
        ),
        _images_mistake(
            "one-image-only",
            "Both ends are the reconstruction of x0: x1 never enters.",
            _one_image(0),
        ),
        _images_mistake(
            "one-image-only",
            "Both ends are the reconstruction of x1: x0 never enters.",
            _one_image(1),
        ),
        _images_mistake(
            "one-axis-too-few",
            "The images are right, but the channel axis is missing.",
            lambda *args: interpolate(*args).squeeze(1),
            0.5,
        ),
        _images_mistake(
            "one-axis-too-many",
            "The images are right, but there is an axis of size one too many.",
            lambda *args: interpolate(*args)[:, None],
            0.5,
        ),
        _images_mistake(
            "flattened",
            "The images are right, but flattened: every one should be (1, 28, 28).",
            lambda *args: interpolate(*args).flatten(1),
            0.5,
        ),
        *(_images_mistake(id, says, _walked(walk), credit) for id, says, walk, credit in _WALKS),
        _images_mistake(
            "on-the-sphere",
            "The latents are interpolated on a sphere; here the straight walk is asked for.",
            _walked(slerp),
        ),
    ),
    alike=_same_walks,
    explain=_named_walk,
)


# linear_probe


def _part(rng, centres, side, each, odd, exchanged):
    """Points of every class around its centre; a share `odd` lies on both far sides of another's.

    A linear classifier cannot tell the odd points from their surroundings, because both sides are
    symmetric; neighbours, trees and networks can. exchanged: classes 0 and 1 trade labels, which
    shows who learned here.
    """
    z, y = [], []
    n_odd = 2 * round(each * odd / 2)
    for k, centre in enumerate(centres):
        z.append(np.repeat(centre[None], each, 0))
        z[-1][:n_odd] += np.where(np.arange(n_odd) % 2, 1, -1)[:, None] * side
        own = 1 - k if exchanged and k < 2 else k
        y += [(k + 3) % 10] * n_odd + [own] * (each - n_odd)
    z, y = np.concatenate(z), np.array(y)
    order = rng.permutation(len(y))
    return z[order] + rng.normal(0, 0.6, z.shape) + 0.5, y[order]


def _draw_probe(rng):
    """Two data sets. Linear classifiers score 0.53 to 0.59 on both, neighbours 0.86."""
    inputs = {"sets": ["large", "small"]}
    for label, nz, each in (("large", 12, 150), ("small", 16, 100)):
        axes = np.linalg.qr(rng.normal(size=(nz, nz)))[0]
        centres, side = 6 * axes[:10], 5 * axes[10]
        parts = (
            _part(rng, centres, side, each, 0.08, False),
            _part(rng, centres, side, 3 * each // 2, 0.3, True),
        )
        for part, (z, y) in zip(("train", "test"), parts, strict=True):
            inputs[f"{label}.z_{part}"], inputs[f"{label}.y_{part}"] = z, y
    return inputs


# Over 12 draws logistic regression of any strength, SVM, ridge, LDA, perceptron, SGD and torch
# loops stayed within 0.03 of least squares; fitting on the test part is 0.12 above it, neighbours,
# kernels, forests and networks 0.21.
PROBE_MARGIN = 0.06


def _score(got, label):
    value = got.get(label)
    return None if value is None or np.size(value) != 1 else float(np.asarray(value).reshape(()))


def _is_accuracy(got, want, inputs):
    for label in inputs["sets"]:
        problem = number_problem(got, label)
        if problem:
            return problem
        value = _score(got, label)
        if not 0 <= value <= 1:
            return f"received {value:.4g}, and an accuracy lies between 0 and 1."
    return None


def _is_linear_test_accuracy(got, want, inputs):
    seen = [label for label in inputs["sets"] if _score(got, label) is not None]
    if not seen:
        return "no number was received."
    for label in seen:
        value, right = _score(got, label), _score(want, label)
        if not abs(value - right) < PROBE_MARGIN:
            return f"the accuracy is too {'high' if value > right else 'low'} for that."
    return None


def _knows_nothing(got, want, inputs):
    """A test: the labels of the test part and of the training part are both used as they are."""
    seen = [_score(got, label) for label in inputs["sets"] if _score(got, label) is not None]
    if not seen:
        return "no number was received."
    if min(seen) < 0.3:
        return "the accuracy is near what guessing gives."
    return None


def _near(score, right):
    return score is not None and right is not None and abs(score - right) < 0.025


def _same_scores(a, b, inputs):
    """A mistake's accuracy has the spread of its classifier: within 0.025 on both sets."""
    pairs = [(_score(a, label), _score(b, label)) for label in inputs["sets"]]
    scale = max(1.0, *(abs(score or 0) for _, score in pairs))
    return all(
        one is not None and other is not None and abs(one - other) < 0.025 * scale
        for one, other in pairs
    )


def _neighbours(z_train, y_train, z_test, y_test):
    return (y_train[torch.cdist(z_test, z_train).argmin(1)] == y_test).double().mean().item()


def _probed(train: str, test: str):
    def code(z_train, y_train, z_test, y_test):
        z = {"train": z_train, "test": z_test, "both": torch.cat([z_train, z_test])}
        y = {"train": y_train, "test": y_test, "both": torch.cat([y_train, y_test])}
        return _right(_least_squares(z[train], y[train]), z[test], y[test])

    return code


def _named_score(got, want, inputs, failed):
    scores = [_score(got, label) for label in inputs["sets"]]
    kinds = {got.get(f"{label}.kind") for label in inputs["sets"]}
    if kinds == {"NoneType"}:
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    tested = [len(inputs[f"{label}.y_test"]) for label in inputs["sets"]]
    sizes = [np.size(got[label]) if got.get(label) is not None else 0 for label in inputs["sets"]]
    if sizes == tested:
        return (
            "not-averaged",
            "You return one value for every test latent: the accuracy is their mean.",
        )
    if None in scores:
        return None
    right = [_score(want, label) for label in inputs["sets"]]
    if (
        all(abs(s / 100 - r) < PROBE_MARGIN for s, r in zip(scores, right, strict=True))
        and max(scores) > 1
    ):
        return "percent", "You return per cent; an accuracy here is a fraction.", "", 0.5
    if all(abs(s / n - r) < PROBE_MARGIN for s, r, n in zip(scores, right, tested, strict=True)):
        if max(scores) > 1:
            return "count", "You return how many are right, not which share of them.", "", 0.3
    if max(scores) < 0.3 and min(scores) >= 0:
        return (
            "guessing",
            (
                "Your accuracy is near chance: the classifier was hardly trained, was trained on"
                " labels that do not belong to their latents, or its answer is not the class with"
                " the highest score."
            ),
        )
    if all(s < 1.01 and s - r > 0.17 for s, r in zip(scores, right, strict=True)):
        return (
            "not-linear",
            (
                "Your probe finds what no linear classifier can find in these latents: it has"
                " hidden layers, neighbours, trees or a kernel, or it has seen the test part."
            ),
        )
    if all(PROBE_MARGIN <= s - r <= 0.17 for s, r in zip(scores, right, strict=True)):
        return (
            "fitted-on-test",
            (
                "Your accuracy is higher than a linear classifier can reach that saw the training"
                " part only: the test part took part in the fit."
            ),
        )
    if "manners" in failed and len(failed) == 1:
        return (
            "in-place",
            "The accuracy is right, but the call overwrites the latents it was given.",
        )
    return None


LINEAR = "Useful for what? A linear probe"

LINEAR_PROBE = Question(
    id="interpolation.linear_probe",
    points=2,
    title="what a linear classifier reads in frozen latents",
    probe="interpolation.scores",
    draw=_draw_probe,
    reference={"linear_probe": linear_probe},
    checks=(
        Check(
            "form",
            0.2,
            "`linear_probe` returns one number, an accuracy in [0, 1], for any nz and size",
            _is_accuracy,
        ),
        Check(
            "learns",
            0.2,
            "the classifier has learned: its accuracy is far above chance",
            _knows_nothing,
        ),
        Check(
            "accuracy",
            0.5,
            "the accuracy is that of a linear classifier, fitted on the training part alone and"
            " scored on the test part alone (any library, any loss)",
            _is_linear_test_accuracy,
        ),
        Check("manners", 0.1, "latents and labels are left as they were", inputs_unchanged),
    ),
    mistakes=(
        Mistake(
            "scored-on-train",
            "Your accuracy is that on the training part: a test part is there to show what "
            "carries over.",
            LINEAR,
            {"linear_probe": _probed("train", "train")},
        ),
        Mistake(
            "fitted-on-test",
            "Your classifier was fitted on the test part, labels included: its accuracy "
            "there shows nothing.",
            LINEAR,
            {"linear_probe": _probed("test", "test")},
        ),
        Mistake(
            "fitted-on-test",
            "The test part took part in the fit: its accuracy there is flattering.",
            LINEAR,
            {"linear_probe": _probed("both", "test")},
        ),
        Mistake(
            "error-rate",
            "You return the share of *wrong* answers.",
            LINEAR,
            {"linear_probe": lambda *args: 1 - linear_probe(*args)},
            0.3,
        ),
    ),
    alike=_same_scores,
    explain=_named_score,
    seconds=60.0,
)


# slerp


def _past_one(rng, nz, times):
    """A latent and a multiple of it whose cosine, in float32, comes out larger than 1."""
    while True:
        z = torch.from_numpy(rng.normal(size=nz)).float()
        other = times * z
        cosine = torch.dot(z, other) / (z.norm() * other.norm())
        if min(cosine, torch.dot(z / z.norm(), other / other.norm())) > 1:
            return z.double().numpy(), other.double().numpy()


def _draw_turns(rng):
    """Short latents of equal and unequal length; pairs whose angle is 0 in float32, too, and one
    whose cosine has to be clamped.
    """

    def pair(nz, length0, length1, angle):
        u, v = np.linalg.qr(rng.normal(size=(nz, 2)))[0].T
        return length0 * u, length1 * (np.cos(angle) * u + np.sin(angle) * v)

    a0, a1 = pair(5, 0.8, 0.8, rng.uniform(1.8, 2.4))
    z0, z1 = pair(8, 0.5, 1.2, rng.uniform(0.8, 1.3))
    p0 = rng.choice([-0.75, 0.75], 4)  # all squares, sums and quotients are exact
    r0, r1 = _past_one(rng, 7, 1.6)
    return {
        "name": "slerp",
        "z0": z0,
        "z1": z1,
        "a0": a0,
        "a1": a1,
        "p0": p0,
        "p1": 1.75 * p0,
        "p2": 0.5 * p0,
        "r0": r0,
        "r1": r1,
        "walks": {
            "even": ["a0", "a1", 9],
            "odd": ["z0", "z1", 7],
            "longer": ["p0", "p1", 6],
            "shorter": ["p0", "p2", 5],
            "same": ["p0", "p0", 4],
            "rounded": ["r0", "r1", 5],
        },
    }


def _slerped(code, credit=0.0):
    """The general turn as `code(z0, z1, t, angle)`, with the reference's fallback."""

    def walk(z0, z1, steps):
        unit0, unit1 = z0 / z0.norm(), z1 / z1.norm()
        angle = torch.dot(unit0, unit1).clamp(-1, 1).arccos()
        if angle.sin() < 1e-4:
            return lerp(z0, z1, steps)
        return code(z0, z1, torch.linspace(0, 1, steps)[:, None], angle)

    return walk


def _textbook(z0, z1, t, angle):
    return (((1 - t) * angle).sin() * z0 + (t * angle).sin() * z1) / angle.sin()


def _without_fallback(z0, z1, steps):
    angle = torch.dot(z0, z1).div(z0.norm() * z1.norm()).arccos()
    return _textbook(z0, z1, torch.linspace(0, 1, steps)[:, None], angle)


def _raw_angle(z0, z1, steps):
    angle = torch.dot(z0, z1).clamp(-1, 1).arccos()
    if angle.sin() < 1e-4:
        return lerp(z0, z1, steps)
    return _textbook(z0, z1, torch.linspace(0, 1, steps)[:, None], angle)


def _chord(z0, z1, t, angle):
    z, lengths = (1 - t) * z0 + t * z1, (1 - t) * z0.norm() + t * z1.norm()
    return z / z.norm(dim=1, keepdim=True) * lengths


def _named_turn(got, want, inputs, failed):
    if failed == ["fallback"]:
        wrong = [k for k in _PARALLEL if not close(got.get(k, ()), want[k], 1e-3, 1e-3)]
        if wrong == ["rounded"]:
            return (
                "not-clamped",
                "Rounding can make a cosine a little larger than 1, and such a one has no angle: "
                "clamp it first.",
                SPHERE,
                0.3,
            )
        return (
            "no-fallback",
            (
                "The walk is right except where both latents point the same way: the angle is 0"
                " there, its sine cannot be divided by, and the straight walk is asked for."
            ),
            SPHERE,
            0.3,
        )
    walks = {label: inputs["walks"][label] for label in _TURNS}
    return _named_walk(got, want, {**inputs, "walks": walks}, failed)


def _same_turns(a, b, inputs):
    """The same on the walks that turn; the fallback is compared by whether it works."""
    turning = {**inputs, "walks": {k: inputs["walks"][k] for k in ("even", "odd")}}
    return _same_walks(a, b, turning)


SPHERE = "Walk on the sphere"
_TURNS, _PARALLEL = ("even", "odd"), ("longer", "shorter", "same", "rounded")


def _turn_mistake(id, says, code, credit=0.0):
    return Mistake(id, says, SPHERE, {"slerp": code}, credit)


SLERP = Question(
    id="interpolation.slerp",
    points=1,
    title="the walk on the sphere",
    probe="interpolation.walks",
    draw=_draw_turns,
    reference={"slerp": slerp, "lerp": lerp},
    builds_on=("lerp",),
    extra=True,
    checks=(
        Check("form", 0.15, "`slerp` returns a tensor (steps, nz)", _forms(_TURNS)),
        Check("ends", 0.15, "row 0 is z0 and the last row is z1", _on_walks(_TURNS, _ends)),
        Check(
            "angles",
            0.25,
            "between latents of equal length, every step turns by the same angle",
            _on_walks(("even",), _turning),
        ),
        Check(
            "unequal",
            0.1,
            "so it does between latents of different length",
            _on_walks(("odd",), _turning),
        ),
        Check(
            "lengths",
            0.1,
            "no row is shorter or longer than both ends (any even change of length counts)",
            _on_walks(_TURNS, _lengths),
        ),
        Check(
            "fallback",
            0.15,
            "where both point the same way, it is the straight walk",
            lambda got, want, inputs: (
                _forms(_PARALLEL)(got, want, inputs)
                or _on_walks(_PARALLEL, _like_lerp)(got, want, inputs)
            ),
        ),
        Check("manners", 0.1, "the arguments are left as they were", inputs_unchanged),
    ),
    mistakes=(
        _turn_mistake(
            "straight",
            "Your rows are those of the straight walk: the directions turn slowly at the ends and"
            " fast in the middle.",
            lerp,
        ),
        _turn_mistake(
            "chord",
            "You scale the rows of the straight walk to the right length: they lie on the sphere,"
            " but the angles between them are not equal.",
            _slerped(_chord),
        ),
        _turn_mistake(
            "lengths-not-separate",
            "You turn the latents themselves, not their directions. With equal lengths it is "
            "the same; with different ones the longer latent pulls, and the angles are not equal.",
            _slerped(_textbook),
            0.5,
        ),
        _turn_mistake(
            "unit-length",
            "Your rows all have length one: the ends lose their length.",
            _slerped(lambda z0, z1, t, a: _textbook(z0 / z0.norm(), z1 / z1.norm(), t, a)),
            0.3,
        ),
        _turn_mistake(
            "not-divided",
            "The weights of the two ends are not divided by the sine of the angle: even the ends "
            "come out too short.",
            _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a) * a.sin()),
            0.2,
        ),
        _turn_mistake(
            "raw-angle",
            "Your angle is computed from the latents as they are; the cosine is the product of "
            "vectors of length one.",
            _raw_angle,
        ),
        _turn_mistake(
            "reversed",
            "Your walk goes the other way: it starts where it should end.",
            _slerped(lambda z0, z1, t, a: _textbook(z1, z0, t, a)),
            0.3,
        ),
        _turn_mistake(
            "reversed",
            "Your walk goes the other way: it starts where it should end.",
            lambda z0, z1, steps: slerp(z0, z1, steps).flip(0),
            0.3,
        ),
        _turn_mistake(
            "sphere-of-weights",
            "Your weights are a quarter of a circle, whatever the angle between the latents: "
            "they suit a right angle only.",
            _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, torch.tensor(torch.pi / 2))),
        ),
        _turn_mistake(
            "cosine-for-angle",
            "The cosine of the angle is used where the angle itself belongs.",
            _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a.cos())),
        ),
        _turn_mistake(
            "in-degrees",
            "The angle is in degrees, and the sine wants radians.",
            _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a.rad2deg())),
        ),
        *(
            _turn_mistake(
                id,
                says,
                _slerped(
                    lambda z0, z1, t, a, times=times: slerp_at(z0, z1, times(len(t))[:, None], a)
                ),
                credit,
            )
            for id, says, times, credit in (
                ("last-missing", _WALKS[0][1], _ending, 0.3),
                (
                    "first-missing",
                    _WALKS[1][1],
                    lambda steps: (torch.arange(steps) + 1) / steps,
                    0.3,
                ),
                (
                    "ends-missing",
                    _WALKS[2][1],
                    lambda steps: torch.linspace(0, 1, steps + 2)[1:-1],
                    0.3,
                ),
            )
        ),
        *(
            _turn_mistake(
                id,
                says,
                _slerped(
                    lambda z0, z1, t, a, times=times: _textbook(z0, z1, times(len(t))[:, None], a)
                ),
                credit,
            )
            for id, says, times, credit in (
                ("last-missing", _WALKS[0][1], _ending, 0.2),
                (
                    "one-row-too-many",
                    _WALKS[3][1],
                    lambda steps: torch.linspace(0, 1, steps + 1),
                    0.2,
                ),
            )
        ),
    ),
    alike=_same_turns,
    explain=_named_turn,
)


def slerp_at(z0, z1, t, angle):
    """Equal angles at given times t (n, 1), the length changing evenly."""
    turned = _textbook(z0 / z0.norm(), z1 / z1.norm(), t, angle)
    return ((1 - t) * z0.norm() + t * z1.norm()) * turned


QUESTIONS = (LERP, INTERPOLATE, LINEAR_PROBE, SLERP)
