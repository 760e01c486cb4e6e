"""What stops the demo's training is a sentence; one demo at a time works in its folder."""

import json
import sys

import nbformat
import pytest

from autograder.errors import Stopped
from autograder.release import demo


def test_training_runs_in_this_python_and_what_stops_it_is_told(tmp_path, monkeypatch):
    """Whatever kernel somebody has called python3."""
    foreign = tmp_path / "kernels" / "python3" / "kernel.json"
    foreign.parent.mkdir(parents=True)
    spec = {"argv": ["no-python", "{connection_file}"], "display_name": "", "language": "python"}
    foreign.write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    cells = ["import sys; sys.prefix", "raise OSError('the disk is full')"]
    cells = [nbformat.v4.new_code_cell(source) for source in cells]
    named = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=named)
    with pytest.raises(Stopped, match="^a training cell failed: OSError: the disk is full$"):
        demo.execute(notebook, tmp_path, range(2))
    assert notebook.cells[0].outputs[0].data["text/plain"] == repr(sys.prefix)


def test_a_second_demo_is_told_that_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "COURSE", tmp_path / "build" / "demo")
    with demo.alone(), pytest.raises(Stopped, match="a demo is running"), demo.alone():
        pass
    with demo.alone():  # it has ended
        pass
