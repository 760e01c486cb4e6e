"""Every figure of the course: labelled, readable at half size and without colour, with alt text.

In a notebook a figure appears at once, in the middle of a loop too, and is not shown a second time
when it is also the last value of the cell. Each function returns the matplotlib Figure; `alt`
describes the picture to those who cannot see it and has a sensible default.
"""

from utils.plots.base import CLASSES, COLOURS, Picture, Shown
from utils.plots.diagrams import diagram
from utils.plots.lines import bars, curves, panels, points, rate_distortion
from utils.plots.maps import latents, maps
from utils.plots.pictures import grid, grids, images, pairs, sheets, strips
from utils.plots.progress import live
from utils.plots.tables import Table, table

__all__ = [
    "CLASSES",
    "COLOURS",
    "Picture",
    "Shown",
    "Table",
    "bars",
    "curves",
    "diagram",
    "grid",
    "grids",
    "images",
    "latents",
    "live",
    "maps",
    "pairs",
    "panels",
    "points",
    "rate_distortion",
    "sheets",
    "strips",
    "table",
]
