"""Numbers as pictures: curves, points, bars, rate and distortion."""

import numpy as np
from matplotlib.patheffects import withStroke

from utils.plots.base import COLOURS, DASHES, MARKERS, SIZE, label_axes, minus, new_figure, show_now


def curves(
    lines,
    title="",
    ylabel="nats per image",
    xlabel="epoch",
    x=None,
    errors=None,
    notes=None,
    logx=False,
    from_zero=False,
    alt="",
):
    """Lines over the epochs: {"label": [one number an epoch], …} or `run.curves`.

    `x` gives other abscissae: one list for all lines, or {"label": list}; with `logx` they stand on
    a logarithmic axis, each labelled. `errors` are half-widths of a band around a line, and `notes`
    short texts beside its points, both {"label": list}. `from_zero` begins the ordinates at 0.
    Over epochs, a first value far above all others is written beside the arrow that points to it,
    instead of flattening the rest.
    """
    alt = alt or f"{title or 'Curves'}: {ylabel} over {xlabel} for {', '.join(map(str, lines))}."
    figure = new_figure(7.5, 4.2, title, alt)
    axes = figure.add_subplot()
    _draw(axes, lines, x, errors, notes)
    if x is None:
        axes.xaxis.get_major_locator().set_params(integer=True)
        _cut_first(axes, lines)
    if logx:
        places = sorted({float(v) for line in axes.get_lines() for v in line.get_xdata()})
        axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places], minor=False)
        axes.minorticks_off()
    if from_zero:
        axes.set_ylim(bottom=0)
    if lines:
        axes.legend(fontsize=SIZE - 1, framealpha=0.9)
    label_axes(axes, xlabel, ylabel)
    return show_now(figure)


def panels(lines, title="", ylabel="nats per image", xlabel="epoch", alt=""):
    """One panel a quantity, each on its own scale: {"KL": {"β = 1": [one number an epoch], …}, …}.

    A list in place of the inner dictionary is a single line.
    """
    lines = {name: of if isinstance(of, dict) else {"": of} for name, of in lines.items()}
    labels = [label for label in next(iter(lines.values())) if label]
    alt = alt or (
        f"{title or 'Curves'}: {ylabel} over {xlabel}, panels {', '.join(lines)}"
        f"{' for ' if labels else ''}{', '.join(labels)}."
    )
    figure = new_figure(4.6 * len(lines), 3.6, title, alt)
    for axes, (name, of) in zip(
        figure.subplots(1, len(lines), squeeze=False).flat, lines.items(), strict=True
    ):
        _draw(axes, of, None, None, None)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _cut_first(axes, of)
        axes.set_title(name, fontsize=SIZE)
        label_axes(axes, xlabel, ylabel)
    if labels:
        figure.axes[-1].legend(fontsize=SIZE - 2, framealpha=0.9)
    return show_now(figure)


def points(values, title="", ylabel="", xlabel="", alt=""):
    """Values of unordered things, such as digits, as points that no line connects.

    values  {"draw 1": [one number for each of 0, 1, …], …}
    """
    alt = alt or f"{title or 'Points'}: {ylabel} for each {xlabel}, {', '.join(map(str, values))}."
    figure = new_figure(7.5, 3.8, title, alt)
    axes = figure.add_subplot()
    for i, (label, numbers) in enumerate(values.items()):
        numbers = np.asarray([float(number) for number in numbers])
        where = np.arange(len(numbers)) + 0.12 * (i - (len(values) - 1) / 2)
        axes.plot(
            where,
            numbers,
            linestyle="none",
            marker=MARKERS[i % len(MARKERS)],
            markersize=8,
            color=COLOURS[i % len(COLOURS)],
            label=label,
        )
    axes.set_xticks(range(len(numbers)))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=SIZE - 2, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    label_axes(axes, xlabel, ylabel)
    return show_now(figure)


def bars(values, title="", ylabel="", xlabel="", errors=None, alt=""):
    """One bar a label with its number on top: {"label": number}; `errors` half-widths likewise."""
    said = ", ".join(f"{label} {float(value):.3g}" for label, value in values.items())
    alt = alt or f"{title or 'Bars'}: {said}."
    figure = new_figure(0.75 * len(values) + 2, 3.8, title, alt)
    axes = figure.add_subplot()
    heights = [float(value) for value in values.values()]
    spread = [float(errors[label]) for label in values] if errors else None
    names = [minus(label) for label in values]
    width = min(0.8, 0.12 * len(values) + 0.2)
    drawn = axes.bar(names, heights, width, yerr=spread, color=COLOURS[0], capsize=4)
    if len(values) <= 12:
        numbers = [minus(f"{height:.3g}") for height in heights]
        axes.bar_label(drawn, labels=numbers, fontsize=SIZE - 2, padding=2)
        axes.margins(y=0.12)
    if sum(map(len, names)) > 80:
        axes.tick_params(axis="x", rotation=30)
    label_axes(axes, xlabel, ylabel)
    return show_now(figure)


def rate_distortion(groups, title="", alt=""):
    """Models as points, rate against distortion, over lines of equal ELBO.

    groups  {"4 epochs": {"β = 1": (rate, distortion), …}, …}, nats per image
    """
    said = "; ".join(
        f"{group}: "
        + ", ".join(f"{name} at rate {r:.0f}, distortion {d:.0f}" for name, (r, d) in of.items())
        for group, of in groups.items()
    )
    figure = new_figure(7.5, 4.8, title, alt or f"{title or 'Rate and distortion'}: {said}.")
    axes = figure.add_subplot()
    for i, (group, of) in enumerate(groups.items()):
        rates, distortions = np.array(list(of.values()), dtype=float).T
        dashes = DASHES[i % 4] if len(of) > 1 else "none"
        style = {"color": COLOURS[i], "linestyle": dashes, "marker": MARKERS[i]}
        axes.plot(rates, distortions, label=group, linewidth=2, markersize=8, zorder=3, **style)
        for name, (rate, distortion) in of.items():
            axes.annotate(
                name,
                (rate, distortion),
                xytext=(8, 6),
                textcoords="offset points",
                fontsize=SIZE - 2,
                color=COLOURS[i],
                zorder=4,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
    axes.margins(0.15)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    step = next(s for s in (5, 10, 20, 50, 100, 1000) if (right + top - left - bottom) / s <= 9)
    for total in np.arange(np.ceil((left + bottom) / step) * step, right + top, step):
        # rate + distortion is minus the ELBO
        axes.axline((left, total - left), slope=-1, color="#888888", linewidth=0.7, zorder=1)
        at = (right, total - right) if total - right > bottom else (total - bottom, bottom)
        axes.annotate(
            f"ELBO −{total:.0f}",
            at,
            xytext=(-4, 3),
            textcoords="offset points",
            fontsize=SIZE - 4,
            color="#666666",
            ha="right",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.legend(fontsize=SIZE - 1, framealpha=0.9)
    label_axes(axes, "rate: KL, nats per image", "distortion, nats per image")
    return show_now(figure)


def _draw(axes, lines, x, errors, notes):
    for i, (label, values) in enumerate(lines.items()):
        values = np.asarray([float(value) for value in values])
        where = x.get(label) if isinstance(x, dict) else x
        where = np.arange(1, len(values) + 1) if where is None else np.asarray(where)
        style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        marker = "o" if len(values) <= 25 else None
        axes.plot(where, values, label=label, linewidth=2.2, marker=marker, markersize=4, **style)
        if errors and label in errors:
            half = np.asarray([float(error) for error in errors[label]])
            axes.fill_between(
                where, values - half, values + half, color=style["color"], alpha=0.2, linewidth=0
            )
        for at, value, note in zip(where, values, (notes or {}).get(label, []), strict=False):
            axes.annotate(
                str(note),
                (at, value),
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=SIZE - 2,
                color=style["color"],
            )
    axes.grid(alpha=0.3)


def _cut_first(axes, lines):
    """Where the first epoch dwarfs all others, show the others, and write down the first."""
    rest = np.concatenate([np.asarray(v, dtype=float)[1:] for v in lines.values()] or [[]])
    first = [float(v[0]) for v in lines.values() if len(v) > 4]
    if not len(rest) or not first or not np.isfinite(rest).all():
        return
    low, high = rest.min(), rest.max()
    if max(first) > high + 1.0 * (high - low) and high > low:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.12 * (high - low))
        axes.annotate(
            f"↑ epoch 1: {', '.join(f'{value:.0f}' for value in first)}",
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=SIZE - 3,
        )
