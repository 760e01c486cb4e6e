"""The widgets that compute in the browser: what they send, and how they behave in JupyterLab."""

import json
import shutil

import pytest
import torch

from tests import lab
from utils import browser, data, runs, widgets
from utils.explorers import Sentence

LATENTS, PLANES = ("beta-0", "autoencoder"), ("plane", "plane-autoencoder")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """In a folder without runs, so that the kit's are used; with the embedded data."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COURSE_DATA", "embedded")


MAKERS = {
    "latents": lambda: widgets.latents(*LATENTS),
    "plane": lambda: widgets.plane(*PLANES),
    "pad": lambda: widgets.pad(*LATENTS),
    "interpolation": lambda: widgets.interpolation("autoencoder", "beta-0"),
    "ladder": lambda: widgets.beta("reference"),
    "statistics": lambda: widgets.statistics("plane"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_widget_carries_all_that_the_browser_needs(name):
    widget = MAKERS[name]()
    assert widget.name == name
    for model in widget.content["models"]:
        run = runs.load(model["name"])
        assert model["nz"] == run.nz and model["losses"]["reconstruction"] > 0
        named = browser.used(model["graph"])
        assert {entry for entry in named if not entry.startswith("%")} <= model["tensors"].keys()
        codes = browser.unpack_weights(model)["codes.mu"]
        assert codes.shape == (300, run.nz)
    images = browser.unpack_weights(widget.content["images"])
    assert images["labels"].long().bincount().tolist() == [widgets.EACH] * 10


def test_the_codes_belong_to_the_images():
    content = widgets.latents("beta-0").content
    images, codes = (browser.unpack_weights(content[key] if key == "images" else content[key][0])
                     for key in ("images", "models"))  # fmt: skip
    x = images["pixels"].reshape(-1, 1, 28, 28) / 255
    mu, logvar = runs.load("beta-0").posterior(x)
    torch.testing.assert_close(codes["codes.mu"], mu, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(codes["codes.logvar"], logvar, rtol=1e-3, atol=1e-2)


def test_python_can_move_z_which_must_fit():
    widget = widgets.latents("plane")
    widget.move(torch.tensor([0.5, -1]))
    assert widget.z == [0.5, -1.0]
    with pytest.raises(ValueError, match="z has 2 numbers, not 3"):
        widget.move([1, 2, 3])


def sentence(widget):
    assert isinstance(widget, Sentence)
    return widget.value


def test_what_is_missing_or_does_not_fit_is_said():
    assert "there is no run" in sentence(widgets.latents("nothing"))
    assert "beta-0" in sentence(widgets.plane("beta-0"))
    assert "at least two" in sentence(widgets.beta("yours"))


def test_weights_that_are_not_numbers_are_said(tmp_path):
    own = tmp_path / "here" / "runs" / "broken"
    shutil.copytree(runs.REFERENCE / "plane", own)
    weights = runs.read_weights(own)
    next(iter(weights.values())).view(-1)[0] = float("nan")
    info, graph = runs.read_info(own), runs.read_graph(own)
    runs.write(own, weights, runs.read_curves(own), info, graph)
    assert "NaN" in sentence(widgets.pad("broken"))


# -- in JupyterLab --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A JupyterLab: (its folder, its address)."""
    folder = tmp_path_factory.mktemp("lab")
    with lab.serve(folder) as address:
        yield folder, address


@pytest.fixture
def notebook(visit, served):
    """notebook(*cells) -> a page of JupyterLab in which these cells were run."""
    folder, address = served

    def run(*cells):
        lab.write(folder / "test.ipynb", cells)
        page = visit(
            f"{address}/lab/tree/test.ipynb?reset",
            ignore=["404", "Failed to load"],  # Lab itself asks for files that are not there
            viewport={"width": 1300, "height": 1000},
        )
        page.set_default_timeout(90_000)
        lab.run_all(page)
        return page

    return run


def test_sliders_in_lab_take_arrow_keys_and_tell_python(notebook, served):
    page = notebook(
        "from utils import widgets\nw = widgets.latents('plane')\nw",
        "w.observe(lambda change: open('z.txt', 'w').write(str(change['new'])), 'z')",
        "w.move([0, 1])",
    )
    explorer = page.locator(".vae").first
    explorer.locator(".vae-rows output").filter(has_text="1.00").wait_for()  # moved by Python
    first = explorer.locator(".vae-rows input").first
    first.focus()
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    assert float(first.input_value()) == pytest.approx(0.5, abs=0.011)
    page.wait_for_function(
        """async () => {
          const answer = await fetch('/files/z.txt', {cache: 'no-store'});
          return answer.ok && (await answer.text()).includes('0.5');
        }"""
    )
    z = json.loads((served[0] / "z.txt").read_text())
    assert z[0] == pytest.approx(float(first.input_value()), abs=1e-4) and z[1] == 1


def test_a_drawing_in_lab_is_encoded(notebook):
    page = notebook("from utils import widgets\nwidgets.pad('beta-0')")
    pad = page.locator(".vae-pad")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 220, steps=6)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.vae-score').textContent.includes('nats')")
    assert data.CLASSES["MNIST"][1] in page.locator(".vae .vae-main").inner_text()


def test_a_missing_run_in_lab_is_a_sentence(notebook):
    page = notebook("from utils import widgets\nwidgets.latents('nothing')")
    page.get_by_role("alert").filter(has_text="there is no run 'nothing'").wait_for()
