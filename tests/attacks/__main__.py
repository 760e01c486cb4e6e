"""`python -m tests.attacks`: what the same attacks do to stock nbgrader (docs/attacks.md's table).

Stock nbgrader runs its own preprocessors on a course whose hidden test is the usual assertion. Only
attacks that end by themselves and leave the machine alone are tried, and only ever in a scratch
course; still, run it where nothing else matters.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from autograder.release import build
from tests.autograder.conftest import KL, graded

from .cells import EXHAUSTING, FORGING, READING
from .test_cells import CANARY, WRONG

TEST = """### BEGIN HIDDEN TESTS
mu, logvar = torch.randn(5, 3), torch.randn(5, 3)
want = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
assert torch.allclose(kl_gaussian(mu, logvar), want)
### END HIDDEN TESTS"""
# What only makes sense against this kit's own channel, or never ends under nbgrader.
OURS = (
    "wire",
    "evidence",
    "probe",
    "every check",
    "result",
    "record",
    "answer",
    "modules",
    "echo",
    "vsock",
    "internet",
    "host",
    "disk",
    "log",
    "every file",
    "own memory",
)


def stock(root: Path) -> Config:
    """A generated course in nbgrader's own configuration."""
    config = Config()
    config.CourseDirectory.root = str(root)
    solution = f"### BEGIN SOLUTION\n{KL}### END SOLUTION\n"
    notebook = new_notebook(
        cells=[
            graded("kl_gaussian", solution, solution=True),
            graded("vae-kl_gaussian", TEST, grade=True, locked=True, points=2),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
    )
    (root / "source/vae").mkdir(parents=True)
    nbformat.write(notebook, root / "source/vae/vae.ipynb")
    made = NbGraderAPI(config=config).generate_assignment("vae")
    assert made["success"], made
    (root / "submitted/honest/vae").mkdir(parents=True)
    (root / "submitted/honest/vae/vae.ipynb").write_text(CANARY)
    return config


def attack(config: Config, root: Path, number: int, source: str) -> tuple[str, bool]:
    """(points, whether something was found that should not be) under stock nbgrader."""
    student = f"hostile{number}"
    for word, value in (("{course}", root), ("{host}", os.getpid())):
        source = source.replace(word, str(value))
    source = source.replace("{{", "{").replace("}}", "}").replace("CANARY", repr(CANARY))
    notebook = nbformat.read(root / "release/vae/vae.ipynb", 4)
    notebook.cells[0].source = WRONG
    notebook.cells.insert(1, new_code_cell(source))
    folder = root / "submitted" / student / "vae"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "vae.ipynb")
    done = NbGraderAPI(config=config).autograde("vae", student)
    result = root / "autograded" / student / "vae/vae.ipynb"
    leaked = result.exists() and "LEAKED" in str(nbformat.read(result, 4).cells[1].get("outputs"))
    if not done["success"]:
        return "not graded", leaked
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        return f"{gradebook.find_submission('vae', student).score:g}", leaked


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.parse_args()
    build.scripts_on_path()
    os.environ["GRADER_TOKEN"] = CANARY
    sources = {**READING, "leave before the test": EXHAUSTING["end itself"], **FORGING}
    chosen = {n: s for n, s in sources.items() if not any(word in n for word in OURS)}
    print("| attack | points of 2 under stock nbgrader | read or wrote what it should not |")
    print("|---|--:|---|")
    with tempfile.TemporaryDirectory(prefix="stock-") as scratch:
        root = Path(scratch)
        config = stock(root)
        for number, (name, source) in enumerate(chosen.items()):
            points, leaked = attack(config, root, number, source)
            print(f"| {name} | {points} | {'yes' if leaked else ''} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
