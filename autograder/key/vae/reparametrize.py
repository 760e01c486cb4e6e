"""Sampling that gradients pass: judged by the statistics of its noise, and by its gradients."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from autograder.key.kinds import noise
from autograder.key.kinds.formula import inputs_unchanged, named_by_values
from autograder.key.question import KEPT, Check, Question, close, well_formed


def reparametrize(mu, logvar):
    """A sample of N(mu, exp(logvar)), shaped like mu, differentiable in both. Equation 10,
    section 2.4.
    """
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)


def _noise_inputs(rng):
    """Enough draws for statistics, with means and spreads that differ from element to element."""
    shape = 2400, 6
    return {
        "name": "reparametrize",
        "args": ["mu", "logvar"],
        "args2": ["mu", "logvar"],
        "grad": ["mu", "logvar"],
        "pair": True,
        "mu": rng.normal(0.4, 1.5, shape),
        "logvar": rng.uniform(-3, 1.5, shape),
        "weights": rng.uniform(0.5, 2, shape),
    }


def _standard(got, inputs, key="value"):
    """The noise that a sample must have been made of, (N, nz)."""
    mu, logvar = (inputs[k].astype(np.float32).astype(float) for k in ("mu", "logvar"))
    return (got[key] - mu) / np.exp(0.5 * logvar)


def _sample_form(got, want, inputs):
    return well_formed(got, want, "value", "the result")


def _marginal(got, inputs):
    """The noise, and the mu and logvar that it belongs to; of one dimension where all dimensions
    share theirs, which costs its own check and no other.
    """
    e = _standard(got, inputs)
    shared = noise.column_correlation((e - e.mean()) / max(e.std(), 1e-9)) > 0.9
    kept = slice(0, 1) if shared else slice(None)
    return e[:, kept], inputs["mu"][:, kept], inputs["logvar"][:, kept]


def _sample_centre(got, want, inputs):
    e, mu, _ = _marginal(got, inputs)
    if noise.level(e):
        return "the samples are not centred on mu."
    for part in noise.bins(e, mu):
        if abs(part.mean()) > noise.SIGMAS * max(part.std(), 1e-3) / np.sqrt(part.size):
            return "the samples do not follow mu."
    return None


def _sample_spread(got, want, inputs):
    e, _, logvar = _marginal(got, inputs)
    if np.ptp(e - e.mean()) < 1e-4:
        return "there is no noise in the samples."
    return noise.spread(e, by=logvar)


def _sample_shape(got, want, inputs):
    """Normal where logvar is about the same: what the spread makes of logvar is not asked here."""
    e, _, logvar = _marginal(got, inputs)
    # Where there is none, or the same numbers come again and again, it is not normal anywhere.
    if e.std() > 1e-4 and noise.dependence(e) is None:
        parts = noise.bins(e, logvar, 64)
        e = np.concatenate([(p - p.mean()) / max(p.std(), 1e-9) for p in parts])
    return noise.shape(e)


def _sample_independent(got, want, inputs):
    if got.get("second") is None:
        return got.get("second.error") or "a second call gave nothing."
    e = _standard(got, inputs)
    if not e.std() > 1e-6:
        return "there is no noise in the samples."
    if np.shape(got["second"]) != e.shape or np.mean(got["second"] == got["value"]) > 0.5:
        return "a second call used the same noise again."
    pair = got.get("pair")
    if np.shape(pair) == (2, e.shape[1]):
        two = _standard({"value": pair}, {key: inputs[key][:2] for key in ("mu", "logvar")})
        if noise.repeated(two - two.mean() if _sample_centre(got, want, inputs) else two):
            return "the two images of a batch of two share their noise."
    return noise.dependence(e)


def _sample_gradients(got, want, inputs):
    if not got.get("value.attached"):
        return "the samples carry no gradient."
    if got.get("grad.error"):
        return f"asking for a gradient failed: {got['grad.error']}"
    weights, mu = inputs["weights"], inputs["mu"].astype(np.float32).astype(float)
    if not close(got["grad.mu"], weights, 1e-3, 1e-4):
        return f"the gradient with respect to mu {_zero(got['grad.mu'])}."
    if not close(got["grad.logvar"], weights * 0.5 * (got["value"] - mu), 1e-3, 1e-4):
        return f"the gradient with respect to logvar {_zero(got['grad.logvar'])}."
    return None


def _zero(gradient):
    return "is not the right one" if np.any(gradient) else "is zero everywhere"


def _noise_alike(a, b, inputs):
    """Whether two samplers behave alike: their statistics, not their numbers."""
    for key in ("value.attached", "grad.error"):
        if bool(a.get(key)) != bool(b.get(key)):
            return False
    first, second = _sampler(_Evidence(a, inputs)), _sampler(_Evidence(b, inputs))
    if first is None or second is None:
        return first is second and a.get("value.kind") == b.get("value.kind")
    return bool(np.all(np.abs(first - second) <= _sampler_tolerance(first, second, inputs)))


class _Evidence:
    """A piece of evidence and its inputs as the key of a cache: equal to itself alone."""

    def __init__(self, got, inputs):
        self.got, self.inputs = got, inputs

    def __hash__(self):
        return id(self.got)

    def __eq__(self, other):
        return self.got is other.got


@lru_cache(KEPT)  # each piece is compared with that of every mistake
def _sampler(evidence: _Evidence):
    """A sampler in numbers: noise by logvar and by mu, its shape, what is shared, gradients,
    manners.
    """
    got, inputs = evidence.got, evidence.inputs
    value = got.get("value")
    if value is None or np.shape(value) != inputs["mu"].shape:
        return None
    e = _standard(got, inputs)
    centred = (e - e.mean()) / max(e.std(), 1e-9)
    again = _standard(got, inputs, "second") if np.shape(got.get("second")) == e.shape else e
    shares = [
        noise.row_correlation(centred) > 0.2,
        (noise.column_correlation(centred) > 0.2) + (_least_correlation(centred) > 0.5),
        bool(noise.same(e - e.mean(), again - again.mean())),
    ]
    weights = inputs["weights"]
    slopes = []
    for key in ("mu", "logvar"):
        gradient = got.get(f"grad.{key}")
        slope = np.zeros_like(e) if gradient is None else gradient / weights
        slopes += [slope.mean(), slope.std()]
    touched = [not close(got[f"after.{key}"], inputs[key], 1e-4) for key in ("mu", "logvar")]
    by = [[p.mean(), np.log(p.std() + 1e-9)] for p in noise.bins(e, inputs["logvar"])]
    by += [[p.mean(), np.log(p.std() + 1e-9)] for p in noise.bins(e, inputs["mu"])]
    kurtosis = (centred**4).mean()
    return np.nan_to_num(
        np.array([*np.ravel(by), kurtosis, *shares, *slopes, *touched], float), nan=1e3
    )


def _least_correlation(centred) -> float:
    """The smallest correlation between two dimensions."""
    return float((centred.T @ centred / len(centred)).min())


def _sampler_tolerance(a, b, inputs):
    """Six standard errors of a difference in each number, for bins of heavy-tailed noise."""
    count = inputs["mu"].size / noise.BINS
    scale = np.exp(np.maximum(a[1:32:2], b[1:32:2]).clip(-5, 5))
    by = np.stack([8 * scale / np.sqrt(count), np.full(16, 12 / np.sqrt(count))], -1).ravel()
    kurtosis = 0.06 * max(a[32], b[32]) ** 1.5
    return np.concatenate(
        [by, [kurtosis, 0.5, 0.5, 0.5], 0.1 + 0.15 * np.abs(a[36:40]), [0.5, 0.5]]
    )


def _named_sampler(got, want, inputs, failed):
    if failed == ["gradients"] or failed == ["manners"]:
        return named_by_values({**got, "value": want["value"]}, want, inputs, failed)
    if got.get("value") is None or np.shape(got["value"]) != inputs["mu"].shape:
        return named_by_values(got, want, inputs, failed)
    e = _standard(got, inputs)
    if not np.isfinite(e).all():
        return "not-finite"
    alone = _shared_named(e)
    if alone:
        return alone
    if failed == ["centre"] and abs(e.mean()) > 0.05 and not noise.level(e - e.mean()):
        return "not-centred"
    if failed == ["shape"] and e.std() > 0:
        return "light-tails" if ((e - e.mean()) ** 4).mean() < 3 * e.var() ** 2 else "heavy-tails"
    if {"independent"} <= set(failed) <= {"independent", "spread"}:
        if noise.repeated(e):
            return "noise-repeated"
        if noise.balanced(e):
            return "noise-balanced"
    if "spread" in failed and not {"centre", "shape", "independent"} & set(failed):
        if not noise.spread(e / e.std(), by=inputs["logvar"]):
            return "noise-scaled"
    named = _noise_named(e, inputs) or _both_named(got, inputs)
    return named or _spread_named(e, inputs, failed)


def _shared_named(e):
    """The name of noise that is the same number for all images, all dimensions, or both; where a
    sample is made of one row, no statistic of it is that of another row.
    """
    images, dimensions = np.ptp(e, 0).max() < 1e-3, np.ptp(e, 1).max() < 1e-3
    if e.std() < 1e-4 or images and dimensions:
        return "one-number" if abs(e.mean()) > 1e-3 else None
    return "shared-batch" if images else "shared-dims" if dimensions else None


def _spread_named(e, inputs, failed):
    """The name of good noise whose spread is another function of logvar."""
    if not {"spread"} <= set(failed) <= {"spread", "gradients"}:
        return None
    order = np.argsort(inputs["logvar"], axis=None)
    parts = np.array_split(e.ravel()[order], 24)
    ratios = np.array([part.std() for part in parts])
    widths = np.exp([0.5 * p.mean() for p in np.array_split(inputs["logvar"].ravel()[order], 24)])
    right = np.abs(ratios - 1) < noise.SIGMAS / np.sqrt(2 * len(parts[0]))
    flat = (ratios * widths)[~right]
    if 2 < right.sum() < 22 and len(flat) > 2 and np.ptp(flat) < 0.2 * flat.mean():
        return "spread-clamped"
    return "spread-other"


def _noise_named(e, inputs):
    """The name of noise that is not normal and hangs neither on mu nor on logvar."""
    if not e.std() > 1e-3 or noise.dependence(e):
        return None
    for by in (inputs["mu"], inputs["logvar"]):
        parts = np.array([[part.mean(), part.std()] for part in noise.bins(e, by)])
        if (np.ptp(parts, 0) > 0.25 * e.std()).any():
            return None
    return noise.misshapen(e)


def _both_named(got, inputs):
    """Two known mistakes at once, one of the spread and one of the noise."""
    for first, std in STDS.items():
        for second, eps in NOISES.items():
            both = {"reparametrize": _sampled(std=std, eps=eps)}
            if _noise_alike(got, QUESTION.shown(both, inputs), inputs):
                said = (QUESTION.mistake(name).says for name in (first, second))
                return "both", dict(zip(("first", "second"), said, strict=True))
    return None


def _sampled(std=lambda lv: (0.5 * lv).exp(), eps=torch.randn_like, centre=lambda mu: mu):
    """A `reparametrize` with one of its parts wrong."""
    return lambda mu, logvar: centre(mu) + std(logvar) * eps(mu)


STDS = {
    "variance-as-std": lambda lv: lv.exp(),
    "logvar-as-std": lambda lv: lv,
    "inverse-std": lambda lv: (-0.5 * lv).exp(),
    "half-outside": lambda lv: 0.5 * lv.exp(),
    "unit-noise": lambda lv: torch.ones_like(lv),
    "softplus-as-std": torch.nn.functional.softplus,
}
NOISES = {
    "uniform": torch.rand_like,
    "absolute": lambda mu: torch.randn_like(mu).abs(),
    "shared-batch": lambda mu: torch.randn(1, mu.shape[1]),
    "shared-dims": lambda mu: torch.randn(len(mu), 1),
}


def _seeded(mu, logvar):
    state = torch.get_rng_state()
    torch.manual_seed(0)
    z = reparametrize(mu, logvar)
    torch.set_rng_state(state)
    return z


def _in_place(mu, logvar):
    return mu.add_((0.5 * logvar).exp() * torch.randn_like(mu))


def _in_place_logvar(mu, logvar):
    return mu + logvar.mul_(0.5).exp_() * torch.randn_like(mu)


QUESTION = Question(
    id="vae.reparametrize",
    points=2,
    probe="common.function",
    draw=_noise_inputs,
    reference={"reparametrize": reparametrize},
    checks=(
        Check("form", 0.1, _sample_form),
        Check("centre", 0.15, _sample_centre),
        Check("spread", 0.25, _sample_spread),
        Check("shape", 0.1, _sample_shape),
        Check("independent", 0.15, _sample_independent),
        Check("gradients", 0.2, _sample_gradients),
        Check("manners", 0.05, inputs_unchanged),
    ),
    alike=_noise_alike,
    explain=_named_sampler,
    mistakes={
        **{name: _sampled(std=std) for name, std in STDS.items()},
        "logvar-as-std/2": _sampled(std=lambda lv: 0.5 * lv),
        "exponent-doubled": _sampled(std=lambda lv: (2 * lv).exp()),
        "exponent-quartered": _sampled(std=lambda lv: (0.25 * lv).exp()),
        "no-noise": lambda mu, logvar: mu + 0 * logvar,
        "no-noise/2": lambda mu, logvar: mu + (0.5 * logvar).exp(),
        "mean-missing": _sampled(centre=lambda mu: 0 * mu),
        "roles-swapped": lambda mu, logvar: (0.5 * logvar).exp() + mu * torch.randn_like(mu),
        "swapped": lambda mu, logvar: reparametrize(logvar, mu),
        "noise-on-both": lambda mu, logvar: (mu + (0.5 * logvar).exp()) * torch.randn_like(mu),
        **{name: _sampled(eps=eps) for name, eps in NOISES.items()},
        "uniform/2": _sampled(eps=lambda mu: 2 * torch.rand_like(mu) - 1),
        "uniform/3": _sampled(eps=lambda mu: (2 * torch.rand_like(mu) - 1) * 3**0.5),
        "heavy-tails": _sampled(
            eps=lambda mu: torch.distributions.Laplace(0.0, 1.0).sample(mu.shape)
        ),
        "fixed-seed": _seeded,
        "detached": lambda mu, logvar: reparametrize(mu, logvar).detach(),
        "logvar-detached": lambda mu, logvar: reparametrize(mu, logvar.detach()) + 0 * logvar,
        "mu-detached": lambda mu, logvar: reparametrize(mu.detach(), logvar) + 0 * mu,
        "in-place": _in_place,
        "in-place/2": _in_place_logvar,
        "one-number": _sampled(eps=lambda mu: torch.full((), 0.5)),
    },
)
