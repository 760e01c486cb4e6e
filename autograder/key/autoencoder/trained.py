"""The submitted run of the autoencoder."""

from __future__ import annotations

from autograder.key.kinds.run import curves, reaches, run, usable
from autograder.key.question import Check

RUN = "autoencoder"

QUESTION = run(
    "autoencoder.trained",
    points=2,
    names=("Encoder", "Decoder"),
    runs=(RUN,),
    kind="autoencoder",
    checks=(
        Check("file", 0.2, usable([RUN])),
        Check("curves", 0.1, curves([RUN])),
        Check(
            "learned",
            0.35,
            reaches(RUN, "reconstruction", high=150, says="It has learned too little."),
        ),
        Check(
            "good", 0.35, reaches(RUN, "reconstruction", high=105, says="More epochs would help.")
        ),
    ),
)
