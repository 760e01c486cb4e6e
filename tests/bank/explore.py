"""Answers to `explore`: wrong ones and unusual right ones."""

MUTANTS = ()
VARIANTS = ()
