"""Answers that no list of mistakes holds: what of them can be said, and what must not be."""

import pytest

from autograder.key import catalogue, unnamed
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


FREE = "def kl_gaussian(mu, logvar):\n    return (0.5 * (mu**2 + logvar.exp() - 1 - logvar)){}"
FREE_TOO = "def kl_exponential(s):\n    return (s - 1 + (-s).exp()).clamp(min=0.2).sum(1)"
SCORE = """
def batch_rmse_score(x, x_rec):
    assert x.shape == x_rec.shape
    return (x - x_rec).flatten(1).norm(dim=1).sum() / x.numel() {}
"""
CROSS = "binary_cross_entropy_with_logits"
FIT = """
def fit_latents(decoder, x, nz, steps, lr):
    training = decoder.training
    decoder.eval()
    z = torch.{}(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], {})
    for _ in range(steps):
        {}
        F.{}(decoder(z), x).backward()
        optimizer.step()
    decoder.train(training)
    return z.detach()
"""
STATISTICS = """
def digit_statistics(mu, y):
    means, stds = torch.full((2, 10, mu.shape[1]), torch.nan)
    for digit in range({}):
        own = mu[y == digit]
        if len(own):
            means[digit], stds[digit] = own.mean(0), own.std(0)
{}return means, stds
"""
SATURATED = """
class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.a, self.b = nn.Linear(784, 2 * nz), nn.Linear(nz, 784)
    def encode(self, x):
        return self.a(x.flatten(1)).chunk(2, 1)
    def decode(self, z):
        return (1e4 * self.b(0.001 * z) + 1e3).tanh().view(-1, 1, 28, 28) * 5
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()
"""


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
        # free bits, of a dimension and of an image
        ("vae.kl_gaussian", FREE.format(".clamp(min=0.4).sum(1)"), "free-bits"),
        ("vae.kl_gaussian", FREE.format(".sum(1).clamp(min=6)"), "free-bits"),
        ("autodecoder.kl_exponential", FREE_TOO, "free-bits"),
        # a known mistake times the number of pixels, or a number that was written in
        ("autodecoder.batch_rmse_score", SCORE.format("* 784"), "both"),
        ("autodecoder.batch_rmse_score", SCORE.format("/ x[0].numel()"), "both"),
        # the same number for all images
        ("autodecoder.batch_rmse_score", SCORE.format("* 0"), "argument-unused"),
        ("vae.kl_gaussian", FREE.format(".sum(1) * 0"), "argument-unused"),
        ("explore.digit_statistics", STATISTICS.format(10, "        "), "classes-missing"),
        ("explore.digit_statistics", STATISTICS.format(7, "    "), "classes-missing"),
        # gradients that a large value would hide
        (
            "vae.elbo",
            "def elbo(x, logits, mu, logvar, beta=1.0):\n    kl = mu**2 + logvar.exp() - logvar\n"
            "    rec = (x * logits - F.softplus(logits)).sum() / len(x)\n"
            "    return rec - 0.5 * beta * kl.sum() * len(x)",
            "part-wrong",
        ),
        (
            "autodecoder.kl_laplace",
            "def kl_laplace(mu, s):\n    b = s.exp()\n"
            "    return (b + b * (-mu.abs() / b).exp() - s - 1).sum(1)",
            "other-argument",
        ),
        # latents
        ("autodecoder.fit_latents", FIT.format("zeros", "lr=lr", "", CROSS), "no-zero-grad"),
        ("autodecoder.fit_latents", FIT.format("randn", "lr=lr", "", CROSS), "no-zero-grad"),
        (
            "autodecoder.fit_latents",
            FIT.format("zeros", "", "optimizer.zero_grad()", CROSS),
            "lr-ignored",
        ),
        (
            "autodecoder.fit_latents",
            FIT.format("zeros", "lr=lr", "optimizer.zero_grad()", "mse_loss"),
            "no-sigmoid",
        ),
        # a network that is saturated shows no samples, and nothing is said of these
        ("vae.VAE", SATURATED, "clamped"),
    ],
)
def test_what_can_be_said_is_said(question, source, name):
    result = graded(question, source)
    assert result.mistake == name
    assert result.passed is (source in RIGHT)


@pytest.mark.parametrize(
    "answer, name",
    [
        ("return mu @ logvar", "shapes-unfit"),
        ("return mu.sum(2)", "axis-unfit"),
        ("return mu.summ(1)", "attribute-missing"),
        ("return mu.sum(1)(2)", "not-callable"),
        ("return helper(mu, logvar)", "not-defined"),
        ("return torch.exp(mu, logvar, 2)", "arguments-unfit"),
        ("return torch.sum(mu + [1, 2])", "types-unfit"),
        ("return mu[9]", "index-unfit"),
        ("return {}[mu]", "index-unfit"),
        ("return D.Normal(mu, logvar).entropy().sum(1)", "outside-range"),
        ("return torch.as_tensor(np.exp(mu)).sum(1)", "numpy-of-graph"),
        ("return mu.sum(1) if mu > 0 else logvar.sum(1)", "many-for-one"),
        ("return sum(float(v) for v in mu)", "many-for-one"),
        ("assert mu.ndim == 1\n    return mu", "own-check-failed"),
        (
            "return mu.sum(1) / (mu.shape[0] - len(mu)) + 1 / (len(mu) - len(mu))",
            "division-by-zero",
        ),
        ("return kl_gaussian(mu, logvar)", "calls-itself"),
        ("return nn.BatchNorm1d(7)(mu[:1]).sum(1)", "batch-of-one"),
        ("return D.kl_divergence(mu, logvar)", "types-unfit"),
        ("raise OSError('some file')", "raises"),
        ("return torch.randn_like(mu.long())", "types-unfit"),
        ("return torch.stack([])", "raises"),
        ("return F.interpolate(mu[None], mode='linear')[0]", "arguments-unfit"),
        ("return logvar.cuda()", "asks-for-gpu"),
    ],
)
def test_an_answer_that_stops_is_told_where_and_why_that_usually_is(answer, name):
    result = graded("vae.kl_gaussian", f"def kl_gaussian(mu, logvar):\n    {answer}")
    assert (result.mistake, result.score) == (name, 0)
    assert name in unnamed.VAGUE and result.trace is None
    _, said = result.feedback.splitlines()
    error, _, sentence = said.rpartition("`. ")
    assert "your code" in sentence or "of yours" in sentence
    assert "Your code raised" in error or name in ("calls-itself", "asks-for-gpu")


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
