"""Slips: single changes of the reference that a wrong answer may behave like.

Mistakes that are often made are written down, question by question. Of the others most are one
slip: a term left out, a sign, another constant, an argument in another's place. So each operator,
constant, call and name in the reference, and in other ways of writing it, is changed once, the
question is asked of what comes of it, and where the evidence is the student's, numbers and
gradients, and not right, the slip is named. Then the reference itself is asked with arguments that
were misread. Where no single slip fits a formula, two at once are tried. Nothing of the reference
is told but the arguments that a changed part holds.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

MOST = 150  # changes of one reference
PAIRED = 40  # of the reference's own, tried two at a time
FORMULAS = "common.function", "common.variations"  # probes of what can be called again and again

OPPOSITES = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
FUNCTIONS = {  # what is mistaken for it
    "sum": ("mean",),
    "mean": ("sum",),
    "exp": ("expm1", "square"),
    "log": ("log1p", "log2"),
    "sqrt": ("square",),
    "square": ("abs",),
    "sigmoid": ("tanh",),
    "softplus": ("relu",),
    "std": ("var",),
    "min": ("max",),
    "max": ("min",),
    "logsumexp": ("amax",),
    "linspace": ("logspace",),
}
LEFT_OUT = {"exp", "log", "sqrt", "square", "abs", "sigmoid", "softplus", "sign", "log1p", "pow"}


@dataclass(frozen=True)
class Slip:
    """One change: its name, how to make it in a copy of the tree, what fills in its sentence."""

    name: str
    place: int
    edit: Callable[[ast.AST], ast.AST]
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self):
        return self.name.replace("-", " ") + self.values.get("where", "")


def named(asked, got, inputs) -> tuple[str, dict] | None:
    """(name, values of its sentence) of the slips that explain the evidence, or None."""
    right = asked.reference[asked.names[0]]
    if not inspect.isfunction(right) or not asked.alike:
        return None
    seems = _seems(asked, got, inputs)
    for function in (right, *asked.forms):
        tree = _tree(function)
        for slip in itertools.islice(_slips(tree), MOST):
            changed = _function(function, tree, [slip])
            if changed and seems(changed) and _fits(asked, got, inputs, changed):
                return slip.name, dict(slip.values)
    if asked.probe in FORMULAS:
        return _misread(asked, got, inputs, right, seems) or _two(asked, got, inputs, right)
    return None


def _seems(asked, got, inputs) -> Callable:
    """Whether a changed formula gives the values that were received, which is quickly seen; of a
    sampler, which may use the noise mirrored, nothing is known beforehand.
    """
    value = got.get("value") if asked.goes_with and asked.probe in FORMULAS else None
    return _giving(value, inputs) if isinstance(value, np.ndarray) else lambda changed: True


def _giving(value: np.ndarray, inputs) -> Callable:
    """Whether a function gives these values."""
    given = [_tensor(inputs[key]) for key in inputs["args"]]
    options = {word: _tensor(inputs[key]) for word, key in inputs.get("kwargs", {}).items()}

    def gives(changed) -> bool:
        try:
            with torch.no_grad():
                made = changed(*given, **options).double().numpy()
            return made.shape == value.shape and np.allclose(made, value, 1e-3, 1e-4, True)
        except Exception:  # many changes make no sense
            return False

    return gives


MISREAD = {  # what a tensor, or a number, is mistaken for
    "twice": lambda v: 2 * v,
    "half": lambda v: v / 2,
    "quarter": lambda v: v / 4,
    "fourfold": lambda v: 4 * v,
    "negative": lambda v: -v,
    "exponential": torch.exp,
    "logarithm": torch.log,
    "square": torch.square,
    "root": torch.sqrt,
    "absolute": torch.abs,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
    "cut-off": torch.relu,
    "more": lambda v: v + 1,
    "less": lambda v: v - 1,
    "rounded": torch.round,
    "argument-unused/zeros": lambda v: 0 * v,
    "argument-unused/ones": lambda v: 0 * v + 1,
    "first-row": lambda v: v[:1].expand_as(v) if v.ndim else v,
    "batch-mean": lambda v: v.mean(0, keepdim=True).expand_as(v) if v.ndim else v,
}


def _misread(asked, got, inputs, right, seems) -> tuple[str, dict] | None:
    """The argument, or kind of argument (`mu1` and `mu2`), that was taken for something else."""
    given = [*inputs["args"], *inputs.get("kwargs", {}).values()]
    kinds: dict[str, list[str]] = {name.rstrip("0123456789"): [] for name in given}
    for name in given:
        kinds[name.rstrip("0123456789")].append(name)
    for group in (*([name] for name in given), *(k for k in kinds.values() if len(k) > 1)):
        told = {"argument": " and ".join(f"`{name}`" for name in group)}
        for name, change in MISREAD.items():
            changed = _asked_with(right, group, change)
            if seems(changed) and _fits(asked, got, inputs, changed):
                return name if "/" in name else f"argument-changed/{name}", told
    for name, other in itertools.permutations(given, 2):
        if np.shape(inputs[name]) == np.shape(inputs[other]):
            changed = _asked_with(right, [name], other)
            if seems(changed) and _fits(asked, got, inputs, changed):
                told = {"argument": f"`{name}`", "wrong": f"`{other}`"}
                return "argument-changed/other", told
    return None


def _asked_with(right, group, change) -> Callable:
    """The reference, asked with some arguments changed, or with another in the place of one."""
    signature = inspect.signature(right)

    def misread(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        for name in group:
            if isinstance(change, str):
                values[name] = values[change]
            elif isinstance(values[name], torch.Tensor):
                values[name] = change(values[name])
            else:
                values[name] = float(change(torch.tensor(float(values[name]))))
        return right(*bound.args, **bound.kwargs)

    return misread


def _two(asked, got, inputs, right) -> tuple[str, dict] | None:
    """Two slips at once, in the reference."""
    value = got.get("value")
    if not isinstance(value, np.ndarray) or not np.isfinite(value).all():
        return None
    tree, gives = _tree(right), _giving(value, inputs)
    for pair in itertools.combinations(itertools.islice(_slips(tree), PAIRED), 2):
        both = pair[0].place != pair[1].place and _function(right, tree, pair)
        if both and gives(both) and _fits(asked, got, inputs, both):
            return "two-slips", {"first": str(pair[0]), "second": str(pair[1])}
    return None


def _tensor(value):
    if not isinstance(value, np.ndarray):
        return value
    tensor = torch.from_numpy(value.copy())
    return tensor.float() if tensor.is_floating_point() else tensor


def _fits(asked, got, inputs, changed: Callable) -> bool:
    made = asked.shown({asked.names[0]: changed}, inputs)
    same = not made.get("error") and asked.same(got, made, inputs)
    return same and not asked.satisfied(made, inputs)


def _tree(function) -> ast.FunctionDef:
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = [d for d in tree.decorator_list if "no_grad" in ast.unparse(d)]
    return tree


def _function(right, tree, slips) -> Callable | None:
    """The reference with these changes; None where they cannot be made together."""
    changed = copy.deepcopy(tree)
    nodes = list(ast.walk(changed))
    for slip in sorted(slips, key=lambda slip: -slip.place):  # what lies within first
        old = nodes[slip.place]
        new = slip.edit(old)
        if new is not old:
            changed = _Replaced(old, new).visit(changed)
    names = dict(right.__globals__)
    try:
        module = ast.fix_missing_locations(ast.Module([changed], []))
        exec(compile(module, "<slip>", "exec"), names)
    except (SyntaxError, ValueError, TypeError):
        return None
    return names[right.__name__]


class _Replaced(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def _slips(tree: ast.FunctionDef) -> Iterator[Slip]:
    """Every single change, what is most often done first."""
    arguments = [argument.arg for argument in tree.args.args]
    stored = [
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    names = list(dict.fromkeys([*arguments, *stored]))
    found = []
    for place, node in enumerate(ast.walk(tree)):
        found += [
            (rank, Slip(name, place, edit, {"where": _where(node, arguments), **values}))
            for rank, name, edit, values in _edits(node, names, arguments)
        ]
    yield from (slip for _, slip in sorted(found, key=lambda pair: pair[0]))


def _where(node, arguments) -> str:
    """The arguments of a changed part, in words, or ''."""
    held = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    told = [f"`{name}`" for name in arguments if name in held]
    return f", in a part with {' and '.join(told)}" if told else ""


def _edits(node, names, arguments):
    """(rank, name, edit, values) of every change at one node."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield 0, "wrong-sign", lambda n: n.operand, {}
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from _of_constant(node.value)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        for other in names:
            if other != node.id:
                told = f"`{other}`" if other in arguments else "another value"
                yield 2, "other-argument", _set("id", other), {"wrong": told, "where": ""}


def _of_operation(node):
    operation = type(node.op)
    if operation in (ast.Add, ast.Sub):
        yield 0, "wrong-sign", _set("op", OPPOSITES[operation]()), {}
        yield 0, "term-missing", lambda n: n.left, {}
        yield 0, "term-missing", _right, {}
        yield 2, "other-operation", _set("op", ast.Mult()), {}
    elif operation in (ast.Mult, ast.Div, ast.MatMult):
        yield 0, "factor-missing", lambda n: n.left, {}
        yield 0, "factor-missing", lambda n: n.right, {}
        if operation is not ast.MatMult:
            yield 1, "other-operation", _set("op", OPPOSITES[operation]()), {}
        yield 2, "other-operation", _set("op", ast.Add()), {}
    elif operation is ast.Pow:
        yield 0, "power-missing", lambda n: n.left, {}
        yield 2, "other-operation", _set("op", ast.Mult()), {}
    if operation in (ast.Sub, ast.Div, ast.Pow):
        division = "/division" if operation is ast.Div else ""
        yield 1, f"exchanged{division}", _exchange, {}


def _right(node):
    """The second term, with its sign."""
    return node.right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), node.right)


def _exchange(node):
    node.left, node.right = node.right, node.left
    return node


def _set(name: str, value) -> Callable:
    def edit(node):
        setattr(node, name, value)
        return node

    return edit


def _of_constant(value):
    others = (value + 1, value - 1, -value) if isinstance(value, int) else ()
    others += (2 * value, value / 2, -value, 0.0) if isinstance(value, float) else ()
    for other in others:
        if other != value:
            yield 1, "other-constant", _set("value", other), {}


def _of_call(node):
    called = node.func
    is_method = isinstance(called, ast.Attribute)
    name = called.attr if is_method else getattr(called, "id", "")
    kept = "attr" if is_method else "id"
    for other in FUNCTIONS.get(name, ()):
        yield 0, "other-function", _calling(kept, other), {"wrong": other}
    if name in LEFT_OUT:
        of_module = is_method and isinstance(called.value, ast.Name) and node.args
        inner = (lambda n: n.args[0]) if of_module or not is_method else (lambda n: n.func.value)
        missing = "power-missing" if name in ("square", "pow") else "function-missing"
        yield 0, missing, inner, {"what": name}
    if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
        yield 1, "exchanged", _exchange_arguments, {}


def _calling(kept: str, other: str) -> Callable:
    def edit(node):
        setattr(node.func, kept, other)
        return node

    return edit


def _exchange_arguments(node):
    node.args[:2] = node.args[1::-1]
    return node
