"""Formulas as pictures: TeX as notebooks have it, drawn by matplotlib, which needs no TeX."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

FORMULAS = 150  # drawn in a report; further ones are shown as they are written
LARGEST = 480, 200  # points; a larger formula is shown as it is written
SIZE = 10  # points of the text around it
DPI = 288
CELLS = 100  # of a table; one with more is shown as it is written
# Environments: (what stands left and right, how columns are aligned, over and over).
ENVIRONMENTS = {
    **dict.fromkeys(("aligned", "align", "alignat", "split", "eqnarray"), (("", ""), "rl")),
    **dict.fromkeys(("gathered", "gather", "equation", "multline"), (("", ""), "c")),
    **dict.fromkeys(("matrix", "smallmatrix", "array"), (("", ""), "c")),
    "cases": ((r"\{", ""), "l"),
    "rcases": (("", r"\}"), "l"),
    "pmatrix": (("(", ")"), "c"),
    "bmatrix": (("[", "]"), "c"),
    "Bmatrix": ((r"\{", r"\}"), "c"),
    "vmatrix": (("|", "|"), "c"),
    "Vmatrix": ((r"\Vert", r"\Vert"), "c"),
}
ENVIRONMENT = re.compile(rf"\\begin\{{({'|'.join(ENVIRONMENTS)})\*?\}}")
TEXT = re.compile(r"\\(?:text|textrm|mbox)\s*\{([^{}]*)\}")  # whose spaces are to be seen
SIDE = r"(\\[a-zA-Z]+|\\[{}|]|[()\[\]|./])"
LEFT, RIGHT = re.compile(rf"\\left\s*{SIDE}\s*$"), re.compile(rf"\s*\\right\s*{SIDE}")
# What rows and cells are found by: a new row, a mark, an environment's edges, all else.
MARKS = re.compile(
    r"\\\\(?:\s*\[[^\]]*\])?|\\(?:begin|end)\{[^{}]*\}|\\hline\b|\\.|&|[^\\&]+", re.S
)


@dataclass(frozen=True)
class Formula:
    """A drawn formula: sizes in points at a text size of SIZE; depth is what hangs below."""

    png: bytes
    width: float
    height: float
    depth: float

    @property
    def uri(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@lru_cache(maxsize=FORMULAS)
def formula(source: str) -> Formula | None:
    """The formula drawn by matplotlib, or None where it does not understand it."""
    if len(source) > 800 or _drawn() >= FORMULAS:
        return None
    try:
        made = _made(source)
    except Exception:  # matplotlib's parser raises ValueError, RuntimeError, RecursionError …
        return None
    return made if made.width <= LARGEST[0] and made.height <= LARGEST[1] else None


def _made(source: str) -> Formula:
    """A formula, put together from its lines and tables."""
    begin = ENVIRONMENT.search(source)
    if not begin:
        return _line(source.replace("&", r"\&"))
    name, before = begin[1], source[: begin.start()]
    inside, after = _enclosed(source, begin)
    sides, columns = ENVIRONMENTS[name]
    opened, closed = LEFT.search(before), RIGHT.match(after)
    if opened and closed:
        sides = opened[1], closed[1]
        before, after = before[: opened.start()], after[closed.end() :]
    if name in ("array", "alignat"):
        told = re.match(r"\s*\{([^{}]*)\}", inside)
        columns = "".join(c for c in told[1] if c in "lcr") or columns
        inside = inside[told.end() :]
    table = _table(_cells(inside), columns)
    left, right = (_tall(side, table) if side not in ("", ".") else None for side in sides)
    parts = [_made(before) if before.strip() else None, left, table, right]
    parts.append(_made(after) if after.strip() else None)
    return _beside([part for part in parts if part])


def _line(source: str) -> Formula:
    """One line of a formula."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    text = f"${_known(source)}$"
    fonts = FontProperties(size=SIZE, math_fontfamily="dejavusans")
    width, height, depth, *_ = mathtext.MathTextParser("path").parse(text, 72, fonts)
    if width > LARGEST[0] or height > LARGEST[1]:
        raise ValueError("too large")
    buffer = io.BytesIO()
    mathtext.math_to_image(text, buffer, prop=fonts, dpi=DPI, format="png")
    return Formula(buffer.getvalue(), width, height, depth)


def _enclosed(source: str, begin: re.Match) -> tuple[str, str]:
    """(what stands between \\begin{…} and its \\end{…}, what comes after)"""
    deep = 0
    for mark in re.finditer(r"\\(begin|end)\{([a-zA-Z]+)\*?\}", source[begin.start() :]):
        deep += 1 if mark[1] == "begin" else -1
        if not deep:
            start, end = begin.start() + mark.start(), begin.start() + mark.end()
            return source[begin.end() : start], source[end:]
    raise ValueError("an environment without its end")


def _cells(inside: str) -> list[list[str]]:
    """Rows and cells of an environment; what stands in another one belongs to its cell."""
    rows, deep = [[""]], 0
    for part in MARKS.findall(inside):
        if part.startswith((r"\begin", r"\end")):
            deep += 1 if part.startswith(r"\begin") else -1
        if part == r"\hline":
            continue
        if deep == 0 and part == "&":
            rows[-1].append("")
        elif deep == 0 and part.startswith("\\\\"):
            rows.append([""])
        else:
            rows[-1][-1] += part
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows or sum(map(len, rows)) > CELLS:
        raise ValueError("no cells, or too many")
    return rows


def _table(rows: list[list[str]], columns: str) -> Formula:
    """Cells below and beside each other. columns: "l", "c" or "r" each, over and over."""
    drawn = [[_made(cell) if cell.strip() else None for cell in row] for row in rows]
    count = max(map(len, rows))
    widths = [
        max((row[i].width for row in drawn if i < len(row) and row[i]), default=0.0)
        for i in range(count)
    ]
    space = 0.0 if columns == "rl" else 0.9 * SIZE  # an equals sign brings its own
    lefts = [sum(widths[:i]) + i * space for i in range(count)]
    places, y = [], 0.0
    for row in drawn:
        above = max(cell.height - cell.depth for cell in row if cell)
        for i, cell in enumerate(row):
            if cell:
                side = "l" if columns == "rl" and count == 1 else columns[i % len(columns)]
                free = {"l": 0.0, "c": 0.5, "r": 1.0}[side] * (widths[i] - cell.width)
                places.append((cell, lefts[i] + free, y + above - (cell.height - cell.depth)))
        y += above + max(cell.depth for cell in row if cell) + 0.4 * SIZE
    height = y - 0.4 * SIZE
    return _together(places, lefts[-1] + widths[-1], height, height / 2 - 0.3 * SIZE)


def _tall(side: str, table: Formula) -> Formula:
    """A bracket as high as a table."""
    glyph = _line(side)
    picture = Image.open(io.BytesIO(glyph.png))
    height = round((table.height + 0.2 * SIZE) * DPI / 72)
    buffer = io.BytesIO()
    picture.resize((picture.width, max(1, height)), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return Formula(buffer.getvalue(), glyph.width, table.height + 2, table.depth + 1)


def _beside(parts: list[Formula]) -> Formula:
    """Parts on one line."""
    above, places, x = max(part.height - part.depth for part in parts), [], 0.0
    for part in parts:
        places.append((part, x, above - (part.height - part.depth)))
        x += part.width + 0.25 * SIZE
    depth = max(part.depth for part in parts)
    return _together(places, x - 0.25 * SIZE, above + depth, depth)


def _together(places, width: float, height: float, depth: float) -> Formula:
    """One picture of (formula, its left, its top), in points."""
    if width > LARGEST[0] or height > LARGEST[1]:
        raise ValueError("too large")
    scale = DPI / 72
    whole = Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))), "white")
    for part, x, top in places:
        picture = Image.open(io.BytesIO(part.png)).convert("RGB")
        whole.paste(picture, (round(x * scale), round(top * scale)))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return Formula(buffer.getvalue(), width, height, depth)


def _drawn() -> int:
    return formula.cache_info().currsize


def _known(source: str) -> str:
    """A formula in what matplotlib knows of TeX."""
    source = TEXT.sub(lambda m: r"\mathrm{" + m[1].replace(" ", r"\ ") + "}", source)
    for pattern, instead in (
        (r"\s*\n\s*", " "),
        (r"\\[td]frac(?![a-z])", r"\\frac"),
        (r"\\frac\s*([A-Za-z0-9])\s*([A-Za-z0-9])", r"\\frac{\1}{\2}"),
        (r"\\sqrt\s*([A-Za-z0-9])", r"\\sqrt{\1}"),
        (r"\\(text|textrm|mbox)\b", r"\\mathrm"),
        (r"\\(texttt|operatorname)\b\*?", r"\\mathrm"),
        (r"\\(mathcal|mathbb|mathbf|mathrm|mathit|mathsf)\s*([A-Za-z0-9])", r"\\\1{\2}"),
        (r"\\boldsymbol\b|\\bm\b", r"\\mathbf"),
        (r"\\ge(?![a-z])", r"\\geq"),
        (r"\\le(?![a-z])", r"\\leq"),
        (r"\\ne(?![a-z])", r"\\neq"),
        (r"\\(?:implies|Longrightarrow)\b", r"\\;\\Rightarrow\\;"),
        (r"\\(?:iff|Longleftrightarrow)\b", r"\\;\\Leftrightarrow\\;"),
        (r"\\(?:to|longrightarrow)\b", r"\\rightarrow"),
        (r"\\gets\b", r"\\leftarrow"),
        (r"\\(?:dots|dotsc|dotso)\b", r"\\ldots"),
        (r"\\dotsb\b", r"\\cdots"),
        (r"\\(?:land)\b", r"\\wedge"),
        (r"\\(?:lor)\b", r"\\vee"),
        (r"\\(?:big|Big|bigg|Bigg)[lmr]?(?![a-z])", ""),
        (r"\\middle", ""),
        (r"\\[lr]Vert|\\Vert|\\\|", r"\\Vert "),
        (r"\\[lr]vert|\\vert", "|"),
        (r"\\mid\b", r"\\,|\\,"),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|nonumber|notag|tag\{[^{}]*\})\b", ""),
        (r"\\!|\\\\", " "),
        (r"\\top\b", "T"),
    ):
        source = re.sub(pattern, instead, source)
    for command, form in GROUPED.items():
        source = _regrouped(source, command, form)
    return source


# What matplotlib has in another form: a group, and what is written below or above it.
GROUPED = {
    r"\boxed": r"\left[{0}\right]",
    r"\underbrace": r"\underset{{{1}}}{{{0}}}",
    r"\overbrace": r"\overset{{{1}}}{{{0}}}",
}


def _regrouped(source: str, command: str, form: str) -> str:
    """The source in which `command{group}_{note}` stands in another form."""
    while (start := source.find(command + "{")) >= 0:
        group, end = _group(source, start + len(command))
        note = ""
        if source[end : end + 2] in ("_{", "^{"):
            note, end = _group(source, end + 1)
        source = source[:start] + form.format(group, note or " ") + source[end:]
    return source


def _group(source: str, start: int) -> tuple[str, int]:
    """(what stands between the brace there and its partner, where it ends)"""
    depth = 0
    for place in range(start, len(source)):
        depth += {"{": 1, "}": -1}.get(source[place], 0) * (source[place - 1] != "\\")
        if not depth:
            return source[start + 1 : place], place + 1
    raise ValueError("a brace without its partner")
