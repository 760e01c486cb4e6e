"""The answer key of `explore`: the statistics of every digit's latents."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Mistake, Question, close, same_arrays


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
    """Classes of different size, place and spread; in "gaps" two are absent and one is alone."""
    full = np.concatenate([np.arange(10), np.arange(10), np.arange(10), rng.integers(0, 10, 45)])
    turn = rng.choice([0, 1, 2, 5, 6, 7, 8, 9])  # 3 or 4: the one alone at an end, as if shifted
    turned = (np.array([6, 1, 2, 4, 5, 7, 8, 9]) + turn) % 10  # without 0 and 3
    alone, present = turned[0], turned[1:]
    gaps = np.concatenate([[alone], np.repeat(present, 3), rng.choice(present, 20)])
    inputs = {"name": "digit_statistics", "sets": ["full", "gaps", "wide"]}
    for label, y, nz in (("full", full, 4), ("gaps", gaps, 4), ("wide", full, 7)):
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
        return f"{what}: received {got.get(f'{label}.{key}.kind', 'nothing')}."
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


def _on(key: str, rows, message: str):
    """A test of some rows of one result, on every data set that has the form."""

    def test(got, want, inputs):
        usable = [label for label in inputs["sets"] if not _part_problem(got, want, label, key)]
        if not usable:
            return _part_problem(got, want, inputs["sets"][0], key)
        for label in usable:
            chosen = rows(_counts(inputs, label))
            if not close(got[f"{label}.{key}"][chosen], want[f"{label}.{key}"][chosen], 1e-4, 1e-4):
                return message
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


def _keys(inputs):
    return [f"{label}.{key}" for label in inputs["sets"] for key in ("mean", "std")]


def _same_statistics(a, b, inputs):
    """The same on the set where every class is there; how gaps are treated is another matter."""
    return b.get("full.mean") is not None and same_arrays(a, b, keys=["full.mean", "full.std"])


def _named_statistics(got, want, inputs, failed):
    kind, count = got.get("full.kind"), got.get("full.count")
    if kind == "NoneType":
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    if kind == "dict":
        return "dictionary", "Two tensors are asked for, not a dictionary."
    if count is not None and count > 2:
        return "too-many-results", "Two results are asked for, means and standard deviations."
    if count == 1:
        return "one-result", "Two results are asked for, means and deviations; there is one."
    if got.get("wide.error") and not got.get("full.error") and not got.get("gaps.error"):
        return (
            "nz-written-in",
            "Your function works for one number of latent dimensions only: it is written in.",
        )
    shapes = {np.shape(got.get(key)) for key in ("gaps.mean", "gaps.std")}
    if set(failed) <= {"form", "absent", "alone", "means", "stds"} and "means" not in failed:
        if shapes == {(8, 4)}:
            return (
                "absent-skipped",
                (
                    "Classes that are absent have no row: every later row belongs to another digit"
                    " than its index."
                ),
                STATISTICS,
                0.3,
            )
        value = got.get("gaps.mean")
        if value is not None and np.shape(value) == (10, 4) and "absent" in failed:
            rows = value[_counts(inputs, "gaps") == 0]
            if not np.any(rows):
                return (
                    "absent-zero",
                    (
                        "A class that is absent gets zeros: as if its latents were there, all at"
                        " the origin. NaN says that nothing is known."
                    ),
                    STATISTICS,
                    0.3,
                )
            return (
                "absent-filled",
                "A class that is absent gets numbers; NaN says that nothing is known.",
            )
        if failed == ["alone"]:
            return (
                "alone-zero",
                (
                    "One latent alone gets a spread; with n - 1 in the denominator there is none,"
                    " and NaN says so."
                ),
                STATISTICS,
                0.0,
            )
        if got.get("gaps.error"):
            return (
                "absent-fails",
                "Your function fails where a class is absent or has one member only.",
            )
    if failed == ["manners"]:
        return "in-place", "The statistics are right, but the call overwrites what it was given."
    return None


STATISTICS = "Statistics of z"


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


def _mistake(id, says, code, credit=0.0):
    return Mistake(id, says, STATISTICS, {"digit_statistics": code}, credit)


DIGIT_STATISTICS = Question(
    id="explore.digit_statistics",
    points=2,
    title="mean and spread of the latents of every digit",
    probe="explore.statistics",
    draw=_latents,
    reference={"digit_statistics": digit_statistics},
    checks=(
        Check(
            "form",
            0.15,
            "`digit_statistics` returns two results of shape (10, nz), for any nz",
            _is_pair,
        ),
        Check(
            "means",
            0.3,
            "row k of the first are the means of class k",
            _on("mean", lambda n: n > 0, "the means differ from the right ones."),
        ),
        Check(
            "stds",
            0.3,
            "row k of the second are the standard deviations of class k, with n - 1",
            _on("std", lambda n: n > 1, "the standard deviations differ from the right ones."),
        ),
        Check("absent", 0.15, "the rows of an absent class are NaN, in both", _absent),
        Check("alone", 0.05, "a single latent has no spread: NaN", _alone),
        Check("manners", 0.05, "latents and labels are left as they were", _kept),
    ),
    mistakes=(
        _mistake(
            "divided-by-n",
            "Your standard deviations are a little too small, most so for small classes: they "
            "divide by n, and n - 1 is asked for.",
            _by_class(_mean, lambda own, mu: own.std(0, correction=0)),
            0.5,
        ),
        _mistake(
            "variance",
            "The second result are variances: the root is missing.",
            _by_class(_mean, lambda own, mu: own.var(0)),
            0.3,
        ),
        _mistake(
            "variance",
            "The second result are variances, and they divide by n.",
            _by_class(_mean, lambda own, mu: own.var(0, correction=0)),
        ),
        _mistake(
            "standard-error",
            "The second result is the uncertainty of the means, not the spread of the latents.",
            _by_class(_mean, lambda own, mu: own.std(0) / len(own) ** 0.5),
        ),
        _mistake(
            "swapped",
            "Means and standard deviations are exchanged.",
            lambda mu, y: digit_statistics(mu, y)[::-1],
            0.5,
        ),
        _mistake(
            "overall-mean",
            "Your spreads are measured from the mean of all digits, not of their own.",
            _by_class(
                _mean, lambda own, mu: ((own - mu.mean(0)) ** 2).sum(0).div(len(own) - 1).sqrt()
            ),
        ),
        _mistake(
            "overall-mean",
            "Your spreads are measured from the mean of all digits, not of their own, and they "
            "divide by n.",
            _by_class(_mean, lambda own, mu: ((own - mu.mean(0)) ** 2).mean(0).sqrt()),
        ),
        _mistake(
            "overall-spread",
            "Every digit gets the spread of all digits together.",
            _by_class(_mean, lambda own, mu: mu.std(0)),
        ),
        _mistake(
            "all-together",
            "Labels have no effect: every row is about all digits.",
            _by_class(lambda own, mu: mu.mean(0), lambda own, mu: mu.std(0)),
        ),
        _mistake(
            "mean-over-all",
            "Sums of a class are divided by the number of all latents, not of its own.",
            _by_class(lambda own, mu: own.sum(0) / len(mu), _std),
        ),
        _mistake(
            "mean-over-all",
            "Sums of a class are divided by the number of all latents, not of its own: members of "
            "other classes count as zeros.",
            lambda mu, y: _masked(mu, y),
        ),
        _mistake(
            "one-mean",
            "Every latent dimension gets the same number: you averaged over dimensions too.",
            _by_class(
                lambda own, mu: own.mean().expand(mu.shape[1]),
                lambda own, mu: own.std().expand(mu.shape[1]),
            ),
        ),
        _mistake(
            "one-mean",
            "Every latent dimension gets the same spread: you pooled over dimensions.",
            _by_class(_mean, lambda own, mu: own.std().expand(mu.shape[1])),
        ),
        _mistake(
            "median",
            "The first result are medians.",
            _by_class(lambda own, mu: own.median(0).values, _std),
        ),
        _mistake(
            "sum",
            "The first result are sums: they are not divided by the number of members.",
            _by_class(lambda own, mu: own.sum(0), _std),
        ),
        _mistake(
            "shifted",
            "Every row is one digit off.",
            lambda mu, y: tuple(part.roll(-1, 0) for part in digit_statistics(mu, y)),
            0.2,
        ),
        _mistake(
            "shifted",
            "Every row is one digit off.",
            lambda mu, y: tuple(part.roll(1, 0) for part in digit_statistics(mu, y)),
            0.2,
        ),
        _mistake(
            "shifted",
            "Rows belong to digits 1 to 10: digit 0 is lost.",
            lambda mu, y: digit_statistics(mu, y - 1),
            0.2,
        ),
        _mistake(
            "transposed",
            "Rows and columns are exchanged: a row belongs to a digit.",
            lambda mu, y: tuple(part.T for part in digit_statistics(mu, y)),
            0.3,
        ),
        _mistake(
            "nine-missing",
            "There are nine rows: the last digit is missing.",
            lambda mu, y: tuple(part[:9] for part in digit_statistics(mu, y)),
            0.3,
        ),
        _mistake(
            "nine-missing",
            "The last digit is left out: its row is empty.",
            lambda mu, y: tuple(_without(part, 9) for part in digit_statistics(mu, y)),
            0.3,
        ),
        _mistake(
            "absolute-deviation",
            "Your spreads are mean absolute deviations.",
            _by_class(_mean, lambda own, mu: (own - own.mean(0)).abs().mean(0)),
        ),
        _mistake(
            "second-moment",
            "Your spreads are measured from zero, not from the mean.",
            _by_class(_mean, lambda own, mu: own.pow(2).mean(0).sqrt()),
        ),
    ),
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


QUESTIONS = (DIGIT_STATISTICS,)
