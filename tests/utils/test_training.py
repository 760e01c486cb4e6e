"""A run trains once, survives interruption, refuses what is not its own, and explains itself."""

import gc
import json
import subprocess
import sys
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import data, runs, training


class Small(nn.Module):
    """An autoencoder with batch norm (buffers) and dropout (random numbers in training)."""

    def __init__(self, nz=2, activation=nn.ReLU):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), activation(), nn.Linear(8, nz)
        )
        self.decoder = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(nz, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def start(
    name="run", settings=None, nz=2, activation=nn.ReLU, lr=1e-2, total=4, images=40, **options
):
    """A run as a notebook cell sets it up: model, optimizer, schedule and loader are new."""
    torch.manual_seed(0)
    model = Small(nz, activation)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    x = torch.rand(images, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    loader = data.Loader(x, torch.zeros(images, dtype=torch.long), batch_size=16, seed=3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=3 * total)
    options = {"scheduler": scheduler, "loader": loader} | options
    run = training.Run(name, model, optimizer, {"nz": nz} | (settings or {}), **options)
    run.made_with = optimizer, options["scheduler"], options["loader"]
    return run


def train(run, count=4, stop_in=None, error=KeyboardInterrupt):
    """The loop of a student; in epoch `stop_in` the body fails halfway."""
    model, (optimizer, scheduler, loader) = run.model, run.made_with
    trained = []
    for epoch in run.epochs(count):
        model.train()
        losses = []
        for x, _ in loader:
            loss = F.mse_loss(model(x + 0.01 * torch.randn_like(x)).sigmoid(), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if epoch == stop_in:
                raise error()
        run.log(loss=sum(losses) / len(losses))
        trained.append(epoch)
    return trained


@pytest.mark.parametrize("grading", [False, True])
def test_a_finished_run_keeps_no_gradient_and_in_grading_no_optimizer(monkeypatch, grading):
    if grading:
        monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    run = start()
    train(run)
    assert all(weight.grad is None for weight in run.model.parameters())
    optimizer = weakref.ref(run.made_with[0])
    del run.made_with
    gc.collect()
    assert (optimizer() is None) == grading


def test_a_run_leaves_weights_curves_and_settings(capsys):
    run = start(settings={"beta": 0.5})
    assert train(run) == [1, 2, 3, 4]
    assert sorted(p.name for p in run.folder.iterdir()) == [
        "curves.csv",
        "graph.json",
        "run.json",
        "weights.safetensors",
    ]
    assert runs.read_curves(run.folder) == run.curves and len(run.curves["loss"]) == 4
    info = json.loads((run.folder / "run.json").read_text())
    assert info["settings"] == {"nz": 2, "beta": 0.5} and info["finished"] == info["epochs"] == 4
    out, err = capsys.readouterr()
    assert "4/4" in out and "loss" in out
    assert err == "", "text on stderr costs marks in nbgrader"


def test_a_finished_run_is_loaded_instead_of_trained(capsys):
    first = start()
    train(first)
    capsys.readouterr()
    second = start()
    assert train(second) == []
    assert "already trained (4 epochs)" in capsys.readouterr().out
    assert second.curves == first.curves
    for a, b in zip(
        first.model.state_dict().values(), second.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("stop_in", [1, 2, 4])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(stop_in, capsys):
    whole = start("whole")
    train(whole)
    with pytest.raises(KeyboardInterrupt):
        train(start("torn"), stop_in=stop_in)
    assert f"stopped in epoch {stop_in} of 4" in capsys.readouterr().out
    torch.manual_seed(99)  # another session has other random numbers
    resumed = start("torn")
    assert train(resumed) == list(range(stop_in, 5))
    assert resumed.curves == whole.curves
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_an_interrupted_run_goes_on_in_the_same_session():
    whole = start("whole")
    train(whole)
    torn = start("torn")
    with pytest.raises(KeyboardInterrupt):
        train(torn, stop_in=3)
    assert train(torn) == [3, 4]
    assert torn.curves == whole.curves


def test_the_first_epochs_are_kept_when_the_student_stops_there():
    with pytest.raises(KeyboardInterrupt):
        train(start(), stop_in=3)
    run = start()
    assert train(run, count=2) == []
    assert len(run.curves["loss"]) == 2
    assert train(start(), count=2) == []


@pytest.mark.parametrize(
    "change, words",
    [
        ({"settings": {"beta": 2.0}}, "beta: 1.0 there, 2.0 now"),
        ({"lr": 1e-3}, "optimizer"),
        ({"nz": 3}, "model, encoder.4.weight"),
        ({"activation": nn.Tanh}, "step 4 of encode is relu there, tanh now"),
        ({"total": 8}, "total_steps=12"),
        ({"images": 32}, "loader: 40 images in batches of 16 there, 32 images in"),
    ],
)
def test_a_folder_of_another_run_is_refused(change, words):
    train(start(settings={"beta": 1.0}))
    with pytest.raises(training.TrainingError) as error:
        start(**({"settings": {"beta": 1.0}} | change))
    assert words in str(error.value)
    assert "fresh=True" in str(error.value)
    assert error.value._render_traceback_() == [f"TrainingError: {error.value}"]


def test_another_number_of_epochs_is_refused():
    train(start())
    with pytest.raises(training.TrainingError, match="epochs: 4 there, 2 now"):
        train(start(), count=2)


def test_a_changed_function_among_the_settings_is_refused():
    def loss(x):
        return x.sum()

    def other(x):
        return x.mean()

    other.__name__ = "loss"
    train(start(settings={"loss": loss}))
    assert train(start(settings={"loss": loss})) == []
    with pytest.raises(training.TrainingError, match="loss"):
        start(settings={"loss": other})


def test_fresh_trains_again():
    train(start())
    assert train(start(settings={"beta": 3.0}, fresh=True)) == [1, 2, 3, 4]
    assert train(start(settings={"beta": 3.0})) == []


def test_a_damaged_folder_says_what_to_do():
    run = start()
    train(run)
    (run.folder / "weights.safetensors").write_bytes(b"abc")
    with pytest.raises(training.TrainingError, match="damaged.*Delete the folder"):
        start()


def test_nan_stops_with_epoch_and_cause():
    run = start()
    with pytest.raises(training.TrainingError) as error:
        for _ in run.epochs(3):
            run.log(loss=1.0 if run.finished == 0 else float("nan"))
    message = str(error.value)
    assert "epoch 2" in message and "loss is nan" in message
    assert "weights are still finite" in message and "1 epoch saved" in message
    assert len(runs.read_curves(run.folder)["loss"]) == 1


def test_nan_weights_point_at_the_learning_rate():
    run = start(lr=0.5)
    with torch.no_grad():
        run.model.encoder[1].weight[0] = float("inf")
    with pytest.raises(training.TrainingError, match="learning rate"):
        for _ in run.epochs(3):
            run.log(loss=float("inf"))


def test_early_stop_finishes_the_run():
    run = start()
    for epoch in run.epochs(10):
        run.log(loss=1.0)
        if epoch == 4:
            run.stop()
    assert run.finished == 4
    assert not (run.folder / "resume.safetensors").exists()


def test_grading_trains_one_epoch_and_writes_nothing(monkeypatch, tmp_path, capsys):
    train(start())
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    run = start(settings={"other": 1})  # nothing is read either: no refusal
    assert train(run) == [1]
    assert sorted(tmp_path.rglob("*")) == before
    assert "already" not in capsys.readouterr().out


def test_settings_must_be_plain():
    with pytest.raises(training.TrainingError, match="settings.'x'"):
        start(settings={"x": nn.Linear(1, 1)})


def test_a_model_that_cannot_be_written_down_is_trained_all_the_same():
    run = start()
    run.model.encoder.append(nn.Softmax(dim=0))
    run = training.Run("odd", run.model, settings={"nz": 2})
    for _ in run.epochs(1):
        run.log(loss=1.0)
    assert "softmax" in runs.read_info(run.folder)["no_graph"]
    assert (run.folder / "weights.safetensors").exists()


NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("import torch; from utils import data, training")
shell.run_cell("loader = data.Loader(torch.rand(64, 1), torch.zeros(64), batch_size=64)")
for error in ("raise KeyboardInterrupt", "torch.empty(2**60)", "torch.ones(2) @ torch.ones(3)"):
    print("CELL")
    shell.run_cell('''
run = training.Run("cell", torch.nn.Linear(1, 1), loader=loader, fresh=True)
for epoch in run.epochs(3):
    if epoch == 2:
        %s
    run.log(loss=1.0)
''' % error)
"""


@pytest.mark.dear
def test_what_a_notebook_shows_when_the_loop_fails():
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True)
    interrupted, too_large, other = (done.stdout + done.stderr).split("CELL")[1:]
    assert "stopped in epoch 2 of 3" in interrupted and "run the cell again" in interrupted
    assert "Traceback" not in interrupted
    assert "out of memory" in too_large and "batch_size=32" in too_large
    assert "Traceback" not in too_large
    assert "Traceback" in other and "RuntimeError" in other, "an ordinary error is shown in full"


def test_a_comment_or_docstring_does_not_refuse_a_run(tmp_path):
    def loss_of(source):
        path = tmp_path / f"m{len(list(tmp_path.iterdir()))}.py"
        path.write_text(source)
        names = {}
        exec(compile(source, path, "exec"), names)
        return names["loss"]

    plain = loss_of("def loss(x):\n    return x.sum()\n")
    told = loss_of('def loss(x):\n    """A loss."""\n\n    # of x\n    return x.sum()  # all\n')
    other = loss_of("def loss(x):\n    return x.mean()\n")
    train(start(settings={"loss": plain}))
    assert train(start(settings={"loss": told})) == []
    with pytest.raises(training.TrainingError, match="loss"):
        start(settings={"loss": other})


def test_advice_names_the_function_that_was_called():
    def fit(beta, fresh=False):
        return training.Run("r", nn.Linear(1, 1), settings={"beta": beta}, fresh=fresh)

    for _ in fit(1.0).epochs(1):
        pass
    with pytest.raises(training.TrainingError, match=r"fit\(…, fresh=True\)"):
        fit(2.0)
    assert [epoch for epoch in fit(2.0, fresh=True).epochs(1)] == [1]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "taken").write_text("")  # no folder can be made below a file
    run = training.Run("r", nn.Linear(1, 1), folder=tmp_path / "taken")
    with pytest.raises(training.TrainingError, match="cannot be saved in") as error:
        next(run.epochs(2))
    assert "Errno" not in str(error.value)
