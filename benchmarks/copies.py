"""How far honest training runs lie from the kit's own and how much changed test images cost them;
the same of disguised copies, and of a network that knows the test images by heart.

    python -m benchmarks.copies honest      # about two minutes on one core
    python -m benchmarks.copies copied      # half a minute
    python -m benchmarks.copies networks    # half a minute: classes that compute the kit's networks

Trains on 4,000 embedded images, otherwise as the notebooks do. `SAME` of
`autograder/key/kinds/kit.py`, `BY_HEART` of `trained.py`, and `CODES` and `STEPS` of `borrowed.py`
are set from these tables.
"""

import argparse
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from tqdm import tqdm

from autograder.key import catalogue
from autograder.key.kinds import borrowed, kit, trained
from autograder.key.question import drawn
from autograder.student.asking import InProcess
from benchmarks import honest
from benchmarks.machine import machine
from tests.bank import runs as bank
from tests.bank import variants
from utils import graph, runs

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


def networks_table():
    """How much of the codes, and of the steps between pictures, the kit's network explains of
    itself in disguise, and which network most of those of right answers of the bank.
    """
    inputs = borrowed.images(np.random.default_rng(0))
    print("| the kit's run | " + " | ".join(f"noise of {size:g}" for size in SIZES) + " |")
    print("|---|" + "--:|" * len(SIZES))
    for name, (program, weights) in kit.networks().items():
        nz, cells = program["nz"], []
        turned = torch.linalg.qr(torch.randn(nz, nz))[0]
        inputs |= borrowed.latents(np.random.default_rng(0), nz)
        for size in SIZES:
            noisy = {k: v + size * torch.randn_like(v) for k, v in weights.items()}
            noisy |= {k: v.abs() for k, v in noisy.items() if k.endswith("running_var")}
            x, z = (torch.from_numpy(inputs[key]).float() for key in ("own x", "own z"))
            with torch.no_grad():
                got = {
                    "own codes": (graph.run(program["encode"], noisy, x)[0] @ turned).numpy(),
                    "own pictures": graph.run(program["decode"], noisy, z @ turned.T)[0].numpy(),
                }
            found = borrowed.codes_alike(got, inputs)[name], borrowed.steps_alike(got, inputs)[name]
            cells.append("{:.2f}, {:.2f}".format(*found))
        print(f"| {name} | " + " | ".join(cells) + " |")
    asked = [v for v in variants() if catalogue.find(v.question).taken]
    for key, alike in (("codes", borrowed.codes_alike), ("steps", borrowed.steps_alike)):
        most = (0.0, "")
        for answer in asked:
            for seed in SEEDS:
                question = catalogue.find(answer.question)
                inputs = drawn(question, seed)
                names = {}
                exec(answer.source, names)
                found = alike(InProcess(names).ask(question.probe, inputs), inputs)
                most = max(most, (max(found.values(), default=0.0), answer.question, answer.why))
        print(f"\nOf right answers, {key}: at most {most[0]:.2f} ({most[1]}, {most[2]}).")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("honest", "copied", "networks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine('torch')}\n")
    if options.part == "networks":
        networks_table()
        return
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
