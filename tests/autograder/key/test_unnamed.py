"""Wrong answers without a name: the same mistake is found again, another one is not."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.key import catalogue, unnamed
from autograder.key.named import FILE, TRACES, Named, Unusable
from autograder.key.question import Exam
from autograder.student.asking import InProcess

HEAD = "import torch\ndef kl_gaussian(mu, logvar):\n    "
CUBED = HEAD + "return 0.5 * (mu.abs() ** 3 + logvar.exp() - 1 - logvar).sum(1)"
CUBED_TOO = HEAD + (
    "parts = [torch.exp(v) - v + m.abs().pow(3) - 1 for m, v in zip(mu, logvar)]\n"
    "    return torch.stack(parts).sum(-1) / 2"
)
ROOTED = HEAD + "return 0.5 * (mu.abs().sqrt() + logvar.exp() - 1 - logvar).sum(1)"
HALF_NAMED = HEAD + "return (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)"
FAILS = HEAD + "return mu @ logvar"


def traced(source, question="vae.kl_gaussian", seed=3):
    names = {}
    exec(source, names)
    return unnamed.traced(Exam(InProcess(names), seed, catalogue.find), question)


@pytest.fixture(scope="module")
def kl():
    return catalogue.find("vae.kl_gaussian")


def test_the_same_mistake_is_the_same_whatever_its_code_and_seed(kl):
    cubed, too, rooted = (traced(s, seed=i).trace for i, s in enumerate((CUBED, CUBED_TOO, ROOTED)))
    assert unnamed.same(kl, cubed, too) and not unnamed.same(kl, cubed, rooted)
    assert unnamed.grouped(kl, [rooted, cubed, too]) == [[1, 2], [0]]
    assert unnamed.same(kl, json.loads(json.dumps(cubed)), too)


def test_an_error_is_the_same_wherever_it_stands_in_the_code(kl):
    first, later = traced(FAILS).trace, traced("\n\n" + FAILS, seed=9).trace
    assert unnamed.same(kl, first, later) and not unnamed.same(kl, first, traced(CUBED).trace)


def test_what_has_a_name_or_is_right_leaves_no_trace():
    right = HEAD + "return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"
    assert traced(right).trace is None and traced(HALF_NAMED).trace is None
    assert traced(HALF_NAMED).mistake == "half-missing"


def test_a_vague_name_leaves_a_trace_and_gives_way_to_a_better_one(tmp_path):
    result = traced(CUBED)
    record = {**result.as_json(), "trace": result.trace}
    known = Named(tmp_path)
    assert record["mistake"] in unnamed.VAGUE and known.applied(record) == record
    known.add("vae.kl_gaussian", "cubed", "Cubed.", result.trace, CUBED)
    named = known.applied(record)
    assert named["mistake"] == "cubed" and named["feedback"].endswith("Cubed.")
    assert Named(tmp_path / "other").applied(named)["mistake"] == record["mistake"]


def test_a_trace_of_another_version_of_the_question_is_no_match(kl):
    trace = traced(CUBED).trace
    assert not unnamed.same(kl, trace, {**trace, "version": "of last year"})


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3), elements=st.floats(-1e3, 1e3)))
def test_evidence_comes_back_as_it_was_packed(value):
    evidence = {"value": value, "value.kind": "Tensor", "sizes": [1, 2], "missing": None}
    again = dict(unnamed._unpacked(unnamed._packed(evidence)))
    assert np.allclose(again.pop("value"), value, rtol=1e-6, atol=1e-30)
    del evidence["value"]
    assert again == evidence


def test_large_arrays_are_thinned_out_and_keep_their_shape():
    value = np.arange(90_000.0).reshape(300, 300)
    packed = unnamed._packed({"value": value})
    again = unnamed._unpacked(packed)["value"]
    assert again.shape == value.shape and len(packed) < value.nbytes / 5
    assert (again == value).sum() >= unnamed.LARGEST / 2


def test_a_name_is_kept_in_a_file_that_may_be_changed_by_hand(tmp_path):
    trace, other = traced(CUBED).trace, traced(ROOTED).trace
    Named(tmp_path).add("vae.kl_gaussian", "cubed", "Your mean\nis cubed.", trace, CUBED)
    record = {"question": "vae.kl_gaussian", "mistake": None, "feedback": "0 of 2 points"}

    def told(of):
        return Named(tmp_path).applied({**record, "trace": of})

    same = traced(CUBED_TOO, seed=8).trace
    assert told(same)["mistake"] == "cubed"
    assert told(same)["feedback"].endswith("\n  Your mean is cubed.")
    assert told(other) == {**record, "trace": other}
    path = tmp_path / FILE
    path.write_text(path.read_text().replace("is cubed", "has the power three"))
    again = Named(tmp_path).applied(told(same))
    assert "power three" in again["feedback"] and "is cubed" not in again["feedback"]
    path.write_text("")
    assert Named(tmp_path).applied(again)["feedback"] == record["feedback"]
    assert Named(tmp_path).applied(again)["mistake"] is None


@pytest.mark.parametrize("name", ["", "Two words", "../../up", "ümlaut", "a" * 80])
def test_a_name_that_is_none_is_refused_and_nothing_is_kept(tmp_path, name):
    with pytest.raises(Unusable, match="a name is of small letters"):
        Named(tmp_path).add("vae.kl_gaussian", name, "A sentence.", {}, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_says_where(tmp_path):
    (tmp_path / FILE).write_text("## vae.kl_gaussian\n\n### cubed\n\n- credit: 0.5\n")
    with pytest.raises(Unusable, match="cubed"):
        Named(tmp_path)


def test_names_that_fit_nobody_any_more_are_told(tmp_path):
    known = Named(tmp_path)
    known.add("vae.kl_gaussian", "cubed", "Cubed.", traced(CUBED).trace, CUBED)
    assert known.problems() == []
    path = tmp_path / TRACES / "vae.kl_gaussian" / "cubed.json"
    path.write_text(path.read_text().replace('"version": "', '"version": "old'))
    assert "has changed since" in Named(tmp_path).problems()[0]
    path.unlink()
    assert "is missing" in Named(tmp_path).problems()[0]


def measured(*options):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bank.unknown", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_hidden_mistakes_are_found_again_in_other_forms():
    measured("--formulas", "--count=5")


@pytest.mark.long
def test_a_hundred_hidden_mistakes_are_found_again_in_other_forms():
    measured("--count=100")
