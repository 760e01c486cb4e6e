"""Trained VAEs that differ in β and in nothing else: what a slider over β climbs."""

import contextlib
import io
import json
from pathlib import Path

from utils import runs
from utils.explore.models import dataset, finite, origin


def choose_ladders(runs_from=None):
    """{what a menu calls it: trained VAEs by rising β}, those to begin with first.

    Raises RunError when there is no ladder of two.
    """
    found = find_ladders()
    if runs_from is None:
        first = "yours" if len(found["yours"]) >= 3 else "reference"
        kept = {first: found.pop(first), **found}
    else:
        kept = {runs_from: found.get(runs_from, [])}
    kept = [ladder for ladder in kept.values() if len(ladder) >= 2]
    if not kept:
        count = max(map(len, found.values()))
        raise runs.RunError(
            "a β slider needs at least two trained VAEs of the same architecture that differ in "
            f"their setting 'beta', and there are {count}. Train beta-0, beta-10 and tuned in the "
            "notebook vae first"
        )
    same = [ladder for ladder in kept if dataset(ladder[0]) == dataset(kept[0][0])]
    return {origin(ladder): ladder for ladder in same}


def find_ladders():
    """{"yours" and "reference": trained VAEs of one architecture and dataset, by rising β}.

    Where there are several, the one with most values of β is taken, of equals that for MNIST.
    """
    ladders = {}
    for source, folders in run_folders().items():
        groups = {}
        for folder in folders:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    run = finite(runs.Trained(folder, source))
            except runs.RunError:
                continue  # an unfinished or damaged run is no step of a ladder
            value = run.settings.get("beta")
            if run.kind != "vae" or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            group = groups.setdefault((dataset(run), architecture(folder)), {})
            group.setdefault(float(value), run)
        best = groups[max(groups, key=lambda key: (len(groups[key]), key[0]))] if groups else {}
        ladders[source] = [best[value] for value in sorted(best)]
    return ladders


def run_folders():
    """{"yours": folders, "reference": folders} of all runs that can be seen from here."""
    own = [*Path("runs").glob("*/run.json"), *Path("..").glob("*/runs/*/run.json")]
    own = {path.parent.resolve(): path.parent for path in own}
    reference = runs.REFERENCE.glob("*/run.json")
    return {"yours": [*own.values()], "reference": sorted(path.parent for path in reference)}


def architecture(folder):
    """What the model of a run folder computes, as text that can be compared."""
    return json.dumps(runs.read_graph(folder), sort_keys=True)
