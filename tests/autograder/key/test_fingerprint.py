"""A question's hash changes with whatever its grade depends on, and with nothing else."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from autograder.key import fingerprint
from autograder.release import build

PRINT = (
    "import json; from autograder.key import fingerprint; "
    "print(json.dumps(fingerprint.of('vae') | fingerprint.of('explore')))"
)


def prints(root, hashseed=0):
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": str(hashseed)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CORRECTED = {"key/vae/kl_gaussian.md": ("an exponential is missing", "one exponential is missing")}
SAME = {
    "key/vae/kl_gaussian.py": ('"""', '"""Another docstring. '),
    "student/probes/explore.py": ("\ndef ", "\n# a remark\ndef "),
}


@pytest.fixture
def kit(tmp_path):
    for package in ("autograder", "utils"):
        skipped = shutil.ignore_patterns("__pycache__", "runs", "embedded", "reference")
        shutil.copytree(build.ROOT / package, tmp_path / package, ignore=skipped)
    return tmp_path


def edit(kit, file, old, new):
    path = kit / "autograder" / file
    text = path.read_text("utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf8")


def test_only_what_depends_on_a_correction_gets_another_hash(kit):
    before = prints(kit)
    for file, (old, new) in [*CORRECTED.items(), *SAME.items()]:
        edit(kit, file, old, new)
    now = prints(kit, hashseed=1)
    assert {q for q in before if before[q] != now[q]} == {"vae.kl_gaussian"}
    assert "explore.digit_statistics" in before


def test_a_sentence_that_questions_share_belongs_to_those_that_can_say_it(kit):
    before = prints(kit)
    edit(kit, "key/mistakes.md", "A beta of 0 counts as none given", "A beta of 0 is none given")
    now = prints(kit)
    assert {q for q in before if before[q] != now[q]} == {"vae.elbo", "vae.train_epoch"}


def test_what_builds_on_a_correction_is_affected():
    affected = fingerprint.affected("vae", {"vae.kl_gaussian"})
    assert {"vae.kl_gaussian", "vae.elbo"} <= affected
    assert "vae.reparametrize" not in affected
