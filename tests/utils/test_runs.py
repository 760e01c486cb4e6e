"""A run folder is used without the code that made it; the kit's run stands in for a missing one."""

import json
import os

import pytest
import torch
from torch import nn

from utils import runs, training


class Model(nn.Module):
    def __init__(self, nz=3):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 2 * nz))
        self.decoder = nn.Sequential(nn.Linear(nz, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        return self.body(x).chunk(2, 1)


class Noisy(Model):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return torch.randn_like(mu) + mu, logvar


@pytest.fixture(autouse=True)
def in_an_assignment(tmp_path, monkeypatch):
    folder = tmp_path / "vae"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return folder


def trained(name="mine", model=None, epochs=2, stop=None):
    model = model or Model()
    run = training.Run(name, model, settings={"nz": 3, "beta": 1.0})
    for epoch in run.epochs(epochs):
        run.log(kl=1.5 * epoch)
        if epoch == stop:
            break
    return model


def test_a_run_computes_what_the_model_computes(capsys):
    model = trained()
    loaded = runs.load("mine")
    assert "mine: your run (2 epochs)" in capsys.readouterr().out
    assert (loaded.source, loaded.kind, loaded.nz) == ("yours", "vae", 3)
    assert loaded.settings == {"nz": 3, "beta": 1.0} and loaded.curves == {"kl": [1.5, 3.0]}
    x, z = torch.rand(6, 1, 28, 28), torch.randn(6, 3)
    mu, logvar = loaded.posterior(x)
    torch.testing.assert_close((mu, logvar), model.encode(x))
    torch.testing.assert_close(loaded.encode(x), mu)
    torch.testing.assert_close(loaded.decode(z), model.decoder(z))
    assert not loaded.decode(z).requires_grad


def test_more_images_than_a_chunk():
    model = trained()
    x = torch.rand(2 * runs.CHUNK + 3, 1, 28, 28)
    torch.testing.assert_close(runs.load("mine").encode(x), model.encode(x)[0])


def test_a_run_of_another_notebook_is_found(in_an_assignment, monkeypatch):
    trained()
    other = in_an_assignment.parent / "interpolation"
    other.mkdir()
    monkeypatch.chdir(other)
    assert runs.exists("mine")
    assert runs.load("mine").source == "yours"
    assert not runs.exists("nothing")


def test_an_unknown_run_lists_what_there_is():
    with pytest.raises(runs.RunError, match="no run 'nothing'"):
        runs.load("nothing")


def test_the_wrong_shape_is_named():
    trained()
    loaded = runs.load("mine")
    with pytest.raises(runs.RunError, match=r"\(B, 1, 28, 28\).*\(4, 28, 28\)"):
        loaded.encode(torch.rand(4, 28, 28))
    with pytest.raises(runs.RunError, match=r"decode takes.*\(B, 3\)"):
        loaded.decode(torch.rand(4, 2))


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """The kit comes with a run called 'mine'."""
    home = os.getcwd()
    kit = tmp_path / "kit" / "utils"
    kit.mkdir(parents=True)
    monkeypatch.chdir(kit)
    trained()
    monkeypatch.chdir(home)
    monkeypatch.setattr(runs, "REFERENCE", kit / "runs")


def test_without_a_run_of_ones_own_the_kits_is_used(reference, capsys):
    assert runs.load("mine").source == "reference"
    assert "the kit's reference run (you have no run" in capsys.readouterr().out


def test_an_unfinished_run_gives_way_to_the_kits_and_says_so(reference, capsys):
    trained(epochs=3, stop=2)
    assert runs.load("mine").source == "reference"
    assert "unfinished, 1 of 3 epochs" in capsys.readouterr().out


def test_an_unfinished_run_that_the_kit_lacks_is_used_and_says_so(capsys):
    trained(epochs=3, stop=2)
    assert runs.load("mine").source == "yours"
    assert "unfinished, 1 of 3 epochs" in capsys.readouterr().out


def test_a_run_that_cannot_be_written_down_gives_way_to_the_kits(reference, capsys):
    trained(model=Noisy())
    assert runs.load("mine").source == "reference"
    assert "randn" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["weights.safetensors", "run.json", "graph.json", "curves.csv"])
def test_a_damaged_run_gives_way_to_the_kits(file, reference, in_an_assignment, capsys):
    trained()
    (in_an_assignment / "runs" / "mine" / file).write_bytes(b"\x00\xff{")
    assert runs.load("mine").source == "reference"
    assert f"{file} is missing or damaged" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[]", '{"kind": "vae"}', '{"kind": 1, "nz": "x", "decode": 3}'])
def test_a_graph_of_another_form_gives_way_to_the_kits(text, reference, in_an_assignment, capsys):
    trained()
    (in_an_assignment / "runs" / "mine" / "graph.json").write_text(text)
    assert runs.load("mine").source == "reference"
    assert "graph.json" in capsys.readouterr().out


def test_weights_of_another_model_give_way_to_the_kits(reference, in_an_assignment, capsys):
    trained()
    trained("wide", Model(nz=5))
    folder = in_an_assignment / "runs"
    (folder / "wide" / "weights.safetensors").replace(folder / "mine" / "weights.safetensors")
    assert runs.load("mine").source == "reference"
    assert "does not fit" in capsys.readouterr().out


def test_a_folder_of_a_later_format_is_not_guessed_at(reference, in_an_assignment, capsys):
    trained()
    path = in_an_assignment / "runs" / "mine" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    assert runs.load("mine").source == "reference"
    assert "format 99" in capsys.readouterr().out


def test_a_run_without_encoder_decodes():
    model = nn.Module()
    model.decoder = Model().decoder
    trained(model=model)
    loaded = runs.load("mine")
    assert loaded.decode(torch.randn(2, 3)).shape == (2, 1, 28, 28)
    with pytest.raises(runs.RunError, match="no encoder"):
        loaded.encode(torch.rand(2, 1, 28, 28))


KIT = [
    "autoencoder",
    "beta-0",
    "beta-10",
    "tuned",
    "plane",
    "plane-autoencoder",
    "fashion-plane",
    "fashion-plane-autoencoder",
]


@pytest.mark.parametrize("name", KIT)
def test_the_kits_own_run(name):
    loaded = runs.load(name)
    assert loaded.source == "reference" and loaded.nz == (2 if "plane" in name else loaded.nz)
    assert loaded.kind == ("autoencoder" if "autoencoder" in name else "vae")
    assert loaded.decode(loaded.encode(torch.rand(2, 1, 28, 28))).isfinite().all()
    assert "measured" in loaded.info


def test_the_kits_runs_are_small():
    files = [path for path in runs.REFERENCE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 6_200_000


def test_state_survives_saving(tmp_path):
    state = {"a": {0: torch.arange(3), "k": [1.5, None, True]}, "empty": {}, "x": torch.ones(())}
    runs.write_state(tmp_path / "s.safetensors", state)
    back = runs.read_state(tmp_path / "s.safetensors")
    assert torch.equal(back["a"][0], torch.arange(3)) and back["a"]["k"] == [1.5, None, True]
    assert back["empty"] == {} and back["x"].shape == ()


def test_the_kits_families_show_what_a_student_did_not_train():
    found = runs.families()
    assert set(found) == {"Gaussian", "Exponential", "Laplace", "Uniform", "Full Gaussian"}
    for kit in found.values():
        assert kit["map"].shape == (len(kit["labels"]), 2) and kit["map"].isfinite().all()
        assert kit["samples"].shape == kit["walk"].shape == (10, 1, 28, 28)
        assert set(kit["curves"]) == {"reconstruction", "kl"}
        assert {"train", "test", "KL (nats)", "k-NN, latents", "k-NN, map"} <= set(kit["scores"])


def test_families_are_read_as_they_were_written(tmp_path, monkeypatch):
    images = torch.rand(10, 1, 28, 28)
    shown = {
        "scores": {"train": 0.1},
        "curves": {"kl": [1.0, 2.0]},
        "map": torch.randn(4, 2),
        "labels": torch.arange(4),
        "samples": images,
        "walk": images,
    }
    monkeypatch.setattr(runs, "REFERENCE", tmp_path)
    assert runs.families() == {}
    runs.write_families({"Gaussian": shown})
    read = runs.families()["Gaussian"]
    assert read["scores"] == shown["scores"] and read["curves"] == shown["curves"]
    assert torch.allclose(read["map"], shown["map"], atol=5e-3)
    assert torch.allclose(read["samples"], images, atol=2e-3)
