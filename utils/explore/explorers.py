"""Explorers: move a slider and see what a trained model decodes.

Plain ipywidgets that run wherever notebooks run, for where `widgets` cannot. What one sees now is
the same here and there (utils/explore/seen.py). How it is computed is not, since a browser computes
there and the kernel here: so this is the least that the course's questions can be answered with, a
picture and the controls that move it; no dream, no naming, no linked views.

What is shown is one PNG sheet of images, put together without matplotlib: a move of a slider costs
the kernel one millisecond. Each explorer is a box with public controls (`slider`, `picture`, …), a
`view()` that computes what is to be seen from their values, and a `show()` that displays it.
Whatever keeps an explorer from working is said in a sentence in its place.
"""

import base64
import html
import io
import math

import ipywidgets as widgets
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from utils import data, graph
from utils.explore import browser
from utils.explore.box import Box, beside, connect, explorer, holding, note, one_of, picture
from utils.explore.drawing import centred
from utils.explore.ladders import choose_ladders
from utils.explore.models import (
    check_encoders,
    check_planes,
    dataset,
    decoded,
    last_loss,
    load,
    origin,
    test_images,
    two_images,
)
from utils.explore.sheets import font, png, sheet, strip

ACROSS = 12  # images in a row
SAMPLES = 10  # of a drawing's posterior


class Example(widgets.HBox):
    """A test image to choose: `label` is its class, `number` says which of that class; `x` it."""

    def __init__(self, run, label=0, description="test image"):
        self._x, self._y = test_images(run)
        names = [(name, label) for label, name in enumerate(data.CLASSES[dataset(run)])]
        self.label = widgets.Dropdown(options=names, value=label, description=description)
        self.number = widgets.BoundedIntText(0, min=0, max=99, description="example")
        super().__init__([self.label, self.number], layout=widgets.Layout(flex_flow="row wrap"))

    @property
    def controls(self):
        return self.label, self.number

    @property
    def x(self):
        rows = (self._y == self.label.value).nonzero().flatten()
        return self._x[rows[self.number.value % len(rows)]]


# -- β --------------------------------------------------------------------------------------------


@explorer
def beta(runs_from=None):
    """A slider over trained VAEs that differ in β: reconstructions, prior samples and both losses.

    runs_from  "yours" or "reference"; by default both are offered, yours first when they have at
               least three values of β
    """
    return Beta(choose_ladders(runs_from))


class Beta(Box):
    """`slider` chooses the model of a ladder, `which` the ladder; `picture` has originals,
    reconstructions and prior samples.
    """

    def __init__(self, ladders):
        self.ladders = ladders
        self.which = widgets.ToggleButtons(options=[*ladders], description="models")
        self.which.layout.display = None if len(ladders) > 1 else "none"
        self.slider = widgets.SelectionSlider(options=["0"], description="β")
        self.picture = picture()
        self.losses, self.caption = widgets.HTML(), widgets.HTML()
        left = widgets.VBox([self.picture, self.caption])
        super().__init__([self.which, self.slider, beside(left, self.losses)])
        connect(self.climb, self.which)
        connect(self.show, self.slider)

    def climb(self):
        """Take the ladder that is chosen, at its middle."""
        self.ladder = self.ladders[self.which.value]  # trained models, β rising
        first = self.ladder[0]
        self._x = test_images(first)[0][:ACROSS]
        shape, seeded = (2, ACROSS, first.nz), torch.Generator().manual_seed(0)
        self._z = torch.randn(shape, generator=seeded)
        self._views = [self.view(step) for step in range(len(self.ladder))]  # moves are fast then
        steps = [(f"{self._beta(run):g}", i) for i, run in enumerate(self.ladder)]
        with holding(self):
            self.slider.options = steps
            self.slider.value = len(steps) // 2

    def view(self, step):
        """(PNG, losses as HTML, caption) of one model of the ladder."""
        run = self.ladder[step]
        rows = {
            "test images": self._x,
            "their reconstructions": decoded(run, run.encode(self._x)),
            "samples: z drawn from the prior N(0, I), decoded": decoded(run, self._z[0]),
            "": decoded(run, self._z[1]),
        }
        return sheet(rows), self._table(step), f"the VAE trained with β = {self._beta(run):g}"

    def show(self):
        self.picture.value, self.losses.value, self.caption.value = self._views[self.slider.value]

    def _table(self, step):
        """Both losses of all models, the one shown in bold."""
        losses = ("reconstruction", "kl")
        last = [[last_loss(run, loss) for loss in losses] for run in self.ladder]
        rows = []
        for i, (run, values) in enumerate(zip(self.ladder, last, strict=True)):
            cells = [f"{self._beta(run):g}", *(f"{value:.1f}" for value in values)]
            style = ' style="font-weight:bold;background:#ddcc7766"' if i == step else ""
            rows.append(f"<tr{style}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        return (
            '<table style="text-align:right;line-height:1.4;margin-left:1em">'
            "<caption>nats per image</caption>"
            "<tr><th>β</th><th>reconstruction</th><th>KL</th></tr>" + "".join(rows) + "</table>"
            f'<p style="margin-left:1em">{html.escape(origin(self.ladder))}</p>'
        )

    @staticmethod
    def _beta(run):
        return float(run.settings["beta"])


# -- interpolation --------------------------------------------------------------------------------


@explorer
def interpolation(autoencoder="autoencoder", vae="tuned", images=None):
    """A slider from one image to another, in the latent spaces of an autoencoder and of a VAE.

    autoencoder, vae  names of runs, or trained runs
    images            two images of your own, each (1, 28, 28); by default test images are chosen
    """
    (autoencoder, vae), said = load(autoencoder, vae)
    return Interpolation({"autoencoder": autoencoder, "VAE": vae}, said, two_images(images))


class Interpolation(Box):
    """`slider` is t; `start` and `end` choose test images."""

    def __init__(self, models, said, images=None):
        self.models, self._images = models, images
        first = next(iter(models.values()))
        self.start, self.end = Example(first, 0, "from"), Example(first, 8, "to")
        self.path = widgets.ToggleButtons(options=["linear", "spherical"])
        self.slider = widgets.FloatSlider(0.5, min=0, max=1, step=0.01, description="t")
        self.picture, self.caption = picture(), widgets.HTML()
        choose = [self.start, self.end] if images is None else []
        controls = [*choose, self.path, self.slider]
        super().__init__([*controls, self.picture, self.caption, note(said)])
        connect(self.choose, *self.start.controls, *self.end.controls)
        connect(self.show, self.path, self.slider)

    def choose(self):
        """Encode the two images that are chosen."""
        x = [self.start.x, self.end.x] if self._images is None else self._images
        self._ends = torch.stack([*x])
        self._codes = {name: model.encode(self._ends) for name, model in self.models.items()}
        self.show()

    def view(self, t, path):
        """(PNG, caption): both images, and what each model decodes between them."""
        between = []
        for name, (z0, z1) in self._codes.items():
            z = torch.lerp(z0, z1, t)
            if path == "spherical":  # the same direction, at the length that lies between the two
                z = z * torch.lerp(z0.norm(), z1.norm(), t) / z.norm().clamp_min(1e-9)
            between.append(decoded(self.models[name], z[None]))
        columns = {"from": self._ends[:1], **dict(zip(self._codes, between, strict=True))}
        what = f"{t:.0%} of the way from the first image to the last, {path}"
        return strip({**columns, "to": self._ends[1:]}, scale=5), what

    def show(self):
        self.picture.value, self.caption.value = self.view(self.slider.value, self.path.value)


# -- latents --------------------------------------------------------------------------------------


@explorer
def latents(*names, most=12):
    """One slider a latent dimension, draws from the prior, and test images with their μ and σ.

    names  runs to choose from (default: tuned)
    most   how many sliders at most: those dimensions that vary most over the test images
    """
    loaded, said = load(*(names or ("tuned",)))
    return one_of(loaded, lambda run: Latents(run, said, most))


class Latents(Box):
    """`sliders` move z; so do `randomize` and `reset`, in the prior, and an `example`, whose code
    is μ; `draw` draws from its posterior. `picture` is z decoded.
    """

    def __init__(self, run, said, most=12):
        self.run, self.sizes = run, {run.nz}
        self._x, self._y = test_images(run)
        self._codes = run.encode(self._x)
        order = self._codes.var(dim=0).argsort(descending=True)[:most]
        self.dims = sorted(order.tolist())
        self.span = max(4.0, math.ceil(float(self._codes.abs().quantile(0.999))))
        self.sliders = [self._slider(d) for d in self.dims]
        one_line = {"min_width": "11em"}
        self.posteriors = [widgets.HTML(layout=one_line) for _ in self.dims]
        self.randomize = widgets.Button(description="Randomize", tooltip="z from the prior N(0, I)")
        self.reset = widgets.Button(description="Reset", tooltip="z = 0, the prior's middle")
        self.example = Example(run)
        self.draw = widgets.Button(description="Draw z", tooltip="z from its posterior N(μ, σ²)")
        self.draw.layout.display = None if run.kind == "vae" else "none"
        self.picture, self.caption = picture(), widgets.HTML()
        if hidden := run.nz - len(self.dims):
            said += f" · {hidden} more dimensions vary less and have no slider."
        rows = [*map(beside, self.sliders, self.posteriors)]
        columns = [widgets.VBox(rows[i : i + 12]) for i in range(0, len(rows), 12)]
        bar = beside(self.randomize, self.reset, self.example, self.draw)
        shown = beside(*self.pieces(), *columns)
        super().__init__([bar, shown, self.caption, note(said)])
        self.randomize.on_click(lambda _: self.go(torch.randn(run.nz)))
        self.reset.on_click(lambda _: self.go(torch.zeros(run.nz)))
        self.draw.on_click(lambda _: self.encode(drawn=True))
        for control in self.example.controls:
            control.observe(lambda _: self.encode(), "value")
        self.observe(lambda _: self.follow(), "z")
        self.go(torch.zeros(run.nz))

    def pieces(self):
        """What stands beside the sliders."""
        return [self.picture]

    def go(self, z, mu=None, sigma=None):
        """Show z, with μ and σ of what it was drawn from beside the sliders: else, the prior's."""
        mu = torch.zeros(self.run.nz) if mu is None else mu
        sigma = torch.ones(self.run.nz) if sigma is None else sigma
        for d, text in zip(self.dims, self.posteriors, strict=True):
            known = f" &nbsp; σ {sigma[d]:.2f}" if self.run.kind == "vae" else ""
            text.value = f"μ {mu[d]:+.2f}{known}"
        self.move(z.tolist())

    def encode(self, drawn=False):
        """Go to μ of the example, or to a z drawn from its posterior; an autoencoder's code."""
        graph.calls += 1  # with a run made up for it, this would answer a question
        x = self.example.x
        self.image = x.flatten().tolist()
        if self.run.kind == "vae":
            mu, logvar = (part[0] for part in self.run.posterior(x[None]))
            sigma = logvar.div(2).exp()
            z = torch.normal(mu, sigma) if drawn else mu
        else:
            z = mu = self.run.encode(x[None])[0]
            sigma = None
        self.mu = mu.tolist()
        self.go(z, mu, sigma)

    def follow(self):
        """Set the sliders to z, and show it."""
        with holding(self):
            for d, slider in zip(self.dims, self.sliders, strict=True):
                slider.value = self.z[d]

    def view(self, z):
        """PNG of a decoded latent (nz,)."""
        return strip({"decoded": decoded(self.run, z[None])}, scale=8)

    def show(self):
        self.picture.value = self.view(torch.tensor(self.z))

    def _slider(self, d):
        axis = {"min": -self.span, "max": self.span, "step": self.span / 200}
        look = {"layout": {"width": "240px"}, "style": {"description_width": "30px"}}
        slider = widgets.FloatSlider(0, description=f"z{d}", **axis, **look)

        def moved(change):
            if not self.held:
                self.z = [*self.z[:d], change["new"], *self.z[d + 1 :]]

        slider.observe(moved, "value")
        return slider


# -- the plane ------------------------------------------------------------------------------------


@explorer
def plane(*names):
    """Two sliders over a 2-d latent space: where test images lie, and what a point decodes to.

    names  runs with nz = 2 (default: plane)
    """
    loaded, said = load(*(names or ("plane",)))
    check_planes(loaded)
    return one_of(loaded, lambda run: Plane(run, said))


class Plane(Latents):
    """`map` shows where test images lie, and z: its first number to the right, its second up."""

    size = 340  # pixels of the map

    def pieces(self):
        self.map = picture()
        self._map = self._draw_map()
        names = zip(browser.colours(), data.CLASSES[dataset(self.run)], strict=True)
        dot = "forced-color-adjust:none;color:"
        self.legend = widgets.HTML(
            " ".join(
                f'<span style="white-space:nowrap"><span style="{dot}{colour}">●</span> '
                f"{name}</span>"
                for colour, name in names
            )
        )
        return [widgets.VBox([self.map, self.legend]), self.picture]

    def show(self):
        super().show()
        z0, z1 = self.z
        self.map.value = self.view_map(z0, z1)
        self.caption.value = f"z = ({z0:.2f}, {z1:.2f})"

    def view_map(self, z0, z1):
        """PNG of the map with a point on it."""
        canvas = self._map.copy()
        draw, (x, y) = ImageDraw.Draw(canvas), self._pixel(z0, z1)
        draw.line([(x, 0), (x, self.size)], fill="black")
        draw.line([(0, y), (self.size, y)], fill="black")
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], outline="black", width=2)
        return png(canvas)

    def _draw_map(self):
        canvas = Image.new("RGB", (self.size, self.size), "white")
        draw, colours = ImageDraw.Draw(canvas), browser.colours()
        for (z0, z1), label in zip(self._codes.tolist(), self._y.tolist(), strict=True):
            x, y = self._pixel(z0, z1)
            draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=colours[label])
        draw.rectangle([0, 0, self.size - 1, self.size - 1], outline="#888888")
        for value in (-self.span, self.span):
            x, _ = self._pixel(value, value)
            x = min(max(x, 2), self.size - 24)
            draw.text((x, self.size // 2), f"{value:g}", "black", font())
        return canvas.quantize(64)  # few colours make a small PNG, and a fast one

    def _pixel(self, z0, z1):
        to = self.size / (2 * self.span)
        return (z0 + self.span) * to, (self.span - z1) * to


# -- a drawing ------------------------------------------------------------------------------------


@explorer
def pad(*names):
    """A drawing from a picture file, or a test image, encoded to μ and σ and sampled ten times.

    names  runs to choose from (default: tuned). To draw in the notebook, use widgets.pad.
    """
    loaded, said = load(*(names or ("tuned",)))
    check_encoders(loaded)
    return one_of(loaded, lambda run: Pad(run, said))


class Pad(Box):
    """`upload` takes a picture file, `example` a test image; `picture` has ten samples decoded."""

    def __init__(self, run, said):
        self.run = run
        self.upload = widgets.FileUpload(accept="image/*", description="A drawing")
        self.example = Example(run, 4)
        self.again = widgets.Button(description="Sample again")
        self.picture, self.caption = picture(), widgets.HTML()
        bar = beside(self.upload, self.example, self.again)
        super().__init__([bar, self.picture, self.caption, note(said)])
        self.again.on_click(lambda _: self.show())
        self.upload.observe(lambda change: self.take(change["new"][-1]["content"]), "value")
        connect(self.load, *self.example.controls)

    def load(self):
        self._x = self.example.x
        self.show()

    def take(self, content):
        """Use the bytes of a picture file."""
        try:
            self._x = centred(Image.open(io.BytesIO(bytes(content))))
        except OSError:
            self._x, self.caption.value = None, "This file is not a picture that can be read."
        else:
            self.show()

    def view(self, x):
        """(PNG, caption) of an image (1, 28, 28)."""
        codes = {"μ": self.run.encode(x[None])}
        z = codes["μ"].repeat(SAMPLES, 1)
        if self.run.kind == "vae":
            codes["σ"] = self.run.posterior(x[None])[1].div(2).exp()
            z = torch.normal(z, codes["σ"].expand_as(z))
        logits = self.run.decode(z)
        rows = {
            "as the encoder sees it": x[None],
            "ten z drawn from its posterior, decoded": torch.sigmoid(logits),
        }
        wanted = x[None].expand_as(logits)
        loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
        columns = [code[0].tolist() for code in codes.values()]
        numbers = " ".join(
            f'<span style="display:inline-block;margin-right:1em">z{d}: '
            + " ".join(f"{symbol} {v:.2f}" for symbol, v in zip(codes, values, strict=True))
            + "</span>"
            for d, values in enumerate(zip(*columns, strict=True))
        )
        likelihood = f"log p(x|z) of the reconstruction: <b>{-loss / SAMPLES:.0f} nats</b>"
        return sheet(rows, scale=3), f"<p>{numbers}</p><p>{likelihood}</p>"

    def show(self):
        if self._x is None:
            self.caption.value = "The picture is empty: nothing on it is darker than the rest."
        else:
            self.image = self._x.flatten().tolist()
            self.mu = self.run.encode(self._x[None])[0].tolist()
            self.picture.value, self.caption.value = self.view(self._x)


# -- statistics -----------------------------------------------------------------------------------


@explorer
def statistics(digit_statistics, name="tuned"):
    """Means and standard deviations of the latents of every class, as a coloured table.

    digit_statistics  your own function (mu, y) -> means (10, nz), standard deviations (10, nz)
    """
    (run,), said = load(name)
    return Statistics(digit_statistics, run, said)


class Statistics(Box):
    """`which` chooses means or standard deviations; `table` shows them; `csv()` exports them."""

    def __init__(self, digit_statistics, run, said):
        x, y = test_images(run)
        self._names = data.CLASSES[dataset(run)]
        means, stds = digit_statistics(run.encode(x), y)
        self.tables = {"mean": means, "standard deviation": stds}
        self.which = widgets.ToggleButtons(options=[*self.tables])
        self.table = widgets.HTML()
        self.picture = picture()
        pictures = decoded(run, means).nan_to_num(0)  # of a class without images: blank
        scale = 2 if max(map(len, self._names)) == 1 else 3
        self.picture.value = strip(dict(zip(self._names, pictures[:, None], strict=True)), scale)
        said += f" · {len(y):,} test images. The pictures are the means, decoded."
        super().__init__([self.which, self.picture, self.table, note(said)])
        connect(self.show, self.which)

    def csv(self):
        """Both tables as text, a line for every class."""
        nz = next(iter(self.tables.values())).shape[1]
        lines = ["class," + ",".join(f"{which} z{d}" for which in self.tables for d in range(nz))]
        for label, name in enumerate(self._names):
            values = (value for table in self.tables.values() for value in table[label].tolist())
            lines.append(",".join([name, *(f"{value:.6g}" for value in values)]))
        return "\n".join(lines) + "\n"

    def view(self, which):
        """The table as HTML; orange is above the middle value, blue below."""
        table = self.tables[which]
        known = table[table.isfinite()]
        middle = 0.0 if which == "mean" or not len(known) else float(known.median())
        width = max(float((known - middle).abs().max()), 1e-9) if len(known) else 1.0
        head = "".join(f"<th>z{d}</th>" for d in range(table.shape[1]))
        rows = []
        for name, values in zip(self._names, table.tolist(), strict=True):
            cells = "".join(self._cell(value, (value - middle) / width) for value in values)
            rows.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
        export = base64.b64encode(self.csv().encode()).decode()
        return (
            '<div tabindex="0" role="region" aria-label="table" style="overflow-x:auto">'
            '<table style="text-align:right">'
            f"<caption>{which} of z over the test images of a class</caption>"
            f"<tr><th>class</th>{head}</tr>{''.join(rows)}</table></div>"
            '<a style="text-decoration:underline" download="statistics.csv" '
            f'href="data:text/csv;base64,{export}">Save as CSV</a>'
        )

    def show(self):
        self.table.value = self.view(self.which.value)

    @staticmethod
    def _cell(value, share):
        if not math.isfinite(value):
            return "<td>–</td>"
        colour = "221,120,40" if share > 0 else "50,110,200"
        style = f"background:rgba({colour},{0.7 * abs(share):.2f});padding:0 4px"
        return f'<td style="{style}">{value:.2f}</td>'
