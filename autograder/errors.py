"""What ends a command, in a sentence that says what to do."""


class WrongCall(Exception):
    """Nothing was begun; the message says what to do."""


class Stopped(Exception):
    """Grading cannot go on, through no submission's fault; what is graded stays."""
