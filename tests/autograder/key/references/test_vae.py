"""The reference of `vae` against oracles that share no line with it."""

import numpy as np
import pytest
import torch
from torch import distributions as D

from autograder.key import catalogue, vae
from autograder.key.question import Exam
from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.elbo import elbo
from autograder.key.vae.iwae_bound import iwae_bound
from autograder.key.vae.kl_between import kl_between
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize
from autograder.student import probes
from autograder.student.asking import InProcess

SIGMAS = 6


def normals(mu, logvar):
    return D.Normal(mu, (0.5 * logvar).exp())


@pytest.fixture
def latents():
    rng = np.random.default_rng(1)
    draws = rng.normal(0, 1.3, (5, 7)), rng.uniform(-3, 1.5, (5, 7))
    return [torch.tensor(a, requires_grad=True) for a in (*draws, *(0.7 * d for d in draws[::-1]))]


@pytest.fixture
def pictures():
    rng = np.random.default_rng(2)
    x, logits = rng.uniform(0, 1, (5, 1, 28, 28)), rng.normal(0.3, 2, (5, 1, 28, 28))
    return torch.tensor(x), torch.tensor(logits, requires_grad=True)


def test_kl_gaussian_is_that_of_torch_distributions(latents):
    mu, logvar = latents[:2]
    oracle = D.kl_divergence(normals(mu, logvar), D.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_gaussian(mu, logvar), oracle)


def test_kl_between_is_that_of_torch_distributions(latents):
    oracle = D.kl_divergence(normals(*latents[:2]), normals(*latents[2:])).sum(1)
    torch.testing.assert_close(kl_between(*latents), oracle)


def test_divergences_lie_within_the_error_of_a_monte_carlo_estimate(latents):
    torch.manual_seed(0)
    first, second = normals(*latents[:2]), normals(*latents[2:])
    z = first.sample((40_000,))
    for other, value in (
        (D.Normal(torch.zeros(5, 7), torch.ones(5, 7)), kl_gaussian(*latents[:2])),
        (second, kl_between(*latents)),
    ):
        ratios = (first.log_prob(z) - other.log_prob(z)).sum(-1)
        error = ratios.std(0) / len(z) ** 0.5
        assert ((ratios.mean(0) - value).abs() < SIGMAS * error).all()


def test_likelihood_is_that_of_a_bernoulli(pictures):
    x, logits = pictures
    oracle = D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli_log_likelihood(x, logits), oracle)


def test_likelihood_is_finite_for_logits_of_200():
    x, logits = torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[200.0, -200.0]]]])
    assert bernoulli_log_likelihood(x, logits) == pytest.approx(-400)


@pytest.mark.parametrize("name", ["kl_gaussian", "kl_between"])
def test_gradients_of_divergences_are_those_of_finite_differences(latents, name):
    inputs = latents[:2] if name == "kl_gaussian" else latents
    assert torch.autograd.gradcheck(catalogue.find(f"vae.{name}").reference[name], inputs)


def test_gradients_of_the_elbo_are_those_of_finite_differences(pictures, latents):
    x, logits = pictures
    small = logits.detach()[:, :, :2, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *rest: elbo(x[:, :, :2, :3], *rest, beta=2.3), (small, *latents[:2])
    )


def test_single_precision_agrees_with_double(pictures, latents):
    x, logits = pictures
    doubles = elbo(x, logits, *latents[:2], beta=2.3)
    singles = elbo(*(t.float() for t in (x, logits, *latents[:2])), beta=2.3)
    assert singles.item() == pytest.approx(doubles.item(), rel=1e-4)


def test_samples_have_the_mean_and_variance_that_they_should():
    torch.manual_seed(0)
    mu, logvar = torch.tensor([1.5, -2.0]), torch.tensor([-2.0, 1.0])
    z = reparametrize(mu.expand(50_000, 2), logvar.expand(50_000, 2))
    std = (0.5 * logvar).exp()
    assert ((z.mean(0) - mu).abs() < SIGMAS * std / len(z) ** 0.5).all()
    assert ((z.var(0) / std**2 - 1).abs() < SIGMAS * (2 / len(z)) ** 0.5).all()


@pytest.mark.dear
def test_the_bound_approaches_the_evidence_computed_by_quadrature():
    rng = np.random.default_rng(3)
    inputs = {
        "x": rng.uniform(0, 1, (2, 1, 28, 28)),
        "to mu": rng.normal(0, 0.02, (784, 2)),
        "to logvar": rng.normal(0, 0.01, (784, 2)) - 0.002,
        "to logits": rng.normal(0, 0.05, (2, 784)),
        "samples": np.zeros((2, 1, 2)),
    }
    from autograder.student.probes.vae import _Given

    model, x = _Given(inputs), torch.tensor(inputs["x"]).float()
    axis = torch.linspace(-7, 7, 281)
    z = torch.cartesian_prod(axis, axis)
    log_prior = D.Normal(0.0, 1.0).log_prob(z).sum(1)
    area = 2 * torch.log(axis[1] - axis[0])
    for image in x:
        likelihood = bernoulli_log_likelihood(image.expand(len(z), 1, 28, 28), model.decode(z))
        evidence = torch.logsumexp(likelihood + log_prior + area, 0)
        torch.manual_seed(0)
        many = iwae_bound(model, image.expand(50, 1, 28, 28), 200)
        few = iwae_bound(model, image.expand(3000, 1, 28, 28), 1)
        assert abs(many.mean() - evidence) < 0.1
        assert few.mean() + SIGMAS * few.std() / 3000**0.5 < many.mean()


@pytest.mark.parametrize(
    "question", [q for q in vae.QUESTIONS if not q.examine], ids=lambda q: q.id
)
def test_inputs_are_never_degenerate(question):
    inputs = question.draw(np.random.default_rng(0))
    shapes = {v.shape for v in inputs.values() if isinstance(v, np.ndarray)}
    assert shapes and all(len(shape) < 2 or shape[0] != shape[1] for shape in shapes)
    for key, value in inputs.items():
        if isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind == "f":
            assert np.ptp(value) > 0, key
    assert inputs.get("beta", 2.0) not in (0.0, 1.0)


def test_probes_leave_the_random_state_as_it_was():
    question = catalogue.find("vae.reparametrize")
    inputs = {**question.draw(np.random.default_rng(0)), "seed": 5}
    before = torch.get_rng_state()
    probes.run(question.probe, question.reference, inputs)
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_that_cannot_be_built_says_why_in_every_check():
    def broken(nz):
        raise ValueError("no such size")

    result = Exam(InProcess({"VAE": broken}), 0, catalogue.find).grade("vae.VAE")
    assert all("no such size" in outcome.message for outcome in result.outcomes)
