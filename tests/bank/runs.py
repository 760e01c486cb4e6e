"""Submitted run folders: damaged, foreign, untrained ones, and good ones.

They are made from the kit's own runs, with weights changed by less than float16 rounding, so that
they count as somebody's own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from utils import runs

from . import Mutant, Variant

SOURCE = "import torch\n"


def place(folder: Path, name: str, of: str | None = None, edit=None, own: bool = True) -> None:
    """Put the kit's run `of` under runs/`name`; edit(run folder) spoils it."""
    target = folder / "runs" / name
    shutil.copytree(runs.REFERENCE / (of or name), target)
    if own:
        weights = load_file(target / "weights.safetensors")
        rescale(target, lambda key, value: value * np.float32(1 + 1e-5), weights)
    if edit:
        edit(target)


def rescale(target: Path, change, weights=None) -> None:
    """Replace every float weight by change(key, weight)."""
    weights = weights or load_file(target / "weights.safetensors")
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


def submission(*runs_of):
    """A `prepare` for a bank answer. runs_of: (name, the kit's run, edit) or with own=False."""

    def prepare(folder: Path) -> None:
        for name, of, edit, *own in runs_of:
            place(folder, name, of, edit, *own)

    return prepare


def _of(question, main, others, *rows):
    """Mutants of one run question: (why, check, mistake, the kit's run, edit)."""
    for why, check, mistake, of, edit in rows:
        rest = [(name, name, None) for name in others]
        mine = [(main, of, edit, edit != "copy")] if of else []
        mine = [(n, o, None if e == "copy" else e, own) for n, o, e, own in mine]
        yield Mutant(question, why, check, mistake, SOURCE, submission(*mine, *rest))


def _damages(main, kind, file):
    other = "tuned" if kind == "autoencoder" else "autoencoder"
    return (
        ("no run", file, "run-missing", None, None),
        ("the kit's own run", file, "run-copied", main, "copy"),
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


EMPTY_CURVES = ("empty curves", "curves", "run-damaged", _no_curves)
MUTANTS = (
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
        ("random weights", "file", "run-nan", "tuned", _random),
        ("beta 10", "learned", "run-undertrained", "beta-10", None),
        ("beta 0", "balanced", "run-undertrained", "beta-0", None),
        ("two dimensions", "good", "run-undertrained", "plane", None),
        ("curves of one epoch", "curves", "run-curves", "tuned", _one_epoch),
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
