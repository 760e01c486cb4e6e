"""Submitted training runs, evaluated on held-out images on the examiner's side.

A run folder is data from outside: it is read with safetensors and json, never unpickled, in a child
process with limits, and what it scores is computed here. The graph beside the weights says what the
model computes; where there is none, the student's class is asked to encode and decode.

The test images are public. So a run is shown slight changes of some of them too, which nobody has:
where it knows the public ones far better, it has learned them by heart, and what it reaches on the
others counts. A third kind of images tells whether it is one of the kit's own runs.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from autograder.key.kinds import kit, unseen
from autograder.student import wire
from autograder.student.probes.common import FLAG, NUMBER, TEXT
from utils.run_files import RunError, RunFiles

LARGEST = 48 * 2**20  # bytes of one file of a run
MEMORY = 3 * 2**30  # bytes that an evaluation may use beyond what is there
WIDEST = 256  # latent dimensions
AT_A_TIME = 250  # images: a convolution's channels of all of them would take a hundred MiB
NOISE = 20130620  # the draws of z are the same for everyone, so that a score does not hang on luck
# A run knows the public test images by heart that is better on them than a mean image would be, and
# so many nats an image worse on changed ones; see docs/benchmarks.md.
MEAN_IMAGE = 206.0
BY_HEART = 25.0
CLASSES = {
    "vae": (("VAE",), ("",)),
    "autoencoder": (("Encoder", "Decoder"), ("encoder.", "decoder.")),
}


MEASURED = {  # of every run, by its name
    "problem": TEXT,  # and then nothing else
    "reconstruction": NUMBER,  # nats per image
    "kl": NUMBER,  # of a VAE
    "elbo": NUMBER,
    "nz": NUMBER,
    "curves": {"": dict},  # {name: numbers}
    "copied": TEXT,  # which of the kit's own runs it is, or None
    "lost": NUMBER,  # nats that a change of the images costs
    "by heart": FLAG,  # whether these are so many that the changed images count
}


def evaluate(student, name: str, kind: str, seconds: float = 60.0, seed: int = 0) -> dict:
    """What the run `name` of the submission reaches on the embedded test images, nats per image.

    kind: "vae" or "autoencoder". seed: of the images that nobody has. Evidence: "<name>." and what
    stands in `MEASURED`.
    """
    folder = Path(student.folder) / "runs" / name
    evidence = {}
    try:
        if not folder.is_dir():
            raise RunError(
                f"there is no folder runs/{name} in your submission: train it, save, and hand it "
                "in."
            )
        _ready()
        shown = Shown(kind, seed)
        measured = aside(lambda: _by_graph(folder, shown), seconds)
        if measured.get("problem"):
            raise RunError(measured["problem"])
        if measured.pop("no graph", None):
            measured |= _by_class(student, folder, shown, seconds)
        if not np.isfinite([v for v in measured.values() if isinstance(v, float)]).all():
            raise RunError("it gives NaN or infinite values.")
    except RunError as problem:
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
    kit.decoded()


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
    import resource  # Windows has none, and no fork

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
    except RunError as problem:
        return {"problem": str(problem)}
    except MemoryError:
        return {"problem": "evaluating it needs more memory than any honest model."}
    except Exception as error:
        return {"problem": f"its files do not fit together ({type(error).__name__})."}


# -- reading --------------------------------------------------------------------------------------


def _files(folder: Path) -> RunFiles:
    return RunFiles(folder, LARGEST)


def _weights(files: RunFiles) -> dict:
    """The state dict, float32 tensors; RunError for a damaged or foreign file, or NaN weights."""
    weights = files.weights()
    broken = [key for key, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise RunError(f"weights.safetensors holds NaN or infinite weights ({broken[:1]}).")
    if not weights:
        raise RunError("weights.safetensors is empty.")
    return weights


def _curves(files: RunFiles) -> dict[str, list[float]]:
    curves = files.curves()
    return {name: curve[:10_000] for name, curve in list(curves.items())[:20]}


# -- evaluating -----------------------------------------------------------------------------------


@cache
def held_out() -> np.ndarray:
    """The embedded test images, (2000, 1, 28, 28)."""
    from utils import data

    with contextlib.redirect_stdout(io.StringIO()):
        return data.load("MNIST", train=False, root="embedded").images.numpy()


class Shown:
    """The images that a run is shown: public test images, changed ones, strange ones."""

    def __init__(self, kind: str, seed: int):
        self.kind, self.seed = kind, seed

    @cached_property
    def changed(self) -> tuple[np.ndarray, np.ndarray]:
        return unseen.draw(held_out(), self.seed)

    @cached_property
    def images(self) -> np.ndarray:
        """All of them, (N, 1, 28, 28)."""
        return np.concatenate([held_out(), self.changed[1], kit.strange()])

    def latents(self, mu, logvar) -> np.ndarray:
        """What is to be decoded: a sample of each posterior, and of strange images the mean."""
        if mu.ndim != 2 or len(mu) != len(self.images) or not 0 < mu.shape[1] <= WIDEST:
            raise RunError(
                f"encoding gives shape {tuple(mu.shape)}, not one code of at most {WIDEST} numbers "
                "an image."
            )
        if self.kind == "autoencoder":
            return mu.astype(np.float32)
        if logvar is None or logvar.shape != mu.shape:
            raise RunError("encoding does not give a mean and a log-variance for each image.")
        noise = np.random.default_rng(NOISE).standard_normal(mu.shape)
        noise[-len(kit.strange()) :] = 0
        return (mu + np.exp(0.5 * logvar) * noise).astype(np.float32)

    def evidence(self, logits, mu, logvar) -> dict:
        """What counts, from all that a run has made of the images."""
        if logits.shape != self.images.shape:
            raise RunError(f"decoding gives shape {tuple(logits.shape)}, not {self.images.shape}.")
        public, (chosen, changed) = held_out(), self.changed
        ends = np.cumsum([len(public), len(changed)])
        logits, of_changed, of_strange = np.split(logits, ends)
        copied = kit.recognised(of_strange.reshape(len(of_strange), -1))
        errors, of_changed = reconstruction(public, logits), reconstruction(changed, of_changed)
        above = (of_changed - unseen.floor(changed)).mean()
        lost = float(above - (errors - unseen.floor(public))[chosen].mean())
        by_heart = lost > BY_HEART and errors.mean() < MEAN_IMAGE
        counts = float(above + unseen.floor(public).mean() if by_heart else errors.mean())
        found = {"reconstruction": counts, "nz": int(mu.shape[1])}
        if logvar is not None:
            kl, of_changed, _ = np.split(divergence(mu, logvar), ends)
            found["kl"] = float((of_changed if by_heart else kl).mean())
            found["elbo"] = -found["reconstruction"] - found["kl"]
        return {**found, "copied": copied, "lost": lost, "by heart": bool(by_heart)}


def _by_graph(folder: Path, shown: Shown) -> dict:
    import torch

    from utils import graph

    files = _files(folder)
    files.info()
    weights = _weights(files)
    curves = {"curves": _curves(files)}
    if not (folder / "graph.json").exists():
        return {**curves, "no graph": True}
    program = files.graph()
    if program.get("kind") != shown.kind:
        raise RunError(
            f"it is a model of kind {program.get('kind')!r}; here it should be {shown.kind!r}."
        )
    with torch.inference_mode():
        try:
            x = torch.from_numpy(shown.images)
            coded = [graph.run(program["encode"], weights, part) for part in x.split(AT_A_TIME)]
            mu, *rest = (torch.cat(parts).numpy() for parts in zip(*coded, strict=True))
            logvar = rest[0] if rest else None
            z = torch.from_numpy(shown.latents(mu, logvar))
            decoded = [
                graph.run(program["decode"], weights, part)[0] for part in z.split(AT_A_TIME)
            ]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            if "allocate" in str(error):
                raise MemoryError from None
            raise RunError("its weights do not fit its graph.") from None
    return {**curves, **shown.evidence(torch.cat(decoded).numpy(), mu, logvar)}


def _by_class(student, folder: Path, shown: Shown, seconds: float) -> dict:
    """Ask the student's class. Codes are drawn here, and decoded in another order than encoded, by
    another process, where one is to be had: the images that were encoded are not in its memory.
    """
    files = _files(folder)
    weights = _weights(files)
    settings = files.info().get("settings")
    nz = settings.get("nz") if isinstance(settings, dict) else None
    if not isinstance(nz, int) or not 0 < nz <= WIDEST:
        raise RunError("run.json does not say the number of latent dimensions (settings, nz).")
    classes, prefixes = CLASSES[shown.kind]
    model = {
        "classes": list(classes),
        "prefixes": list(prefixes),
        "nz": nz,
        **{f"weights.{key}": value.numpy() for key, value in weights.items()},
    }

    def asked(probe: str, key: str, rows, *wanted: str) -> list:
        """The class's answers for rows, which it gets in a random order."""
        order = np.random.default_rng().permutation(len(rows))
        told = student.ask(f"vae.{probe}", {**model, key: rows[order]}, None, seconds)
        if told.get("error") or told.get(wanted[0]) is None:
            raise RunError(
                f"your class could not take the weights and {probe}: "
                f"{told.get('error', 'nothing came')}"
            )
        parts = [told.get(name) for name in wanted]
        if any(p is not None and np.shape(p)[:1] != (len(rows),) for p in parts):
            raise RunError(f"it cannot {probe}: there is not one row for each image.")
        back = np.argsort(order)
        return [part if part is None else part[back] for part in parts]

    mu, logvar = asked("encode", "x", shown.images, "mu", "logvar")
    logvar = logvar if shown.kind == "vae" else None
    z = shown.latents(mu, logvar)
    if hasattr(student, "renew"):
        student.renew()
    (logits,) = asked("decode", "z", z, "logits")
    return shown.evidence(logits, mu, logvar)


def curves_of(folder: Path) -> dict[str, list[float]]:
    """The curves of a run, {name: a number an epoch}; {} where there are none to be read."""
    try:
        return _curves(_files(folder))
    except RunError:
        return {}


def decoded(folder: Path, x: np.ndarray, mixed: np.ndarray, seconds: float) -> dict:
    """What a run with a graph decodes. x: (n, 1, 28, 28), encoded by it to means (n, nz); mixed:
    (m, n), how much of each of these a latent is. {"images": (m, 28, 28) in [0, 1]}, or
    {"problem": sentence}.
    """

    def measure():
        import torch

        from utils import graph

        files = _files(folder)
        program, weights = files.graph(), _weights(files)
        with torch.inference_mode():
            images = torch.from_numpy(x.astype(np.float32))
            mu = graph.run(program["encode"], weights, images)[0]
            z = torch.from_numpy(mixed.astype(np.float32)) @ mu
            logits = graph.run(program["decode"], weights, z)[0]
        return {"images": torch.sigmoid(logits).reshape(len(mixed), 28, 28).numpy()}

    _ready()
    return aside(measure, seconds)


def reconstruction(x, logits) -> np.ndarray:
    """The Bernoulli reconstruction error of each image, nats, (B,)."""

    def errors(x, logits):
        logits = logits.astype(float)
        return (np.logaddexp(0, logits) - x * logits).reshape(len(x), -1).sum(1)

    return unseen.in_parts(errors, x, logits)


def divergence(mu, logvar) -> np.ndarray:
    """The KL of each posterior to N(0, I), nats, (B,)."""
    mu, logvar = mu.astype(float), logvar.astype(float)
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1)
