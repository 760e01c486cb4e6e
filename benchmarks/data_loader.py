"""Time an epoch of utils.data.Loader against torchvision's dataset through torch's DataLoader.

    python benchmarks/data_loader.py --root FOLDER     the full dataset, in torchvision's layout
    python benchmarks/data_loader.py                   the embedded subset

Prints a markdown table; the exit status is 1 if Loader is less than 5 times faster.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from machine import machine

from utils import _torchvision, data

GOAL = 5
BATCH = 128


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--root", default="embedded", help="data folder (default: embedded)")
    arguments.add_argument("--name", default="MNIST", choices=data.CLASSES)
    arguments.add_argument("--epochs", type=int, default=5, help="timed epochs of each, after one")
    options = arguments.parse_args()

    train = data.load(options.name, root=options.root)
    with tempfile.TemporaryDirectory() as folder:
        write_idx(train, Path(folder) / options.name / "raw")
        seconds = measure(loaders(train, options.name, folder), options.epochs)
    sys.exit(report(options, len(train.labels), seconds))


def write_idx(train, folder):
    """Write the images the way torchvision reads them, so that both sides load the same ones."""
    folder.mkdir(parents=True)
    images = (train.images * 255).round().to(torch.uint8).numpy()
    labels = train.labels.to(torch.uint8).numpy()
    for split in ("train", "t10k"):  # torchvision wants all four files
        header = np.array([2051, len(images), 28, 28], ">u4").tobytes()
        (folder / f"{split}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = np.array([2049, len(labels)], ">u4").tobytes()
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def loaders(train, name, folder):
    datasets = _torchvision.load("torchvision.datasets")
    transforms = _torchvision.load("torchvision.transforms")
    dataset = getattr(datasets, name)(folder, transform=transforms.ToTensor())

    def data_loader(workers):
        return torch.utils.data.DataLoader(
            dataset, batch_size=BATCH, shuffle=True, num_workers=workers
        )

    return {
        "`utils.data.Loader`": data.Loader(train.images, train.labels, batch_size=BATCH),
        "torchvision `ToTensor`, `DataLoader`, 0 workers": data_loader(0),
        "torchvision `ToTensor`, `DataLoader`, 2 workers": data_loader(2),
    }


def measure(ways, epochs):
    """Return the seconds of each timed epoch; the ways take turns, so that all see the same load"""
    seconds = {way: [] for way in ways}
    sums = {}
    for turn in range(epochs + 1):
        for way, loader in ways.items():
            start = time.perf_counter()
            batches = [(len(x), y.sum()) for x, y in loader]
            elapsed = time.perf_counter() - start
            if turn:  # the first one warms up
                seconds[way].append(elapsed)
            sums[way] = (sum(n for n, _ in batches), int(sum(y for _, y in batches)))
    if len(set(sums.values())) > 1:
        sys.exit(f"the loaders did not give the same images: {sums}")
    return seconds


def report(options, images, seconds):
    source = "embedded subset" if options.root == "embedded" else "full dataset"
    print(
        f"\n{options.name}, {source}: {images:,} images, batches of {BATCH}, shuffled; "
        f"median of {options.epochs} epochs."
    )
    print(f"{machine('torch', 'torchvision')}, {torch.get_num_threads()} threads for torch.\n")
    print("| an epoch through | median, s | fastest to slowest, s | times `Loader` |")
    print("|---|--:|--:|--:|")
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    ours = next(iter(medians.values()))
    for way, times in seconds.items():
        spread = f"{min(times):.3f} to {max(times):.3f}"
        print(f"| {way} | {medians[way]:.3f} | {spread} | {medians[way] / ours:.1f} |")
    return min(list(medians.values())[1:]) < GOAL * ours


if __name__ == "__main__":
    main()
