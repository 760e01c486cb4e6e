"""The inline questions, answered in words and graded by a person: points and word limits.

Question text, mark scheme and model answer stand in the master notebooks,
`solutions/<assignment>.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    """One inline question. words: the limit, told to the student; points: given by hand."""

    id: str
    points: float
    words: int
    title: str

    @property
    def assignment(self) -> str:
        return self.id.split(".")[0]


WRITTEN = {
    question.id: question
    for question in (
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
}
