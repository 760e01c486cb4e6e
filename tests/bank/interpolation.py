"""Answers to `interpolation`: wrong ones and unusual right ones."""

MUTANTS = ()
VARIANTS = ()
