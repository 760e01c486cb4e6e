"""utils.data: where images come from, that no bad file is used, what the loader promises."""

import functools
import gzip
import hashlib
import http.server
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import data

FILES = {
    (train, kind): f"{'train' if train else 't10k'}-{kind}-ubyte"
    for train in (True, False)
    for kind in ("images-idx3", "labels-idx1")
}


@pytest.fixture(autouse=True)
def no_data_of_this_machine(tmp_path_factory, monkeypatch):
    """Neither this machine's data folder, nor its cache, nor its network."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        monkeypatch.setattr(data, "MIRRORS", dict.fromkeys(data.CLASSES, nowhere))
        data._try_download.cache_clear()
        data.unpack.cache_clear()
        yield
    data._try_download.cache_clear()
    data.unpack.cache_clear()


def idx_images(count, seed=0):
    pixels = torch.randint(256, (count, 784), generator=torch.Generator().manual_seed(seed))
    return struct.pack(">4i", 2051, count, 28, 28) + bytes(pixels.flatten().tolist())


def idx_labels(count):
    return struct.pack(">2i", 2049, count) + bytes(i * 7 % 10 for i in range(count))


def write_root(root, packed, names=("MNIST",), counts=(30, 20)):
    """Write small datasets in torchvision's layout, unpacked or as .gz."""
    for name in names:
        raw = root / name / "raw"
        raw.mkdir(parents=True)
        for train, count in zip((True, False), counts, strict=True):
            for kind, content in (
                ("images-idx3", idx_images(count, seed=count)),
                ("labels-idx1", idx_labels(count)),
            ):
                stem = FILES[train, kind]
                if packed:
                    (raw / f"{stem}.gz").write_bytes(gzip.compress(content, mtime=0))
                else:
                    (raw / stem).write_bytes(content)
    return root


# ------------------------------------------------------------------------------------------ sources


@pytest.mark.parametrize("name", data.CLASSES)
def test_the_embedded_subset_is_balanced_and_its_two_parts_are_disjoint(name):
    train, test = data.load(name), data.load(name, train=False)
    for images, count in ((train, 10_000), (test, 2_000)):
        assert images.images.shape == (count, 1, 28, 28)
        assert images.images.dtype == torch.float32
        assert images.images.min() == 0 and images.images.max() == 1
        assert images.labels.dtype == torch.int64
        assert images.labels.bincount().tolist() == [count // 10] * 10
        assert images.labels[:50].unique().numel() > 5, "a limit must not pick single classes"
    both = torch.cat([train.images, test.images]).numpy()
    assert len({image.tobytes() for image in both}) == 12_000


def test_the_embedded_files_are_small_and_documented():
    readme = (data.EMBEDDED / "README.md").read_text(encoding="utf-8")
    files = [data.EMBEDDED / f"{name}.xz" for name in data.CLASSES]
    assert sum(file.stat().st_size for file in files) < 9e6
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert f"| `{file.name}` | {file.stat().st_size:,} | `{digest}` |" in readme
        assert f"{digest}  {file.name}\n" in (data.EMBEDDED / data.SUMS).read_text()


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("train", [True, False])
def test_a_folder_in_torchvisions_layout_gives_the_pixels_and_labels_in_it(tmp_path, packed, train):
    count = 30 if train else 20
    images, labels = data.load("MNIST", train, root=write_root(tmp_path, packed))
    expected = torch.tensor(list(idx_images(count, seed=count)[16:])).view(count, 1, 28, 28)
    assert torch.equal((images * 255).round().long(), expected)
    assert torch.equal(labels, torch.tensor(list(idx_labels(count)[8:])))


def test_torchvision_reads_the_same_from_the_same_folder(tmp_path):
    from utils import _torchvision

    datasets = _torchvision.load("torchvision.datasets")
    write_root(tmp_path, packed=False)
    theirs = datasets.MNIST(tmp_path)
    ours = data.load("MNIST", root=tmp_path)
    assert torch.equal((ours.images[:, 0] * 255).round().to(torch.uint8), theirs.data)
    assert torch.equal(ours.labels, theirs.targets)


def test_the_argument_wins_over_the_variable_which_wins_over_the_rest(tmp_path, monkeypatch):
    argument = write_root(tmp_path / "argument", True, counts=(11, 1))
    variable = write_root(tmp_path / "variable", True, counts=(12, 1))
    assert len(data.load("MNIST").labels) == 10_000
    monkeypatch.setenv("COURSE_DATA", str(variable))
    assert len(data.load("MNIST").labels) == 12
    assert len(data.load("MNIST", root=argument).labels) == 11
    assert len(data.load("MNIST", root="embedded").labels) == 10_000
    monkeypatch.setenv("COURSE_DATA", "embedded")
    assert len(data.load("MNIST").labels) == 10_000


def test_a_named_folder_without_the_data_is_an_error_and_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(data.DataError, match="train-images-idx3-ubyte") as error:
        data.load("MNIST")
    assert str(tmp_path / "MNIST" / "raw") in str(error.value)
    monkeypatch.setenv("COURSE_DATA", "~nobody-of-that-name/data")
    with pytest.raises(data.DataError, match="~nobody-of-that-name"):
        data.load("MNIST")


@pytest.mark.parametrize("name", data.CLASSES)
@pytest.mark.parametrize("limit", [None, 1, 77, 50_000])
def test_one_line_says_name_split_count_and_source(capsys, name, limit):
    loaded = data.load(name, train=False, limit=limit)
    said, err = capsys.readouterr()
    assert said.count("\n") == 1 and not err
    assert said.startswith(f"{name} test: ")
    assert f"{len(loaded.labels):,}" in said and "2,000" in said
    assert "subset that comes with the kit" in said and "no network" in said


def test_the_line_names_the_folder(capsys, tmp_path):
    data.load("MNIST", root=write_root(tmp_path, True))
    said, err = capsys.readouterr()
    assert said == f"MNIST train: 30 images, from {tmp_path / 'MNIST' / 'raw'}\n" and not err


def test_a_limit_takes_the_first_images():
    all_of_them, some = data.load("MNIST"), data.load("MNIST", limit=123)
    assert torch.equal(some.images, all_of_them.images[:123])
    assert torch.equal(some.labels, all_of_them.labels[:123])
    with pytest.raises(ValueError, match="limit must be at least 1"):
        data.load("MNIST", limit=0)


def test_what_is_loaded_can_be_changed_without_changing_the_next_load():
    first = data.load("MNIST", train=False)
    before = first.images.clone(), first.labels.clone()
    first.images.zero_(), first.labels.zero_()
    again = data.load("MNIST", train=False)
    assert torch.equal(again.images, before[0]) and torch.equal(again.labels, before[1])


@pytest.mark.parametrize("name", ["mnist", "CIFAR10", "", None])
def test_an_unknown_dataset_says_which_exist(name):
    with pytest.raises(data.DataError, match="MNIST, FashionMNIST"):
        data.load(name)


# --------------------------------------------------------------------------------------- downloads


class Mirror(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A web server with a small MNIST, and the table of checksums that belongs to it."""
    root = write_root(tmp_path / "mirror", packed=True)
    raw = root / "MNIST" / "raw"
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Mirror, directory=str(raw))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    md5 = {f.name: hashlib.md5(f.read_bytes()).hexdigest() for f in sorted(raw.iterdir())}
    monkeypatch.setitem(data.DOWNLOADS, "MNIST", md5)
    monkeypatch.setitem(data.MIRRORS, "MNIST", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(data, "PROBE_SECONDS", 30)  # a busy machine is not an offline one
    yield raw
    server.shutdown()
    thread.join()
    server.server_close()


def test_with_a_network_the_full_dataset_is_downloaded_once(mirror, capsys):
    assert len(data.load("MNIST").labels) == 30
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"Downloading MNIST to {data._cached('MNIST')}",
        f"MNIST train: 30 images, from {data._cached('MNIST')}",
    ]
    shutil.rmtree(mirror)  # from now on from the cache, in another process too
    data._try_download.cache_clear()
    assert len(data.load("MNIST", train=False).labels) == 20
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_download_with_a_wrong_checksum_is_not_kept(mirror, capsys):
    damaged = mirror / "t10k-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert len(data.load("MNIST").labels) == 10_000
    assert "downloading the full dataset failed" in capsys.readouterr().out
    assert not list(data._cached("MNIST").parent.iterdir())


def test_a_missing_file_on_the_mirror_falls_back_to_the_subset(mirror, capsys):
    (mirror / "train-labels-idx1-ubyte.gz").unlink()
    assert len(data.load("MNIST").labels) == 10_000
    assert "downloading the full dataset failed" in capsys.readouterr().out
    assert not list(data._cached("MNIST").parent.iterdir())


def test_grading_downloads_nothing(mirror, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert len(data.load("MNIST").labels) == 10_000
    assert not data._cached("MNIST").exists()
    assert capsys.readouterr().out.count("\n") == 1


def test_a_damaged_file_in_the_cache_is_an_error(mirror):
    data.load("MNIST")
    damaged = data._cached("MNIST") / "train-labels-idx1-ubyte.gz"
    damaged.write_bytes(gzip.compress(idx_labels(30)[:-1] + b"\0"))  # a sound file, but not the one
    with pytest.raises(data.DataError, match="MD5") as error:
        data.load("MNIST")
    assert str(damaged) in str(error.value)


def test_a_mirror_that_never_answers_does_not_hold_up_the_student(monkeypatch, capsys):
    monkeypatch.setattr(data, "PROBE_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # accepts, and says nothing
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setitem(data.MIRRORS, "MNIST", silent_url)
        assert len(data.load("MNIST").labels) == 10_000
    assert "no network" in capsys.readouterr().out


# ----------------------------------------------------------------------------------- damaged files


def error_for(root, train=True):
    with pytest.raises(data.DataError) as error:
        data.load("MNIST", train, root=root)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        ("images-idx3", b"", "not an idx file"),
        ("images-idx3", b"<html>404 Not Found</html>", "not an idx file"),
        ("images-idx3", idx_labels(30), "28 × 28"),
        ("images-idx3", struct.pack(">4i", 2051, 30, 32, 32) + bytes(30 * 1024), "28 × 28"),
        ("images-idx3", struct.pack(">4i", 2051, -1, 28, 28), "bytes after its header"),
        ("images-idx3", idx_images(30)[:-1], "bytes after its header"),
        ("images-idx3", idx_images(30) + b"\0", "bytes after its header"),
        ("images-idx3", idx_images(29), "30 labels for the 29 images"),
        ("labels-idx1", idx_images(30), "not an idx file of labels"),
        ("labels-idx1", idx_labels(31), "31 labels for the 30 images"),
        ("labels-idx1", idx_labels(30)[:-1] + b"\x0a", "label 10"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, packed, kind, content, says):
    write_root(tmp_path, packed)
    path = tmp_path / "MNIST" / "raw" / (FILES[True, kind] + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(content) if packed else content)
    message = error_for(tmp_path)
    assert says in message and "Delete it" in message
    assert str(path) in message or path.name.removesuffix(".gz") in message


def test_no_images_are_an_error(tmp_path):
    assert "holds no images" in error_for(write_root(tmp_path, True, counts=(0, 0)))


def test_a_file_that_belongs_in_another_folder_is_an_error(tmp_path, monkeypatch):
    write_root(tmp_path, packed=False)
    md5 = hashlib.md5(idx_images(30, seed=30)).hexdigest()
    monkeypatch.setitem(data.ORIGINALS, md5, "FashionMNIST/raw/train-images-idx3-ubyte")
    assert "belongs in FashionMNIST/raw/train-images" in error_for(tmp_path)
    monkeypatch.setitem(data.ORIGINALS, md5, "MNIST/raw/train-images-idx3-ubyte")
    assert len(data.load("MNIST", root=tmp_path).labels) == 30


@pytest.mark.dear
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_happens_to_a_packed_file_it_is_an_error_or_harmless(draw):
    kind = draw.draw(st.sampled_from(["images-idx3", "labels-idx1"]))
    with tempfile.TemporaryDirectory() as folder:
        root = write_root(Path(folder), packed=True)
        sound = data.load("MNIST", root=root)
        path = root / "MNIST" / "raw" / f"{FILES[True, kind]}.gz"
        content = bytearray(path.read_bytes())
        at = draw.draw(st.integers(0, len(content) - 1) | st.integers(0, 40))
        if draw.draw(st.booleans()):
            del content[at:]
        else:
            content[at % len(content)] ^= draw.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            loaded = data.load("MNIST", root=root)
        except data.DataError as problem:
            assert path.name in str(problem)
        else:  # such as a change of the time stamp in the gzip header
            assert torch.equal(loaded.images, sound.images)
            assert torch.equal(loaded.labels, sound.labels)


@pytest.mark.dear
@settings(deadline=None, max_examples=100)
@given(st.data())
def test_an_unpacked_file_cut_short_or_with_a_changed_header_is_an_error(draw):
    kind, header = draw.draw(st.sampled_from([("images-idx3", 16), ("labels-idx1", 8)]))
    with tempfile.TemporaryDirectory() as folder:
        root = write_root(Path(folder), packed=False)
        path = root / "MNIST" / "raw" / FILES[True, kind]
        content = bytearray(path.read_bytes())
        if draw.draw(st.booleans()):
            del content[draw.draw(st.integers(0, len(content) - 1)) :]
        else:
            content[draw.draw(st.integers(0, header - 1))] ^= draw.draw(st.integers(1, 255))
        path.write_bytes(content)
        assert path.name in error_for(root)


@settings(deadline=None, max_examples=30)
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 255))
def test_any_change_to_an_embedded_file_is_an_error(where, flip):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        content = bytearray((data.EMBEDDED / "MNIST.xz").read_bytes())
        at = int(where * len(content))
        if flip:
            content[at] ^= flip
        else:
            del content[at:]
        damaged = Path(folder) / "MNIST.xz"
        damaged.write_bytes(content)
        shutil.copy(data.EMBEDDED / data.SUMS, folder)
        patch.setattr(data, "EMBEDDED", Path(folder))
        data.unpack.cache_clear()
        with pytest.raises(data.DataError, match="damaged") as error:
            data.load("MNIST", root="embedded")
        assert str(damaged) in str(error.value) and "course kit again" in str(error.value)


def test_a_missing_embedded_file_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "EMBEDDED", tmp_path)
    with pytest.raises(data.DataError, match="MNIST.xz cannot be read"):
        data.load("MNIST", root="embedded")


@pytest.mark.dear
def test_a_notebook_shows_the_message_without_a_traceback():
    cell = "from utils import data; data.load('CIFAR10')"
    shown = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", cell],
        capture_output=True,
        text=True,
    )
    assert "DataError: There is no dataset 'CIFAR10'." in shown.stdout + shown.stderr
    assert "Traceback" not in shown.stdout + shown.stderr


# ------------------------------------------------------------------------------------------ Loader


def epoch_of(loader):
    """The labels in the order in which they come, after checking that images go with labels."""
    seen = []
    for x, y in loader:
        assert torch.equal(x.flatten(1)[:, 0].long(), y)
        seen.extend(y.tolist())
    return seen


def numbered(count):
    labels = torch.arange(count)
    return labels.float().view(-1, 1, 1, 1).expand(-1, 1, 2, 2), labels


sizes = st.integers(1, 300)


@given(count=sizes, batch_size=sizes, shuffle=st.booleans(), seed=st.integers(0, 2**70))
def test_an_epoch_has_every_image_once_with_its_label(count, batch_size, shuffle, seed):
    loader = data.Loader(*numbered(count), batch_size=batch_size, shuffle=shuffle, seed=seed)
    for _ in range(2):
        seen = epoch_of(loader)
        assert sorted(seen) == list(range(count))
        if not shuffle:
            assert seen == list(range(count))
    batches = [len(y) for _, y in loader]
    assert len(batches) == len(loader)
    assert all(size == batch_size for size in batches[:-1]) and 0 < batches[-1] <= batch_size


@given(count=sizes, batch_size=sizes)
def test_drop_last_leaves_out_only_a_small_batch(count, batch_size):
    if batch_size > count:
        with pytest.raises(ValueError, match="drop_last"):
            data.Loader(*numbered(count), batch_size=batch_size, drop_last=True)
        return
    loader = data.Loader(*numbered(count), batch_size=batch_size, drop_last=True)
    sizes_seen = [len(y) for _, y in loader]
    assert sizes_seen == [batch_size] * (count // batch_size) and len(loader) == len(sizes_seen)


@given(seed=st.integers(0, 2**40))
def test_the_order_depends_on_seed_and_epoch_only(seed):
    def make(seed):
        return data.Loader(*numbered(100), batch_size=32, seed=seed)

    first, same, other = make(seed), make(seed), make(seed + 1)
    epochs = [epoch_of(first) for _ in range(4)]
    assert len(set(map(tuple, epochs))) == 4
    assert [epoch_of(same) for _ in range(4)] == epochs
    assert not {tuple(epoch_of(other)) for _ in range(4)} & set(map(tuple, epochs))

    resumed = make(seed)
    resumed.epoch = 2
    assert [epoch_of(resumed) for _ in range(2)] == epochs[2:] and resumed.epoch == 4


def test_an_epoch_left_early_counts_as_one():
    stopped, whole = (data.Loader(*numbered(50), batch_size=10) for _ in range(2))
    for _ in stopped:
        break
    epoch_of(whole)
    assert stopped.epoch == whole.epoch == 1
    assert epoch_of(stopped) == epoch_of(whole)


def test_two_passes_at_the_same_time_do_not_disturb_each_other():
    loader = data.Loader(*numbered(40), batch_size=10)
    expected = [epoch_of(loader) for _ in range(2)]
    loader.epoch = 0
    pairs = list(zip(loader, loader, strict=True))
    assert [[n for pair in pairs for n in pair[i][1].tolist()] for i in range(2)] == expected


def test_torchs_and_numpys_global_random_numbers_are_untouched():
    import numpy as np

    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(3)
    np.random.seed(3)
    epoch_of(data.Loader(*numbered(40)))
    assert torch.equal(torch.rand(3), expected[0]) and (np.random.rand(3) == expected[1]).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_can_be_changed_without_changing_the_dataset(shuffle):
    images, labels = torch.rand(20, 1, 2, 2), torch.arange(20)
    before = images.clone()
    for x, y in data.Loader(images, labels, batch_size=5, shuffle=shuffle):
        x.zero_(), y.zero_()
    assert torch.equal(images, before) and torch.equal(labels, torch.arange(20))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8, torch.bfloat16])
def test_batches_keep_the_type_of_the_tensors(dtype):
    images, labels = torch.arange(20).view(20, 1).to(dtype), torch.arange(20)
    for x, y in data.Loader(images, labels, batch_size=6):
        assert x.dtype == dtype and torch.equal(x[:, 0].long(), y)


def test_gradients_reach_tensors_that_require_them():
    latents = torch.zeros(10, 3, requires_grad=True)
    for z, _ in data.Loader(latents, torch.arange(10), batch_size=4):
        z.sum().backward()
    assert torch.equal(latents.grad, torch.ones(10, 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_on_a_gpu_stay_there_and_come_in_the_same_order():
    images, labels = numbered(100)
    loader = data.Loader(images.cuda(), labels.cuda(), batch_size=32)
    assert all(x.is_cuda and y.is_cuda for x, y in data.Loader(images.cuda(), labels.cuda()))
    assert epoch_of(loader) == epoch_of(data.Loader(images, labels, batch_size=32))


def test_grading_sees_a_handful_of_batches(monkeypatch):
    large, small = (data.Loader(*numbered(count), batch_size=10) for count in (100, 15))
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert len(large) == data.AUTOGRADE_BATCHES == 3 and len(epoch_of(large)) == 30
    assert len(small) == 2 and len(epoch_of(small)) == 15
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert len(large) == 10 and len(epoch_of(large)) == 100


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(labels=torch.arange(9)), "10 images and 9 labels"),
        (dict(batch_size=0), "batch_size must be at least 1, not 0"),
        (dict(batch_size=-4), "batch_size must be at least 1, not -4"),
        (dict(seed=-1), "seed must not be negative, got -1"),
        (dict(images=torch.zeros(0, 1), labels=torch.arange(0)), "no images"),
    ],
)
def test_bad_arguments_say_what_is_wrong(arguments, says):
    images, labels = numbered(10)
    with pytest.raises(ValueError, match=says):
        data.Loader(**dict(images=images, labels=labels) | arguments)
