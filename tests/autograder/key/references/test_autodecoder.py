"""The reference of `autodecoder` against oracles that share no line with it.

torch.distributions where it has the formula, scipy quadrature of p log(p / q) and Monte Carlo (6
standard errors) everywhere; finite differences for gradients; float64 against float32.
"""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import distributions as D

from autograder.key import catalogue
from autograder.key.autodecoder.auto_decoder import AutoDecoder
from autograder.key.autodecoder.batch_rmse_score import batch_rmse_score
from autograder.key.autodecoder.fit_latents import fit_latents
from autograder.key.autodecoder.vad_loss import vad_loss


def _draw(*shape, low=-1.5, high=1.2, seed=0):
    return torch.tensor(np.random.default_rng(seed).uniform(low, high, shape))


MU, LOG, TRIL = _draw(4, 3, seed=1), _draw(4, 3, seed=2), _draw(4, 3, 3, seed=3)


def _reference(name):
    return catalogue.find(f"autodecoder.{name}").reference[name]


def _frozen(family, i, j):
    """One latent dimension as a scipy distribution, with its prior."""
    mu, log = float(MU[i, j]), float(LOG[i, j])
    if family == "gaussian":
        return stats.norm(mu, math.exp(log / 2)), stats.norm()
    if family == "exponential":
        return stats.expon(scale=math.exp(-log)), stats.expon()
    if family == "laplace":
        return stats.laplace(mu, math.exp(log)), stats.laplace()
    width, low = 1 / (1 + math.exp(-log)), 1 / (1 + math.exp(-mu))
    return stats.uniform(low * (1 - width), width), stats.uniform()


ARGUMENTS = {
    "gaussian": (MU, LOG),
    "exponential": (LOG,),
    "laplace": (MU, LOG),
    "uniform": (MU, LOG),
    "full_gaussian": (MU, TRIL),
}
SCALAR = ("gaussian", "exponential", "laplace", "uniform")


def _kl(family, *arguments):
    return _reference(f"kl_{family}")(*arguments)


def _sample(family, noise):
    return _reference(f"rsample_{family}")(*ARGUMENTS[family], noise)


def _full(mu, tril):
    """The full-covariance Gaussian, with its factor built entry by entry."""
    factor = torch.zeros_like(tril)
    for b, i, j in np.ndindex(*tril.shape):
        if i > j:
            factor[b, i, j] = tril[b, i, j]
        elif i == j:
            factor[b, i, j] = math.exp(tril[b, i, j])
    return D.MultivariateNormal(mu, covariance_matrix=factor @ factor.mT)


@pytest.mark.parametrize("family", SCALAR)
def test_kl_is_the_integral_of_its_definition(family):
    for i in range(2):
        total = 0.0
        for j in range(3):
            p, q = _frozen(family, i, j)
            ends = p.ppf([1e-14, 0.5, 1 - 1e-14])
            kinks = sorted({x for x in (0.0, *ends) if ends[0] < x < ends[2]})

            def integrand(z, p=p, q=q):
                return p.pdf(z) * (p.logpdf(z) - q.logpdf(z))

            value, error = integrate.quad(integrand, ends[0], ends[2], points=kinks, limit=400)
            assert error < 1e-6
            total += value
        assert float(_kl(family, *ARGUMENTS[family])[i]) == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("family", SCALAR)
def test_kl_is_what_torch_distributions_gives(family):
    zero, one = torch.zeros_like(MU), torch.ones_like(MU)
    width, low = torch.sigmoid(LOG), torch.sigmoid(MU)
    pairs = {
        "gaussian": (D.Normal(MU, LOG.exp().sqrt()), D.Normal(zero, one)),
        "exponential": (D.Exponential(LOG.exp()), D.Exponential(one)),
        "laplace": (D.Laplace(MU, LOG.exp()), D.Laplace(zero, one)),
        "uniform": (D.Uniform(low * (1 - width), low * (1 - width) + width), D.Uniform(zero, one)),
    }
    oracle = D.kl_divergence(*pairs[family]).sum(1)
    torch.testing.assert_close(_kl(family, *ARGUMENTS[family]), oracle)


def test_kl_of_a_full_gaussian_is_what_torch_distributions_gives():
    prior = D.MultivariateNormal(torch.zeros_like(MU), torch.eye(3, dtype=MU.dtype))
    oracle = D.kl_divergence(_full(MU, TRIL), prior)
    torch.testing.assert_close(_reference("kl_full_gaussian")(MU, TRIL), oracle)


@pytest.mark.parametrize("family", ARGUMENTS)
def test_kl_is_a_monte_carlo_mean_of_log_ratios(family):
    """Samples and KL of one family check each other: log p(z) - log q(z), z from rsample."""
    n = 40_000
    generator = torch.Generator().manual_seed(5)
    noise = torch.rand if family in ("exponential", "laplace", "uniform") else torch.randn
    means, errors = [], []
    for i in range(4):
        arguments = [a[i : i + 1].expand(n, *a.shape[1:]) for a in ARGUMENTS[family]]
        z = _reference(f"rsample_{family}")(
            *arguments, noise(n, 3, generator=generator, dtype=torch.float64)
        )
        if family == "full_gaussian":
            log_p = _full(MU[i : i + 1], TRIL[i : i + 1]).log_prob(z)
            log_q = D.Normal(0.0, 1.0).log_prob(z).sum(1)
        else:
            parts = [_frozen(family, i, j) for j in range(3)]
            log_p, log_q = (
                torch.tensor(sum(part[k].logpdf(z[:, j].numpy()) for j, part in enumerate(parts)))
                for k in (0, 1)
            )
        ratio = log_p - log_q
        means.append(ratio.mean())
        errors.append(ratio.std() / math.sqrt(n))
    means, errors = torch.stack(means), torch.stack(errors)
    # Where the ratio is constant (uniform) the error is rounding alone.
    assert ((means - _kl(family, *ARGUMENTS[family])).abs() < 6 * errors + 1e-9).all()


@pytest.mark.parametrize("family", ("exponential", "laplace", "uniform"))
def test_samples_from_a_uniform_are_the_inverse_distribution_function(family):
    u = _draw(4, 3, low=0.02, high=0.98, seed=7)
    z = _sample(family, u)
    for i, j in np.ndindex(4, 3):
        p, _ = _frozen(family, i, j)
        assert float(z[i, j]) == pytest.approx(float(p.ppf(float(u[i, j]))), rel=1e-9, abs=1e-12)


def test_gaussian_samples_are_standardised_noise():
    eps = torch.randn(4, 3, dtype=torch.float64)
    z = _sample("gaussian", eps)
    torch.testing.assert_close((z - MU) / LOG.exp().sqrt(), eps)


def test_full_gaussian_samples_have_the_covariance_of_the_contract():
    oracle = _full(MU, TRIL)
    n = 200_000
    eps = torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = _reference("rsample_full_gaussian")(MU[:1].expand(n, 3), TRIL[:1].expand(n, 3, 3), eps)
    S = oracle.covariance_matrix[0]
    error = torch.sqrt(
        (torch.outer(S.diag(), S.diag()) + S**2) / n
    )  # of an entry of a sample covariance
    assert ((torch.cov(z.T) - S).abs() < 6 * error).all()
    assert ((z.mean(0) - MU[0]).abs() < 6 * torch.sqrt(S.diag() / n)).all()


@pytest.mark.parametrize("family", ARGUMENTS)
def test_gradients_are_those_of_finite_differences(family):
    arguments = [a.clone().requires_grad_() for a in ARGUMENTS[family]]
    noise = _draw(4, 3, low=0.05, high=0.95, seed=9)
    assert torch.autograd.gradcheck(_reference(f"kl_{family}"), arguments)
    sample = _reference(f"rsample_{family}")
    assert torch.autograd.gradcheck(lambda *a: sample(*a, noise), arguments)


@pytest.mark.parametrize("family", ARGUMENTS)
def test_float32_agrees_with_float64(family):
    noise = _draw(4, 3, low=0.03, high=0.97, seed=11).float()
    arguments = [a.float() for a in ARGUMENTS[family]]
    for name, extra in (("kl", ()), ("rsample", (noise,))):
        function = _reference(f"{name}_{family}")
        exact = function(*(a.double() for a in arguments), *(e.double() for e in extra))
        torch.testing.assert_close(
            function(*arguments, *extra).double(), exact, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("family", ARGUMENTS)
def test_kl_is_zero_at_the_prior_alone(family):
    at_prior = {
        "uniform": (torch.zeros(1, 3), torch.full((1, 3), 40.0)),
        "full_gaussian": (torch.zeros(1, 3), torch.zeros(1, 3, 3)),
    }.get(family, tuple(torch.zeros(1, 3) for _ in ARGUMENTS[family]))
    assert float(_kl(family, *at_prior)) == pytest.approx(0, abs=1e-6)
    assert (_kl(family, *ARGUMENTS[family]) > 0.01).all()


def test_laplace_kl_has_a_gradient_at_its_kink():
    mu, log_scale = torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3)
    _reference("kl_laplace")(mu, log_scale).sum().backward()
    assert (mu.grad == 0).all()


def test_numbers_above_the_diagonal_do_not_matter():
    other = TRIL + torch.triu(_draw(4, 3, 3, seed=20), 1)
    torch.testing.assert_close(
        _reference("kl_full_gaussian")(MU, other), _reference("kl_full_gaussian")(MU, TRIL)
    )
    eps = torch.ones(4, 3, dtype=torch.float64)
    torch.testing.assert_close(
        _reference("rsample_full_gaussian")(MU, other, eps),
        _reference("rsample_full_gaussian")(MU, TRIL, eps),
    )


def test_loss_is_minus_the_bernoulli_log_likelihood_plus_beta_kl_per_image():
    logits, x = _draw(5, 1, 4, 3, high=3, seed=4), _draw(5, 1, 4, 3, low=0, high=1, seed=5)
    kl = _draw(5, low=1, high=9, seed=6)
    images = [
        -D.Bernoulli(logits=logits[i], validate_args=False).log_prob(x[i]).sum() + 2 * kl[i]
        for i in range(5)
    ]
    torch.testing.assert_close(vad_loss(logits, x, kl, 2.0), sum(images) / 5)
    assert torch.autograd.gradcheck(
        lambda a, b: vad_loss(a, x, b, 2.0), (logits.requires_grad_(), kl.requires_grad_())
    )


def test_score_is_the_frobenius_norm_over_elements_and_falls_with_the_root_of_the_batch():
    x, error = _draw(2, 1, 4, 3, low=0, high=255), _draw(2, 1, 4, 3, low=-9, high=9, seed=8)
    oracle = math.sqrt(sum(float(e) ** 2 for e in error.flatten())) / 24
    assert float(batch_rmse_score(x, x + error)) == pytest.approx(oracle)
    four = batch_rmse_score(x.repeat(4, 1, 1, 1), (x + error).repeat(4, 1, 1, 1))
    assert float(four) == pytest.approx(oracle / 2)
    with pytest.raises(ValueError, match="differ"):
        batch_rmse_score(x, x[:, 0])


def test_fitted_latents_find_the_ones_that_made_the_images_and_leave_the_decoder():
    torch.manual_seed(0)
    decoder = torch.nn.Sequential(
        torch.nn.Linear(2, 9),
        torch.nn.BatchNorm1d(9),
        torch.nn.Linear(9, 784),
        torch.nn.Unflatten(1, (1, 28, 28)),
    )
    before = {key: value.clone() for key, value in decoder.state_dict().items()}
    z = torch.randn(5, 2)
    x = torch.sigmoid(decoder.eval()(z).detach())
    decoder.train()
    fitted = fit_latents(decoder, x, 2, steps=400, lr=0.05)
    torch.testing.assert_close(fitted, z, rtol=0.05, atol=0.05)
    assert decoder.training and all(
        p.requires_grad and p.grad is None for p in decoder.parameters()
    )
    for key, value in decoder.state_dict().items():
        assert torch.equal(value, before[key])


def test_decoder_has_the_shapes_of_the_contract():
    for nz in (2, 7):
        assert AutoDecoder(nz)(torch.randn(3, nz)).shape == (3, 1, 28, 28)
