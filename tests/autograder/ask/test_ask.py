"""Questions about one's own work have one right answer, which her own code gives."""

import base64
import csv
import html
import inspect
import io
import random
import re
import resource
import shutil
import time
from xml.etree import ElementTree as xml

import pytest
from PIL import Image

from autograder.ask import command, interview, pool, sheets
from autograder.ask.item import Item
from autograder.ask.pool import lines as pool_lines
from autograder.errors import WrongCall
from autograder.key import catalogue
from autograder.key.question import Exam
from autograder.student.asking import InProcess
from tests.bank import variants
from tests.support import pseudo
from utils import runs

CODE = ("autoencoder", "vae", "interpolation", "autodecoder", "explore")
FEW = 3  # answers an assignment; all of them with --long


def reference(assignment):
    """The names of a notebook in which everything is right."""
    names = {}
    for question in catalogue.of(assignment).values():
        names |= question.reference
    return names


def asked(assignment, names, sources=(), passed=None, seed=0, folder="."):
    passed = set(catalogue.of(assignment)) if passed is None else passed
    student = InProcess(names, folder)
    return interview.questions(assignment, student, passed, dict(sources), seed)


def accepted(assignment, every):
    found = [v for v in variants() if v.question.startswith(f"{assignment}.") and not v.prepare]
    return found if every else random.Random(0).sample(found, FEW)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A submission with runs: those of the kit."""
    folder = tmp_path_factory.mktemp("submission")
    for run in ("autoencoder", "beta-0", "beta-10", "tuned"):
        shutil.copytree(runs.REFERENCE / run, folder / "runs" / run)
    return folder


@pytest.mark.parametrize("assignment", CODE)
def test_every_accepted_answer_gets_three_questions_with_one_right_choice(
    assignment, trained, request
):
    right = reference(assignment)
    of_all = {
        q: inspect.getsource(right[q.partition(".")[2]])
        for q in LINES.intersection(catalogue.of(assignment))
    }
    for seed, variant in enumerate(accepted(assignment, request.config.getoption("--long"))):
        names = dict(right)
        exec(variant.source, names)
        own = {n for n in right if names[n] is not right[n]}
        exam = Exam(InProcess(dict(names)), 0, catalogue.find)  # of what else she writes for it
        passed = {
            question.id
            for question in catalogue.of(assignment).values()
            if question.id == variant.question
            or own.isdisjoint(question.reference)
            or exam.grade(question.id).passed
        }
        sources = {**of_all, variant.question: variant.source}
        began = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        items = asked(assignment, names, sources, passed, seed, trained)
        spent = time.process_time() - began[0]
        spent += resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began[1]
        print(f"{spent:.3f} CPU-s: {variant.question}, {variant.why}")
        assert len(items) == 3, variant.why
        assert {item.about for item in items} <= passed
        assert all(len(set(item.choices)) == 4 for item in items)
        assert all(len(set(item.pictures)) in (0, 4) for item in items)
        known = {i.text: i for i in asked(assignment, right, sources, passed, seed, trained)}
        for item in items:  # what is not her own is everybody's
            other = known.get(item.text)
            if other and item.about != variant.question:
                assert item.choices[item.right] == other.choices[other.right]


LINES = {"vae.elbo", "vae.train_epoch", "autoencoder.train_epoch"}


@pytest.mark.parametrize("assignment", CODE)
def test_whatever_is_asked_the_choices_differ_and_the_right_one_is_the_codes(assignment, trained):
    names = reference(assignment)
    student, texts = InProcess(names, trained), set()
    for question in pool.POOL[assignment]:
        name = question.about.partition(".")[2]
        source = inspect.getsource(names[name]) if question.about in LINES else ""
        for seed in range(3):
            rng = interview.np.random.default_rng(seed)
            item = question.item(student, rng, source)
            assert item is not None, question.about
            assert len(set(item.choices)) == 4 and 0 <= item.right < 4
            texts.add(item.text)
    assert len(texts) >= len(pool.POOL[assignment])  # numbers are drawn afresh


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


ELBO = "def elbo(x, logits, mu, logvar, beta=1.0):\n    {}\n"


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        (
            [
                "ll = bernoulli_log_likelihood(x, logits)",
                "kl = kl_gaussian(mu, logvar)",
                "n = len(x)",
                "weighted = beta * kl",
                "ll = ll.sum() / n",
                "return ll - weighted.mean()",
            ],
            {"return ll - weighted.mean()"},  # the other says it by its `beta`
        ),
        # the same text twice, once before and once after: it cannot be a choice
        (
            [
                "kl = kl_gaussian(mu, logvar)",
                "if beta != 1:\n        kl = kl * beta",
                "return (bernoulli_log_likelihood(x, logits) - kl).mean()",
            ],
            {"bernoulli_log_likelihood(x, logits) - kl"},
        ),
    ],
)
def test_where_beta_enters_is_found_by_running_her_elbo(lines, right):
    names, source = reference("vae"), ELBO.format("\n    ".join(lines))
    exec(source, names)
    [changes] = [q for q in pool.POOL["vae"] if isinstance(q, pool_lines.Changes)]
    for seed in range(4):
        item = changes.item(InProcess(names), interview.np.random.default_rng(seed), source)
        assert item.choices[item.right] in right
        assert right.isdisjoint(c for i, c in enumerate(item.choices) if i != item.right)


ONE_LINE = "return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()"


def test_where_every_part_that_changes_says_beta_it_is_asked_in_numbers():
    names, source = reference("vae"), ELBO.format(ONE_LINE)
    exec(source, names)
    [changes] = [q for q in pool.POOL["vae"] if isinstance(q, pool_lines.Changes)]
    for seed in range(4):
        item = changes.item(InProcess(names), interview.np.random.default_rng(seed), source)
        one, _, two, *_ = numbers = re.findall(r"−?[\d.]+", item.text)
        one, two = (float(n.replace("−", "-")) for n in (one, two))
        choices = [float(choice.replace("−", "-")) for choice in item.choices]
        assert choices[item.right] == pytest.approx(one + 3 * (two - one), abs=0.1), numbers
        assert len({round(choice) for choice in choices}) == 4


@pytest.mark.parametrize(
    "source", ["", "elbo = vad_loss", "def elbo(x", ELBO.format("return nothing"), ELBO.format("0")]
)
def test_an_elbo_whose_lines_tell_nothing_makes_no_question(source):
    [changes] = [q for q in pool.POOL["vae"] if isinstance(q, pool_lines.Changes)]
    student = InProcess(reference("vae"))
    assert changes.item(student, interview.np.random.default_rng(0), source) is None


def test_the_curve_and_the_decoded_picture_are_those_of_her_run(trained):
    text = (trained / "runs" / "beta-0" / "curves.csv").read_text()
    kl = [float(row["kl"]) for row in csv.DictReader(text.splitlines())]
    shown = {type(q).__name__: q for q in pool.POOL["vae"] if q.about == "vae.trained"}
    student, rng = InProcess({}, trained), interview.np.random.default_rng(0)
    item = shown["Curve"].item(student, rng)
    assert f"from {kl[0]:.0f} to {kl[-1]:.0f} nats" in item.choices[item.right]
    item = shown["Decoded"].item(student, rng)
    assert pixels(item.pictures[item.right]).shape == pixels(item.figure).shape
    apart = [abs(pixels(p) - pixels(item.figure)).mean() for p in item.pictures]
    assert apart.index(min(apart)) == item.right  # beta-0 reconstructs well


def pixels(address):
    content = base64.b64decode(address.partition("base64,")[2])
    return interview.np.asarray(Image.open(io.BytesIO(content)), float)


@pytest.mark.parametrize(
    "file, content",
    [
        ("curves.csv", b"epoch,kl\n1,nan\n2,3\n"),
        ("curves.csv", b"\xff\xfe"),
        ("graph.json", b"[]"),
        ("graph.json", b'{"encode": 1}'),
        ("weights.safetensors", b"no"),
    ],
)
def test_a_run_that_cannot_be_read_makes_no_question(file, content, trained, tmp_path):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    (tmp_path / "runs" / "beta-0" / file).write_bytes(content)
    student = InProcess({}, tmp_path)
    asked = [q for q in pool.POOL["vae"] if q.about == "vae.trained"]
    made = [q.item(student, interview.np.random.default_rng(0)) for q in asked]
    assert None in made


def test_a_course_in_another_language_asks_in_it(trained, tmp_path):
    """Under a pseudo-translation no English of ours is left."""
    items = []
    for assignment in CODE:
        names = reference(assignment)
        for question in pool.POOL[assignment]:
            name = question.about.partition(".")[2]
            source = inspect.getsource(names[name]) if question.about in LINES else ""
            rng = interview.np.random.default_rng(1)
            items.append(question.item(InProcess(names, trained), rng, source))
    one = command.Asked("1", "2", items, command.few(0, 3))
    unread = command.Asked("3", "4", [], command.UNREADABLE)
    files = sheets.write(tmp_path, "vae", [one, unread], pseudo.language())
    for path, _ in files:
        text = path.read_text("utf-8")
        if path.suffix == ".html":
            text = re.sub(r"<code>.*?</code>|<style>.*?</style>", " ", text, flags=re.S)
            assert 'lang="x-wide"' in text
            said = re.findall(r'alt="([^"]*)"', text) + [re.sub(r"<[^>]*>", " ", text)]
            assert pseudo.english(html.unescape(" ".join(said))) - {"sample_prior"} == set()
    assert "ｗｈｉｃｈ" in (tmp_path / "moodle.xml").read_text("utf-8").lower()


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
    with pytest.raises(WrongCall, match="warm_up"):
        command.run("warm_up", own_class, [])
    with pytest.raises(WrongCall, match="nothing of nobody is graded"):
        command.run("vae", own_class, ["nobody"])
