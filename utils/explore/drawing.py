"""A drawing as MNIST's digits are: cropped, scaled and centred as LeCun et al. 1998 did."""

import numpy as np
import torch
from PIL import Image


def centred(drawing):
    """A PIL image as MNIST's digits are, (1, 28, 28) in [0, 1]: in a box of 20 by 20, its centre
    of mass in the middle. None when it is empty.
    """
    drawing = drawing.convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    gray = np.asarray(Image.alpha_composite(paper, drawing).convert("L"), float) / 255
    ink = abs(gray - np.median(gray))  # the paper is what there is most of, light or dark
    rows, columns = np.nonzero(ink > 0.3)
    if not len(rows):
        return None
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] / ink.max()
    by = 20 / max(box.shape)
    height, width = (max(round(by * side), 1) for side in box.shape)
    small = Image.fromarray(box.astype(np.float32)).resize((width, height), Image.BOX)
    small = np.asarray(small)
    image = np.zeros((28, 28), np.float32)
    y, x = ((small * at).sum() / small.sum() for at in np.indices(small.shape))
    top = int(np.clip(round(14 - y), 0, 28 - height))
    left = int(np.clip(round(14 - x), 0, 28 - width))
    image[top : top + height, left : left + width] = small
    return torch.from_numpy(image)[None].clamp(0, 1)
