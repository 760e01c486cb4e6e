"""What the pre-flight says about notebooks as students leave them, and about files of any kind."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.key import catalogue
from tests.utils.conftest import RELEASE, finished, worth
from utils.hand_in import notebook, preflight

ROOT = Path(__file__).parents[3]


def cell(nb, name):
    return next(c for c in nb["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def error(text):
    return [{"output_type": "error", "ename": "CheckFailed", "evalue": text, "traceback": []}]


def test_a_finished_notebook_lacks_nothing(course):
    assert "Nothing is missing." in str(course(finished()))


def test_all_points_of_a_fresh_notebook_are_at_stake(course):
    shutil.rmtree(course.folder / "runs")
    result = course(RELEASE)
    asked = [*catalogue.of("vae").values(), *catalogue.WRITTEN.values()]
    total = sum(q.points for q in asked if q.assignment == "vae" and not getattr(q, "extra", False))
    assert f"lose up to {total:g} of {total:g} points" in str(result)
    assert "iwae_bound" not in "".join(text for text, _ in result.lost)  # extra credit


@pytest.mark.parametrize("assignment", catalogue.ASSIGNMENTS)
def test_the_release_itself_was_not_changed(assignment):
    nb = notebook.read(ROOT / "assignments" / assignment / f"{assignment}.ipynb")
    named = [c for c in nb.cells if c.name]
    assert nb.assignment == assignment and [c.name for c in named] == nb.released
    assert all(c.untouched for c in named)  # nbgrader's checksums, computed without nbgrader


def empty(nb):
    cell(nb, "vae-beta_0")["source"] = "*Your answer, at most 150 words:*\n\n  "


def long(nb):
    cell(nb, "vae-beta_0")["source"] = "word " * 151


def fails(nb):
    cell(nb, "check-elbo")["outputs"] = error("elbo has the wrong sign.\nLook at …")


def tampered(nb):
    cell(nb, "check-elbo")["source"] = "pass"


def doubled(nb):
    nb["cells"].append(cell(nb, "vae-elbo"))


def deleted_test(nb):
    nb["cells"].remove(cell(nb, "vae-elbo"))


def deleted_step(nb):
    nb["cells"].remove(cell(nb, "elbo"))


def retyped(nb):
    cell(nb, "vae-beta_0")["cell_type"] = "code"


def idle(nb):
    nb["cells"][1]["execution_count"] = None


def unordered(nb):
    cell(nb, "elbo")["execution_count"] = 999


def broken(nb):
    nb["cells"][1]["outputs"] = error("no module named torch")


def linked(nb):
    cell(nb, "vae-beta_0")["source"] = "As ![seen](pictures/mine.png)"


def vector(nb):
    cell(nb, "vae-beta_0")["attachments"] = {"a.svg": {"image/svg+xml": "<svg/>"}}


@pytest.mark.parametrize(
    "damage, says",
    [
        (
            empty,
            f"lose up to 3 of {worth():g} points:\n  - the answer vae.beta_0 is empty (3 points)",
        ),
        (long, "vae.beta_0 is too long, 151 of 150 words: 1 too many"),
        (fails, "the check of elbo fails: elbo has the wrong sign. (2 points)"),
        (tampered, "they are put back when your work is graded: cell "),
        (doubled, "the cell vae-elbo is there 2 times"),
        (deleted_test, "told you: vae-elbo"),
        (deleted_step, "the cell elbo, which you should fill in, was deleted"),
        (retyped, "has become a code cell: make it a markdown cell again"),
        (idle, "`) was not run; pictures"),
        (unordered, "cells were run out of order"),
        (broken, "ended with an error: no module named torch"),
        (linked, "not part of the notebook (pictures/mine.png)"),
        (vector, "of a kind that is not shown"),
    ],
)
def test_what_would_be_lost_is_said_in_plain_words(course, damage, says):
    nb = finished()
    damage(nb)
    assert says in str(course(nb))


def test_runs_that_are_missing_unfinished_or_damaged(course):
    runs = course.folder / "runs"
    shutil.rmtree(runs / "beta-0")
    (runs / "beta-10" / "run.json").write_text("{")
    (runs / "tuned" / "run.json").write_text('{"epochs": 40, "finished": 3}')
    said = str(course(finished()))
    assert f"lose up to 7 of {worth():g} points" in said
    assert "the run beta-0 is missing" in said and "beta-10 has a damaged run.json" in said
    assert "the run tuned stopped after 3 of 40 epochs" in said and "(5 points)" in said


def test_a_renamed_notebook_and_a_newer_copy(course):
    said = str(course(finished(), "vae-Copy1.ipynb"))
    assert "renamed, and only vae.ipynb is collected" in said
    assert f"{worth():g} of {worth():g}" in said
    course(finished())
    os.utime(course.folder / "vae.ipynb", (0, 0))
    assert "vae-Copy1.ipynb is newer" in str(preflight.look(course.folder))


def test_a_missing_notebook_in_a_terminal(tmp_path, capsys):
    assert preflight.main([str(tmp_path / "vae")]) == 1
    assert "everything" in capsys.readouterr().out


ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
KEYS = st.sampled_from(
    [
        "cells",
        "cell_type",
        "source",
        "metadata",
        "nbgrader",
        "grade_id",
        "outputs",
        "course",
        "points",
        "grade",
        "solution",
        "locked",
        "checksum",
        "attachments",
        "execution_count",
        "answer",
        "words",
        "runs",
        "released",
        "data",
        "image/png",
        "text/plain",
        "output_type",
    ]
)
VALUES = st.recursive(
    ODD, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v), max_leaves=5
)


@pytest.mark.dear
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES), st.lists(VALUES | st.dictionaries(KEYS, VALUES), max_size=5))
def test_any_json_is_looked_at_without_a_traceback(tmp_path_factory, raw, cells):
    path = tmp_path_factory.getbasetemp() / "odd.ipynb"
    path.write_text(json.dumps(raw | {"cells": cells}))
    result = preflight.look(path)
    assert result.title.startswith("odd.ipynb") and result.html()


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b'{"cells": 3}', b"[" * 10**5, b'{"cells": ["\\ud800"]}']
)
def test_any_bytes_are_looked_at_without_a_traceback(tmp_path, content):
    (tmp_path / "vae.ipynb").write_bytes(content)
    assert "everything" in str(preflight.look(tmp_path / "vae.ipynb"))


def test_a_runs_own_elbo_stands_beside_the_one_that_earns_all_points(course):
    (course.folder / "runs" / "tuned" / "curves.csv").write_text(
        "epoch,test_elbo\n1,-140\n2,-112.34\n"
    )
    found = course(finished())
    assert found.told == [
        "tuned: your test ELBO is −112.3 nats, and −115 earns all points (it is measured again, on "
        "other images)"
    ]
    assert found.told[0] in str(found) and not found.lost


@pytest.mark.parametrize("images, few", [("500", True), ("10,000", False), ("60,000", False)])
def test_a_run_on_few_images_is_noticed(course, images, few):
    told = {"epochs": 2, "finished": 2, "loader": [f"{images} images in batches of 128"]}
    (course.folder / "runs" / "tuned" / "run.json").write_text(json.dumps(told))
    assert any(f"on {images} images only" in text for text in course(finished()).look) == few
