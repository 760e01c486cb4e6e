"""Answers to `vae`: wrong ones and unusual right ones."""

from .. import Mutant, Variant, edited  # noqa: F401  (for what `new question` appends here)
from . import divergences, elbo, iwae_bound, likelihood, loop, model, reparametrize

MUTANTS = (
    reparametrize.SAMPLE_MUTANTS
    + divergences.KL_MUTANTS
    + divergences.BETWEEN_MUTANTS
    + likelihood.LIKELIHOOD_MUTANTS
    + elbo.ELBO_MUTANTS
    + model.MODEL_MUTANTS
    + loop.LOOP_MUTANTS
    + iwae_bound.BOUND_MUTANTS
)
VARIANTS = (
    reparametrize.SAMPLE_VARIANTS
    + divergences.KL_VARIANTS
    + divergences.BETWEEN_VARIANTS
    + likelihood.LIKELIHOOD_VARIANTS
    + elbo.ELBO_VARIANTS
    + model.MODEL_VARIANTS
    + loop.LOOP_VARIANTS
    + iwae_bound.BOUND_VARIANTS
)
