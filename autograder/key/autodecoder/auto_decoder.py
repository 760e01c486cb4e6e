"""The class `AutoDecoder`."""

from __future__ import annotations

import numpy as np
from torch import nn

from autograder.key.kinds import borrowed
from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.kinds.network import bounded, confined, untrainable, untrainable_named
from autograder.key.question import Check, Question, close, well_formed


class AutoDecoder(nn.Module):
    """Latents (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, z):
        return self.layers(z).reshape(-1, 1, 28, 28)


def _codes(rng):
    return {
        "name": "AutoDecoder",
        "sizes": {"usual": 16, "small": 5},
        "main": "usual",
        "usual.z": rng.normal(0, 1, (6, 16)),
        "small.z": rng.normal(0, 1, (3, 5)),
        "weights": rng.normal(0, 1, 784),
        "pushes": 60,
        "rate": 0.03,
        "far": 3.0,
        **borrowed.latents(rng, 16),
    }


def _decodes(got, want, inputs):
    for label, nz in inputs["sizes"].items():
        for key in (label, f"{label}.single", f"{label}.training"):
            problem = got.get(f"{label}.error") or well_formed(got, want, key, f"nz = {nz}")
            if problem:
                return problem
    return got.get("own.error")


def _unbounded(got, want, inputs):
    for label in ("up", "down"):
        if got.get(f"{label}.error") or got.get(label) is None:
            return f"training it failed: {got.get(f'{label}.error')}"
    if bounded(got):
        return "its output does not leave a range, however large its parameters are."
    if got["up"] < 1.5 or got["down"] > -1.5:
        return (
            f"however it is trained, its output stays between {got['down']:.2g} and"
            f" {got['up']:.2g}."
        )


def _rows_apart(got, want, inputs):
    if got.get("grad") is None:
        return "no gradient with respect to z was received."
    grad = np.asarray(got["grad"])
    if np.any(np.abs(grad[1:]) > 1e-6 * np.abs(grad).max()) or not np.any(grad):
        return "an image depends on other latents of the batch, or not on its own."
    if not np.all(np.abs(grad[0]) > 0):
        return "some dimensions of z have no effect."
    single, usual = got.get("usual.single"), got.get("usual")
    if single is None or usual is None or not close(single[0], usual[0], 1e-3, 1e-4):
        return "a latent decodes differently alone than in a batch."
    if got.get("again") is None or not close(got["first"], got["again"]):
        return "two calls in eval mode gave two different outputs."


def _mixed(got) -> bool:
    """Whether an image hangs on the latents of others, and on nothing random."""
    if any(got.get(key) is None for key in ("grad", "first", "again")):
        return False
    size = np.abs(got["grad"])
    return bool((size[1:] > 1e-6 * size.max()).any()) and close(got["first"], got["again"])


def _learnable(got, want, inputs):
    if got.get("attached") is False:
        return "its output carries no gradient."
    problem = untrainable(got)
    if problem:
        return problem
    if got.get("copied") is None or not close(got["first"], got["copied"], 1e-3, 1e-4):
        return "a copy made through state_dict decodes differently."


def _latents_kept(got, want, inputs):
    if got.get("usual") is None:
        return "no output was received."
    return inputs_unchanged(got, want, inputs)


def _decoder_named(got, want, inputs, failed):
    usual, right = got.get("usual"), want["usual"]
    if got.get("usual.kind") == "NoneType":
        return "returns-nothing"
    if got.get("usual.kind") in ("tuple", "list"):
        return "no-tensor"
    if usual is not None and usual.shape != right.shape:
        if usual.shape == (6, 784):
            return "flattened"
        if usual.shape == (6, 28, 28):
            return "no-channel"
        if usual.ndim == 4 and usual.shape[:2] == (6, 1):
            return "image-size"
        if usual.ndim == 4 and usual.shape[2:] == (28, 28):
            return "channels"
        return None
    if got.get("usual.single.error") and usual is not None:
        alone = "more than 1 value per channel" in got["usual.single.error"]
        return "batch-mixing" if alone else "fixed-batch"
    if got.get("small.error") and usual is not None:
        return "nz-ignored"
    if _mixed(got):
        return "batch-mixing"
    if "logits" in failed and got.get("down") is not None and got.get("up") is not None:
        name = confined(got["down"], got["up"], bounded(got))
        if name:
            return name
    if "manners" in failed:
        return "in-place"
    if "weights" in failed:
        if not got.get("parameters"):
            return "no-parameters"
        untrained = untrainable_named(got)
        if untrained in ("frozen", "buffer-weights"):
            return untrained
        if got.get("attached") is False:
            return "detached"
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return "random-in-eval"
        if got.get("copied") is not None:
            return untrained or "unregistered"
    if "rows" in failed and got.get("grad") is not None:
        grad = np.asarray(got["grad"])
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return "random-in-eval/rows"
        if not np.any(grad):
            return "latent-unused"
        if not np.all(grad[0]):
            return "dimensions-unused"
    return None


QUESTION = Question(
    id="autodecoder.AutoDecoder",
    points=2,
    probe="autodecoder.decoder",
    draw=_codes,
    reference={"AutoDecoder": AutoDecoder},
    checks=(
        Check("form", 0.35, _decodes),
        Check("logits", 0.2, _unbounded),
        Check("rows", 0.15, _rows_apart),
        Check("weights", 0.25, _learnable),
        Check("manners", 0.05, _latents_kept),
    ),
    alike=lambda a, b, inputs: False,
    explain=_decoder_named,
    taken=borrowed.taken,
    seconds=60.0,
)
