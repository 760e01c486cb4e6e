"""`python -m tests.support.fuzz --notebooks 1000`: mutated notebooks in `nbgrader autograde`.

Each must get a grade or a clear error, and an honest notebook afterwards its full points. The
default test run does a few of them (`tests/autograder/course/test_fuzz.py`).
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import json
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

import nbformat
from tqdm import tqdm

from autograder.exam import verdict
from autograder.release import build

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037")
ODD_TEXT = (
    "",
    "\x00",
    "\ud800",
    "\u202e",
    "é" * 3000,
    "\r\n",
    "'''",
    "%%bash\nls",
    "%matplotlib nothing",
    "!exit 3",
    "def f(:",
    "import os; os._exit(1)",
    "raise SystemExit",
    "1/0",
    "\x1b[2J",
    "#" * 10**5,
    "kl_gaussian = None",
    "get_ipython().reset(new_session=False)",
)
ODD_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    10**40,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    {"nbgrader": {}},
    "../../..",
    "vae-kl_gaussian",
    float("nan"),
    float("inf"),
)


def mutant(notebook: dict, rng: random.Random) -> bytes:
    """The bytes of a notebook that some mutations have been through, fewer or more of them."""
    notebook = copy.deepcopy(notebook)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 20))):
        with contextlib.suppress(RecursionError):  # what is nested deep is not copied too
            rng.choice(STRUCTURE)(notebook, rng)
    try:
        text = json.dumps(notebook, ensure_ascii=rng.random() < 0.5)
    except RecursionError:  # deeper than Python writes
        text = "[" * 50_000
    data = _encoded(text, rng)
    return rng.choice(BYTES)(data, rng) if rng.random() < 0.3 else data


def _encoded(text: str, rng) -> bytes:
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.15 else "utf-8"
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def _places(value, found):
    """Every (container, key) below a value."""
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            _places(value[key], found)
    return found


def _a_place(notebook, rng):
    return rng.choice(_places(notebook, []) or [({"x": 0}, "x")])


def change_a_value(notebook, rng):
    container, key = _a_place(notebook, rng)
    container[key] = copy.deepcopy(rng.choice(ODD_VALUES))


def change_a_text(notebook, rng):
    container, key = _a_place(notebook, rng)
    container[key] = rng.choice(ODD_TEXT)


def drop_a_value(notebook, rng):
    container, key = _a_place(notebook, rng)
    del container[key]


def rename_a_key(notebook, rng):
    container, key = _a_place(notebook, rng)
    if isinstance(container, dict):
        container[str(key)[::-1]] = container.pop(key)


def graft(notebook, rng):
    """Put one part in the place of another."""
    source, key = _a_place(notebook, rng)
    part = copy.deepcopy(source[key])
    target, place = _a_place(notebook, rng)
    target[place] = part


def nest(notebook, rng):
    container, key = _a_place(notebook, rng)
    deep = container[key]
    for _ in range(rng.choice((3, 50, 300))):
        deep = [deep] if rng.random() < 0.5 else {"x": deep}
    container[key] = deep


def _cells(notebook):
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else []


def shuffle_cells(notebook, rng):
    rng.shuffle(_cells(notebook))


def repeat_cells(notebook, rng):
    cells = _cells(notebook)
    if cells:
        cells.extend(copy.deepcopy(rng.choices(cells, k=rng.choice((1, 3, 30)))))


def drop_cells(notebook, rng):
    cells = _cells(notebook)
    if cells:
        del cells[rng.randrange(len(cells)) :: rng.choice((1, 2, 100))]


def odd_source(notebook, rng):
    cells = [cell for cell in _cells(notebook) if isinstance(cell, dict)]
    if cells:
        source = rng.choice(ODD_TEXT)
        cell = rng.choice(cells)
        as_is = cell.get("source")
        more = source if not isinstance(as_is, str) or rng.random() < 0.5 else as_is + "\n" + source
        cell["source"] = more if rng.random() < 0.7 else more.splitlines(True)


def odd_metadata(notebook, rng):
    cells = [cell for cell in _cells(notebook) if isinstance(cell, dict)]
    if cells:
        about = {
            name: copy.deepcopy(rng.choice(ODD_VALUES))
            for name in (
                "grade",
                "solution",
                "locked",
                "task",
                "points",
                "schema_version",
                "checksum",
                "cell_type",
                "grade_id",
            )
            if rng.random() < 0.6
        }
        rng.choice(cells)["metadata"] = {"nbgrader": about}


def other_version(notebook, rng):
    notebook["nbformat"] = rng.choice((1, 2, 3, 4, 5, 99, "4", None))
    notebook["nbformat_minor"] = rng.choice((0, 2, 5, 99, "x"))


STRUCTURE = (
    change_a_value,
    change_a_text,
    drop_a_value,
    rename_a_key,
    graft,
    nest,
    shuffle_cells,
    repeat_cells,
    drop_cells,
    odd_source,
    odd_metadata,
    other_version,
)


def cut(data, rng):
    return data[: rng.randrange(len(data) + 1)]


def flip(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 5, 200)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def splice(data, rng):
    here = rng.randrange(len(data) + 1)
    return data[:here] + rng.randbytes(rng.choice((1, 16, 5000))) + data[here:]


def twice(data, rng):
    return data + data


BYTES = (cut, flip, splice, twice)


def grade(course, notebooks: dict[str, bytes]) -> dict[str, dict]:
    """Hand in and autograde each: {student: {"score", "says", "problem"}}; problem None is well.

    A grade is a number within the question's points and a record that says how it came about.
    """
    told = {}
    for student, data in notebooks.items():
        course.hand_in(student, data)
        done = course.autograde(student)
        row = {"score": None, "says": "", "problem": None}
        if not done["success"]:
            log = (done.get("log") or "") + (done.get("error") or "")
            row["problem"] = "\n".join(log.splitlines()[-4:])
        else:
            row["score"] = course.score(student)
            records = [verdict.read(cell) for cell in course.result(student).cells]
            records = [record for record in records if record]
            row["says"] = records[0]["feedback"] if records else ""
            if row["score"] is None or not 0 <= row["score"] <= 2 or len(records) != 1:
                row["problem"] = f"score {row['score']}, {len(records)} records"
        told[student] = row
    return told


def main() -> int:
    """Exit status 0 when every mutant got a grade or a clear error, and the honest one its due."""
    from tests.autograder.conftest import Course

    parser = argparse.ArgumentParser(prog="python -m tests.support.fuzz", description=__doc__)
    parser.add_argument("--notebooks", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    options = parser.parse_args()
    build.scripts_on_path()
    warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's own queries
    counts, begun = collections.Counter(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        course = Course(Path(scratch))
        right = json.loads(nbformat.writes(course.solved()))
        last = options.first + options.notebooks
        for number in tqdm(range(options.first, last), unit=" notebooks"):
            data = mutant(right, random.Random(number))
            ((student, row),) = grade(course, {f"mutant-{number}": data}).items()
            unread = "This file" in row["says"]
            kind = "problem" if row["problem"] else "unread" if unread else f"{row['score']:g} of 2"
            counts[kind] += 1
            if row["problem"]:
                tqdm.write(f"{student}: {row['problem']}")
        honest = grade(course, {"honest": nbformat.writes(course.solved()).encode()})["honest"]
    told = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
    print(f"{options.notebooks} notebooks in {time.monotonic() - begun:.0f} s: {told}")
    print(f"an honest notebook afterwards: {honest['score']:g} of 2")
    return 1 if counts["problem"] or honest["score"] != 2 else 0


if __name__ == "__main__":
    sys.exit(main())
