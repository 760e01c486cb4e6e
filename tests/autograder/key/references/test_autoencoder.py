"""The reference of `autoencoder` against oracles that share no line with it."""

import numpy as np
import pytest
import torch
from torch import distributions as D

from autograder.key.autoencoder.decoder import Decoder
from autograder.key.autoencoder.encoder import Encoder
from autograder.key.autoencoder.latent_grid import latent_grid
from autograder.key.autoencoder.reconstruction_loss import reconstruction_loss
from autograder.key.autoencoder.sample_prior import sample_prior
from autograder.key.autoencoder.train_epoch import train_epoch
from autograder.key.kinds import noise


def test_loss_is_the_mean_negative_log_likelihood_of_a_bernoulli():
    rng = np.random.default_rng(0)
    x, logits = (torch.tensor(rng.uniform(a, 1, (5, 1, 28, 28))) for a in (0, -4))
    oracle = -D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3)).mean()
    torch.testing.assert_close(reconstruction_loss(logits, x), oracle)


def test_gradient_of_the_loss_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.uniform(0, 1, (3, 1, 2, 4)))
    logits = torch.tensor(rng.normal(0, 2, (3, 1, 2, 4)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: reconstruction_loss(a, x), logits)


@pytest.mark.parametrize("nz", [2, 5])
def test_networks_have_the_shapes_of_the_contract(nz):
    x = torch.rand(3, 1, 28, 28)
    z = Encoder(nz)(x)
    assert z.shape == (3, nz)
    assert Decoder(nz)(z).shape == (3, 1, 28, 28)


def test_grid_has_its_corners_where_the_contract_says():
    def decoder(z):  # a picture that is bright where its code is large
        return torch.cat([z[:, :1].expand(-1, 392), z[:, 1:].expand(-1, 392)], 1).view(
            -1, 1, 28, 28
        )

    picture = latent_grid(decoder, n=5, span=3.0)
    assert picture.shape == (140, 140)
    low, high = torch.sigmoid(torch.tensor([-3.0, 3.0]))
    assert picture[0, 0] == low and picture[27, 0] == high  # top left: (-span, span)
    assert picture[-28, -1] == high and picture[-1, -1] == low  # bottom right: (span, -span)


def test_sampling_restores_the_decoder_and_draws_from_the_prior():
    decoder = Decoder(4)
    for training in (True, False):
        decoder.train(training)
        images = sample_prior(decoder, 7, 4)
        assert decoder.training is training
        assert images.shape == (7, 1, 28, 28) and not images.requires_grad
        assert 0 <= images.min() and images.max() <= 1


def test_an_epoch_of_the_reference_is_plain_gradient_descent():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    twin = torch.nn.Linear(3, 1)
    twin.load_state_dict(model.state_dict())
    batches = [(torch.randn(n, 3), None) for n in (4, 2, 5)]

    def loss_fn(network, x):
        return network(x).pow(2).mean()

    losses = train_epoch(model, batches, loss_fn, torch.optim.SGD(model.parameters(), lr=0.1))
    for (x, _), loss in zip(batches, losses, strict=True):
        value = loss_fn(twin, x)
        assert loss == pytest.approx(value.item())
        gradients = torch.autograd.grad(value, list(twin.parameters()))
        with torch.no_grad():
            for p, gradient in zip(twin.parameters(), gradients, strict=True):
                p -= 0.1 * gradient
    torch.testing.assert_close(model.weight, twin.weight)


@pytest.mark.parametrize(
    "draw, verdict",
    [
        (lambda g, n: g.normal(size=n), None),
        (lambda g, n: g.uniform(-(3**0.5), 3**0.5, n), noise.shape),
        (lambda g, n: g.laplace(0, 0.5**0.5, n), noise.shape),
        (lambda g, n: g.normal(0.2, 1, n), noise.level),
        (lambda g, n: g.normal(0, 1.2, n), noise.spread),
        (lambda g, n: np.repeat(g.normal(size=(n[0], 1)), n[1], 1), noise.dependence),
        (lambda g, n: np.repeat(g.normal(size=(n[0] // 2, n[1])), 2, 0), noise.dependence),
    ],
)
def test_noise_is_judged_by_what_is_wrong_with_it(draw, verdict):
    sample = draw(np.random.default_rng(0), (2400, 6))
    complaints = [
        t for t in (noise.level, noise.spread, noise.shape, noise.dependence) if t(sample)
    ]
    assert verdict in complaints if verdict else complaints == []
