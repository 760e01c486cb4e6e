"""How much test ELBO a CPU second buys: the widely copied example VAE against the kit's recipe.

    python benchmarks/training.py [--root FOLDER] [--threads 1]
    python benchmarks/training.py --notebook --root FOLDER    # the vae notebook's own code instead

Both are trained on full MNIST and on the embedded subset, in one process. The example is written
from its description: 784-400-20, Adam 1e-3, batch 128, torchvision's dataset through a DataLoader.
Ours keeps the images in memory, draws only the pixels that change, normalises activations, begins
at the mean image and follows a one-cycle schedule (Adam, 1e-2, batch 128); it is trained for a few
epochs, and once for as many as fit into the example's CPU time. ELBO is in nats per image:
Bernoulli on grey values, sum over all 784 pixels, mean over the test set, one posterior sample an
image. CPU seconds are those of the training process, evaluation left out.
"""

import argparse
import contextlib
import gzip
import os
import tempfile
import time
from pathlib import Path

import masters
import numpy as np
import torch
import torch.nn.functional as F
from machine import machine
from torch import nn

from utils import data, plots
from utils._torchvision import load as load_torchvision

EPOCHS = 10  # of the example
FIGURE = masters.ROOT / "docs" / "figures" / "training.png"


class Example(nn.Module):
    """784-400-20 with two heads and a decoder that ends in a sigmoid."""

    name = "example, 784-400-20"

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.up, self.out = nn.Linear(20, 400), nn.Linear(400, 784)

    def encode(self, x):
        h = F.relu(self.hidden(x.flatten(1)))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return torch.sigmoid(self.out(F.relu(self.up(z))))

    def loss(self, x):
        mu, logvar = self.encode(x)
        decoded = self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        likelihood = F.binary_cross_entropy(decoded, x.flatten(1), reduction="sum")
        return likelihood - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


class Ours(nn.Module):
    """560-400-200-24 with batch norm; its first pictures are the mean training image.

    The 224 pixels at the border hardly change: they are neither read nor drawn, but have the mean
    of the training images for their probability, which is a part of every ELBO.
    """

    name = "ours, 560-400-200-24"

    def __init__(self, images, changing=560, widths=(400, 200), nz=24):
        super().__init__()
        pixels = images.flatten(1)
        order = pixels[:10000].var(0).argsort(descending=True)  # as many tell
        mean = (pixels.sum(0) + 1) / (len(pixels) + 2)  # never 0 or 1
        self.register_buffer("inside", order[:changing].sort().values)
        self.register_buffer("border", order[changing:].sort().values)
        self.register_buffer("border_mean", mean[self.border])

        def layer(n_in, n_out):
            return nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.SiLU()

        first, second = widths
        self.encoder = nn.Sequential(
            *layer(changing, first), *layer(first, second), nn.Linear(second, 2 * nz)
        )
        self.decoder = nn.Sequential(
            *layer(nz, second), *layer(second, first), nn.Linear(first, changing)
        )
        with torch.no_grad():
            self.decoder[-1].bias.copy_(mean[self.inside].clamp(0.001, 0.999).logit())

    def loss(self, x):
        x = x.flatten(1)
        inside = x[:, self.inside]
        mu, logvar = self.encoder(inside).chunk(2, 1)
        logits = self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        likelihood = F.binary_cross_entropy_with_logits(logits, inside, reduction="sum")
        if not self.training:  # the border costs the same whatever the weights are
            border = self.border_mean.expand(len(x), -1)
            likelihood += F.binary_cross_entropy(border, x[:, self.border], reduction="sum")
        return likelihood + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


def test_elbo(model, images):
    """nats per image; `loss` is summed over the batch and negative."""
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        total = sum(model.loss(x).item() for x in images.split(1000))
    model.train()
    return -total / len(images)


def train(model, batches, optimizer, epochs, test, scheduler=None, seconds=0.0):
    """[(CPU seconds so far, test ELBO)] for each epoch; `batches()` is one epoch's iterable.

    seconds: what was spent before.
    """
    points = []
    model.train()
    for _ in range(epochs):
        start = time.process_time()
        for x, _ in batches():
            optimizer.zero_grad()
            (model.loss(x) / len(x)).backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        seconds += time.process_time() - start
        points.append((seconds, test_elbo(model, test)))
        print(
            f"{model.name}: epoch {len(points)}/{epochs}, {seconds:.1f} CPU s, "
            f"test ELBO {points[-1][1]:.2f}",
            flush=True,
        )
    return points


def example(root, test):
    """The example's training, data loading included, as it is usually written."""
    torch.manual_seed(1)
    datasets = load_torchvision("torchvision.datasets")
    transform = load_torchvision("torchvision.transforms").ToTensor()
    dataset = datasets.MNIST(root, train=True, transform=transform)
    loader = torch.utils.data.DataLoader(dataset, batch_size=128, shuffle=True)
    model = Example()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return train(model, lambda: loader, optimizer, EPOCHS, test)


def ours(images, test, epochs, batch=128, rate=1e-2):
    start = time.process_time()
    torch.manual_seed(1)
    model = Ours(images)
    loader = data.Loader(images, torch.zeros(len(images)), batch_size=batch, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99), fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR
    scheduler = cycle(optimizer, rate, total_steps=epochs * len(loader), pct_start=0.2)
    spent = time.process_time() - start
    return train(model, lambda: loader, optimizer, epochs, test, scheduler, spent)


def torchvision_folder(folder, images, labels):
    """Writes images as torchvision's MNIST files, so that the example can read them."""
    raw = Path(folder) / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = (images * 255).round().to(torch.uint8).numpy()
    for stem in ("train", "t10k"):  # the test files only have to exist: we evaluate ourselves
        for name, magic, shape, content in (
            ("images-idx3", 2051, (len(pixels), 28, 28), pixels.tobytes()),
            ("labels-idx1", 2049, (len(pixels),), labels.to(torch.uint8).numpy().tobytes()),
        ):
            header = np.array([magic, *shape], dtype=">i4").tobytes()
            (raw / f"{stem}-{name}-ubyte").write_bytes(header + content)
            with gzip.open(raw / f"{stem}-{name}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(header + content)
    return folder


def compare(label, train_images, test, budgets):
    """Trains the example, then ours for each number of epochs; returns the lines of a figure."""
    images = train_images.images
    print(f"-- {label}: {len(images):,} training images, {len(test):,} test images")
    with tempfile.TemporaryDirectory() as folder:  # torchvision's files, however ours were packed
        lines = {Example.name: example(torchvision_folder(folder, *train_images), test)}
    for epochs in budgets:
        lines[f"{Ours.name}, {epochs} epochs"] = points = ours(images, test, epochs)
    epochs = int(lines[Example.name][-1][0] / points[-1][0] * len(points))
    lines[f"{Ours.name}, {epochs} epochs"] = ours(images, test, epochs)
    return lines


def report(label, lines):
    """Markdown: where each training ends, and when ours is as good as the example's end."""
    seconds, elbo = lines[Example.name][-1]
    print(f"\n**{label}**\n")
    print("| training | epochs | CPU s | test ELBO (nats) | CPU time, example = 1 |")
    print("|---|---|---|---|---|")
    for name, points in lines.items():
        cpu, reached = points[-1]
        print(f"| {name} | {len(points)} | {cpu:.1f} | {reached:.2f} | {cpu / seconds:.3f} |")
    first = min(
        (
            cpu
            for name, points in lines.items()
            if name != Example.name
            for cpu, value in points
            if value >= elbo
        ),
        default=None,
    )
    if first is not None:
        print(
            f"\nOurs reaches the example's {elbo:.2f} after {first:.1f} CPU s, "
            f"{seconds / first:.1f} times sooner.\n"
        )


def notebook(root, epochs, threads):
    """The vae notebook's model, loop and settings on full MNIST: wall clock, CPU time, ELBO."""
    torch.set_num_threads(threads)
    vae = masters.definitions("vae")
    full, test = (data.load("MNIST", train=part, root=root) for part in (True, False))
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _, run = vae["fit"]("tuned", vae["BETA"], epochs, train=full, test=test)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    elbo = run.curves["test_elbo"][-1]
    print(
        f"{epochs} epochs on full MNIST, nz = {vae['NZ']}: test ELBO {elbo:.2f} nats after "
        f"{wall:.0f} s ({cpu:.0f} CPU s), with saving and evaluation after each epoch."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--root",
        default=os.environ.get("COURSE_DATA"),
        help="folder of full MNIST in torchvision's layout",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--notebook", action="store_true", help="time the vae notebook's own code")
    parser.add_argument("--epochs", type=int, default=30, help="of the notebook's model")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.notebook:
        notebook(arguments.root, arguments.epochs, arguments.threads)
        print(f"{machine('torch')}.")
        return
    results = {}
    if arguments.root:
        full = data.load("MNIST", train=True, root=arguments.root)
        test = data.load("MNIST", train=False, root=arguments.root).images
        results["full MNIST"] = compare("full MNIST", full, test, (2, 6))
    else:
        print("full MNIST: skipped, no --root was given")
    subset = data.load("MNIST", train=True, root="embedded")
    test = data.load("MNIST", train=False, root="embedded").images
    results["embedded subset"] = compare("embedded subset", subset, test, (4, 12))
    for label, lines in results.items():
        report(label, lines)
    print(f"\n{machine('torch')}.")
    label, lines = next(iter(results.items()))
    figure = plots.curves(
        {name: [elbo for _, elbo in points] for name, points in lines.items()},
        x={name: [cpu for cpu, _ in points] for name, points in lines.items()},
        title=f"Test ELBO against training time, {label}",
        xlabel="CPU seconds, one thread",
        ylabel="test ELBO, nats per image",
    )
    figure.axes[0].set_xscale("log")
    figure.axes[0].set_ylim(bottom=-140)
    arguments.figure.parent.mkdir(parents=True, exist_ok=True)
    arguments.figure.write_bytes(figure.png())
    print(f"figure: {os.path.relpath(arguments.figure)}")


if __name__ == "__main__":
    main()
