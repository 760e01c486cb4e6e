"""The training loop of the VAE."""

from __future__ import annotations

import numpy as np

from autograder.key.kinds.loop import (
    in_eval_mode,
    loop_alike,
    loop_graph,
    loop_list,
    loop_mode,
    loop_moved_alike,
    loop_named,
    loop_update,
    training_inputs,
    whole,
)
from autograder.key.question import Check, Question, close, differs
from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.elbo import elbo
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize


def train_epoch(model, loader, optimizer, beta):
    """One pass in train mode that maximises elbo; [(reconstruction, kl)] in nats per image,
    one a batch.
    """
    model.train()
    pairs = []
    for x, _ in loader:
        logits, mu, logvar = model(x)
        loss = -elbo(x, logits, mu, logvar, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        reconstruction = -bernoulli_log_likelihood(x, logits).mean()
        pairs.append((reconstruction.item(), kl_gaussian(mu, logvar).mean().item()))
    return pairs


def _loop_inputs(rng):
    return {
        **training_inputs(rng),
        "inner": rng.normal(0, 0.05, (6, 784)),
        "outer": rng.normal(0, 0.1, (784, 3)),
        "noise": rng.normal(0, np.exp(-7), (97, 3)),
        "bias": 1.0,  # so that bright batches and dark ones differ in their reconstruction
        "lr": 1e-4,  # small: a wrong update is judged where parameters move, not in later pairs too
        "beta": float(rng.uniform(2, 4)),
    }


def _pair_update(got, want, inputs):
    # The small model's own noise moves the parameters by about a thousandth of an update.
    problem = loop_update(0.02)(got, want, inputs)
    if problem:
        return problem
    if not got["sampled"]:
        return "what is decoded and trained on is the mean of the posterior, not a sample of it."
    return _zero_update(got, want)


def _zero_update(got, want):
    if got.get("zero.error"):
        return f"with beta = 0: {got['zero.error']}"
    if not loop_moved_alike({"update": got["zero.update"]}, {"update": want["zero.update"]}, 0.02):
        return "with beta = 0 the parameters are not where a right loop takes them."
    return None


def _pair_named(got, want, inputs, failed):
    if failed == ["update"] and not loop_update(0.02)(got, want, inputs):
        if not got["sampled"]:
            return "no-sampling"
        return "beta-zero"
    return loop_named(got, want, inputs, failed)


def _pair_values(got, want, inputs):
    if np.shape(got["result"]) != np.shape(want["result"]):
        return "there is not one pair for each batch."
    for column, part in enumerate(("reconstruction", "KL")):
        a, b = got["result"][:, column], want["result"][:, column]
        if not close(a, b, 2e-2):
            return f"the {part} of the batches, in nats per image: {differs(a, b, 2e-2)}."
    return None


def _pair_loop(
    loss=None,
    pair=None,
    train=True,
    clear="before",
    step=True,
    batches=slice(None),
    last=None,
    twice=False,
    keep=lambda t: t.item(),
):
    """A `train_epoch` with one of its parts wrong."""

    def mistaken(model, loader, optimizer, beta):
        if train:
            model.train()
        pairs = []
        for x, _ in batches(list(loader)) if callable(batches) else list(loader)[batches]:
            logits, mu, logvar = model(x)
            rec, kl = -bernoulli_log_likelihood(x, logits), kl_gaussian(mu, logvar)
            if clear == "before":
                optimizer.zero_grad()
            ((loss or (lambda rec, kl, beta: (rec + beta * kl).mean()))(rec, kl, beta)).backward()
            if clear == "between":
                optimizer.zero_grad()
            for _ in range(2 if twice else 1):
                if step:
                    optimizer.step()
            both = (pair or (lambda rec, kl, beta: (rec.mean(), kl.mean())))(rec, kl, beta)
            pairs.append(tuple(keep(t) for t in both) if isinstance(both, tuple) else keep(both))
        return last(pairs) if last else pairs

    def once(model, loader, optimizer, beta):
        optimizer.zero_grad()
        return mistaken(model, loader, optimizer, beta)

    return once if clear == "once" else mistaken


QUESTION = Question(
    id="vae.train_epoch",
    points=2,
    probe="vae.training",
    draw=_loop_inputs,
    reference={
        "train_epoch": train_epoch,
        "elbo": elbo,
        "kl_gaussian": kl_gaussian,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
        "reparametrize": reparametrize,
    },
    builds_on=("reparametrize", "kl_gaussian", "bernoulli_log_likelihood", "elbo"),
    checks=(
        Check("list", 0.15, loop_list("pairs of floats", 2)),
        Check("values", 0.2, _pair_values),
        Check("graph", 0.1, loop_graph),
        Check("mode", 0.15, loop_mode),
        Check("update", 0.4, _pair_update),
    ),
    alike=loop_alike(0.02),
    goes_with={"eval-mode": in_eval_mode},
    explain=_pair_named,
    mistakes={
        "elbo-minimised": _pair_loop(loss=lambda rec, kl, beta: -(rec + beta * kl).mean()),
        "beta-ignored": _pair_loop(loss=lambda rec, kl, beta: (rec + kl).mean()),
        "kl-missing": _pair_loop(loss=lambda rec, kl, beta: rec.mean()),
        "kl-sign": _pair_loop(loss=lambda rec, kl, beta: (rec - beta * kl).mean()),
        "beta-on-likelihood": _pair_loop(loss=lambda rec, kl, beta: (beta * rec + kl).mean()),
        "batch-sum": _pair_loop(loss=lambda rec, kl, beta: (rec + beta * kl).sum()),
        "mean-pixels": _pair_loop(loss=lambda rec, kl, beta: (rec / 784 + beta * kl).mean()),
        "no-zero-grad": _pair_loop(clear="once"),
        "zero-grad-too-late": _pair_loop(clear="between"),
        "no-step": _pair_loop(step=False),
        "two-steps": _pair_loop(twice=True),
        "eval-mode": _pair_loop(train=False),
        "first-batch-only": _pair_loop(batches=slice(1)),
        "partial-batch-missing": _pair_loop(batches=whole),
        "last-batch-missing": _pair_loop(batches=slice(-1)),
        "mean-returned": _pair_loop(
            last=lambda pairs: tuple(sum(p) / len(pairs) for p in zip(*pairs, strict=True))
        ),
        "running-mean": _pair_loop(
            last=lambda pairs: [
                tuple(np.mean(pairs[: i + 1], axis=0).tolist()) for i in range(len(pairs))
            ]
        ),
        "two-lists": _pair_loop(
            last=lambda pairs: tuple(list(p) for p in zip(*pairs, strict=True))
        ),
        "elbo-returned": _pair_loop(pair=lambda rec, kl, beta: -(rec + beta * kl).mean()),
        "elbo-returned/2": _pair_loop(pair=lambda rec, kl, beta: (rec + beta * kl).mean()),
        "loss-logged": _pair_loop(pair=lambda rec, kl, beta: ((rec + beta * kl).mean(), kl.mean())),
        "pair-swapped": _pair_loop(pair=lambda rec, kl, beta: (kl.mean(), rec.mean())),
        "likelihood-logged": _pair_loop(pair=lambda rec, kl, beta: (-rec.mean(), kl.mean())),
        "kl-weighted": _pair_loop(pair=lambda rec, kl, beta: (rec.mean(), beta * kl.mean())),
        "sums-returned": _pair_loop(pair=lambda rec, kl, beta: (rec.sum(), kl.sum())),
        "pixel-mean-returned": _pair_loop(pair=lambda rec, kl, beta: (rec.mean() / 784, kl.mean())),
        "keeps-graph": _pair_loop(keep=lambda t: t),
        "tensors": _pair_loop(keep=lambda t: t.detach()),
    },
)
