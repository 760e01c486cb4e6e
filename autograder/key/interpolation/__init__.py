"""The answer key of `interpolation`: walks between latents, and a linear classifier on them."""

from autograder.key.interpolation import interpolate, lerp, linear_probe, slerp

QUESTIONS = (lerp.QUESTION, interpolate.QUESTION, linear_probe.QUESTION, slerp.QUESTION)
