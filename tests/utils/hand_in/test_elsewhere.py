"""What the pre-flight says of a notebook that runs here and might not where it is graded."""

import tomllib
from pathlib import Path

import pytest

from tests.utils.conftest import finished
from utils.hand_in import elsewhere

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.dear  # a whole notebook is looked at, each time


@pytest.fixture
def said(course):
    """What it says of a notebook that begins with this code."""

    def say(source):
        nb = finished()
        nb["cells"].insert(
            1,
            {
                "cell_type": "code",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": 1,
            },
        )
        return [line for line in course(nb).look if line.startswith("cell 2 ")]

    return say


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("import seaborn as sns", "seaborn"),
        ("%matplotlib inline\nfrom google.colab import drive", "google"),
        ("try:\n    import wandb.sdk\nexcept ImportError: pass", "wandb"),
        ("eps = torch.randn(3).cuda()", ".cuda()"),
        ("x = x.to('cuda:0')", '"cuda:0"'),
        ("z = torch.zeros(3, device='cuda')", '"cuda"'),
        ("def f():\n    return torch.device('mps')", '"mps"'),
        ("DEVICE = 'cuda'", '"cuda"'),
        ("def f(x, *, device='cuda:1'): pass", '"cuda:1"'),
    ],
)
def test_what_may_fail_elsewhere_is_said(said, source, word):
    (line,) = said(source)
    assert word in line


@pytest.mark.parametrize(
    "source",
    [
        "import torch, numpy, sklearn.manifold, PIL.Image, scipy, os, utils.data\n",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'",
        "if torch.cuda.is_available():\n    x = x.to('cuda')",
        "name = 'cuda'",
        "f'{x[1]:.2f} {y!r:>{width}}' + f\"{x['a']}\" + f'a\\n{x}' + f'''{x['a']}'''",
        "!pip install seaborn",
    ],
)
def test_what_works_everywhere_is_not_mentioned(said, source):
    assert not said(source)


def test_a_module_beside_the_notebook_is_not_handed_in(said, course):
    (course.folder / "helpers.py").write_text("x = 1")
    assert "only the notebook and its runs" in said("import helpers")[0]


NEWER = [
    "type X = int",
    "def f[T](x: T): pass",
    "class Box[T]: pass",
    'f"{x["a"]}"',
    "f'{\"\\n\".join(x)}'",
    "f'{(x,\n y)}'",
    'f"""{x  # why\n}"""',
    't"{x}"',
    "try: pass\nexcept A, B: pass",
]
READ = [
    "match x:\n    case [1, *y]: pass",
    "try: pass\nexcept* ValueError: pass",
    "type = 1\nmatch = type\nprint(type)",
    "if (y := 1): pass",
    "%%bash\nfor i in 1 2; do echo $i; done",
    "files = !ls\n%time x = 1\nx?\n%timeit -n 1 x",
    "await something()",
    "%%html\n<b>",
    "",
]


@pytest.mark.parametrize("source", NEWER)
def test_newer_syntax_is_said_with_its_line(said, source):
    line = said("x = 1\n" + source)[0]
    assert "cannot be read by Python 3.11" in line and "line " in line


@pytest.mark.parametrize("source", READ)
def test_what_the_oldest_python_reads_is_not_mentioned(said, source):
    assert not said(source)


def test_a_cell_that_is_no_python_is_told_once(course):
    nb = finished()
    error = {"output_type": "error", "ename": "SyntaxError", "evalue": "invalid", "traceback": []}
    cell = {"cell_type": "code", "source": "def broken(:", "metadata": {}, "execution_count": 1}
    nb["cells"].insert(1, {**cell, "outputs": [error]})
    assert [line for line in course(nb).look if line.startswith("cell 2 ")] == [
        "cell 2 (`def broken(:`) ended with an error: invalid"
    ]


def test_the_oldest_python_is_that_of_the_project():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted.startswith(f">={'.'.join(map(str, elsewhere.PYTHON))}")


def test_the_list_is_that_of_the_course():
    assert "torch" in elsewhere.packages() and "nbgrader" not in elsewhere.packages()
