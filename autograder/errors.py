"""What ends a command, in a sentence that says what to do."""


class WrongCall(Exception):
    """Nothing was begun; the message says what to do."""


class Stopped(Exception):
    """Grading cannot go on, through no submission's fault; what is graded stays."""


def cause(error: Exception) -> str:
    """What is wrong with a file, without the system's number and without its name once more."""
    return str(getattr(error, "strerror", None) or error)
