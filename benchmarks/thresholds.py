"""What submitted runs reach after few and many epochs: the thresholds of the questions about runs
are set from this table.

    python benchmarks/thresholds.py            # about three minutes on one core

Trains on the 10,000 embedded training images (two hidden layers of 512, Adam 1e-3, batch 128) and
measures, as the answer key does, on the 2,000 embedded test images: nats per image, Bernoulli on
grey values, summed over pixels, one sample an image.
"""

import argparse

import torch
from machine import machine
from torch import nn
from tqdm import tqdm

from autograder.key.kinds import trained
from autograder.key.vae.bernoulli_log_likelihood import bernoulli_log_likelihood
from autograder.key.vae.kl_gaussian import kl_gaussian
from autograder.key.vae.reparametrize import reparametrize
from utils import data

NZ = 16


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, outputs)
    )


def train(beta, epochs, loader):
    """After each epoch what the answer key measures; beta None trains an autoencoder."""
    torch.manual_seed(0)
    encoder, decoder = network(784, NZ if beta is None else 2 * NZ), network(NZ, 784)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    x_test = torch.from_numpy(trained.held_out())

    def pass_through(x):
        code = encoder(x.flatten(1))
        if beta is None:
            return decoder(code).view_as(x), code, None
        mu, logvar = code.chunk(2, dim=1)
        return decoder(reparametrize(mu, logvar)).view_as(x), mu, logvar

    for _ in tqdm(range(epochs), desc=f"beta {beta}"):
        for x, _y in loader:
            logits, mu, logvar = pass_through(x)
            loss = -bernoulli_log_likelihood(x, logits).mean()
            if beta:
                loss = loss + beta * kl_gaussian(mu, logvar).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            logits, mu, logvar = pass_through(x_test)
        error = trained.reconstruction(x_test.numpy(), logits.numpy()).mean()
        kl = 0.0 if beta is None else trained.divergence(mu.numpy(), logvar.numpy()).mean()
        yield {"reconstruction": error, "kl": kl, "elbo": -error - kl}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, nargs="*", default=[2, 5, 20])
    options = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = data.load("MNIST", train=True, root="embedded")
    loader = data.Loader(images, labels, batch_size=128, shuffle=True, seed=0)
    runs = {beta: list(train(beta, max(options.epochs), loader)) for beta in (1.0, 0.0, 10.0, None)}
    print(f"{machine('torch')}\n")
    print("| epochs | β = 1: ELBO | β = 0: KL, reconstruction ", end="")
    print("| β = 10: KL, reconstruction | autoencoder: reconstruction |")
    print("|---:|---:|---:|---:|---:|")
    for epoch in options.epochs:
        one, zero, ten, plain = (runs[beta][epoch - 1] for beta in (1.0, 0.0, 10.0, None))
        print(
            f"| {epoch} | {one['elbo']:.1f} | {zero['kl']:.0f}, {zero['reconstruction']:.1f} "
            f"| {ten['kl']:.2f}, {ten['reconstruction']:.1f} | {plain['reconstruction']:.1f} |"
        )


if __name__ == "__main__":
    main()
