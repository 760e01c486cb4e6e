"""What stands in the student's process for a function that the examiner computes.

The reference itself never comes here: arguments go over the wire, and values and gradients come
back (`autograder.exam.standin` answers).
"""

from __future__ import annotations

import itertools

import torch

from autograder.student import wire


class StandIn:
    """A function that the examiner computes: the reference itself never comes here."""

    def __init__(self, name: str, fd: int, to: int, serial: int):
        self.__name__, self._fd, self._to, self._serial = name, fd, to, serial

    def __call__(self, *args, **kwargs):
        tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, torch.Tensor)]
        places = itertools.count()
        spec = {
            "args": [self._place(v, places) for v in args],
            "kwargs": {k: self._place(v, places) for k, v in kwargs.items()},
        }
        return _Remote.apply(self, spec, *tensors)

    def _place(self, value, places):
        if isinstance(value, torch.Tensor):
            return {"tensor": next(places)}
        return {"value": value if isinstance(value, (bool, int, float, type(None))) else str(value)}

    def _call(self, message: dict) -> dict:
        wire.send(self._to, {"serial": self._serial, "stand_in": self.__name__, **message})
        reply = wire.receive(self._fd)
        if "error" in reply:
            raise RuntimeError(f"{self.__name__}: {reply['error']}")
        return reply


class _Remote(torch.autograd.Function):
    """Behind every stand-in: values and vector-Jacobian products from afar."""

    @staticmethod
    def forward(ctx, stand_in, spec, *tensors):
        arrays = {f"tensor.{i}": t.detach().cpu().numpy() for i, t in enumerate(tensors)}
        needed = [bool(t.requires_grad) for t in tensors]
        reply = stand_in._call({"spec": spec, "needed": needed, **arrays})
        ctx.stand_in, ctx.call, ctx.dtypes = (stand_in, reply["call"], [t.dtype for t in tensors])
        results = [torch.from_numpy(reply[f"result.{i}"]) for i in range(reply["results"])]
        return results[0] if reply["single"] else tuple(results)

    @staticmethod
    def backward(ctx, *cotangents):
        arrays = {f"cotangent.{i}": c.numpy() for i, c in enumerate(cotangents)}
        reply = ctx.stand_in._call({"pull": ctx.call, **arrays})
        grads = [reply.get(f"grad.{i}") for i in range(len(ctx.dtypes))]
        pulled = [
            None if g is None else torch.from_numpy(g).to(dtype)
            for g, dtype in zip(grads, ctx.dtypes, strict=True)
        ]
        return (None, None, *pulled)
