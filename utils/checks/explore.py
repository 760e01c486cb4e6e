"""Visible check of the notebook `explore`: it prints a line, or says what to look at."""

import math

import torch

from utils.checks import CheckFailed


def digit_statistics(student):
    """Two (10, nz) tables: order of the classes, n - 1, one column a latent dimension, NaN."""
    mu = torch.tensor([[1.0, 10.0], [0.0, 0.0], [3.0, 10.0], [5.0, 40.0], [2.0, 2.0]])
    y = torch.tensor([7, 2, 7, 7, 2])
    before = mu.clone()
    result = student(mu, y)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise CheckFailed(
            "digit_statistics should return two tensors, the means and the standard deviations; "
            f"it returned {_said(result)}."
        )
    if not torch.equal(mu, before):
        raise CheckFailed("digit_statistics changed mu in place; compute new tensors instead.")
    for name, table in zip(("means", "standard deviations"), result, strict=True):
        if not isinstance(table, torch.Tensor) or tuple(table.shape) != (10, 2):
            raise CheckFailed(
                "with two latent dimensions each table has a row for every digit 0 to 9 and two "
                f"columns, shape (10, 2); your {name} are {_said(table)}."
            )
    means, stds = result
    if not torch.allclose(means[7], torch.tensor([3.0, 20.0]), atol=1e-4):
        raise CheckFailed(
            "the three latents of digit 7 are (1, 10), (3, 10), (5, 40), so row 7 of the means "
            f"should be (3, 20); yours is ({_numbers(means[7])}). Rows are digits, columns latent "
            "dimensions."
        )
    if math.isclose(stds[7, 0], math.sqrt(8 / 3), rel_tol=1e-3):
        raise CheckFailed(
            "your standard deviations divide by n; divide by n - 1, because the mean was estimated "
            "from the same images."
        )
    if math.isclose(stds[7, 0], 4.0, rel_tol=1e-3):
        raise CheckFailed("these are variances; a standard deviation is the square root.")
    if not torch.allclose(stds[7], torch.tensor([2.0, math.sqrt(300)]), rtol=1e-3):
        raise CheckFailed(
            "the three latents of digit 7 are (1, 10), (3, 10), (5, 40), so row 7 of the standard "
            f"deviations should be (2, 17.3); yours is ({_numbers(stds[7])})."
        )
    absent = [digit for digit in range(10) if digit not in (2, 7)]
    for name, table in (("means", means), ("standard deviations", stds)):
        if not table[absent].isnan().all():
            raise CheckFailed(
                f"there is no image of digit {absent[0]} in this example, so its row of the {name} "
                f"should be NaN (unknown); yours is ({_numbers(table[absent[0]])})."
            )
    print("Passed: digit_statistics has a row a digit, divides by n - 1, says NaN for no images.")


def _numbers(values):
    return ", ".join(f"{value:.3g}" for value in torch.as_tensor(values).flatten().tolist())


def _said(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return "None: is there a return?" if value is None else f"a {type(value).__name__}"
