"""Explorers: move a slider and see what a trained model decodes.

Plain ipywidgets that run wherever notebooks run. What is shown is one PNG sheet of images, put
together without matplotlib, so that a move of a slider costs a few milliseconds in the kernel.

Each explorer is a box with public controls (`slider`, `image`, …), a `view()` that computes what is
to be seen from their values, and a `show()` that displays it. Whatever keeps an explorer from
working is said in a sentence in its place.
"""

import base64
import contextlib
import html
import io
import json
import math
from pathlib import Path

import ipywidgets as widgets
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from utils import data, graph, runs
from utils.explore import browser
from utils.explore.box import Box, beside, connect, explorer, holding, note, one_of, picture
from utils.explore.drawing import centred
from utils.explore.models import dataset, decoded, finite, last_loss, load, origin, test_images
from utils.explore.sheets import font, png, sheet, strip

# -- β --------------------------------------------------------------------------------------------


@explorer
def beta(runs_from=None):
    """A slider over trained VAEs that differ in β: reconstructions, prior samples and both losses.

    runs_from  "yours" or "reference"; by default both are offered, yours first when they have at
               least three values of β
    """
    return Beta(choose_ladders(runs_from))


class Beta(Box):
    """`slider` chooses the model of a ladder, `which` the ladder; `image` has originals,
    reconstructions and prior samples.
    """

    def __init__(self, ladders, count=12):
        self.ladders, self._count = ladders, count
        self.which = widgets.ToggleButtons(options=[*ladders], description="models")
        self.which.layout.display = None if len(ladders) > 1 else "none"
        self.slider = widgets.SelectionSlider(options=["0"], description="β")
        self.image = picture()
        self.losses, self.caption = widgets.HTML(), widgets.HTML()
        left = widgets.VBox([self.image, self.caption])
        super().__init__([self.which, self.slider, beside(left, self.losses)])
        connect(self.climb, self.which)
        connect(self.show, self.slider)

    def climb(self):
        """Take the ladder that is chosen, at its middle."""
        self.ladder = self.ladders[self.which.value]  # trained models, β rising
        first = self.ladder[0]
        self._x = test_images(first)[0][: self._count]
        shape, seeded = (2, self._count, first.nz), torch.Generator().manual_seed(0)
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
        self.image.value, self.losses.value, self.caption.value = self._views[self.slider.value]

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


def choose_ladders(runs_from=None):
    """{what a menu calls it: trained VAEs by rising β}, those to begin with first.

    Raises RunError when there is no ladder of two.
    """
    found = find_ladders()
    if runs_from is None:
        first = "yours" if len(found["yours"]) >= 3 else "reference"
        kept = {first: found.pop(first), **found}
    else:
        kept = {runs_from: found.get(runs_from, [])}
    kept = [ladder for ladder in kept.values() if len(ladder) >= 2]
    if not kept:
        count = max(map(len, found.values()))
        raise runs.RunError(
            "a β slider needs at least two trained VAEs of the same architecture that differ in "
            f"their setting 'beta', and there are {count}. Train beta-0, beta-10 and tuned in the "
            "notebook vae first"
        )
    same = [ladder for ladder in kept if dataset(ladder[0]) == dataset(kept[0][0])]
    return {origin(ladder): ladder for ladder in same}


def find_ladders():
    """{"yours" and "reference": trained VAEs of one architecture and dataset, by rising β}.

    Where there are several, the one with most values of β is taken, of equals that for MNIST.
    """
    ladders = {}
    for source, folders in run_folders().items():
        groups = {}
        for folder in folders:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    run = finite(runs.Trained(folder, source))
            except runs.RunError:
                continue  # an unfinished or damaged run is no step of a ladder
            value = run.settings.get("beta")
            if run.kind != "vae" or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            group = groups.setdefault((dataset(run), architecture(folder)), {})
            group.setdefault(float(value), run)
        best = groups[max(groups, key=lambda key: (len(groups[key]), key[0]))] if groups else {}
        ladders[source] = [best[value] for value in sorted(best)]
    return ladders


def run_folders():
    """{"yours": folders, "reference": folders} of all runs that can be seen from here."""
    own = [*Path("runs").glob("*/run.json"), *Path("..").glob("*/runs/*/run.json")]
    own = {path.parent.resolve(): path.parent for path in own}
    reference = runs.REFERENCE.glob("*/run.json")
    return {"yours": [*own.values()], "reference": sorted(path.parent for path in reference)}


def architecture(folder):
    """What the model of a run folder computes, as text that can be compared."""
    return json.dumps(runs.read_graph(folder), sort_keys=True)


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
    """`slider` is t; `start`, `end` choose classes, `start_number`, `end_number` test images."""

    def __init__(self, models, said, images=None):
        self.models, self._images = models, images
        first = next(iter(models.values()))
        self._x, self._y = test_images(first)
        names = [(name, label) for label, name in enumerate(data.CLASSES[dataset(first)])]
        self.start = widgets.Dropdown(options=names, value=0, description="from")
        self.end = widgets.Dropdown(options=names, value=8, description="to")
        self.start_number = widgets.BoundedIntText(0, min=0, max=99, description="example")
        self.end_number = widgets.BoundedIntText(0, min=0, max=99, description="example")
        self.path = widgets.ToggleButtons(options=["linear", "spherical"])
        self.slider = widgets.FloatSlider(0.5, min=0, max=1, step=0.01, description="t")
        self.image, self.caption = picture(), widgets.HTML()
        choose = [beside(self.start, self.start_number), beside(self.end, self.end_number)]
        controls = [*(choose if images is None else []), self.path, self.slider]
        super().__init__([*controls, self.image, self.caption, note(said)])
        connect(self.choose, self.start, self.end, self.start_number, self.end_number)
        connect(self.show, self.path, self.slider)

    def choose(self):
        """Encode the two images that are chosen."""
        if self._images is None:
            x = [
                self._example(self.start.value, self.start_number.value),
                self._example(self.end.value, self.end_number.value),
            ]
        else:
            x = self._images
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
        self.image.value, self.caption.value = self.view(self.slider.value, self.path.value)

    def _example(self, label, number):
        rows = (self._y == label).nonzero().flatten()
        return self._x[rows[number % len(rows)]]


def two_images(images):
    """Images that a student brought as (2, 1, 28, 28) in [0, 1]; None stays None."""
    if images is None:
        return None
    found = [torch.as_tensor(image).detach().float() for image in images]
    if [image.numel() for image in found] != [784, 784]:
        shapes = " and ".join(str(tuple(image.shape)) for image in found)
        raise runs.RunError(f"images= takes two images of shape (1, 28, 28), not {shapes}")
    return torch.stack([image.reshape(1, 28, 28) for image in found]).clamp(0, 1)


# -- the plane ------------------------------------------------------------------------------------


@explorer
def plane(*names):
    """Two sliders over a 2-d latent space: where test images lie, and what a point decodes to.

    names  runs with nz = 2 (default: plane)
    """
    loaded, said = load(*(names or ("plane",)))
    check_planes(loaded)
    return one_of(loaded, lambda run: Plane(run, said))


def check_planes(loaded):
    """Raises RunError for a run of another size than 2."""
    for run in loaded:
        if run.nz != 2:
            what = f"'{run.folder.name}' has {run.nz} latent dimensions, and a plane has 2"
            raise runs.RunError(f"{what}. Use latents instead of plane")


class Plane(Box):
    """`z0`, `z1` move the point; `number` puts it on a test image."""

    size = 340  # pixels of the map

    def __init__(self, run, said, points=1000):
        self.run = run
        self._x, self._y = (part[:points] for part in test_images(run))
        self._codes = run.encode(self._x)
        self.span = max(4.0, math.ceil(float(self._codes.abs().quantile(0.98))))
        self._map = self._draw_map()
        axis = {"min": -self.span, "max": self.span, "step": self.span / 100}
        self.z0 = widgets.FloatSlider(0, description="z0 (right)", **axis)
        self.z1 = widgets.FloatSlider(0, description="z1 (up)", **axis)
        last = len(self._x) - 1
        self.number = widgets.BoundedIntText(0, min=0, max=last, description="test image")
        self.load = widgets.Button(description="go to it")
        self.map, self.image, self.caption = picture(), picture(), widgets.HTML()
        names = zip(browser.colours(), data.CLASSES[dataset(run)], strict=True)
        legend = " ".join(
            f'<span style="white-space:nowrap"><span style="color:{colour}">●</span> {name}</span>'
            for colour, name in names
        )
        left = [self.map, widgets.HTML(legend)]
        go = widgets.HBox([self.number, self.load])
        right = [self.z0, self.z1, go, self.image, self.caption]
        super().__init__([beside(widgets.VBox(left), widgets.VBox(right)), note(said)])
        self.load.on_click(lambda _: self.go_to(self.number.value))
        connect(self.show, self.z0, self.z1)

    def go_to(self, number):
        """Move to the code of a test image."""
        z0, z1 = self._codes[number].clamp(-self.span, self.span).tolist()
        with holding(self):
            self.z0.value, self.z1.value = z0, z1

    def view(self, z0, z1):
        """(PNG of the map, PNG of the decoded image)."""
        canvas = self._map.copy()
        draw, (x, y) = ImageDraw.Draw(canvas), self._pixel(z0, z1)
        draw.line([(x, 0), (x, self.size)], fill="black")
        draw.line([(0, y), (self.size, y)], fill="black")
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], outline="black", width=2)
        here = decoded(self.run, torch.tensor([[z0, z1]]))
        return png(canvas), strip({"decoded": here}, scale=8)

    def show(self):
        self.map.value, self.image.value = self.view(self.z0.value, self.z1.value)
        self.caption.value = f"z = ({self.z0.value:.2f}, {self.z1.value:.2f})"

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


# -- latents --------------------------------------------------------------------------------------

DREAM = """<details><summary>What Randomize, Dream and the tiles do</summary>
<p><b>Randomize</b> draws every z from N(0, 1), the prior: what a VAE was trained to decode (an
autoencoder was not, so there it is a guess). <b>Reset</b> sets all z to 0, the prior's middle.</p>
<p><b>Dream</b> walks along an arc from one random draw to the next, and so on. Every point of such
an arc is distributed as N(0, I) itself: the dream moves smoothly and stays where the prior has its
mass. Its speed is in degrees a step; 90 lead from one draw to the next.</p>
<p><b>A tile</b> picks a test image of that class at random, encodes it to μ and σ, and draws z from
its posterior N(μ, σ²). Press it again to see how much the images of one class differ.</p>
</details>"""


@explorer
def latents(*names, most=12):
    """One slider a latent dimension, with Randomize, Reset, Dream and a tile for every class.

    names  runs to choose from (default: tuned)
    most   how many sliders at most: those dimensions that vary most over the test images
    """
    loaded, said = load(*(names or ("tuned",)))
    return one_of(loaded, lambda run: Latents(run, said, most))


class Latents(Box):
    """`sliders` hold z; `randomize`, `reset`, `dream` and `tiles` move them; `image` is decoded."""

    def __init__(self, run, said, most=12, seed=None):
        self.run = run
        self._x, self._y = test_images(run)
        codes = run.encode(self._x)
        self.random = torch.Generator()
        self.random.seed() if seed is None else self.random.manual_seed(seed)
        order = codes.var(dim=0).argsort(descending=True)[:most]
        self.dims = sorted(order.tolist())
        self._z = torch.zeros(run.nz)  # of all dimensions, with or without a slider
        self._arc, self._turned = None, 0.0

        span = max(4.0, math.ceil(float(codes.abs().max())))
        axis = {"min": -span, "max": span, "step": span / 200}
        look = {"layout": {"width": "240px"}, "style": {"description_width": "30px"}}
        self.sliders = [
            widgets.FloatSlider(0, description=f"z{d}", **axis, **look) for d in self.dims
        ]
        self.posteriors = [widgets.HTML() for _ in self.dims]
        self.randomize = widgets.Button(description="Randomize")
        self.reset = widgets.Button(description="Reset")
        self.dream = widgets.Play(interval=125, max=10**6, description="Dream", show_repeat=False)
        self.speed = widgets.FloatSlider(3, min=0.5, max=15, step=0.5, description="speed")
        self.image = picture()
        self.tiles = [
            widgets.Button(description=name, layout=widgets.Layout(width="auto"))
            for name in data.CLASSES[dataset(run)]
        ]
        rows = zip(self.sliders, self.posteriors, strict=True)
        hidden = run.nz - len(self.dims)
        if hidden:
            said += f" · {hidden} more dimensions vary less and have no slider."
        left = [
            self.image,
            widgets.HBox([self.randomize, self.reset]),
            widgets.HBox([widgets.Label("Dream"), self.dream]),
            self.speed,
            widgets.Label("A digit's posterior:" if run.kind == "vae" else "Code of a test image:"),
            widgets.HBox(self.tiles[:5]),
            widgets.HBox(self.tiles[5:]),
        ]
        rows = [widgets.HBox(row) for row in rows]
        columns = [widgets.VBox(rows[i : i + 12]) for i in range(0, len(rows), 12)]
        super().__init__([beside(widgets.VBox(left), *columns), widgets.HTML(DREAM), note(said)])
        self.randomize.on_click(lambda _: self.move_in_prior(self._normal()))
        self.reset.on_click(lambda _: self.move_in_prior(torch.zeros(run.nz)))
        self.dream.observe(lambda _: self.dream_on(), "value")
        for label, tile in enumerate(self.tiles):
            tile.on_click(lambda _, label=label: self.draw_class(label))
        connect(self.show, *self.sliders)
        self.move_in_prior(self._z)

    @property
    def z(self):
        """(nz,) latent that is shown."""
        z = self._z.clone()
        z[self.dims] = torch.tensor([slider.value for slider in self.sliders])
        return z

    def move(self, z, mu=None, sigma=None):
        """Set all sliders at once; mu and sigma, where they are known, stand beside them."""
        self._arc, self._z = None, z
        self._set(z)
        for d, text in zip(self.dims, self.posteriors, strict=True):
            known = "" if mu is None else f"μ {mu[d]:+.2f}"
            text.value = known + ("" if sigma is None else f" &nbsp; σ {sigma[d]:.2f}")

    def move_in_prior(self, z):
        """Set all sliders, with μ and σ of the prior beside them."""
        self.move(z, torch.zeros(self.run.nz), torch.ones(self.run.nz))

    def draw_class(self, label):
        """z from the posterior of a random test image of that class; an autoencoder's code."""
        graph.calls += 1  # with a run made up for it, this would answer a question
        rows = (self._y == label).nonzero().flatten()
        pick = rows[torch.randint(len(rows), (1,), generator=self.random)]
        if self.run.kind == "vae":
            mu, logvar = (part[0] for part in self.run.posterior(self._x[pick]))
            sigma = logvar.div(2).exp()
            self.move(torch.normal(mu, sigma, generator=self.random), mu, sigma)
        else:
            code = self.run.encode(self._x[pick])[0]
            self.move(code, code)

    def dream_on(self):
        """One step of the dream: `speed` degrees along the arc."""
        if self._arc is None:
            self.move_in_prior(self.z)
            self._arc, self._turned = (self.z, self._normal()), 0.0
        self._turned += self.speed.value
        if self._turned >= 90:
            self._arc, self._turned = (self._arc[1], self._normal()), self._turned - 90
        angle = math.radians(self._turned)
        self._z = math.cos(angle) * self._arc[0] + math.sin(angle) * self._arc[1]
        self._set(self._z)

    def view(self, z):
        """PNG of a decoded latent (nz,)."""
        return strip({"decoded": decoded(self.run, z[None])}, scale=8)

    def show(self):
        self.image.value = self.view(self.z)

    def _set(self, z):
        with holding(self):
            for d, slider in zip(self.dims, self.sliders, strict=True):
                slider.value = float(z[d])

    def _normal(self):
        return torch.randn(self.run.nz, generator=self.random)


# -- a drawing ------------------------------------------------------------------------------------


@explorer
def pad(*names):
    """A drawing from a picture file, or a test image, encoded to μ and σ and sampled ten times.

    names  runs to choose from (default: tuned). To draw in the notebook, use widgets.pad.
    """
    loaded, said = load(*(names or ("tuned",)))
    check_encoders(loaded)
    return one_of(loaded, lambda run: Pad(run, said))


def check_encoders(loaded):
    """Raises RunError for a run that cannot encode."""
    for run in loaded:
        if run.kind == "decoder":
            raise runs.RunError(f"'{run.folder.name}' has no encoder, which a drawing needs")


class Pad(Box):
    """`upload` takes a picture file, `number` a test image; `image` has ten samples decoded."""

    def __init__(self, run, said, samples=10):
        self.run, self._samples = run, samples
        self._tests, _ = test_images(run)
        self.upload = widgets.FileUpload(accept="image/*", description="A drawing")
        last = len(self._tests) - 1
        self.number = widgets.BoundedIntText(0, min=0, max=last, description="test image")
        self.again = widgets.Button(description="Sample again")
        self.image, self.caption = picture(), widgets.HTML()
        bar = beside(self.upload, self.number, self.again)
        super().__init__([bar, self.image, self.caption, note(said)])
        self.again.on_click(lambda _: self.show())
        self.upload.observe(lambda change: self.take(change["new"][-1]["content"]), "value")
        connect(self.load, self.number)

    def load(self):
        self._x = self._tests[self.number.value]
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
        z = codes["μ"].repeat(self._samples, 1)
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
        likelihood = f"log p(x|z) of the reconstruction: <b>{-loss / self._samples:.0f} nats</b>"
        return sheet(rows, scale=3), f"<p>{numbers}</p><p>{likelihood}</p>"

    def show(self):
        if self._x is None:
            self.caption.value = "The picture is empty: nothing on it is darker than the rest."
        else:
            self.image.value, self.caption.value = self.view(self._x)


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
        self.image = picture()
        pictures = decoded(run, means).nan_to_num(0)  # of a class without images: blank
        scale = 2 if max(map(len, self._names)) == 1 else 3
        self.image.value = strip(dict(zip(self._names, pictures[:, None], strict=True)), scale)
        said += f" · {len(y):,} test images. The pictures are the means, decoded."
        super().__init__([self.which, self.image, self.table, note(said)])
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
            '<div style="overflow-x:auto"><table style="text-align:right">'
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
