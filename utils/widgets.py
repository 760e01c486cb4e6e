"""Explorers that compute in the browser: every frame of a slider or a dream is decoded there.

They show what utils.explorers shows, and dream at the screen's own rate, without asking the kernel.
The same JavaScript (utils/browser) makes the playground page. `z` and `image` of a widget are what
is seen now, and `move(z)` goes elsewhere. Where anywidget does not work, use utils.explorers.
"""

import anywidget
import traitlets

from utils import browser, runs
from utils.explorers import dataset, explorer, find_ladders, load, test_images

EACH = 30  # test images of every class that travel to the browser

RENDER = """
function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const seen = (found) => {
    if (Array.isArray(found)) model.set("z", found);
    else for (const [key, value] of Object.entries(found)) model.set(key, value);
    model.save_changes();
  };
  let explorer = null;
  try {
    const source = new Source(model.get("content"));
    explorer = mount(root, model.get("name"), source, { ...model.get("options"), onChange: seen });
  } catch (error) {
    complain(root, error);
  }
  root.append(h("p", { class: "vae-small" }, model.get("note")));
  // Python moves z by message: a change of the trait may be the late echo of an older move here
  const move = ({ z }) => {
    if (explorer?.z?.length === z.length) explorer.z = z;
  };
  if (model.get("z").length) move({ z: model.get("z") });
  model.on("msg:custom", move);
  return () => {
    model.off("msg:custom", move);
    explorer?.stop();
  };
}
export default { render };
"""


class Explorer(anywidget.AnyWidget):
    """One explorer of utils/browser/explorers.js: `name`, and the models and images it shows."""

    _esm = browser.module() + RENDER
    _css = browser.css()
    name = traitlets.Unicode().tag(sync=True)
    content = traitlets.Dict().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    z = traitlets.List(traitlets.Float(), help="the latent that is seen, nz numbers").tag(sync=True)
    image = traitlets.List(
        traitlets.Float(), help="what a drawing pad encodes, 784 values in [0, 1]"
    ).tag(sync=True)
    mu = traitlets.List(traitlets.Float(), help="its code").tag(sync=True)

    def move(self, z):
        """Show the decoding of a latent of nz numbers. Raises ValueError for another size."""
        sizes = {model["nz"] for model in self.content["models"]}
        if len(z) not in sizes:
            wanted = " or ".join(map(str, sorted(sizes)))
            raise ValueError(f"z has {wanted} numbers, not {len(z)}")
        self.z = [float(value) for value in z]
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
    for run in loaded:
        if run.nz != 2:
            what = f"'{run.folder.name}' has {run.nz} latent dimensions, and a plane has 2"
            raise runs.RunError(f"{what}. Use widgets.latents")
    return widget("plane", loaded, said)


@explorer
def pad(*names):
    """A drawing pad: a drawing is centred, encoded to μ and σ, sampled ten times and decoded."""
    loaded, said = load(*(names or ("tuned",)))
    for run in loaded:
        if run.kind == "decoder":
            raise runs.RunError(f"'{run.folder.name}' has no encoder, which a drawing needs")
    return widget("pad", loaded, said)


@explorer
def interpolation(autoencoder="autoencoder", vae="tuned"):
    """From one test image to another through the codes of an autoencoder and of a VAE."""
    return show("interpolation", (autoencoder, vae))


@explorer
def beta(runs_from=None):
    """A slider over trained VAEs that differ in β.

    runs_from  "yours" or "reference"; by default yours, when they have at least three values of β
    """
    ladders = find_ladders()
    if runs_from is None:
        runs_from = "yours" if len(ladders.get("yours", [])) >= 3 else "reference"
    ladder = ladders.get(runs_from, [])
    if len(ladder) < 2:
        raise runs.RunError(
            "a β slider needs at least two trained VAEs of the same architecture that differ in "
            f"their setting 'beta', and of {runs_from} there are {len(ladder)}. Train beta-0, "
            "beta-10 and tuned in the notebook vae first"
        )
    return widget("ladder", ladder, "", encoder=False)


@explorer
def statistics(*names):
    """Means and standard deviations of the codes of every class, as a table to save."""
    return show("statistics", names or ("tuned",))


def show(name, run_names, **options):
    loaded, said = load(*run_names)
    return widget(name, loaded, said, **options)


def widget(name, loaded, said, encoder=True, **options):
    """The Explorer of these trained runs; test images are those of the first one's dataset."""
    images = None
    if all(run.kind != "decoder" for run in loaded):
        kind = dataset(loaded[0])
        images, labels = browser.choose(test_images(loaded[0]), EACH)
        packed_images = browser.pack_images(kind, images, labels)
    models = [
        browser.pack(browser.finite(run), title(run), images, encoder=encoder) for run in loaded
    ]
    content = {"models": models, "images": None if images is None else packed_images}
    return Explorer(name=name, content=content, options=options, note=said)


def title(run):
    """What a menu calls a run, such as "tuned (VAE, β = 0.5)"."""
    name, beta = run.folder.name, run.settings.get("beta")
    if run.kind in name:
        return name
    kind = "VAE" if run.kind == "vae" else run.kind
    return f"{name} ({kind}{'' if beta is None else f', β = {beta:g}'})"
