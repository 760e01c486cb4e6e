"""A graded class of `vae` without running a notebook: nbgrader's gradebook, autograded notebooks
with records as the examiner writes them, and answers of every kind.
"""

import base64
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from autograder.course.course import Course
from autograder.exam import verdict
from autograder.key import catalogue
from autograder.key.question import Outcome, describe
from autograder.release import build, demo

ASSIGNMENT = "vae"
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
COPIED = (
    "With beta = 0 the model is an ordinary autoencoder: posteriors become narrow, the means are "
    "spread out, and prior samples land in holes where the decoder was never trained. "
)
ANSWERS = {  # to beta_0, by student
    "anna": COPIED + "The KL grows to 180 nats.",
    "björn": COPIED.replace("spread out", "far apart") + "The KL goes up to 180 nats!",
    "chloé": "Reconstructions look great, the best of all three. But samples from $N(0, I)$ are "
    "just noise, because $D_{KL}$ is ignored and nothing pulls q towards the prior at all.",
    "eve": "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    " [here](javascript:document.title='owned') ![t](http://example.org/t.png)",
    "fatima": "عند بيتا تساوي صفر تكون إعادة البناء حادة لكن العينات ليست أرقاما 🙂",
    "gil": "A formula that does not parse: $\\frac{1}{ and $$\\begin{align} x $$ ends here.",
    "hugo": "blots " * 100_000,
    "ines": "![drawing](attachment:drawing.png)\n\nThe samples are blots.",
    "jan": "",
}
# What was recognised in the code of some: {student: {question: (points, mistake)}}
LOST = {
    "anna": {"vae.kl_gaussian": (1.0, "half-missing"), "vae.elbo": (0.0, None)},
    "chloé": {"vae.kl_gaussian": (1.0, "half-missing")},
    "jan": {"vae.kl_gaussian": (0.0, None), "vae.elbo": (0.0, None), "vae.VAE": (0.0, None)},
}


def make(root: Path) -> Path:
    """The course folder; everybody is autograded, nobody graded by hand."""
    build.scripts_on_path()
    source = nbformat.read(build.ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", 4)
    folder = root / "solutions" / ASSIGNMENT
    folder.mkdir(parents=True)
    nbformat.write(source, folder / f"{ASSIGNMENT}.ipynb")
    build.generate([ASSIGNMENT], root)
    right = demo.perfect(source)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "vae-course") as gradebook:
        for student, text in ANSWERS.items():
            gradebook.add_student(student, first_name=student.title(), last_name="Ö'Neil, Jr.")
            notebook = demo.with_cells(right, {"vae-beta_0": text, "vae-beta_10": "A blur."})
            records = {
                q: _record(q, *LOST.get(student, {}).get(q, (None, None)))
                for q in catalogue.of(ASSIGNMENT)
            }
            for cell in notebook.cells:
                name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
                name = catalogue.question_id(name)
                if name in records:
                    cell.outputs = [nbformat.from_dict(o) for o in verdict.outputs(records[name])]
                if name == "vae.beta_0" and student == "ines":
                    cell.attachments = {"drawing.png": {"image/png": PIXEL}}
            kept = root / "autograded" / student / ASSIGNMENT
            kept.mkdir(parents=True)
            nbformat.write(notebook, kept / f"{ASSIGNMENT}.ipynb")
            submission = gradebook.add_submission(ASSIGNMENT, student)
            for grade in submission.notebooks[0].grades:
                record = records.get(grade.name.replace("-", ".", 1))
                grade.needs_manual_grade = record is None
                grade.auto_score = verdict.points(record) if record else None
        gradebook.db.commit()
    return root


def _record(question: str, score, mistake) -> dict:
    """As the examiner writes it: a question that lost points failed its second check."""
    asked = catalogue.find(question)
    worth = float(asked.points)
    score = worth if score is None else score
    lost = asked.checks[1] if score < worth else None
    outcomes = [
        Outcome(c, c is not lost, "the values: every number is too large." if c is lost else "")
        for c in asked.checks
    ]
    named = asked.mistake(mistake) if mistake else None
    return {
        "question": question,
        "score": score,
        "points": worth,
        "passed": score == worth,
        "mistake": mistake,
        "feedback": describe(asked, score, outcomes, named, None, ()),
        "seed": 1,
        "stood_in": [],
        "status": "graded",
        "rung": "namespaces",
    }


def course(root: Path) -> Course:
    """The class as the commands see it."""
    return Course(root, ASSIGNMENT, sandbox=False)


def gradebook(root: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{root / 'gradebook.db'}", "vae-course")


def grade_of(book: Gradebook, student: str, cell: str = "vae-beta_0"):
    return book.find_grade(cell, ASSIGNMENT, ASSIGNMENT, student)


def comment_of(book: Gradebook, student: str, cell: str = "vae-beta_0"):
    return book.find_comment(cell, ASSIGNMENT, ASSIGNMENT, student)
