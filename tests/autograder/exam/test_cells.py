"""Cells as students write them: one that stops costs what it is about, and no more; and the box
does what a real kernel does.
"""

import sys

import pytest
import torch

from autograder.exam import causes, examiner
from autograder.exam.examiner import Cell
from autograder.exam.walls.common import Limits
from autograder.exam.warm import Warm
from tests.autograder.conftest import KL
from tests.autograder.exam.test_examiner import score, shown
from tests.support import walls

torch.set_num_threads(1)
TEST = Cell("", "vae.kl_gaussian")
FORMULA = KL.partition("\n")[2]  # without its import
SEABORN = """import seaborn as sns, math
sns.set_theme()
import torch
colours = sns.color_palette()
"""


@pytest.fixture(scope="module")
def warm():
    with Warm(Limits(memory=2**30, cell_seconds=3, seconds=120)) as server:
        yield server


@pytest.fixture
def examine(warm, tmp_path):
    def run(*cells):
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        return examiner.examine(cells, tmp_path, [], "vae", 11, warm)

    return run


STOP = {  # a cell that stops, with all that the question needs in it or below it
    "a package that is not here": SEABORN + FORMULA,
    "the same, timed": "%%time\n" + SEABORN + FORMULA,
    "the same, silenced": "%%capture\n" + SEABORN + FORMULA,
    "Colab's drive": "from google.colab import drive\ndrive.mount('/content/drive')\n" + KL,
    "one of several imports": "import wandb, torch\n" + FORMULA,
    "one of several names": "from torch import nn, nonsense\nnn.Linear\n" + KL,
    "an unknown style": "import matplotlib.pyplot as plt\nplt.style.use('seaborn')\n" + KL,
    "a constant": "NZ = undefined\n" + KL + "print(NZ)",
    "a check of one's own": "assert torch.cuda.is_available()\n" + KL,
    "a step still to be written": "raise NotImplementedError\n" + KL,
    "a helper that is no Python": KL + "def helper(a:\n    return 1\n",
    "an import that is no Python": "import torch as\n" + KL,
    "an open bracket": "x = (1,\n" + KL,
    "text": "This was a text cell,\nit isn't Python\n" * 20 + KL,
    "a byte order mark": "\ufeff" + KL,
    "a byte order mark further down": "x = 1\n\ufeffy = 1\n" + KL,
    "spaces from a web page": "x\u00a0= 1\n" + KL,
    "return outside a function": "return\n" + KL,
    "a very long sum": f"x = {'+'.join(['1'] * 3000)}\n" + KL,
    "more errors than can be shown": "1 / 0\n" * 300 + KL,
    "a loop without end": "while True: pass\n" + KL,
    "exit": "import sys\nsys.exit()\n" + KL,
    "exit of IPython": "exit()\n" + KL,
    "the end of the process": "import os\nos._exit(1)\n" + KL,
    "kill -9": "import os\nos.kill(os.getpid(), 9)\n" + KL,
}


@pytest.mark.parametrize("source", STOP.values(), ids=STOP.keys())
def test_a_statement_that_stops_costs_what_needs_it(examine, source):
    assert score(examine(source, TEST)) == 2


def test_what_needs_what_failed_is_not_run_with_something_older(examine):
    examined = examine("x = 1", "x = 1 / 0\nprint(x + 100)\nprint(200 + 2)", "x")
    assert "101" not in shown(examined.outputs[1]) and "202" in shown(examined.outputs[1])
    assert "line 2 (`x`)" in shown(examined.outputs[1])
    assert shown(examined.outputs[2]) == "1"


def test_lines_and_results_stay_those_of_the_cell(examine):
    examined = examine("1 / 0\n\nraise ValueError\n41 + 1")
    assert shown(examined.outputs[0]).endswith("42")
    assert "----> 3 raise ValueError" in shown(examined.outputs[0])


def test_the_first_cause_is_named_and_what_it_cost(examine):
    uses = "def kl_gaussian(mu, logvar):\n    return mu * len(colours)"
    examined = examine("import seaborn as sns", "colours = sns.color_palette()", uses, TEST)
    feedback = examined.records["vae.kl_gaussian"]["feedback"]
    assert "`colours` is missing since cell [1] stopped: ModuleNotFoundError" in feedback
    assert "misspelt" not in feedback
    assert "because this cell stopped: vae.kl_gaussian (2)" in shown(examined.outputs[0])
    assert "because" not in shown(examined.outputs[1])
    assert "cost" not in shown(examine("import seaborn", KL, TEST).outputs[0])


@pytest.mark.parametrize(
    ("stops", "why"),
    [
        ("x = 1\nfrom helpers import *", "ModuleNotFoundError: No module named 'helpers' (line 2)"),
        ("%run helpers.py", "helpers.py"),
        ("exec('def kl_gaussian(:')", "SyntaxError"),
        ("assert torch.cuda.is_available()", "NameError: name 'torch' is not defined (line 1)"),
        ("import os; os._exit(3)", "Your code ended its process (exit status 3)"),
    ],
)
def test_where_nothing_binds_a_missing_name_the_first_stopped_cell_is_named(examine, stops, why):
    feedback = examine("1", stops, TEST).records["vae.kl_gaussian"]["feedback"]
    said = (
        "`kl_gaussian` is not defined; was its cell run, or the name changed? Before that, cell [2]"
    )
    assert said in feedback and why in feedback and "misspelt" not in feedback
    calls = "def kl_gaussian(mu, logvar):\n    return helper(mu)"
    feedback = examine(stops, calls, TEST).records["vae.kl_gaussian"]["feedback"]
    assert "`return helper(mu)`. Before that, cell [1] stopped: " in feedback and why in feedback


def test_a_long_row_of_stopped_cells_has_one_first_cause():
    found = causes.Causes()
    found.stopped(0, "import seaborn as name_0", "ModuleNotFoundError: No module named 'seaborn'")
    for n in range(1, 3000):
        why = f"NameError: name 'name_{n - 1}' is not defined"
        found.stopped(n, f"name_{n} = name_{n - 1}", why)
    said = found.explain({"error": "NameError: name 'name_2999' is not defined"}, 3000)["error"]
    assert "cell [1] stopped" in said


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from a import (\n    b,\n    c as d,\n)\ne", {"b", "d"}),
        ("import a.b as c, d", {"c", "d"}),
        ("x, (y, z) = f(w)", {"x", "y", "z"}),
        ("x: int = f(w)", {"x"}),
        ("class A(B): pass\n    def f(q): pass", {"A", "f"}),
        ("with open(a) as b:\n    for c in d:", {"b", "c"}),
    ],
)
def test_what_a_cell_binds_is_found_without_parsing_it(source, names):
    found = causes.bound_in(source)
    assert names <= found and not {"w", "e", "q", "B"} & found


@pytest.mark.parametrize(
    "wants",
    [
        "mu.cuda()",
        "mu.to('cuda')",
        "torch.zeros(3, device='cuda:0')",
        "torch.nn.Linear(2, 2).to('mps')(mu)",
        "torch.zeros(3, device='mps')",
        "torch.randn(3, generator=torch.Generator(device='cuda'))",
    ],
)
def test_who_asks_for_a_gpu_is_told_so(examine, wants):
    uses = f"import torch\ndef kl_gaussian(mu, logvar):\n    return {wants}"
    feedback = examine(uses, TEST).records["vae.kl_gaussian"]["feedback"]
    assert f"asks for a GPU, at line 3 of your code: `return {wants}`" in feedback
    assert "There is none where it is graded" in feedback and "compiled" not in feedback


def test_a_cell_that_stopped_for_want_of_a_gpu_says_so(examine):
    uses = "def kl_gaussian(mu, logvar):\n    return scale * mu"
    examined = examine("import torch\nscale = torch.ones(1).cuda()", uses, TEST)
    feedback = examined.records["vae.kl_gaussian"]["feedback"]
    assert "since cell [1] stopped: it asks for a GPU" in feedback


def test_a_cell_that_is_no_python_here_says_which_python_read_it(examine):
    uses = "def kl_gaussian(mu, logvar):\n    return scale * mu"
    feedback = examine("scale = = 1", uses, TEST).records["vae.kl_gaussian"]["feedback"]
    assert "since cell [1] stopped: SyntaxError: invalid syntax" in feedback
    assert f", as Python {sys.version_info.major}.{sys.version_info.minor} reads it" in feedback


REAL = {  # what a real kernel does: a cell, and what it shows
    "faulthandler": (
        "import faulthandler; faulthandler.enable(); faulthandler.dump_traceback()",
        "most recent call first",
    ),
    "a process that gets sys.stdout": (
        "import subprocess, sys\nprint('a')\n"
        "subprocess.run(['echo', 'b'], stdout=sys.stdout, stderr=sys.stderr)\nprint('c')",
        "a\nb\nc\n",
    ),
    "a process that inherits it": ("import os; os.system('echo hello') and None", "hello\n"),
    "cd -": ("import os\nos.mkdir('a')\n%cd -q a\n%cd -q -\nprint(os.getcwd())", "/vae\n"),
    "bash": ("%%bash\necho hello", "hello"),
    "a shell line": ("!echo hello", "hello"),
    "torchvision": (
        "import torchvision.transforms, torchvision\nfrom torchvision.utils import make_grid\n"
        "torchvision.transforms.ToTensor and make_grid.__name__",
        "'make_grid'",
    ),
    "input": ("input('Name? ')", "Error"),
}


@pytest.mark.parametrize(("source", "says"), REAL.values(), ids=REAL.keys())
def test_the_box_does_what_a_kernel_does(examine, source, says):
    examined = examine(source, KL, TEST)
    assert says in shown(examined.outputs[0])
    assert score(examined) == 2


@pytest.mark.parametrize("format", ["'svg'", "'pdf'", "'retina'", "'jpeg'"])
def test_a_bitmap_is_kept_of_every_figure(examine, format):
    show = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    examined = examine(f"%config InlineBackend.figure_format = {format}", show)
    assert {"image/png", "image/jpeg"} & set(examined.outputs[1][0]["data"])


@pytest.mark.parametrize(
    "compiled",
    [
        f"@torch.compile\n{FORMULA}",
        f"@torch.compile(fullgraph=True)\n{FORMULA}",
        f"{FORMULA}\nkl_gaussian = torch.compile(kl_gaussian, mode='reduce-overhead')",
    ],
)
def test_nothing_is_compiled_and_right_is_right(examine, compiled):
    assert score(examine("import torch", compiled, TEST)) == 2


LEARN = """
import importlib, importlib.metadata, sys, torch
importlib.metadata.version("numpy")  # which asks every finder of modules
importlib.invalidate_caches()  # and so does this
weight = torch.nn.Parameter(torch.ones(1))
optimizer = torch.optim.Adam([weight], lr=0.5)
weight.sum().backward()
optimizer.step()
print(round(weight.item(), 3), "sympy" in sys.modules)
"""
COMPILER = """
import torch._dynamo
torch._dynamo.config.suppress_errors = True
import torch._dynamo.config as config
from torch._dynamo.utils import counters
print(config.suppress_errors, type(counters).__name__)
exported = torch.export.export(torch.nn.Linear(2, 1), (torch.ones(1, 2),))
print(len(exported.graph_signature.user_inputs))
"""


def test_an_optimizer_steps_without_the_compiler_and_whoever_wants_that_has_it(examine):
    light, whole, after = examine(LEARN, COMPILER, LEARN).outputs
    assert shown(light) == "0.5 False\n"
    assert shown(whole) == "True defaultdict\n1\n"
    assert shown(after) == "0.5 True\n"


FREES = [
    "from pathlib import Path\ndef own():\n    about = Path('/proc/self/status').read_text()\n"
    "    return int(about.split('RssAnon:')[1].split()[0]) / 1024\nbefore = own()",
    "many = [bytes(1000) for _ in range(60_000)]\nlast = bytes(1000)\ndel many",
    "print(own() - before < 30)",  # MiB, half of them
]


def test_what_a_cell_frees_the_system_has_back(examine):
    assert shown(examine(*FREES).outputs[-1]) == "True\n"


HABITS = {  # what else stands in notebooks
    "debug": ["1 / 0", "%debug"],
    "breakpoint": ["breakpoint()"],
    "reset": ["%reset -f"],
    "workers": [
        "from torch.utils.data import DataLoader, TensorDataset\nimport torch\n"
        "loader = DataLoader(TensorDataset(torch.zeros(8, 1)), 4, num_workers=2)\nlen(list(loader))"
    ],
    "a pool of processes": [
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2) as pool: list(pool.map(abs, [1, 2]))"
    ],
    "warnings as errors": ["import warnings; warnings.filterwarnings('error')"],
    "float64": ["import torch; torch.set_default_dtype(torch.float64)"],
    "no gradients": ["import torch; torch.set_grad_enabled(False)"],
    "a shadowed sum": ["sum = 0\nlist = str = 1"],
    "closed output": ["import os; os.close(1); os.close(2)"],
    "closed streams": ["import sys; sys.stdout.close(); sys.stderr = None; 1 / 0"],
    "a tee": [
        "import sys\nclass Tee:\n    def __init__(self): self.below = sys.stdout\n"
        "    def write(self, text): return self.below.write(text)\n    def flush(self): pass\n"
        "sys.stdout = Tee()",
        "sys.stdout = sys.stdout.below\nprint('well')",
    ],
    "a closed log": ["import sys; sys.stdout = open('log', 'w'); sys.stdout.close(); print(1)"],
}


@pytest.mark.parametrize("cells", HABITS.values(), ids=HABITS.keys())
def test_habits_cost_nothing(examine, cells):
    examined = examine(*cells, KL, TEST)
    assert score(examined) == 2
    assert "AttributeError" not in shown(examined.outputs[1])
    if cells[0].startswith("from") and walls.best() == "namespaces":  # more than one process
        assert "Error" not in shown(examined.outputs[0])
