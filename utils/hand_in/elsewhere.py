"""What works on the machine of a student and need not work where the notebook is graded: there is
no GPU there, no package but those of the course, and perhaps an older Python.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import io
import re
import sys
import tokenize
from pathlib import Path

import utils

PYTHON = (3, 11)  # the oldest that the course is graded with, as in pyproject.toml
# The packages of the course: its own file, or in the zip for students the one of this name.
LISTS = "requirements-students.txt", "requirements.txt"
# Cell magics below which ordinary Python stands.
PLAIN = re.compile(r"\s*%%(time|prun|capture)[ \t]*(\n|$)")


def concerns(nb) -> list[str]:
    """What to look at in a notebook, a sentence each."""
    parsed = [(cell, _tree(_python(cell.source))) for cell in nb.cells if cell.kind == "code"]
    return [*_packages(nb, parsed), *_gpu(parsed), *_syntax(parsed)]


def packages() -> dict[str, str] | None:
    """{package: pinned version} that students may use, "" where any version will do; None where no
    list lies beside the course.
    """
    folder = Path(utils.__file__).resolve().parents[1]
    path = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    if path is None:
        return None
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf8").splitlines())
    wanted = (re.match(r"([\w.-]+)(?:\[.*?\])?\s*(?:==\s*([\w.+!-]+))?", line) for line in lines)
    return {canonical(found[1]): found[2] or "" for found in wanted if found and found[1][0] != "-"}


def canonical(name: str) -> str:
    """A package's name as every index writes it: `Pillow` and `pillow` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(source: str) -> str:
    """A cell as IPython runs it: magics are calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    source = PLAIN.sub("\n", source.lstrip("\ufeff"), count=1)
    if _tree(source) is None:
        with contextlib.suppress(SyntaxError, RecursionError):
            return TransformerManager().transform_cell(source)
    return source


def _tree(text: str) -> ast.Module | None:
    """Python of this machine; None where it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _packages(nb, parsed) -> list[str]:
    listed = packages()
    if listed is None:
        return []
    found = {}
    for cell, tree in parsed:
        for node in ast.walk(tree) if tree else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                found.setdefault(name.partition(".")[0], cell)
    told, allowed, beside = [], _modules(listed), nb.path.parent
    for name, cell in found.items():
        if name in sys.stdlib_module_names or name in ("utils", *allowed):
            continue
        if (beside / f"{name}.py").is_file() or (beside / name / "__init__.py").is_file():
            told.append(
                f"cell {cell.number} imports {name}, a file beside the notebook, and only the "
                "notebook and its runs are handed in: put what you need of it into a cell"
            )
        else:
            told.append(
                f"cell {cell.number} imports {name}, which is none of the course's packages and "
                "may be missing where your work is graded: what needs it would not run there"
            )
    return told


def _modules(listed) -> set[str]:
    """What can be imported from these packages, and from those that they need themselves."""
    needed, waiting = set(), list(listed)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            try:
                wanted = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            plain = (line for line in wanted if "extra ==" not in line)
            waiting += [canonical(re.match(r"[\w.-]+", line)[0]) for line in plain]
    provided = importlib.metadata.packages_distributions().items()
    known = {module for module, owners in provided if needed & set(map(canonical, owners))}
    return known | {name.replace("-", "_") for name in listed}


def _gpu(parsed) -> list[str]:
    told = []
    for cell, tree in parsed:
        for statement in tree.body if tree else ():
            if "is_available" in ast.dump(statement):  # it asks first
                continue
            asks = next(filter(None, map(_asks_for_gpu, ast.walk(statement))), None)
            if asks:
                told.append(
                    f"cell {cell.number} asks for a GPU (`{asks}`), and where your work is graded "
                    "there is none: use `device`, or the device of what you were given, such as "
                    "`mu.device`"
                )
                break
    return told


GPU = re.compile(r"(cuda|mps)(:\d+)?")


def _asks_for_gpu(node) -> str:
    values = []
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "cuda":
            return ".cuda()"
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.arguments):
        values = [*node.defaults, *node.kw_defaults]
    elif isinstance(node, ast.Assign) and "dev" in ast.unparse(node.targets[0]).lower():
        values = [node.value]
    for value in values:
        device = value.value if isinstance(value, ast.Constant) else None
        if isinstance(device, str) and GPU.fullmatch(device):
            return f'"{device}"'
    return ""


def _syntax(parsed) -> list[str]:
    known = ".".join(map(str, PYTHON))
    return [
        f"cell {cell.number} cannot be read by Python {known}, with which your work may be "
        f"graded: {newer}"
        for cell, _ in parsed
        if not cell.error and (newer := _newer(_python(cell.source)))
    ]


def _newer(text: str) -> str:
    """What Python `PYTHON` would not read in a cell, though it ran; "" where nothing."""
    try:
        ast.parse(text, feature_version=PYTHON)
    except (SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None) or 1
        shown = (text.splitlines() or [""])[min(line, len(text.splitlines()) or 1) - 1].strip()
        return f"line {line}, `{shown[:60]}` ({getattr(problem, 'msg', problem)})"
    except (RecursionError, MemoryError):
        return ""
    return _newer_in_strings(text)


def _newer_in_strings(text: str) -> str:
    """Since Python 3.12 there may be anything between the braces of an f-string, and since 3.14
    there are t-strings.
    """
    quotes = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind, string = tokenize.tok_name[token.type], token.string
        line = f"line {token.start[0]}, "
        if kind == "TSTRING_START":
            return line + "a t-string"
        if quotes and not kind.startswith("FSTRING_MIDDLE"):
            if kind != "FSTRING_END" and any(quote in string for quote in quotes):
                return line + "an f-string with its own quotes inside"
            if "\\" in string or kind == "COMMENT":
                return line + "an f-string with a backslash or a comment between its braces"
            if kind == "NL" and len(quotes[-1]) == 1:
                return line + "an f-string with a new line between its braces"
        if kind == "FSTRING_START":
            quotes.append(string.lstrip("fFrR"))
        elif kind == "FSTRING_END":
            quotes.pop()
    return ""
