"""A picture that follows a training in place: the curves so far, and what the model makes now.

It is put together without matplotlib, in a few milliseconds, so that it can be shown every epoch.
"""

import base64
import html
import math
import time

from utils import autograding, shell
from utils.plots.base import COLOURS, minus

WIDTH, HEIGHT = 220, 90  # of a curve, CSS pixels


class live:
    """Shows how a training goes, in the cell that trains; nothing outside of notebooks.

    picture = plots.live("tuned")
    for epoch in run.epochs(40):
        ...
        picture.show(run.curves, images)
    """

    def __init__(self, title=""):
        self.title, self._handle, self._next = title, None, 0.0
        self.shown = hasattr(shell(), "kernel") and not autograding()

    def show(self, curves, images=None):
        """Replaces the picture.

        curves  {name: one float an epoch}, such as `run.curves`
        images  (N, 1, 28, 28) in [0, 1], a function that makes them, or None

        Where epochs are short, some are left out, so that it costs a fortieth of the time at most.
        """
        if not self.shown or time.perf_counter() < self._next:
            return
        started = time.perf_counter()
        images = images() if callable(images) else images
        from IPython.display import display

        content = {"text/html": page(self.title, curves, images), "text/plain": self.title}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
        self._next = time.perf_counter() + 40 * (time.perf_counter() - started)


def page(title, curves, images=None):
    """The picture as HTML, with a text for those who cannot see it."""
    now = ", ".join(f"{name} {values[-1]:.4g}" for name, values in curves.items() if values)
    said = f"{title}: epoch {max(map(len, curves.values()), default=0)}, {minus(now)}"
    parts = [_curve(name, values, i) for i, (name, values) in enumerate(curves.items()) if values]
    if images is not None:
        from utils.explore.sheets import sheet

        picture = base64.b64encode(sheet({"": images.detach().cpu()})).decode()
        alt = html.escape(f"{title}: {len(images)} images that the model makes now")
        parts.append(f'<img alt="{alt}" src="data:image/png;base64,{picture}">')
    return (
        f'<div role="group" aria-label="{html.escape(said)}" style="display:flex;flex-wrap:wrap;'
        f'gap:16px;align-items:end;font-size:12px">{"".join(parts)}</div>'
    )


def _curve(name, values, number):
    """One curve as SVG; where the first epoch dwarfs the others it is left out."""
    values = [v if math.isfinite(v) else 0.0 for v in values]
    shown = values[1:] if len(values) > 4 else values
    low, high = min(shown), max(shown)
    room = (high - low) or 1.0
    step = (WIDTH - 8) / max(len(shown) - 1, 1)
    path = " ".join(
        f"{4 + step * i:.1f},{HEIGHT - 5 - (HEIGHT - 10) * (v - low) / room:.1f}"
        for i, v in enumerate(shown)
    )
    colour = COLOURS[number % (len(COLOURS) - 1)]
    last = f"{4 + step * (len(shown) - 1):.1f}", path.rsplit(",", 1)[-1]
    return (
        f"<div>{html.escape(name)} <b>{minus(f'{values[-1]:.4g}')}</b><br>"
        f'<svg aria-hidden="true" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.3"/>'
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{last[0]}" cy="{last[1]}" r="3" fill="{colour}"/></svg></div>'
    )
