"""Every sentence of ours that a student may read about graded work, as a translator gets them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from autograder.key import catalogue, sentences
from autograder.letter import language

AUTOGRADER = Path(__file__).resolve().parents[1]
# Where sentences are put together: checks, what student code did, what became of a submission, what
# is asked about one's own work.
ROOMS = ("key", "student", "exam", "ask/pool")
SPEAKING = ("letter", "plugins", "ask", "course", "release")  # rooms whose pages say their own
# Single words that checks fill into a sentence; other single words are names in code.
WORDS = (
    *("top", "bottom", "left", "right", "first", "last", "high", "low", "large", "small"),
    *("noise", "latents", "heavy", "light", "nothing", "Your code raised {}"),
    *("image", "images", "reconstruction", "run {}", "buffers", "parameters", "weights", "floats"),
    *("at line {} of your code", "in your code", "in what your code defines or returns"),
)
HEARD = "raised.py"  # holds what Python and torch say, and nothing of ours
READS = AUTOGRADER.parent / "utils" / "run_files.py"  # says what is wrong with a submitted run
PRINTF = re.compile(r"%[srd]|%\.\d+f")


def all_of_them() -> list[str]:
    """The sentences in English, braces where something is filled in; each once."""
    found = [*language.MARKS, *WORDS]
    found += (sentence for room in SPEAKING for sentence in said(AUTOGRADER / room))
    for assignment in catalogue.ASSIGNMENTS:
        for question in catalogue.of(assignment).values():
            page = question.sentences
            found += [page.title, page.reread, *page.tested.values()]
            found += [part for m in page.mistakes.values() for part in (m.says, m.reread)]
    found += [written.title for written in catalogue.WRITTEN.values()]
    found += [part for m in sentences.shared().values() for part in (m.says, m.reread)]
    for room in ROOMS:
        for path in (*sorted((AUTOGRADER / room).rglob("*.py")), READS):
            if path.name == HEARD:
                continue
            found += [s for s in _strings(ast.parse(path.read_text("utf-8"))) if _is_prose(s)]
    return list(dict.fromkeys(filter(None, found)))


def said(folder: Path) -> Iterator[str]:
    """The first arguments of every `say(…)` in the code, templates and scripts of a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _named(node.func) == "say":
                    yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant))
        elif path.suffix in (".j2", ".js"):
            yield from re.findall(r"\bsay\(\"([^\"]+)\"", path.read_text("utf-8"))


def _named(function) -> str:
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _strings(tree: ast.AST) -> Iterator[str]:
    """The strings of a module that are no docstrings, a pair of braces for each value in one."""
    left_out = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            left_out.add(id(node.body[0].value))
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            constant = [getattr(part, "value", "") for part in node.values]
            yield "".join(part if isinstance(part, str) else "{}" for part in constant).strip()
        elif isinstance(node, ast.Constant) and id(node) not in left_out:
            if isinstance(node.value, str):
                yield PRINTF.sub("{}", node.value).strip()


def _is_prose(text: str) -> bool:
    """At least two words, on one line, and nothing but words around them."""
    words = re.findall(r"[A-Za-z]{2,}", language.GAP.sub(" ", text))
    return len(words) > 1 and " " in text and "\n" not in text
