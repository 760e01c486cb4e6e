"""Commands in a terminal: the Python that lacks what they need, the console that lacks letters."""

import importlib.util
import sys

OLDEST = 3, 11
OURS = ("utils", "autograder", "tests")


def run(module: str) -> int:
    """Call `main()` of a module; its exit status. Where this Python cannot run the course, a line
    says which can.
    """
    if sys.version_info[:2] < OLDEST:
        return lacks("is too old")
    try:
        return importlib.import_module(module).main()
    except ModuleNotFoundError as error:
        ours = (error.name or "").partition(".")[0] in ("", *OURS)
        if ours or importlib.util.find_spec("torch"):  # the right Python, and a name misspelt
            raise
        return lacks(f"lacks {error.name}")


def lacks(what: str) -> int:
    """Say what is wrong with this Python; the exit status of a wrong call."""
    version = ".".join(map(str, sys.version_info[:2]))
    print(
        f"This Python {version}, {sys.executable}, {what}. Take the one that the course was "
        "installed with, such as .venv/bin/python; how it is set up stands in README.md.",
        file=sys.stderr,
    )
    return 2


def lenient() -> None:
    """From now on a letter that the console lacks is shown as "?", and nothing is raised: Windows'
    cp1252 has neither β nor ✓.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not in notebooks, where every letter is there
            stream.reconfigure(errors="replace")
