"""`python -m autograder.letter [FILE]`: the sentences to translate, with what FILE has already."""

import json
import sys
from pathlib import Path

from autograder.errors import told
from autograder.letter import language, sentences


def main(arguments: list[str]) -> int:
    """Print the sentences as JSON. WrongCall where the file cannot be read."""
    sys.stdout.reconfigure(encoding="utf-8")  # of a file, on Windows too
    known = language.of("", Path(arguments[0])).sentences if arguments else {}
    told = {sentence: known.get(sentence, "") for sentence in sentences.all_of_them()}
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(told("autograder.letter", lambda: main(sys.argv[1:])))
