"""The instructor's page: its numbers are the gradebook's, and it can be read by anybody."""

import re
from datetime import datetime

import pytest

from autograder import cli
from autograder.course import report
from autograder.key import catalogue
from autograder.release import build
from tests.autograder import classroom


@pytest.fixture(scope="module")
def course(graded_class):
    return classroom.course(graded_class)


def test_numbers_are_those_of_gradebook_and_records(course):
    shown = report.overview(course)
    items = {item.name: item for item in shown.items}
    assert len(shown.people) == len(classroom.ANSWERS)
    # answers in words are read of nobody yet: as in the demo's table, code alone counts
    most = sum(q.points for q in catalogue.of("vae").values() if not q.extra)
    assert shown.most == most and {item.name for item in shown.left_out} == {
        name for name in items if items[name].by_hand
    }
    perfect = next(person for person in shown.people if person.student == "björn")
    assert perfect.score == most
    assert items["vae.kl_gaussian"].shares.mean() == pytest.approx((6 * 2 + 1 + 1) / 18)
    assert items["vae.kl_gaussian"].made() == [
        ("half-missing", ["Anna Ö'Neil, Jr.", "Chloé Ö'Neil, Jr."])
    ]
    assert items["vae.beta_0"].waiting == 9 and not items["vae.beta_0"].shares.size
    assert shown.discrimination(items["vae.reparametrize"]) is None  # everybody had it right
    r, error = shown.discrimination(items["vae.elbo"])
    assert 0 < r < 1 and 0 < error < 1
    assert sum(n for _, n in shown.histogram()) == 9
    assert shown.summary()["behind the wall"] == "namespaces: 9"


def test_the_page_is_self_contained_accessible_and_safe(course, visit, tmp_path):
    target = tmp_path / "vae.html"
    assert report.write("vae", course.root, target) == 0
    text = target.read_text("utf-8")
    assert not re.search(r"https?://|<script|<link(?! rel=.icon)", text)
    page = visit(target.as_uri())
    for table in page.locator("table").all():
        assert table.locator("caption").count() == 1 and table.locator("th[scope]").count() > 1
    page.set_viewport_size({"width": 390, "height": 800})
    bars = page.get_by_role("table", name="Submissions by points")
    assert bars.evaluate("table => parseFloat(getComputedStyle(table).fontSize)") >= 12
    assert bars.bounding_box()["width"] <= 390 and page.locator(".bar").last.is_visible()
    assert page.locator("h1").count() == 1
    alike = page.get_by_role("row", name="vae.beta_0: much alike")
    assert "Anna" in alike.inner_text() and "Björn" in alike.inner_text()
    assert "Hugo Ö'Neil, Jr. (100,000)" in page.inner_text("main")


def test_lateness_failures_and_who_is_missing_are_shown(own_class):
    with classroom.gradebook(own_class) as book:
        book.add_student("zoe")
        book.update_or_create_assignment("vae", duedate="2026-01-01 00:00:00")
        submission = book.find_submission("vae", "gil")
        submission.timestamp = datetime(2026, 1, 1, 1, 30)
        submission.notebooks[0].late_submission_penalty = 2.5
        submission.notebooks[0].flagged = True
        book.db.commit()
    (own_class / "submitted" / "new" / "vae").mkdir(parents=True)
    (own_class / "autograded" / "jan" / "vae" / "vae.ipynb").unlink()
    shown = report.overview(classroom.course(own_class))
    assert (shown.missing, shown.ungraded) == (["zoe"], ["new"])
    [late] = shown.late()
    assert (late.student, late.penalty, report._duration(late.late)) == ("gil", 2.5, "1 h 30 min")
    assert [p.student for p in shown.people if p.flagged] == ["gil"]
    assert [p.notes for p in shown.people if p.student == "jan"] == [["no autograded notebook"]]


def test_a_gradebook_of_another_kit_is_refused_in_a_line(own_class, capsys):
    with classroom.gradebook(own_class) as book:
        book.add_grade_cell("vae-old_question", "vae", "vae", max_score=2, cell_type="code")
        asks = build.TEST_CELL.format(what="An old question", id="vae.old_question")
        book.add_source_cell("vae-old_question", "vae", "vae", source=asks, cell_type="code")
    assert cli.main(["report", "vae", "--course-dir", str(own_class)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "vae.old_question, which this version" in line
    assert not (own_class / "reports").exists()
