"""The class `Decoder`."""

from __future__ import annotations

from torch import nn

from autograder.key.kinds.network import network
from utils.checks.autoencoder import STAGES


class Decoder(nn.Module):
    """Codes (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.head = nn.Linear(nz, 256)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (256, 1, 1)),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 3, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.layers(self.head(z))


QUESTION = network(
    "autoencoder.Decoder",
    points=3,
    reference=Decoder,
    draw=lambda rng, count, nz: rng.normal(0, 1.5, (count, nz)),
    expected=lambda count, nz: (count, 1, 28, 28),
    stages=STAGES[::-1],
)
