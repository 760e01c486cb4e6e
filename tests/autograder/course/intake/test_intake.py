"""Names, patterns, rosters and odd files as the world has them, without a course folder."""

import io
import zipfile
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from autograder.course.intake import downloads, submission
from autograder.course.intake.files import Unusable, Upload
from autograder.course.intake.people import People
from autograder.course.intake.rosters import Roster
from autograder.errors import WrongCall

CLASS = {  # id: first name, last name
    "aa1": ("Anna", "Ångström"),
    "bob": ("Bob", "O'Hara, Jr."),
    "jm7": ("Jürgen", "Müller-Lüdenscheidt"),
    "zi3": ("Zeynep", "Işık-Öztürk"),
    "fx2": ("François-Xavier", "Lefèvre"),
    "lw9": ("伟", "李"),
    "anna": ("Ben", "Kjær"),
    "0815": ("Ute", "Ohm"),
    "42": ("Ulf", "Ohm"),
}
NOTEBOOK = b'{"cells": [{"metadata": {"nbgrader": {"grade_id": "vae-elbo"}}}]}'
STRANGER = (  # another assignment's, which has a cell of the same name
    b'{"cells": [{"metadata": {"nbgrader": {"grade_id": "train_epoch"}}},'
    b' {"metadata": {"nbgrader": {"grade_id": "autoencoder-train_epoch"}}}]}'
)
BOTH = (  # another assignment's, and all of this one
    b'{"cells": [{"metadata": {"nbgrader": {"grade_id": "train_epoch"}}},'
    b' {"metadata": {"nbgrader": {"grade_id": "vae-elbo"}}},'
    b' {"metadata": {"nbgrader": {"grade_id": "autoencoder-train_epoch"}}},'
    b' {"metadata": {"nbgrader": {"grade_id": "autoencoder-Encoder"}}},'
    b' {"metadata": {"nbgrader": {"grade_id": "autoencoder-Decoder"}}}]}'
)
BARE = b'{"cells": [{"metadata": {}}]}'  # as some editors save it
WANTED = {"vae": {"vae-elbo", "train_epoch"}}


def people():
    return People(
        SimpleNamespace(
            id=id, first_name=first, last_name=last, email=f"{id}@example.org", lms_user_id=None
        )
        for id, (first, last) in CLASS.items()
    )


def uploads(files, hour=12):
    """Uploads of {name: content}, each an hour later than the one before."""
    return [
        Upload(
            name, lambda data=data: io.BytesIO(data), len(data), datetime(2026, 3, 1, h, tzinfo=UTC)
        )
        for h, (name, data) in enumerate(files.items(), hour)
    ]


def zipped(*files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize(
    "told, student",
    [
        ("ZEYNEP IŞIK-ÖZTÜRK", "zi3"),
        ("Zeynep Isik-Ozturk", "zi3"),
        ("Juergen Mueller-Luedenscheidt", "jm7"),
        ("Müller-Lüdenscheidt, Jürgen", "jm7"),
        ("Ben Kjaer", "anna"),
        ("李 伟", "lw9"),
        ("Group 3-Anna Angstrom", "aa1"),
        ("李 伟".encode("gb18030").decode("cp437"), "lw9"),
        ("Jürgen Müller-Lüdenscheidt".encode("cp1252").decode("cp437"), "jm7"),
        ("Jürgen Müller-Lüdenscheidt".encode().decode("cp1252"), "jm7"),
    ],
)
def test_a_name_is_found_as_systems_write_it(told, student):
    assert people().find(downloads.Entry(told)) == student


@pytest.mark.parametrize(
    "told", ["Participant", "Teilnehmerin", "Katılımcı", "Participante", "参加者"]
)
def test_a_participant_without_a_name_is_anonymous(told):
    with pytest.raises(Unusable, match="is anonymous"):
        people().find(downloads.Entry(told))


def test_a_name_that_only_resembles_when_misread_is_nobodys():
    known = People(
        SimpleNamespace(id=id, first_name=first, last_name=last, email="", lms_user_id=None)
        for id, first, last in [("m", "Minh", "Li"), ("a", "Andre", "Rossi")]
    )
    for name in ("Lê Minh", "Andreá Rossi"):
        with pytest.raises(Unusable):
            known.find(downloads.Entry(name))


def test_a_number_that_is_somebody_elses_id_is_not_believed():
    entry = downloads.Entry("Bob O'Hara, Jr.", "0815")
    with pytest.raises(Unusable, match="the number of 0815 and the name of bob; a --roster"):
        people().find(entry)
    known = people()
    known.learn("0815", "bob")
    assert known.find(entry) == "bob" == people().find(downloads.Entry("Bob O'Hara, Jr.", "1"))
    assert people().find(downloads.Entry("Somebody", "0815")) == "0815"


def test_logins_with_underscores_are_told_apart():
    files = {
        "HW_1_an_na_attempt_2026-03-01-12-00-00_vae.ipynb": b"a",
        "HW_1_b_na_attempt_2026-03-02-12-00-00_vae.ipynb": b"b",
        "HW_1_bob_attempt_2026-03-02-12-00-00_vae.ipynb": b"c",
        "HW_1_b_na_attempt_2026-03-02-12-00-00.txt": b"Name: F (Xavier) L (fx2)\nAssignment: HW",
    }
    platform, found = downloads.entries(uploads(files))
    assert platform == "Blackboard" and [len(entry.uploads) for entry in found] == [1, 1, 1]
    assert [people().by_id(entry.ids[-1]) for entry in found] == [set(), {"fx2"}, {"bob"}]
    assert people().find(found[2]) == "bob" and "an_na" in found[0].ids


def test_attempts_that_nothing_tells_apart_are_not_guessed():
    name = "70001-300 - Bob O'Hara, Jr. - {} mars 2026 1200/vae.ipynb"
    twice = [*uploads({name.format(9): b"a"}), *uploads({name.format(10): b"b"})]
    (entry,) = downloads.entries(twice)[1]
    assert "which of its attempts is the later, '9 mars 2026 1200' and" in entry.problem


@pytest.mark.parametrize("typed", ["text", "link"])
def test_what_was_typed_into_canvas_is_no_file(typed):
    (entry,) = downloads.entries(uploads({f"oharabob_502_{typed}.html": b"x"}))[1]
    assert entry.key == "502" and not entry.uploads


@pytest.mark.parametrize(
    "pattern, files, file",
    [
        ("{id}.ipynb", {"bob.ipynb": b"x"}, "bob.ipynb"),
        (
            "{any} - {name}.ipynb",
            {"vae - Bob O'Hara, Jr..ipynb": b"x"},
            "vae - Bob O'Hara, Jr..ipynb",
        ),
        ("vae-{id}", {"week 1/vae-bob/vae.ipynb": b"x"}, "vae.ipynb"),
        (
            "Submitted files/{name}/{any}/{file}",
            {"A/Submitted files/bob/w/vae.ipynb": b"x"},
            "vae.ipynb",
        ),
        (
            "{id}/Version {attempt}/{file}",
            {"bob/Version 10/vae.ipynb": b"x", "bob/Version 9/vae.ipynb": b"old"},
            "vae.ipynb",
        ),
    ],
)
def test_a_pattern_names_a_file_a_folder_or_an_attempt(pattern, files, file):
    (entry,) = downloads.entries(uploads(files), pattern)[1]
    found = people().by_name(entry.name) or people().by_id(next(iter(entry.ids), entry.name))
    assert found == {"bob"} and [upload.name for upload in entry.uploads] == [file]
    assert entry.uploads[0].open().read() == b"x"


@pytest.mark.parametrize(
    "files, said",
    [
        ({"vae": zipped(("vae/vae.ipynb", NOTEBOOK))}, ""),
        ({"vae.rar": zipped(("vae.ipynb", NOTEBOOK))}, ""),
        ({"v" * 250 + ".ipynb": NOTEBOOK}, "taken as vae.ipynb"),
        ({"a\u202eb\n.ipynb": NOTEBOOK}, "taken as vae.ipynb"),
        ({"می\u200cخواهم/vae.ipynb": NOTEBOOK, "می\u200cخواهم/a.png": b"x"}, ""),
        ({"vae.ipynb": NOTEBOOK.replace(b"vae-", b"xyz-")}, "holds no cell of vae by its name"),
        ({"vae.zip": zipped(("vae.ipynb", b"{}"), ("vae.ipynb", NOTEBOOK))}, "is there twice"),
        ({"notebook1a2b.ipynb": BARE, "x.ipynb": STRANGER}, "'notebook1a2b.ipynb' taken as vae"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_notebook_counts_whatever_it_is_called(files, said):
    kept, notes = submission.taken(uploads(files), WANTED)
    assert kept["vae.ipynb"].startswith(BARE[:12]) and said in "; ".join(notes)


@pytest.mark.parametrize(
    "files, wins, said",
    [
        (
            {"vae.ipynb": NOTEBOOK, "autoencoder.ipynb": STRANGER},
            "vae.ipynb",
            "not taken: 'autoenc",
        ),
        ({"vae.ipynb": BARE, "autoencoder.ipynb": STRANGER}, "vae.ipynb", "holds no cell of vae"),
        ({"vae.ipynb": STRANGER}, "vae.ipynb", "holds more cells of another notebook than of vae"),
        (
            {"my work.ipynb": NOTEBOOK, "my work-1.ipynb": NOTEBOOK},
            "my work-1.ipynb",
            "latest of 2",
        ),
        ({"VAE (2).ipynb": NOTEBOOK, "VAE.ipynb": NOTEBOOK}, "VAE (2).ipynb", "the latest of 2"),
        ({"week3.ipynb": NOTEBOOK, "vae.ipynb": NOTEBOOK}, "vae.ipynb", "the latest of 2"),
        ({"week3/vae.ipynb": NOTEBOOK, "vae.ipynb": NOTEBOOK}, "vae.ipynb", "the latest of 2"),
        ({"a (2)/vae.ipynb": NOTEBOOK, "a/vae.ipynb": NOTEBOOK}, "a (2)/vae.ipynb", "latest of 2"),
        ({"vae_20260301.ipynb": NOTEBOOK, "vae.ipynb": NOTEBOOK}, "vae.ipynb", "the latest of 2"),
        ({"my.ipynb": NOTEBOOK.decode().encode("utf-16")}, "my.ipynb", "taken as vae.ipynb"),
        (
            {"backup.ipynb": NOTEBOOK, "backup2.ipynb": NOTEBOOK, "vae.ipynb": NOTEBOOK},
            "vae.ipynb",
            "the latest of 3",
        ),
        ({"both.ipynb": BOTH}, "both.ipynb", "taken as vae.ipynb"),
    ],
)
def test_of_several_notebooks_the_one_that_is_meant_counts(files, wins, said):
    """Notebooks of one course share names of cells; a later one of another assignment is none."""
    files = {name: data + b"\n" * n for n, (name, data) in enumerate(files.items())}
    kept, notes = submission.taken(uploads(files), WANTED)
    assert kept["vae.ipynb"] == files[wins] and said in "; ".join(notes)


@pytest.mark.parametrize(
    "files",
    [
        {"a.ipynb": BARE, "b.ipynb": BARE},
        {"autoencoder.ipynb": STRANGER},
        {"vae.zip": b"Rar!\x1a\x07"},
    ],
)
def test_what_may_be_another_notebook_is_not_guessed(files):
    with pytest.raises(Unusable, match="it holds no vae.ipynb; it holds "):
        submission.taken(uploads(files), WANTED)


def test_a_name_in_capitals_is_found_by_its_name():
    kept, _ = submission.taken(uploads({"Homework1.ipynb": b"{"}), {"Homework1": {"h-f"}})
    assert kept["Homework1.ipynb"] == b"{"


def test_two_copies_of_one_part_are_no_two_parts():
    part = b'{"cells": [{"metadata": {"nbgrader": {"grade_id": "two"}}}]}'
    files = {"part1.ipynb": part, "part1 (1).ipynb": part}
    kept, notes = submission.taken(uploads(files), {"part1": {"one"}, "part2": {"two"}})
    assert kept and notes


def test_a_checkpoint_alone_is_named():
    files = {"vae/.ipynb_checkpoints/vae-checkpoint.ipynb": NOTEBOOK}
    with pytest.raises(Unusable, match="a copy in .ipynb_checkpoints"):
        submission.taken(uploads(files), WANTED)


def roster(tmp_path, text, encoding="utf-8", **named):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    found = Roster(path, people(), (), named)
    return found, [found.owner(row) for row in found.table.rows]


@pytest.mark.parametrize(
    "text, encoding",
    [
        ("Nom;Prénom\nLefèvre;François-Xavier\n", "mac-roman"),
        ("Soyadı;Adı\nIşık-Öztürk;Zeynep\n", "cp1254"),
        ("姓名,成绩\n李伟,\n", "gb18030"),
        ("Nom;Prénom\nLefèvre;François-Xavier\n", "utf-32"),
        ("Nom\tPrénom\nLefèvre\tFrançois-Xavier\n", "utf-16-be"),
    ],
)
def test_a_roster_of_an_older_encoding_is_read_as_its_people_are_known(tmp_path, text, encoding):
    found, owners = roster(tmp_path, text, encoding)
    assert owners[0] in CLASS and len(owners) == 1
    assert found.table.fields == text.splitlines()[0].replace(";", ",").replace("\t", ",").split(
        ","
    )


@pytest.mark.parametrize(
    "text, owners",
    [
        ("Kurs: Generative Modelle\nStand: 1.3.2026\n\nLogin;Name\nbob;x\njm7;y\n", ["bob", "jm7"]),
        ("OrgDefinedId,Grade,End-of-Line Indicator\n#bob,,#\n#jm7,,#\n", ["bob", "jm7"]),
        ('Login,x\n"=""bob""",1\n\'jm7,2\n', ["bob", "jm7"]),
        ("Kurs: VAE, Gruppe 1\nLogin;Name;Note\nbob;x;1,0\njm7;y;2,0\n", ["bob", "jm7"]),
        ("Kurs: VAE, Gruppe 1\nLogin,Name,Note\nbob,x,\njm7,y,2\n", ["bob", "jm7"]),
        ("Login,Name\nbob,x,1\njm7,y,2\n", ["bob", "jm7"]),
        ("Login,Name\nbob,x,ill\njm7,y,ill\n", ["bob", "jm7"]),
        ("Login,x\n0815,1\n0042.0,2\n", ["0815", "42"]),
        ("Login,x\n815,1\n42,2\n", ["0815", "42"]),
        ('Login,Note\nbob,"<p>a;\nb;\nc;\nd;</p>"\njm7,"e;\nf;"\n', ["bob", "jm7"]),
        ("Login,day\nbob,2026-03-01,ill\njm7,2026-03-02,ill\n", ["bob", "jm7"]),
        ("Login,x\n\ufeff815.0\u200b,1\n\u200bbob,2\n", ["0815", "bob"]),
        ("Name,Mail\nx,Bob <bob@example.org>\ny,mailto:jm7@example.org\n", ["bob", "jm7"]),
        # a first name that is somebody else's id
        ("First name,Email\nAnna,aa1@example.org\n", ["aa1"]),
        ("First name,Surname,Code,Email\nAnna,Ångström,7,aa1@example.org\n", ["aa1"]),
    ],
)
def test_a_row_is_about_whom_it_names(tmp_path, text, owners):
    assert roster(tmp_path, text)[1] == owners


@pytest.mark.parametrize(
    "text, said",
    [
        ("bob;Bob O'Hara, Jr.\njm7;x\n", "put a line with the names of the columns on top"),
        ("<html><table></table></html>", "a web page"),
        ("%PDF-1.7", "a PDF"),
        ("", "is empty"),
        ("\ufeff<html></html>", "a web page"),
    ],
)
def test_what_is_no_roster_is_said(tmp_path, text, said):
    with pytest.raises(WrongCall, match=said):
        roster(tmp_path, text)


def test_numbers_that_a_spreadsheet_made_fractions_of_are_the_same_numbers(tmp_path):
    text = "Student,ID,Note,Points\n,,,24.0\nBob,501.0,bob,\nJ,502.0,jm7,\n"
    path = tmp_path / "roster.csv"
    path.write_text(text)
    found = Roster(path, people(), {"501", "502", "5010"})
    found.teach()
    assert found.people.find(downloads.Entry("?", "501")) == "bob"


@pytest.mark.parametrize(
    "word, fields",
    [
        ("Teilnehmer:in", "ID,Name,Login,Gruppe,Bewertung,Bestwertung"),
        ("प्रतिभागी", "?,Name,Login,Gruppe,grade,??"),
    ],
)
def test_a_worksheet_of_one_is_known_by_its_columns(tmp_path, word, fields):
    found, owners = roster(tmp_path, f"{fields}\n{word} 8000,x,bob,7,,24\n")
    assert owners == ["bob"] and (found.worksheet, found.grade, found.maximum) == (0, 4, 5)


def test_running_numbers_are_nobodys_id(tmp_path):
    known = People(
        SimpleNamespace(id=f"00{n}", first_name=name, last_name="", email="", lms_user_id=None)
        for n, name in ((1, "Cem"), (2, "Bo"), (3, "Ada"))
    )
    path = tmp_path / "roster.csv"
    path.write_text("Nr,Name,Matrikel,Moodle\n1,Ada,003,501\n2,Bo,002,502\n3,Cem,001,503\n")
    found = Roster(path, known, ())
    assert [found.owner(row) for row in found.table.rows] == ["003", "002", "001"]


def test_a_column_of_groups_is_no_identifier(tmp_path):
    found, _ = roster(tmp_path, "Login,Group\nbob,Group 1\njm7,Group 1\n")
    assert found.worksheet is None
