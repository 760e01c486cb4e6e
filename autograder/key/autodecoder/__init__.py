"""The answer key of `autodecoder`: a decoder, latents fitted to it, their families, the score."""

from autograder.key.autodecoder import (
    auto_decoder,
    batch_rmse_score,
    exponential,
    fit_latents,
    full_gaussian,
    gaussian,
    laplace,
    uniform,
    vad_loss,
)

FAMILIES = (gaussian, exponential, laplace)
CHALLENGES = (uniform, full_gaussian)
QUESTIONS = (
    auto_decoder.QUESTION,
    fit_latents.QUESTION,
    *(question for family in FAMILIES for question in (family.SAMPLE, family.DIVERGENCE)),
    vad_loss.QUESTION,
    batch_rmse_score.QUESTION,
    *(question for family in CHALLENGES for question in (family.SAMPLE, family.DIVERGENCE)),
)
