"""The answer key of `autoencoder`."""

from autograder.key.autoencoder import (
    decoder,
    encoder,
    latent_grid,
    reconstruction_loss,
    sample_prior,
    train_epoch,
    trained,
)

QUESTIONS = (
    encoder.QUESTION,
    decoder.QUESTION,
    reconstruction_loss.QUESTION,
    train_epoch.QUESTION,
    trained.QUESTION,
    sample_prior.QUESTION,
    latent_grid.QUESTION,
)
