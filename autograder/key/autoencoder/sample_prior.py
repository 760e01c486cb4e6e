"""Images decoded from the prior."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds import noise
from autograder.key.kinds.network import output_problem, pixels_named
from autograder.key.question import Check, Question, close


@torch.no_grad()
def sample_prior(decoder, n, nz):
    """n images (n, 1, 28, 28) in [0, 1], decoded from N(0, I) in evaluation mode."""
    training = decoder.training
    decoder.eval()
    images = decoder(torch.randn(n, nz)).sigmoid()
    decoder.train(training)
    return images


def _sampling_inputs(rng):
    return {"n": int(rng.integers(380, 420)), "paint": rng.normal(0, 0.7, (6, 784))}


def _sampled_form(got, want, inputs):
    for mode in ("train", "eval"):
        problem = output_problem(got, f"images.{mode}", (inputs["n"], 1, 28, 28))
        if problem:
            return problem
    return None


def _painted(z, inputs):
    """The logits that the probe's decoder makes of latents, worked out anew on this side."""
    return (z @ np.asarray(inputs["paint"], np.float32) + 0.5).reshape(-1, 1, 28, 28)


def _sampled_images(got, want, inputs):
    for mode in ("train", "eval"):
        if got.get(f"latents.{mode}") is None:
            return "the decoder was never called."
        images, logits = got[f"images.{mode}"], _painted(got[f"latents.{mode}"], inputs)
        if images.min() < 0 or images.max() > 1:
            return "pixels are below 0 or above 1."
        if images.size != logits.size:
            return "there are not as many images as the decoder decoded."
        if not close(images.reshape(logits.shape), 1 / (1 + np.exp(-logits)), 1e-3, 1e-4):
            return "the images are not those that the decoder's logits stand for."
    return None


def _sampled_prior(got, want, inputs):
    shape = inputs["n"], len(inputs["paint"])
    for mode in ("train", "eval"):
        z = got.get(f"latents.{mode}")
        if z is None:
            return "the decoder was never called."
        if z.shape != shape:
            return f"the decoder was given latents of shape {z.shape}, not {shape}."
        problem = noise.level(z, "latents") or noise.spread(z) or noise.shape(z, "latents")
        if problem := problem or noise.dependence(z, "latents"):
            return problem
    if noise.same(got["latents.train"], got["latents.eval"]):
        return "a second call gave the same latents again."
    return None


def _sampled_mode(got, want, inputs):
    if any(got["modes.train"]) or any(got["modes.eval"]) or not got["modes.train"]:
        return "the decoder was in train mode while it decoded."
    if not (got["after.train"] and got["children.train"]):
        return "a decoder that was in train mode is in evaluation mode afterwards."
    if got["after.eval"] or got["children.eval"]:
        return "a decoder that was in evaluation mode is in train mode afterwards."
    return None


def _sampled_gradient(got, want, inputs):
    if got.get("images.train.attached") or got.get("images.eval.attached"):
        return "the images carry a graph."
    if not (got["graphs.train"] and got["graphs.eval"]):
        return "gradients are still switched off when the call is over."
    if got["left frozen.train"] or got["left frozen.eval"]:
        return "the decoder's parameters require no gradient any more."
    return None


def _sampling_named(got, want, inputs, failed):
    images, z = (got.get(f"{key}.train") for key in ("images", "latents"))
    if images is None:
        kind = got.get("images.train.kind")
        return "no-tensor/images", {"kind": kind}
    if z is None:
        return None
    logits = _painted(z, inputs)
    if "images" in failed and images.size == logits.size:
        named = pixels_named(images.reshape(logits.shape), logits)
        if named:
            return named
    if "prior" in failed and z.shape == (inputs["n"], len(inputs["paint"])):
        named = _prior_named(z, got["latents.eval"])
        if named:
            return named
    if z.ndim == 2 and z.shape[0] != inputs["n"] and "form" in failed:
        return "n-ignored"
    if "mode" in failed:
        if any(got["modes.train"]):
            return "train-mode"
        if not got["after.train"]:
            return "stays-eval"
        return "always-train"
    if failed == ["gradient"] and not (got["graphs.train"] and got["graphs.eval"]):
        return "grad-left-off"
    if failed == ["gradient"] and got["left frozen.train"]:
        return "decoder-frozen"
    if failed == ["gradient"]:
        return "keeps-graph/images"
    if failed == ["form"] and images.size == inputs["n"] * 784:
        return "shape"
    return None


def _prior_named(z, other):
    if np.ptp(z, 0).max() == 0:
        return "shared-batch"
    if np.ptp(z, 1).max() == 0:
        return "shared-dims"
    if z.min() >= 0 and z.max() <= 1:
        return "uniform"
    if z.min() >= 0:
        return "absolute"
    if noise.level(z):
        return "not-centred"
    if noise.misshapen(z):
        return "uniform" if _even(z) else noise.misshapen(z)
    if noise.same(z, other) and not noise.spread(z):
        return "fixed-seed"
    if noise.spread(z) and not noise.shape(z):
        return "scaled"
    if noise.repeated(z):
        return "noise-repeated"
    if noise.balanced(z):
        return "noise-balanced"
    return None


def _even(z) -> bool:
    """Whether numbers lie evenly between their smallest and largest (Kolmogorov and Smirnov)."""
    ranks = (np.sort(z, None) - z.min()) / np.ptp(z)
    return bool(np.abs(ranks - np.linspace(0, 1, z.size)).max() < 2.5 / np.sqrt(z.size))


QUESTION = Question(
    id="autoencoder.sample_prior",
    points=2,
    probe="autoencoder.sampling",
    draw=_sampling_inputs,
    reference={"sample_prior": sample_prior},
    checks=(
        Check("form", 0.15, _sampled_form),
        Check("images", 0.2, _sampled_images),
        Check("prior", 0.3, _sampled_prior),
        Check("mode", 0.2, _sampled_mode),
        Check("gradient", 0.15, _sampled_gradient),
    ),
    explain=_sampling_named,
    compared=False,
)
