"""Trains the runs that ship with the kit and puts them, as float16, into utils/reference, and those
that only the playground page shows into autograder/release/playground/runs.

    python benchmarks/train_reference.py [NAME ...] [--root FOLDER] [--threads 1]

Without names all of RUNS are trained; an interrupted training goes on. FOLDER holds the full
datasets in torchvision's layout. Numbers are nats per image: Bernoulli on grey values, summed over
pixels, mean over the test set, with one posterior sample an image, measured on the float16 weights.
"""

import argparse
import itertools
import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from autograder.release import playground
from utils import data, runs, training

HERE = Path(__file__).parents[1]
BETAS = {
    "MNIST": [None, 0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0, 10.0],  # None: a plain autoencoder
    "FashionMNIST": [None, 0.0, 0.1, 0.3, 1.0, 10.0],
}
# How many times as wide as usual the codes lie before training, where no KL pulls them in (β = 0,
# and an autoencoder): they stay about there, since nothing says where they should be.
SPREAD = 8


def ladder(dataset, epochs, prefix="", spread=None):
    """One small convolutional model for every β."""
    return {
        prefix + ("autoencoder" if beta is None else f"beta-{beta:g}"): {
            "dataset": dataset,
            "nz": 12,
            "beta": beta,
            "epochs": epochs,
            **({"spread": spread} if spread and not beta else {}),
        }
        for beta in BETAS[dataset]
    }


# fully connected models: the hidden widths of the encoder, which the decoder mirrors
PLANE = {"dataset": "MNIST", "widths": [128, 128], "nz": 2}
FASHION_PLANE = {"dataset": "FashionMNIST", "widths": [96, 96], "nz": 2}
KIT = ladder("MNIST", 5, spread=SPREAD) | {
    "plane": PLANE | {"beta": 1.0, "epochs": 25},
    "plane-autoencoder": PLANE | {"beta": None, "epochs": 10},
    "fashion-plane": FASHION_PLANE | {"beta": 1.0, "epochs": 12},
    "fashion-plane-autoencoder": FASHION_PLANE | {"beta": None, "epochs": 10},
    "tuned": {"dataset": "MNIST", "widths": [512, 512], "nz": 24, "beta": 1.0, "epochs": 60},
}
PLAYGROUND = ladder("FashionMNIST", 4, "fashion-", SPREAD)  # what only the page shows
RUNS = KIT | PLAYGROUND
BATCH = 250


def rate(spec):
    return 2e-3 if spec["nz"] == 2 else 3e-3


class Model(nn.Module):
    """An autoencoder, or with `variational` a VAE, that begins near the mean image."""

    def __init__(self, nz, variational, mean, widths=None):
        super().__init__()
        self.variational = variational
        codes = 2 * nz if variational else nz
        parts = convolutional(nz, codes) if widths is None else fully_connected(nz, codes, widths)
        self.encoder, self.decoder = parts
        with torch.no_grad():
            bias = [module for module in self.decoder if hasattr(module, "bias")][-1].bias
            mean = mean.flatten() if len(bias) == 784 else mean.mean()
            bias.copy_(mean.clamp(0.001, 0.999).logit())

    def encode(self, x):
        return self.encoder(x).chunk(2, 1) if self.variational else self.encoder(x)


def convolutional(nz, codes, width=48):
    """Encoder and decoder of 83,000 weights: 28 → 14 → 7 pixels, and `width` hidden units."""
    encoder = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Conv2d(8, 16, 4, 2, 1),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        nn.Flatten(),
        *hidden(16 * 49, width),
        nn.Linear(width, codes),
    )
    decoder = nn.Sequential(
        *hidden(nz, width),
        nn.Linear(width, 16 * 49),
        nn.Unflatten(1, (16, 7, 7)),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1),
    )
    return encoder, decoder


def fully_connected(nz, codes, widths):
    norm = nn.LayerNorm if nz == 2 else nn.BatchNorm1d  # in a plane, batches are too noisy a norm
    down, up = hidden(784, *widths, norm=norm), hidden(nz, *widths[::-1], norm=norm)
    encoder = nn.Sequential(nn.Flatten(), *down, nn.Linear(widths[-1], codes))
    decoder = nn.Sequential(*up, nn.Linear(widths[0], 784), nn.Unflatten(1, (1, 28, 28)))
    return encoder, decoder


def hidden(*sizes, norm=nn.BatchNorm1d):
    for n_in, n_out in itertools.pairwise(sizes):
        yield from (nn.Linear(n_in, n_out), norm(n_out), nn.SiLU())


def terms(encoded, decode, x):
    """(reconstruction, kl) of a batch in nats per image; an autoencoder's kl is 0."""
    kl = torch.zeros(())
    if isinstance(encoded, tuple | list):
        mu, logvar = encoded
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        encoded = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    loss = F.binary_cross_entropy_with_logits(decode(encoded), x, reduction="sum")
    return loss / len(x), kl


def train(name, root, folder):
    """Trains one run in FOLDER/NAME, or goes on with it; returns that folder."""
    spec = RUNS[name]
    torch.manual_seed(0)
    images, labels = data.load(spec["dataset"], train=True, root=root)
    test = data.load(spec["dataset"], train=False, root=root).images
    loader = data.Loader(images, labels, batch_size=BATCH, drop_last=True)
    widths, variational = spec.get("widths"), spec["beta"] is not None
    model = Model(spec["nz"], variational, images.mean(0), widths)
    with torch.no_grad():
        model.encoder[-1].weight[: spec["nz"]] *= spec.get("spread", 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate(spec), fused=True)
    steps = spec["epochs"] * len(loader)
    cycle = torch.optim.lr_scheduler.OneCycleLR
    scheduler = cycle(optimizer, rate(spec), total_steps=steps, pct_start=0.1)
    settings = spec | {"train_images": len(images), "batch": BATCH}
    run = training.Run(
        name, model, optimizer, settings, scheduler=scheduler, loader=loader, folder=folder
    )
    for _ in run.epochs(spec["epochs"]):
        model.train()
        sums = torch.zeros(2)
        for x, _ in loader:
            reconstruction, kl = terms(model.encode(x), model.decoder, x)
            optimizer.zero_grad()
            (reconstruction + (spec["beta"] or 0) * kl).backward()
            optimizer.step()
            scheduler.step()
            sums += torch.stack([reconstruction.detach(), kl.detach()])
        model.eval()
        with torch.no_grad():
            measured = terms(model.encode(test), model.decoder, test)
        curves = dict(zip(("reconstruction", "kl"), (sums / len(loader)).tolist(), strict=True))
        curves |= {"test_reconstruction": measured[0].item(), "test_kl": measured[1].item()}
        if spec["beta"] is None:
            curves = {key: value for key, value in curves.items() if "kl" not in key}
        run.log(**curves)
    return run.folder


def ship(folder, root):
    """Copies a run into the kit as float16 and notes what it reaches on the test images there."""
    target = (runs.REFERENCE if folder.name in KIT else playground.RUNS) / folder.name
    info, graph = runs.read_info(folder), runs.read_graph(folder)
    weights = {name: tensor.half() for name, tensor in runs.read_weights(folder).items()}
    shutil.rmtree(target, ignore_errors=True)
    runs.write(target, weights, runs.read_curves(folder), info, graph)
    trained = runs.Trained(target, "reference")
    test = data.load(info["settings"]["dataset"], train=False, root=root).images
    torch.manual_seed(0)
    encoded = trained.posterior(test) if trained.kind == "vae" else trained.encode(test)
    reconstruction, kl = (value.item() for value in terms(encoded, trained.decode, test))
    measured = {"test_images": len(test), "reconstruction": round(reconstruction, 2)}
    if trained.kind == "vae":
        measured |= {"kl": round(kl, 2), "elbo": round(-reconstruction - kl, 2)}
    info["measured"] = measured
    runs.write(target, weights, trained.curves, info, graph)
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RUNS))
    parser.add_argument("--root", help="folder of the full datasets (else COURSE_DATA or download)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--folder", type=Path, default=HERE / "build" / "reference")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(RUNS):
        parser.error(f"there is no run {', '.join(unknown)}; choose from {', '.join(RUNS)}")
    torch.set_num_threads(arguments.threads)
    for name in arguments.names or RUNS:
        folder = train(name, arguments.root, arguments.folder)
        print(name, json.dumps(ship(folder, arguments.root)), flush=True)
    size = sum(path.stat().st_size for path in runs.REFERENCE.rglob("*") if path.is_file())
    print(f"all reference runs: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
