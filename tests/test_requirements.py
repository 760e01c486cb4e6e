"""What is imported is pinned, on the side that imports it, and the pins can be installed."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from utils.hand_in.elsewhere import canonical

ROOT = Path(__file__).resolve().parents[1]
OURS = {"utils", "autograder", "tests", "benchmarks", *(p.stem for p in ROOT.glob("benchmarks/*"))}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pinned(name: str) -> set[str]:
    """The packages of a requirements file, and of those that it includes."""
    found = set()
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r"):
            found |= pinned(line.split()[1])
        elif line and not line.startswith("-e"):
            assert "==" in line, f"{name}: {line} is not pinned"
            found.add(canonical(line.partition("==")[0]))
    return found


def imported(folder: str) -> dict[str, set[str]]:
    """{package that is not ours: files of the folder that import it}."""
    provides, found = packages_distributions(), {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in {module.partition(".")[0] for module in modules}:
                if module not in sys.stdlib_module_names and module not in OURS:
                    for package in provides.get(module, [module]):
                        found.setdefault(canonical(package), set()).add(str(path))
    return found


@pytest.mark.parametrize(
    "folder, file",
    [
        ("utils", "requirements-students.txt"),
        ("autograder", "requirements.txt"),
        ("tests", "requirements.txt"),
        ("benchmarks", "requirements.txt"),
    ],
)
def test_every_package_that_is_imported_is_pinned(folder, file):
    found = imported(folder)
    assert found and not {p: files for p, files in found.items() if p not in pinned(file)}


def test_every_paper_names_the_same_pythons():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["requires-python"] == ">=3.11,<3.15"
    assert [c.split(" :: ")[-1] for c in about["classifiers"]] == list(PYTHONS)
    assert "python>=3.11,<3.15" in (ROOT / "environment.yml").read_text(encoding="utf-8")
    for paper in ("README.md", "docs/for-students.md", "docs/for-instructors.md"):
        assert "3.11 to 3.14" in (ROOT / paper).read_text(encoding="utf-8"), paper


@pytest.mark.long
@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_can_be_installed(python, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    command += ["--only-binary=:all:", f"--python-version={python}", f"--target={tmp_path}"]
    names = {"requirements-students.txt", "requirements.txt"}
    for name in names:  # -e asks for a build, which --only-binary forbids
        text = (ROOT / name).read_text(encoding="utf-8").replace("\n-e .", "")
        (tmp_path / name).write_text(text, encoding="utf-8")
    command += ["-r", "requirements.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
