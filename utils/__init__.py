"""What the notebooks import: data, plots, training, runs, checks and explorers."""

import os
import sys


def autograding() -> bool:
    """Whether nbgrader is running the notebook to grade it; then nothing is trained or saved."""
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"


def shell():
    """The IPython that runs this, None where it is plain Python; in a notebook it has a kernel."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
