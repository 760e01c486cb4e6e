"""Every command in README.md and docs/ is run, in order, in a fresh copy with a small class.

A block of commands is fenced as ```bash. One that cannot run here says "not run by the tests" in
the line above or below it; where that is true of a whole page, its first lines say so.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.release import demo
from tests.support import tracked

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]
NOT_RUN = "not run by the tests"
COMMAND = re.compile(r"(python3?|nbgrader|make|jupyter|dask|conda|pip|\.venv/bin/\w+) ")
# What serves until it is stopped; it has begun when it says where.
SERVERS = re.compile(r"python -m autograder answers|jupyter lab|dask (scheduler|worker)")
FIRST = ["docs/for-students.md"]  # the others take minutes: --long
CLASS = """\
id,first_name,last_name,email,lms_user_id
ada,Ada,Åström,ada@example.org,11
bo,Bo,Öz,bo@example.org,12
cyd,Cyd,O'Neil,cyd@example.org,13
"""


def nothing_runs(document: str) -> bool:
    """Whether the page says at its beginning that its commands are not run."""
    beginning = (ROOT / document).read_text(encoding="utf-8")[:500]
    return "commands on this page" in beginning and NOT_RUN in beginning


def blocks(document: str) -> list[tuple[str, bool]]:
    """The ```bash blocks of a document, and whether each is to be run."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.finditer(r"([^\n]*\n)\n?```bash\n(.*?)```\n(\n[^\n]*)?", text, re.S)
    return [(m[2], NOT_RUN not in (m[1] + (m[3] or "")).lower()) for m in found]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if not nothing_runs(d)])
def test_no_command_stands_outside_a_block_that_is_run(document):
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.S)
    stray = [line for line in text.splitlines() if line[:4] == "    " and COMMAND.match(line[4:])]
    assert not stray


@pytest.mark.parametrize(
    "document",
    [
        d if d in FIRST else pytest.param(d, marks=pytest.mark.long)
        for d in DOCUMENTS
        if any(run for _, run in blocks(d)) and not nothing_runs(d)
    ],
)
def test_every_command_of_a_document_works(document, tmp_path):
    kit, environment = fresh_copy(tmp_path)
    state = tmp_path / "state"
    said = ""
    for text, to_run in blocks(document):
        if to_run:
            print(text, flush=True)
            said += run(text, kit, environment, state)
    assert promised(document) <= {line.rstrip() for line in said.splitlines()}


def promised(document: str) -> set[str]:
    """The lines of a table that a command "ends with"."""
    text = (ROOT / document).read_text(encoding="utf-8")
    table = re.search(r"ends with\n\n((?:    .*\n)+)", text)
    return {line.strip() for line in table[1].splitlines()} if table else set()


def test_the_readme_promises_the_demos_table():
    students = {"ada-perfect", "bo-empty", *demo.MISTAKES["vae"], "fatima-crash", "gus-broken"}
    assert {line.split()[0] for line in promised("README.md")} == {"student", *students}


def run(block: str, kit: Path, environment: dict, state: Path) -> str:
    """Run one block, and return what it said; folder and variables that it leaves are the next
    one's.
    """
    served = block if SERVERS.match(block) else None
    resume = f'[ ! -f "{state}" ] || . "{state}"'
    keep = f'{{ echo "cd \'$PWD\'"; declare -p kit 2>/dev/null || true; }} > "{state}"; exit 0'
    script = block if served else f"{resume}\n{block}\n{keep}"
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=kit,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if served and re.search(r"(http|tcp)://\S+:\d+", line):
                stop(process)
                break
        process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    ended = (0, 130, 143, -signal.SIGINT, -signal.SIGTERM) if served else (0,)
    assert process.returncode in ended, f"{block}\n{''.join(said)}"
    return "".join(said)


def stop(process) -> None:
    """Ctrl-C; a server that asks whether that was meant is told so."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)


def fresh_copy(folder: Path) -> tuple[Path, dict]:
    """A clone of what git knows, an environment that needs no installing, and the class's files."""
    kit = folder / "vae-course"
    for name in tracked.files():
        (kit / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, kit / name)
    installed, here = Path(sys.prefix), kit / ".venv"
    here.mkdir()
    for part in installed.iterdir():
        if part.name != ".done":
            (here / part.name).symlink_to(part)
    (here / ".done").touch()  # the copy needs no installing
    environment = {k: v for k, v in os.environ.items() if k != "NBGRADER_EXECUTION"}
    environment |= {
        "PYTHONPATH": str(kit),
        "PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": "true",
        "COURSE_DATA": "embedded",
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
    }
    (folder / "jupyter").mkdir()
    allowed = "c.ServerApp.allow_root = True\n"  # CI may be root
    (folder / "jupyter" / "jupyter_server_config.py").write_text(allowed, encoding="utf-8")
    (kit / "students.csv").write_text(CLASS, encoding="utf-8")
    download(kit / "download.zip", kit)
    return kit, environment


def download(target: Path, kit: Path) -> None:
    """Moodle's "Download all submissions": a right notebook, and one with a mistake."""
    source = nbformat.read(kit / "solutions" / "vae" / "vae.ipynb", 4)
    right = demo.perfect(source)
    half = demo.with_cells(right, demo.MISTAKES["vae"]["casey-half"])
    with zipfile.ZipFile(target, "w") as archive:
        for number, (name, notebook) in enumerate({"Ada Åström": right, "Bo Öz": half}.items(), 11):
            inside = f"{name}_{number}_assignsubmission_file_/vae.ipynb"
            archive.writestr(inside, nbformat.writes(notebook))
