"""Probes of `autodecoder`: calls with other arguments, a decoder, fitted latents, a score."""

from __future__ import annotations

import torch
from torch import nn

from autograder.student.probes.autoencoder import LEARNS, learns, louder
from autograder.student.probes.common import (
    ARRAY,
    ENDS,
    FLAG,
    LIST,
    NUMBER,
    OWN,
    RESULT,
    TRIED,
    array,
    attempt,
    attempt_call,
    built,
    extremes,
    file,
    lookup,
    nothing_came,
    own,
    probe,
    seeded,
)


@probe(
    {
        "{sizes}": RESULT,  # in evaluation mode
        "{sizes}.single": RESULT,  # of the first row alone
        "{sizes}.training": RESULT,  # in train mode
        "after.{}": ARRAY,
        "own": OWN,
        **LEARNS,  # of the one called main, as is all that follows
        "first": RESULT,  # two calls
        "again": RESULT,
        "copied": RESULT,  # of a second decoder with the first one's state_dict
        "attached": FLAG,
        "grad": ARRAY,  # of row 0 of the weighted output, (B, nz)
        **dict.fromkeys(ENDS, NUMBER),  # of outputs under large parameters
        "up": {**NUMBER, **TRIED},  # extremes of the output after it was pushed there
        "down": {**NUMBER, **TRIED},
    }
)
def decoder(names, inputs) -> dict:
    """Build a decoder of each size, look at its output, its gradients and its weights.

    inputs: name; sizes: {label: nz}; "<label>.z" (B, nz); main: the label that gets the closer
        look; weights: (784,); pushes, rate: at most how many steps of Adam, and how large, push its
        outputs until they are `far` from 0.
    """
    found = lookup(names, inputs["name"])
    evidence: dict = {}

    def build(nz):
        return built(found, nz, lambda model: model(torch.zeros(2, nz)))

    for label, nz in inputs["sizes"].items():
        z = torch.from_numpy(inputs[f"{label}.z"].copy()).float()
        model = attempt(evidence, label, build, nz)
        if model is not None:
            _forward(evidence, model, label, z)
    nothing_came(evidence, inputs["sizes"])
    nz, z = inputs["sizes"][inputs["main"]], inputs[f"{inputs['main']}.z"]
    z, weights = torch.from_numpy(z.copy()).float(), torch.from_numpy(inputs["weights"]).float()
    fresh = attempt(evidence, "own", lambda: build(nz).eval())
    if fresh is not None:
        own(evidence, inputs, decode=fresh)
    attempt(evidence, "structure", _closer, evidence, build, nz, z, weights)
    for label in ("up", "down"):
        attempt(evidence, label, _push, evidence, build, label, nz, z, inputs)
    return evidence


def _forward(evidence, model, label, z) -> None:
    given = z.clone()
    attempt(evidence, label, model.eval)
    attempt_call(evidence, label, model, given)
    evidence[f"after.{label}.z"] = array(given)
    attempt_call(evidence, f"{label}.single", model, z[:1].clone())
    attempt(evidence, label, model.train)
    attempt_call(evidence, f"{label}.training", model, z.clone())


def _closer(evidence, build, nz, z, weights) -> None:
    model, other = build(nz), build(nz)
    fresh = build(nz)
    learns(evidence, fresh, model, z.clone())
    with torch.no_grad():
        evidence.update(extremes([loud(z.clone()) for loud in louder(fresh)]))
    other.load_state_dict(model.state_dict())
    model.eval()
    other.eval()
    file(evidence, "first", model(z.clone()))
    file(evidence, "again", model(z.clone()))
    file(evidence, "copied", other(z.clone()))
    leaf = z.clone().requires_grad_()
    result = model(leaf.clone())
    evidence["attached"] = bool(result.requires_grad)
    if result.requires_grad:
        (gradient,) = torch.autograd.grad(
            (result.reshape(len(z), -1)[0] * weights).sum(), [leaf], allow_unused=True
        )
        evidence["grad"] = array(torch.zeros_like(z) if gradient is None else gradient)


def _push(evidence, build, label, nz, z, inputs) -> None:
    """Train the outputs upwards or downwards, to see how far they can go."""
    model = build(nz)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=inputs["rate"])
    for step in range(inputs["pushes"] + 1):
        result = model(z.clone())
        reached = float(result.max() if label == "up" else result.min())
        if step == inputs["pushes"] or abs(reached) > inputs["far"]:
            break
        optimizer.zero_grad()
        (-result.mean() if label == "up" else result.mean()).backward()
        optimizer.step()
    evidence[label] = reached


class SmallDecoder(nn.Module):
    """Latents to logits through batch normalisation: parameters and buffers to disturb."""

    def __init__(self, inputs):
        super().__init__()
        into, out = (torch.from_numpy(inputs[key].copy()).float() for key in ("into", "out"))
        self.into = nn.Linear(into.shape[0], into.shape[1], bias=False)
        self.norm = nn.BatchNorm1d(into.shape[1])
        self.out = nn.Linear(*out.shape)
        with torch.no_grad():
            self.into.weight.copy_(into.T)
            self.out.weight.copy_(out.T)
            self.out.bias.copy_(torch.from_numpy(inputs["bias"].copy()))
            self.norm.running_mean.copy_(torch.from_numpy(inputs["mean"].copy()))
            self.norm.running_var.copy_(torch.from_numpy(inputs["var"].copy()))

    def forward(self, z):
        hidden = self.into(z)
        return self.out(hidden + 0.2 * self.norm(hidden)).reshape(-1, 1, 28, 28)


@probe(
    {
        "{fits}": RESULT,  # the latents
        "{fits}.decoded": {**ARRAY, **TRIED},  # their logits in evaluation mode
        "{fits}.flags": LIST,  # requires_grad of the decoder's parameters after
        "{fits}.parameters": ARRAY,  # of the decoder after, flattened
        "{fits}.buffers": ARRAY,
        "before.parameters": ARRAY,
        "before.buffers": ARRAY,
        "after.{}": ARRAY,
    }
)
def fitting(names, inputs) -> dict:
    """Fit latents with `fit_latents(decoder, x, nz, steps, lr)` to a small decoder, several times.

    inputs: into, out, bias, mean, var: the decoder; x (N, 784); nz; fits: {label: [steps, lr,
        "train" or "eval": the decoder's mode]}.
    """
    fit = lookup(names, "fit_latents")
    evidence: dict = {}
    for label, (steps, lr, mode) in inputs["fits"].items():
        model = SmallDecoder(inputs).train(mode == "train")
        evidence["before.parameters"], evidence["before.buffers"] = _state(model)
        x = torch.from_numpy(inputs["x"].copy()).float().reshape(-1, 1, 28, 28)
        with seeded(inputs["seed"]):
            z = attempt(evidence, label, fit, model, x, inputs["nz"], steps, lr)
        evidence[f"{label}.flags"] = [p.requires_grad for p in model.parameters()]
        evidence[f"{label}.parameters"], evidence[f"{label}.buffers"] = _state(model)
        if f"{label}.error" in evidence:
            continue
        file(evidence, label, z)
        attempt(evidence, f"{label}.decoded", _decode, evidence, label, z, inputs)
        evidence["after.x"] = array(x.reshape(len(x), -1))
    nothing_came(evidence, inputs["fits"])
    return evidence


def _state(model):
    parameters = torch.cat([p.detach().flatten() for p in model.parameters()])
    buffers = torch.cat([b.detach().flatten().double() for b in model.buffers()])
    return array(parameters), array(buffers)


def _decode(evidence, label, z, inputs) -> None:
    model = SmallDecoder(inputs).eval()
    z = torch.as_tensor(z).detach().float()
    with torch.no_grad():
        evidence[f"{label}.decoded"] = array(model(z))


@probe(
    {
        "{pairs}": RESULT,
        "{misfits}.returned": FLAG,  # whether the call returned something instead of raising
        "after.{}": ARRAY,
    }
)
def score(names, inputs) -> dict:
    """Call `batch_rmse_score(x, x_rec)` on pairs that fit, and on pairs that do not.

    inputs: pairs: {label: [key, key]}; misfits: {label: [key, key]}; the arrays.
    """
    scored = lookup(names, "batch_rmse_score")
    evidence: dict = {}
    images: dict = {}
    for label, keys in {**inputs["pairs"], **inputs["misfits"]}.items():
        for key in keys:
            images.setdefault(key, torch.from_numpy(inputs[key].copy()).float())
        given = [images[key] for key in keys]
        if label in inputs["pairs"]:
            attempt_call(evidence, label, scored, *given)
            continue
        try:
            scored(*given)
            evidence[f"{label}.returned"] = True
        except Exception:
            evidence[f"{label}.returned"] = False
    for key, image in images.items():
        evidence[f"after.{key}"] = array(image)
    nothing_came(evidence, inputs["pairs"])
    return evidence
