"""The visible checks accept every right way to do it, and say what is wrong with usual slips."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from utils.checks import CheckFailed, interpolation


def straight(z0, z1, steps):
    return torch.stack([z0 + (z1 - z0) * k / (steps - 1) for k in range(steps)])


def numpy_straight(z0, z1, steps):
    return torch.from_numpy(np.linspace(z0.numpy(), z1.numpy(), steps))


@pytest.mark.parametrize("right", [straight, numpy_straight])
def test_lerp_accepts(right, capsys):
    interpolation.lerp(right)
    assert capsys.readouterr().out.startswith("Passed")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda z0, z1, n: straight(z0, z1, n).T, "shape"),
        (lambda z0, z1, n: straight(z1, z0, n), "row 0"),
        (lambda z0, z1, n: straight(z0, z0 + 0.8 * (z1 - z0), n), "both ends"),
        (lambda z0, z1, n: straight(z0, z1, 7), "lerp\\(z0, z1, 2\\)"),
        (lambda z0, z1, n: z0 + torch.linspace(0, 1, n)[:, None] ** 2 * (z1 - z0), "not equal"),
        (lambda z0, z1, n: straight(z0, z1.sub_(0.5), n), "in place"),
        (lambda z0, z1, n: None, "return"),
    ],
)
def test_lerp_refuses(wrong, says):
    with pytest.raises(CheckFailed, match=says):
        interpolation.lerp(wrong)


def turned(z0, z1, steps):
    """The arc by rotation in the plane of the two directions."""
    e0 = z0 / z0.norm()
    across = z1 - (z1 @ e0) * e0
    if across.norm() < 1e-4:
        return straight(z0, z1, steps)
    e1, end = across / across.norm(), torch.atan2(across.norm(), z1 @ e0)
    t = torch.linspace(0, 1, steps)[:, None]
    return torch.lerp(z0.norm(), z1.norm(), t) * ((t * end).cos() * e0 + (t * end).sin() * e1)


def without_lengths(z0, z1, steps):
    """The usual formula with the whole latents: the angles are equal only for equal lengths."""
    angle = torch.arccos((z0 @ z1) / (z0.norm() * z1.norm()))
    t = torch.linspace(0, 1, steps)[:, None]
    return (((1 - t) * angle).sin() * z0 + (t * angle).sin() * z1) / angle.sin()


def test_slerp_accepts(capsys):
    interpolation.slerp(turned)
    assert capsys.readouterr().out.startswith("Passed")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (straight, "angles"),
        (without_lengths, "turn the direction first"),
        (lambda z0, z1, n: turned(z0, z1, n) / turned(z0, z1, n).norm(dim=1)[:, None], "row 0"),
    ],
)
def test_slerp_refuses(wrong, says):
    with pytest.raises(CheckFailed, match=says):
        interpolation.slerp(wrong)


def images(encode, decode, x0, x1, steps):
    rows = [torch.sigmoid(decode(z[None])) for z in straight(encode(x0)[0], encode(x1)[0], steps)]
    return torch.cat(rows)


def faded(encode, decode, x0, x1, steps):
    a, b = (torch.sigmoid(decode(encode(x))) for x in (x0, x1))
    return torch.cat([a + (b - a) * k / (steps - 1) for k in range(steps)])


def test_interpolate_accepts(capsys):
    interpolation.interpolate(images)
    assert capsys.readouterr().out.startswith("Passed")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (faded, "mix what was"),
        (lambda e, d, x0, x1, n: torch.logit(images(e, d, x0, x1, n)), "sigmoid"),
        (lambda e, d, x0, x1, n: torch.sigmoid(images(e, d, x0, x1, n)), "twice"),
        (lambda e, d, x0, x1, n: images(e, d, x1, x0, n), "first image"),
        (lambda e, d, x0, x1, n: images(e, d, x0, x1, n)[:, 0], "shape"),
        (lambda e, d, x0, x1, n: images(e, d, x0, x1, n, 3), "raised TypeError"),
    ],
)
def test_interpolate_refuses(wrong, says):
    with pytest.raises(CheckFailed, match=says):
        interpolation.interpolate(wrong)


def probe(model, z_train, y_train, z_test, y_test):
    return model.fit(z_train.numpy(), y_train.numpy()).score(z_test.numpy(), y_test.numpy())


def with_torch(z_train, y_train, z_test, y_test):
    mean, std = z_train.mean(dim=0), z_train.std(dim=0)
    layer = torch.nn.Linear(z_train.shape[1], 10)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer((z_train - mean) / std), y_train).backward()
        optimizer.step()
    return (layer((z_test - mean) / std).argmax(dim=1) == y_test).float().mean()


@pytest.mark.parametrize(
    "right",
    [
        lambda *data: probe(LogisticRegression(max_iter=1000), *data),
        lambda *data: probe(RidgeClassifier(), *data),
        with_torch,
    ],
)
def test_linear_probe_accepts(right, capsys):
    interpolation.linear_probe(right)
    assert capsys.readouterr().out.startswith("Passed")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda *data: 100 * with_torch(*data), "percentage"),
        (lambda *data: probe(KNeighborsClassifier(), *data), "linear"),
        (lambda a, b, c, d: with_torch(c, d, c, d), "random"),
        (lambda a, b, c, d: with_torch(a, b, a, b), "random"),
        (lambda *data: 0.1, "far apart"),
        (lambda *data: None, "one number"),
    ],
)
def test_linear_probe_refuses(wrong, says):
    with pytest.raises(CheckFailed, match=says):
        interpolation.linear_probe(wrong)
