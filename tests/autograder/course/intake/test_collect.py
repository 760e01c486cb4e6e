"""Collecting from real-looking LMS downloads: the right file to the right student, or a line that
says why not; nothing is overwritten.
"""

import csv
import io
import json
import os
import stat
import tarfile
import tracemalloc
import unicodedata
import zipfile

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import cli
from autograder.course import collect
from autograder.course.intake import files as intake
from autograder.course.ledger import NAME as LEDGER
from autograder.course.ledger import Ledger
from utils.hand_in import pack as submit

MOODLE = "{}_{}_assignsubmission_file_/{}".format
RUNS = {"runs/tuned/run.json": b"{}", "runs/beta-0/run.json": b"{}"}

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


def collected(released, path, *options):
    """The exit status of the command."""
    words = ["collect", "vae", path, "--course-dir", released.root, *options]
    return cli.main([*map(str, words)])


def run(released, capsys, files, roster=None, **about):
    """(exit status, what was said) of collecting such a zip."""
    path = released.root.parent / "download.zip"
    path.write_bytes(packed(files, **about))
    status = collected(released, path, *(("--roster", roster) if roster else ()))
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
    monkeypatch.setattr(intake, "LARGEST", 3 * 2**20)
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
        "bob: it holds no vae.ipynb; left out: 'vae.ipynb' is a link",
        "jan1: unpacked it has more than",
    ):
        assert f"not collected: {line}" in said
    assert "jan2: collected; 'x.zip' is no archive that can be opened here" in said
    assert [path.parts[-3] for path in released.root.rglob("*.ipynb")] == ["jan2"]


def folder(notebook, above="vae/"):
    """A notebook and its runs in one folder."""
    return {f"{above}vae.ipynb": notebook, **{f"{above}{name}": d for name, d in RUNS.items()}}


def backslashes(files):
    return {name.replace("/", "\\"): data for name, data in files.items()}


SHAPES = {  # what a student zips, but for a note that says what else was there
    "its folder": lambda own: folder(own),
    "no folder": lambda own: folder(own, ""),
    "backslashes": lambda own: backslashes(folder(own)),
    "two levels": lambda own: folder(own, "Übung 1/vae/"),
    "another normal form": lambda own: folder(own, unicodedata.normalize("NFD", "Übung 1/")),
    "a copy's folder": lambda own: folder(own, "vae (1)/"),
    "a Mac's files on top": lambda own: {
        **folder(own),
        ".DS_Store": b"x",
        "__MACOSX/vae/._vae.ipynb": b"x",
        "vae/.ipynb_checkpoints/vae-checkpoint.ipynb": own,
    },
    "a zip in a zip": lambda own: {"Anna/vae-submission.zip": packed(folder(own))},
    "a tar in a zip": lambda own: {"Anna/vae.tar.gz": tarred(folder(own, "./vae/"))},
    "a tar that calls itself a zip": lambda own: {"vae.zip": tarred(folder(own), "w:xz")},
    "runs in a tar beside it": lambda own: {"vae.ipynb": own, "runs.tgz": tarred(RUNS)},
    "runs in a zip beside it": lambda own: {"vae.ipynb": own, "runs.zip": packed(RUNS)},
    "its runs one folder up": lambda own: {"work/vae.ipynb": own, **RUNS},
}
BESIDE = {  # the same, and what is said of the rest
    "a second folder": (
        lambda own: {**folder(own), "readme/x.txt": b"x"},
        "not taken: 'vae.zip/readme/x.txt'",
    ),
    "the whole course": (
        lambda own: {
            **folder(own, "course/assignments/vae/"),
            "course/README.md": b"x",
            "course/utils/data.py": b"x",
            "course/assignments/autoencoder/autoencoder.ipynb": b"{}",
            "course/assignments/autoencoder/runs/ae/run.json": b"{}",
        },
        "not taken: 'vae.zip/course/README.md'",
    ),
    "a name too long": (lambda own: {**folder(own), "vae/" + "n" * 220: b"x"}, "over 200 bytes"),
    "a name with a tab": (lambda own: {**folder(own), "vae/a\tb": b"x"}, "is no name for a file"),
    "a link": (lambda own: {**folder(own), linked("vae/data"): b"/etc"}, "'vae/data' is a link"),
    "its environment": (
        lambda own: {**folder(own), "vae/.venv/lib/a.py": b"x"},
        "left out: .venv/ (1 files)",
    ),
    "its own time": (
        lambda own: {**folder(own), "vae/timestamp.txt": b"2020-01-01 00:00:00 UTC"},
        "its own timestamp.txt does not count",
    ),
}


LINK = b"link"


def tarred(files, form="w:gz"):
    """A tar with these files, of noon on 1 March 2026."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_772_362_800
            if data is LINK:
                info.size, info.type, info.linkname = 0, tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("form, name", [("w", "x.tar"), ("w:gz", "x.tgz"), ("w:bz2", "x.tar.bz2")])
def test_a_tar_is_taken_and_its_links_are_not(released, capsys, form, name):
    own = released("anna")
    made = tarred({**folder(own), "vae/data": LINK}, form)
    status, said = run(released, capsys, {MOODLE("Anna Ångström", 8001, name): made})
    assert status == 0 and "left out: 'vae/data' is a link" in said
    got = handed_in(released, "anna")
    assert got.pop("timestamp.txt") and got == {"vae.ipynb": own, **RUNS}


@pytest.mark.parametrize(
    "harm, says",
    [
        (lambda own: {"vae.tar.gz": tarred(folder(own))[:-30]}, "'vae.tar.gz' is damaged"),
        (lambda own: {"vae.tar": b"no tar at all" * 100}, "'vae.tar' is damaged"),
        (lambda own: {"vae.tar": tarred({"../vae.ipynb": own}, "w")}, "is no name for a file"),
        (lambda own: {"vae.ipynb": own, "runs.rar": b"Rar!"}, "'runs.rar' is no archive that can"),
    ],
)
def test_an_archive_that_cannot_be_taken_is_said(released, capsys, harm, says):
    files = harm(released("anna")).items()
    files = {MOODLE("Anna Ångström", 8001, name): data for name, data in files}
    assert says in run(released, capsys, files)[1]


def linked(name):
    made = zipfile.ZipInfo(name, (2026, 3, 1, 12, 0, 0))
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


@pytest.mark.parametrize("shape", [*SHAPES, *BESIDE])
def test_a_zip_of_any_shape_gives_the_notebook_and_its_runs(released, capsys, shape):
    make, note = (SHAPES[shape], None) if shape in SHAPES else BESIDE[shape]
    own = released("anna")
    files = {MOODLE("Anna Ångström", 8001, "vae.zip"): packed(make(own))}
    status, said = run(released, capsys, files)
    assert status == 0, said
    assert note is None or note in said
    assert "not taken" in said or "left out" in said or note is None or "does not count" in said
    got = handed_in(released, "anna")
    assert got.pop("timestamp.txt").startswith(b"2026-03-01")
    assert got == {"vae.ipynb": own, **RUNS}


@pytest.mark.parametrize(
    "name, said",
    [
        ("vae.rar", "vae.rar: an archive that cannot be opened here"),
        ("vae.7z", "vae.7z: an archive"),
        ("vae.tar.gz", "vae.tar.gz: an archive"),
        ("vae.html", "vae.html: a page made from a notebook"),
        ("vae.py", "vae.py: code without its notebook"),
        ("essay.txt", "it holds essay.txt"),
    ],
)
def test_what_is_no_notebook_is_named(released, capsys, name, said):
    files = {MOODLE("Anna Ångström", 8001, name): b"something"}
    status, told = run(released, capsys, files)
    assert status == 1 and "not collected: anna: it holds no vae.ipynb" in told and said in told


@pytest.mark.parametrize("name", ["vae.ipynb.txt", "vae.ipynb.zip", "vae.ipynb.json", "x.IPYNB"])
def test_a_notebook_that_a_browser_renamed_is_taken_and_said(released, capsys, name):
    own = released("anna")
    status, said = run(released, capsys, {MOODLE("Anna Ångström", 8001, name): own})
    assert status == 0 and f"{name!r} taken as vae.ipynb" in said
    assert handed_in(released, "anna")["vae.ipynb"] == own


CROWDS = {
    "notebooks": lambda: {f"{i}.ipynb": b"[" * 2**20 for i in range(60)},
    "files": lambda: {f"{i}.txt": b"" for i in range(3000)},
    "a manifest": lambda: {"manifest.json": b'{"files":' + b"[" * 2**24},
    "a tar of zeros": lambda: {"x.tar.xz": tarred({"zeros": bytes(40 * 2**20)}, "w:xz")},
    "a tar of links": lambda: {"x.tar.gz": tarred({f"{i}": LINK for i in range(5000)})},
    "zips": lambda: {f"{i}.zip": packed({f"{j}": b"" for j in range(200)}) for i in range(30)},
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_crowded_upload_costs_one_student(released, capsys, monkeypatch, crowd):
    monkeypatch.setattr(intake, "LARGEST", 30 * 2**20)
    monkeypatch.setattr(intake, "LISTED", 4000)
    bomb = packed({"vae.ipynb": released("anna"), **CROWDS[crowd]()})
    files = {
        MOODLE("Anna Ångström", 8001, "vae.zip"): bomb,
        MOODLE("Bob O'Hara, Jr.", 8002, "vae.ipynb"): released("bob"),
    }
    tracemalloc.start()
    status, said = run(released, capsys, files)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "bob: collected" in said and most < 250 * 2**20
    assert crowd == "a manifest" or "not collected: anna: " in said


TEAMS = {  # platform: the download of one file each by anna and bob
    "Canvas": lambda a, b: {"angstromanna_501_1_vae.ipynb": a, "x_502_2_vae.ipynb": b},
    "Gradescope": lambda a, b: {
        "assignment_7_export/submission_11/vae.ipynb": a,
        "assignment_7_export/submission_12/vae.ipynb": b,
        "assignment_7_export/submission_metadata.yml": GRADESCOPE.encode(),
    },
    "Blackboard": lambda a, b: {
        "VAE_homework_anna_attempt_2026-03-01-12-00-00.txt": b"Name: Anna Angstrom (anna)",
        "VAE_homework_anna_attempt_2026-02-01-12-00-00_vae.ipynb": b,
        "VAE_homework_anna_attempt_2026-03-01-12-00-00_vae.ipynb": a,
        "VAE_homework_bob_attempt_2026-03-01-12-00-00_mine.ipynb": b,
    },
    "Brightspace": lambda a, b: {
        "index.html": b"x",
        "70001-300 - Anna Angstrom - Feb 1, 2026 900 AM/vae.ipynb": b,
        "70001-300 - Anna Angstrom - Mar 1, 2026 1200 PM/vae.ipynb": a,
        "70002-300 - Bob O'Hara, Jr. - Mar 1, 2026 1205 PM/vae.ipynb": b,
    },
    "ILIAS": lambda a, b: {
        "Exercise 1/Abgaben/Angstrom_Anna_anna_901/20260301120000_vae.ipynb": a,
        "Exercise 1/Abgaben/O'Hara, Jr._Bob_bob_902/20260301120000_vae.ipynb": b,
    },
}
GRADESCOPE = """
submission_11:
  :submitters:
  - :name: Anna Ångström
    :sid: anna
    :email: other@example.org
  :created_at: 2026-03-01 11:00:00.000000000 Z
  :score: 0.0
submission_12:
  :submitters:
  - :name: Bob O'Hara, Jr.
    :sid:
    :email: bob@example.org
  - :name: Somebody Else
    :email: jan1@example.org
"""


@pytest.mark.parametrize("platform", TEAMS)
@pytest.mark.parametrize("unpacked", [False, True])
def test_downloads_of_other_platforms(released, capsys, platform, unpacked):
    anna, bob = released("anna"), released("bob")
    files = TEAMS[platform](anna, bob)
    path = released.root.parent / "download.zip"
    path.write_bytes(packed(files))
    if unpacked:  # as Safari leaves it
        with zipfile.ZipFile(path) as archive:
            archive.extractall(released.root.parent / "download")
        path = path.with_suffix("")
    collect.collect("vae", released.root, path)
    said = capsys.readouterr().out
    assert platform in said.splitlines()[0]
    assert handed_in(released, "anna")["vae.ipynb"] == anna, said
    assert handed_in(released, "bob")["vae.ipynb"] == bob, said
    if platform == "Gradescope":  # a team's work counts for each of it
        assert handed_in(released, "jan1")["vae.ipynb"] == bob


@pytest.mark.parametrize(
    "pattern, name",
    [
        ("{id}", "bob/vae.ipynb"),
        ("{last}_{first}_{number}/{file}", "O'Hara, Jr._Bob_77/work/vae.ipynb"),
        ("{any}-{id}-{file}", "hw3-bob-vae.ipynb"),
    ],
)
def test_any_other_folder_by_a_pattern(released, capsys, pattern, name):
    folder = released.root.parent / "elsewhere"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(released("bob"))
    assert collect.collect("vae", released.root, folder, pattern=pattern) == 0, capsys.readouterr()
    assert handed_in(released, "bob")["vae.ipynb"] == released("bob")
    assert collected(released, folder, "--pattern", "{file}") == 2
    assert "must say whose a file is" in capsys.readouterr().err


def test_a_teams_submission_and_an_anonymous_one(released, capsys):
    files = {
        MOODLE("Team 1-Anna Ångström", 1, "vae.ipynb"): released("anna"),
        MOODLE("Participant", 2, "vae.ipynb"): released("?"),
    }
    status, said = run(released, capsys, files)
    assert status == 1 and "anna: collected; taken from 'Team 1-Anna Ångström'" in said
    assert "not collected: Participant (2): is anonymous" in said


HEADS = [
    "Identifier,Full name,Email address,Status,Grade",
    "ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung",
    "Identificador,Nombre completo,Dirección de correo,Estado,Calificación",
    "識別子,氏名,メールアドレス,状態,評定",
]
PEOPLE_IN = [("Participant 1", "Jan Novák", "jan2@example.org", "x", "")] + [
    ("Participant 2", "Jan Novák", "JAN1@example.org", "x", "12,50")
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rosters_of_the_world(released, capsys, head, encoding, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([head.split(","), *PEOPLE_IN])
    roster = released.root / "roster.csv"
    roster.write_bytes(text.getvalue().encode(encoding, "replace"))
    files = {
        MOODLE("Jan Novák", 1, "vae.ipynb"): released("1"),
        MOODLE("Jan Novák", 2, "vae.ipynb"): released("2"),
    }
    status, said = run(released, capsys, files, roster)
    assert status == 0, said
    assert handed_in(released, "jan2")["vae.ipynb"] == released("1")
    assert "roster roster.csv (" in said and "numbers from" in said and "people from" in said


def test_columns_can_be_named_and_a_roster_of_nobody_is_refused(released, capsys):
    roster = released.root / "r.csv"
    roster.write_text("A,B,C\n1,jan1,x\n2,jan2,y\n")
    path = released.root / "download.zip"
    path.write_bytes(packed({MOODLE("Jan Novák", 2, "vae.ipynb"): released("2")}))
    named = ["number=A", "id=b"]
    assert collect.collect("vae", released.root, path, roster, columns=named) == 0
    assert handed_in(released, "jan2")["vae.ipynb"] == released("2")
    assert collected(released, path, "--roster", roster, "--columns", "number=Z") == 2
    assert "has no column 'Z'" in capsys.readouterr().err
    roster.write_text("A,B\n1,nobody\n")
    assert collected(released, path, "--roster", roster) == 2
    assert "names nobody of the gradebook" in capsys.readouterr().err


def test_modes_follow_the_umask_and_a_course_that_a_group_shares(released, capsys):
    config = released.root / "nbgrader_config.py"
    config.write_text("c = get_config()\nc.CourseDirectory.groupshared = True\n")
    before = os.umask(0o027)
    try:
        for note in (b"{}", b"{ }"):
            zipped = packed(folder(note))
            run(released, capsys, {MOODLE("Anna Ångström", 1, "vae.zip"): zipped})
        Ledger(released.root, shared=True).close()
        config.unlink()
        run(released, capsys, {MOODLE("Bob O'Hara, Jr.", 1, "vae.zip"): packed(folder(b"{}"))})
    finally:
        os.umask(before)

    def mode(*parts):
        return oct(released.root.joinpath(*parts).stat().st_mode)[-4:]

    runs = "vae/runs/tuned", "vae/runs/tuned/run.json"
    assert [mode("submitted/anna", path) for path in runs] == ["2770", "0660"]
    assert [mode("submitted/bob", path) for path in runs] == ["0750", "0640"]
    assert [mode("superseded", path) for path in (".", "anna", "anna/vae")] == ["2770"] * 3
    assert mode("superseded/anna/vae/1/vae.ipynb") == mode(LEDGER) == "0660"


@pytest.mark.parametrize("odd", ["a/b", "a*b", "a[b]", "..", "x" * 201])
def test_an_id_that_is_no_folder_is_said(released, capsys, odd):
    with Gradebook(f"sqlite:///{released.root}/gradebook.db", "vae-course") as book:
        book.add_student(odd, first_name="Odd", last_name="One")
    status, said = run(released, capsys, {MOODLE("Odd One", 1, "vae.ipynb"): released("x")})
    assert status == 1 and "the id " in said and not (released.root / "submitted").exists()


@pytest.mark.parametrize("plain", ["a,b", "o'hara", "#1", "-rf", "名前", "n" * 120, 'a "b"'])
def test_ids_that_are_folders_are_collected(released, capsys, plain):
    with Gradebook(f"sqlite:///{released.root}/gradebook.db", "vae-course") as book:
        book.add_student(plain, first_name="Odd", last_name="One")
    assert run(released, capsys, {MOODLE("Odd One", 1, "vae.ipynb"): released("x")})[0] == 0
    assert handed_in(released, plain)["vae.ipynb"] == released("x")


def test_a_changed_submission_zip_is_collected_and_said(released, capsys):
    manifest = json.dumps({"files": {"vae.ipynb": {"sha256": "0" * 64}}})
    own = packed({"vae/vae.ipynb": released("x"), "vae/manifest.json": manifest})
    status, said = run(released, capsys, {"anna_501_1_vae.zip": own})
    assert status == 0 and "changed after it was packed: 'vae.ipynb'" in said


@pytest.mark.parametrize(
    "data, says",
    [
        (b"nothing", "cannot be read as a zip"),
        (packed({"a.txt": b""}), "does not look like a download of Moodle"),
    ],
)
def test_another_file_is_refused_in_a_line(released, capsys, data, says):
    path = released.root / "x.zip"
    path.write_bytes(data)
    assert collected(released, path) == 2
    said = capsys.readouterr().err.strip()
    assert says in said and "\n" not in said and not (released.root / "submitted").exists()
