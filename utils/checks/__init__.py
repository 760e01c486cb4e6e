"""The checks that stand below every step: `checks.<assignment>.<name>(what you wrote)`.

A check prints one sentence that begins with "Passed", or raises `CheckFailed`, whose message says
what was received and where to look. Checks look at shapes, signs, symmetries and a few worked
values: passing them is a good sign, not a proof. Below are the helpers that they share.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import math
import pkgutil
import textwrap
import traceback
from pathlib import Path

STUB = "write this step, then run the check in the next cell"  # what a released step raises


def __getattr__(name: str):
    """`checks.vae` and its sisters are imported when they are first used: they need torch."""
    there = [module.name for module in pkgutil.iter_modules(__path__)]
    if name in there:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"there are checks for {', '.join(there)}, none for {name!r}")


class CheckFailed(AssertionError):
    """A failed check: its message is for the student; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [textwrap.fill(f"Not yet: {self}", 96, subsequent_indent="  ")]


def check(function):
    """Make a visible check of a function that returns its sentence of success.

    The check runs with its own random numbers and leaves the student's as they were. Whatever goes
    wrong inside the student's code becomes a `CheckFailed` that names the line.
    """

    @functools.wraps(function)
    def checked(*args, **kwargs):
        failure = None
        try:
            with _own_randomness():
                said = function(*args, **kwargs)
        except CheckFailed as error:
            failure = str(error)
        except Exception as error:
            failure = _unwritten(error) or told(error)
        if failure:
            raise CheckFailed(failure)
        print(f"Passed: {said}")

    return checked


def kind(value) -> str:
    """What a value is, in words."""
    import torch

    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return "None (is a `return` missing?)" if value is None else f"a {type(value).__name__}"


def require(condition, message: str) -> None:
    """Fail with `message` unless `condition` holds."""
    if not condition:
        raise CheckFailed(message.strip())


def told(error: Exception) -> str:
    """What the student's code raised, in which of their lines, in one sentence."""
    own = _own_frames(error)
    where = f" in your line `{own[-1].line}`" if own and own[-1].line else ""
    return f"Your code raised {type(error).__name__}{where}: {str(error).strip() or 'no message'}"


def _unwritten(error: Exception) -> str:
    """What to say of a step that is still as it was released, "" for any other error.

    torch raises NotImplementedError, too: where a `forward` is missing, or for a type of numbers.
    """
    own, last = _own_frames(error), traceback.extract_tb(error.__traceback__)[-1]
    if (
        not isinstance(error, NotImplementedError)
        or not own
        or own[-1] is not last
        and ((own[-1].filename, own[-1].lineno) != (last.filename, last.lineno))
    ):
        return ""
    stub = str(error) in ("", STUB) or (own[-1].line or "").startswith("raise NotImplementedError")
    return f"`{own[-1].name}` is still to be written." if stub else ""


def _own_frames(error: Exception) -> list:
    """The lines that an exception went through, without those of libraries and of the checks."""
    here, frames = Path(__file__).parent, traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename]
    return [f for f in own if here not in Path(f.filename).parents]


def tensor(value, shape: tuple, what: str, look: str = ""):
    """`value`, once it is known to be a finite float tensor of that shape; `look` helps if not."""
    import torch

    require(value is not None, f"{what} is None. Is a `return` missing?")
    kind = type(value).__name__
    require(
        isinstance(value, torch.Tensor), f"{what} should be a tensor, but is of type {kind}. {look}"
    )
    got, wanted = tuple(value.shape), tuple(shape)
    require(got == wanted, f"{what} has shape {got} where {wanted} was expected. {look}")
    require(
        value.is_floating_point(),
        f"{what} holds {value.dtype} numbers where floating-point ones were expected. {look}",
    )
    bad = int((~torch.isfinite(value)).sum())
    require(
        not bad,
        f"{what} holds {bad} values that are NaN or infinite. Look for a logarithm of 0 or of a "
        "negative number, an exponential of a large one, a division by 0.",
    )
    return value


def attached(value, what: str) -> None:
    """Fail when no gradient can flow through `value`."""
    require(
        value.requires_grad,
        f"{what} carries no gradient, so nothing could be learned through it. Look for "
        "`.detach()`, `.item()`, `.data`, numpy or `torch.no_grad` on the way.",
    )


def close(got, want, rtol: float = 1e-3, atol: float = 1e-4) -> bool:
    """Equal within float32 rounding; broadcasting is not equality."""
    import torch

    got = torch.as_tensor(got).detach().double().cpu()
    want = torch.as_tensor(want).detach().double().cpu()
    return got.shape == want.shape and bool(torch.allclose(got, want, rtol=rtol, atol=atol))


def shown(value) -> str:
    """A few numbers in short, such as `[0.5, 1.25, …]`."""
    import torch

    value = torch.as_tensor(value).detach()
    numbers = [f"{v:.4g}" for v in value.flatten()[:4].tolist()]
    more = ["…"] if value.numel() > 4 else []
    return f"[{', '.join(numbers + more)}]" if value.ndim else numbers[0]


def listed(values) -> str:
    """All numbers of a vector, such as `1, 0.333, nan`."""
    return ", ".join(f"{value:.3g}" for value in values.tolist())


def device_of(module):
    """Where a model's parameters live, so that a check can send its inputs there."""
    return next((p.device for p in module.parameters()), "cpu")


def model(build, name: str, nz: int):
    """`build(nz)`, once it is known to be an nn.Module with parameters; these are moved a little: a
    layer may begin with zeros, behind which nothing shows.
    """
    import torch
    from torch import nn

    require(callable(build), f"`{name}` should be a class, but is {build!r}.")
    made = build(nz)
    require(
        isinstance(made, nn.Module),
        f"`{name}({nz})` is a {type(made).__name__}, not an nn.Module: is `nn.Module` its base "
        "class, and is `super().__init__()` the first line of `__init__`?",
    )
    require(
        any(nn.parameter.is_lazy(p) or p.numel() for p in made.parameters()),
        f"`{name}({nz})` has no parameters that an optimizer would see. Layers must be attributes "
        "of `self`, or stand in nn.Sequential or nn.ModuleList; a plain list hides them.",
    )
    written = [key for key in vars(type(made)) if not key.startswith("__")]
    alike = difflib.get_close_matches("forward", written, 1)
    require(
        type(made).forward is not nn.Module.forward or "forward" in vars(made),
        f"`{name}` has no method `forward`"
        + (f", but one called `{alike[0]}`: is it misspelt?" if alike else ": is it misspelt, or ")
        + ("" if alike else "indented so far that it stands inside another method?"),
    )
    with torch.no_grad():
        for p in made.parameters():
            if p.is_floating_point() and not nn.parameter.is_lazy(p):
                p.add_(0.01 * torch.randn_like(p))
    return made


def moved_by(steps: float) -> str:
    """Advice where three batches moved a weight by so many steps instead of three."""
    if abs(steps - 6) < 0.3:  # 1 + 2 + 3
        return (
            "Gradients add up unless they are cleared, once for every batch. (Or does every batch "
            "make two steps?)"
        )
    if steps > 3:
        return "Is the loss a mean over the batch, and is there one step for every batch?"
    return (
        "Every batch should move it once, by its whole gradient: is one left out, or is a gradient "
        "clipped, scaled or cleared too early?"
    )


def falls(curve, what: str) -> list[float]:
    """`curve` as floats, once it is finite and ends lower than it began."""
    numbers = [float(v) for v in curve]
    require(numbers, f"{what} is empty: nothing was logged.")
    require(
        all(math.isfinite(v) for v in numbers),
        f"{what} holds NaN or infinite values: the training diverged. Lower the learning rate, or "
        "look for the log or exp of a large number.",
    )
    if len(numbers) > 1:
        require(
            numbers[-1] < numbers[0],
            f"{what} went from {numbers[0]:.1f} to {numbers[-1]:.1f}, but should fall. Does the "
            "optimizer hold this model's parameters, and is the loss the thing that is minimised?",
        )
    return numbers


@contextlib.contextmanager
def _own_randomness():
    """Fixed seeds inside; outside, the random numbers go on as if nothing had happened."""
    import random

    import numpy as np
    import torch

    states = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        try:
            yield
        finally:
            np.random.set_state(states[0])
            random.setstate(states[1])
