"""Answers to `reparametrize`."""

from .common import mutants, variants

SAMPLE = "vae.reparametrize", "reparametrize(mu, logvar)"
SAMPLE_MUTANTS = mutants(
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
    ("not written yet", "form", None, "raise NotImplementedError('TODO')"),
)
SAMPLE_VARIANTS = variants(
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
