"""docs/adapting.md: every section is carried out in a copy of the kit, one after the other."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.support import tracked

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "adapting.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
QUICK = ("Word limits, points of answers in words",)
STEP = re.compile(r"```(diff|bash)\n(.*?)```", re.S)


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A copy of the kit in which `python -m autograder` is the copy's own."""
    root = tmp_path_factory.mktemp("adapting") / "kit"
    root.mkdir()
    for name in tracked.files():
        if not name.startswith("docs/figures/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    return root


def run(kit, block, fails=False):
    """Run a block; what it said. The copy's packages come before those that are installed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = {**os.environ, "PYTHONPATH": str(kit), "PATH": path, "COURSE_DATA": "embedded"}
    done = subprocess.run(
        ["bash", "-e", "-c", block],
        cwd=kit,
        env={**told, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def change(kit, diff):
    """Take out and put in what a block says; each place must be there once."""
    for name, hunks in re.findall(r"^--- (\S+)\n(.*?)(?=^--- \S|\Z)", diff, re.M | re.S):
        path = kit / name
        text = path.read_text(encoding="utf-8")
        for hunk in hunks.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            old, new = (old.rstrip("\n"), new.rstrip("\n")) if new else (old, new)
            assert text.count(old) == 1, f"{name} has {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def carry_out(kit, section):
    """The steps of a section, in order."""
    for kind, text in STEP.findall(SECTIONS[section]):
        change(kit, text) if kind == "diff" else run(kit, text)


def text_of(kit, assignment):
    path = kit / "assignments" / assignment / f"{assignment}.ipynb"
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells)


def worth(kit, assignment):
    with Gradebook(f"sqlite:///{kit / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.find_assignment(assignment).notebooks
        return {cell.name: cell.max_score for n in notebooks for cell in n.grade_cells}


def before_upgrade(kit):
    """A course with changes and a submission of its own, and a new version as the branch `kit`."""
    git = f"git --git-dir={kit}/.git -c user.name=A -c user.email=a@example.org"
    run(
        kit,
        f"""sed -i '0,/points=2,/s//points=3,/' autograder/key/vae/kl_gaussian.py
        python -m autograder build vae
        python -m autograder register vae
        mkdir -p submitted/ada
        cp -r assignments/vae submitted/ada/vae
        python -m autograder grade vae
        git init -q -b ours
        {git} --work-tree={ROOT} add -A
        {git} commit -q -m kit
        git branch kit
        git config user.name A
        git config user.email a@example.org
        git add -A
        git commit -q -m ours
        git worktree add -q ../new kit
        sed -i '1s/.*/# elbo: a new title/' ../new/autograder/key/vae/elbo.md
        git -C ../new commit -q -a -m new
        git worktree remove ../new""",
    )


def upgraded(kit):
    assert "`kl_gaussian` · 3 points" in text_of(kit, "vae")
    assert "a new title (" in text_of(kit, "vae")
    assert worth(kit, "vae")["vae-kl_gaussian"] == 3


def points(kit):
    assert "`kl_gaussian` · 3 points" in text_of(kit, "vae")
    assert worth(kit, "vae")["vae-kl_gaussian"] == 3


def words(kit):
    assert "at most 120 words" in text_of(kit, "vae")


def challenge(kit):
    assert "iwae_bound" not in text_of(kit, "vae")


def notebook(kit):
    with zipfile.ZipFile(kit / "dist" / "without.zip") as archive:
        assert not [n for n in archive.namelist() if n.startswith("vae-course/assignments/autod")]
        assert "`autodecoder`" not in archive.read("vae-course/README.md").decode()
    assert "autodecoder" not in run(kit, "python -m autograder questions")


def new_question(kit):
    texts = text_of(kit, "interpolation")
    assert "`half_distance` · 2 points" in texts and "def half_distance" in texts
    assert "2 points for the run `trained`" in texts and "at most 150 words" in texts
    assert "def jitter" in texts


def new_assignment(kit):
    assert worth(kit, "diffusion") == {"diffusion-distance": 2}


def own(kit):
    assert (kit / "assignments" / "warm_up" / "numbers.csv").exists()
    assert "test-double" in (kit / "reports" / "warm_up.html").read_text(encoding="utf-8")


def name(kit):
    with Gradebook(f"sqlite:///{kit / 'gradebook.db'}", "generative-models") as gradebook:
        assert gradebook.find_assignment("explore").course_id == "generative-models"


def language(kit):
    assert "`digit_statistics` · 2 Punkte" in text_of(kit, "explore")


THEN = {
    "Points": points,
    "Word limits, points of answers in words": words,
    "Drop a challenge, or a question": challenge,
    "Drop a notebook": notebook,
    "More data, or less": lambda kit: None,
    "A new question": new_question,
    "A new assignment": new_assignment,
    "An ordinary nbgrader assignment beside it": own,
    "The course's name": name,
    "Another language": language,
    "An upgrade in the middle of a term": upgraded,
}
BEFORE = {"An upgrade in the middle of a term": before_upgrade}


def test_every_section_that_changes_something_is_carried_out():
    assert [s for s, text in SECTIONS.items() if STEP.search(text)] == list(THEN)


@pytest.mark.parametrize(
    "section", [s if s in QUICK else pytest.param(s, marks=pytest.mark.long) for s in THEN]
)
def test_a_recipe_does_what_it_says(kit, section):
    BEFORE.get(section, lambda kit: None)(kit)
    carry_out(kit, section)
    THEN[section](kit)
