"""The ledger of a course: what a run that was killed at any byte leaves for the next one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course import ledger
from autograder.errors import WrongCall

DONE = {"assignment": "vae", "student": "ada", "done": "key"}


def closed(root):
    """A ledger that has been read and closed again."""
    book = ledger.Ledger(root)
    book.close()
    return book


def test_the_course_seed_is_drawn_once(tmp_path):
    assert closed(tmp_path).seed == closed(tmp_path).seed


def test_the_last_line_of_a_student_counts(tmp_path):
    book = ledger.Ledger(tmp_path)
    book.write(**DONE)
    book.write(assignment="vae", student="ada", begun="another")
    book.close()
    assert "done" not in closed(tmp_path).latest["vae", "ada"]


@given(cut=st.integers(0, 200), tail=st.binary(max_size=20))
def test_a_line_that_was_torn_costs_itself_only(tmp_path_factory, cut, tail):
    root = tmp_path_factory.mktemp("course")
    book = ledger.Ledger(root)
    book.write(**DONE)
    book.close()
    torn = json.dumps({**DONE, "student": "bo"}).encode()[:cut]
    with open(root / ledger.NAME, "ab") as stream:
        stream.write(torn + tail)
    after = ledger.Ledger(root)
    after.write(**{**DONE, "student": "cy"})
    after.close()
    again = closed(root)
    assert again.seed == book.seed
    assert again.latest["vae", "ada"] == DONE and again.latest["vae", "cy"]["student"] == "cy"


def test_a_second_run_is_refused_while_the_first_holds_the_course(tmp_path):
    book = ledger.Ledger(tmp_path)
    with pytest.raises(WrongCall, match="another run"):
        ledger.Ledger(tmp_path)
    book.close()
    closed(tmp_path)
