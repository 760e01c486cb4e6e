"""Questions about a training loop: what it returns, and where it takes the parameters."""

from __future__ import annotations

import numpy as np

from autograder.key.kinds.network import blobs
from autograder.key.question import close, differs


def training_inputs(rng):
    """Batches of unequal size and brightness, the first one and another one whole, and a network
    small enough to step exactly.
    """
    sizes = [9, *(int(n) for n in rng.permutation([4, 6, 9]))]
    brightness = np.repeat(rng.permutation([0.4, 0.6, 0.8, 1.0]), sizes)
    return {
        "batches": sizes,
        "x": blobs(rng, sum(sizes)) * brightness[:, None, None, None],
        "y": rng.integers(0, 10, sum(sizes)),
        "inner": rng.normal(0, 0.05, (3, 784)),
        "outer": rng.normal(0, 0.3, (784, 3)),
        "lr": 0.05,
        "momentum": 0.5,
        "scale": float(rng.uniform(15, 25)),
    }


def whole(batches) -> list:
    """The batches that are as large as the largest."""
    return [batch for batch in batches if len(batch[0]) == max(len(x) for x, _ in batches)]


def loop_list(words, width=None):
    """A test: a list with one entry a batch (of `width` numbers), plain floats."""

    def test(got, want, inputs):
        count, kind = len(inputs["batches"]), got["kind"]
        if (
            kind not in ("list", "tuple")
            or got.get("result.error")
            or got.get("result") is None
            or np.ndim(got["result"]) == 0
        ):
            return f"received `{kind}` where a list of {words} is asked for."
        shape = (count,) if width is None else (count, width)
        if np.shape(got["result"]) != shape:
            return (
                f"received a list of length {np.shape(got['result'])[0]} for {count} batches."
                if np.ndim(got["result"]) == len(shape)
                else f"received a list that is not one of {words}."
            )
        strange = [
            k for k in got.get("kinds", ()) if k not in ("float", "float64", "float32", "int")
        ]
        if strange:
            return f"the list holds {' and '.join(strange)} where floats are asked for."
        return None

    return test


def loop_graph(got, want, inputs):
    """A test: nothing returned keeps a graph alive."""
    if got.get("alive"):
        return "entries of the list still hold their graph, and with it the memory of every batch."
    return None


def loop_mode(got, want, inputs):
    """A test: the model was in train mode whenever it was called."""
    if not got["in train mode"]:
        return "the model was never called."
    if not all(got["in train mode"]):
        return "the model was in evaluation mode while it was trained."
    return None


def loop_update(tolerance=1e-3):
    """A test: the parameters moved as the reference moves them, within a relative tolerance."""

    def test(got, want, inputs):
        if got["steps"] == 0:
            return "the optimizer made no step."
        if not np.any(got["update"]):
            return "the parameters did not change."
        if not loop_moved_alike(got, want, tolerance):
            how = _moved(got["update"], want["update"])
            return f"after one epoch the parameters are not where a right loop takes them: {how}."
        return None

    return test


def _moved(update, right) -> str:
    """In which way an update is wrong."""
    lengths = np.linalg.norm(update), np.linalg.norm(right)
    along = update @ right / (lengths[0] * lengths[1])
    if along > 0.9:
        if lengths[0] > lengths[1]:
            return "they moved about the right way, and too far"
        return "they moved about the right way, and too little"
    return "they moved away from there" if along < -0.5 else "they moved another way"


def loop_moved_alike(a, b, tolerance):
    """Whether two updates are equal, relative to the larger one."""
    size = max(np.linalg.norm(a["update"]), np.linalg.norm(b["update"]))
    return bool(np.linalg.norm(a["update"] - b["update"]) <= tolerance * size)


def loop_values(got, want, inputs):
    """A test: the losses are those of the batches, in order, before each step."""
    if np.shape(got["result"]) != np.shape(want["result"]):
        return "there is not one loss for each batch."
    if not close(got["result"], want["result"], 1e-3):
        how = differs(got["result"], want["result"], 1e-3)
        return f"the losses of the batches as they were trained on: {how}."
    return None


def loop_alike(tolerance):
    """alike for loops: same result, same movement, same manners."""

    def alike(a, b, inputs):
        for key in ("kinds", "alive", "gradients", "steps", "sizes", "in train mode"):
            if a.get(key) != b.get(key):
                return False
        if a.get("error") or b.get("error"):
            return False
        results = a.get("result"), b.get("result")
        if (results[0] is None) != (results[1] is None):
            return False
        if results[0] is not None and not close(*results, rtol=max(tolerance, 1e-3)):
            return False
        return loop_moved_alike(a, b, tolerance)

    return alike


def loop_named(got, want, inputs, failed):
    """Name what no other loop does: it returns nothing, or the model never learned from the
    images.
    """
    if got["kind"] == "NoneType":
        return "returns-nothing"
    if got["kind"] in ("Tensor", "ndarray") and np.ndim(got.get("result")) > 0:
        if np.shape(got["result"]) == np.shape(want["result"])[1:]:
            return _one_number(got, want, inputs)
        if len(got["result"]) != len(want["result"]):
            return None
        return "keeps-graph" if got.get("alive") else "tensors"
    if got["kind"] in ("list", "tuple") and np.size(got.get("result")) == 0:
        return "list-empty"
    if got["steps"] and not got["gradients"]:
        return "no-backward"
    if "dict" in (got["kind"], *got.get("kinds", ())):
        return "dictionary"
    modes = got["in train mode"]
    if len(modes) > 1 and modes[0] and not any(modes[1:]):
        return "eval-mode/later"
    seen, given = list(got.get("sizes") or ()), list(inputs["batches"])
    if seen and max(seen) < max(given) and all(a <= b for a, b in zip(seen, given, strict=False)):
        return "batch-cut"
    if 0 < sum(seen) < sum(given) and "update" in failed:
        return "batches-skipped"
    if np.ndim(got.get("result")) == 0 and got["kind"] not in ("list", "tuple", "dict"):
        return _one_number(got, want, inputs)
    if "update" in failed and set(failed) <= {"update", "losses", "values"}:
        if _first_right(got, want) and _same_way(got["update"], want["update"]):
            return "other-step-length"
    if failed in (["losses"], ["values"]) and _rounded(got, want):
        return "rounded"
    return None


def _one_number(got, want, inputs):
    """The name of one number in the place of a list: the mean over images, or some other."""
    value, right, sizes = got.get("result"), want["result"], inputs["batches"]
    if value is None:
        return None
    means = right.mean(0), np.average(right, axis=0, weights=sizes)
    if any(close(value, mean, 2e-2 if mean.ndim else 1e-3) for mean in means):
        return "mean-returned"
    return "one-number-returned" if np.ndim(value) == 0 else None


def _first_right(got, want) -> bool:
    """Whether the first loss, before any step, is the right one."""
    first, right = (np.asarray(e["result"], float)[:1] for e in (got, want))
    return close(first, right, 2e-2 if right.ndim > 1 else 1e-3)


def _same_way(update, right) -> bool:
    """Whether the parameters move nearly the right way, and not as far."""
    lengths = np.linalg.norm(update), np.linalg.norm(right)
    return bool(0 < lengths[0] < lengths[1] and update @ right > 0.8 * lengths[0] * lengths[1])


def _rounded(got, want) -> bool:
    """Whether losses are the right ones with fewer decimals."""
    result, right = got["result"], want["result"]
    return np.shape(result) == np.shape(right) and any(
        close(result, np.round(right, places), 1e-6, 1e-6) for places in range(4)
    )


def in_eval_mode(loop):
    """A loop, right or wrong, whose model stays in evaluation mode."""

    def mistaken(model, *others):
        model.train = lambda mode=True: model
        try:
            return loop(model, *others)
        finally:
            del model.train

    return mistaken
