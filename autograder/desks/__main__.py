"""`python -m autograder.desks NOTEBOOK …`: the command `one` alone, as a desk's bundle has it."""

import argparse
import sys

from autograder.desks import command
from autograder.errors import told


def main() -> int:
    """Grade one submission; exit status as of `one`."""
    parser = argparse.ArgumentParser(prog="python -m autograder.desks", description=__doc__)
    command.add_options(parser)
    options = parser.parse_args()
    return told("autograder one", lambda: command.run(options))


if __name__ == "__main__":
    sys.exit(main())
