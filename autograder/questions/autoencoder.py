"""The answer key of `autoencoder`."""

QUESTIONS = ()
