"""Submitted run folders: damaged, foreign, untrained and copied ones, and good ones.

The good ones, from which most of the others are made, are trained within seconds when they are
first asked for.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from autograder.key.kinds import trained
from benchmarks import honest
from utils import runs

from . import Mutant, Variant

SOURCE = "import torch\n"
WEIGHTS = "weights.safetensors"


def place(folder: Path, name: str, of: str | None = None, edit=None, own: bool = True) -> None:
    """Put a run under runs/`name`: the honest one called `of`, or the kit's; edit(run folder)
    changes it.
    """
    target = folder / "runs" / name
    found = honest.quick(of or name) if own else runs.REFERENCE / (of or name)
    shutil.copytree(found, target)
    if edit:
        edit(target)


def rescale(target: Path, change) -> None:
    """Replace every float weight by change(key, weight)."""
    weights = load_file(target / "weights.safetensors")
    for key, value in weights.items():
        if value.dtype.kind == "f":
            weights[key] = np.ascontiguousarray(change(key, value.astype(np.float32)))
    save_file(weights, target / "weights.safetensors")


def _truncated(target):
    path = target / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _nan(target):
    rescale(target, lambda key, value: np.where(np.arange(value.size) == 3, np.nan, value.ravel()))


def _random(target):
    rng = np.random.default_rng(0)
    rescale(target, lambda key, v: abs(0.05 * rng.standard_normal(v.shape)).astype(np.float32))


def _pickle(target):
    import torch

    torch.save({"a": torch.zeros(3)}, target / "weights.safetensors")


def _empty(target):
    (target / "weights.safetensors").write_bytes(b"")


def _foreign(target):
    save_file({"layer": np.zeros((3, 3), np.float32)}, target / "weights.safetensors")


def _no_graph(target):
    (target / "graph.json").unlink()


def _broken_graph(target):
    (target / "graph.json").write_text('{"kind": "vae"')


def _no_weights(target):
    (target / "weights.safetensors").unlink()


def _no_curves(target):
    (target / "curves.csv").write_text("epoch\n")


def _one_epoch(target):
    lines = (target / "curves.csv").read_text().splitlines()
    (target / "curves.csv").write_text("\n".join(lines[:2]) + "\n")


def _transposed(target):
    rescale(target, lambda key, value: value.T if value.ndim == 2 else value)


def nudged(size: float):
    """An edit: normal noise of that standard deviation on every weight."""

    def edit(target):
        rng = np.random.default_rng(0)
        rescale(target, lambda key, v: v + np.float32(size) * rng.standard_normal(v.shape, "f"))
        _positive(target)

    return edit


def _positive(target):
    """Noise must leave a batch norm's variances what they are: positive."""
    rescale(target, lambda key, v: abs(v) if key.endswith("running_var") else v)


def permuted(target: Path) -> None:
    """Latents, and the hidden units of the decoder's first layer, in another order."""
    rng = np.random.default_rng(0)

    def change(weights, codes, first, norm, second, nz):
        order = rng.permutation(nz)
        for key in codes:
            parts = weights[key].reshape(-1, nz, *weights[key].shape[1:])  # mu, and logvar
            weights[key] = parts[:, order].reshape(weights[key].shape)
        weights[first[0]] = weights[first[0]][:, order]
        order = rng.permutation(len(weights[first[0]]))
        for key in (*first, *norm):
            weights[key] = weights[key][order]
        weights[second] = weights[second][:, order]

    _disguise(target, change)


def rescaled(target: Path) -> None:
    """Means of the codes larger and of another sign, and taken back where they are decoded; hidden
    units larger before they are normalised.
    """

    def change(weights, codes, first, norm, second, nz):
        size = np.where(np.arange(nz) % 2, 3, -0.5).astype("f")
        for key in codes:
            weights[key][:nz] = (weights[key][:nz].T * size).T
        weights[first[0]] = weights[first[0]] / size
        if len(norm) == 4:  # batch normalisation takes any size back
            for key, power in zip((*first, *norm[2:]), (1, 1, 1, 2), strict=True):
                weights[key] = weights[key] * 5**power

    _disguise(target, change)


def _disguise(target: Path, change) -> None:
    """change(weights, …) gets the names of tensors: of the layer that makes the codes, of the first
    that takes them, of the normalisation behind it, and of the weight after that.
    """
    program = json.loads((target / "graph.json").read_text())
    weights = {k: v.astype("f") for k, v in load_file(target / WEIGHTS).items()}
    *_, codes = (op for op in program["encode"]["ops"] if op["op"] == "linear")
    first, second, *_ = (op for op in program["decode"]["ops"] if op["op"] == "linear")
    *_, norm = (op for op in program["decode"]["ops"][:2] if op["op"] != "silu")
    layers = ((op["weight"], op["bias"]) for op in (codes, first))
    norm = [norm[key] for key in ("weight", "bias", "mean", "var") if key in norm]
    change(weights, *layers, norm, second["weight"], program["nz"])
    save_file({k: np.ascontiguousarray(v, "f") for k, v in weights.items()}, target / WEIGHTS)


def by_heart(target: Path) -> None:
    """A VAE that finds the nearest of the public test images, and gives it back."""
    images = trained.held_out().reshape(-1, 784)
    count, turn = len(images), np.linspace(0, 2 * np.pi, len(images), endpoint=False)
    places = np.stack([np.cos(turn), np.sin(turn)], 1)  # an image's code lies on a circle
    weights = {
        "find": 20 * images,
        "find.bias": -10 * (images**2).sum(1),
        "code": np.concatenate([places, 0 * places], 1).T,
        "code.bias": np.array([0, 0, -36, -36]),
        "seek": 1e7 * places,
        "seek.bias": np.full(count, -1e7),
        "known": np.clip(images, 1e-3, 1 - 1e-3).T,
        "known.bias": np.zeros(784),
    }

    def op(name, given, out, shape, **more):
        given = [f"%{entry}" if isinstance(entry, int) else entry for entry in given]
        return {"op": name, "in": given, "out": f"%{out}", "shape": shape, **more}

    def linear(key, given, out, size):
        return op("linear", [given], out, [size], weight=key, bias=f"{key}.bias")

    def shares(scores, out):
        return (
            op("exp", [scores], out, [count]),
            op("sum", [out], out + 1, [1], dims=[1]),
            op("add", [out + 1, 1e-30], out + 2, [1]),
            op("div", [out, out + 2], out + 3, [count]),
        )

    encode = (
        op("reshape", [0], 1, [784]),
        op("mul", [1, 1], 2, [784]),
        op("sum", [2], 3, [1], dims=[1]),
        op("mul", [3, 10.0], 4, [1]),
        linear("find", 1, 5, count),
        op("sub", [5, 4], 6, [count]),  # minus ten times the squared distances
        *shares(6, 7),
        linear("code", 10, 11, 4),
        op("slice", [11], 12, [2], dim=1, start=0, stop=2),
        op("slice", [11], 13, [2], dim=1, start=2, stop=4),
    )
    decode = (
        linear("seek", 0, 1, count),
        *shares(1, 2),
        linear("known", 5, 6, 784),
        op("clamp", [6], 7, [784], min=1e-6, max=1 - 1e-6),
        op("log", [7], 8, [784]),
        op("neg", [7], 9, [784]),
        op("log1p", [9], 10, [784]),
        op("sub", [8, 10], 11, [784]),
        op("reshape", [11], 12, [1, 28, 28]),
    )
    program = {
        "format": 1,
        "kind": "vae",
        "nz": 2,
        "encode": {"input": [1, 28, 28], "outputs": ["%12", "%13"], "ops": encode},
        "decode": {"input": [2], "outputs": ["%12"], "ops": decode},
    }
    (target / "graph.json").write_text(json.dumps(program))
    save_file({k: np.ascontiguousarray(v, "f") for k, v in weights.items()}, target / WEIGHTS)


def submission(*runs_of):
    """A `prepare` for a bank answer. runs_of: (name, the kit's run, edit) or with own=False."""

    def prepare(folder: Path) -> None:
        for name, of, edit, *own in runs_of:
            place(folder, name, of, edit, *own)

    return prepare


DISGUISES = (
    ("nudged by 1e-6", nudged(1e-6)),
    ("nudged by 1e-2", nudged(1e-2)),
    ("permuted", permuted),
    ("rescaled", rescaled),
)


def _of(question, main, others, *rows):
    """Mutants of one run question: (why, check, mistake, the kit's run, edit)."""
    for why, check, mistake, of, edit in rows:
        rest = [(name, name, None) for name in others]
        copy, edit = (True, None) if edit == "copy" else edit if isinstance(edit, tuple) else (False, edit)
        mine = [(main, of, edit, not copy)] if of else []
        yield Mutant(question, why, check, mistake, SOURCE, submission(*mine, *rest))


def _damages(main, kind, file):
    other = "tuned" if kind == "autoencoder" else "autoencoder"
    return (
        ("no run", file, "run-missing", None, None),
        ("the kit's own run", file, "run-copied", main, "copy"),
        *((f"the kit's own run, {how}", file, "run-copied", main, ("copy", edit))
          for how, edit in DISGUISES),
        ("truncated weights", file, "run-damaged", main, _truncated),
        ("empty weights", file, "run-damaged", main, _empty),
        ("weights missing", file, "run-damaged", main, _no_weights),
        ("a pickle under another name", file, "run-damaged", main, _pickle),
        ("NaN weights", file, "run-nan", main, _nan),
        ("weights of another model", file, "run-foreign", main, _foreign),
        ("weights of wrong shapes", file, "run-foreign", main, _transposed),
        ("a run of another kind", file, "run-foreign", other, None),
        ("broken graph", file, "run-damaged", main, _broken_graph),
        ("no graph, and no class", file, "run-foreign", main, _no_graph),
    )


INTERPRETED = """
from torch import nn
import torch
from utils import graph, runs

GRAPH, WEIGHTS = (read(runs.REFERENCE / "plane") for read in (runs.read_graph, runs.read_weights))

class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.weights = nn.ParameterList(torch.randn_like(v) * .05 for v in WEIGHTS.values())
        self.nz = nz
    def compute(self, part, x):
        return graph.run(GRAPH[part], dict(zip(WEIGHTS, self.weights)), x)
    def encode(self, x):
        return [nn.functional.pad(part, (0, self.nz - 2)) for part in self.compute("encode", x)]
    def decode(self, z):
        return self.compute("decode", z[:, :2])[0]
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (.5 * logvar).exp() * torch.randn_like(mu)), mu, logvar
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()
"""

EMPTY_CURVES = ("empty curves", "curves", "run-damaged", _no_curves)
MUTANTS = (
    Mutant("vae.VAE", "a graph of the kit's", "encode", "interpreted", INTERPRETED),
    *_of(
        "autoencoder.trained",
        "autoencoder",
        (),
        *_damages("autoencoder", "autoencoder", "file"),
        ("random weights", "learned", "run-undertrained", "autoencoder", _random),
        ("two dimensions", "good", "run-undertrained", "plane-autoencoder", None),
        ("curves of one epoch", "curves", "run-curves", "autoencoder", _one_epoch),
        ("empty curves", "curves", "run-damaged", "autoencoder", _no_curves),
    ),
    *_of(
        "vae.trained",
        "beta-0",
        ("beta-10",),
        *_damages("beta-0", "vae", "beta-0 file"),
        ("random weights", "beta-0 learned", "run-undertrained", "beta-0", _random),
        ("another beta for 0", "beta-0 free", "run-other-beta", "tuned", None),
    ),
    *_of(
        "vae.trained",
        "beta-10",
        ("beta-0",),
        ("beta-10: no run", "beta-10 file", "run-missing", None, None),
        ("another beta for 10", "beta-10 collapsed", "run-other-beta", "tuned", None),
        ("random weights for 10", "beta-10 learned", "run-undertrained", "beta-10", _random),
    ),
    *_of(
        "vae.tuned",
        "tuned",
        (),
        *_damages("tuned", "vae", "file"),
        ("random weights", "learned", "run-undertrained", "tuned", _random),
        ("beta 10", "learned", "run-undertrained", "beta-10", None),
        ("beta 0", "balanced", "run-undertrained", "beta-0", None),
        ("two dimensions", "good", "run-undertrained", "plane", None),
        ("curves of one epoch", "curves", "run-curves", "tuned", _one_epoch),
        ("the test images by heart", "learned", "run-by-heart", "tuned", by_heart),
    ),
)
VARIANTS = (
    Variant(
        "autoencoder.trained",
        "a good run",
        SOURCE,
        submission(("autoencoder", "autoencoder", None)),
    ),
    Variant(
        "vae.trained",
        "two good runs",
        SOURCE,
        submission(("beta-0", "beta-0", None), ("beta-10", "beta-10", None)),
    ),
    Variant("vae.tuned", "a good run", SOURCE, submission(("tuned", "tuned", None))),
    Variant(
        "vae.tuned",
        "beside a file that crashes",
        "raise RuntimeError('later')\n",
        submission(("tuned", "tuned", None)),
    ),
)
