"""The importance-weighted bound. Burda et al. 2016 (arXiv:1509.00519), equation 8."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograder.key.kinds import noise
from autograder.key.kinds.network import blobs
from autograder.key.question import Check, Question, close, nothing_tensor
from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize


def _log_weights(model, x, k, exponent=0.5, density=1.0):
    """(log p(x|z), log p(z), log q(z|x)) of k samples for every image, each (k, B), nats.

    The samples spread by exp(exponent * logvar), and log q takes exp(density * logvar) for the
    variance; other values than these are mistakes.
    """
    mu, logvar = model.encode(x)
    eps = torch.randn(k, *mu.shape)
    z = mu + (exponent * logvar).exp() * eps
    # One sample at a time: the pictures of all take as much memory as everything else.
    likelihood = torch.stack([bernoulli_log_likelihood(x, model.decode(one)) for one in z])
    constant = math.log(2 * math.pi)
    prior = -0.5 * (z**2 + constant).sum(-1)
    logvar = density * logvar
    posterior = -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + constant).sum(-1)
    return likelihood, prior, posterior


def _bound(rec, prior, posterior, k):
    return torch.logsumexp(rec + prior - posterior, 0) - math.log(k)


def iwae_bound(model, x, k):
    """log of the mean of k importance weights, (B,), nats. Burda et al. 2016
    (arXiv:1509.00519), eq. 8.
    """
    return _bound(*_log_weights(model, x, k), k)


# samples: of how many images, each how often; one sample of a posterior far from the prior is no
# better a test than one of a posterior close to it
KS = {1: (1, 700), 10: (2, 90)}


def _bound_inputs(rng):
    """A linear model whose posteriors are known: close to the prior for the first image, where
    weights vary little and every term shows; ten away for the second, where one sample's weight
    says nothing about the mean of ten. Along the first image's mean, in the widest dimension,
    likelihood and prior cancel, which they do for one and the same sample only. Of the model whose
    matrices are zero posterior and prior are one, and nothing hangs on z: its bound is a number,
    the same for every k, that shows a constant which chance would hide.
    """
    x = blobs(rng, 2)
    wide = rng.integers(3)
    mu = np.zeros((2, 3))
    mu[0, wide] = rng.choice([-1, 1])
    mu[1] = rng.normal(0, 1, 3)
    mu[1] *= 7 / np.linalg.norm(mu[1])
    logvar = rng.uniform(-1.5, -1.0, (2, 3))
    logvar[:, wide] = 0.8
    to = np.linalg.pinv(x.reshape(2, 784))
    ink = x[0].ravel() - 0.5  # the slope of the log-likelihood at logits near 0
    to_logits = rng.normal(0, 0.01, (3, 784))
    to_logits[wide] = mu[0, wide] * ink / (ink @ ink)
    spread = np.exp(0.5 * logvar)[:, None]
    return {
        "x": x,
        "samples": mu[:, None] + spread * rng.standard_normal((2, 2000, 3)),
        "to mu": to @ mu,
        "to logvar": to @ logvar,
        "to logits": to_logits,
        "asked": [[k, *rows] for k, rows in KS.items()],
    }


def _bound_form(got, want, inputs):
    for k, (images, repeats) in KS.items():
        value, rows = got.get(f"bound.{k}"), images * repeats
        if value is None:
            return nothing_tensor(got, f"bound.{k}")
        if value.shape != want[f"bound.{k}"].shape:
            return (
                f"for {rows} images and k = {k}: received shape {value.shape}, expected ({rows},)."
            )
        if not np.isfinite(value).all():
            return f"for k = {k}: received values that are NaN or infinite."
    return None


def _same_mean(a, b, errors=noise.SIGMAS):
    """Whether two samples (images, repeats) have equal means, image by image, to so many standard
    errors.
    """
    error = np.sqrt(a.var(1) / a.shape[1] + b.var(1) / b.shape[1])
    return bool((np.abs(a.mean(1) - b.mean(1)) <= errors * error + 1e-4).all())


def _bound_at(*ks):
    def test(got, want, inputs):
        problem = _bound_form(got, want, inputs)
        if problem:
            return problem
        frozen = _bound_noise(got, want, inputs)
        if frozen:
            return frozen
        for k in ks:
            if not _same_mean(got[f"bound.{k}"], want[f"bound.{k}"]):
                return f"for k = {k} the bound is, on average, not the right one."
            if got.get(f"zero.{k}.error"):
                return got[f"zero.{k}.error"]
            if not _exact(got, want, k):
                return f"for k = {k}, where posterior and prior are one, the bound is not right."
        return None

    return test


def _exact(a, b, k, off=0.0) -> bool:
    """Whether two bounds of the model of zeros are equal, or apart by `off`; float32 adds up 784
    pixels to within 0.01 nats.
    """
    mine, other = a.get(f"zero.{k}"), b.get(f"zero.{k}")
    if mine is None or other is None:
        return mine is other
    return close(mine + off, other, 0, 0.02)


def _fixed(a, k) -> bool:
    """Whether the bound of the model of zeros is one number, and no matter of chance."""
    return a.get(f"zero.{k}") is not None and bool(np.ptp(a[f"zero.{k}"]) < 0.02)


def _bound_noise(got, want, inputs):
    problem = _bound_form(got, want, inputs)
    if problem:
        return problem
    if any(np.ptp(got[f"bound.{k}"], 1).max() < 1e-6 for k in KS):
        return "the same image, many times in one batch, gets the same value every time."
    return None


def _bound_fresh(got, want, inputs):
    problem = _bound_noise(got, want, inputs) or got.get("again.error")
    return problem or ("two calls use the same samples." if got.get("fixed") else None)


def _bound_alike(a, b, inputs):
    if bool(a.get("fixed")) != bool(b.get("fixed")):
        return False
    for k in KS:
        x, y = a.get(f"bound.{k}"), b.get(f"bound.{k}")
        if x is None or y is None:
            return x is y and not a.get("error") and not b.get("error")
        if x.shape != y.shape:
            return False
        if np.isfinite(x).all() != np.isfinite(y).all():
            return False
        if not np.isfinite(x).all():
            continue
        if x.ndim == 2:
            frozen = np.ptp(x, 1).max() < 1e-6, np.ptp(y, 1).max() < 1e-6
            if frozen[0] != frozen[1] or not (frozen[0] or _same_mean(x, y, 4)):
                return False
            spreads = x.std(1).mean(), y.std(1).mean()
            if not frozen[0] and abs(np.log(spreads[0] / spreads[1])) > 0.7:
                return False
        elif x.ndim == 0 and abs(x - y) > 0.02 * abs(y) + 0.5:
            return False
        fixed = _fixed(a, k), _fixed(b, k)
        if fixed[0] != fixed[1] or fixed[0] and not _exact(a, b, k):
            return False
    return True


def _bound_named(got, want, inputs, failed):
    values = [got.get(f"bound.{k}") for k in KS]
    if any(value is None for value in values):
        kind = got.get("bound.1.kind")
        if kind == "NoneType":
            return "returns-nothing"
        return "no-tensor", {"kind": kind}
    images = [images * repeats for images, repeats in KS.values()]
    if all(v.shape in ((k, n), (n, k)) for v, k, n in zip(values, KS, images, strict=True)):
        return "not-reduced"
    if all(v.shape == (k,) for v, k in zip(values, KS, strict=True)):
        return "wrong-axis"
    if np.ptp(np.concatenate([np.ravel(v) for v in values])) < 1e-6:
        return "argument-unused", {"argument": "`model` and `x`"}
    if failed == ["noise"] and got.get("fixed"):
        return "fixed-seed"
    if _off_by_a_constant(got, want):
        return "constant-term"
    # These two can come out alike by chance; then neither is named.
    named = [
        name
        for name, of in _LARGER.items()
        if _bound_alike(got, QUESTION.shown({"iwae_bound": of}, inputs), inputs)
    ]
    return named[0] if len(named) == 1 else None


def _off_by_a_constant(got, want) -> bool:
    """Whether the bound is apart from the right one by one number, for every model, image and k."""
    if np.shape(got.get("zero.1")) != want["zero.1"].shape:
        return False
    off = float((want["zero.1"] - got["zero.1"]).mean())
    return abs(off) > 0.05 and all(
        _exact(got, want, k, off) and _same_mean(got[f"bound.{k}"] + off, want[f"bound.{k}"])
        for k in KS
    )


def _bound_of(combine, exponent=0.5, density=1.0):
    """An `iwae_bound` with other weights, or put together in another way: combine(rec, prior,
    posterior, k).
    """
    return lambda model, x, k: combine(*_log_weights(model, x, k, exponent, density), k)


def _shared_noise(model, x, k):
    state = torch.get_rng_state()
    rows = []
    for row in x.split(1):
        torch.set_rng_state(state)
        rows.append(iwae_bound(model, row, k))
    return torch.cat(rows)


def _two_samples(model, x, k):
    likelihood = _log_weights(model, x, k)[0]
    _, prior, posterior = _log_weights(model, x, k)
    return _bound(likelihood, prior, posterior, k)


_LARGER = {
    "maximum": _bound_of(lambda rec, prior, posterior, k: (rec + prior - posterior).max(0).values),
    "two-samples": _two_samples,
}


QUESTION = Question(
    id="vae.iwae_bound",
    points=2,
    probe="vae.bound",
    draw=_bound_inputs,
    reference={
        "iwae_bound": iwae_bound,
        "reparametrize": reparametrize,
        "kl_gaussian": kl_gaussian,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
    },
    builds_on=("reparametrize", "kl_gaussian", "bernoulli_log_likelihood"),
    extra=True,
    checks=(
        Check("form", 0.2, _bound_form),
        Check("one", 0.25, _bound_at(1)),
        Check("many", 0.4, _bound_at(10)),
        Check("noise", 0.15, _bound_fresh),
    ),
    alike=_bound_alike,
    explain=_bound_named,
    mistakes={
        "mean-of-logs": _bound_of(
            lambda rec, prior, posterior, k: (rec + prior - posterior).mean(0)
        ),
        "sum-not-mean": _bound_of(
            lambda rec, prior, posterior, k: torch.logsumexp(rec + prior - posterior, 0)
        ),
        "underflow": _bound_of(
            lambda rec, prior, posterior, k: (rec + prior - posterior).exp().mean(0).log()
        ),
        "posterior-missing": _bound_of(
            lambda rec, prior, posterior, k: torch.logsumexp(rec + prior, 0) - math.log(k)
        ),
        "prior-missing": _bound_of(
            lambda rec, prior, posterior, k: torch.logsumexp(rec - posterior, 0) - math.log(k)
        ),
        "likelihood-only": _bound_of(
            lambda rec, prior, posterior, k: torch.logsumexp(rec, 0) - math.log(k)
        ),
        "ratio-inverted": _bound_of(
            lambda rec, prior, posterior, k: (
                torch.logsumexp(rec - prior + posterior, 0) - math.log(k)
            )
        ),
        "closed-form-kl": lambda model, x, k: (
            torch.logsumexp(_log_weights(model, x, k)[0], 0)
            - math.log(k)
            - kl_gaussian(*model.encode(x))
        ),
        "sign": lambda model, x, k: -iwae_bound(model, x, k),
        "batch-mean": lambda model, x, k: iwae_bound(model, x, k).mean(),
        "k-ignored": lambda model, x, k: iwae_bound(model, x, 1),
        "variance-as-std": _bound_of(_bound, exponent=1.0),
        "variance-as-std/everywhere": _bound_of(_bound, exponent=1.0, density=2.0),
        "variance-as-std/density": _bound_of(_bound, density=2.0),
        "shared-batch": _shared_noise,
    },
)
