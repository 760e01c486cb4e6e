"""Probes of `explore`: the statistics of labelled latents."""

from __future__ import annotations

import torch

from autograder.student.probes.common import (
    ARRAY,
    NUMBER,
    RESULT,
    TEXT,
    TRIED,
    array,
    attempt,
    file,
    lookup,
    nothing_came,
    probe,
)


@probe(
    {
        "{sets}": TRIED,
        "{sets}.kind": TEXT,  # of what came back, and how many
        "{sets}.count": NUMBER,
        "{sets}.mean": RESULT,  # the two results in order
        "{sets}.std": RESULT,
        "after.{}": ARRAY,
    }
)
def statistics(names, inputs) -> dict:
    """Call `digit_statistics(mu, y)` on every data set, and take its two results apart.

    inputs: sets: list of labels; "<label>.mu" (N, nz); "<label>.y" (N,).
    """
    summarise = lookup(names, "digit_statistics")
    evidence: dict = {}
    for label in inputs["sets"]:
        mu = torch.from_numpy(inputs[f"{label}.mu"].copy()).float()
        y = torch.from_numpy(inputs[f"{label}.y"].copy())
        result = attempt(evidence, label, summarise, mu, y)
        if f"{label}.error" in evidence:
            continue
        evidence[f"{label}.kind"] = type(result).__name__
        attempt(evidence, label, _take_apart, evidence, label, result)
        evidence[f"after.{label}.mu"], evidence[f"after.{label}.y"] = array(mu), array(y)
    nothing_came(evidence, inputs["sets"])
    return evidence


def _take_apart(evidence, label, result) -> None:
    is_pair = isinstance(result, (tuple, list)) or getattr(result, "ndim", 0) == 3
    evidence[f"{label}.count"] = len(result) if is_pair else 1
    for key, part in zip(("mean", "std"), result if is_pair else [result], strict=False):
        if isinstance(part, (list, tuple)):
            part = torch.stack([torch.as_tensor(row) for row in part])
        file(evidence, f"{label}.{key}", part)
