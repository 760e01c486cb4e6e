"""What `nbgrader generate_feedback` gives to students: everything about their own work, and
nothing else, as a letter that can be read anywhere.
"""

import json
import re
import shutil
from datetime import datetime

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_output
from nbgrader.apps import NbGraderAPI

from autograder.course import answers
from autograder.errors import WrongCall
from autograder.letter import language, letter
from autograder.plugins import execute, tries
from autograder.plugins.feedback import folded
from autograder.release import build
from tests.autograder import classroom
from tests.desks.contracts import broken
from tests.support import leaks, pseudo
from tests.utils.hand_in.test_report import png

SECRET = "value = reference(mu, logvar)"
NOISE = png((700, 500), noise=True)  # a megabyte that no packing makes smaller


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


@pytest.fixture(scope="module")
def course(graded_class, tmp_path_factory):
    """The class with marks by hand for one, a hostile notebook, and one full of pictures."""
    root = shutil.copytree(graded_class, tmp_path_factory.mktemp("feedback") / "class")
    desk = answers.Desk(classroom.course(root))
    with classroom.gradebook(root) as book:
        key = classroom.grade_of(book, "anna").id
        work = book.find_comment("kl_gaussian", "vae", "vae", "anna")
        work.manual_comment = "Nearly: *count* your halves."
        classroom.grade_of(book, "anna", "vae-iwae_bound").extra_credit = 2.0
        book.db.commit()
    marks = {"observation": 1, "the objective": 0.5, "the samples": 0}
    sent = {"marks": 1.5, "criteria": marks, "comment": "Where do samples fall? <script>x</script>"}
    desk.enter(key, {**sent, "was": desk.find(key)[1].entered})

    path = root / "autograded" / "eve" / "vae" / "vae.ipynb"
    notebook = nbformat.read(path, 4)
    html = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    data = {"text/html": html, "application/javascript": "alert(1)", "text/plain": "a table"}
    notebook.cells.insert(0, new_code_cell("show()", outputs=[new_output("display_data", data)]))
    for name, begin in (("elbo", "HIDDEN TESTS"), ("kl_gaussian", "MARK SCHEME")):  # and no end
        work = next(c for c in notebook.cells if name_of(c) == name)
        work.source += f"\n### BEGIN {begin}\nkept_{name} = 1"
    test = next(c for c in notebook.cells if name_of(c) == "vae-elbo")
    failure = {
        "ename": "TimeoutError",
        "evalue": "too long",
        "traceback": ['File "/course/autograder/key/question.py", line 7', SECRET],
    }
    test.outputs = [new_output("error", **failure)]
    nbformat.write(notebook, path)

    path = root / "autograded" / "hugo" / "vae" / "vae.ipynb"  # whose answer has 100,000 words
    notebook = nbformat.read(path, 4)
    figure = {"image/png": NOISE, "text/plain": "<Figure size 640x480>"}
    shown = new_output("display_data", figure, metadata={"image/png": {"alt": "Noise"}})
    notebook.cells.insert(3, new_code_cell("draw()", outputs=[shown] * 20))
    said = new_output("stream", name="stdout", text="a line of text\n" * 100_000)
    notebook.cells.insert(3, new_code_cell("x = 1\n" * 20_000, outputs=[said]))
    nbformat.write(notebook, path)
    return root


def generate(root, students, **settings):
    config = build.load_config(root)
    config.Letter.update(settings)
    api = NbGraderAPI(config=config)
    for student in students:
        done = api.generate_feedback("vae", student)
        assert done["success"], done
    return {student: root / "feedback" / student / "vae" / "vae.html" for student in students}


@pytest.fixture(scope="module")
def pages(course):
    """{student: path of the page}"""
    return generate(course, ("anna", "eve", "fatima", "hugo", "ines"))


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"sentences": "none.json"}, "none.json cannot be read"),
        ({"show": "by-try"}, "not the str 'by-try'"),
        ({"lang": "de"}, "there is no c.Letter.lang"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told_once_and_takes_no_letter_away(
    course, pages, settings, says
):
    config = build.load_config(course)
    config.Letter.update(settings)
    done = NbGraderAPI(config=config).generate_feedback("vae", "anna", force=True)
    assert not done["success"] and says in done["log"]
    assert "Traceback" not in done["log"] and pages["anna"].is_file()


def read(page):
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def text_of(page):
    return read(page).get_text("\n")


def part(page, question):
    return " ".join(read(page).find(id=question).get_text(" ").split())


def test_on_top_stands_what_was_reached_and_what_is_open(pages):
    top = " ".join(read(pages["anna"]).header.get_text(" ").split())
    assert "24.5 of 27 points" in top  # 24 of code, 3 of words
    assert "2 answers are still to be read, worth 6 points" in top
    assert "2 of these points are extra credit" in top
    assert "still to be read, 3 points" in part(pages["anna"], "vae-beta_10")
    assert "2 of 2 extra points" in part(pages["anna"], "vae-iwae_bound")
    assert "/ 0.0" not in text_of(pages["anna"])


def test_the_head_names_the_student_and_says_what_lateness_meant(course, tmp_path):
    root = shutil.copytree(course, tmp_path / "class")
    with classroom.gradebook(root) as book:
        book.update_or_create_assignment("vae", duedate="2026-01-01 00:00:00")
        for student in ("fatima", "ines"):
            book.find_submission("vae", student).timestamp = datetime(2026, 1, 1, 1, 30)
        book.find_student("ines").first_name = book.find_student("ines").last_name = None
        book.db.commit()
    tops = {s: read(page).header.text for s, page in generate(root, ["fatima", "ines"]).items()}
    assert "Fatima Ö'Neil, Jr." in tops["fatima"] and "vae · ines" in tops["ines"]
    assert all("came after the due date; no points were taken off" in t for t in tops.values())
    [page] = generate(root, ["eve"]).values()
    assert "due date" not in page.read_text("utf-8")


def test_a_note_calls_a_cell_by_its_question(pages):
    asked = [
        letter.Question("vae.kl_gaussian", "the KL", 1, 2),
        letter.Question("m.x", "m.x", 1, 1),
    ]
    for cell in ("vae-kl_gaussian", "check-kl_gaussian"):
        note = f"Cell '{cell}' is missing and was put back"
        assert letter.noted(note, asked) == "Cell “the KL” is missing and was put back"
    for cell in ("m-x", "check-imports"):
        note = f"Cell '{cell}' is missing and was put back"
        assert letter.noted(note, asked).replace("“m.x”", "'m-x'") == note


def test_a_question_says_the_mistake_what_to_reread_and_what_went_well(pages):
    said = part(pages["anna"], "vae-kl_gaussian")
    assert "1 of 2 points" in said and "Your KL is exactly twice the right one" in said
    assert "the values: every number is too large." in said
    assert "What went well: kl_gaussian returns one value per image" in said
    assert "Nearly: count your halves." in said  # what a person wrote below the code
    page = read(pages["anna"])
    link = page.find(id="vae-kl_gaussian").find("a", string="the KL divergence in closed form")
    assert "kl_gaussian" in page.find(id=link["href"][1:]).find(re.compile("h[1-6]")).text


def test_a_reader_s_marks_and_comment_stand_with_the_answer(pages):
    said = part(pages["anna"], "vae-beta_0")
    assert "1.5 of 3 points" in said and "observation 1 of 1 the objective 0.5 of 1" in said
    assert "Where do samples fall?" in said
    assert "vnd.autograder" not in pages["anna"].read_text("utf-8")


def test_the_same_is_there_as_json_and_as_markdown(pages):
    told = pages["anna"].with_suffix(".json").read_text("utf-8")
    assert broken("json", told) == []
    told = json.loads(told)
    assert (told["score"], told["max_score"], told["open"]["answers"]) == (24.5, 27, 2)
    rows = {row["id"]: row for row in told["questions"]}
    assert rows["vae.kl_gaussian"]["says"] in part(pages["anna"], "vae-kl_gaussian")
    assert rows["vae.beta_10"]["score"] is None and len(rows["vae.beta_0"]["marks"]) == 3
    markdown = pages["anna"].with_suffix(".md").read_text("utf-8")
    assert markdown.startswith("# vae: 24.5 of 27 points")
    for row in rows.values():
        assert row["title"] in markdown and row.get("says", "") in markdown
    assert "(<vae.ipynb#kl_gaussian-" in markdown


def test_a_policy_says_more_with_every_submission_that_was_changed(course, tmp_path):
    root = shutil.copytree(course, tmp_path / "class")
    where = "vae", "vae", "anna"
    notebook = nbformat.read(root / "autograded" / "anna" / "vae" / "vae.ipynb", 4)
    step = execute.SaveAutoGrades(config=build.load_config(root))
    about = {"notebook": "vae", "assignment": "vae", "student": "anna"}
    said = []
    for changed in ("", "", "# another try", "# and one more"):  # graded twice as it was
        notebook.cells[1].source += changed
        about["db_url"] = f"sqlite:///{root / 'gradebook.db'}"
        step.preprocess(notebook, {"nbgrader": about})
        [page] = generate(root, ["anna"], show="by-tries").values()
        said.append(part(page, "vae-kl_gaussian"))
        shutil.rmtree(root / "feedback")
    with classroom.gradebook(root) as book:
        assert tries.earlier(book.db, where) == 2
    assert "Not yet:" in said[0] and "too large" not in said[0] + said[1]
    assert "too large" in said[2] and "exactly twice" not in said[2]
    assert "exactly twice" in said[3]


def test_a_test_that_broke_off_shows_no_traceback(pages):
    assert "This question was not graded" in part(pages["eve"], "vae-elbo")
    assert SECRET not in text_of(pages["eve"]) and "question.py" not in text_of(pages["eve"])


def test_what_only_looks_like_hidden_tests_is_shown(pages):
    text = text_of(pages["eve"])
    assert "kept_elbo" in text and "kept_kl_gaussian" in text and "incell" not in text


def test_nobody_reads_of_another_or_of_the_answer_key(pages):
    released = build.ROOT / "assignments" / "vae" / "vae.ipynb"
    public = "\n".join(cell.source for cell in nbformat.read(released, 4).cells)
    for student, page in pages.items():
        own = {line.strip() for line in (public + "\n" + handed_in(page)).splitlines()}
        for path in (page, page.with_suffix(".json"), page.with_suffix(".md")):
            text = text_of(path) if path == page else path.read_text("utf-8")
            assert not {line.strip() for line in leaks.found(text)} - own
            assert not {s for s in classroom.ANSWERS if f"({s})" in text and s != student}


def handed_in(page):
    """What the student wrote: here it is the solution, as a perfect student's may be."""
    path = str(page).replace("/feedback/", "/autograded/").replace(".html", ".ipynb")
    about = [(c.metadata.get("nbgrader", {}), c.source) for c in nbformat.read(path, 4).cells]
    return "\n".join(source for nbgrader, source in about if nbgrader.get("solution"))


def test_whatever_was_handed_in_the_page_has_at_most_a_megabyte(pages):
    sizes = {student: page.stat().st_size for student, page in pages.items()}
    assert max(sizes.values()) <= 1_000_000, sizes
    page = read(pages["hugo"])
    pictures = page.select("details.notebook img")
    assert pictures and all(picture["alt"] for picture in pictures)
    assert "more characters" in page.text


def test_nothing_in_a_page_runs_or_loads(pages, visit):
    page = visit(pages["eve"].as_uri(), ignore=("font",))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.locator("details.notebook > summary").click()
    assert page.title().startswith("vae: ") and "a table" in page.inner_text("body")
    assert page.locator("script, iframe, svg, [onerror]").count() == 0
    assert not [url for url in asked if url.startswith("http")]
    page = visit(pages["ines"].as_uri(), ignore=("font",))
    assert page.locator("img[alt=drawing]").get_attribute("src").startswith("data:image/png;")


def test_a_page_fits_a_phone_and_four_sheets(pages, visit):
    for student in ("anna", "eve", "fatima", "hugo"):
        page = visit(pages[student].as_uri(), ignore=("font",))
        printed = page.pdf(format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, student


def test_in_another_language_no_sentence_of_ours_is_left(course, tmp_path):
    root = shutil.copytree(course, tmp_path / "class")
    (root / "wide.json").write_text(json.dumps(pseudo.translations()), "utf-8")
    [path] = generate(root, ["anna"], language="x-wide", sentences="wide.json").values()
    page = read(path)
    assert page.html["lang"] == "x-wide" and "ｏｆ" in page.title.text
    for foreign in page.select("code, details.notebook .cell, .comment, th, style"):
        foreign.decompose()  # code, and what students and readers wrote
    assert not pseudo.english(page.get_text(" "))


def test_a_picture_that_only_looks_like_one_of_ours_is_left_out():
    album, cell = folded.Album(), nbformat.v4.new_markdown_cell("<img src='&#xE000;7&#xE001;'> b")
    page = folded.markdown(cell, album, {})
    assert not album.pictures and "b" in page and "\ue000" not in page


def test_a_translation_may_name_what_is_filled_in_and_break_off():
    spoken = language.Language("de", {"{} of {} points": "{n} von {m} Punkten"})
    assert spoken.say("{} of {} points", 1, 2) == "1 von 2 Punkten"
    assert spoken.told(", ".join(["1"] * 3000)).startswith("1, 1")


def test_a_file_of_sentences_that_cannot_be_used_is_said(tmp_path):
    path = tmp_path / "de.json"
    for content, said in (("[]", "no list of sentences"), ('{"{} of {}": "{}"}', "the braces of")):
        path.write_text(content)
        with pytest.raises(WrongCall, match=said):
            language.of("de", path)
    with pytest.raises(WrongCall, match="cannot be read"):
        language.of("de", tmp_path / "fr.json")
