"""Figures are labelled, describe themselves, and appear exactly once in a notebook."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from utils import plots
from utils.plots import diagrams, progress

X = torch.rand(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def texts(figure):
    """Every text that a figure shows."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
        if axes.get_legend():
            found += [text.get_text() for text in axes.get_legend().get_texts()]
    return found


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


FIGURES = {
    "images": lambda: plots.images(X, title="T"),
    "pairs": lambda: plots.pairs(X, X, title="T"),
    "strips": lambda: plots.strips({"a": X, "b": X}, title="T"),
    "grid": lambda: plots.grid(torch.rand(56, 84), title="T", extent=(-4, 4, -4, 4)),
    "curves": lambda: plots.curves({"kl": [3.0, 2.0]}, title="T"),
    "grids": lambda: plots.grids({"a": torch.rand(56, 56), "b": torch.rand(56, 56)}, title="T"),
    "sheets": lambda: plots.sheets({"few": X[:4], "more": X}, title="T"),
    "panels": lambda: plots.panels({"kl": [3.0, 2.0], "loss": {"a": [1, 2]}}, title="T"),
    "points": lambda: plots.points({"a": [1, 2, 3]}, title="T", ylabel="y", xlabel="digit"),
    "rate_distortion": lambda: plots.rate_distortion({"4 epochs": {"β = 1": (20, 90)}}, title="T"),
    "maps": lambda: plots.maps(
        {name: (torch.randn(50, 2), torch.arange(50) % 10) for name in "abcd"}, title="T"
    ),
    "latents": lambda: plots.latents(torch.randn(50, 2), torch.arange(50) % 10, title="T"),
    "bars": lambda: plots.bars({"a": 0.5, "b": 0.7}, title="T", ylabel="accuracy"),
}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_has_title_alt_text_and_renders(make):
    figure = make()
    assert figure.get_suptitle() == "T"
    assert figure.alt.startswith("T: ") and len(figure.alt) > 10
    assert figure.png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name", ["grid", "curves", "latents", "bars", "panels", "points", "rate_distortion", "maps"]
)
def test_axes_are_labelled(name):
    axes = FIGURES[name]().axes[0]
    assert axes.get_ylabel() and (axes.get_xlabel() or name == "bars")


def test_alt_text_can_be_given():
    assert plots.images(X, alt="ten noisy squares").alt == "ten noisy squares"


def test_a_montage_holds_the_images_row_by_row():
    shown = drawn(plots.images(X, rows=2).axes[0])
    np.testing.assert_allclose(shown[:28, :28], X[0, 0])
    np.testing.assert_allclose(shown[30:58, 30:58], X[6, 0])


def test_square_numbers_make_a_square():
    assert drawn(plots.images(X[:9]).axes[0]).shape == (88, 88)


def test_titles_stand_over_their_images():
    assert {"t0", "t9"} <= set(texts(plots.images(X, titles=[f"t{i}" for i in range(10)])))


def test_a_grid_names_the_latents_at_the_centres_of_the_outer_tiles():
    figure = plots.grid(np.zeros((588, 588)), extent=(-4, 4, -4, 4))
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (left, right, bottom, top) == pytest.approx((-4.2, 4.2, -4.2, 4.2))


def test_classes_are_named_on_the_map_and_in_the_legend():
    figure = plots.latents(torch.randn(20, 2), torch.arange(20) % 2, names=["boot", "bag"])
    assert texts(figure).count("boot") == 2 and texts(figure).count("bag") == 2


def test_lines_differ_in_more_than_colour():
    lines = plots.curves({"a": [1, 2], "b": [2, 1]}).axes[0].get_lines()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_curves_show_errors_as_bands_and_notes_beside_points():
    figure = plots.curves({"a": [1, 2]}, errors={"a": [0.5, 0.25]}, notes={"a": ["β = 1", "β = 2"]})
    band = figure.axes[0].collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (0.5, 2.25)
    assert {"β = 1", "β = 2"} <= set(texts(figure))


def test_a_first_epoch_far_above_the_others_does_not_flatten_them():
    axes = plots.curves({"loss": [500.0, 101.0, 100.5, 100.2, 100.1]}).axes[0]
    assert axes.get_ylim()[1] < 110
    assert any("epoch 1: 500" in text.get_text() for text in axes.texts)


def test_names_on_a_map_do_not_lie_on_each_other():
    z = 0.01 * torch.randn(200, 2)  # all classes in one place
    figure = plots.latents(z, torch.arange(200) % 10, names=[f"class {c}" for c in range(10)])
    figure.png()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    shared = [
        (min(a.x1, b.x1) - max(a.x0, b.x0)) * (min(a.y1, b.y1) - max(a.y0, b.y0))
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)
    ]
    assert max(shared, default=0) < 0.3 * min(box.width * box.height for box in boxes)


def test_maps_on_the_same_axes_can_be_compared():
    y = torch.arange(50) % 10
    small, large = torch.randn(50, 2), 20 * torch.randn(50, 2)
    figure = plots.maps({"small": (small, y), "large": (large, y)}, same=True, circles=(1, 2))
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert [len(axes.patches) for axes in figure.axes] == [2, 2]


def test_negative_numbers_have_one_minus_sign_everywhere():
    figure = plots.bars({"-0.5": -0.25}, title="from -1 to 2-d, β-10")
    assert figure.get_suptitle() == "from −1 to 2-d, β-10"
    assert "−0.25" in texts(figure)
    assert "−0.123" in str(plots.table({"r": {"c": -0.1234}}))


@pytest.mark.parametrize("name", diagrams.DIAGRAMS)
def test_a_diagram_is_svg_that_tells_itself_and_follows_the_theme(name):
    svg = plots.diagram(name).svg()
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and len(root.get("aria-label")) > 40
    assert "currentColor" in svg and "black" not in svg and "#000" not in svg


def test_diagrams_in_the_documents_are_those_of_the_code():
    for name in diagrams.DIAGRAMS:
        kept = Path(f"docs/figures/diagram-{name}.svg").read_text("utf8")
        assert kept == diagrams.Diagram(name).svg(file=True) + "\n"  # else: benchmarks/diagrams.py


def test_what_a_training_shows_has_curves_images_and_words():
    shown = progress.page("tuned", {"kl": [9.0, 3.0], "loss": [5.0, -4.0]}, X)
    root = ElementTree.fromstring(re.sub(r"<img.*?>", "", shown).replace("<br>", "<br/>"))
    assert "epoch 2" in root.get("aria-label") and "loss −4" in root.get("aria-label")
    assert len(root.findall(".//polyline")) == 2 and 'alt="tuned: 10 images' in shown


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: plots.diagram("gan"), "no diagram 'gan'"),
        (lambda: plots.images(X[:, 0]), r"\(N, 1, 28, 28\), not \(10, 28, 28\)"),
        (lambda: plots.images(X, rows=2, cols=2), "10 images do not fit"),
        (lambda: plots.images(X[:0]), "no images"),
        (lambda: plots.images(X, titles=["a"]), "1 titles for 10 images"),
        (lambda: plots.latents(torch.zeros(5, 3), torch.zeros(5)), "two latent dimensions, not 3"),
    ],
)
def test_wrong_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_table_reads_as_text_and_as_html():
    made = plots.table({"a<b": {"n": 3, "score": 0.12345}, "c": {"score": "none"}}, title="T")
    assert '<th scope="col"></th>' not in made.html()  # a heading says something
    assert "0.123" in str(made) and "a<b" in str(made)
    assert "a&lt;b" in made.html() and "<caption>T" in made.html()


NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shown = []
shell.display_pub.publish = lambda data, metadata=None, **_: shown.append((data, metadata))
shell.run_cell("import torch; from utils import plots")
for cell in ("plots.images(torch.rand(3, 1, 28, 28), alt='noise')",
             "f = plots.bars({'a': 1}); plots.bars({'b': 2}); print('end')", "f",
             "plots.table({'r': {'c': 1}}); print('end')"):
    shown.clear()
    shell.run_cell(cell, store_history=True)
    print("\\nSHOWN", [m["image/png"]["alt"] if m else sorted(d) for d, m in shown])
"""


@pytest.mark.dear
def test_a_notebook_shows_each_figure_once_with_alt_text():
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True)
    shown = [line[6:] for line in done.stdout.splitlines() if line.startswith("SHOWN")]
    figures, tables = shown[:3], shown[3]
    assert figures == ["['noise']", "['Bars: a 1.', 'Bars: b 2.']", "['Bars: a 1.']"], done.stderr
    assert tables == "[['text/html', 'text/plain']]"
