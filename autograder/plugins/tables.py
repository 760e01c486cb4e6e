"""Tables as the world writes them: commas, semicolons or tabs; UTF-8, UTF-16 or Windows' encoding;
decimal points or commas. What is written goes back in the same form.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import WrongCall, cause
from utils.hand_in.files import replacing

# Of two that cut a line into as many cells the first counts: names hold commas.
DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
UNICODE = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}
OLDER = {  # encodings that nothing in a file tells apart; Latin-1 reads, and gives back, any byte
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1254": "Windows-1254",
    "cp1251": "Windows-1251",
    "mac-roman": "Mac Roman",
    "gb18030": "GB 18030",
    "shift-jis": "Shift JIS",
    "euc-kr": "EUC-KR",
    "big5": "Big5",
    "latin-1": "Latin-1",
}
NO_TABLE = {  # how a file begins that is none: what it is
    b"PK": "a spreadsheet: save it as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"\x1f\x8b": "compressed: unpack it",
    b"%PDF": "a PDF file: export it as CSV",
    b"<": "a web page or XML: export it as CSV",
}
TITLES = 10  # lines that may stand above the header
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
        return f"{(UNICODE | OLDER)[self.encoding]}, {DELIMITERS[self.delimiter]}{decimals}"

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
    return next(readings(path, what))


def readings(path: Path, what: str = "table") -> Iterator[Table]:
    """What a file may say: one table where it tells its encoding, else one for each older encoding
    that fits, likelier ones first.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WrongCall(f"the {what} {path} cannot be read: {cause(error)}") from None
    begin = data.removeprefix(BOM_UTF8).lstrip()
    other = next((said for magic, said in NO_TABLE.items() if begin.startswith(magic)), "")
    if other:
        raise WrongCall(f"the {what} {path} is {other}")
    encodings = _encodings(data)
    errors = "strict" if len(encodings) > 1 else "replace"
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            yield _parsed(data.decode(encoding, errors), encoding, Path(path), what)


def _parsed(text: str, encoding: str, path: Path, what: str) -> Table:
    text = text.removeprefix("\ufeff")
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
    top = _header(rows)
    width = len(rows[top])
    body = [(row + [""] * width)[:width] for row in rows[top + 1 :]]
    return Table(path, rows[top], body, encoding.removesuffix("-le").removesuffix("-be"), delimiter)


def _encodings(data: bytes) -> list[str]:
    """What a file is written in; several where it does not tell."""
    if data.startswith((BOM_UTF32_LE, BOM_UTF32_BE)):
        return ["utf-32"]
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return ["utf-16"]
    if data[:200].count(0) > len(data[:200]) / 4:  # UTF-16 without its mark
        return ["utf-16-be" if data[:1] == b"\0" else "utf-16-le"]
    if data.startswith(BOM_UTF8):
        return ["utf-8-sig"]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return list(OLDER)
    return ["utf-8"]


def _delimiter(text: str) -> str:
    """What cuts the largest part of its rows into one number of cells, and then into the most: a
    wrong one cuts texts of several lines in quotes into rows of their own.
    """
    begin = text.lstrip("\r\n")[:20_000]

    def cells(delimiter: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(begin, newline=""), delimiter=delimiter)
        widths = Counter()
        with contextlib.suppress(csv.Error):
            widths.update(len(row) for row in rows)
        whole = widths.total()
        cut = [(lines / whole, width) for width, lines in widths.items() if width > 1]
        return max(cut, default=(0, 0))

    return max(DELIMITERS, key=cells)


def _header(rows: list[list[str]]) -> int:
    """Which row names the columns. Lines of a title may stand on top: they have fewer cells than
    most rows fill.
    """
    filled = [max(i for i, cell in enumerate(row, 1) if cell.strip()) for row in rows]
    cut = Counter(n for n in filled if n > 1)
    usual = max(cut, key=lambda n: (cut[n], n), default=0)
    first = next((i for i, row in enumerate(rows[:TITLES]) if len(row) > 1), 0)
    full = next((i for i, n in enumerate(filled[:TITLES]) if n >= usual > 0), first)
    return first if _is_entry(rows[full], rows[full + 1 :]) else full


def _is_entry(row: list[str], below: list[list[str]]) -> bool:
    """Whether a row is no header: it holds an email, a number, or what a row below holds too."""
    told = {(i, cell.strip()) for i, cell in enumerate(row) if cell.strip()}
    if any("@" in cell or cell[0].isdigit() for _, cell in told):
        return True
    return any((i, cell.strip()) in told for other in below for i, cell in enumerate(other))


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
