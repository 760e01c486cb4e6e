"""What she trained: which curve is her run's, and what it decodes for a z."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from autograder.ask.item import CHOICES, Item, shown
from autograder.key.kinds import trained
from utils.runs import REFERENCE

SECONDS = 10.0
APART = 1.3  # a curve is another where it is so many times as large somewhere
DIFFERS = 0.06  # mean difference of two pictures' pixels, in [0, 1], that nobody overlooks
EPOCHS = 2, 500  # of a curve that is drawn, at least and at most


@dataclass(frozen=True)
class Curve:
    """Which of four curves is the KL of a run. others: her other runs; kit: of the kit's."""

    about: str
    run: str
    others: tuple[str, ...]
    kit: tuple[str, ...]

    def item(self, student, rng, source: str = "") -> Item | None:
        folder = Path(student.folder) / "runs"
        right = _curve(folder / self.run, "kl")
        if right is None:
            return None
        wrong = [_curve(folder / other, "kl") for other in self.others]
        wrong += [_curve(folder / self.run, "reconstruction"), right[::-1]]
        wrong += [_curve(REFERENCE / other, "kl") for other in self.kit]
        wrong = [_as_long(curve, len(right)) for curve in wrong if curve is not None]
        wrong = [wrong[i] for i in rng.permutation(len(wrong))]
        curves = [right]
        for curve in wrong:
            if len(curves) < CHOICES and all(_apart(curve, known) for known in curves):
                curves.append(curve)
        if len(curves) < CHOICES:
            return None
        text = (
            f"Which of these curves is the KL of your run `{self.run}`, in nats per image, epoch "
            "by epoch? The axis is logarithmic."
        )
        low, high = min(map(min, curves)), max(map(max, curves))
        pictures = [_drawn(curve, low, high) for curve in curves]
        return _item(self.about, text, [_said(curve) for curve in curves], pictures, rng)


@dataclass(frozen=True)
class Decoded:
    """What a run decodes for a z: the mean of a picture, against others, nothing, the opposite."""

    about: str
    run: str

    def item(self, student, rng, source: str = "") -> Item | None:
        folder = Path(student.folder) / "runs" / self.run
        if not (folder / "graph.json").is_file():
            return None
        images = trained.held_out()
        x = images[rng.choice(len(images), 4, replace=False)]
        mixed = np.concatenate([np.eye(4), np.zeros((1, 4)), -np.eye(4)[:1]])
        told = trained.decoded(folder, x, mixed, SECONDS)
        found = told.get("images")
        if found is None or not np.isfinite(found).all():
            return None
        kept = [found[0]]
        for image in found[1 + rng.permutation(5)]:
            if len(kept) < CHOICES and all(np.abs(image - k).mean() > DIFFERS for k in kept):
                kept.append(image)
        descriptions = [_inked(image) for image in kept]
        if len(set(descriptions)) < CHOICES:
            return None
        text = (
            f"Your run `{self.run}` encodes this picture. Its z is the mean that comes out. Which "
            "of the four does your own model decode for this z?"
        )
        made = _item(self.about, text, descriptions, [_png(image) for image in kept], rng)
        return Item(**{**vars(made), "figure": _png(x[0, 0]), "figure_says": _inked(x[0, 0])})


def _item(about: str, text: str, choices: list[str], pictures: list[str], rng) -> Item:
    """The first of the four is right."""
    order = [int(i) for i in rng.permutation(CHOICES)]
    return Item(
        about,
        text,
        tuple(choices[i] for i in order),
        order.index(0),
        tuple(pictures[i] for i in order),
    )


def _curve(folder: Path, name: str) -> list[float] | None:
    """A curve that can be drawn on a logarithmic axis, or None."""
    curve = trained.curves_of(folder).get(name, [])
    low, high = EPOCHS
    if not low <= len(curve) <= high or not np.isfinite(curve).all() or min(curve) <= 0:
        return None
    return curve


def _as_long(curve: list[float], epochs: int) -> list[float]:
    at = np.linspace(0, len(curve) - 1, epochs)
    return [float(v) for v in np.interp(at, np.arange(len(curve)), curve)]


def _apart(one: list[float], other: list[float]) -> bool:
    """Whether two curves look different, and are described differently."""
    ratio = np.abs(np.log(one) - np.log(other)).max()
    return bool(ratio > np.log(APART)) and _said(one) != _said(other)


def _said(curve: list[float]) -> str:
    first, last, epochs = _few(curve[0]), _few(curve[-1]), len(curve)
    return f"from {first} to {last} nats in {epochs} epochs"


def _few(value: float) -> str:
    return shown(float(f"{value:.3g}"))


def _drawn(curve: list[float], low: float, high: float) -> str:
    """A curve as SVG on an axis that all four share."""
    width, height, left, top = 240, 130, 34, 12
    span = np.log(high) - np.log(low) or 1.0

    def y(value):
        return top + (height - top - 24) * (1 - (np.log(value) - np.log(low)) / span)

    xs = np.linspace(left + 8, width - 10, len(curve))
    points = " ".join(f"{x:.1f},{y(v):.1f}" for x, v in zip(xs, curve, strict=True))
    ticks = [10.0**n for n in range(-3, 5) if low <= 10.0**n <= high]
    lines = "".join(
        f'<path d="M{left} {y(t):.1f}H{width}" stroke="#ccc"/>'
        f'<text x="{left - 4}" y="{y(t) + 4:.1f}" text-anchor="end">{t:g}</text>'
        for t in ticks
    )
    axis = f'<path d="M{left} {top}V{height - 20}H{width}" fill="none" stroke="#555"/>'
    numbers = (
        f'<text x="{left + 8}" y="{height - 6}">1</text>'
        f'<text x="{width - 10}" y="{height - 6}" text-anchor="end">{len(curve)}</text>'
    )
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y(v):.1f}" r="2.5" fill="#0b57a4"/>'
        for x, v in zip(xs, curve, strict=True)
        if len(curve) < 30
    )
    line = f'<polyline points="{points}" fill="none" stroke="#0b57a4" stroke-width="2"/>{dots}'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" fill="#222">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{lines}{axis}{numbers}{line}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _png(image: np.ndarray) -> str:
    """A picture of (28, 28) in [0, 1], black ink on white, four times as large."""
    pixels = np.uint8(255 * (1 - np.clip(image, 0, 1))).repeat(4, 0).repeat(4, 1)
    stream = io.BytesIO()
    Image.fromarray(np.pad(pixels, 1, constant_values=120)).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _inked(image: np.ndarray) -> str:
    """A picture in words that give nothing away."""
    left, right = (100 * half.mean() for half in (image[:, :14], image[:, 14:]))
    top, bottom = (100 * half.mean() for half in (image[:14], image[14:]))
    return f"{left:.0f} % ink left, {right:.0f} % right, {top:.0f} % above, {bottom:.0f} % below"


RUNS = {
    "autoencoder": (Decoded("autoencoder.trained", "autoencoder"),),
    "vae": (
        Curve("vae.trained", "beta-0", ("beta-10", "tuned"), ("beta-1", "beta-10")),
        Decoded("vae.trained", "beta-0"),
        Decoded("vae.tuned", "tuned"),
    ),
}
