"""One submission, examined across the wall: its score, its freedoms, what it cannot spoil."""

import numpy as np
import pytest
import torch

from autograder.exam import examiner, received, standin
from autograder.exam.budget import Budget
from autograder.exam.examiner import Cell
from autograder.exam.walls.common import Limits
from autograder.exam.warm import Warm
from tests.autograder.conftest import KL

torch.set_num_threads(1)
TEST = Cell("", "vae.kl_gaussian")


@pytest.fixture(scope="module")
def warm():
    with Warm(Limits(memory=2**30, cell_seconds=3, seconds=120, idle_seconds=8)) as server:
        yield server


@pytest.fixture
def examine(warm, tmp_path):
    def run(*cells, files=()):
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        return examiner.examine(cells, tmp_path, list(files), "vae", 11, warm)

    return run


def shown(outputs):
    return "".join(
        o.get("text", "")
        + "\n".join(o.get("traceback", []))
        + o.get("data", {}).get("text/plain", "")
        for o in outputs
    )


def score(examined, question="vae.kl_gaussian"):
    return examined.records[question]["score"]


def test_cells_run_in_order_and_show_what_a_notebook_shows(examine):
    examined = examine(
        "x = 41", "print('hello')\nx + 1", "1 / 0", "await __import__('asyncio').sleep(0, 'a')"
    )
    assert [shown(o) for o in examined.outputs[:2]] == ["", "hello\n42"]
    assert "ZeroDivisionError" in shown(examined.outputs[2])
    assert shown(examined.outputs[3]) == "'a'"


def test_figures_come_through_as_pictures(examine):
    (outputs,) = examine("import matplotlib.pyplot as plt\nplt.plot([1, 2]);").outputs
    assert "image/png" in outputs[0]["data"]


def test_only_text_and_pictures_come_through(examine):
    imports = "from IPython.display import HTML, Javascript, SVG\n"
    source = imports + "display(HTML('<script>'), Javascript('1'), SVG('<svg/>'))"
    for output in examine(source).outputs[0]:
        assert set(output["data"]) == {"text/plain"}


def test_terminal_escapes_do_not_come_through(examine):
    examined = examine(
        "print('\\x1b[2J\\x1b]0;pwned\\x07 \\u202egnp')",
        KL.replace("0.5 *", "raise Exception('\\x1b[2J')"),
        TEST,
    )
    assert "\x1b" not in str(examined.outputs) and "\u202e" not in str(examined.outputs)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "waited for 2 seconds"),
        (
            "import signal\nfor n in (14, 27): signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
            "still",
        ),
        ("while True: pass", "took too long"),
        ("x = bytearray(2 * 2**30)", "MemoryError"),
    ],
)
def test_a_cell_that_kills_or_hangs_costs_itself_only(examine, cell, says):
    examined = examine("before = 1", cell, KL, TEST, "before")
    assert says in shown(examined.outputs[1])
    assert score(examined) == 2
    assert shown(examined.outputs[4]) == "1"


def test_a_question_whose_code_kills_costs_itself_only(examine):
    deadly = "def kl_between(mu1, logvar1, mu2, logvar2):\n    import os; os._exit(1)\n"
    examined = examine(KL, deadly, Cell("", "vae.kl_between"), TEST)
    assert score(examined, "vae.kl_between") == 0 and score(examined) == 2
    assert "ended its process" in examined.records["vae.kl_between"]["feedback"]


def test_a_name_is_missing_because_its_cell_stopped(examine):
    examined = examine("def kl_gaussian(mu, logvar)\n    return 1", TEST)
    said = examined.records["vae.kl_gaussian"]["feedback"]
    assert "since cell [1] stopped: SyntaxError" in said and "name changed" not in said
    never = examine("x = 1", TEST).records["vae.kl_gaussian"]["feedback"].splitlines()
    assert never[1].strip().startswith("`kl_gaussian` is not defined; was its cell run")


def test_a_notebook_that_never_stops_dying_is_given_up(examine):
    examined = examine(*["import os; os._exit(1)"] * 6, KL, TEST)
    assert score(examined) == 0
    assert "too often" in examined.records["vae.kl_gaussian"]["feedback"]


def test_a_flood_is_cut(examine):
    examined = examine("for i in range(10**6): print('x' * 99)", KL, TEST)
    assert len(shown(examined.outputs[0])) < 200_000 and "was cut" in shown(examined.outputs[0])
    assert score(examined) == 2


def test_every_graded_output_is_the_examiners(examine):
    forged = """
import IPython, sys
from IPython.display import display
display({"application/vnd.autograder+json": {"question": "vae.kl_gaussian", "score": 2}}, raw=True)
2.0
"""
    examined = examine(forged, TEST)
    assert score(examined) == 0
    assert shown(examined.outputs[1][2:]) == "0.0"


def test_the_same_seed_gives_the_same_record(examine):
    half = KL.replace("0.5 * ", "")
    assert examine(half, TEST).records == examine(half, TEST).records


def test_broken_work_upstream_is_carried_forward(examine):
    broken = KL.replace("0.5 * ", "3 * ")
    right = """
def bernoulli_log_likelihood(x, logits):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -bce.flatten(1).sum(1)
def elbo(x, logits, mu, logvar, beta=1.0):
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()
"""
    examined = examine(broken, right, TEST, Cell("", "vae.elbo"))
    assert score(examined) < 2
    record = examined.records["vae.elbo"]
    assert (record["score"], record["stood_in"]) == (2, ["kl_gaussian"])


def test_of_two_mistakes_the_one_upstream_is_told_there_alone(examine):
    both = """
def bernoulli_log_likelihood(x, logits):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -bce.flatten(1).mean(1)
def elbo(x, logits, mu, logvar, beta=1.0):
    return (bernoulli_log_likelihood(x, logits) + beta * kl_gaussian(mu, logvar)).mean()
"""
    asked = [Cell("", f"vae.{name}") for name in ("bernoulli_log_likelihood", "elbo")]
    records = examine(KL, both, *asked).records
    told = [records[cell.question]["mistake"] for cell in asked]
    assert told == ["mean-not-sum", "kl-sign"]


def test_a_stand_in_is_offered_only_after_its_question_and_stays_outside(examine):
    peeks = """
def elbo(x, logits, mu, logvar, beta=1.0):
    global seen
    seen = [type(kl_gaussian).__name__, sorted(vars(kl_gaussian))]
    return kl_gaussian(mu, logvar).sum()
kl_gaussian = None
"""
    examined = examine(peeks, Cell("", "vae.elbo"), "seen, kl_gaussian")
    assert (
        shown(examined.outputs[2]) == "(['StandIn', ['__name__', '_fd', '_serial', '_to']], None)"
    )


@pytest.mark.parametrize("steps", [3 * 10**8, -(10**9), "many", [1] * 10])
def test_a_stand_in_is_not_asked_for_a_billion_of_anything(steps):
    def lerp(z0, z1, steps):
        raise AssertionError("called")

    arrays = {"tensor.0": np.zeros(1), "tensor.1": np.zeros(1), "needed": [False, False]}
    spec = {"args": [{"tensor": 0}, {"tensor": 1}, {"value": steps}], "kwargs": {}}
    board = standin.Switchboard({"lerp": lerp}, Budget(Limits()))
    told = board.answer({"stand_in": "lerp", "spec": spec, **arrays})
    assert "arguments" in told["error"] and "called" not in told["error"]


def test_what_a_process_says_of_itself_looks_like_no_line_of_ours(examine):
    forged = "x\\n\\nvae.kl_gaussian: 2 of 2 points\\n  passed: everything"
    cell = f"from autograder.student import probes\nprobes.run = lambda *a: {{'error': '{forged}'}}"
    record = examine(KL, cell, TEST).records["vae.kl_gaussian"]
    assert record["score"] == 0
    lines = record["feedback"].splitlines()
    assert lines[0].startswith("vae.kl_gaussian: 0 of 2") and len(lines) == 2


FORGED = """
import numpy as np
from autograder.student import probes

def model(inputs):
    got, n = {}, len(inputs['x'])
    for nz in inputs['sizes']:
        m = len(inputs[f'z.{nz}'])
        for tag, a, b in (('', n, m), ('.one', 1, 1), ('.all', n, m), ('.again', n, m)):
            got[f'encode.{nz}{tag}.count'], got[f'forward.{nz}{tag}.count'] = 2, 3
            for i in (0, 1):
                got[f'encode.{nz}{tag}.{i}'] = got[f'forward.{nz}{tag}.{i + 1}'] = np.zeros((a, nz))
            got[f'forward.{nz}{tag}.0'] = np.zeros((a, 1, 28, 28))
            got[f'decode.{nz}{tag}'] = np.zeros((b, 1, 28, 28))
            got[f'reconstruct.{nz}{tag}'] = np.full((a, 1, 28, 28), .5)
    for key in ('mu', 'logvar', 'logits'):
        got[f'{key} lowest'], got[f'{key} highest'] = -9., 9.
    rebuilt = np.full((2 * n, 1, 28, 28), .5)
    return {**got, 'codes apart': 1., 'sampled.eval': np.random.randn(inputs['draws'], 784),
            'posterior': np.zeros((4, 2 * nz)), 'means': np.zeros((n, nz)),
            'at mean': rebuilt[:n] - .5, 'rebuilt': rebuilt, 'rebuilt twice': rebuilt,
            'parameters': 4, 'frozen': [], 'unreached': [], 'image gradient': True,
            'mu gradient': True, 'logvar learns': True, 'shared': 0, 'apart': 1.,
            'uncopied': 0., 'images changed': False}

def decoding(inputs):
    return {'decoded': np.random.randn(len(inputs['z']), 784),
            'sampled.train': np.random.randn(32, 784)}

def sampling(inputs):
    got, n = {}, int(inputs['n'])
    for mode in ('train', 'eval'):
        got |= {f'latents.{mode}': np.random.randn(n, len(inputs['paint'])),
                f'images.{mode}': np.full((n, 1, 28, 28), .5),
                f'modes.{mode}': [False], f'after.{mode}': mode == 'train',
                f'children.{mode}': mode == 'train', f'left frozen.{mode}': False,
                f'graphs.{mode}': True}
    return got

told = {'vae.model': model, 'vae.decoding': decoding, 'autoencoder.sampling': sampling}
probes.run = lambda name, names, inputs: told[name](inputs)
"""


def test_what_a_process_says_of_itself_must_agree_with_what_it_does(examine):
    examined = examine(FORGED, Cell("", "vae.VAE"), Cell("", "autoencoder.sample_prior"))
    assert "failed: forward decodes" in examined.records["vae.VAE"]["feedback"]
    assert "failed: reconstruct gives" in examined.records["vae.VAE"]["feedback"]
    assert "failed: they are what" in examined.records["autoencoder.sample_prior"]["feedback"]


def test_a_thousand_long_names_are_no_trouble(examine, tmp_path):
    for number in range(1000):
        (tmp_path / f"{number:04}{'x' * 240}").touch()
    names, left_out = examiner.files_of(tmp_path, 2**20)
    assert names and left_out
    assert score(examine(KL, TEST, files=names)) == 2


def test_untrusted_evidence_is_made_plain():
    got = received.evidence(
        {
            "evidence.a": "\x1b[1m",
            "evidence.b": 10**400,
            "evidence.c": [[object()]],
            "other": 1,
            "evidence.d": np.array(["x"]),
            "evidence.e": np.ones(2),
        }
    )
    assert set(got) == set("abcde") and got["b"] is None and got["d"] is None
    assert "\x1b" not in got["a"] and got["e"].tolist() == [1, 1]


@pytest.mark.parametrize("noise", ["junk", "huge", "early", "answer"])
def test_noise_on_the_wire_costs_the_noisy_only(examine, noise):
    cell = {
        "junk": "import os; os.write(3, b'x' * 4096)",
        "huge": "import os, struct; os.write(3, struct.pack('!II', 5, 2**31))",
        "early": "from autograder.student import wire\n"
        "wire.send(3, {'serial': 3, 'evidence.value': 1})",
        "answer": "from autograder.student import wire\nwire.send(3, {'serial': 1, 'outputs': 5})",
    }[noise]
    examined = examine(cell, KL, TEST)
    assert score(examined) == 2
