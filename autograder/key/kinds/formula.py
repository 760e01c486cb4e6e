"""Questions about a function of tensors: one call, its values, its gradients, its manners."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autograder.key.question import (
    Check,
    Mistake,
    Question,
    close,
    has_form,
    matches,
    same_arrays,
    well_formed,
)

PER_IMAGE = "one value per image, shape (B,)"
STABLE = Check(  # of a formula whose second call gets such logits
    "stable",
    0.1,
    "logits as large as ±200 give finite, accurate values",
    matches("second", "the values at very large logits"),
)


def gradients_match(keys: tuple[str, ...], rtol=1e-3, atol=1e-4):
    """A test: the gradients with respect to `keys` are the reference's (float32 chains: rtol
    1e-3).
    """

    def test(got, want, inputs):
        if got.get("grad.error"):
            return f"asking for a gradient failed: {got['grad.error']}"
        if not got.get("value.attached"):
            return (
                "the result carries no gradient: it was detached, taken through numpy or "
                ".item(), or "
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


def _per_image(got, want, inputs):
    """A test: the result has its form, for a batch and for one image by itself."""
    problem = well_formed(got, want, "value", "the result")
    return problem or well_formed(got, want, "single", "the result for one image")


def named_by_values(got, want, inputs, failed):
    """Name what any formula can get wrong: what is returned, the reduction, a factor, a cut
    gradient.
    """
    value, right, kind = got.get("value"), np.asarray(want["value"]), got.get("value.kind")
    if value is None:
        if kind == "NoneType":
            return "returns-nothing", "Your function returns nothing: is its `return` missing?"
        return "no-tensor", f"Your function returns a {kind}, where one tensor is asked for."
    value = np.asarray(value)
    if value.shape != right.shape:
        return _named_by_shape(value, right)
    if close(value, right):
        if failed == ["form"]:
            return "squeezed-batch", (
                "With one image the batch axis is lost: a squeeze() without an axis also removes a "
                "batch of one."
            )
        return _named_by_manners(got, inputs, failed)
    if not np.isfinite(value).all():
        return (
            "not-finite",
            "Something in your formula is not defined or overflows on harmless inputs.",
        )
    if close(-value, right):
        return "sign", "Every value has the right size and the wrong sign."
    usable = np.abs(value) > 1e-6
    ratio = right[usable] / value[usable]
    if (
        usable.any()
        and right.size > 1
        and np.ptp(ratio) < 1e-3 * abs(ratio.mean())
        and abs(ratio.mean() - 1) > 0.02  # or it is no factor but an inaccuracy
    ):
        return _named_by_ratio(float(ratio.mean()), inputs)
    offset = right - value
    if right.size > 2 and np.ptp(offset) < 1e-4 * np.abs(offset).max():
        return "constant-term", "Every value is off by the same amount: a constant term is wrong."
    return None


def _named_by_shape(value, right):
    """A wrong shape whose numbers would be right after one more, or one less, reduction."""
    if value.size == right.size and close(value.reshape(right.shape), right):
        return (
            "shape",
            "The numbers are right, but their shape is not: an axis of size one is left over.",
            "",
            0.5,
        )
    if right.ndim and value.ndim == 0:
        if close(value, right.mean(), 1e-3):
            return (
                "batch-mean",
                (
                    "You averaged over the batch; here every image keeps its own value, and only "
                    "losses average."
                ),
                "the convention for losses",
                0.5,
            )
        if close(value, right.sum(), 1e-3):
            return (
                "batch-sum",
                (
                    "You summed over everything, the batch too; here every image keeps its own "
                    "value."
                ),
                "the convention for losses",
                0.5,
            )
    if not right.ndim and value.ndim == 1 and close(value.mean(), right, 1e-3):
        return (
            "no-batch-mean",
            ("There is one value for every image; a loss is their mean over the batch."),
            "the convention for losses",
            0.5,
        )
    rest = tuple(range(right.ndim, value.ndim))
    if rest and value.shape[: right.ndim] == right.shape and close(value.sum(rest), right, 1e-3):
        return (
            "no-sum",
            (
                "The terms are right, but they are not added up over the dimensions of an image "
                "or latent."
            ),
            "the convention for losses",
            0.5,
        )
    return None


def _named_by_ratio(ratio, inputs):
    for array in (value for value in inputs.values() if isinstance(value, np.ndarray)):
        if array.ndim > 1 and abs(ratio / np.prod(array.shape[1:]) - 1) < 1e-3:
            return (
                "mean-not-sum",
                (
                    "Your value is the mean over the dimensions of one image or latent where the "
                    "course sums. It "
                    "is a mere convention, but another one, and beta would mean something else."
                ),
                "the convention for losses",
                0.5,
            )
    return (
        "factor",
        "Every value is the right one times the same number: a factor is lost or too much.",
    )


def _named_by_manners(got, inputs, failed):
    if "gradients" in failed:
        if not got.get("value.attached"):
            return "detached", (
                "The values are right, but the result is cut off from the graph (detach, "
                ".item(), numpy or "
                "no_grad): training through it would learn nothing."
            )
        cut = [
            k
            for k in inputs["grad"]
            if got.get(f"grad.{k}") is not None and not np.any(got[f"grad.{k}"])
        ]
        if cut:
            return "gradient-cut", (
                f"The values are right, but no gradient reaches {' or '.join(cut)}: part of the "
                "computation "
                "is detached."
            )
    if "manners" in failed:
        return "in-place", (
            "The values are right, but the call overwrites its arguments: look for operations "
            "that end in "
            "an underscore, or for `+=`."
        )
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
    form: str = PER_IMAGE,
    kwargs: Mapping[str, str] | None = None,
    mistakes: tuple[Mistake, ...] = (),
    more: tuple[Check, ...] = (),
    weights: tuple[float, float, float, float] | None = None,
    upstream: Mapping[str, Callable] | None = None,
    extra: bool = False,
    rtol: float = 1e-4,
    args2: tuple[str, ...] = (),
    explain: Callable | None = None,
) -> Question:
    """A Question about one function call.

    about: the values in words ("the KL of every image"), for messages and docs/what-is-tested.md.
    args2: arguments of a second call, whose result `more` tests as "second".
    explain: as in Question; asked before `named_by_values`.
    weights: of form, values, gradients, manners (gradients 0 without `grad`); `more` the rest.
    """
    name = id.split(".")[1]
    form_w, value_w, grad_w, manners_w = weights or (
        (0.15, 0.5, 0.25, 0.1) if grad else (0.2, 0.7, 0, 0.1)
    )

    per_image = form == PER_IMAGE

    def drawn(rng):
        call = {"name": name, "args": list(args), "args2": list(args2), "grad": list(grad)}
        return {**call, "single": per_image, "kwargs": kwargs or {}, **draw(rng)}

    has_its_form = _per_image if per_image else has_form("value", "the result")
    checks = [
        Check("form", form_w, f"`{name}` returns {form}", has_its_form),
        Check("values", value_w, f"the values are {about}", matches("value", "the values", rtol)),
    ]
    if grad:
        flows = f"gradients flow to {' and '.join(grad)} and are right"
        checks.append(Check("gradients", grad_w, flows, gradients_match(grad)))
    checks.append(
        Check("manners", manners_w, "the arguments are left as they were", inputs_unchanged)
    )
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
        explain=lambda *case: (explain and explain(*case)) or named_by_values(*case),
    )
