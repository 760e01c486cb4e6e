"""The same answer in other words: what different students write who make the same mistake."""

from __future__ import annotations

import ast
import copy

METHODS = {"exp", "log", "sum", "mean", "sqrt", "abs", "square", "sigmoid", "flatten", "tanh"}
RANDOM = {"randn", "rand", "randn_like", "rand_like", "normal", "sample", "rsample", "normal_"}


def forms(source: str, name: str) -> list[str]:
    """Five ways to write an answer that do the same; `name` is what is asked for."""
    changes = (_renamed,), (_reordered,), (_other_calls,), (_in_steps,)
    made = [_changed(source, one, name) for one in changes]
    return [*made, _wrapped(_changed(source, sum(changes, ()), name), name)]


def _changed(source: str, changes, name: str) -> str:
    tree = ast.parse(source)
    for change in changes:
        tree = change(copy.deepcopy(tree))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _renamed(tree):
    """Other names for the local variables of every function."""
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        given = {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
        outer = {n for s in ast.walk(function) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
        nodes = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
        own = {n.id for n in nodes if isinstance(n.ctx, ast.Store)} - given - outer
        for node in nodes:
            if node.id in own and not node.id.endswith("_mine"):
                node.id += "_mine"
    return tree


class _reordered(ast.NodeTransformer):  # noqa: N801  (used as the function that it is)
    """Sums and products the other way round, where nothing random is drawn in them."""

    def __new__(cls, tree):
        return super().__new__(cls).visit(tree)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        plain = not any(isinstance(n, (ast.Call, ast.List, ast.Tuple, ast.JoinedStr)) or
                        isinstance(n, ast.Constant) and isinstance(n.value, str)
                        for n in ast.walk(node))
        if isinstance(node.op, (ast.Add, ast.Mult)) and plain:
            node.left, node.right = node.right, node.left
        return node


class _other_calls(ast.NodeTransformer):  # noqa: N801
    """torch.exp(x) for x.exp(), and the other way round."""

    def __new__(cls, tree):
        return super().__new__(cls).visit(tree)

    def visit_Call(self, node):
        self.generic_visit(node)
        called = node.func
        if not isinstance(called, ast.Attribute) or called.attr not in METHODS:
            return node
        if isinstance(called.value, ast.Name) and called.value.id == "torch":
            if node.args and not isinstance(node.args[0], (ast.Constant, ast.Starred)):
                node.func = ast.Attribute(node.args.pop(0), called.attr, ast.Load())
        elif not (isinstance(called.value, ast.Name) and called.value.id in ("np", "F", "math", "nn")):
            if not any(isinstance(n, ast.Name) and n.id in ("np", "D") for n in ast.walk(called.value)):
                node.args.insert(0, called.value)
                node.func = ast.Attribute(ast.Name("torch", ast.Load()), called.attr, ast.Load())
        return node


def _in_steps(tree):
    """Returned sums and products in two steps."""
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        body = []
        for line in function.body:
            if isinstance(line, ast.Return) and isinstance(line.value, ast.BinOp):
                first = ast.Assign([ast.Name("first_half", ast.Store())], line.value.left)
                second = ast.Assign([ast.Name("second_half", ast.Store())], line.value.right)
                line.value.left = ast.Name("first_half", ast.Load())
                line.value.right = ast.Name("second_half", ast.Load())
                body += [first, second]
            elif isinstance(line, ast.Return) and line.value is not None:
                body.append(ast.Assign([ast.Name("result", ast.Store())], line.value))
                line.value = ast.Name("result", ast.Load())
            body.append(line)
        function.body = body
    return tree


def _wrapped(source: str, name: str) -> str:
    """What is asked for calls what does the work."""
    return f"{source}\n\n_worker = {name}\n\n\ndef {name}(*given, **named):\n    return _worker(*given, **named)\n"
