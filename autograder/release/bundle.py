"""What students get: one zip with the notebooks, `utils`, the data, the licences."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from autograder.key import catalogue
from autograder.plugins.config import ROOT
from autograder.release import build

PAPERS = ("LICENSE", "LICENSE-TEXTS.md", "THIRD_PARTY.md", "CHANGELOG.md")
NOTEBOOKS = re.compile(r"(?P<head>^\| notebook \|.*\n\|[-|]+\n)(?P<rows>(?:\| `\w+` .*\n)+)", re.M)
# What has another name in the zip, {name there: name here}.
RENAMED = {"requirements.txt": "requirements-students.txt"}
STUDENTS = "vae-course-students"  # the distribution's name; the whole kit is vae-course


def write(target: Path, root: Path = ROOT) -> Path:
    """The zip; it holds nothing that only instructors have."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files(root)):
            archive.write(path, f"vae-course/{path.relative_to(root).as_posix()}")
        for name, here in RENAMED.items():
            archive.write(root / here, f"vae-course/{name}")
        archive.writestr("vae-course/pyproject.toml", _pyproject(root))
        archive.writestr("vae-course/README.md", _readme(root))
    return target


def course_url(root: Path = ROOT) -> str:
    """The address of the course's page, which stands nowhere else; empty where none is set."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["course"]["url"]


def _files(root: Path) -> Iterator[Path]:
    for assignment in [*catalogue.ASSIGNMENTS, *build.own_assignments(root)]:
        folder = root / "assignments" / assignment
        left_behind = {path for pattern in build.LEFT_BEHIND for path in folder.glob(pattern)}
        for path in folder.rglob("*"):
            released = root / "solutions" / path.relative_to(root / "assignments")
            if path.is_file() and released.is_file() and not left_behind & {path, *path.parents}:
                yield path
    for path in (root / "utils").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.name != "build.py":
            yield path
    for name in (*PAPERS, "environment.yml"):
        yield root / name


def _rows(table: re.Match, there: list[str], root: Path) -> str:
    """The table of notebooks with a row for each that there is, in their order; one that the page
    does not know has its title.
    """
    rows = {re.match(r"\| `(\w+)`", row)[1]: row for row in table["rows"].splitlines()}
    new = {name: f"| `{name}` | {_title(root, name)} | – |" for name in there if name not in rows}
    return table["head"] + "".join(f"{(rows | new)[name]}\n" for name in there)


def _title(root: Path, assignment: str) -> str:
    """The first heading of an assignment's release."""
    for path in sorted((root / "assignments" / assignment).glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            found = re.search(r"^# (.+)$", cell.source, re.M)
            if cell.cell_type == "markdown" and found:
                return found[1].replace("|", "\\|")
    return ""


def _pyproject(root: Path) -> str:
    """The kit's, as a package of another name: who has both installed must see which is which.

    `pip install vae-course.zip` also fetches what a hosted notebook lacks, in any version, where
    requirements.txt pins the versions that the course was tested with.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.ruff]")[0]
    pins = (root / "requirements-students.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", pins, re.M)
    needed = [name for name in names if name not in ("jupyterlab", "notebook")]
    listed = "".join(f'  "{name}",\n' for name in needed)
    own = f'name = "{STUDENTS}"\ndependencies = [\n{listed}]\n'
    return text.replace('name = "vae-course"\n', own).replace(', "autograder*"', "")


def _readme(root: Path) -> str:
    """docs/for-students.md with the notebooks that there are, and where the course's page is."""
    text = (root / "docs" / "for-students.md").read_text(encoding="utf-8")
    there = [*catalogue.ASSIGNMENTS, *build.own_assignments(root)]
    text = NOTEBOOKS.sub(lambda table: _rows(table, there, root), text)
    url = course_url(root)
    return f"{text}\nThe course's page: <{url}>\n" if url else text
