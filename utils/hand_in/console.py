"""Consoles that lack letters: Windows' cp1252 has neither β nor ✓."""

import sys


def lenient() -> None:
    """From now on a letter that the console lacks is shown as "?", and nothing is raised."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not in notebooks, where every letter is there
            stream.reconfigure(errors="replace")
