"""The warm server: begun before anything heavy is imported, gone when nobody needs it."""

import subprocess
import sys
from pathlib import Path

import psutil

from autograder.exam import examiner, server
from autograder.exam.examiner import Cell
from autograder.exam.warm import Warm
from autograder.release import build

BEGUN = """
import sys
from autograder.exam import server
server.begin()
print(server._begun[0].process.pid, server._begun[0].folder)
print(*sorted({"torch", "numpy", "nbgrader", "IPython"} & set(sys.modules)))
"""


def test_it_begins_before_anything_heavy_and_ends_where_nobody_takes_it():
    done = subprocess.run(
        [sys.executable, "-c", BEGUN], cwd=build.ROOT, capture_output=True, text=True, check=True
    )
    first, heavy = done.stdout.splitlines()
    pid, folder = first.split()
    assert heavy == ""
    assert not psutil.pid_exists(int(pid)) and not Path(folder).exists()


def test_what_was_begun_is_taken_once_and_one_that_is_killed_is_started_again(tmp_path):
    server.begin()
    [begun] = server._begun
    with Warm() as warm:
        assert warm.server is begun and not server._begun
        warm.enter(tmp_path, [], "vae").close()
        begun.process.kill()
        begun.process.wait()
        warm.enter(tmp_path, [], "vae").close()
        assert warm.server.poll() is None
    assert not begun.folder.exists()


def test_a_student_has_temporary_files_whatever_the_server_has_imported(tmp_path):
    cells = [Cell("import tempfile; print(tempfile.TemporaryFile().write(b'1'))")]
    with Warm(heavy=("sklearn.linear_model",)) as warm:
        [outputs] = examiner.examine(cells, tmp_path, [], "vae", 3, warm).outputs
    assert outputs[0].get("text") == "1\n"
