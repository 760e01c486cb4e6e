"""The browser's decoder (run by node) agrees with torch to 1e-4, operation by operation."""

import base64
import inspect
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from utils import data, graph, runs
from utils.explore import browser

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None, reason="node is not installed: the browser's decoder is not compared with torch"
)
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SCRIPT = Path(__file__).with_name("browser_run.mjs")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    module = tmp_path_factory.mktemp("browser") / "module.mjs"
    module.write_text(browser.module(), encoding="utf8")

    def run(*jobs):
        question = json.dumps({"module": module.as_uri(), "jobs": jobs})
        made = subprocess.run([NODE, SCRIPT], input=question, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)

    return run


def program_job(program, weights, x):
    weights = {
        name: {"shape": list(tensor.shape), "data": tensor.flatten().tolist()}
        for name, tensor in weights.items()
    }
    inputs = x.flatten(1).tolist()
    return {"action": "program", "program": program, "weights": weights, "inputs": inputs}


def packed_job(packed, zs=(), images=()):
    packed = packed | {"bytes": base64.b64encode(packed["bytes"]).decode()}
    rows = {"zs": [z.tolist() for z in zs], "images": [x.flatten().tolist() for x in images]}
    return {"action": "model", "packed": packed} | rows


def op(name, shape, inputs=("%0",), **arguments):
    return {"op": name, "in": list(inputs), "out": "%1", "shape": list(shape)} | arguments


def conv(*sizes, bias=True, **arguments):
    plain = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    weights = {"w": torch.randn(*sizes)} | ({"b": torch.randn(6)} if bias else {})
    return plain | {"weight": "w", "bias": "b" if bias else None} | arguments, weights


def transposed(*sizes, **arguments):
    arguments, weights = conv(*sizes, **arguments)
    return {"output_padding": [0, 0]} | arguments, weights


def affine(size):
    weights = {name: torch.randn(size) for name in ("w", "b", "m")} | {"v": torch.rand(size) + 0.1}
    return {"weight": "w", "bias": "b", "mean": "m", "var": "v", "eps": 1e-3}, weights


MAP, ROW = (4, 6, 5), (7,)  # of one image: not square, no two sizes alike
W = {"a": torch.linspace(-1, 2, 6).reshape(6, 1), "r": torch.linspace(0.5, 2, 7)}
POSITIVE = {"log", "log1p", "sqrt"}
UNARY = ("relu tanh sigmoid silu mish exp log log1p log_sigmoid sqrt neg abs").split()

CASES = {name: (MAP, op(name, MAP), {}) for name in UNARY} | {
    "gelu": (MAP, op("gelu", MAP, approximate="none"), {}),
    "gelu tanh": (MAP, op("gelu", MAP, approximate="tanh"), {}),
    "leaky_relu": (MAP, op("leaky_relu", MAP, slope=0.2), {}),
    "elu": (MAP, op("elu", MAP, alpha=0.7, scale=1.0), {}),
    "selu": (MAP, op("elu", MAP, alpha=1.6732632, scale=1.0507), {}),
    "softplus": (MAP, op("softplus", MAP, beta=2.0, threshold=1.5), {}),
    "clamp": (MAP, op("clamp", MAP, min=-0.3, max=0.8), {}),
    "clamp min": (MAP, op("clamp", MAP, min=0.1, max=None), {}),
    "clamp max": (MAP, op("clamp", MAP, min=None, max=0.1), {}),
    "linear": (
        ROW,
        op("linear", [3], weight="w", bias="b"),
        {"w": torch.randn(3, 7), "b": torch.randn(3)},
    ),
    "linear on a map": (
        MAP,
        op("linear", [4, 6, 3], weight="w", bias=None),
        {"w": torch.randn(3, 5)},
    ),
    "matmul": (ROW, op("matmul", [3], ["%0", "w"]), {"w": torch.randn(7, 3)}),
    "batch_norm": (MAP, op("batch_norm", MAP, **affine(4)[0]), affine(4)[1]),
    "batch_norm of rows": (ROW, op("batch_norm", ROW, **affine(7)[0]), affine(7)[1]),
    "layer_norm": (
        MAP,
        op("layer_norm", MAP, weight="w", bias="b", eps=1e-5, dims=2),
        {"w": torch.randn(6, 5), "b": torch.randn(6, 5)},
    ),
    "layer_norm, plain": (ROW, op("layer_norm", ROW, weight=None, bias=None, eps=1e-5, dims=1), {}),
    "group_norm": (
        MAP,
        op("group_norm", MAP, weight="w", bias="b", eps=1e-5, groups=2),
        {"w": torch.randn(4), "b": torch.randn(4)},
    ),
    "max_pool2d": (
        MAP,
        op("max_pool2d", [4, 3, 3], kernel=[3, 2], stride=[2, 2], padding=[1, 1]),
        {},
    ),
    "avg_pool2d": (
        MAP,
        op("avg_pool2d", [4, 3, 3], kernel=[3, 2], stride=[2, 2], padding=[1, 1]),
        {},
    ),
    "upsample_nearest": (MAP, op("upsample_nearest", [4, 14, 17]), {}),
    "upsample_bilinear": (MAP, op("upsample_bilinear", [4, 13, 9], align_corners=False), {}),
    "upsample_bilinear, corners": (
        MAP,
        op("upsample_bilinear", [4, 13, 9], align_corners=True),
        {},
    ),
    "pad": (MAP, op("pad", [4, 9, 7], pads=[2, 0, 1, 2], value=0.5), {}),
    "pad by a negative amount": (MAP, op("pad", [4, 5, 6], pads=[-1, 2, 0, -1], value=0.0), {}),
    "add a number": (MAP, op("add", MAP, ["%0", 0.25]), {}),
    "sub from a number": (MAP, op("sub", MAP, [1.0, "%0"]), {}),
    "mul by weights": (MAP, op("mul", MAP, ["%0", "a"]), W),
    "div by weights": (ROW, op("div", ROW, ["%0", "r"]), W),
    "pow": (MAP, op("pow", MAP, ["%0", 2.0]), {}),
    "minimum": (MAP, op("minimum", MAP, ["%0", "a"]), W),
    "maximum": (MAP, op("maximum", MAP, ["%0", "a"]), W),
    "reshape": (MAP, op("reshape", [24, 5]), {}),
    "permute": (MAP, op("permute", [5, 4, 6], dims=[0, 3, 1, 2]), {}),
    "expand": (ROW, op("expand", [3, 7], ["%0"]), {}),
    "slice": (MAP, op("slice", [4, 2, 5], dim=2, start=3, stop=5), {}),
    "slice that drops a dimension": (MAP, op("slice", [4, 5], dim=2, start=1, stop=2), {}),
    "concat": (MAP, op("concat", [4, 12, 5], ["%0", "%0"], dim=2), {}),
    "mean": (MAP, op("mean", [6], dims=[1, 3]), {}),
    "sum": (MAP, op("sum", [4, 6], dims=[3]), {}),
    "full": (ROW, op("full", [3], [], value=0.75), {}),
}
for title, shape, (arguments, weights) in [
    ("conv2d", (6, 6, 5), conv(6, 4, 1, 1)),
    ("conv2d, strided and padded", (6, 3, 4), conv(6, 4, 3, 2, stride=[2, 1], padding=[1, 0])),
    ("conv2d, dilated", (6, 4, 3), conv(6, 4, 2, 2, dilation=[2, 2], bias=False)),
    ("conv2d in groups", (6, 5, 4), conv(6, 2, 2, 2, groups=2)),
]:
    CASES[title] = (MAP, op("conv2d", shape, **arguments), weights)
for title, shape, (arguments, weights) in [
    ("conv_transpose2d", (6, 8, 6), transposed(4, 6, 3, 2)),
    (
        "conv_transpose2d, strided and padded",
        (6, 12, 10),
        transposed(4, 6, 3, 4, stride=[2, 2], padding=[1, 1], output_padding=[1, 0]),
    ),
    ("conv_transpose2d in groups", (6, 7, 6), transposed(4, 3, 2, 2, groups=2)),
    ("conv_transpose2d, dilated", (6, 8, 7), transposed(4, 6, 2, 2, dilation=[2, 2])),
]:
    CASES[title] = (MAP, op("conv_transpose2d", shape, **arguments), weights)


def test_every_operation_agrees_with_torch(node):
    torch.manual_seed(0)
    jobs, expected = [], {}
    for title, (shape, step, weights) in CASES.items():
        x = torch.randn(3, *shape)
        x = x.abs() + 0.01 if step["op"] in POSITIVE else x
        program = {"input": list(shape), "outputs": ["%1"], "ops": [step]}
        if step["op"] == "expand":  # (B, 7) -> (B, 1, 7) -> (B, 3, 7)
            first = {"op": "reshape", "in": ["%0"], "out": "%r", "shape": [1, 7]}
            program["ops"] = [first, step | {"in": ["%r"]}]
        jobs.append(program_job(program, weights, x))
        expected[title] = graph.run(program, weights, x)[0]
    for title, answer in zip(CASES, node(*jobs), strict=True):
        assert "value" in answer, f"{title}: {answer.get('error')}"
        ours = torch.tensor([outputs[0] for outputs in answer["value"]])
        theirs = expected[title].flatten(1)
        torch.testing.assert_close(ours, theirs, **CLOSE, msg=lambda text, t=title: f"{t}: {text}")


def test_no_operation_of_the_format_is_left_out():
    known = {*graph.PLAIN, *re.findall(r'case "(\w+)"', inspect.getsource(graph._apply))}
    assert known == {step["op"] for _, step, _ in CASES.values()}


class Convolutional(nn.Module):
    """The shape of the course's own networks: stages of 14², 7², 3², 1²."""

    def __init__(self, nz=5, width=4):
        super().__init__()
        sizes = [1, width, 2 * width, 4 * width, 8 * width]
        stages = zip(sizes, sizes[1:], strict=False)
        self.stages = nn.Sequential(
            *[
                nn.Sequential(nn.Conv2d(a, b, 3, 2, int(i < 2)), nn.BatchNorm2d(b), nn.ReLU())
                for i, (a, b) in enumerate(stages)
            ]
        )
        self.mu, self.logvar = nn.Linear(8 * width, nz), nn.Linear(8 * width, nz)
        self.up = nn.Linear(nz, 8 * width)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (8 * width, 1, 1)),
            nn.ConvTranspose2d(8 * width, 4 * width, 3),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 3, 2),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),
        )

    def encode(self, x):
        h = self.stages(x).flatten(1)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.decoder(self.up(z))


def trained(tmp_path, model, name="model", nz=None):
    runs.write(
        tmp_path / name,
        model.state_dict(),
        {"loss": [1.0]},
        {"settings": {}, "epochs": 1, "finished": 1},
        graph.trace(model, nz),
    )
    return runs.Trained(tmp_path / name, "yours")


@pytest.mark.parametrize("form", ["float32", "float16", "int8"])
def test_a_packed_model_agrees_with_torch_on_the_stored_weights(node, tmp_path, form):
    torch.manual_seed(1)
    model = Convolutional().eval()
    if form == "float16":
        model = model.half().float()
    run = trained(tmp_path, model)
    packed = browser.pack(run, "VAE", small=form == "int8")
    stored = {"float32": "f4", "float16": "f2", "int8": "i1"}[form]
    assert packed["tensors"]["mu.weight"]["type"] == stored
    x, z = torch.rand(3, 1, 28, 28), torch.randn(4, run.nz)
    weights = browser.unpack_weights(packed)
    mu, logvar = graph.run(run._graph["encode"], weights, x)
    logits = graph.run(run._graph["decode"], weights, z)[0].flatten(1)
    (answer,) = node(packed_job(packed, z, x))
    for name, theirs in {"logits": logits, "mu": mu, "logvar": logvar}.items():
        torch.testing.assert_close(torch.tensor(answer["value"][name]), theirs, **CLOSE)


@pytest.mark.parametrize("name", [path.parent.name for path in runs.REFERENCE.glob("*/run.json")])
def test_the_kits_runs_agree_with_torch(node, name):
    run = runs.Trained(runs.REFERENCE / name, "reference")
    x, z = torch.rand(3, 1, 28, 28), torch.randn(4, run.nz)
    (answer,) = node(packed_job(browser.pack(run, name), z, x))
    logits, mu = run.decode(z).flatten(1), run.encode(x)
    torch.testing.assert_close(torch.tensor(answer["value"]["logits"]), logits, **CLOSE)
    torch.testing.assert_close(torch.tensor(answer["value"]["mu"]), mu, **CLOSE)


def test_a_decoder_alone_leaves_its_encoder_out(tmp_path):
    run = trained(tmp_path, Convolutional())
    packed = browser.pack(run, "VAE", encoder=False)
    assert packed["graph"]["encode"] is None
    assert not any(name.startswith(("stages", "mu", "logvar")) for name in packed["tensors"])


def test_weights_that_are_not_numbers_are_a_sentence(node, tmp_path):
    model = Convolutional()
    run = trained(tmp_path, model)
    run._weights["up.bias"][0] = float("nan")
    (answer,) = node(packed_job(browser.pack(run, "VAE")))
    assert answer["kind"] == "ModelError" and "NaN" in answer["error"]


def test_an_unknown_operation_is_a_sentence(node):
    program = {"input": [7], "outputs": ["%1"], "ops": [op("erfinv", [7])]}
    (answer,) = node(program_job(program, {}, torch.zeros(1, 7)))
    assert answer["kind"] == "ModelError" and "“erfinv”" in answer["error"]


def test_missing_weights_and_wrong_sizes_are_sentences(node):
    program = {"input": [7], "outputs": ["%1"], "ops": [op("linear", [3], weight="w", bias=None)]}
    (missing,) = node(program_job(program, {}, torch.zeros(1, 7)))
    (wrong,) = node(program_job(program, {"w": torch.ones(3, 7)}, torch.zeros(1, 6)))
    assert missing["kind"] == "ModelError" and "“w”" in missing["error"]
    assert wrong["kind"] == "ModelError" and "takes 7 values, not 6" in wrong["error"]


# -- the classifiers ------------------------------------------------------------------------------

DRAWINGS = json.loads(Path(__file__).with_name("drawings.json").read_text("utf8"))


def read(node, dataset, drawings=(), images=()):
    """What the classifier of a dataset says of drawings, then of images: (labels, passes)."""
    job = {
        "action": "classify",
        "packed": browser.classifier(dataset),
        "drawings": [*drawings],
        "images": [image.flatten().tolist() for image in images],
    }
    (answer,) = node(job)
    labels, passes = (
        torch.tensor([one[key] for one in answer["value"]]) for key in ("label", "passes")
    )
    return labels, passes.float()


def test_a_drawing_gets_its_name_and_passes(node):
    labels, passes = read(node, "MNIST", [each["strokes"] for each in DRAWINGS])
    wanted = torch.tensor([each["label"] for each in DRAWINGS])
    assert (labels == wanted).float().mean() >= 0.95
    assert passes.mean() >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("dataset, least", [("MNIST", 0.97), ("FashionMNIST", 0.85)])
def test_test_images_get_their_names_and_pass(node, dataset, least):
    test = data.load(dataset, train=False, root="embedded")
    labels, passes = read(node, dataset, images=test.images)
    right, made = (labels == test.labels).float().mean(), browser.classifier(dataset)["made"]
    assert right >= least and right == pytest.approx(made["accuracy"], abs=0.005)
    assert passes.mean() >= 0.9 and passes.mean() == pytest.approx(made["passing"], abs=0.005)


def test_what_is_no_digit_does_not_pass(node):
    torch.manual_seed(0)
    test = data.load("MNIST", train=False, root="embedded").images[:200]
    mean = torch.stack([test[torch.randperm(200)[:8]].mean(0) for _ in range(50)])
    halves = torch.where(torch.arange(28)[:, None] < 14, test[:50], test[50:100].roll(6, 3))
    roof, door = (
        [[5, 24], [5, 12], [14, 4], [23, 12], [23, 24], [5, 24]],
        [[11, 24], [11, 17], [16, 17]],
    )
    _, passes = read(node, "MNIST", [[roof, door]], [*mean, *halves, *torch.rand(50, 1, 28, 28)])
    assert passes.mean() < 0.25


def test_runs_without_a_pull_to_the_prior_fail_visibly(node):
    """Of the autoencoder's and β = 0's samples hardly one passes; of a VAE's most do."""
    torch.manual_seed(0)
    z, passed = torch.randn(100, 12), {}
    for name in ("autoencoder", "beta-0", "beta-1"):
        images = torch.sigmoid(runs.Trained(runs.REFERENCE / name, "reference").decode(z))
        passed[name] = read(node, "MNIST", images=images)[1].mean()
    assert passed["beta-1"] > 0.7
    assert passed["autoencoder"] < 0.2 and passed["beta-0"] < 0.2
    x = data.load("MNIST", train=False, root="embedded").images[:500]
    codes = runs.Trained(runs.REFERENCE / "autoencoder", "reference").encode(x)
    assert codes.std(0).mean() > 2, "the codes lie elsewhere than the prior"


# -- training in the page -------------------------------------------------------------------------


def test_one_step_of_training_is_torchs(node):
    torch.manual_seed(3)
    hidden, batch, beta, rate = 7, 5, 2.0, 3e-3
    x = torch.rand(batch, 784) * (torch.rand(batch, 784) > 0.7)
    noise = torch.randn(batch, 2)
    layers = {
        "w": nn.Linear(784, hidden),
        "mu": nn.Linear(hidden, 2),
        "lv": nn.Linear(hidden, 2),
        "v": nn.Linear(2, hidden),
        "o": nn.Linear(hidden, 784),
    }
    biases = {"w": "b", "mu": "mub", "lv": "lvb", "v": "c", "o": "ob"}

    def values():
        found = {}
        for name, layer in layers.items():
            weight = layer.weight.detach()
            found[name] = (weight.T if name == "w" else weight).flatten().tolist()
            found[biases[name]] = layer.bias.detach().tolist()
        return found

    job = {"action": "train", "hidden": hidden, "values": values(), "images": x.tolist()}
    (answer,) = node(job | {"noise": noise.tolist(), "beta": beta, "rate": rate})
    optimizer = torch.optim.Adam([p for layer in layers.values() for p in layer.parameters()], rate)
    h = layers["w"](x).relu()
    mu, logvar = layers["mu"](h), layers["lv"](h)
    logits = layers["o"](layers["v"](mu + torch.exp(logvar / 2) * noise).relu())
    bce = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / batch
    (bce + beta * kl).backward()
    optimizer.step()
    losses = answer["value"]["losses"]
    assert losses["reconstruction"] == pytest.approx(bce.item(), abs=1e-4 * bce.item())
    assert losses["kl"] == pytest.approx(kl.item(), abs=1e-4)
    for name, expected in values().items():
        ours = torch.tensor(answer["value"]["values"][name])
        torch.testing.assert_close(ours, torch.tensor(expected), rtol=0, atol=1e-4)
