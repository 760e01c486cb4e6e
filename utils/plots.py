"""Every figure of the course: labelled, readable at half size and without colour, with alt text.

In a notebook a figure appears at once, in the middle of a loop too, and is not shown a second time
when it is also the last value of the cell. Each function returns the matplotlib Figure; `alt`
describes the picture to those who cannot see it and has a sensible default.
"""

import base64
import html
import io
import sys

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

# Okabe and Ito's colours without the yellow, which is hard to see on white; lines also differ in
# dash, and classes in marker and a label, so nothing is said by colour alone.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]
DASHES = ["-", "--", "-.", ":"]
# Ten classes: Paul Tol's "muted" scheme and grey.
CLASSES = [
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#aa4499",
    "#888888",
]
MARKERS = ["o", "s", "^", "v", "D", "P", "X", "<", ">", "*"]
SIZE = 13  # points, on figures about 8 inches wide


class Shown:
    """Something that appears in a notebook as soon as it is made, and once in a cell."""

    _cell = None  # the number of the cell that has already shown it

    def _ipython_display_(self):
        from IPython import display, get_ipython

        cell = getattr(get_ipython(), "execution_count", None)
        if cell is None or self._cell != cell:
            self._cell = cell
            content, metadata = self._mimebundle()
            display.display(content, metadata=metadata, raw=True)


def _show_now(made):
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        made._ipython_display_()
    return made


class Picture(Shown, Figure):
    """A Figure that a notebook shows as PNG with alt text."""

    alt = ""

    def png(self, dpi=100):
        """The picture as bytes."""
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_figure(buffer, dpi=dpi, format="png", bbox_inches="tight")
        return buffer.getvalue()

    def _mimebundle(self):
        picture = base64.b64encode(self.png()).decode()
        content = {"image/png": picture, "text/plain": self.alt}
        return content, {"image/png": {"alt": self.alt}}


def images(x, rows=None, cols=None, titles=None, title="", alt=""):
    """A montage of images (N, 1, 28, 28) in [0, 1], row by row.

    `titles` are N short texts above the images.
    """
    x = _array(x, 4, "images")[:, 0]
    if not len(x):
        raise ValueError("there are no images to show")
    if cols is None and rows is None:  # a square if it is one, else rows of ten
        side = round(len(x) ** 0.5)
        cols = side if side**2 == len(x) else min(len(x), 10)
    elif cols is None:
        cols = -(-len(x) // rows)
    rows = -(-len(x) // cols) if rows is None else rows
    if rows * cols < len(x):
        raise ValueError(f"{len(x)} images do not fit into {rows} rows of {cols}")
    if titles is not None and len(titles) != len(x):
        raise ValueError(f"{len(titles)} titles for {len(x)} images")
    inches = max(0.55, min(1.1, 9 / cols))
    lead = 1.3 if titles is not None else 1.0
    figure = _figure(
        inches * cols,
        inches * rows * lead,
        title,
        alt or f"{title or 'Montage'}: {len(x)} images in {rows} rows.",
    )
    if titles is None:
        axes = figure.add_subplot()
        _show(axes, _montage(x, rows, cols))
    else:
        for axes, image, text in zip(
            figure.subplots(rows, cols, squeeze=False).flat, x, titles, strict=False
        ):
            _show(axes, image)
            axes.set_title(str(text), fontsize=SIZE - 3, pad=2)
        for axes in figure.axes[len(x) :]:
            axes.set_axis_off()
    return _show_now(figure)


def pairs(x, x_rec, title="", alt=""):
    """Originals (N, 1, 28, 28) in the upper row over their reconstructions in the lower one."""
    return strips(
        {"original": x, "decoded": x_rec},
        title,
        alt or f"{title or 'Reconstructions'}: {len(x)} originals above their reconstructions.",
    )


def strips(rows, title="", alt=""):
    """One row of images for each label: {"VAE": (steps, 1, 28, 28), …}, such as interpolations."""
    arrays = [_array(x, 4, f"the row '{label}'")[:, 0] for label, x in rows.items()]
    steps = max(map(len, arrays))
    inches = max(0.4, min(0.95, 9 / steps))
    alt = alt or f"{title or 'Strips'}: rows {', '.join(map(str, rows))}, {steps} images each."
    figure = _figure(inches * steps + 1.2, inches * len(arrays) * 1.1, title, alt)
    for axes, label, x in zip(
        figure.subplots(len(arrays), 1, squeeze=False).flat, rows, arrays, strict=True
    ):
        _show(axes, _montage(x, 1, steps))
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=SIZE)
    return _show_now(figure)


def grid(
    image, title="", xlabel="latent dimension 1", ylabel="latent dimension 2", extent=None, alt=""
):
    """One large image (H, W) in [0, 1], such as a latent grid.

    `extent` (left, right, bottom, top) are the coordinates of the outermost tiles' centres.
    """
    image = _array(image, 2, "the grid")
    alt = alt or f"{title or 'Grid'}: decoded images over a plane of latents."
    figure = _figure(7.2, 7.2 * len(image) / image.shape[1], title, alt)
    axes = figure.add_subplot()
    if extent is None:
        xlabel, ylabel = ("pixels" if "latent" in text else text for text in (xlabel, ylabel))
    else:  # pixels reach half a tile beyond the centres of the outermost tiles
        left, right, bottom, top = extent
        half_x = (right - left) / max(image.shape[1] / 28 - 1, 1) / 2
        half_y = (top - bottom) / max(image.shape[0] / 28 - 1, 1) / 2
        extent = (left - half_x, right + half_x, bottom - half_y, top + half_y)
    axes.imshow(
        image, cmap="gray_r", vmin=0, vmax=1, extent=extent, interpolation="nearest", aspect="auto"
    )
    _label(axes, xlabel, ylabel)
    return _show_now(figure)


def curves(
    lines,
    title="",
    ylabel="nats per image",
    xlabel="epoch",
    x=None,
    errors=None,
    notes=None,
    alt="",
):
    """Lines over the epochs: {"label": [one number an epoch], …} or `run.curves`.

    `x` gives other abscissae: one list for all lines, or {"label": list}. `errors` are half-widths
    of a band around a line, and `notes` short texts beside its points, both {"label": list}.
    """
    alt = alt or f"{title or 'Curves'}: {ylabel} over {xlabel} for {', '.join(map(str, lines))}."
    figure = _figure(7.5, 4.2, title, alt)
    axes = figure.add_subplot()
    for i, (label, values) in enumerate(lines.items()):
        values = np.asarray([float(value) for value in values])
        where = x.get(label) if isinstance(x, dict) else x
        where = np.arange(1, len(values) + 1) if where is None else np.asarray(where)
        style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        marker = "o" if len(values) <= 25 else None
        axes.plot(where, values, label=label, linewidth=2.2, marker=marker, markersize=4, **style)
        if errors and label in errors:
            half = np.asarray([float(error) for error in errors[label]])
            axes.fill_between(
                where, values - half, values + half, color=style["color"], alpha=0.2, linewidth=0
            )
        for at, value, note in zip(where, values, (notes or {}).get(label, []), strict=False):
            axes.annotate(
                str(note),
                (at, value),
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=SIZE - 2,
                color=style["color"],
            )
    if x is None:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize=SIZE - 1, framealpha=0.9)
    _label(axes, xlabel, ylabel)
    return _show_now(figure)


def latents(
    z, y, title="", names=None, xlabel="latent dimension 1", ylabel="latent dimension 2", alt=""
):
    """Points z (N, 2) by class y (N,), with the class written at the middle of its points.

    `names` are the names of the classes 0, 1, …
    """
    z, y = _array(z, 2, "z"), np.asarray(y)
    if z.shape[1] != 2:
        raise ValueError(f"a map takes two latent dimensions, not {z.shape[1]}")
    present = sorted(set(y.tolist()))
    called = {c: str(names[c]) if names is not None else str(c) for c in present}
    alt = alt or f"{title or 'Latents'}: {len(z)} points, classes {', '.join(called.values())}."
    figure = _figure(8, 6.4, title, alt)
    axes = figure.add_subplot()
    size = np.clip(24000 / max(len(z), 1), 8, 40)
    for c in present:
        points, i = z[y == c], c % 10
        axes.scatter(
            *points.T,
            s=size,
            marker=MARKERS[i],
            color=CLASSES[i],
            alpha=0.6,
            linewidths=0,
            label=called[c],
            rasterized=True,
        )
    for c in present:
        middle = np.median(z[y == c], 0)
        axes.text(
            *middle,
            called[c],
            fontsize=SIZE,
            weight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.legend(
        fontsize=SIZE - 2,
        markerscale=max(1, 6 / size**0.5),
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
    )
    axes.grid(alpha=0.3)
    _label(axes, xlabel, ylabel)
    return _show_now(figure)


def bars(values, title="", ylabel="", xlabel="", errors=None, alt=""):
    """One bar a label with its number on top: {"label": number}; `errors` half-widths likewise."""
    said = ", ".join(f"{label} {float(value):.3g}" for label, value in values.items())
    alt = alt or f"{title or 'Bars'}: {said}."
    figure = _figure(max(4.5, 0.75 * len(values) + 2), 3.8, title, alt)
    axes = figure.add_subplot()
    heights = [float(value) for value in values.values()]
    spread = [float(errors[label]) for label in values] if errors else None
    drawn = axes.bar(list(map(str, values)), heights, yerr=spread, color=COLOURS[0], capsize=4)
    if len(values) <= 12:
        axes.bar_label(drawn, fmt="%.3g", fontsize=SIZE - 2, padding=2)
        axes.margins(y=0.12)
    if sum(map(len, map(str, values))) > 60:
        axes.tick_params(axis="x", rotation=30)
    _label(axes, xlabel, ylabel)
    return _show_now(figure)


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
        head = "".join(f'<th scope="col">{html.escape(str(c))}</th>' for c in ["", *self.columns])
        body = ""
        for name, cells in zip(self.names, self.cells, strict=True):
            line = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row">{html.escape(str(name))}</th>{line}</tr>'
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

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
        return str(value)
    return f"{float(value):.{digits}g}"


def table(rows, title="", digits=3):
    """A Table of {"row": {"column": number or text}}, numbers with so many significant digits."""
    return _show_now(Table(rows, title, digits))


# -- shared ---------------------------------------------------------------------------------------


def _array(x, dims, what):
    """x as a numpy array with that many dimensions; tensors may be on any device."""
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
    if x.ndim != dims:
        shape = {4: "(N, 1, 28, 28)", 2: "two dimensions"}[dims]
        raise ValueError(f"{what} must have the shape {shape}, not {tuple(x.shape)}")
    return x


def _montage(x, rows, cols, gap=2):
    """(N, h, w) side by side, with a light gap; missing images stay white."""
    h, w = x.shape[1:]
    canvas = np.full((rows * (h + gap) - gap, cols * (w + gap) - gap), np.nan)
    for i, image in enumerate(x):
        top, left = i // cols * (h + gap), i % cols * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return np.ma.masked_invalid(canvas)


def _figure(width, height, title, alt):
    figure = Picture(figsize=(max(width, 2.5), max(height, 0.8)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.alt = alt
    if title:
        figure.suptitle(title, fontsize=SIZE + 1)
    return figure


def _show(axes, image):
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _label(axes, xlabel, ylabel):
    axes.set_xlabel(xlabel, fontsize=SIZE)
    axes.set_ylabel(ylabel, fontsize=SIZE)
    axes.tick_params(labelsize=SIZE - 2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
