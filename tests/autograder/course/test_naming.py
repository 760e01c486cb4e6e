"""Wrong answers without a name: shown in groups, named by a person, told to everybody they are."""

from contextlib import closing

import nbformat
import pytest
from nbgrader.apps import NbGraderAPI

from autograder.course import naming, report
from autograder.course.ledger import Ledger
from autograder.exam import verdict
from autograder.key.named import FILE, Unusable
from autograder.release import build
from tests.autograder import classroom
from tests.autograder.course.test_answers import served
from tests.autograder.key.test_unnamed import CUBED, CUBED_TOO, ROOTED, traced

WROTE = {"anna": CUBED, "chloé": CUBED_TOO, "jan": ROOTED}


def put(root, student, source):
    """What the examiner leaves of a wrong answer without a name."""
    path = root / "autograded" / student / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        record = verdict.read(cell)
        if record and record["question"] == "vae.kl_gaussian":
            result = traced(source, seed=len(student))
            record = {**record, **result.as_json(), "trace": result.trace}
            cell.outputs = [nbformat.from_dict(output) for output in verdict.outputs(record)]
        elif cell.source.startswith("def kl_gaussian"):
            cell.source = source
    nbformat.write(notebook, path)


@pytest.fixture
def wrong_class(own_class):
    """A class in which two made one mistake and a third another, none of which has a name."""
    for student, source in WROTE.items():
        put(own_class, student, source)
    return own_class


def feedback_of(root, student):
    for cell in nbformat.read(root / "autograded" / student / "vae" / "vae.ipynb", 4).cells:
        record = verdict.read(cell)
        if record and record["question"] == "vae.kl_gaussian":
            return record["mistake"], record["feedback"]


def test_a_group_is_named_at_once_and_points_stay(wrong_class):
    course = classroom.course(wrong_class)
    api = NbGraderAPI(config=build.load_config(wrong_class))
    assert api.generate_feedback("vae", "anna")["success"]
    scores = course.results()
    both, other = naming.groups(course)
    assert [answer.student for answer in both.answers] == ["anna", "chloé"]
    assert both.example.code in (CUBED, CUBED_TOO) and other.example.code == ROOTED
    with closing(Ledger(course.root)), pytest.raises(naming.BeingGraded, match="another run"):
        naming.name(course, both.key, "cubed", "Your mean is cubed.")
    assert naming.name(course, both.key, "cubed", "Your mean is cubed.") == ["anna", "chloé"]
    for student in ("anna", "chloé"):
        mistake, said = feedback_of(wrong_class, student)
        assert mistake == "cubed" and said.endswith("Your mean is cubed.")
    assert feedback_of(wrong_class, "jan")[0] == "part-wrong"
    page = (wrong_class / "feedback" / "anna" / "vae" / "vae.html").read_text("utf-8")
    assert "Your mean is cubed." in page
    assert not (wrong_class / "feedback" / "chloé").exists()
    assert [group.question for group in naming.groups(course)] == ["vae.kl_gaussian"]
    assert course.results() == scores

    put(wrong_class, "hugo", CUBED_TOO)  # who hands in later
    assert naming.apply(course) == ["hugo"] and naming.apply(course) == []
    assert feedback_of(wrong_class, "hugo")[0] == "cubed"
    sentences = wrong_class / FILE
    sentences.write_text(sentences.read_text("utf-8").replace("is cubed", "is raised too far"))
    assert naming.apply(course) == ["anna", "chloé", "hugo"]
    assert "too far" in feedback_of(wrong_class, "anna")[1]


def test_the_page_names_a_group(wrong_class, visit):
    with served(wrong_class) as address:
        page = visit(address, ignore=("409",))  # what is refused
        page.get_by_role("link", name="mistakes without a name").click()
        assert "2 answers" in page.content() and "mu.abs()" in page.content()
        assert "anna" not in page.content()  # nobody is named where nobody need be
        page.get_by_label("Name").first.fill("cubed")
        page.get_by_label("Sentence").first.fill("# no sentence")
        page.get_by_role("button", name="Name all 2").click()
        page.get_by_text("a sentence for the student is missing").wait_for()
        page.get_by_label("Sentence").first.fill("Your mean is cubed.")
        page.get_by_role("button", name="Name all 2").click()
        page.get_by_text("Named cubed: 2 told").wait_for()
        page.reload()
        assert "2 answers" not in page.content() and "Your mean is cubed." in page.content()


def test_the_report_shows_groups_and_what_is_wrong_with_the_file(wrong_class):
    course = classroom.course(wrong_class)
    page = report.page(course)
    assert "Mistakes without a name" in page and "mu.abs()" in page
    (wrong_class / FILE).write_text("## vae.gone\n\n### x\n\nA sentence.\n")
    assert "there is no question vae.gone" in report.page(course)


def test_a_group_that_is_gone_is_not_named(wrong_class):
    with pytest.raises(Unusable, match="load the page again"):
        naming.name(classroom.course(wrong_class), "0" * 16, "cubed", "Your mean is cubed.")
