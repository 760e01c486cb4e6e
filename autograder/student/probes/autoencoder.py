"""Beside the student's autoencoder: what networks, loops and samplers are seen to do."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.student.probes import common
from autograder.student.probes.common import (
    ARRAY,
    ENDS,
    FLAG,
    LIST,
    NUMBER,
    RESULT,
    TEXT,
    TRIED,
    probe,
)

INSTANCES = 3  # so many fresh networks, and their negatives, show both signs in some output
LOUDER = 10.0  # parameters times this: an output that stays small, or of one sign, then is squashed


LEARNS = {  # of any network: what an optimizer finds in it
    "structure": TRIED,
    "parameters": NUMBER,
    "frozen": LIST,  # names of parameters that require no gradient
    "unreached": LIST,  # and of those that get none
    "unlearned": LIST,  # buffers that act like weights
}


class _Shapes(TorchDispatchMode):
    """Notes the shape of every feature map of a batch, (C, H, W), however it is computed."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch
        self.seen: list[list[int]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(part, torch.Tensor) and part.ndim == 4 and len(part) == self.batch:
                if list(part.shape[1:]) not in self.seen:
                    self.seen.append(list(part.shape[1:]))
        return result


@probe(
    {
        "out.{sizes}": RESULT,
        "alone.{sizes}": RESULT,  # in evaluation mode the first input by itself
        "together.{sizes}": RESULT,  # and the whole batch, twice
        "again.{sizes}": RESULT,
        "input changed": FLAG,
        "shapes": LIST,  # (C, H, W) of the feature maps on the way
        "own": common.OWN,
        **LEARNS,
        "bend": NUMBER,  # distance from an affine function
        "instances": TRIED,
        "shared": NUMBER,  # tensors of two fresh networks
        "apart": NUMBER,
        "copied": ARRAY,  # of a network that took over another's state, and of that other
        "original": ARRAY,
        "negatives": NUMBER,  # how far outputs move with what is negative in the input
        "unused": NUMBER,  # dimensions of a code that move no output
        **dict.fromkeys(ENDS, NUMBER),  # of outputs under large parameters
        "totals": LIST,
    }
)
def network(names, inputs) -> dict:
    """Build a network a few times and look at it from outside.

    inputs: name; sizes: two nz; input.<nz>: a batch for each; own x or own z: see `common.own`.
    """
    found = common.lookup(names, inputs["name"])
    sizes = [int(nz) for nz in inputs["sizes"]]
    batches = {nz: torch.from_numpy(inputs[f"input.{nz}"]).float() for nz in sizes}
    evidence: dict = {}

    def build(nz):
        return common.built(found, nz, lambda model: model(batches[nz]))

    for nz in sizes:
        common.attempt(
            evidence, f"out.{nz}", lambda nz=nz: _output(evidence, build, nz, batches[nz].clone())
        )
        common.attempt(
            evidence, f"alone.{nz}", lambda nz=nz: _alone(evidence, build, nz, batches[nz].clone())
        )
    nz, x = sizes[0], batches[sizes[0]]
    fresh = common.attempt(evidence, "own", lambda: build(nz).eval())
    if fresh is not None:
        common.own(evidence, inputs, code=fresh, decode=fresh)
    common.attempt(evidence, "structure", lambda: structure(evidence, build(nz), build(nz), x))
    common.attempt(
        evidence, "instances", lambda: instances(evidence, [build(nz) for _ in range(INSTANCES)], x)
    )
    return evidence


def _output(evidence, build, nz, x):
    model = build(nz)
    with _Shapes(len(x)) as shapes:
        result = model(x)
    common.file(evidence, f"out.{nz}", result)
    evidence.setdefault("shapes", shapes.seen)


def _alone(evidence, build, nz, x):
    model = build(nz).eval()
    with torch.no_grad():
        as_given = x.clone()
        common.file(evidence, f"together.{nz}", model(x))
        common.file(evidence, f"again.{nz}", model(x))
        evidence["input changed"] = not torch.equal(x, as_given)
        common.file(evidence, f"alone.{nz}", model(x[:1]))


def structure(evidence, model, other, x) -> None:
    """Which parameters there are, which a gradient reaches, and whether the output bends."""
    learns(evidence, model, other, x)
    model.eval()
    with torch.no_grad():
        half = len(x) // 2
        a, b = x[:half], x[half : 2 * half]
        middle, ends = model((a + b) / 2), (model(a) + model(b)) / 2
        evidence["bend"] = float((middle - ends).abs().max() / (model(a) - model(b)).abs().max())


def learns(evidence, model, other, x) -> None:
    """What of a network an optimizer can change, see `LEARNS`; the model is in train mode then, and
    its weights are no longer quite as they were. other: another fresh one.
    """
    learning = parameters(evidence, model)
    model.train()
    with torch.no_grad():
        shake(model, 0.01)  # a layer may begin with zeros: nothing below it learns until it moves
    result = model(x)
    total = (result * torch.randn_like(result)).sum()
    if total.requires_grad:
        total.backward()
    evidence["unreached"] = [name for name, p in learning.items() if p.grad is None]
    evidence["unlearned"] = common.unlearned(model, other, lambda: model(x))


def parameters(evidence, model) -> dict:
    """Says how many parameters there are, and which are frozen; {name: parameter} of the others."""
    every = dict(model.named_parameters())
    evidence["parameters"] = len(every)
    evidence["frozen"] = [name for name, p in every.items() if not p.requires_grad]
    return {name: p for name, p in every.items() if p.requires_grad}


def instances(evidence, models, x) -> None:
    """What several fresh networks of one class share, and what their outputs look like."""
    first, second = models[0].eval(), models[1].eval()
    own = {t.data_ptr() for t in [*first.parameters(), *first.buffers()] if t.numel()}
    evidence["shared"] = sum(t.data_ptr() in own for t in [*second.parameters(), *second.buffers()])
    with torch.no_grad():
        first_output = first(x)
        dead = not first_output.any()  # it may be so in both by chance, and says nothing
        evidence["apart"] = None if dead else float((first_output - second(x)).abs().max())
        second.load_state_dict(first.state_dict())
        evidence["negatives"] = _negatives(models, x) if (x < 0).any() else None
        evidence["unused"] = _unused(models[-1], x) if x.ndim == 2 else None
        evidence["copied"], evidence["original"] = (
            common.array(second(x)),
            common.array(first_output),
        )
        outputs = [loud(x) for model in models for loud in louder(model)]
        evidence.update(common.extremes(outputs))
        totals = [output.flatten(1).sum(1) for output in outputs]
        evidence["totals"] = [
            float(min(t.min() for t in totals)),
            float(max(t.max() for t in totals)),
        ]


def _negatives(models, x) -> float:
    """How far outputs move when what is negative in the input is doubled."""
    doubled = torch.where(x < 0, 2 * x, x)
    return max(float((model(doubled) - model(x)).abs().max()) for model in models)


def _unused(model, x) -> int:
    """How many dimensions of a code (B, nz) move no output, whatever the parameters."""
    unused = set(range(x.shape[1]))
    for loud in louder(model):
        as_given = loud(x.clone())
        moved = {j: x + torch.eye(x.shape[1])[j] for j in unused}
        unused = {j for j, code in moved.items() if torch.equal(loud(code), as_given)}
    return len(unused)


def shake(model, size):
    """Adds normal noise of that size to every parameter, in place.

    Drawing noise costs more than all else done to a large network: one draw serves all parameters,
    each from a place of its own, and large ones again and again.
    """
    drawn = 50_021  # a prime: rows of a large matrix have other noise than their neighbours
    longest = max((p.numel() for p in model.parameters()), default=0)
    noise = (size * torch.randn(drawn)).repeat(2 + longest // drawn)
    for p in model.parameters():
        start = int(torch.randint(drawn, ()))
        p.add_(noise[start : start + p.numel()].view(p.shape))


def louder(model):
    """Yields a model in evaluation mode whose parameters, also those that begin at zero, are large
    for once; then the same with all of them negated.
    """
    model.eval()
    before = [p.clone() for p in model.parameters()]
    shake(model, 0.05)
    for p in model.parameters():
        p.mul_(LOUDER)
    yield model
    for p in model.parameters():
        p.neg_()
    yield model
    for p, own in zip(model.parameters(), before, strict=True):
        p.copy_(own)


# -- training -------------------------------------------------------------------------------------


class Small(nn.Module):
    """Something to train that is small, depends on its mode, and remembers how it was called."""

    def __init__(self, inputs, coded=3):
        super().__init__()
        self.inner = nn.Linear(784, coded)
        self.norm = nn.BatchNorm1d(coded)
        self.outer = nn.Linear(3, 784)
        with torch.no_grad():
            self.inner.weight.copy_(torch.from_numpy(inputs["inner"]))
            self.outer.weight.copy_(torch.from_numpy(inputs["outer"]))
            self.inner.bias.zero_()
            self.outer.bias.fill_(inputs.get("bias", 0.0))
        self.calls: list[tuple[int, bool, bool]] = []

    def forward(self, x):
        self.calls.append((len(x), self.training, torch.is_grad_enabled()))
        return self.outer(self.norm(self.inner(x.flatten(1)))).view_as(x)


class Steps(torch.optim.SGD):
    """Counts its steps."""

    count = 0

    def step(self, closure=None):
        self.count += 1
        return super().step(closure)


class _Batch(tuple):
    """Images and labels; says so to whom takes it for images."""

    def __getattr__(self, name):
        raise AttributeError(f"a batch is a pair (images, labels), and a pair has no {name!r}")


def batches(inputs) -> list:
    """The (x, y) batches of a tiny data set, in order and of unequal size."""
    x = torch.from_numpy(inputs["x"]).float()
    y = torch.from_numpy(inputs["y"])
    pairs = zip(x.split(inputs["batches"]), y.split(inputs["batches"]), strict=True)
    return [_Batch(pair) for pair in pairs]


def weights_of(model) -> np.ndarray:
    """All parameters in one vector."""
    return np.concatenate([p.detach().cpu().double().numpy().ravel() for p in model.parameters()])


EPOCH = {
    "gradients": NUMBER,  # how often one arrived
    "update": ARRAY,  # of all parameters
    "steps": NUMBER,
    "sizes": LIST,  # of the batches that the model was given, and its mode
    "in train mode": LIST,
    "kind": TEXT,
    "kinds": LIST,  # of the entries of a list
    "alive": FLAG,  # whether something returned holds its graph
    "result": RESULT,
}


def trained(evidence, model, optimizer, run) -> None:
    """One epoch of `run()`, begun in evaluation mode: what it returned and what it did to the
    model.
    """
    model.eval()
    before = weights_of(model)
    arrived = []
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: arrived.append(1))
    result = run()
    evidence["gradients"] = len(arrived)
    evidence["update"] = weights_of(model) - before
    evidence["steps"] = optimizer.count
    evidence["sizes"] = [size for size, _, _ in model.calls]
    evidence["in train mode"] = [training for _, training, _ in model.calls]
    evidence["kind"] = type(result).__name__
    evidence["result"] = common.array(result)
    evidence["alive"] = bool(getattr(result, "requires_grad", False))
    if isinstance(result, (list, tuple)):
        evidence["kinds"] = sorted({type(entry).__name__ for entry in _leaves(result)})
        evidence["alive"] = any(getattr(entry, "requires_grad", False) for entry in _leaves(result))
        common.attempt(
            evidence, "result", lambda: common.file(evidence, "result", _numbers(result))
        )
        evidence["kind"] = type(result).__name__


def _leaves(result):
    for entry in result:
        yield from entry if isinstance(entry, (list, tuple)) else [entry]


def _numbers(result):
    return np.array(
        [[_number(e) for e in r] if isinstance(r, (list, tuple)) else _number(r) for r in result]
    )


def _number(entry) -> float:
    return float(entry.detach() if isinstance(entry, torch.Tensor) else entry)


@probe({**EPOCH, "statistics": ARRAY})
def training(names, inputs) -> dict:
    """Have `train_epoch(model, loader, loss_fn, optimizer)` train a small network for one epoch.

    statistics: what batch normalisation has gathered.
    """
    train_epoch = common.lookup(names, inputs.get("name", "train_epoch"))
    model = Small(inputs)
    evidence: dict = {}
    optimizer = Steps(model.parameters(), lr=inputs["lr"], momentum=inputs["momentum"])

    def loss_fn(network, x):
        if isinstance(network, torch.Tensor):
            raise TypeError("loss_fn takes the model and the images, and calls the model itself")
        return (network(x) - x).pow(2).mean() * inputs["scale"]

    trained(
        evidence, model, optimizer, lambda: train_epoch(model, batches(inputs), loss_fn, optimizer)
    )
    evidence["statistics"] = common.array(model.norm.running_mean)
    return evidence


# -- decoding -------------------------------------------------------------------------------------


class _Painter(nn.Module):
    """A decoder whose picture tells which latent it was given; it and its copies remember latents
    and modes in the same lists.
    """

    def __init__(self, paint):
        super().__init__()
        self.paint = nn.Parameter(torch.from_numpy(paint).float())
        self.drop = nn.Dropout(0.0)
        self.calls = _Calls()

    def forward(self, z):
        self.calls.append((z.detach().clone(), self.training))
        return (self.drop(z) @ self.paint + 0.5).view(-1, 1, 28, 28)  # not odd in z


class _Calls(list):
    """What a decoder was given, and its mode; a copy of it is still the same."""

    def __deepcopy__(self, memo):
        return self

    def column(self, number: int) -> list:
        return [call[number] for call in self]


MODES = "train", "eval"


@probe(
    {
        f"{name}.{mode}": kind
        for mode in MODES
        for name, kind in {
            "images": RESULT,
            "latents": ARRAY,  # what was decoded
            "modes": LIST,  # while decoding
            "after": FLAG,  # the mode afterwards, and that of a layer
            "children": FLAG,
            "left frozen": FLAG,  # whether the decoder can no longer learn
            "graphs": FLAG,  # whether torch still records graphs
        }.items()
    }
)
def sampling(names, inputs) -> dict:
    """Call `sample_prior(decoder, n, nz)` with the decoder in either mode."""
    sample = common.lookup(names, "sample_prior")
    evidence: dict = {}
    for mode in MODES:
        painter = _Painter(inputs["paint"]).train(mode == "train")
        images = sample(painter, int(inputs["n"]), len(inputs["paint"]))
        common.file(evidence, f"images.{mode}", images)
        if painter.calls:
            evidence[f"latents.{mode}"] = common.array(torch.cat(painter.calls.column(0)))
        evidence[f"modes.{mode}"] = painter.calls.column(1)
        evidence[f"after.{mode}"] = painter.training
        evidence[f"children.{mode}"] = painter.drop.training
        evidence[f"left frozen.{mode}"] = not painter.paint.requires_grad
        evidence[f"graphs.{mode}"] = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
    return evidence


@probe(
    {
        "grid": RESULT,
        "grid latents": ARRAY,  # what the decoder was given, in order
        "default": RESULT,
        "default latents": ARRAY,
        "explicit": RESULT,
        "explicit latents": ARRAY,
    }
)
def gridding(names, inputs) -> dict:
    """Call `latent_grid(decoder, n, span)`, with its defaults, and with these written out."""
    grid = common.lookup(names, "latent_grid")
    evidence: dict = {}
    for key, arguments in (
        ("grid", (int(inputs["n"]), float(inputs["span"]))),
        ("default", ()),
        ("explicit", (21, 4.0)),
    ):
        painter = _Painter(inputs["paint"]).eval()
        common.attempt(
            evidence,
            key,
            lambda k=key, p=painter, a=arguments: common.file(evidence, k, grid(p, *a)),
        )
        if painter.calls:
            evidence[f"{key} latents"] = common.array(torch.cat(painter.calls.column(0)))
    return evidence
