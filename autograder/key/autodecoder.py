"""The answer key of `autodecoder`: a decoder, latents fitted to it, the loss and the score.

Auto-decoders and fitting at test time: Park et al. 2019, DeepSDF (arXiv:1901.05103), section 4. The
families of latents are in `families`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograder.key.families import CHALLENGES, FAMILIES, named, same_call
from autograder.key.kinds.formula import formula, inputs_unchanged, named_by_values
from autograder.key.question import Check, Question, close, number_problem, same_arrays, well_formed
from autograder.key.vae import beta_is_one, beta_named

# The reference


def vad_loss(logits, x, kl, beta=1.0):
    """Bernoulli negative log-likelihood plus beta KL, nats per image."""
    return (_pixels(logits, x) + beta * kl).mean()


def _pixels(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def batch_rmse_score(x, x_rec):
    """Frobenius norm of the whole batch's error, over its number of elements."""
    if x.shape != x_rec.shape:
        raise ValueError(f"shapes {tuple(x.shape)} and {tuple(x_rec.shape)} differ")
    return (x - x_rec).norm() / x.numel()


class AutoDecoder(nn.Module):
    """Latents (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, z):
        return self.layers(z).reshape(-1, 1, 28, 28)


def fit_latents(decoder, x, nz, steps, lr):
    """Latents (N, nz) that decode to x, by Adam; the decoder stays as it is."""
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    training = decoder.training
    decoder.eval()
    for _ in range(steps):
        loss = _pixels(decoder(z), x).sum()
        (z.grad,) = torch.autograd.grad(loss, [z])
        optimizer.step()
    decoder.train(training)
    return z.detach()


# The loss and the score


def _batches(rng):
    """KLs as large as the reconstruction's differences, so that neither drowns the other."""
    return {
        "logits": rng.normal(0, 2, (5, 1, 28, 28)),
        "x": rng.uniform(0, 1, (5, 1, 28, 28)),
        "kl": rng.uniform(40, 300, 5),
        "beta": 2.5,
        "large": rng.choice([-200.0, 200.0], (5, 1, 28, 28)),
        "without": ["logits", "x", "kl"],
        "one": 1.0,
        "zero": 0.0,
        "variations": {
            "default": {"args": "without"},
            "one": {"beta": "one"},
            "zero": {"beta": "zero"},
            "large": {"logits": "large"},
        },
    }


def _finite_at_large(got, want, inputs):
    return got.get("large.error") or well_formed(got, want, "large.value", "the loss")


def _loss_named(got, want, inputs, failed):
    if failed == ["default"]:
        return beta_named(got, "default.value")
    if failed == ["stable"]:
        return (
            "unstable",
            (
                "The loss is right for ordinary logits and not finite for large ones: the logarithm"
                " of a sigmoid that rounds to zero. There are functions that take logits."
            ),
        )
    keys = "value", "one.value", "zero.value"
    if "values" in failed and all(np.shape(got.get(key, ())) == () for key in keys):
        ratios = np.array([got[key] / want[key] for key in keys])
        if np.ptp(ratios) < 1e-3 * abs(ratios[0]) and abs(abs(ratios[0]) - 1) > 0.02:
            return "factor", "The loss is the right one times a number: a factor is wrong."
    return named_by_values(got, want, inputs, failed)


LOSS = "the variational auto-decoder"


def _bce(logits, x, reduction):
    return F.binary_cross_entropy_with_logits(logits, x, reduction=reduction)


_m = named("vad_loss", LOSS)
_formula = formula(
    "autodecoder.vad_loss",
    points=2,
    title="the loss of a variational auto-decoder",
    args=("logits", "x", "kl", "beta"),
    grad=("logits", "kl"),
    form="one number",
    draw=_batches,
    reference=vad_loss,
    about="reconstruction plus beta times KL: summed over pixels, averaged over the batch",
    weights=(0.1, 0.4, 0.3, 0.05),
    more=(
        Check(
            "default",
            0.1,
            "beta is 1 where it is not given, and may be 0",
            beta_is_one("default.value", "the loss"),
        ),
        Check("stable", 0.05, "the loss is finite for logits of 200 and -200", _finite_at_large),
    ),
    mistakes=(
        _m(
            "kl-sign",
            "The KL is subtracted; a loss that is minimised would make it as large as it can.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) - beta * kl).mean(),
            0.2,
        ),
        _m(
            "reconstruction-sign",
            "The reconstruction enters with the wrong sign: minimising would make it worse.",
            lambda logits, x, kl, beta=1.0: (beta * kl - _pixels(logits, x)).mean(),
        ),
        _m(
            "pixel-mean",
            "The reconstruction is the mean over pixels where the course sums. It is a mere"
            " convention, but another one, and beta would mean something else.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.mean(),
            0.4,
        ),
        _m(
            "batch-sum",
            "You sum over the batch; a loss is the mean over its images. It is a mere convention,"
            " but the learning rate would depend on the batch size.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl).sum(),
            0.4,
        ),
        _m(
            "reconstruction-batch-sum",
            "The reconstruction is summed over the batch and the KL averaged: the two "
            "no longer weigh the same.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "sum") + beta * kl.mean(),
        ),
        _m(
            "kl-batch-sum",
            "The KL is summed over the batch and the reconstruction averaged: the two no longer"
            " weigh the same.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + beta * kl.sum(),
        ),
        _m(
            "mixed-reductions",
            "The reconstruction is the mean over pixels, and the KL a sum over the batch.",
            lambda logits, x, kl, beta=1.0: _bce(logits, x, "mean") + beta * kl.sum(),
        ),
        _m(
            "pixel-mean",
            "Both terms are divided by the number of pixels.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl).mean() / 784,
            0.4,
        ),
        _m(
            "beta-on-reconstruction",
            "beta weighs the reconstruction instead of the KL.",
            lambda logits, x, kl, beta=1.0: (beta * _pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-on-both",
            "beta weighs both terms.",
            lambda logits, x, kl, beta=1.0: beta * (_pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-ignored",
            "beta has no effect.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + kl).mean(),
        ),
        _m(
            "beta-divides",
            "The KL is divided by beta.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + kl / beta).mean(),
        ),
        _m(
            "kl-missing",
            "The KL does not enter.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + 0 * kl.sum(),
        ),
        _m(
            "kl-missing",
            "The KL does not enter.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean(),
        ),
        _m(
            "reconstruction-missing",
            "The reconstruction does not enter.",
            lambda logits, x, kl, beta=1.0: (beta * kl).mean() + 0 * logits.sum(),
        ),
        _m(
            "sigmoid-twice",
            "The sigmoid is applied twice: your function already takes logits.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits.sigmoid(), x) + beta * kl).mean(),
        ),
        _m(
            "exchanged",
            "Logits and images are exchanged.",
            lambda logits, x, kl, beta=1.0: (_pixels(x, logits) + beta * kl).mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: (
                (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: F.mse_loss(logits.sigmoid(), x) + beta * kl.mean(),
        ),
        _m(
            "squared-error",
            "The reconstruction is half a squared error; here it is the Bernoulli negative "
            "log-likelihood, in nats.",
            lambda logits, x, kl, beta=1.0: (
                0.5 * (logits.sigmoid() - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "logits-as-images",
            "The reconstruction compares logits with images: a sigmoid lies between them.",
            lambda logits, x, kl, beta=1.0: (
                (logits - x).pow(2).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "logits-as-images",
            "The reconstruction compares logits with images: a sigmoid lies between them.",
            lambda logits, x, kl, beta=1.0: F.mse_loss(logits, x) + beta * kl.mean(),
        ),
        _m(
            "dark-pixels-missing",
            "Dark pixels cost nothing in your reconstruction: one half of the Bernoulli "
            "log-likelihood is lost.",
            lambda logits, x, kl, beta=1.0: (
                -(x * F.logsigmoid(logits)).flatten(1).sum(1) + beta * kl
            ).mean(),
        ),
        _m(
            "bits",
            "Your reconstruction is in bits; a nat is the natural logarithm.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) / np.log(2) + beta * kl).mean(),
            0.3,
        ),
        _m(
            "first-image",
            "Only the first image of the batch counts.",
            lambda logits, x, kl, beta=1.0: (_pixels(logits, x) + beta * kl)[0],
        ),
        _m(
            "first-image",
            "Only the first image of the batch counts.",
            lambda logits, x, kl, beta=1.0: _pixels(logits, x).mean() + beta * kl[0],
        ),
    ),
)
VAD_LOSS = replace(_formula, probe="common.variations", alike=same_call, explain=_loss_named)


def _images(rng):
    """Two batch sizes; and pairs that broadcast, or hold equally many numbers, in other shapes."""
    x, y = rng.uniform(0, 255, (6, 1, 28, 28)), rng.uniform(0, 255, (3, 1, 28, 28))
    return {
        "x": x,
        "x_rec": np.clip(x + rng.normal(0, 40, x.shape), 0, 255),
        "y": y,
        "y_rec": np.clip(y + rng.normal(0, 60, y.shape), 0, 255),
        "no_channel": x[:, 0],
        "one": x[:1],
        "half": x[:2],
        "flat": x.reshape(6, 784),
        "mean": x[:, :, :1],
        "pairs": {"batch": ["x", "x_rec"], "small": ["y", "y_rec"]},
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
            return "the score differs from the right one."


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
        return (
            "broadcast",
            (
                "The score is right where both shapes are equal. Where they differ, broadcasting"
                " compares every image with every other one, silently: compare the shapes first,"
                " and raise an error."
            ),
            "the part about `batch_rmse_score`",
            0.0,
        )
    labels = _scored(got, inputs)
    if not labels:
        kinds = {got.get(f"{label}.kind") for label in inputs["pairs"]}
        if kinds == {"NoneType"}:
            return "returns-nothing", "Your function returns nothing: is its `return` missing?"
        return None
    if failed == ["manners"]:
        return "in-place", "The score is right, but the call overwrites the images it was given."
    return None


_m = named("batch_rmse_score", "the part about `batch_rmse_score`")
BATCH_RMSE_SCORE = Question(
    id="autodecoder.batch_rmse_score",
    points=2,
    title="the score of the VAD report",
    probe="autodecoder.score",
    draw=_images,
    reference={"batch_rmse_score": batch_rmse_score},
    checks=(
        Check("form", 0.1, "`batch_rmse_score` returns one number", _is_number),
        Check(
            "values",
            0.5,
            "the score is the norm over the whole batch, divided by the number of elements, for "
            "any batch size and image size",
            _is_score,
        ),
        Check(
            "shapes",
            0.3,
            "images of different shapes are refused with an error, also where they would broadcast",
            _refuses,
        ),
        Check(
            "manners",
            0.1,
            "the images are left as they were",
            lambda got, want, inputs: (
                inputs_unchanged(got, want, inputs) if _scored(got, inputs) else "nothing came."
            ),
        ),
    ),
    mistakes=(
        _m(
            "ordinary-rmse",
            "Your score is the ordinary root mean square error: the number of elements stands"
            " inside the root. The report's score divides after the root, which is why it depends"
            " on the batch size.",
            lambda x, y: (x - y).pow(2).mean().sqrt(),
            0.3,
        ),
        _m(
            "mean-square",
            "Your score is the mean square error: the root is missing.",
            lambda x, y: (x - y).pow(2).mean(),
        ),
        _m(
            "no-division",
            "Your score is the norm itself: it is not divided by the number of elements.",
            lambda x, y: (x - y).norm(),
            0.2,
        ),
        _m(
            "per-image",
            "You take the norm of every image and average over the batch; the norm runs over the "
            "whole batch, once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).mean() / x[0].numel(),
            0.3,
        ),
        _m(
            "per-image",
            "You take the norm of every image and average over the batch; the norm runs over the "
            "whole batch, once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).mean(),
            0.2,
        ),
        _m(
            "per-image",
            "You take the norm of every image and add them up; the norm runs over the whole batch, "
            "once.",
            lambda x, y: (x - y).flatten(1).norm(dim=1).sum() / x.numel(),
            0.3,
        ),
        _m(
            "per-image",
            "You average every image's ordinary root mean square error; the norm runs over the"
            " whole batch, once.",
            lambda x, y: (x - y).flatten(1).pow(2).mean(1).sqrt().mean(),
            0.2,
        ),
        _m(
            "divided-by-batch",
            "You divide by the number of images, not of elements.",
            lambda x, y: (x - y).norm() / len(x),
            0.3,
        ),
        _m(
            "divided-by-pixels",
            "You divide by the number of pixels of one image, not of all elements.",
            lambda x, y: (x - y).norm() / x[0].numel(),
            0.3,
        ),
        _m(
            "absolute-error",
            "Your score is the mean absolute error.",
            lambda x, y: (x - y).abs().mean(),
        ),
        _m(
            "absolute-error",
            "The errors are added up in absolute value, not squared.",
            lambda x, y: (x - y).abs().sum(),
        ),
        _m("square-not-rooted", "The root is missing.", lambda x, y: (x - y).pow(2).sum()),
        _m(
            "signed",
            "The errors are not squared: those of opposite sign cancel.",
            lambda x, y: (x - y).mean(),
        ),
        _m(
            "rescaled",
            "The images are divided by 255 first; they come in 0 to 255 and should stay there.",
            lambda x, y: (x - y).norm() / x.numel() / 255,
            0.3,
        ),
        _m(
            "rescaled",
            "The images are multiplied by 255, where they already come in 0 to 255.",
            lambda x, y: (x - y).norm() / x.numel() * 255,
            0.3,
        ),
        _m(
            "square-divided",
            "You divide by the square of the number of elements.",
            lambda x, y: (x - y).norm() / x.numel() ** 2,
        ),
        _m(
            "squared-norm",
            "You divide the squared norm by the number of elements and take no root, or only of the"
            " number.",
            lambda x, y: (x - y).pow(2).sum() / x.numel() ** 0.5,
        ),
        _m("largest-error", "Your score is the largest error.", lambda x, y: (x - y).abs().max()),
        _m(
            "one-value-an-image",
            "There is one value for every image; the score is one number for the batch.",
            lambda x, y: (x - y).flatten(1).norm(dim=1) / x[0].numel(),
        ),
        _m(
            "one-value-an-image",
            "There is one value for every image; the score is one number for the batch.",
            lambda x, y: (x - y).flatten(1).norm(dim=1),
        ),
    ),
    alike=_same_score,
    explain=_score_named,
)


# The decoder, and latents fitted to it


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
    }


def _decodes(got, want, inputs):
    for label, nz in inputs["sizes"].items():
        for key in (label, f"{label}.single", f"{label}.training"):
            problem = got.get(f"{label}.error") or well_formed(got, want, key, f"nz = {nz}")
            if problem:
                return problem


def _unbounded(got, want, inputs):
    for label in ("up", "down"):
        if got.get(f"{label}.error") or got.get(label) is None:
            return f"training it failed: {got.get(f'{label}.error')}"
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


def _learnable(got, want, inputs):
    if got.get("closer.error"):
        return got["closer.error"]
    if not got.get("parameters"):
        return "it has no parameters to learn."
    if got.get("frozen"):
        return "some of its parameters do not require a gradient."
    if not got.get("attached"):
        return "its output carries no gradient."
    if got.get("copied") is None or not close(got["first"], got["copied"], 1e-3, 1e-4):
        return "a copy made through state_dict decodes differently."


def _latents_kept(got, want, inputs):
    if got.get("usual") is None:
        return "no output was received."
    return inputs_unchanged(got, want, inputs)


def _decoder_named(got, want, inputs, failed):
    usual, right = got.get("usual"), want["usual"]
    if got.get("usual.kind") == "NoneType":
        return "returns-nothing", "Your forward returns nothing: is its `return` missing?"
    if got.get("usual.kind") in ("tuple", "list"):
        return "no-tensor", "Your forward returns several things; the logits alone are asked for."
    if usual is not None and usual.shape != right.shape:
        if usual.shape == (6, 784):
            return (
                "flattened",
                "The images come out flattened: each should be (1, 28, 28).",
                "",
                0.5,
            )
        if usual.shape == (6, 28, 28):
            return (
                "no-channel",
                "The channel axis is missing: each image should be (1, 28, 28).",
                "",
                0.5,
            )
        if usual.ndim == 4 and usual.shape[:2] == (6, 1):
            return "image-size", "The images are not 28 by 28: follow the shapes layer by layer."
        if usual.ndim == 4 and usual.shape[2:] == (28, 28):
            return "channels", "The images have more than one channel."
        return None
    if got.get("usual.single.error") and usual is not None:
        return "batch-size", "The batch size is written into your decoder."
    if got.get("small.error") and usual is not None:
        return (
            "nz-ignored",
            (
                "Your decoder works for one size of latents only: that size is written into a"
                " layer, and nz is not used."
            ),
        )
    if "logits" in failed and got.get("down") is not None and got.get("up") is not None:
        if got["down"] >= 0 and got["up"] <= 1 + 1e-6:
            return (
                "sigmoid-inside",
                (
                    "Your decoder returns images in [0, 1]; it should return logits, and the loss"
                    " and the pictures take the sigmoid."
                ),
                "the decoder",
                0.3,
            )
        if got["down"] >= -1 - 1e-6 and got["up"] <= 1 + 1e-6:
            return (
                "tanh-inside",
                "Your decoder ends in a tanh; logits are not bounded.",
                "the decoder",
                0.3,
            )
        if got["down"] >= 0:
            return (
                "relu-last",
                "Your decoder ends in a ReLU: its logits are never negative.",
                "the decoder",
                0.3,
            )
        if got["up"] <= 0:
            return (
                "log-inside",
                (
                    "Your decoder returns logarithms of probabilities, never positive: logits are"
                    " asked."
                ),
            )
    if "manners" in failed:
        return "in-place", "Decoding overwrites the latents it was given."
    if "weights" in failed:
        if not got.get("parameters"):
            return (
                "no-parameters",
                "Your decoder has nothing to learn: its layers are not attributes of the module.",
            )
        if got.get("frozen"):
            return "frozen", "Some parameters do not require a gradient: they would never learn."
        if got.get("attached") is False:
            return "detached", "The output is cut off from the graph (detach, no_grad or numpy)."
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return (
                "random",
                (
                    "The same latents decode differently every time in eval mode: layers are made"
                    " anew in forward, or noise is added."
                ),
            )
        if got.get("copied") is not None:
            return (
                "not-registered",
                (
                    "Some layers are hidden from the module, in a plain list or dict: they are"
                    " neither trained nor saved."
                ),
            )
    if "rows" in failed and got.get("grad") is not None:
        grad = np.asarray(got["grad"])
        if got.get("again") is not None and not close(got["first"], got["again"]):
            return "random", "The same latents decode differently every time, also in eval mode."
        if not np.any(grad):
            return (
                "latent-unused",
                "No gradient reaches the latents: they are detached, or not used.",
            )
        if np.any(grad[1:]):
            return "rows-mixed", "The latents of a batch influence each other's images."
        if not np.all(grad[0]):
            return (
                "dimensions-unused",
                "Some dimensions of the latents have no effect on the image.",
            )
    return None


AUTO_DECODER = Question(
    id="autodecoder.AutoDecoder",
    points=2,
    title="the decoder",
    probe="autodecoder.decoder",
    draw=_codes,
    reference={"AutoDecoder": AutoDecoder},
    checks=(
        Check(
            "form",
            0.35,
            "`AutoDecoder(nz)` takes latents (B, nz) to (B, 1, 28, 28), for any nz and B, in eval "
            "and in train mode",
            _decodes,
        ),
        Check(
            "logits", 0.2, "the output are logits: they can become large on both sides", _unbounded
        ),
        Check(
            "rows",
            0.15,
            "in eval mode every image depends on its own latent, all of it, and on nothing else",
            _rows_apart,
        ),
        Check(
            "weights",
            0.25,
            "all layers can learn, and are saved and loaded with its state_dict",
            _learnable,
        ),
        Check("manners", 0.05, "the latents are left as they were", _latents_kept),
    ),
    alike=lambda a, b, inputs: False,
    explain=_decoder_named,
    seconds=60.0,
)


def _targets(rng):
    """Images that latents can reach exactly; every image wants another latent, and N is not nz.

    The running statistics are those of these very images, so that they can be reached in train
    mode, too. The largest curvature is such that plain gradient descent at this lr does not
    diverge.
    """
    n, nz, hidden = 7, 3, 6
    signs = np.array(list(product([-1, 1], repeat=nz)))[rng.permutation(2**nz)[:n]]
    z = signs * rng.uniform(0.6, 1.4, (n, nz))
    into = rng.normal(0, 1 / np.sqrt(nz), (nz, hidden))
    inputs = {
        "name": "fit_latents",
        "nz": nz,
        "into": into,
        "out": rng.normal(0, 0.25, (hidden, 784)),
        "bias": rng.normal(0, 1, 784),
        "mean": (z @ into).mean(0),
        "var": (z @ into).var(0),
        "fits": {
            "full": [300, 0.02, "train"],
            "eval": [30, 0.05, "eval"],
            "short": [1, 0.003, "train"],
            "two": [2, 0.003, "train"],
            "slow": [60, 1e-6, "train"],
        },
    }
    slope = _logits(inputs, np.eye(nz)) - _logits(inputs, np.zeros((nz, nz)))
    curvature = np.linalg.eigvalsh(slope @ slope.T / 4)[-1]  # a pixel's is at most 1/4
    inputs["out"] *= min(1, np.sqrt(1.5 / (inputs["fits"]["full"][1] * curvature)))
    return {**inputs, "x": 1 / (1 + np.exp(-_logits(inputs, z)))}


def _logits(inputs, z):
    """What the probe's small decoder does to latents in eval mode."""
    hidden = z @ inputs["into"]
    normed = (hidden - inputs["mean"]) / np.sqrt(inputs["var"] + 1e-5)
    return (hidden + 0.2 * normed) @ inputs["out"] + inputs["bias"]


def _losses(logits, x):
    """(N,) Bernoulli negative log-likelihoods, nats per image."""
    logits = np.asarray(logits).reshape(len(x), -1)
    return (np.logaddexp(0, logits) - x * logits).sum(1)


def _gain(got, inputs, label):
    """(N,) share of the way from the loss at z = 0 to the lowest there is; None without latents."""
    x = inputs["x"]
    if np.shape(got.get(label)) != (len(x), inputs["nz"]) or got.get(f"{label}.decoded") is None:
        return None
    start = _losses(_logits(inputs, np.zeros((len(x), inputs["nz"]))), x)
    best = _losses(np.log(x / (1 - x)), x)
    gain = (start - _losses(got[f"{label}.decoded"], x)) / (start - best)
    return np.where(np.isfinite(gain), gain, -np.inf)


def _latents_form(got, want, inputs):
    for label in inputs["fits"]:
        problem = got.get(f"{label}.error") or well_formed(got, want, label, "the latents")
        if problem:
            return problem


def _fits(got, want, inputs):
    gain = _gain(got, inputs, "full")
    if gain is None:
        return "no latents of the right shape were received."
    if gain.mean() < 0.7 or gain.min() < 0.15:  # from any start, with any optimiser
        return (
            f"after all steps {np.count_nonzero(gain > 0.7)} of {len(gain)} images are"
            " reconstructed about as well as they can be."
        )


def _left(kind):
    """A test: parameters, or buffers, are after the call what they were before."""

    def test(got, want, inputs):
        if got.get("full") is None:
            return "no latents were received."
        for label in inputs["fits"]:
            after = got.get(f"{label}.{kind}")
            if after is None or not close(after, got[f"before.{kind}"], 1e-6, 1e-7):
                return f"the decoder's {kind} changed."

    return test


def _steps_ignored(got):
    """Whether one step and two from the same start lead to the very same latents."""
    one, two = got.get("short"), got.get("two")
    return one is not None and two is not None and close(one, two, 1e-6, 1e-7)


def _schedule(got, want, inputs):
    if _gain(got, inputs, "full") is None:
        return "no latents of the right shape were received."
    if _steps_ignored(got):
        return "more steps lead to the same latents."
    for label, what in (("short", "steps"), ("slow", "lr")):
        gain = _gain(got, inputs, label)
        if gain is not None and gain.mean() > 0.5:
            return f"the latents fit as well with hardly any {what}: it has no effect."


def _as_found(got, want, inputs):
    if got.get("full") is None:
        return "no latents were received."
    for label in inputs["fits"]:
        if not all(got.get(f"{label}.flags", [False])):
            return "some of the decoder's parameters no longer require a gradient."
    return inputs_unchanged(got, want, inputs)


def _named_misfit(got, inputs, gain):
    """Why latents of the right shape do not fit."""
    full, short = got["full"], got.get("short")
    if _steps_ignored(got):
        return (
            "latents-not-moved",
            (
                "More steps do not move the latents. Does the optimiser hold the very tensor that"
                " is decoded, is its gradient computed, and does the loop go on?"
            ),
        )
    if np.ptp(full, axis=0).max() < 1e-4 * (1 + np.abs(full).max()):
        return (
            "one-latent",
            (
                "All latents come out the same: one latent is fitted to the whole batch, or every"
                " image is compared with every other through broadcasting."
            ),
        )
    start = _gain(got, inputs, "short")
    if start is not None and (start < 0).all() and gain.mean() < min(start.mean(), -1):
        return "climbs", "The reconstructions get worse step by step: the loss has the wrong sign."
    if np.shape(short) == np.shape(full):
        moved = np.linalg.norm(full - short, axis=1) > 0.02
        if moved.any() and not moved.all() and (gain[~moved] < 0.4).all():
            return "some-latents-only", "Some latents never move: not every image is fitted."
    logits = np.asarray(got["full.decoded"]).reshape(len(full), -1)
    x = inputs["x"]
    losses = np.logaddexp(0, logits).sum(1)[:, None] - logits @ x.T  # of latent i for image j
    excess = losses - _losses(np.log(x / (1 - x)), x)
    fits_another = excess.min(1) < 0.2 * np.diag(excess).mean()
    if fits_another.all() and (excess.argmin(1) != np.arange(len(full))).any():
        return "order", "The latents fit, but not in the order of the images: a row is another's."
    return None


def _fit_named(got, want, inputs, failed):
    if got.get("full.kind") in ("tuple", "list"):
        return (
            "no-tensor",
            "You return several things; the latents alone are asked for, one tensor.",
        )
    if got.get("full.kind") == "NoneType" and not got.get("full.error"):
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    full = got.get("full")
    if full is None:
        return None
    if np.shape(full) != np.shape(want["full"]):
        if np.shape(full) == (1, inputs["nz"]) or np.shape(full) == (inputs["nz"],):
            return "one-latent", "There is one latent for all images: every image needs its own."
        if np.shape(full) == np.shape(want["full"])[::-1]:
            return "transposed", "Rows and columns are exchanged: a row is the latent of one image."
        if np.shape(full) == inputs["x"].shape or np.size(full) == inputs["x"].size:
            return "images-returned", "You return images; the latents are asked for."
        if np.ndim(full) < 2:
            return "losses-returned", "You return something else than the latents, such as losses."
        return None
    if "parameters" in failed:
        return (
            "decoder-trained",
            (
                "The decoder's weights changed: the optimiser should be given the latents and"
                " nothing else."
            ),
            TEST_TIME,
        )
    gain = _gain(got, inputs, "full")
    if "fits" in failed:
        named = _named_misfit(got, inputs, gain)
        if named:
            return *named, TEST_TIME
    if "buffers" in failed:
        return (
            "statistics-moved",
            (
                "The decoder's weights are unchanged, but not its buffers: batch normalisation"
                " keeps running averages in train mode."
            ),
            TEST_TIME,
        )
    if "schedule" in failed:
        few = _gain(got, inputs, "short")
        if _steps_ignored(got) or (few is not None and few.mean() > 0.5):
            name, what = "steps-ignored", "number of steps"
        else:
            name, what = "lr-ignored", "learning rate"
        return name, f"The {what} has hardly any effect: is it written into your code?", TEST_TIME
    if failed == ["as-found"]:
        if not all(all(got.get(f"{label}.flags", [])) for label in inputs["fits"]):
            return (
                "left-frozen",
                (
                    "The decoder's parameters no longer require gradients afterwards: training it"
                    " further would silently do nothing."
                ),
                TEST_TIME,
            )
        return "in-place", "The call overwrites the images it was given.", TEST_TIME
    return None


TEST_TIME = "the part about `fit_latents`"

FIT_LATENTS = Question(
    id="autodecoder.fit_latents",
    points=3,
    title="latents fitted to images at test time",
    probe="autodecoder.fitting",
    draw=_targets,
    reference={"fit_latents": fit_latents},
    checks=(
        Check("form", 0.15, "`fit_latents` returns one latent per image, (N, nz)", _latents_form),
        Check("fits", 0.35, "every image is reconstructed about as well as the decoder can", _fits),
        Check("parameters", 0.15, "the decoder's parameters are unchanged", _left("parameters")),
        Check(
            "buffers",
            0.15,
            "the decoder's buffers (running statistics) are unchanged",
            _left("buffers"),
        ),
        Check(
            "schedule",
            0.1,
            "steps and lr do what they say: few steps, or a tiny lr, hardly fit",
            _schedule,
        ),
        Check(
            "as-found",
            0.1,
            "the decoder's parameters require gradients as before, and the images are unchanged",
            _as_found,
        ),
    ),
    alike=lambda a, b, inputs: False,
    explain=_fit_named,
    seconds=60.0,
)


QUESTIONS = (AUTO_DECODER, FIT_LATENTS, *FAMILIES, VAD_LOSS, BATCH_RMSE_SCORE, *CHALLENGES)
