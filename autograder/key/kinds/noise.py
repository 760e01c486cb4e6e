"""Whether numbers look like independent draws of N(0, 1).

Every bound is six standard deviations of the statistic's sampling distribution under that
hypothesis, so that one right answer in about a billion would be turned away. Sentences call the
numbers `of`, "noise" or "latents".
"""

from __future__ import annotations

import numpy as np

SIGMAS = 6.0
BINS = 8


def level(noise, of="noise") -> str | None:
    """None, or a sentence: the mean of (N, d) noise is not 0, however far it spreads.

    Rows may share something among their dimensions: the error is that of their means, if larger.
    """
    floor = 0.05  # a spread of nearly nothing is another property's question
    error = max(noise.std() / np.sqrt(noise.size), noise.mean(1).std() / np.sqrt(len(noise)))
    if abs(noise.mean()) > SIGMAS * max(error, floor / np.sqrt(noise.size)):
        return f"the mean of the {of} is not 0."
    errors = np.maximum(noise.std(0), floor) / np.sqrt(len(noise))
    if (np.abs(noise.mean(0)) > SIGMAS * errors).any():
        return f"in some latent dimensions the mean of the {of} is not 0."
    return None


def spread(noise, by=None) -> str | None:
    """None, or a sentence: the variance of the noise is not 1, overall or where `by` is large
    or small.
    """
    if abs(noise.var() - 1) > SIGMAS * np.sqrt(2 / noise.size):
        return f"the spread is too {'large' if noise.var() > 1 else 'small'}."
    for part in bins(noise, by) if by is not None else ():
        if abs(part.var() - 1) > SIGMAS * np.sqrt(2 / part.size):
            return "the spread does not follow logvar in the right way."
    return None


def shape(noise, of="noise") -> str | None:
    """None, or a sentence: skewness or kurtosis are not those of a normal distribution."""
    z = (noise - noise.mean()) / noise.std()
    if abs((z**3).mean()) > SIGMAS * np.sqrt(6 / z.size):
        return f"the distribution of the {of} is lopsided."
    if abs((z**4).mean() - 3) > SIGMAS * np.sqrt(24 / z.size):
        return f"the tails of the {of} are too {'heavy' if (z**4).mean() > 3 else 'light'}."
    return None


def misshapen(noise) -> str | None:
    """The name of noise that is not normal: lopsided, or with tails too light or too heavy.

    Tails as heavy as Student's make any skewness, so mean and median tell what is lopsided.
    """
    if shape(noise) is None:
        return None
    if abs(noise.mean() - np.median(noise)) > 0.1 * noise.std():
        return "lopsided"
    z = (noise - noise.mean()) / noise.std()
    return "heavy-tails" if (z**4).mean() > 3 else "light-tails"


def dependence(noise, of="noise") -> str | None:
    """None, or a sentence: rows (images) or columns (dimensions) share their noise."""
    z = (noise - noise.mean()) / noise.std()
    rows, columns = row_correlation(z), column_correlation(z)
    if rows > SIGMAS / np.sqrt(z.size - 3 * z.shape[1]):
        return f"different images share their {of}."
    if columns > SIGMAS / np.sqrt(len(z)):
        return f"different latent dimensions share their {of}."
    if repeated(noise):
        return f"some images get the {of} of others."
    if balanced(noise):
        return f"what one image gets of the {of} makes up for what others of its batch get."
    return None


def repeated(noise) -> bool:
    """Whether rows hold the numbers of another row, wherever it stands, in any order and with any
    signs. By chance two rows are never that close; three pairs are asked for.
    """
    entries = np.sort(np.abs(noise), 1)
    entries = entries[np.argsort(entries[:, -1], kind="stable")]
    pairs = 0
    for lag in (1, 2, 3):
        if len(entries) > lag:
            apart = np.abs(entries[lag:] - entries[:-lag])
            pairs += int((apart < 1e-3 * (0.01 + entries[lag:])).all(1).sum())
    return pairs >= min(3, len(noise) // 2)


def balanced(noise) -> bool:
    """Whether columns or rows were centred, or scaled to one spread: their means, or spreads, are
    then nearer to those of N(0, 1) than chance leaves them (here a fiftieth of a standard error).
    """
    n, d = noise.shape
    noise = noise / max(noise.std(), 1e-9)
    means = np.abs(noise.mean(0)) * np.sqrt(n)
    spreads = np.abs(noise.std(0) - 1) * np.sqrt(2 * n)
    rows = np.abs(noise.mean(1)) * np.sqrt(d)
    return any(len(part) > 3 and np.median(part) < 0.02 for part in (means, spreads, rows))


def row_correlation(z) -> float:
    """The largest correlation between each row and the next, the third next, and one half a
    batch away.
    """
    lags = {1, 3, len(z) // 2}
    return max(
        abs(float((z[lag:] * z[:-lag]).mean())) * np.sqrt((len(z) - lag) / len(z)) for lag in lags
    )


def column_correlation(z) -> float:
    """The largest correlation between two columns."""
    products = z.T @ z / len(z)
    return float(np.abs(products - np.diag(np.diag(products))).max())


def same(first, second) -> bool:
    """Whether two batches of noise are correlated."""
    if first.shape != second.shape or not first.std() or not second.std():
        return first.shape == second.shape
    return abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) > SIGMAS / np.sqrt(first.size)


def bins(noise, by, count: int = BINS) -> list:
    """The noise in equal parts, by the size of `by`."""
    return np.array_split(noise.ravel()[np.argsort(by.ravel(), kind="stable")], count)
