"""The answer key of `explore`: the statistics of every digit's latents."""

from autograder.key.explore import digit_statistics

QUESTIONS = (digit_statistics.QUESTION,)
