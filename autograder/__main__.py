"""The instructor's command line: `python -m autograder COMMAND`."""

import sys

from utils.hand_in import console

if __name__ == "__main__":
    sys.exit(console.run("autograder.cli"))
