"""The visible checks of `autodecoder` pass right work of any kind and name what is wrong."""

import pytest
import torch
import torch.nn.functional as F
from torch import distributions as D
from torch import nn

from utils.checks import CheckFailed
from utils.checks import autodecoder as visible


class Decoder(nn.Module):
    """Right, and unlike the notebook's: fully connected, with BatchNorm."""

    def __init__(self, nz):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(nz, 50), nn.BatchNorm1d(50), nn.GELU(), nn.Linear(50, 784)
        )

    def forward(self, z):
        return self.net(z).view(-1, 1, 28, 28)


class WithSigmoid(Decoder):
    def forward(self, z):
        return super().forward(z).sigmoid()


class Flat(Decoder):
    def forward(self, z):
        return self.net(z)


class Deaf(Decoder):
    def forward(self, z):
        return super().forward(0 * z)


def nll(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def score(x, x_rec):
    assert x.shape == x_rec.shape
    return float(torch.sqrt(((x - x_rec) ** 2).sum()) / x.numel())


def epoch(model, loader, optimizer, rows_of=lambda rows: rows, clear=True, sign=1):
    losses = []
    for x, rows in loader:
        loss = nll(model.decoder(model.latents[0][rows_of(rows)]), x)
        if clear:
            optimizer.zero_grad()
        (sign * loss).backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit(decoder, x, nz, steps, lr, train_mode=False, also_decoder=False):
    decoder.train(train_mode)
    z = nn.Parameter(0.01 * torch.randn(len(x), nz))
    learned = [z, *decoder.parameters()] if also_decoder else [z]
    optimizer = torch.optim.Adam(learned, lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        nll(decoder(z), x).backward()
        optimizer.step()
    return z  # with its gradient: right, if untidy


def loss(logits, x, kl, beta=1.0):
    p = D.Bernoulli(logits=logits, validate_args=False)
    return (-p.log_prob(x).sum((1, 2, 3)) + beta * kl).mean()


def vad_epoch(model, family, loader, optimizer, beta, logged=1.0, same_noise=False):
    pairs = []
    for x, rows in loader:
        mine = [p[rows] for p in model.latents]
        noise = torch.zeros(len(x), 3) if same_noise else family.noise(len(x))
        kl, logits = family.kl(*mine), model.decoder(family.rsample(*mine, noise))
        optimizer.zero_grad()
        loss(logits, x, kl, beta).backward()
        optimizer.step()
        pairs.append((nll(logits, x).item(), logged * kl.mean().item()))
    return pairs


def between(q, p):
    return D.kl_divergence(q, p).sum(1)


def normal(mu, logvar):
    return D.Normal(mu, (0.5 * logvar).exp())


def kl_gaussian(mu, logvar):
    return between(normal(mu, logvar), D.Normal(torch.zeros_like(mu), 1.0))


def kl_exponential(log_rate):
    rate = log_rate.exp()
    return between(D.Exponential(rate), D.Exponential(torch.ones_like(rate)))


def kl_laplace(mu, log_scale):
    return between(D.Laplace(mu, log_scale.exp()), D.Laplace(torch.zeros_like(mu), 1.0))


def uniform(low_logit, width_logit, u):
    low = low_logit.sigmoid() * (1 - width_logit.sigmoid())
    return low + width_logit.sigmoid() * (1 - u)


def factor(tril):
    return tril.tril(-1) + torch.diag_embed(torch.diagonal(tril, dim1=1, dim2=2).exp())


def full_gaussian(mu, tril, eps):
    return mu - torch.einsum("bij,bj->bi", factor(tril), eps)


def kl_full(mu, tril):
    q = D.MultivariateNormal(mu, scale_tril=factor(tril))
    p = D.MultivariateNormal(torch.zeros_like(mu), torch.eye(mu.shape[1]))
    return D.kl_divergence(q, p)


RIGHT = [
    ("AutoDecoder", Decoder),
    ("batch_rmse_score", score),
    ("autodecoder_epoch", epoch),
    ("fit_latents", fit),
    ("vad_loss", loss),
    ("vad_epoch", vad_epoch),
    ("rsample_gaussian", lambda mu, logvar, eps: mu - (0.5 * logvar).exp() * eps),
    ("kl_gaussian", kl_gaussian),
    ("rsample_exponential", lambda log_rate, u: -u.log() / log_rate.exp()),
    ("rsample_exponential", lambda log_rate, u: D.Exponential(log_rate.exp()).icdf(u)),
    ("kl_exponential", kl_exponential),
    ("rsample_laplace", lambda mu, log_scale, u: D.Laplace(mu, log_scale.exp()).icdf(u)),
    ("rsample_laplace", lambda mu, log_scale, u: D.Laplace(mu, log_scale.exp()).icdf(1 - u)),
    ("kl_laplace", kl_laplace),
    ("rsample_uniform", uniform),
    ("kl_uniform", lambda low_logit, width_logit: F.softplus(-width_logit).sum(1)),
    ("rsample_full_gaussian", full_gaussian),
    ("kl_full_gaussian", kl_full),
]

# The check, a wrong answer, and a word that its message must hold.
WRONG = [
    ("AutoDecoder", WithSigmoid, "sigmoid"),
    ("AutoDecoder", Flat, "shape"),
    ("AutoDecoder", Deaf, "depend on z"),
    ("batch_rmse_score", lambda x, r: (x - r).norm() / x.numel(), "Broadcasting"),
    ("batch_rmse_score", lambda x, r: (x - r).square().mean(), "root"),
    ("batch_rmse_score", lambda x, r: (x - r).square().mean().sqrt(), "mean"),
    ("batch_rmse_score", lambda x, r: (x - r).norm() / x[0].numel(), "one image"),
    ("autodecoder_epoch", lambda *a: epoch(*a, clear=False), "cleared"),
    ("autodecoder_epoch", lambda *a: epoch(*a, sign=-1), "down"),
    ("autodecoder_epoch", lambda *a: epoch(*a, rows_of=lambda r: range(len(r))), "rows"),
    ("autodecoder_epoch", lambda *a: [torch.tensor(v) for v in epoch(*a)], "floats"),
    ("fit_latents", lambda *a: fit(*a, train_mode=True), "eval"),
    ("fit_latents", lambda *a: fit(*a, also_decoder=True), "nothing else"),
    ("fit_latents", lambda d, *a: fit(d.requires_grad_(False), *a), "train nothing"),
    ("fit_latents", lambda d, x, nz, steps, lr: torch.randn(len(x), nz), "60 steps"),
    ("fit_latents", lambda d, x, nz, steps, lr: torch.zeros(nz, len(x)), "shape"),
    ("vad_loss", lambda a, x, kl, beta=1.0: -loss(a, x, kl, beta), "sign"),
    ("vad_loss", lambda a, x, kl, beta=1.0: loss(a, x, kl), "β"),
    ("vad_loss", lambda a, x, kl, beta=1.0: len(x) * loss(a, x, kl, beta), "summed"),
    ("vad_loss", lambda a, x, kl, beta=1.0: loss(a, x, 2 * kl, beta), "nats"),
    ("vad_epoch", lambda *a: vad_epoch(*a, logged=a[4]), "β times"),
    ("vad_epoch", lambda *a: vad_epoch(*a, same_noise=True), "noise"),
    ("vad_epoch", lambda m, f, lo, o, beta: vad_epoch(m, f, lo, o, 0.5), "β"),
    ("rsample_gaussian", lambda mu, logvar, eps: mu + logvar.exp() * eps, "logarithm"),
    ("rsample_gaussian", lambda mu, lv, eps: mu + lv.exp() * torch.randn_like(mu), "same noise"),
    ("rsample_gaussian", lambda mu, lv, eps: mu + (lv / 2).exp().detach() * eps, "gradient"),
    ("kl_gaussian", lambda mu, logvar: 2 * kl_gaussian(mu, logvar), "twice"),
    ("kl_gaussian", lambda mu, logvar: kl_gaussian(mu, 2 * logvar), "worked"),
    ("kl_gaussian", lambda mu, logvar: kl_gaussian(mu, logvar).mean(), "shape"),
    ("rsample_exponential", lambda log_rate, u: (1 - u).log() / log_rate.exp(), "positive"),
    ("rsample_exponential", lambda log_rate, u: (u - 1).log() / log_rate.exp(), "NaN"),
    ("rsample_exponential", lambda log_rate, u: -u.log() * log_rate.exp(), "fraction"),
    ("kl_exponential", lambda log_rate: -kl_exponential(log_rate), "sign"),
    ("kl_exponential", lambda log_rate: kl_exponential(-log_rate), "worked"),
    ("rsample_laplace", lambda mu, s, u: mu - s.exp() * torch.log1p(-2 * (u - 0.5).abs()), "sides"),
    ("rsample_laplace", lambda mu, s, u: D.Laplace(mu, (s / 2).exp()).icdf(u), "b"),
    ("kl_laplace", lambda mu, s: (mu.abs() + s.exp() - s - 1).sum(1), "worked"),
    ("rsample_uniform", lambda low, w, u: low.sigmoid() + w.sigmoid() * u, "start"),
    ("kl_uniform", lambda low, w: -w.sigmoid().log().sum(1), "infinite"),
    ("kl_uniform", lambda low, w: w.sigmoid().log().sum(1), "sign"),
    ("rsample_full_gaussian", lambda mu, t, e: mu + (factor(t) + t.triu(1)) @ e[0], "diagonal"),
    ("rsample_full_gaussian", lambda mu, t, e: mu + (t.tril() @ e[..., None])[..., 0], "exp"),
    ("rsample_full_gaussian", lambda mu, t, e: mu + (e[:, None] @ factor(t))[:, 0], "variances"),
    ("kl_full_gaussian", lambda mu, t: kl_full(mu, t / 2), "worked"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_work_passes(name, answer, capsys):
    getattr(visible, name)(answer)
    assert capsys.readouterr().out.startswith("Passed: ")


@pytest.mark.parametrize(("name", "answer", "word"), WRONG)
def test_wrong_work_is_told_what_to_look_at(name, answer, word):
    with pytest.raises(CheckFailed) as failure:
        getattr(visible, name)(answer)
    assert word in str(failure.value)


def unwritten(*args):
    raise NotImplementedError("write me")


CHALLENGES = ["rsample_uniform", "kl_uniform", "rsample_full_gaussian", "kl_full_gaussian"]


@pytest.mark.parametrize("name", CHALLENGES)
def test_an_unwritten_challenge_stops_nothing(name, capsys):
    getattr(visible, name)(unwritten)
    assert "challenge" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted({name for name, _ in RIGHT} - set(CHALLENGES)))
def test_any_other_unwritten_step_does(name):
    with pytest.raises(CheckFailed):
        getattr(visible, name)(unwritten)


def test_checks_leave_the_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    visible.fit_latents(fit)
    assert torch.equal(torch.rand(3), expected)
