"""An explorer shows what its controls say, for any latent size, and says in words what is wrong."""

import csv
import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from utils import runs, training
from utils.explore import box, explorers, ladders, sheets
from utils.explore.drawing import centred


class Model(nn.Module):
    def __init__(self, nz, variational=True):
        super().__init__()
        self.variational = variational
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 2 * nz if variational else nz))
        self.decoder = nn.Sequential(nn.Linear(nz, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        return self.body(x).chunk(2, 1) if self.variational else self.body(x)


@pytest.fixture(autouse=True)
def in_an_assignment(tmp_path, monkeypatch):
    """A notebook's folder without runs, in a kit without reference runs, with the kit's data."""
    (tmp_path / "explore").mkdir()
    monkeypatch.chdir(tmp_path / "explore")
    monkeypatch.setattr(runs, "REFERENCE", tmp_path / "reference")
    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def trained(name, nz=4, variational=True, spoiled=False, folder="runs", **settings):
    """Save a run of random weights, or of NaN if it is to be spoiled; return the model."""
    torch.manual_seed(sum(map(ord, name)))
    model = Model(nz, variational)
    run = training.Run(name, model, settings={"nz": nz, **settings}, folder=folder)
    for _ in run.epochs(1):
        if spoiled:
            nn.init.constant_(model.decoder[0].bias, torch.nan)
        run.log(reconstruction=100 + settings.get("beta", 0), kl=20.0)
    return model


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def tile(png, scale, column=0):
    """One image of a strip, without the pixels of its frame: (26, 26), ink 1 and paper 0."""
    left = column * 30 * scale
    gray = pixels(png)[sheets.LABEL_HEIGHT :, left : left + 28 * scale]
    return 1 - gray[::scale, ::scale].astype(float)[1:-1, 1:-1] / 255


def decoding(model, z):
    """What a model decodes from one latent, as `tile` has it."""
    with torch.no_grad():
        return torch.sigmoid(model.decoder(z.reshape(1, -1)))[0, 0, 1:-1, 1:-1].numpy()


def test_beta_slider_shows_each_model_with_its_losses():
    for beta in (2.0, 0.0, 10.0):
        trained(f"beta-{beta:g}", beta=beta)
    explorer = explorers.beta()
    assert [label for label, _ in explorer.slider.options] == ["0", "2", "10"]
    seen = set()
    for step, beta in enumerate((0, 2, 10)):
        explorer.slider.value = step
        assert pixels(explorer.picture.value).shape[1] > 500
        assert f"β = {beta}" in explorer.caption.value
        bold = explorer.losses.value.split("font-weight:bold")[1].split("</tr>")[0]
        assert f"{100 + beta:.1f}" in bold and "20.0" in bold
        seen.add(explorer.picture.value)
    assert len(seen) == 3


def test_ladder_leaves_out_other_architectures_broken_runs_and_autoencoders():
    for beta in (0.0, 1.0, 4.0):
        trained(f"beta-{beta:g}", beta=beta)
    trained("other", nz=7, beta=3.0)
    trained("autoencoder", variational=False)
    trained("broken", spoiled=True, beta=5.0)
    (ladder,) = [ladder for ladder in ladders.find_ladders().values() if ladder]
    assert [run.settings["beta"] for run in ladder] == [0, 1, 4]


def test_ladder_takes_the_kits_runs_until_there_are_three_of_ones_own(tmp_path):
    for beta in (0.0, 1.0, 2.0, 3.0):
        trained(f"beta-{beta:g}", beta=beta, folder=tmp_path / "reference")
    trained("beta-0", beta=0.0)
    trained("tuned", beta=0.5)
    assert len(explorers.beta().ladder) == 4
    trained("beta-10", beta=10.0)
    assert [run.source for run in explorers.beta().ladder] == ["yours"] * 3
    assert len(explorers.beta("reference").ladder) == 4
    explorer = explorers.beta()
    explorer.which.value = "the kit's runs"
    assert [label for label, _ in explorer.slider.options] == ["0", "1", "2", "3"]
    assert "β = 2" in explorer.caption.value


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_interpolation_ends_at_what_both_models_make_of_the_two_images(path):
    autoencoder = trained("autoencoder", nz=3, variational=False)
    vae = trained("tuned", nz=5)
    x0, x1 = torch.rand(2, 1, 28, 28)
    explorer = explorers.interpolation(images=(x0, x1))
    explorer.path.value = path
    explorer.slider.value = 1.0
    shown = [tile(explorer.picture.value, 5, column) for column in range(4)]  # from, AE, VAE, to
    wanted = [
        x0[0, 1:-1, 1:-1].numpy(),
        decoding(autoencoder, autoencoder.encode(x1[None])),
        decoding(vae, vae.encode(x1[None])[0]),
        x1[0, 1:-1, 1:-1].numpy(),
    ]
    assert np.abs(np.stack(shown) - np.stack(wanted)).max() < 0.01  # a byte is 0.004
    before = explorer.picture.value
    explorer.slider.value = 0.4
    assert explorer.picture.value != before


def test_interpolation_chooses_images_by_label():
    trained("autoencoder", nz=3, variational=False)
    trained("tuned", nz=5)
    explorer = explorers.interpolation()
    start = explorer.picture.value
    explorer.end.label.value = 3
    assert explorer.picture.value != start
    other = explorer.picture.value
    explorer.end.number.value = 1
    assert explorer.picture.value != other


def test_other_than_two_images_are_refused_in_words():
    trained("autoencoder", nz=3, variational=False)
    trained("tuned", nz=5)
    sentence = explorers.interpolation(images=torch.rand(2, 14, 14))
    assert isinstance(sentence, box.Sentence) and "not (14, 14)" in sentence.value


def test_spherical_path_keeps_the_length_between_those_of_the_ends():
    trained("autoencoder", nz=3, variational=False)
    trained("tuned", nz=5)
    explorer = explorers.interpolation()
    linear = explorer.view(0.5, "linear")[0]
    assert linear != explorer.view(0.5, "spherical")[0]
    assert explorer.view(0.0, "linear")[0] == explorer.view(0.0, "spherical")[0]


def test_plane_decodes_the_point_and_goes_to_a_test_image():
    model = trained("plane", nz=2)
    explorer = explorers.plane()
    before = explorer.map.value, explorer.picture.value
    for slider, value in zip(explorer.sliders, (1.0, -2.0), strict=True):
        slider.value = value
    assert explorer.z == [1.0, -2.0]
    assert (explorer.map.value, explorer.picture.value) != before
    right = decoding(model, torch.tensor([1.0, -2.0]))
    assert np.abs(tile(explorer.picture.value, 8) - right).max() < 0.01
    explorer.example.label.value = 7
    code = explorer.run.encode(explorer.example.x[None])[0]
    assert explorer.mu == explorer.z == pytest.approx(code.tolist())
    assert [slider.value for slider in explorer.sliders] == pytest.approx(code.tolist(), abs=0.05)


def test_plane_is_moved_by_python_as_a_widget_is():
    trained("plane", nz=2)
    explorer, seen = explorers.plane(), []
    explorer.observe(lambda change: seen.append(change["new"]), "z")
    explorer.move(torch.tensor([0.5, -1]))
    assert seen == [[0.5, -1.0]] and [slider.value for slider in explorer.sliders] == [0.5, -1.0]
    with pytest.raises(ValueError, match="z has 2 numbers, not 3"):
        explorer.move([1, 2, 3])


def test_plane_refuses_other_latent_sizes_in_words():
    trained("plane", nz=3)
    refusal = explorers.plane()
    assert isinstance(refusal, box.Sentence) and "3 latent dimensions" in refusal.value


@pytest.mark.parametrize("nz", [1, 5, 30])
def test_latents_has_a_slider_a_dimension_and_shows_what_they_decode_to(nz):
    model = trained("tuned", nz=nz)
    explorer = explorers.latents()
    assert len(explorer.sliders) == min(nz, 12)
    explorer.randomize.click()
    explorer.sliders[0].value = 1.5
    assert (
        np.abs(tile(explorer.picture.value, 8) - decoding(model, torch.tensor(explorer.z))).max()
        < 0.01
    )
    explorer.reset.click()
    assert [slider.value for slider in explorer.sliders] == [0] * len(explorer.sliders)


def test_an_example_is_encoded_and_its_posterior_drawn_from():
    trained("tuned")
    explorer = explorers.latents()
    assert {text.value for text in explorer.posteriors} == {"μ +0.00 &nbsp; σ 1.00"}, "the prior"
    explorer.example.label.value = 3
    mu = explorer.run.encode(explorer.example.x[None])[0].tolist()
    assert explorer.z == explorer.mu == mu and len(explorer.image) == 784
    assert f"μ {mu[0]:+.2f}" in explorer.posteriors[0].value
    before = explorer.picture.value
    explorer.draw.click()
    assert explorer.picture.value != before and explorer.mu == mu != explorer.z


def test_latents_of_an_autoencoder_have_no_sigma():
    trained("autoencoder", variational=False)
    explorer = explorers.latents("autoencoder")
    explorer.example.number.value = 5
    assert "μ" in explorer.posteriors[0].value and "σ" not in explorer.posteriors[0].value
    assert explorer.draw.layout.display == "none"


def test_several_runs_are_offered_in_a_menu():
    trained("tuned", nz=3)
    trained("wide", nz=5)
    box = explorers.latents("tuned", "wide")
    menu, first = box.children
    menu.index = 1
    assert len(first.sliders) == 3 and len(box.children[1].sliders) == 5


def test_a_drawing_from_a_file_is_centred_and_sampled():
    trained("tuned")
    explorer = explorers.pad()
    before = explorer.picture.value
    drawing = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(drawing).line([(40, 20), (40, 180)], "black", 16)  # far from the middle
    explorer.take(sheets.png(drawing))
    assert explorer.picture.value != before and "nats" in explorer.caption.value
    (seen,) = centred(drawing)
    rows, columns = np.nonzero(seen.numpy() > 0.1)
    assert np.ptp(rows) + 1 == 20 and abs(rows.mean() - 13.5) <= 1 and abs(columns.mean() - 14) <= 1
    explorer.take(sheets.png(Image.new("L", (50, 50), "white")))
    assert "empty" in explorer.caption.value
    explorer.take(b"no picture")
    assert "not a picture" in explorer.caption.value


def test_statistics_uses_the_students_function_and_exports_a_table():
    trained("tuned", nz=3)

    def digit_statistics(mu, y):
        means = torch.stack([mu[y == digit].mean(dim=0) for digit in range(10)])
        means[4] = torch.nan
        return means, means + 1

    explorer = explorers.statistics(digit_statistics)
    assert "–" in explorer.table.value  # an absent class
    assert pixels(explorer.picture.value).shape[1] == 10 * 60, "a picture of every mean"
    before = explorer.table.value
    explorer.which.value = "standard deviation"
    assert explorer.table.value != before
    rows = list(csv.DictReader(io.StringIO(explorer.csv())))
    assert [row["class"] for row in rows] == [str(digit) for digit in range(10)]
    mean, std = (float(rows[7][f"{which} z2"]) for which in ("mean", "standard deviation"))
    assert std == pytest.approx(mean + 1, abs=1e-4)


@pytest.mark.parametrize("name", ["beta", "interpolation", "plane", "latents", "pad"])
def test_a_missing_run_is_a_sentence(name):
    sentence = getattr(explorers, name)()
    assert isinstance(sentence, box.Sentence)
    assert "Train" in sentence.value and "Traceback" not in sentence.value


def test_a_run_of_nan_is_a_sentence():
    trained("tuned", spoiled=True)
    sentence = explorers.latents()
    assert isinstance(sentence, box.Sentence) and "NaN" in sentence.value


def test_fashion_runs_show_fashion_images():
    trained("fashion-plane", nz=2, dataset="FashionMNIST")
    explorer = explorers.plane("fashion-plane")
    assert "Trouser" in explorer.legend.value
    assert "Trouser" in dict(explorer.example.label.options)


def test_plain_explorers_are_of_ipywidgets_alone_in_colab(monkeypatch):
    def modules(widget):
        yield widget._view_module
        for child in getattr(widget, "children", ()):
            yield from modules(child)

    trained("tuned")
    assert "anywidget" in {*modules(explorers.latents())}
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert "anywidget" not in {*modules(explorers.latents())}
