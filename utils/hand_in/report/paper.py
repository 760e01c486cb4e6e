"""The solution report as a PDF."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import matplotlib
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from utils.hand_in.report import formulas, markdown
from utils.hand_in.report.content import Note, Picture, Report, Table, Written

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
STYLES = {
    "": "DejaVuSans",
    "B": "DejaVuSans-Bold",
    "I": "DejaVuSans-Oblique",
    "BI": "DejaVuSans-BoldOblique",
}
REGULAR = {"normal", "regular", *range(300, 501)}  # weights of a font as matplotlib tells them
TEXT, LINE = 10, 5.2  # points; mm from line to line
MM = 25.4 / 72  # of a point
WIDEST, HIGHEST = 166, 150  # mm of a picture
GREY, BLUE, RED = (90, 90, 90), (0, 114, 178), (170, 68, 0)


class Paper(FPDF):
    """A4 with page numbers."""

    def __init__(self, report: Report):
        super().__init__(format="A4")
        self.set_margins(22, 18)
        self.c_margin = 0  # text begins where it is put
        self.set_auto_page_break(True, 18)
        for style, file in STYLES.items():
            self.add_font("DejaVu", style, FONTS / f"{file}.ttf")
        self.add_font("Mono", "", FONTS / "DejaVuSansMono.ttf")
        self.drawable = _drawable(FONTS / "DejaVuSans.ttf")
        other = _other_font("".join(_texts(report)))
        if other is not None:
            self.add_font("Other", "", other)
            self.set_fallback_fonts(["Other"], exact_match=False)
            self.drawable |= _drawable(other)
        self.set_title(report.title)
        self.set_lang("en")
        self.add_page()

    def footer(self):
        with self.local_context(text_color=GREY):
            self.set_y(-13)
            self.set_font("DejaVu", "", 8)
            self.cell(0, 5, f"{self.page_no()} of {{nb}}", align="C")

    def printable(self, text: str) -> str:
        """A text in characters that its fonts have."""
        return "".join(
            character if character == "\n" or ord(character) in self.drawable else _named(character)
            for character in text.replace("\t", "    ")
        )

    def text_style(self, style="", size=TEXT, colour=(0, 0, 0), family="DejaVu"):
        self.set_font(family, "" if family == "Mono" else style, size)
        self.set_text_color(*colour)

    def room(self, height: float):
        """Starts a new page unless so many mm are left on this one."""
        if self.y + height > self.page_break_trigger:
            self.add_page()

    def line_of(self, text: str, style="", size=TEXT, colour=(0, 0, 0), gap=1.5):
        self.text_style(style, size, colour)
        self.multi_cell(
            0, size * 0.52, self.printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(gap)


def pdf(report: Report) -> bytes:
    """The whole file."""
    logging.getLogger("fpdf").setLevel(logging.ERROR)  # a missing glyph is a box, not a warning
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    paper = Paper(report)
    paper.line_of(report.title, "B", 18, gap=0)
    paper.line_of(report.subtitle, colour=GREY, gap=4)
    for heading, blocks in report.chapters:
        paper.room(25 + _size(blocks[0])[1] if isinstance(blocks[0], Picture) else 40)
        paper.start_section(heading)
        paper.line_of(heading, "B", 14, BLUE, gap=2)
        for block in blocks:
            _block(paper, block)
        paper.ln(4)
    return bytes(paper.output())


def _block(paper: Paper, block) -> None:
    if isinstance(block, Picture):
        _picture(paper, block, block.alt)
    elif isinstance(block, Note):
        paper.line_of(block.text, colour=RED)
    elif isinstance(block, Table):
        paper.room(20)
        paper.line_of(block.title, "B", gap=0)
        _table(paper, block.rows)
    else:
        assert isinstance(block, Written)
        paper.room(25)
        paper.line_of(block.asked, "I", colour=(50, 50, 50))
        for token in markdown.tree(block.source):
            _token(paper, token, block.pictures)
        paper.line_of(block.told, size=8, colour=GREY, gap=4)


def _size(picture: Picture) -> tuple[float, float]:
    """Width and height in mm; a pixel is 0.19 mm, which suits the course's plots, or less."""
    scale = min(0.19, WIDEST / picture.size[0], HIGHEST / picture.size[1])
    return picture.size[0] * scale, picture.size[1] * scale


def _picture(paper: Paper, picture: Picture, alt: str) -> None:
    width, height = _size(picture)
    paper.room(height)
    paper.image(io.BytesIO(picture.png), w=width, h=height, alt_text=alt or None)
    paper.ln(3)


def _table(paper: Paper, rows: list[list[str]]) -> None:
    columns = max(map(len, rows))
    if not columns:
        return
    paper.text_style(size=8 if columns < 8 else 6.5)
    widths = [2.2 if columns > 3 else 1.2] + [1] * (columns - 1)
    sides = ["LEFT"] + ["RIGHT"] * (columns - 1)
    with paper.table(
        borders_layout="HORIZONTAL_LINES",
        line_height=5,
        padding=(0.6, 1),
        col_widths=widths,
        text_align=sides,
    ) as table:
        for row in rows:
            line = table.row()
            for cell in [*row, *[""] * (columns - len(row))]:
                line.cell(paper.printable(cell))
    paper.ln(3)


# -- answers --------------------------------------------------------------------------------------


def _token(paper: Paper, token: dict, pictures: dict) -> None:
    """One block of `markdown.tree`."""
    kind, children = token["type"], token.get("children", ())
    if kind in ("paragraph", "block_text", "heading"):
        style = "B" if kind == "heading" else ""
        with paper.local_context():
            _inline(paper, children, style, pictures, _right_to_left(markdown.plain(token)))
        paper.ln(LINE + (0 if kind == "block_text" else 1.8))
    elif kind == "list":
        for number, item in enumerate(children, token.get("attrs", {}).get("start") or 1):
            mark = f"{number}." if token.get("attrs", {}).get("ordered") else "•"
            with _indented(paper, 6):
                paper.text_style()
                paper.set_x(paper.l_margin - 6)
                paper.cell(6, LINE, mark)
                for child in item.get("children", ()):
                    _token(paper, child, pictures)
        paper.ln(1.5)
    elif kind == "block_quote":
        with _indented(paper, 5):
            for child in children:
                _token(paper, child, pictures)
    elif kind == "block_code":
        paper.text_style(size=8.5, family="Mono")
        code = paper.printable(token.get("raw", ""))
        paper.multi_cell(0, 4.4, code, align="L", new_x=XPos.LMARGIN)
        paper.ln(2)
    elif kind == "table":
        lines = [
            row
            for part in children
            for row in ([part] if part["type"] == "table_head" else part["children"])
        ]
        rows = [[markdown.plain(cell) for cell in line["children"]] for line in lines]
        _table(paper, [row[:12] for row in rows[:60]])
    elif token.get("raw"):
        paper.line_of(token["raw"])


class _indented:
    """Moves the left margin in while something is written."""

    def __init__(self, paper: Paper, by: float):
        self.paper, self.by, self.before = paper, by, paper.l_margin

    def __enter__(self):
        deep = min(self.before + self.by, self.paper.w / 2)  # lists in lists in lists
        self.paper.set_left_margin(deep)
        self.paper.set_x(deep)

    def __exit__(self, *error):
        self.paper.set_left_margin(self.before)
        self.paper.set_x(self.before)


def _inline(paper: Paper, tokens, style: str, pictures: dict, backwards=False) -> None:
    """Text that flows, with what stands in it."""
    if backwards:
        text = paper.printable("".join(map(markdown.plain, tokens)))
        paper.text_style(style)
        paper.set_text_shaping(True)
        paper.multi_cell(0, LINE, text, align="R", new_x=XPos.LMARGIN, new_y=YPos.LAST)
        paper.set_text_shaping(False)
        return
    for token in tokens:
        kind, children = token["type"], token.get("children", ())
        if kind == "math":
            _math(paper, token)
        elif kind == "image":
            _pasted(paper, token, pictures)
        elif kind == "codespan":
            paper.text_style(size=TEXT - 1, family="Mono")
            paper.write(LINE, paper.printable(token["raw"]))
        elif kind in ("strong", "emphasis"):
            more = "".join(sorted({*style, "B" if kind == "strong" else "I"}))
            _inline(paper, children, more, pictures)
        elif kind == "linebreak":
            paper.ln(LINE)
        elif children:
            _inline(paper, children, style, pictures)
        else:
            paper.text_style(style)
            paper.write(LINE, paper.printable(" " if kind == "softbreak" else token.get("raw", "")))


def _math(paper: Paper, token: dict) -> None:
    drawn = formulas.formula(token["raw"])
    if drawn is None:
        paper.text_style(size=TEXT - 1, family="Mono")
        paper.write(LINE, paper.printable(token["raw"]))
        return
    paper.text_style()
    scale = MM * min(1, paper.epw / (drawn.width * MM))
    width, height, depth = drawn.width * scale, drawn.height * scale, drawn.depth * scale
    if token["display"]:
        paper.ln(LINE * 1.3)
        paper.room(height)
        paper.set_x(paper.l_margin + (paper.epw - width) / 2)
    elif paper.x + width > paper.w - paper.r_margin:
        paper.ln(LINE)
        paper.room(LINE)
    above = height - depth - 0.3 * TEXT * MM - LINE / 2  # over the top of a line of text
    top = paper.y if token["display"] else paper.y - above
    after = paper.x + width, paper.y
    with _still(paper):
        paper.image(
            io.BytesIO(drawn.png), x=paper.x, y=top, w=width, h=height, alt_text=token["raw"]
        )
    if token["display"]:
        paper.set_xy(paper.l_margin, top + height + 1)
    else:
        paper.set_xy(*after)


class _still:
    """Without page breaks: a picture in a line goes where the line is."""

    def __init__(self, paper: Paper):
        self.paper, self.margin = paper, paper.b_margin

    def __enter__(self):
        self.paper.set_auto_page_break(False)

    def __exit__(self, *error):
        self.paper.set_auto_page_break(True, self.margin)


def _pasted(paper: Paper, token: dict, pictures: dict) -> None:
    address, alt = token.get("attrs", {}).get("url", ""), markdown.plain(token)
    found = pictures.get(address)
    if found is None:
        paper.text_style("I")
        told = f"(a picture that cannot be shown: {alt or address[:80]})"
        paper.write(LINE, paper.printable(told))
        return
    if paper.x > paper.l_margin + 1:
        paper.ln(LINE)
    _picture(paper, found, alt)


def _right_to_left(text: str) -> bool:
    """Whether a text's first letter is one of a script that runs to the left."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def _named(character: str) -> str:
    """What stands for a character that no font has: a symbol's name, an empty box for a letter."""
    kind = unicodedata.category(character)
    if kind == "So":
        return f"[{unicodedata.name(character, 'symbol').lower()}]"
    return "" if kind[0] in "CM" else "\u25a1"


@lru_cache(maxsize=4)
def _drawable(font: Path) -> frozenset[int]:
    """The characters that a font has."""
    return frozenset(TTFont(font, fontNumber=0).getBestCmap())


def _other_font(text: str) -> Path | None:
    """The installed font with most of the letters that DejaVu has not: of Chinese, Japanese, …"""
    missing = {ord(c) for c in text if c.isalpha()} - _drawable(FONTS / "DejaVuSans.ttf")
    best, most = None, 0
    fonts = font_manager.fontManager.ttflist if missing else ()
    upright = {
        font.fname
        for font in fonts
        if font.style == "normal" and font.weight in REGULAR and "Last Resort" not in font.name
    }
    for path in sorted(upright):
        with contextlib.suppress(OSError, RuntimeError):  # a file that is gone, or no font
            font = FT2Font(path)
            count = sum(bool(font.get_char_index(code)) for code in missing)
            best, most = (Path(path), count) if count > most else (best, most)
    return best


SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


def unshown(report: Report) -> str:
    """A sentence that names the letters for which no font is installed, or ''."""
    text = "".join(_texts(report))
    there = _drawable(FONTS / "DejaVuSans.ttf")
    other = _other_font(text)
    there = there | _drawable(other) if other else there
    missing: dict[str, str] = {}
    for letter in dict.fromkeys(text):
        if letter.isalpha() and ord(letter) not in there:
            script = unicodedata.name(letter, "unknown").split()[0]
            name = SCRIPTS.get(script, script.capitalize())
            missing[name] = missing.get(name, "") + letter
    if not missing:
        return ""
    told = "; ".join(f"{name}: {letters[:8]}" for name, letters in missing.items())
    return (
        f"The PDF shows an empty box for letters that no font on this machine has ({told}). "
        "report.html shows them; for the PDF install a font such as Noto Sans CJK, or make the "
        "report where there is one."
    )


def _texts(part) -> Iterator[str]:
    """All that a report says."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, (list, tuple)):
        for one in part:
            yield from _texts(one)
    elif dataclasses.is_dataclass(part):
        yield from _texts(list(vars(part).values()))
