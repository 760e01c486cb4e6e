"""Answers to `vae`: wrong ones and unusual right ones."""

from . import Mutant, Variant, edited

HEAD = """
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import distributions as D

"""


def _indented(body):
    return "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))


def _function(signature, body):
    return HEAD + f"def {signature}:\n{_indented(body)}"


def _mutants(question, signature, *rows):
    """rows: (why, check, mistake, body of the function)."""
    return tuple(
        Mutant(question, why, check, mistake, _function(signature, body))
        for why, check, mistake, body in rows
    )


def _variants(question, signature, *rows):
    return tuple(Variant(question, why, _function(signature, body)) for why, body in rows)


# -- reparametrize --------------------------------------------------------------------------------

SAMPLE = "vae.reparametrize", "reparametrize(mu, logvar)"
SAMPLE_MUTANTS = _mutants(
    *SAMPLE,
    (
        "std = exp(logvar)",
        "spread",
        "variance-as-std",
        "return mu + logvar.exp() * torch.randn_like(mu)",
    ),
    ("std = logvar", "spread", "logvar-as-std", "return mu + logvar * torch.randn_like(mu)"),
    (
        "std = logvar / 2",
        "spread",
        "logvar-as-std",
        "return mu + 0.5 * logvar * torch.randn_like(mu)",
    ),
    (
        "std = sqrt(logvar)",
        "form",
        "not-finite",
        "return mu + logvar.sqrt() * torch.randn_like(mu)",
    ),
    (
        "std = exp(-logvar / 2)",
        "spread",
        "inverse-std",
        "return mu + (-0.5 * logvar).exp() * torch.randn_like(mu)",
    ),
    (
        "std = exp(2 logvar)",
        "spread",
        "exponent-doubled",
        "return mu + (2 * logvar).exp() * torch.randn_like(mu)",
    ),
    (
        "std = exp(logvar / 4)",
        "spread",
        "exponent-quartered",
        "return mu + logvar.exp().sqrt().sqrt() * torch.randn_like(mu)",
    ),
    (
        "std = exp(logvar) / 2",
        "spread",
        "half-outside",
        "return mu + 0.5 * logvar.exp() * torch.randn_like(mu)",
    ),
    ("std = 1", "spread", "unit-noise", "return mu + torch.randn_like(mu)"),
    ("no noise", "spread", "no-noise", "return mu + 0 * logvar"),
    ("std added, no noise", "spread", "no-noise", "return mu + torch.exp(0.5 * logvar)"),
    (
        "mean missing",
        "centre",
        "mean-missing",
        "return torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    ),
    (
        "mean and std swapped",
        "centre",
        "roles-swapped",
        "return torch.exp(0.5 * logvar) + mu * torch.randn_like(mu)",
    ),
    (
        "arguments swapped",
        "centre",
        "swapped",
        "return logvar + torch.exp(0.5 * mu) * torch.randn_like(mu)",
    ),
    (
        "noise on both",
        "spread",
        "noise-on-both",
        "return (mu + torch.exp(0.5 * logvar)) * torch.randn_like(mu)",
    ),
    ("rand", "centre", "uniform", "return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)"),
    (
        "rand around zero",
        "shape",
        "uniform",
        "return mu + torch.exp(0.5 * logvar) * (2 * torch.rand_like(mu) - 1)",
    ),
    (
        "rand of unit variance",
        "shape",
        "uniform",
        "return mu + torch.exp(0.5 * logvar) * (torch.rand_like(mu) - 0.5) * math.sqrt(12)",
    ),
    (
        "absolute noise",
        "centre",
        "absolute",
        "return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).abs()",
    ),
    (
        "Laplace noise",
        "shape",
        "heavy-tails",
        "return D.Laplace(mu, torch.exp(0.5 * logvar)).rsample()",
    ),
    (
        "noise scaled to a tenth",
        "spread",
        "noise-scaled",
        "return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) * 0.1",
    ),
    (
        "noise shared by the batch",
        "independent",
        "shared-batch",
        "return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])",
    ),
    (
        "noise shared by the dimensions",
        "independent",
        "shared-dims",
        "return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[0], 1)",
    ),
    (
        "seed inside",
        "independent",
        "fixed-seed",
        "torch.manual_seed(0)\nreturn mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    ),
    (
        "a seeded generator inside",
        "independent",
        "fixed-seed",
        "g = torch.Generator().manual_seed(1)\nreturn mu + torch.exp(0.5 * logvar) * "
        "torch.randn(mu.shape, generator=g)",
    ),
    (
        "sample, not rsample",
        "gradients",
        "detached",
        "return D.Normal(mu, torch.exp(0.5 * logvar)).sample()",
    ),
    (
        "torch.normal",
        "gradients",
        "gradient-cut",
        "return torch.normal(mu, torch.exp(0.5 * logvar))",
    ),
    (
        "no_grad",
        "gradients",
        "detached",
        "with torch.no_grad():\n    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    ),
    (
        "std detached",
        "gradients",
        "logvar-detached",
        "std = torch.exp(0.5 * logvar).detach()\nreturn mu + std * torch.randn_like(std)",
    ),
    (
        "mean detached",
        "gradients",
        "mu-detached",
        "return mu.detach() + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    ),
    (
        "numpy result",
        "gradients",
        "detached",
        "return torch.from_numpy(np.random.normal(mu.detach().numpy(), np.exp(0.5 * "
        "logvar.detach().numpy())))",
    ),
    (
        "overwrites mu",
        "manners",
        "in-place",
        "mu += torch.exp(0.5 * logvar) * torch.randn_like(mu)\nreturn mu",
    ),
    (
        "overwrites logvar",
        "manners",
        "in-place",
        "std = logvar.mul_(0.5).exp_()\nreturn mu + std * torch.randn_like(std)",
    ),
    ("no return", "form", "returns-nothing", "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"),
    (
        "a pair",
        "form",
        "no-tensor",
        "std = torch.exp(0.5 * logvar)\nreturn mu + std * torch.randn_like(mu), std",
    ),
    ("not written yet", "form", None, "raise NotImplementedError('write me')"),
)
SAMPLE_VARIANTS = _variants(
    *SAMPLE,
    ("plain", "std = torch.exp(0.5 * logvar)\nreturn mu + std * torch.randn_like(std)"),
    ("rsample", "return D.Normal(mu, torch.exp(0.5 * logvar)).rsample()"),
    (
        "MultivariateNormal",
        "return D.MultivariateNormal(mu, torch.diag_embed(logvar.exp())).rsample()",
    ),
    ("Independent", "return D.Independent(D.Normal(mu, logvar.exp().sqrt()), 1).rsample()"),
    (
        "numpy noise",
        "eps = torch.tensor(np.random.randn(*mu.shape), dtype=mu.dtype)\nreturn eps * (logvar / "
        "2).exp() + mu",
    ),
    (
        "numpy noise in double precision",
        "return mu + (logvar / 2).exp() * torch.from_numpy(np.random.randn(*mu.shape))",
    ),
    (
        "a default_rng of its own",
        "eps = np.random.default_rng().standard_normal(mu.shape)\n"
        "return mu + torch.exp(logvar / 2) * torch.as_tensor(eps).float()",
    ),
    ("minus", "return mu - torch.exp(0.5 * logvar) * torch.randn_like(mu)"),
    ("empty().normal_()", "return mu + logvar.exp().sqrt() * torch.empty_like(mu).normal_()"),
    ("addcmul", "return torch.addcmul(mu, torch.exp(0.5 * logvar), torch.randn_like(mu))"),
    (
        "torch.normal for the noise",
        "eps = torch.normal(torch.zeros_like(mu), torch.ones_like(mu)).detach()\n"
        "return mu + torch.exp(0.5 * logvar) * eps",
    ),
    (
        "row by row",
        "return torch.stack([m + torch.exp(0.5 * v) * torch.randn(len(m)) for m, v in zip(mu, "
        "logvar)])",
    ),
    ("clamped logvar", "return mu + torch.exp(0.5 * logvar.clamp(-10, 10)) * torch.randn_like(mu)"),
    (
        "inverse CDF",
        "u = torch.rand_like(mu).clamp(1e-7, 1 - 1e-7)\n"
        "return mu + torch.exp(0.5 * logvar) * math.sqrt(2) * torch.erfinv(2 * u - 1)",
    ),
    (
        "prints and a warning",
        "import warnings\nwarnings.warn('noise')\nprint(mu.shape)\n"
        "return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    ),
)

# -- divergences ----------------------------------------------------------------------------------

KL = "vae.kl_gaussian", "kl_gaussian(mu, logvar)"
KL_MUTANTS = _mutants(
    *KL,
    (
        "squeezed",
        "form",
        "squeezed-batch",
        "return (0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).squeeze()",
    ),
    ("half missing", "values", "half-missing", "return (mu**2 + logvar.exp() - 1 - logvar).sum(1)"),
    ("sign", "values", "sign", "return 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)"),
    (
        "log std",
        "values",
        "log-std",
        "return 0.5 * (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).sum(1)",
    ),
    (
        "variance instead of its logarithm",
        "form",
        "variance-not-log",
        "return 0.5 * (mu**2 + logvar - 1 - torch.log(logvar)).sum(1)",
    ),
    (
        "std for variance",
        "values",
        "std-for-variance",
        "return 0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1)",
    ),
    ("exp missing", "values", "exp-missing", "return 0.5 * (mu**2 + logvar - 1 - logvar).sum(1)"),
    (
        "sign of logvar",
        "values",
        "logvar-sign",
        "return 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1)",
    ),
    (
        "logvar missing",
        "values",
        "logvar-missing",
        "return 0.5 * (mu**2 + logvar.exp() - 1).sum(1)",
    ),
    ("exp term missing", "values", "exp-term-missing", "return 0.5 * (mu**2 - 1 - logvar).sum(1)"),
    (
        "constant missing",
        "values",
        "one-missing",
        "return 0.5 * (mu**2 + logvar.exp() - logvar).sum(1)",
    ),
    (
        "constant outside the sum",
        "values",
        "one-not-summed",
        "return 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 1)",
    ),
    (
        "mu not squared",
        "values",
        "mean-not-squared",
        "return 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "absolute mu",
        "values",
        "mean-absolute",
        "return 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "sign of mu",
        "values",
        "mean-sign",
        "return 0.5 * (logvar.exp() - mu**2 - 1 - logvar).sum(1)",
    ),
    ("mu missing", "values", "mean-missing", "return 0.5 * (logvar.exp() - 1 - logvar).sum(1)"),
    (
        "roles swapped",
        "values",
        "mean-exponentiated",
        "return 0.5 * (logvar**2 + mu.exp() - 1 - mu).sum(1)",
    ),
    (
        "half on the first term",
        "values",
        "half-on-one-term",
        "return (0.5 * mu**2 + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "half on the rest",
        "values",
        "half-on-one-term",
        "return (mu**2 + 0.5 * (logvar.exp() - 1 - logvar)).sum(1)",
    ),
    (
        "the other way round",
        "values",
        "reversed",
        "return D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(mu, (0.5 * logvar).exp())).sum(1)",
    ),
    (
        "mean over dimensions",
        "values",
        "mean-not-sum",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)",
    ),
    (
        "mean over the batch",
        "form",
        "batch-mean",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()",
    ),
    (
        "sum over everything",
        "form",
        "batch-sum",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()",
    ),
    ("not summed", "form", "no-sum", "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)"),
    ("wrong axis", "form", "wrong-axis", "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(0)"),
    (
        "axis kept",
        "form",
        "shape",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1, keepdim=True)",
    ),
    (
        "detached",
        "gradients",
        "detached",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).detach()",
    ),
    (
        "mu through .data",
        "gradients",
        "gradient-cut",
        "return 0.5 * (mu.data**2 + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "in place",
        "manners",
        "in-place",
        "return 0.5 * (mu.pow_(2) + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "one sample",
        "values",
        "alone-differs",
        "std = (0.5 * logvar).exp()\nz = mu + std * torch.randn_like(mu)\n"
        "return (D.Normal(mu, std).log_prob(z) - D.Normal(0.0, 1.0).log_prob(z)).sum(1)",
    ),
    (
        "seven written into it",
        "values",
        "factor",
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1) * 7 / 16",
    ),
    ("no return", "form", "returns-nothing", "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"),
    (
        "a list",
        "form",
        "no-tensor",
        "return (0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).tolist()",
    ),
)
KL_VARIANTS = _variants(
    *KL,
    ("plain", "return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)"),
    (
        "kl_divergence",
        "q = D.Normal(mu, torch.exp(0.5 * logvar))\n"
        "return D.kl_divergence(q, D.Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum(-1)",
    ),
    (
        "Independent",
        "q = D.Independent(D.Normal(mu, torch.exp(0.5 * logvar)), 1)\n"
        "p = D.Independent(D.Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)\nreturn "
        "D.kl_divergence(q, p)",
    ),
    (
        "MultivariateNormal",
        "q = D.MultivariateNormal(mu, torch.diag_embed(logvar.exp()))\n"
        "p = D.MultivariateNormal(torch.zeros_like(mu), torch.eye(mu.shape[1]))\nreturn "
        "D.kl_divergence(q, p)",
    ),
    (
        "einsum",
        "return 0.5 * (torch.einsum('bd,bd->b', mu, mu) + torch.einsum('bd->b', logvar.exp() - "
        "logvar - 1))",
    ),
    (
        "a loop",
        "total = torch.zeros(len(mu))\nfor d in range(mu.shape[1]):\n"
        "    m, v = mu[:, d], logvar[:, d]\n    total = total + 0.5 * (m * m + torch.exp(v) - 1 "
        "- v)\nreturn total",
    ),
    (
        "double precision",
        "m, v = mu.double(), logvar.double()\nreturn 0.5 * (m**2 + v.exp() - 1 - v).sum(1).float()",
    ),
    ("mean times D", "return 0.5 * mu.shape[1] * (mu**2 + logvar.exp() - 1 - logvar).mean(1)"),
    ("expm1", "return 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(-1)"),
    (
        "std by hand",
        "std = torch.exp(0.5 * logvar)\nreturn (0.5 * (mu**2 + std**2 - 1) - std.log()).sum(1)",
    ),
    (
        "clamped",
        "logvar = logvar.clamp(-20, 20)\nreturn 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)",
    ),
    (
        "junk imports and prints",
        "import os, sys, json\nprint('kl', file=sys.stderr)\n"
        "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)",
    ),
)

BETWEEN = "vae.kl_between", "kl_between(mu1, logvar1, mu2, logvar2)"
TAIL = "- 1 - logvar1 + logvar2).sum(1)"
BETWEEN_MUTANTS = _mutants(
    *BETWEEN,
    (
        "the other way round",
        "values",
        "reversed",
        "return D.kl_divergence(D.Normal(mu2, (logvar2 / 2).exp()), D.Normal(mu1, (logvar1 / "
        "2).exp())).sum(1)",
    ),
    (
        "half missing",
        "values",
        "half-missing",
        f"return ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() {TAIL}",
    ),
    (
        "log std",
        "values",
        "log-std",
        "return D.kl_divergence(D.Normal(mu1, logvar1.exp()), D.Normal(mu2, logvar2.exp())).sum(1)",
    ),
    (
        "distance not scaled",
        "values",
        "distance-not-scaled",
        f"return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 {TAIL}",
    ),
    (
        "distance over the first variance",
        "values",
        "distance-scaled-by-first",
        f"return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar1.exp() {TAIL}",
    ),
    (
        "distance not squared",
        "values",
        "distance-not-squared",
        f"return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2) / logvar2.exp() {TAIL}",
    ),
    (
        "distance missing",
        "values",
        "distance-missing",
        f"return 0.5 * ((logvar1 - logvar2).exp() {TAIL}",
    ),
    (
        "sign of the logarithms",
        "values",
        "log-term-sign",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - 1 + logvar1 "
        "- logvar2).sum(1)",
    ),
    (
        "logarithms missing",
        "values",
        "log-term-missing",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - 1).sum(1)",
    ),
    (
        "ratio upside down",
        "values",
        "ratio-inverted",
        f"return 0.5 * ((logvar2 - logvar1).exp() + (mu1 - mu2)**2 / logvar2.exp() {TAIL}",
    ),
    (
        "standard deviations",
        "values",
        "std-for-variance",
        "s1, s2 = (logvar1 / 2).exp(), (logvar2 / 2).exp()\nreturn 0.5 * (s1 / s2 + (mu1 - "
        f"mu2)**2 / s2 {TAIL}",
    ),
    (
        "constant missing",
        "values",
        "constant-term",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - logvar1 + "
        "logvar2).sum(1)",
    ),
    (
        "mean over dimensions",
        "values",
        "mean-not-sum",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - 1 - logvar1 "
        "+ logvar2).mean(1)",
    ),
    (
        "not summed",
        "form",
        "no-sum",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - 1 - logvar1 "
        "+ logvar2)",
    ),
    (
        "wrong axis",
        "form",
        "wrong-axis",
        "return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() - 1 - logvar1 "
        "+ logvar2).sum(0)",
    ),
    (
        "sign",
        "values",
        "sign",
        f"return -0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() {TAIL}",
    ),
    (
        "to the prior",
        "values",
        "prior-assumed",
        "return 0.5 * (mu1**2 + logvar1.exp() - 1 - logvar1).sum(1)",
    ),
    (
        "a difference of divergences",
        "values",
        "difference-of-kls",
        "kl = lambda m, v: 0.5 * (m**2 + v.exp() - 1 - v).sum(1)\nreturn kl(mu1, logvar1) - "
        "kl(mu2, logvar2)",
    ),
    (
        "second Gaussian detached",
        "gradients",
        "gradient-cut",
        "mu2, logvar2 = mu2.detach(), logvar2.detach()\n"
        f"return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() {TAIL}",
    ),
)
BETWEEN_VARIANTS = _variants(
    *BETWEEN,
    ("plain", f"return 0.5 * ((logvar1 - logvar2).exp() + (mu1 - mu2)**2 / logvar2.exp() {TAIL}"),
    (
        "kl_divergence",
        "return D.kl_divergence(D.Normal(mu1, (logvar1 / 2).exp()), "
        "D.Normal(mu2, (logvar2 / 2).exp())).sum(1)",
    ),
    (
        "one over variance",
        "w = torch.exp(-logvar2)\n"
        "return 0.5 * (logvar2 - logvar1 - 1 + w * (logvar1.exp() + (mu2 - "
        "mu1).square())).sum(dim=-1)",
    ),
)

# -- likelihood and bound -------------------------------------------------------------------------

BCE = "F.binary_cross_entropy_with_logits"
LIKELIHOOD = "vae.bernoulli_log_likelihood", "bernoulli_log_likelihood(x, logits)"
LIKELIHOOD_MUTANTS = _mutants(
    *LIKELIHOOD,
    ("a loss", "values", "sign", f"return {BCE}(logits, x, reduction='none').sum((1, 2, 3))"),
    (
        "arguments swapped",
        "values",
        "swapped",
        f"return -{BCE}(x, logits, reduction='none').sum((1, 2, 3))",
    ),
    (
        "sigmoid twice",
        "values",
        "sigmoid-twice",
        f"return -{BCE}(torch.sigmoid(logits), x, reduction='none').sum((1, 2, 3))",
    ),
    (
        "sigmoid missing",
        "form",
        "sigmoid-missing",
        "return (x * logits.log() + (1 - x) * (1 - logits).log()).sum((1, 2, 3))",
    ),
    ("ink only", "values", "ink-only", "return (x * F.logsigmoid(logits)).sum((1, 2, 3))"),
    (
        "paper only",
        "values",
        "paper-only",
        "return ((1 - x) * F.logsigmoid(-logits)).sum((1, 2, 3))",
    ),
    (
        "terms mixed",
        "values",
        "terms-mixed",
        f"return -{BCE}(-logits, x, reduction='none').sum((1, 2, 3))",
    ),
    (
        "squared error",
        "values",
        "squared-error",
        "return -((x - torch.sigmoid(logits))**2).sum((1, 2, 3))",
    ),
    (
        "binarised",
        "values",
        "binarised",
        f"return -{BCE}(logits, x.round(), reduction='none').sum((1, 2, 3))",
    ),
    (
        "mean over pixels",
        "values",
        "mean-not-sum",
        f"return -{BCE}(logits, x, reduction='none').mean((1, 2, 3))",
    ),
    ("mean over all", "form", "batch-mean", f"return -{BCE}(logits, x)"),
    ("sum over all", "form", "batch-sum", f"return -{BCE}(logits, x, reduction='sum')"),
    (
        "mean of the batch",
        "form",
        "batch-mean",
        f"return -{BCE}(logits, x, reduction='sum') / len(x)",
    ),
    ("not summed", "form", "no-sum", f"return -{BCE}(logits, x, reduction='none')"),
    (
        "summed over a row",
        "form",
        "rows-only",
        f"return -{BCE}(logits, x, reduction='none').sum(-1)",
    ),
    (
        "detached",
        "gradients",
        "detached",
        f"return -{BCE}(logits, x, reduction='none').sum((1, 2, 3)).detach()",
    ),
    (
        "sigmoid and logarithms",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits)\nreturn (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))",
    ),
    (
        "sigmoid and BCE",
        "stable",
        "unstable",
        "return -F.binary_cross_entropy(torch.sigmoid(logits), x, "
        "reduction='none').flatten(1).sum(1)",
    ),
    (
        "probabilities clamped",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits).clamp(1e-6, 1 - 1e-6)\n"
        "return (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)",
    ),
    (
        "in place",
        "manners",
        "in-place",
        f"value = -{BCE}(logits, x, reduction='none').flatten(1).sum(1)\nx.clamp_(0.1, "
        "0.9)\nreturn value",
    ),
)
LIKELIHOOD_VARIANTS = _variants(
    *LIKELIHOOD,
    ("plain", f"return -{BCE}(logits, x, reduction='none').flatten(1).sum(1)"),
    (
        "Bernoulli",
        "return D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))",
    ),
    (
        "ContinuousBernoulli-free softplus",
        "return (x * logits - F.softplus(logits)).view(len(x), -1).sum(1)",
    ),
    (
        "logsigmoid",
        "return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(dim=[1, 2, 3])",
    ),
    (
        "logaddexp",
        "return (x * logits - torch.logaddexp(logits, torch.zeros_like(logits))).flatten(1).sum(1)",
    ),
    (
        "image by image",
        f"return torch.stack([-{BCE}(a, b, reduction='sum') for a, b in zip(logits, x)])",
    ),
    (
        "in double precision",
        f"return -{BCE}(logits.double(), x.double(), reduction='none').flatten(1).sum(1)",
    ),
)

UP = """
def kl_gaussian(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)

def bernoulli_log_likelihood(x, logits):
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)

def reparametrize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

"""
ELBO = "vae.elbo", "elbo(x, logits, mu, logvar, beta=1.0)"
REC, KLD = "bernoulli_log_likelihood(x, logits)", "kl_gaussian(mu, logvar)"


def _elbo(body, up=UP, signature=ELBO[1]):
    return HEAD + up + f"def {signature}:\n{_indented(body)}"


ELBO_MUTANTS = tuple(
    Mutant("vae.elbo", why, check, mistake, _elbo(body))
    for why, check, mistake, body in (
        ("a loss", "values", "sign", f"return -({REC} - beta * {KLD}).mean()"),
        ("KL added", "values", "kl-sign", f"return ({REC} + beta * {KLD}).mean()"),
        (
            "likelihood subtracted",
            "values",
            "likelihood-sign",
            f"return (-{REC} - beta * {KLD}).mean()",
        ),
        ("beta ignored", "values", "beta-ignored", f"return ({REC} - {KLD}).mean()"),
        (
            "beta on the likelihood",
            "values",
            "beta-on-likelihood",
            f"return (beta * {REC} - {KLD}).mean()",
        ),
        ("beta on both", "values", "beta-on-both", f"return beta * ({REC} - {KLD}).mean()"),
        ("divided by beta", "values", "beta-inverted", f"return ({REC} - {KLD} / beta).mean()"),
        (
            "one minus beta",
            "values",
            "beta-mixed",
            f"return ((1 - beta) * {REC} - beta * {KLD}).mean()",
        ),
        ("no KL", "values", "kl-missing", f"return {REC}.mean()"),
        ("no likelihood", "values", "likelihood-missing", f"return -beta * {KLD}.mean()"),
        ("twice the KL", "values", "half-kl", f"return ({REC} - 2 * beta * {KLD}).mean()"),
        ("half the KL", "values", "half-kl", f"return ({REC} - 0.5 * beta * {KLD}).mean()"),
        (
            "likelihood per pixel",
            "values",
            "mean-pixels",
            f"return -{BCE}(logits, x) - beta * {KLD}.mean()",
        ),
        (
            "KL per dimension",
            "values",
            "mean-latents",
            f"return {REC}.mean() - beta * {KLD}.mean() / mu.shape[1]",
        ),
        (
            "means everywhere",
            "values",
            "mean-everything",
            f"return -{BCE}(logits, x) - beta * {KLD}.mean() / mu.shape[1]",
        ),
        ("summed over the batch", "values", "batch-sum", f"return ({REC} - beta * {KLD}).sum()"),
        (
            "KL summed over the batch",
            "values",
            "half-reduced",
            f"return {REC}.mean() - beta * {KLD}.sum()",
        ),
        (
            "likelihood summed over the batch",
            "values",
            "half-reduced",
            f"return {REC}.sum() - beta * {KLD}.mean()",
        ),
        ("one value an image", "form", "no-batch-mean", f"return {REC} - beta * {KLD}"),
        (
            "images and logits swapped",
            "values",
            "swapped",
            f"return (bernoulli_log_likelihood(logits, x) - beta * {KLD}).mean()",
        ),
        (
            "mu and logvar swapped",
            "values",
            "swapped-latents",
            f"return ({REC} - beta * kl_gaussian(logvar, mu)).mean()",
        ),
        (
            "a beta of 0 is none",
            "default",
            "beta-zero",
            f"return ({REC} - (beta or 1.0) * {KLD}).mean()",
        ),
        ("absolute value", "values", "sign", f"return ({REC} - beta * {KLD}).mean().abs()"),
        ("item()", "gradients", "detached", f"return ({REC} - beta * {KLD}).mean().item()"),
        (
            "KL detached",
            "gradients",
            "gradient-cut",
            f"return ({REC} - beta * {KLD}.detach()).mean()",
        ),
        (
            "likelihood detached",
            "gradients",
            "gradient-cut",
            f"return ({REC}.detach() - beta * {KLD}).mean()",
        ),
        (
            "batch size written into it",
            "values",
            "factor",
            f"return ({REC} - beta * {KLD}).sum() / 128",
        ),
        ("no return", "form", "returns-nothing", f"({REC} - beta * {KLD}).mean()"),
        ("the two terms", "form", "no-tensor", f"return {REC}.mean(), {KLD}.mean()"),
    )
) + (
    Mutant(
        "vae.elbo",
        "no default beta",
        "default",
        "no-default",
        _elbo(
            f"return ({REC} - beta * {KLD}).mean()", signature="elbo(x, logits, mu, logvar, beta)"
        ),
    ),
    Mutant(
        "vae.elbo",
        "default beta of 0",
        "default",
        "beta-default",
        _elbo(
            f"return ({REC} - beta * {KLD}).mean()",
            signature="elbo(x, logits, mu, logvar, beta=0.0)",
        ),
    ),
)
BROKEN_KL = UP.replace("0.5 * (mu**2", "(mu**2").replace("- 1 - logvar", "- 1 + logvar")
BROKEN_LIKELIHOOD = UP.replace("return -F.binary", "return F.binary")
ELBO_VARIANTS = tuple(
    Variant("vae.elbo", why, _elbo(body, up))
    for why, body, up in (
        ("plain", f"return ({REC} - beta * {KLD}).mean()", UP),
        ("means taken apart", f"return torch.mean({REC}) - beta * torch.mean({KLD})", UP),
        (
            "everything written out",
            f"rec = -{BCE}(logits, x, reduction='sum') / len(x)\n"
            "kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum() / len(x)\nreturn rec - beta * "
            "kl",
            "",
        ),
        (
            "torch.distributions",
            "rec = D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))\n"
            "kl = D.kl_divergence(D.Normal(mu, (logvar / 2).exp()), D.Normal(0.0, 1.0)).sum(1)\n"
            "return (rec - beta * kl).mean()",
            "",
        ),
        ("on a wrong KL", f"return ({REC} - beta * {KLD}).mean()", BROKEN_KL),
        ("on a wrong likelihood", f"return ({REC} - beta * {KLD}).mean()", BROKEN_LIKELIHOOD),
        ("on nothing upstream", f"return ({REC} - beta * {KLD}).mean()", ""),
        (
            "view(-1, 784)",
            f"rec = -{BCE}(logits.view(-1, 784), x.view(-1, 784), reduction='none').sum(1)\n"
            f"return (rec - beta * {KLD}).mean(0)",
            UP,
        ),
    )
)

# -- the model ------------------------------------------------------------------------------------

MODEL = (
    HEAD
    + UP
    + """
class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.mu = nn.Linear(64, nz)
        self.logvar = nn.Linear(64, nz)
        self.dec = nn.Sequential(
            nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.dec(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = reparametrize(mu, logvar)
        return self.decode(z), mu, logvar

    def reconstruct(self, x):
        mu, logvar = self.encode(x)
        return torch.sigmoid(self.decode(mu))
"""
)
Z = "z = reparametrize(mu, logvar)"
ENCODED = "return self.mu(h), self.logvar(h)"
FORWARD = "return self.decode(z), mu, logvar"
REBUILT = "return torch.sigmoid(self.decode(mu))"
MODEL_MUTANTS = tuple(
    Mutant("vae.VAE", why, check, mistake, edited(MODEL, *pairs))
    for why, check, mistake, *pairs in (
        ("decodes the mean", "sampling", "no-sampling", (Z, "z = mu")),
        (
            "decodes the mean in evaluation",
            "sampling",
            "mean-in-eval",
            (Z, Z + " if self.training else mu"),
        ),
        (
            "samples in evaluation only",
            "sampling",
            "mean-in-train",
            (Z, "z = mu if self.training else reparametrize(mu, logvar)"),
        ),
        (
            "std = exp(logvar)",
            "sampling",
            "variance-as-std",
            (Z, "z = mu + logvar.exp() * torch.randn_like(mu)"),
        ),
        ("std = 1", "sampling", "unit-noise", (Z, "z = mu + torch.randn_like(mu)")),
        (
            "noise shared by the batch",
            "sampling",
            "shared-batch",
            (Z, "z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])"),
        ),
        (
            "mu and logvar swapped in the sample",
            "sampling",
            None,
            (Z, "z = reparametrize(logvar, mu)"),
        ),
        ("prior sampled", "sampling", "prior-sampled", (Z, "z = torch.randn_like(mu)")),
        (
            "detached sample",
            "trainable",
            "sample-detached",
            (Z, "z = reparametrize(mu, logvar).detach()"),
        ),
        ("logits alone", "forward", "forward-alone", (FORWARD, "return self.decode(z)")),
        (
            "another order",
            "forward",
            "forward-order",
            (FORWARD, "return mu, logvar, self.decode(z)"),
        ),
        (
            "mu and logvar swapped",
            "forward",
            "forward-order",
            (FORWARD, "return self.decode(z), logvar, mu"),
        ),
        (
            "the sample returned for mu",
            "forward",
            "sample-returned",
            (FORWARD, "return self.decode(z), z, logvar"),
        ),
        (
            "std returned",
            "forward",
            "std-returned",
            (FORWARD, "return self.decode(z), mu, torch.exp(0.5 * logvar)"),
        ),
        (
            "variance returned",
            "forward",
            "variance-returned",
            (FORWARD, "return self.decode(z), mu, logvar.exp()"),
        ),
        (
            "four results",
            "forward",
            "forward-extra",
            (FORWARD, "return self.decode(z), mu, logvar, z"),
        ),
        (
            "images from forward",
            "sampling",
            "forward-images",
            (FORWARD, "return self.decode(z).sigmoid(), mu, logvar"),
        ),
        (
            "sigmoid in decode",
            "decode",
            "sigmoid",
            ("return self.dec(z)", "return self.dec(z).sigmoid()"),
            (REBUILT, "return self.decode(mu)"),
        ),
        ("tanh in decode", "decode", "tanh", ("return self.dec(z)", "return self.dec(z).tanh()")),
        ("ReLU in decode", "decode", "relu", ("return self.dec(z)", "return self.dec(z).relu()")),
        ("flat logits", "decode", "flattened", (", nn.Unflatten(1, (1, 28, 28)))", ")")),
        (
            "softplus logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), F.softplus(self.logvar(h))"),
        ),
        (
            "ReLU logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), F.relu(self.logvar(h))"),
        ),
        (
            "exp logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), self.logvar(h).clamp(-9, 4).exp()"),
        ),
        (
            "ReLU mu",
            "encode",
            "mu-squashed",
            (ENCODED, "return F.relu(self.mu(h)), self.logvar(h)"),
        ),
        (
            "tanh mu",
            "encode",
            "mu-squashed",
            (ENCODED, "return torch.tanh(self.mu(h)), self.logvar(h)"),
        ),
        (
            "one tensor from encode",
            "encode",
            "not-split",
            (ENCODED, "return torch.cat([self.mu(h), self.logvar(h)], 1)"),
            ("mu, logvar = self.encode(x)", "mu, logvar = self.encode(x).chunk(2, 1)"),
        ),
        (
            "encode samples",
            "independent",
            "encode-samples",
            (ENCODED, "return reparametrize(self.mu(h), self.logvar(h)), self.logvar(h)"),
            (Z, "z = mu"),
        ),
        (
            "nz written into it",
            "encode",
            "nz-ignored",
            ("def __init__(self, nz):", "def __init__(self, nz):\n        nz = 16"),
        ),
        (
            "logvar detached in the sample",
            "trainable",
            "logvar-detached",
            (Z, "z = reparametrize(mu, logvar.detach())"),
        ),
        (
            "one head for both",
            "encode",
            "one-for-both",
            (ENCODED, "return self.mu(h), self.mu(h)"),
        ),
        (
            "logvar always 0",
            "encode",
            "logvar-constant",
            (ENCODED, "return self.mu(h), 0 * self.logvar(h)"),
        ),
        (
            "dropout in decode",
            "independent",
            "random-in-eval",
            ("return self.dec(z)", "return F.dropout(self.dec(z), 0.2)"),
        ),
        (
            "the images are shifted in place",
            "independent",
            "in-place",
            ("h = self.enc(x)", "h = self.enc(x.mul_(2).sub_(1))"),
        ),
        (
            "pictures stretched from 0 to 1",
            "reconstruct",
            None,
            (
                REBUILT,
                "p = torch.sigmoid(self.decode(mu))\n"
                "        return (p - p.min()) / (p.max() - p.min())",
            ),
        ),
        (
            "logits from reconstruct",
            "reconstruct",
            "no-sigmoid",
            (REBUILT, "return self.decode(mu)"),
        ),
        (
            "reconstruct samples",
            "reconstruct",
            "reconstruct-samples",
            (REBUILT, "return torch.sigmoid(self.decode(reparametrize(mu, logvar)))"),
        ),
        (
            "reconstruct by forward",
            "reconstruct",
            "reconstruct-samples",
            (REBUILT, "return torch.sigmoid(self(x)[0])"),
        ),
        (
            "sigmoid twice",
            "reconstruct",
            "sigmoid-twice",
            (REBUILT, "return self.decode(mu).sigmoid().sigmoid()"),
        ),
        (
            "thresholded",
            "reconstruct",
            "thresholded",
            (REBUILT, "return (self.decode(mu) > 0).float()"),
        ),
        (
            "reconstruct missing",
            "reconstruct",
            "method-missing",
            ("def reconstruct", "def rebuild"),
        ),
        (
            "decode missing",
            "decode",
            "method-missing",
            ("def decode", "def dekode"),
            ("self.decode", "self.dekode"),
        ),
        (
            "layers in a plain list",
            "trainable",
            "unregistered",
            ("self.logvar = nn.Linear(64, nz)", "self.heads = [nn.Linear(64, nz)]"),
            ("self.logvar(h)", "self.heads[0](h)"),
        ),
        (
            "a layer in every call",
            "trainable",
            "unregistered",
            ("self.logvar(h)", "nn.Linear(64, self.mu.out_features)(h)"),
            ("        self.logvar = nn.Linear(64, nz)\n", ""),
        ),
        (
            "logvar head frozen",
            "trainable",
            "frozen",
            (
                "self.logvar = nn.Linear(64, nz)",
                "self.logvar = nn.Linear(64, nz).requires_grad_(False)",
            ),
        ),
        (
            "logvar detached",
            "trainable",
            "no-gradient",
            (ENCODED, "return self.mu(h), self.logvar(h).detach()"),
        ),
        (
            "a layer that is not used",
            "trainable",
            "no-gradient",
            (
                "self.logvar = nn.Linear",
                "self.third = nn.Linear(64, nz)\n        self.logvar = nn.Linear",
            ),
        ),
        (
            "layers on the class",
            "independent",
            "shared-layers",
            (
                "class VAE(nn.Module):\n",
                "TRUNK = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())\n\n"
                "class VAE(nn.Module):\n",
            ),
            (
                "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())",
                "*TRUNK)",
            ),
        ),
        (
            "seed in the constructor",
            "independent",
            "shared-layers",
            ("super().__init__()", "super().__init__()\n        torch.manual_seed(0)"),
        ),
        (
            "dropout in evaluation too",
            "independent",
            "random-in-eval",
            ("h = self.enc(x)", "h = F.dropout(self.enc(x), 0.3)"),
        ),
        (
            "standardised over the batch",
            "independent",
            "batch-mixing",
            ("h = self.enc(x)", "h = self.enc(x)\n        h = h - h.mean(0)"),
        ),
        (
            "batch size in a view",
            "encode",
            "fixed-batch",
            ("h = self.enc(x)", "h = self.enc(x).view(64, 64)"),
        ),
        (
            "squeeze() eats a batch of one",
            "encode",
            "squeezed-batch",
            (ENCODED, "return self.mu(h).squeeze(), self.logvar(h).squeeze()"),
        ),
    )
)
MODEL_VARIANTS = tuple(
    Variant("vae.VAE", why, edited(MODEL, *pairs))
    for why, *pairs in (
        ("plain",),
        (
            "one head of 2 nz",
            (
                "self.mu = nn.Linear(64, nz)\n        self.logvar = nn.Linear(64, nz)",
                "self.head = nn.Linear(64, 2 * nz)",
            ),
            (ENCODED, "return self.head(h).chunk(2, dim=1)"),
        ),
        (
            "one head, split as a list",
            (
                "self.mu = nn.Linear(64, nz)\n        self.logvar = nn.Linear(64, nz)",
                "self.head = nn.Linear(64, 2 * nz)\n        self.nz = nz",
            ),
            (ENCODED, "out = self.head(h)\n        return [out[:, :self.nz], out[:, self.nz:]]"),
        ),
        (
            "softplus std converted",
            (ENCODED, "return self.mu(h), 2 * torch.log(F.softplus(self.logvar(h)) + 1e-6)"),
        ),
        ("clamped logvar", (ENCODED, "return self.mu(h), self.logvar(h).clamp(-10, 4)")),
        (
            "batch normalisation",
            ("nn.Linear(784, 64), nn.ReLU()", "nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU()"),
            ("nn.Linear(nz, 64), nn.ReLU()", "nn.Linear(nz, 64), nn.BatchNorm1d(64), nn.ReLU()"),
        ),
        (
            "layer normalisation and SiLU",
            ("nn.Linear(784, 64), nn.ReLU()", "nn.Linear(784, 64), nn.LayerNorm(64), nn.SiLU()"),
        ),
        ("rsample", (Z, "z = D.Normal(mu, torch.exp(0.5 * logvar)).rsample()")),
        (
            "numpy noise, minus",
            (
                Z,
                "z = mu - torch.exp(0.5 * logvar) * "
                "torch.from_numpy(np.random.randn(*mu.shape)).float()",
            ),
        ),
        (
            "convolutions",
            (
                "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64)",
                "nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 4, 2, 1), nn.ReLU(), "
                "nn.Flatten(), nn.Linear(392, 64)",
            ),
        ),
        (
            "on a wrong reparametrize",
            ("torch.exp(0.5 * logvar) * torch.randn_like", "logvar.exp() * torch.rand_like"),
        ),
        (
            "reconstruct without gradient",
            ("def reconstruct", "@torch.no_grad()\n    def reconstruct"),
        ),
        (
            "dropout module",
            ("nn.Linear(64, 64), nn.ReLU())", "nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2))"),
        ),
        (
            "logvar head begins at zero",
            (
                "    def encode",
                "        nn.init.zeros_(self.logvar.weight)\n        "
                "nn.init.zeros_(self.logvar.bias)\n\n    def encode",
            ),
        ),
        ("a larger net, leaky", ("nn.ReLU()", "nn.LeakyReLU(0.2)"), ("64", "150")),
        (
            "expects the decoder bias",
            ("    def encode", "        self.dec[2].bias.data.fill_(-2.0)\n\n    def encode"),
        ),
    )
)

# -- loop and bound -------------------------------------------------------------------------------

LOOP = (
    HEAD
    + UP
    + """
def elbo(x, logits, mu, logvar, beta=1.0):
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()

def train_epoch(model, loader, optimizer, beta):
    model.train()
    pairs = []
    for x, _ in loader:
        logits, mu, logvar = model(x)
        loss = -elbo(x, logits, mu, logvar, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rec = -bernoulli_log_likelihood(x, logits).mean()
        kl = kl_gaussian(mu, logvar).mean()
        pairs.append((rec.item(), kl.item()))
    return pairs
"""
)
APPEND = "(rec.item(), kl.item())"
LOOP_MUTANTS = tuple(
    Mutant("vae.train_epoch", why, check, mistake, edited(LOOP, *pairs))
    for why, check, mistake, *pairs in (
        ("minimises the ELBO", "update", "elbo-minimised", ("loss = -elbo", "loss = elbo")),
        (
            "beta not handed on",
            "update",
            "beta-ignored",
            ("logvar, beta)\n        optimizer", "logvar)\n        optimizer"),
        ),
        (
            "KL missing",
            "update",
            "kl-missing",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = -bernoulli_log_likelihood(x, logits).mean()",
            ),
        ),
        (
            "KL driven up",
            "update",
            "kl-sign",
            ("logvar, beta)\n        optimizer", "logvar, -beta)\n        optimizer"),
        ),
        (
            "beta on the likelihood",
            "update",
            "beta-on-likelihood",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = (kl_gaussian(mu, logvar) - beta * bernoulli_log_likelihood(x, "
                "logits)).mean()",
            ),
        ),
        (
            "summed over the batch",
            "update",
            "batch-sum",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = -len(x) * elbo(x, logits, mu, logvar, beta)",
            ),
        ),
        (
            "likelihood per pixel",
            "update",
            "mean-pixels",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = F.binary_cross_entropy_with_logits(logits, x) + beta * kl_gaussian(mu, "
                "logvar).mean()",
            ),
        ),
        ("no zero_grad", "update", "no-zero-grad", ("        optimizer.zero_grad()\n", "")),
        (
            "zero_grad too late",
            "update",
            "zero-grad-too-late",
            ("        optimizer.zero_grad()\n", ""),
            ("loss.backward()", "loss.backward(); optimizer.zero_grad()"),
        ),
        ("no step", "update", "no-step", ("        optimizer.step()\n", "")),
        (
            "two steps",
            "update",
            "two-steps",
            ("optimizer.step()", "optimizer.step(); optimizer.step()"),
        ),
        ("mode forgotten", "mode", "eval-mode", ("    model.train()\n", "")),
        (
            "return in the loop",
            "update",
            "first-batch-only",
            ("    return pairs", "        return pairs"),
        ),
        (
            "last batch left out",
            "update",
            "last-batch-missing",
            ("in loader:", "in list(loader)[:-1]:"),
        ),
        (
            "one mean pair",
            "list",
            "mean-returned",
            ("return pairs", "return tuple(np.mean(pairs, 0).tolist())"),
        ),
        (
            "two lists",
            "list",
            "two-lists",
            ("return pairs", "return [p[0] for p in pairs], [p[1] for p in pairs]"),
        ),
        (
            "running means",
            "values",
            "running-mean",
            ("return pairs", "return [tuple(np.mean(pairs[:i + 1], 0).tolist()) for i in range(len(pairs))]"),
        ),
        (
            "trains on the mean",
            "update",
            "no-sampling",
            (
                "logits, mu, logvar = model(x)",
                "mu, logvar = model.encode(x); logits = model.decode(mu)",
            ),
        ),
        (
            "a beta of 0 is none",
            "update",
            "beta-zero",
            ("    model.train()\n", "    model.train()\n    beta = beta or 1.0\n"),
        ),
        ("losses", "list", "elbo-returned", (APPEND, "loss.item()")),
        ("pair swapped", "values", "pair-swapped", (APPEND, "(kl.item(), rec.item())")),
        ("log-likelihood logged", "values", "likelihood-logged", (APPEND, "(-rec.item(), kl.item())")),
        ("weighted KL", "values", "kl-weighted", (APPEND, "(rec.item(), beta * kl.item())")),
        ("sums", "values", "sums-returned", (APPEND, "(rec.item() * len(x), kl.item() * len(x))")),
        (
            "reconstruction per pixel",
            "values",
            "pixel-mean-returned",
            (APPEND, "(rec.item() / 784, kl.item())"),
        ),
        ("keeps the graph", "graph", "keeps-graph", (APPEND, "(rec, kl)")),
        ("keeps tensors", "list", "tensors", (APPEND, "(rec.detach(), kl.detach())")),
        ("no return", "list", "returns-nothing", ("    return pairs\n", "")),
    )
)
LOOP_VARIANTS = tuple(
    Variant("vae.train_epoch", why, edited(LOOP, *pairs))
    for why, *pairs in (
        ("plain",),
        (
            "zero_grad after the step",
            ("        optimizer.zero_grad()\n", ""),
            ("optimizer.step()", "optimizer.step()\n        optimizer.zero_grad()"),
        ),
        (
            "negated gradient",
            ("loss.backward()", "(-elbo(x, logits, mu, logvar, beta)).backward()"),
        ),
        (
            "encode, sample, decode",
            (
                "logits, mu, logvar = model(x)",
                "mu, logvar = model.encode(x)\n        logits = model.decode(reparametrize(mu, "
                "logvar))",
            ),
        ),
        ("lists for pairs", (APPEND, "[float(rec), float(kl)]")),
        (
            "everything written out",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = (F.binary_cross_entropy_with_logits(logits, x, reduction='sum')"
                " - beta * 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()) / x.size(0)",
            ),
        ),
        ("on a wrong KL", ("0.5 * (mu**2", "(mu**2")),
        ("on a wrong ELBO", ("- beta * kl_gaussian", "+ beta * kl_gaussian")),
        ("tqdm", ("for x, _ in loader:", "from tqdm import tqdm\n    for x, _ in tqdm(loader):")),
    )
)

BOUND = (
    HEAD
    + UP
    + """
def iwae_bound(model, x, k):
    mu, logvar = model.encode(x)
    std = torch.exp(0.5 * logvar)
    weights = []
    for _ in range(k):
        z = mu + std * torch.randn_like(std)
        rec = bernoulli_log_likelihood(x, model.decode(z))
        prior = D.Normal(0.0, 1.0).log_prob(z).sum(1)
        posterior = D.Normal(mu, std).log_prob(z).sum(1)
        weights.append(rec + prior - posterior)
    return torch.logsumexp(torch.stack(weights), 0) - math.log(k)
"""
)
RETURN = "return torch.logsumexp(torch.stack(weights), 0) - math.log(k)"
SUM = "rec + prior - posterior"
BOUND_MUTANTS = tuple(
    Mutant("vae.iwae_bound", why, check, mistake, edited(BOUND, *pairs))
    for why, check, mistake, *pairs in (
        (
            "mean of the logarithms",
            "many",
            "mean-of-logs",
            (RETURN, "return torch.stack(weights).mean(0)"),
        ),
        ("weights added up", "many", "sum-not-mean", (" - math.log(k)", "")),
        (
            "exp and log",
            "form",
            "underflow",
            (RETURN, "return torch.stack(weights).exp().mean(0).log()"),
        ),
        (
            "decodes another sample than it weighs",
            "many",
            "two-samples",
            (
                "rec = bernoulli_log_likelihood(x, model.decode(z))",
                "rec = bernoulli_log_likelihood(x, model(x)[0])",
            ),
        ),
        ("posterior missing", "one", "posterior-missing", (SUM, "rec + prior")),
        ("prior missing", "one", "prior-missing", (SUM, "rec - posterior")),
        ("likelihood only", "one", "likelihood-only", (SUM, "rec")),
        ("prior and posterior swapped", "one", "ratio-inverted", (SUM, "rec - prior + posterior")),
        ("closed-form KL", "many", "closed-form-kl", (SUM, "rec - kl_gaussian(mu, logvar)")),
        ("a loss", "one", "sign", (RETURN, RETURN.replace("return ", "return -(") + ")")),
        (
            "mean over the batch",
            "form",
            "batch-mean",
            (RETURN, "return (torch.logsumexp(torch.stack(weights), 0) - math.log(k)).mean()"),
        ),
        (
            "logsumexp over the images",
            "form",
            "wrong-axis",
            (RETURN, "return torch.logsumexp(torch.stack(weights), 1) - math.log(len(x))"),
        ),
        ("not reduced", "form", "not-reduced", (RETURN, "return torch.stack(weights)")),
        (
            "a constant of the prior lost",
            "one",
            "constant-term",
            ("D.Normal(0.0, 1.0).log_prob(z)", "(-0.5 * (z**2 + math.log(2 + math.pi)))"),
        ),
        ("one sample", "many", "k-ignored", ("range(k)", "range(1)"), (" - math.log(k)", "")),
        ("std = exp(logvar)", "one", "variance-as-std", ("z = mu + std *", "z = mu + std**2 *")),
        (
            "noise shared by the batch",
            "noise",
            "shared-batch",
            ("torch.randn_like(std)", "torch.randn(1, std.shape[1])"),
        ),
        (
            "largest weight",
            "many",
            "maximum",
            (RETURN, "return torch.stack(weights).max(0).values"),
        ),
        (
            "the same sample k times",
            "many",
            "k-ignored",
            ("    weights = []\n", "    weights = []\n    eps = torch.randn_like(std)\n"),
            ("torch.randn_like(std)\n        rec", "eps\n        rec"),
        ),
        ("no return", "form", "returns-nothing", (RETURN, RETURN.replace("return ", ""))),
    )
)
BOUND_VARIANTS = (
    Variant("vae.iwae_bound", "plain", BOUND),
    Variant(
        "vae.iwae_bound",
        "on a wrong likelihood",
        edited(BOUND, ("return -F.binary", "return F.binary")),
    ),
    Variant(
        "vae.iwae_bound",
        "running logaddexp",
        edited(
            BOUND,
            (
                RETURN,
                "total = weights[0]\n    for w in weights[1:]:\n"
                "        total = torch.logaddexp(total, w)\n    return total - math.log(k)",
            ),
        ),
    ),
    Variant(
        "vae.iwae_bound",
        "all at once",
        HEAD
        + """
def iwae_bound(model, x, k):
    mu, logvar = model.encode(x)
    q = D.Independent(D.Normal(mu, torch.exp(0.5 * logvar)), 1)
    z = q.rsample((k,))
    logits = model.decode(z.reshape(k * len(x), -1)).reshape(k, *x.shape)
    rec = (x * logits - F.softplus(logits)).flatten(2).sum(-1)
    prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
    return torch.logsumexp(rec + prior - q.log_prob(z), dim=0) - np.log(k)
""",
    ),
    Variant(
        "vae.iwae_bound",
        "repeated images",
        HEAD
        + UP
        + """
def iwae_bound(model, x, k):
    xs = x.repeat_interleave(k, 0)
    mu, logvar = model.encode(xs)
    eps = torch.randn_like(mu)
    z = mu + eps * torch.exp(logvar / 2)
    w = bernoulli_log_likelihood(xs, model.decode(z)) + 0.5 * (eps**2 + logvar - z**2).sum(1)
    w = w.view(len(x), k).double()
    top = w.max(1, keepdim=True).values
    return (top + (w - top).exp().mean(1, keepdim=True).log())[:, 0].float()
""",
    ),
)

MUTANTS = (
    SAMPLE_MUTANTS
    + KL_MUTANTS
    + BETWEEN_MUTANTS
    + LIKELIHOOD_MUTANTS
    + ELBO_MUTANTS
    + MODEL_MUTANTS
    + LOOP_MUTANTS
    + BOUND_MUTANTS
)
VARIANTS = (
    SAMPLE_VARIANTS
    + KL_VARIANTS
    + BETWEEN_VARIANTS
    + LIKELIHOOD_VARIANTS
    + ELBO_VARIANTS
    + MODEL_VARIANTS
    + LOOP_VARIANTS
    + BOUND_VARIANTS
)
