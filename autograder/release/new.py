"""`python -m autograder new question ID --kind KIND`, `new assignment NAME`: something to fill in.

What is written is an example that builds, passes `selftest` and is graded; the author turns it into
the question that is meant. `begun/KIND.txt` holds its parts. A question stands in four places: the
master, the visible check, its module with its Markdown, the bank.
"""

from __future__ import annotations

import ast
import keyword
import re
from pathlib import Path

from autograder.errors import WrongCall
from autograder.key import catalogue, sentences
from autograder.plugins.config import ROOT

BEGUN = Path(__file__).parent / "begun"
KINDS = ("formula", "sampler", "class", "loop", "run", "written")
LAST = "# %% [markdown]\n# ## Before you hand in"  # a question is put before it


def assignment(name: str, root: Path = ROOT) -> list[Path]:
    """Begin an assignment; the files written. WrongCall where there is one of that name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise WrongCall(f"{name!r} is no name for an assignment: small letters, digits and _")
    paths = {
        "master": root / "solutions" / f"{name}.py",
        "key": root / "autograder" / "key" / name / "__init__.py",
        "checks": root / "utils" / "checks" / f"{name}.py",
        "bank": root / "tests" / "bank" / f"{name}.py",
    }
    there = [str(path.relative_to(root)) for path in paths.values() if path.exists()]
    if there or name in catalogue.ASSIGNMENTS or (root / "solutions" / name).exists():
        raise WrongCall(f"there is an assignment {name!r}: {', '.join(there) or 'on the list'}")
    words = {"assignment": name, "title": name.replace("_", " ").capitalize()}
    parts = _parts("assignment", words)
    for part, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(parts[part], encoding="utf-8")
    listed = root / "autograder" / "key" / "catalogue.py"
    text = listed.read_text(encoding="utf-8")
    listed.write_text(
        re.sub(r"^(ASSIGNMENTS = \(.*?),?\)$", rf'\1, "{name}")', text, count=1, flags=re.M | re.S),
        encoding="utf-8",
    )
    return [*paths.values(), listed]


def question(id: str, kind: str, root: Path = ROOT) -> list[Path]:
    """Begin a question of a kind; the files written. WrongCall where that cannot be, and nothing is
    written then.
    """
    where, _, name = id.partition(".")
    if kind not in KINDS:
        raise WrongCall(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    if where not in catalogue.ASSIGNMENTS:
        there = ", ".join(catalogue.ASSIGNMENTS)
        raise WrongCall(f"{id!r} should be ASSIGNMENT.NAME; there are the assignments {there}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise WrongCall(f"{name!r} is no name of a function or class")
    if catalogue.known(id) or id in catalogue.WRITTEN:
        raise WrongCall(f"there is a question {id!r}")
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    key = root / "autograder" / "key" / where
    if kind != "written" and (key / f"{module}.py").exists():
        raise WrongCall(f"there is a module {key.relative_to(root) / module}.py: take another name")
    words = {"assignment": where, "name": name, "id": id, "points": "2 points"}
    parts = _parts(kind, words)
    written = [_into_master(root / "solutions" / f"{where}.py", parts["master"])]
    if kind == "written":
        return [*written, _into_list(root / "autograder/key/written.py", parts["written"])]
    for suffix, part in ((".py", "key"), (".md", "sentences")):
        path = key / f"{module}{suffix}"
        path.write_text(parts[part].strip("\n") + "\n", encoding="utf-8")
        written.append(path)
    written.append(_onto_list(key / "__init__.py", where, module))
    if "check" in parts:
        checks = root / "utils" / "checks" / f"{where}.py"
        written.append(_appended(checks, parts["check"], parts["checked"].strip().split(", ")))
    if "bank" in parts:
        bank = root / "tests" / "bank" / where  # a folder, or a module
        answers = bank / "__init__.py" if bank.is_dir() else bank.with_suffix(".py")
        written.append(_appended(answers, parts["bank"]))
    return written


def _parts(kind: str, words: dict[str, str]) -> dict[str, str]:
    """{part: text} of what is begun."""
    text = (BEGUN / f"{kind}.txt").read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace("{{" + word + "}}", value)
    if kind == "loop":
        text = _like_the_autoencoders(text, words)
    pieces = re.split(r"^=== (\w+)\n", text, flags=re.M)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _like_the_autoencoders(text: str, words: dict[str, str]) -> str:
    """A loop begins as the autoencoder's, with its mistakes, under another name."""
    place = sentences.KEY / "autoencoder" / "train_epoch"
    key = place.with_suffix(".py").read_text(encoding="utf-8")
    for old, new in (
        ("autoencoder.train_epoch", words["id"]),
        ("train_epoch", words["name"]),
        ("points=4", "points=2"),
        (
            "draw=training_inputs",
            f'draw=lambda rng: {{**training_inputs(rng), "name": "{words["name"]}"}}',
        ),
    ):
        key = key.replace(old, new)
    told = place.with_suffix(".md").read_text(encoding="utf-8").partition("## Mistakes")[2]
    text = text.replace("{{key of autoencoder/train_epoch.py}}", key)
    return text.replace("{{mistakes of autoencoder/train_epoch.md}}", told.strip())


def _into_master(path: Path, cells: str) -> Path:
    text = path.read_text(encoding="utf-8")
    before, last, after = text.rpartition(LAST)
    text = f"{before}{cells}{last}{after}" if last else f"{text.rstrip()}\n\n{cells}"
    path.write_text(text, encoding="utf-8")
    return path


def _into_list(path: Path, line: str) -> Path:
    text = path.read_text(encoding="utf-8")
    head, end, rest = text.rpartition("    )\n)")
    path.write_text(f"{head}{line.strip(chr(10))}\n{end}{rest}", encoding="utf-8")
    return path


def _onto_list(path: Path, where: str, module: str) -> Path:
    """Import a module in an assignment's key, and put its question at the end of the list."""
    text = _importing(path.read_text(encoding="utf-8"), f"autograder.key.{where}", [module])
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "QUESTIONS":
            lines = text.splitlines(keepends=True)
            start, end = node.value.lineno - 1, node.value.end_lineno
            inside = "".join(lines[start:end]).partition("(")[2].rpartition(")")[0].strip()
            items = f"{inside.rstrip(',')}, {module}.QUESTION" if inside else f"{module}.QUESTION,"
            flat = f"QUESTIONS = ({items})"
            if len(flat) > 100 or "\n" in items:
                shown = inside.rstrip(",") if "\n" in inside else inside.replace(", ", ",\n    ")
                flat = f"QUESTIONS = (\n    {shown.rstrip(',')},\n    {module}.QUESTION,\n)"
            lines[start:end] = [flat + "\n"]
            path.write_text("".join(lines), encoding="utf-8")
    return path


def _appended(path: Path, more: str, names: list[str] = ()) -> Path:
    text = path.read_text(encoding="utf-8")
    if names:
        text = _importing(text, "utils.checks", names)
    path.write_text(f"{text.rstrip()}\n\n\n{more.strip()}\n", encoding="utf-8")
    return path


def _importing(text: str, module: str, names: list[str]) -> str:
    """A module's text that imports these names, too."""
    lines, body = text.splitlines(keepends=True), ast.parse(text).body
    found = [n for n in body if isinstance(n, ast.ImportFrom) and n.module == module]
    every = sorted({*names, *(alias.name for node in found[:1] for alias in node.names)})
    line = f"from {module} import {', '.join(every)}\n"
    if len(line) > 100:
        line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in every) + ")\n"
    if found:
        lines[found[0].lineno - 1 : found[0].end_lineno] = [line]
        return "".join(lines)
    imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
    place = imports[-1].end_lineno if imports else body[0].end_lineno  # or below the docstring
    lines[place:place] = ["\n", line]
    return "".join(lines)
