"""Questions about a submitted training run: what the examiner measures on held-out images counts.

Thresholds leave a margin below what a plain training reaches, as `python benchmarks/thresholds.py`
measures it (10,000 embedded images; nats per image on the 2,000 embedded test images):

    epochs   beta 1: ELBO   beta 0: KL, reconstruction   beta 10: KL, reconstruction   autoencoder
       2         -186            42, 166                      0.2, 205                    145
       5         -141           159, 108                      0.7, 195                    104
      20         -114           276, 77                       2.7, 163                     78

The notebooks' own settings learn faster.
"""

from __future__ import annotations

from autograder.key.kinds import trained
from autograder.key.question import Check, Question


def evaluated(names, kind):
    """examine: the evidence of `autograder.key.kinds.trained.evaluate` for each run."""

    def examine(student, inputs, stand_ins, seconds):
        evidence = {}
        for name in names:
            evidence |= trained.evaluate(student, name, kind, seconds)
        return evidence

    examine.runs = list(names)  # the release names them: the student's own checks look for them
    return examine


def usable(names):
    """A test: files can be read, the model runs, and it is not the kit's own."""

    def test(got, want, inputs):
        for name in names:
            if got.get(f"{name}.problem"):
                return got[f"{name}.problem"]
            if got.get(f"{name}.copied"):
                return f"run {name}: these are the weights of the kit's own reference run."
        return None

    return test


def reaches(name, key, low=None, high=None, says=""):
    """A test: a measured number lies above low and below high; an unusable run has no number."""

    def test(got, want, inputs):
        problem = usable([name])(got, want, inputs)
        if problem:
            return "there is no run to measure."
        value = got[f"{name}.{key}"]
        if (low is None or value > low) and (high is None or value < high):
            return None
        return f"{says} On held-out images we measure {value:.1f} nats per image."

    return test


def curves(names):
    """A test: there is a curve for every run, of finite numbers, that shows training."""

    def test(got, want, inputs):
        for name in names:
            lines = got.get(f"{name}.curves")
            if got.get(f"{name}.problem"):
                return f"run {name}: it could not be evaluated."
            if not lines:
                return f"run {name}: there are no curves."
            if not all(len(line) > 1 for line in lines.values()):
                return f"run {name}: its curves hold a single epoch."
            if not any(line[-1] < line[0] for line in lines.values()):
                return f"run {name}: no curve shows progress."
        return None

    return test


def named(names):
    """explain: a run that is not there, is damaged, is the kit's, or was trained too little."""

    def explain(got, want, inputs, failed):
        for name in names:
            problem = got.get(f"{name}.problem") or ""
            if "no folder" in problem:
                return "run-missing", "Submit the folder runs/ together with the notebook."
            if "damaged" in problem or "missing" in problem or "empty" in problem:
                return (
                    "run-damaged",
                    "The files of the run are not whole: train once more, or copy them anew.",
                )
            if "NaN" in problem:
                return "run-nan", "The training has diverged: try a smaller learning rate."
            if problem:
                return (
                    "run-foreign",
                    "The files are not those of one training run of this notebook.",
                )
            if got.get(f"{name}.copied"):
                return "run-copied", "Train your own: the notebook takes a few minutes."
        return _named_by_numbers(failed)

    return explain


def _named_by_numbers(failed):
    if failed == ["curves"]:
        return "run-curves", "Hand in the curves of the whole training, one row an epoch."
    if any(check.endswith(("free", "collapsed")) for check in failed):
        if not any(check.endswith("learned") for check in failed):
            return "run-other-beta", "The numbers are those of a run with another beta."
    if set(failed) - {"curves"}:
        return "run-undertrained", "The run learned, but not enough: see its curves, still falling?"
    return None


AUTOENCODER = Question(
    id="autoencoder.trained",
    points=2,
    title="the trained autoencoder, evaluated on held-out images",
    probe="vae.encode",
    names=("Encoder", "Decoder"),
    draw=lambda rng: {},
    reference={},
    examine=evaluated(["autoencoder"], "autoencoder"),
    checks=(
        Check(
            "file",
            0.2,
            "the run `autoencoder` is submitted and can be evaluated",
            usable(["autoencoder"]),
        ),
        Check("curves", 0.1, "its curves show progress", curves(["autoencoder"])),
        Check(
            "learned",
            0.35,
            "it reconstructs held-out images better than their mean could",
            reaches("autoencoder", "reconstruction", high=150, says="It has learned too little."),
        ),
        Check(
            "good",
            0.35,
            "it reconstructs held-out images well",
            reaches("autoencoder", "reconstruction", high=105, says="More epochs would help."),
        ),
    ),
    explain=named(["autoencoder"]),
    seconds=60,
)

EXTREMES = Question(
    id="vae.trained",
    points=2,
    title="the runs beta-0 and beta-10, evaluated on held-out images",
    probe="vae.encode",
    names=("VAE",),
    draw=lambda rng: {},
    reference={},
    examine=evaluated(["beta-0", "beta-10"], "vae"),
    checks=(
        Check(
            "beta-0 file",
            0.1,
            "the run `beta-0` is submitted and can be evaluated",
            usable(["beta-0"]),
        ),
        Check(
            "beta-0 learned",
            0.2,
            "at β = 0 held-out images are reconstructed well",
            reaches("beta-0", "reconstruction", high=120, says="It has learned too little."),
        ),
        Check(
            "beta-0 free",
            0.15,
            "at β = 0 the KL is large: nobody minds it",
            reaches("beta-0", "kl", low=45, says="The KL is too small for a run that ignored it."),
        ),
        Check(
            "beta-10 file",
            0.1,
            "the run `beta-10` is submitted and can be evaluated",
            usable(["beta-10"]),
        ),
        Check(
            "beta-10 learned",
            0.2,
            "at β = 10 images are still reconstructed better than by one mean image",
            reaches(
                "beta-10",
                "reconstruction",
                high=195,
                says="It has learned nothing but a mean image.",
            ),
        ),
        Check(
            "beta-10 collapsed",
            0.15,
            "at β = 10 the KL is small: information is dear",
            reaches(
                "beta-10",
                "kl",
                high=8,
                says="The KL is too large for a run in which it cost tenfold.",
            ),
        ),
        Check("curves", 0.1, "the curves of both show progress", curves(["beta-0", "beta-10"])),
    ),
    explain=named(["beta-0", "beta-10"]),
    seconds=60,
)


def _above(name, weight, floor, words):
    says = "A longer training, or another beta, would help."
    return Check(name, weight, words, reaches("tuned", "elbo", low=floor, says=says))


TUNED = Question(
    id="vae.tuned",
    points=5,
    title="the tuned run, evaluated on held-out images",
    probe="vae.encode",
    names=("VAE",),
    draw=lambda rng: {},
    reference={},
    examine=evaluated(["tuned"], "vae"),
    checks=(
        Check("file", 0.1, "the run `tuned` is submitted and can be evaluated", usable(["tuned"])),
        Check("curves", 0.1, "its curves show progress", curves(["tuned"])),
        _above("learned", 0.2, -150, "its ELBO on held-out images shows that it has learned"),
        _above("fair", 0.2, -130, "its ELBO on held-out images is fair"),
        _above("good", 0.2, -120, "its ELBO on held-out images is good"),
        _above(
            "best",
            0.1,
            -115,
            "its ELBO on held-out images is as good as the notebook says is possible",
        ),
        Check(
            "balanced",
            0.1,
            "its latents carry information, but not at any price",
            reaches("tuned", "kl", low=6, high=60, says="The KL is out of balance."),
        ),
    ),
    explain=named(["tuned"]),
    seconds=60,
)
