"""Answers to `autodecoder`: wrong ones and unusual right ones."""

from .. import Mutant, Variant, edited  # noqa: F401  (for what `new question` appends here)
from . import decoder, divergences, losses, samples

ANSWERS = (
    *decoder.DECODERS, *decoder.DECODER_VARIANTS,
    *decoder.FITS, *decoder.FIT_VARIANTS,
    *samples.GAUSSIAN_SAMPLES, *samples.GAUSSIAN_SAMPLE_VARIANTS,
    *divergences.GAUSSIAN_KLS,
    *samples.EXPONENTIAL_SAMPLES, *samples.EXPONENTIAL_SAMPLE_VARIANTS,
    *divergences.EXPONENTIAL_KLS, *divergences.EXPONENTIAL_KL_VARIANTS,
    *samples.LAPLACE_SAMPLES, *samples.LAPLACE_SAMPLE_VARIANTS,
    *divergences.LAPLACE_KLS, *divergences.LAPLACE_KL_VARIANTS,
    *losses.LOSSES, *losses.LOSS_VARIANTS,
    *losses.SCORES, *losses.SCORE_VARIANTS,
    *samples.UNIFORM_SAMPLES, *samples.UNIFORM_SAMPLE_VARIANTS,
    *divergences.UNIFORM_KLS, *divergences.UNIFORM_KL_VARIANTS,
    *samples.FULL_SAMPLES, *samples.FULL_SAMPLE_VARIANTS,
    *divergences.FULL_KLS, *divergences.FULL_KL_VARIANTS,
)
MUTANTS = tuple(answer for answer in ANSWERS if isinstance(answer, Mutant))
VARIANTS = tuple(answer for answer in ANSWERS if isinstance(answer, Variant))
