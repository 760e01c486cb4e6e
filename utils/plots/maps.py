"""Latents as points on a map, by class."""

import numpy as np
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from utils.plots.base import CLASSES, MARKERS, SIZE, array, label_axes, new_figure, show_now

AXES = "latent dimension z0", "latent dimension z1"


def latents(z, y, title="", names=None, xlabel=AXES[0], ylabel=AXES[1], alt=""):
    """Points z (N, 2) by class y (N,), with the class written at the middle of its points.

    `names` are the names of the classes 0, 1, …
    """
    z, y = _points(z), np.asarray(y)
    called = _called(y, names)
    alt = alt or f"{title or 'Latents'}: {len(z)} points, classes {', '.join(called.values())}."
    figure = new_figure(8, 6.4, title, alt)
    axes = figure.add_subplot()
    _scatter(axes, z, y, called)
    _legend(axes, len(z))
    axes.grid(alpha=0.3)
    label_axes(axes, xlabel, ylabel)
    return show_now(figure)


def maps(groups, title="", names=None, same=False, circles=(), ticks=True, alt=""):
    """Maps beside each other, at most three in a row.

    groups   {"VAE": (z, y), …}, points z (N, 2) and their classes y (N,)
    same     the same axes for all, so that sizes can be compared
    circles  radii around the origin, such as the prior's 1 and 2 standard deviations
    ticks    False where the axes have no meaning, as those of t-SNE
    """
    groups = {name: (_points(z), np.asarray(y)) for name, (z, y) in groups.items()}
    called = _called(np.concatenate([y for _, y in groups.values()]), names)
    alt = alt or (
        f"{title or 'Maps'}: {', '.join(groups)}, {len(next(iter(groups.values()))[0])} points "
        f"each, classes {', '.join(called.values())}."
    )
    cols = min(3, len(groups))
    rows, each = -(-len(groups) // cols), 4.8 if cols < 3 else 3.9
    figure = new_figure(each * cols + 1.2, each * rows, title, alt)
    grid = figure.subplots(rows, cols, squeeze=False)
    reach = max(np.abs(z).max() for z, _ in groups.values()) * 1.05
    for axes, (name, (z, y)) in zip(grid.flat, groups.items(), strict=False):
        if same:
            axes.set_xlim(-reach, reach)
            axes.set_ylim(-reach, reach)
        axes.set_aspect("equal", adjustable="datalim" if not same else "box")
        _scatter(axes, z, y, called, size=0.5)
        for radius in circles:
            axes.add_patch(Circle((0, 0), radius, fill=False, color="black", linewidth=1.5))
        axes.set_title(name, fontsize=SIZE)
        if ticks:
            axes.grid(alpha=0.3)
            label_axes(axes, *AXES)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
    for axes in list(grid.flat)[len(groups) :]:
        axes.set_axis_off()
    _legend(grid[0, -1], len(z))
    return show_now(figure)


def _points(z):
    z = array(z, 2, "z")
    if z.shape[1] != 2:
        raise ValueError(f"a map takes two latent dimensions, not {z.shape[1]}")
    return z


def _called(y, names):
    present = sorted(set(y.tolist()))
    return {c: str(names[c]) if names is not None else str(c) for c in present}


def _scatter(axes, z, y, called, size=1.0):
    dot = np.clip(24000 / max(len(z), 1), 8, 40) * size
    for c, name in called.items():
        axes.scatter(
            *z[y == c].T,
            s=dot,
            marker=MARKERS[c % 10],
            color=CLASSES[c % 10],
            alpha=0.6,
            linewidths=0,
            label=name,
            rasterized=True,
        )
    here = [c for c in called if (y == c).any()]
    middles = np.array([np.median(z[y == c], 0) for c in here])
    for c, middle in zip(here, _apart(middles, called, here, axes), strict=True):
        axes.text(
            *middle,
            called[c],
            fontsize=SIZE if size == 1.0 else SIZE - 3,
            weight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            clip_on=True,
        )


def _apart(middles, called, here, axes):
    """Middles moved so far that the names written there do not lie on each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    inches = axes.get_position().size * axes.figure.get_size_inches()
    scale = np.array([right - left, top - bottom]) / inches  # data units an inch
    at = middles / scale
    half = np.array([[0.06 * len(called[c]) + 0.06, 0.12] for c in here])  # of a name, inches
    for _ in range(200):
        moved = False
        for i in range(len(at)):
            for j in range(i):
                gap, need = at[i] - at[j], half[i] + half[j]
                over = need - np.abs(gap)
                if (over > 0).all():
                    axis = int(over.argmin())  # along which the shorter way leads out
                    push = np.zeros(2)
                    push[axis] = (over[axis] / 2 + 0.005) * (1 if gap[axis] >= 0 else -1)
                    at[i], at[j], moved = at[i] + push, at[j] - push, True
        if not moved:
            break
    return at * scale


def _legend(axes, count):
    axes.legend(
        fontsize=SIZE - 2,
        markerscale=max(1, 6 / np.clip(24000 / max(count, 1), 8, 40) ** 0.5),
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
    )
