"""What ends a command, in a sentence that says what to do, and the one place that prints it."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path


class WrongCall(Exception):
    """Nothing was begun; the message says what to do."""


class Stopped(Exception):
    """It cannot go on, through no submission's fault; what is done stays."""


WHAT_TO_DO = {
    errno.EROFS: "work in a copy of the folder that can be written",
    errno.EACCES: "work in a folder of your own",
    errno.ENOSPC: "make room, then run the same command again",
    errno.EDQUOT: "make room, then run the same command again",
}


def cause(error: Exception) -> str:
    """What is wrong with a file, without the system's number and without its name once more."""
    return str(getattr(error, "strerror", None) or error)


def unreadable(error: Exception) -> str:
    """Where a list of the key cannot be read, and why; "" for an error of another kind."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    file, line, why = frame.filename, frame.lineno, str(error)
    if isinstance(error, SyntaxError):
        file, line, why = error.filename or "", error.lineno, error.msg
    elif frame.name != "<module>":  # not while it is read: a fault of the kit's own
        return ""
    ours = Path(file).parent == Path(__file__).parent / "key"
    name = f"autograder/key/{Path(file).name}"
    return f"{name}, line {line}: {type(error).__name__}: {why}" if ours else ""


def told(command: str, run: Callable[[], int]) -> int:
    """Run a command; its exit status. What ends it early is told in one sentence, never in a
    traceback: 2 for a wrong call or a file that cannot be used, 1 where it stopped, 130 on Ctrl-C.
    """
    try:
        return run()
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except WrongCall as error:
        said, status = str(error), 2
    except Stopped as error:
        said, status = str(error), 1
    except OSError as error:
        where = [str(error.filename)] if error.filename else []
        said = ": ".join([*where, cause(error)])
        said, status = "; ".join(filter(None, [said, WHAT_TO_DO.get(error.errno)])), 2
    except Exception as error:
        from traitlets import TraitError

        status = 2
        if isinstance(error, TraitError):
            said = f"nbgrader_config.py: {error}"  # a setting that cannot be meant
        elif not (said := unreadable(error)):
            raise
    print(f"{command}: {said}", file=sys.stderr)
    return status
