"""Visible checks of the notebook `interpolation`: each prints a line, or says what to look at."""

import math
import numbers

import torch

from utils.checks import CheckFailed


def lerp(student):
    """Shape, both ends, even steps and direction of `lerp(z0, z1, steps)`."""
    z0, z1 = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([3.0, 4.0, 0.5])
    rows = _path("lerp", student, z0, z1, steps=7)
    jumps = rows.diff(dim=0)
    if not torch.allclose(jumps, jumps[:1].expand_as(jumps), atol=1e-5):
        raise CheckFailed(
            "the steps of lerp are not equal: every row should differ from the row before it by "
            f"the same vector. The lengths of your steps are {_numbers(jumps.norm(dim=1))}."
        )
    if not torch.allclose(student(z1, z0, 7).flip(0), rows, atol=1e-5):
        raise CheckFailed("lerp(z1, z0, 7) should be lerp(z0, z1, 7) read backwards, and is not.")
    two = student(z0, z1, 2)
    if tuple(two.shape) != (2, 3):
        raise CheckFailed(
            f"with steps=2, lerp should return z0 and z1, shape (2, 3), not {tuple(two.shape)}."
        )
    print("Passed: lerp goes from z0 to z1 in equal steps, both ends included.")


def slerp(student):
    """Shape, both ends, equal angles, lengths, and the case of two parallel latents."""
    generator = torch.Generator().manual_seed(7)
    z0, z1 = torch.randn(5, generator=generator), 2.5 * torch.randn(5, generator=generator)
    rows = _path("slerp", student, z0, z1, steps=9)
    angles = _angles(rows)
    if not torch.allclose(angles, angles.mean().expand_as(angles), atol=2e-3):
        raise CheckFailed(
            "the angles between neighbouring rows of slerp should all be the same; yours, in "
            f"degrees, are {_numbers(angles.rad2deg())}. The two latents of this check differ in "
            "length: turn the direction first, then give every row its length."
        )
    lengths = rows.norm(dim=1)
    if (lengths.diff() < -1e-4).any():
        raise CheckFailed(
            f"z0 has length {lengths[0]:.2f} and z1 {lengths[-1]:.2f}; the rows between them "
            f"should have lengths in between, growing. Yours are {_numbers(lengths)}."
        )
    quarter = student(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)[1]
    if not torch.allclose(quarter, torch.full((2,), math.sqrt(0.5)), atol=1e-4):
        raise CheckFailed(
            "half-way from (1, 0) to (0, 1) on the circle is (0.707, 0.707); "
            f"your slerp gives ({_numbers(quarter)})."
        )
    along = student(z0, 3 * z0, 5)
    if not torch.isfinite(along).all():
        raise CheckFailed(
            "slerp(z0, 3 * z0, 5) contains NaN or infinity: these two point in the same direction, "
            "so the angle is 0 and you divide by sin(0). Fall back to lerp there."
        )
    if not torch.allclose(along.norm(dim=1) / z0.norm(), torch.linspace(1, 3, 5), atol=1e-3):
        raise CheckFailed(
            "slerp(z0, 3 * z0, 5) should be what lerp gives, because the angle is 0; the lengths "
            f"of your rows, in units of |z0|, are {_numbers(along.norm(dim=1) / z0.norm())}."
        )
    print("Passed: slerp turns by equal angles, its lengths are right, and angle 0 is safe.")


def interpolate(student):
    """Shape, range, both ends, and that the latents are mixed, not the pixels."""
    generator = torch.Generator().manual_seed(3)
    into = torch.randn(784, 6, generator=generator) / 28
    out = torch.randn(6, 784, generator=generator)

    def encode(x):
        return x.reshape(-1, 784) @ into

    def decode(z):
        return (z**3 @ out).reshape(-1, 1, 28, 28)  # cubed, so that mixing images shows

    x0, x1 = torch.rand(2, 1, 1, 28, 28, generator=generator)
    images = student(encode, decode, x0, x1, 5)
    if not isinstance(images, torch.Tensor) or tuple(images.shape) != (5, 1, 28, 28):
        raise CheckFailed(
            f"interpolate should return 5 images, shape (5, 1, 28, 28), and not {_said(images)}."
        )
    if images.requires_grad:
        raise CheckFailed(
            "the images still carry a graph for gradients; nothing is trained here. "
            "Compute them under torch.no_grad()."
        )
    if images.min() < 0 or images.max() > 1:
        raise CheckFailed(
            f"pixel values go from {images.min():.2f} to {images.max():.2f}: `decode` returns "
            "logits, and images need a sigmoid."
        )
    ends = torch.sigmoid(decode(encode(torch.cat([x0, x1]))))
    for which, got, want in (("first", images[0], ends[0]), ("last", images[-1], ends[1])):
        if torch.allclose(got, torch.sigmoid(want), atol=1e-4):
            raise CheckFailed("the sigmoid was applied twice.")
        if not torch.allclose(got, want, atol=1e-4):
            x = "x0" if which == "first" else "x1"
            raise CheckFailed(
                f"the {which} image should be the reconstruction of {x} (encode it, decode it, "
                "sigmoid); it is something else."
            )
    fade = ends[0] + torch.linspace(0, 1, 5).reshape(5, 1, 1, 1) * (ends[1] - ends[0])
    if torch.allclose(images, fade, atol=1e-3):
        raise CheckFailed(
            "your images fade from one reconstruction into the other: you mix *images*. "
            "Mix the latents with lerp, then decode every row."
        )
    mirrored = student(encode, decode, x1, x0, 5).flip(0)
    if not torch.allclose(images, mirrored, atol=1e-4):
        raise CheckFailed("from x1 to x0 there should be the same images backwards; there are not.")
    print("Passed: interpolate encodes both images, walks between the latents and decodes each.")


def linear_probe(student):
    """A number in [0, 1], high on easy latents, at chance where nothing can be learned."""
    generator = torch.Generator().manual_seed(11)
    centres = 4 * torch.randn(10, 40, generator=generator) + 3

    def draw(count):
        y = torch.randint(10, (count,), generator=generator)
        return centres[y] + torch.randn(count, 40, generator=generator), y

    (z_train, y_train), (z_test, y_test) = draw(500), draw(100)
    easy = _accuracy(student(z_train, y_train, z_test, y_test))
    if easy < 0.9:
        raise CheckFailed(
            f"on ten classes that lie far apart your probe is right {easy:.0%} of the time; a "
            "linear classifier reaches about 100%. Was it trained long enough? Has it a bias?"
        )
    noise = torch.randint(10, (100,), generator=generator)
    leaked = _accuracy(student(z_train, y_train, z_test, noise))
    if leaked > 0.1 + 6 * math.sqrt(0.1 * 0.9 / 100):  # chance, and six standard errors
        raise CheckFailed(
            f"with *random* test labels your probe still scores {leaked:.0%}, where chance is 10%. "
            "Fit on the training latents only; score on the test latents only."
        )
    angle = 2 * math.pi * torch.rand(600, generator=generator)
    y = torch.arange(600) % 2
    rings = (1 + 2 * y)[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    bent = _accuracy(student(rings[:400], y[:400], rings[400:], y[400:]))
    if bent > 0.8:
        raise CheckFailed(
            f"your probe separates a ring from the ring around it ({bent:.0%} right). No straight "
            "line can: use a *linear* classifier, without hidden layers, neighbours or kernels."
        )
    print("Passed: linear_probe is linear, learns from the training part, is scored on the test.")


def _path(name, student, z0, z1, steps):
    """Call lerp or slerp; check type, shape, both ends and that the arguments are left alone."""
    before = z0.clone(), z1.clone()
    rows = student(z0, z1, steps)
    if not isinstance(rows, torch.Tensor) or tuple(rows.shape) != (steps, len(z0)):
        raise CheckFailed(
            f"{name}(z0, z1, {steps}) of two latents of {len(z0)} numbers should be a tensor of "
            f"shape ({steps}, {len(z0)}), one row a step; yours is {_said(rows)}."
        )
    if not (torch.equal(z0, before[0]) and torch.equal(z1, before[1])):
        raise CheckFailed(f"{name} changed its arguments in place; compute new tensors instead.")
    if not torch.allclose(rows[0], z0, atol=1e-5):
        raise CheckFailed(
            f"row 0 of {name} should be z0 = ({_numbers(z0)}); yours is ({_numbers(rows[0])})."
        )
    if not torch.allclose(rows[-1], z1, atol=1e-5):
        raise CheckFailed(
            f"the last row of {name} should be z1 = ({_numbers(z1)}); yours is "
            f"({_numbers(rows[-1])}). The walk must arrive: t runs from 0 to 1, both included."
        )
    return rows


def _angles(rows):
    """(steps - 1,) angles in radians between neighbouring rows."""
    unit = rows / rows.norm(dim=1, keepdim=True)
    return (unit[1:] * unit[:-1]).sum(dim=1).clamp(-1, 1).arccos()


def _accuracy(value):
    """The returned value as a float in [0, 1], or CheckFailed."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise CheckFailed(f"linear_probe should return one number; it returned {_said(value)}.")
    if not 0 <= value <= 1:
        hint = " Is it a percentage, or a count?" if value > 1 else ""
        raise CheckFailed(f"an accuracy lies between 0 and 1; yours is {value:g}.{hint}")
    return float(value)


def _numbers(values):
    return ", ".join(f"{value:.3g}" for value in torch.as_tensor(values).flatten().tolist())


def _said(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return "None: is there a return?" if value is None else f"a {type(value).__name__}"
