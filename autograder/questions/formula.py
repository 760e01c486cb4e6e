"""Questions about a function of tensors: one call, its values, its gradients, its manners."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autograder.question import Check, Mistake, Question, close, has_form, matches, same_arrays


def gradients_match(keys: tuple[str, ...], rtol=1e-3, atol=1e-4):
    """A test: the gradients with respect to `keys` are the reference's (float32 chains: rtol 1e-3)."""

    def test(got, want, inputs):
        if got.get("grad.error"):
            return f"asking for a gradient failed: {got['grad.error']}"
        if not got.get("value.attached"):
            return (
                "the result carries no gradient: it was detached, taken through numpy or .item(), or "
                "computed under no_grad."
            )
        for key in keys:
            problem = got.get(f"grad.{key}")
            if problem is None:
                return f"no gradient with respect to {key} was received."
            if not close(problem, want[f"grad.{key}"], rtol, atol):
                none = "is zero everywhere" if not np.any(problem) else "is not the right one"
                return f"the gradient with respect to {key} {none}."
        return None

    return test


def inputs_unchanged(got, want, inputs):
    """A test: the call left its tensors as they were."""
    for key, value in inputs.items():
        after = got.get(f"after.{key}")
        if after is not None and not close(after, value.astype(np.float32), 1e-6, 1e-7):
            return f"the call changed its argument {key} in place."
    return None


def formula(
    id: str,
    *,
    points: float,
    title: str,
    args: tuple[str, ...],
    draw: Callable[[np.random.Generator], dict],
    reference: Callable,
    about: str,
    grad: tuple[str, ...] = (),
    form: str = "one value per image, shape (B,)",
    kwargs: Mapping[str, str] | None = None,
    mistakes: tuple[Mistake, ...] = (),
    more: tuple[Check, ...] = (),
    weights: tuple[float, float, float, float] | None = None,
    upstream: Mapping[str, Callable] | None = None,
    extra: bool = False,
    rtol: float = 1e-4,
) -> Question:
    """A Question about one function call.

    about: the values in words ("the KL of every image"), for messages and the public list of what is tested.
    weights: of form, values, gradients, manners (gradients 0 without `grad`); `more` takes the rest.
    """
    name = id.split(".")[1]
    form_w, value_w, grad_w, manners_w = weights or ((0.15, 0.5, 0.25, 0.1) if grad else (0.2, 0.7, 0, 0.1))

    def drawn(rng):
        return {"name": name, "args": list(args), "grad": list(grad), "kwargs": kwargs or {}, **draw(rng)}

    checks = [
        Check("form", form_w, f"`{name}` returns {form}", has_form("value", "the result")),
        Check("values", value_w, f"the values are {about}", matches("value", "the values", rtol)),
    ]
    if grad:
        flows = f"gradients flow to {' and '.join(grad)} and are right"
        checks.append(Check("gradients", grad_w, flows, gradients_match(grad)))
    checks.append(Check("manners", manners_w, "the arguments are left as they were", inputs_unchanged))
    return Question(
        id=id,
        points=points,
        title=title,
        probe="common.function",
        draw=drawn,
        reference={name: reference, **(upstream or {})},
        checks=(*checks, *more),
        mistakes=mistakes,
        builds_on=tuple(upstream or ()),
        extra=extra,
        alike=lambda a, b, inputs: same_arrays(a, b),
    )
