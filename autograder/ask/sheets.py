"""The questions on paper, on a page, and for Moodle; and, apart from them, the answers."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from html import escape
from pathlib import Path
from xml.etree import ElementTree as xml

from autograder.exam import verdict
from autograder.letter.language import ENGLISH, Language
from autograder.letter.page import template
from autograder.plugins.tables import harmless

LETTERS = "ABCD"


def write(
    folder: Path, assignment: str, asked: list, spoken: Language = ENGLISH
) -> list[tuple[Path, str]]:
    """Write all of them; (file, what it is). asked: `command.Asked`, a student each."""
    asked = [translated(one, spoken) for one in asked]
    about = {"assignment": assignment, "asked": asked, "letters": LETTERS, "marked": marked}
    about |= {"lang": spoken.name, "say": spoken.say}
    sheet = template(Path(__file__).parent / "sheet.html.j2")
    page, key = (sheet.render(**about, key=key) for key in (False, True))
    files = {
        "questions.html": (page, "to print or to show: a sheet a student, no answers"),
        "moodle.xml": (
            moodle(assignment, asked),
            "the same as a question bank: a category a student",
        ),
        "examiner.html": (key, "the same with the answers, for the examiner alone"),
        "answers.csv": (answers(asked), "the answers as a table, for the examiner alone"),
    }
    for name, (text, _) in files.items():
        (folder / name).write_text(text, "utf-8")
    return [(folder / name, what) for name, (_, what) in files.items()]


def translated(one, spoken: Language):
    """What a student is asked, in the course's language; code stays as it is."""

    def of(item):
        choices = tuple(map(spoken.told, item.choices)) if item.pictures else item.choices
        says = spoken.told(item.figure_says)
        return replace(item, text=spoken.told(item.text), choices=choices, figure_says=says)

    return replace(one, items=[of(item) for item in one.items], note=spoken.told(one.note))


def answers(asked: list) -> str:
    """A row a question, as CSV: whose, its number, the letter and the text of its answer, and the
    graded question that it is about.
    """
    stream = io.StringIO()
    table = csv.writer(stream)
    table.writerow(["student", "question", "answer", "value", "about"])
    for one in asked:
        for number, item in enumerate(one.items, 1):
            value = item.choices[item.right]
            row = [one.student, number, LETTERS[item.right], harmless(value), item.about]
            table.writerow(row)
    return stream.getvalue()


def moodle(assignment: str, asked: list) -> str:
    """Moodle's XML of questions (https://docs.moodle.org/en/Moodle_XML_format), one category a
    student. Moodle needs the right answers: whoever may see the question bank sees them.
    """
    quiz = xml.Element("quiz")
    for one in asked:
        if one.items:
            category = xml.SubElement(quiz, "question", type="category")
            path = f"$course$/top/{assignment}/{one.student.replace('/', '-')}"
            _text(xml.SubElement(category, "category"), path)
        for number, item in enumerate(one.items, 1):
            question = xml.SubElement(quiz, "question", type="multichoice")
            _text(xml.SubElement(question, "name"), f"{assignment}: {one.student}, {number}")
            figure = f"<br>{_picture(item.figure, item.figure_says)}" if item.figure else ""
            told = xml.SubElement(question, "questiontext", format="html")
            _text(told, marked(item.text) + figure)
            for tag, value in (
                ("defaultgrade", "1"),
                ("single", "true"),
                ("shuffleanswers", "true"),
            ):
                xml.SubElement(question, tag).text = value
            xml.SubElement(question, "answernumbering").text = "ABCD"
            for place, choice in enumerate(item.choices):
                fraction = "100" if place == item.right else "0"
                answer = xml.SubElement(question, "answer", fraction=fraction, format="html")
                shown = f"<code>{escape(choice)}</code>"
                _text(answer, _picture(item.pictures[place], choice) if item.pictures else shown)
    xml.indent(quiz)
    return xml.tostring(quiz, encoding="unicode", xml_declaration=True) + "\n"


def _picture(address: str, says: str) -> str:
    return f'<img src="{address}" alt="{escape(verdict.printable(says))}">'


def _text(element, text: str) -> None:
    xml.SubElement(element, "text").text = verdict.printable(text)  # XML has no control characters


def marked(text: str) -> str:
    """Text as HTML, what stands in backticks as code."""
    parts = verdict.printable(text).split("`")
    made = [f"<code>{escape(p)}</code>" if i % 2 else escape(p) for i, p in enumerate(parts)]
    return "".join(made)
