"""What a submission may cost the grader: counted over the whole of it, whatever a cell may."""

import dataclasses
import json
import re
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.exam import examiner, received, standin
from autograder.exam.budget import Budget
from autograder.exam.examiner import Cell
from autograder.exam.walls import groups
from autograder.exam.walls.common import Limits
from autograder.exam.warm import Warm
from autograder.student import wire
from tests.autograder.conftest import KL

torch.set_num_threads(1)
TEST = Cell("", "vae.kl_gaussian")
LIMITS = Limits(memory=2**30, cell_seconds=6, seconds=60, idle_seconds=8)


@pytest.fixture(scope="module")
def warm():
    with Warm(LIMITS) as server:
        yield server


@pytest.fixture
def examine(warm, tmp_path, monkeypatch):
    def run(*cells, **limits):
        monkeypatch.setattr(warm, "limits", dataclasses.replace(LIMITS, **limits))
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        return examiner.examine(cells, tmp_path, [], "vae", 11, warm)

    return run


def of(examined):
    return examined.records["vae.kl_gaussian"]


PICTURE = """
from IPython.display import display
display({"image/png": b"\\x89PNG\\r\\n\\x1a\\n" + bytes(400_000)}, raw=True)
"""


def test_pictures_are_bounded_in_the_whole_notebook(examine):
    examined = examine(*[PICTURE] * 5, KL, TEST, pictures=10**6)
    shown = [o for outputs in examined.outputs for o in outputs if "image/png" in o.get("data", {})]
    assert len(shown) == 2
    assert of(examined)["score"] == 2


SHARED = """
import mmap
many = mmap.mmap(-1, 3 * 2**30)
for place in range(0, len(many), 4096):
    many[place] = 1
"""


def test_memory_that_no_look_sees_in_time_ends_that_submission_only(examine, monkeypatch):
    if groups._above() is None:
        pytest.skip(groups.NONE)
    make, made = groups.group, []
    monkeypatch.setattr(groups, "group", lambda most: made.append(make(most)) or made[-1])
    with monkeypatch.context() as patch:
        patch.setattr(wire, "WATCH", 1000.0)
        examined = examine(SHARED, KL, TEST)
    assert examined.outputs[0][0]["evalue"] == "Your code used more than 1 GiB of memory."
    assert of(examined)["score"] == 2  # a new process goes on
    assert of(examine(KL, TEST))["score"] == 2
    assert made and not any(group.folder.exists() for group in made)


def test_text_is_bounded_in_the_whole_notebook_and_says_once_that_it_was_cut(examine):
    examined = examine(*["print('x' * 900)"] * 6, KL, TEST, text=3000)
    told = [o.get("text", "") for outputs in examined.outputs[:-1] for o in outputs]
    assert 3000 <= sum(map(len, told)) < 3100
    assert "".join(told).count("notebook's output was cut") == 1
    assert of(examined)["score"] == 2


def test_too_many_cells_are_not_run_and_the_questions_are_asked_all_the_same(examine):
    examined = examine(KL, "1", "1", "print('ran')", TEST, cells=3)
    (said,) = examined.outputs[3]
    assert said["evalue"] == "This notebook has more than 3 code cells; this one was not run."
    assert of(examined)["score"] == 2


def test_one_long_sleep_costs_its_cell_only(examine):
    examined = examine(KL, "import time; time.sleep(10**6)", TEST)
    assert examined.outputs[1][0]["evalue"] == "Your code waited for 2 seconds and was stopped."
    assert of(examined)["score"] == 2


def test_many_short_sleeps_end_the_notebook(examine):
    examined = examine(*["import time; time.sleep(0.3)"] * 20, KL, TEST, idle_seconds=1.5)
    why = "Your notebook waited for more than 1.5 seconds in all. The rest was not run."
    assert examined.outputs[0] == [] and examined.outputs[19][0]["evalue"] == why
    assert of(examined)["status"] == "failed" and why in of(examined)["feedback"]
    assert sum(why in note for note in examined.notes) == 1


def test_computing_is_no_idling(examine):
    burn = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end: pass"
    assert of(examine(burn, KL, TEST, idle_seconds=1.5))["score"] == 2


@pytest.fixture
def student(warm, tmp_path, monkeypatch):
    """student(*sources, **limits) -> all their outputs, and what is left of the budget."""

    def run(*sources, **limits):
        monkeypatch.setattr(warm, "limits", dataclasses.replace(LIMITS, **limits))
        made = examiner.Isolated([Cell(s) for s in sources], tmp_path, [], "vae", warm, [])
        made.deadline = float("inf")  # other work on this machine must not count here
        outputs = []
        try:
            for made.position in range(len(sources)):
                outputs.append(made.run(made.position))
        finally:
            made.close()
        return outputs, made.budget

    return run


def test_an_endless_loop_costs_its_seconds_once(student, monkeypatch):
    monkeypatch.setattr(examiner, "AGAIN", 0.5)
    loop, dies = "before = 1\nwhile True: pass", "import os; os._exit(1)"
    clock = "import time; time.process_time()"  # a busy machine lets it compute less, and says so
    outputs, left = student(loop, clock, dies, "before", cell_seconds=2)
    assert outputs[0][0]["ename"] == "CellTimeoutError"
    assert outputs[3][0]["data"]["text/plain"] == "1"  # what stands before the loop is there
    computed = float(outputs[1][0]["data"]["text/plain"])
    assert computed - 0.5 < left.limits.seconds - left.computing < computed + 1.5 < 4


def test_computing_is_bounded_in_the_whole_notebook(student):
    burn = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
    outputs, _ = student(*[burn] * 4, "1", seconds=2)
    assert "computed for more than 2 seconds in all" in outputs[4][0]["evalue"]


def test_answers_are_bounded_in_the_whole_notebook(examine):
    examined = examine(*[PICTURE] * 4, KL, TEST, received=10**6)
    assert "came to more than 1 MiB in all" in of(examined)["feedback"]


def test_the_graders_own_computing_is_bounded(examine):
    examined = examine(KL, TEST, examiner_seconds=0)
    assert "took more than 0 seconds" in of(examined)["feedback"]
    assert of(examined)["status"] == "failed"


def test_six_long_lines_cost_the_grader_next_to_nothing(examine):
    examined = examine(*["print('x' * 64_000)"] * 6, KL, TEST, examiner_seconds=5)
    assert of(examined)["score"] == 2


@given(st.text("ab\r\n", max_size=12))
@settings(deadline=None, max_examples=300)
def test_what_a_progress_bar_has_overwritten_is_gone(text):
    assert received.as_shown(text) == re.sub(r"[^\n\r]*\r(?!\n)", "", text)


def test_a_message_of_a_hundred_thousand_arrays_is_not_read():
    about = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    names = json.dumps({str(n): about for n in range(100_000)}).encode()
    with pytest.raises(wire.WireError, match="too many arrays"):
        wire.unpack(b'{"plain": {}, "shapes": {}}', struct.pack("<Q", len(names)) + names)
    honest = wire.pack({f"weights.layer.{n}": np.zeros(n) for n in range(200)})
    head, body = wire.HEAD.unpack(honest[: wire.HEAD.size])
    read = wire.unpack(honest[wire.HEAD.size :][:head], honest[-body:])
    assert len(read) == 200


def call(board, numbers):
    spec = {"args": [{"tensor": 0}], "kwargs": {}}
    array = np.zeros(numbers, np.float32)
    return board.answer({"stand_in": "f", "spec": spec, "tensor.0": array, "needed": [True]})


def test_stand_ins_keep_only_so_much():
    board = standin.Switchboard({"f": lambda x: x * 2}, Budget(Limits()))
    answers = [call(board, standin.ELEMENTS) for _ in range(20)]
    assert len(board.calls) * standin.ELEMENTS <= standin.KEPT
    assert "result.0" in answers[0] and "too much in all" in answers[-1]["error"]


def test_stand_in_calls_are_counted_in_the_whole_notebook_and_gradients_are_calls():
    budget = Budget(Limits(calls=3))
    first = standin.Switchboard({"f": lambda x: x * 2}, budget)
    assert "call" in call(first, 1)
    for _ in range(2):
        assert "grad.0" in first.answer({"pull": 0, "cotangent.0": np.ones(1, np.float32)})
    second = standin.Switchboard({"f": lambda x: x * 2}, budget)
    assert "more than 3 times" in call(second, 1)["error"]
