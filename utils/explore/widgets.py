"""Explorers that compute in the browser: every frame of a slider or a dream is decoded there.

They show what `explorers` shows, and dream at the screen's own rate, without asking the kernel.
The same JavaScript (utils/explore/browser) makes the playground page. What is seen now can be read
(utils/explore/seen.py). Where anywidget does not work, use `explorers`.
"""

import anywidget
import torch
import traitlets

from utils import autograding
from utils.explore import browser
from utils.explore.box import Sentence, explorer
from utils.explore.kept import Kept
from utils.explore.ladders import choose_ladders
from utils.explore.models import (
    check_encoders,
    check_planes,
    dataset,
    load,
    test_images,
    two_images,
)
from utils.explore.seen import Seen

EACH = 30  # test images of every class that travel to the browser


class Explorer(Kept, Seen, anywidget.AnyWidget):
    """One explorer of browser/explorers.js: `name`, and the models and images it shows."""

    _esm = browser.module() + browser.text("widget.js")
    _css = browser.css()
    name = traitlets.Unicode().tag(sync=True)
    content = traitlets.Dict().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    last = traitlets.List(help="pictures seen last: [address, width, words]").tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.observe(self.keep, "last")

    def pictures(self):
        return self.last

    @property
    def sizes(self):
        return {model["nz"] for model in self.content["models"]}

    def move(self, z):
        super().move(z)
        self.send({"z": self.z})


@explorer
def latents(*names, most=12):
    """One slider a latent dimension, with Randomize, Reset, Dream and a tile for every class.

    names  runs to choose from (default: tuned); most  how many sliders at most
    """
    return show("latents", names or ("tuned",), most=most)


@explorer
def plane(*names):
    """The 2-d latent plane: point at it, press a test image. names: runs with nz = 2."""
    loaded, said = load(*(names or ("plane",)))
    check_planes(loaded)
    return widget("plane", loaded, said)


@explorer
def pad(*names):
    """A drawing pad: a drawing is centred, encoded to μ and σ, sampled ten times and decoded."""
    loaded, said = load(*(names or ("tuned",)))
    check_encoders(loaded)
    return widget("pad", loaded, said)


@explorer
def linked(*names):
    """A drawing, its cloud on the map, the network, what is decoded and both losses, all at once.

    names  VAEs with nz = 2 (default: plane)
    """
    loaded, said = load(*(names or ("plane",)))
    check_planes(loaded)
    return widget("linked", loaded, said)


@explorer
def directions(*names):
    """Sliders along slant, boldness and width, and from one class to another."""
    return show("directions", names or ("tuned",))


@explorer
def interpolation(autoencoder="autoencoder", vae="tuned", images=None):
    """From one image to another through the codes of an autoencoder and of a VAE.

    images  two images of your own to start with, each (1, 28, 28), beside the test images
    """
    return show("interpolation", (autoencoder, vae), own=two_images(images))


@explorer
def beta(runs_from=None):
    """A slider over trained VAEs that differ in β.

    runs_from  "yours" or "reference"; by default both are offered, yours first when they have at
               least three values of β
    """
    ladders = choose_ladders(runs_from)
    loaded = [run for ladder in ladders.values() for run in ladder]
    names = {which: [*map(name, ladder)] for which, ladder in ladders.items()}
    return widget("ladder", loaded, "", encoder=False, ladders=names)


@explorer
def statistics(*names):
    """Means and standard deviations of the codes of every class, as a table to save."""
    return show("statistics", names or ("tuned",))


def show(kind, run_names, **options):
    """The Explorer of that kind of the named runs; RunError where one cannot be read."""
    loaded, said = load(*run_names)
    return widget(kind, loaded, said, **options)


def widget(kind, loaded, said, encoder=True, own=None, **options):
    """The Explorer of these trained runs; test images are those of the first one's dataset.

    own  images (N, 1, 28, 28) that are no test images; they come last, without a class
    """
    if autograding():  # an executed notebook would hold all the models
        return Sentence("This explorer is not shown while the notebook is graded.")
    images = packed_images = None
    if all(run.kind != "decoder" for run in loaded):
        images, labels = browser.choose(test_images(loaded[0]), EACH)
        if own is not None:
            options["own"] = list(range(len(images), len(images) + len(own)))
            images = torch.cat([images, own])
            labels = torch.cat([labels, torch.full((len(own),), browser.NO_CLASS)])
        packed_images = browser.pack_images(dataset(loaded[0]), images, labels)
    models = [
        browser.pack(browser.finite_weights(run), title(run), images, encoder=encoder)
        | {"name": name(run)}
        for run in loaded
    ]
    named = browser.classifier(dataset(loaded[0])) if packed_images else None
    content = {"models": models, "images": packed_images, "classifier": named}
    return Explorer(name=kind, content=content, options=options, note=said)


def name(run):
    """What tells a run from all others: a student's may have the name of one of the kit's."""
    return run.folder.name if run.source == "reference" else f"{run.folder.name} (yours)"


def title(run):
    """What a menu calls a run, such as "tuned (VAE, β = 0.5)"."""
    called, beta = run.folder.name, run.settings.get("beta")
    if run.kind in called:
        return called
    kind = "VAE" if run.kind == "vae" else run.kind
    return f"{called} ({kind}{'' if beta is None else f', β = {beta:g}'})"
