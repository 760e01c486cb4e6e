"""Answers to `autoencoder`: wrong ones and unusual right ones."""

MUTANTS = ()
VARIANTS = ()
