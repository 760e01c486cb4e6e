"""`python -m autograder.desks NOTEBOOK …`: the command `one` alone, as a desk's bundle has it."""

import argparse

from autograder.desks import command

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autograder.desks", description=__doc__)
    command.add_options(parser)
    raise SystemExit(command.run(parser.parse_args()))
