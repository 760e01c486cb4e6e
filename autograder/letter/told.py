"""The text of a record in its parts: what was tested, what was received, the mistake, what to
reread. It is the reverse of `autograder.key.question.describe`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PASSED, FAILED, MESSAGE, LINE = "  passed: ", "  failed: ", "      ", "  "
STOOD_IN = re.compile(r"A reference (.+) stood in for yours, so its mistake costs nothing here\.")
REREAD = " Reread: "


@dataclass
class Tested:
    """One property. message: what was received instead, '' where it was passed."""

    property: str
    passed: bool
    message: str = ""


@dataclass
class Told:
    """What a record says about one question.

    head: its first line. stood_in: whose reference stood in. says: the mistake in a sentence, or
    why the question was not judged. reread: the part of the notebook to go back to, or ''.
    """

    head: str
    tested: list[Tested]
    says: str = ""
    reread: str = ""
    stood_in: str = ""

    def text(self) -> str:
        """The text that these are the parts of."""
        lines = [self.head]
        if self.stood_in:
            lines.append(LINE + self.stood_in)
        for tested in self.tested:
            lines.append((PASSED if tested.passed else FAILED) + tested.property)
            if tested.message:
                lines.append(MESSAGE + tested.message)
        if self.says or self.reread:
            lines.append(LINE + self.says + (f"{REREAD}{self.reread}." if self.reread else ""))
        return "\n".join(lines)


def read(feedback: str) -> Told:
    """The parts of a record's text; nothing of it is lost, whatever it is."""
    head, *lines = feedback.splitlines() or [""]
    told = Told(head, [])
    for line in lines:
        if line.startswith((PASSED, FAILED)):
            told.tested.append(Tested(line[len(PASSED) :], line.startswith(PASSED)))
        elif line.startswith(MESSAGE) and told.tested:
            tested = told.tested[-1]
            tested.message = f"{tested.message} {line.strip()}".strip()
        elif STOOD_IN.fullmatch(line.strip()):
            told.stood_in = line.strip()
        else:
            told.says = f"{told.says} {line.strip()}".strip()
    says, found, reread = told.says.rpartition(REREAD)
    if found and reread.endswith("."):
        told.says, told.reread = says, reread[:-1]
    return told
