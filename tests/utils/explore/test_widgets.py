"""The widgets that compute in the browser: what they send, and how they behave in JupyterLab."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.autograder.release.test_playground import THREE, draw, pixels
from tests.conftest import visitor
from tests.support import lab
from utils import runs
from utils.explore import browser, widgets
from utils.explore.box import Sentence

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
    "linked": lambda: widgets.linked("plane"),
    "directions": lambda: widgets.directions("beta-1"),
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
    images, codes = (
        browser.unpack_weights(content[key] if key == "images" else content[key][0])
        for key in ("images", "models")
    )
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


def test_while_grading_no_model_is_put_into_the_notebook(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert "not shown" in sentence(widgets.latents("tuned"))


def test_own_runs_and_the_kits_are_two_ladders(tmp_path):
    for name in ("beta-0", "beta-1", "beta-10"):
        shutil.copytree(runs.REFERENCE / name, tmp_path / "here" / "runs" / name)
    widget = widgets.beta()
    assert [*map(len, widget.options["ladders"].values())] == [3, 8]
    assert [*widget.options["ladders"]] == ["your runs", "the kit's runs"]
    assert len({model["name"] for model in widget.content["models"]}) == 11


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
    folder = tmp_path_factory.mktemp("lab") / "here"  # beside no folder that has runs
    folder.mkdir()
    with lab.serve(folder) as address:
        yield folder, address


IGNORED = [
    "404",
    "Failed to load",  # Lab itself asks for files that are not there
    "reading 'schema'",  # these two Notebook 7.6 says of a notebook without a widget, too
    "filebrowser:open-path",
    "widget model not found",  # of a saved widget, what the kept picture is there for
]


def notebook_runner(visit, served):
    """notebook(*cells) -> a page of JupyterLab in which these cells were run."""
    folder, address = served

    def run(*cells, width=1300, height=1000, place="lab/tree/test.ipynb?reset"):
        lab.write(folder / "test.ipynb", cells)
        page = visit(
            f"{address}/{place}", ignore=IGNORED, viewport={"width": width, "height": height}
        )
        page.set_default_timeout(90_000)
        lab.run_all(page)
        return page

    return run


@pytest.fixture
def notebook(visit, served):
    return notebook_runner(visit, served)


CELLS = {
    "plane": "from utils import widgets\nwidgets.plane('plane', 'plane-autoencoder')",
    "ladder": "widgets.beta()",
    "interpolation": "import torch\nwidgets.interpolation(images=torch.zeros(2, 1, 28, 28))",
    "statistics": "widgets.statistics('tuned')",
    "pad": "widgets.pad('beta-1')",
    "missing": "widgets.latents('nothing')",
}


@pytest.fixture(scope="module")
def shown(chromium, served):
    """shown(name) -> the output of one of CELLS, all of them in one notebook of JupyterLab."""
    with visitor(chromium) as visit:
        page = notebook_runner(visit, served)(*CELLS.values(), height=5000)  # all in sight
        yield lambda name: page.locator(".jp-CodeCell").nth([*CELLS].index(name))


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
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert float(first.input_value()) == pytest.approx(0.5, abs=0.011)
    page.wait_for_function(
        """async (value) => {
          const answer = await fetch('/files/z.txt', {cache: 'no-store'});
          const [first, second] = JSON.parse((answer.ok && (await answer.text())) || '[]');
          return Math.abs(first - value) < 1e-4 && second === 1;
        }""",
        arg=float(first.input_value()),
    )


def expect(locator):
    from playwright import sync_api  # only where there is a browser

    sync_api.expect.set_options(timeout=90_000)
    return sync_api.expect(locator)


@pytest.mark.long
def test_a_plane_in_lab_follows_the_pointer_and_loads_a_point(shown):
    plane = shown("plane")
    where, points = plane.locator(".vae-side > .vae-small").first, plane.locator(".vae-map .vae-c4")
    plane.locator(".vae-map").hover(position={"x": 100, "y": 60})
    before = pixels(plane.locator(".vae-large"))
    plane.locator(".vae-map").hover(position={"x": 300, "y": 300})
    assert np.abs(pixels(plane.locator(".vae-large")) - before).max() > 0.1
    expect(where).to_contain_text("looks")
    box = points.nth(3).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    plane.page.mouse.click(*middle)
    expect(plane.locator(".vae-side")).to_contain_text("μ ± 2σ")


def test_a_ladder_in_lab_has_eight_steps_without_any_own_run(shown):
    ladder = shown("ladder")
    rows = ladder.locator(".vae-table tbody tr")
    expect(rows).to_have_count(8)
    seen = []
    for key, row in (("Home", 0), ("End", 7)):
        ladder.locator("input[type=range]").focus()
        ladder.page.keyboard.press(key)
        expect(rows.nth(row)).to_have_class("vae-chosen")
        seen.append(pixels(ladder.locator(".vae-strip-picture").nth(1)))
    assert np.abs(seen[0] - seen[1]).mean() > 0.03
    assert rows.first.locator("th").inner_text() == "0"
    assert rows.last.locator("th").inner_text() == "10"


def test_a_walk_in_lab_goes_between_any_two_images_on_both_paths(shown):
    walk = shown("interpolation")
    strips, (start, end) = walk.locator(".vae-wide"), walk.locator(".vae-end select").all()
    expect(walk.locator(".vae-walk h4")).to_contain_text(["autoencoder", "tuned"])
    assert walk.locator(".vae-end option:checked").all_inner_texts() == ["your image"] * 2
    start.select_option("3")
    end.select_option("8")
    linear = [pixels(strip) for strip in strips.all()]
    assert all(np.abs(strip[:, :28] - strip[:, -28:]).max() > 0.5 for strip in linear)
    walk.locator(".vae-bar select").select_option("spherical")
    for strip, before in zip(strips.all(), linear, strict=True):
        change = np.abs(pixels(strip) - before)
        assert change[:, 116:144].max() > 0.02 and change[:, :28].max() < 0.01


def test_statistics_in_lab_can_be_exported(shown):
    table = shown("statistics")
    before = table.locator(".vae-table").inner_text()
    table.locator(".vae-bar select:visible").select_option("standard deviations of μ")
    assert table.locator(".vae-table").inner_text() != before
    with table.page.expect_download() as download:
        table.get_by_role("link", name="Save as CSV").click()
    lines = Path(download.value.path()).read_text("utf8").splitlines()
    assert len(lines) == 11 and len(lines[3].split(",")) == 1 + 2 * runs.load("tuned").nz


def test_a_drawing_in_lab_is_encoded(shown):
    pad = shown("pad")
    expect(pad.locator(".vae-main")).to_contain_text("The pad is empty")
    draw(pad.page, pad.locator(".vae-pad"), THREE)
    expect(pad.locator(".vae-score")).to_contain_text("nats")
    expect(pad.locator(".vae-main")).to_contain_text("look most like: 3")


def violations(page):
    """What axe finds in the outputs of a notebook; the rest of the page is Jupyter's."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page, context={"include": [".jp-OutputArea-output"]}).response
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


def test_axe_finds_nothing_in_what_lab_shows_in_either_theme(shown):
    page = shown("pad").page
    for theme in ("Dark", "Light"):
        change = (
            f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
        )
        page.evaluate(change)
        expect(page.locator("body")).to_have_attribute(
            "data-jp-theme-light", str(theme == "Light").lower()
        )
        assert violations(page) == []


def test_a_missing_run_in_lab_is_a_sentence(shown):
    expect(shown("missing").get_by_role("alert")).to_contain_text("there is no run 'nothing'")


def test_the_picture_stays_in_sight_while_the_last_slider_moves(notebook):
    page = notebook("from utils import widgets\nwidgets.latents('tuned', most=24)", height=620)
    sliders = page.locator(".vae-rows input")
    expect(sliders).to_have_count(24)
    sliders.nth(21).scroll_into_view_if_needed()
    sliders.nth(21).focus()
    box = page.locator(".vae-live .vae-large").bounding_box()
    assert box["y"] > 0 and box["y"] + box["height"] < 620
    assert page.locator("label", has_text="z21").count() == 1


GONE = """async () => {
  const kernels = await (await fetch('/api/kernels')).json();
  for (const { id } of kernels) await fetch(`/api/kernels/${id}`, { method: 'DELETE' });
}"""


def saved_and_opened_again(page):
    """Saves the notebook of this page and opens it again, its kernel gone."""
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(
        """async () => (await (await fetch('/files/test.ipynb', {cache: 'no-store'})).text())
          .includes('data:image')"""
    )
    page.evaluate(GONE)
    page.reload()


@pytest.mark.long
def test_a_saved_notebook_shows_the_last_picture_and_what_to_do(notebook):
    page = notebook(
        "from utils import explorers, widgets\nwidgets.latents('plane')",
        "explorers.interpolation('autoencoder', 'beta-0')",
    )
    for picture in (".vae-live .vae-large", ".vae-live .widget-image"):
        page.locator(picture).wait_for()
    assert page.locator(".vae-kept:visible").count() == 0
    page.wait_for_function("document.querySelectorAll('.vae-kept img').length > 1")
    saved_and_opened_again(page)
    expect(page.locator(".vae-kept:visible")).to_have_count(2)
    expect(page.locator(".vae-kept").first).to_contain_text("Run the cell again")
    assert page.locator(".vae-kept img:visible").count() >= 2
    assert page.get_by_text("model not found").locator("visible=true").count() == 0


LIVE = """from utils import plots
plots.live("tuned").show({"loss": [3.0, 2.0, 1.5]})"""


@pytest.mark.parametrize("width", [1400, pytest.param(390, marks=pytest.mark.long)])
def test_notebook_7_shows_what_jupyterlab_shows(notebook, width):
    page = notebook(
        "from utils.explore import explorers, widgets\nexplorers.interpolation()",
        "widgets.pad('tuned')",
        "widgets.latents('plane')",
        LIVE,
        width=width,
        height=2400,
        place="notebooks/test.ipynb",
    )
    walk, pad, latents, live = page.locator(".jp-CodeCell").all()
    handle, shown = walk.locator(".noUi-handle[aria-label]").first, walk.locator(".widget-image")
    expect(handle).to_have_attribute("aria-label", "t")
    before = shown.get_attribute("src")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", "0.51")
    expect(shown).not_to_have_attribute("src", before)
    draw(page, pad.locator(".vae-pad"), THREE)
    expect(pad.locator(".vae-main")).to_contain_text("look most like: 3")
    slider = latents.get_by_label("z1")  # the pad beside it has ids, too
    slider.press("ArrowRight")
    expect(latents.locator(".vae-rows output").nth(1)).to_have_text("0.05")
    expect(live.get_by_role("group")).to_have_attribute("aria-label", "tuned: epoch 3, loss 1.5")
    assert live.locator("polyline").is_visible()
    assert violations(page) == []
    for shown in page.locator(".vae-live").all():
        assert shown.evaluate("root => root.scrollWidth <= root.clientWidth")
    saved_and_opened_again(page)
    expect(page.locator(".vae-kept:visible")).to_have_count(3)
    assert page.get_by_text("model not found").locator("visible=true").count() == 0
