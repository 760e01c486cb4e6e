"""Visible checks of the notebook `interpolation`: walks between latents, and the linear probe."""

from __future__ import annotations

import math
import numbers

import torch

from utils.checks import CheckFailed, check, close, listed, require, tensor


@check
def lerp(student):
    """Shape, both ends, equal steps, and the way back."""
    z0, z1 = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([3.0, 4.0, 0.5])
    rows = _walk("lerp", student, z0, z1, steps=7)
    jumps = rows.diff(dim=0)
    require(
        close(jumps, jumps[:1].expand_as(jumps)),
        "the steps of lerp are not equal: every row should differ from the row before it by the "
        f"same vector. The lengths of your steps are {listed(jumps.norm(dim=1))}.",
    )
    tensor(student(z0, z1, 2), (2, 3), "lerp(z0, z1, 2)", "Two steps are the two ends.")
    back = student(z1, z0, 7).flip(0)
    require(close(back, rows), "lerp(z1, z0, 7) should be lerp(z0, z1, 7) read backwards.")
    return "lerp goes from z0 to z1 in equal steps, both ends included."


@check
def interpolate(student):
    """Shape, range, both ends, and that latents are mixed, not pixels."""
    into, out = torch.randn(784, 6) / 28, torch.randn(6, 784)

    def encode(x):
        return x.reshape(-1, 784) @ into

    def decode(z):
        return (z**3 @ out).reshape(-1, 1, 28, 28)  # cubed, so that mixing images shows

    x0, x1 = torch.rand(2, 1, 1, 28, 28)
    images = student(encode, decode, x0, x1, 5)
    tensor(images, (5, 1, 28, 28), "interpolate(encode, decode, x0, x1, 5)", "One image a step.")
    low, high = images.min().item(), images.max().item()
    require(
        low >= 0 and high <= 1,
        f"pixel values go from {low:.2f} to {high:.2f}: `decode` returns logits, and images need "
        "a sigmoid.",
    )
    ends = torch.sigmoid(decode(encode(torch.cat([x0, x1]))))
    for got, want, which, x in zip(images[[0, -1]], ends, ("first", "last"), "01", strict=True):
        require(not close(got, torch.sigmoid(want)), "the sigmoid was applied twice.")
        require(
            close(got, want),
            f"the {which} image should be x{x}, encoded and decoded again; it is something else.",
        )
    share = torch.linspace(0, 1, 5).reshape(5, 1, 1, 1)
    fade = ends[0] + share * (ends[1] - ends[0])
    logits = torch.logit(ends[0]) + share * (torch.logit(ends[1]) - torch.logit(ends[0]))
    require(
        not close(images, fade) and not close(images, torch.sigmoid(logits)),
        "your images fade from one reconstruction into the other: you mix what was "
        "*decoded*. Mix the latents with lerp, then decode every row.",
    )
    back = student(encode, decode, x1, x0, 5).flip(0)
    require(close(back, images), "from x1 to x0 there should be the same images in reverse order.")
    return "interpolate encodes both images, walks between their latents and decodes each step."


@check
def slerp(student):
    """Shape, both ends, equal angles, lengths, and what happens at angle 0."""
    z0, z1 = torch.randn(5), 2.5 * torch.randn(5)
    rows = _walk("slerp", student, z0, z1, steps=9)
    unit = rows / rows.norm(dim=1, keepdim=True)
    angles = (unit[1:] * unit[:-1]).sum(dim=1).clamp(-1, 1).arccos()
    require(
        close(angles, angles.mean().expand_as(angles), rtol=0.01),
        "the angles between neighbouring rows of slerp should all be the same; yours, in degrees, "
        f"are {listed(angles.rad2deg())}. The two latents of this check differ in length: turn the "
        "direction first, then give every row its length.",
    )
    lengths = rows.norm(dim=1)
    require(
        (lengths.diff() > 0).all() == (lengths[-1] > lengths[0]),
        f"z0 has length {lengths[0]:.2f} and z1 {lengths[-1]:.2f}; the rows between them should "
        f"go evenly from one to the other. Yours have {listed(lengths)}.",
    )
    middle = student(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)[1]
    require(
        close(middle, torch.full((2,), math.sqrt(0.5))),
        f"half-way from (1, 0) to (0, 1) on the circle is (0.707, 0.707), not ({listed(middle)}).",
    )
    along = student(z0, 3 * z0, 5)
    require(
        torch.isfinite(along).all(),
        "slerp(z0, 3 * z0, 5) holds NaN or infinite values: both point in the same direction, so "
        "the angle is 0 and you divide by sin(0). Fall back to lerp there.",
    )
    relative = along.norm(dim=1) / z0.norm()
    require(
        close(relative, torch.linspace(1, 3, 5)),
        "slerp(z0, 3 * z0, 5) should be what lerp gives, because the angle is 0; the lengths of "
        f"your rows, in units of the length of z0, are {listed(relative)}.",
    )
    return "slerp turns by equal angles, its lengths go evenly, and angle 0 is safe."


@check
def linear_probe(student):
    """High on easy latents, at chance where nothing can be learned, and linear."""
    centres = 4 * torch.randn(10, 40) + 3

    def draw(count):
        y = torch.randint(10, (count,))
        return centres[y] + torch.randn(count, 40), y

    (z_train, y_train), (z_test, y_test) = draw(500), draw(100)
    easy = _accuracy(student(z_train, y_train, z_test, y_test))
    require(
        easy > 0.9,
        f"on ten classes that lie far apart your probe is right {easy:.0%} of the time; a linear "
        "classifier reaches about 100%. Was it trained long enough? Has it a bias?",
    )
    leaked = _accuracy(student(z_train, y_train, z_test, torch.randint(10, (100,))))
    require(
        leaked < 0.1 + 6 * math.sqrt(0.1 * 0.9 / 100),  # chance and six standard errors
        f"with *random* test labels your probe still scores {leaked:.0%}, where chance is 10%. "
        "Fit on the training latents only; score on the test latents only.",
    )
    angle, y = 2 * math.pi * torch.rand(600), torch.arange(600) % 2
    rings = (1 + 2 * y)[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    bent = _accuracy(student(rings[:400], y[:400], rings[400:], y[400:]))
    require(
        bent < 0.8,
        f"your probe tells a ring from the ring around it ({bent:.0%} right). No straight line "
        "can: use a *linear* classifier, without hidden layers, neighbours or kernels.",
    )
    return "linear_probe is linear, learns from the training part and is scored on the test part."


def _walk(name, student, z0, z1, steps):
    """What lerp or slerp returns, once shape, both ends and its arguments are in order."""
    before = z0.clone(), z1.clone()
    rows = student(z0, z1, steps)
    tensor(rows, (steps, len(z0)), f"{name}(z0, z1, {steps})", "One row a step.")
    require(
        torch.equal(z0, before[0]) and torch.equal(z1, before[1]),
        f"{name} changed its arguments in place; compute new tensors instead.",
    )
    require(
        close(rows[0], z0),
        f"row 0 of {name} should be z0, ({listed(z0)}), not ({listed(rows[0])}).",
    )
    require(
        close(rows[-1], z1),
        f"the last row of {name} should be z1, ({listed(z1)}), not ({listed(rows[-1])}). The walk "
        "must arrive: both ends are included.",
    )
    return rows


def _accuracy(value):
    """The returned value as a float, once it is a number in [0, 1]."""
    value = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise CheckFailed(f"linear_probe should return one number, not {type(value).__name__}.")
    hint = " Is it a percentage, or a count?" if value > 1 else ""
    require(0 <= value <= 1, f"an accuracy lies between 0 and 1; yours is {value:g}.{hint}")
    return float(value)
