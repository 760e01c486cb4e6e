"""The class `VAE`: its four methods, its samples, what it learns."""

from __future__ import annotations

import numpy as np
from torch import nn

from autograder.key.kinds import borrowed, noise
from autograder.key.kinds.network import (
    batch_written_in,
    blobs,
    bounded,
    confined,
    met_by_latents,
    pixels_named,
    untrainable,
    untrainable_named,
)
from autograder.key.question import Check, Question, close
from autograder.key.vae.reparametrize import reparametrize
from autograder.student import probes
from autograder.student.probes.common import ARRAY


class VAE(nn.Module):
    """A small convolutional VAE with Bernoulli pixels. Kingma & Welling 2014, appendix C."""

    def __init__(self, nz):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 2 * nz),
        )
        self.decoder = nn.Sequential(
            nn.Linear(nz, 32 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparametrize(mu, logvar)), mu, logvar

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()


DRAWS = 200


SAMPLES = {  # what is made of mu, logvar and noise
    "right": lambda mu, logvar, eps: mu + np.exp(0.5 * logvar) * eps,
    "variance-as-std": lambda mu, logvar, eps: mu + np.exp(logvar) * eps,
    "unit-noise": lambda mu, logvar, eps: mu + eps,
    "swapped-latents": lambda mu, logvar, eps: logvar + np.exp(0.5 * mu) * eps,
}
PROJECTED = {  # of logits of one image; see `_model_asked`
    "centre.eval": ARRAY,
    "near.eval": ARRAY,
    **{f"candidate.{i}.eval": ARRAY for i in range(len(SAMPLES))},
}


def _model_inputs(rng):
    sizes = [int(n) for n in rng.permutation([2, 5])]
    return {
        "sizes": sizes,
        "x": blobs(rng, 7),
        **{f"z.{nz}": rng.normal(0, 1.5, (6, nz)) for nz in sizes},
        "draws": DRAWS,
        **borrowed.images(rng),
        **borrowed.latents(rng, sizes[0]),
        "own seed": int(rng.integers(2**31)),  # of what is drawn on this side; not sent
    }


def _model_asked(student, inputs, stand_ins, seconds):
    """Look at the model; then have it decode latents that are drawn here from what it said, in an
    order of their own, so that its word is not taken for what its samples should be like.

    Evidence: that of `probes.vae.model`, and random projections of logits: sampled.<mode>, of one
    image drawn many times; centre.eval, at its mean; near.eval, close to it; candidate.<i>.eval, of
    each of `SAMPLES`; at mean, also of the second model.
    """
    asked = {key: value for key, value in inputs.items() if key != "own seed"}
    got = student.ask("vae.model", asked, stand_ins, seconds)
    means, posterior = got.get("means"), got.get("posterior")
    if not all(isinstance(p, np.ndarray) and p.ndim == 2 for p in (means, posterior)):
        return got
    if len(means) != len(inputs["x"]) or not 0 < 2 * means.shape[1] == posterior.shape[1] < 512:
        return got
    rng = np.random.default_rng(inputs["own seed"])
    mu, logvar = np.split(posterior[:1].astype(float), 2, axis=1)
    parts = [means, mu]
    with np.errstate(all="ignore"):
        parts.append(mu + 0.001 * np.exp(0.5 * logvar) * rng.standard_normal((20, mu.shape[1])))
        for name, sample in SAMPLES.items():
            noises = rng.standard_normal((DRAWS if name == "right" else DRAWS // 2, mu.shape[1]))
            parts.append(sample(mu, logvar, noises))
        z = np.nan_to_num(np.concatenate(parts).astype(np.float32))
    order = rng.permutation(len(z))
    asked = {"z": z[order], "seed": inputs["seed"]}
    told = student.ask("vae.decoding", asked, stand_ins, seconds)
    if told.get("error"):
        return {**got, "error": told["error"]}
    got = {**got, **told}
    shapes = {"sampled.eval": DRAWS, "sampled.train": 32, "decoded": len(z)}
    for key, count in shapes.items():
        right = isinstance(got.get(key), np.ndarray) and got[key].shape == (count, 784)
        if key in got and not right:
            got[f"samples.{'train' if key == 'sampled.train' else 'eval'}.error"] = (
                f"received logits of shape {np.shape(got[key])} for {count} images, flattened."
            )
            return got
    views = rng.normal(0, 1, (784, 6)) / 28
    for key in {"sampled.eval", "sampled.train"} & set(got):
        got[key] = got[key] @ views
    if "decoded" in got:
        decoded = np.empty((len(z), 784), np.float32)
        decoded[order] = got.pop("decoded")
        at_mean, *seen = np.split(decoded, np.cumsum([len(part) for part in parts])[:-1])
        fresh = got.get("at mean")
        if isinstance(fresh, np.ndarray) and fresh.size == at_mean.size:
            got["at mean"] = np.concatenate([fresh, at_mean.reshape(fresh.shape)])
        keys = ["centre.eval", "near.eval", *(f"candidate.{i}.eval" for i in range(len(SAMPLES)))]
        got |= {key: part @ views for key, part in zip(keys, seen, strict=True)}
    return got


def _cases(inputs):
    """(tag, nz, number of images, number of latents) of every way in which the model was called."""
    for nz in inputs["sizes"]:
        yield f".{nz}", nz, len(inputs["x"]), len(inputs[f"z.{nz}"])
        yield f".{nz}.one", nz, 1, 1


def _shaped(got, key, shape, what):
    """None, or what is wrong with the form of one result of the model."""
    if got.get(f"{key}.error"):
        return f"{what}: {got[f'{key}.error']}"
    if got.get(key) is None:
        return f"{what}: received `{got.get(f'{key}.kind')}`, not a tensor."
    if got[key].shape != shape:
        return f"{what}: received shape {got[key].shape}, expected {shape}."
    if not np.isfinite(got[key]).all():
        return f"{what}: received values that are NaN or infinite."
    return None


def _built(got, inputs):
    for nz in inputs["sizes"]:
        if got.get(f"build.{nz}.error"):
            return got[f"build.{nz}.error"]
    return None


PARTS = {"encode": ("mu", "logvar"), "forward": ("logits", "mu", "logvar")}


def _wrong_parts(got, method, tag=None) -> str | None:
    """What is said of a method that gives something else than its parts; without a tag, for the
    first nz that was tried.
    """
    if tag is None:
        counts = [key for key in got if key.startswith(method) and key.endswith(".count")]
        if not counts:
            return None
        tag = counts[0][len(method) : -len(".count")]
    count, parts = got.get(f"{method}{tag}.count"), PARTS[method]
    if count is None or count == len(parts):
        return None
    asked = f"{', '.join(parts[:-1])} and {parts[-1]}"
    if got.get(f"{method}{tag}.kind") in ("tuple", "list"):
        return f"{method} gave {count} things, not {asked}."
    kind = got.get(f"{method}{tag}.kind")
    return f"{method} gave {'None' if kind == 'NoneType' else kind}, not a tuple of {asked}."


def _model_encode(got, want, inputs):
    problem = _built(got, inputs)
    for tag, nz, images, _ in _cases(inputs):
        problem = problem or got.get(f"encode{tag}.error")
        problem = problem or _wrong_parts(got, "encode", tag)
        for i, part in enumerate(("mu", "logvar")):
            problem = problem or _shaped(got, f"encode{tag}.{i}", (images, nz), part)
    problem = problem or got.get("own.error")
    if problem:
        return problem
    if got.get("mu lowest") is None:
        return got.get("instances.error")
    if confined(got["mu lowest"], got["mu highest"], bounded(got, "mu ")):
        return "mu is confined to a part of the numbers."
    if got["logvar lowest"] >= 0 or got["logvar highest"] <= 0:
        return "logvar is confined to one sign."
    if _within_one(got, "logvar"):
        return "logvar is held in a narrow range."
    if got["codes apart"] == 0:
        return "mu and logvar are the same numbers, in every network."
    return None


def _within_one(got, part: str) -> bool:
    """Whether it never leaves −1 … 1, as after a tanh."""
    return got[f"{part} lowest"] >= -1 - 1e-6 and got[f"{part} highest"] <= 1 + 1e-6


def _model_decode(got, want, inputs):
    problem = _built(got, inputs)
    for tag, _, _, latents in _cases(inputs):
        problem = problem or got.get(f"decode{tag}.error")
        problem = problem or _shaped(got, f"decode{tag}", (latents, 1, 28, 28), "logits")
    if problem:
        return problem
    if got.get("logits lowest") is None:
        return got.get("instances.error")
    if got["logits lowest"] >= 0 or _within_one(got, "logits"):
        return "the decoder's output is confined to a part of the numbers, as no logits are."
    if got["logits highest"] <= 0:
        return "the decoder's output is never positive, as logits may be."
    if bounded(got, "logits "):
        return "the decoder's output does not leave a range, as logits may."
    return None


def _model_forward(got, want, inputs):
    problem = _built(got, inputs)
    for tag, nz, images, _ in _cases(inputs):
        problem = problem or got.get(f"forward{tag}.error")
        problem = problem or _wrong_parts(got, "forward", tag)
        shapes = (images, 1, 28, 28), (images, nz), (images, nz)
        for i, part in enumerate(("logits", "mu", "logvar")):
            problem = problem or _shaped(got, f"forward{tag}.{i}", shapes[i], f"{part} of forward")
    if problem:
        return problem
    nz = inputs["sizes"][0]
    for i, part in ((1, "mu"), (2, "logvar")):
        if got.get(f"encode.{nz}.all.{i - 1}") is None:
            return "without a working encode, forward cannot be compared with it."
        if not close(got[f"forward.{nz}.all.{i}"], got[f"encode.{nz}.all.{i - 1}"], 1e-3, 1e-4):
            return f"the {part} that forward returns is not the one of encode."
    return None


def _same_spread(a, b):
    """Whether two samples (N, views) have equal means and mean distances from them, at six standard
    errors; squared distances of such long tails would need many more samples.
    """
    for x, y in zip(a.T, b.T, strict=True):
        for one, other in ((x, y), (abs(x - x.mean()), abs(y - y.mean()))):
            error = np.sqrt(one.var() / len(one) + other.var() / len(other))
            if abs(one.mean() - other.mean()) > noise.SIGMAS * error + 1e-5:
                return False
    return True


def _varies(got, key):
    return np.ptp(got[key], 0).max() > 1e-5 * (1 + np.abs(got["centre.eval"]).max())


def _unsteady(got):
    """Whether one image has another posterior every time."""
    return np.ptp(got["posterior"], 0).max() > 1e-3 * (1 + np.abs(got["posterior"]).max())


def _model_sampling(got, want, inputs):
    apart = _wrong_parts(got, "forward") or _wrong_parts(got, "encode")
    if apart:
        return apart
    for mode in ("train", "eval"):
        if got.get(f"samples.{mode}.error"):
            return got[f"samples.{mode}.error"]
    if not _varies(got, "candidate.0.eval"):
        return "a whole posterior is decoded to the same logits: samples of it cannot be seen."
    if not _varies(got, "sampled.train"):
        return "in train mode, forward gives all copies of one image in a batch the same logits."
    if not _varies(got, "sampled.eval"):
        return (
            "in evaluation mode, forward gives all copies of one image in a batch the same logits."
        )
    if got.get("fixed noise"):
        return "two calls of forward use the same noise."
    if _unsteady(got):
        return "in evaluation mode, the posterior of one image is another one every time."
    if not _same_spread(got["sampled.eval"], got["candidate.0.eval"]):
        return "the logits of forward are not spread like those of samples from the posterior."
    if _leaps(got, inputs):
        return "latents that are almost equal are decoded to quite different logits."
    return None


def _leaps(got, inputs):
    """Whether decode's answers cannot be those of a network, though it gave equal ones for equal
    latents before: made up, perhaps.
    """
    key, centre, near = f"decode.{inputs['sizes'][0]}", got["centre.eval"], got["near.eval"]
    far = abs(near - centre).max() > 0.3 * abs(got["candidate.0.eval"] - centre).max()
    return far and close(got[f"{key}.all"], got[f"{key}.again"], 1e-3, 1e-4)


def _model_reconstruct(got, want, inputs):
    problem = _built(got, inputs)
    for tag, _, images, _ in _cases(inputs):
        problem = problem or got.get(f"reconstruct{tag}.error")
        problem = problem or _shaped(got, f"reconstruct{tag}", (images, 1, 28, 28), "images")
    problem = problem or got.get("rebuilding.error")
    if problem:
        return problem
    decoded = got["at mean"]
    rebuilt = got["rebuilt"][: len(decoded)]
    decoded = decoded.reshape(rebuilt.shape)
    if rebuilt.min() < 0 or rebuilt.max() > 1:
        return "pixels are below 0 or above 1."
    if not close(got["rebuilt"], got["rebuilt twice"], 1e-4, 1e-5):
        return "the same images give different reconstructions every time."
    pixels = 0 <= decoded.min() and decoded.max() <= 1  # that they should be logits costs elsewhere
    if not close(rebuilt, decoded if pixels else 1 / (1 + np.exp(-decoded)), 1e-3, 1e-4):
        return "the images are not those decoded from the posterior mean."
    return None


def _model_trainable(got, want, inputs):
    problem = _wrong_parts(got, "forward") or untrainable(got)
    if problem:
        return problem
    for part in ("image", "mu"):
        if not got[f"{part} gradient"]:
            return f"the reconstruction sends no gradient back through the sample to {part}."
    if got["logvar learns"] is False and not _model_sampling(got, want, inputs):
        return "the reconstruction sends no gradient back through the sample to logvar."
    if got.get("uncopied", 0) > 1e-4:
        return "a model that loads another's state_dict does not become the same model."
    return None


def _model_independent(got, want, inputs):
    if got.get("instances.error"):
        return got["instances.error"]
    if got.get("images changed"):
        return "the images were changed in place."
    if got["shared"] or got["apart"] == 0:
        return "two models built one after the other are not independent of each other."
    nz = inputs["sizes"][0]
    for key in ("encode.{}.{}.0", "encode.{}.{}.1", "decode.{}.{}"):
        part = key.partition(".")[0]
        one, every, again = (got.get(key.format(nz, tag)) for tag in ("one", "all", "again"))
        if one is None or every is None or again is None:
            return f"{part} gave no result in evaluation mode."
        if not close(every, again, 1e-3, 1e-4):
            return f"in evaluation mode, {part} gives different results for the same input."
        if not close(every[:1].ravel(), one.ravel(), 1e-3, 1e-4):
            return f"in evaluation mode, {part} of an input depends on the others of its batch."
    return None


def _model_named(got, want, inputs, failed):
    """What usually makes a VAE behave as it was seen to, the plainest first."""
    nz, other = inputs["sizes"]
    if _built(got, inputs):
        return None
    if got.get("images changed"):
        return "in-place"
    for part in ("encode", "forward", "decode", "reconstruct"):
        if f"has no attribute '{part}'" in str(got.get(f"{part}.{nz}.error")):
            return "method-missing", {"part": part}
        for tag, images in (("", len(inputs["x"])), (".one", 1)):
            if batch_written_in(got.get(f"{part}.{nz}{tag}.error") or "", images):
                return "fixed-batch"
    mu, mu2 = got.get(f"encode.{nz}.0"), got.get(f"encode.{other}.0")
    if (mu is not None and mu2 is not None and mu.ndim == 2 and mu.shape[1:] == mu2.shape[1:]) or (
        any(met_by_latents(got.get(f"decode.{n}.error") or "", n) for n in (nz, other))
    ):
        return "nz-ignored"
    count = got.get(f"encode.{nz}.count")
    for part in ("encode", "forward"):
        if got.get(f"{part}.{nz}.count") == 1 and got.get(f"{part}.{nz}.kind") != "Tensor":
            return "dictionary" if got.get(f"{part}.{nz}.kind") != "NoneType" else "returns-nothing"
    if count == 1:
        return "not-split"
    return (
        _model_form_named(got, inputs, nz)
        or _model_range_named(got, failed)
        or _model_sample_named(got, nz, failed)
        or _model_reconstruct_named(got, failed)
        or _model_state_named(got, nz, failed)
    )


def _model_form_named(got, inputs, nz):
    images = len(inputs["x"])
    forward = [got.get(f"forward.{nz}.{i}") for i in range(3)]
    if (got.get(f"forward.{nz}.count") or 0) > 3:
        return "forward-extra"
    coded = [got.get(f"encode.{nz}.{tag}") for tag in ("all.0", "again.0", "all.1", "again.1")]
    if all(part is not None for part in coded) and not close(coded[0], coded[1], 1e-3, 1e-4):
        if close(coded[2], coded[3], 1e-3, 1e-4):
            return "encode-samples"
        return "random-in-eval"
    drawn = [got.get(f"decode.{nz}.{tag}") for tag in ("all", "again")]
    if all(part is not None for part in drawn) and not close(*drawn, 1e-3, 1e-4):
        return "random-in-eval"
    if got.get(f"forward.{nz}.count") == 1:
        return "forward-alone"
    if got.get(f"forward.{nz}.count") == 2:
        return "forward-incomplete"
    if forward[0] is not None and forward[0].shape != (images, 1, 28, 28):
        if any(part is not None and part.shape == (images, 1, 28, 28) for part in forward):
            return "forward-order"
    decoded = got.get(f"decode.{nz}")
    if decoded is not None and decoded.shape == (len(inputs[f"z.{nz}"]), 784):
        return "flattened"
    mean, logvar = got.get(f"encode.{nz}.all.0"), got.get(f"encode.{nz}.all.1")
    if forward[1] is not None and mean is not None and logvar is not None:
        forward_mu = got.get(f"forward.{nz}.all.1")
        if close(forward_mu, logvar, 1e-3) and not close(forward_mu, mean, 1e-3):
            return "forward-order/codes"
        forward_logvar = got.get(f"forward.{nz}.all.2")
        if close(forward_mu, mean, 1e-3) and not close(forward_logvar, logvar, 1e-3):
            if close(forward_logvar, np.exp(0.5 * logvar), 1e-3):
                return "std-returned"
            if close(forward_logvar, np.exp(logvar), 1e-3):
                return "variance-returned"
        if (
            forward_mu is not None
            and forward_mu.shape == mean.shape
            and not close(forward_mu, mean, 1e-3)
        ):
            return "sample-returned"
    for part in ("encode.{}.one.0", "decode.{}.one"):
        alone, whole = got.get(part.format(nz)), got.get(part.format(nz).replace("one", "all"))
        if alone is not None and whole is not None and alone.size == whole[0].size:
            if alone.ndim < whole.ndim:
                return "squeezed-batch"
    return None


def _model_range_named(got, failed):
    if got.get("logits lowest") is None or not got.get("parameters"):
        return None  # without parameters nothing was made larger, and ranges say nothing
    ends = got["logits lowest"], got["logits highest"]
    if "decode" in failed and (name := confined(*ends, bounded(got, "logits "))):
        return name
    if "encode" in failed and got["codes apart"] == 0:
        return "one-for-both"
    if "encode" in failed and got["logvar lowest"] == got["logvar highest"]:
        return "logvar-constant"
    if "encode" in failed and (got["logvar lowest"] >= 0 or got["logvar highest"] <= 0):
        return "logvar-one-sided"
    if "encode" in failed and confined(got["mu lowest"], got["mu highest"], bounded(got, "mu ")):
        return "mu-squashed"
    if "encode" in failed and _within_one(got, "logvar"):
        return "logvar-squashed"
    return None


def _model_sample_named(got, nz, failed):
    if "sampling" not in failed or any(got.get(f"samples.{m}.error") for m in ("train", "eval")):
        return None
    if not _varies(got, "candidate.0.eval"):
        return None
    train, evaluation = _varies(got, "sampled.train"), _varies(got, "sampled.eval")
    logits = got.get(f"forward.{nz}.all.0")
    if logits is not None and logits.min() >= 0 and logits.max() <= 1:
        return "forward-images"
    if (
        not train
        and close(got["sampled.eval"][:1], got["centre.eval"], 1e-3, 1e-4)
        and not evaluation
    ):
        return "no-sampling"
    if train and not evaluation and close(got["sampled.eval"][:1], got["centre.eval"], 1e-3, 1e-4):
        return "mean-in-eval"
    if evaluation and not train:
        return "mean-in-train"
    if not evaluation:
        return "shared-batch"
    if got.get("fixed noise"):
        return "fixed-seed"
    if not got.get("structure.error") and not (got["image gradient"] or got["mu gradient"]):
        return "prior-sampled"
    if _unsteady(got):
        return None
    for i, name in enumerate(SAMPLES):
        if i and _same_spread(got["sampled.eval"], got[f"candidate.{i}.eval"]):
            return name
    return None


def _model_reconstruct_named(got, failed):
    if "reconstruct" not in failed or got.get("rebuilding.error") or got.get("rebuilt") is None:
        return None
    rebuilt, logits = got["rebuilt"], got["at mean"]
    if rebuilt.shape == logits.shape:
        named = pixels_named(rebuilt, logits)
        if named:
            return named
        if not close(rebuilt, got["rebuilt twice"], 1e-4, 1e-5):
            return "reconstruct-samples"
    return None


def _model_state_named(got, nz, failed):
    if got.get("instances.error") or got.get("structure.error"):
        return None
    if "independent" in failed and (got["shared"] or got["apart"] == 0):
        return "shared-layers"
    if "trainable" in failed:
        untrained = untrainable_named(got)
        if untrained in ("frozen", "buffer-weights"):
            return untrained
        if not got["parameters"] or got["uncopied"] > 1e-4:
            return "unregistered"
        if untrained:
            return untrained
        if got["image gradient"] and got["mu gradient"]:
            return "logvar-detached"
        return "codes-detached" if got["image gradient"] else "sample-detached"
    if "independent" in failed:
        same = [
            close(got[f"{part}.{nz}.all{i}"], got[f"{part}.{nz}.again{i}"], 1e-3, 1e-4)
            for part, i in (("encode", ".0"), ("encode", ".1"), ("decode", ""))
        ]
        if all(same):
            return "batch-mixing"
        return "random-in-eval"
    return None


QUESTION = Question(
    id="vae.VAE",
    points=7,
    probe="vae.model",
    draw=_model_inputs,
    reference={"VAE": VAE, "reparametrize": reparametrize},
    builds_on=("reparametrize",),
    checks=(
        Check("encode", 0.15, _model_encode),
        Check("decode", 0.15, _model_decode),
        Check("forward", 0.15, _model_forward),
        Check("sampling", 0.2, _model_sampling),
        Check("reconstruct", 0.15, _model_reconstruct),
        Check("trainable", 0.1, _model_trainable),
        Check("independent", 0.1, _model_independent),
    ),
    explain=_model_named,
    examine=_model_asked,
    taken=borrowed.taken,
    sends={**probes.find("vae.model").sends, **probes.find("vae.decoding").sends, **PROJECTED},
    seconds=30,
)
