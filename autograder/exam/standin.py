"""Carry-forward across the wall: references that a student's process may call, computed on this
side.

The student's process sends arguments and gets values, and sends cotangents and gets gradients; the
code that computes them stays here. It is offered only for questions that have been graded already.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import numpy as np
import torch

from autograder.exam.budget import Budget
from autograder.student import wire

ELEMENTS = 2**21  # numbers in all arguments of a call, broadcast together, and in its result
KEPT = 2**23  # numbers in all calls of one probe: they are kept until it ends, for gradients


def offered(stand_ins: Mapping[str, object]) -> dict[str, Callable]:
    """Those stand-ins that can work at a distance: functions of tensors, not classes."""
    return {name: f for name, f in stand_ins.items() if inspect.isfunction(f)}


class Switchboard:
    """Answers the stand-in calls of one probe. budget: pays for them, those for gradients too."""

    def __init__(self, functions: Mapping[str, Callable], budget: Budget):
        self.functions, self.budget, self.kept = functions, budget, 0.0
        self.calls: list[tuple] = []  # (arguments, results) of each

    def answer(self, request: Mapping) -> dict:
        """A message for the student's process: results or gradients, or what was wrong
        with the call.
        """
        try:
            self.budget.calls -= 1
            if self.budget.calls < 0:
                raise _Refused(f"called more than {self.budget.limits.calls} times")
            return self._pull(request) if "pull" in request else self._call(request)
        except _Refused as refused:
            return {"error": str(refused)}
        except Exception as error:  # arguments come from student code: any failure is theirs to see
            return {"error": f"{type(error).__name__}: {error}"[:300]}

    def _call(self, request) -> dict:
        tensors = self._tensors(request, "tensor")
        for tensor, needed in zip(tensors, request["needed"], strict=True):
            tensor.requires_grad_(bool(needed) and tensor.is_floating_point())
        spec = request["spec"]
        size = self._bounded([*spec["args"], *spec["kwargs"].values()], tensors)
        self.kept += size
        if self.kept > KEPT:
            raise _Refused("called with too much in all")
        args = [self._placed(place, tensors) for place in spec["args"]]
        kwargs = {str(k): self._placed(place, tensors) for k, place in spec["kwargs"].items()}
        with torch.enable_grad():
            result = self.functions[request["stand_in"]](*args, **kwargs)
        single = isinstance(result, torch.Tensor)
        results = [result] if single else list(result)
        if sum(r.numel() for r in results) > ELEMENTS:
            raise _Refused("the result is too large")
        self.calls.append((tensors, results))
        arrays = {f"result.{i}": r.detach().numpy() for i, r in enumerate(results)}
        return {"call": len(self.calls) - 1, "results": len(results), "single": single, **arrays}

    def _pull(self, request) -> dict:
        tensors, results = self.calls[request["pull"]]
        cotangents = self._tensors(request, "cotangent")
        pairs = [(r, c) for r, c in zip(results, cotangents, strict=True) if r.requires_grad]
        wanted = [(i, t) for i, t in enumerate(tensors) if t.requires_grad]
        grads = torch.autograd.grad(
            [r for r, _ in pairs],
            [t for _, t in wanted],
            [c.to(r.dtype) for r, c in pairs],
            allow_unused=True,
            retain_graph=True,
        )
        found = zip(wanted, grads, strict=True)
        return {f"grad.{i}": grad.numpy() for (i, _), grad in found if grad is not None}

    def _tensors(self, request, kind: str) -> list[torch.Tensor]:
        """The arrays of a message in order, small also when broadcast together."""
        arrays: list[np.ndarray] = []
        while isinstance(array := request.get(f"{kind}.{len(arrays)}"), np.ndarray):
            arrays.append(array)
        if _elements(arrays) > ELEMENTS:
            raise _Refused("the arguments are too large")
        return [torch.from_numpy(a.copy()) for a in arrays]

    @staticmethod
    def _bounded(places, tensors) -> float:
        """How many numbers a call may come to. Refuses plain values that would make a small call a
        large one, such as a billion steps.
        """
        plain = [place["value"] for place in places if "tensor" not in place]
        if not all(value is None or isinstance(value, (bool, int, float)) for value in plain):
            raise _Refused("arguments other than tensors and numbers")
        most = max([1, *(abs(value) for value in plain if isinstance(value, int))])
        size = max(_elements(tensors), 1) * most
        if size > ELEMENTS:
            raise _Refused("the arguments are too large")
        return max(size, sum(tensor.numel() for tensor in tensors))

    @staticmethod
    def _placed(place, tensors):
        return tensors[place["tensor"]] if "tensor" in place else place["value"]


def _elements(arrays) -> int:
    """Numbers in the largest of these arrays, or in all broadcast together."""
    try:
        together = int(np.prod(np.broadcast_shapes(*(a.shape for a in arrays)), dtype=float))
    except ValueError:
        together = 0
    return max([together, *(int(np.prod(a.shape, dtype=float)) for a in arrays)])


class _Refused(Exception):
    pass


def reply(fd: int, request: Mapping, switchboard: Switchboard, seconds: float, watch=None) -> None:
    """Answer one call over the wire."""
    wire.send(fd, switchboard.answer(request), seconds, watch)
