"""What counts as a word: in Python, and the same in the browser."""

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.key.written import WRITTEN
from tests.support import lab
from utils.hand_in import answers, counter, notebook, words

# Unassigned characters differ between Unicode versions; controls between notions of a space.
CHARACTERS = st.characters(exclude_categories=["Cn", "Cs", "Cc", "Co"], exclude_characters="\ufeff")
TEXT = st.text(CHARACTERS)
PIECES = st.sampled_from(["$", "$$", "![", "](", ")", "<", ">", "<b>", "word", " ", "\n", "é", "β"])


@pytest.mark.parametrize(
    "source, count",
    [
        ("", 0),
        ("*Your answer, at most 150 words:*\n\nYOUR ANSWER HERE", 0),
        ("*Your answer, at most 150 words:*\n\nTwo words.", 2),
        ("*Deine Antwort, höchstens 150 Wörter:*\n\nZwei Wörter.", 2),
        ("*Five words, and one 1:* no header", 2),
        ("Not *in 10 epochs:* at the beginning", 7),
        ("- a list - of **bold** _things_ …", 5),
        ("The KL $\\tfrac12 (\\mu^2 + \\sigma^2)$ is a formula", 6),
        ("$$\n\\log p(x) \\ge 3\n$$", 1),
        ("It costs 5 dollars", 4),
        ("![a long description](attachment:picture.png) seen", 1),
        ("see [the paper](https://example.org/a_b)", 3),
        ("<p class='x y'>one <b>two</b></p>", 2),
        ("עברית וגם العربية", 3),
        ("smile 🙂 🙂", 1),
        ("naïve Gauß' ½", 3),
        ("这是一个关于变分自编码器的回答。", 8),
        ("日本語のテキスト", 4),
        ("한국어로 쓴 답", 3),
        ("ภาษาไทยไม่มีช่องว่าง", 4),
        ("β = 0 时 KL 很大", 5),
    ],
)
def test_words_are_counted_by_the_rule(source, count):
    assert answers.words(source) == count


@given(TEXT, TEXT)
def test_paragraphs_count_as_their_sum_unless_markup_spans_them(one, two):
    for mark in "$<>[]()!":
        one, two = one.replace(mark, ""), two.replace(mark, "")
    assert answers.words(f"{one}\n\n{two}") == answers.words(one) + answers.words(two)


@given(st.text())
def test_marking_a_text_bold_adds_no_words(text):
    assert answers.words(f"**{text}**") == answers.words(text)


@pytest.mark.parametrize("piece", ["<!--", "$", "![", "](", "<b", "-" * 9, "w "])
def test_the_rule_takes_no_time_on_odd_text(piece):
    assert answers.words(piece * 100_000) <= 100_000  # a rule that backtracks would take hours


@settings(max_examples=1, deadline=None)
@given(st.lists(TEXT | st.lists(PIECES).map("".join), min_size=300, max_size=300))
def test_the_browser_counts_alike(texts):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    module = (Path(counter.__file__).with_name("words.js")).as_uri()
    script = f"""import {{ words }} from "{module}";
        const {{ texts, rules }} = JSON.parse(await new Response(process.stdin).text());
        console.log(JSON.stringify(texts.map((text) => words(text, rules))));"""
    given = json.dumps({"texts": texts, "rules": words.NOT_WORDS})
    made = subprocess.run(
        [node, "--input-type=module", "-e", script],
        input=given,
        text=True,
        capture_output=True,
        check=True,
    )
    assert json.loads(made.stdout) == [answers.words(text) for text in texts]


ROOT = Path(__file__).parents[3]


def released(assignment):
    return notebook.read(ROOT / "assignments" / assignment / f"{assignment}.ipynb")


def test_questions_and_limits_come_from_the_release():
    found = {a.id: a for a in answers.find(released("vae").cells)}
    assert {i: (a.limit, a.points, a.source) for i, a in found.items()} == {
        q.id: (q.words, q.points, "") for q in WRITTEN.values() if q.assignment == "vae"
    }
    assert "What do you observe at β = 0" in words.plain(found["vae.beta_0"].asked)


# -- in JupyterLab --------------------------------------------------------------------------------


@pytest.fixture
def opened(visit, tmp_path):
    """A page of JupyterLab: a question of the release, its count, and the pre-flight."""
    nb = json.loads((ROOT / "assignments/vae/vae.ipynb").read_text())
    ours = {"rubric-vae-beta_0", "vae-beta_0"}
    nb["cells"] = [c for c in nb["cells"] if c["id"] in ours]
    nb["metadata"]["course"] |= {"cells": sorted(ours), "runs": {}}
    code = "from utils import answers, preflight\nanswers.count('vae.beta_0')", "preflight.check()"
    nb["cells"] += [nbformat.v4.new_code_cell(source) for source in code]
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "vae.ipynb").write_text(json.dumps(nb))
    with lab.serve(tmp_path) as address:
        page = visit(f"{address}/lab/tree/vae/vae.ipynb?reset", ignore=["404", "Failed to load"])
        page.set_default_timeout(90_000)
        yield page
        page.close()  # before its server stops, which it would complain about


def test_in_lab_the_count_follows_and_the_preflight_sees_what_was_just_written(opened):
    lab.run_all(opened)
    said = opened.locator(".vae-count-said")
    said.filter(has_text="0 of 150 words").wait_for()
    opened.locator(".jp-MarkdownCell").filter(has_text="at most 150 words").last.dblclick()
    opened.locator(".jp-MarkdownCell .cm-line").filter(has_text="YOUR ANSWER HERE").click()
    opened.keyboard.press("End")
    opened.keyboard.type(" Sharp pictures, $x$, and ")
    said.filter(has_text="4 of 150 words").wait_for()
    opened.keyboard.insert_text("many words " * 80)
    said.filter(has_text="164 of 150 words: 14 too many").wait_for()
    opened.keyboard.press("Shift+Enter")
    lab.run_all(opened)  # it saves before it looks: nobody pressed Ctrl+S
    opened.locator(".jp-OutputArea-output li").filter(has_text="vae.beta_0 is too long").wait_for()
