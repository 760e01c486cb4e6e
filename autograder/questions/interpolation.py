"""The answer key of `interpolation`."""

QUESTIONS = ()
