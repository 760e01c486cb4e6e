"""Each hostile notebook, examined as any other, and then an honest one."""

import hashlib
import os
import socket
from pathlib import Path

import nbformat
import pytest
import torch
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook

from autograder.exam import examiner
from autograder.exam.examiner import Cell
from autograder.exam.walls.common import Limits
from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.letter import letter as letters
from autograder.letter import text, told
from autograder.plugins.feedback import WritePage
from autograder.student import landlock
from autograder.student.asking import InProcess
from tests.autograder.conftest import KL
from tests.support import leaks, walls

from . import cells

torch.set_num_threads(1)
CANARY = "canary-7f3a9c"
QUESTION = "vae.kl_gaussian"
SHORT = Limits(
    memory=2**30,
    disk=32 * 2**20,
    file=16 * 2**20,
    processes=40,
    cell_seconds=1,
    seconds=20,
    idle_seconds=8,
    examiner_seconds=10,
)
WRONG = """import ctypes, os, sys, torch
CDLL = ctypes.CDLL(None)
def found(what): print("LEA" + "KED", str(what)[:500])
def kl_gaussian(mu, logvar):
    return mu.sum(1)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder that a hostile notebook knows the path of."""
    root = tmp_path_factory.mktemp("course")
    (root / "gradebook.db").write_text(CANARY)
    (root / "submitted/honest/vae").mkdir(parents=True)
    (root / "submitted/honest/vae/vae.ipynb").write_text(CANARY)
    (root / "submitted/hostile/vae").mkdir(parents=True)
    os.environ["GRADER_TOKEN"] = CANARY
    bus, notify = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with bus, notify:  # services of the user
        bus.bind(str(root / "bus"))
        bus.listen()
        notify.bind(str(root / "notify"))
        yield root
    del os.environ["GRADER_TOKEN"]


@pytest.fixture(scope="module", params=walls.ways())
def warm(request, course):
    with walls.behind(request.param, SHORT, [course]) as server:
        yield server


@pytest.fixture(scope="module")
def unattacked(tmp_path_factory):
    """What the wrong answer scores by itself, with as much time as it takes."""
    names = {}
    exec(WRONG, names)
    exam = Exam(InProcess(names, tmp_path_factory.mktemp("own")), 3, catalogue.find)
    return exam.grade(QUESTION).score


@pytest.fixture(scope="module")
def examine(course, warm):
    def run(*sources):
        notebook = [*map(Cell, sources), Cell("", QUESTION)]
        folder = course / "submitted/hostile/vae"
        return examiner.examine(notebook, folder, [], "vae", 3, warm)

    return run


def fingerprint(root):
    names = sorted(str(p) for p in root.rglob("*"))
    data = [Path(n).read_bytes() for n in names if os.path.isfile(n)]
    return hashlib.sha256(repr((names, data)).encode()).hexdigest()


def letter_about(record, source, outputs):
    """(page, Markdown) of the letter about a hostile notebook, as its student gets them."""
    asked = letters.Question(QUESTION, QUESTION, record["score"], record["points"])
    asked.told, asked.mistake = told.read(record["feedback"]), record["mistake"]
    letter = letters.Letter("vae", [asked])
    cells = [
        new_code_cell(source if i else "", outputs=[nbformat.from_dict(o) for o in given])
        for i, given in enumerate(outputs)
    ]
    resources = {"letter": letter, "student": "eve"}
    WritePage().preprocess(new_notebook(cells=cells), resources)
    page = BeautifulSoup(resources["page"], "html.parser").get_text("\n")
    return page, text.markdown(letter)


# In the daily suite, one of each kind.
DAILY = {aim: f"{aim}: {next(iter(sources))}" for aim, sources in cells.KINDS.items()}
# They go through the wire, to who reads feedback, or against limits that no Landlock keeps.
ALIKE = "forging", "speaking", "exhausting"
NAMES = [
    name if name in DAILY.values() else pytest.param(name, marks=pytest.mark.long)
    for name in cells.ALL
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_notebook_gains_nothing_and_spoils_nothing(
    course, warm, examine, unattacked, name
):
    older = getattr(warm.wall, "abi", 99) < landlock.version()
    if older and name.startswith(ALIKE):
        pytest.skip("the same at every version of Landlock")
    source = cells.ALL[name]
    for word, value in (("{course}", course), ("{host}", os.getpid())):
        source = source.replace(word, str(value))
    source = source.replace("{{", "{").replace("}}", "}").replace("CANARY", repr(CANARY))
    before = fingerprint(course)
    if "kl_gaussian" in source:
        examined = examine(WRONG, source)
    else:
        examined = examine(WRONG, source, "print('and on')")

    record = examined.records[QUESTION]
    assert record["score"] <= unattacked
    assert record["status"] == "graded" or "The rest was not run." in record["feedback"]
    assert record["rung"] == warm.rung
    shown = str(examined.outputs)
    assert "LEAKED" not in shown and CANARY not in shown
    assert not leaks.lines(examined.outputs)  # what feedback shows
    page, markdown = letter_about(record, source, examined.outputs)
    own = {line.strip() for line in source.splitlines()}
    assert not {line.strip() for line in leaks.found(markdown)} - own
    assert not leaks.lines(page) - own and CANARY not in page.replace(source, "")
    assert "\x1b" not in shown and "<script>alert" not in shown and "\u202e" not in shown
    assert len(shown) < 10**6
    assert fingerprint(course) == before
    assert warm.server.poll() is None

    assert examine(KL).records[QUESTION]["score"] == 2
