"""A student's finished notebook and the folder around it, for tests of what is handed in."""

import json
from pathlib import Path

import pytest

from utils.hand_in import preflight

ROOT = Path(__file__).parents[2]
RELEASE = json.loads((ROOT / "assignments/vae/vae.ipynb").read_text("utf8"))
RUNS = sorted(set(sum(RELEASE["metadata"]["course"]["runs"].values(), [])))


def worth():
    """Points of the vae notebook, extra credit aside."""
    about = [cell["metadata"].get("nbgrader", {}) for cell in RELEASE["cells"]]
    return sum(told["points"] for told in about if told.get("grade"))


def finished():
    """The vae notebook as a student who did everything would save it."""
    nb = json.loads((ROOT / "assignments/vae/vae.ipynb").read_text())
    count = 0
    for each in nb["cells"]:
        about = each["metadata"].get("nbgrader", {})
        if about.get("solution"):
            each["source"] = "A short answer." if about["grade"] else "x = 1  # written"
        if each["cell_type"] == "code":
            each["execution_count"] = count = count + 1
    return nb


@pytest.fixture
def course(tmp_path):
    """course(notebook) -> what the pre-flight finds; the runs lie beside it."""
    folder = tmp_path / "vae"
    for name in RUNS:
        run = folder / "runs" / name
        run.mkdir(parents=True)
        (run / "run.json").write_text('{"epochs": 2, "finished": 2, "settings": {}}')
        (run / "weights.safetensors").write_bytes(b"weights")
        (run / "curves.csv").write_text("epoch,kl\n1,2\n2,1\n")

    def found(nb, name="vae.ipynb"):
        (folder / name).write_text(json.dumps(nb))
        return preflight.look(folder)

    found.folder = folder
    return found
