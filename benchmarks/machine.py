"""The line above or below every table: on what it was measured."""

import contextlib
import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine(*packages: str) -> str:
    """Processor, cores, load, versions (of these packages too) and date, in one line."""
    versions = "".join(f", {name} {version(name)}" for name in packages)
    return (
        f"{processor()}, {os.cpu_count()} cores, load average {load()}, {platform.system()}, "
        f"Python {platform.python_version()}{versions}, {datetime.date.today()}"
    )


def load() -> str:
    """Of the last minute; Windows has none."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def processor() -> str:
    with contextlib.suppress(OSError):  # Linux
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
