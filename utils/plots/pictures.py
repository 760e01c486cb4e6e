"""Images as pictures: montages, pairs, strips, sheets beside each other, planes of latents."""

from matplotlib.patches import Circle

from utils.plots.base import SIZE, array, label_axes, montage, new_figure, show_image, show_now


def images(x, rows=None, cols=None, titles=None, title="", alt=""):
    """A montage of images (N, 1, 28, 28) in [0, 1], row by row.

    `titles` are N short texts above the images.
    """
    x = array(x, 4, "images")[:, 0]
    if not len(x):
        raise ValueError("there are no images to show")
    if cols is None and rows is None:  # a square if it is one, else rows of ten
        side = round(len(x) ** 0.5)
        cols = side if side**2 == len(x) else min(len(x), 10)
    elif cols is None:
        cols = -(-len(x) // rows)
    rows = -(-len(x) // cols) if rows is None else rows
    if rows * cols < len(x):
        raise ValueError(f"{len(x)} images do not fit into {rows} rows of {cols}")
    if titles is not None and len(titles) != len(x):
        raise ValueError(f"{len(titles)} titles for {len(x)} images")
    inches = max(0.55, min(1.1, 9 / cols))
    lead = 1.3 if titles is not None else 1.0
    figure = new_figure(
        inches * cols,
        inches * rows * lead,
        title,
        alt or f"{title or 'Montage'}: {len(x)} images in {rows} row{'s' * (rows > 1)}.",
    )
    if titles is None:
        show_image(figure.add_subplot(), montage(x, rows, cols))
    else:
        for axes, image, text in zip(
            figure.subplots(rows, cols, squeeze=False).flat, x, titles, strict=False
        ):
            show_image(axes, image)
            axes.set_title(str(text), fontsize=SIZE - 3, pad=2)
        for axes in figure.axes[len(x) :]:
            axes.set_axis_off()
    return show_now(figure)


def sheets(groups, title="", alt=""):
    """Square montages beside each other: {"2 epochs": (N, 1, 28, 28), …}."""
    arrays = {name: array(x, 4, f"the sheet '{name}'")[:, 0] for name, x in groups.items()}
    side = max(round(len(x) ** 0.5 + 0.49) for x in arrays.values())
    each = max(2.2, min(3.4, 10 / len(arrays)))
    sizes = ", ".join(f"{name} ({len(x)} images)" for name, x in arrays.items())
    figure = new_figure(
        each * len(arrays), each + 0.3, title, alt or f"{title or 'Sheets'}: {sizes}."
    )
    for axes, (name, x) in zip(
        figure.subplots(1, len(arrays), squeeze=False).flat, arrays.items(), strict=True
    ):
        show_image(axes, montage(x, side, side))
        axes.spines[:].set(visible=True, color="#bbbbbb")  # where one sheet ends
        axes.set_title(name, fontsize=SIZE)
    return show_now(figure)


def pairs(x, x_rec, title="", alt=""):
    """Originals (N, 1, 28, 28) in the upper row over their reconstructions in the lower one."""
    return strips(
        {"original": x, "decoded": x_rec},
        title,
        alt or f"{title or 'Reconstructions'}: {len(x)} originals above their reconstructions.",
    )


def strips(rows, title="", alt=""):
    """One row of images for each label: {"VAE": (steps, 1, 28, 28), …}, such as interpolations."""
    arrays = [array(x, 4, f"the row '{label}'")[:, 0] for label, x in rows.items()]
    steps = max(map(len, arrays))
    inches = max(0.4, min(0.95, 9 / steps))
    alt = alt or f"{title or 'Strips'}: rows {', '.join(map(str, rows))}, {steps} images each."
    figure = new_figure(inches * steps + 1.2, inches * len(arrays) * 1.1, title, alt)
    for axes, label, x in zip(
        figure.subplots(len(arrays), 1, squeeze=False).flat, rows, arrays, strict=True
    ):
        show_image(axes, montage(x, 1, steps))
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=SIZE)
    return show_now(figure)


def grid(image, title="", extent=None, alt=""):
    """One large image (H, W) in [0, 1], such as a latent grid.

    `extent` (left, right, bottom, top) are the coordinates of the outermost tiles' centres.
    """
    return grids({"": image}, title, extent, alt=alt)


def grids(planes, title="", extent=None, circles=(), alt=""):
    """Planes beside each other: {"VAE": (H, W) in [0, 1], …}, on the same `extent`.

    `circles` are radii around the origin, such as the prior's 1 and 2 standard deviations.
    """
    planes = {name: array(image, 2, "the grid") for name, image in planes.items()}
    named = ", ".join(filter(None, planes))
    alt = (
        alt or f"{title or 'Grid'}: images decoded over a plane of latents{named and ', '}{named}."
    )
    each = 7.2 if len(planes) == 1 else 5.4
    figure = new_figure(each * len(planes), each, title, alt)
    for axes, (name, image) in zip(
        figure.subplots(1, len(planes), squeeze=False).flat, planes.items(), strict=True
    ):
        where, names = extent, ("latent dimension z0", "latent dimension z1")
        if extent is None:
            names = ("pixels", "pixels")
        else:  # pixels reach half a tile beyond the centres of the outermost tiles
            left, right, bottom, top = extent
            half_x = (right - left) / max(image.shape[1] / 28 - 1, 1) / 2
            half_y = (top - bottom) / max(image.shape[0] / 28 - 1, 1) / 2
            where = (left - half_x, right + half_x, bottom - half_y, top + half_y)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=where, interpolation="antialiased")
        for radius in circles:
            axes.add_patch(Circle((0, 0), radius, fill=False, color="#d55e00", linewidth=1.5))
        axes.set_title(name, fontsize=SIZE)
        label_axes(axes, *names)
    return show_now(figure)
