"""The zip to hand in holds what is graded, says so truly, and the grader's side can collect it."""

import hashlib
import json
import zipfile

import pytest

from autograder.course.intake import downloads, files, submission
from tests.utils.conftest import RUNS, finished
from utils import hand_in
from utils.hand_in import pack as submit

pytestmark = pytest.mark.dear


def test_it_holds_the_notebook_the_graded_runs_and_true_hashes(course, capsys):
    course(finished())
    (course.folder / "runs" / "tuned" / "resume.safetensors").write_bytes(b"not needed")
    (course.folder / "runs" / "plane").mkdir()
    (course.folder / "runs" / "plane" / "run.json").write_text("{}")  # not graded
    path = submit.make(course.folder)
    said = capsys.readouterr().out
    assert "Nothing is missing." in said and str(path.resolve()) in said and "MB" in said
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("vae/manifest.json"))
        for name, about in manifest["files"].items():
            content = archive.read(f"vae/{name}")
            assert hashlib.sha256(content).hexdigest() == about["sha256"]
            assert len(content) == about["bytes"]
    runs = {
        f"runs/{run}/{file}"
        for run in RUNS
        for file in ("run.json", "weights.safetensors", "curves.csv")
    }
    assert set(manifest["files"]) == {"vae.ipynb"} | runs
    assert names == {f"vae/{name}" for name in [*manifest["files"], "manifest.json"]}


def test_the_grader_collects_it_without_a_complaint(course, tmp_path):
    course(finished())
    path = submit.make(course.folder)
    with zipfile.ZipFile(tmp_path / "canvas.zip", "w") as archive:
        archive.write(path, "angstromanna_501_17_vae-submission.zip")
    _, (entry,) = downloads.entries(files.source(tmp_path / "canvas.zip"))
    taken, notes = submission.taken(entry.uploads, {"vae": {"vae-elbo"}})
    assert taken["vae.ipynb"] == (course.folder / "vae.ipynb").read_bytes()
    assert "runs/tuned/weights.safetensors" in taken and notes == []


def test_an_unfinished_notebook_is_packed_and_what_is_lost_is_said(course, capsys):
    nb = finished()
    nb["cells"] = nb["cells"][:5]
    course(nb)
    submit.make(course.folder)
    assert "was deleted" in (said := capsys.readouterr().out) and "Read first" in said


def test_nothing_to_pack_is_a_sentence(tmp_path, capsys):
    assert submit.main([str(tmp_path / "vae")]) == 1
    assert "nothing was packed" in capsys.readouterr().err
    with pytest.raises(submit.CannotSubmit):
        submit.make(tmp_path / "vae")


def test_a_cell_packs_and_says_where_and_how_else(course, capsys):
    course(finished())
    assert hand_in.submit(course.folder) is None  # outside of a notebook it prints
    assert "vae-submission.zip" in capsys.readouterr().out
    hand_in.submit(course.folder / "nowhere")
    assert "nothing was packed" in capsys.readouterr().out
    packed = submit.pack(course.folder)
    packed.note = "as saved <before>"
    assert "Nothing is missing." in str(packed) and "as saved &lt;before&gt;" in packed.html()
    assert str(packed.target.resolve()) in packed.html()
