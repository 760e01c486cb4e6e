"""What no student may read: lines of solutions, mark schemes and hidden tests, of the answer key's
code, tracebacks and paths into it, and the numbers that the reference gives.
"""

import re
from functools import cache

import nbformat

from autograder.key import catalogue
from autograder.key import sentences as key
from autograder.release import build
from autograder.release.selftest import numbers  # noqa: F401  (one of what is looked for)

LINE = 20  # characters; shorter lines say nothing
_MARK = "(SOLUTION|HIDDEN TESTS|MARK SCHEME)"
_SIGNS = re.compile(r"Traceback|File \"|site-packages|### (BEGIN|END)|\bautograder[./]|incell")


@cache
def secret_lines() -> frozenset[str]:
    """Every line of a solution, mark scheme, model answer or hidden test that stands nowhere
    else.
    """
    secret, public = set(), set()
    for assignment in catalogue.ASSIGNMENTS:
        path = build.ROOT / "solutions" / assignment / f"{assignment}.ipynb"
        for cell in nbformat.read(path, 4).cells:
            inside = False
            for line in map(str.strip, cell.source.splitlines()):
                if re.search(f"BEGIN {_MARK}", line):
                    inside = True
                elif re.search(f"END {_MARK}", line):
                    inside = False
                elif len(line) >= LINE:
                    (secret if inside else public).add(line)
    return frozenset(secret - public)


@cache
def code_lines() -> frozenset[str]:
    """Every line of the answer key's code; what its strings say is meant for students."""
    found = set()
    for folder in ("key", "exam", "plugins", "course", "release"):
        for path in (build.ROOT / "autograder" / folder).rglob("*.py"):
            found |= {line.strip() for line in path.read_text().splitlines()}
    for path in (build.ROOT / "autograder").glob("*.py"):
        found |= {line.strip() for line in path.read_text().splitlines()}
    public = ("import ", "from ", "def ", "class ")  # names and signatures are the course's
    public += ("Reread: ",)  # of the examples in the docstring of `key.sentences`, whose
    found -= {mistake.says for mistake in _mistakes()}  # mistakes are the key's
    return frozenset(n for n in found if len(n) >= LINE and not n.startswith(public))


def _mistakes() -> list[key.Said]:
    questions = [q for a in catalogue.ASSIGNMENTS for q in catalogue.of(a).values()]
    return [*key.shared().values(), *(m for q in questions for m in q.sentences.mistakes.values())]


@cache
def sentences() -> frozenset[str]:
    """What is said of a mistake, and only when a notebook has been graded: how it begins, which is
    enough to recognise it wherever its lines break.
    """
    said = [" ".join(mistake.says.split()) for mistake in _mistakes()]
    return frozenset(says[: 3 * LINE] for says in said if len(says) >= LINE)


def found(text: str) -> set[str]:
    """The parts of a text that no student may read."""
    return lines(text) | {line for line in text.splitlines() if _SIGNS.search(line)}


def lines(thing) -> set[str]:
    """The secret lines in a text, or anywhere in outputs, as they are or numbered by a
    traceback.
    """
    if isinstance(thing, (list, dict)):
        inside = thing.values() if isinstance(thing, dict) else thing
        return {line for part in inside for line in lines(part)}
    if not isinstance(thing, str):
        return set()
    bare = {re.sub(r"^(-*>)?\s*\d*\s+", "", line).strip() for line in thing.splitlines()}
    return bare & (secret_lines() | code_lines())
