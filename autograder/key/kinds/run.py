"""Questions about a submitted training run: what the examiner measures on held-out images counts.

Thresholds leave a margin below what a plain training reaches: see "What submitted runs reach" in
docs/benchmarks.md. The notebooks' own settings learn faster.
"""

from __future__ import annotations

from autograder.key.kinds import trained
from autograder.key.question import Question

IMAGES = 10_000  # for training, in the table there


def run(
    id,
    *,
    points: float,
    names: tuple,
    runs: tuple,
    kind: str,
    checks: tuple,
    goals=None,
    images: int = IMAGES,
) -> Question:
    """A question about submitted runs. names: the classes in which weights belong that came without
    a graph; kind: "vae" or "autoencoder"; goals: see Question; images: with which the thresholds
    were measured.
    """

    def examine(student, inputs, stand_ins, seconds):
        evidence = {}
        for name in runs:
            evidence |= trained.evaluate(student, name, kind, seconds, inputs["seed"])
        return evidence

    return Question(
        id=id,
        points=points,
        probe="vae.encode",
        names=names,
        runs=runs,
        goals=goals or {},
        images=images,
        draw=lambda rng: {},
        reference={},
        examine=examine,
        sends={f"{run}.{key}": kind for run in runs for key, kind in trained.MEASURED.items()},
        checks=checks,
        explain=named(runs),
        seconds=60,
    )


def usable(names):
    """A test: files can be read, the model runs, and it is not the kit's own."""

    def test(got, want, inputs):
        for name in names:
            if got.get(f"{name}.problem"):
                return got[f"{name}.problem"]
            own = got.get(f"{name}.copied")
            if own:
                return f"run {name}: it computes what the kit's own run `{own}` computes."
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
        which = "images that nobody has" if got[f"{name}.by heart"] else "held-out images"
        return f"{says} On {which} we measure {value:.1f} nats per image."

    return test


def curves(names):
    """A test: there is a curve for every run, of finite numbers, that shows training."""

    def test(got, want, inputs):
        for name in names:
            lines = got.get(f"{name}.curves")
            if got.get(f"{name}.problem"):
                return f"run {name}: it could not be evaluated."
            if got.get(f"{name}.copied"):
                return f"run {name}: it is the kit's own, and so are its curves."
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
                return "run-missing"
            if "damaged" in problem or "missing" in problem or "empty" in problem:
                return "run-damaged"
            if "NaN" in problem:
                return "run-nan"
            if problem:
                return "run-foreign"
            if got.get(f"{name}.copied"):
                return "run-copied"
            if got.get(f"{name}.by heart"):
                return "run-by-heart"
        return _named_by_numbers(failed)

    return explain


def _named_by_numbers(failed):
    if failed == ["curves"]:
        return "run-curves"
    if any(check.endswith(("free", "collapsed")) for check in failed):
        if not any(check.endswith("learned") for check in failed):
            return "run-other-beta"
    if set(failed) - {"curves"}:
        return "run-undertrained"
    return None
