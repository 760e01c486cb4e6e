"""Answers to `kl_gaussian` and `kl_between`."""

from .common import mutants, variants

KL = "vae.kl_gaussian", "kl_gaussian(mu, logvar)"
KL_MUTANTS = mutants(
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
KL_VARIANTS = variants(
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
BETWEEN_MUTANTS = mutants(
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
BETWEEN_VARIANTS = variants(
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
