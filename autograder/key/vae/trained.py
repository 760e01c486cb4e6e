"""The submitted runs at β = 0 and β = 10."""

from __future__ import annotations

from autograder.key.kinds.run import curves, reaches, run, usable
from autograder.key.question import Check

FREE, DEAR = "beta-0", "beta-10"
LITTLE, MEAN = "It has learned too little.", "It has learned nothing but a mean image."
SMALL = "The KL is too small for a run that ignored it."
LARGE = "The KL is too large for a run in which it cost tenfold."

QUESTION = run(
    "vae.trained",
    points=2,
    names=("VAE",),
    runs=(FREE, DEAR),
    kind="vae",
    checks=(
        Check("beta-0 file", 0.1, usable([FREE])),
        Check("beta-0 learned", 0.2, reaches(FREE, "reconstruction", high=120, says=LITTLE)),
        Check("beta-0 free", 0.15, reaches(FREE, "kl", low=45, says=SMALL)),
        Check("beta-10 file", 0.1, usable([DEAR])),
        Check("beta-10 learned", 0.2, reaches(DEAR, "reconstruction", high=195, says=MEAN)),
        Check("beta-10 collapsed", 0.15, reaches(DEAR, "kl", high=8, says=LARGE)),
        Check("curves", 0.1, curves([FREE, DEAR])),
    ),
)
