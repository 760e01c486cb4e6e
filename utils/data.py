"""MNIST and Fashion-MNIST as tensors, and a fast loader over tensors that stay in memory."""

import contextlib
import functools
import gzip
import hashlib
import http.client
import lzma
import operator
import os
import socket
import tempfile
import threading
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from utils import autograding

AUTOGRADE_BATCHES = 3  # an epoch of Loader under NBGRADER_EXECUTION=autograde: grading never trains
CLASSES = {
    "MNIST": [str(digit) for digit in range(10)],
    "FashionMNIST": [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
}

# The original files: where they are, and the MD5 of each as published (and as torchvision has it).
MIRRORS = {
    "MNIST": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "FashionMNIST": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
DOWNLOADS = {
    "MNIST": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
}
# MD5 of unpacked original files. The two datasets use the same file names, so a file in the
# wrong folder looks right; these tell. (A file that is not listed here may be right all the same.)
ORIGINALS = {
    "6bbc9ace898e44ae57da46a324031adb": "MNIST/raw/train-images-idx3-ubyte",
    "a25bea736e30d166cdddb491f175f624": "MNIST/raw/train-labels-idx1-ubyte",
    "2646ac647ad5339dbf082846283269ea": "MNIST/raw/t10k-images-idx3-ubyte",
    "27ae3e4e09519cfbb04c329615203637": "MNIST/raw/t10k-labels-idx1-ubyte",
    "9018921c3c673c538a1fc5bad174d6f9": "FashionMNIST/raw/train-labels-idx1-ubyte",
    "15d484375f8d13e6eb1aabb0c3f46965": "FashionMNIST/raw/t10k-labels-idx1-ubyte",
}

EMBEDDED = Path(__file__).parent / "embedded"  # the subset that comes with the kit
SUMS = "SHA256SUMS"  # of its files, as sha256sum writes them
TRAIN_SHARE = 5 / 6  # of its images are for training

PROBE_SECONDS = 1.5  # how long a machine without network waits before it uses the embedded subset
STALL_SECONDS = 10  # a download that sends nothing for so long is given up


class DataError(Exception):
    """A data file is missing or damaged, or there is no such dataset; the message says what to do.

    Notebooks show the message alone, without a traceback.
    """

    def _render_traceback_(self):
        return [f"DataError: {self}"]


class Images(NamedTuple):
    """A dataset: `images` (N, 1, 28, 28) float32 in [0, 1] and `labels` (N,) int64 in 0…9."""

    images: torch.Tensor
    labels: torch.Tensor


def load(name, train=True, *, root=None, limit=None):
    """Return MNIST or Fashion-MNIST as `Images`, and print one line saying what was loaded.

    name   "MNIST" or "FashionMNIST"
    train  the training images; False for the test images
    root   a data folder in torchvision's layout, ROOT/MNIST/raw/train-images-idx3-ubyte (or .gz) …,
           or "embedded"; without it, the environment variable COURSE_DATA says the same
    limit  use at most so many images, the first ones

    Without a folder the full dataset is taken from an earlier download, or downloaded if there is
    a network (never while grading), and otherwise the subset that comes with the kit is used.
    Raises DataError for an unknown name and for a missing, truncated, corrupt or wrong file.
    """
    if name not in CLASSES:
        raise DataError(f"There is no dataset {name!r}. Choose one of: {', '.join(CLASSES)}.")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 (or None for all images), not {limit}")

    root = root or os.environ.get("COURSE_DATA")
    if root and str(root) != "embedded":
        folder = Path(os.path.expanduser(root)) / name / "raw"
        pixels, labels = _read_folder(folder, train)
        source = f"from {folder}"
    elif not root and (why_not := _download(name)) is None:
        pixels, labels = _read_folder(_cached(name), train, md5=DOWNLOADS[name])
        source = f"from {_cached(name)}"
    else:
        pixels, labels = _read_embedded(name, train)
        source = "the subset that comes with the kit" + ("" if root else f" ({why_not})")

    count = f"{len(labels):,}"
    if limit is not None and limit < len(labels):
        pixels, labels = pixels[:limit], labels[:limit]
        count = f"the first {limit:,} of {count}"
    print(f"{name} {'train' if train else 'test'}: {count} images, {source}")
    images = torch.from_numpy(pixels.astype(np.float32)).div_(255)[:, None]
    return Images(images, torch.from_numpy(labels.astype(np.int64)))


class Loader:
    """Iterate (images, labels) in batches cut from tensors that stay where they are.

    Nothing is decoded, transformed or copied between processes, so an epoch costs little more than
    gathering its rows. The order of an epoch depends on `seed` and the counter `epoch` only:
    every pass over the loader advances the counter, and setting `loader.epoch = k` continues as if
    k epochs had been run. torch's global random numbers are not touched.

    images      (N, …) tensor, on any device
    labels      (N, …) tensor
    drop_last   leave out a last batch that is smaller than batch_size

    While grading (NBGRADER_EXECUTION=autograde) an epoch ends after AUTOGRADE_BATCHES batches.
    """

    def __init__(self, images, labels, batch_size=128, shuffle=True, seed=0, drop_last=False):
        if len(images) != len(labels):
            raise ValueError(
                f"there must be one label for each image: got {len(images)} images "
                f"and {len(labels)} labels"
            )
        if not len(images):
            raise ValueError("there are no images to load")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if drop_last and batch_size > len(images):
            raise ValueError(
                f"with drop_last=True, {len(images)} images do not fill one batch of {batch_size}: "
                "use a smaller batch_size or drop_last=False"
            )
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self.images, self.labels = images, labels
        self.batch_size, self.shuffle, self.seed = operator.index(batch_size), shuffle, seed
        self.drop_last = drop_last
        self.epoch = 0

    def __len__(self):
        """Batches in an epoch."""
        full, rest = divmod(len(self.images), self.batch_size)
        batches = full + (rest > 0 and not self.drop_last)
        if autograding():
            batches = min(batches, AUTOGRADE_BATCHES)
        return batches

    def __iter__(self):
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._batches(epoch)

    def _batches(self, epoch):
        order = np.arange(len(self.images))
        if self.shuffle:
            np.random.default_rng([self.seed, epoch]).shuffle(order)
        images, labels = _gather(self.images, order), _gather(self.labels, order)
        for i in range(len(self)):
            rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield images(rows), labels(rows)


def _gather(tensor, order):
    """Return a function that copies the rows tensor[order[rows]] of a batch.

    In memory that numpy can see, numpy does it: one thread that copies rows is faster than torch's
    threads, and far faster when other processes keep the cores busy (docs/benchmarks.md).
    """
    try:
        array = tensor.numpy()
    except (TypeError, RuntimeError):  # on a GPU, bfloat16, or requiring a gradient
        order = torch.from_numpy(order).to(tensor.device)
        return lambda rows: tensor[order[rows]]
    return lambda rows: torch.from_numpy(array.take(order[rows], axis=0))


# ---------------------------------------------------------------- a folder in torchvision's layout


def _read_folder(folder, train, md5=None):
    """Return pixels (N, 28, 28) and labels (N,), both uint8, from idx files that were checked.

    With `md5`, only .gz files are read, and each must have the MD5 listed under its name.
    """
    split = "train" if train else "t10k"
    images_path, magic, pixels = _read_idx(folder, f"{split}-images-idx3-ubyte", md5)
    if magic != (2051, 28, 28):
        raise _bad(images_path, "is not an idx file of 28 × 28 images")
    labels_path, magic, labels = _read_idx(folder, f"{split}-labels-idx1-ubyte", md5)
    if magic != (2049,):
        raise _bad(labels_path, "is not an idx file of labels")
    if len(pixels) != len(labels):
        raise _bad(
            labels_path,
            f"has {len(labels):,} labels for the {len(pixels):,} images of {images_path.name}",
        )
    if not len(labels):
        raise _bad(images_path, "holds no images")
    if labels.max() > 9:
        raise _bad(labels_path, f"holds the label {labels.max()}; labels go from 0 to 9")
    return pixels, labels


def _read_idx(folder, stem, md5):
    """Return (path, (magic, *item shape), uint8 array) of FOLDER/STEM or FOLDER/STEM.gz."""
    plain, packed = folder / stem, folder / f"{stem}.gz"
    path = plain if md5 is None and plain.exists() else packed
    if not path.exists():
        raise DataError(
            f"There is no {stem} (or {stem}.gz) in {folder}. Give the folder that contains "
            f"{folder.parent.name}/raw, or leave root and COURSE_DATA unset to use the kit's data."
        )
    try:
        content = path.read_bytes()
        if md5 is not None and _md5(content) != md5[path.name]:
            raise _bad(path, "is damaged (its MD5 differs from the published one)")
        if path is packed:
            content = gzip.decompress(content)
    except OSError as problem:  # includes gzip.BadGzipFile
        raise _bad(path, f"cannot be read ({problem})") from None
    except (EOFError, zlib.error):
        raise _bad(path, "is truncated or damaged (it does not unpack)") from None

    # idx: 00 00 08 <number of dimensions>, then each dimension as a big-endian 32-bit integer
    dims = content[3] if len(content) >= 4 else 0
    header = np.frombuffer(content[: 4 + 4 * dims], dtype=np.uint8)
    if content[:3] != b"\0\0\x08" or dims not in (1, 3) or len(header) < 4 + 4 * dims:
        raise _bad(path, "is not an idx file of bytes (it does not start like one)")
    magic, *shape = (int(n) for n in header.view(">u4"))
    size = int(np.prod(shape, dtype=object))
    if len(content) - len(header) != size:
        raise _bad(
            path,
            f"should hold {size:,} bytes after its header but holds {len(content) - len(header):,}",
        )
    original = ORIGINALS.get(_md5(content))
    if original not in (None, f"{folder.parent.name}/raw/{stem}"):
        raise _bad(path, f"is the wrong file: it holds what belongs in {original}")
    return path, (magic, *shape[1:]), np.frombuffer(content, np.uint8)[len(header) :].reshape(shape)


def _bad(path, what):
    return DataError(
        f"{path} {what}. It was not used. Delete it and fetch it again, or set "
        "COURSE_DATA=embedded to work with the subset that comes with the kit."
    )


def _md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# ------------------------------------------------------------------------------- the full datasets


def _cached(name):
    """The folder of downloaded files: one for each user, shared by all notebooks."""
    cache = os.environ.get("XDG_CACHE_HOME")
    if not cache:
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:  # a user without a home, as in some containers
            cache = tempfile.gettempdir()
    return Path(cache) / "vae-course" / name / "raw"


def _download(name):
    """Make sure that the full dataset is in the cache folder; return None, or why it is not."""
    if _cached(name).is_dir():  # it gets this name only when it is complete
        return None
    if os.environ.get("NBGRADER_EXECUTION"):  # nor while nbgrader validates
        return "nothing is downloaded while grading"
    return _try_download(name)


@functools.cache  # without a network, wait once
def _try_download(name):
    if not _reachable(MIRRORS[name] + next(iter(DOWNLOADS[name]))):
        return "no network for the full dataset"
    from utils import _torchvision

    folder = _cached(name)
    print(f"Downloading {name} to {folder}")
    try:
        utils = _torchvision.load("torchvision.datasets.utils")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="partial-") as partial:
            complete = Path(partial) / "raw"
            with _socket_timeout(STALL_SECONDS):
                for file, md5 in DOWNLOADS[name].items():
                    utils.download_url(MIRRORS[name] + file, complete, file, md5)
            if not folder.is_dir():  # another notebook may have been faster
                complete.rename(folder)
    except (OSError, RuntimeError, ImportError, http.client.HTTPException) as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        return f"downloading the full dataset failed: {reason}"
    return None


def _reachable(url):
    """Whether `url` answers within PROBE_SECONDS."""
    answers = []

    def ask():
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answers.append(True)
        except (OSError, http.client.HTTPException):
            pass

    # in a thread, because looking up a host name can take much longer than the timeout
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answers)


@contextlib.contextmanager
def _socket_timeout(seconds):
    """torchvision's download sets no timeout of its own, so it would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


# ----------------------------------------------------------------------------- the embedded subset


def _read_embedded(name, train):
    """Return pixels (N, 28, 28) and labels (N,), both uint8."""
    train_pixels, train_labels, test_pixels, test_labels = unpack(name)
    return (train_pixels, train_labels) if train else (test_pixels, test_labels)


@functools.cache
def unpack(name):
    """Return train pixels, train labels, test pixels, test labels of the file in EMBEDDED.

    The file is these four arrays of bytes, one after the other, packed with xz; five images to
    train for each to test.
    """
    path = EMBEDDED / f"{name}.xz"
    try:
        packed = path.read_bytes()
    except OSError as problem:
        raise _incomplete(path, f"cannot be read ({problem})") from None
    if hashlib.sha256(packed).hexdigest() != _sum(path):
        raise _incomplete(path, f"is damaged (its SHA-256 is not the one in {SUMS})")
    content, arrays = np.frombuffer(lzma.decompress(packed), np.uint8), []
    images = len(content) // (28 * 28 + 1)
    train = round(TRAIN_SHARE * images)
    for count in (train, images - train):
        for shape in ((count, 28, 28), (count,)):
            size = int(np.prod(shape))
            arrays.append(content[:size].reshape(shape))
            content = content[size:]
    return arrays


def _sum(path):
    """The SHA-256 that a file should have; None where the list does not say."""
    try:
        rows = [row.split() for row in (EMBEDDED / SUMS).read_text("utf-8").splitlines()]
    except OSError as problem:
        raise _incomplete(EMBEDDED / SUMS, f"cannot be read ({problem})") from None
    return {name: digest for digest, name in rows}.get(path.name)


def _incomplete(path, what):
    return DataError(f"{path} {what}. It was not used. Take this file from the course kit again.")
