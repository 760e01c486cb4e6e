"""Answers that no list of mistakes holds: what of them can be said, and what must not be."""

import pytest

from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student.asking import InProcess

HEAD = "import numpy as np\nimport torch\nfrom torch import distributions as D, nn\n"
HEAD += "import torch.nn.functional as F\n"

NORMAL = "D.Normal(mu1, (logvar1 / 2).exp()), D.Normal(mu2, (logvar2 / 2).exp())"
BETWEEN = "def kl_between(mu1, logvar1, mu2, logvar2):\n    return "
LIKELIHOOD = "def bernoulli_log_likelihood(x, logits):\n    "
SAMPLE = "def reparametrize(mu, logvar):\n    return "
EPOCH = """
def train_epoch(model, loader, loss_fn, optimizer):
    model.train()
    losses, seen = [], 0
    for x, _ in loader:
        optimizer.zero_grad()
        loss = loss_fn(model, x)
        loss.backward()
        {}
        optimizer.step()
        losses.append(loss.item() * {})
        seen += len(x)
    return {}
"""
GRID = """
@torch.no_grad()
def latent_grid(decoder, n=21, span=4.0):
    s = {}
    rows = [[decoder(torch.stack([{}])[None]).sigmoid()[0, 0] for j in range(n)] for i in range(n)]
    return torch.cat([torch.cat(row, 1) for row in rows])
"""
WALK = "def lerp(z0, z1, steps):\n    return torch.stack([{} for i in range(steps)])"


RIGHT = [SAMPLE + "mu - (logvar / 2).exp() * torch.randn_like(mu)"]


def graded(question, source, seed=5):
    names = {}
    exec(HEAD + source, names)
    return Exam(InProcess(names), seed, catalogue.find).grade(question)


def kl(text):
    return f"{BETWEEN}D.kl_divergence({text}).sum(1)"


@pytest.mark.parametrize(
    "question, source, name",
    [
        # right but for one argument, however the formula is written
        ("vae.kl_between", kl(NORMAL.replace("mu1,", "mu1.abs(),")), "argument-changed"),
        ("vae.kl_between", kl(NORMAL.replace("mu2", "mu1")), "distance-missing"),
        ("vae.kl_between", kl(NORMAL.replace("logvar2 / 2", "logvar2")), "factor-missing"),
        (
            "autodecoder.rsample_uniform",
            "def rsample_uniform(low_logit, width_logit, u):\n"
            "    w = width_logit.sigmoid()\n    return low_logit.exp().sigmoid() * (1 - w) + w * u",
            "argument-changed",
        ),
        # a slip in another way of writing it
        (
            "vae.bernoulli_log_likelihood",
            LIKELIHOOD + "return (x * logits + F.softplus(logits)).flatten(1).sum(1)",
            "wrong-sign",
        ),
        # a mistake, and a number beside it
        (
            "vae.bernoulli_log_likelihood",
            LIKELIHOOD + "return D.Normal(logits.sigmoid(), 1.0).log_prob(x).flatten(1).sum(1)",
            "both",
        ),
        # where it is wrong, if not why
        (
            "vae.kl_between",
            BETWEEN + "(0.5 * ((logvar1 - logvar2).exp() - logvar1 + logvar2 - 1)"
            " + (mu1 - mu2).abs().pow(1.5)).sum(1)",
            "part-wrong",
        ),
        # the noise
        (
            "vae.reparametrize",
            SAMPLE + "mu + F.softplus(logvar) * torch.randn_like(mu)",
            "softplus-as-std",
        ),
        (
            "vae.reparametrize",
            SAMPLE + "mu + (logvar / 2).exp().clamp(max=1) * torch.randn_like(mu)",
            "spread-clamped",
        ),
        (
            "vae.reparametrize",
            SAMPLE + "mu + (logvar / 2).exp() * torch.tensor(np.random.randn(mu.shape[1])).float()",
            "shared-batch",
        ),
        (
            "vae.reparametrize",
            SAMPLE + "mu + (logvar / 2).exp() * D.StudentT(5.0).sample(mu.shape)",
            "heavy-tails",
        ),
        ("vae.reparametrize", SAMPLE + "mu - (logvar / 2).exp() * torch.randn_like(mu)", None),
        # loops
        (
            "autoencoder.train_epoch",
            EPOCH.format("", "len(x)", "sum(losses) / seen"),
            "mean-returned",
        ),
        ("autoencoder.train_epoch", EPOCH.format("", "1", "max(losses)"), "one-number-returned"),
        (
            "autoencoder.train_epoch",
            EPOCH.format("nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "1", "losses"),
            "other-step-length",
        ),
        ("autoencoder.train_epoch", EPOCH.format("", "1", "losses[:0]"), "list-empty"),
        (
            "autoencoder.latent_grid",
            GRID.format("torch.linspace(-span, span, n)", "s[i], s[(i + j) % n]"),
            "tiles-misplaced",
        ),
        (
            "autoencoder.latent_grid",
            GRID.format("torch.linspace(-span, 0.7 * span, n)", "s[j], s.flip(0)[i]"),
            "other-codes",
        ),
        # walks
        ("interpolation.lerp", WALK.format("z0 + (z1 - z0) * i / (steps + 1)"), "stops-early"),
        (
            "interpolation.slerp",  # nothing can be said of this
            "def slerp(z0, z1, steps):\n"
            "    return torch.stack([z0 * (i + 1) ** 1.3 for i in range(steps)])",
            None,
        ),
        ("interpolation.lerp", WALK.format("z0 - 0.5 * (z1 - z0) * i / (steps - 1)"), "wrong-way"),
    ],
)
def test_what_can_be_said_is_said(question, source, name):
    result = graded(question, source)
    assert result.mistake == name
    assert result.passed is (source in RIGHT)


@pytest.mark.parametrize("question", ["vae.kl_gaussian", "vae.elbo", "vae.VAE"])
def test_no_message_is_repeated(question):
    name = question.partition(".")[2]
    sources = {
        "kl_gaussian": "def kl_gaussian(mu, logvar):\n    return {'kl': mu.sum(1)}",
        "elbo": "def elbo(x, logits, mu, logvar, beta=1.0):\n    return logits.mean(), mu.mean()",
        "VAE": (
            "class VAE(nn.Module):\n    def __init__(self, nz):\n        super().__init__()\n"
            "        self.a, self.b = nn.Linear(784, 2 * nz), nn.Linear(nz, 784)\n"
            "    def encode(self, x):\n        return self.a(x.flatten(1)).tanh().chunk(2, 1)\n"
            "    def decode(self, z):\n        return self.b(z).view(-1, 1, 28, 28)\n"
            "    def forward(self, x):\n        mu, logvar = self.encode(x)\n"
            "        z = mu + (logvar / 2).exp() * torch.randn_like(mu)\n"
            "        return {'logits': self.decode(z), 'mu': mu, 'logvar': logvar}\n"
            "    def reconstruct(self, x):\n        return self.decode(self.encode(x)[0]).sigmoid()"
        ),
    }
    lines = [
        line
        for line in graded(question, sources[name]).feedback.splitlines()
        if line[:6] == " " * 6
    ]
    assert lines and len(lines) == len(set(lines))
    assert not any("has no attribute" in line or "KeyError" in line for line in lines)


def test_what_the_kit_computes_is_no_answer():
    result = graded(
        "vae.bernoulli_log_likelihood",
        "from types import SimpleNamespace as Made\n"
        "from utils.explore.browser import code_tensors\n"
        "def bernoulli_log_likelihood(x, logits):\n"
        "    run = Made(kind='', encode=lambda x: x, decode=lambda z: logits)\n"
        "    return code_tensors(run, x)['codes.score']",
    )
    assert (result.mistake, result.score) == ("interpreted", 0)
    borrowed = (
        "from autograder.student.probes import asked\n"
        "def reconstruction_loss(logits, x):\n    return asked._loss(lambda x: logits, x)"
    )
    assert graded("autoencoder.reconstruction_loss", borrowed).score < 0.5
