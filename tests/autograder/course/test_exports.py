"""Exports round-trip: what an LMS would read back is what the gradebook holds, whatever the names
are.
"""

import csv

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder.course.exports import Canvas, ExportError, Gradescope, Moodle, Table
from autograder.release import build

PEOPLE = {
    "aøhman": ("Åsa", "Öhman", "asa@example.org", "101"),
    "bquote": ('Bob "Bobby"', "O'Hara, Jr.", "bob@example.org", "102"),
    "cmissing": ("Chloé", "Dupont", "chloe@example.org", "103"),
}


@pytest.fixture
def gradebook(tmp_path):
    build.scripts_on_path()
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        book.add_assignment("vae")
        book.add_notebook("vae", "vae")
        book.add_grade_cell("vae-kl_gaussian", "vae", "vae", max_score=2, cell_type="code")
        book.add_grade_cell("vae-beta_0", "vae", "vae", max_score=3, cell_type="markdown")
        for student, (first, last, email, lms) in PEOPLE.items():
            book.add_student(
                student, first_name=first, last_name=last, email=email, lms_user_id=lms
            )
        for student, score in (("aøhman", 1.25), ("bquote", 2)):
            book.add_submission("vae", student)
            grade = book.find_grade("vae-kl_gaussian", "vae", "vae", student)
            grade.auto_score = score
            book.db.commit()
        yield book


def export(plugin, gradebook, tmp_path, **settings):
    target = tmp_path / "out.csv"
    plugin(config=Config({plugin.__name__: {"to": str(target), **settings}})).export(gradebook)
    with open(target, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_canvas_without_a_roster(gradebook, tmp_path):
    rows = export(Canvas, gradebook, tmp_path)
    assert rows[0]["Student"].strip() == "Points Possible" and rows[0]["vae"] == "5"
    by_id = {row["SIS Login ID"]: row for row in rows[1:]}
    assert (
        by_id["bquote"]["Student"] == 'O\'Hara, Jr., Bob "Bobby"' and by_id["bquote"]["vae"] == "2"
    )
    assert by_id["aøhman"]["vae"] == "1.25" and by_id["cmissing"]["vae"] == ""


def test_canvas_keeps_the_rows_and_the_header_of_its_own_file(gradebook, tmp_path, caplog):
    roster = tmp_path / "canvas-export.csv"
    roster.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,vae (4711)\n"
        ",,,,,Manual Posting\n"
        "    Points Possible,,,,,5\n"
        '"Öhman, Åsa",101,,AØHMAN,Section 1,\n'
        '"Nobody, Known",999,,nobody,Section 1,\n',
        encoding="utf-8-sig",
    )
    rows = export(Canvas, gradebook, tmp_path, roster=str(roster))
    assert [row["vae (4711)"] for row in rows] == ["5", "1.25", ""]
    assert [row["ID"] for row in rows] == ["", "101", "999"]


def test_moodle_and_gradescope_carry_names_and_scores(gradebook, tmp_path):
    moodle = {row["ID number"]: row for row in export(Moodle, gradebook, tmp_path)}
    assert moodle["aøhman"]["First name"] == "Åsa" and moodle["aøhman"]["vae"] == "1.25"
    scope = {row["SID"]: row for row in export(Gradescope, gradebook, tmp_path, questions=True)}
    assert scope["bquote"]["vae: vae-kl_gaussian"] == "2"
    assert scope["bquote"]["vae: vae-kl_gaussian - Max Points"] == "2"
    assert scope["cmissing"]["vae"] == "" and scope["cmissing"]["Last Name"] == "Dupont"


def test_a_plain_table_has_a_column_for_every_question(gradebook, tmp_path):
    rows = export(Table, gradebook, tmp_path, questions=True)
    assert rows[0]["vae: vae-beta_0"] == "3"
    assert {r["student"]: r["vae"] for r in rows[1:]} == {
        "aøhman": "1.25",
        "bquote": "2",
        "cmissing": "",
    }


def test_moodles_grading_worksheet_comes_back_with_grades_and_nothing_else_changed(
    gradebook, tmp_path
):
    sheet = tmp_path / "Grades-vae.csv"
    sheet.write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\n"
        'Participant 1,Åsa Öhman,ASA@example.org,"Submitted, late",,5.00,\n'
        "Participant 2,Chloé Dupont,chloe@example.org,No submission,-,5.00,\n"
        "Participant 3,Nobody Known,no@example.org,No submission,,5.00,\n",
        encoding="utf-8-sig",
    )
    rows = export(Moodle, gradebook, tmp_path, roster=str(sheet))
    with open(sheet, newline="", encoding="utf-8-sig") as file:
        before = list(csv.DictReader(file))
    assert [row.pop("Grade") for row in rows] == ["1.25", "-", ""]
    assert rows == [{k: v for k, v in row.items() if k != "Grade"} for row in before]
    with pytest.raises(ExportError, match="one column"):
        export(Moodle, gradebook, tmp_path, roster=str(sheet), questions=True)


def test_an_empty_gradebook_exports_nothing(tmp_path):
    build.scripts_on_path()
    with Gradebook(f"sqlite:///{tmp_path / 'empty.db'}") as book:
        with pytest.raises(ExportError, match="no assignment"):
            export(Table, book, tmp_path)


@pytest.mark.parametrize(
    "text, says", [("Name,Score\nx,1\n", "no column"), (None, "cannot be read")]
)
def test_an_unusable_roster_is_refused_in_a_line_and_nothing_is_written(
    gradebook, tmp_path, text, says
):
    roster = tmp_path / "roster.csv"
    if text:
        roster.write_text(text)
    with pytest.raises(ExportError, match=says):
        export(Moodle, gradebook, tmp_path, roster=str(roster))
    assert not (tmp_path / "out.csv").exists()
