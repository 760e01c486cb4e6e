"""The answer key of `autoencoder`."""

from __future__ import annotations

from autograder.question import Check, Question


def _planned(id, points, title, extra=False):
    name = id.split(".")[1]
    return Question(
        id=id, points=points, title=title, probe="common.defined", draw=lambda rng: {"name": name},
        reference={name: lambda: None}, extra=extra,
        checks=(Check("defined", 1.0, f"`{name}` is defined", lambda got, want, inputs: None),),
    )  # fmt: skip


QUESTIONS = (
    _planned("autoencoder.Encoder", 3, "the encoder"),
    _planned("autoencoder.Decoder", 3, "the decoder"),
    _planned("autoencoder.reconstruction_loss", 1, "the reconstruction loss"),
    _planned("autoencoder.train_epoch", 4, "the training loop"),
    _planned("autoencoder.trained", 2, "the trained autoencoder, evaluated on held-out images"),
    _planned("autoencoder.sample_prior", 2, "images decoded from the prior"),
    _planned("autoencoder.latent_grid", 2, "the grid of decoded codes"),
)
