"""The rings end with all that they started."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import tracked

ROOT = Path(__file__).resolve().parents[1]
# A test that leaves a process without a parent, tells which, and waits.
LEAVES_AN_ORPHAN = """
import subprocess, sys, threading
ORPHAN = "import threading; threading.Event().wait()"
START = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=2).pid)"

def test_waits():
    command = [sys.executable, "-c", START, sys.executable, "-c", ORPHAN]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    with open(TOLD, "w") as pipe:
        print(done.stdout, file=pipe)
    threading.Event().wait(SECONDS)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted on Linux")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, None])
def test_no_process_outlives_a_ring(tmp_path, sign):
    told = tmp_path / "told"
    os.mkfifo(told)
    source = f"TOLD, SECONDS = {str(told)!r}, {None if sign else 0}\n{LEAVES_AN_ORPHAN}"
    (tmp_path / "test_orphan.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "tests", "quick", str(tmp_path / "test_orphan.py")]
    ring = subprocess.Popen([*command, "-p", "no:cacheprovider"], cwd=ROOT)
    try:
        orphan = int(told.read_text(encoding="utf-8").split()[0])
        assert psutil.pid_exists(orphan)
        if sign:
            ring.send_signal(sign)
        assert ring.wait() == (130 if sign else 0)
    finally:
        ring.kill()
    assert not psutil.pid_exists(orphan)


def test_a_download_without_git_has_the_same_files():
    """`make long` and the copies that tests make need no repository."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    found = set(tracked.without(ROOT, ignored))
    assert found >= set(tracked.files())
    assert not [name for name in found if re.search(r"^(\.git|\.venv|build)/|__pycache__", name)]
