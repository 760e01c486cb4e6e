"""Answers as a tree that a page and a paper can both show: Markdown, with formulas in it."""

from __future__ import annotations

import re

import mistune

FORMULA = r"\$\$([^$]+)\$\$|\$([^$\n]+)\$|(\\begin\{((?:align|gather|equation)\*?)\}.+?\\end\{\4\})"
MARK = re.compile("\ue000(\\d+)\ue001")


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
