"""The visible checks of `vae` pass right work of any kind and say what is wrong with the rest."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import distributions, nn

from utils.checks import CheckFailed
from utils.checks import vae as visible


def normal(mu, logvar):
    return distributions.Normal(mu, torch.exp(0.5 * logvar))


def standard(like):
    return distributions.Normal(torch.zeros_like(like), 1.0)


def kl(mu, logvar):
    return distributions.kl_divergence(normal(mu, logvar), standard(mu)).sum(1)


def kl_2(mu1, logvar1, mu2, logvar2):
    return distributions.kl_divergence(normal(mu1, logvar1), normal(mu2, logvar2)).sum(1)


def likelihood(x, logits):
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))


def elbo(x, logits, mu, logvar, beta=1.0):
    return (likelihood(x, logits) - beta * kl(mu, logvar)).mean()


def sample(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def numpy_noise(mu, logvar):
    eps = torch.from_numpy(np.random.standard_normal(tuple(mu.shape))).to(mu)
    return mu - torch.exp(logvar).sqrt() * eps


def monte_carlo(factor=lambda n: 1.96 / math.sqrt(n), sign=1, draw="q"):
    def estimate(mu, logvar, n):
        q, p = normal(mu, logvar), standard(mu)
        z = (q if draw == "q" else p).sample((n,))
        terms = sign * (q.log_prob(z) - p.log_prob(z)).sum(-1)
        return terms.mean(0), factor(n) * terms.std(0)

    return estimate


def make(
    heads=lambda mu, logvar: (mu, logvar),
    draw=sample,
    tail=nn.Identity,
    squash=torch.sigmoid,
    order=lambda logits, mu, logvar: (logits, mu, logvar),
    latent=lambda mu, logvar: mu,
):
    """A VAE class with one part replaced."""

    class VAE(nn.Module):
        def __init__(self, nz):
            super().__init__()
            self.features = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.BatchNorm1d(32))
            self.mu, self.logvar = nn.Linear(32, nz), nn.Linear(32, nz)
            self.up = nn.Sequential(nn.Linear(nz, 784), nn.Unflatten(1, (1, 28, 28)), tail())

        def encode(self, x):
            h = torch.tanh(self.features(x))
            return heads(self.mu(h), self.logvar(h))

        def decode(self, z):
            return self.up(z)

        def forward(self, x):
            mu, logvar = self.encode(x)
            return order(self.decode(draw(mu, logvar)), mu, logvar)

        def reconstruct(self, x):
            return squash(self.decode(latent(*self.encode(x))))

    return VAE


def loop(
    order="clear backward step",
    mode=True,
    weigh=lambda beta: beta,
    log=lambda r, k, beta: (r, k),
    keep=float,
    sign=-1,
):
    """A training loop with one part replaced."""

    def train_epoch(model, loader, optimizer, beta):
        model.train(mode)
        terms = []
        for x, _ in loader:
            logits, mu, logvar = model(x)
            objective = sign * elbo(x, logits, mu, logvar, weigh(beta))
            actions = {
                "clear": optimizer.zero_grad,
                "backward": objective.backward,
                "step": optimizer.step,
            }
            r, k = -likelihood(x, logits).mean(), kl(mu, logvar).mean()
            terms.append(tuple(keep(v) for v in log(r, k, beta)))
            for name in order.split():
                actions[name]()
        return terms

    return train_epoch


def iwae(reduce=lambda w, k: torch.logsumexp(w, 1) - math.log(k), prior=True):
    def bound(model, x, k):
        mu, logvar = (t.repeat_interleave(k, 0) for t in model.encode(x))
        q = normal(mu, logvar)
        z = q.rsample()
        weights = likelihood(x.repeat_interleave(k, 0), model.decode(z)) - q.log_prob(z).sum(1)
        if prior:
            weights = weights + standard(z).log_prob(z).sum(1)
        return reduce(weights.view(-1, k), k)

    return bound


def one_by_one(model, x, k):
    mu, logvar = model.encode(x)
    q, weights = normal(mu, logvar), []
    for _ in range(k):
        z = q.sample()
        ratio = (standard(z).log_prob(z) - q.log_prob(z)).sum(1)
        weights.append(likelihood(x, model.decode(z)) + ratio)
    return torch.stack(weights).logsumexp(0) - math.log(k)


def softplus_heads(mu, raw):
    return mu, 2 * torch.log(F.softplus(raw))


RIGHT = [
    (visible.reparametrize, sample),
    (visible.reparametrize, numpy_noise),
    (visible.reparametrize, lambda mu, logvar: normal(mu, logvar).rsample()),
    (visible.reparametrize, lambda mu, logvar: sample(mu, logvar.clamp(-10, 10))),
    (visible.kl_gaussian, kl),
    (visible.kl_gaussian, lambda mu, lv: -0.5 * (1 + lv - mu**2 - lv.exp()).sum(-1)),
    (visible.kl_monte_carlo, monte_carlo()),
    (visible.kl_monte_carlo, monte_carlo(lambda n: 2 / math.sqrt(n))),
    (visible.kl_between, kl_2),
    (visible.bernoulli_log_likelihood, likelihood),
    (
        visible.bernoulli_log_likelihood,
        lambda x, a: (x * F.logsigmoid(a) + (1 - x) * F.logsigmoid(-a)).flatten(1).sum(1),
    ),
    (visible.elbo, elbo),
    (visible.VAE, make()),
    (visible.VAE, make(heads=softplus_heads)),
    (visible.VAE, make(heads=lambda mu, lv: (mu, lv.clamp(-8, 8)))),
    (visible.VAE, make(draw=numpy_noise)),
    (visible.VAE, make(draw=lambda mu, lv: normal(mu, lv).rsample())),
    (visible.train_epoch, loop()),
    (visible.train_epoch, loop("backward step clear")),
    (visible.iwae_bound, iwae()),
    (visible.iwae_bound, one_by_one),
    (visible.BETA, 1),
    (visible.prior_samples, lambda decode, n, nz: decode(torch.randn(n, nz)).sigmoid()),
]


@pytest.mark.parametrize("check, work", RIGHT)
def test_right_work_passes(check, work, capsys):
    check(work)
    assert capsys.readouterr().out.startswith("Passed: ")


def in_place(mu, logvar):
    with torch.no_grad():
        logvar.mul_(0.5)
    return mu + torch.exp(logvar) * torch.randn_like(mu)


def stub(*_, **__):
    raise NotImplementedError("write this step, then run the check in the next cell")


def negated(x, logits, mu, logvar, beta=1.0):
    return -elbo(x, logits, mu, logvar, beta)


WRONG = [
    (visible.reparametrize, stub, "still to be written"),
    (visible.reparametrize, lambda mu, lv: mu + lv.exp() * torch.randn_like(mu), "logarithm"),
    (visible.reparametrize, lambda mu, lv: mu + lv * torch.randn_like(mu), "standard deviations"),
    (visible.reparametrize, lambda mu, lv: mu + (lv / 2).exp() * torch.randn(1), "same noise"),
    (visible.reparametrize, lambda mu, lv: mu + (lv / 2).exp() * torch.randn(3), "same noise"),
    (
        visible.reparametrize,
        lambda mu, lv: mu + (lv / 2).exp() * torch.randn(len(mu), 1),
        "three latent dimensions",
    ),
    (visible.reparametrize, lambda mu, lv: mu + (lv / 2).exp() * torch.rand_like(mu), "means"),
    (visible.reparametrize, lambda mu, lv: normal(mu, lv).sample(), "no gradient"),
    (visible.reparametrize, lambda mu, lv: sample(mu, lv.detach()), "reaches logvar"),
    (visible.reparametrize, in_place, "changed in place"),
    (visible.kl_gaussian, lambda mu, lv: 2 * kl(mu, lv), "twice the right value"),
    (visible.kl_gaussian, lambda mu, lv: -kl(mu, lv), "sign is wrong"),
    (visible.kl_gaussian, lambda mu, lv: kl(mu, lv) / mu.shape[1], "mean over"),
    (visible.kl_gaussian, lambda mu, lv: kl(mu, lv).mean(), r"shape \(\) where \(2,\)"),
    (visible.kl_gaussian, lambda mu, lv: kl(mu, lv).detach(), "no gradient"),
    (visible.kl_gaussian, lambda mu, lv: kl(mu, 2 * lv), "at a simple point"),
    (visible.kl_monte_carlo, monte_carlo(lambda n: 1.96), "single samples"),
    (visible.kl_monte_carlo, monte_carlo(lambda n: 1 / math.sqrt(n)), "68 times"),
    (visible.kl_monte_carlo, monte_carlo(lambda n: 3.92 / math.sqrt(n)), "full width"),
    (visible.kl_monte_carlo, monte_carlo(sign=-1), "outside"),
    (visible.kl_monte_carlo, monte_carlo(draw="p"), "outside"),
    (visible.kl_monte_carlo, lambda mu, lv, n: kl(mu, lv), "two things"),
    (
        visible.kl_monte_carlo,
        lambda mu, lv, n: (kl(mu, lv), monte_carlo()(mu, lv, n)[1]),
        "nothing is sampled",
    ),
    (visible.kl_between, lambda a, b, c, d: kl_2(c, d, a, b), "KL.2 ‖ 1"),
    (visible.kl_between, lambda a, b, c, d: kl(a, b), "worked examples"),
    (visible.bernoulli_log_likelihood, lambda x, a: -likelihood(x, a), "sign is wrong"),
    (visible.bernoulli_log_likelihood, lambda x, a: likelihood(x, a) / 784, "mean over pixels"),
    (visible.bernoulli_log_likelihood, lambda x, a: likelihood(x, a).mean(), r"shape \(\)"),
    (visible.bernoulli_log_likelihood, lambda x, a: likelihood(a, x), "changed places"),
    (
        visible.bernoulli_log_likelihood,
        lambda x, a: -F.binary_cross_entropy(a.sigmoid(), x, reduction="none").sum((1, 2, 3)),
        "loses all digits",
    ),
    (visible.elbo, negated, "check the sign"),
    (visible.elbo, lambda *a, beta=1.0: len(a[0]) * elbo(*a, beta), "not averaged"),
    (visible.elbo, lambda *a, beta=1.0: elbo(*a, -beta), "the KL is a price"),
    (visible.elbo, lambda *a, beta=1.0: elbo(*a), "At β = 0"),
    (visible.elbo, lambda *a, beta=1.0: beta * elbo(*a), "At β = 0"),
    (visible.elbo, lambda *a, beta=1.0: elbo(*a, beta / 3), "At β = 1"),
    (visible.elbo, lambda x, a, mu, lv, beta=1.0: elbo(x, a, mu, lv.detach(), beta), "logvar"),
    (visible.VAE, make(heads=lambda mu, lv: mu), "two things"),
    (visible.VAE, make(heads=lambda mu, lv: (mu, mu)), "own outputs"),
    (visible.VAE, make(heads=lambda mu, lv: (mu, lv.exp())), "any sign"),
    (visible.VAE, make(draw=lambda mu, lv: mu), "sampled z"),
    (visible.VAE, make(draw=lambda mu, lv: mu + torch.randn(1, mu.shape[1])), "each image"),
    (visible.VAE, make(draw=lambda mu, lv: normal(mu, lv).sample()), "differentiably on mu"),
    (visible.VAE, make(draw=lambda mu, lv: sample(mu, lv.detach())), "differentiably on logvar"),
    (visible.VAE, make(tail=nn.Sigmoid), "no sigmoid"),
    (visible.VAE, make(squash=lambda a: a), "images, not logits"),
    (visible.VAE, make(latent=sample), "reconstructions of the same images differ"),
    (visible.VAE, make(order=lambda a, mu, lv: (a, lv, mu)), "in this order"),
    (visible.VAE, make(order=lambda a, mu, lv: a), "forward should return"),
    (visible.train_epoch, loop("backward step"), "unless they are cleared"),
    (visible.train_epoch, loop(sign=-9), "mean over the batch"),  # as a sum over it would
    (visible.train_epoch, loop(sign=-0.1), "clipped, scaled"),
    (visible.train_epoch, loop("backward clear step"), "did not move"),
    (visible.train_epoch, loop(mode=False), "eval mode"),
    (visible.train_epoch, loop(sign=1), "worse with every step"),
    (visible.train_epoch, loop(weigh=lambda beta: 1.0), "At β = 0"),
    (visible.train_epoch, loop(weigh=lambda beta: 0.0), "Is `beta` used"),
    (visible.train_epoch, loop(log=lambda r, k, beta: (r, beta * k)), "multiplied by β"),
    (visible.train_epoch, loop(log=lambda r, k, beta: (-r, k)), "positive"),
    (visible.train_epoch, loop(log=lambda r, k, beta: (r, k, r)), "should be a pair"),
    (visible.train_epoch, loop(keep=lambda v: v), "graph in memory"),
    (visible.iwae_bound, iwae(reduce=lambda w, k: w.mean(1)), "Average the weights of k"),
    (visible.iwae_bound, iwae(reduce=lambda w, k: w.logsumexp(1)), "above log p"),
    (visible.iwae_bound, iwae(reduce=lambda w, k: w.exp().mean(1).log()), "NaN or infinite"),
    (visible.iwae_bound, iwae(prior=False), "ELBO sample"),
    (visible.BETA, 0.0, "extremes"),
    (visible.BETA, "1", "should be a number"),
    (visible.prior_samples, lambda decode, n, nz: decode(torch.randn(n, nz)), "logits"),
    (visible.prior_samples, lambda decode, n, nz: decode(torch.rand(n, nz)).sigmoid(), "prior"),
]


@pytest.mark.parametrize("check, work, said", WRONG)
def test_wrong_work_is_told_what_is_wrong(check, work, said):
    with pytest.raises(CheckFailed, match=said):
        check(work)


def test_the_worked_values_are_right():
    """Against torch.distributions, in double precision."""
    mu, logvar = visible.MU.double(), visible.LOGVAR.double()
    torch.testing.assert_close(visible.KL.double(), kl(mu, logvar), rtol=1e-4, atol=0)
    right = likelihood(visible.X.double(), visible.LOGITS.double())
    torch.testing.assert_close(visible.LIKELIHOOD.double(), right, rtol=1e-5, atol=0)


def test_curves_of_a_vae(capsys):
    visible.curves({"reconstruction": [200.0, 90.0], "kl": [5.0, 25.0]})
    assert "200.0 to 90.0" in capsys.readouterr().out
    with pytest.raises(CheckFailed, match="no curve 'kl'"):
        visible.curves({"reconstruction": [200.0, 90.0]})
    with pytest.raises(CheckFailed, match="never negative"):
        visible.curves({"reconstruction": [200.0, 90.0], "kl": [5.0, -1.0]})


def test_the_manifold_is_a_map():
    def manifold(decode, n=21, span=4.0):
        side = torch.linspace(-span, span, n)
        rows = []
        for z1 in side.flip(0):
            tiles = torch.sigmoid(decode(torch.stack([side, z1.expand(n)], 1)))
            rows.append(torch.cat(list(tiles[:, 0]), 1))
        return torch.cat(rows).detach()

    visible.manifold(manifold)
    with pytest.raises(CheckFailed, match="top left"):
        visible.manifold(lambda decode, n=21, span=4.0: manifold(decode, n, -span))
