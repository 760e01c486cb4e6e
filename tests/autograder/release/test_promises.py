"""Notebooks promise what the key asks: numbers are filled in, the rest is compared."""

import dataclasses
import sys

import pytest

from autograder import key
from autograder.key import catalogue
from autograder.key.written import Written, criteria_of
from autograder.release import build, promises
from tests.autograder.release.test_build import MASTER

HEADING = "# ### `digit_statistics` · 2 points · about 10 minutes\n"
SCHEME = "# - because\n"


def master(tmp_path, *pairs):
    text = MASTER
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "explore.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("worth, says", [(3, "3 points"), (1, "1 point"), (2.5, "2.5 points")])
def test_points_of_the_key_reach_headings_and_cells(tmp_path, monkeypatch, worth, says):
    found = catalogue.of("explore")
    changed = dataclasses.replace(found["explore.digit_statistics"], points=worth)
    monkeypatch.setitem(found, "explore.digit_statistics", changed)
    notebook = build.source_notebook(master(tmp_path))
    texts = "\n".join(cell.source for cell in notebook.cells)
    assert f"`digit_statistics` · {says} · about 10 minutes" in texts
    assert f"({says})" in texts or f"({worth:g} points)" in texts


@pytest.mark.parametrize(
    "line, points, extra, becomes",
    [
        ("`f` · 2 points · about 5 minutes", 4, False, "`f` · 4 points · about 5 minutes"),
        ("`f` · 2 points extra · 5 minutes", 1, True, "`f` · 1 point extra · 5 minutes"),
        ("`f` and `f` · 1 extra point each", 2, True, "`f` and `f` · 2 extra points each"),
        ("`f` · 2 points", 2, True, "`f` · 2 extra points"),
        ("`f` · 2 extra points", 2, False, "`f` · 2 points"),
        ("`f` · 2 Punkte · etwa 5 Minuten", 3, False, "`f` · 3 Punkte · etwa 5 Minuten"),
        ("`f` · 5 minutes", 3, False, "`f` · 5 minutes"),
        ("Train · 2 points for the run `r`", 5, False, "Train · 5 points for the run `r`"),
        ("Lauf · 2 Punkte für `r` · 1 Minute", 5, False, "Lauf · 5 Punkte für `r` · 1 Minute"),
    ],
)
def test_a_heading_in_any_language_is_filled(monkeypatch, line, points, extra, becomes):
    question = dataclasses.replace(
        catalogue.find("explore.digit_statistics"), points=points, extra=extra, runs=("r",)
    )
    monkeypatch.setattr(catalogue, "of", lambda assignment: {"explore.f": question})
    assert promises.filled(f"# ### {line}", "explore") == f"# ### {becomes}"


CRITERIA = "# - 1 point, what: …\n# - {} points, why: …\n"
BROKEN = {
    "scheme": ((SCHEME, CRITERIA.format(2)), "mark scheme of explore.hypothesis adds up to 3"),
    "twice": (
        (SCHEME, CRITERIA.format(3).replace("why", "what")),
        "two criteria are called 'what'",
    ),
    "no-criterion": ((SCHEME, "# - 4 points because\n"), "no criterion such as"),
    "no dash": ((SCHEME, "# * 4 points, what: …\n"), "no criterion such as"),
    "no zero": ((SCHEME, "# - .5 points, what: …\n"), "no criterion such as"),
    "words": (("# Why?\n", "# Why, in at most 9 words?\n"), "promises at most 9 words, the key"),
    "sum": (("# Why?\n", "# Why (1 point)? And what (2 points)?\n"), "parts .* add up to 3"),
    "heading": ((HEADING, ""), "no heading promises the points of explore.digit_statistics"),
    "nobody": (
        (HEADING, HEADING.replace("digit_", "")),
        "this heading promises points for `statistics`",
    ),
    "check": (("digit_statistics(0, 0)", "checks.explore.nothing(1)"), "checks.explore.nothing"),
    "checks": (("digit_statistics(0, 0)", "checks.gan.loss(1)"), "write it in utils/checks/gan.py"),
    "parts": (
        ("# # Explore\n", "# # Explore\n#\n# |part|minutes|\n# |---|---|\n# |1, 2 Walks|5|\n#\n"),
        "the table of parts has part 1",
    ),
    "parts in German": (
        ("# # Explore\n", "# # Explore\n#\n# |Teil|Minuten|\n# |---|---|\n# |1, 2 Wege|5|\n#\n"),
        "the table of parts has part 1",
    ),
    "table": (
        (
            "# # Explore\n",
            "# # Explore\n#\n# | part | you write |\n# |---|---|\n# | 1 · X | `y` |\n",
        ),
        "the table of parts promises `y`",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_promise_that_the_key_does_not_keep_is_refused_with_the_file(tmp_path, what):
    build.source_notebook(master(tmp_path))
    change, says = BROKEN[what]
    with pytest.raises(
        build.MasterError, match=rf"^solutions/explore\.py(, line \d+: |: ).*{says}"
    ):
        build.source_notebook(master(tmp_path, change))


def test_thresholds_hold_for_so_many_images(tmp_path, monkeypatch):
    found = catalogue.of("explore")
    run = dataclasses.replace(found["explore.digit_statistics"], images=10_000)
    monkeypatch.setitem(found, run.id, run)
    load = '\n\n# %%\ntrain = data.load("MNIST", train=True, limit={})\n'
    for images, fits in (("10_000", True), ("5 if few else 10_000", True), ("5000", False)):
        path = master(tmp_path)
        path.write_text(path.read_text("utf-8") + load.format(images), encoding="utf-8")
        if fits:
            build.source_notebook(path)
        else:
            with pytest.raises(build.MasterError, match="hold for 10,000 training images"):
                build.source_notebook(path)


def test_a_name_on_the_list_without_a_module_is_one_sentence(monkeypatch):
    monkeypatch.setattr(catalogue, "ASSIGNMENTS", (*catalogue.ASSIGNMENTS, "gan"))
    with pytest.raises(
        catalogue.BrokenKey, match="lists 'gan', and there is no autograder/key/gan"
    ):
        catalogue.of("gan")


@pytest.mark.parametrize(
    "text, says",
    [
        ("QUESTIONS = (1,,)", "key/gan/__init__.py, line 1: SyntaxError"),
        ("\nQUESTIONS = (two,)", "key/gan/__init__.py, line 2: NameError"),
        ("from autograder.key.gan import loss", "key/gan/__init__.py, line 1: ImportError"),
        (
            "from dataclasses import replace\nfrom autograder.key.vae.kl_gaussian import QUESTION\n"
            "OWN = replace(QUESTION, id='gan.loss')\nQUESTIONS = OWN, OWN",
            "key/gan/__init__.py lists gan.loss twice",
        ),
        (
            "from autograder.key.vae.elbo import QUESTION\nQUESTIONS = (QUESTION,)",
            "key/gan/__init__.py: QUESTIONS holds vae.elbo, which belongs to 'vae'",
        ),
        ("from autograder.key.vae import elbo\nQUESTIONS = (elbo,)", "no Question: elbo.QUESTION?"),
        (
            "from autograder.key.vae.elbo import QUESTION\nQUESTIONS = QUESTION",
            "key/gan/__init__.py: QUESTIONS should be a tuple",
        ),
        (
            "from autograder.key.kinds.formula import formula\nQUESTIONS = (formula(\n"
            "'loss', points=1, args=(), draw=dict, reference=sum),)",
            "key/gan/__init__.py, line 2: 'loss' should be ASSIGNMENT.NAME",
        ),
        (
            "from dataclasses import replace\nfrom autograder.key.vae.elbo import QUESTION\n"
            "QUESTIONS = (replace(QUESTION, builds_on=('kl',)),)",
            "key/gan/__init__.py, line 3: vae.elbo builds on 'kl', which its reference has not",
        ),
        (
            "from dataclasses import replace\nfrom autograder.key.vae.elbo import QUESTION\n"
            "QUESTIONS = (replace(QUESTION, points=-2),)",
            "key/gan/__init__.py, line 3: vae.elbo is worth -2 points",
        ),
    ],
)
def test_a_key_that_cannot_be_read_is_one_sentence(text, says, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "ASSIGNMENTS", (*catalogue.ASSIGNMENTS, "gan"))
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "catalogue.py"))
    monkeypatch.setattr(key, "__path__", [*key.__path__, str(tmp_path)])
    (tmp_path / "gan").mkdir()
    (tmp_path / "gan" / "__init__.py").write_text(text, encoding="utf-8")
    with pytest.raises(catalogue.BrokenKey, match=says) as broken:
        catalogue.of.__wrapped__("gan")
    assert "\n" not in str(broken.value)
    sys.modules.pop("autograder.key.gan", None)


@pytest.mark.parametrize(
    "question, says",
    [
        (Written("vae.beta_0", -1, 10, "x"), "worth -1 points"),
        (Written("vae.beta_0", 1, 0, "x"), "may have 0 words"),
        (Written("gan.why", 1, 10, "x"), "of no assignment"),
        (Written("vae.beta_0", 1, 10), "has no title"),
        (Written("vae.beta_0", True, 10, "x"), "worth True points"),
    ],
)
def test_a_written_question_that_cannot_be_is_one_sentence(question, says, monkeypatch):
    monkeypatch.setitem(catalogue.WRITTEN, question.id, question)
    with pytest.raises(catalogue.BrokenKey, match=says):
        catalogue.consistent()


@pytest.mark.parametrize(
    "line, points",
    [
        ("- 1 point, observation: blots", 1),
        ("- 1 Punkt, Beobachtung: Kleckse", 1),
        ("- 1,5 Punkte, Grund: nichts bindet die Codes", 1.5),
        ("- ½ punto, motivo: nada", 0.5),
        ("- 1½ points, cause: rien", 1.5),
    ],
)
def test_criteria_are_read_in_any_language(line, points):
    [criterion] = criteria_of(line)
    assert criterion.points == points
    assert criterion.title == line.partition(", ")[2].partition(":")[0]
