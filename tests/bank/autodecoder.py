"""Answers to `autodecoder`: wrong ones and unusual right ones."""

MUTANTS = ()
VARIANTS = ()
