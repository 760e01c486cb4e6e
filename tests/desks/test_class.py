"""The demo's class, graded by nbgrader and by every desk: the same points, mistakes, sentences."""

import json
import shutil
from xml.etree import ElementTree as xml

import pytest

from autograder.course import grading
from autograder.course.course import Course
from autograder.desks import FORMATS, gradescope, junit, one, prairielearn
from autograder.letter import letter, text
from autograder.release import build, demo

from .contracts import broken

ASSIGNMENT = "vae"
FEW = {"casey-half", "gus-broken"}  # all seven with --long


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, request):
    """{student: (row of `grade --json`, result of `one` for the same seed)}"""
    root = tmp_path_factory.mktemp("class")
    build.scripts_on_path()
    shutil.copytree(build.ROOT / "solutions" / ASSIGNMENT, root / "solutions" / ASSIGNMENT)
    build.generate([ASSIGNMENT], root)
    demo.hand_in(ASSIGNMENT, root)
    for student in (root / "submitted").iterdir():
        if student.name not in FEW and not request.config.getoption("--long"):
            shutil.rmtree(student)
    runs = root / "submitted" / "casey-half" / ASSIGNMENT / "runs"
    for run in ("beta-0", "beta-10", "tuned"):
        shutil.copytree(build.ROOT / "utils" / "reference" / run, runs / run)
    assert grading.grade(ASSIGNMENT, root, json_file=root / "class.json") == 0
    course, found = Course(root, ASSIGNMENT), {}
    for line in (root / "class.json").read_text().splitlines():
        row = json.loads(line)
        seeds = {r["seed"] for r in course.records(row["student"]).values()}
        folder = root / "submitted" / row["student"] / ASSIGNMENT
        submission = one.found(folder, assignment=ASSIGNMENT)
        found[row["student"]] = row, one.grade(submission, *seeds)
    return found


def test_every_question_is_told_as_the_gradebook_has_it(classroom):
    assert {*classroom} >= FEW
    for row, result in classroom.values():
        told = [{k: v for k, v in q.items() if k != "rung"} for q in row["details"]]
        assert result["questions"] == told
        assert {q["id"]: q["score"] for q in result["questions"]} == row["questions"]
        assert (result["score"], result["max_score"]) == (row["score"], row["max_score"])


def test_the_class_is_the_demos(classroom):
    scores = {student: result["score"] for student, (_, result) in classroom.items()}
    assert scores["gus-broken"] == 0 < scores["casey-half"]
    named = {q["mistake"] for q in classroom["casey-half"][1]["questions"]}
    assert {
        "half-missing",
        "run-copied",
    } <= named  # the kit's own runs: what lies beside the notebook is looked at


@pytest.mark.parametrize("form", FORMATS)
def test_every_desk_is_told_the_gradebooks_score(classroom, form):
    for row, result in classroom.values():
        told, score = TOLD[form](result)
        assert broken(form, told) == []
        if score is not None:
            assert score == pytest.approx(row["score"])


def _json(result):
    written = json.dumps(result)
    return written, json.loads(written)["score"]


def _gradescope(result):
    text = gradescope.told(result)
    told = json.loads(text)
    assert told["score"] == pytest.approx(sum(test["score"] for test in told["tests"]))
    return text, told["score"]


def _prairielearn(result):
    text = prairielearn.told(result)
    told = json.loads(text)
    if not told["gradable"]:
        assert result["score"] == 0
        return text, None
    points = sum(test["points"] for test in told["tests"])
    assert told["score"] == pytest.approx(min(points / result["max_score"], 1))
    return text, points


def _junit(result):
    text = junit.told(result)
    [suite] = xml.fromstring(text)
    about = {p.get("name"): p.get("value") for p in suite.iterfind("properties/property")}
    return text, float(about["score"])


def _markdown(result):
    told = text.markdown(letter.of_result(result))
    return told, float(told.splitlines()[0].split()[2])


TOLD = {
    "json": _json,
    "markdown": _markdown,
    "gradescope": _gradescope,
    "prairielearn": _prairielearn,
    "junit": _junit,
}
