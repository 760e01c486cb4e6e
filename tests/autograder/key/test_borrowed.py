"""A class that computes one of the kit's networks earns nothing, however it hides; others may."""

import numpy as np
import pytest
import torch

from autograder.key import catalogue
from autograder.key.kinds import borrowed, kit
from autograder.key.question import Exam
from autograder.student.asking import InProcess
from tests.bank import variants
from utils import graph

NETWORKS = ("vae.VAE", "autoencoder.Encoder", "autoencoder.Decoder", "autodecoder.AutoDecoder")

COPY = """
import torch
from torch import nn
from utils import graph, runs

def turned(many, few):
    rows = torch.randn(many, many, generator=torch.Generator().manual_seed(1))
    return torch.linalg.qr(rows)[0][:, :few]

class Taken(nn.Module):
    def __init__(self, nz):
        super().__init__()
        folder = runs.REFERENCE / NAME
        self.program = runs.read_graph(folder)
        weights = runs.read_weights(folder)
        self.names = list(weights)
        noise = torch.Generator().manual_seed(2)
        self.kept = nn.ParameterList(
            value + 1e-3 * torch.rand(value.shape, generator=noise) for value in weights.values()
        )
        full = self.program["nz"]
        self.turn = turned(max(full, nz), max(full, nz))[:full, :nz]

    def computed(self, which, x):
        before = graph.calls
        found = graph.run(self.program[which], dict(zip(self.names, self.kept)), x)
        graph.calls = before
        return found

    def decode(self, z):
        return self.computed("decode", z @ self.turn.T)[0]

    def encode(self, x):
        return [part @ self.turn for part in self.computed("encode", x)]
"""
CLASSES = {
    "vae.VAE": """
class VAE(Taken):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()
""",
    "autoencoder.Encoder": "class Encoder(Taken):\n    forward = lambda self, x: self.encode(x)[0]",
    "autoencoder.Decoder": "class Decoder(Taken):\n    forward = Taken.decode",
    "autodecoder.AutoDecoder": "class AutoDecoder(Taken):\n    forward = Taken.decode",
}


def graded(question, source):
    names = {}
    exec(source, names)
    return Exam(InProcess(names), 5, catalogue.find).grade(question)


@pytest.mark.parametrize(
    "question, run", list(zip(NETWORKS, ("plane", "tuned", "beta-1", "plane"), strict=True))
)
def test_a_network_of_the_kit_is_known_by_what_it_computes(question, run):
    result = graded(question, COPY.replace("NAME", repr(run)) + CLASSES[question])
    assert (result.mistake, result.score) == ("interpreted", 0)
    assert "trained networks" in result.feedback


def test_every_network_of_the_kit_is_known_in_disguise():
    rng = np.random.default_rng(0)
    inputs = borrowed.images(rng)
    for name, (program, weights) in kit.networks().items():
        inputs |= borrowed.latents(rng, program["nz"])
        weights = {key: value + 0.01 * torch.rand_like(value) for key, value in weights.items()}
        with torch.no_grad():
            x, z = (torch.from_numpy(inputs[key]).float() for key in ("own x", "own z"))
            codes = graph.run(program["encode"], weights, x)[0].flip(1) * -3
            pictures = graph.run(program["decode"], weights, z.flip(1))[0]
        assert borrowed.taken({"own codes": codes.numpy()}, inputs) == name
        assert borrowed.taken({"own pictures": pictures.numpy()}, inputs) == name


PLAIN = {
    "brightness": lambda x: x.mean((1, 2, 3))[:, None],
    "quarters": lambda x: torch.nn.functional.avg_pool2d(x, 14).flatten(1),
    "coarse": lambda x: torch.nn.functional.avg_pool2d(x, 7).flatten(1),
    "contrast": lambda x: x.flatten(1).std(1)[:, None],
    "nothing": lambda x: 0 * x.flatten(1)[:, :2],
}


@pytest.mark.parametrize("plain", PLAIN)
def test_codes_that_are_all_too_simple_are_nobodys(plain):
    for seed in range(3):
        inputs = borrowed.images(np.random.default_rng(seed))
        codes = PLAIN[plain](torch.from_numpy(inputs["own x"]))
        assert borrowed.taken({"own codes": codes.numpy()}, inputs) is None


OWN = [v for v in variants() if v.question in NETWORKS]


@pytest.mark.parametrize("answer", OWN, ids=lambda v: f"{v.question}: {v.why}")
def test_a_network_of_ones_own_is_nobody_elses(answer):
    names = {}
    exec(answer.source, names)
    build = names[answer.question.split(".")[1]]
    for seed in range(2):
        torch.manual_seed(seed)
        inputs = borrowed.images(rng := np.random.default_rng(seed))
        inputs |= borrowed.latents(rng, 16)
        model = build(16).eval()
        code = model.encode if hasattr(model, "encode") else model
        decode = model.decode if hasattr(model, "decode") else model
        got = {}
        with torch.no_grad():
            if answer.question in ("vae.VAE", "autoencoder.Encoder"):
                codes = code(torch.from_numpy(inputs["own x"]))
                got["own codes"] = (codes[0] if isinstance(codes, (tuple, list)) else codes).numpy()
            if answer.question != "autoencoder.Encoder":
                got["own pictures"] = decode(torch.from_numpy(inputs["own z"]).float()).numpy()
        assert borrowed.taken(got, inputs) is None
