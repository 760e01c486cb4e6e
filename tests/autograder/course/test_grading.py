"""`python -m autograder grade`: a class graded by real nbgrader, with real dask workers."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import cli
from autograder.course import grading
from autograder.course.course import Course as Graded
from autograder.course.ledger import NAME as LEDGER
from autograder.errors import WrongCall
from autograder.exam import room
from autograder.exam.walls.common import NoBox
from autograder.plugins import dates
from autograder.release import build
from tests.autograder.conftest import KL, Course
from tests.support import walls

TWICE = KL.replace("0.5 * ", "")
CONFIG = 'c = get_config()\nc.CourseDirectory.source_directory = "source"\n'
ANSWERS = {"ada": KL, "bo": TWICE, "cy": "", "di": "import os; os._exit(1)", "ed": KL + "\n"}
SCORES = {"ada": 2, "bo": 1, "cy": 0, "di": 0, "ed": 2}


def command(*arguments):
    return [sys.executable, "-m", "autograder", "grade", "vae", *map(str, arguments)]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
# Each call is a process of its own, forked from one that has imported what all of them do.
BORN = multiprocessing.get_context("forkserver")
BORN.set_forkserver_preload(
    ["autograder.course.grading", "autograder.student.probes.common", "nbgrader.apps", __name__]
)


def grade(root, *arguments, more=None):
    """(exit status, rows by student, what was said) of one call."""
    told, said = root / "result.jsonl", root / "said"
    told.unlink(missing_ok=True)
    arguments = command("--course-dir", root, "--json", told, *arguments)[3:]
    process = BORN.Process(target=_grade, args=(arguments, said, {**ENVIRONMENT, **(more or {})}))
    process.start()
    process.join(200)
    assert process.exitcode is not None, "it goes on and on"
    lines = told.read_text().splitlines() if told.exists() else []
    rows = {row["student"]: row for row in map(json.loads, lines)}
    return process.exitcode, rows, said.read_text()


def _grade(arguments, said, environment):
    os.chdir(build.ROOT)
    os.environ.update(environment)
    with open(said, "wb") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1) for n in (1, 2))
    sys.exit(cli.main(arguments))


def scores(rows):
    return {student: row["score"] for student, row in rows.items() if row["status"] == "graded"}


def times(root):
    """When each student's autograded notebook was written."""
    return {p.parts[-3]: p.stat().st_mtime_ns for p in root.glob("autograded/*/vae/vae.ipynb")}


@pytest.fixture(scope="module")
def class_of_five(tmp_path_factory):
    """A course where five have handed in and nothing is graded; copy it, do not grade it."""
    os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # alembic
    course = Course(tmp_path_factory.mktemp("class"))
    (course.root / "nbgrader_config.py").write_text(CONFIG)
    for student, source in ANSWERS.items():
        course.hand_in(student, course.solved(source), **{"note.txt": student.encode()})
    return course


def copy(course, target):
    shutil.copytree(course.root, target)
    return target


@pytest.fixture(scope="module")
def graded(class_of_five, tmp_path_factory):
    """The class graded by one worker: (root, rows)."""
    root = copy(class_of_five, tmp_path_factory.mktemp("one") / "course")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        gradebook.add_student("zoe")
    status, rows, said = grade(root)
    assert status == 0, said
    return root, rows


def test_json_has_one_object_a_student_with_the_fields_of_the_contract(graded):
    _, rows = graded
    assert scores(rows) == pytest.approx(SCORES, abs=1)  # a named mistake earns part of the points
    assert rows["ada"]["score"] == 2
    assert rows["cy"]["score"] == 0
    for row in rows.values():
        fields = {"student", "status", "score", "max_score", "seconds", "questions", "details"}
        assert fields == set(row)
        assert row["max_score"] == 2
    assert rows["ada"]["questions"] == {"vae.kl_gaussian": 2}
    assert rows["zoe"]["status"] == "missing"
    assert rows["zoe"]["questions"] == {}


def test_two_workers_give_what_one_gives(class_of_five, graded, tmp_path):
    before, rows = graded
    root = copy(class_of_five, tmp_path / "course")
    shutil.copyfile(before / LEDGER, root / LEDGER)  # the same course seed
    status, again, said = grade(root, "--workers", 2)
    assert status == 0, said
    assert scores(again) == scores(rows)
    for student in ANSWERS:
        notebook = f"autograded/{student}/vae/vae.ipynb"
        ours, theirs = ((where / notebook).read_text() for where in (root, before))
        assert records(ours) == records(theirs)


def records(notebook):
    outputs = [o for c in json.loads(notebook)["cells"] for o in c.get("outputs", [])]
    mime = "application/vnd.autograder+json"
    return [o["data"][mime] for o in outputs if mime in o.get("data", {})]


def test_second_run_does_nothing_and_a_changed_submission_alone_is_graded_again(graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "course")
    before = times(root)
    status, rows, said = grade(root)
    assert status == 0
    assert "nothing to do" in said
    assert times(root) == before
    assert rows == graded[1]

    give_manual_grade(root, "cy", 1.5)
    path = root / "submitted" / "cy" / "vae" / "note.txt"
    path.write_text("changed")
    status, rows, said = grade(root)
    assert status == 0
    assert {s for s, t in times(root).items() if t != before[s]} == {"cy"}
    assert rows["cy"]["score"] == 1.5, "a grade given by hand was lost"


def test_one_student_alone_is_graded_and_the_plan_is_told(class_of_five, tmp_path):
    root = copy(class_of_five, tmp_path / "course")
    (root / "submitted" / "bo" / "vae" / "vae.ipynb").write_text("{broken")
    (root / "submitted" / "bo" / "vae" / "timestamp.txt").write_text("2026-03-01 12:00 XYZ")
    shutil.copytree(root / "submitted" / "bo", root / "submitted" / "a[b]")
    status, rows, said = grade(root, "--student", "ada", "bo")
    assert status == 0 and set(rows) == {"ada", "bo"}
    assert "2 to grade, handed in: ada, bo" in said.replace("\n   ", "")
    assert "bo: vae.ipynb: This file is not a notebook" in said and "no zone 'XYZ'" in said
    status, rows, said = grade(root, "--student", "ada", "bo")
    assert status == 0 and "nothing to do" in said and "bo: vae.ipynb: This file" in said
    status, _, said = grade(root, "--student", "nobody")
    assert status == 2
    one_line(said, "no student nobody")
    status, rows, said = grade(root, "--student", "a[b]")
    assert status == 1 and "the id 'a[b]' holds '[' ']'" in rows["a[b]"]["error"]


POLICY = """
c.AssignLatePenalties.plugin_class = "autograder.plugins.late.LatePolicy"
c.LatePolicy.percent_a_day = 10
c.LatePolicy.timezone = "Europe/Berlin"
"""


def test_penalties_follow_marks_due_date_policy_and_extensions(graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "course")
    (root / "nbgrader_config.py").write_text(CONFIG + POLICY)
    url = f"sqlite:///{root}/gradebook.db"

    def penalty():
        with Gradebook(url) as book:
            return book.find_submission("vae", "ada").late_submission_penalty

    def due(text):
        with Gradebook(url) as book:
            book.find_assignment("vae").duedate = dates.parse(text)
            book.find_submission("vae", "ada").timestamp = dates.parse("2026-10-25 11:00")
            book.db.commit()

    due("2026-10-24 10:00")  # 25 hours that are one day by Berlin's clocks
    status, _, said = grade(root)
    assert status == 0 and "nothing to grade" in said and penalty() == pytest.approx(0.2)
    assert "ada: late penalty 0 → 0.2 (late, day 1, due 2026-10-24 12:00 CEST)" in said
    give_manual_grade(root, "ada", 3, "vae-beta_0")
    assert grade(root)[0] == 0 and penalty() == pytest.approx(0.5)  # of all marks
    due("2026-10-22 10:00")
    assert "0.5 → 1.5" in grade(root)[2]
    assert "nothing to do" in grade(root)[2]
    text = "student;assignment;due;reason\nada;vae;2026-10-25;secret illness\nwho;vae;2026-10-25\n"
    (root / "extensions.csv").write_text(text)
    status, _, said = grade(root)
    assert "ada: late penalty 1.5 → 0 (extended to 2026-10-25 23:59 CET" in said
    assert "no student 'who'" in said and "secret" not in said and penalty() == 0
    (root / "extensions.csv").write_text(text.replace("2026-10-25;s", "soon;s"))
    status, _, said = grade(root)
    assert status == 2
    one_line(said, "extensions.csv", "ada", "'soon' is no time")


def test_what_was_interrupted_is_not_graded_and_no_mark_has_changed(class_of_five, tmp_path):
    root = copy(class_of_five, tmp_path / "course")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:  # as a kill leaves it
        book.update_or_create_student("ada")
        book.update_or_create_submission("vae", "ada")
    assert Graded(root, "vae").results() == {}
    status, rows, said = grade(root, "--student", "ada")
    assert status == 0 and rows["ada"]["score"] == 2 and "changed" not in said


def give_manual_grade(root, student, points, cell="vae-kl_gaussian"):
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        grade = gradebook.find_grade(cell, "vae", "vae", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


CORRECTED = """
import dataclasses, sys
from autograder import cli
from autograder.key import catalogue, vae
name = sys.argv.pop(1)
right = catalogue.find(name)
told = {m: dataclasses.replace(right.sentences.about(m), credit=1.0) for m in right.mistakes}
lenient = dataclasses.replace(right.sentences, mistakes=told)
new = dataclasses.replace(right, sentences=lenient)
vae.QUESTIONS = tuple(new if q is right else q for q in vae.QUESTIONS)
catalogue.of.cache_clear()
sys.exit(cli.main(sys.argv[1:]))
"""


def grade_corrected(root, question):
    """(exit status, what was said) when one question forgives its named mistakes."""
    arguments = command("--course-dir", root)[3:]
    done = subprocess.run(
        [sys.executable, "-c", CORRECTED, question, *arguments],
        cwd=build.ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode, done.stdout


def test_a_corrected_question_changes_its_marks_only_and_says_whose(graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "course")
    give_manual_grade(root, "ada", 2.5, "vae-beta_0")
    give_manual_grade(root, "ed", 1.5)
    status, said = grade_corrected(root, "vae.kl_gaussian")
    assert status == 0
    changed = [line.strip() for line in said.partition("marks that changed:\n")[2].splitlines()]
    was = graded[1]["bo"]["score"]
    assert changed == [f"bo: vae.kl_gaussian {was:g} → 2 (corrected: vae.kl_gaussian)"]
    assert manual(root, "ada", "vae-beta_0") == (2.5, False)  # as it was, and not asked about again
    assert manual(root, "ed") == (1.5, True)  # stays, but its question has changed


def manual(root, student, cell="vae-kl_gaussian"):
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        grade = gradebook.find_grade(cell, "vae", "vae", student)
        return grade.manual_score, grade.needs_manual_grade


def test_questions_that_did_not_change_are_not_asked_again(graded):
    course = Graded(graded[0], "vae")
    [record] = course.records("bo").values()
    task = grading.Task("bo", "", record["seed"], {}, asked={"vae.elbo"})
    assert task.kept(course) == {"vae.kl_gaussian": record}
    task.asked = {"vae.kl_gaussian"}
    assert task.kept(course) == {}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_killed_run_continues_to_the_grades_of_an_undisturbed_one(
    class_of_five, graded, tmp_path, workers
):
    root = copy(class_of_five, tmp_path / "course")
    shutil.copyfile(graded[0] / LEDGER, root / LEDGER)
    ledger = root / LEDGER
    ledger.write_text(ledger.read_text().splitlines()[0] + "\n")
    for lines in (2, 4):  # killed when nbgrader has begun with a submission
        run = subprocess.Popen(
            command("--course-dir", root, "--workers", workers),
            cwd=build.ROOT,
            env=ENVIRONMENT,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while run.poll() is None and len(ledger.read_bytes().splitlines()) < lines:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
    with open(ledger, "a") as stream:
        stream.write('{"assignment": "vae", "stude')  # as a kill while writing would leave it
    status, rows, said = grade(root)
    assert status == 0, said
    assert scores(rows) == scores(graded[1])


def test_what_a_killed_nbgrader_left_behind_is_graded_again(graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "course")
    path = root / "autograded" / "ada" / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # as its first step leaves it
    nbformat.write(notebook, path)
    status, rows, said = grade(root)
    assert status == 0 and "1 to grade" in said
    assert "points" in path.read_text() and scores(rows) == scores(graded[1])


def one_line(said, *words):
    lines = [line for line in said.splitlines() if line.startswith("autograder grade:")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    for word in words:
        assert word in lines[0]


def test_bad_calls_are_one_line_and_status_2(class_of_five, graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "graded")  # where there is nothing to do
    status, _, said = grade(root, "--scheduler", f"tcp://127.0.0.1:{free_port()}")
    assert status == 2
    one_line(said, "no dask scheduler")
    root = copy(class_of_five, tmp_path / "course")
    for wrong, words in {
        ("--workers", "0"): ["--workers"],
        ("--json", tmp_path / "no" / "file"): ["no folder"],
    }.items():
        status, _, said = grade(root, *wrong)
        assert status == 2
        one_line(said, *words)
    (root / "gradebook.db").unlink()
    status, _, said = grade(root)
    assert status == 2
    one_line(said, "no gradebook", "autograder register vae")
    assert not (root / "gradebook.db").exists()


def test_assignment_that_was_never_generated(class_of_five):
    with pytest.raises(WrongCall, match="autograder register"):
        Graded(class_of_five.root, "explore")


def test_what_is_no_submission_fails_alone(graded, tmp_path):
    root = shutil.copytree(graded[0], tmp_path / "course")
    (root / "submitted" / "file").write_text("not a folder")
    (root / "submitted" / "half").mkdir()
    (root / "submitted" / "half" / "vae").write_text("not a folder either")
    (root / "submitted" / "name" / "vae").mkdir(parents=True)
    (root / "submitted" / "name" / "vae" / "mine.ipynb").write_text("{}")
    shutil.copytree(root / "submitted" / "ada", root / "submitted" / "deep")
    deep, here = root / "submitted" / "deep" / "vae", os.getcwd()
    try:
        os.chdir(deep)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        status, rows, said = grade(root)
    finally:
        subprocess.run(["rm", "-rf", deep], check=True)  # too deep for Python's own way
    assert status == 1
    assert rows["file"]["status"] == rows["half"]["status"] == rows["name"]["status"] == "failed"
    assert "not a folder" in rows["file"]["error"] and "too deeply" in rows["deep"]["error"]
    assert "holds no vae.ipynb" in rows["name"]["error"]
    assert scores(rows) == scores(graded[1])


@pytest.mark.long
def test_full_disk_stops_the_run_and_loses_nothing(class_of_five, graded, tmp_path):
    root = copy(class_of_five, tmp_path / "course")
    full = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
        "from autograder.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", full, "grade", "vae", "--course-dir", str(root)],
        cwd=build.ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    one_line(done.stderr, LEDGER)
    status, rows, said = grade(root)
    assert status == 0, said
    assert scores(rows) == scores(graded[1])


# A bubblewrap that works until it does not, as after an update of the system.
BREAKS = """#!/bin/sh
echo >> {count}
[ $(wc -l < {count}) -le {most} ] && exec {bwrap} "$@"
echo "bwrap: No permissions to create a new namespace" >&2
exit 1
"""


@pytest.mark.long
@pytest.mark.skipif("namespaces" not in walls.here(), reason="no bubblewrap to break")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_wall_that_breaks_in_the_middle_of_a_class_stops_the_run_and_loses_nothing(
    class_of_five, graded, tmp_path, workers
):
    root, program = copy(class_of_five, tmp_path / "course"), tmp_path / "bwrap"
    most = 2 + 3 * workers  # one is tried, and each has one ready for the next submission
    about = {"count": tmp_path / "count", "most": most, "bwrap": shutil.which("bwrap")}
    program.write_text(BREAKS.format(**about))
    program.chmod(0o755)
    shutil.copyfile(graded[0] / LEDGER, root / LEDGER)  # the same seeds
    broken = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AUTOGRADER_WALL": ""}
    status, rows, said = grade(root, "--workers", workers, more=broken)
    assert status == 1
    one_line(said, "No permissions to create a new namespace", "run it again to go on")
    done = {**scores(rows)}
    assert 0 < len(done) < 5 and done.items() <= scores(graded[1]).items()
    assert {row["status"] for row in rows.values()} == {"graded", "failed"}
    status, rows, said = grade(root, more={"AUTOGRADER_WALL": ""})
    assert status == 0, said
    assert scores(rows) == scores(graded[1])


@pytest.mark.long
@pytest.mark.skipif("namespaces" not in walls.here(), reason="no bubblewrap to break")
def test_a_wall_that_breaks_stops_nbgrader_with_a_sentence(class_of_five, tmp_path):
    root, program = copy(class_of_five, tmp_path / "course"), tmp_path / "bwrap"
    about = {"count": tmp_path / "count", "most": 4, "bwrap": shutil.which("bwrap")}
    program.write_text(BREAKS.format(**about))
    program.chmod(0o755)

    def autograde(path):
        words = f"autograde vae --course-dir={root} --CourseDirectory.source_directory=source"
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *words.split()],
            cwd=build.ROOT,
            env={**ENVIRONMENT, "PATH": path, "AUTOGRADER_WALL": ""},
            capture_output=True,
            text=True,
        )

    first = autograde(f"{tmp_path}:{os.environ['PATH']}")
    assert first.returncode == 1 and "Traceback" not in first.stderr
    [said] = [line for line in first.stderr.splitlines() if "No permissions" in line]
    assert "same command again" in said
    done = times(root)
    assert 0 < len(done) < 5 and {p.parts[-2] for p in root.glob("autograded/*/vae")} == {*done}
    second = autograde(os.environ["PATH"])
    assert second.returncode == 0, second.stderr
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        found = {s.student.id: s.score for s in gradebook.assignment_submissions("vae")}
    assert found == pytest.approx(SCORES, abs=1) and done.items() <= times(root).items()


def test_locked_gradebook_stops_the_run_and_loses_nothing(class_of_five, graded, tmp_path):
    root = copy(class_of_five, tmp_path / "course")
    shutil.copyfile(graded[0] / LEDGER, root / LEDGER)
    other = sqlite3.connect(root / "gradebook.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    status, rows, said = grade(root)
    other.rollback()
    other.close()
    assert status == 1
    one_line(said, "locked by another program", "run it again")
    status, rows, said = grade(root)
    assert status == 0, said
    assert scores(rows) == scores(graded[1])


def test_more_workers_than_memory_are_not_started_and_one_too_many_is_refused(
    graded, monkeypatch, capsys
):
    course = Graded(graded[0], "vae")
    monkeypatch.setattr(room, "free", lambda: 4 * room.GIBI)
    with grading._pool(course, 4, None) as workers:
        assert workers is None  # one, this process
    said = capsys.readouterr().err
    assert said.startswith("1 of 4 workers are started: 4 GiB of memory are free")
    monkeypatch.setattr(room, "free", lambda: room.GIBI)
    with pytest.raises(
        NoBox, match=r"may use 2(\.25)? GiB .* 1 GiB are free here.*c.Execute.memory"
    ):
        with grading._pool(course, 1, None):
            pass


@pytest.mark.long
def test_a_scheduler_with_its_own_worker_grades_what_has_its_key(class_of_five, graded, tmp_path):
    root = copy(class_of_five, tmp_path / "course")
    keys = tmp_path / "keys"
    keys.mkdir()
    certified = documented(keys)
    rung = {"AUTOGRADER_WALL": walls.here()[-1]}  # the worker's own
    with cluster(tmp_path, build.ROOT, "tls", {**certified, **rung}) as address:
        status, _, said = grade(root, "--scheduler", address)
        assert status == 2  # without the key
        one_line(said, "no dask scheduler answers", "TLS")
        if rung["AUTOGRADER_WALL"] == "landlock":
            least = 'c.Execute.minimum = "namespaces"\n'
            (root / "nbgrader_config.py").write_text(CONFIG + least)
            status, _, said = grade(root, "--scheduler", address, more=certified)
            assert status == 2
            one_line(said, "cannot isolate: the wall 'landlock' is weaker than 'namespaces'")
            (root / "nbgrader_config.py").write_text(CONFIG)
        status, rows, said = grade(root, "--scheduler", address, more=certified)
    assert status == 0, said
    assert scores(rows) == scores(graded[1])
    told = {question["rung"] for row in rows.values() for question in row["details"]}
    assert told == {rung["AUTOGRADER_WALL"]}


@pytest.mark.long
def test_a_worker_with_another_kit_is_refused(graded, tmp_path):
    other = tmp_path / "kit"
    shutil.copytree(build.ROOT / "autograder", other / "autograder")
    shutil.copytree(build.ROOT / "utils", other / "utils", ignore=shutil.ignore_patterns("*.npz"))
    with open(other / "autograder" / "key" / "question.py", "a") as stream:
        stream.write("changed = True\n")
    root = shutil.copytree(graded[0], tmp_path / "course")
    (root / "submitted" / "ada" / "vae" / "note.txt").write_text("changed")
    with cluster(tmp_path, other) as address:
        status, _, said = grade(root, "--scheduler", address)
    assert status == 2
    one_line(said, "another version of the kit")


def documented(folder):
    """What docs/scaling.md has one set for TLS, with a key made as it says."""
    page = (build.ROOT / "docs/scaling.md").read_text()
    section = page.partition("TLS\n\n")[2].partition("Then, here over loopback")[0]
    script = "".join(line[4:] + "\n" for line in section.splitlines() if line.startswith("    "))
    done = subprocess.run(
        ["bash", "-euc", script + "env -0"], cwd=folder, capture_output=True, check=True, text=True
    )
    told = dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)
    return {name: value for name, value in told.items() if name.startswith("DASK_")}


@contextmanager
def cluster(scratch, kit, protocol="tcp", more=None):
    """`dask scheduler` and a `dask worker` on loopback; the worker loads the kit in `kit`."""
    address = f"{protocol}://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "dask"]
    with open(scratch / "dask.log", "ab") as log:
        parts = [
            subprocess.Popen(
                [*dask, *words],
                cwd=kit,
                stdout=log,
                stderr=log,
                env={**ENVIRONMENT, "PYTHONPATH": str(kit), **(more or {})},
            )
            for words in (
                ["scheduler", "--host", address, "--no-dashboard"],
                ["worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"],
            )
        ]
        try:
            yield address
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                try:
                    part.wait(20)
                except subprocess.TimeoutExpired:  # a worker may wait for its scheduler
                    part.kill()
                    part.wait()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
