"""A record's text is taken apart and put together again; more of it is shown with every try."""

from hypothesis import given
from hypothesis import strategies as st

from autograder.key import catalogue
from autograder.key.question import Outcome, describe, one_line
from autograder.letter import levels, told

ASKED = [q for name in catalogue.ASSIGNMENTS for q in catalogue.of(name).values()]
SAID = st.text(min_size=1, max_size=60).map(one_line).filter(bool)


@st.composite
def described(draw):
    """(text, outcomes, mistake) of any question, whatever student code has made a check say."""
    question = draw(st.sampled_from(ASKED))
    outcomes = [
        Outcome(check, not message, message)
        for check in question.checks
        for message in [draw(st.just("") | SAID)]
    ]
    names = [name for name in question.mistakes if "{" not in question.mistake(name).says]
    name = draw(st.none() | st.sampled_from(names)) if names else None
    mistake = question.mistake(name) if name else None
    stood_in = draw(st.sampled_from([(), ("kl_gaussian",), ("encode", "VAE")]))
    error = draw(st.none() | SAID)
    text = describe(question, 0.5, outcomes, mistake, error, stood_in)
    return text, question, outcomes, mistake, error


@given(described())
def test_nothing_is_lost_or_mistaken_for_something_else(case):
    text, question, outcomes, mistake, error = case
    parts = told.read(text)
    assert parts.text() == text
    if error:
        assert not parts.tested
        return
    shown = [(t.property, t.passed, t.message) for t in parts.tested]
    said = [o.message for o in outcomes]
    once = ["" if message in said[:i] else message for i, message in enumerate(said)]
    assert shown == [
        (question.property(o.check), o.passed, message)
        for o, message in zip(outcomes, once, strict=True)
    ]
    assert (parts.says, parts.reread) == ((mistake.says, mistake.reread) if mistake else ("", ""))


@given(described())
def test_a_level_shows_what_it_says_and_no_more(case):
    text, _, outcomes, mistake, error = case
    row = {"feedback": text, "mistake": mistake and mistake.id}
    first, second = (levels.at(row, level) for level in (1, 2))
    assert levels.at(row, 3) == row
    if error:
        return
    for level, shown in ((1, first), (2, second)):
        parts = told.read(shown["feedback"])
        assert shown["mistake"] is None and not parts.says and not parts.reread
        assert [t.passed for t in parts.tested] == [o.passed for o in outcomes]
        assert any(t.message for t in parts.tested) == (
            level == 2 and any(o.message for o in outcomes)
        )


def test_the_policy_counts_changed_submissions():
    assert [levels.level("by-tries", n) for n in (-1, 0, 1, 2, 9)] == [1, 1, 2, 3, 3]
    assert levels.level("all", 0) == 3
