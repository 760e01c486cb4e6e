"""What makes an epoch shorter on this machine: threads, batch size, fused Adam, channels-last,
torch.compile; with the notebooks' own VAE and autoencoder.

    python benchmarks/speed.py            # about two minutes

Seconds for 10,000 images (the embedded training set), from the median of ROUNDS rounds in which the
ways take turns. torch.compile needs a C++ compiler; compiling itself is not counted, but told.
"""

import contextlib
import functools
import os
import statistics
import sys
import time

import masters
import torch
import torch.nn.functional as F
from machine import machine

ROUNDS, BATCHES = 3, 30
PLAIN = {"threads": 1, "batch": 128, "fused": False, "channels_last": False, "compiled": False}
WAYS = {
    "1 thread, batch 128, Adam": {},
    "2 threads": {"threads": 2},
    "batch 512": {"batch": 512},
    "fused Adam": {"fused": True},
    "channels-last": {"channels_last": True},
    "torch.compile": {"compiled": True},
}


@functools.cache
def defined(assignment):
    """What a notebook defines; what it says of its data goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        return masters.definitions(assignment)


def vae():
    """The vae notebook's model and its negative ELBO."""
    names = defined("vae")
    model = names["VAE"](names["NZ"])
    return model, lambda forward, x: -names["elbo"](x, *forward(x))


def autoencoder():
    """The autoencoder notebook's convolutional model and its reconstruction loss."""
    names = defined("autoencoder")
    model = torch.nn.Sequential(names["Encoder"](16), names["Decoder"](16))

    def loss(forward, x):
        return F.binary_cross_entropy_with_logits(forward(x), x, reduction="sum") / len(x)

    return model, loss


class Way:
    """One way to train a model: makes steps, and says how long they take."""

    def __init__(self, make, **changes):
        self.settings = {**PLAIN, **changes}
        torch.manual_seed(0)
        self.model, self.loss = make()
        self.x = torch.rand(self.settings["batch"], 1, 28, 28)
        if self.settings["channels_last"]:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x = self.x.to(memory_format=torch.channels_last)
        self.forward = torch.compile(self.model) if self.settings["compiled"] else self.model
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=self.settings["fused"])
        started = time.perf_counter()
        self.steps(2)
        self.first = time.perf_counter() - started

    def steps(self, count: int) -> float:
        """Seconds for 10,000 images, from `count` batches."""
        torch.set_num_threads(self.settings["threads"])
        started = time.perf_counter()
        for _ in range(count):
            self.optimizer.zero_grad()
            self.loss(self.forward, self.x).backward()
            self.optimizer.step()
        return (time.perf_counter() - started) / count / len(self.x) * 10_000


def main():
    os.environ["COURSE_DATA"] = "embedded"
    print(f"{machine('torch')}\n")
    print("| model | way | s for 10,000 images | times plain |\n|---|---|--:|--:|")
    compiling = []
    for make in (vae, autoencoder):
        ways, told = {}, {}
        for name, changes in WAYS.items():
            try:
                ways[name] = Way(make, **changes)
            except Exception as error:  # no compiler here, for instance
                told[name] = f"not possible here ({type(error).__name__})"
        seconds = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                seconds[name].append(way.steps(BATCHES * 128 // way.settings["batch"]))
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        plain = next(iter(medians.values()))
        for name, median in medians.items():
            print(f"| {make.__name__} | {name} | {median:.2f} | {median / plain:.2f} |")
        for name, why in told.items():
            print(f"| {make.__name__} | {name} | {why} | – |")
        if "torch.compile" in ways:
            compiling.append(f"{ways['torch.compile'].first:.0f} s")
    print(f"\nFirst two steps with torch.compile: {', '.join(compiling) or 'not possible here'}")


if __name__ == "__main__":
    main()
