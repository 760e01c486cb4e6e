"""The playground: the explorers as one HTML file that needs no Python, no server and no network."""

import base64
import contextlib
import html
import io
import json
import re
import zlib
from pathlib import Path

from autograder.release.bundle import course_url
from utils import data, runs
from utils.explore import browser

HERE = Path(__file__).parent
RUNS = HERE / "runs"  # those that only this page shows
LIMIT = 5_000_000  # bytes of the whole page
EACH = 30  # test images of every class
TRAINING = {"MNIST": 2000, "FashionMNIST": 1000}  # images that the page can learn from

# dataset: runs, in the order of the menus
MODELS = {
    "MNIST": [
        *(f"beta-{beta}" for beta in (0, 0.1, 0.3, 0.6, 1, 2, 5, 10)),
        "autoencoder",
        "plane",
        "plane-autoencoder",
    ],
    "FashionMNIST": [
        *(f"fashion-beta-{beta}" for beta in (0, 0.1, 0.3, 1, 10)),
        "fashion-autoencoder",
        "fashion-plane",
        "fashion-plane-autoencoder",
    ],
}


def write(target: Path) -> int:
    """Write the page; its size in bytes. RunError when a run is missing or it grew too large."""
    page = (HERE / "page.html").read_text("utf8")
    url = html.escape(course_url())
    parts = {
        "<!--{course}-->": f'<p><a href="{url}">The course</a></p>' if url else "",
        "/*{css}*/": browser.css(),
        "/*{page css}*/": (HERE / "page.css").read_text("utf8"),
        "/*{module}*/": re.sub("^export ", "", browser.module(), flags=re.M),
        "/*{page js}*/": (HERE / "page.js").read_text("utf8"),
        "/*{data}*/": content(),
    }
    for mark, text in parts.items():
        assert mark in page and "</script" not in text, mark
        page = page.replace(mark, text)
    encoded = page.encode()
    if len(encoded) > LIMIT:
        raise runs.RunError(f"the page has {len(encoded):,} bytes; at most {LIMIT:,} are allowed")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded)
    return len(encoded)


def content() -> str:
    """Models and test images of both datasets as JSON, their bytes as base64."""
    packed = {}
    for dataset, models in MODELS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            test = data.load(dataset, train=False, root="embedded")
        images, labels = browser.choose(test, EACH)
        packed[dataset] = {
            "models": [
                browser.pack(find(name), title(name), images, small=True) for name in models
            ],
            "images": browser.pack_images(dataset, images, labels),
            "classifier": browser.classifier(dataset),
            "training": to_learn_from(dataset, TRAINING[dataset]),
        }
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"), default=as_text)
    return text.replace("</", "<\\/")


def to_learn_from(dataset: str, count: int) -> dict[str, str]:
    """Training images as the page gets them: 16 shades of grey, deflated; and their labels."""
    with contextlib.redirect_stdout(io.StringIO()):
        train = data.load(dataset, train=True, root="embedded")
    images, labels = browser.choose(train, count // 10)
    shades = (images[:, 0] * 15).round().byte().numpy().tobytes()
    pixels = zlib.compressobj(9, wbits=-15)
    packed = pixels.compress(shades) + pixels.flush()
    return {"pixels": as_text(packed), "labels": as_text(labels.byte().numpy().tobytes())}


def find(name: str) -> runs.Trained:
    """One of the kit's reference runs, or of the page's own."""
    for folder in (runs.REFERENCE / name, RUNS / name):
        if (folder / "run.json").exists():
            return browser.finite_weights(runs.Trained(folder, "reference"))
    train = f"python benchmarks/train_reference.py {name}"
    raise runs.RunError(f"the playground needs the run '{name}'. Train it with: {train}")


def title(name: str) -> str:
    """What a reader calls a model."""
    name = name.removeprefix("fashion-")
    known = {"plane": "VAE, 2 latents", "plane-autoencoder": "autoencoder, 2 latents"}
    return known.get(name, name.replace("beta-", "VAE, β = "))


def as_text(value: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(value).decode()
