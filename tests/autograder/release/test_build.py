"""The release is what the masters give, and hands out nothing that only instructors have."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder.exam import sanitize
from autograder.key import catalogue
from autograder.release import build, bundle
from tests.support import leaks, pseudo
from utils.hand_in import answers
from utils.hand_in.notebook import Cell

ROOT = build.ROOT
MASTER = """\
# %% [markdown]
# # Explore
#
# ### `digit_statistics` · 2 points · about 10 minutes

# %% role="solution" id="digit_statistics"
def digit_statistics(mu, y):
    ### BEGIN SOLUTION
    return mu, y
    ### END SOLUTION

# %% role="check"
digit_statistics(0, 0)

# %% role="test" question="explore.digit_statistics"

# %% [markdown] role="rubric" question="explore.hypothesis"
# Why?
#
# ### BEGIN MARK SCHEME
# - because
# ### END MARK SCHEME

# %% [markdown] role="answer" question="explore.hypothesis"
# ### BEGIN SOLUTION
# because
# ### END SOLUTION
"""


def secret_lines() -> set[str]:
    """Each line of a solution, mark scheme, model answer or hidden test, if nowhere else."""
    secret, public = set(), set()
    for assignment in catalogue.ASSIGNMENTS:
        source = nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", 4)
        for cell in source.cells:
            inside = False
            for line in map(str.strip, cell.source.splitlines()):
                if re.search("BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)", line):
                    inside = True
                elif re.search("END (SOLUTION|HIDDEN TESTS|MARK SCHEME)", line):
                    inside = False
                elif len(line) >= 20:
                    (secret if inside else public).add(line)
    return secret - public


def student_files() -> dict[str, str]:
    """Everything that a student receives, as text: the bundle, its notebooks' cells joined."""
    target = ROOT / "build" / "test-bundle.zip"
    texts = {}
    with zipfile.ZipFile(bundle.write(target)) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".ipynb"):
                cells = nbformat.reads(data.decode(), 4).cells
                texts[name] = "\n".join(cell.source for cell in cells)
            elif Path(name).suffix in {".py", ".md", ".txt", ".toml", ".yml", ".json", ".js"}:
                texts[name] = data.decode()
    return texts


def test_generated_notebooks_are_in_sync_with_the_masters():
    assert build.differences() == []


def test_nothing_that_a_student_receives_holds_a_secret_line():
    secret, files = secret_lines(), student_files()
    assert len(secret) > 100 and len(files) > 10
    leaks = {
        (name, line)
        for name, text in files.items()
        for line in set(map(str.strip, text.splitlines())) & secret
    }
    assert not leaks


def test_no_sentence_about_a_mistake_reaches_a_student_before_grading():
    """Neither what students receive nor what runs beside their code holds one."""
    told, files = leaks.sentences(), student_files()
    for path in (ROOT / "autograder" / "student").rglob("*"):
        assert path.suffix != ".md"
        if path.suffix == ".py":
            files[str(path)] = path.read_text("utf8")
    texts = {name: " ".join(text.split()) for name, text in files.items()}
    assert len(told) > 300
    assert not {(n, said) for n, text in texts.items() for said in told if said in text}


def test_the_bundle_holds_what_students_need_and_nothing_from_the_instructors():
    names = student_files()
    with zipfile.ZipFile(ROOT / "build" / "test-bundle.zip") as archive:
        members = archive.namelist()
    assert {f"vae-course/assignments/{a}/{a}.ipynb" for a in catalogue.ASSIGNMENTS} <= set(members)
    assert any(name.startswith("vae-course/utils/embedded/") for name in members)
    assert not [n for n in members if "solutions/" in n or "autograder/" in n or "tests/" in n]
    for name, text in names.items():
        assert not re.search(r"BEGIN (SOLUTION|HIDDEN|MARK)|(from|import) autograder", text), name
    assert "nbgrader" not in names["vae-course/requirements.txt"]
    assert {f"vae-course/{paper}" for paper in bundle.PAPERS} <= set(members)


def test_a_solution_in_another_form_reaches_no_student(tmp_path, monkeypatch):
    """What an instructor keeps beside the source, and worked copies in the release."""
    for assignment in ("vae", "warm_up"):
        for folder in ("solutions", "assignments"):
            (tmp_path / folder / assignment).mkdir(parents=True)
            for name in (f"{assignment}.ipynb", "solved.html", "data.csv"):
                (tmp_path / folder / assignment / name).touch()
        (tmp_path / "assignments" / assignment / "vae-Copy1.ipynb").touch()
    (tmp_path / "utils").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    build.clean_release("vae", "*", None)
    assert [p.name for p in (tmp_path / "assignments" / "vae").iterdir()] == ["vae.ipynb"]
    packed = {p.name for p in bundle._files(tmp_path)}
    assert {"vae.ipynb", "warm_up.ipynb", "data.csv"} <= packed
    assert "vae-Copy1.ipynb" not in packed


def test_the_courses_page_is_linked_only_where_it_is_set(tmp_path):
    url = "https://example.org/vae"
    for folder in ("utils", "assignments", "docs"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("figures", "*.xz")
        )
    for path in ROOT.glob("*.*"):
        shutil.copy(path, tmp_path) if path.is_file() else None
    shutil.copy(ROOT / "LICENSE", tmp_path)
    settings = tmp_path / "pyproject.toml"
    for value, linked in (("", False), (url, True)):
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        settings.write_text(text.replace('url = ""', f'url = "{value}"'), encoding="utf-8")
        with zipfile.ZipFile(bundle.write(tmp_path / "kit.zip", tmp_path)) as archive:
            assert (url in archive.read("vae-course/README.md").decode()) == linked


def test_a_notebook_that_the_students_page_does_not_know_has_its_title_there(tmp_path):
    for name in ("docs/for-students.md", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("solutions", "assignments"):
        (tmp_path / folder / "warm_up").mkdir(parents=True)
        cells = [new_markdown_cell("# Warm-up: two steps\n\nText")]
        nbformat.write(new_notebook(cells=cells), tmp_path / folder / "warm_up" / "warm_up.ipynb")
    assert "| `warm_up` | Warm-up: two steps |" in bundle._readme(tmp_path)


@pytest.mark.parametrize("assignment", catalogue.ASSIGNMENTS)
def test_a_release_has_no_output_and_every_stub_parses_and_says_what_to_do(assignment):
    notebook = nbformat.read(ROOT / "assignments" / assignment / f"{assignment}.ipynb", 4)
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        if cell.cell_type == "code":
            compile(build._without_magics(cell.source), "cell", "exec")
        if cell.cell_type == "code" and sanitize.is_solution(cell):
            assert "raise NotImplementedError(" in cell.source


TWICE = '# %% role="test" question="explore.digit_statistics"\n\n# %% [markdown] role="rubric"'


@pytest.mark.parametrize(
    "change, line, says",
    [
        (('role="check"', 'role="chekc"'), 12, "unknown role"),
        (("digit_statistics(0, 0)\n", ""), 12, "of role check is empty"),
        (
            ('role="answer" question="explore.', 'role="answer" question="explain.'),
            24,
            "written.py has",
        ),
        (('# %% role="check"\ndigit_statistics(0, 0)\n', ""), 6, "no visible check"),
        (('question="explore.digit_statistics"', 'question="explore.digits"'), 15, "no question"),
        (('# %% role="test" question="explore.digit_statistics"\n', ""), 0, "lacking"),
        (
            ('# %% [markdown] role="rubric"', TWICE),
            17,
            "is there already .solutions/explore.py, line 15.",
        ),
        (("    return mu, y", "    return (mu, y"), 6, "does not parse: .*`return .mu, y`"),
        ((' id="digit_statistics"', ""), 6, 'needs id="'),
        ((' id="digit_statistics"', ' id="ä b"'), 6, "of letters, digits, _ and -, and not 'ä b'"),
        (("    ### END SOLUTION", ""), 6, "1 times `### BEGIN SOLUTION` and 0 times"),
        (("# ### END MARK SCHEME\n", ""), 17, "0 times `### END MARK SCHEME`"),
        (
            ("digit_statistics(0, 0)", "### BEGIN SOLUTION\n1\n### END SOLUTION"),
            12,
            "a solution in a cell without",
        ),
        (('role="rubric" question="explore.hypothesis"', ""), 0, 'no cell has role="rubric"'),
        ((MASTER, "# %% [markdown]\n# Nothing\n"), 0, "has no code cell"),
    ],
)
def test_a_broken_master_is_refused_with_the_line_and_the_reason(tmp_path, change, line, says):
    (tmp_path / "explore.py").write_text(MASTER)
    build.source_notebook(tmp_path / "explore.py")
    assert change[0] in MASTER
    (tmp_path / "explore.py").write_text(MASTER.replace(*change))
    place = rf"solutions/explore\.py, line {line}" if line else r"solutions/explore\.py"
    with pytest.raises(build.MasterError, match=f"^{place}: .*{says}"):
        build.source_notebook(tmp_path / "explore.py")


def test_what_build_writes_speaks_the_courses_language(tmp_path, monkeypatch):
    """And an answer counts without what came with its cell, whatever the language."""
    (tmp_path / "explore.py").write_text(MASTER)
    config = build.load_config()
    config.ClearSolutions.text_stub = "HIER ANTWORTEN"
    monkeypatch.setattr(build, "load_config", lambda *_: config)
    monkeypatch.setattr(build, "_spoken", pseudo.language)
    notebook = build.source_notebook(tmp_path / "explore.py")
    cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in notebook.cells}
    test, answer = cells["explore-digit_statistics"], cells["explore-hypothesis"]
    assert not pseudo.english(test.source.splitlines()[0])
    head = answer.source.splitlines()[0]
    assert "300" in head and not pseudo.english(head)
    about = {"grade": True, "solution": True}
    metadata = {"answer": answer.metadata["answer"]}
    for text, count in (("HIER ANTWORTEN", 0), ("Zwei Wörter", 2)):
        cell = Cell(1, "markdown", f"{head}\n\n{text}", "explore-hypothesis", about, metadata)
        assert [found.words for found in answers.find([cell])] == [count]


def test_building_twice_gives_the_same_bytes(tmp_path):
    (tmp_path / "explore.py").write_text(MASTER)
    first = nbformat.writes(build.source_notebook(tmp_path / "explore.py"))
    assert first == nbformat.writes(build.source_notebook(tmp_path / "explore.py"))


ALONE = """
import sys, types
class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "utils":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nobody())
sys.modules["google.colab"] = types.ModuleType("google.colab")
for source in map(eval, sys.stdin):
    try:
        exec(source)
    except ImportError as error:
        print(error)
"""


def test_a_notebook_alone_in_colab_says_in_a_sentence_what_to_do(tmp_path):
    first = [
        next(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
        for path in sorted((ROOT / "assignments").glob("*/*.ipynb"))
    ]
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        cwd=tmp_path,
        input="\n".join(map(repr, first)),
        capture_output=True,
        encoding="utf-8",
    )
    assert not done.stderr and len(first) == len(done.stdout.splitlines())
    assert done.stdout.count("put vae-course.zip beside this notebook, run `%pip") == len(first)


def test_a_published_course_fetches_its_package_and_offers_colab():
    published = {
        "package": "https://example.org/c.zip",
        "colab": "https://example.org/{assignment}",
    }
    for assignment in catalogue.ASSIGNMENTS:
        made = build.source_notebook(build.master(assignment), published)
        assert f"(https://example.org/{assignment})" in made.cells[0].source
        first = next(cell.source for cell in made.cells if cell.cell_type == "code")
        assert '"install -q https://example.org/c.zip"' in first
        compile(first, assignment, "exec")
    plain = build.source_notebook(build.master("vae"))
    assert "colab" not in plain.cells[0].source
    first = next(cell.source for cell in plain.cells if cell.cell_type == "code")
    assert "put vae-course.zip beside this notebook" in first
