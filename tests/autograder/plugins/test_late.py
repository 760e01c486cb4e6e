"""Late policies: what a late hour, a late day and a late month cost."""

from datetime import datetime

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from autograder.errors import WrongCall
from autograder.plugins import config, dates
from autograder.plugins.late import LatePolicy

DAY = 86_400


def policy(**settings):
    return LatePolicy(config=Config({"LatePolicy": settings}))


def test_grace_then_every_started_day_then_the_floor():
    ours = policy(grace_minutes=15, percent_a_day=10, floor_percent=50)
    penalties = [
        ours.late_submission_penalty("s", 20, t) for t in (899, 901, DAY + 1, 5 * DAY, 90 * DAY)
    ]
    assert penalties == [0, 2, 4, 10, 10]


def test_zero_takes_everything_after_the_grace_period():
    ours = policy(grace_minutes=1, penalty_method="zero")
    assert ours.late_submission_penalty("s", 7.5, 60) == 0
    assert ours.late_submission_penalty("s", 7.5, 61) == 7.5


@given(st.floats(0, 100), st.floats(0, 1e8), st.floats(0, 100), st.floats(0, 100))
def test_a_penalty_is_never_negative_nor_above_the_score(score, seconds, a_day, floor):
    penalty = policy(percent_a_day=a_day, floor_percent=floor).late_submission_penalty(
        "s", score, seconds
    )
    assert 0 <= penalty <= score * (1 - floor / 100) + 1e-9


BERLIN = tz.gettz("Europe/Berlin")


@pytest.mark.parametrize(
    "text, utc",
    [
        ("2026-03-01 12:00:00 UTC", "2026-03-01 12:00"),
        ("2026-03-01T12:00:00+01:00", "2026-03-01 11:00"),
        ("2026-03-01 12:00:00 +0100", "2026-03-01 11:00"),
        ("2015-02-02 15:58:23.948203 America/Los_Angeles", "2015-02-02 23:58"),
        ("2026-03-01 12:00 Europe/Berlin", "2026-03-01 11:00"),
        ("2026-07-01 12:00 CEST", "2026-07-01 10:00"),
        ("2026-03-01 12:00 CET", "2026-03-01 11:00"),
        ("2026-03-01 12:00", "2026-03-01 11:00"),
    ],
)
def test_zones_in_times_are_understood(text, utc):
    assert f"{dates.parse(text, BERLIN):%Y-%m-%d %H:%M}" == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "2026-03-01 12:00 XYZ",
        "2026-03-01 12:00 Mars/Olympus",
        "2026-13-01",
        "1/2/2026",
    ],
)
def test_times_that_are_not_understood_are_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="zone|time|month"):
        dates.parse(text, BERLIN)


def test_days_are_counted_by_the_courses_clock():
    due = dates.parse("2026-10-24 12:00", BERLIN)  # summer time ends in the night that follows
    noon = dates.parse("2026-10-25 12:00", BERLIN)
    assert (noon - due).total_seconds() == 25 * 3600
    assert dates.days_late(due, noon, BERLIN) == 1
    assert dates.days_late(due, noon, tz.UTC) == 2
    assert dates.days_late(due, due, BERLIN) == 0
    assert dates.days_late(due, datetime.fromisoformat("2026-10-24T10:00:01"), BERLIN) == 1
    assert policy(percent_a_day=10).late_submission_penalty("s", 30, 25 * 3600, days=1) == 3


def test_extensions_are_read_as_people_write_them(tmp_path):
    assert dates.extensions(tmp_path, BERLIN) is None
    path = tmp_path / "extensions.csv"
    heads = "Student;Assignment;Due;Reason", "Student;Assignment;Due"
    for head in heads:  # Excel leaves out what is empty at a line's end
        text = f"{head}\nada;vae;2026-03-01;private\nbo;vae;2026-03-02 9:30;ill\n;;;\n"
        path.write_text(text, "utf-16")
        told = {k: dates.shown(v, BERLIN) for k, v in dates.extensions(tmp_path, BERLIN).items()}
        assert told == {
            ("ada", "vae"): "2026-03-01 23:59 CET",
            ("bo", "vae"): "2026-03-02 09:30 CET",
        }
    for text, says in (
        ("student,assignment,due\nada,vae,soon\n", "ada, vae: 'soon' is no time"),
        ("who,what\nada,vae\n", "no column 'student'"),
        ("student,assignment,due\na,v,2026-03-01\na,v,2026-03-02\n", "two extensions"),
    ):
        path.write_text(text)
        with pytest.raises(WrongCall, match=says):
            dates.extensions(tmp_path, BERLIN)


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(WrongCall, match="Europe/Berlin"):
        dates.zone(Config({"LatePolicy": {"timezone": "Middle/Earth"}}))


def test_an_option_that_there_is_not_is_refused_with_its_line(tmp_path):
    file = tmp_path / "nbgrader_config.py"
    kit = f"load_subconfig('nbgrader_config.py', path={str(config.ROOT)!r})\nc = get_config()\n"
    file.write_text(f"{kit}c.LatePolicy.percentaday = 10\n")
    with pytest.raises(
        WrongCall, match="line 3: there is no .*percentaday; there is percent_a_day"
    ):
        config.only_known(LatePolicy, config.course_config(tmp_path))
    file.write_text(f"{kit}c.LatePolcy.percent_a_day = 10\n")
    with pytest.raises(WrongCall, match="line 3: there is no c.LatePolcy: c.LatePolicy is meant"):
        config.course_config(tmp_path)
    file.write_text(f"{kit}c.MyLatePolicy.percent_a_day = 10\n")
    config.course_config(tmp_path)  # one derived from ours
