"""The visible check of `digit_statistics` accepts what is right and names the usual slips."""

import pytest
import torch

from utils.checks import CheckFailed, explore


def by_mask(mu, y, absent=torch.nan, unbiased=True):
    means, stds = torch.full((2, 10, mu.shape[1]), absent)
    for digit in y.unique():
        means[digit] = mu[y == digit].mean(dim=0)
        stds[digit] = mu[y == digit].std(dim=0, unbiased=unbiased)
    return means, stds


def by_sums(mu, y):
    """Without a loop: sums and sums of squares by a one-hot matrix."""
    member = (y[None] == torch.arange(10)[:, None]).float()
    n = member.sum(dim=1, keepdim=True)
    means = member @ mu / n
    return means, ((member @ mu**2 - n * means**2) / (n - 1)).where(n > 1, torch.nan).sqrt()


@pytest.mark.parametrize("right", [by_mask, by_sums, lambda mu, y: list(by_mask(mu, y))])
def test_accepts(right, capsys):
    explore.digit_statistics(right)
    assert capsys.readouterr().out.startswith("Passed")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda mu, y: by_mask(mu, y, absent=0.0), "NaN"),
        (lambda mu, y: by_mask(mu, y, unbiased=False), "n - 1"),
        (lambda mu, y: (by_mask(mu, y)[0], by_mask(mu, y)[1] ** 2), "should be \\(2, 17.3\\)"),
        (lambda mu, y: by_mask(mu, y)[0], "two tensors"),
        (lambda mu, y: [table.T for table in by_mask(mu, y)], "shape"),
        (lambda mu, y: [table[y.unique()] for table in by_mask(mu, y)], "shape"),
        (lambda mu, y: by_mask(mu.mul_(2), y), "in place"),
        (lambda mu, y: by_mask(mu, 9 - y), "row 7 of the means"),
    ],
)
def test_refuses(wrong, says):
    with pytest.raises(CheckFailed, match=says):
        explore.digit_statistics(wrong)
