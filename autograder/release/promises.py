"""What a master promises: points, names, parts, checks. Numbers are filled in from the key, the
rest is compared with it.

Points stand in the key (`autograder/key`) alone. A heading such as

    ### `kl_gaussian` · 2 points · about 15 minutes
    ### `kl_uniform` and `rsample_uniform` · 1 extra point each
    ### Choose your β · 5 points for the run `tuned`
    **Question (3 points).** …

gets its number when the notebooks are built, and the master is brought up to date with it.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from autograder.exam import sanitize, unlabelled
from autograder.key import catalogue
from autograder.key.written import NUMBER, criteria_of, number_of

# In any language: what stands behind the number is taken for points unless it is a time.
WORTH = (
    rf"(?P<number>{NUMBER}) (?P<before>extra )?(?!(?i:min|sec|sek))(?P<unit>\w+)(?P<after> extra)?"
)
OF_NAMES = re.compile(rf"(?P<names>`\w+`(?:[^`·]+`\w+`)*) · {WORTH}")
OF_RUN = re.compile(rf"{WORTH}(?P<link> [^`·]*)`(?P<run>[\w-]+)`")
OF_WRITTEN = re.compile(rf"(?P<before>\*\*\w+ \(){NUMBER} (?P<unit>\w+)\)")
PART_OF_ANSWER = re.compile(rf"\(({NUMBER}) (\w+)\)")
# With another limit, `few`, while grading.
LOADED = re.compile(r'data\.load\("MNIST", train=True(?:, limit=(?:\d+ if \w+ else )?([\d_]+))?\)')
# Of parts, in any language: its rows begin with the numbers of parts, and words.
TABLE = re.compile(r"^\|.*\|\n\|[-:| ]+\n(\|\s*\d[\d, –]*(?: ·)? [^\s|].*\n(?:\|.*\n?)*)", re.M)
RUBRIC = re.compile(r'^# %% \[markdown\].*role="rubric".*question="([\w.]+)"')


class Broken(Exception):
    """A promise that the key does not keep; the message completes "FILE, …"."""


def filled(text: str, assignment: str) -> str:
    """A master with the key's points in its headings."""
    lines, asked = text.split("\n"), ""
    for number, line in enumerate(lines):
        if line.startswith("# %%"):
            found = RUBRIC.match(line)
            asked = found[1] if found else ""
        elif line.startswith("# ###"):
            place = f"line {number + 1}"
            line = OF_NAMES.sub(lambda m, at=place: _of_names(m, assignment, at), line)
            lines[number] = OF_RUN.sub(lambda m: _of_run(m, assignment), line)
        elif asked in catalogue.WRITTEN:
            worth = catalogue.WRITTEN[asked].points
            lines[number] = OF_WRITTEN.sub(
                lambda m, worth=worth: f"{m['before']}{worth:g} {_unit(m['unit'], worth)})", line
            )
    return "\n".join(lines)


def _unit(word: str, worth: float) -> str:
    """English counts; another language's word stays as it is."""
    return f"point{'s' * (worth != 1)}" if word in ("point", "points") else word


def _of_names(found: re.Match, assignment: str, place: str) -> str:
    names = re.findall(r"`(\w+)`", found["names"])
    asked = [catalogue.of(assignment).get(f"{assignment}.{name}") for name in names]
    if not any(asked):
        return found[0] if found["unit"] not in ("point", "points") else _nobody(names, place)
    if None in asked:
        _nobody([names[asked.index(None)]], place)
    worth = {(question.points, question.extra) for question in asked}
    if len(worth) > 1:
        raise Broken(f"{place}: {found['names']} are worth different points; name them apart")
    return f"{found['names']} · {_said(found, asked[0])}"


def _nobody(names: list[str], place: str):
    raise Broken(
        f"{place}: this heading promises points for `{names[0]}`, which the key does not ask"
    )


def _of_run(found: re.Match, assignment: str) -> str:
    for question in catalogue.of(assignment).values():
        if found["run"] in question.runs:
            return f"{_said(found, question)}{found['link']}`{found['run']}`"
    return found[0]


def _said(found: re.Match, question) -> str:
    english = found["unit"] in ("point", "points")
    extra = question.extra and english
    before = "extra " if extra and not found["after"] else ""
    after = found["after"] if extra and found["after"] else ""
    unit = _unit(found["unit"], question.points)
    return f"{question.points:g} {before if english else found['before'] or ''}{unit}{after}"


def problems(notebook, assignment: str) -> Iterator[tuple[NotebookNode | None, str]]:
    """What a source notebook promises and the key does not keep: (cell, sentence), and None for
    what is not in one cell.
    """
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for cell in notebook.cells:
        name = unlabelled.label_of(cell) or ""
        said: Iterator[str] = iter(())
        if name.startswith("rubric-"):
            said = _scheme(cell.source, catalogue.question_id(name.removeprefix("rubric-")))
        elif name.startswith("check-"):
            said = _checks(cell.source)
        yield from ((cell, problem) for problem in said)
    for found in (
        _parts(notebook, text),
        _training(notebook, assignment),
        _named(text, assignment),
    ):
        yield from ((None, problem) for problem in found)


def _named(text: str, assignment: str) -> Iterator[str]:
    """Questions whose points no heading promises."""
    for question in catalogue.of(assignment).values():
        name = question.id.partition(".")[2]
        named = [m["names"] for m in OF_NAMES.finditer(text)]
        ran = {m["run"] for m in OF_RUN.finditer(text)}
        if not any(f"`{name}`" in names for names in named) and not ran & {*question.runs}:
            yield (
                f"no heading promises the points of {question.id}: "
                f"`### `{name}` · {question.points:g} points · …`"
            )


def _scheme(source: str, question_id: str) -> Iterator[str]:
    """The sum of a mark scheme, and of the parts that the question itself names."""
    worth = catalogue.WRITTEN[question_id].points
    prompt, _, scheme = source.partition("### BEGIN MARK SCHEME")
    for line in re.findall(r"^[-*+–•]\s?[.,]?(?:\d|½).*", scheme, re.M):
        if not criteria_of(line):
            yield f"no criterion such as `- 1 point, title: …`: `{line[:60]}`"
    titles = [criterion.title for criterion in criteria_of(scheme)]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield f"two criteria are called {title!r}: marks are given by title, so give each its own"
    own = OF_WRITTEN.search(prompt)
    units = {"poin", own["unit"][:4]} if own else {"poin"}  # Punkt and Punkte
    for words in re.findall(r"at most (\d+) words", prompt):
        if int(words) != catalogue.WRITTEN[question_id].words:
            limit = catalogue.WRITTEN[question_id].words
            yield (
                f"{question_id} promises at most {words} words, the key says {limit} "
                "(autograder/key/written.py)"
            )
    told = PART_OF_ANSWER.findall(OF_WRITTEN.sub("", prompt))
    for what, adds, parts in (
        ("the mark scheme", "adds", [criterion.points for criterion in criteria_of(scheme)]),
        ("the question's parts", "add", [number_of(n) for n, unit in told if unit[:4] in units]),
    ):
        if parts and abs(sum(parts) - worth) > 1e-9:
            yield (
                f"{what} of {question_id} {adds} up to {sum(parts):g}, the key says {worth:g} "
                "(autograder/key/written.py)"
            )


def _checks(source: str) -> Iterator[str]:
    """Visible checks that do not exist: `checks.vae.elbo` is a function of `utils.checks.vae`."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
            continue
        inner = node.value
        if isinstance(inner.value, ast.Name) and inner.value.id == "checks":
            try:
                module = importlib.import_module(f"utils.checks.{inner.attr}")
            except ModuleNotFoundError:
                module = None
            if not callable(getattr(module, node.attr, None)):
                name, file = f"{inner.attr}.{node.attr}", f"utils/checks/{inner.attr}.py"
                yield f"the check checks.{name} does not exist: write it in {file}"


def _parts(notebook, text: str) -> Iterator[str]:
    """Parts that only the table of parts has, or only a heading, and names that nobody writes."""
    table = TABLE.search(re.split(r"^## \d+ · ", text, maxsplit=1, flags=re.M)[0])
    if not table:
        return
    written = {
        name
        for cell in notebook.cells
        if sanitize.is_solution(cell) and cell.cell_type == "code"
        for name in re.findall(r"^(?:def|class) (\w+)|^(\w+) =", cell.source, re.M)
        for name in name
    }
    listed: set[int] = set()
    for row in table[1].strip().splitlines():
        numbers = re.match(r"\|\s*(\d[\d, –]*)", row)  # "3", "1, 2" or "3–6"
        for first, last in re.findall(r"(\d+)(?:–(\d+))?", numbers[1] if numbers else ""):
            listed |= {*range(int(first), int(last or first) + 1)}
        for name in re.findall(r"`(\w+)`", row):
            if name not in written:
                yield f"the table of parts promises `{name}`, which no cell asks for"
    parts = {int(number) for number in re.findall(r"^## (\d+) · ", text, re.M)}
    for number in sorted(listed ^ parts):
        has = f"has part {number}, and there is no heading `## {number} · …`"
        lacks = f"lacks part {number}, and there is a heading `## {number} · …`"
        yield f"the table of parts {has if number in listed else lacks}"


def _training(notebook, assignment: str) -> Iterator[str]:
    """Thresholds hold for so many training images as they were measured with."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    loaded = LOADED.search(code)
    if not loaded:
        return
    images = int(loaded[1].replace("_", "")) if loaded[1] else None
    for question in catalogue.of(assignment).values():
        if question.images and question.images != images:
            yield (
                f"the thresholds of {question.id} hold for {question.images:,} training images, "
                f"and the notebook loads {f'{images:,}' if images else 'all there are'}: measure "
                "them anew (benchmarks/thresholds.py) and say so in the question's `images`"
            )
