"""nbgrader's configuration as this kit has it, and what nbgrader needs to be found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the kit: `nbgrader_config.py` lies there


def scripts_on_path() -> None:
    """nbgrader calls `alembic` by name: find it even where the environment is not activated."""
    scripts = str(Path(sys.executable).parent)
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = scripts + os.pathsep + os.environ.get("PATH", "")


def load_config(root: Path = ROOT):
    """`nbgrader_config.py` of this kit, for a course in `root`."""
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    config.CourseDirectory.root = str(root)
    return config
