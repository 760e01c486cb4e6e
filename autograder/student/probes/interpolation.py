"""Probes of `interpolation`: walks between latents, images on the way, a classifier's score."""

from __future__ import annotations

import torch

from autograder.student.probes.common import (
    ARRAY,
    RESULT,
    array,
    attempt_call,
    lookup,
    nothing_came,
    probe,
)


@probe({"{walks}": RESULT, "after.{}": ARRAY})
def walks(names, inputs) -> dict:
    """Call `name(start, end, steps)` for every walk.

    inputs: name; walks: {label: [key of the start, key of the end, steps]}; the (nz,) arrays.
    """
    walk = lookup(names, inputs["name"])
    evidence: dict = {}
    for label, (start, end, steps) in inputs["walks"].items():
        given = {key: torch.from_numpy(inputs[key].copy()).float() for key in (start, end)}
        before = {key: latent.clone() for key, latent in given.items()}
        attempt_call(evidence, label, walk, given[start], given[end], steps)
        _changes(evidence, given, before)
    nothing_came(evidence, inputs["walks"])
    return evidence


def _changes(evidence, given, before) -> None:
    """after.<key>: an argument as the call left it; where calls differ, one that changed it."""
    for key, value in given.items():
        if f"after.{key}" not in evidence or not torch.equal(value, before[key]):
            evidence[f"after.{key}"] = array(value.reshape(before[key].shape))


@probe(
    {
        "{walks}": RESULT,
        "{walks}.latents": ARRAY,  # every row that was decoded, and what it decoded to
        "{walks}.logits": ARRAY,
        "after.{}": ARRAY,
    }
)
def images(names, inputs) -> dict:
    """Call `interpolate(encode, decode, x0, x1, steps)` with a given small encoder and decoder.

    inputs: into (784, nz), out (nz, 784), bias (784,); x0, x1 (784,); walks: {label: steps}.
    An image is handed over as (1, 1, 28, 28); where no call gets through like that, as
    (1, 28, 28).
    """
    interpolate = lookup(names, "interpolate")
    into, out, bias = (
        torch.from_numpy(inputs[key].copy()).float() for key in ("into", "out", "bias")
    )

    def encode(x):
        if x.dim() != 4 or tuple(x.shape[1:]) != (1, 28, 28):
            raise ValueError(
                f"encode takes images of shape (B, 1, 28, 28), and got {tuple(x.shape)}"
            )
        return torch.tanh(x.float().reshape(-1, 784) @ into)

    into.requires_grad_(True)  # as the parameters of a model do
    out.requires_grad_(True)
    rows, logits = [], []

    def decode(z):
        if not z.dim() or z.shape[-1] != len(out):  # as a linear layer would
            raise ValueError(
                f"decode takes latents of shape (B, {len(out)}), and got {tuple(z.shape)}"
            )
        z = z.float().reshape(-1, len(out))
        decoded = (z.pow(3) @ out + bias).reshape(-1, 1, 28, 28)
        rows.append(z.detach().clone())
        logits.append(decoded.detach().clone())
        return decoded

    def go(shape) -> dict:
        evidence: dict = {}
        for label, steps in inputs["walks"].items():
            rows.clear()
            logits.clear()
            before = {key: torch.from_numpy(inputs[key].copy()).float() for key in ("x0", "x1")}
            given = {key: x.clone().reshape(shape) for key, x in before.items()}
            attempt_call(evidence, label, interpolate, encode, decode, *given.values(), steps)
            if rows:
                evidence[f"{label}.latents"] = array(torch.cat(rows))
                evidence[f"{label}.logits"] = array(torch.cat(logits))
            _changes(evidence, given, before)
        nothing_came(evidence, inputs["walks"])
        return evidence

    evidence = go((1, 1, 28, 28))
    single = go((1, 28, 28)) if "error" in evidence else evidence
    return evidence if "error" in single else single


@probe({"{sets}": RESULT, "after.{}": ARRAY})
def scores(names, inputs) -> dict:
    """Call `linear_probe(z_train, y_train, z_test, y_test)` on every data set.

    inputs: sets: list of labels; "<label>.z_train" and so on.
    """
    score = lookup(names, "linear_probe")
    evidence: dict = {}
    for label in inputs["sets"]:
        data = {}
        for key in ("z_train", "y_train", "z_test", "y_test"):
            value = torch.from_numpy(inputs[f"{label}.{key}"].copy())
            data[key] = value.float() if value.is_floating_point() else value
        attempt_call(evidence, label, score, *data.values())
        for key, value in data.items():
            evidence[f"after.{label}.{key}"] = array(value)
    nothing_came(evidence, inputs["sets"])
    return evidence
