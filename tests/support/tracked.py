"""The files of this repository, and which version it is; also in a ZIP download, without git."""

from __future__ import annotations

import fnmatch
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]


def git(*words: str) -> str | None:
    """What git says of this repository; None where there is no git, or none that git trusts."""
    if not (ROOT / ".git").exists():  # it would speak of a repository around this folder
        return None
    try:
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return os.fsdecode(said.stdout)


def files() -> list[str]:
    """What git tracks or would, by names below the repository's top; without git, what .gitignore
    leaves.
    """
    listed = git("ls-files", "-co", "--exclude-standard", "-z")
    if listed is None:
        names = without(ROOT, (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    else:
        names = filter(None, listed.split("\0"))
    return sorted(name for name in names if (ROOT / name).is_file())


def without(root: Path, rules: list[str]) -> Iterable[str]:
    """The files below `root` that no rule names, as .gitignore writes rules here."""
    rules = [".git", *(rule for rule in rules if rule and not rule.startswith("#"))]
    for folder, within, names in os.walk(root):
        here = PurePosixPath(Path(folder).relative_to(root).as_posix())
        within[:] = [name for name in within if not _named(here / name, rules)]
        yield from (str(here / name) for name in names if not _named(here / name, rules))


def _named(path: PurePosixPath, rules: list[str]) -> bool:
    whole = [rule.strip("/") for rule in rules if rule.startswith("/")]
    anywhere = [rule.strip("/") for rule in rules if not rule.startswith("/")]
    return any(fnmatch.fnmatch(str(path), rule) for rule in whole) or any(
        fnmatch.fnmatch(path.name, rule) for rule in anywhere
    )
