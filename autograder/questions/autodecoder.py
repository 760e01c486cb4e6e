"""The answer key of `autodecoder`: latents without an encoder, and five families of them."""

from __future__ import annotations

from .interpolation import _planned

QUESTIONS = (
    _planned("autodecoder.AutoDecoder", 2, "the decoder"),
    _planned("autodecoder.fit_latents", 3, "latents fitted to images at test time"),
    _planned("autodecoder.rsample_gaussian", 1, "sampling a Gaussian from given noise"),
    _planned("autodecoder.kl_gaussian", 1, "KL of a diagonal Gaussian to the prior"),
    _planned("autodecoder.rsample_exponential", 1, "sampling an exponential from a given uniform"),
    _planned("autodecoder.kl_exponential", 1, "KL of an exponential to Exp(1)"),
    _planned("autodecoder.rsample_laplace", 2, "sampling a Laplace from a given uniform"),
    _planned("autodecoder.kl_laplace", 1, "KL of a Laplace to Laplace(0, 1)"),
    _planned("autodecoder.vad_loss", 2, "the loss of a variational auto-decoder"),
    _planned("autodecoder.batch_rmse_score", 2, "the score of the VAD report"),
    _planned("autodecoder.rsample_uniform", 1, "sampling a uniform interval", extra=True),
    _planned("autodecoder.kl_uniform", 1, "KL of a uniform interval to U(0, 1)", extra=True),
    _planned("autodecoder.rsample_full_gaussian", 1, "sampling a Gaussian with full covariance", extra=True),
    _planned("autodecoder.kl_full_gaussian", 1, "KL of a Gaussian with full covariance", extra=True),
)
