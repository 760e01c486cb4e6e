"""Honest training runs of several architectures, as students hand them in.

The answer key's thresholds and its recognition of copies are measured on them
(`benchmarks/thresholds.py`), and tests take them for the work of a student.
"""

import contextlib
import hashlib
import io
import itertools
import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize
from utils import data, graph, runs


def dense(*widths, norm=None, activation=nn.SiLU):
    """Builds a fully connected encoder and its mirror image."""

    def layers(*sizes):
        for n_in, n_out in itertools.pairwise(sizes[:-1]):
            yield nn.Linear(n_in, n_out)
            if norm is not None:
                yield norm(n_out)
            yield activation()
        yield nn.Linear(*sizes[-2:])

    def build(nz, codes):
        encoder = nn.Sequential(nn.Flatten(), *layers(784, *widths, codes))
        decoder = nn.Sequential(*layers(nz, *widths[::-1], 784), nn.Unflatten(1, (1, 28, 28)))
        return encoder, decoder

    return build


def convolutional(nz, codes):
    """The layers of the kit's own ladder, the hardest to tell from it."""

    def hidden(n_in, n_out):
        return nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.SiLU()

    def stage(layer, channels):
        return layer, nn.BatchNorm2d(channels), nn.SiLU()

    encoder = nn.Sequential(
        *stage(nn.Conv2d(1, 8, 4, 2, 1), 8),
        *stage(nn.Conv2d(8, 16, 4, 2, 1), 16),
        nn.Flatten(),
        *hidden(784, 48),
        nn.Linear(48, codes),
    )
    decoder = nn.Sequential(
        *hidden(nz, 48),
        *stage(nn.Sequential(nn.Linear(48, 784), nn.Unflatten(1, (16, 7, 7))), 16),
        *stage(nn.ConvTranspose2d(16, 8, 4, 2, 1), 8),
        nn.ConvTranspose2d(8, 1, 4, 2, 1),
    )
    return encoder, decoder


ARCHITECTURES = {  # name: (what builds encoder and decoder, latent dimensions)
    "the notebook's": (dense(512, 512, norm=nn.BatchNorm1d), 16),
    "PyTorch's example": (dense(400, activation=nn.ReLU), 20),
    "that of the kit's ladder": (convolutional, 12),
    "that of the kit's plane": (dense(128, 128, norm=nn.LayerNorm), 2),
    "narrow, with tanh": (dense(256, 128, activation=nn.Tanh), 8),
    "quick": (dense(256, norm=nn.BatchNorm1d), 20),
}


class Model(nn.Module):
    """An autoencoder, or with `variational` a VAE."""

    def __init__(self, architecture, variational):
        super().__init__()
        build, nz = ARCHITECTURES[architecture]
        self.variational, self.nz = variational, nz
        self.encoder, self.decoder = build(nz, 2 * nz if variational else nz)

    def encode(self, x):
        return self.encoder(x).chunk(2, 1) if self.variational else self.encoder(x)

    def decode(self, z):
        return self.decoder(z)

    def loss(self, x, beta):
        """-log p(x|z) + β KL of each image, (B,)."""
        if not self.variational:
            return -bernoulli_log_likelihood(x, self.decode(self.encode(x)))
        mu, logvar = self.encode(x)
        error = -bernoulli_log_likelihood(x, self.decode(reparametrize(mu, logvar)))
        return error + beta * kl_gaussian(mu, logvar) if beta else error


def training(architecture, beta, epochs, images=None, seed=0, rate=None):
    """Trains as the notebooks' `fit` does; yields the model after each epoch, with its mean loss.

    beta None: an autoencoder. images: the first so many of the 10,000 embedded ones. seed: the
    notebooks' is 0. rate: of Adam, at its highest; left out, the notebooks' rate and schedule.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        x, y = data.load("MNIST", train=True, root="embedded", limit=images)
    torch.manual_seed(seed)
    model = Model(architecture, beta is not None)
    loader = data.Loader(x, y, batch_size=128, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate or 2e-3)
    steps = epochs * len(loader)
    if rate is None:
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-5)
    else:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
        nn.init.zeros_(model.decoder[-2].weight)
        model.decoder[-2].bias.data = x.mean(0).flatten().clamp(1e-3, 1 - 1e-3).logit()
    for _ in range(epochs):
        model.train()
        total = 0.0
        for batch, _ in loader:
            loss = model.loss(batch, beta).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        model.eval()
        yield model, total / len(loader)


def hand_in(folder, architecture, beta, epochs, **how):
    """Trains, and writes the run folder that a student would hand in."""
    losses, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small are no quicker with more
    for model, loss in training(architecture, beta, epochs, **how):  # noqa: B007
        losses.append(loss)
    torch.set_num_threads(threads)
    settings = {"settings": {"nz": model.nz, "beta": beta}, "epochs": epochs, "finished": epochs}
    curves = {"loss": losses}
    runs.write(Path(folder), model.state_dict(), curves, settings, graph.trace(model, model.nz))


QUICK = {  # name: (architecture, beta, epochs, highest rate of Adam): good for full points
    "tuned": ("quick", 1.0, 6, 6e-3),
    "beta-0": ("quick", 0.0, 2, 6e-3),
    "beta-10": ("quick", 10.0, 2, 6e-3),
    "autoencoder": ("quick", None, 2, 6e-3),
    "plane": ("that of the kit's plane", 1.0, 2, None),
    "plane-autoencoder": ("that of the kit's plane", None, 2, None),
}
KEPT = Path(__file__).parents[1] / "build" / "honest"


def quick(name):
    """The folder of one of `QUICK`, trained within seconds when it is asked for first."""
    folder = KEPT / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12] / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            architecture, beta, epochs, rate = QUICK[name]
            hand_in(Path(unfinished) / name, architecture, beta, epochs, rate=rate)
            with contextlib.suppress(OSError):  # another process was quicker
                os.rename(Path(unfinished) / name, folder)
    return folder
