"""Trains the runs that ship with the kit and puts them, as float16, into utils/reference.

    python benchmarks/train_reference.py [NAME ...] [--root FOLDER] [--threads 1]

Without names all of RUNS are trained; an interrupted training goes on. FOLDER holds the full
datasets in torchvision's layout. Numbers are nats per image: Bernoulli on grey values, summed over
pixels, mean over the test set, with one posterior sample an image, measured on the float16 weights.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from utils import data, runs, training

HERE = Path(__file__).parents[1]

# hidden widths of the encoder (the decoder mirrors them), latent dimensions, β (None: autoencoder)
SMALL = {"widths": [128], "nz": 16, "epochs": 10}
PLANE = {"widths": [128, 128], "nz": 2, "epochs": 25}
RUNS = {
    "plane": PLANE | {"dataset": "MNIST", "beta": 1.0},
    "plane-autoencoder": PLANE | {"dataset": "MNIST", "beta": None, "epochs": 10},
    "autoencoder": SMALL | {"dataset": "MNIST", "beta": None},
    "beta-0": SMALL | {"dataset": "MNIST", "beta": 0.0},
    "beta-10": SMALL | {"dataset": "MNIST", "beta": 10.0},
    "fashion-plane": PLANE | {"dataset": "FashionMNIST", "beta": 1.0, "epochs": 12},
    "fashion-plane-autoencoder": PLANE
    | {"dataset": "FashionMNIST", "beta": None, "epochs": 10},
    "tuned": {"dataset": "MNIST", "widths": [512, 512], "nz": 24, "beta": 1.0, "epochs": 60},
}
BATCH, RATE = 250, 3e-3


class Model(nn.Module):
    """An autoencoder, or with `variational` a VAE, of fully connected layers."""

    def __init__(self, widths, nz, variational):
        super().__init__()
        self.variational = variational
        self.encoder = nn.Sequential(nn.Flatten(), *_layers([784, *widths]))
        self.encoder.append(nn.Linear(widths[-1], 2 * nz if variational else nz))
        self.decoder = nn.Sequential(*_layers([nz, *widths[::-1]]))
        self.decoder.append(nn.Linear(widths[0], 784)).append(nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        return self.encoder(x).chunk(2, 1) if self.variational else self.encoder(x)


def _layers(sizes):
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        yield from (nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.SiLU())


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
    """Trains one run in FOLDER/NAME; returns that folder."""
    spec = RUNS[name]
    torch.manual_seed(0)
    images, labels = data.load(spec["dataset"], train=True, root=root)
    test = data.load(spec["dataset"], train=False, root=root).images
    loader = data.Loader(images, labels, batch_size=BATCH, drop_last=True)
    model = Model(spec["widths"], spec["nz"], variational=spec["beta"] is not None)
    with torch.no_grad():  # start from the mean image
        mean = images.mean((0, 1)).flatten().clamp(0.001, 0.999)
        model.decoder[-2].bias.copy_(mean.logit())
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    steps = spec["epochs"] * len(loader)
    cycle = torch.optim.lr_scheduler.OneCycleLR
    scheduler = cycle(optimizer, RATE, total_steps=steps, pct_start=0.1)
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
    target = runs.REFERENCE / folder.name
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
