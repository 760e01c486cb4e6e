"""The mean and the spread of every digit's latents."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question, close, differs, nothing_tensor, same_arrays


def digit_statistics(mu, y):
    """(10, nz) means and standard deviations (n - 1) of every class; NaN where there is none."""
    means, stds = torch.full((2, 10, mu.shape[1]), torch.nan, dtype=mu.dtype)
    for digit in range(10):
        own = mu[y == digit]
        if len(own):
            means[digit] = own.mean(0)
        if len(own) > 1:
            stds[digit] = own.std(0)
    return means, stds


def _latents(rng):
    """Classes of different size, place and spread; in "gaps" two are absent, one is alone, and one
    has two members, the fewest that have a spread; in "short" the last one alone is absent.
    """
    full = np.concatenate([np.arange(10), np.arange(10), np.arange(10), rng.integers(0, 10, 45)])
    turn = rng.choice([0, 1, 2, 5, 7, 8])  # else one alone or an absent one stands at the end
    turned = (np.array([6, 1, 2, 4, 5, 7, 8, 9]) + turn) % 10  # without 0 and 3
    alone, pair, many = turned[0], turned[1], turned[2:]
    gaps = np.concatenate([[alone, pair, pair], np.repeat(many, 3), rng.choice(many, 20)])
    inputs = {"name": "digit_statistics", "sets": ["full", "gaps", "wide", "short"]}
    short = full[full < 9]
    sets = ("full", full, 4), ("gaps", gaps, 4), ("wide", full, 7), ("short", short, 4)
    for label, y, nz in sets:
        y = rng.permutation(y)
        centres, spreads = rng.normal(0.7, 2, (10, nz)), rng.uniform(0.3, 2, (10, nz))
        inputs[f"{label}.mu"] = centres[y] + spreads[y] * rng.normal(size=(len(y), nz))
        inputs[f"{label}.y"] = y
    return inputs


def _counts(inputs, label):
    return np.bincount(inputs[f"{label}.y"], minlength=10)


def _part_problem(got, want, label, key) -> str | None:
    value, wanted = got.get(f"{label}.{key}"), want[f"{label}.{key}"]
    what = {"mean": "the means", "std": "the standard deviations"}[key]
    if got.get(f"{label}.error"):
        return f"{what}: {got[f'{label}.error']}"
    if value is None:
        return f"{what}: {nothing_tensor(got, f'{label}.{key}')}"
    if np.shape(value) != wanted.shape:
        return f"{what}: received shape {np.shape(value)}, expected shape {wanted.shape}."
    return None


def _is_pair(got, want, inputs):
    for label in inputs["sets"]:
        if got.get(f"{label}.count", 2) != 2:
            return (
                f"received {got[f'{label}.count']} result(s) where means and standard deviations"
                " are two."
            )
        for key in ("mean", "std"):
            problem = _part_problem(got, want, label, key)
            if problem:
                return problem
    return None


def _on(key: str, rows, what: str):
    """A test of some rows of one result, on every data set that has the form."""

    def test(got, want, inputs):
        usable = [label for label in inputs["sets"] if not _part_problem(got, want, label, key)]
        if not usable:
            return _part_problem(got, want, inputs["sets"][0], key)
        for label in usable:
            chosen = rows(_counts(inputs, label))
            value, right = got[f"{label}.{key}"][chosen], want[f"{label}.{key}"][chosen]
            if not close(value, right, 1e-4, 1e-4):
                return f"{what}: {differs(value, right, 1e-4, 1e-4)}."
        return None

    return test


def _absent(got, want, inputs):
    for key in ("mean", "std"):
        problem = _part_problem(got, want, "gaps", key)
        if problem:
            return problem
        if not np.isnan(got[f"gaps.{key}"][_counts(inputs, "gaps") == 0]).all():
            return "the rows of absent classes are not NaN."
    return None


def _alone(got, want, inputs):
    problem = _part_problem(got, want, "gaps", "std")
    if problem or not np.isnan(got["gaps.std"][_counts(inputs, "gaps") == 1]).all():
        return problem or "the spread of a single latent is not NaN."


def _kept(got, want, inputs):
    if all(got.get(f"{label}.mean") is None for label in inputs["sets"]):
        return "no statistics were received."
    return inputs_unchanged(got, want, inputs)


def _same_statistics(a, b, inputs):
    """The same on the set where every class is there; how gaps are treated is another matter."""
    return b.get("full.mean") is not None and same_arrays(a, b, keys=["full.mean", "full.std"])


def _named_statistics(got, want, inputs, failed):
    kind, count = got.get("full.kind"), got.get("full.count")
    if kind == "NoneType":
        return "returns-nothing"
    if kind == "dict":
        return "dictionary"
    if count is not None and count > 2:
        return "too-many-results"
    if count == 1:
        return "one-result"
    if got.get("wide.error") and not got.get("full.error") and not got.get("gaps.error"):
        return "nz-written-in"
    shapes = {np.shape(got.get(key)) for key in ("gaps.mean", "gaps.std")}
    if set(failed) <= {"form", "absent", "alone", "means", "stds"} and "means" not in failed:
        if shapes == {(8, 4)}:
            return "absent-skipped"
        if failed == ["form"] and np.shape(got.get("short.mean")) == (9, 4):
            return "absent-skipped/last"
        value = got.get("gaps.mean")
        if value is not None and shapes == {(10, 4)} and "absent" in failed:
            rows = value[_counts(inputs, "gaps") == 0]
            if not np.any(rows):
                return "absent-zero"
            return "absent-filled"
        if failed == ["alone"]:
            return "alone-zero"
        pairs = _counts(inputs, "gaps") == 2
        if failed == ["stds"] and close(got["full.std"], want["full.std"], 1e-4, 1e-4):
            if np.isnan(got["gaps.std"][pairs]).all():
                return "two-too-few"
        if got.get("gaps.error") or got.get("short.error"):
            return "absent-fails"
    if failed == ["manners"]:
        return "in-place"
    return _classes_missing(got, want)


def _classes_missing(got, want):
    """The name of statistics that are right for some digits and not there for all others, or for
    all of them.
    """
    keys = "full.mean", "full.std"
    if any(np.shape(got.get(key)) != want[key].shape for key in keys):
        return None
    empty = ~np.isfinite(got["full.mean"]).any(1) | ~got["full.mean"].any(1)
    if not empty.any() or any(
        not close(got[key][~empty], want[key][~empty], 1e-4, 1e-4) for key in keys
    ):
        return None
    return "classes-missing/all" if empty.all() else "classes-missing"


def _by_class(mean, std):
    """A wrong pair of statistics, class by class: mean(own, mu) and std(own, mu) -> (nz,)."""

    def code(mu, y):
        groups = [mu[y == digit] for digit in range(10)]
        return torch.stack([mean(g, mu) for g in groups]), torch.stack([std(g, mu) for g in groups])

    return code


def _mean(own, mu):
    return own.mean(0)


def _std(own, mu):
    return own.std(0)


QUESTION = Question(
    id="explore.digit_statistics",
    points=2,
    probe="explore.statistics",
    draw=_latents,
    reference={"digit_statistics": digit_statistics},
    checks=(
        Check("form", 0.15, _is_pair),
        Check("means", 0.3, _on("mean", lambda n: n > 0, "the means")),
        Check("stds", 0.3, _on("std", lambda n: n > 1, "the standard deviations")),
        Check("absent", 0.15, _absent),
        Check("alone", 0.05, _alone),
        Check("manners", 0.05, _kept),
    ),
    mistakes={
        "divided-by-n": _by_class(_mean, lambda own, mu: own.std(0, correction=0)),
        "variance": _by_class(_mean, lambda own, mu: own.var(0)),
        "variance/2": _by_class(_mean, lambda own, mu: own.var(0, correction=0)),
        "standard-error": _by_class(_mean, lambda own, mu: own.std(0) / len(own) ** 0.5),
        "pair-swapped": lambda mu, y: digit_statistics(mu, y)[::-1],
        "overall-mean": _by_class(
            _mean, lambda own, mu: ((own - mu.mean(0)) ** 2).sum(0).div(len(own) - 1).sqrt()
        ),
        "overall-mean/2": _by_class(
            _mean, lambda own, mu: ((own - mu.mean(0)) ** 2).mean(0).sqrt()
        ),
        "overall-spread": _by_class(_mean, lambda own, mu: mu.std(0)),
        "all-together": _by_class(lambda own, mu: mu.mean(0), lambda own, mu: mu.std(0)),
        "mean-over-all": _by_class(lambda own, mu: own.sum(0) / len(mu), _std),
        "mean-over-all/2": lambda mu, y: _masked(mu, y),
        "one-mean": _by_class(
            lambda own, mu: own.mean().expand(mu.shape[1]),
            lambda own, mu: own.std().expand(mu.shape[1]),
        ),
        "one-mean/2": _by_class(_mean, lambda own, mu: own.std().expand(mu.shape[1])),
        "median": _by_class(lambda own, mu: own.median(0).values, _std),
        "sum": _by_class(lambda own, mu: own.sum(0), _std),
        "shifted": lambda mu, y: tuple(part.roll(-1, 0) for part in digit_statistics(mu, y)),
        "shifted/2": lambda mu, y: tuple(part.roll(1, 0) for part in digit_statistics(mu, y)),
        "shifted/3": lambda mu, y: digit_statistics(mu, y - 1),
        "transposed": lambda mu, y: tuple(part.T for part in digit_statistics(mu, y)),
        "nine-missing": lambda mu, y: tuple(part[:9] for part in digit_statistics(mu, y)),
        "nine-missing/2": lambda mu, y: tuple(
            _without(part, 9) for part in digit_statistics(mu, y)
        ),
        "absolute-deviation": _by_class(_mean, lambda own, mu: (own - own.mean(0)).abs().mean(0)),
        "second-moment": _by_class(_mean, lambda own, mu: own.pow(2).mean(0).sqrt()),
    },
    alike=_same_statistics,
    explain=_named_statistics,
)


def _masked(mu, y):
    parts = [mu * (y == digit)[:, None] for digit in range(10)]
    return torch.stack([p.mean(0) for p in parts]), torch.stack([p.std(0) for p in parts])


def _without(part, row):
    part = part.clone()
    part[row] = torch.nan
    return part
