"""Trains the small classifiers that name what the explorers show, one a dataset, and writes them to
utils/explore/browser/classifier-*.json as int8.

    python benchmarks/train_classifier.py [MNIST FashionMNIST] [--root FOLDER] [--epochs 12]

FOLDER holds the full datasets in torchvision's layout. A classifier has eleven answers: the ten
classes, and "none of them", learned from mixtures, noise and scribbles. Digits are also learned
from what people draw on the pad: skeletons of the training digits, and digits written with few
strokes (STROKES below), both with the pad's pen. No test image and no drawing of the tests is
learned from.
"""

import argparse
import base64
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

from utils import data, graph
from utils.explore import browser

NONE = 10  # the answer "none of the ten"
BRUSH, MIDDLE = 1.15, 14.5  # the pen of browser/drawing.js, and where MNIST has its centre of mass


def arc(x, y, rx, ry, start, end, n=14):
    """Points of an ellipse from angle to angle in degrees, 0 to the right and 90 downwards."""
    angle = np.radians(np.linspace(start, end, n))
    return [*zip(x + rx * np.cos(angle), y + ry * np.sin(angle), strict=True)]


# How the digits are written, in a box of width 2 and height 4: ways, each of strokes of points.
STROKES = {
    0: [[arc(1, 2, 1, 2, -90, 270, 24)], [arc(1, 2, 1, 2, -60, 330, 24)],
        [arc(1, 2, 0.8, 2, -90, -450, 24)]],
    1: [[[(1, 0), (1, 4)]], [[(0.2, 1), (1, 0), (1, 4)]], [[(0.5, 0.6), (1, 0), (1, 4)]],
        [[(0.3, 0.9), (1, 0), (1, 4)], [(0.2, 4), (1.8, 4)]]],
    2: [[[*arc(1, 1, 1, 1, -170, 30), (0, 4), (2, 4)]],
        [[*arc(1, 1.1, 1, 1.1, -180, 45), (0.1, 4), (1, 3.8), (2, 4)]],
        [[*arc(1, 1, 1, 1, -170, 40), *arc(0.4, 3.5, 0.4, 0.45, -60, -330, 10), (2, 4)]]],
    3: [[[*arc(0.9, 1, 1, 1, -160, 90), *arc(0.9, 3, 1.1, 1, -90, 160)]],
        [[(0.1, 0), (1.9, 0), (0.9, 1.6), *arc(0.9, 2.8, 1.1, 1.2, -80, 160)]],
        [[*arc(0.8, 1, 1, 1, -150, 70), (0.7, 1.9), *arc(0.8, 3, 1.2, 1.1, -80, 150)]]],
    4: [[[(1.4, 4), (1.4, 0), (0, 2.7), (2, 2.7)]],
        [[(0.2, 0), (0, 2.2), (2, 2.2)], [(1.6, 0), (1.6, 4)]],
        [[(1.2, 0), (0, 2.6), (2, 2.6)], [(1.4, 1.4), (1.4, 4)]],
        [[(0.1, 0), (0.1, 1.9), (1.8, 1.9)], [(1.8, 0), (1.8, 4)]],
        [[(0.2, 0.2), *arc(0.8, 1.2, 0.8, 0.9, 180, 40, 9), (1.7, 0.1), (1.7, 4)]]],
    5: [[[(1.9, 0), (0.3, 0), (0.2, 1.7), *arc(0.8, 2.8, 1.2, 1.2, -110, 150)]],
        [[(0.3, 0), (0.2, 1.7), *arc(0.8, 2.8, 1.2, 1.2, -110, 150)], [(0.3, 0), (1.9, 0)]],
        [[(1.8, 0.1), (0.5, 0), (0.2, 1.8), (1.2, 1.6), (1.9, 2.6), (1.4, 3.8), (0, 3.8)]],
        [[*arc(1.2, 0.8, 0.9, 0.8, -40, -180), (0.9, 1.8), *arc(0.8, 2.9, 1.1, 1.1, -60, 150)]]],
    6: [[[(1.6, 0), (0.6, 1.2), *arc(1, 2.9, 1, 1.1, 180, -180, 20)]],
        [[*arc(1.8, 2.4, 1.7, 2.4, -90, -180, 9), *arc(1, 3, 0.9, 1, 180, -170, 20)]],
        [[(1.3, 0), (0.3, 2), (0.1, 3.2), *arc(1, 3.1, 0.9, 0.9, 140, -190, 18)]]],
    7: [[[(0, 0), (2, 0), (0.7, 4)]], [[(0, 0), (2, 0), (0.8, 4)], [(0.5, 2), (1.9, 2)]],
        [[(0, 0.5), (0.1, 0), (2, 0.1), (1, 2), (0.8, 4)]],
        [[(0, 0.2), (1, 0), (1.9, 0.2), (1.3, 2), (1, 4)]]],
    8: [[[*arc(1, 1, 0.85, 1, 90, -270, 18), *arc(1, 3, 1, 1, -90, 270, 18)]],
        [[*arc(1, 1, 0.9, 1, -45, -270, 12), *arc(1, 3, 1, 1, -90, 240, 16), (1.6, 0.4)]],
        [arc(1, 1, 0.9, 1, -90, 270, 18), arc(1, 3, 1, 1, -90, 270, 18)],
        [[(1.8, 0.5), *arc(1, 1, 0.9, 1, -30, -200, 10), (1.8, 2.8),
          *arc(1, 3.1, 0.9, 0.9, 0, 200, 12), (1.8, 0.6)]]],
    9: [[[*arc(1, 1.1, 0.95, 1.1, 0, -340, 18), (1.95, 1.1), (1.7, 4)]],
        [[*arc(0.9, 1.1, 0.95, 1.1, -20, -360, 18), (1.9, 0.2), (1.9, 4)]],
        [[*arc(1, 1.1, 0.95, 1.1, -10, -360, 18), *arc(0.6, 2.4, 1.3, 1.6, -30, 110, 9)]],
        [arc(0.9, 1.1, 0.9, 1.1, 0, -360, 18), [(1.8, 0.3), (1.8, 4)]]],
}  # fmt: skip


def written(label, random):
    """Strokes of one digit as somebody might draw it: another way, slant, shape and shake."""
    strokes = STROKES[label][random.integers(len(STROKES[label]))]
    bend = random.normal(0, 0.12, (2, 3, 2))  # a smooth deformation, of low frequency
    slant, wide = random.normal(0, 0.3), np.exp(random.normal(0, 0.3))
    turn = np.array([[wide, -slant], [0, 1]])
    spin = np.radians(random.normal(0, 7))
    turn = np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]]) @ turn
    shake = abs(random.normal(0, 0.05))
    made = []
    for stroke in strokes:
        points = dense(np.array(stroke) - [1, 2], 0.25)
        points += sum(
            bend[:, k].T[k % 2] * np.cos((k + 1) * points[:, ::-1] * 0.8) for k in range(3)
        )
        points = points + random.normal(0, 0.07, 2) + random.normal(0, shake, points.shape)
        made.append(points @ turn.T)
    return made


def scribble(random):
    """Strokes that are no digit: lines, arcs and angles anywhere, or two digits side by side."""
    if random.random() < 0.2:
        left, right = (written(random.integers(10), random) for _ in range(2))
        return left + [stroke + [3.2, 0] for stroke in right]
    made = []
    for _ in range(random.integers(2, 6)):
        if random.random() < 0.4:
            x, y, rx, ry = random.uniform(0.2, 2, 4)
            made.append(np.array(arc(x, y, rx, ry, *random.uniform(-360, 360, 2))))
        else:
            made.append(dense(random.uniform(0, 3, (random.integers(2, 6), 2)), 0.25))
    return made


def dense(points, step):
    """The same polyline with points at most `step` apart."""
    parts = [points[:1]]
    for a, b in zip(points[:-1], points[1:], strict=True):
        n = max(int(np.ceil(np.hypot(*(b - a)) / step)), 1)
        parts.append(a + (b - a) * np.linspace(0, 1, n + 1)[1:, None])
    return np.concatenate(parts)


def pad(strokes, brush=BRUSH):
    """(28, 28): strokes as the drawing pad hands them on, scaled and centred like MNIST."""
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    scale = (20 - 2 * BRUSH) / max((high - low).max(), 1e-6)
    strokes = [14 + scale * (stroke - (low + high) / 2) for stroke in strokes]
    image = inked(strokes, brush)
    y, x = ndimage.center_of_mass(image)
    return inked([stroke + [MIDDLE - x - 0.5, MIDDLE - y - 0.5] for stroke in strokes], brush)


def inked(strokes, brush):
    """Strokes of [x, y] in 0…28 as an image, by the distance of each pixel's centre."""
    strokes = [np.asarray(stroke, np.float32) for stroke in strokes]
    a = np.concatenate([np.concatenate([stroke[:1], stroke[:-1]]) for stroke in strokes])
    b = np.concatenate(strokes)
    pixels = np.stack(np.meshgrid(np.arange(28) + 0.5, np.arange(28) + 0.5), -1).reshape(-1, 1, 2)
    along = b - a
    t = ((pixels - a) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = a + np.clip(t, 0, 1)[..., None] * along
    distance = np.sqrt(((pixels - nearest) ** 2).sum(-1)).min(1)
    return np.clip(brush + 0.5 - distance, 0, 1).reshape(28, 28).astype(np.float32)


def skeleton(image):
    """The pixels of a digit's middle line (Zhang and Suen 1984), as a boolean image."""
    ink = np.pad(image > 0.4, 1)
    while True:
        before = ink.sum()
        for odd in (0, 1):
            p = [ink[1 + dy : 29 + dy, 1 + dx : 29 + dx] for dy, dx in AROUND]
            count = sum(each.astype(int) for each in p)
            turns = sum((~p[i] & p[(i + 1) % 8]).astype(int) for i in range(8))
            n, e, s, w = p[0], p[2], p[4], p[6]
            one, two = (n & e & s, e & s & w) if odd == 0 else (n & e & w, n & s & w)
            ink[1:29, 1:29] &= ~((count >= 2) & (count <= 6) & (turns == 1) & ~one & ~two)
        if ink.sum() == before:
            return ink[1:29, 1:29]


AROUND = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]


def redrawn(image, random):
    """A digit as if drawn on the pad along its middle line, wider or narrower and slanted."""
    ink = skeleton(image)
    rows, columns = np.nonzero(ink)
    if len(rows) < 4:
        return image
    points = np.stack([columns, rows], 1).astype(np.float32)
    points += random.normal(0, 0.15, points.shape)
    number = np.full((30, 30), -1)
    number[rows + 1, columns + 1] = np.arange(len(rows))
    pairs = [
        (i, number[y + 1 + dy, x + 1 + dx])
        for i, (y, x) in enumerate(zip(rows, columns, strict=True))
        for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1))
        if number[y + 1 + dy, x + 1 + dx] >= 0
    ]
    wide, slant = np.exp(random.normal(0, 0.25)), random.normal(0, 0.2)
    points = points @ np.array([[wide, 0], [-slant, 1]], np.float32)
    return pad([points[list(pair)] for pair in pairs], BRUSH * np.exp(random.normal(0, 0.1)))


def drawn(images, labels, each, seed=0):
    """Drawings to learn from: (images (N, 784) as bytes, labels), a third of them no digits."""
    random = np.random.default_rng(seed)
    made, named = [], []
    for i in range(each):
        k = random.integers(len(images))
        brush = BRUSH * np.exp(random.normal(0, 0.1))
        made += [redrawn(images[k, 0].numpy(), random), pad(written(i % 10, random), brush)]
        named += [int(labels[k]), i % 10]
        if i % 2:
            made.append(pad(scribble(random), brush))
            named.append(NONE)
    made = torch.from_numpy(np.stack(made))[:, None]
    return made, torch.tensor(named)


def moved(x, much):
    """A batch turned, slanted, scaled and shifted at random, its strokes thicker or thinner."""
    n = len(x)
    turn, slant = torch.randn(2, n) * torch.tensor([[0.12], [0.2]]) * much
    wide, high = torch.exp(torch.randn(2, n) * 0.1 * much)
    rows = [wide, slant + turn, -turn, high]
    theta = torch.stack(rows, 1).reshape(n, 2, 2)
    theta = torch.cat([theta, torch.randn(n, 2, 1) * 0.06 * much], 2)
    grid = F.affine_grid(theta, [n, 1, 28, 28], align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False)
    power = torch.exp(torch.randn(n, 1, 1, 1) * 0.35 * much)  # of the grey at the edges of strokes
    thick = F.avg_pool2d(F.max_pool2d(x, 3, 1, 1), 3, 1, 1)
    share = (torch.rand(n, 1, 1, 1) - 0.6).clamp(0, 1) * 1.5 * (much > 0.5)
    return (x + share * (thick - x)).clamp(0, 1) ** power


def spoiled(x):
    """A batch of pictures that belong to no class, made from pictures that do: two at once, halves
    of two, the mean of many, blots, holes, strokes bent out of shape, noise.
    """
    n = len(x)
    other, third = x[torch.randperm(n)], x[torch.randperm(n)]
    share = 0.35 + 0.3 * torch.rand(n, 1, 1, 1)
    late = torch.arange(28)[None, None, :, None] >= 14
    coarse = [F.interpolate(torch.rand(n, 1, k, k), (28, 28), mode="bilinear") for k in (4, 5, 7)]
    mixed = share * x + (1 - share) * other
    many = sum(x[torch.randperm(n)] for _ in range(5)) / 5
    bent = F.grid_sample(x, around(n, 0.28), align_corners=False)
    kinds = [
        mixed,
        (mixed * (1 + torch.rand(n, 1, 1, 1))).clamp(0, 1),
        many * (0.8 + 1.4 * torch.rand(n, 1, 1, 1)),
        torch.where(late, x, other.roll((5, 3), (2, 3))),
        torch.maximum(x, third.roll((2, -3), (2, 3))),
        F.avg_pool2d(F.pad(x, [4] * 4), 9, 1) * 1.8,
        ((coarse[1] - 0.55) * 6).clamp(0, 1) * x.amax((2, 3), keepdim=True),
        x * (coarse[2] > 0.5),
        torch.maximum(x * (coarse[0] > 0.45), many),
        bent * (0.7 + 0.6 * coarse[0]),
        torch.maximum(bent, ((coarse[0] - 0.6) * 8).clamp(0, 1) * many * 3),
        coarse[1] * torch.rand(n, 1, 28, 28),
    ]
    return torch.stack(kinds)[torch.randint(len(kinds), (n,)), torch.arange(n)].clamp(0, 1)


def around(n, by):
    """Sampling grids (n, 28, 28, 2) whose points are moved by up to about `by` in smooth waves."""
    bend = F.interpolate(torch.randn(n, 2, 4, 4) * by, (28, 28), mode="bicubic", align_corners=True)
    still = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3), [n, 1, 28, 28], align_corners=False)
    return still + bend.permute(0, 2, 3, 1)


class Classifier(nn.Sequential):
    """Two strided convolutions and two linear layers, 106,000 weights: (B, 1, 28, 28) → (B, 11)."""

    def __init__(self, width=64):
        super().__init__(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 49, width), nn.ReLU(), nn.Linear(width, NONE + 1),
        )  # fmt: skip


def train(dataset, root, epochs):
    """A trained Classifier."""
    torch.manual_seed(0)
    images, labels = data.load(dataset, train=True, root=root)
    digits = dataset == "MNIST"
    extra = drawn(images, labels, 18_000) if digits else (images[:0], labels[:0])
    model, size = Classifier(), 250
    x, y = torch.cat([images, extra[0]]), torch.cat([labels, extra[1]])
    optimizer = torch.optim.Adam(model.parameters(), weight_decay=1e-5)
    steps = epochs * (len(x) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(x)), 0.0
        for rows in order.split(size)[: len(x) // size]:
            batch, known = x[rows], y[rows]
            none = spoiled(batch[: size // 4])
            batch = moved(batch, torch.rand(()).item() * (1.6 if digits else 0.6))
            if not digits and torch.rand(()) < 0.5:
                batch = batch.flip(3)
            batch = torch.cat([batch, none])
            known = torch.cat([known, torch.full((len(none),), NONE)])
            loss = F.cross_entropy(model(batch), known, label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * size / len(x)
        print(f"{dataset}: epoch {epoch + 1} of {epochs}, loss {total:.3f}", flush=True)
    return model.eval()


def ship(model, dataset, epochs):
    """Writes a classifier as int8, with what it reaches on the embedded test images."""
    weights = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    program = graph._program(model, model, weights, graph.IMAGE, "classify")
    forms = {name: "i1" if tensor.dim() > 1 else "f4" for name, tensor in weights.items()}
    made = {
        "by": "python benchmarks/train_classifier.py",
        "from": f"the training images of {dataset}, {epochs} epochs",
    }
    write(
        {"made": made, "dataset": dataset, "graph": program} | browser.pack_tensors(weights, forms)
    )


def write(packed):
    """Measures a packed classifier on the embedded test images, and writes it.

    made.accuracy  share of the test images that get their name
    made.faintest  the mean of the 40 darkest pixels, in 0…1, that all but one in 200 of them reach
    made.passing   share of them that reach it and are taken for one of the ten
    """
    test = data.load(packed["dataset"], train=False, root="embedded")
    logits = graph.run(packed["graph"], browser.unpack_weights(packed), test.images)[0]
    darkest = test.images.flatten(1).topk(40, 1).values.mean(1)
    faintest = darkest.quantile(0.005).item()
    real = (logits.softmax(1)[:, NONE] < 0.5) & (darkest >= faintest)
    measured = {
        "test_images": len(test.labels),
        "accuracy": (logits[:, :NONE].argmax(1) == test.labels).float().mean().item(),
        "faintest": faintest,
        "passing": real.float().mean().item(),
    }
    packed["made"] |= {name: round(value, 4) for name, value in measured.items()}
    target = browser.HERE / f"classifier-{packed['dataset']}.json"
    content = base64.b64encode(packed["bytes"]).decode()
    target.write_text(json.dumps(packed | {"bytes": content}) + "\n", encoding="utf8")
    print(f"{target.name}: {target.stat().st_size:,} bytes, {json.dumps(packed['made'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="*", metavar="DATASET", default=[*data.CLASSES])
    parser.add_argument("--root", help="folder of the full datasets (else COURSE_DATA or download)")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--measure", action="store_true", help="only measure those that are there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for dataset in options.datasets:
        if options.measure:
            packed = browser.classifier(dataset)
            write(packed | {"bytes": base64.b64decode(packed["bytes"])})
            continue
        ship(train(dataset, options.root, options.epochs), dataset, options.epochs)


if __name__ == "__main__":
    sys.exit(main())
