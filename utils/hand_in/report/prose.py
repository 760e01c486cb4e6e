"""Answers as a tree that a page and a paper can both show: Markdown, with formulas as pictures."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from functools import lru_cache

import mistune
from PIL import Image

FORMULA = r"\$\$([^$]+)\$\$|\$([^$\n]+)\$|(\\begin\{((?:align|gather|equation)\*?)\}.+?\\end\{\4\})"
MARK = re.compile("\ue000(\\d+)\ue001")
FORMULAS = 150  # drawn in a report; further ones are shown as they are written
LARGEST = 480, 200  # points; a larger formula is shown as it is written
SIZE = 10  # points of the text around it
DPI = 288
ROWS = r"\\begin\{((?:aligned|align|alignat|split|gathered|gather|eqnarray)\*?)\}(.*)\\end\{\1\}"


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


def tree(source: str) -> list[dict]:
    """Markdown as mistune's tokens, and {"type": "math", "raw", "display"} for formulas.

    Formulas are taken out before Markdown is read, so that it leaves their _ and * alone. HTML is
    text like any other.
    """
    formulas = []

    def taken_out(match):
        raw, display = (match[1] or match[2] or match[3]).strip(), match[2] is None
        formulas.append({"type": "math", "raw": raw, "display": display})
        return f"\ue000{len(formulas) - 1}\ue001"

    source = re.sub("[\ue000\ue001\0]", "", source)
    marked = re.sub(FORMULA, taken_out, source, flags=re.S)
    try:
        read = mistune.create_markdown(renderer=None, plugins=["strikethrough", "table"])
        return [_restored(token, formulas) for token in read(marked)]
    except (RecursionError, ValueError, LookupError):
        return [
            {"type": "paragraph", "children": [{"type": "text", "raw": part}]}
            for part in source.split("\n\n")
        ]


def _restored(token: dict, formulas: list[dict]) -> dict:
    """The token with its formulas: as formulas in text, as they were written in code."""

    def written(match):
        formula = formulas[int(match[1])]
        mark = "$$" if formula["display"] else "$"
        return f"{mark}{formula['raw']}{mark}"

    if token["type"] == "text":
        parts = MARK.split(token["raw"])  # text, number, text, number, …
        children = [
            {"type": "text", "raw": part} if i % 2 == 0 else formulas[int(part)]
            for i, part in enumerate(parts)
            if part or i % 2
        ]
        return {"type": "span", "children": children}
    made = dict(token)
    if "raw" in made:
        made["raw"] = MARK.sub(written, made["raw"])
    if "children" in made:
        made["children"] = [_restored(child, formulas) for child in made["children"]]
    return made


def plain(token: dict) -> str:
    """The text of a token and of all that is in it."""
    inside = "".join(map(plain, token.get("children", ())))
    return inside or token.get("raw", "") or (" " if "break" in token["type"] else "")


@lru_cache(maxsize=FORMULAS)
def formula(source: str) -> Formula | None:
    """The formula drawn by matplotlib, or None where it does not understand it."""
    if len(source) > 800 or _drawn() >= FORMULAS:
        return None
    rows = [line.split("&") for line in _lines(source)]
    try:
        made = _line(source) if len(rows) == 1 and len(rows[0]) == 1 else _stacked(rows)
    except Exception:  # matplotlib's parser raises ValueError, RuntimeError, RecursionError …
        return None
    return made if made.width <= LARGEST[0] and made.height <= LARGEST[1] else None


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


def _lines(source: str) -> list[str]:
    """The lines of an `aligned` or the like; anything else is one line."""
    inside = re.fullmatch(ROWS, source.strip(), re.S)
    if not inside:
        return [source.replace("&", r"\&") if "&" in source else source]
    return [line for line in re.split(r"\\\\(?:\[[^\]]*\])?", inside[2]) if line.strip()]


def _stacked(rows: list[list[str]]) -> Formula:
    """Rows below each other, put together at their marks: left of a mark to the right, right of it
    to the left.
    """
    drawn = [[_line(cell) if cell.strip() else None for cell in row] for row in rows]
    pictures = [[cell and Image.open(io.BytesIO(cell.png)) for cell in row] for row in drawn]
    columns = max(map(len, rows))
    widths = [
        max((row[i].width for row in pictures if i < len(row) and row[i]), default=0)
        for i in range(columns)
    ]
    gap, scale = round(0.4 * SIZE * DPI / 72), 72 / DPI
    places, y = [], 0
    for row, line in zip(drawn, pictures, strict=True):
        known = [(cell, p) for cell, p in zip(row, line, strict=True) if cell]
        above = max(p.height - round(c.depth / scale) for c, p in known)
        below = max(round(c.depth / scale) for c, _ in known)
        for i, (cell, p) in enumerate(zip(row, line, strict=True)):
            if cell:
                x = sum(widths[:i]) + (widths[i] - p.width if i % 2 == 0 and len(row) > 1 else 0)
                places.append((p, x, y + above + round(cell.depth / scale) - p.height))
        y += above + below + gap
    whole = Image.new("RGB", (max(1, sum(widths)), y - gap), "white")
    for picture, x, top in places:
        whole.paste(picture.convert("RGB"), (x, top))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    height = whole.height * scale
    return Formula(buffer.getvalue(), whole.width * scale, height, height / 2 - 0.3 * SIZE)


def _drawn() -> int:
    return formula.cache_info().currsize


def _known(source: str) -> str:
    """A formula in what matplotlib knows of TeX."""
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
