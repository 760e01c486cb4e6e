"""The KL divergence of a diagonal Gaussian to the prior."""

from __future__ import annotations

from autograder.key.kinds.formula import formula


def kl_gaussian(mu, logvar):
    """KL[N(mu, exp(logvar)) || N(0, I)], (B, nz) -> (B,), nats. Kingma & Welling 2014,
    appendix B.
    """
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)


def gaussians(rng):
    """Spread-out posteriors: no mean at 0, no variance at 1, B != nz."""
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "logvar": rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    }


QUESTION = formula(
    "vae.kl_gaussian",
    points=2,
    args=("mu", "logvar"),
    grad=("mu", "logvar"),
    draw=gaussians,
    reference=kl_gaussian,
    mistakes={
        "half-missing": lambda mu, logvar: 2 * kl_gaussian(mu, logvar),
        "log-std": lambda mu, logvar: kl_gaussian(mu, 2 * logvar),
        "variance-not-log": lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar.log()).sum(1),
        "std-for-variance": lambda mu, logvar: (
            0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1)
        ),
        "exp-missing": lambda mu, logvar: 0.5 * (mu**2 + logvar - 1 - logvar).sum(1),
        "logvar-sign": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1),
        "logvar-missing": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1).sum(1),
        "exp-term-missing": lambda mu, logvar: 0.5 * (mu**2 - 1 - logvar).sum(1),
        "mean-not-squared": lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1),
        "mean-absolute": lambda mu, logvar: 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(1),
        "mean-sign": lambda mu, logvar: 0.5 * (-(mu**2) + logvar.exp() - 1 - logvar).sum(1),
        "mean-missing": lambda mu, logvar: 0.5 * (logvar.exp() - 1 - logvar).sum(1),
        "mean-exponentiated": lambda mu, logvar: kl_gaussian(logvar, mu),
        "half-on-one-term": lambda mu, logvar: (0.5 * mu**2 + logvar.exp() - 1 - logvar).sum(1),
        "half-on-one-term/2": lambda mu, logvar: (mu**2 + 0.5 * (logvar.exp() - 1 - logvar)).sum(1),
        "reversed": lambda mu, logvar: 0.5 * ((mu**2 + 1) / logvar.exp() - 1 + logvar).sum(1),
        "wrong-axis": lambda mu, logvar: 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(0),
        "clamped": lambda mu, logvar: (
            0.5 * (mu**2 + (logvar.exp() - 1) - logvar.clamp(min=0)).sum(1)
        ),
    },
)
