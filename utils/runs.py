"""Run folders: what a training leaves behind, and how to use it again without its code.

A run folder holds `weights.safetensors`, `curves.csv` (one row an epoch), `graph.json` (what the
model computes, see utils/graph.py) and `run.json` (settings, epochs, versions). While a training is
unfinished, `resume.safetensors` holds what is needed to go on. Nothing in it is ever unpickled.
"""

import csv
import io
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save

from utils import graph, run_files
from utils.hand_in.files import replacing
from utils.run_files import RunError, RunFiles

FORMAT = 1  # of the folder; a folder of another format is refused
REFERENCE = Path(__file__).parent / "reference"
# What the kit's auto-decoders show, made by benchmarks/families.py.
FAMILIES = "families.safetensors"
CHUNK = 1000  # images computed at a time, which bounds the memory a large test set takes


# -- loading --------------------------------------------------------------------------------------


def load(name):
    """The trained run of that name as a `Trained`: the student's own, else the kit's reference.

    Own runs are looked for in runs/NAME and in the other notebooks' folders, ../*/runs/NAME. One
    that is unfinished gives way to the kit's, where the kit has it. Prints one line that says
    which was taken, and why. Raises RunError when there is none of that name.
    """
    own, why_not = _own(name), "you have no run of this name yet"
    in_kit = (REFERENCE / name / "run.json").exists()
    if own is not None:
        try:
            run = Trained(own, "yours")
        except RunError as error:
            why_not = f"your run {_short(own)} cannot be used: {error}"
        else:
            planned, done = run.info["epochs"], run.info["finished"]
            state = f"{done} epochs"
            if done < planned:
                state = f"unfinished, {done} of {planned} epochs: run its training cell to go on"
                why_not = f"yours in {_short(own)} is {state}"
            if done >= planned or not in_kit:
                print(f"{name}: your run ({state}), from {_short(own)}")
                return run
    if not in_kit:
        known = ", ".join(sorted(p.parent.name for p in REFERENCE.glob("*/run.json")))
        raise RunError(
            f"there is no run '{name}': {why_not}. Train it in its notebook first. "
            f"The kit comes with: {known or 'none'}."
        )
    print(f"{name}: the kit's reference run ({why_not})")
    return Trained(REFERENCE / name, "reference")


def exists(name):
    """Whether `load(name)` would find a run, the student's own or the kit's."""
    return _own(name) is not None or (REFERENCE / name / "run.json").exists()


def families():
    """What the kit's own auto-decoders show: {family: what the notebook keeps of its own}.

    `scores` {column: number}, `curves` {name: one float an epoch}, `map` (N, 2) of test latents
    with their `labels` (N,), and the images (10, 1, 28, 28) of prior `samples` and of a `walk`.
    """
    path = REFERENCE / FAMILIES
    if not path.exists():
        return {}
    tensors, told = _with_json(path.read_bytes(), "families")
    found = {}
    for name, about in told.items():
        part = {key: tensors[f"{name}/{key}"] for key in ("samples", "walk", "map", "curves")}
        found[name] = {
            "scores": about["scores"],
            "curves": dict(zip(about["curves"], part["curves"].float().tolist(), strict=True)),
            "map": part["map"].float(),
            "labels": tensors["labels"].long(),
            "samples": part["samples"].float()[:, None] / 255,
            "walk": part["walk"].float()[:, None] / 255,
        }
    return found


def write_families(found):
    """Writes what `families` reads, images as bytes and the rest as float16."""
    tensors = {"labels": next(iter(found.values()))["labels"].to(torch.uint8)}
    told = {}
    for name, shown in found.items():
        told[name] = {"scores": shown["scores"], "curves": list(shown["curves"])}
        tensors[f"{name}/curves"] = torch.tensor(list(shown["curves"].values())).half()
        tensors[f"{name}/map"] = shown["map"].half()
        for key in ("samples", "walk"):
            tensors[f"{name}/{key}"] = (shown[key][:, 0] * 255).round().to(torch.uint8)
    header = {"families": json.dumps(told, ensure_ascii=False)}
    _replace(REFERENCE / FAMILIES, save(plain(tensors), header))


def _own(name):
    here = Path("runs") / name
    if (here / "run.json").exists():
        return here
    others = [path.parent for path in Path("..").glob(f"*/runs/{name}/run.json")]
    return max(others, key=lambda path: (path / "run.json").stat().st_mtime, default=None)


def _short(path):
    return os.path.relpath(path)


class Trained:
    """A trained model, run from its folder.

    `nz` latent dimensions, `settings` and `curves` as they were logged, `kind` "vae",
    "autoencoder" or "decoder", `source` "yours" or "reference". Computes on the CPU, without
    gradients, in eval mode.
    """

    def __init__(self, folder, source):
        self.info, self.source, self.folder = read_info(folder), source, Path(folder)
        self.settings, self.curves = self.info["settings"], read_curves(folder)
        self._graph = read_graph(folder)
        if self._graph is None:
            raise RunError(self.info.get("no_graph", "graph.json is missing or damaged"))
        self.kind, self.nz = self._graph["kind"], self._graph["nz"]
        self._weights = read_weights(folder)
        try:  # a folder put together from two runs shows here, not in the middle of a notebook
            self.decode(torch.zeros(1, self.nz))
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"weights.safetensors does not fit graph.json ({error})") from None

    def encode(self, x):
        """Latents (B, nz) of images (B, 1, 28, 28); for a VAE the posterior mean."""
        return self._run("encode", x)[0]

    def posterior(self, x):
        """(mu, logvar) of q(z|x) for images (B, 1, 28, 28), each (B, nz). VAE only."""
        if self.kind != "vae":
            raise RunError(f"a run of kind '{self.kind}' has no posterior; use encode(x)")
        return tuple(self._run("encode", x))

    def decode(self, z):
        """Logits (B, 1, 28, 28) of latents (B, nz); images are their sigmoid."""
        return self._run("decode", z)[0]

    def _run(self, part, x):
        program = self._graph[part]
        if program is None:
            raise RunError(f"this run has no {part}r: its latents were fitted, not computed")
        if tuple(x.shape[1:]) != tuple(program["input"]):
            wanted = ", ".join(map(str, program["input"]))
            raise RunError(f"{part} takes a batch of shape (B, {wanted}), not {tuple(x.shape)}")
        x = torch.as_tensor(x).detach().cpu().float()
        with torch.no_grad():
            chunks = [graph.run(program, self._weights, chunk) for chunk in x.split(CHUNK)]
        return [torch.cat(parts) for parts in zip(*chunks, strict=True)]

    def __repr__(self):
        return f"<{self.kind} '{self.folder.name}', nz={self.nz}, {self.source}>"


# -- reading and writing a folder -----------------------------------------------------------------


def read_info(folder):
    """run.json as a dict. Raises RunError when it is damaged or of another format."""
    try:
        info = RunFiles(folder).info()
        version = info["format"]
    except (RunError, KeyError):
        raise _damaged(folder, run_files.INFO) from None
    if version != FORMAT:
        raise RunError(f"it has format {version}; this version of the kit reads format {FORMAT}")
    return info


def read_weights(folder):
    """The state dict of a run as float32 (integer buffers stay)."""
    try:
        return RunFiles(folder).weights()
    except RunError:
        raise _damaged(folder, run_files.WEIGHTS) from None


def read_graph(folder):
    """graph.json as a dict, or None when there is none that can be read."""
    try:
        found = RunFiles(folder).graph()
    except RunError:
        return None
    return found if {"kind", "nz", "decode"} <= set(found) else None


def read_curves(folder):
    """curves.csv as {name: one float an epoch}."""
    try:
        return RunFiles(folder).curves()
    except RunError:
        raise _damaged(folder, run_files.CURVES) from None


def _damaged(folder, file):
    return RunError(f"{_short(Path(folder) / file)} is missing or damaged")


def write(folder, weights, curves, info, graph=None):
    """Writes a run folder; each file appears whole or not at all, run.json last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    epochs = max(map(len, curves.values()), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *curves])
    for epoch in range(epochs):
        writer.writerow([epoch + 1, *(curve[epoch] for curve in curves.values())])
    _replace(folder / run_files.WEIGHTS, save(plain(weights)))
    _replace(folder / run_files.CURVES, text.getvalue().encode())
    if graph is not None:
        _replace(folder / run_files.GRAPH, json.dumps(graph).encode())
    _replace(folder / run_files.INFO, json.dumps({"format": FORMAT} | info, indent=1).encode())


def plain(weights):
    """A state dict as safetensors takes it: contiguous CPU tensors that share no memory."""
    form = torch.contiguous_format
    return {k: v.detach().cpu().clone(memory_format=form) for k, v in weights.items()}


def write_state(path, state):
    """Saves nested dicts and lists of tensors, numbers, strings and None as a safetensors file."""
    tensors = {}
    tree = _split(state, tensors)
    _replace(Path(path), save(plain(tensors), {"state": json.dumps(tree)}))


def read_state(path):
    """What write_state saved. Raises RunError when the file is damaged."""
    try:
        content = Path(path).read_bytes()  # not mapped: Windows replaces no file that is
        tensors, tree = _with_json(content, "state")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        raise RunError(f"{_short(path)} is damaged") from None
    return _join(tree, tensors)


def _with_json(content, name):
    """(tensors, JSON kept as metadata of that name) of a safetensors file; its loader gives the
    first alone.
    """
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return tensors_of(content), json.loads(header["__metadata__"][name])


def _split(value, tensors):
    """The JSON form of a state. Dicts become lists of pairs, because their keys may be numbers."""
    if isinstance(value, torch.Tensor):
        tensors[f"{len(tensors)}"] = value
        return {"tensor": f"{len(tensors) - 1}"}
    if isinstance(value, dict):
        return {"dict": [[key, _split(v, tensors)] for key, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_split(v, tensors) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be saved")


def _join(tree, tensors):
    if isinstance(tree, list):
        return [_join(v, tensors) for v in tree]
    if isinstance(tree, dict):
        if "tensor" in tree:
            return tensors[tree["tensor"]]
        return {key: _join(v, tensors) for key, v in tree["dict"]}
    return tree


def _replace(path, content):
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
