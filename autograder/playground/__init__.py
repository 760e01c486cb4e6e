"""The playground: the explorers as one HTML file that needs no Python, no server and no network."""

import base64
import contextlib
import io
import json
from pathlib import Path

from utils import browser, data, runs

HERE = Path(__file__).parent
LIMIT = 5_000_000  # bytes of the whole page
EACH = 30  # test images of every class

# dataset: (folder of small runs, name there, has it an encoder?), in the order of the menus
MODELS = {
    "MNIST": {"beta-1": True, "autoencoder": True, "beta-0": True, "beta-0.1": False,
              "beta-0.3": False, "beta-0.6": False, "beta-2": False, "beta-5": False,
              "beta-10": True, "plane": False, "plane-autoencoder": False},
    "FashionMNIST": {"fashion-beta-1": True, "fashion-autoencoder": True, "fashion-beta-0": False,
                     "fashion-beta-10": False, "fashion-plane": False,
                     "fashion-plane-autoencoder": False},
}  # fmt: skip


def write(target: Path) -> int:
    """Write the page; its size in bytes. RunError when a run is missing or it grew too large."""
    page = (HERE / "page.html").read_text("utf8")
    parts = {
        "/*{css}*/": browser.css(),
        "/*{module}*/": browser.module().replace("export ", ""),
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
                browser.pack(find(name), title(name), images, encoder=encoder, small=True)
                for name, encoder in models.items()
            ],
            "images": browser.pack_images(dataset, images, labels),
        }
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"), default=as_text)
    return text.replace("</", "<\\/")


def find(name: str) -> runs.Trained:
    """A run of the playground's own, else one of the kit's reference runs."""
    for folder in (HERE / "runs" / name, runs.REFERENCE / name):
        if (folder / "run.json").exists():
            return browser.finite(runs.Trained(folder, "reference"))
    raise runs.RunError(
        f"the playground needs the run '{name}'. Train it with: "
        f"python benchmarks/train_playground.py {name}"
    )


def title(name: str) -> str:
    """What a reader calls a model."""
    name = name.removeprefix("fashion-")
    known = {"plane": "VAE, 2 latents", "plane-autoencoder": "autoencoder, 2 latents"}
    return known.get(name, name.replace("beta-", "VAE, β = "))


def as_text(value: bytes) -> str:
    return base64.b64encode(value).decode()
