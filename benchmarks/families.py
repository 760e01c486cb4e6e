"""Trains every family of the autodecoder notebook and keeps what the kit shows of it.

    python benchmarks/families.py [--folder FOLDER]      # about ten minutes on one core

Runs the notebook itself with the reference solutions, seed 0, on the first 1,000 embedded training
images of Fashion-MNIST, and writes utils/reference/families.safetensors: of each family its scores,
curves, t-SNE map, ten samples from its prior and a walk. Trainings are saved in FOLDER, and an
interrupted one goes on.
"""

import argparse
import os
from pathlib import Path

import masters
import torch

from utils import runs

FAMILIES = ["Gaussian", "Exponential", "Laplace", "Uniform", "Full Gaussian"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=masters.ROOT / "build" / "families")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.environ["COURSE_DATA"] = "embedded"
    book = masters.run("autodecoder", options.folder.resolve(), TRAIN=FAMILIES)
    found = {}
    for name in FAMILIES:
        found[name] = book["shown"][name] | {"scores": book["scores"][name]}
        print(name, {key: round(value, 3) for key, value in book["scores"][name].items()})
    runs.write_families(found)
    path = runs.REFERENCE / runs.FAMILIES
    print(f"{path.relative_to(masters.ROOT)}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
