"""The letter as Markdown, for a desk, a mail or a pull request."""

from __future__ import annotations

from autograder.letter.letter import Letter, Question, number


def markdown(letter: Letter) -> str:
    """The whole letter; what students and readers wrote stands in it as they wrote it."""
    lines = [f"# {letter.assignment}: {letter.headline()}", ""]
    lines += [*letter.summary(), ""] if letter.summary() else []
    lines += [f"- {note}" for note in letter.notes]
    for question in letter.questions:
        lines += ["", f"## {heading(question)} · {letter.points(question)}", ""]
        lines += _told(question, letter)
    return "\n".join(lines).strip()


def heading(question: Question) -> str:
    """A question by its name in the code, where it has one, and by its title."""
    return f"`{question.in_code}`: {question.title}" if question.in_code else question.title


def _told(question: Question, letter: Letter) -> list[str]:
    say, lines, parts = letter.language.say, [], question.told
    if parts:
        lines += [parts.stood_in, ""] if parts.stood_in else []
        lines += [f"**{parts.says}**", ""] if parts.says else []
        if question.failed() or parts.says and not question.passed:
            what = parts.reread or say("this part of the notebook")
            link = f"[{what}](<{question.place}>)" if question.place else what
            lines += [f"{say('Reread:')} {link}", ""]
        for tested in question.failed():
            message = f" – {tested.message}" if tested.message else ""
            lines.append(f"- {say('Not yet:')} {tested.property}{message}")
        right = question.right()
        if right:
            lines.append(f"- {say('What went well:')} {'; '.join(right)}")
    for mark in question.marks:
        worth = say("{} of {}", number(mark.score), number(mark.points))
        lines.append(f"- {mark.criterion}: {worth}")
    lines += [f"- {question.off}"] if question.off else []
    lines += ["", question.comment] if question.comment else []
    return lines
