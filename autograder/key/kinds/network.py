"""Questions about a network class: form, stages, what it can compute, what it learns."""

from __future__ import annotations

import re

import numpy as np

from autograder.key.kinds import borrowed
from autograder.key.question import Check, Question, close, name_of, nothing_tensor

EDGES = 0.2  # of the numbers at the very end of a range: an output that goes no further
RANGES = {  # to which an output is confined, by the name of what does so
    "softmax": "numbers that add up to 1",
    "sigmoid": "[0, 1]",
    "tanh": "[-1, 1]",
    "relu": "numbers that are not negative",
    "one-sided": "numbers that are never positive",
    "clamped": "a range that it does not leave",
}
VIEW = re.compile(r"shape '\[(-?\d+)[^']*' is invalid for input of size")
FAR = 15.0  # where a sigmoid has rounded to 0 or 1: a bound beyond costs nothing


def bounded(got, prefix="") -> bool:
    """Whether an output stops at the end of a range within which logits are told apart."""
    for end in ("lowest", "highest"):
        if got.get(f"{prefix}at {end}", 0) > EDGES and abs(got[f"{prefix}{end}"]) < FAR:
            return True
    return False


def blobs(rng, count):
    """Coarse random pictures, all different in brightness."""
    coarse = rng.uniform(0, 1, (count, 1, 7, 7)) * rng.uniform(0.3, 1, (count, 1, 1, 1))
    return np.kron(coarse, np.ones((1, 1, 4, 4)))


def pixels_named(images, logits) -> str | None:
    """The name of what was done to logits in the place of a sigmoid; both of one shape."""
    right = 1 / (1 + np.exp(-logits))
    made = {
        "no-sigmoid": logits,
        "sigmoid-twice": 1 / (1 + np.exp(-right)),
        "thresholded": right > 0.5,
        "logits-clamped": logits.clip(0, 1),
        "tanh-for-sigmoid": np.tanh(logits),
        "inverted": 1 - right,
    }
    return next((n for n, pixels in made.items() if close(images, pixels, 1e-3, 1e-4)), None)


def network_form(expected):
    """A test: finite outputs of shape expected(B, nz), for two nz and for one input by itself."""

    def test(got, want, inputs):
        for nz in inputs["sizes"]:
            batch = len(inputs[f"input.{nz}"])
            for key, count in ((f"out.{nz}", batch), (f"alone.{nz}", 1)):
                problem = output_problem(got, key, expected(count, nz))
                if problem:
                    return f"with nz = {nz} and a batch of {count}: {problem}"
        if got.get("unused"):
            return (
                f"with nz = {inputs['sizes'][0]}, {got['unused']} numbers of a code are not used."
            )
        return got.get("own.error")

    return test


def output_problem(got, key, shape):
    """What is wrong with the form of one output, or None. shape: the one that it should have."""
    if got.get(f"{key}.error"):
        return got[f"{key}.error"]
    if got.get(key) is None:
        return nothing_tensor(got, key)
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
                saw = ", ".join(f"{c}×{h}×{w}" for c, h, w in seen[:12])
                if not saw:
                    return "no feature maps were seen on the way."
                return (
                    f"the stage with {channels} channels of {height}×{width} was not seen in its "
                    f"place; the feature maps on the way were {saw}."
                )
        return None

    return test


def network_free(got, want, inputs):
    """A test: outputs are of both signs, unbounded, and no affine function of the input."""
    if got.get("structure.error") or got.get("instances.error"):
        return got.get("structure.error") or got.get("instances.error")
    squashed = _squashed(got)
    if squashed and not (_random(got, inputs) or _takes_over(got)):
        return "how far its outputs go cannot be seen: its layers are not registered."
    if squashed:
        return f"the output is confined to {RANGES[squashed]}."
    if got["bend"] < 1e-3:
        return "the whole network is an affine function of its input."
    if got["negatives"] == 0:
        return "how negative an input is makes no difference."
    return None


def confined(low, high, bounded) -> str | None:
    """The name of what confines an output that goes from low to high. bounded: see there."""
    if low >= 0 and high <= 1 + 1e-6:
        return "sigmoid"
    if low >= -1 - 1e-6 and high <= 1 + 1e-6:
        return "tanh"
    if low >= 0:
        return "relu"
    if high <= 0:
        return "one-sided"
    return "clamped" if bounded else None


def _squashed(got) -> str | None:
    name = confined(got["lowest"], got["highest"], bounded(got))
    if name == "sigmoid" and np.allclose(got["totals"], 1, atol=1e-3):
        return "softmax"
    return name


def untrainable(got) -> str | None:
    """What keeps an optimizer from training a network, by its structure alone."""
    if got.get("structure.error"):
        return got["structure.error"]
    if not got["parameters"]:
        return "it has no parameters that an optimizer could find."
    if got["frozen"]:
        return f"{some(got['frozen'])} cannot be trained (requires_grad is off)."
    if got["unlearned"]:
        return f"{some(got['unlearned'])}: these numbers act like weights and are no parameters."
    if got["unreached"]:
        return f"no gradient reaches {some(got['unreached'])}."
    return None


def untrainable_named(got) -> str | None:
    """The name of what `untrainable` says of a network that has parameters."""
    if got.get("frozen"):
        return "frozen"
    if got.get("unlearned"):
        return "buffer-weights"
    return "no-gradient" if got.get("unreached") else None


def network_trainable(got, want, inputs):
    """A test: there are parameters, all are registered, trainable, and reached by a gradient."""
    problem = untrainable(got)
    if problem:
        return problem
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
    """The first three names, and how many more there are."""
    first = ", ".join(names[:3])
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first


def network_independent(got, want, inputs):
    """A test: in evaluation mode an image's result depends on it alone; networks share nothing."""
    if got.get("instances.error"):
        return got["instances.error"]
    if got.get("input changed"):
        return "the call changed its input in place."
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


def network_named(expected, stages):
    """explain: what usually makes a network behave as it was seen to."""

    def explain(got, want, inputs, failed):
        return _form_named(got, inputs, expected) or _behaviour_named(got, inputs, stages)

    return explain


def met_by_latents(error: str, nz: int) -> bool:
    """Whether a layer of another size met latents (B, nz); one whose own sizes are exchanged is
    made from nz.
    """
    return f"x{nz} and " in error and f"x{nz})" not in error


def batch_written_in(error: str, images: int) -> bool:
    """Whether a view failed that asks for another batch than the one of so many images."""
    asked = VIEW.search(error)
    return asked is not None and int(asked[1]) not in (-1, images)


def _form_named(got, inputs, expected):
    first, second = inputs["sizes"]
    for nz in (first, second):
        for key in (f"out.{nz}", f"alone.{nz}"):
            error = got.get(f"{key}.error") or ""
            images = 1 if key.startswith("alone") else len(inputs[f"input.{nz}"])
            if batch_written_in(error, images):
                return "fixed-batch"
            if met_by_latents(error, nz):
                return "nz-ignored"
    a, b, alone = (got.get(key) for key in (f"out.{first}", f"out.{second}", f"alone.{first}"))
    if a is None:
        kind = got.get(f"out.{first}.kind")
        if kind == "NoneType":
            return "returns-nothing"
        return ("no-tensor/forward", {"kind": kind}) if kind else None
    wanted = expected(len(inputs[f"input.{first}"]), first)
    if b is not None and wanted[1:] == (first,) and a.shape[1:] == b.shape[1:] and a.ndim == 2:
        return "nz-ignored"
    if got.get("unused"):
        return "nz-ignored"
    if a.size == np.prod(wanted) and a.shape != wanted:
        return "not-flattened"
    if len(wanted) == 4 and a.ndim == 4 and a.shape != wanted:
        return "channels" if a.shape[2:] == wanted[2:] else "image-size"
    if a.shape == wanted and alone is not None and alone.shape != expected(1, first):
        if alone.size == np.prod(expected(1, first)):
            return "squeezed-batch"
    return None


def _takes_over(got):
    """Whether a network that loads another's state_dict becomes the same network."""
    return close(got["copied"], got["original"], 1e-3, 1e-4)


def _behaviour_named(got, inputs, stages):
    if got.get("structure.error") or got.get("instances.error"):
        return None
    if not got["parameters"] or not (_random(got, inputs) or _takes_over(got)):
        return "unregistered"
    if got.get("input changed"):
        return "in-place"
    squashed = _squashed(got)
    if squashed:
        return squashed
    if got["bend"] < 1e-3:
        return "no-nonlinearity"
    if got["negatives"] == 0:
        return "relu-first"
    if got["shared"] or got["apart"] == 0:
        return "shared-layers"
    if _random(got, inputs):
        return "random-in-eval"
    if untrained := untrainable_named(got):
        return untrained
    nz = inputs["sizes"][0]
    single, batch = got.get(f"alone.{nz}"), got[f"together.{nz}"]
    if single is None or not close(batch[:1].ravel(), single.ravel(), 1e-3, 1e-4):
        return "batch-mixing"
    seen = [tuple(shape) for shape in got["shapes"] or ()]
    missing = [stage for stage in stages if stage not in seen]
    if set(seen) <= {(1, 28, 28)}:  # an image, and nothing on the way
        return "no-convolutions"
    if missing and all(stage[1:] in {s[1:] for s in seen} for stage in missing):
        return "stage-channels"
    if missing:
        return "stage-size"
    if network_stages(stages)(got, {}, inputs):
        return "stage-order"
    return None


def network_checks(expected, stages):
    """The checks of a network."""
    return (
        Check("form", 0.25, network_form(expected)),
        Check("stages", 0.3, network_stages(stages)),
        Check("free", 0.15, network_free),
        Check("trainable", 0.15, network_trainable),
        Check("independent", 0.15, network_independent),
    )


def network(id, *, points, reference, draw, expected, stages) -> Question:
    """A question about a network class `Network(nz)`.

    draw(rng, count, nz) -> inputs of the network; expected(count, nz) -> shape of its outputs;
    stages: the (C, H, W) that have to appear on the way.
    """
    name, decodes = name_of(id), len(expected(1, 2)) == 4

    def drawn(rng):
        sizes = [int(n) for n in rng.permutation([2, 5])]
        batches = {f"input.{nz}": draw(rng, 6 + i, nz) for i, nz in enumerate(sizes)}
        own = borrowed.latents(rng, sizes[0]) if decodes else borrowed.images(rng)
        return {"name": name, "sizes": sizes, **batches, **own}

    return Question(
        id=id,
        points=points,
        probe="autoencoder.network",
        draw=drawn,
        reference={name: reference},
        checks=network_checks(expected, stages),
        explain=network_named(expected, stages),
        taken=borrowed.taken,
        compared=False,
        seconds=20,
    )
