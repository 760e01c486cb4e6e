"""The runs that ship with the kit are those that the command in the repository trains."""

import pytest

from autograder.release import playground
from benchmarks import train_reference
from benchmarks.train_reference import BATCH, KIT, PLAYGROUND, RUNS, rate
from utils import runs
from utils.explore.ladders import find_ladders


@pytest.mark.parametrize("folder, names", [(runs.REFERENCE, KIT), (playground.RUNS, PLAYGROUND)])
def test_no_run_is_missing_and_none_is_left_over(folder, names):
    assert {path.parent.name for path in folder.glob("*/run.json")} == names.keys()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_settings_of_the_command(name):
    info = playground.find(name).info
    assert info["settings"] == RUNS[name] | {"train_images": 60_000, "batch": BATCH}
    assert f"lr={rate(RUNS[name])}," in info["optimizer"][0].replace(" ", "")
    if name != "tuned":  # a checkpoint, see utils/reference/README.md
        assert info["finished"] == info["epochs"] == RUNS[name]["epochs"]


def test_a_ladder_of_eight_betas_is_found_without_any_setup(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ladder = find_ladders()["reference"]
    assert [run.settings["beta"] for run in ladder] == train_reference.BETAS["MNIST"][1:]
    measured = [run.info["measured"] for run in ladder]
    reconstruction, kl = ([each[loss] for each in measured] for loss in ("reconstruction", "kl"))
    assert reconstruction[1:] == sorted(reconstruction[1:]) and kl == sorted(kl, reverse=True)
