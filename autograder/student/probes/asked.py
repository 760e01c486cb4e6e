"""Single calls of the student's code, for questions about one's own work: arrays in, arrays out."""

from __future__ import annotations

import ast

import numpy as np
import torch
from torch import nn

from autograder.student.probes import common

PIXELS = 28 * 28
LARGEST = 100_000  # numbers of a part that is looked at


class _Images(nn.Module):
    """A decoder of known shape: latents (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.inner = nn.Linear(nz, PIXELS)

    def forward(self, z):
        return self.inner(z).view(-1, 1, 28, 28)


class _Autoencoder(nn.Module):
    """An autoencoder of known shape: images to logits."""

    def __init__(self, nz=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(1), nn.Linear(PIXELS, nz))
        self.decoder = _Images(nz)

    def forward(self, x):
        return self.decoder(self.encoder(x))


@common.probe(
    {
        "{calls}": common.RESULT,
        "{calls}.count": common.NUMBER,  # of a tuple or list, and its first parts
        **{f"{{calls}}.{i}": common.ARRAY for i in range(4)},
    }
)
def calls(names, inputs) -> dict:
    """Make each call by itself, in evaluation mode.

    inputs: calls: {label: {name, args: list of keys, kwargs: {word: key}, nz: of a class that is
        built first, method: of what was built}}, and the values by their keys. A value that is
        text names a neutral part: "encode", "decode", "decoder", "autoencoder", "own VAE",
        "optimizer" of the model before it, "loss", or "batches of 4".
    """
    evidence: dict = {}
    for label, call in inputs["calls"].items():
        common.attempt(evidence, label, _call, names, inputs, label, call, evidence)
    return evidence


@common.probe({"{words}": common.TRIED, "{words}.{parts}": common.ARRAY})
def parts(names, inputs) -> dict:
    """Call a function of the student's, and look at parts of it while it runs.

    inputs: source: the code of its cell; name; parts: places of expressions in `ast.walk` of the
        function; args: keys of arrays; words: {label: {word: value}}, a call each.
    <label>.<place> is what that expression was last, of those that are numbers.
    """
    evidence: dict = {}
    tree = ast.parse(inputs["source"])
    found = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
    function = next(n for n in found if n.name == inputs["name"])
    nodes = list(ast.walk(function))
    watched = _Watched({id(nodes[place]): place for place in inputs["parts"]}).visit(function)
    module = ast.fix_missing_locations(ast.Module([watched], []))
    for label, words in inputs["words"].items():
        seen: dict = {}
        own = {**names, _Watched.NAME: lambda place, value, seen=seen: _keep(seen, place, value)}
        exec(compile(module, "<your code>", "exec"), own)
        given = [_argument(inputs[key], [], names) for key in inputs["args"]]
        with torch.no_grad():
            common.attempt(evidence, label, lambda: own[inputs["name"]](*given, **words))  # noqa: B023
        evidence |= {f"{label}.{place}": value for place, value in seen.items()}
    return evidence


class _Watched(ast.NodeTransformer):
    """Code in which chosen expressions tell their value. places: {id of a node: its place}."""

    NAME = "__seen_part"

    def __init__(self, places):
        self.places = places

    def visit(self, node):
        place = self.places.get(id(node))
        node = self.generic_visit(node)
        if place is None:
            return node
        return ast.Call(ast.Name(self.NAME, ast.Load()), [ast.Constant(place), node], [])


def _keep(seen, place, value):
    array = common.array(value)
    if array is not None and array.size <= LARGEST:
        seen[place] = array
    else:
        seen.pop(place, None)
    return value


def _call(names, inputs, label, call, evidence) -> None:
    found = common.lookup(names, call["name"])
    if call.get("nz"):
        model = found(int(call["nz"]))
        model.eval()
        found = getattr(model, call["method"]) if call.get("method") else model
    given: list = []
    for key in call["args"]:
        given.append(_argument(inputs.get(key, key), given, names))
    named = {word: _argument(inputs[key], given, names) for word, key in call["kwargs"].items()}
    grad = "optimizer" in call["args"] or call["name"] == "fit_latents"
    with torch.set_grad_enabled(grad):
        result = found(*given, **named)
    if isinstance(result, (tuple, list)):
        evidence[f"{label}.count"] = len(result)
        for i, part in enumerate(result[:4]):
            evidence[f"{label}.{i}"] = common.array(part)
    else:
        evidence[label] = common.array(result)


def _argument(value, before, names):
    """What a call gets for a value; see `calls`."""
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(value.copy())
        return tensor.float() if tensor.is_floating_point() else tensor
    if not isinstance(value, str):
        return value
    if value.startswith("decoder"):
        return _Images(int(value.partition(":")[2] or 2))
    if value == "batches of 4":
        images = torch.rand(10, 1, 28, 28)
        return [(images[i : i + 4], torch.zeros(len(images[i : i + 4]))) for i in (0, 4, 8)]
    return {
        "encode": lambda: lambda x: x.flatten(1)[:, :3],
        "decode": lambda: _Images(3),
        "autoencoder": _Autoencoder,
        "own VAE": lambda: common.lookup(names, "VAE")(2),
        "optimizer": lambda: torch.optim.Adam(before[0].parameters()),
        "loss": lambda: _loss,
    }[value]()


def _loss(model, x):
    """A loss that answers no question."""
    return (model(x) - x).square().mean()
