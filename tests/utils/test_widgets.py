"""The widgets that compute in the browser: what they send, and how they behave in JupyterLab."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
import torch
from traitlets import TraitError

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


def test_z_can_be_set_and_must_fit():
    widget = widgets.latents("plane")
    widget.z = [0.5, -1]
    assert widget.z == [0.5, -1.0]
    with pytest.raises(TraitError, match="z has 2 numbers, not 3"):
        widget.z = [1, 2, 3]


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

COMMON = ["--no-browser", "--ServerApp.token=", "--ServerApp.password=", "--allow-root",
          "--LabApp.expose_app_in_browser=True", "--ServerApp.disable_check_xsrf=True",
          "--LabApp.news_url=None"]  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab in an empty folder: (its folder, its address)."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"COURSE_DATA": "embedded", "JUPYTER_CONFIG_DIR": str(folder / "c")}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", *COMMON]
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.25)  # until the server answers: there is nothing else to wait for
        else:
            pytest.fail((folder / "log").read_text())
        yield folder, address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def notebook(lab, visit):
    """notebook(*cells) -> a page of JupyterLab in which these cells were run."""
    folder, address = lab

    def run(*cells):
        made = nbformat.v4.new_notebook()
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        made.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(made, folder / "test.ipynb")
        page = visit(f"{address}/lab/tree/test.ipynb?reset", ignore=["404", "Failed to load"],
                     viewport={"width": 1300, "height": 1000})  # fmt: skip
        page.set_default_timeout(90_000)
        page.wait_for_function(
            """() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext
                 ?.session?.kernel?.status === 'idle'"""
        )
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return page

    return run


def test_sliders_in_lab_take_arrow_keys_and_tell_python(notebook, lab):
    page = notebook(
        "from utils import widgets\nw = widgets.latents('plane')\nw",
        "w.observe(lambda change: open('z.txt', 'w').write(str(change['new'])), 'z')",
    )
    explorer = page.locator(".vae").first
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
    z = json.loads((lab[0] / "z.txt").read_text())
    assert z[0] == pytest.approx(float(first.input_value()), abs=1e-4) and z[1] == 0


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
