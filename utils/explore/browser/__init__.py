"""What runs in a reader's browser, and how trained models and images get there.

`decoder.js` computes models, `source.js` holds what there is to show, and there is a file for every
explorer; `explorers.js` mounts them, `explorers.css` says how they look. The notebook widgets
(utils/explore/widgets.py) and the playground page both take the module from `module()` and models
from `pack()`. `classifier-*.json` name what is seen (benchmarks/train_classifier.py made them).
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from utils import data, graph, runs

HERE = Path(__file__).parent
SCRIPTS = (  # in an order in which each finds what it imports
    "decoder source pieces drawing map network plane linked latents pad ladder walk directions "
    "statistics trainer training explorers"
).split()
TYPES = {"f4": "<f4", "f2": "<f2", "u1": "u1"}
NO_CLASS = 255  # the label of an image that has none


def module():
    """The JavaScript files as one ES module, which needs no other file."""
    whole = "\n".join(text(f"{name}.js") for name in SCRIPTS)
    return re.sub(r'^import [^;]* from "\./\w+\.js";\n', "", whole, flags=re.M)


def css():
    """The style of explorers."""
    return text("explorers.css")


def text(name):
    """A file of this folder."""
    return (HERE / name).read_text("utf8")


def colours(theme="light"):
    """The ten class colours on a light or a dark ground, as explorers.css has them."""
    pairs = re.findall(r"--vae-c\d: light-dark\((#\w{6}), (#\w{6})\)", css())
    return [pair[theme == "dark"] for pair in pairs]


def classifier(dataset):
    """The classifier of a dataset, as a dict that source.js reads."""
    return json.loads(text(f"classifier-{dataset}.json"))


def pack(run, title, images=None, *, encoder=True, small=False):
    """A trained run as a dict that decoder.js reads: what it computes, and its tensors as bytes.

    title    what a reader sees, such as "VAE, β = 1"
    images   (N, 1, 28, 28) test images; their codes and, for a VAE, scores are then packed too
    encoder  False leaves the encoder out: the model can only decode
    small    weights as int8 with a scale for each row, else float16 if that loses nothing
    """
    graph = dict(run._graph)
    if not encoder:
        graph["encode"] = None
    tensors = {name: run._weights[name] for name in used(graph) & run._weights.keys()}
    forms = {name: weight_form(tensor, small) for name, tensor in tensors.items()}
    if images is not None and run._graph["encode"] is not None:
        codes = code_tensors(run, images)
        tensors |= codes
        forms |= dict.fromkeys(codes, "f2")
    return {
        "name": run.folder.name,
        "title": title,
        "kind": run.kind,
        "nz": run.nz,
        "source": run.source,
        "beta": run.settings.get("beta"),
        "losses": losses(run),
        "graph": graph,
    } | pack_tensors(tensors, forms)


def pack_images(dataset, images, labels):
    """Test images as a dict that explorers.js reads."""
    tensors = {"pixels": (images[:, 0] * 255).round(), "labels": labels}
    return {"dataset": dataset, "classes": data.CLASSES[dataset]} | pack_tensors(
        tensors, dict.fromkeys(tensors, "u1")
    )


def pack_tensors(tensors, forms):
    """{"tensors": {name: {shape, type, start}}, "bytes": one after the other}."""
    places, content = {}, b""
    for name, tensor in tensors.items():
        places[name] = {"shape": list(tensor.shape), "type": forms[name], "start": len(content)}
        content += stored(tensor.detach().cpu().numpy(), forms[name])
    return {"tensors": places, "bytes": content}


def weight_form(tensor, small):
    """How a tensor is stored: int8 where that is small, half precision where it is exact."""
    if small and tensor.dim() > 1:
        return "i1"
    return "f2" if torch.equal(tensor.half().to(tensor), tensor) else "f4"


def stored(array, form):
    """An array as bytes; as int8, each row is its scale (float32) and its numbers in -127…127."""
    if form != "i1":
        return array.astype(TYPES[form]).tobytes()
    content = b""
    for row in array.reshape(len(array), -1):
        scale = np.float32(np.abs(row).max() / 127 or 1)
        content += scale.tobytes() + np.rint(row / scale).astype(np.int8).tobytes()
    return content


def used(graph):
    """Names of everything that the operations of a graph read."""
    names = set()
    for program in filter(None, (graph["encode"], graph["decode"])):
        for op in program["ops"]:
            named = [*op["in"], *(op.get(key) for key in ("weight", "bias", "mean", "var"))]
            names.update(name for name in named if isinstance(name, str))
    return names


def code_tensors(run, images):
    """codes.mu, for a VAE codes.logvar, and codes.score: log p(x|z) of one z for each image."""
    graph.calls += 1  # with a run made up for it, this would answer a question
    generator = torch.Generator().manual_seed(0)
    mu, logvar = run.posterior(images) if run.kind == "vae" else (run.encode(images), None)
    z = mu
    if logvar is not None:
        z = mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=generator)
    loss = F.binary_cross_entropy_with_logits(run.decode(z), images, reduction="none")
    codes = {"codes.mu": mu, "codes.logvar": logvar, "codes.score": -loss.flatten(1).sum(1)}
    return {name: tensor for name, tensor in codes.items() if tensor is not None}


def losses(run):
    """Reconstruction and KL in nats per image, measured on test images or as logged last."""
    last = {name: curve[-1] for name, curve in run.curves.items() if curve}
    known = last | run.info.get("measured", {})
    return {name: known[name] for name in ("reconstruction", "kl") if name in known}


def choose(test, each):
    """The first `each` test images of every class, mixed; (images, labels)."""
    rows = [(test.labels == label).nonzero().flatten()[:each] for label in range(10)]
    rows = torch.stack(rows, 1).flatten()
    return test.images[rows], test.labels[rows]


def unpack_weights(packed):
    """The weights that decoder.js will compute with, as float32 tensors."""
    weights = {}
    for name, place in packed["tensors"].items():
        shape, content = place["shape"], packed["bytes"][place["start"] :]
        size = int(np.prod(shape, dtype=int))
        if place["type"] == "i1":
            rows = np.frombuffer(content, np.uint8, size + 4 * shape[0]).reshape(shape[0], -1)
            scale = rows[:, :4].copy().view("<f4")
            array = scale * rows[:, 4:].copy().view(np.int8)
        else:
            array = np.frombuffer(content, TYPES[place["type"]], size)
        weights[name] = torch.from_numpy(array.astype(np.float32).reshape(shape))
    return weights


def finite_weights(run):
    """The run itself; RunError when its weights hold NaN or infinity."""
    if not all(torch.isfinite(weight).all() for weight in run._weights.values()):
        advice = "Delete that folder and train again, with a smaller learning rate"
        raise runs.RunError(f"the weights in {run.folder} hold NaN or infinity. {advice}")
    return run
