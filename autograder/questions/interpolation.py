"""The answer key of `interpolation`: walks between latents, and what a linear classifier reads in them."""

from __future__ import annotations

from autograder.question import Check, Question


def _planned(id, points, title, extra=False):
    name = id.split(".")[1]
    return Question(
        id=id, points=points, title=title, probe="common.defined", draw=lambda rng: {"name": name},
        reference={name: lambda: None}, extra=extra,
        checks=(Check("defined", 1.0, f"`{name}` is defined", lambda got, want, inputs: None),),
    )  # fmt: skip


QUESTIONS = (
    _planned("interpolation.lerp", 2, "the straight walk between two latents"),
    _planned("interpolation.interpolate", 2, "images on the way from one image to another"),
    _planned("interpolation.linear_probe", 2, "what a linear classifier reads in frozen latents"),
    _planned("interpolation.slerp", 1, "the walk on the sphere", extra=True),
)
