"""Exports round-trip: what an LMS would read back is what the gradebook holds, whatever the names
are.
"""

import csv
import io
import logging
import shutil

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder.course.exports import Canvas, ExportError, Gradescope, Moodle, Table
from autograder.plugins import tables
from autograder.release import build

PEOPLE = {
    "aøhman": ("Åsa", "Öhman", "asa@example.org", "101"),
    "bquote": ('Bob "Bobby"', "O'Hara, Jr.", "bob@example.org", "102"),
    "cmissing": ("Chloé", "Dupont", "chloe@example.org", "103"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A gradebook on disk, made once: nbgrader takes a second to make one."""
    build.scripts_on_path()
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with Gradebook(f"sqlite:///{path}") as book:
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
    return path


@pytest.fixture
def gradebook(made, tmp_path):
    path = shutil.copy(made, tmp_path / "gradebook.db")
    with Gradebook(f"sqlite:///{path}") as book:
        yield book


def export(plugin, gradebook, tmp_path, **settings):
    target = tmp_path / "out.csv"
    config = Config({plugin.__name__: {"to": str(target), **settings}})
    log = logging.getLogger(f"test.{plugin.__name__}")
    log.disabled = False  # making a gradebook configures logging anew, and stops what is there
    plugin(config=config, log=log).export(gradebook)
    table = tables.read(target)
    return [dict(zip(table.fields, row, strict=True)) for row in table.rows]


def test_canvas_without_a_roster(gradebook, tmp_path):
    rows = export(Canvas, gradebook, tmp_path)
    assert rows[0]["Student"].strip() == "Points Possible" and rows[0]["vae"] == "5"
    by_id = {row["SIS Login ID"]: row for row in rows[1:]}
    assert (
        by_id["bquote"]["Student"] == 'O\'Hara, Jr., Bob "Bobby"' and by_id["bquote"]["vae"] == "2"
    )
    assert by_id["aøhman"]["vae"] == "1.25" and by_id["cmissing"]["vae"] == ""


def test_canvas_keeps_the_rows_and_the_header_of_its_own_file(gradebook, tmp_path):
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


def test_points_go_into_the_column_of_points(gradebook, tmp_path):
    roster = tmp_path / "moodle.csv"
    roster.write_text(
        "Vorname;Nachname;E-Mail-Adresse;vae (Prozentsatz);vae (Buchstabe);vae (Punkte)\n"
        'Åsa;Öhman;asa@example.org;"25,00 %";F;"1,25"\n'
        "Chloé;Dupont;chloe@example.org;-;-;-\n",
        encoding="utf-8",
    )
    rows = export(Moodle, gradebook, tmp_path, roster=str(roster))
    assert [row["vae (Punkte)"] for row in rows] == ["1,25", ""]


def test_an_empty_gradebook_exports_nothing(tmp_path):
    build.scripts_on_path()
    with Gradebook(f"sqlite:///{tmp_path / 'empty.db'}") as book:
        with pytest.raises(ExportError, match="no assignment"):
            export(Table, book, tmp_path)


@pytest.mark.parametrize(
    "text, says", [("Name,Score\nx,1\n", "names nobody"), (None, "cannot be read")]
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


FORMS = [("utf-8-sig", ",", "5.00"), ("utf-16", "\t", "5,00"), ("cp1252", ";", "5,00")]
SHEETS = [  # in the languages of Moodle: the header, and how it calls people
    ("Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback", "Participant "),
    ("ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung,Bestwertung,Feedback", "Teilnehmer/in"),
    ("Identificador,Nombre,Correo,Estado,Puntos,Máximo,Comentarios", "Participante"),
]


@pytest.mark.parametrize("encoding, delimiter, most", FORMS)
@pytest.mark.parametrize("head, word", SHEETS)
def test_a_worksheet_of_any_form_comes_back_in_that_form(
    gradebook, tmp_path, encoding, delimiter, most, head, word
):
    people = [("Åsa Öhman", "asa@example.org"), ("Chloé Dupont", "chloe@example.org")]
    rows = [head.split(",")]
    rows += [[f"{word}{i}", *who, "x", "", most, "- ok"] for i, who in enumerate(people)]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(text.getvalue().encode(encoding))
    export(Moodle, gradebook, tmp_path, roster=str(sheet))
    rows[1][4] = "1,25" if "," in most else "1.25"
    made = (tmp_path / "out.csv").read_bytes().decode(encoding)
    assert list(csv.reader(io.StringIO(made, newline=""), delimiter=delimiter)) == rows


def test_names_that_look_like_identifiers_make_no_worksheet(gradebook, tmp_path):
    for i in (1, 2):
        gradebook.add_student(f"s{i}", first_name=f"First{i}", last_name=f"Last{i}")
        gradebook.add_submission("vae", f"s{i}")
        gradebook.find_grade("vae-kl_gaussian", "vae", "vae", f"s{i}").auto_score = i
    roster = tmp_path / "grades.csv"
    head = "First name;Surname;ID number;Assignment: vae (Real)\n"
    roster.write_text(head + "First1;Last1;s1;-\nFirst2;Last2;s2;-\n")
    rows = export(Moodle, gradebook, tmp_path, roster=str(roster))
    assert [row["Assignment: vae (Real)"] for row in rows] == ["1", "2"]


def test_another_maximum_is_said_and_a_column_can_be_named(gradebook, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("N,W,P\nX 1,asa@example.org,\nX 2,bob@example.org,\n")
    with pytest.raises(ExportError, match="no column for grades"):
        export(Moodle, gradebook, tmp_path, roster=str(sheet))
    rows = export(Moodle, gradebook, tmp_path, roster=str(sheet), columns={"grade": "P"})
    assert [row["P"] for row in rows] == ["1.25", "2"]
    with pytest.raises(ExportError, match="no column 'Q'"):
        export(Moodle, gradebook, tmp_path, roster=str(sheet), columns={"grade": "Q"})


CANVAS = [
    "Student,ID,SIS User ID,SIS Login ID,Section,VAE (4711)",
    "Student,ID,SIS User ID,SIS Login ID,Integration ID,Root Account,Section,Work: vae (4711)",
]


@pytest.mark.parametrize("head", CANVAS)
def test_canvas_of_any_form(gradebook, tmp_path, head, caplog):
    fields = head.split(",")
    empty = [""] * (len(fields) - 6)
    rows = [
        fields,
        [""] * len(fields),
        [*[""] * (len(fields) - 1), "Manual Posting"],
        ["    Points Possible", *[""] * (len(fields) - 2), "24"],
        ["Öhman, Åsa", "101", "", "AØHMAN", *empty, "One, and Two", ""],
        ["Student, Test", "7", "", "abc123", *empty, "One", ""],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    roster = tmp_path / "roster.csv"
    roster.write_bytes(text.getvalue().encode("utf-8-sig"))
    made = export(Canvas, gradebook, tmp_path, roster=str(roster))
    assert list(made[0]) == fields
    assert [row[fields[-1]] for row in made] == ["5", "1.25", ""]
    assert made[1]["Section"] == "One, and Two"
    assert "at most 24 points there, 5 here" in caplog.text and "Test" not in caplog.text


HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)"]


@pytest.mark.parametrize("plugin", [Canvas, Moodle, Gradescope, Table])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_is_a_formula_to_a_spreadsheet(gradebook, tmp_path, plugin, name):
    gradebook.add_student("zoe", first_name=name, last_name=name, email=name)
    export(plugin, gradebook, tmp_path)
    for row in csv.reader((tmp_path / "out.csv").read_text("utf-8").splitlines()):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@")), row
    assert f"'{name}" in (tmp_path / "out.csv").read_text("utf-8")


def test_what_was_interrupted_is_not_graded_and_not_0(gradebook, tmp_path, caplog):
    gradebook.add_submission("vae", "cmissing")  # as nbgrader leaves it when it is killed
    rows = {row["student"]: row["vae"] for row in export(Table, gradebook, tmp_path)[1:]}
    assert rows == {"aøhman": "1.25", "bquote": "2", "cmissing": ""}
    assert "grading was interrupted: cmissing" in caplog.text


def test_two_of_one_name_are_told_apart_by_their_emails(gradebook, tmp_path, caplog):
    gradebook.add_student("twin", first_name="Åsa", last_name="Öhman", email="twin@example.org")
    roster = tmp_path / "r.csv"
    head = "First name,Surname,Email address,Assignment: VAE (Real)\n"
    roster.write_text(head + "Åsa,Öhman,twin@example.org,-\nÅsa,Öhman,asa@example.org,-\n")
    rows = export(Moodle, gradebook, tmp_path, roster=str(roster))
    assert [row["Assignment: VAE (Real)"] for row in rows] == ["", "1.25"]
    roster.write_text("First name,Surname,Points\nÅsa,Öhman,1\nChloé,Dupont,1\n")
    rows = export(Moodle, gradebook, tmp_path, roster=str(roster))
    assert [row["vae"] for row in rows] == ["", ""] and "unknown here: Åsa" in caplog.text
