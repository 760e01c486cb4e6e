"""Answers to `autoencoder`: wrong ones and unusual right ones."""

from .. import Mutant, Variant, edited  # noqa: F401  (for what `new question` appends here)
from . import loop, loss, networks, pictures

MUTANTS = (
    networks.NETWORK_MUTANTS
    + loss.LOSS_MUTANTS
    + loop.LOOP_MUTANTS
    + pictures.SAMPLE_MUTANTS
    + pictures.GRID_MUTANTS
)
VARIANTS = (
    networks.NETWORK_VARIANTS
    + loss.LOSS_VARIANTS
    + loop.LOOP_VARIANTS
    + pictures.SAMPLE_VARIANTS
    + pictures.GRID_VARIANTS
)
