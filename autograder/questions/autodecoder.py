"""The answer key of `autodecoder`."""

QUESTIONS = ()
