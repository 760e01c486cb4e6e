"""Beside the student's variational autoencoder: posteriors, loops, bounds, submitted weights."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

from autograder.student.probes import autoencoder, common
from autograder.student.probes.common import ARRAY, ENDS, FLAG, NUMBER, RESULT, TEXT, TRIED, probe

# -- the model ------------------------------------------------------------------------------------


LOOKED_AT = "the last model, and an image"  # kept among the student's names; nobody's own name


def _of_methods(tag) -> dict:
    """What its four methods gave; tag: how they were called."""
    several = {
        f"{method}{tag}{name}": kind
        for method, parts in (("encode", "01"), ("forward", "012"))
        for name, kind in {
            "": TRIED,
            ".kind": TEXT,  # of what came back, and how many
            ".count": NUMBER,
            **{f".{part}": RESULT for part in parts},
        }.items()
    }
    return {**several, f"decode{tag}": RESULT, f"reconstruct{tag}": RESULT}


@probe(
    {
        "build.{sizes}": TRIED,
        **_of_methods(".{sizes}"),
        **_of_methods(".{sizes}.one"),  # in evaluation mode, of one image
        **_of_methods(".{sizes}.all"),  # of all images, twice
        **_of_methods(".{sizes}.again"),
        "images changed": FLAG,
        "own": common.OWN,
        **autoencoder.LEARNS,
        "logvar learns": FLAG,
        "image gradient": FLAG,
        "mu gradient": FLAG,
        "instances": TRIED,
        "shared": NUMBER,  # tensors of two fresh models
        "apart": NUMBER,
        "uncopied": NUMBER,  # how far a model is from one that took over its state
        **{f"{part} {end}": NUMBER for part in ("mu", "logvar", "logits") for end in ENDS},
        "codes apart": NUMBER,
        "samples.eval": TRIED,  # of the model that `decoding` asks next: see `_samples`
        "samples.train": TRIED,
        "posterior": ARRAY,
        "means": ARRAY,
        "sampled.eval": ARRAY,
        "fixed noise": FLAG,  # whether a second call gave the very same logits
        "rebuilding": TRIED,
        "at mean": ARRAY,
        "rebuilt": ARRAY,
        "rebuilt twice": ARRAY,
    }
)
def model(names, inputs) -> dict:
    """Build `VAE(nz)` a few times and look at it from outside.

    inputs: sizes: two nz; x: images; z.<nz>: latents; draws: how often one posterior is sampled.
    """
    found = common.lookup(names, "VAE")
    x = torch.from_numpy(inputs["x"]).float()
    as_given = x.clone()
    evidence: dict = {}

    def build(nz):
        z = torch.zeros(2, nz)
        return common.built(found, nz, lambda vae: (vae.encode(x[:2].clone()), vae.decode(z)))

    for nz in reversed(inputs["sizes"]):  # the first one stays, for a closer look
        z = torch.from_numpy(inputs[f"z.{nz}"]).float()
        fresh = vae = common.attempt(evidence, f"build.{nz}", lambda nz=nz: build(nz))
        if vae is None:
            continue
        _parts(evidence, f".{nz}", vae, x, z)
        vae.eval()
        with torch.no_grad():
            _parts(evidence, f".{nz}.one", vae, x[:1], z[:1])
            for tag in ("all", "again") if nz == inputs["sizes"][0] else ():
                _parts(evidence, f".{nz}.{tag}", vae, x, z)
    if fresh is not None:
        common.own(evidence, inputs, lambda x: fresh.encode(x)[0], lambda z: fresh.decode(z))
    evidence["images changed"] = not torch.equal(x, as_given)
    if fresh is None:  # how building failed is all there is to say
        for part in ("structure", "instances", "samples.eval", "samples.train", "rebuilding"):
            evidence[f"{part}.error"] = evidence[f"build.{nz}.error"]
        return evidence
    common.attempt(evidence, "structure", lambda: _structure(evidence, fresh, build(nz), x))
    vae = common.attempt(evidence, "instances", _instances, evidence, build, nz, x, z)
    if vae is None:
        vae = common.attempt(evidence, "samples.eval", build, nz)
    if vae is not None:
        image = common.attempt(evidence, "samples.eval", _stretched, vae, x)
        image = x[:1] if image is None else image
        common.attempt(evidence, "samples.eval", _samples, evidence, vae, x, image, inputs)
        models = [fresh, vae]  # as networks begin, and with large weights' bold pictures
        common.attempt(evidence, "rebuilding", _rebuilding, evidence, models, as_given)
        names[LOOKED_AT] = vae, image
    return evidence


@probe(
    {
        "samples.eval": TRIED,
        "samples.train": TRIED,
        "decoded": ARRAY,  # logits of z
        "sampled.train": ARRAY,  # logits of one image, drawn a few times
    }
)
def decoding(names, inputs) -> dict:
    """Decode latents with the model of the last `model`, then sample an image in train mode.

    inputs: z.
    """
    vae, image = names[LOOKED_AT]
    evidence: dict = {}
    vae.eval()

    def decoded():
        with torch.no_grad():
            z = torch.from_numpy(inputs["z"]).float()
            evidence["decoded"] = common.array(vae.decode(z).flatten(1))

    def sampled():
        vae.train()
        with torch.no_grad():
            many = image.expand(32, -1, -1, -1)
            evidence["sampled.train"] = common.array(vae(many)[0].flatten(1))

    common.attempt(evidence, "samples.eval", decoded)
    common.attempt(evidence, "samples.train", sampled)
    return evidence


def _parts(evidence, tag, vae, x, z):
    def pair(key, values, count):
        evidence[f"{key}{tag}.kind"] = type(values).__name__
        values = tuple(values) if isinstance(values, (tuple, list)) else (values,)
        evidence[f"{key}{tag}.count"] = len(values)
        if len(values) == count:
            for i, value in enumerate(values):
                common.file(evidence, f"{key}{tag}.{i}", value)

    common.attempt(evidence, f"encode{tag}", lambda: pair("encode", vae.encode(x), 2))
    common.attempt(
        evidence, f"decode{tag}", lambda: common.file(evidence, f"decode{tag}", vae.decode(z))
    )
    common.attempt(evidence, f"forward{tag}", lambda: pair("forward", vae(x), 3))
    common.attempt(
        evidence,
        f"reconstruct{tag}",
        lambda: common.file(evidence, f"reconstruct{tag}", vae.reconstruct(x)),
    )


def _structure(evidence, vae, other, x):
    learning = autoencoder.parameters(evidence, vae)
    vae.train()
    with torch.no_grad():
        autoencoder.shake(vae, 0.01)  # see `autoencoder.learns`
    x = x.clone().requires_grad_(True)
    logits, mu, logvar = vae(x)
    leaves = [x, *learning.values()]
    (image, *of_logits), *others = (_slopes(part, leaves) for part in (logits, mu, logvar))
    slopes = [of_logits, *(of_parameters for _, *of_parameters in others)]
    evidence["unreached"] = [
        name
        for name, *found in zip(learning, *slopes, strict=True)
        if all(slope is None for slope in found)
    ]
    evidence["logvar learns"] = _learns(*slopes)
    evidence["unlearned"] = common.unlearned(
        vae, other, lambda: torch.cat([part.flatten() for part in vae(x)])
    )
    # Through the sample alone: do the images teach the encoder?
    evidence["image gradient"] = _any(image)
    evidence["mu gradient"] = mu.requires_grad and _any(*_slopes(logits, [mu]))


def _slopes(part, leaves) -> list:
    """Gradients of a part of the result for every leaf; None where none reaches it."""
    if not part.requires_grad:
        return [None] * len(leaves)
    value = part.pow(2).sum() + part.sum()
    return list(torch.autograd.grad(value, leaves, retain_graph=True, allow_unused=True))


def _any(slope) -> bool:
    return slope is not None and bool(slope.any())


def _learns(of_logits, of_mu, of_logvar) -> bool | None:
    """Whether the logits send a gradient to what makes logvar and has no part in mu; None where
    there is no such parameter.
    """
    learns = None
    for mine, others, own in zip(of_logits, of_mu, of_logvar, strict=True):
        if own is None:
            continue
        mask = own != 0 if others is None else (own != 0) & (others == 0)
        if mask.any():
            learns = learns or (mine is not None and _any(mine[mask]))
    return learns


def _instances(evidence, build, nz, x, z):
    """What two fresh models share, and how far outputs go under large parameters; returns one."""
    first, second = build(nz).eval(), build(nz).eval()
    own = {t.data_ptr() for t in [*first.parameters(), *first.buffers()] if t.numel()}
    evidence["shared"] = sum(t.data_ptr() in own for t in [*second.parameters(), *second.buffers()])
    with torch.no_grad():
        mine = [*first.encode(x), first.decode(z)]
        others = [*second.encode(x), second.decode(z)]
        evidence["apart"] = float(
            max((a - b).abs().max() for a, b in zip(mine, others, strict=True))
        )
        second.load_state_dict(first.state_dict())
        copied = [*second.encode(x), second.decode(z)]
        evidence["uncopied"] = float(
            max((a - b).abs().max() for a, b in zip(mine, copied, strict=True))
        )
        seen = [
            (*loud.encode(x), loud.decode(z))
            for model in (first, second, first)
            for loud in autoencoder.louder(model)
        ]
        for key, outputs in zip(("mu", "logvar", "logits"), zip(*seen, strict=True), strict=True):
            ends = common.extremes(outputs)
            evidence |= {f"{key} {name}": value for name, value in ends.items()}
        evidence["codes apart"] = float(max((mu - logvar).abs().max() for mu, logvar, _ in seen))
    return first


def _samples(evidence, vae, x, image, inputs):
    """`means` of the images; `posterior`: mu and logvar of one, for two copies of it, twice;
    `sampled.eval`: its logits, drawn many times.
    """
    vae.eval()
    with torch.no_grad():
        twice = [torch.cat(tuple(vae.encode(image.expand(2, -1, -1, -1))), 1) for _ in range(2)]
        evidence["posterior"] = common.array(torch.cat(twice))
        evidence["means"] = common.array(vae.encode(x)[0])
        # One image many times: batch normalisation then sees nothing else, in either mode.
        many = image.expand(int(inputs["draws"]), -1, -1, -1)
        evidence["sampled.eval"] = common.array(vae(many)[0].flatten(1))
        evidence["fixed noise"] = torch.equal(vae(x)[0], vae(x)[0])


@torch.no_grad()
def _stretched(vae, x, target=2.5, most=6.0):
    """Makes the weights of a fresh model larger and less alike until some image's widest posterior
    dimension, which its samples show most, has a logvar well away from 0, from its mu and from half
    of it, and not so far that nothing is seen of the samples; returns that image, or where none is
    like that, the one whose logvar is nearest to 0.
    """
    vae.eval()
    for _ in range(16):
        mu, logvar = vae.encode(x)
        widest, dimension = logvar.max(1)
        mean = mu.gather(1, dimension[:, None])[:, 0]
        distances = torch.stack([widest, widest - mean, 2 * widest - mean]).abs()
        moderate = widest.abs() < most
        shows = distances.amin(0) * moderate
        if shows.max() > target or not moderate.any():
            break
        autoencoder.shake(vae, 0.01)
        for p in vae.parameters():
            p.mul_(1.15)
    found = int(shows.argmax() if shows.any() else widest.abs().argmin())
    return x[found : found + 1]


def _rebuilding(evidence, models, x):
    """`reconstruct` twice, and what the first model makes of its means."""
    rebuilt, again = [], []
    fresh = models[0].eval()
    with torch.no_grad():
        evidence["at mean"] = common.array(fresh.decode(fresh.encode(x)[0]))
    for vae in models:
        vae.eval()
        rebuilt.append(vae.reconstruct(x))
        again.append(vae.reconstruct(x))
    for key, parts in (("rebuilt", rebuilt), ("rebuilt twice", again)):
        evidence[key] = common.array(torch.cat(parts))


# -- training -------------------------------------------------------------------------------------


class _SmallVAE(autoencoder.Small):
    """A VAE small enough to step exactly; posteriors so narrow that its noise, which is drawn
    elsewhere, hardly matters.
    """

    def __init__(self, inputs):
        super().__init__(inputs, coded=6)
        self.mean, self.sampled = None, []  # whether a latent that was trained on is not the mean
        self.noise = itertools.cycle(torch.from_numpy(inputs["noise"]).float())

    def encode(self, x):
        self.calls.append((len(x), self.training, torch.is_grad_enabled()))
        mu, logvar = self.norm(self.inner(x.flatten(1))).chunk(2, dim=1)
        self.mean = mu.detach()
        return mu, logvar - 14

    def decode(self, z):
        logits = self.outer(z).view(-1, 1, 28, 28)
        if logits.requires_grad and self.mean is not None and z.shape == self.mean.shape:
            sampled = not torch.equal(z.detach(), self.mean)
            logits.register_hook(lambda slope: self.sampled.append(sampled))
        return logits

    def forward(self, x):
        mu, logvar = self.encode(x)
        noise = torch.stack([row for row, _ in zip(self.noise, mu, strict=False)])
        return self.decode(mu + noise), mu, logvar

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()


@probe(
    {
        **autoencoder.EPOCH,
        "sampled": FLAG,  # whether what was trained on was never the mean
        "zero": TRIED,  # of the other one
        "zero.update": ARRAY,
    }
)
def training(names, inputs) -> dict:
    """Have `train_epoch(model, loader, optimizer, beta)` train a small VAE for one epoch, and
    another one with a beta of 0.
    """
    train_epoch = common.lookup(names, "train_epoch")

    def epoch(evidence, beta):
        vae = _SmallVAE(inputs)
        lr, momentum, batches = inputs["lr"], inputs["momentum"], autoencoder.batches(inputs)
        optimizer = autoencoder.Steps(vae.parameters(), lr=lr, momentum=momentum)
        autoencoder.trained(
            evidence, vae, optimizer, lambda: train_epoch(vae, batches, optimizer, beta)
        )
        evidence["sampled"] = all(vae.sampled)
        return evidence

    evidence = epoch({}, inputs["beta"])
    other = common.attempt(evidence, "zero", epoch, {}, 0.0)
    if other is not None:
        evidence["zero.update"] = other["update"]
    return evidence


# -- the importance-weighted bound ----------------------------------------------------------------


class _Given(nn.Module):
    """A VAE given by its matrices, the same in either mode, whose samples were drawn elsewhere.

    inputs: x: the images that it knows; samples: latents (images, draws, nz) of each.
    """

    def __init__(self, inputs):
        super().__init__()
        for key in ("to mu", "to logvar", "to logits"):
            self.register_buffer(key.replace(" ", "_"), torch.from_numpy(inputs[key]).float())
        self.known = torch.from_numpy(inputs["x"]).float().flatten(1)
        samples = torch.from_numpy(inputs["samples"]).float()
        self.samples = [itertools.cycle(of_one) for of_one in samples]

    def encode(self, x):
        flat = x.flatten(1)
        return flat @ self.to_mu, flat @ self.to_logvar

    def decode(self, z):
        return (z @ self.to_logits).view(-1, 1, 28, 28)

    def forward(self, x):
        which = torch.cdist(x.flatten(1), self.known).argmin(1)
        z = torch.stack([next(self.samples[i]) for i in which])
        return self.decode(z), *self.encode(x)

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()


@probe({"bound.{asked}": RESULT, "zero.{asked}": RESULT, "again": TRIED, "fixed": FLAG})
def bound(names, inputs) -> dict:
    """Call `iwae_bound(model, x, k)` on images repeated many times, for several k, and on each
    image once with a model whose matrices are all zero.

    inputs: x; asked: [k, how many of the images, how often each].
    bound.<k> is (images, repeats); zero.<k>, of that other model, (images,). fixed: whether two
    calls gave the very same numbers.
    """
    iwae_bound = common.lookup(names, "iwae_bound")
    vae = _Given(inputs)
    zero = _Given({**inputs, **{k: 0 * inputs[k] for k in ("to mu", "to logvar", "to logits")}})
    evidence: dict = {}
    x = torch.from_numpy(inputs["x"]).float()
    for k, images, repeats in inputs["asked"]:
        rows = x[:images].repeat_interleave(repeats, 0)
        with torch.no_grad():
            result = iwae_bound(vae, rows, k)
        common.file(evidence, f"bound.{k}", result)
        value = evidence[f"bound.{k}"]
        if value is not None and value.shape == (len(rows),):
            evidence[f"bound.{k}"] = value.reshape(images, repeats)
        with torch.no_grad():
            common.attempt_call(evidence, f"zero.{k}", iwae_bound, zero, x, k)
    common.attempt(evidence, "again", _twice, evidence, iwae_bound, vae, x, inputs["asked"][-1][0])
    return evidence


def _twice(evidence, iwae_bound, vae, x, k):
    with torch.no_grad():
        first, again = (common.array(iwae_bound(vae, x, k)) for _ in range(2))
    evidence["fixed"] = first is not None and np.array_equal(first, again)


# -- submitted runs -------------------------------------------------------------------------------


def _loaded(names, inputs):
    """The student's model of that class, with the submitted weights."""
    nz = int(inputs["nz"])
    weights = {
        key[8:]: torch.from_numpy(np.ascontiguousarray(value))
        for key, value in inputs.items()
        if key.startswith("weights.")
    }
    models = [common.lookup(names, name)(nz) for name in inputs["classes"]]
    for model, prefix in zip(models, inputs["prefixes"], strict=True):
        own = {
            key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)
        }
        model.load_state_dict(own)
        model.eval()
    return models


@probe({"mu": ARRAY, "logvar": ARRAY})
def encode(names, inputs) -> dict:
    """Build `classes[0]`, load the weights, encode x; logvar is of a VAE."""
    model = _loaded(names, inputs)[0]
    with torch.no_grad():
        x = torch.from_numpy(inputs["x"]).float()
        result = model.encode(x) if hasattr(model, "encode") else model(x)
    parts = result if isinstance(result, (tuple, list)) else (result,)
    return {key: common.array(part) for key, part in zip(("mu", "logvar"), parts, strict=False)}


@probe({"logits": ARRAY})
def decode(names, inputs) -> dict:
    """Build `classes[-1]`, load the weights, decode z."""
    model = _loaded(names, inputs)[-1]
    with torch.no_grad():
        z = torch.from_numpy(inputs["z"]).float()
        return {"logits": common.array(model.decode(z) if hasattr(model, "decode") else model(z))}
