"""`python -m tests.support.house`: who imports whom, between the wings of this repository.

The rooms and what each may know stand in ARCHITECTURE.md; `tests/test_house.py` holds them to it.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Wing: the wings that it may import. Each wing may import itself, and everybody `errors`.
_MAY_KNOW = {
    "student": "utils",
    "key": "student utils",
    "exam": "key student utils",
    "letter": "exam key student utils",
    "plugins": "letter exam key student utils",
    "course": "plugins letter exam key student utils",
    "ask": "course plugins letter exam key student utils",
    "desks": "course letter exam key student utils",
    "release": "desks ask course plugins letter exam key student utils",
    "utils": "",
}


def _wing(name: str) -> str:
    return name if name == "utils" else f"autograder.{name}"


MAY_KNOW = {_wing(w): set(map(_wing, may.split())) for w, may in _MAY_KNOW.items()}
SHARED = {"autograder.errors"}


def modules(*packages: str) -> dict[str, Path]:
    """{dotted name: file} of these packages; of `autograder` and `utils`, if none is named."""
    found = {}
    for package in packages or ("autograder", "utils"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of this repository that one of them imports, inside its functions too."""
    found = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
    return (found & known.keys()) - {name}


def graph() -> dict[str, set[str]]:
    """{module: the modules of this repository that it imports}"""
    known = modules()
    return {name: imports(name, path, known) for name, path in known.items()}


def wing(module: str) -> str | None:
    """The wing that a module lives in; None for the front door and the names of version 1.0."""
    return next((w for w in MAY_KNOW if module == w or module.startswith(f"{w}.")), None)


def trespasses(links: dict[str, set[str]]) -> list[str]:
    """Imports that the contract forbids, a sentence each."""
    return [
        f"{name} imports {other}"
        for name, others in sorted(links.items())
        if (here := wing(name)) is not None
        for other in sorted(others)
        if (there := wing(other)) != here and other not in SHARED and there not in MAY_KNOW[here]
    ]


def cycles(links: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other (Tarjan 1972), a package's own parts aside."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in links[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in links:
        if name not in index:
            visit(name)
    return found


def main() -> None:
    links = graph()
    counts = Counter(
        (wing(name) or "command line", wing(other))
        for name, others in links.items()
        for other in others
        if wing(other) and wing(name) != wing(other)
    )
    for (here, there), count in sorted(counts.items()):
        print(f"{here:20} → {there:20} {count:3}")


if __name__ == "__main__":
    main()
