"""What a report is made of, whatever it is written to: pictures, tables, notes, answers."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field

from PIL import Image

WIDEST = 1400  # pixels of a picture in the report; larger ones are scaled down
FORMATS = "PNG", "JPEG", "GIF", "WEBP"


@dataclass
class Picture:
    """A picture as PNG. size: width and height, pixels."""

    png: bytes
    alt: str
    size: tuple[int, int]
    title: str = ""


@dataclass
class Table:
    """A table with a title."""

    title: str
    rows: list[list[str]]  # the first one holds the headings


@dataclass
class Note:
    """A sentence of the report's own, such as what is missing."""

    text: str


@dataclass
class Written:
    """A question, and what was answered: Markdown and its pictures {address: Picture or None}."""

    asked: str
    source: str
    told: str
    pictures: dict[str, Picture | None] = field(default_factory=dict)


@dataclass
class Report:
    """All that a report shows. chapters: (title, blocks)."""

    title: str
    subtitle: str
    chapters: list[tuple[str, list]]

    @property
    def missing(self) -> list[str]:
        notes = [b.text for _, blocks in self.chapters for b in blocks if isinstance(b, Note)]
        return list(dict.fromkeys(notes))


def picture(content: bytes, alt: str = "", title: str = "") -> Picture | None:
    """Bytes as a picture of moderate size; None where they are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            image.draft("RGB", (WIDEST, WIDEST))  # JPEG is read small at once
            image.thumbnail((WIDEST, WIDEST))
            image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    except Exception:  # Pillow raises all sorts of things for files that are no pictures
        return None
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=image.width * image.height < 10**6)
    if png.tell() > 600_000:  # a photograph
        image.save(jpeg, "JPEG", quality=85)
    best = jpeg if 0 < jpeg.tell() < png.tell() else png
    return Picture(best.getvalue(), " ".join(alt.split()), image.size, title)
