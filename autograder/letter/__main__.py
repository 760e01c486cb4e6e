"""`python -m autograder.letter [FILE]`: the sentences to translate, with what FILE has already."""

import json
import sys
from pathlib import Path

from autograder.errors import WrongCall
from autograder.letter import language, sentences


def main(arguments: list[str]) -> int:
    sys.stdout.reconfigure(encoding="utf-8")  # of a file, on Windows too
    known = {}
    if arguments:
        try:
            known = language.of("", Path(arguments[0])).sentences
        except WrongCall as error:
            print(f"autograder.letter: {error}", file=sys.stderr)
            return 2
    told = {sentence: known.get(sentence, "") for sentence in sentences.all_of_them()}
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
