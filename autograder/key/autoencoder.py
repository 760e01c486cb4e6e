"""The answer key of `autoencoder`."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograder.key.kinds import noise, runs
from autograder.key.kinds.formula import formula
from autograder.key.question import Check, Mistake, Question, close, same_arrays

STAGES = ((32, 14, 14), (64, 7, 7), (128, 3, 3), (256, 1, 1))
CONVENTION = "the convention for losses: sum over pixels, mean over the batch"


# -- the two networks -----------------------------------------------------------------------------


class Encoder(nn.Module):
    """Images (B, 1, 28, 28) to codes (B, nz)."""

    def __init__(self, nz):
        super().__init__()
        convs = (
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.Conv2d(64, 128, 3, stride=2),
            nn.Conv2d(128, 256, 3),
        )
        self.layers = nn.Sequential(
            *(part for conv in convs for part in (conv, nn.ReLU())), nn.Flatten()
        )
        self.head = nn.Linear(256, nz)

    def forward(self, x):
        return self.head(self.layers(x))


class Decoder(nn.Module):
    """Codes (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.head = nn.Linear(nz, 256)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (256, 1, 1)),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 3, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.layers(self.head(z))


def blobs(rng, count):
    """Coarse random pictures, all different in brightness."""
    coarse = rng.uniform(0, 1, (count, 1, 7, 7)) * rng.uniform(0.3, 1, (count, 1, 1, 1))
    return np.kron(coarse, np.ones((1, 1, 4, 4)))


def network_form(expected):
    """A test: finite outputs of shape expected(B, nz), for two nz and for one input by itself."""

    def test(got, want, inputs):
        for nz in inputs["sizes"]:
            batch = len(inputs[f"input.{nz}"])
            for key, count in ((f"out.{nz}", batch), (f"alone.{nz}", 1)):
                problem = _output_problem(got, key, expected(count, nz))
                if problem:
                    return f"with nz = {nz} and a batch of {count}: {problem}"
        return None

    return test


def _output_problem(got, key, shape):
    if got.get(f"{key}.error"):
        return got[f"{key}.error"]
    if got.get(key) is None:
        return f"received a {got.get(f'{key}.kind')} where one tensor is asked for."
    if got[key].shape != shape:
        return f"received shape {got[key].shape}, expected {shape}."
    if not np.isfinite(got[key]).all():
        return "received values that are NaN or infinite."
    return None


def network_stages(stages):
    """A test: these (C, H, W) appear, in this order, while the network computes."""

    def test(got, want, inputs):
        seen = [tuple(shape) for shape in got.get("shapes") or ()]
        left = iter(seen)
        for stage in stages:
            if stage not in left:
                channels, height, width = stage
                saw = ", ".join(f"{c}×{h}×{w}" for c, h, w in seen[:12]) or "none"
                return (
                    f"the stage with {channels} channels of {height}×{width} was not seen in its "
                    "place; the "
                    f"feature maps on the way were {saw}."
                )
        return None

    return test


def network_free(got, want, inputs):
    """A test: outputs are of both signs, unbounded, and no affine function of the input."""
    if got.get("structure.error") or got.get("instances.error"):
        return got.get("structure.error") or got.get("instances.error")
    squashed = _squashed(got)
    if squashed:
        return f"the output is confined to {squashed[2]}."
    if got["bend"] < 1e-3:
        return "the whole network is an affine function of its input."
    if got["negatives"] == 0:
        return "how negative an input is makes no difference."
    return None


def _squashed(got):
    """(id, function, range) of what confines the output, or None."""
    low, high = got["lowest"], got["highest"]
    if low >= 0 and high <= 1 + 1e-6:
        if np.allclose(got["totals"], 1, atol=1e-3):
            return "softmax", "a softmax", "numbers that add up to 1"
        return "sigmoid", "a sigmoid", "[0, 1]"
    if low >= -1 - 1e-6 and high <= 1 + 1e-6:
        return "tanh", "a tanh or another bounded function", "[-1, 1]"
    if low >= 0:
        return "relu", "a ReLU or a like function", "numbers that are not negative"
    return None


def network_trainable(got, want, inputs):
    """A test: there are parameters, all are registered, trainable, and reached by a gradient."""
    if got.get("structure.error"):
        return got["structure.error"]
    if not got["parameters"]:
        return "it has no parameters that an optimizer could find."
    if got["frozen"]:
        return f"{some(got['frozen'])} cannot be trained (requires_grad is off)."
    if got["unreached"]:
        return f"no gradient reaches {some(got['unreached'])}."
    if not _random(got, inputs) and not _takes_over(got):
        return "a network that loads another's state_dict does not become the same network."
    return None


def _random(got, inputs):
    """Whether the network is random even in evaluation mode, so that no two results can be
    compared.
    """
    nz = inputs["sizes"][0]
    pair = got.get(f"together.{nz}"), got.get(f"again.{nz}")
    return pair[0] is None or pair[1] is None or not close(*pair, 1e-3, 1e-4)


def some(names):
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def network_independent(got, want, inputs):
    """A test: in evaluation mode an image's result depends on it alone; networks share nothing."""
    if got.get("instances.error"):
        return got["instances.error"]
    if got["shared"] or got["apart"] == 0:
        return "two networks built one after the other are not independent of each other."
    for nz in inputs["sizes"]:
        together, alone, again = (got.get(f"{key}.{nz}") for key in ("together", "alone", "again"))
        if together is None or alone is None or again is None:
            return got.get(f"alone.{nz}.error") or "it gave no result in evaluation mode."
        if not close(together, again, 1e-3, 1e-4):
            return "in evaluation mode the same input gives different results."
        if not close(together[:1].ravel(), alone.ravel(), 1e-3, 1e-4):
            return "in evaluation mode an input's result depends on the other inputs of its batch."
    return None


def network_named(expected, stages, reread):
    """explain: what usually makes a network behave as it was seen to."""

    def explain(got, want, inputs, failed):
        return _form_named(got, inputs, expected) or _behaviour_named(got, inputs, stages, reread)

    return explain


_NZ_IGNORED = (
    "nz-ignored",
    "The number of latent dimensions is written into a layer instead of taken from nz.",
)


def _form_named(got, inputs, expected):
    first, second = inputs["sizes"]
    for nz in (first, second):
        batch = len(inputs[f"input.{nz}"])
        for key in (f"out.{nz}", f"alone.{nz}"):
            error = got.get(f"{key}.error") or ""
            if "invalid for input of size" in error:
                return "fixed-batch", (
                    "A size of the batch is written into a view or reshape: it has to work for "
                    "any number "
                    "of images."
                )
            if f"({batch}x{nz} and " in error or f"(1x{nz} and " in error:
                return _NZ_IGNORED
    a, b, alone = (got.get(key) for key in (f"out.{first}", f"out.{second}", f"alone.{first}"))
    if a is None:
        kind = got.get(f"out.{first}.kind")
        if kind == "NoneType":
            return "returns-nothing", "`forward` returns nothing: is its `return` missing?"
        return (
            ("no-tensor", f"`forward` returns a {kind}, where one tensor is asked for.")
            if kind
            else None
        )
    wanted = expected(len(inputs[f"input.{first}"]), first)
    if b is not None and wanted[1:] == (first,) and a.shape[1:] == b.shape[1:] and a.ndim == 2:
        return _NZ_IGNORED
    if a.size == np.prod(wanted) and a.shape != wanted:
        return (
            "not-flattened",
            "The numbers are there, but not in the shape asked for: as feature maps, as a flat "
            "list, or without the channel.",
        )
    if a.shape == wanted and alone is not None and alone.shape != expected(1, first):
        if alone.size == np.prod(expected(1, first)):
            return "squeezed-batch", (
                "With one image the batch axis is lost: a squeeze() without an axis also removes "
                "a batch of "
                "one."
            )
    return None


_UNREGISTERED = (
    "unregistered",
    "Some layers are not registered: in a plain list, or made during forward, the optimizer and "
    "state_dict never see them. nn.Sequential and nn.ModuleList are lists that torch can see into.",
)


def _takes_over(got):
    """Whether a network that loads another's state_dict becomes the same network."""
    return close(got["copied"], got["original"], 1e-3, 1e-4)


def _behaviour_named(got, inputs, stages, reread):
    if got.get("structure.error") or got.get("instances.error"):
        return None
    if not got["parameters"] or not (_random(got, inputs) or _takes_over(got)):
        return _UNREGISTERED
    if got.get("input changed"):
        return "in-place", (
            "What it was given is changed afterwards: look for operations that end in an "
            "underscore, or for `-=`."
        )
    squashed = _squashed(got)
    if squashed:
        return (
            squashed[0],
            (
                f"The output looks as if it had passed through {squashed[1]}. Nothing should "
                "squash it: codes may be "
                "any numbers, and a decoder returns logits, which the loss and the plots turn "
                "into pixels."
            ),
            reread,
        )
    if got["bend"] < 1e-3:
        return (
            "no-nonlinearity",
            (
                "Without a non-linearity between its layers a deep network can do no more than "
                "one linear layer."
            ),
            reread,
        )
    if got["negatives"] == 0:
        return "relu-first", (
            "The code passes through a ReLU before the first layer: all that is negative in it is "
            "lost."
        )
    if got["shared"] or got["apart"] == 0:
        return "shared-layers", (
            "Layers are made once and shared by all networks of the class (or a seed is set in "
            "it); make "
            "them in __init__, as attributes of self."
        )
    if _random(got, inputs):
        return "random-in-eval", (
            "Something stays random in evaluation mode: functional dropout has to be told "
            "whether the module "
            "is training."
        )
    if got["frozen"]:
        return "frozen", "Some parameters are switched off for training."
    if got["unreached"]:
        return "no-gradient", (
            "Those layers are either not used in forward, or the graph is cut after them "
            "(detach, .data, "
            "no_grad, numpy)."
        )
    nz = inputs["sizes"][0]
    single, batch = got.get(f"alone.{nz}"), got[f"together.{nz}"]
    if single is None or not close(batch[:1].ravel(), single.ravel(), 1e-3, 1e-4):
        return "batch-mixing", (
            "Something is computed over the batch also in evaluation mode, such as a "
            "normalisation by the "
            "batch's own mean."
        )
    seen = [tuple(shape) for shape in got["shapes"] or ()]
    missing = [stage for stage in stages if stage not in seen]
    if set(seen) <= {(1, 28, 28)}:  # an image, and nothing on the way
        return (
            "no-convolutions",
            "There is no feature map at all: the stages are convolutions.",
            reread,
        )
    if missing and all(stage[1:] in {s[1:] for s in seen} for stage in missing):
        return (
            "stage-channels",
            "The sizes of the stages are right, some numbers of channels are not.",
            reread,
        )
    if missing:
        return (
            "stage-size",
            (
                "Some stages have another size than the table: work out height and width after "
                "each layer from "
                "its kernel, stride and padding."
            ),
            reread,
        )
    if network_stages(stages)(got, {}, inputs):
        return "stage-order", "All stages are there, but not in this order.", reread
    return None


def network_checks(name, expected, stages, words):
    """The checks of a network. words: (its form, its stages, its output)."""
    return (
        Check(
            "form",
            0.25,
            f"`{name}(nz)` {words[0]}, for any nz and batch size",
            network_form(expected),
        ),
        Check("stages", 0.3, words[1], network_stages(stages)),
        Check("free", 0.15, words[2], network_free),
        Check(
            "trainable",
            0.15,
            "every parameter is registered and a gradient reaches it",
            network_trainable,
        ),
        Check(
            "independent",
            0.15,
            "in evaluation mode an image's result depends on that image alone, and two networks "
            "share nothing",
            network_independent,
        ),
    )


def _network(id, title, reference, draw, expected, stages, words, reread):
    name = id.split(".")[1]

    def drawn(rng):
        sizes = [int(n) for n in rng.permutation([2, 5])]
        batches = {f"input.{nz}": draw(rng, 6 + i, nz) for i, nz in enumerate(sizes)}
        return {"name": name, "sizes": sizes, **batches}

    return Question(
        id=id,
        points=3,
        title=title,
        probe="autoencoder.network",
        draw=drawn,
        reference={name: reference},
        checks=network_checks(name, expected, stages, words),
        explain=network_named(expected, stages, reread),
        compared=False,
        seconds=20,
    )


ENCODER = _network(
    "autoencoder.Encoder",
    "the encoder",
    Encoder,
    lambda rng, count, nz: blobs(rng, count),
    lambda count, nz: (count, nz),
    STAGES,
    (
        "turns images into codes (B, nz)",
        "its convolutions pass through the sizes and channels of the table",
        "codes are not squashed into a range, and the network is not linear",
    ),
    "the table of the encoder's stages",
)
DECODER = _network(
    "autoencoder.Decoder",
    "the decoder",
    Decoder,
    lambda rng, count, nz: rng.normal(0, 1.5, (count, nz)),
    lambda count, nz: (count, 1, 28, 28),
    STAGES[::-1],
    (
        "turns codes into logits (B, 1, 28, 28)",
        "it passes through the encoder's sizes and channels in reverse",
        "it returns logits, not squashed into a range, and is not linear",
    ),
    "the table of the decoder's stages",
)


# -- the loss -------------------------------------------------------------------------------------


def reconstruction_loss(logits, x):
    """-log p(x|z) of Bernoulli pixels, nats per image: sum over pixels, mean over the batch;
    a scalar.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def _loss_inputs(rng):
    far = rng.choice([-200.0, -120.0, 120.0, 200.0], (4, 1, 28, 28))
    x = rng.uniform(0.02, 0.98, (5, 1, 28, 28))
    return {
        # as a decoder's, they follow the image: rounding its greys then never comes out even
        "logits": rng.normal(0.3, 1.5, x.shape) + 3 * (x - 0.5),
        "x": x,
        "logits far": far,
        "x far": rng.integers(0, 2, far.shape).astype(float),
    }


def _loss_mistake(id, says, of, credit=0.0, reread="the reconstruction loss"):
    return Mistake(id, says, reread, {"reconstruction_loss": of}, credit)


def unstable(got, want, inputs, failed):
    """Names the logarithm of a rounded sigmoid, in any question about logits."""
    if failed == ["stable"]:
        return (
            "unstable",
            "Right on ordinary logits, but not on very large ones: they were clamped, or the "
            "logarithm was taken of a sigmoid that has rounded to 0 or 1. There is a function in "
            "torch.nn.functional that takes the logits themselves.",
            "why decoders return logits",
        )
    return None


def _bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _stable(got, want, inputs):
    if got.get("second.error") or got.get("second") is None:
        return f"with very large logits: {got.get('second.error') or 'nothing was received.'}"
    if not close(got["second"], want["second"], 1e-4):
        return "the value at very large logits is wrong."
    return None


LOSS = formula(
    "autoencoder.reconstruction_loss",
    points=1,
    title="the reconstruction loss",
    args=("logits", "x"),
    args2=("logits far", "x far"),
    grad=("logits",),
    draw=_loss_inputs,
    reference=reconstruction_loss,
    form="one number, to be minimised",
    about="the Bernoulli negative log-likelihood in nats per image",
    weights=(0.15, 0.4, 0.25, 0.1),
    more=(Check("stable", 0.1, "logits as large as ±200 give a finite, accurate value", _stable),),
    explain=unstable,
    mistakes=(
        _loss_mistake(
            "sign",
            "This is the log-likelihood; the loss is its negative, so that smaller is better.",
            lambda logits, x: -reconstruction_loss(logits, x),
            credit=0.5,
        ),
        _loss_mistake(
            "mean-not-sum",
            "Your loss is a mean over all pixels. That is a mere convention, but the course's is "
            "nats per "
            "image, and beta will mean something else later.",
            lambda logits, x: _bce(logits, x).mean(),
            credit=0.5,
            reread=CONVENTION,
        ),
        _loss_mistake(
            "batch-sum",
            "You summed over the batch, so the loss grows with its size; losses are means over "
            "the batch.",
            lambda logits, x: _bce(logits, x).sum(),
            credit=0.5,
            reread=CONVENTION,
        ),
        _loss_mistake(
            "row-mean",
            "You divided by a number of rows or columns of the image, not by the number of images.",
            lambda logits, x: _bce(logits, x).sum() / x.shape[-1],
            reread=CONVENTION,
        ),
        _loss_mistake(
            "row-mean",
            "You summed over one axis of the image and averaged over the rest.",
            lambda logits, x: _bce(logits, x).sum(-1).mean(),
            reread=CONVENTION,
        ),
        _loss_mistake(
            "channel-only",
            "You summed over the channel axis alone and averaged over the pixels.",
            lambda logits, x: -_bce(logits, x).sum(1).mean(),
            reread=CONVENTION,
        ),
        _loss_mistake(
            "swapped",
            "Your numbers come out when logits and images change places: look at the order of "
            "arguments.",
            lambda logits, x: reconstruction_loss(x, logits),
        ),
        _loss_mistake(
            "sigmoid-twice",
            "The logits went through a sigmoid before a function that applies one itself.",
            lambda logits, x: reconstruction_loss(logits.sigmoid(), x),
        ),
        _loss_mistake(
            "ink-only",
            "Only the term of the ink counts in your loss: paper that is predicted as ink costs "
            "nothing.",
            lambda logits, x: -(x * F.logsigmoid(logits)).sum() / len(x),
        ),
        _loss_mistake(
            "terms-mixed",
            "The two terms of the loss have changed roles: ink is scored as paper.",
            lambda logits, x: reconstruction_loss(-logits, x),
        ),
        _loss_mistake(
            "binarised",
            "Grey pixels were rounded to ink or paper first.",
            lambda logits, x: reconstruction_loss(logits, (x > 0.5).to(x)),
        ),
        *(
            _loss_mistake(
                "squared-error",
                "Your loss is a squared or absolute error, the likelihood of another "
                "distribution; pixels "
                "here are Bernoulli.",
                of,
            )
            for of in (
                lambda logits, x: (logits.sigmoid() - x).pow(2).sum() / len(x),
                lambda logits, x: (logits.sigmoid() - x).pow(2).mean(),
                lambda logits, x: 0.5 * (logits.sigmoid() - x).pow(2).sum() / len(x),
                lambda logits, x: (logits - x).pow(2).sum() / len(x),
                lambda logits, x: (logits - x).pow(2).mean(),
                lambda logits, x: (logits.sigmoid() - x).abs().sum() / len(x),
                lambda logits, x: (logits.sigmoid() - x).abs().mean(),
            )
        ),
    ),
)


# -- the training loop ----------------------------------------------------------------------------


def train_epoch(model, loader, loss_fn, optimizer):
    """One pass over the loader in train mode; the loss of every batch, a list of floats."""
    model.train()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def training_inputs(rng):
    """Batches of unequal size and brightness, the first one the largest, and a network small enough
    to step exactly.
    """
    sizes = [9, *(int(n) for n in rng.permutation([4, 6, 7]))]
    brightness = np.repeat(rng.permutation([0.4, 0.6, 0.8, 1.0]), sizes)
    return {
        "batches": sizes,
        "x": blobs(rng, sum(sizes)) * brightness[:, None, None, None],
        "y": rng.integers(0, 10, sum(sizes)),
        "inner": rng.normal(0, 0.05, (3, 784)),
        "outer": rng.normal(0, 0.3, (784, 3)),
        "lr": 0.05,
        "momentum": 0.5,
        "scale": float(rng.uniform(15, 25)),
    }


def loop_list(words, width=None):
    """A test: a list with one entry a batch (of `width` numbers), plain floats."""

    def test(got, want, inputs):
        count, kind = len(inputs["batches"]), got["kind"]
        if got.get("result.error") or got.get("result") is None or np.ndim(got["result"]) == 0:
            return f"received a {kind} where a list of {words} is asked for."
        shape = (count,) if width is None else (count, width)
        if np.shape(got["result"]) != shape:
            return (
                f"received a list of length {np.shape(got['result'])[0]} for {count} batches."
                if (len(np.shape(got["result"])) == len(shape))
                else f"received a list that is not one of {words}."
            )
        strange = [
            k for k in got.get("kinds", ()) if k not in ("float", "float64", "float32", "int")
        ]
        if strange:
            return f"the list holds {' and '.join(strange)} where floats are asked for."
        return None

    return test


def loop_graph(got, want, inputs):
    """A test: nothing returned keeps a graph alive."""
    if got.get("alive"):
        return "entries of the list still hold their graph, and with it the memory of every batch."
    return None


def loop_mode(got, want, inputs):
    """A test: the model was in train mode whenever it was called."""
    if not got["in train mode"]:
        return "the model was never called."
    if not all(got["in train mode"]):
        return "the model was in evaluation mode while it was trained."
    return None


def loop_update(tolerance=1e-3):
    """A test: the parameters moved as the reference moves them, within a relative tolerance."""

    def test(got, want, inputs):
        if got["steps"] == 0:
            return "the optimizer made no step."
        if not np.any(got["update"]):
            return "the parameters did not change."
        if not loop_moved_alike(got, want, tolerance):
            return "after one epoch the parameters are not where a right loop takes them."
        return None

    return test


def loop_moved_alike(a, b, tolerance):
    """Whether two updates are equal, relative to the larger one."""
    size = max(np.linalg.norm(a["update"]), np.linalg.norm(b["update"]))
    return bool(np.linalg.norm(a["update"] - b["update"]) <= tolerance * size)


def loop_values(got, want, inputs):
    """A test: the losses are those of the batches, in order, before each step."""
    if np.shape(got["result"]) != np.shape(want["result"]):
        return "there is not one loss for each batch."
    if not close(got["result"], want["result"], 1e-3):
        return "the numbers are not the losses of the batches as they were trained on."
    return None


def loop_alike(tolerance):
    """alike for loops: same result, same movement, same manners."""

    def alike(a, b, inputs):
        for key in ("kinds", "alive", "gradients", "steps", "sizes", "in train mode"):
            if a.get(key) != b.get(key):
                return False
        if a.get("error") or b.get("error"):
            return False
        results = a.get("result"), b.get("result")
        if (results[0] is None) != (results[1] is None):
            return False
        if results[0] is not None and not close(*results, rtol=max(tolerance, 1e-3)):
            return False
        return loop_moved_alike(a, b, tolerance)

    return alike


def loop_named(got, want, inputs, failed):
    """Name what no other loop does: it returns nothing, or the model never learned from the
    images.
    """
    if got["kind"] == "NoneType":
        return "returns-nothing", "Your function returns nothing: is its `return` missing?"
    return None


def _loop(
    train="train",
    keep="item",
    clear="before",
    step=True,
    last=None,
    backward=True,
    batches=slice(None),
    retake=False,
    twice=False,
):
    """A `train_epoch` with one of its parts wrong."""

    def mistaken(model, loader, loss_fn, optimizer):
        getattr(model, train)() if train else None
        losses = []
        for x, _ in list(loader)[batches]:
            loss = loss_fn(model, x)
            if clear == "before":
                optimizer.zero_grad()
            if backward:
                loss.backward()
            if clear == "between":
                optimizer.zero_grad()
            if step:
                optimizer.step()
            if twice:
                optimizer.step()
            if retake:
                loss = loss_fn(model, x)
            losses.append(
                {
                    "item": loss.item(),
                    "graph": loss,
                    "tensor": loss.detach(),
                    "sum": loss.item() * len(x),
                }[keep]
            )
        return last(losses) if last else losses

    return mistaken


def _step_at_the_end(model, loader, loss_fn, optimizer):
    model.train()
    losses = [loss_fn(model, x) for x, _ in loader]
    optimizer.zero_grad()
    sum(losses).backward()
    optimizer.step()
    return [loss.item() for loss in losses]


def _step_after_all(model, loader, loss_fn, optimizer):
    model.train()
    optimizer.zero_grad()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        loss.backward()
        losses.append(loss.item())
    optimizer.step()
    return losses


def _clear_once(model, loader, loss_fn, optimizer):
    optimizer.zero_grad()
    return _loop(clear="")(model, loader, loss_fn, optimizer)


def _return_in_loop(model, loader, loss_fn, optimizer):
    return _loop(batches=slice(1))(model, loader, loss_fn, optimizer)


def _loop_mistake(id, says, of, credit=0.0, reread="the five steps of a training loop"):
    return Mistake(id, says, reread, {"train_epoch": of}, credit)


LOOP = Question(
    id="autoencoder.train_epoch",
    points=4,
    title="the training loop",
    probe="autoencoder.training",
    draw=training_inputs,
    reference={"train_epoch": train_epoch},
    checks=(
        Check("list", 0.15, "it returns a list of plain floats, one a batch", loop_list("floats")),
        Check(
            "losses",
            0.2,
            "they are the losses of the batches, in order, as trained on",
            loop_values,
        ),
        Check("graph", 0.1, "no graph is kept alive in the list", loop_graph),
        Check("mode", 0.15, "the model is in train mode while it is trained", loop_mode),
        Check(
            "update",
            0.4,
            "every batch moves the parameters by its own gradient, once",
            loop_update(),
        ),
    ),
    alike=loop_alike(1e-3),
    explain=loop_named,
    mistakes=(
        _loop_mistake(
            "no-zero-grad",
            "Gradients pile up from batch to batch: they are never set back to zero.",
            _clear_once,
        ),
        _loop_mistake(
            "zero-grad-too-late",
            "Gradients are set to zero between backward and step, so nothing is learned.",
            _loop(clear="between"),
        ),
        _loop_mistake(
            "no-step",
            "Gradients are computed, but the optimizer never makes a step.",
            _loop(step=False),
        ),
        _loop_mistake("no-backward", "No gradient is ever computed.", _loop(backward=False)),
        _loop_mistake(
            "eval-mode",
            "The model stays in the mode that it was handed over in; in evaluation mode dropout "
            "and batch "
            "normalisation do not train.",
            _loop(train=""),
            credit=0.5,
            reread="train and evaluation mode",
        ),
        _loop_mistake(
            "first-batch-only",
            "Only the first batch was used: is there a return or break inside the loop?",
            _return_in_loop,
        ),
        _loop_mistake(
            "last-batch-missing", "The last batch was left out.", _loop(batches=slice(-1))
        ),
        _loop_mistake(
            "first-batch-missing", "The first batch was left out.", _loop(batches=slice(1, None))
        ),
        _loop_mistake(
            "mean-returned",
            "You return the mean of the losses; the list itself is asked for.",
            _loop(last=lambda losses: sum(losses) / len(losses)),
            credit=0.5,
        ),
        _loop_mistake(
            "sum-returned",
            "You return the sum of the losses; the list itself is asked for.",
            _loop(last=sum),
            credit=0.5,
        ),
        _loop_mistake(
            "last-returned",
            "You return the loss of the last batch; the list of all is asked for.",
            _loop(last=lambda losses: losses[-1]),
            credit=0.25,
        ),
        _loop_mistake(
            "mean-returned",
            "Your list holds one mean; one loss for each batch is asked for.",
            _loop(last=lambda losses: [sum(losses) / len(losses)]),
            credit=0.5,
        ),
        _loop_mistake(
            "running-mean",
            "Your numbers are running means; the loss of each batch by itself is asked for.",
            _loop(last=lambda losses: [sum(losses[: i + 1]) / (i + 1) for i in range(len(losses))]),
            credit=0.25,
        ),
        _loop_mistake(
            "running-sum",
            "Your numbers add up from batch to batch; the loss of each batch by itself is asked "
            "for.",
            _loop(last=lambda losses: [sum(losses[: i + 1]) for i in range(len(losses))]),
            credit=0.25,
        ),
        _loop_mistake(
            "divided",
            "Each loss was divided by the number of batches; the loss itself is asked for.",
            _loop(last=lambda losses: [loss / len(losses) for loss in losses]),
            credit=0.5,
        ),
        _loop_mistake(
            "times-batch-size",
            "Each loss was multiplied by the size of its batch; it already is a mean over the "
            "batch.",
            _loop(keep="sum"),
            credit=0.5,
        ),
        _loop_mistake(
            "keeps-graph",
            "The list holds tensors with their graph, so the memory of every batch is kept: "
            "store numbers.",
            _loop(keep="graph"),
            credit=0.25,
        ),
        _loop_mistake(
            "tensors",
            "The list holds tensors, where plain floats are asked for.",
            _loop(keep="tensor"),
            credit=0.25,
        ),
        _loop_mistake(
            "loss-after-step",
            "Your losses are computed again after the step; each is asked for as it was trained "
            "on.",
            _loop(retake=True),
        ),
        _loop_mistake(
            "two-steps", "The optimizer makes two steps for each batch.", _loop(twice=True)
        ),
        _loop_mistake(
            "one-step-an-epoch",
            "The optimizer makes one step an epoch; each batch should move the parameters.",
            _step_at_the_end,
        ),
        _loop_mistake(
            "one-step-an-epoch",
            "The optimizer makes one step an epoch; each batch should move the parameters.",
            _step_after_all,
        ),
    ),
)


# -- samples --------------------------------------------------------------------------------------


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
        problem = _output_problem(got, f"images.{mode}", (inputs["n"], 1, 28, 28))
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
        problem = noise.level(z) or noise.spread(z) or noise.shape(z) or noise.dependence(z)
        if problem:
            return problem.replace("the noise", "the latents' distribution").replace(
                "noise", "latents"
            )
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
    if got["frozen.train"] or got["frozen.eval"]:
        return "the decoder's parameters require no gradient any more."
    return None


def _sampling_named(got, want, inputs, failed):
    images, z = (got.get(f"{key}.train") for key in ("images", "latents"))
    if images is None:
        kind = got.get("images.train.kind")
        return (
            "no-tensor",
            f"Your function returns a {kind}, where one tensor of images is asked for.",
        )
    if z is None:
        return None
    logits = _painted(z, inputs)
    if "images" in failed and images.size == logits.size:
        flat, right = images.reshape(logits.shape), 1 / (1 + np.exp(-logits))
        for id, says, wrong in (
            ("no-sigmoid", "You return the decoder's logits; images are asked for.", logits),
            (
                "sigmoid-twice",
                "The pixels went through a sigmoid twice, so all are grey.",
                1 / (1 + np.exp(-right)),
            ),
            ("thresholded", "The pixels were rounded to ink and paper.", (right > 0.5) * 1.0),
            (
                "clamped",
                "The logits were clipped to [0, 1]; a sigmoid turns them into pixels.",
                logits.clip(0, 1),
            ),
            ("tanh", "The pixels come from a tanh, not from a sigmoid.", np.tanh(logits)),
            ("inverted", "Ink and paper are exchanged.", 1 - right),
        ):
            if close(flat, wrong, 1e-3, 1e-4):
                return id, says, "logits and images"
    if "prior" in failed and z.shape == (inputs["n"], len(inputs["paint"])):
        named = _prior_named(z, got["latents.eval"])
        if named:
            return (*named, "what the prior is")
    if z.ndim == 2 and z.shape[0] != inputs["n"] and "form" in failed:
        return "n-ignored", "The number of images is not the n that was asked for."
    if "mode" in failed:
        if any(got["modes.train"]):
            return "train-mode", "The decoder is not put into evaluation mode before it decodes."
        if not got["after.train"]:
            return "stays-eval", (
                "The decoder is left in evaluation mode, so training would go on with batch "
                "normalisation and "
                "dropout switched off."
            )
        return "always-train", (
            "The decoder is always put into train mode at the end, also when it was not in it "
            "before."
        )
    if failed == ["gradient"] and not (got["graphs.train"] and got["graphs.eval"]):
        return "grad-left-off", (
            "Gradients are switched off and not on again, so nothing after this call would learn: "
            "torch.no_grad() as a context or decorator puts them back."
        )
    if failed == ["gradient"] and got["frozen.train"]:
        return "decoder-frozen", "The decoder can no longer learn after the call."
    if failed == ["gradient"]:
        return (
            "keeps-graph",
            "The images still carry the decoder's graph: decode without gradients.",
        )
    if failed == ["form"] and images.size == inputs["n"] * 784:
        return "shape", "The pixels are right, but not of the shape of a batch of images."
    return None


def _prior_named(z, other):
    if np.ptp(z, 0).max() == 0:
        return "shared-batch", "All images are decoded from one and the same latent."
    if np.ptp(z, 1).max() == 0:
        return "shared-dims", "All dimensions of a latent hold the same number."
    if z.min() >= 0 and z.max() <= 1:
        return (
            "uniform",
            "Your latents are uniform between 0 and 1; the prior is a normal distribution.",
        )
    if np.abs(z).max() < 4 and not noise.level(z) and (noise.shape(z) or "").endswith("light."):
        return "uniform", "Your latents look uniform; the prior is a normal distribution."
    if z.min() >= 0:
        return "absolute", "Your latents are never negative."
    if noise.level(z):
        return "shifted", "Your latents are not centred at 0."
    if noise.same(z, other) and not noise.spread(z):
        return "fixed-seed", "Every call gives the same latents: a seed is set inside the function."
    if noise.spread(z) and not noise.shape(z):
        return "scaled", "Your latents are normal, but their spread is not that of the prior."
    return None


SAMPLES = Question(
    id="autoencoder.sample_prior",
    points=2,
    title="images decoded from the prior",
    probe="autoencoder.sampling",
    draw=_sampling_inputs,
    reference={"sample_prior": sample_prior},
    checks=(
        Check("form", 0.15, "it returns n images (n, 1, 28, 28)", _sampled_form),
        Check(
            "images",
            0.2,
            "they are what the decoder's logits stand for, in [0, 1]",
            _sampled_images,
        ),
        Check("prior", 0.3, "latents are fresh, independent draws of N(0, I)", _sampled_prior),
        Check(
            "mode",
            0.2,
            "the decoder is in evaluation mode while it runs and as it was after",
            _sampled_mode,
        ),
        Check(
            "gradient",
            0.15,
            "no gradient is kept, and training can go on afterwards",
            _sampled_gradient,
        ),
    ),
    explain=_sampling_named,
    compared=False,
)


# -- the grid -------------------------------------------------------------------------------------


@torch.no_grad()
def latent_grid(decoder, n=21, span=4.0):
    """One image (28 n, 28 n): z = (-span, span) at the top left, (span, -span) at the bottom
    right.
    """
    steps = torch.linspace(-span, span, n)
    down, across = torch.meshgrid(steps.flip(0), steps, indexing="ij")
    z = torch.stack([across, down], dim=-1).reshape(-1, 2)
    tiles = decoder(z).sigmoid().view(n, n, 28, 28)
    return tiles.permute(0, 2, 1, 3).reshape(28 * n, 28 * n)


def _grid_inputs(rng):
    return {
        "n": int(rng.integers(4, 8)),
        "span": float(rng.uniform(1.5, 3.2)),
        "paint": rng.normal(0.2, 0.4, (2, 784)),
    }


def _grid_form(got, want, inputs):
    return _output_problem(got, "grid", want["grid"].shape)


def _grid_pixels(got, want, inputs):
    if got.get("grid") is None:
        return "no picture was received."
    if got["grid"].min() < 0 or got["grid"].max() > 1:
        return "pixels are below 0 or above 1."
    if len(np.unique(got["grid"])) < 3:
        return "pixels are ink or paper, with no grey between."
    return None


def _as_pixels(picture):
    """Pixels for the judgement of the layout, also when the sigmoid was forgotten."""
    return picture if 0 <= picture.min() and picture.max() <= 1 else 1 / (1 + np.exp(-picture))


def _grid_corners(got, want, inputs):
    if got.get("grid") is None or got["grid"].shape != want["grid"].shape:
        return "there is no picture of the right size to look at."
    picture = _as_pixels(got["grid"])
    for down, row in (("top", slice(0, 28)), ("bottom", slice(-28, None))):
        for across, column in (("left", slice(0, 28)), ("right", slice(-28, None))):
            if not close(picture[row, column], want["grid"][row, column], 1e-3, 1e-3):
                return f"the tile at the {down} {across} is not the one that belongs there."
    return None


def _grid_layout(got, want, inputs):
    if got.get("grid") is None or got["grid"].shape != want["grid"].shape:
        return "there is no picture of the right size to look at."
    if not close(_as_pixels(got["grid"]), want["grid"], 1e-3, 1e-3):
        return "some tiles are not where they belong, or not whole."
    return None


def _grid_default(got, want, inputs):
    problem = _output_problem(got, "default", want["default"].shape)
    if problem:
        return f"without n and span: {problem}"
    if not close(_as_pixels(got["default"]), want["default"], 1e-3, 1e-3):
        return "without n and span the picture is not the one of the defaults."
    return None


def _grid_named(got, want, inputs, failed):
    picture, right = got.get("grid"), want["grid"]
    if picture is None:
        kind = got.get("grid.kind")
        if kind == "NoneType":
            return "returns-nothing", "Your function returns nothing: is its `return` missing?"
        return (
            ("no-tensor", f"Your function returns a {kind}, where one picture is asked for.")
            if kind
            else None
        )
    if picture.shape == want["default"].shape or picture.shape == (21 * 28, 21 * 28):
        return "n-ignored", "The picture has the same number of tiles whatever n says."
    if picture.shape != right.shape:
        if picture.size == right.size:
            return (
                "not-arranged",
                "The tiles come as a stack; they are to be put together into one picture.",
            )
        return "wrong-size", "The picture has another size than n by n tiles without borders."
    if failed == ["default"]:
        return (
            "default",
            "Right when n and span are given; their default values are others than asked for.",
        )
    if "corners" not in failed and "pixels" not in failed:
        return (
            "uneven-steps",
            "The corners are right, but between them the codes do not advance in even steps.",
        )
    return None


def _grid_mistake(id, says, of, credit=0.0, reread="the grid of codes"):
    return Mistake(id, says, reread, {"latent_grid": of}, credit)


def _grid_of(flip=(), swap=False, turn=False, order=(0, 2, 1, 3), steps=None, pixels=torch.sigmoid):
    """A `latent_grid` with one of its parts wrong."""

    def mistaken(decoder, n=21, span=4.0):
        across = (steps or (lambda n, span: torch.linspace(-span, span, n)))(n, span)
        down = across.flip(0)
        down = down.flip(0) if "down" in flip else down
        across = across.flip(0) if "across" in flip else across
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        pair = [rows, columns] if swap else [columns, rows]
        tiles = pixels(decoder(torch.stack(pair, -1).reshape(-1, 2))).view(n, n, 28, 28).detach()
        tiles = tiles.transpose(0, 1) if turn else tiles
        return tiles.permute(*order).reshape(28 * n, 28 * n)

    return mistaken


GRID = Question(
    id="autoencoder.latent_grid",
    points=2,
    title="the grid of decoded codes",
    probe="autoencoder.gridding",
    draw=_grid_inputs,
    reference={"latent_grid": latent_grid},
    checks=(
        Check("form", 0.2, "it returns one picture of n by n tiles, (28 n, 28 n)", _grid_form),
        Check("pixels", 0.15, "it shows images, in [0, 1], not logits", _grid_pixels),
        Check("corners", 0.25, "the corners show the codes that belong there", _grid_corners),
        Check("layout", 0.25, "every tile is whole and in its place, at even steps", _grid_layout),
        Check(
            "default",
            0.15,
            "without n and span it shows 21 by 21 codes from -4 to 4",
            _grid_default,
        ),
    ),
    alike=lambda a, b, inputs: same_arrays(a, b, keys=("grid", "default")),
    explain=_grid_named,
    mistakes=(
        _grid_mistake(
            "inverted",
            "Ink and paper are exchanged.",
            _grid_of(pixels=lambda logits: torch.sigmoid(-logits)),
            credit=0.5,
        ),
        _grid_mistake(
            "no-sigmoid",
            "Your picture shows the decoder's logits; a sigmoid turns them into pixels.",
            _grid_of(pixels=lambda logits: logits),
            credit=0.25,
            reread="logits and images",
        ),
        _grid_mistake(
            "upside-down",
            "Your grid is upside down: the second code grows downwards. A picture's first row is "
            "its top.",
            _grid_of(flip=("down",)),
            credit=0.5,
        ),
        _grid_mistake(
            "mirrored",
            "Your grid is mirrored: the first code falls from left to right.",
            _grid_of(flip=("across",)),
            credit=0.5,
        ),
        _grid_mistake(
            "turned-round",
            "Your grid is turned by half a turn: both codes run the wrong way.",
            _grid_of(flip=("down", "across")),
            credit=0.5,
        ),
        _grid_mistake(
            "axes-swapped",
            "The two codes have changed places: the first one should run across, the second one "
            "upwards.",
            _grid_of(swap=True),
            credit=0.5,
        ),
        _grid_mistake(
            "axes-swapped",
            "The two codes have changed places: the first one should run across, the second one "
            "upwards.",
            _grid_of(swap=True, flip=("down",)),
            credit=0.25,
        ),
        _grid_mistake(
            "axes-swapped",
            "The two codes have changed places: the first one should run across, the second one "
            "upwards.",
            _grid_of(swap=True, flip=("across",)),
            credit=0.25,
        ),
        _grid_mistake(
            "axes-swapped",
            "The two codes have changed places: the first one should run across, the second one "
            "upwards.",
            _grid_of(swap=True, flip=("down", "across")),
            credit=0.25,
        ),
        _grid_mistake(
            "tiles-torn",
            "The tiles were reshaped into one picture without moving their rows apart first, so "
            "each is torn "
            "into strips.",
            _grid_of(order=(0, 1, 2, 3)),
        ),
        _grid_mistake(
            "tiles-turned",
            "Every tile is turned on its side: rows and columns of the tiles changed places.",
            _grid_of(order=(0, 3, 1, 2)),
        ),
        _grid_mistake(
            "span-ignored",
            "The codes run over the same range whatever span says.",
            _grid_of(steps=lambda n, span: torch.linspace(-4, 4, n)),
            credit=0.5,
        ),
        _grid_mistake(
            "span-ignored",
            "The codes run over the same range whatever span says.",
            _grid_of(steps=lambda n, span: torch.linspace(-1, 1, n)),
        ),
        _grid_mistake(
            "end-missing",
            "The last code of each axis is not reached: the range ends one step short of span.",
            _grid_of(steps=lambda n, span: -span + torch.arange(n) * 2 * span / n),
            credit=0.25,
        ),
        _grid_mistake(
            "half-range",
            "The codes run from 0 to span only.",
            _grid_of(steps=lambda n, span: torch.linspace(0, span, n)),
        ),
    ),
)


QUESTIONS = (ENCODER, DECODER, LOSS, LOOP, runs.AUTOENCODER, SAMPLES, GRID)
