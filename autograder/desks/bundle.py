"""`python -m autograder bundle DESK ASSIGNMENT`: what a desk asks to be given.

The same tree for every desk: the examiner, what goes into the box, the release and the key of this
one assignment; `bundles/` has what only a desk needs. Which modules that takes is found by
following imports from `autograder.desks`, so nothing has to be listed.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import lzma
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import WrongCall, cause
from autograder.key import catalogue
from autograder.letter import levels

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent / "bundles"
DESKS = ("gradescope", "prairielearn", "docker")
LARGEST = 10_000_000  # bytes
TORCH = "--extra-index-url https://download.pytorch.org/whl/cpu"  # torch without CUDA
# Of requirements-students.txt: what only a student's own machine needs. Beside it: what reads a
# notebook, and what a cell's pictures need.
LEFT_OUT = {"jupyterlab", "notebook", "fpdf2", "fonttools", "uharfbuzz"}
ADDED = {"nbformat", "matplotlib-inline"}
SHORTENED = 2_000, 400  # images to train and to test of a dataset that is not evaluated on
EVALUATED = "MNIST"  # the examiner measures runs on its test images


@dataclass(frozen=True)
class Spoken:
    """What a desk says to students. show: a policy of `levels`. sentences: a file of them."""

    show: str = levels.POLICIES[0]
    language: str = "en"
    sentences: Path | None = None


def write(desk: str, assignment: str, to: Path | None = None, spoken=Spoken()) -> Path:
    """Write the bundle and return where it is: a zip for Gradescope, else a folder.

    spoken: how much is said, and in which language.

    WrongCall where there is no such desk or assignment, where something else lies there, or where
    it is larger than a desk takes.
    """
    if desk not in DESKS:
        raise WrongCall(f"no desk {desk!r}; there are {', '.join(DESKS)}")
    if assignment not in catalogue.ASSIGNMENTS:
        known = ", ".join(catalogue.ASSIGNMENTS)
        raise WrongCall(f"no assignment {assignment!r}; there are {known}")
    to = to or Path("dist") / f"{assignment}-{desk}{'.zip' if desk == 'gradescope' else ''}"
    packed = _zip(_laid_out(desk, assignment, spoken))
    if len(packed) > LARGEST:
        size = f"{len(packed) / 1e6:.1f} MB, more than {LARGEST / 1e6:g}"
        raise WrongCall(f"the bundle of {assignment} would have {size}; nothing was written")
    try:
        if desk == "gradescope":
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(packed)
        else:
            _unpack(packed, to)
    except OSError as error:
        raise WrongCall(f"{to} cannot be written: {cause(error)}") from None
    return to


def _zip(tree: dict[str, bytes]) -> bytes:
    """The same tree gives the same bytes; scripts can be run where it is unpacked."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(tree.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (_mode(name) | 0o100000) << 16
            archive.writestr(info, content)
    return stream.getvalue()


def _unpack(packed: bytes, to: Path) -> None:
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise WrongCall(f"{to} is there already: remove it, or name another place, --to FOLDER")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(to)
    for path in to.rglob("*"):
        path.chmod(0o755 if path.is_dir() else _mode(path.name))


def _mode(name: str) -> int:
    script = Path(name).name.startswith("run_") or name.endswith(".sh")
    return 0o755 if script else 0o644


def _laid_out(desk: str, assignment: str, spoken: Spoken) -> dict[str, bytes]:
    """The kit and what only this desk needs; PrairieLearn has it in the `tests/` of a question."""
    tree = kit(assignment)
    said = f"--feedback {spoken.show} --language {spoken.language}"
    if spoken.sentences:
        tree["sentences.json"] = spoken.sentences.read_bytes()
        said += ' --sentences "$PYTHONPATH/sentences.json"'
    for folder in (TEMPLATES, TEMPLATES / desk):
        for path in sorted(folder.iterdir()):
            if path.is_file():
                content = path.read_bytes().replace(b"ASSIGNMENT", assignment.encode())
                tree[path.name] = content.replace(b"FEEDBACK", said.encode())
    if desk == "prairielearn":
        page = tree.pop("question.html")
        tree = {f"tests/{name}": content for name, content in tree.items()}
        tree |= {"question.html": page, "info.json": _info(assignment)}
    return tree


def _info(assignment: str) -> bytes:
    """What PrairieLearn must know of a question; the same id whenever it is bundled again."""
    about = {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://vae-course.invalid/{assignment}")),
        "title": assignment,
        "topic": "Variational autoencoders",
        "type": "v3",
        "gradingMethod": "External",
        "externalGradingOptions": {
            "enabled": True,
            "image": "REGISTRY/vae-course",
            "entrypoint": "/grade/tests/run_prairielearn",
            "timeout": 600,
            "enableNetworking": False,
        },
    }
    return (json.dumps(about, indent=2) + "\n").encode()


def kit(assignment: str) -> dict[str, bytes]:
    """{name: content} of what grades one assignment, on any desk."""
    tree = {name: (ROOT / name).read_bytes() for name in sorted(_code(assignment))}
    foreign = [f"autograder/key/{name}/__init__.py" for name in catalogue.ASSIGNMENTS]
    for name in {*foreign} & {*tree} - {f"autograder/key/{assignment}/__init__.py"}:
        tree[name] = b""  # it would load every question there; only what this key uses is here
    for path in sorted((ROOT / "assignments" / assignment).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            tree[str(path.relative_to(ROOT))] = path.read_bytes()
    tree.update(_neutral())
    tree["requirements.txt"] = requirements().encode()
    return tree


def requirements() -> str:
    """What a desk installs, pinned as everywhere."""
    pins = {}
    for file in ("requirements-students.txt", "requirements.txt"):
        for line in (ROOT / file).read_text("utf-8").splitlines():
            name = line.partition("==")[0].strip()
            if "==" in line and (file.endswith("students.txt") or name in ADDED):
                pins[name] = line.partition("#")[0].strip()
    return "\n".join([TORCH, *(pin for name, pin in pins.items() if name not in LEFT_OUT), ""])


# -- code -----------------------------------------------------------------------------------------


def _code(assignment: str) -> set[str]:
    """The files of the examiner's code: everything that `autograder.desks` and the key import."""
    start = ["autograder.desks.__main__", f"autograder.key.{assignment}"]
    seen: set[Path] = set()
    waiting = [path for name in start for path in _files(name)]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if not _foreign(path, assignment):
            waiting += [file for name in _imported(path) for file in _files(name)]
    folder = ROOT / "autograder" / "key" / assignment
    beside = [p.with_suffix(".md") for p in seen] + [*(ROOT / "autograder/key").glob("*.md")]
    beside += [*(ROOT / "autograder/desks").glob("*.json")]
    beside += [p for p in folder.rglob("*") if p.suffix in (".py", ".md")]
    beside += (ROOT / "autograder/student").rglob("*.py")
    return {str(p.relative_to(ROOT)) for p in {*seen, *beside} if p.is_file()}


def _foreign(path: Path, assignment: str) -> bool:
    """Whether this is what would load another assignment's whole key."""
    key = ROOT / "autograder" / "key"
    others = {*catalogue.ASSIGNMENTS} - {assignment}
    return path.name == "__init__.py" and path.parent.parent == key and path.parent.name in others


def _files(module: str) -> Iterator[Path]:
    """The files that importing a module runs: its own, and those of the packages around it."""
    parts = module.split(".")
    if parts[0] != "autograder":
        return
    for count in range(1, len(parts) + 1):
        path = ROOT.joinpath(*parts[:count])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file


def _imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it; `from a import b` may mean a module a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# -- what students have ---------------------------------------------------------------------------


def _neutral() -> dict[str, bytes]:
    """`utils` with its data: all of the images that are evaluated on, fewer of the others."""
    tree, utils = {}, ROOT / "utils"
    for path in sorted(utils.rglob("*")):
        name = str(path.relative_to(ROOT))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "build.py":
            tree[name] = path.read_bytes()
    sums = "utils/embedded/SHA256SUMS"
    for line in tree[sums].decode().splitlines():
        name = f"utils/embedded/{line.split()[1]}"
        if Path(name).stem != EVALUATED:
            tree[name] = _shortened(Path(name).stem)
            line_new = f"{hashlib.sha256(tree[name]).hexdigest()}  {Path(name).name}"
            tree[sums] = tree[sums].replace(line.encode(), line_new.encode())
    return tree


def _shortened(name: str) -> bytes:
    """A dataset's file with fewer images: it is only looked at, a few batches at a time."""
    from utils import data  # it loads torch

    train, test = SHORTENED
    parts = zip(data.unpack(name), (train, train, test, test), strict=True)
    content = b"".join(array[:kept].tobytes() for array, kept in parts)
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
