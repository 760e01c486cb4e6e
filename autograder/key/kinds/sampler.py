"""Questions about a sample that is made from given noise, so that a test can fix the noise."""

from __future__ import annotations

import numpy as np

from autograder.key.kinds.formula import (
    inputs_unchanged,
    named_by_part,
    named_by_values,
    named_by_wrong_shape,
)
from autograder.key.question import (
    Check,
    Question,
    close,
    differs,
    name_of,
    same_arrays,
    well_formed,
)


def sampler(
    id, *, points, params, noise, draw, reference, mistakes=None, tails=None, extra=False, forms=()
) -> Question:
    """A question about a sample made from given noise.

    A uniform u and its mirror image 1 - u are equally good, as are eps and -eps: whatever the
    mirrored noise would give is right too, as long as values and gradients are of one kind.

    params: what is differentiated; noise: the last argument. draw(rng) gives `noise`, its
    `mirrored` and, with tails=(low, high), the range of a sample, `tails`: noise as near to 0 and
    1 as float32 goes.
    """
    name = name_of(id)
    again = {
        "mirror": {noise: "mirrored"},
        "again": {},
        **({"edge": {noise: "tails"}} if tails else {}),
    }

    def drawn(rng):
        arguments = {"name": name, "args": [*params, noise], "grad": list(params)}
        return {**arguments, "variations": again, **draw(rng)}

    checks = [
        Check("form", 0.15, _form),
        Check("values", 0.45 if tails is None else 0.4, _values),
        Check("gradients", 0.3, _gradients(params)),
        Check("manners", 0.1, _manners),
    ]
    if tails:
        checks.insert(3, Check("tails", 0.05, _within(*tails)))
    return Question(
        id=id,
        points=points,
        probe="common.variations",
        draw=drawn,
        reference={name: reference},
        checks=tuple(checks),
        mistakes=mistakes or {},
        forms=forms,
        extra=extra,
        alike=lambda a, b, inputs: any(same_call(a, other, inputs) for other in _either(b)),
        explain=_named(noise),
        last=_named_last,
    )


def _either(want):
    """The right evidence, and that for mirrored noise."""
    return want, {k[7:]: v for k, v in want.items() if k.startswith("mirror.")}


def _form(got, want, inputs):
    return well_formed(got, want, "value", "the sample")


def _values(got, want, inputs):
    problem = _form(got, want, inputs)
    if problem:
        return problem
    if got.get("again.value") is not None and not close(got["value"], got["again.value"]):
        return "the same noise gave two different samples."
    if not any(close(got["value"], right["value"]) for right in _either(want)):
        return f"the samples: {_differ(got['value'], [r['value'] for r in _either(want)])}."


def _differ(value, rights, rtol=1e-4, atol=1e-5) -> str:
    """How samples, or gradients, are wrong, whichever of both noises they were made from."""
    said = {differs(value, right, rtol, atol) for right in rights}
    return said.pop() if len(said) == 1 else "neither those of the noise nor of its mirror image"


def _gradients(params):
    """A test: the gradients are those of the noise, or of its mirror image, that gives the values;
    of either, where the values are wrong.
    """

    def test(got, want, inputs):
        if got.get("grad.error"):
            return f"asking for a gradient failed: {got['grad.error']}"
        if not got.get("value.attached"):
            return "the sample carries no gradient."
        kinds = [r for r in _either(want) if close(got.get("value", ()), r["value"])] or _either(
            want
        )
        for key in params:
            value = got.get(f"grad.{key}")
            if value is None or not any(close(value, r[f"grad.{key}"], 1e-3, 1e-4) for r in kinds):
                if value is None or not np.any(value):
                    return f"the gradient with respect to {key} is zero."
                rights = [r[f"grad.{key}"] for r in kinds]
                fits = all(np.shape(value) == right.shape for right in rights)
                how = _differ(value, rights, 1e-3, 1e-4) if fits else "it has another shape"
                return f"the gradient with respect to {key}: {how}."

    return test


def _within(low, high):
    """A test: noise at its very ends gives samples in the distribution's range."""

    def test(got, want, inputs):
        problem = well_formed(got, want, "edge.value", "the sample")
        value = got.get("edge.value")
        if problem or not (low <= value.min() and value.max() <= high):
            return problem or "there are values that this distribution never takes."

    return test


def _manners(got, want, inputs):
    if got.get("value") is None:
        return "no sample was received."
    return inputs_unchanged(got, want, inputs)


def _named(noise):
    """explain: what a sample can get wrong; as a formula's value, for one of both noises."""

    def explain(got, want, inputs, failed):
        value, again = got.get("value"), got.get("again.value")
        if value is not None and again is not None and not close(value, again):
            return "noise-redrawn", {"noise": noise}
        for right in _either(want):
            named = named_by_values(got, right, inputs, failed)
            if named and (named != "factor" or np.size(right["value"]) > 2):
                return named
        for right in (r["value"] for r in _either(want)):
            reduced = (f(right, axis) for f in (np.sum, np.mean) for axis in (0, 1, None))
            if any(close(value, part, 1e-3) for part in reduced if value is not None):
                return "reduced"
        if failed == ["tails"]:
            return "not-finite-at-the-edge"
        return None

    return explain


def _named_last(got, want, inputs, failed):
    named = [named_by_part(got, right, inputs, failed) for right in _either(want)]
    return named_by_wrong_shape(got, want, inputs, failed) or next(filter(None, named), None)


def same_call(a, b, inputs) -> bool:
    """The same result and gradients; where one side has no gradient, none counts as zero."""

    def full(evidence):
        zeros = {f"grad.{key}": np.zeros(inputs[key].shape) for key in inputs["grad"]}
        return {**zeros, **{k: v for k, v in evidence.items() if v is not None}}

    keys = ["value", *(f"grad.{key}" for key in inputs["grad"])]
    return b.get("value") is not None and same_arrays(full(a), full(b), keys=keys)


def normal(rng, shape=(5, 7)):
    """eps and -eps, which is as good."""
    eps = rng.normal(size=shape)
    return {"eps": eps, "mirrored": -eps}


def uniform(rng, shape=(5, 7)):
    """u, 1 - u, and u as close to 0 and 1 as float32 is spaced."""
    u = rng.uniform(0.03, 0.97, shape).astype(np.float32)
    tails = np.where(rng.permutation(np.arange(u.size)).reshape(shape) % 2, 2.0**-24, 1 - 2.0**-24)
    return {"u": u, "mirrored": 1 - u, "tails": tails}
