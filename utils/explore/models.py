"""Trained runs as explorers want them: checked, with their test images and what they decode."""

import contextlib
import functools
import io
import math

import torch

from utils import data, runs


def load(*names):
    """Trained runs of these names, checked, and a sentence that says where they come from."""
    said, loaded = io.StringIO(), []
    for name in names:
        with contextlib.redirect_stdout(said):
            loaded.append(finite(name if isinstance(name, runs.Trained) else runs.load(name)))
    return loaded, " · ".join(said.getvalue().splitlines())


def finite(run):
    """The run itself; RunError when it decodes to NaN or infinity."""
    if not torch.isfinite(run.decode(torch.zeros(1, run.nz))).all():
        advice = "Delete that folder and train again, with a smaller learning rate"
        raise runs.RunError(f"the model in {run.folder} decodes to NaN. {advice}")
    return run


def last_loss(run, loss):
    """A loss in nats per image: on test images where that was measured, else as logged last."""
    logged = run.curves.get(loss) or [math.nan]
    return run.info.get("measured", {}).get(loss, logged[-1])


def origin(ladder):
    """Whose runs a ladder is made of, in words."""
    return "your runs" if ladder[0].source == "yours" else "the kit's runs"


def dataset(run):
    """The dataset a run was trained on: a setting, else by its name."""
    named = run.settings.get("dataset")
    fashion = named == "FashionMNIST" or (named is None and "fashion" in run.folder.name)
    return "FashionMNIST" if fashion else "MNIST"


def test_images(run, limit=2000):
    """The first test images and labels of the dataset a run was trained on."""
    return _test_images(dataset(run), limit)


@functools.cache
def _test_images(name, limit):
    with contextlib.redirect_stdout(io.StringIO()):
        return data.load(name, train=False, limit=limit)


def decoded(run, z):
    """Images (B, 1, 28, 28) in [0, 1] of a few latents (B, nz).

    On one thread: for so little work, waiting for a second one on a busy machine takes 100 times as
    long as the work itself.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return torch.sigmoid(run.decode(z))
    finally:
        torch.set_num_threads(threads)


def check_planes(loaded):
    """Raises RunError for a run of another size than 2."""
    for run in loaded:
        if run.nz != 2:
            what = f"'{run.folder.name}' has {run.nz} latent dimensions, and a plane has 2"
            raise runs.RunError(f"{what}. Use latents instead of plane")


def check_encoders(loaded):
    """Raises RunError for a run that cannot encode."""
    for run in loaded:
        if run.kind == "decoder":
            raise runs.RunError(f"'{run.folder.name}' has no encoder, which a drawing needs")


def two_images(images):
    """Images that a student brought as (2, 1, 28, 28) in [0, 1]; None stays None."""
    if images is None:
        return None
    found = [torch.as_tensor(image).detach().float() for image in images]
    if [image.numel() for image in found] != [784, 784]:
        shapes = " and ".join(str(tuple(image.shape)) for image in found)
        raise runs.RunError(f"images= takes two images of shape (1, 28, 28), not {shapes}")
    return torch.stack([image.reshape(1, 28, 28) for image in found]).clamp(0, 1)
