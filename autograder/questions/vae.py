"""The answer key of `vae`. Kingma & Welling 2014 (arXiv:1312.6114), equations 3, 7 and 10."""

from __future__ import annotations

from autograder.question import Mistake

from .formula import formula


def kl_gaussian(mu, logvar):
    """KL[N(mu, exp(logvar)) || N(0, I)], (B, nz) -> (B,), nats. Kingma & Welling 2014, appendix B."""
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)


def _gaussians(rng):
    """Spread-out posteriors: no mean at 0, no variance at 1, B != nz."""
    return {
        "mu": rng.normal(0, 1.3, (5, 7)),
        "logvar": rng.uniform(-3, 1.5, (5, 7)),
        "weights": rng.uniform(0.5, 2, 5),
    }


KL = formula(
    "vae.kl_gaussian",
    points=2,
    title="KL of a diagonal Gaussian to the prior",
    args=("mu", "logvar"),
    grad=("mu", "logvar"),
    draw=_gaussians,
    reference=kl_gaussian,
    about="the KL divergence to N(0, I), summed over latent dimensions",
    mistakes=(
        Mistake(
            "half-missing",
            "Your KL is exactly twice the right one: a factor of one half was lost.",
            "the KL in closed form",
            {"kl_gaussian": lambda mu, logvar: 2 * kl_gaussian(mu, logvar)},
            credit=0.5,
        ),
    ),
)

QUESTIONS = (KL,)
