"""A question's hash changes with whatever its grade depends on, and with nothing else."""

import json
import os
import shutil
import subprocess
import sys

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


CORRECTED = {"key/vae.py": ("a factor of one half was lost", "½ was lost")}
SAME = {
    "key/vae.py": ('"""', '"""Another docstring. '),
    "student/probes/explore.py": ("\ndef ", "\n# a remark\ndef "),
}


def test_only_what_depends_on_a_correction_gets_another_hash(tmp_path):
    for package in ("autograder", "utils"):
        skipped = shutil.ignore_patterns("__pycache__", "runs", "embedded", "reference")
        shutil.copytree(build.ROOT / package, tmp_path / package, ignore=skipped)
    before = prints(tmp_path)
    for file, (old, new) in [*CORRECTED.items(), *SAME.items()]:
        path = tmp_path / "autograder" / file
        path.write_text(path.read_text().replace(old, new, 1))
    now = prints(tmp_path, hashseed=1)
    assert {q for q in before if before[q] != now[q]} == {"vae.kl_gaussian"}
    assert "explore.digit_statistics" in before


def test_what_builds_on_a_correction_is_affected():
    affected = fingerprint.affected("vae", {"vae.kl_gaussian"})
    assert {"vae.kl_gaussian", "vae.elbo"} <= affected
    assert "vae.reparametrize" not in affected
