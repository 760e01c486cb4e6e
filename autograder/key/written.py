"""The questions that are answered in words and graded by a person: points and word limits.

Question text, mark scheme and model answer stand in the master notebooks,
`solutions/<assignment>.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    """A question in words. words: the limit, told to the student; points: given by hand."""

    id: str
    points: float = float("nan")  # what is missing is told of, see `catalogue.consistent`
    words: int = 0
    title: str = ""

    @property
    def assignment(self) -> str:
        return self.id.split(".")[0]


NUMBER = r"(?:\d+½|\d+(?:[.,]\d+)?|½)"
_CRITERION = re.compile(rf"^- ({NUMBER})\s+\w+, ([^:\n]{{1,60}}):", re.M)


@dataclass(frozen=True)
class Criterion:
    """One line of a mark scheme that earns points."""

    title: str
    points: float


def criteria_of(scheme: str) -> tuple[Criterion, ...]:
    """The lines of a mark scheme that earn points, in any language: "- 1 point, observation: …"."""
    return tuple(
        Criterion(title.strip(), number_of(worth)) for worth, title in _CRITERION.findall(scheme)
    )


def number_of(text: str) -> float:
    """1, 1.5, 1,5, ½ and 1½ as numbers."""
    whole, half = text.replace("½", ""), 0.5 * ("½" in text)
    return (float(whole.replace(",", ".")) if whole else 0.0) + half


TWICE: set[str] = set()  # ids that the list below has more than once


def _by_id(questions: tuple[Written, ...]) -> dict[str, Written]:
    ids = [question.id for question in questions]
    TWICE.update(id for id in ids if ids.count(id) > 1)
    return {question.id: question for question in questions}


WRITTEN = _by_id(
    (
        Written(
            "autoencoder.prior_samples", 2, 150, "what decoded prior samples look like, and why"
        ),
        Written("vae.beta_0", 3, 150, "β = 0: what you see, and why"),
        Written("vae.beta_10", 3, 200, "β = 10: what you see, and why"),
        Written("vae.well_tuned", 3, 200, "reconstructions and samples of a well-tuned VAE"),
        Written("interpolation.difference", 3, 300, "how AE and VAE interpolations differ"),
        Written("autodecoder.fitted_latents", 3, 150, "why fitted latents beat prior samples"),
        Written("autodecoder.tsne", 3, 200, "what the t-SNE maps of the families show"),
        Written("explore.hypothesis", 4, 300, "hypothesis, test and finding"),
    )
)
