"""Tables as the world writes them: commas, semicolons or tabs; UTF-8, UTF-16 or Windows' encoding;
decimal points or commas. What is written goes back in the same form.
"""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import WrongCall, cause
from utils.hand_in.files import replacing

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)\s*%?")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs when a cell begins with it


@dataclass
class Table:
    """A table from a file: its header, and rows as long as the header."""

    path: Path
    fields: list[str]
    rows: list[list[str]]
    encoding: str = "utf-8"
    delimiter: str = ","
    comma: bool = field(init=False)  # whether it writes 24,00

    def __post_init__(self):
        cells = [cell for row in self.rows for cell in row]
        self.comma = any(re.fullmatch(r"\d+,\d+", cell) for cell in cells)

    @property
    def form(self) -> str:
        """How it is written, in words."""
        decimals = ", decimal commas" if self.comma else ""
        return f"{ENCODINGS[self.encoding]}, {DELIMITERS[self.delimiter]}{decimals}"

    def column(self, number: int) -> list[str]:
        """The cells of one column, without the white space around them."""
        return [row[number].strip() for row in self.rows]

    def find(self, name: str) -> int | None:
        """The column with this header, whatever its case."""
        heads = [head.strip().casefold() for head in self.fields]
        name = name.strip().casefold()
        return heads.index(name) if name in heads else None

    def number(self, value: str) -> str:
        """A number as this table writes it."""
        return value.replace(".", ",") if self.comma else value


def read(path: Path, what: str = "table") -> Table:
    """Read a table with a header; WrongCall, in a sentence, where there is none to read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WrongCall(f"the {what} {path} cannot be read: {cause(error)}") from None
    text, encoding = _decoded(data)
    if data.startswith(b"PK"):
        raise WrongCall(f"the {what} {path} is a spreadsheet: save it as CSV")
    told = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    text = text[told.end() :] if told else text
    delimiter = told[1] if told and told[1] in DELIMITERS else _delimiter(text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise WrongCall(f"the {what} {path} cannot be read: {error}") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise WrongCall(f"the {what} {path} is empty")
    width = len(rows[0])
    body = [(row + [""] * width)[:width] for row in rows[1:]]
    return Table(Path(path), rows[0], body, encoding, delimiter)


def _decoded(data: bytes) -> tuple[str, str]:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), "utf-16"
    if b"\0" in data[:200]:  # UTF-16 without its mark
        order = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return data.decode(order, "replace"), "utf-16"
    if data.startswith(BOM_UTF8):
        return data.decode("utf-8-sig", "replace"), "utf-8-sig"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def _delimiter(text: str) -> str:
    """What cuts the first line into the most cells."""
    first = text.lstrip("\r\n")[:20_000]

    def cells(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter), []))

    return max(DELIMITERS, key=cells)


def write(path: Path, rows: list[list], like: Table | None = None) -> None:
    """Write rows, in the form of another table where there is one."""
    encoding, delimiter = (like.encoding, like.delimiter) if like else ("utf-8", ",")
    with (
        replacing(path) as unfinished,
        open(unfinished, "w", newline="", encoding=encoding, errors="replace") as file,
    ):
        csv.writer(file, delimiter=delimiter).writerows(rows)


def harmless(cell) -> str:
    """A cell that no spreadsheet takes for a formula: names are what people typed themselves."""
    text = str(cell)
    if text.startswith(FORMULA) and text != "-" and not NUMBER.fullmatch(text):
        return "'" + text
    return text
