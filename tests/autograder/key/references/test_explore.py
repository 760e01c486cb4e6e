"""The reference of `explore` against oracles that share no line with it."""

import statistics

import numpy as np
import pytest
import torch

from autograder.key.explore.digit_statistics import _latents, digit_statistics


@pytest.fixture
def latents():
    """(mu, y): class 4 has one member, classes 2 and 8 have none."""
    rng = np.random.default_rng(0)
    y = rng.choice([0, 1, 3, 5, 6, 7, 9], 60)
    y[17] = 4
    return rng.normal(y[:, None], 1 + y[:, None], (60, 3)), y


def test_statistics_are_those_of_the_standard_library(latents):
    mu, y = latents
    means, stds = digit_statistics(torch.tensor(mu), torch.tensor(y))
    for digit in set(y) - {4}:
        for j in range(3):
            own = [float(value) for value in mu[y == digit, j]]
            assert float(means[digit, j]) == pytest.approx(statistics.fmean(own))
            assert float(stds[digit, j]) == pytest.approx(statistics.stdev(own))
    np.testing.assert_allclose(means[4], mu[17])


def test_what_is_not_known_is_nan(latents):
    means, stds = digit_statistics(*map(torch.tensor, latents))
    assert means.isnan().all(1).nonzero().flatten().tolist() == [2, 8]
    assert stds.isnan().all(1).nonzero().flatten().tolist() == [2, 4, 8]


def test_float32_agrees_with_float64(latents):
    mu, y = map(torch.tensor, latents)
    for exact, single in zip(digit_statistics(mu, y), digit_statistics(mu.float(), y), strict=True):
        torch.testing.assert_close(single.double(), exact, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_every_draw_has_two_absent_classes_and_one_of_a_single_member():
    for seed in range(20):
        inputs = _latents(np.random.default_rng(seed))
        counts = np.bincount(inputs["gaps.y"], minlength=10)
        assert (counts == 0).sum() == 2 and (counts == 1).sum() == 1
        assert np.bincount(inputs["full.y"], minlength=10).min() >= 3
