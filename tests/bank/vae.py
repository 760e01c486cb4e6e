"""Answers to `vae`: wrong ones and unusual right ones."""

MUTANTS = ()
VARIANTS = ()
