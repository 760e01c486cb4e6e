"""What all figures share: their look, their text, and how a notebook shows them."""

import base64
import html
import io
import re

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from utils import autograding, shell

# Okabe and Ito's colours without the yellow, which is hard to see on white; lines also differ in
# dash, and classes in marker and a label, so nothing is said by colour alone.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]
DASHES = ["-", "--", "-.", ":"]
WIDTH = 6.5  # inches, at least: a notebook scales no picture, so text is as large in all of them
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


def show_now(made):
    """Show a figure where a notebook is open; returns it."""
    if shell() is not None:
        made._ipython_display_()
    return made


class Picture(Shown, Figure):
    """A Figure that a notebook shows as PNG.

    It is sent twice: as PNG, for reports and for who grades, and as HTML with the same PNG, because
    JupyterLab's renderer of images drops their alt text and its renderer of HTML keeps it.
    """

    alt = ""

    def png(self, dpi=None):
        """The picture as bytes; with fewer pixels while a notebook is graded."""
        if dpi is None:
            dpi = 64 if autograding() else 100
        canvas, buffer, usual = FigureCanvasAgg(self), io.BytesIO(), self.dpi
        self.set_dpi(dpi)
        canvas.draw()  # once, where print_figure draws twice
        self.set_dpi(usual)
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "PNG")
        return buffer.getvalue()

    def _mimebundle(self):
        picture = base64.b64encode(self.png()).decode()
        shown = f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{picture}">'
        content = {"text/html": shown, "image/png": picture, "text/plain": self.alt}
        return content, {"image/png": {"alt": self.alt}}


def array(x, dims, what):
    """x as a numpy array with that many dimensions; tensors may be on any device."""
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
    if x.ndim != dims:
        shape = {4: "(N, 1, 28, 28)", 2: "two dimensions"}[dims]
        raise ValueError(f"{what} must have the shape {shape}, not {tuple(x.shape)}")
    return x


def montage(x, rows, cols):
    """(N, h, w) side by side, with a light gap; missing images stay white."""
    (h, w), gap = x.shape[1:], 2
    canvas = np.full((rows * (h + gap) - gap, cols * (w + gap) - gap), np.nan)
    for i, image in enumerate(x):
        top, left = i // cols * (h + gap), i % cols * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return np.ma.masked_invalid(canvas)


def minus(text):
    """Text in which every negative number has a true minus sign, as on the axes."""
    return re.sub(r"(?<![\w)-])-(?=\.?\d)", "−", str(text))


def new_figure(width, height, title, alt):
    """An empty Picture, so many inches large, with its title and alt text."""
    title = minus(title)
    room = 0.4 if title else 0
    figure = Picture(figsize=(max(width, WIDTH), max(height, 0.8) + room), layout="constrained")
    FigureCanvasAgg(figure)
    figure.alt = minus(alt)
    if title:
        figure.suptitle(title, fontsize=SIZE + 1)
    return figure


def show_image(axes, image):
    """Draw a (28, 28) image of numbers in [0, 1], ink black, without axes."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def label_axes(axes, xlabel, ylabel):
    """Name both axes, and leave out the frame above and on the right."""
    axes.set_xlabel(xlabel, fontsize=SIZE)
    axes.set_ylabel(ylabel, fontsize=SIZE)
    axes.tick_params(labelsize=SIZE - 2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
