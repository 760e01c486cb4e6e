"""Questions about one's own work have one right answer, which her own code gives."""

import csv
import random
import time
from xml.etree import ElementTree as xml

import pytest

from autograder.ask import command, interview, pool, sheets
from autograder.ask.item import Item
from autograder.key import catalogue
from autograder.student.asking import InProcess
from tests.bank import variants

CODE = ("autoencoder", "vae", "interpolation", "autodecoder", "explore")
FEW = 3  # answers an assignment; all of them with --long


def reference(assignment):
    """The names of a notebook in which everything is right."""
    names = {}
    for question in catalogue.of(assignment).values():
        names |= question.reference
    return names


def asked(assignment, names, sources=(), passed=None, seed=0):
    passed = set(catalogue.of(assignment)) if passed is None else passed
    return interview.questions(assignment, InProcess(names), passed, dict(sources), seed)


def accepted(assignment, every):
    found = [v for v in variants() if v.question.startswith(f"{assignment}.") and not v.prepare]
    return found if every else random.Random(0).sample(found, FEW)


@pytest.mark.parametrize("assignment", CODE)
def test_every_accepted_answer_gets_three_questions_with_one_right_choice(assignment, request):
    right = reference(assignment)
    for seed, variant in enumerate(accepted(assignment, request.config.getoption("--long"))):
        names = dict(right)
        exec(variant.source, names)
        began = time.process_time()
        items = asked(assignment, names, {variant.question: variant.source}, seed=seed)
        spent = time.process_time() - began
        assert len(items) == 3, variant.why
        assert all(len(set(item.choices)) == 4 for item in items)
        print(f"{variant.question}, {variant.why}: {spent:.2f} CPU-s")
        known = {i.text: i for i in asked(assignment, right, seed=seed)}
        for item in items:  # her right answer is everybody's
            other = known.get(item.text)
            assert other is None or item.choices[item.right] == other.choices[other.right]


@pytest.mark.parametrize("assignment", CODE)
def test_whatever_is_asked_the_choices_differ_and_the_right_one_is_the_codes(assignment):
    names = reference(assignment)
    student, texts = InProcess(names), set()
    for question in pool.POOL[assignment]:
        for seed in range(3):
            rng = interview.np.random.default_rng(seed)
            item = question.item(student, rng)
            assert item is not None, question.about
            assert len(set(item.choices)) == 4 and 0 <= item.right < 4
            texts.add(item.text)
    assert len(texts) > len(pool.POOL[assignment])  # numbers are drawn afresh


def test_a_few_answers_are_those_of_paper_and_pencil():
    names = reference("vae")
    for seed in range(5):
        for item in asked("vae", names, seed=seed):
            right = item.choices[item.right]
            if item.about == "vae.bernoulli_log_likelihood":
                assert right == "−543.43"
            if item.about == "vae.train_epoch":
                assert right == "3"


def test_nothing_is_asked_about_code_that_fails_its_check():
    passed = {"vae.kl_gaussian", "vae.elbo"}
    for seed in range(5):
        items = asked("vae", reference("vae"), passed=passed, seed=seed)
        assert items and {item.about for item in items} <= passed
    assert asked("vae", reference("vae"), passed=set()) == []


def test_her_own_line_is_among_the_choices():
    source = (
        "def train_epoch(model, loader, optimizer, beta):\n    model.train()\n    rows = []\n"
        "    for x, _ in loader:\n        logits, mu, logvar = model(x)\n"
        "        loss = -elbo(x, logits, mu, logvar, beta)\n        optimizer.zero_grad()\n"
        "        loss.backward()\n        optimizer.step()\n        rows.append((1.0, 2.0))\n"
        "    return rows\n"
    )
    sources, passed = {"vae.train_epoch": source}, {"vae.train_epoch"}
    items = asked("vae", reference("vae"), sources, passed)
    [item] = [item for item in items if "clears" in item.text]
    assert item.choices[item.right] == "optimizer.zero_grad()"
    assert all(choice in source for choice in item.choices)


@pytest.mark.parametrize(
    "broken",
    [
        "def kl_gaussian(mu, logvar): raise SystemExit",
        "def kl_gaussian(mu, logvar): return 'a lot'",
        "def kl_gaussian(mu, logvar):\n    while True: pass",
        "kl_gaussian = None",
    ],
)
def test_code_that_does_not_answer_makes_no_question(broken, monkeypatch):
    monkeypatch.setattr("autograder.ask.item.SECONDS", 0.2)
    names = reference("vae")
    exec(broken, names)
    assert asked("vae", names, passed={"vae.kl_gaussian"}) == []


ITEM = Item("vae.elbo", "What does your `elbo` give <here>?", ("1", "(2, 3)", "=4", "N\x1bN"), 2)


def test_answers_stand_in_the_examiners_files_alone(tmp_path):
    one = command.Asked("ada", "Ada <b>", [ITEM])
    none = command.Asked("bo", "Bo", [], "no questions: too little of her code runs")
    files = {path.name: path.read_text() for path, _ in sheets.write(tmp_path, "vae", [one, none])}
    page = files["questions.html"]
    assert "right" not in page.partition("<body>")[2] and "Ada &lt;b&gt;" in page
    assert "<code>elbo</code> give &lt;here&gt;" in page and "too little of her code" in page
    assert "<code>=4</code> right" in files["examiner.html"]
    rows = list(csv.DictReader(files["answers.csv"].splitlines()))
    assert rows[0]["answer"] == "C" and rows[0]["value"] == "'=4"
    quiz = xml.fromstring(files["moodle.xml"])
    [question] = quiz.findall("question[@type='multichoice']")
    fractions = {a.find("text").text: a.get("fraction") for a in question.findall("answer")}
    assert fractions["<code>=4</code>"] == "100" and sorted(fractions.values()) == [
        "0",
        "0",
        "0",
        "100",
    ]


def test_a_class_is_asked_behind_the_wall_and_only_what_changed_again(own_class, capsys):
    arguments = "vae", own_class, ["anna", "jan"]
    assert command.run(*arguments) == 0
    said = capsys.readouterr().out
    folder = own_class / "asked" / "vae"
    page = (folder / "questions.html").read_text("utf-8")
    assert page.count('<ul class="choices">') == 6 and "examiner.html" in said
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "kept").iterdir()}
    assert command.run(*arguments) == 0
    assert {p.name: p.stat().st_mtime_ns for p in (folder / "kept").iterdir()} == times
    for name in ("anna", "jan"):  # graded again, she has the same code
        path = own_class / "autograded" / name / "vae" / "vae.ipynb"
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    assert command.run("vae", own_class, ["anna"]) == 0
    assert {p.name: p.stat().st_mtime_ns for p in (folder / "kept").iterdir()} == times
    page = (folder / "questions.html").read_text("utf-8")
    assert page.count('<ul class="choices">') == 6  # jan's are still there
    assert command.run("warm_up", own_class, []) == 2
    capsys.readouterr()
    assert command.run("vae", own_class, ["nobody"]) == 2
    assert "nothing of nobody is graded" in capsys.readouterr().err
