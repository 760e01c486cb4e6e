"""`python -m autograder`: the command line that the contract fixes."""

import json
import re
import subprocess
import sys

import pytest
from traitlets import TraitError

from autograder import errors
from autograder.errors import Stopped, WrongCall
from autograder.key import catalogue
from autograder.release import build

RIGHT = """
import torch
def kl_gaussian(mu, logvar):
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
"""
TWICE = "def kl_gaussian(mu, logvar):\n    return (mu**2 + logvar.exp() - 1 - logvar).sum(1)\n"
CRASH = "import os\ndef kl_gaussian(mu, logvar):\n    os.abort()\n"
PRINTS = (
    RIGHT + "print('x' * 100_000)\nimport sys; sys.stdout.flush(); sys.__stdout__.write('forged')\n"
)
EXITS = "raise SystemExit(0)\n"
BROKEN = "def kl_gaussian(mu, logvar)\n"


def autograder(*arguments):
    """The command as a person calls it, from the repository."""
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    return subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    paths = {}
    for name, text in {
        "right": RIGHT,
        "twice": TWICE,
        "crash": CRASH,
        "prints": PRINTS,
        "exits": EXITS,
        "broken": BROKEN,
    }.items():
        paths[name] = folder / f"{name}.py"
        paths[name].write_text(text)
    return paths


def test_one_json_object_a_file_in_order_and_nothing_else(files):
    order = ["crash", "right", "broken", "prints", "exits", "twice"]
    called = autograder(
        "check",
        "vae.kl_gaussian",
        "--json",
        *[a for name in order for a in ("--file", files[name])],
    )
    rows = dict(zip(order, map(json.loads, called.stdout.splitlines()), strict=True))
    assert called.returncode == 1
    fields = {"question", "score", "points", "passed", "mistake", "feedback"}
    assert all(set(row) == fields and row["question"] == "vae.kl_gaussian" for row in rows.values())
    assert rows["right"]["passed"] and rows["prints"]["passed"]
    assert rows["right"]["score"] == rows["right"]["points"] == 2
    assert rows["crash"]["score"] == rows["broken"]["score"] == rows["exits"]["score"] == 0
    assert "SIGABRT" in rows["crash"]["feedback"] and "line 1" in rows["broken"]["feedback"]
    assert 0 < rows["twice"]["score"] < 2 and rows["twice"]["mistake"]


def test_exit_status_says_full_points_lost_points_or_a_wrong_call(files):
    assert autograder("check", "vae.kl_gaussian", "--file", files["right"]).returncode == 0
    unknown = autograder("check", "vae.kl", "--file", files["right"])
    assert unknown.returncode == 2 and "vae.kl_gaussian" in unknown.stderr
    absent = autograder("check", "vae.kl_gaussian", "--file", "nowhere.py")
    assert absent.returncode == 2 and "nowhere.py" in absent.stderr
    assert autograder("check", "vae.kl_gaussian").returncode == 2
    assert not any("Traceback" in c.stderr for c in (unknown, absent))


def test_every_question_is_listed_with_what_it_is_worth():
    rows = {row["id"]: row for row in json.loads(autograder("questions", "--json").stdout)}
    code = {q: asked for a in catalogue.ASSIGNMENTS for q, asked in catalogue.of(a).items()}
    assert rows.keys() == code.keys() | catalogue.WRITTEN.keys()
    for name, asked in {**code, **catalogue.WRITTEN}.items():
        assert (rows[name]["points"], rows[name]["title"]) == (asked.points, asked.title)
    assert {q for q in code if rows[q]["extra_credit"]} == {q for q in code if code[q].extra}


def test_check_reads_a_notebooks_cells_in_order_and_a_stopped_one_costs_nothing_else(tmp_path):
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = ["import surely_not_there", "%matplotlib inline\nimport torch", TWICE, RIGHT]
    notebook = new_notebook(cells=[new_markdown_cell("# KL"), *map(new_code_cell, cells)])
    right, twice, broken = (tmp_path / f"{name}.ipynb" for name in ("right", "twice", "broken"))
    nbformat.write(notebook, right)
    notebook.cells.pop()
    nbformat.write(notebook, twice)
    broken.write_text("")
    files = [word for path in (right, twice, broken) for word in ("--file", path)]
    called = autograder("check", "vae.kl_gaussian", "--json", *files)
    rows = list(map(json.loads, called.stdout.splitlines()))
    assert called.returncode == 1, called.stderr
    fields = {"question", "score", "points", "passed", "mistake", "feedback"}
    assert all(set(row) == fields for row in rows)
    assert [row["passed"] for row in rows] == [True, False, False]
    assert 0 < rows[1]["score"] < 2 and rows[1]["mistake"] and "is empty" in rows[2]["feedback"]


ENDS = {
    WrongCall("no such thing"): (2, "autograder grade: no such thing\n"),
    Stopped("the disk is full"): (1, "autograder grade: the disk is full\n"),
    FileNotFoundError(2, "No such file or directory", "a.csv"): (
        2,
        "autograder grade: a.csv: No such file or directory\n",
    ),
    OSError(28, "No space left on device"): (
        2,
        "autograder grade: No space left on device; make room, then run the same command again\n",
    ),
    TraitError("'all' or 'by-tries'"): (
        2,
        "autograder grade: nbgrader_config.py: 'all' or 'by-tries'\n",
    ),
    KeyboardInterrupt(): (130, "interrupted\n"),
}


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_what_ends_a_command_is_one_sentence(error, capsys):
    def run():
        raise error

    assert errors.told("autograder grade", run) == ENDS[error][0]
    assert capsys.readouterr().err == ENDS[error][1]


@pytest.mark.parametrize("command", ["autograder doctor", "utils.report", "tests quick"])
def test_a_python_without_the_packages_says_which_has_them(command):
    """As where the environment was not activated."""
    without = [sys.executable, "-S", "-m", *command.split()]
    done = subprocess.run(without, cwd=build.ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and re.fullmatch(r"This Python .* lacks \w+\. .*\n", done.stderr)


@pytest.mark.parametrize(
    "text, says", [("X = (1 2)", "line 1: SyntaxError"), ("\nX = Writen()", "line 2: NameError")]
)
def test_a_list_of_the_key_that_cannot_be_read_is_one_sentence(text, says, capsys):
    def read(file):
        exec(compile(text, str(file), "exec"))

    assert errors.told("autograder", lambda: read(build.ROOT / "autograder/key/written.py")) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"autograder: autograder/key/written.py, {says}: ")
    with pytest.raises((SyntaxError, NameError)):  # a fault of the kit's own is shown whole
        errors.told("autograder", lambda: read(build.ROOT / "autograder/cli.py"))


def test_errors_are_caught_and_printed_in_one_place():
    """Elsewhere a command raises; only scripts that run without this package end by themselves."""
    alone = {"autograder/release/install.py", "autograder/errors.py"}
    for path in (build.ROOT / "autograder").rglob("*.py"):
        name, text = path.relative_to(build.ROOT).as_posix(), path.read_text("utf-8")
        if name not in alone:
            assert 'print(f"autograder' not in text, name
            assert not re.search(r"raise SystemExit\((?!main)|sys\.exit\(f?\"", text), name
