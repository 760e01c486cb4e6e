"""Answers as a tree that a page and a paper can both show: Markdown, with formulas as pictures."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from functools import lru_cache

import mistune

FORMULA = r"\$\$([^$]+)\$\$|\$([^$\n]+)\$"
MARK = re.compile("\ue000(\\d+)\ue001")
FORMULAS = 150  # drawn in a report; further ones are shown as they are written
LARGEST = 480, 200  # points; a larger formula is shown as it is written
SIZE = 10  # points of the text around it


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
        formulas.append(
            {"type": "math", "raw": (match[1] or match[2]).strip(), "display": match[1] is not None}
        )
        return f"\ue000{len(formulas) - 1}\ue001"

    source = re.sub("[\ue000\ue001\0]", "", source)
    marked = re.sub(FORMULA, taken_out, source)
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
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    if len(source) > 400 or _drawn() >= FORMULAS:
        return None
    text = f"${_known(source)}$"
    fonts = FontProperties(size=SIZE, math_fontfamily="dejavusans")
    try:
        width, height, depth, *_ = mathtext.MathTextParser("path").parse(text, 72, fonts)
        if width > LARGEST[0] or height > LARGEST[1]:
            return None
        buffer = io.BytesIO()
        mathtext.math_to_image(text, buffer, prop=fonts, dpi=288, format="png")
    except Exception:  # matplotlib's parser raises ValueError, RuntimeError, RecursionError …
        return None
    return Formula(buffer.getvalue(), width, height, depth)


def _drawn() -> int:
    return formula.cache_info().currsize


def _known(source: str) -> str:
    """A formula in what matplotlib knows of TeX."""
    for pattern, instead in (
        (r"\s*\n\s*", " "),
        (r"\\[td]frac(?![a-z])", r"\\frac"),
        (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\\(text|textrm|mbox)\b", r"\\mathrm"),
        (r"\\(?:big|Big|bigg|Bigg)[lr]?\b", ""),
        (r"\\middle", ""),
        (r"\\lVert|\\rVert", r"\\Vert"),
        (r"\\mid\b", r"\\,|\\,"),
        (r"\\(?:displaystyle|limits|nonumber)\b", ""),
        (r"\\!|\\\\", " "),
        (r"\\top\b", "T"),
    ):
        source = re.sub(pattern, instead, source)
    return source
