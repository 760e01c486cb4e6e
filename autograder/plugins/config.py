"""nbgrader's configuration as this kit has it, and what nbgrader needs to be found."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import sqlalchemy

from autograder.errors import WrongCall

OURS = ("LatePolicy", "Letter", "WordLimit")  # what a course may set beside nbgrader's own
ROOT = Path(__file__).resolve().parents[2]  # of the kit: `nbgrader_config.py` lies there


def scripts_on_path() -> None:
    """nbgrader calls `alembic` by name: find it even where the environment is not activated."""
    scripts = str(Path(sys.executable).parent)
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = scripts + os.pathsep + os.environ.get("PATH", "")


def load_config(root: Path = ROOT):
    """`nbgrader_config.py` of this kit, for a course in `root`; WrongCall as in `_loaded`."""
    config = _loaded(ROOT)
    config.CourseDirectory.root = str(root)
    return config


def course_config(root: Path):
    """The kit's nbgrader configuration, and the course's own on top where it has one; WrongCall as
    in `_loaded`, and where a gradebook in that folder has no address.
    """
    root = root.resolve()
    with contextlib.chdir(root):  # the configuration looks at folders below the current one
        config = load_config(root)
        if (root / "nbgrader_config.py").is_file() and root != ROOT:
            config.merge(_loaded(root))
    if "db_url" not in config.CourseDirectory and re.search(r"\?|%[0-9A-Fa-f]{2}", str(root)):
        raise WrongCall(
            f"{root}: '?' and signs like '%20' in its name mean something else in the address of a "
            "gradebook; rename the folder"
        )
    config.CourseDirectory.root = str(root)
    return config


def only_known(section: type, config: Mapping) -> None:
    """WrongCall where a course sets an option that a section of ours has not: traitlets would take
    no notice of it.
    """
    has = section.class_trait_names(config=True)
    for name in config.get(section.__name__, ()):
        if name not in has:
            option = f"c.{section.__name__}.{name}"
            there = ", ".join(get_close_matches(name, has, 1) or sorted(has))
            raise WrongCall(f"{_set_in(option, config)}there is no {option}; there is {there}")


def _set_in(option: str, config: Mapping) -> str:
    """Where the course's files set it: "FILE, line N: ", or ""."""
    root = Path(config.get("CourseDirectory", {}).get("root", "."))
    for path in (root / "nbgrader_config.py", ROOT / "nbgrader_config.local.py"):
        lines = path.read_text("utf-8").splitlines() if path.is_file() else ()
        for number, line in enumerate(lines, 1):
            if option in line:
                return f"{path}, line {number}: "
    return ""


def _loaded(folder: Path):
    """The configuration in a folder. WrongCall, which names the file and what is wrong with it,
    where it cannot be read.
    """
    from traitlets.config import PyFileConfigLoader

    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    except Exception as error:  # whatever an instructor's own lines raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        file, line = getattr(error, "filename", frame.filename), getattr(error, "lineno", 0)
        said = getattr(error, "msg", error)
        raise WrongCall(
            f"{file}, line {line or frame.lineno}: {type(error).__name__}: {said}"
        ) from None
    for section in set(config) - {*OURS}:
        meant = get_close_matches(section, OURS, 1, 0.85)
        if meant and not section.endswith(meant[0]):  # one derived from ours
            where = _set_in(f"c.{section}", config)
            raise WrongCall(f"{where}there is no c.{section}: c.{meant[0]} is meant")
    return config


def permit(path: Path, shared: bool) -> None:
    """Give the group a file or folder, as nbgrader does where a group shares the course
    (`c.CourseDirectory.groupshared`); what belongs to a colleague is left to them.
    """
    if shared:
        with contextlib.suppress(PermissionError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o2770 if path.is_dir() else 0o660))


def no_gradebook(url: str, error: Exception) -> WrongCall:
    """What to say of a gradebook that cannot be opened; no password in its address is shown."""
    with contextlib.suppress(sqlalchemy.exc.ArgumentError):
        url = sqlalchemy.make_url(url).render_as_string(hide_password=True)
    if isinstance(error, ImportError):
        return WrongCall(f"the gradebook {url} needs a package: {error}; install it with pip")
    why = " ".join(str(getattr(error, "orig", None) or error).split())
    return WrongCall(f"cannot read the gradebook {url}: {why[:500]}")
