"""Wrong answers that nobody wrote: one small change in the syntax tree of a right answer.

    python -m tests.bank.strangers               # who is caught; the survivors
    python -m tests.bank.strangers --markdown    # their part of docs/hidden-tests.md
    python -m tests.bank.strangers --discarded   # changes that change nothing: a sample to look at

Right answers are the masters' solutions and unusual ones of the bank. A change is to an operator, a
constant, an axis, an argument, the order of statements, or a call. What is then seen to do the same
as before (`tests.bank.alike`) is discarded, and what fails at once on any input.
"""

from __future__ import annotations

import argparse
import ast
import copy
import dataclasses
import json
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from autograder.key import raised

from . import Mutant, Variant, alike, table, variants

SOLUTIONS = Path(__file__).parents[2] / "solutions"
UNUSUAL = 50  # right answers of the bank, beside the masters' solutions
MOST = 34  # changes of one right answer; of a dear question a quarter of that
DEAR = (
    "autoencoder.Encoder",
    "autoencoder.Decoder",
    "autodecoder.AutoDecoder",
    "vae.VAE",
    "vae.iwae_bound",
    "interpolation.linear_probe",
    "autodecoder.fit_latents",
)
SEED = 18


# -- changing a syntax tree -----------------------------------------------------------------------

OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.LtE: (ast.Lt,),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
CALLS = {
    "sum": ("mean",),
    "mean": ("sum",),
    "exp": ("expm1",),
    "log": ("log1p",),
    "sqrt": ("square",),
    "square": ("abs",),
    "randn_like": ("rand_like", "zeros_like"),
    "randn": ("rand",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "train": ("eval",),
    "eval": ("train",),
    "min": ("max",),
    "max": ("min",),
    "softplus": ("relu",),
    "sigmoid": ("tanh",),
    "tanh": ("sigmoid",),
    "relu": ("tanh",),
    "rsample": ("sample",),
    "logsumexp": ("amax",),
    "cumsum": ("cumprod",),
    "clamp_min": ("clamp_max",),
    "tril": ("triu",),
    "std": ("var",),
}
UNWRAPPED = {"exp", "log", "sigmoid", "sqrt", "square", "abs", "softplus", "tanh", "flip", "t"}


def changes(function: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(what was changed, in words, and the whole changed tree) for every single change."""
    for place, node in enumerate(ast.walk(function)):
        for words, edit in _edits(node, function):
            tree = copy.deepcopy(function)
            target = next(n for i, n in enumerate(ast.walk(tree)) if i == place)
            edited = edit(target)
            if edited is not target:
                tree = _Replaced(target, edited).visit(tree)
            yield f"line {getattr(node, 'lineno', 0)}, {words}", ast.fix_missing_locations(tree)


class _Replaced(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def _edits(node, function) -> Iterator[tuple[str, Callable]]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield from _operator(node, "op")
        if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Add, ast.Mult)):
            yield "operands exchanged", _exchange
        if isinstance(node, ast.BinOp):
            yield f"`{_text(node)}` is its left half", lambda n: n.left
            yield f"`{_text(node)}` is its right half", lambda n: n.right
    elif isinstance(node, ast.BoolOp):
        yield from _operator(node, "op")
    elif isinstance(node, ast.Compare):
        for new in OPERATORS.get(type(node.ops[0]), ()):
            yield f"`{_text(node)}` with {new.__name__}", _setting("ops", [new()])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield f"`{_text(node)}` without its sign", lambda n: n.operand
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield f"`{_text(node)}` without its index", lambda n: n.value
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for other in _others(node.id, function):
            yield f"`{other}` for `{node.id}`", _setting("id", other)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "the result detached", lambda n: _setting("value", _method(n.value, "detach"))(n)
    elif isinstance(node, ast.With):
        yield (
            f"without `with {_text(node.items[0])}`",
            lambda n: ast.If(ast.Constant(True), n.body, []),
        )
    if isinstance(getattr(node, "body", None), list) and not isinstance(node, ast.ClassDef):
        yield from _statements(node)


def _text(node) -> str:
    return ast.unparse(node)[:60]


def _setting(field: str, value) -> Callable:
    def edit(node):
        setattr(node, field, value)
        return node

    return edit


def _exchange(node):
    node.left, node.right = node.right, node.left
    return node


def _method(value, name: str) -> ast.Call:
    return ast.Call(ast.Attribute(value, name, ast.Load()), [], [])


def _operator(node, field):
    for new in OPERATORS.get(type(getattr(node, field)), ()):
        yield f"`{_text(node)}` with {new.__name__}", _setting(field, new())


def _constant(node):
    value = node.value
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1] if value else [1]
    elif isinstance(value, float):
        others = [2 * value, value / 2, -value] if value else [1.0]
    else:
        others = []
    for other in others:
        yield f"{other} for {value}", _setting("value", other)


def _call(node):
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    field = "attr" if isinstance(called, ast.Attribute) else "id"

    def renamed(new):
        return lambda n: (setattr(n.func, field, new), n)[1]

    for new in CALLS.get(name, ()):
        yield f"`{new}` for `{name}`", renamed(new)
    if name in UNWRAPPED:
        if node.args:
            yield f"without `{name}`", lambda n: n.args[0]
        elif isinstance(called, ast.Attribute):
            yield f"without `{name}`", lambda n: n.func.value
    for i, keyword in enumerate(node.keywords):
        yield (f"`{name}` without {_text(keyword)}", lambda n, i=i: (n.keywords.pop(i), n)[1])
    if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
        yield (
            f"the first arguments of `{name}` exchanged",
            lambda n: (n.args.__setitem__(slice(0, 2), n.args[1::-1]), n)[1],
        )
        yield f"`{name}` without its last argument", lambda n: (n.args.pop(), n)[1]
    if name == "detach":
        yield "without `detach`", lambda n: n.func.value


def _others(name: str, function) -> list[str]:
    """Two other arguments or variables of the function that may stand where this one does."""
    own = {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
    own |= {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    if name not in own or name == "self":
        return []
    return sorted(own - {name, "self"})[:2]


def _statements(node):
    body = node.body
    plain = [i for i, s in enumerate(body) if not isinstance(s, (ast.FunctionDef, ast.Import))]
    for i in plain:
        if len(body) > 1:
            yield f"without `{_text(body[i])}`", lambda n, i=i: (n.body.pop(i), n)[1]
        if i + 1 in plain:
            yield (
                f"`{_text(body[i])}` after the next line",
                lambda n, i=i: (n.body.__setitem__(slice(i, i + 2), n.body[i : i + 2][::-1]), n)[1],
            )


# -- right answers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """A right answer: a whole file, of which one definition is changed."""

    question: str
    why: str
    source: str


HEAD = """
import copy
import math
import torch
import torch.nn.functional as F
from torch import distributions, nn
"""


@cache
def rights() -> tuple[Right, ...]:
    """The masters' solutions, and UNUSUAL answers of the bank, spread over the questions."""
    found = [Right(q, "the master's", source) for q, source in _masters()]
    by_question: dict[str, list[Variant]] = {}
    for variant in variants():
        if variant.question in alike.WATCHED and not variant.prepare:
            by_question.setdefault(variant.question, []).append(variant)
    rng = random.Random(SEED)
    for answers in by_question.values():
        rng.shuffle(answers)
    turns = max(map(len, by_question.values()))
    unusual = [a[i] for i in range(turns) for a in by_question.values() if i < len(a)]
    return (*found, *(Right(v.question, v.why, v.source) for v in unusual[:UNUSUAL]))


def _masters() -> Iterator[tuple[str, str]]:
    for path in sorted(SOLUTIONS.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf8"))
        defined = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        for name in defined:
            if f"{path.stem}.{name}" in alike.WATCHED:
                needed = _needed(name, defined)
                parts = [ast.unparse(_without_docstrings(defined[n])) for n in needed]
                yield f"{path.stem}.{name}", "\n\n".join([HEAD, *parts]) + "\n"


def _needed(name: str, defined: dict) -> list[str]:
    """The definitions that one builds on, and then itself."""
    used = {n.id for n in ast.walk(defined[name]) if isinstance(n, ast.Name)} & set(defined)
    before = [part for other in sorted(used - {name}) for part in _needed(other, defined)]
    return [*dict.fromkeys(before), name]


def _without_docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    return tree


# -- strangers ------------------------------------------------------------------------------------


def drawn(right: Right) -> list[tuple[str, str]]:
    """(what was changed, source) of changes of one right answer, a seeded choice."""
    tree = _without_docstrings(ast.parse(right.source))
    name = right.question.split(".")[1]
    place = max(i for i, node in enumerate(tree.body) if getattr(node, "name", "") == name)
    found: dict[str, str] = {}
    for words, changed in changes(tree.body[place]):
        body = [*tree.body[:place], changed, *tree.body[place + 1 :]]
        try:
            source = ast.unparse(ast.Module(body, []))
            compile(source, "answer", "exec")
        except (SyntaxError, ValueError, TypeError):
            continue
        found.setdefault(source, words)
    found.pop(ast.unparse(tree), None)
    most = MOST // 4 if right.question in DEAR else MOST
    chosen = sorted(found)
    random.Random(f"{SEED} {right.question} {right.why}").shuffle(chosen)
    return [(found[source], source) for source in chosen[: 2 * most]]


def _sifted(right: Right) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(strangers, what does the same) of one right answer."""
    import torch

    torch.set_num_threads(1)
    most = MOST // 4 if right.question in DEAR else MOST
    strangers, same = [], []
    for words, source in drawn(right):
        if len(strangers) == most:
            break
        try:
            (same if alike.same(right.question, right.source, source) else strangers).append(
                (words, source)
            )
        except alike.Broken:
            continue
    return strangers, same


def sifted(wanted: list[Right], workers: int) -> list[tuple[Right, list, list]]:
    """`_sifted` for several right answers, in forked processes: some answers never end."""
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        done = pool.map(_sifted, wanted)
        bar = tqdm(done, total=len(wanted), desc="changing", disable=None)
        return [(right, *found) for right, found in zip(wanted, bar, strict=True)]


def strangers(wanted: list[Right], workers: int) -> list[Mutant]:
    """The strangers made of these right answers, as answers of the bank."""
    return [
        Mutant(right.question, f"{right.why}: {words}", "", None, source)
        for right, found, _ in sifted(wanted, workers)
        for words, source in found
    ]


# Changes after which the answer is another right one: (question, what the change says, why).
RIGHT_TOO: tuple[tuple[str, str, str], ...] = (
    ("autodecoder.batch_rmse_score", "the result detached", "a score is read, never learned from"),
    ("interpolation.lerp", "the result detached", "nothing is learned through a walk"),
    *(
        (question, "with Sub", "-eps is as good a noise as eps")
        for question in (
            "autodecoder.rsample_gaussian",
            "autodecoder.rsample_full_gaussian",
            "vae.reparametrize",
        )
    ),
    ("autodecoder.rsample_laplace", "with Add", "1 - u is as good a noise as u"),
    ("autodecoder.rsample_laplace", "with Sub", "1 - u is as good a noise as u"),
    ("autodecoder.rsample_laplace", "mirrored: line 11, operands", "1 - u is as good a noise as u"),
    ("autodecoder.fit_latents", "`was_training", "nobody asks for the decoder's mode afterwards"),
    ("autodecoder.fit_latents", "`training =", "nobody asks for the decoder's mode afterwards"),
    ("autodecoder.fit_latents", "decoder(z), x, reduction=`", "Adam takes no notice of a factor"),
    ("autoencoder.Decoder", "without bias=False", "a bias more"),
    ("vae.VAE", "self.logvar = nn.Linear(64, nz)` after", "layers made in another order"),
    ("autodecoder.rsample_uniform", "`lerp` exchanged", "1 - u is as good a noise as u"),
    ("autodecoder.AutoDecoder", "after the next line", "layers made in another order"),
    ("autodecoder.AutoDecoder", "for 0.05", "other weights to begin with"),
    ("autoencoder.Decoder", "after the next line", "layers made in another order"),
    ("autoencoder.Encoder", "line 13, 2 for 3", "another kernel, the same stages"),
    ("vae.VAE", "1.0 for 2.0", "another bias to begin with"),
    ("interpolation.linear_probe", "without C=10000.0", "another regularisation"),
    ("interpolation.linear_probe", "5000.0 for 10000.0", "another regularisation"),
    ("interpolation.slerp", "the result detached", "nothing is learned through a walk"),
    ("autodecoder.rsample_laplace", "line 10, operands", "1 - u is as good a noise as u"),
    ("autodecoder.fit_latents", "`ones` for `zeros`", "another start"),
)


def explained(row: table.Row) -> str | None:
    """Why a stranger that lives may do so: it is another right answer."""
    for question, change, why in RIGHT_TOO:
        if row.question.startswith(question) and change in row.why:
            return why
    return None


def counted(rows: list[table.Row]) -> dict[str, dict[str, int]]:
    """{question: {column: how many}}, with a last line for all of them."""
    lines: dict[str, dict[str, int]] = {}
    for row in rows:
        line = lines.setdefault(row.question, dict.fromkeys(COLUMNS, 0))
        lives = row.verdict == "survived"
        column = "right too" if lives and explained(row) else "survived" if lives else "killed"
        line[column] += 1
        line["strangers"] += 1
        line["named"] += bool(row.mistake)
        line["stopped"] += row.mistake in raised.NAMES
    lines["all"] = {c: sum(line[c] for line in lines.values()) for c in COLUMNS}
    return lines


COLUMNS = ("strangers", "killed", "survived", "right too", "named", "stopped")


def markdown(rows: list[table.Row]) -> str:
    """Their part of the page `docs/hidden-tests.md`."""
    lines = counted(rows)
    total = lines["all"]
    wrong = total["strangers"] - total["right too"]
    return "\n".join(
        [
            HEADING,
            "",
            f"Of {total['strangers']} strangers {total['right too']} are right too; "
            f"{total['killed']} of the other {wrong} are killed ({total['killed'] / wrong:.1%}); "
            f"{total['named']} of these have a name ({total['named'] / total['killed']:.1%}); of "
            f"{total['stopped']} it is the kind of error that stopped them, with the line and the "
            "usual reason.",
            "",
            "| question | " + " | ".join(COLUMNS) + " |",
            "|---|" + "---:|" * len(COLUMNS),
            *(
                f"| {question} | " + " | ".join(str(line[c]) for c in COLUMNS) + " |"
                for question, line in lines.items()
            ),
            "",
            *(
                f"- lives: {row.question}, {row.why}"
                for row in rows
                if row.verdict == "survived" and not explained(row)
            ),
        ]
    )


HEADING = """
## Strangers

Wrong answers that nobody wrote: a right one with a single change in its syntax tree, drawn with a seed from
the masters' solutions and 50 right but unusual answers of the bank. What is seen to do the same as before,
on 50 inputs in double precision, is left out, and what fails at once. A name is what the key says of
itself; no person has compared it with the change. Written by
(minutes of computing, so not run by the tests)

```bash
python -m tests.bank.strangers --markdown >> docs/hidden-tests.md
```"""


def main() -> int:
    """Exit status 0 when at least 99 % of what is wrong is killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bank.strangers")
    parser.add_argument("--question", default="", help="only questions whose id begins so")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", type=int, help="one in so many of the right formulas")
    parser.add_argument("--discarded", action="store_true", help="print 50 that do the same")
    parser.add_argument("--json", action="store_true", help="print one object a stranger")
    parser.add_argument("--markdown", action="store_true", help="print their part of the page")
    options = parser.parse_args()
    wanted = [r for r in rights() if r.question.startswith(options.question)]
    if options.part:
        wanted = one_in(options.part, wanted)
    if options.discarded:
        same = [(r, words) for r, _, same in sifted(wanted, options.workers) for words, _ in same]
        for right, words in random.Random(SEED).sample(same, min(50, len(same))):
            print(f"{right.question}, {right.why}: {words}")
        return 0
    rows = table.run(strangers(wanted, options.workers), (0,), options.workers)
    total = counted(rows)["all"]
    if options.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows]))
    elif options.markdown:
        print(markdown(rows))
    else:
        for row in rows:
            if row.verdict == "survived":
                print(f"{row.question}, {row.why}: {explained(row) or 'survived'}")
        print(", ".join(f"{count} {column}" for column, count in total.items()))
    return int(total["killed"] < 0.99 * (total["strangers"] - total["right too"]))


def one_in(part: int, wanted: list[Right]) -> list[Right]:
    """Always the same of the right formulas, for a quick look."""
    cheap = [r for r in wanted if r.question not in DEAR and "epoch" not in r.question]
    return random.Random(SEED).sample(cheap, max(1, len(cheap) // part))


if __name__ == "__main__":
    raise SystemExit(main())
