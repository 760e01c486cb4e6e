"""Visible check of the notebook `explore`: the statistics of every digit's latents."""

from __future__ import annotations

import math

import torch

from utils.checks import check, close, listed, require


@check
def digit_statistics(student):
    """Two (10, nz) tables: rows by class, n - 1, NaN where a class is absent."""
    mu = torch.tensor([[1.0, 10.0], [0.0, 0.0], [3.0, 10.0], [5.0, 40.0], [2.0, 2.0]])
    y = torch.tensor([7, 2, 7, 7, 2])
    before = mu.clone()
    result = student(mu, y)
    require(
        isinstance(result, tuple | list) and len(result) == 2,
        "digit_statistics should return two tensors, the means and the standard deviations.",
    )
    require(torch.equal(mu, before), "digit_statistics changed mu in place; leave it as it was.")
    names = ("means", "standard deviations")
    for name, table in zip(names, result, strict=True):
        shape = tuple(table.shape) if isinstance(table, torch.Tensor) else type(table).__name__
        require(
            shape == (10, 2),
            "with two latent dimensions both tables have a row for every digit 0 to 9 and two "
            f"columns, shape (10, 2); your {name} have {shape}.",
        )
    means, stds = result
    seven = "the three latents of digit 7 are (1, 10), (3, 10) and (5, 40), so row 7 of the"
    require(
        close(means[7], torch.tensor([3.0, 20.0])),
        f"{seven} means should be (3, 20); yours is ({listed(means[7])}). Rows are digits, columns "
        "latent dimensions.",
    )
    require(
        not close(stds[7, 0], math.sqrt(8 / 3)),
        "your standard deviations divide by n; divide by n - 1, because the mean was estimated "
        "from the same images.",
    )
    require(
        close(stds[7], torch.tensor([2.0, math.sqrt(300)])),
        f"{seven} standard deviations should be (2, 17.3); yours is ({listed(stds[7])}).",
    )
    absent = [0, 1, 3, 4, 5, 6, 8, 9]
    for name, table in zip(names, result, strict=True):
        require(
            table[absent].isnan().all(),
            f"there is no image of digit 0 in this example, so row 0 of the {name} should be NaN "
            f"(unknown); yours is ({listed(table[0])}). The same for every digit that is absent.",
        )
    return "digit_statistics has a row a digit, divides by n - 1, and says NaN for no images."
