"""Pages for everybody: axe finds nothing against WCAG 2.1 AA, in both themes, on a wide screen and
at 320 px, where nothing is scrolled sideways.

docs/accessibility.md says what this shows, and what it cannot.
"""

import nbformat
import pytest

from autograder.ask import command as asking
from autograder.ask import sheets
from autograder.ask.item import Item
from autograder.course import report as course_report
from autograder.release import build
from tests.autograder import classroom
from tests.autograder.course import test_naming
from tests.autograder.course.test_answers import served
from tests.autograder.plugins.test_feedback import generate
from utils.hand_in import report
from utils.hand_in.report import page as report_page

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 320)]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return classroom.make(tmp_path_factory.mktemp("access"))


def letter(course):
    return generate(course, ["ines"])["ines"].as_uri()


def sheet(course):
    items = [Item("vae.elbo", "What does your `elbo` give?", ("1", "2", "3", "4"), 1)] * 3
    asked = [asking.Asked("ada", "Ada", items), asking.Asked("bo", "Bo", [], "no questions")]
    (course / "asked").mkdir(exist_ok=True)
    return dict((p.name, p) for p, _ in sheets.write(course / "asked", "vae", asked))[
        "examiner.html"
    ].as_uri()


def instructor(course):
    assert course_report.write("vae", course) == 0
    return (course / "reports" / "vae.html").as_uri()


def solution(course):
    folder = course / "work" / "vae"
    folder.mkdir(parents=True, exist_ok=True)
    released = nbformat.read(build.ROOT / "assignments" / "vae" / "vae.ipynb", 4)
    nbformat.write(released, folder / "vae.ipynb")
    path = course / "work" / "report.html"
    path.write_text(report_page.html(report.collect(course / "work", "Zoë")), "utf-8")
    return path.as_uri()


PAGES = {"letter": letter, "sheet": sheet, "instructor's report": instructor, "report": solution}


def violations(page) -> list[str]:
    found = axe.Axe().run(page, options=RULES).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]} ({len(v['nodes'])})" for v in found]


def looked_at(visit, url, then=""):
    """Everything that is wrong with a page, in each theme and at each width. then: where to go from
    there first.
    """
    wrong, page = {}, visit(url, ignore=("font",), bypass_csp=True)
    if then:
        page.goto(then)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for theme, width in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        found = violations(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append("it is scrolled sideways")
        if found:
            wrong[theme, width] = found
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name, course, visit):
    assert looked_at(visit, PAGES[name](course)) == {}


def test_axe_finds_nothing_on_the_page_of_answers(course, visit):
    with served(course) as address:
        assert looked_at(visit, address) == {}


@pytest.mark.long
def test_axe_finds_nothing_on_the_page_of_mistakes_without_a_name(course, visit):
    for student, source in test_naming.WROTE.items():
        test_naming.put(course, student, source)
    with served(course) as address:
        then = address.partition("?")[0] + "mistakes"
        assert looked_at(visit, address, then) == {}


def test_axe_would_find_something(visit, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<title>x</title><img src='data:,'><p style='color: #bbb'>pale</p>")
    found = " ".join(violations(visit(path.as_uri(), ignore=("",))))
    assert "image-alt" in found and "color-contrast" in found and "html-has-lang" in found
