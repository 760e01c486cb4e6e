"""The answer key of `explore`."""

QUESTIONS = ()
