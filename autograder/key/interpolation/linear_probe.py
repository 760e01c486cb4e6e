"""The accuracy of a linear classifier on frozen latents."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question, number_problem


def linear_probe(z_train, y_train, z_test, y_test):
    """Test accuracy of least squares onto one-hot labels."""
    return _right(_least_squares(z_train, y_train), z_test, y_test)


def _least_squares(z, y):
    ones = torch.ones(len(z), 1)
    return torch.linalg.lstsq(torch.cat([z, ones], 1), torch.eye(10)[y]).solution


def _right(weights, z, y):
    scores = torch.cat([z, torch.ones(len(z), 1)], 1) @ weights
    return (scores.argmax(1) == y).double().mean().item()


def _part(rng, centres, side, each, odd, exchanged):
    """Points of every class around its centre; a share `odd` lies on both far sides of another's.

    A linear classifier cannot tell the odd points from their surroundings, because both sides are
    symmetric; neighbours, trees and networks can. exchanged: classes 0 and 1 trade labels, which
    shows who learned here.
    """
    z, y = [], []
    n_odd = 2 * round(each * odd / 2)
    for k, centre in enumerate(centres):
        z.append(np.repeat(centre[None], each, 0))
        z[-1][:n_odd] += np.where(np.arange(n_odd) % 2, 1, -1)[:, None] * side
        own = 1 - k if exchanged and k < 2 else k
        y += [(k + 3) % 10] * n_odd + [own] * (each - n_odd)
    z, y = np.concatenate(z), np.array(y)
    order = rng.permutation(len(y))
    return z[order] + rng.normal(0, 0.6, z.shape) + 0.5, y[order]


def _draw_probe(rng):
    """Two data sets. Linear classifiers score 0.53 to 0.59 on both, neighbours 0.86."""
    inputs = {"sets": ["large", "small"]}
    for label, nz, each in (("large", 12, 150), ("small", 16, 100)):
        axes = np.linalg.qr(rng.normal(size=(nz, nz)))[0]
        centres, side = 6 * axes[:10], 5 * axes[10]
        parts = (
            _part(rng, centres, side, each, 0.08, False),
            _part(rng, centres, side, 3 * each // 2, 0.3, True),
        )
        for part, (z, y) in zip(("train", "test"), parts, strict=True):
            inputs[f"{label}.z_{part}"], inputs[f"{label}.y_{part}"] = z, y
    return inputs


# Over 12 draws logistic regression of any strength, SVM, ridge, LDA, perceptron, SGD and torch
# loops stayed within 0.03 of least squares; fitting on the test part is 0.12 above it, neighbours,
# kernels, forests and networks 0.21.
PROBE_MARGIN = 0.06


def _score(got, label):
    value = got.get(label)
    return None if value is None or np.size(value) != 1 else float(np.asarray(value).reshape(()))


def _is_accuracy(got, want, inputs):
    for label in inputs["sets"]:
        problem = number_problem(got, label)
        if problem:
            return problem
        value = _score(got, label)
        if not 0 <= value <= 1:
            return f"received {value:.4g}, and an accuracy lies between 0 and 1."
    return None


def _is_linear_test_accuracy(got, want, inputs):
    seen = [label for label in inputs["sets"] if _score(got, label) is not None]
    if not seen:
        return "no number was received."
    for label in seen:
        value, right = _score(got, label), _score(want, label)
        if not abs(value - right) < PROBE_MARGIN:
            return f"the accuracy is too {'high' if value > right else 'low'} for that."
    return None


def _knows_nothing(got, want, inputs):
    """A test: the labels of the test part and of the training part are both used as they are."""
    seen = [_score(got, label) for label in inputs["sets"] if _score(got, label) is not None]
    if not seen:
        return "no number was received."
    if min(seen) < 0.3:
        return "the accuracy is near what guessing gives."
    return None


def _same_scores(a, b, inputs):
    """A mistake's accuracy has the spread of its classifier: within 0.025 on both sets."""
    pairs = [(_score(a, label), _score(b, label)) for label in inputs["sets"]]
    scale = max(1.0, *(abs(score or 0) for _, score in pairs))
    return all(
        one is not None and other is not None and abs(one - other) < 0.025 * scale
        for one, other in pairs
    )


def _probed(train: str, test: str):
    def code(z_train, y_train, z_test, y_test):
        z = {"train": z_train, "test": z_test, "both": torch.cat([z_train, z_test])}
        y = {"train": y_train, "test": y_test, "both": torch.cat([y_train, y_test])}
        return _right(_least_squares(z[train], y[train]), z[test], y[test])

    return code


def _named_score(got, want, inputs, failed):
    scores = [_score(got, label) for label in inputs["sets"]]
    kinds = {got.get(f"{label}.kind") for label in inputs["sets"]}
    if kinds == {"NoneType"}:
        return "returns-nothing"
    tested = [len(inputs[f"{label}.y_test"]) for label in inputs["sets"]]
    sizes = [np.size(got[label]) if got.get(label) is not None else 0 for label in inputs["sets"]]
    if sizes == tested:
        return "not-averaged"
    if None in scores:
        return None
    right = [_score(want, label) for label in inputs["sets"]]
    if (
        all(abs(s / 100 - r) < PROBE_MARGIN for s, r in zip(scores, right, strict=True))
        and max(scores) > 1
    ):
        return "percent"
    if all(abs(s / n - r) < PROBE_MARGIN for s, r, n in zip(scores, right, tested, strict=True)):
        if max(scores) > 1:
            return "count"
    if max(scores) < 0.3 and min(scores) >= 0:
        return "guessing"
    if all(s < 1.01 and s - r > 0.17 for s, r in zip(scores, right, strict=True)):
        return "not-linear"
    if all(PROBE_MARGIN <= s - r <= 0.17 for s, r in zip(scores, right, strict=True)):
        return "fitted-on-test/high"
    if "manners" in failed and len(failed) == 1:
        return "in-place"
    return None


QUESTION = Question(
    id="interpolation.linear_probe",
    points=2,
    probe="interpolation.scores",
    draw=_draw_probe,
    reference={"linear_probe": linear_probe},
    checks=(
        Check("form", 0.2, _is_accuracy),
        Check("learns", 0.2, _knows_nothing),
        Check("accuracy", 0.5, _is_linear_test_accuracy),
        Check("manners", 0.1, inputs_unchanged),
    ),
    mistakes={
        "scored-on-train": _probed("train", "train"),
        "fitted-on-test": _probed("test", "test"),
        "fitted-on-test/2": _probed("both", "test"),
        "error-rate": lambda *args: 1 - linear_probe(*args),
    },
    alike=_same_scores,
    explain=_named_score,
    seconds=60.0,
)
