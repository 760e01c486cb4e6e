"""The walk on the sphere."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.interpolation.walks import (
    end_missing,
    ends,
    forms,
    lengths_kept,
    lerp,
    like_lerp,
    named_by_rows,
    named_walk,
    on_walks,
    same_walks,
    slerp,
    slerp_by_cosine,
    turning,
)
from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question, close


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
            return "not-clamped"
        return "no-fallback"
    walks = {label: inputs["walks"][label] for label in _TURNS}
    return named_walk(got, want, {**inputs, "walks": walks}, failed)


def _same_turns(a, b, inputs):
    """The same on the walks that turn; the fallback is compared by whether it works."""
    turning = {**inputs, "walks": {k: inputs["walks"][k] for k in ("even", "odd")}}
    return same_walks(a, b, turning)


_TURNS, _PARALLEL = ("even", "odd"), ("longer", "shorter", "same", "rounded")


def slerp_at(z0, z1, t, angle):
    """Equal angles at given times t (n, 1), the length changing evenly."""
    turned = _textbook(z0 / z0.norm(), z1 / z1.norm(), t, angle)
    return ((1 - t) * z0.norm() + t * z1.norm()) * turned


def _slerped_at(turn, times):
    """A `turn` at other times: times(steps) -> (n,)."""
    return _slerped(lambda z0, z1, t, angle: turn(z0, z1, times(len(t))[:, None], angle))


_TIMES = {
    "last-missing": end_missing,
    "first-missing": lambda steps: (torch.arange(steps) + 1) / steps,
    "ends-missing": lambda steps: torch.linspace(0, 1, steps + 2)[1:-1],
}


QUESTION = Question(
    id="interpolation.slerp",
    points=1,
    probe="interpolation.walks",
    draw=_draw_turns,
    reference={"slerp": slerp, "lerp": lerp},
    forms=(slerp_by_cosine,),
    builds_on=("lerp",),
    extra=True,
    checks=(
        Check("form", 0.15, forms(_TURNS)),
        Check("ends", 0.15, on_walks(_TURNS, ends)),
        Check("angles", 0.25, on_walks(("even",), turning)),
        Check("unequal", 0.1, on_walks(("odd",), turning)),
        Check("lengths", 0.1, on_walks(_TURNS, lengths_kept)),
        Check(
            "fallback",
            0.15,
            lambda got, want, inputs: (
                forms(_PARALLEL)(got, want, inputs)
                or on_walks(_PARALLEL, like_lerp)(got, want, inputs)
            ),
        ),
        Check("manners", 0.1, inputs_unchanged),
    ),
    mistakes={
        "straight": lerp,
        "chord": _slerped(_chord),
        "lengths-not-separate": _slerped(_textbook),
        "unit-length": _slerped(
            lambda z0, z1, t, a: _textbook(z0 / z0.norm(), z1 / z1.norm(), t, a)
        ),
        "not-divided": _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a) * a.sin()),
        "raw-angle": _raw_angle,
        "backwards": _slerped(lambda z0, z1, t, a: _textbook(z1, z0, t, a)),
        "backwards/2": lambda z0, z1, steps: slerp(z0, z1, steps).flip(0),
        "sphere-of-weights": _slerped(
            lambda z0, z1, t, a: _textbook(z0, z1, t, torch.tensor(torch.pi / 2))
        ),
        "cosine-for-angle": _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a.cos())),
        "in-degrees": _slerped(lambda z0, z1, t, a: _textbook(z0, z1, t, a.rad2deg())),
        **{name: _slerped_at(slerp_at, times) for name, times in _TIMES.items()},
        "last-missing/textbook": _slerped_at(_textbook, end_missing),
        "one-row-too-many": _slerped_at(_textbook, lambda steps: torch.linspace(0, 1, steps + 1)),
    },
    alike=_same_turns,
    explain=_named_turn,
    last=named_by_rows,
)
