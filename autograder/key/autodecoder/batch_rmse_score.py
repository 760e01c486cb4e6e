"""The score of the VAD report."""

from __future__ import annotations

import numpy as np

from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import (
    Check,
    Question,
    close,
    differs,
    evidence,
    number_problem,
    same_arrays,
)


def batch_rmse_score(x, x_rec):
    """Frobenius norm of the whole batch's error, over its number of elements."""
    if x.shape != x_rec.shape:
        raise ValueError(f"shapes {tuple(x.shape)} and {tuple(x_rec.shape)} differ")
    return (x - x_rec).norm() / x.numel()


def _images(rng):
    """Two batch sizes, their images rebuilt more or less well; and pairs that broadcast, or hold
    equally many numbers, in other shapes.
    """
    x, y = rng.uniform(0, 255, (6, 1, 28, 28)), rng.uniform(0, 255, (3, 1, 28, 28))
    noise = rng.permutation(np.linspace(15, 65, 6))[:, None, None, None]
    return {
        "x": x,
        "x_rec": np.clip(x + noise * rng.normal(0, 1, x.shape), 0, 255),
        "y": y,
        "y_rec": np.clip(y + rng.normal(0, 60, y.shape), 0, 255),
        "w": rng.uniform(0, 255, (4, 1, 14, 20)),
        "w_rec": rng.uniform(0, 255, (4, 1, 14, 20)),
        "no_channel": x[:, 0],
        "one": x[:1],
        "half": x[:2],
        "flat": x.reshape(6, 784),
        "mean": x[:, :, :1],
        "pairs": {"batch": ["x", "x_rec"], "small": ["y", "y_rec"], "other": ["w", "w_rec"]},
        "misfits": {
            "channel": ["x", "no_channel"],
            "channel2": ["no_channel", "x"],
            "single": ["x", "one"],
            "row": ["x", "mean"],
            "flattened": ["x", "flat"],
            "fewer": ["x", "half"],
        },
    }


def _scored(got, inputs):
    return [
        label
        for label in inputs["pairs"]
        if np.size(got.get(label)) == 1 and got.get(label) is not None
    ]


def _is_number(got, want, inputs):
    return next(filter(None, (number_problem(got, label) for label in inputs["pairs"])), None)


def _is_score(got, want, inputs):
    labels = _scored(got, inputs)
    if not labels:
        return "no number was received."
    for label in labels:
        if not close(np.reshape(got[label], ()), want[label], 1e-4, 0):
            return f"the score: {differs(np.reshape(got[label], ()), want[label], 1e-4, 0)}."


def _refuses(got, want, inputs):
    if not _scored(got, inputs):
        return "no number was received for images that fit."
    accepted = [label for label in inputs["misfits"] if got.get(f"{label}.returned")]
    if accepted:
        shapes = (np.shape(inputs[key]) for key in inputs["misfits"][accepted[0]])
        return "no error was raised for shapes {} and {}.".format(*shapes)


def _same_score(a, b, inputs):
    return all(
        (
            np.size(a.get(label)) == np.size(b.get(label)) == 1
            and close(np.reshape(a[label], ()), np.reshape(b[label], ()), 1e-3, 0)
            if np.size(b.get(label)) == 1
            else same_arrays(a, b, keys=[label])
        )
        for label in inputs["pairs"]
    )


def _score_named(got, want, inputs, failed):
    if failed == ["shapes"]:
        return "shapes-not-compared"
    labels = _scored(got, inputs)
    if not labels:
        kinds = {got.get(f"{label}.kind") for label in inputs["pairs"]}
        if kinds == {"NoneType"}:
            return "returns-nothing"
        return None
    right = {key for key in labels if close(np.reshape(got[key], ()), want[key], 1e-4, 0)}
    if failed == ["values"] and right == {"batch", "small"}:
        return "size-written-in"
    if failed == ["manners"]:
        return "in-place"
    if len(labels) > 1 and len({float(np.squeeze(got[key])) for key in labels}) == 1:
        return "argument-unused"
    return _times_a_number(got, want, inputs, labels)


def _times_a_number(got, want, inputs, labels):
    """The score, or a known mistake, times one number, or times the number of pixels."""
    pixels = np.array([inputs[inputs["pairs"][label][0]][0].size for label in labels], float)
    for name in (None, *QUESTION.mistakes):
        made = evidence(QUESTION, inputs, name) if name else want
        if len(labels) < 2 or any(np.size(made.get(label)) != 1 for label in labels):
            continue
        ratio = np.array([float(np.squeeze(got[key])) / float(made[key]) for key in labels])
        factors = ratio, ratio / pixels, ratio * pixels
        if not any(close(f, np.full(len(f), f[0]), 1e-4, 0) for f in factors):
            continue
        if not name:
            return "factor" if ratio[0] > 0 else "sign-and-factor"
        said = (QUESTION.mistake(n).says for n in ("factor/beside", name))
        return "both", dict(zip(("first", "second"), said, strict=True))
    return None


QUESTION = Question(
    id="autodecoder.batch_rmse_score",
    points=1,
    probe="autodecoder.score",
    draw=_images,
    reference={"batch_rmse_score": batch_rmse_score},
    checks=(
        Check("form", 0.1, _is_number),
        Check("values", 0.5, _is_score),
        Check("shapes", 0.3, _refuses),
        Check(
            "manners",
            0.1,
            lambda got, want, inputs: (
                inputs_unchanged(got, want, inputs) if _scored(got, inputs) else "nothing came."
            ),
        ),
    ),
    mistakes={
        "ordinary-rmse": lambda x, y: (x - y).pow(2).mean().sqrt(),
        "mean-square": lambda x, y: (x - y).pow(2).mean(),
        "no-division": lambda x, y: (x - y).norm(),
        "per-image": lambda x, y: (x - y).flatten(1).norm(dim=1).mean() / x[0].numel(),
        "per-image/2": lambda x, y: (x - y).flatten(1).norm(dim=1).mean(),
        "per-image/3": lambda x, y: (x - y).flatten(1).norm(dim=1).sum() / x.numel(),
        "per-image/4": lambda x, y: (x - y).flatten(1).pow(2).mean(1).sqrt().mean(),
        "divided-by-batch": lambda x, y: (x - y).norm() / len(x),
        "divided-by-pixels": lambda x, y: (x - y).norm() / x[0].numel(),
        "absolute-error": lambda x, y: (x - y).abs().mean(),
        "absolute-error/2": lambda x, y: (x - y).abs().sum(),
        "square-not-rooted": lambda x, y: (x - y).pow(2).sum(),
        "signed": lambda x, y: (x - y).mean(),
        "rescaled": lambda x, y: (x - y).norm() / x.numel() / 255,
        "rescaled/2": lambda x, y: (x - y).norm() / x.numel() * 255,
        "square-divided": lambda x, y: (x - y).norm() / x.numel() ** 2,
        "squared-norm": lambda x, y: (x - y).pow(2).sum() / x.numel() ** 0.5,
        "largest-error": lambda x, y: (x - y).abs().max(),
        "one-value-an-image": lambda x, y: (x - y).flatten(1).norm(dim=1) / x[0].numel(),
        "one-value-an-image/2": lambda x, y: (x - y).flatten(1).norm(dim=1),
    },
    alike=_same_score,
    explain=_score_named,
)
