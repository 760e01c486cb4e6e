"""`python -m autograder.desks NOTEBOOK …`: the command `one` alone, as a desk's bundle has it."""

import argparse
import sys

from autograder.desks import command


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder.desks", description=__doc__)
    command.add_options(parser)
    try:
        return command.run(parser.parse_args())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
