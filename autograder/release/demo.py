"""A small class, graded before your eyes: `make demo`.

Everything happens in `build/demo/`, a course folder of its own: the release is made from the
sources, students hand in (a perfect one, an empty one, typical mistakes, a crash, a broken file),
`python -m autograder grade` grades them on two workers, and a table says what each got and which
mistake was named.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from autograder.course import grading, ledger
from autograder.errors import Stopped
from autograder.exam import sanitize, unlabelled, verdict
from autograder.plugins.config import course_config
from autograder.release import build, install

COURSE = build.ROOT / "build" / "demo"
TRAINED = build.ROOT / "build" / "demo-runs"  # kept, so that a second demo trains nothing

SHORTER = 3  # ada trains a third of each notebook's epochs, which earns all points, too

# What each student wrote instead of the right answer: {assignment: {student: {cell: source}}}.
MISTAKES = {
    "autoencoder": {
        "casey-mean": {
            "reconstruction_loss": """
def reconstruction_loss(logits, x):
    return nn.functional.binary_cross_entropy_with_logits(logits, x)
"""
        },
        "dana-logits": {
            "sample_prior": """
@torch.no_grad()
def sample_prior(decoder, n, nz):
    return decoder(torch.randn(n, nz))
"""
        },
    },
    "vae": {
        "casey-half": {
            "kl_gaussian": """
def kl_gaussian(mu, logvar):
    return (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)
"""
        },
        "dana-variance": {
            "reparametrize": """
def reparametrize(mu, logvar):
    return mu + torch.randn_like(mu) * logvar.exp()
"""
        },
        "emre-mean": {
            "bernoulli_log_likelihood": """
def bernoulli_log_likelihood(x, logits):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -bce.flatten(1).mean(1)
""",
            "elbo": """
def elbo(x, logits, mu, logvar, beta=1.0):
    return (bernoulli_log_likelihood(x, logits) + beta * kl_gaussian(mu, logvar)).mean()
""",
        },
    },
    "interpolation": {
        "casey-open": {
            "lerp": """
def lerp(z0, z1, steps):
    t = torch.arange(steps).unsqueeze(1) / steps
    return (1 - t) * z0 + t * z1
"""
        },
        "dana-backwards": {
            "lerp": """
def lerp(z0, z1, steps):
    t = torch.linspace(0, 1, steps).unsqueeze(1)
    return t * z0 + (1 - t) * z1
"""
        },
    },
    "autodecoder": {
        "casey-scale": {
            "kl_exponential": """
def kl_exponential(log_rate):
    return (-log_rate - 1 + log_rate.exp()).sum(dim=1)
"""
        },
        "dana-variance": {
            "rsample_gaussian": """
def rsample_gaussian(mu, logvar, eps):
    return mu + logvar.exp() * eps
"""
        },
    },
    "explore": {
        "casey-n": {
            "digit_statistics": """
def digit_statistics(mu, y):
    digits = [mu[y == k] for k in range(10)]
    means = torch.stack([z.mean(0) for z in digits])
    return means, torch.stack([z.std(0, unbiased=False) for z in digits])
"""
        }
    },
}
CRASH = "import os\nos._exit(1)\n"  # what fatima's notebook does where a step was to be written


def perfect(source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The source notebook as a student who got everything right would hand it in."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ComputeChecksums

    notebook = nbformat.from_dict(json.loads(json.dumps(source)))
    for step in (ClearHiddenTests(), ClearMarkScheme(enforce_metadata=False), ComputeChecksums()):
        notebook, _ = step.preprocess(notebook, {})
    return notebook


def with_cells(notebook: nbformat.NotebookNode, replaced: dict) -> nbformat.NotebookNode:
    """A copy in which some solution cells hold other code; KeyError where there is no such cell."""
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    cells = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    for name, source in replaced.items():
        cells[name].source = source.strip()
    return notebook


def train(assignment: str) -> Path:
    """Run the reference notebook, training too, up to its last graded run; the `runs` folder.

    Takes a minute the first time; an interrupted training goes on where it stopped.
    """
    folder = TRAINED / assignment
    finished = folder / "finished"
    notebook = perfect(
        nbformat.read(build.ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
    )
    last = max(
        (i for i, c in enumerate(notebook.cells) if _tests_a_run(c)), default=-1
    )  # what comes after the last question about a run need not be trained
    if last >= 0 and not finished.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"ada-perfect trains the models of {assignment}, this once.")
        notebook.cells = [_shorter(cell) for cell in notebook.cells]
        execute(notebook, folder, range(last + 1))
        finished.touch()
    return folder / "runs"


def _shorter(cell):
    """The cell with a part of the epochs that it asks for."""
    cell.source = re.sub(
        r"\bepochs=(\d+)", lambda m: f"epochs={max(1, int(m[1]) // SHORTER)}", cell.source
    )
    return cell


def execute(notebook, folder: Path, cells) -> None:
    """Run some cells, given by their numbers, in a kernel of their own in `folder`; they train.
    Stopped where a cell fails.
    """
    os.environ.pop("NBGRADER_EXECUTION", None)
    resources = {"metadata": {"path": str(folder)}}
    quiet = ["--IPKernelApp.log_level=40"]  # no warning about its own local sockets
    with tqdm(cells, unit=" cells", file=sys.stdout) as bar:
        client = Trainer(notebook, timeout=None, resources=resources, extra_arguments=quiet)
        client.bar = bar
        kernel = client.create_kernel_manager()
        kernel.kernel_spec_manager.kernel_dirs = []  # this Python's, whatever else is "python3"
        try:
            with client.setup_kernel():
                for index in bar:
                    client.execute_cell(notebook.cells[index], index)
        except CellExecutionError as error:
            raise Stopped(f"a training cell failed: {error.ename}: {error.evalue}") from None
        except RuntimeError as error:  # the kernel has died
            raise Stopped(f"the training stopped: {error}") from None


class Trainer(NotebookClient):
    """A notebook's run whose bar shows the epochs that a training cell prints."""

    bar = None

    def process_message(self, msg, cell, cell_index):
        epochs = re.findall(r"([\w.-]+: \d+/\d+) \|", str(msg["content"].get("text", "")))
        if epochs and self.bar is not None:
            self.bar.set_postfix_str(f"{epochs[-1]} epochs")
        return super().process_message(msg, cell, cell_index)


def _tests_a_run(cell) -> bool:
    return (unlabelled.label_of(cell) or "").endswith(("-trained", "-tuned"))


def hand_in(assignment: str, course: Path = COURSE, runs: Path | None = None) -> list[str]:
    """Write the class's submissions; returns the students.

    runs: what the students trained; all but the empty one hand it in too.
    """
    source = nbformat.read(course / "solutions" / assignment / f"{assignment}.ipynb", 4)
    release = course / "assignments" / assignment / f"{assignment}.ipynb"
    right = perfect(source)
    work = {"ada-perfect": nbformat.writes(right), "bo-empty": release.read_text("utf-8")}
    for student, replaced in MISTAKES.get(assignment, {}).items():
        work[student] = nbformat.writes(with_cells(right, replaced))
    work["fatima-crash"] = nbformat.writes(with_cells(right, {_to_crash(right): CRASH}))
    work["gus-broken"] = nbformat.writes(right)[:2000]
    for student, text in work.items():
        folder = course / "submitted" / student / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(text, encoding="utf-8")
        if runs and runs.exists() and student != "bo-empty":
            shutil.copytree(runs, folder / "runs")
    return list(work)


def _to_crash(notebook) -> str:
    """The cell that ends the kernel: `reparametrize`, else the last step that is written."""
    cells = [c.metadata.nbgrader.grade_id for c in notebook.cells if _is_code_solution(c)]
    return "reparametrize" if "reparametrize" in cells else cells[-1]


def _is_code_solution(cell) -> bool:
    return cell.cell_type == "code" and sanitize.is_solution(cell)


def nbgrader(*arguments: str, course: Path | None = COURSE) -> subprocess.CompletedProcess:
    """The real command, from the repository root with its nbgrader_config.py.

    course: the course folder, for the commands that take one.
    """
    told = [f"--course-dir={course}"] if course else []
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, *told],
        cwd=build.ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


def write_feedback(assignment: str) -> None:
    """nbgrader's `generate_feedback`, in this process, which has imported it all already."""
    from nbgrader.apps import NbGraderAPI

    api = NbGraderAPI(config=course_config(COURSE))
    api.log.setLevel(logging.ERROR)
    outcome = api.generate_feedback(assignment)
    if not outcome["success"]:
        raise Stopped(f"no feedback was written: {outcome.get('error') or outcome.get('log')}")


def scores(assignment: str, students, course: Path = COURSE) -> list[dict]:
    """What the gradebook and the autograded notebooks say, one row a student."""
    from nbgrader.api import Gradebook, MissingEntry

    rows = []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student in students:
            graded = course / "autograded" / student / assignment / f"{assignment}.ipynb"
            row = {"student": student, "score": None, "max": None, "mistakes": []}
            try:
                submission = gradebook.find_submission(assignment, student)
            except MissingEntry:
                submission = None
            if graded.exists() and submission:
                row["score"] = sum(n.code_score for n in submission.notebooks)
                row["max"] = sum(n.max_code_score for n in submission.notebooks)
                row["mistakes"] = mistakes(graded)
            rows.append(row)
    return rows


def mistakes(graded: Path) -> list[str]:
    """The mistakes named in a graded notebook, and what kept a question from being judged."""
    records = list(filter(None, map(verdict.read, nbformat.read(graded, 4).cells)))
    found: dict[str, list[str]] = {}
    for record in records:
        what = record["mistake"] or _error(record)
        if what and not record["passed"]:
            found.setdefault(what, []).append(record["question"].split(".")[1])
    return [
        f"{', '.join(those) if len(those) < 4 else f'{len(those)} questions'}: {what}"
        for what, those in found.items()
    ]


def _error(record: dict) -> str:
    """The start of what was said instead of a judgement, if that is what happened."""
    said = record["feedback"].splitlines()[1:2]
    if not said or said[0].strip().startswith(("passed", "failed")):
        return ""
    return said[0].strip().partition("; ")[0].partition(" (")[0].partition(": write")[0][:70]


def run(assignment: str = "vae") -> int:
    """Build, hand in, grade, show; exit status 0 when the class was graded."""
    build.scripts_on_path()
    install.home_of_its_own(str(build.ROOT / "build" / "home"))
    with alone():
        return _run(assignment)


@contextlib.contextmanager
def alone():
    """Keep a second demo out of `build/demo`; Stopped where one is running."""
    COURSE.parent.mkdir(exist_ok=True)
    with open(COURSE.with_suffix(".lock"), "ab") as file:
        try:
            ledger.hold(file)
        except OSError:
            raise Stopped("a demo is running in this folder; wait for its end") from None
        yield


def _run(assignment: str) -> int:
    sandbox = isolation()
    print("Building the student release from solutions/ …", flush=True)
    build.write_sources([assignment])
    if COURSE.exists():
        shutil.rmtree(COURSE)
    shutil.copytree(build.ROOT / "solutions", COURSE / "solutions")
    build.generate([assignment], COURSE)
    students = hand_in(assignment, runs=train(assignment))
    print(f"{len(students)} students hand in {assignment}; two at a time are graded …", flush=True)
    grading.grade(assignment, COURSE, workers=2, sandbox=sandbox)
    write_feedback(assignment)
    rows = scores(assignment, students)
    print_table(rows)
    shown = COURSE.relative_to(build.ROOT).as_posix()
    named = students[2]  # the first of those with a mistake
    print(f"""
Open next, after `{install.activation(sys.prefix)}`:
  {shown}/feedback/{named}/{assignment}/{assignment}.html   what a student gets back
  {shown}/autograded/ada-perfect/{assignment}/{assignment}.ipynb   a graded notebook
  assignments/{assignment}/{assignment}.ipynb   what students start from
  python -m autograder answers {assignment} --course-dir={shown}   grade the answers in words
  python -m autograder report {assignment} --course-dir={shown}    how it went, as one page""")
    return 0 if rows[0]["score"] else 1


def isolation() -> bool:
    """Whether student code can be isolated here; else it is said that the demo's is trusted."""
    from autograder.exam.walls.common import NoBox
    from autograder.exam.warm import try_a_wall

    try:
        try_a_wall()
        return True
    except NoBox as error:
        print(
            f"No sandbox: {error}\nOn Debian or Ubuntu: apt install bubblewrap. Without it student "
            "code runs as you, with your files and network, and could forge its score; fine for "
            "this demo, whose students we know.\n"
        )
        return False


def print_table(rows: list[dict]) -> None:
    """Student, points of the code questions, and what was recognised."""
    print(f"\n{'student':15} {'points':>11}  what was recognised")
    for row in rows:
        if row["score"] is None:
            print(
                f"{row['student']:15} {'not graded':>11}  the notebook could not be run to its end"
            )
        else:
            points = f"{row['score']:g} / {row['max']:g}"
            print(f"{row['student']:15} {points:>11}  {'; '.join(row['mistakes']) or '–'}")
