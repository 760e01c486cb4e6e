"""Submitted runs: the same numbers by graph and by class, and harmless when hostile."""

import json
import os
import shutil
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from autograder.exam.examiner import Cell, Isolated
from autograder.exam.walls.common import Limits
from autograder.exam.warm import Warm
from autograder.key.kinds import trained
from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize
from benchmarks import honest
from tests.bank import runs as bank
from tests.support.forked import Forked
from utils import graph, runs

CODE = """
import torch
from torch import nn
class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 2 * nz))
        self.decoder = nn.Linear(nz, 784)
    def encode(self, x):
        return self.encoder(x).chunk(2, 1)
    def decode(self, z):
        return self.decoder(z).view(-1, 1, 28, 28)
"""


@pytest.fixture
def submission(tmp_path):
    """A submission with the run `tuned` of a small VAE."""
    names = {}
    exec(CODE, names)
    torch.manual_seed(0)
    model = names["VAE"](3)
    (tmp_path / "student.py").write_text(CODE)
    folder = tmp_path / "runs" / "tuned"
    settings = {"settings": {"nz": 3}, "epochs": 2, "finished": 2}
    curves = {"kl": [2.0, 1.0]}
    runs.write(folder, model.state_dict(), curves, settings, graph.trace(model, 3))
    return SimpleNamespace(folder=tmp_path, run=folder, model=model, code=tmp_path / "student.py")


def evaluate(submission, name="tuned", kind="vae", seconds=60):
    return trained.evaluate(submission, name, kind, seconds)


def test_numbers_are_those_of_the_reference_formulas(submission):
    found = evaluate(submission)
    x = torch.from_numpy(trained.held_out())
    with torch.no_grad():
        mu, logvar = submission.model.encode(x)
        kl = kl_gaussian(mu, logvar).mean().item()
        torch.manual_seed(1)
        logits = submission.model.decode(reparametrize(mu, logvar))
        reconstruction = -bernoulli_log_likelihood(x, logits).mean().item()
    assert found["tuned.kl"] == pytest.approx(kl, rel=1e-4)
    assert found["tuned.reconstruction"] == pytest.approx(reconstruction, rel=1e-2)  # other noise
    assert found["tuned.elbo"] == -found["tuned.reconstruction"] - found["tuned.kl"]
    assert found["tuned.nz"] == 3 and not found["tuned.copied"]


def test_without_a_graph_the_class_gives_the_same_numbers(submission):
    by_graph = evaluate(submission)
    (submission.run / "graph.json").unlink()
    student = Forked(submission.code)
    try:
        by_class = trained.evaluate(student, "tuned", "vae")
    finally:
        student.close()
    for key in ("tuned.reconstruction", "tuned.kl", "tuned.elbo"):
        assert by_class[key] == pytest.approx(by_graph[key], rel=1e-5)


REMEMBERS = """
import torch
seen = {}
class VAE(torch.nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.a, self.nz = torch.nn.Parameter(torch.zeros(1)), nz
    def encode(self, x):
        seen['x'] = x
        seen['mu'] = .8 * torch.randn(len(x), self.nz, generator=torch.Generator().manual_seed(0))
        return seen['mu'], torch.full((len(x), self.nz), -4.)
    def decode(self, z):
        nearest = torch.cdist(z, seen['mu']).argmin(1)
        return torch.logit(seen['x'][nearest].clamp(1e-3, 1 - 1e-3))
"""


def test_a_class_that_remembers_the_images_decodes_nothing(submission):
    (submission.run / "graph.json").unlink()
    save_file({"a": torch.zeros(1)}, submission.run / "weights.safetensors")
    with Warm(Limits()) as warm:
        student = Isolated([Cell(REMEMBERS)], submission.folder, [], "vae", warm, [])
        try:
            student.run(0)
            student.position = 1
            found = trained.evaluate(student, "tuned", "vae")
        finally:
            student.close()
    assert "KeyError" in found["tuned.problem"]


@pytest.mark.parametrize("told", [{"mu": "x"}, {"mu": 3}, {"logvar": [1]}])
def test_a_class_that_tells_no_arrays_says_so(submission, told):
    (submission.run / "graph.json").unlink()
    codes = {"mu": np.zeros((2000, 3)), "logvar": np.zeros((2000, 3)), **told}
    student = SimpleNamespace(folder=submission.folder, ask=lambda *a: codes)
    assert trained.evaluate(student, "tuned", "vae")["tuned.problem"]


def test_a_class_that_does_not_take_the_weights_says_so(submission):
    (submission.run / "graph.json").unlink()
    submission.code.write_text(CODE.replace("nn.Linear(nz, 784)", "nn.Linear(nz, 700)"))
    student = Forked(submission.code)
    try:
        found = trained.evaluate(student, "tuned", "vae")
    finally:
        student.close()
    assert "could not take the weights" in found["tuned.problem"]


def test_the_score_does_not_depend_on_the_state_of_any_generator(submission):
    torch.manual_seed(3)
    first = evaluate(submission)
    torch.manual_seed(4)
    assert evaluate(submission) == first


def test_evaluating_survives_parallel_work_and_threads_of_the_parent(submission):
    torch.set_num_threads(2)
    torch.randn(800, 800) @ torch.randn(800, 800)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert "tuned.elbo" in evaluate(submission)
    finally:
        stop.set()
        thread.join()


def _hostile(submission, change):
    path = submission.run / "graph.json"
    program = json.loads(path.read_text())
    change(program["encode"])
    path.write_text(json.dumps(program))


def test_a_graph_that_asks_for_all_memory_is_refused(submission):
    _hostile(
        submission,
        lambda p: p["ops"].insert(
            0, {"op": "full", "in": [], "out": "%99", "shape": [10**6, 10**3], "value": 1.0}
        ),
    )
    assert "memory" in evaluate(submission)["tuned.problem"]


def test_a_graph_that_never_ends_is_stopped(submission):
    op = {"op": "full", "in": [], "out": "%99", "shape": [10_000], "value": 1.0}
    _hostile(submission, lambda p: p["ops"].extend([op] * 50_000))
    assert "takes more than" in evaluate(submission, seconds=3)["tuned.problem"]


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"kind": "vae"}', "[" * 100_000])
def test_a_graph_of_another_form_is_refused(submission, text):
    (submission.run / "graph.json").write_text(text)
    assert evaluate(submission)["tuned.problem"]


def test_a_link_out_of_the_submission_is_not_followed(submission, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "weights.safetensors"
    weights = submission.run / "weights.safetensors"
    shutil.move(weights, elsewhere)
    os.symlink(elsewhere, weights)
    assert "missing" in evaluate(submission)["tuned.problem"]


def test_a_pickle_is_never_loaded(submission, tmp_path):
    witness = tmp_path / "witness"

    class Payload:
        def __reduce__(self):
            return (os.mkdir, (str(witness),))

    torch.save(Payload(), submission.run / "weights.safetensors")
    assert "safetensors" in evaluate(submission)["tuned.problem"]
    assert not witness.exists()


def test_too_many_latents_are_refused(submission):
    (submission.run / "graph.json").unlink()
    info = json.loads((submission.run / "run.json").read_text())
    info["settings"]["nz"] = 784
    (submission.run / "run.json").write_text(json.dumps(info))
    save_file({"a": torch.zeros(2)}, submission.run / "weights.safetensors")
    assert "latent dimensions" in evaluate(submission)["tuned.problem"]


# -- the kit's own runs, and public test images ---------------------------------------------------

SETTINGS = [(1.0, 1), (1.0, 12), (0.0, 3), (10.0, 3), (0.3, 6), (None, 3)]  # beta, epochs
HONEST = [(a, *s) for a in list(honest.ARCHITECTURES)[:5] for s in SETTINGS]


def _public(run, kind):
    """Reconstruction error and KL of the public test images, the plain way."""
    model = runs.Trained(run, "yours")
    x = torch.from_numpy(trained.held_out())
    mu, logvar = model.posterior(x) if kind == "vae" else (model.encode(x), None)
    noise = np.random.default_rng(trained.NOISE).standard_normal(mu.shape)
    z = mu if logvar is None else mu + (0.5 * logvar).exp() * torch.from_numpy(noise)
    error = -bernoulli_log_likelihood(x, model.decode(z.float())).mean().item()
    return error, None if logvar is None else kl_gaussian(mu, logvar).mean().item()


def _is_measured_by_public_images_alone(folder, name, kind):
    for seed in range(3):
        found = trained.evaluate(SimpleNamespace(folder=folder), name, kind, seed=seed)
        assert found[f"{name}.copied"] is None and not found[f"{name}.by heart"]
        error, kl = _public(folder / "runs" / name, kind)
        assert found[f"{name}.reconstruction"] == pytest.approx(error, rel=1e-3)
        assert found.get(f"{name}.kl") == (kl if kl is None else pytest.approx(kl, rel=1e-3))


@pytest.mark.parametrize("name", honest.QUICK)
def test_honest_runs_are_nobody_elses_and_lose_nothing(tmp_path, name):
    bank.place(tmp_path, name)
    kind = "autoencoder" if name.endswith("autoencoder") else "vae"
    _is_measured_by_public_images_alone(tmp_path, name, kind)


@pytest.mark.long
@pytest.mark.parametrize("architecture, beta, epochs", HONEST)
def test_thirty_honest_runs_are_nobody_elses_and_lose_nothing(tmp_path, architecture, beta, epochs):
    honest.hand_in(tmp_path / "runs" / "own", architecture, beta, epochs, images=4000)
    kind = "autoencoder" if beta is None else "vae"
    _is_measured_by_public_images_alone(tmp_path, "own", kind)


def _disguised(how, target):
    if isinstance(how, float):
        bank.nudged(how)(target)
    elif how == "both":
        for edit in (bank.permuted, bank.rescaled, bank.nudged(1e-3)):
            edit(target)
    else:
        getattr(bank, how)(target)


COPIES = [
    (name, how)
    for name in ("tuned", "beta-0", "beta-10", "beta-1", "autoencoder")
    for how in ("permuted", "rescaled", "both", 1e-6, 1e-4, 1e-2)
]
FEW = [(name, how) for name, how in COPIES if name == "autoencoder" or how == 1e-2]


@pytest.mark.parametrize(
    "name, how", [pytest.param(*c, marks=[] if c in FEW else [pytest.mark.long]) for c in COPIES]
)
def test_a_disguised_copy_of_the_kits_runs_is_recognised(tmp_path, name, how):
    bank.place(tmp_path, name, own=False)
    target = tmp_path / "runs" / name
    before = _public(target, "autoencoder")[0] if how in ("permuted", "rescaled") else None
    _disguised(how, target)
    if before:  # it is a disguise: other weights, and the same pictures
        assert _public(target, "autoencoder")[0] == pytest.approx(before, rel=1e-3)
    kind = "autoencoder" if name == "autoencoder" else "vae"
    found = trained.evaluate(SimpleNamespace(folder=tmp_path), name, kind)
    assert found[f"{name}.copied"] == name


def test_a_copy_without_its_graph_is_recognised_by_its_class(tmp_path):
    bank.place(tmp_path, "autoencoder", own=False, edit=bank.nudged(1e-3))
    target = tmp_path / "runs" / "autoencoder"
    (target / "graph.json").unlink()
    code = tmp_path / "student.py"
    code.write_text(KITS)
    student = Forked(code)
    try:
        found = trained.evaluate(student, "autoencoder", "autoencoder")
    finally:
        student.close()
    assert found["autoencoder.copied"] == "autoencoder"


KITS = """
from torch import nn
from benchmarks.train_reference import convolutional

class Encoder(nn.Sequential):
    def __init__(self, nz):
        super().__init__(*convolutional(nz, nz)[0])

class Decoder(nn.Sequential):
    def __init__(self, nz):
        super().__init__(*convolutional(nz, nz)[1])
"""


def test_who_holds_the_test_images_is_measured_on_others(tmp_path):
    bank.place(tmp_path, "tuned", edit=bank.by_heart)
    assert _public(tmp_path / "runs" / "tuned", "vae")[0] < 60  # far better than any honest run
    found = trained.evaluate(SimpleNamespace(folder=tmp_path), "tuned", "vae")
    assert found["tuned.by heart"] and found["tuned.elbo"] < -200


@pytest.mark.parametrize("odd", [np.zeros(()), np.zeros((3, 3)), np.zeros((0, 2))])
@pytest.mark.parametrize("key", ["mu", "logvar", "logits"])
def test_forged_answers_of_odd_shape_are_the_students_fault(submission, key, odd):
    (submission.run / "graph.json").unlink()

    def ask(probe, inputs, *rest):
        rows = len(inputs["x" if "x" in inputs else "z"])
        told = {"mu": np.zeros((rows, 3)), "logvar": np.zeros((rows, 3))}
        return {**told, "logits": np.zeros((rows, 1, 28, 28)), key: odd}

    student = SimpleNamespace(folder=submission.folder, ask=ask)
    assert trained.evaluate(student, "tuned", "vae")["tuned.problem"]
