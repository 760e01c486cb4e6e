"""One PNG of many images: what explorers show, put together without matplotlib."""

import functools
import io

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

LABEL_HEIGHT = 16  # pixels, of the text over a row of images
GAP, GREY = 2, 225  # between images: pixels before they are enlarged, and the shade


def sheet(rows, scale=2):
    """PNG of rows of images, {label over the row: (N, 1, 28, 28)}, enlarged `scale` times."""
    blocks = []
    for label, images in rows.items():
        if label:
            blocks.append(("text", label))
        pixels = np.pad(_bytes(images), [(0, 0), (0, GAP), (0, GAP)], constant_values=GREY)
        row = np.concatenate([*pixels], axis=1)
        blocks.append(("images", row.repeat(scale, 0).repeat(scale, 1)))
    width = max(block.shape[1] for kind, block in blocks if kind == "images")
    height = sum(LABEL_HEIGHT if kind == "text" else block.shape[0] for kind, block in blocks)
    canvas = Image.new("L", (width, height), 255)
    draw, top = ImageDraw.Draw(canvas), 0
    for kind, block in blocks:
        if kind == "text":
            draw.text((1, top), block, fill=0, font=font())
            top += LABEL_HEIGHT
        else:
            canvas.paste(Image.fromarray(block), (0, top))
            top += block.shape[0]
    return png(canvas)


def strip(columns, scale=4):
    """PNG of single images side by side, {label over the image: (1, 1, 28, 28)}."""
    step = (28 + GAP) * scale
    canvas = Image.new("L", (step * len(columns), LABEL_HEIGHT + 28 * scale), 255)
    draw = ImageDraw.Draw(canvas)
    for i, (label, image) in enumerate(columns.items()):
        draw.text((i * step + 1, 0), label, fill=0, font=font())
        large = _bytes(image)[0].repeat(scale, 0).repeat(scale, 1)
        canvas.paste(Image.fromarray(large), (i * step, LABEL_HEIGHT))
        corner = (i * step + 28 * scale - 1, LABEL_HEIGHT + 28 * scale - 1)
        draw.rectangle([(i * step, LABEL_HEIGHT), corner], outline=GREY)
    return png(canvas)


def png(canvas):
    """A PIL image as PNG bytes, packed for speed rather than size."""
    content = io.BytesIO()
    canvas.save(content, "PNG", compress_level=1)
    return content.getvalue()


@functools.cache
def font():
    """What labels on sheets are written in."""
    return ImageFont.load_default(13)


def _bytes(images):
    """(N, 28, 28) bytes of images (N, 1, 28, 28) in [0, 1]: black on white, as in all figures."""
    return ((1 - images[:, 0].clamp(0, 1)) * 255).round().to(torch.uint8).numpy()
