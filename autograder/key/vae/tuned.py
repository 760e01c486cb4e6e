"""The submitted run of the student's own settings."""

from __future__ import annotations

from autograder.key.kinds.run import curves, reaches, run, usable
from autograder.key.question import Check

RUN = "tuned"
ALL = -115.0  # nats per image, an ELBO that earns all points
MORE = "A longer training, or another beta, would help."

QUESTION = run(
    "vae.tuned",
    points=5,
    names=("VAE",),
    runs=(RUN,),
    kind="vae",
    goals={RUN: ALL},
    checks=(
        Check("file", 0.1, usable([RUN])),
        Check("curves", 0.1, curves([RUN])),
        Check("learned", 0.2, reaches(RUN, "elbo", low=-150, says=MORE)),
        Check("fair", 0.2, reaches(RUN, "elbo", low=-130, says=MORE)),
        Check("good", 0.2, reaches(RUN, "elbo", low=-120, says=MORE)),
        Check("best", 0.1, reaches(RUN, "elbo", low=ALL, says=MORE)),
        Check(
            "balanced", 0.1, reaches(RUN, "kl", low=6, high=60, says="The KL is out of balance.")
        ),
    ),
)
