"""The answer key of `explore`: the statistics of every digit's latents."""

from __future__ import annotations

from .interpolation import _planned

QUESTIONS = (_planned("explore.digit_statistics", 2, "mean and spread of the latents of every digit"),)
