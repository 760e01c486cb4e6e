"""The instructor's command line: `python -m autograder COMMAND`."""

import sys

from autograder.errors import told
from utils.hand_in import console

if __name__ == "__main__":  # also what the command line reads first may be what cannot be read
    sys.exit(told("autograder", lambda: console.run("autograder.cli")))
