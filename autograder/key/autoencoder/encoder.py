"""The class `Encoder`."""

from __future__ import annotations

from torch import nn

from autograder.key.kinds.network import blobs, network
from utils.checks.autoencoder import STAGES


class Encoder(nn.Module):
    """Images (B, 1, 28, 28) to codes (B, nz)."""

    def __init__(self, nz):
        super().__init__()
        convs = (
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.Conv2d(64, 128, 3, stride=2),
            nn.Conv2d(128, 256, 3),
        )
        self.layers = nn.Sequential(
            *(part for conv in convs for part in (conv, nn.ReLU())), nn.Flatten()
        )
        self.head = nn.Linear(256, nz)

    def forward(self, x):
        return self.head(self.layers(x))


QUESTION = network(
    "autoencoder.Encoder",
    points=3,
    reference=Encoder,
    draw=lambda rng, count, nz: blobs(rng, count),
    expected=lambda count, nz: (count, nz),
    stages=STAGES,
)
