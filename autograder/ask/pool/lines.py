"""What the lines of her own code do: the one that clears the gradients, the one that β changes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autograder.ask.item import PROBE as CALLS
from autograder.ask.item import Item, chosen, number
from autograder.ask.item import shown as value_shown

PROBE = "asked.parts"
SECONDS = 5.0
LONGEST = 200  # characters of a line that is shown
STATEMENTS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
INSIDE = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.comprehension)
PARTS = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Attribute, ast.Subscript, ast.Name)


@dataclass(frozen=True)
class Clears:
    """Which line of a loop clears the gradients."""

    about: str

    def item(self, student, rng, source: str) -> Item | None:
        function = function_of(source, self.about.partition(".")[2])
        if function is None:
            return None
        lines = [
            shown(source, node)
            for node in ast.walk(function)
            if isinstance(node, STATEMENTS)
            and not isinstance(getattr(node, "value", None), ast.Constant)
        ]
        right = [line for line in lines if "zero_grad" in line]
        others = [line for line in dict.fromkeys(lines) if "grad" not in line]
        if len(right) != 1 or max(map(len, [*right, *others])) > LONGEST:
            return None
        others = [others[i] for i in rng.permutation(len(others))]
        text = "Which line of your `train_epoch` clears the gradients?"
        return chosen(self.about, text, right[0], others, rng)


@dataclass(frozen=True)
class Changes:
    """Where β enters: her function is run twice, and each of its parts is looked at."""

    about: str
    LINES = (
        "`beta` is doubled, and all else stays the same. In which of these lines of your `elbo` "
        "does the result change?"
    )
    PARTS = (
        "`beta` is doubled, and all else stays the same. Which of these parts of your `elbo` "
        "changes its value?"
    )

    def item(self, student, rng, source: str) -> Item | None:
        function = function_of(source, self.about.partition(".")[2])
        if function is None:
            return None
        nodes = list(ast.walk(function))
        places = [nodes.index(node) for node in _run_once(function) if _is_value(node)]
        told = student.ask(PROBE, _inputs(source, self.about, places, rng), {}, SECONDS)
        if told.get("error"):
            return None
        changed = {p: c for p in places if (c := _changes(told, p)) is not None}
        if not any(changed.values()):
            return None
        lines = [
            (shown(source, node), changed[nodes.index(node.value)])
            for node in nodes
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Return))
            and node.value in nodes
            and nodes.index(node.value) in changed
        ]
        parts = [(shown(source, nodes[p]), c) for p, c in changed.items()]
        parts = [(part, c) for part, c in parts if part != "beta"]
        parts.sort(key=lambda part: len(part[0]))
        return (
            self._of(self.LINES, lines, rng)
            or self._of(self.PARTS, parts, rng, longest=True)
            or self._by_numbers(student, rng)
        )

    def _of(self, text: str, found: list[tuple[str, bool]], rng, longest=False) -> Item | None:
        """A question with one that changes among three that do not; none of them says so by its
        own `beta`. longest: the long ones of these, since a name alone says little, and the
        shortest that changes.
        """
        both = {a for a, changes in found if changes} & {a for a, changes in found if not changes}
        found = [(a, changes) for a, changes in dict.fromkeys(found) if a not in both]
        found = [(a, changes) for a, changes in found if len(a) <= LONGEST]
        right = [a for a, changes in found if changes and "beta" not in a]
        wrong = [a for a, changes in found if not changes and "beta" not in a]
        if not right or len(wrong) < 3:
            return None
        one = right[0 if longest else int(rng.integers(len(right)))]
        wrong = wrong[-3:] if longest else [wrong[i] for i in rng.permutation(len(wrong))]
        return chosen(self.about, text, one, wrong, rng)

    def _by_numbers(self, student, rng) -> Item | None:
        """What β does in numbers, for an `elbo` in which all that changes has `beta` in it."""
        values = {
            "x": np.zeros((1, 1, 28, 28)),
            "logits": np.zeros((1, 1, 28, 28)),
            "mu": np.array([[float(rng.integers(8, 15)), 1.0]]),
            "logvar": np.zeros((1, 2)),
        }
        call = {"name": self.about.partition(".")[2], "args": list(values), "nz": None}
        betas = {"once": 1.0, "twice": 2.0, "fourfold": 4.0}
        calls = {b: {**call, "kwargs": {"beta": b}, "method": ""} for b in betas}
        told = student.ask(CALLS, {"calls": calls, **values, **betas, "seed": 0}, {}, SECONDS)
        gave = [None if told.get("error") else number(b)(told) for b in betas]
        if None in gave:
            return None
        one, two, four = gave
        text = (
            f"For one image your `elbo` gives {value_shown(one)} nats at β = 1, and "
            f"{value_shown(two)} nats at β = 2. What does it give at β = 4?"
        )
        wrong = [two + (two - one), 2 * two, 4 * one, one, -four]
        return chosen(self.about, text, four, wrong, rng)


def function_of(source: str, name: str) -> ast.FunctionDef | None:
    """The function of that name; None where there is no such function, or more than one."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
    return found[0] if len(found) == 1 else None


def shown(source: str, node: ast.AST) -> str:
    """The code of a statement or an expression, on one line."""
    return " ".join((ast.get_source_segment(source, node) or "").split())


def _run_once(node: ast.AST) -> Iterator[ast.AST]:
    """What stands below a node and is no code that runs elsewhere, or many times in one place."""
    for part in ast.iter_child_nodes(node):
        if not isinstance(part, (*INSIDE, ast.arguments, ast.GeneratorExp)):
            yield part
            yield from _run_once(part)


def _is_value(node: ast.AST) -> bool:
    return isinstance(node, PARTS) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _inputs(source: str, about: str, places: list[int], rng) -> dict:
    values = {
        "x": (rng.random((2, 1, 28, 28)) > 0.5) * 1.0,
        "logits": rng.normal(size=(2, 1, 28, 28)),
        "mu": rng.normal(2.0, 1.0, (2, 3)),
        "logvar": rng.normal(size=(2, 3)),
    }
    return {
        "source": source,
        "name": about.partition(".")[2],
        "parts": places,
        "args": list(values),
        "words": {"once": {"beta": 1.5}, "doubled": {"beta": 3.0}},
        **values,
        "seed": 0,
    }


def _changes(told, place: int) -> bool | None:
    """Whether a part is another number when β is doubled; None where that cannot be said."""
    once, doubled = (told.get(f"{label}.{place}") for label in ("once", "doubled"))
    if once is None or doubled is None:
        return None
    if np.shape(once) != np.shape(doubled):
        return True
    if not (np.isfinite(once).all() and np.isfinite(doubled).all()):
        return None
    return not np.allclose(once, doubled, rtol=1e-5, atol=1e-7)


LINES = {
    "autoencoder": (Clears("autoencoder.train_epoch"),),
    "vae": (Clears("vae.train_epoch"), Changes("vae.elbo")),
}
