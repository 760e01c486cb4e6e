"""The solution report as one HTML file that needs nothing else, and runs nothing."""

from __future__ import annotations

import base64
from html import escape

from utils.hand_in.report import formulas, markdown
from utils.hand_in.report.content import Note, Picture, Report, Table, Written

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body { font: 17px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; overflow-wrap: anywhere; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; border-bottom: 2px solid #0072b2; }
figure { margin: 1.2rem 0; } figcaption, .told { color: #555; font-size: 0.9em; }
img { max-width: 100%; } .formula { max-width: none; } .display { text-align: center; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: 0.2rem 0.8rem 0.2rem 0; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
.note { border-left: 4px solid #d55e00; padding: 0.3rem 0.8rem; background: #fdf3ec; }
.asked { color: #333; font-style: italic; }
.answer { border-left: 4px solid #0072b2; padding-left: 0.9rem; }
pre { white-space: pre-wrap; background: #f5f5f5; padding: 0.5rem; } code { font-size: 0.9em; }
blockquote { border-left: 3px solid #ccc; margin-left: 0; padding-left: 1rem; }
@media print { h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
</style>
</head>
"""
SIMPLE = {
    "strong": "strong",
    "emphasis": "em",
    "strikethrough": "del",
    "paragraph": "p",
    "block_text": "div",
    "block_quote": "blockquote",
    "list_item": "li",
    "table": "table",
    "table_head": "thead",
    "table_body": "tbody",
    "table_row": "tr",
}


def html(report: Report) -> str:
    """The whole page."""
    title, subtitle = escape(report.title), escape(report.subtitle)
    parts = [HEAD.replace("{title}", title), f"<body>\n<main>\n<h1>{title}</h1>\n<p>{subtitle}</p>"]
    for heading, blocks in report.chapters:
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts += map(_block, blocks)
    return "\n".join([*parts, "</main>\n</body>\n</html>\n"])


def _block(block) -> str:
    if isinstance(block, Picture):
        return f"<figure>{_image(block, block.alt)}</figure>"
    if isinstance(block, Note):
        return f'<p class="note">{escape(block.text)}</p>'
    if isinstance(block, Table):
        head, *rows = block.rows
        lines = [f"<thead>{_row(head, 'th')}</thead>", *(_row(row, "td") for row in rows)]
        caption = f"<caption>{escape(block.title)}</caption>" if block.title else ""
        return f'<div class="wide"><table>{caption}{"".join(lines)}</table></div>'
    assert isinstance(block, Written)
    body = "".join(_token(token, block.pictures) for token in markdown.tree(block.source))
    answer = f'<div class="answer" dir="auto">{body}</div>' if body else ""
    asked, told = escape(block.asked), escape(block.told)
    return f'<p class="asked">{asked}</p>\n{answer}\n<p class="told">{told}</p>'


def _row(cells: list[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _image(picture: Picture, alt: str) -> str:
    kind = "png" if picture.png.startswith(b"\x89PNG") else "jpeg"
    content = base64.b64encode(picture.png).decode()
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{content}">'


def _token(token: dict, pictures: dict) -> str:
    """One token of `markdown.tree` as HTML. Every text in it is escaped."""
    kind, attributes = token["type"], token.get("attrs", {})
    if kind == "math":
        return _math(token)
    if kind == "image":
        return _pasted(attributes.get("url", ""), markdown.plain(token), pictures)
    inside = "".join(_token(child, pictures) for child in token.get("children", ()))
    raw = escape(token.get("raw", ""))
    if kind in SIMPLE:
        direction = ' dir="auto"' if kind in ("paragraph", "block_text", "list_item") else ""
        return f"<{SIMPLE[kind]}{direction}>{inside}</{SIMPLE[kind]}>"
    if kind == "heading":
        level = min(attributes.get("level", 1) + 2, 6)
        return f"<h{level}>{inside}</h{level}>"
    if kind == "list":
        tag = "ol" if attributes.get("ordered") else "ul"
        return f"<{tag}>{inside}</{tag}>"
    if kind == "table_cell":
        tag = "th" if attributes.get("head") else "td"
        return f"<{tag}>{inside}</{tag}>"
    if kind == "link":
        url = attributes.get("url", "")
        safe = url.startswith(("http://", "https://"))
        return f'<a href="{escape(url)}">{inside}</a>' if safe else inside
    if kind in ("block_code", "codespan"):
        return f"<pre><code>{raw}</code></pre>" if kind == "block_code" else f"<code>{raw}</code>"
    breaks = {"linebreak": "<br>", "softbreak": "\n", "thematic_break": "<hr>"}
    return breaks.get(kind) or inside or raw


def _math(token: dict) -> str:
    drawn, source = formulas.formula(token["raw"]), escape(token["raw"])
    if drawn is None:
        return f"<code>{source}</code>"
    size = f"height: {drawn.height / formulas.SIZE:.2f}em; vertical-align: "
    size += f"{-drawn.depth / formulas.SIZE:.2f}em"
    image = f'<img class="formula" alt="{source}" style="{size}" src="{drawn.uri}">'
    return f'<div class="display">{image}</div>' if token["display"] else image


def _pasted(address: str, alt: str, pictures: dict) -> str:
    found = pictures.get(address)
    if found is not None:
        return _image(found, alt)
    named = escape(alt or address[:80])
    return f"<em>(a picture that is not in the notebook, or cannot be shown: {named})</em>"
