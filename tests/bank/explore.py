"""Answers to `explore`: wrong ones and unusual right ones."""

from . import Mutant, Variant

HEAD = """
import math
import numpy as np
import torch
import torch.nn.functional as F

def digit_statistics(mu, y):
"""


def _source(body):
    return HEAD + "\n".join(f"    {line}" for line in body.strip("\n").split("\n")) + "\n"


def _m(why, check, mistake, body):
    return Mutant("explore.digit_statistics", why, check, mistake, _source(body))


def _v(why, body):
    return Variant("explore.digit_statistics", why, _source(body))


LOOP = """
means = torch.full((10, mu.shape[1]), float('nan'))
stds = torch.full((10, mu.shape[1]), float('nan'))
for k in range(10):
    z = mu[y == k]
    if len(z) == 0:
        continue
    means[k] = {mean}
    stds[k] = {std}
return means, stds
"""


def _loop(mean="z.mean(0)", std="z.std(0)"):
    return LOOP.format(mean=mean, std=std)


MUTANTS = (
    _m("n in the denominator", "stds", "divided-by-n", _loop(std="z.std(0, unbiased=False)")),
    _m("n in the denominator, through numpy", "stds", "divided-by-n", _loop(std="torch.from_numpy(z.numpy().std(0))")),
    _m("variance", "stds", "variance", _loop(std="z.var(0)")),
    _m("standard error", "stds", "standard-error", _loop(std="z.std(0) / math.sqrt(len(z))")),
    _m("exchanged", "means", "pair-swapped", _loop().replace("return means, stds", "return stds, means")),
    _m("spread around the overall mean", "stds", "overall-mean",
       _loop(std="(((z - mu.mean(0)) ** 2).sum(0) / (len(z) - 1)).sqrt()")),
    _m("spread of all digits", "stds", "overall-spread", _loop(std="mu.std(0)")),
    _m("labels ignored", "means", "all-together", _loop("mu.mean(0)", "mu.std(0)")),
    _m("divided by all", "means", "mean-over-all", _loop(mean="z.sum(0) / len(mu)")),
    _m("a mask instead of a selection", "means", "mean-over-all", """
means = torch.stack([(mu * (y == k).float()[:, None]).mean(0) for k in range(10)])
stds = torch.stack([(mu * (y == k).float()[:, None]).std(0) for k in range(10)])
return means, stds"""),
    _m("averaged over dimensions, too", "means", "one-mean", _loop("z.mean()", "z.std()")),
    _m("spread pooled over dimensions", "stds", "one-mean", _loop(std="z.std()")),
    _m("median", "means", "median", _loop(mean="z.median(0).values")),
    _m("sums", "means", "sum", _loop(mean="z.sum(0)")),
    _m("digits 1 to 10", "means", "shifted", _loop().replace("y == k", "y == k + 1")),
    _m("digit k in row k - 1", "means", "shifted", _loop().replace("means[k]", "means[k - 1]").replace("stds[k]", "stds[k - 1]")),
    _m("nine digits", "form", "nine-missing", """
means = torch.stack([mu[y == k].mean(0) for k in range(9)])
stds = torch.stack([mu[y == k].std(0) for k in range(9)])
return means, stds"""),
    _m("range(9), rows for ten", "means", "nine-missing", _loop().replace("range(10)", "range(9)")),
    _m("transposed", "form", "transposed", _loop().replace("return means, stds", "return means.T, stds.T")),
    _m("absent classes are zeros", "absent", "absent-zero", _loop().replace("float('nan')", "0.0")),
    _m("absent classes have no row", "form", "absent-skipped", """
classes = y.unique()
means = torch.stack([mu[y == k].mean(0) for k in classes])
stds = torch.stack([mu[y == k].std(0) for k in classes])
return means, stds"""),
    _m("absent classes get the overall mean", "absent", "absent-filled", """
means = mu.mean(0).repeat(10, 1)
stds = mu.std(0).repeat(10, 1)
for k in y.unique():
    z = mu[y == k]
    means[k], stds[k] = z.mean(0), z.std(0)
return means, stds"""),
    _m("NaN replaced by zero", "absent", "absent-zero", """
means = torch.stack([mu[y == k].mean(0) for k in range(10)])
stds = torch.stack([mu[y == k].std(0) for k in range(10)])
return torch.nan_to_num(means), stds"""),
    _m("a single latent has spread zero", "alone", "alone-zero", _loop(std="z.std(0) if len(z) > 1 else 0.0")),
    _m("no spread for a class of two", "stds", "two-too-few", _loop(std="z.std(0) if len(z) > 2 else float('nan')")),
    _m("fails where a class is absent", "form", "absent-fails", _loop().replace("continue", "raise ValueError('no such digit')")),
    _m("means only", "form", "one-result", _loop().replace("return means, stds", "return means")),
    _m("a dictionary", "form", "dictionary", """
return {k: (mu[y == k].mean(0), mu[y == k].std(0)) for k in range(10)}"""),
    _m("three results", "form", "too-many-results", _loop().replace("return means, stds", "return means, stds, y.bincount(minlength=10)")),
    _m("absolute deviation", "stds", "absolute-deviation", _loop(std="(z - z.mean(0)).abs().mean(0)")),
    _m("second moment", "stds", "second-moment", _loop(std="(z ** 2).mean(0).sqrt()")),
    _m("sorted without the labels", "means", None, """
mu = mu.sort(0).values
return tuple(torch.stack([f(mu[y.sort().values == k], 0) for k in range(10)]) for f in (torch.mean, torch.std))"""),
    _m("centres in place", "manners", "in-place", """
means = torch.stack([mu[y == k].mean(0) for k in range(10)])
stds = torch.stack([mu[y == k].std(0) for k in range(10)])
mu -= mu.mean(0)
return means, stds"""),
    _m("returns nothing", "form", "returns-nothing", _loop().replace("return means, stds", "print(means, stds)")),
    _m("latent size written in", "form", "nz-written-in", _loop().replace("mu.shape[1]", "4")),
)

VARIANTS = (
    _v("stack of selections", """
return (torch.stack([mu[y == k].mean(0) for k in range(10)]),
        torch.stack([mu[y == k].std(0) for k in range(10)]))"""),
    _v("a loop over NaN", _loop()),
    _v("std_mean", """
pairs = [torch.std_mean(mu[y == k], dim=0) for k in range(10)]
stds, means = map(torch.stack, zip(*pairs))
return means, stds"""),
    _v("one-hot matrix products, double", """
one_hot = F.one_hot(y, 10).double()
n = one_hot.sum(0)[:, None]
means = one_hot.T @ mu.double() / n
residuals = mu.double() - means[y]
variances = one_hot.T @ residuals ** 2 / (n - 1)
variances[n[:, 0] == 0] = float('nan')
return means.float(), variances.sqrt().float()"""),
    _v("numpy", """
m, t = mu.detach().numpy(), y.numpy()
means = np.full((10, m.shape[1]), np.nan)
stds = np.full((10, m.shape[1]), np.nan)
for k in np.unique(t):
    means[k] = m[t == k].mean(axis=0)
    if (t == k).sum() > 1:
        stds[k] = m[t == k].std(axis=0, ddof=1)
return torch.from_numpy(means).float(), torch.from_numpy(stds).float()"""),
    _v("numpy arrays out, as a list", """
means = [mu[y == k].mean(0).numpy() for k in range(10)]
stds = [mu[y == k].std(0).numpy() for k in range(10)]
return [np.stack(means), np.stack(stds)]"""),
    _v("one tensor (2, 10, nz)", """
parts = [torch.stack([mu[y == k].mean(0), mu[y == k].std(0)]) for k in range(10)]
return torch.stack(parts, dim=1)"""),
    _v("root of the sum of squares", _loop(std="torch.sqrt(((z - z.mean(0)) ** 2).sum(0) / (len(z) - 1))")),
    _v("index_add", """
n = torch.bincount(y, minlength=10).float()[:, None]
means = torch.zeros(10, mu.shape[1]).index_add(0, y, mu) / n
squares = torch.zeros(10, mu.shape[1]).index_add(0, y, (mu - means[y]) ** 2)
return means, torch.where(n > 1, squares / (n - 1), torch.tensor(float('nan'))).sqrt()"""),
)
