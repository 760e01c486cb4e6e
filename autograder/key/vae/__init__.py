"""The answer key of `vae`. Kingma & Welling 2014 (arXiv:1312.6114), equations 3, 7 and 10."""

from autograder.key.vae import (
    bernoulli_log_likelihood,
    elbo,
    iwae_bound,
    kl_between,
    kl_gaussian,
    model,
    reparametrize,
    train_epoch,
    trained,
    tuned,
)

QUESTIONS = (
    reparametrize.QUESTION,
    kl_gaussian.QUESTION,
    kl_between.QUESTION,
    bernoulli_log_likelihood.QUESTION,
    elbo.QUESTION,
    model.QUESTION,
    train_epoch.QUESTION,
    trained.QUESTION,
    tuned.QUESTION,
    iwae_bound.QUESTION,
)
