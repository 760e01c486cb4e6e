"""The straight walk between two latents."""

from __future__ import annotations

import torch

from autograder.key.interpolation.walks import (
    WALKS,
    ends,
    forms,
    lerp,
    lerp_by_steps,
    named_by_rows,
    named_walk,
    on_walks,
    same_walks,
    slerp,
    straight,
    turned,
)
from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question


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


QUESTION = Question(
    id="interpolation.lerp",
    points=2,
    probe="interpolation.walks",
    draw=_draw_walks,
    reference={"lerp": lerp},
    forms=(lerp_by_steps,),
    checks=(
        Check("form", 0.2, forms(("usual", "odd", "two"))),
        Check("ends", 0.35, on_walks(("usual", "odd", "two"), ends)),
        Check("between", 0.35, on_walks(("usual", "odd"), straight)),
        Check("manners", 0.1, inputs_unchanged),
    ),
    mistakes={
        **WALKS,
        "transposed": lambda z0, z1, steps: lerp(z0, z1, steps).T,
        "shape": lambda z0, z1, steps: lerp(z0, z1, steps)[:, None],
        "shape/2": lambda z0, z1, steps: lerp(z0, z1, steps)[None],
        "joined": lambda z0, z1, steps: lerp(z0, z1, steps).flatten(),
        "one-point": lambda z0, z1, steps: (z0 + z1) / 2,
        "on-the-sphere": lambda z0, z1, steps: slerp(z0, z1, steps),
        "on-the-sphere/2": turned,
        "unit-length": lambda z0, z1, steps: torch.nn.functional.normalize(lerp(z0, z1, steps)),
    },
    alike=same_walks,
    explain=named_walk,
    last=named_by_rows,
)
