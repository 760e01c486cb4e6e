"""Files of a download, read warily: from a zip, a tar or a folder, each with a limit.

Archives come from anywhere: names in three encodings, backslashes, links, damage, and a few KiB
that unpack to gigabytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path, PurePosixPath

from autograder.errors import WrongCall, cause
from autograder.exam.verdict import printable

MEBI = 2**20
LARGEST = 512 * MEBI  # of one submission, unpacked
LISTED = 50_000  # files that one archive may list
JOINERS = "\u200c\u200d"  # within words of Persian and Hindi, and within emoji
NAME = 200  # bytes of one part of a path; file systems end at 255
COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # tars
ZIPS = (".zip", ".ipynb", ".rar", ".7z")  # names that zips have been given
TAR = re.compile(r"\.(tar(\.(gz|bz2|xz))?|tgz|tbz2?|txz)$")
# What systems and editors leave behind; nobody handed it in.
SYSTEM = {"__MACOSX", ".ipynb_checkpoints", "__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini"}


class Unusable(Exception):
    """One student's submission cannot be taken; the message says why."""


class LeftOut(Exception):
    """One file cannot be taken; the message says why."""


@dataclass
class Budget:
    """Bytes that may still be read of one submission."""

    left: int

    def spend(self, size: int) -> None:
        """Unusable where there are not so many left."""
        self.left -= size
        if self.left < 0:
            raise Unusable(f"unpacked it has more than {LARGEST // MEBI} MiB")


@dataclass
class Upload:
    """A file: its name, how to open it (LeftOut where that is not possible), size and time."""

    name: str
    open: Callable[[], io.BufferedIOBase]
    size: int
    time: datetime | None

    def read(self, budget: Budget) -> bytes:
        """All of it; LeftOut where it is damaged, Unusable where it is more than the budget."""
        data = self._read(budget.left + 1)
        budget.spend(len(data))
        return data

    def begins(self, with_: bytes) -> bool:
        return self._read(len(with_)) == with_

    def _read(self, most: int) -> bytes:
        try:
            with self.open() as stream:
                return stream.read(most)
        except LeftOut as problem:
            raise LeftOut(f"{self.name!r} {problem}") from None
        except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError) as error:
            raise LeftOut(f"{self.name!r} is damaged ({cause(error)})") from None
        except Exception as error:  # zlib.error, lzma.LZMAError
            raise LeftOut(f"{self.name!r} is damaged ({cause(error)})") from None


def source(path: Path, zone: tzinfo | None = None) -> list[Upload]:
    """The files of a download: a zip file, or a folder that was unpacked from one.

    zone: of the times in a zip, which names none; None for this machine's.
    """
    if path.is_dir():
        return list(_walked(path))
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise WrongCall(
            f"{path} cannot be read as a zip file: {cause(error)}; of another archive, unpack it "
            "and name the folder"
        ) from None
    return list(inside(archive, zone))


def _walked(folder: Path) -> Iterator[Upload]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            status = path.lstat()
            time = datetime.fromtimestamp(status.st_mtime).astimezone()
            where = path.relative_to(folder).as_posix()
            yield Upload(where, _opener(path, status), status.st_size, time)


def _opener(path: Path, status):
    def opened():
        if not stat.S_ISREG(status.st_mode):
            raise LeftOut("is a link" if path.is_symlink() else "is no plain file")
        return open(path, "rb")

    return opened


def inside(archive: zipfile.ZipFile, zone: tzinfo | None = None) -> Iterator[Upload]:
    """The files in a zip; Unusable where they are too many to be listed."""
    infos = archive.infolist()
    if len(infos) > LISTED:
        raise Unusable(f"it has more than {LISTED:,} files")
    for info in infos:
        name = _named(info)
        if not name.endswith("/"):
            opened = _member(archive, info)
            yield Upload(name, opened, info.file_size, _time(info, zone))


def is_archive(upload: Upload) -> bool:
    """Whether a file of a download is a zip or a tar, whichever of them its name says: a file of
    weights is a zip inside, and stays as it is.
    """
    name = upload.name.lower()
    if "." not in name and "/" not in name:  # a name that lost its ending
        return upload.begins(b"PK")
    if name.endswith(ZIPS) or TAR.search(name):
        return name.endswith(".tar") or any(map(upload.begins, (b"PK", *COMPRESSED)))
    return False


def unpacked(upload: Upload, budget: Budget) -> Iterator[Upload]:
    """The files of an archive within a download; LeftOut where it cannot be opened."""
    data = upload.read(budget)
    if not data.startswith(b"PK"):
        return _in_tar(_expanded(upload, data, budget), upload.name)
    if data.count(b"PK\1\2") > LISTED:  # one a file; each takes a KiB to be listed
        raise Unusable(f"it has more than {LISTED:,} files")
    try:
        return inside(zipfile.ZipFile(io.BytesIO(data)))
    except (zipfile.BadZipFile, ValueError, OSError):
        raise LeftOut(f"{upload.name!r} is no zip file") from None


def _expanded(upload: Upload, data: bytes, budget: Budget) -> bytes:
    """A tar without its compression."""
    unpack = next((o for magic, o in COMPRESSED.items() if data.startswith(magic)), None)
    if unpack is None:
        return data
    packed = Upload(upload.name, lambda: unpack(io.BytesIO(data)), len(data), upload.time)
    return packed.read(budget)


def _in_tar(data: bytes, name: str) -> Iterator[Upload]:
    try:
        archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:")
        for number, info in enumerate(archive):
            if number >= LISTED:
                raise Unusable(f"it has more than {LISTED:,} files")
            if not info.isdir():
                yield Upload(info.name, _tar_member(archive, info), info.size, _changed(info))
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise LeftOut(f"{name!r} is damaged ({error})") from None


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo):
    def opened():
        stream = archive.extractfile(info) if info.isreg() else None
        if stream is None:
            raise LeftOut("is a link" if info.issym() or info.islnk() else "is no plain file")
        return stream

    return opened


def _changed(info: tarfile.TarInfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(info.mtime).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _named(info: zipfile.ZipInfo) -> str:
    """Its name; archives that do not say that it is UTF-8 mostly hold it all the same, and some
    tools of Windows write backslashes.
    """
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name.replace("\\", "/")


def _member(archive, info):
    def opened():
        if stat.S_ISLNK(info.external_attr >> 16):
            raise LeftOut("is a link")
        if info.flag_bits & 1:
            raise LeftOut("is encrypted")
        return archive.open(info)

    return opened


def _time(info: zipfile.ZipInfo, zone: tzinfo | None) -> datetime | None:
    try:
        time = datetime(*info.date_time)
    except ValueError:
        return None
    if time.year <= 1980:  # none was set
        return None
    return time.replace(tzinfo=zone) if zone else time.astimezone()


def systems(name: str) -> bool:
    """Whether a system or an editor made this file."""
    path = PurePosixPath(name)
    return not SYSTEM.isdisjoint(path.parts) or path.name.startswith("._")


def shortened(name: str) -> str:
    """A name that a file can have here, for one that is told by its content."""
    above, slash, own = name.rpartition("/")
    own = printable(" ".join(own.split())).encode()[-NAME:].decode("utf-8", "ignore")
    return above + slash + own


def checked(name: str) -> str:
    """A relative path that stays in its folder. Unusable for one that no honest archive holds,
    LeftOut for one that is merely no name for a file here.
    """
    path = PurePosixPath(name)
    shown = repr(printable(name.replace("\n", " ")))
    shown = shown if len(shown) <= 80 else f"{shown[:60]}…{shown[-12:]}"
    if path.is_absolute() or ".." in path.parts or re.match("[a-zA-Z]:/", name) or not path.parts:
        raise Unusable(f"{shown} is no name for a file")
    if max(len(part.encode("utf-8", "replace")) for part in path.parts) > NAME:
        raise LeftOut(f"{shown} has a name over {NAME} bytes")
    if printable(name, keep=JOINERS) != name or "\n" in name or "\t" in name or len(name) > 1000:
        raise LeftOut(f"{shown} is no name for a file")
    return str(path)
