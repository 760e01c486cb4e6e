"""What differs on Windows, tried here: encodings, consoles, files that are in use, paths."""

import ast
import io
import sys
from pathlib import Path

import pytest
import torch

from autograder import cli
from utils import runs

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for top in ("autograder", "utils") for p in (ROOT / top).rglob("*.py"))


def calls(path):
    """(line, function's name, positional arguments, names of keywords) of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            owner = getattr(getattr(node.func, "value", None), "id", None)
            yield node.lineno, owner, name, node.args, {k.arg: k.value for k in node.keywords}


def lacks_encoding(owner, name, args, keywords) -> bool:
    if "encoding" in keywords or any(k is None for k in keywords):
        return False
    if name in ("run", "Popen", "check_output") and owner == "subprocess":
        return "text" in keywords or "universal_newlines" in keywords
    if name == "read_text":
        return not args
    if name == "write_text":
        return len(args) < 2
    if name == "open" and owner in (None, "path", "io"):
        place = 1 if owner != "path" else 0
        mode = args[place] if len(args) > place else keywords.get("mode")
        return "b" not in (getattr(mode, "value", None) or "r")
    return False


def test_every_text_file_and_pipe_names_its_encoding():
    nameless = []
    for path in SOURCES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for line, owner, name, args, keywords in calls(path):
            linux = "/proc" in lines[line - 1]  # Windows has none
            if lacks_encoding(owner, name, args, keywords) and not linux:
                nameless.append(f"{path.relative_to(ROOT)}:{line}: {name}")
    assert not nameless


@pytest.mark.parametrize("command", [["questions"], ["questions", "--markdown"], ["doctor"]])
def test_a_console_of_western_windows_gets_every_line(monkeypatch, command):
    """cp1252 has neither β nor ✓; what it lacks is replaced, and nothing is raised."""
    written = io.BytesIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(written, encoding="cp1252"))
    cli.main(command)
    sys.stdout.flush()
    assert written.getvalue()


def test_a_run_that_was_read_can_be_replaced(tmp_path):
    """Windows replaces no file that is memory-mapped."""
    weights = {"layer.weight": torch.arange(6.0).reshape(2, 3)}
    runs.write(
        tmp_path, weights, {"loss": [1.0]}, {"settings": {}, "epochs": 1, "finished": 1}, None
    )
    state = tmp_path / "resume.safetensors"
    runs.write_state(state, {"model": weights, "finished": 1})
    read = runs.read_weights(tmp_path), runs.read_state(state)
    mapped = Path("/proc/self/maps")
    if mapped.exists():
        text = mapped.read_text(encoding="utf-8")
        assert str(tmp_path) not in text
    assert torch.equal(read[0]["layer.weight"], weights["layer.weight"])
    assert torch.equal(read[1]["model"]["layer.weight"], weights["layer.weight"])
