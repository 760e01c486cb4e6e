"""Grading in words: what is shown of answers, and what reaches nbgrader's gradebook."""

import asyncio
import json
import sqlite3
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from traitlets.config import Config

from autograder import cli
from autograder.course import answers, marking
from autograder.key import catalogue
from autograder.plugins import prose
from autograder.release import build
from tests.autograder import classroom
from tests.support import pseudo
from utils.hand_in.answers import words


@contextmanager
def served(root, **settings):
    """The page's address, with its token. settings: as in nbgrader_config.py."""
    course = classroom.course(root)
    course.config.merge(Config(settings))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start():
        return marking.listen(answers.Desk(course))

    server, address = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(server.stop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def entered(root, student="chloé"):
    with classroom.gradebook(root) as book:
        grade, comment = classroom.grade_of(book, student), classroom.comment_of(book, student)
        return grade.manual_score, comment.manual_comment, grade.needs_manual_grade


def key_of(root, student):
    with classroom.gradebook(root) as book:
        return classroom.grade_of(book, student).id


def test_a_grader_works_by_keyboard_and_nothing_in_an_answer_runs(own_class, visit):
    with served(own_class) as address:
        page = visit(address, ignore=("example.org",))
        assert "Ö'Neil" not in page.content() and "anna" not in page.content()
        page.keyboard.press("j")
        first = page.locator(".answer.current")
        assert "much alike: Answer 2" in first.inner_text()
        page.keyboard.press("Enter")
        for mark in ("1", "0.5", "0"):
            page.keyboard.type(mark)
            page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("Where do samples fall?")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Answer 1 saved").wait_for()
        page.get_by_text("8 of 9").wait_for()
        page.locator("#comments button").wait_for()  # the marks are saved before the comment is
        page.keyboard.press("Alt+1")
        page.get_by_text("Answer 2 saved").wait_for()
        page.click("text=Show names")
        page.get_by_text("Anna Ö'Neil, Jr. (anna)").wait_for()
        page.locator("img[src^='/picture/']").scroll_into_view_if_needed()
        assert page.title() != "owned"
        assert page.locator("math").count() > 0 and page.locator(".text script").count() == 0
    score, comment, waiting = entered(own_class, "anna")
    assert score == 1.5 and not waiting
    assert comment == (
        "Marks: observation 1 of 1; the objective 0.5 of 1; the samples 0 of 1\n\n"
        "Where do samples fall?"
    )
    assert entered(own_class, "björn") == (None, "Where do samples fall?", True)


def test_numbers_give_a_criterion_its_marks_and_u_takes_them_back(own_class, visit):
    with served(own_class) as address:
        page = visit(address, ignore=("example.org",))
        page.keyboard.press("n")
        for key in ("1", "2", "2", "3", "3", "3"):  # all; half; none
            page.keyboard.press(key)
        page.get_by_text("Answer 1 saved").wait_for()
        page.get_by_text("8 of 9").wait_for()
        assert page.locator("nav a[aria-current] small").inner_text() == "1 of 9"
        assert entered(own_class, "anna")[0] == 1.5
        page.keyboard.press("n")
        assert page.locator(".answer.current").get_attribute("aria-label") == "Answer 2"
        for number in "123":
            page.keyboard.press(number)
        page.get_by_text("Answer 2 saved").wait_for()
        page.keyboard.press("u")
        page.get_by_text("8 of 9").wait_for()
        assert page.locator(".answer.current").get_attribute("aria-label") == "Answer 2"
        told = page.request.get(address.partition("?")[0] + "rubric.csv").text()
    assert entered(own_class, "björn") == (None, None, True)
    assert "anna,vae.beta_0,the objective,0.5,1," in told and "anna,vae.beta_0,total,1.5,3" in told
    assert not any(line.endswith("'") for line in told.splitlines())  # no comment, empty cell


def test_what_the_formgrader_entered_counts_and_is_not_overwritten_unseen(own_class):
    desk, key = answers.Desk(classroom.course(own_class)), key_of(own_class, "chloé")
    before = desk.find(key)[1].entered
    with classroom.gradebook(own_class) as book:
        grade = classroom.grade_of(book, "chloé")
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        classroom.comment_of(book, "chloé").manual_comment = "by hand"
        book.db.commit()
    with pytest.raises(answers.Refused, match="meanwhile"):
        desk.enter(key, {"marks": 1, "was": before})
    now = desk.find(key)[1].entered
    assert (now["marks"], now["comment"], now["waiting"]) == (2.0, "by hand", False)
    for marks in (4, -1, "nan", "a"):
        with pytest.raises(answers.Refused):
            desk.enter(key, {"marks": marks, "was": now})
    desk.enter(key, {"marks": None, "comment": "", "was": now})
    assert entered(own_class) == (None, None, True)


def test_of_two_servers_that_write_at_once_one_is_refused(own_class):
    desks = [answers.Desk(classroom.course(own_class)) for _ in range(2)]
    key, both = key_of(own_class, "chloé"), threading.Barrier(2)

    def enter(desk, marks, was):
        both.wait()
        try:
            desk.enter(key, {"marks": marks, "was": was})
        except answers.Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as people:
        for one, other in ((0.5, 1.0), (1.5, 2.0), (2.5, 3.0)):
            was = desks[0].find(key)[1].entered
            said = list(people.map(enter, desks, (one, other), (was, was)))
            assert said.count(None) == 1 and "meanwhile" in (said[0] or said[1])
            assert entered(own_class)[0] == (one, other)[said.index(None)]


def test_a_gradebook_that_another_program_holds_is_a_sentence(own_class):
    desk, key = answers.Desk(classroom.course(own_class)), key_of(own_class, "chloé")
    desk.course.directory.db_url += "?timeout=0.1"  # seconds, of 5
    was = desk.find(key)[1].entered
    with closing(sqlite3.connect(own_class / "gradebook.db")) as other:
        other.execute("begin immediate")
        with pytest.raises(answers.Refused, match="another program"):
            desk.enter(key, {"marks": 1, "was": was})
        other.rollback()
    assert desk.enter(key, {"marks": 1, "was": was})["marks"] == 1


def spoken(page):
    """All that a page says by itself: text and what is read aloud, without what people wrote."""
    return page.evaluate(
        r"""() => {
          for (const folded of document.querySelectorAll("details")) folded.open = true;
          const own = document.querySelectorAll(".text :not(.muted), pre, code, kbd");
          for (const written of own) written.remove();
          const read = [...document.querySelectorAll("[aria-label], [title], [placeholder]")];
          return [document.title, document.body.innerText, ...read.flatMap((e) =>
            [e.ariaLabel, e.title, e.placeholder])].join("\n");
        }"""
    )


def test_the_pages_speak_the_courses_language(own_class, visit, monkeypatch):
    (own_class / "wide.json").write_text(json.dumps(pseudo.translations()), "utf-8")
    asked = answers.Desk._questions

    def bare(desk):  # what a course's own notebook says it says in its own language
        own = {"prompt": "", "scheme": "", "criteria": (answers.Criterion("1", 1),)}
        return {n: replace(a, **own, reference="1") for n, a in asked(desk).items()}

    monkeypatch.setattr(answers.Desk, "_questions", bare)
    settings = {"language": "x-wide", "sentences": "wide.json"}
    with served(own_class, Letter=settings, WordLimit={"policy": "cut"}) as address:
        page = visit(address, ignore=("example.org", "404"))
        assert page.locator("html").get_attribute("lang") == "x-wide"
        page.keyboard.press("u")
        page.click("#names")
        page.locator(".name").first.filter(has_text="(").wait_for()
        page.click("#names")
        said = spoken(page)
        assert pseudo.pseudo("Still to grade.") in said and pseudo.pseudo("Nothing written") in said
        left = pseudo.english(said)
        page.goto(address.partition("?")[0] + "mistakes")
        left |= pseudo.english(spoken(page))
        assert left == set()
        nothing = page.request.get(address.partition("?")[0] + "nothing").text()
        assert not pseudo.english(nothing)


def test_a_criterion_may_be_worth_any_points(own_class, visit, monkeypatch):
    asked, worth = answers.Desk._questions, (1, 0.75, 1.25)
    own = tuple(answers.Criterion(f"{points}", points) for points in worth)
    monkeypatch.setattr(
        answers.Desk,
        "_questions",
        lambda desk: {n: replace(a, criteria=own) for n, a in asked(desk).items()},
    )
    with served(own_class) as address:
        fields = visit(address, ignore=("example.org", "404")).locator("[data-criterion]")
        given = fields.evaluate_all("all => all.map(i => (i.value = i.max, i.validity.valid))")
    assert len(given) >= len(worth) and all(given)


def test_only_who_has_the_token_reads_or_grades(own_class):
    key = key_of(own_class, "anna")
    with served(own_class) as address:
        bare, token = address.split("?token=")
        asked = urllib.request.Request(f"{bare}marks/{key}", b"{}", method="PUT")
        asked.add_header("Cookie", f"answers-{bare.split(':')[2].strip('/')}={token}")
        for request in (bare, f"{bare}names/vae-beta_0", asked, f"{bare}?token=é"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(_quoted(request))
            assert refused.value.code == 403
        asked.add_header("X-Token", token)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked)
        assert refused.value.code == 409 and "meanwhile" in json.load(refused.value)["problem"]


def _quoted(request):
    return request.replace("é", "%C3%A9") if isinstance(request, str) else request


def test_the_policy_for_long_answers_notes_cuts_or_takes_points_off(own_class):
    key = key_of(own_class, "hugo")
    cut = answers.WordLimit(policy="cut")
    text, beyond = cut.within("one two three $a + b$ five", 4)
    assert words(text) == 4 and beyond.strip() == "five"
    assert cut.within("one two", 4) == ("one two", "")
    some = answers.WordLimit(policy="penalty", penalty=0.5, step=20)
    assert [some.points_off(n, 150) for n in (150, 151, 180, 181)] == [0, 0.5, 0.5, 1.0]
    course = classroom.course(own_class)
    course.config.merge(Config({"WordLimit": {"policy": "penalty", "step": 1e5, "penalty": 1}}))
    desk = answers.Desk(course)
    was = desk.find(key)[1].entered
    now = desk.enter(key, {"marks": 2, "comment": "Shorter!", "was": was})
    assert (now["marks"], now["score"], now["comment"]) == (2, 1, "Shorter!")
    assert "length −1 (100,000 words, at most 150 were asked for)" in entered(own_class, "hugo")[1]


def test_alike_answers_are_found_across_students_and_against_the_reference(graded_class):
    desk = answers.Desk(classroom.course(graded_class))
    asked, everybody = desk.questions["vae-beta_0"], desk.answers("vae-beta_0")
    answers.arranged(asked, everybody, answers.ALIKE)
    marked = {a.student: [number for number, _ in a.alike] for a in everybody if a.alike}
    numbers = {a.number: a.student for a in everybody}
    assert {s: [numbers[number] for number in found] for s, found in marked.items()} == {
        "anna": ["björn"],
        "björn": ["anna"],
    }
    copied = desk.answers("vae-well_tuned")  # everybody handed in the reference answer
    answers.arranged(desk.questions["vae-well_tuned"], copied, answers.ALIKE)
    assert all(a.reference > 0.99 for a in copied)


@pytest.mark.parametrize("question", catalogue.WRITTEN.values(), ids=lambda q: q.id)
def test_the_criteria_of_every_mark_scheme_add_up(question):
    folder = build.ROOT / "solutions" / question.assignment
    cells = answers.texts(folder / f"{question.assignment}.ipynb")
    criteria = answers.criteria_of(cells[f"rubric-{catalogue.grade_id(question.id)}"])
    assert sum(criterion.points for criterion in criteria) == question.points


def test_criteria_are_recognised_in_the_courses_language():
    scheme = "- 1 Punkt, Beobachtung: …\n- 0,5 Punkte, Grund: …\n- ½ point, idée : …\n"
    scheme += "- 2 балла, вывод: …"
    found = [(c.title, c.points) for c in answers.criteria_of(scheme)]
    assert found == [("Beobachtung", 1), ("Grund", 0.5), ("idée", 0.5), ("вывод", 2)]


@pytest.mark.parametrize("raw", [False, True])
def test_answers_become_harmless_html(raw):
    made = prose.html(
        "An answer. <script>a</script> <b onclick=x>b</b> [x](JavaScript:alert) "
        "$\\text{<img src=x>}$ $\\href{javascript:x}{y}$ $\\frac{1}{$ ![p](data:text/html,x) "
        "\ue0000\ue001 &#xE000;7&#xE001; $z_1$\n\n"
        "<iframe src=//example.org></iframe><img src=http://example.org/a.png>",
        raw,
    )
    for bad in ("<script", "<b on", "<iframe", 'href="j', "<img src=x", 'src="data', 'src="http'):
        assert bad not in made
    assert "<msub>" in made and ("<b>b</b>" in made) == raw


def older(path):
    with sqlite3.connect(path) as book:
        book.execute("alter table student drop column lms_user_id")


SPOILT = {
    "no assignment 'nothing'": lambda path: None,
    "no gradebook": lambda path: path.unlink(),
    "comes from an older nbgrader; `nbgrader db upgrade`": older,
    "cannot read the gradebook": lambda path: path.write_text("no database" * 1000),
}


@pytest.mark.parametrize("says", SPOILT)
def test_a_wrong_call_is_one_line(own_class, capsys, says):
    SPOILT[says](own_class / "gradebook.db")
    assignment = "nothing" if "nothing" in says else "vae"
    words = ["answers", assignment, "--no-browser", "--course-dir", str(own_class)]
    assert cli.main(words) == 2
    said = capsys.readouterr().err.strip()
    assert says in said and "\n" not in said


def test_a_browser_finds_the_page_and_the_key_is_in_no_argument(own_class, visit):
    with served(own_class) as address, marking.door(address) as door:
        token = address.split("?token=")[1]
        assert token not in door.as_uri() and door.stat().st_mode & 0o077 == 0
        page = visit(door.as_uri())
        page.wait_for_selector("meta[name=token]", state="attached")
        assert page.url.startswith("http://127.0.0.1:") and token not in page.url
    assert not door.exists()
