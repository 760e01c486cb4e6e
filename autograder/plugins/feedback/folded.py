"""The notebook below a letter: what the student wrote and what it showed, within a megabyte.

Cells are HTML of our own: text as it is, Markdown made harmless, pictures made small. Nothing in it
runs, and nothing is loaded.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from dataclasses import dataclass
from html import escape, unescape

from PIL import Image

from autograder.exam import verdict
from autograder.letter.letter import Letter
from autograder.plugins import prose
from utils.hand_in.notebook import text as _text

SOURCE, OUTPUT = 20_000, 4_000  # characters of a cell, and of one of its outputs, that are shown
TEXT, PICTURES = 400_000, 520_000  # bytes of the whole, as they stand in the page
SIZES = ((880, 60), (640, 45), (440, 35), (300, 30))  # widest, in pixels, and WebP's quality
SMALL = 4_000  # bytes of a picture that is left as it is
MOST = 300  # pictures
LONG = 16  # characters of a formula within a line that a phone may be too narrow for
_ANSI = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
_TAG = re.compile(r"<[a-z][^<>]*>")
_IMAGE = re.compile('<img[^<>]*src="(\ue000\\d+\ue001)"[^<>]*>')
_PLACE = re.compile("\ue000(\\d+)\ue001")  # where a picture goes; taken out of what comes in


@dataclass
class Shown:
    """A cell. html: all of it; anchor: of the question that it tests, which the letter is about."""

    number: int
    kind: str
    html: str
    anchor: str = ""


def cells(nb, letter: Letter) -> list[Shown]:
    """The cells, as much of them as there is room for."""
    album, shown, size = Album(), [], 0
    asked, resources = {question.anchor for question in letter.questions}, {}
    for number, cell in enumerate(nb.cells):
        about = cell.metadata.get("nbgrader", {})
        tested = about.get("grade_id") in asked and cell.cell_type == "code"
        if cell.cell_type == "markdown":
            made = markdown(cell, album, resources)
        elif cell.cell_type == "code":
            made = _source(cell.source, letter.language.say)
            if not tested or about.get("solution"):
                made += _outputs(cell, album, letter.language.say)
        else:
            made = _source(cell.source, letter.language.say)
        size += len(made.encode())
        if size > TEXT:
            said = letter.language.say("The rest of this notebook is too long to be shown here.")
            shown.append(Shown(number, "note", f"<p>{escape(said)}</p>"))
            break
        shown.append(Shown(number, cell.cell_type, made, about["grade_id"] if tested else ""))
    pictures = {str(n): made for n, made in enumerate(album.printed(letter.language.say))}
    for cell in shown:
        cell.html = _PLACE.sub(lambda match: pictures.get(match[1], ""), cell.html)
    return shown


def markdown(cell, album: Album, resources: dict) -> str:
    """A cell's Markdown: headings below the page's own, no names that a link could mean."""
    source, found = prose.pictures(_plain(cell.source), cell.get("attachments"))
    source = source if len(source) <= SOURCE else source[:SOURCE] + " …"
    attached = {name: {kind: data} for name, (kind, data) in found.items()}
    page = prose.in_place(source, attached, resources, lambda kind, data: album.keep(data))
    page = _IMAGE.sub(lambda match: album.named(match[0], match[1]), page)
    page = re.sub(r"<(/?)h([1-6])", lambda m: f"<{m[1]}h{min(int(m[2]) + 2, 6)}", page)
    page = _TAG.sub(lambda m: re.sub(r'\s(?:id|name)="[^"]*"', "", m[0]), page)
    return inline(page)


def inline(page: str) -> str:
    """HTML whose tables and long formulas are scrolled by themselves where they are too wide."""
    return re.sub(r"(<table.*?</table>|<math.*?</math>)", _scrolled, page, flags=re.S)


def _scrolled(match: re.Match) -> str:
    wide = match[0]
    if wide.startswith("<table") or 'display="block"' in wide[: wide.index(">")]:
        return f'<div class="wide" tabindex="0">{wide}</div>'
    if len(re.sub(r"<[^<>]*>", "", wide)) < LONG:
        return wide
    return f'<span class="wide" tabindex="0">{wide}</span>'


def _plain(text: str) -> str:
    return verdict.printable(re.sub("[\ue000\ue001]", "", text), keep="\u200d\u200c")


def _source(source: str, say) -> str:
    return f'<pre class="source">{_cut(source, SOURCE, say)}</pre>' if source.strip() else ""


def _cut(text: str, most: int, say) -> str:
    text = _plain(_ANSI.sub("", text))
    if len(text) <= most:
        return escape(text)
    left = say("… and {} more characters", f"{len(text) - most:,}")
    return f"{escape(text[:most])}\n<em>{escape(left)}</em>"


def _outputs(cell, album: Album, say) -> str:
    made = []
    for output in cell.get("outputs", ()):
        data = output.get("data") or {}
        kind = next((k for k in ("image/png", "image/jpeg") if k in data), None)
        if kind:
            about = output.get("metadata", {}).get(kind, {})
            told = about.get("alt") if isinstance(about, dict) else None
            told = told or _text(data.get("text/plain"))
            alt = "" if told.startswith("<") else told
            made.append(album.keep(_text(data[kind]), alt or say("A figure of this cell")))
            continue
        if output["output_type"] == "stream":
            text = _text(output.get("text"))
        elif output["output_type"] == "error":
            text = "\n".join(map(_text, output.get("traceback", ())))
        else:
            text = _text(data.get("text/plain"))
        if text.strip():
            made.append(f'<pre class="output">{_cut(text, OUTPUT, say)}</pre>')
    return "".join(made)


class Album:
    """The pictures of a page, made as small as they must be to fit together."""

    def __init__(self):
        self.pictures: list[tuple[bytes, str]] = []

    def named(self, tag: str, place: str) -> str:
        """The place of a picture, where an `img` stood; its alt is what the tag says."""
        alt, number = re.search(r'\balt="([^"]*)"', tag), place.strip("\ue000\ue001")
        if number not in map(str, range(len(self.pictures))):
            return ""  # no place of ours: written as one, by entities
        content, _ = self.pictures[int(number)]
        self.pictures[int(number)] = content, unescape(alt[1])[:1000] if alt else ""
        return place

    def keep(self, data, alt: str = "") -> str:
        """A place for a picture, given in base64."""
        try:
            content = base64.b64decode("".join(_text(data).split()), validate=True)
        except (binascii.Error, ValueError):
            content = b""
        self.pictures.append((content, _plain(alt)[:1000]))
        return f"\ue000{len(self.pictures) - 1}\ue001"

    def printed(self, say) -> list[str]:
        """HTML for each; a sentence where one cannot be shown, or there is no room for it."""
        for widest, quality in SIZES:
            made = [_small(content, widest, quality) for content, _ in self.pictures[:MOST]]
            if sum(map(len, made)) * 4 / 3 <= PICTURES:
                break
        room, printed = PICTURES, []
        for (_, alt), content in zip(self.pictures, made, strict=False):
            room -= len(content) * 4 / 3
            if not content or room < 0:
                said = escape(say("A picture that cannot be shown: {}", alt))
                printed.append(f'<em class="aside">{said}</em>')
                continue
            kind = "webp" if content[:4] == b"RIFF" else "png"
            data = base64.b64encode(content).decode()
            printed.append(f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{data}">')
        return printed + [""] * (len(self.pictures) - len(printed))


def _small(content: bytes, widest: int, quality: int) -> bytes:
    """A picture as WebP, no wider than that; b'' where it is none."""
    if len(content) <= SMALL and content.startswith(b"\x89PNG"):
        return content
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "WEBP"))
            image.draft("RGB", (widest, widest))
            image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
        if image.width > widest:
            image = image.resize((widest, max(1, image.height * widest // image.width)))
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=quality)
        return stream.getvalue()
    except Exception:  # whatever a file from outside makes of a reader of pictures
        return b""
