"""Submitted training runs, evaluated on held-out images on the examiner's side.

A run folder is data from outside: it is read with safetensors and json, never unpickled, in a child
process with limits, and what it scores is computed here. The graph beside the weights says what the
model computes; where there is none, the student's class is asked to encode and decode.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import resource
import signal
from functools import cache
from pathlib import Path

import numpy as np

from autograder.student import wire

LARGEST = 48 * 2**20  # bytes of one file of a run
MEMORY = 3 * 2**30  # bytes that an evaluation may use beyond what is there
WIDEST = 256  # latent dimensions
NOISE = 20130620  # the draws of z are the same for everyone, so that a score does not hang on luck
CLASSES = {
    "vae": (("VAE",), ("",)),
    "autoencoder": (("Encoder", "Decoder"), ("encoder.", "decoder.")),
}


class Unusable(Exception):
    """A run cannot be evaluated; the message says why, to the student."""


def evaluate(student, name: str, kind: str, seconds: float = 60.0) -> dict:
    """What the run `name` of the submission reaches on the embedded test images, nats per image.

    kind: "vae" or "autoencoder". Evidence: <name>.problem, or <name>.reconstruction, .kl and .elbo
    (vae), .nz, .curves ({name: numbers}), .copied (whether it is the kit's own run).
    """
    folder = Path(student.folder) / "runs" / name
    evidence = {}
    try:
        if not folder.is_dir():
            raise Unusable(
                f"there is no folder runs/{name} in your submission: train it, save, and hand it "
                "in."
            )
        _ready()
        measured = aside(lambda: _by_graph(folder, kind), seconds)
        if measured.get("problem"):
            raise Unusable(measured["problem"])
        if measured.pop("no graph", None):
            measured |= _by_class(student, folder, kind, seconds)
        if not np.isfinite([v for v in measured.values() if isinstance(v, float)]).all():
            raise Unusable("it gives NaN or infinite values.")
    except Unusable as problem:
        measured = {"problem": f"run {name}: {problem}"}
    for key, value in measured.items():
        evidence[f"{name}.{key}"] = value
    return evidence


@cache
def _ready() -> None:
    """What every evaluation needs, loaded before the fork: its children find it there."""
    import torch  # noqa: F401

    from utils import graph, runs  # noqa: F401

    held_out()
    _kits_own()


def aside(action, seconds: float) -> dict:
    """`action()` in a forked child with limits of time and memory; {"problem": …} beyond them."""
    if not hasattr(os, "fork"):
        return _guarded(action)
    from_child, to_parent = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.close(from_child)
            import torch

            torch.set_num_threads(1)  # OpenMP threads do not survive a fork
            _limit()
            wire.send(to_parent, _guarded(action))
        os._exit(0)
    os.close(to_parent)
    try:
        return wire.receive(from_child, seconds)
    except TimeoutError:
        return {"problem": f"evaluating it takes more than {seconds:g} seconds."}
    except (EOFError, wire.WireError):
        return {"problem": "evaluating it needs more memory than any honest model."}
    finally:
        os.close(from_child)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _limit() -> None:
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(devnull, fd)
    used = (
        int(Path("/proc/self/statm").read_text().split()[5]) * 4096
        if Path("/proc/self/statm").exists()
        else 0
    )
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))


def _guarded(action) -> dict:
    try:
        return action()
    except Unusable as problem:
        return {"problem": str(problem)}
    except MemoryError:
        return {"problem": "evaluating it needs more memory than any honest model."}
    except Exception as error:
        return {"problem": f"its files do not fit together ({type(error).__name__})."}


# -- reading --------------------------------------------------------------------------------------


def _content(folder: Path, file: str) -> bytes:
    path = folder / file
    if path.is_symlink() or not path.is_file():
        raise Unusable(f"{file} is missing.")
    if path.stat().st_size > LARGEST:
        raise Unusable(f"{file} is larger than {LARGEST / 2**20:.0f} MiB.")
    return path.read_bytes()


def _weights(folder: Path) -> dict:
    """The state dict as float32 arrays; Unusable for a damaged or foreign file, or NaN weights."""
    from safetensors.numpy import load

    content = _content(folder, "weights.safetensors")
    try:
        weights = load(content)
    except Exception:
        raise Unusable(
            "weights.safetensors is damaged, or of another kind; only safetensors files are read."
        ) from None
    weights = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in weights.items()}
    broken = [key for key, value in weights.items() if not np.isfinite(value).all()]
    if broken or not weights:
        raise Unusable(
            f"weights.safetensors holds NaN or infinite weights ({broken[:1]})."
            if broken
            else "weights.safetensors is empty."
        )
    return weights


def _json(folder: Path, file: str) -> dict:
    import json

    try:
        value = json.loads(_content(folder, file))
    except (ValueError, RecursionError):
        raise Unusable(f"{file} is damaged.") from None
    if not isinstance(value, dict):
        raise Unusable(f"{file} is damaged.")
    return value


def _curves(folder: Path) -> dict[str, list[float]]:
    try:
        rows = list(csv.DictReader(io.StringIO(_content(folder, "curves.csv").decode())))
        names = [name for name in rows[0] if name and name != "epoch"]
        return {name: [float(row[name]) for row in rows[:10_000]] for name in names[:20]}
    except (IndexError, KeyError, TypeError, UnicodeError, ValueError, csv.Error):
        raise Unusable("curves.csv is damaged or empty.") from None


@cache
def _kits_own() -> frozenset[str]:
    """Digests of the weights of the kit's own runs."""
    from utils import runs

    return frozenset(_digest(path.parent) for path in runs.REFERENCE.glob("*/weights.safetensors"))


def _digest(folder: Path) -> str:
    weights = _weights(folder)
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(weights[key].tobytes())
    return digest.hexdigest()


# -- evaluating -----------------------------------------------------------------------------------


@cache
def held_out() -> np.ndarray:
    """The embedded test images, (2000, 1, 28, 28)."""
    from utils import data

    with contextlib.redirect_stdout(io.StringIO()):
        return data.load("MNIST", train=False, root="embedded").images.numpy()


def _by_graph(folder: Path, kind: str) -> dict:
    import torch

    from utils import graph, runs

    _json(folder, "run.json")
    weights = _weights(folder)
    common = {"curves": _curves(folder), "copied": _digest(folder) in _kits_own()}
    if not (folder / "graph.json").exists():
        return {**common, "no graph": True}
    program = _json(folder, "graph.json")
    if program.get("kind") != kind:
        raise Unusable(
            f"it is a model of kind {program.get('kind')!r}; here it should be {kind!r}."
        )
    tensors = {key: torch.from_numpy(value) for key, value in weights.items()}
    x = torch.from_numpy(held_out())
    with torch.inference_mode():
        try:
            coded = [graph.run(program["encode"], tensors, part) for part in x.split(runs.CHUNK)]
            mu, *rest = (torch.cat(parts) for parts in zip(*coded, strict=True))
            z = _latents(mu.numpy(), rest[0].numpy() if rest else None, kind)
            decoded = [
                graph.run(program["decode"], tensors, part)[0]
                for part in torch.from_numpy(z).split(runs.CHUNK)
            ]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            if "allocate" in str(error):
                raise MemoryError from None
            raise Unusable("its weights do not fit its graph.") from None
    logvar = rest[0].numpy() if rest else None
    return {**common, **measure(held_out(), torch.cat(decoded).numpy(), mu.numpy(), logvar)}


def _by_class(student, folder: Path, kind: str, seconds: float) -> dict:
    """Ask the student's class. Codes are drawn here, and decoded in another order than encoded, by
    another process, where one is to be had: the images that were encoded are not in its memory.
    """
    weights = _weights(folder)
    nz = (_json(folder, "run.json").get("settings") or {}).get("nz")
    if not isinstance(nz, int) or not 0 < nz <= WIDEST:
        raise Unusable("run.json does not say the number of latent dimensions (settings, nz).")
    classes, prefixes = CLASSES[kind]
    model = {
        "classes": list(classes),
        "prefixes": list(prefixes),
        "nz": nz,
        **{f"weights.{key}": value for key, value in weights.items()},
    }
    coded = student.ask("vae.encode", {**model, "x": held_out()}, None, seconds)
    if coded.get("error") or coded.get("mu") is None:
        raise Unusable(
            "your class could not take the weights and encode: "
            f"{coded.get('error', 'nothing came')}"
        )
    mu, logvar = coded["mu"], coded.get("logvar") if kind == "vae" else None
    if not all(part is None or isinstance(part, np.ndarray) for part in (mu, logvar)):
        raise Unusable("encoding gives no arrays.")
    z = _latents(mu, logvar, kind)
    order = np.random.default_rng().permutation(len(z))
    if hasattr(student, "renew"):
        student.renew()
    decoded = student.ask("vae.decode", {**model, "z": z[order]}, None, seconds)
    if decoded.get("error") or decoded.get("logits") is None:
        raise Unusable(
            "your class could not take the weights and decode: "
            f"{decoded.get('error', 'nothing came')}"
        )
    if np.shape(decoded["logits"]) != held_out().shape:
        raise Unusable(f"decoding gives shape {np.shape(decoded['logits'])}.")
    logits = np.empty_like(decoded["logits"])
    logits[order] = decoded["logits"]
    return measure(held_out(), logits, mu, logvar)


def _latents(mu, logvar, kind: str) -> np.ndarray:
    if mu.ndim != 2 or len(mu) != len(held_out()) or not 0 < mu.shape[1] <= WIDEST:
        raise Unusable(
            f"encoding gives shape {tuple(mu.shape)}, not one code of at most {WIDEST} numbers "
            "an image."
        )
    if kind == "autoencoder":
        return mu.astype(np.float32)
    if logvar is None or logvar.shape != mu.shape:
        raise Unusable("encoding does not give a mean and a log-variance for each image.")
    noise = np.random.default_rng(NOISE).standard_normal(mu.shape)
    return (mu + np.exp(0.5 * logvar) * noise).astype(np.float32)


def measure(x, logits, mu, logvar=None) -> dict:
    """Bernoulli reconstruction, and for a VAE KL to N(0, I) and ELBO, means in nats per image."""
    if logits.shape != x.shape:
        raise Unusable(f"decoding gives shape {tuple(logits.shape)}, not {x.shape}.")
    logits = logits.astype(float)
    reconstruction = (np.logaddexp(0, logits) - x * logits).sum((1, 2, 3)).mean()
    result = {"reconstruction": float(reconstruction), "nz": int(mu.shape[1])}
    if logvar is not None:
        m, v = mu.astype(float), logvar.astype(float)
        kl = 0.5 * (m**2 + np.exp(v) - 1 - v).sum(1).mean()
        result |= {"kl": float(kl), "elbo": float(-reconstruction - kl)}
    return result
