"""The answer key of `vae`. Kingma & Welling 2014 (arXiv:1312.6114), equations 3, 7 and 10."""

from __future__ import annotations

from autograder.question import Check, Mistake, Question

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

def _planned(id, points, title, extra=False):
    name = id.split(".")[1]
    return Question(
        id=id, points=points, title=title, probe="common.defined", draw=lambda rng: {"name": name},
        reference={name: lambda: None}, extra=extra,
        checks=(Check("defined", 1.0, f"`{name}` is defined", lambda got, want, inputs: None),),
    )  # fmt: skip


QUESTIONS = (
    _planned("vae.reparametrize", 2, "sampling that gradients pass"),
    KL,
    _planned("vae.kl_between", 1, "KL between two diagonal Gaussians"),
    _planned("vae.bernoulli_log_likelihood", 1, "log-likelihood of an image under its logits"),
    _planned("vae.elbo", 2, "the evidence lower bound"),
    _planned("vae.VAE", 7, "the variational autoencoder"),
    _planned("vae.train_epoch", 2, "the training loop"),
    _planned("vae.trained", 2, "the runs beta-0 and beta-10, evaluated on held-out images"),
    _planned("vae.tuned", 5, "the tuned run, evaluated on held-out images"),
    _planned("vae.iwae_bound", 2, "the importance-weighted bound", extra=True),
)
