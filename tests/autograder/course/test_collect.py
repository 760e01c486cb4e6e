"""Collecting from real-looking LMS downloads: the right file to the right student, or a line that
says why not; nothing is overwritten.
"""

import io
import json
import stat
import zipfile

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.course import collect
from utils.hand_in import submit

PEOPLE = {  # id: first name, last name, email, Canvas' number
    "anna": ("Anna", "Ångström", "anna@example.org", "501"),
    "bob": ("Bob", "O'Hara, Jr.", "bob@example.org", "502"),
    "jan1": ("Jan", "Novák", "jan1@example.org", "503"),
    "jan2": ("Jan", "Novák", "jan2@example.org", "504"),
}


@pytest.fixture
def released(course, tmp_path):
    """A course folder with students, and its notebook with a note in it: released("mine")."""
    root = tmp_path / "course"
    root.mkdir()
    (root / "gradebook.db").write_bytes((course.root / "gradebook.db").read_bytes())
    with Gradebook(f"sqlite:///{root}/gradebook.db", "vae-course") as book:
        for student, (first, last, email, number) in PEOPLE.items():
            book.add_student(
                student, first_name=first, last_name=last, email=email, lms_user_id=number
            )

    def notebook(note):
        made = course.released()
        made.cells.append(nbformat.v4.new_markdown_cell(note, id="note"))
        return nbformat.writes(made).encode()

    notebook.root = root
    return notebook


def packed(files, when=(2026, 3, 1, 12, 0, 0)):
    """A zip file with these files: {name or ZipInfo: content}."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name, when)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return stream.getvalue()


def run(released, capsys, files, roster=None, **about):
    """(exit status, what was said) of collecting such a zip."""
    path = released.root.parent / "download.zip"
    path.write_bytes(packed(files, **about))
    status = collect.collect("vae", released.root, path, roster)
    told = capsys.readouterr()
    return status, (told.out + told.err).strip()


def handed_in(released, student):
    folder = released.root / "submitted" / student / "vae"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_moodle_with_accents_a_kit_zip_and_an_unknown_student(released, capsys):
    runs = {"vae.ipynb": released("anna"), "runs/beta-0/run.json": b"{}"}
    for name, data in runs.items():
        (released.root / "work" / name).parent.mkdir(parents=True, exist_ok=True)
        (released.root / "work" / name).write_bytes(data)
    target = released.root / "vae-submission.zip"
    submit.write(target, "vae", {name: released.root / "work" / name for name in runs})
    own = target.read_bytes()
    status, said = run(
        released,
        capsys,
        {
            "Anna Ångström_8001_assignsubmission_file_/vae-submission.zip": own,
            "Anna Ångström_8001_assignsubmission_onlinetext_/onlinetext.html": b"hello",
            "Bob O'Hara, Jr._8002_assignsubmission_file_/my best work.ipynb": released("bob"),
            "Nobody Known_8003_assignsubmission_file_/vae.ipynb": released("nobody"),
        },
    )
    assert status == 1 and "not collected: Nobody Known (8003): is not in the gradebook" in said
    anna = handed_in(released, "anna")
    assert anna.pop("timestamp.txt").endswith(b"UTC") and anna == runs
    assert handed_in(released, "bob")["vae.ipynb"] == released("bob")
    assert "'my best work.ipynb' taken as vae.ipynb" in said and "changed after" not in said
    assert sorted(p.name for p in (released.root / "submitted").iterdir()) == ["anna", "bob"]


def test_a_zip_of_the_runs_alone_is_put_where_grading_looks(released, capsys):
    zips = {
        "anna": {"runs/tuned/run.json": b"{}", "runs/beta-0/run.json": b"{}"},
        "bob": {"tuned/run.json": b"{}", "tuned/weights.safetensors": b"x"},
    }
    upload = "{}_{}_assignsubmission_file_/{}".format
    files = {}
    people = {"anna": ("Anna Ångström", 8001), "bob": ("Bob O'Hara, Jr.", 8002)}
    for student, (name, number) in people.items():
        files[upload(name, number, "vae.ipynb")] = released(student)
        files[upload(name, number, "runs.zip")] = packed(zips[student])
    run(released, capsys, files)
    assert set(zips["anna"]) < set(handed_in(released, "anna"))
    bob = set(handed_in(released, "bob"))
    assert {"runs/tuned/run.json", "runs/tuned/weights.safetensors"} < bob


def test_canvas_takes_the_latest_attempt_and_says_who_was_late(released, capsys):
    status, said = run(
        released,
        capsys,
        {
            "ångströmanna_501_90001_vae.ipynb": released("first"),
            "ångströmanna_501_90002_vae-1.ipynb": released("second"),
            "ångströmanna_501_90003_vae-10.ipynb": released("latest"),
            "oharajrbob_LATE_502_90004_vae-2.ipynb": released("bob"),
        },
    )
    assert status == 0, said
    assert handed_in(released, "anna")["vae.ipynb"] == released("latest")
    assert "the latest of 3 counts; not taken: 'vae.ipynb', 'vae-1.ipynb'" in said
    assert "bob: collected; 'vae-2.ipynb' taken as vae.ipynb; late, says Canvas" in said


def test_a_later_download_keeps_the_earlier_submission_and_an_older_one_changes_nothing(
    released, capsys
):
    name = "angstromanna_501_9_vae.ipynb"
    run(released, capsys, {name: released("one")})
    assert "anna: as it was" in run(released, capsys, {name: released("one")})[1]
    status, said = run(released, capsys, {name: released("two")}, when=(2026, 3, 2, 0, 0, 0))
    assert status == 0 and "the earlier one is in superseded/anna/vae/1" in said
    kept = released.root / "superseded" / "anna" / "vae" / "1" / "vae.ipynb"
    assert kept.read_bytes() == released("one")
    status, said = run(released, capsys, {name: released("old")}, when=(2026, 2, 1, 0, 0, 0))
    assert status == 1 and "what is there is newer" in said
    assert handed_in(released, "anna")["vae.ipynb"] == released("two")


def test_two_people_of_one_name_need_a_roster_and_one_in_two_submissions_is_not_guessed(
    released, capsys
):
    files = {
        "Jan Novák_1_assignsubmission_file_vae.ipynb": released("1"),
        "Jan Novák_2_assignsubmission_file_vae.ipynb": released("2"),
    }
    status, said = run(released, capsys, files)
    assert status == 1 and said.count("may be jan1 or jan2") == 2
    roster = released.root / "worksheet.csv"
    text = "Identifier,Full name,Email address\nParticipant 1,Jan Novák,jan2@example.org\n"
    roster.write_text(text + "Participant 2,Jan Novák,JAN1@example.org\n", "utf-8-sig")
    assert run(released, capsys, files, roster)[0] == 0
    assert handed_in(released, "jan2")["vae.ipynb"] == released("1")
    assert handed_in(released, "jan1")["vae.ipynb"] == released("2")
    roster.write_text(text + "Participant 2,Jan Novák,jan2@example.org\n", "utf-8-sig")
    status, said = run(released, capsys, files, roster)
    assert status == 1 and "jan2: is in several submissions" in said
    assert handed_in(released, "jan2")["vae.ipynb"] == released("1")


def test_hostile_and_broken_submissions_cost_themselves_only(released, capsys, monkeypatch):
    monkeypatch.setattr(collect, "LARGEST", 3 * 2**20)
    link = zipfile.ZipInfo("bob_502_2_vae.ipynb", (2026, 3, 1, 0, 0, 0))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bomb = packed({"vae.ipynb": released("b"), "zeros": bytes(2**22)})
    status, said = run(
        released,
        capsys,
        {
            "anna_501_1_x.zip": packed({"../../anna/evil.ipynb": b"", "vae.ipynb": released("a")}),
            link: b"/etc/passwd",
            "jan_503_3_x.zip": bomb,
            "jan_504_4_x.zip": b"no zip at all",
            "jan_504_5_vae.ipynb": released("jan2"),
        },
    )
    assert status == 1
    for line in (
        "anna: '../../anna/evil.ipynb' is no name",
        "bob: 'vae.ipynb' is a link",
        "jan1: unpacked it has more than",
        "jan2: 'x.zip' is no zip file",
    ):
        assert f"not collected: {line}" in said
    assert not list(released.root.rglob("*.ipynb"))


def test_a_changed_submission_zip_is_collected_and_said(released, capsys):
    manifest = json.dumps({"files": {"vae.ipynb": {"sha256": "0" * 64}}})
    own = packed({"vae/vae.ipynb": released("x"), "vae/manifest.json": manifest})
    status, said = run(released, capsys, {"anna_501_1_vae.zip": own})
    assert status == 0 and "changed after it was packed: 'vae.ipynb'" in said


@pytest.mark.parametrize(
    "data, says",
    [(b"nothing", "cannot be read as a zip"), (packed({"a.txt": b""}), "no download of Moodle")],
)
def test_another_file_is_refused_in_a_line(released, capsys, data, says):
    path = released.root / "x.zip"
    path.write_bytes(data)
    assert collect.collect("vae", released.root, path) == 2
    said = capsys.readouterr().err.strip()
    assert says in said and "\n" not in said and not (released.root / "submitted").exists()
