"""Questions about a function of tensors: one call, its values, its gradients, its manners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch

from autograder.key.question import (
    Check,
    Question,
    close,
    differs,
    has_form,
    matches,
    name_of,
    nothing_tensor,
    same_arrays,
    scaled,
    well_formed,
)
from autograder.key.sentences import UNWRITTEN, Sentences

EXTREME = Check(  # of a formula whose second call gets such log-variances
    "extreme", 0.1, matches("second", "the values of very narrow and very wide ones")
)
STABLE = Check(  # of a formula whose second call gets such logits
    "stable", 0.1, matches("second", "the values at very large logits")
)


def gradients_match(keys: tuple[str, ...], rtol=1e-3, atol=1e-4):
    """A test: the gradients with respect to `keys` are the reference's (float32 chains: rtol
    1e-3).
    """

    def test(got, want, inputs):
        if got.get("grad.error"):
            return f"asking for a gradient failed: {got['grad.error']}"
        if not got.get("value.dtype"):
            return nothing_tensor(got, "value")
        if not got.get("value.attached"):
            return (
                "the result carries no gradient: it was detached, taken through numpy or .item(), "
                "or computed under no_grad."
            )
        for key in keys:
            problem = got.get(f"grad.{key}")
            if problem is None:
                return f"no gradient with respect to {key} was received."
            if not close(problem, want[f"grad.{key}"], rtol, atol):
                return (
                    f"the gradient with respect to {key}: {gradient_differs(problem, want, key)}."
                )
        return None

    return test


def gradient_differs(value, want, key) -> str:
    """How a gradient is wrong."""
    if np.shape(value) != np.shape(want[f"grad.{key}"]):
        return "it has another shape"
    if not np.any(value):
        return "it is zero everywhere"
    return differs(value, want[f"grad.{key}"], 1e-3, 1e-4)


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
            return "returns-nothing"
        return "no-tensor", {"kind": kind}
    value = np.asarray(value)
    if value.shape != right.shape:
        return _named_by_shape(value, right)
    if close(value, right):
        if failed == ["form"]:
            return "squeezed-batch"
        return _named_by_manners(got, inputs, failed)
    if not np.isfinite(value).all():
        return "not-finite"
    keys = inputs.get("grad", ())
    if keys and value.size > 1 and not np.ptp(value):  # one number for all
        if not any(np.any(got.get(f"grad.{key}")) for key in keys):
            return "argument-unused", {"argument": _listed(keys)}
    if close(-value, right):
        return "sign"
    alone = got.get("single")
    if alone is not None and np.shape(alone) == (1,) and not close(value[:1], alone, 1e-3, 1e-4):
        return "alone-differs"
    if right.size == 1:
        return scaled(got, want)
    usable = np.abs(value) > 1e-6
    ratio = right[usable] / value[usable]
    if (
        usable.any()
        and np.ptp(ratio) < 1e-3 * abs(ratio.mean())
        and abs(ratio.mean() - 1) > 0.02  # or it is no factor but an inaccuracy
        and close(right, ratio.mean() * value, 1e-2)  # where it is 0, too
    ):
        return _named_by_ratio(float(ratio.mean()), inputs)
    offset = right - value
    if right.size > 2 and np.ptp(offset) < 1e-4 * np.abs(offset).max():
        return "constant-term"
    return None


def named_by_part(got, want, inputs, failed):
    """Where no name was found: the arguments at which an answer is wrong, by its gradients."""
    keys = inputs.get("grad", ())
    value = got.get("value")
    if keys and value is not None and not got.get("value.attached"):
        return "argument-unused", {"argument": _listed(keys)}
    slopes = {k: got.get(f"grad.{k}") for k in keys}
    if not got.get("value.attached") or any(
        v is None or np.shape(v) != np.shape(want[f"grad.{k}"]) or not np.isfinite(v).all()
        for k, v in slopes.items()
    ):
        return None
    right = [k for k in keys if close(slopes[k], want[f"grad.{k}"], 1e-3, 1e-4)]
    unused = [k for k in keys if not np.any(slopes[k]) and k not in right]
    if unused:
        return "argument-unused", {"argument": _listed(unused)}
    wrong = [k for k in keys if k not in right]
    if wrong and close(value, want["value"]):
        return "gradient-part-cut", {"values": _listed(wrong)}
    if right and wrong:
        return "part-wrong", {"wrong": _listed(wrong), "right": _listed(right)}
    return None


def _listed(names) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _named_by_shape(value, right):
    """A wrong shape whose numbers would be right after one more, or one less, reduction."""
    if value.size == right.size and close(value.reshape(right.shape), right):
        return "shape"
    if right.ndim and value.ndim == 0:
        if close(value, right.mean(), 1e-3):
            return "batch-mean"
        if close(value, right.sum(), 1e-3):
            return "batch-sum"
    if not right.ndim and value.ndim == 1 and close(value.mean(), right, 1e-3):
        return "no-batch-mean"
    if not right.ndim and value.ndim > 1 and close(value.sum() / len(value), right, 1e-3):
        return "no-sum"
    rest = tuple(range(right.ndim, value.ndim))
    if rest and value.shape[: right.ndim] == right.shape and close(value.sum(rest), right, 1e-3):
        return "no-sum"
    return None


def named_by_wrong_shape(got, want, inputs, failed):
    """Where no name was found: the shape itself is wrong."""
    value = got.get("value")
    wrong = value is not None and np.shape(value) != np.shape(want["value"])
    return "wrong-shape" if wrong else None


def _named_by_ratio(ratio, inputs):
    for array in (value for value in inputs.values() if isinstance(value, np.ndarray)):
        if array.ndim > 1 and abs(ratio / np.prod(array.shape[1:]) - 1) < 1e-3:
            return "mean-not-sum"
    return "factor" if ratio > 0 else "sign-and-factor"


def _named_by_manners(got, inputs, failed):
    if "gradients" in failed:
        if not got.get("value.attached"):
            return "detached"
        cut = [
            k
            for k in inputs["grad"]
            if got.get(f"grad.{k}") is not None and not np.any(got[f"grad.{k}"])
        ]
        if cut:
            return "gradient-cut", {"values": " or ".join(cut)}
    if "manners" in failed:
        return "in-place"
    return None


def differ(got) -> bool:
    """Whether a second call with the same arguments gave another value."""
    again, value = got.get("again.value"), got.get("value")
    return np.shape(again) == np.shape(value) and again is not None and not close(again, value)


def beta_is_one(default: str, what: str):
    """A test: without beta (evidence `default`) comes what beta = 1 gives, and 0 is a beta, too;
    whether these are right is another check's question.
    """

    def test(got, want, inputs):
        if differ(got):
            return "two calls with the same arguments give two different values."
        if got.get(f"{default.removesuffix('.value')}.error"):
            return got[f"{default.removesuffix('.value')}.error"]
        for key in (default, "one.value", "zero.value"):
            problem = well_formed(got, want, key, what)
            if problem:
                return problem
        if not close(got[default], got["one.value"]):
            return f"without beta, {what} differs from that with beta = 1."
        if close(got["zero.value"], got["one.value"]) and not close(got["value"], got["one.value"]):
            return f"with beta = 0, {what} is that with beta = 1."
        return None

    return test


def beta_named(got, default: str):
    """The name of a default or a beta of 0 that is wrong where all else is right."""
    if close(got.get(default), got.get("one.value")):
        return "beta-zero"
    return "beta-default"


def unstable(got, want, inputs, failed):
    """Names the logarithm of a rounded sigmoid, in any question about logits."""
    if failed == ["stable"]:
        return "unstable"
    return None


def overflows(got, want, inputs, failed):
    """Names a product of variances, or a logarithm of one, that leaves the range of a float, and
    what is cut off before it does.
    """
    if failed != ["extreme"] or got.get("second") is None:
        return None
    return "extremes-cut" if np.isfinite(got["second"]).all() else "overflows"


def free_bits(terms: Callable) -> Callable:
    """explain: a divergence whose smallest parts were replaced by one number. terms(*arguments):
    its parts, (B, nz); in those that were replaced there is no slope.
    """

    def explain(got, want, inputs, failed):
        value, slopes = got.get("value"), [got.get(f"grad.{key}") for key in inputs["grad"]]
        given = (torch.from_numpy(inputs[key]) for key in inputs["args"])
        parts = terms(*given).numpy()
        if np.shape(value) != parts.shape[:1] or any(np.shape(s) != parts.shape for s in slopes):
            return None
        cut = np.all([slope == 0 for slope in slopes], axis=0)
        right = (np.where(cut, 0, want[f"grad.{key}"]) for key in inputs["grad"])
        if not all(close(*pair, 1e-3, 1e-4) for pair in zip(slopes, right, strict=True)):
            return None
        rows = cut.all(1)
        if np.array_equal(cut, np.broadcast_to(rows[:, None], cut.shape)):  # whole images
            parts, cut = parts.sum(1, keepdims=True), rows[:, None]
        if not cut.any() or cut.all():
            return None
        count = cut.sum(1)
        floor = ((value - np.where(cut, 0, parts).sum(1))[count > 0]) / count[count > 0]
        least, most = parts[~cut].min(), parts[cut].max()
        if np.ptp(floor) < 1e-3 * (1 + abs(floor).max()) and most < floor[0] + 1e-3 < least + 2e-3:
            return "free-bits"
        return None

    return explain


def _negated(mistaken):
    return lambda *arguments, **options: -mistaken(*arguments, **options)


def formula(
    id: str,
    *,
    points: float,
    args: tuple[str, ...],
    draw: Callable[[np.random.Generator], dict],
    reference: Callable,
    grad: tuple[str, ...] = (),
    per_image: bool = True,
    kwargs: Mapping[str, str] | None = None,
    mistakes: Mapping[str, Callable] = MappingProxyType({}),
    more: tuple[Check, ...] = (),
    weights: tuple[float, float, float, float] | None = None,
    upstream: Mapping[str, Callable] | None = None,
    extra: bool = False,
    rtol: float = 1e-4,
    args2: tuple[str, ...] = (),
    explain: Callable | None = None,
    forms: tuple[Callable, ...] = (),
    sentences: Sentences = UNWRITTEN,
) -> Question:
    """A Question about one function call.

    per_image: whether the result is one value per image, or one number.
    args2: arguments of a second call, whose result `more` tests as "second".
    explain: as in Question; asked before `named_by_values`. forms, sentences: as in Question.
    weights: of form, values, gradients, manners (gradients 0 without `grad`); `more` the rest.
    """
    name = name_of(id)
    form_w, value_w, grad_w, manners_w = weights or (
        (0.15, 0.5, 0.25, 0.1) if grad else (0.2, 0.7, 0, 0.1)
    )

    def drawn(rng):
        call = {"name": name, "args": list(args), "args2": list(args2), "grad": list(grad)}
        return {**call, "single": per_image, "kwargs": kwargs or {}, **draw(rng)}

    has_its_form = _per_image if per_image else has_form("value", "the result")
    checks = [
        Check("form", form_w, has_its_form),
        Check("values", value_w, matches("value", "the values", rtol)),
    ]
    if grad:
        checks.append(Check("gradients", grad_w, gradients_match(grad)))
    checks.append(Check("manners", manners_w, inputs_unchanged))
    return Question(
        id=id,
        points=points,
        probe="common.function",
        draw=drawn,
        reference={name: reference, **(upstream or {})},
        checks=(*checks, *more),
        mistakes=mistakes,
        forms=forms,
        goes_with={"sign": _negated},
        builds_on=tuple(upstream or ()),
        extra=extra,
        sentences=sentences,
        alike=lambda a, b, inputs: same_arrays(a, b),
        explain=lambda *case: (explain and explain(*case)) or named_by_values(*case),
        last=lambda *case: named_by_wrong_shape(*case) or named_by_part(*case),
    )
