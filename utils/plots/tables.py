"""Tables of numbers."""

import html

from utils.plots.base import Shown, minus, show_now


class Table(Shown):
    """Rows of numbers that a notebook shows as an HTML table and a terminal as text."""

    def __init__(self, rows, title="", digits=3):
        self.title, self.names = title, list(rows)
        self.columns = list(dict.fromkeys(key for row in rows.values() for key in row))
        self.cells = [
            [_number(row.get(column, ""), digits) for column in self.columns]
            for row in rows.values()
        ]

    def _mimebundle(self):
        return {"text/html": self.html(), "text/plain": str(self)}, {}

    def html(self):
        head = "".join(f'<th scope="col">{html.escape(str(c))}</th>' for c in self.columns)
        head = f"<thead><tr><td></td>{head}</tr></thead>"
        body = ""
        for name, cells in zip(self.names, self.cells, strict=True):
            line = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row">{html.escape(str(name))}</th>{line}</tr>'
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return f"<table>{caption}{head}<tbody>{body}</tbody></table>"

    def __str__(self):
        lines = [["", *map(str, self.columns)]]
        lines += [[str(n), *cells] for n, cells in zip(self.names, self.cells, strict=True)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = [
            line[0].ljust(widths[0])
            + "".join(
                f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)
            )
            for line in lines
        ]
        return "\n".join([self.title, *text] if self.title else text)

    __repr__ = __str__


def _number(value, digits):
    if isinstance(value, str | int):
        return minus(value)
    return minus(f"{float(value):.{digits}g}")


def table(rows, title="", digits=3):
    """A Table of {"row": {"column": number or text}}, numbers with so many significant digits."""
    return show_now(Table(rows, title, digits))
