"""pytest plug-in: run nbgrader's own autograde tests with this kit's plug-ins in place.

    python -m pytest -p tests.support.nbgrader_plugin -p no:cacheprovider --rootdir /tmp \\
        --pyargs nbgrader.tests.apps.test_nbgrader_autograde

`docs/nbgrader-tests.md` explains what differs. nbgrader reads `nbgrader_config.py` from Jupyter's
configuration folders, too; there the plug-in puts the Autograde part of the kit's own.
"""

import os
import tempfile
from pathlib import Path

import pytest

from autograder.course import worker
from autograder.release import build


def pytest_configure(config):
    build.scripts_on_path()
    ours = build.load_config().Autograde
    lines = [
        f"c.Autograde.{name} = {ours[name]!r}"
        for name in ("exporter_class", "sanitize_preprocessors", "autograde_preprocessors")
    ]
    folder = Path(tempfile.mkdtemp(prefix="jupyter-config-"))
    text = "\n".join(["c = get_config()", *lines, ""])
    (folder / "nbgrader_config.py").write_text(text)
    os.environ["JUPYTER_CONFIG_DIR"] = str(folder)
    for name in ("JUPYTER_NO_CONFIG", "NBGRADER_NO_CONFIG"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def one_warm_server(monkeypatch):
    """Every test has a course folder of its own; one server is enough for all of them."""
    start = worker.warm
    monkeypatch.setattr(worker, "warm", lambda limits, hidden, cells: start(limits, (), cells))
