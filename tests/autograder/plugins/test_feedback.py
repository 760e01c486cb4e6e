"""What `nbgrader generate_feedback` gives to students: everything about their own work, and
nothing else.
"""

import shutil

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_output
from nbgrader.apps import NbGraderAPI

from autograder.course import answers
from autograder.release import build
from tests import leaks
from tests.autograder import classroom

SECRET = "value = reference(mu, logvar)"


@pytest.fixture(scope="module")
def pages(graded_class, tmp_path_factory):
    """{student: path of the page} of three students, one with marks by hand, one hostile."""
    root = shutil.copytree(graded_class, tmp_path_factory.mktemp("feedback") / "class")
    desk = answers.Desk(classroom.course(root))
    with classroom.gradebook(root) as book:
        key = classroom.grade_of(book, "anna").id
    marks = {"observation": 1, "the objective": 0.5, "the samples": 0}
    sent = {"marks": 1.5, "criteria": marks, "comment": "Where do samples fall? <script>x</script>"}
    desk.enter(key, {**sent, "was": desk.find(key)[1].entered})

    path = root / "autograded" / "eve" / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, 4)
    html = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    data = {"text/html": html, "application/javascript": "alert(1)", "text/plain": "a table"}
    notebook.cells.insert(0, new_code_cell("show()", outputs=[new_output("display_data", data)]))
    for name, begin in (("elbo", "HIDDEN TESTS"), ("kl_gaussian", "MARK SCHEME")):  # and no end
        work = next(c for c in notebook.cells if classroom_name(c) == name)
        work.source += f"\n### BEGIN {begin}\nkept_{name} = 1"
    test = next(c for c in notebook.cells if classroom_name(c) == "vae-elbo")
    failure = {
        "ename": "TimeoutError",
        "evalue": "too long",
        "traceback": ['File "/course/autograder/key/question.py", line 7', SECRET],
    }
    test.outputs = [new_output("error", **failure)]
    nbformat.write(notebook, path)

    api = NbGraderAPI(config=build.load_config(root))
    made = {}
    for student in ("anna", "eve", "ines"):
        done = api.generate_feedback("vae", student)
        assert done["success"], done
        made[student] = root / "feedback" / student / "vae" / "vae.html"
    return made


def classroom_name(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def text_of(page):
    return BeautifulSoup(page.read_text("utf-8"), "html.parser").get_text("\n")


def test_students_see_scores_mistakes_explanations_rubric_marks_and_comments(pages):
    text = text_of(pages["anna"])
    assert "vae.kl_gaussian: 1 of 2 points" in text and "Score: 1.5 / 3.0" in text
    assert "Marks: observation 1 of 1; the objective 0.5 of 1; the samples 0 of 1" in text
    assert "Where do samples fall? <script>x</script>" in text
    assert "vnd.autograder" not in pages["anna"].read_text("utf-8")


def test_the_list_of_contents_names_the_questions(pages):
    page = BeautifulSoup(pages["anna"].read_text("utf-8"), "html.parser")
    links = {link["href"]: link.text for link in page.select("#toc a")}
    assert links["#vae-kl_gaussian"] == "kl_gaussian: KL of a diagonal Gaussian to the prior"
    assert links["#vae-beta_0"] == "β = 0: what you see, and why"
    assert not {"Test cell", "Written response"} & set(links.values())


def test_a_test_that_broke_off_shows_no_traceback(pages):
    text = text_of(pages["eve"])
    assert "This question was not graded" in text
    assert SECRET not in text and "question.py" not in text


def test_what_only_looks_like_hidden_tests_is_shown(pages):
    text = text_of(pages["eve"])
    assert "kept_elbo" in text and "kept_kl_gaussian" in text and "incell" not in text


def test_nobody_reads_of_another_or_of_the_answer_key(pages):
    for student, page in pages.items():
        text = text_of(page)
        own = {line.strip() for line in handed_in(page).splitlines()}
        assert not leaks.found(text) - own
        assert not {s for s in classroom.ANSWERS if f"({s})" in text and s != student}


def handed_in(page):
    """What the student wrote: here it is the solution, as a perfect student's may be."""
    path = str(page).replace("/feedback/", "/autograded/").replace(".html", ".ipynb")
    about = [(c.metadata.get("nbgrader", {}), c.source) for c in nbformat.read(path, 4).cells]
    return "\n".join(source for nbgrader, source in about if nbgrader.get("solution"))


def test_nothing_in_a_page_runs_or_loads(pages, visit):
    page = visit(pages["eve"].as_uri(), ignore=("font",))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    assert page.title() == "vae" and "a table" in page.inner_text("body")
    assert page.locator("script, iframe, svg, [onerror]").count() == 0
    assert not [url for url in asked if url.startswith("http")]
    page = visit(pages["ines"].as_uri(), ignore=("font",))
    assert page.locator("img[alt=drawing]").get_attribute("src").startswith("data:image/png;")
