"""The command `one`: its options, its exit status, where its result goes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from autograder.desks import FORMATS, gradescope, junit, prairielearn
from autograder.errors import Stopped, WrongCall, cause
from autograder.letter import language, letter, levels, text
from utils.hand_in.files import replacing


def add_options(parser: argparse.ArgumentParser) -> None:
    """`one`'s options."""
    parser.add_argument("notebook", type=Path, help="the notebook, or the folder that holds it")
    parser.add_argument(
        "--files", type=Path, metavar="FOLDER", help="what was handed in with it, such as runs/"
    )
    names = "by default its name or its cells say which"
    parser.add_argument("--assignment", metavar="NAME", help=f"which one was asked for; {names}")
    parser.add_argument("--seed", type=int, help="of the hidden inputs; drawn unless given")
    parser.add_argument("--as", dest="form", choices=FORMATS, default="json")
    parser.add_argument("--to", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--feedback",
        choices=levels.POLICIES,
        default=levels.POLICIES[0],
        help="all of it at once (default), or by the number of earlier tries",
    )
    parser.add_argument("--tries", type=int, metavar="N", help="how many there were before")
    parser.add_argument(
        "--language", default="en", metavar="NAME", help="of the feedback: de, fr …"
    )
    parser.add_argument(
        "--sentences",
        type=Path,
        metavar="FILE",
        help="translations; `python -m autograder.letter` begins such a file",
    )
    desk = parser.add_argument_group("with --as gradescope")
    desk.add_argument("--visibility", choices=gradescope.VISIBILITY, default="visible")
    desk.add_argument(
        "--metadata",
        type=Path,
        metavar="FILE",
        default=gradescope.METADATA,
        help=f"what it knows of earlier tries (default: {gradescope.METADATA})",
    )


def run(options) -> int:
    """Grade one submission; 0 when its result was written, whatever the score. Stopped when it
    could not be, WrongCall when the call was wrong.
    """
    from autograder.exam import server

    server.begin()  # it warms up while this process imports torch
    from autograder.desks import one
    from autograder.exam.walls.common import NoBox

    try:
        if options.to and options.to.is_dir():
            raise WrongCall(f"{options.to} is a folder: --to names a file")
        spoken = language.of(options.language, options.sentences)
        submission = one.found(options.notebook, options.files, options.assignment)
        result = one.grade(submission, options.seed)
    except NoBox as error:
        why = f"student code cannot be isolated here: {error}"
        raise Stopped(f"{why}; nothing was graded") from None
    except OSError as error:
        raise Stopped(f"{cause(error)}; nothing was graded") from None
    before = options.tries or 0
    if options.form == "gradescope":
        earlier = gradescope.Earlier.of(options.metadata, submission.digest)
        before = earlier.tries if options.tries is None else options.tries
    result = levels.shown(result, options.feedback, before)
    told = letter.of_result(result, spoken, one.released(submission.assignment))
    told.more_later = levels.level(options.feedback, before) < levels.ALL
    result = letter.in_full(result, told)
    written = {
        "json": lambda: json.dumps(result, ensure_ascii=False, indent=1) + "\n",
        "markdown": lambda: text.markdown(told) + "\n",
        "gradescope": lambda: gradescope.told(result, options.visibility, earlier),
        "prairielearn": lambda: prairielearn.told(result),
        "junit": lambda: junit.told(result),
    }[options.form]()
    if options.to is None:
        sys.stdout.buffer.write(written.encode())
        return 0
    try:
        options.to.parent.mkdir(parents=True, exist_ok=True)
        with replacing(options.to) as unfinished:  # a desk reads half a file as a student's error
            unfinished.write_text(written, encoding="utf-8")
    except OSError as error:
        raise Stopped(f"cannot write {options.to}: {cause(error)}") from None
    return 0
