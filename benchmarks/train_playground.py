"""Trains the small models of the playground page and puts them, as float16, into its folder.

    python benchmarks/train_playground.py [NAME ...] [--root FOLDER]

They share one architecture with 12 latent dimensions, small enough that a ladder of eight β for
MNIST, four models for Fashion-MNIST and their test images fit into one page of 5 MB. Losses are in
nats per image: Bernoulli on grey values, summed over pixels, mean over the test images.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from utils import data, graph, runs

FOLDER = Path(__file__).parents[1] / "autograder" / "playground" / "runs"
NZ, WIDTH, EPOCHS, BATCH, RATE = 12, 128, 12, 250, 3e-3
BETAS = {"MNIST": [None, 0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0, 10.0],
         "FashionMNIST": [None, 0.0, 1.0, 10.0]}  # None: an autoencoder  # fmt: skip
RUNS = {
    f"{prefix}{'autoencoder' if beta is None else f'beta-{beta:g}'}": (dataset, beta)
    for dataset, prefix in (("MNIST", ""), ("FashionMNIST", "fashion-"))
    for beta in BETAS[dataset]
}


class Model(nn.Module):
    def __init__(self, variational):
        super().__init__()
        self.variational = variational
        outputs = 2 * NZ if variational else NZ
        self.encoder = nn.Sequential(
            nn.Flatten(), *hidden(784), *hidden(WIDTH), nn.Linear(WIDTH, outputs)
        )
        self.decoder = nn.Sequential(
            *hidden(NZ), *hidden(WIDTH), nn.Linear(WIDTH, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def encode(self, x):
        return self.encoder(x).chunk(2, 1) if self.variational else self.encoder(x)

    def decode(self, z):
        return self.decoder(z)


def hidden(inputs):
    return nn.Linear(inputs, WIDTH), nn.LayerNorm(WIDTH), nn.SiLU()


def losses(model, x):
    """(reconstruction, kl) in nats per image; an autoencoder's kl is 0."""
    code, kl = model.encode(x), torch.zeros(())
    if model.variational:
        mu, logvar = code
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        code = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    loss = F.binary_cross_entropy_with_logits(model.decode(code), x, reduction="sum")
    return loss / len(x), kl


def train(name, root, epochs):
    """Trains one model and writes its run folder; returns the losses on the test images."""
    dataset, beta = RUNS[name]
    images, labels = data.load(dataset, train=True, root=root)
    test = data.load(dataset, train=False, root=root).images
    loader = data.Loader(images, labels, batch_size=BATCH, drop_last=True)
    torch.manual_seed(0)
    model = Model(variational=beta is not None)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    curves = {"reconstruction": [], "kl": []}
    for _ in range(epochs):
        for x, _ in loader:
            reconstruction, kl = losses(model, x)
            optimizer.zero_grad()
            (reconstruction + (beta or 0) * kl).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            for curve, value in zip(curves.values(), losses(model, test), strict=True):
                curve.append(value.item())
    measured = {key: round(curve[-1], 2) for key, curve in curves.items()}
    info = {
        "settings": {"dataset": dataset, "beta": beta, "nz": NZ},
        "epochs": epochs,
        "finished": epochs,
        "measured": measured | {"test_images": len(test)},
    }
    weights = {key: tensor.half() for key, tensor in model.state_dict().items()}
    runs.write(FOLDER / name, weights, curves, info, graph.trace(model))
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RUNS))
    parser.add_argument("--root", help="folder of the full datasets (else COURSE_DATA or download)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(RUNS):
        parser.error(f"there is no run {', '.join(unknown)}; choose from {', '.join(RUNS)}")
    for name in arguments.names or RUNS:
        print(name, json.dumps(train(name, arguments.root, arguments.epochs)), flush=True)


if __name__ == "__main__":
    main()
