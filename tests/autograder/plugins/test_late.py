"""Late policies: what a late hour, a late day and a late month cost."""

from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

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
