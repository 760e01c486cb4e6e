"""Four desks are told the same, each in the form of its contract."""

import json
from xml.etree import ElementTree as xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.desks import FORMATS, gradescope, junit, prairielearn
from autograder.exam import verdict
from autograder.key import catalogue
from autograder.letter import letter, levels, text

from .contracts import broken

ASKED = [*catalogue.of("vae").values(), *catalogue.of("interpolation").values()]
TEXT = st.text(max_size=80).map(verdict.printable)  # as `one` leaves whatever students wrote


@st.composite
def rows(draw):
    question = draw(st.sampled_from(ASKED))
    score = draw(st.floats(0, question.points))
    passed = score >= question.points
    return {
        "id": question.id,
        "title": question.title,
        "score": score,
        "points": float(question.points),
        "extra": question.extra,
        "passed": passed,
        "mistake": None
        if passed
        else draw(st.none() | st.from_regex("[a-z]+-[a-z]+", fullmatch=True)),
        "feedback": f"{question.id}: {score:g} of {question.points:g} points\n  {draw(TEXT)}",
    }


@st.composite
def results(draw):
    """Any result that `one` may give, with any text that a student may have put into it."""
    questions = draw(st.lists(rows(), max_size=6))
    ran = draw(st.booleans())
    return {
        "version": 1,
        "assignment": draw(st.sampled_from(["vae", None])),
        "score": sum(row["score"] for row in questions),
        "max_score": sum(row["points"] for row in questions if not row["extra"]),
        "rung": "landlock" if ran else None,
        "seconds": draw(st.floats(0, 1000)),
        "seed": 7 if ran else None,
        "questions": questions,
        "notes": draw(st.lists(TEXT, max_size=3)),
    }


def as_form(form, result, **options):
    if form == "json":
        return json.dumps(letter.in_full(result, letter.of_result(result)))
    if form == "markdown":
        return text.markdown(letter.of_result(result))
    return {"gradescope": gradescope, "prairielearn": prairielearn, "junit": junit}[form].told(
        result, **options
    )


@pytest.mark.parametrize("form", FORMATS)
@settings(deadline=None, max_examples=50)
@given(result=results())
def test_any_result_keeps_the_contract_of_the_desk(form, result):
    assert broken(form, as_form(form, result)) == []


RESULT = {
    "version": 1,
    "assignment": "vae",
    "score": 5.0,
    "max_score": 4.0,
    "rung": "namespaces",
    "seconds": 12.4,
    "seed": 5,
    "questions": [
        {
            "id": "vae.kl_gaussian",
            "title": "KL",
            "score": 1.0,
            "points": 2.0,
            "extra": False,
            "passed": False,
            "mistake": "half-missing",
            "feedback": "vae.kl_gaussian: 1 of 2 points\n  passed: a shape\n  failed: the values\n"
            "      not the right numbers.\n  The half is missing. Reread: the closed form.",
        },
        {
            "id": "vae.elbo",
            "title": "ELBO",
            "score": 2.0,
            "points": 2.0,
            "extra": False,
            "passed": True,
            "mistake": None,
            "feedback": "vae.elbo: 2 of 2 points\n  passed: a scalar",
        },
        {
            "id": "vae.iwae_bound",
            "title": "IWAE",
            "score": 2.0,
            "points": 2.0,
            "extra": True,
            "passed": True,
            "mistake": None,
            "feedback": "vae.iwae_bound: 2 of 2 points\n  passed: a bound",
        },
    ],
    "notes": ["Cell 'check-elbo' is missing and was put back"],
}


def test_an_extra_adds_to_gradescopes_total_and_is_not_missing_from_it():
    told = json.loads(gradescope.told(RESULT))
    assert told["score"] == sum(test["score"] for test in told["tests"]) == 5
    assert sum(test["max_score"] for test in told["tests"]) == RESULT["max_score"]
    extra = told["tests"][2]
    assert extra["status"] == "passed" and "extra credit" in extra["tags"]


def test_gradescope_shows_students_what_the_instructor_chose_and_never_the_log():
    told = json.loads(gradescope.told(RESULT, visibility="after_due_date"))
    assert {told["visibility"], *(t["visibility"] for t in told["tests"])} == {"after_due_date"}
    assert told["stdout_visibility"] == "hidden"
    assert "put back" in told["output"]


def test_prairielearn_gets_a_share_of_at_most_one():
    told = json.loads(prairielearn.told(RESULT))
    assert told["score"] == 1.0 and told["gradable"]
    told = json.loads(prairielearn.told({**RESULT, "score": 3.0}))
    assert told["score"] == 0.75


def test_what_cannot_be_read_costs_no_attempt_on_prairielearn():
    unread = {**RESULT, "score": 0.0, "rung": None, "notes": ["'a.ipynb' is empty."]}
    told = json.loads(prairielearn.told(unread))
    assert told == {"gradable": False, "format_errors": ["'a.ipynb' is empty."]}


def test_ci_sees_a_failure_a_question_with_the_sentence_as_its_message():
    suite = xml.fromstring(junit.told(RESULT)).find("testsuite")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert list(cases) == ["kl_gaussian", "elbo", "iwae_bound"]
    failure = cases["kl_gaussian"].find("failure")
    assert failure.get("message") == "The half is missing. Reread: the closed form."
    assert failure.get("type") == "half-missing" and "not the right numbers" in failure.text
    assert cases["elbo"].find("failure") is None
    assert suite.get("failures") == "1" and suite.get("errors") == "0"


def test_an_extra_that_was_not_tried_fails_no_build():
    extra = {**RESULT["questions"][2], "score": 0.0, "passed": False}
    suite = xml.fromstring(junit.told({**RESULT, "questions": [extra]})).find("testsuite")
    assert suite.get("failures") == "0" and suite.find("testcase/skipped") is not None


def test_feedback_by_tries_tells_more_with_each():
    def said(tries):
        row = levels.shown(RESULT, "by-tries", tries)["questions"][0]
        return row["mistake"], row["feedback"]

    assert said(0)[0] is None and "failed: the values" in said(0)[1]
    assert "numbers" not in said(0)[1] and "numbers" in said(1)[1]
    assert "half" not in said(1)[1]
    assert (
        said(2)
        == said(9)
        == (RESULT["questions"][0]["mistake"], RESULT["questions"][0]["feedback"])
    )
    assert levels.shown(RESULT, "all", 0) == RESULT


def metadata(tmp_path, *previous):
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps({"id": 1, "previous_submissions": list(previous)}))
    return path


def test_gradescopes_earlier_tries_count_where_something_was_changed(tmp_path):
    first = gradescope.Earlier.of(metadata(tmp_path), "a")
    assert first.tries == 0
    before = {"score": 1.0, "submission_time": "2026-04-06T14:24:48-07:00"}
    last = {**before, "results": json.loads(gradescope.told(RESULT, earlier=first))}
    crash = {**before, "autograder_error": True}
    again = gradescope.Earlier.of(metadata(tmp_path, last, crash), "a")
    assert again.tries == 0  # the same work handed in once more
    changed = gradescope.Earlier.of(metadata(tmp_path, last, crash), "b")
    assert changed.tries == 1
    # results of another autograder, from before this one was set up
    foreign = {**before, "results": {"score": 1.0}}
    assert gradescope.Earlier.of(metadata(tmp_path, before, foreign), "b").tries == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"previous_submissions": 3}', "\ufeff{", "null"])
def test_metadata_that_cannot_be_read_counts_no_tries(tmp_path, text):
    path = tmp_path / "submission_metadata.json"
    path.write_text(text)
    assert gradescope.Earlier.of(path, "a").tries == 0
    assert gradescope.Earlier.of(tmp_path / "absent", "a").tries == 0
