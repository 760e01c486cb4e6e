"""How far honest training runs lie from the kit's own and how much changed test images cost them;
the same of disguised copies, and of a network that knows the test images by heart.

    python -m benchmarks.copies honest      # about two minutes on one core
    python -m benchmarks.copies copied      # half a minute

Trains on 4,000 embedded images, otherwise as the notebooks do. `SAME` of
`autograder/key/kinds/kit.py` and `BY_HEART` of `trained.py` are set from these tables.
"""

import argparse
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from tqdm import tqdm

from autograder.key.kinds import kit, trained
from benchmarks import honest
from benchmarks.machine import machine
from tests.bank import runs as bank
from utils import runs

SETTINGS = [(1.0, 2), (1.0, 16), (0.0, 4), (10.0, 4), (0.3, 8), (None, 4)]  # beta, epochs
SIZES = (1e-6, 1e-4, 1e-2, 3e-2, 1e-1)
SEEDS = range(3)


def likenesses(folder):
    """{kit's run: likeness} of a run folder."""
    run = runs.Trained(folder, "yours")
    logits = run.decode(run.encode(torch.from_numpy(kit.strange()))).flatten(1).numpy()
    return {name: kit.likeness(logits, others) for name, others in kit.decoded().items()}


def lost(folder):
    """Nats that changed images cost the run folder, and its ELBO or reconstruction: the means over
    a few seeds, and the largest loss.
    """
    kind = runs.read_graph(folder)["kind"]
    student = SimpleNamespace(folder=folder.parent.parent)
    found = [trained.evaluate(student, folder.name, kind, seed=seed) for seed in SEEDS]
    key = f"{folder.name}.elbo" if kind == "vae" else f"{folder.name}.reconstruction"
    return np.mean([f[key] for f in found]), [f[f"{folder.name}.lost"] for f in found]


def honest_table(folder):
    print(
        "| architecture | β | epochs | ELBO, or reconstruction | nearest run of the kit "
        "| likeness | changed images cost |"
    )
    print("|---|--:|--:|--:|---|--:|--:|")
    for architecture in tqdm(list(honest.ARCHITECTURES)[:5]):
        for beta, epochs in SETTINGS:
            run = folder / "runs" / f"{architecture} {beta} {epochs}"
            honest.hand_in(run, architecture, beta, epochs, images=4000)
            alike, (reached, costs) = likenesses(run), lost(run)
            best = max(alike, key=alike.get)
            beta = "–" if beta is None else f"{beta:g}"
            print(
                f"| {architecture} | {beta} | {epochs} | {reached:.1f} | {best} "
                f"| {alike[best]:.2f} | {np.mean(costs):+.1f}, at most {max(costs):+.1f} |"
            )


def copies_table(folder):
    ways = {f"noise of {size:g}": bank.nudged(size) for size in SIZES}
    ways |= {"permuted": bank.permuted, "rescaled": bank.rescaled}
    print("| the kit's run | " + " | ".join(ways) + " | changed images cost |")
    print("|---|" + "--:|" * (len(ways) + 1))
    for name in kit.decoded():
        cells = []
        for way, edit in ways.items():
            place = folder / name / way.replace(" ", "-")
            bank.place(place, name, own=False, edit=edit)
            cells.append(f"{likenesses(place / 'runs' / name)[name]:.3f}")
        place = folder / name / "itself"
        bank.place(place, name, own=False)
        costs = lost(place / "runs" / name)[1]
        print(f"| {name} | " + " | ".join(cells) + f" | {np.mean(costs):+.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("honest", "copied"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine('torch')}\n")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if options.part == "honest":
            honest_table(folder)
            return
        copies_table(folder)
        bank.place(folder / "heart", "tuned", edit=bank.by_heart)
        cost = np.mean(lost(folder / "heart" / "runs" / "tuned")[1])
        print(f"\nThe test images by heart: changed images cost {cost:+.0f} nats.")


if __name__ == "__main__":
    main()
