"""What every probe uses: seeding, calling, gradients, and saying how a call failed."""

from __future__ import annotations

import contextlib
import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from autograder.student.probes import NO_GPU, UNDEFINED

Kind = Mapping[str, type | tuple[type, ...]]  # {what follows its name: of what type that is}

ARRAY: Kind = {"": np.ndarray}
FLAG: Kind = {"": bool}
NUMBER: Kind = {"": (int, float)}
TEXT: Kind = {"": str}
LIST: Kind = {"": list}
TRIED: Kind = {".error": str}  # of `attempt`: how it failed
RESULT: Kind = {  # of `attempt_call`: the numbers, what they came as, or how the call failed
    **ARRAY,
    **TRIED,
    ".kind": str,
    ".dtype": str,
    ".attached": bool,
}


@dataclass(frozen=True)
class Probe:
    """A function `(names, inputs) -> evidence`, and the names and kinds of all that it may send.

    In a name `{key}` stands for every label that the inputs have under that key, `{}` for every key
    of the inputs. Where nothing was seen, a value is None, or its name is missing. "error" and
    "interpreted" are sent by every probe; see `probes.run`.
    """

    function: Callable[[Any, Any], dict]
    sends: Mapping[str, Kind]

    def __call__(self, names, inputs) -> dict:
        return self.function(names, inputs)


def probe(sends: Mapping[str, Kind]) -> Callable[[Callable], Probe]:
    """Makes a function a probe that may send this."""
    return lambda function: Probe(function, sends)


@contextlib.contextmanager
def seeded(seed: int):
    """Seed torch, numpy and random for one probe, and give them their state back."""
    states = (
        torch.get_rng_state(),
        np.random.get_state(),
        random.getstate(),
        torch.is_grad_enabled(),
    )
    # `torch.manual_seed` also queues a call with a stack trace for every kind of device, for ever
    torch.default_generator.manual_seed(int(seed))
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
        torch.set_grad_enabled(states[3])


@contextlib.contextmanager
def as_torch_starts():
    """What a notebook switched for all of torch, for a plot or for good, is off while it is asked:
    it is about another cell than the question.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def told(error: BaseException) -> str:
    """An exception in one line that a student understands, with the line of their own code."""
    text = (str(error).strip().splitlines() or [""])[0][:300]
    no_gpu = NO_GPU.search(text)
    raised = traceback.extract_tb(error.__traceback__)[-1:]
    of_torch = "not implemented for" in text or any(
        "site-packages" in frame.filename for frame in raised
    )  # torch itself may raise it in a student's own line, for a type of numbers
    if isinstance(error, NotImplementedError) and not (no_gpu or of_torch):
        return f"This is still to be written: {error or 'NotImplementedError'}."
    if isinstance(error, RecursionError):
        return "Your code calls itself without end (RecursionError)."
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename
    ]
    frames = [f for f in frames if "probes" not in f.filename and "autograder" not in f.filename]
    if UNDEFINED.search(text):
        return text
    where = f", at line {frames[-1].lineno} of your code: `{frames[-1].line}`" if frames else ""
    if no_gpu:
        return (
            f"Your code asks for a GPU{where}. There is none where it is graded: use the device "
            "of what it is given, `x.device`."
        )
    if not frames:  # it had returned already
        about = "" if "autograder." in text else f": {text}"  # modules here mean nothing to anybody
        return f"What your code defines or returns cannot be used: {type(error).__name__}{about}"
    return f"Your code raised {type(error).__name__}: {text}{where}"


def lookup(names, name: str):
    """The student's object of that name, or a readable error."""
    try:
        found = names[name]
    except KeyError:
        raise NameError(
            f"`{name}` is not defined; was its cell run, or the name changed?"
        ) from None
    if not callable(found):
        raise TypeError(
            f"`{name}` should be a function or class, but is of type {type(found).__name__}"
        )
    return found


def array(value) -> np.ndarray | None:
    """A result as a numpy array in double precision; None for what is not numbers."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.double() if value.is_floating_point() else value).numpy().copy()
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        value = np.asarray(value)
        return value if value.dtype.kind in "fiub" else None
    return None


def file(evidence: dict, key: str, value) -> None:
    """Put a result into the evidence: the numbers, and what they came as."""
    evidence[key] = array(value)
    evidence[f"{key}.kind"] = type(value).__name__
    if isinstance(value, torch.Tensor):
        evidence[f"{key}.dtype"] = str(value.dtype)
        evidence[f"{key}.attached"] = bool(value.requires_grad)


def attempt(evidence: dict, key: str, action, *arguments) -> Any:
    """Do one thing; how it failed goes under "<key>.error", and the others still run."""
    try:
        return action(*arguments)
    except Exception as error:
        evidence[f"{key}.error"] = told(error)
        return None


def attempt_call(evidence: dict, key: str, call, *arguments) -> None:
    """Call once and put the result, or how the call failed, into the evidence."""
    attempt(evidence, key, lambda: file(evidence, key, call(*arguments)))


def nothing_came(evidence: dict, labels) -> None:
    """Where every attempt failed, how the first one failed is all there is to say."""
    labels = list(labels)
    if all(f"{label}.error" in evidence for label in labels):
        evidence["error"] = evidence[f"{labels[0]}.error"]


CALLED = {
    "value": RESULT,
    "grad": TRIED,
    "grad.{grad}": ARRAY,
    "after.{}": ARRAY,  # each array argument as the call left it
    "single": RESULT,
    "pair": RESULT,
    "second": RESULT,
}


@probe(CALLED)
def function(names, inputs) -> dict:
    """Call `name` on `args`, ask for gradients, and then call it on the first row alone if `single`
    says so, on the first two if `pair` does, and on `args2` if there are any.

    inputs: name; args, args2: lists of keys (arrays become float32 or int64 tensors, other values
        pass as they are); kwargs: {keyword: key}; grad: keys to differentiate; weights: array like
        the result (the gradient asked for is that of (result * weights).sum()).
    """
    call = lookup(names, inputs["name"])
    given, handed = {}, {}
    for key in [*inputs["args"], *inputs.get("kwargs", {}).values()]:
        given[key], handed[key] = _argument(inputs[key], key in inputs.get("grad", ()))
    result = call(
        *(handed[key] for key in inputs["args"]),
        **{word: handed[key] for word, key in inputs.get("kwargs", {}).items()},
    )
    evidence: dict = {}
    file(evidence, "value", result)
    for key, value in handed.items():
        if isinstance(value, torch.Tensor):
            evidence[f"after.{key}"] = array(value)
    if inputs.get("grad") and isinstance(result, torch.Tensor) and result.requires_grad:
        attempt(evidence, "grad", lambda: _gradients(evidence, result, given, inputs))
    keywords = inputs.get("kwargs", {})

    def again(label, positional, rows=None):
        """The call once more: with other arguments, or with the first rows of the batch."""
        values = _first_rows(inputs, [*positional, *keywords.values()], rows)
        more = [_argument(values[key])[1] for key in positional]
        words = {word: _argument(values[key])[1] for word, key in keywords.items()}
        attempt(evidence, label, lambda: file(evidence, label, call(*more, **words)))

    if inputs.get("single"):
        again("single", inputs["args"], 1)
    if inputs.get("pair"):
        again("pair", inputs["args"], 2)
    if inputs.get("args2"):
        again("second", inputs["args2"])
    return evidence


def _first_rows(inputs, keys, rows) -> dict:
    """{key: value}, of what is a batch its first rows: an array as long as the first one. A number,
    or an array of another length, belongs to all images.
    """
    arrays = [v for v in (inputs[key] for key in keys) if isinstance(v, np.ndarray) and v.ndim]
    batch = len(arrays[0]) if arrays else None
    return {
        key: inputs[key][:rows]
        if rows and isinstance(inputs[key], np.ndarray) and inputs[key].shape[:1] == (batch,)
        else inputs[key]
        for key in keys
    }


@probe(
    {
        **CALLED,
        "{variations}": TRIED,
        **{f"{{variations}}.{name}": kind for name, kind in CALLED.items()},
    }
)
def variations(names, inputs) -> dict:
    """`function`, then the same call once more for every variation.

    inputs: those of `function`, and variations: {label: {argument: key of what takes its
        place}}; an entry for "args" gives the list of keys of a shorter or longer call.
    """
    evidence = function(names, inputs)
    for label, changes in inputs["variations"].items():
        changed = {argument: inputs[key] for argument, key in changes.items()}
        more = attempt(evidence, label, function, names, {**inputs, **changed})
        evidence.update({f"{label}.{key}": value for key, value in (more or {}).items()})
    return evidence


def _argument(value, grad=False):
    """(what gradients are asked for, what the call gets): a copy, so that an in-place change
    shows.
    """
    if not isinstance(value, np.ndarray):
        return value, value
    value = torch.from_numpy(value.copy())
    if value.is_floating_point():
        value = value.float().requires_grad_(grad)
    # A leaf that requires a gradient cannot be changed in place; its copy can.
    return value, value.clone() if value.requires_grad else value


def _gradients(evidence, result, given, inputs) -> None:
    weights = torch.as_tensor(inputs.get("weights", 1.0), dtype=result.dtype)
    if weights.numel() == result.numel():  # or an axis too much would be a wrong gradient, too
        weights = weights.view_as(result)
    elif result.ndim and weights.ndim:  # of another shape: it has a gradient all the same
        weights = torch.ones_like(result)
    leaves = [given[key] for key in inputs["grad"]]
    grads = torch.autograd.grad((result * weights).sum(), leaves, allow_unused=True)
    for key, grad in zip(inputs["grad"], grads, strict=True):
        evidence[f"grad.{key}"] = np.zeros(given[key].shape) if grad is None else array(grad)


def built(build, nz, use):
    """A module `build(nz)`; lazy layers get their sizes by one `use(module)` beforehand."""
    module = build(nz)
    tensors = [*module.parameters(), *module.buffers()]
    if any(isinstance(t, torch.nn.parameter.UninitializedTensorMixin) for t in tensors):
        training = module.training
        with torch.no_grad():
            use(module.eval())
        module.train(training)
    return module


def unlearned(module, other, use) -> list[str]:
    """Buffers of two axes or more on which the result of `use()` hangs: they act like weights. One
    that another fresh network has as well is a constant.
    """
    buffers = {n: b for n, b in module.named_buffers() if b.is_floating_point() and b.ndim > 1}
    constant = {n for n, b in other.named_buffers() if n in buffers and torch.equal(b, buffers[n])}
    buffers = {n: b for n, b in buffers.items() if n not in constant}
    for buffer in buffers.values():
        buffer.requires_grad_(True)
    try:
        result = use() if buffers else None
        if result is None or not result.requires_grad:
            return []
        total = result.pow(2).sum() + result.sum()
        grads = torch.autograd.grad(total, list(buffers.values()), allow_unused=True)
    finally:
        for buffer in buffers.values():
            buffer.requires_grad_(False)
    return [n for n, grad in zip(buffers, grads, strict=True) if grad is not None and grad.any()]


OWN: Kind = {  # of `own`
    " codes": np.ndarray,
    " pictures": np.ndarray,
    **TRIED,
}


def own(evidence: dict, inputs, code=None, decode=None) -> None:
    """What a fresh network makes of images and latents that nothing else is asked with.

    inputs: own x, images; own z, latents, of the size that the network was built for.
    """

    def asked():
        with torch.no_grad():
            for key, given, call in (("codes", "own x", code), ("pictures", "own z", decode)):
                if call is not None and given in inputs:
                    evidence[f"own {key}"] = array(call(torch.from_numpy(inputs[given]).float()))

    attempt(evidence, "own", asked)


ENDS = "lowest", "highest", "at lowest", "at highest"


def extremes(outputs) -> dict:
    """How far outputs go, and which share of their numbers lies at the very end of that range."""
    every = torch.cat([output.detach().flatten() for output in outputs]).double()
    low, high = every.min(), every.max()
    at_low, at_high = every <= low + 1e-6 * low.abs(), every >= high - 1e-6 * high.abs()
    found = low, high, at_low.double().mean(), at_high.double().mean()
    return dict(zip(ENDS, map(float, found), strict=True))
