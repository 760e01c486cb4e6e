"""`python -m utils.report`: report.html and report.pdf from the notebooks below a folder."""

import argparse
import sys

from utils.hand_in import console, report


def main(arguments=None) -> int:
    """Write the report; exit status 1, after one line, where it cannot be written."""
    console.lenient()
    parser = argparse.ArgumentParser("python -m utils.report", description=__doc__)
    parser.add_argument("folder", nargs="?", help="what holds the notebooks' folders")
    parser.add_argument("--to", help="the folder to write to (default: the same)")
    parser.add_argument("--name", default="", help="your name, for the title")
    options = parser.parse_args(arguments)
    try:
        report.make(options.folder, options.to, options.name)
    except OSError as error:
        print(f"the report cannot be written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
