"""The grid of decoded codes."""

from __future__ import annotations

import numpy as np
import torch

from autograder.key.kinds.network import output_problem
from autograder.key.question import Check, Question, close, same_arrays


@torch.no_grad()
def latent_grid(decoder, n=21, span=4.0):
    """One image (28 n, 28 n): z = (-span, span) at the top left, (span, -span) at the bottom
    right.
    """
    steps = torch.linspace(-span, span, n)
    down, across = torch.meshgrid(steps.flip(0), steps, indexing="ij")
    z = torch.stack([across, down], dim=-1).reshape(-1, 2)
    tiles = decoder(z).sigmoid().view(n, n, 28, 28)
    return tiles.permute(0, 2, 1, 3).reshape(28 * n, 28 * n)


def _grid_inputs(rng):
    return {
        "n": int(rng.integers(4, 8)),
        "span": float(rng.uniform(1.5, 3.2)),
        "paint": rng.normal(0.2, 0.4, (2, 784)),
    }


def _grid_form(got, want, inputs):
    return output_problem(got, "grid", want["grid"].shape)


def _grid_pixels(got, want, inputs):
    if got.get("grid") is None:
        return "no picture was received."
    if got["grid"].min() < 0 or got["grid"].max() > 1:
        return "pixels are below 0 or above 1."
    if len(np.unique(got["grid"])) < 3:
        return "pixels are ink or paper, with no grey between."
    return None


def _as_pixels(picture):
    """Pixels for the judgement of the layout, also when the sigmoid was forgotten."""
    return picture if 0 <= picture.min() and picture.max() <= 1 else 1 / (1 + np.exp(-picture))


def _grid_corners(got, want, inputs):
    if got.get("grid") is None or got["grid"].shape != want["grid"].shape:
        return "there is no picture of the right size to look at."
    picture = _as_pixels(got["grid"])
    for down, row in (("top", slice(0, 28)), ("bottom", slice(-28, None))):
        for across, column in (("left", slice(0, 28)), ("right", slice(-28, None))):
            if not close(picture[row, column], want["grid"][row, column], 1e-3, 1e-3):
                return f"the tile at the {down} {across} is not the one that belongs there."
    return None


def _grid_layout(got, want, inputs):
    if got.get("grid") is None or got["grid"].shape != want["grid"].shape:
        return "there is no picture of the right size to look at."
    if not close(_as_pixels(got["grid"]), want["grid"], 1e-3, 1e-3):
        return "some tiles are not where they belong, or not whole."
    return None


def _grid_default(got, want, inputs):
    problem = output_problem(got, "default", want["default"].shape)
    if problem:
        return f"without n and span: {problem}"
    if got.get("explicit") is None or not close(got["default"], got["explicit"], 1e-3, 1e-3):
        return "without n and span the picture is not the one with 21 and 4."
    codes = got.get("default latents")
    if codes is None or np.shape(codes) != (21 * 21, 2):
        return "without n and span the decoder is not given 441 codes of two numbers."
    if not close([codes.min(), codes.max()], [-4, 4], 1e-3, 1e-3):
        return "without n and span the codes do not go from -4 to 4."
    return None


def _grid_named(got, want, inputs, failed):
    picture, right = got.get("grid"), want["grid"]
    if picture is None:
        kind = got.get("grid.kind")
        if kind == "NoneType":
            return "returns-nothing"
        return ("no-tensor/picture", {"kind": kind}) if kind else None
    if picture.shape == want["default"].shape or picture.shape == (21 * 28, 21 * 28):
        return "n-ignored"
    if picture.shape != right.shape:
        if np.shape(np.squeeze(picture)) == right.shape:
            return "shape"
        if picture.size == right.size:
            return "not-arranged"
        return "wrong-size"
    if failed == ["default"]:
        return "default"
    if "corners" not in failed and "pixels" not in failed:
        return "uneven-steps"
    codes, wanted = got.get("grid latents"), want["grid latents"]
    if codes is None:
        return None
    every = [np.unique(np.round(c, 3), axis=0) for c in (codes, wanted)]
    if every[0].shape != every[1].shape or not close(*every, 1e-3, 2e-3):
        return "other-codes"
    whole = close(_tiles(_as_pixels(picture)), _tiles(right), 1e-3, 1e-3)
    return "tiles-misplaced" if whole and "pixels" not in failed else None


def _tiles(picture) -> np.ndarray:
    """The tiles of a picture, (n², 784), sorted."""
    n = len(picture) // 28
    tiles = picture.reshape(n, 28, n, 28).swapaxes(1, 2).reshape(n * n, 784)
    return tiles[np.argsort(tiles @ np.arange(784))]


def _grid_of(flip=(), swap=False, turn=False, order=(0, 2, 1, 3), steps=None, pixels=torch.sigmoid):
    """A `latent_grid` with one of its parts wrong."""

    def mistaken(decoder, n=21, span=4.0):
        across = (steps or (lambda n, span: torch.linspace(-span, span, n)))(n, span)
        down = across.flip(0)
        down = down.flip(0) if "down" in flip else down
        across = across.flip(0) if "across" in flip else across
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        pair = [rows, columns] if swap else [columns, rows]
        tiles = pixels(decoder(torch.stack(pair, -1).reshape(-1, 2))).view(n, n, 28, 28).detach()
        tiles = tiles.transpose(0, 1) if turn else tiles
        return tiles.permute(*order).reshape(28 * n, 28 * n)

    return mistaken


QUESTION = Question(
    id="autoencoder.latent_grid",
    points=2,
    probe="autoencoder.gridding",
    draw=_grid_inputs,
    reference={"latent_grid": latent_grid},
    checks=(
        Check("form", 0.2, _grid_form),
        Check("pixels", 0.15, _grid_pixels),
        Check("corners", 0.25, _grid_corners),
        Check("layout", 0.25, _grid_layout),
        Check("default", 0.15, _grid_default),
    ),
    alike=lambda a, b, inputs: same_arrays(a, b, keys=("grid", "default")),
    explain=_grid_named,
    mistakes={
        "inverted": _grid_of(pixels=lambda logits: torch.sigmoid(-logits)),
        "tanh-for-sigmoid": _grid_of(pixels=torch.tanh),
        "no-sigmoid": _grid_of(pixels=lambda logits: logits),
        "upside-down": _grid_of(flip=("down",)),
        "mirrored": _grid_of(flip=("across",)),
        "turned-round": _grid_of(flip=("down", "across")),
        "axes-swapped": _grid_of(swap=True),
        "axes-swapped/2": _grid_of(swap=True, flip=("down",)),
        "axes-swapped/3": _grid_of(swap=True, flip=("across",)),
        "axes-swapped/4": _grid_of(swap=True, flip=("down", "across")),
        "tiles-torn": _grid_of(order=(0, 1, 2, 3)),
        "tiles-turned": _grid_of(order=(0, 3, 1, 2)),
        "span-ignored": _grid_of(steps=lambda n, span: torch.linspace(-4, 4, n)),
        "span-ignored/2": _grid_of(steps=lambda n, span: torch.linspace(-1, 1, n)),
        "last-missing": _grid_of(steps=lambda n, span: -span + torch.arange(n) * 2 * span / n),
        "half-range": _grid_of(steps=lambda n, span: torch.linspace(0, span, n)),
    },
)
