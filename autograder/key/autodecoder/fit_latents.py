"""Latents fitted to images at test time. Park et al. 2019 (arXiv:1901.05103), section 4."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from autograder.key.autodecoder.vad_loss import reconstruction
from autograder.key.kinds.formula import inputs_unchanged
from autograder.key.question import Check, Question, close, well_formed
from autograder.student.probes.autodecoder import SmallDecoder
from autograder.student.probes.common import seeded


def fit_latents(decoder, x, nz, steps, lr):
    """Latents (N, nz) that decode to x, by Adam; the decoder stays as it is."""
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    training = decoder.training
    decoder.eval()
    for _ in range(steps):
        loss = reconstruction(decoder(z), x).sum()
        (z.grad,) = torch.autograd.grad(loss, [z])
        optimizer.step()
    decoder.train(training)
    return z.detach()


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
        return "latents-not-moved"
    if np.ptp(full, axis=0).max() < 1e-4 * (1 + np.abs(full).max()):
        return "one-latent"
    named = _loop_named(got, inputs)
    if named:
        return named
    start = _gain(got, inputs, "short")
    if start is not None and (start < 0).all() and gain.mean() < min(start.mean(), -1):
        return "climbs"
    if np.shape(short) == np.shape(full):
        moved = np.linalg.norm(full - short, axis=1) > 0.02
        if moved.any() and not moved.all() and (gain[~moved] < 0.4).all():
            return "some-latents-only"
    logits = np.asarray(got["full.decoded"]).reshape(len(full), -1)
    x = inputs["x"]
    losses = np.logaddexp(0, logits).sum(1)[:, None] - logits @ x.T  # of latent i for image j
    excess = losses - _losses(np.log(x / (1 - x)), x)
    fits_another = excess.min(1) < 0.2 * np.diag(excess).mean()
    if fits_another.all() and (excess.argmin(1) != np.arange(len(full))).any():
        return "order"
    return None


def _loop_named(got, inputs):
    """The slip after which a usual loop leads to the very latents that were received."""
    received = got.get("eval")
    if np.shape(received) != (len(inputs["x"]), inputs["nz"]):
        return None
    for start, optimizer in product(STARTS, OPTIMIZERS):
        for name, slip in SLIPS.items():
            if close(received, _walked(inputs, start, optimizer, **slip), 1e-2, 1e-4):
                return name
    return None


STARTS = torch.zeros, torch.randn, lambda *n: 0.01 * torch.randn(n), lambda *n: torch.randn(n) / 10
OPTIMIZERS = torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.SGD
SLIPS = {
    "no-zero-grad": {"forget": False},
    "lr-ignored": {"lr": 1e-3},
    "no-sigmoid": {"loss": torch.nn.functional.mse_loss},
    "no-sigmoid/sum": {"loss": lambda logits, x: (logits - x).pow(2).sum()},
}


def _walked(inputs, start, optimizer, forget=True, lr=None, loss=None):
    """The latents after the loop "eval", with the noise that the probe has drawn."""
    steps, asked, _ = inputs["fits"]["eval"]
    decoder = SmallDecoder(inputs).eval().requires_grad_(False)
    x = torch.from_numpy(inputs["x"]).float().reshape(-1, 1, 28, 28)
    with seeded(inputs["seed"]):
        z = start(len(x), inputs["nz"]).requires_grad_()
    made = optimizer([z], lr=lr or asked)
    loss = loss or (lambda logits, x: reconstruction(logits, x).sum())
    for _ in range(steps):
        if forget:
            made.zero_grad()
        loss(decoder(z), x).backward()
        made.step()
    return z.detach().numpy()


def _fit_named(got, want, inputs, failed):
    if got.get("full.kind") in ("tuple", "list", "dict"):
        return "no-tensor"
    if got.get("full.kind") == "NoneType" and not got.get("full.error"):
        return "returns-nothing"
    full = got.get("full")
    if full is None:
        return None
    if np.shape(full) != np.shape(want["full"]):
        if np.shape(full) == (1, inputs["nz"]) or np.shape(full) == (inputs["nz"],):
            return "one-latent/shape"
        if np.shape(full) == np.shape(want["full"])[::-1]:
            return "transposed"
        if np.shape(full) == inputs["x"].shape or np.size(full) == inputs["x"].size:
            return "images-returned"
        if np.ndim(full) < 2:
            return "losses-returned"
        return None
    if "parameters" in failed:
        return "decoder-trained"
    gain = _gain(got, inputs, "full")
    if "fits" in failed:
        named = _named_misfit(got, inputs, gain)
        if named:
            return named
    if "buffers" in failed:
        return "statistics-moved"
    if "schedule" in failed:
        few = _gain(got, inputs, "short")
        if _steps_ignored(got) or (few is not None and few.mean() > 0.5):
            return "steps-ignored"
        return "lr-ignored"
    if failed == ["as-found"]:
        if not all(all(got.get(f"{label}.flags", [])) for label in inputs["fits"]):
            return "left-frozen"
        return "in-place"
    return None


QUESTION = Question(
    id="autodecoder.fit_latents",
    points=4,
    probe="autodecoder.fitting",
    draw=_targets,
    reference={"fit_latents": fit_latents},
    checks=(
        Check("form", 0.15, _latents_form),
        Check("fits", 0.35, _fits),
        Check("parameters", 0.15, _left("parameters")),
        Check("buffers", 0.15, _left("buffers")),
        Check("schedule", 0.1, _schedule),
        Check("as-found", 0.1, _as_found),
    ),
    alike=lambda a, b, inputs: False,
    explain=_fit_named,
    seconds=60.0,
)
