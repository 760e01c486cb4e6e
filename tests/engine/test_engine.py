"""The engine serves other courses: three questions by the recipe of docs/adapting.md, with nothing
of this course in them, tell right answers from wrong ones and name mistakes.
"""

import ast
import copy
import random
from pathlib import Path

import pytest

from autograder.key.question import Exam
from autograder.release import selftest
from autograder.student.asking import InProcess
from tests.engine import contrastive, diffused, quantised

QUESTIONS = {
    module.__name__.rpartition(".")[2]: module for module in (contrastive, diffused, quantised)
}
MUTANTS = 30
HEAD = "import math\nimport torch\nimport torch.nn.functional as F\n"

# Right answers, each written in its own way; the first one is what is mutated.
RIGHT = {
    "contrastive": [
        """
def contrastive_loss(images, texts, scale):
    images = images / images.pow(2).sum(1, keepdim=True).sqrt()
    texts = texts / texts.pow(2).sum(1, keepdim=True).sqrt()
    logits = images @ texts.T * scale
    image_side = torch.logsumexp(logits, 1) - logits.diagonal()
    text_side = torch.logsumexp(logits, 0) - logits.diagonal()
    return 0.5 * image_side.mean() + 0.5 * text_side.mean()
""",
        """
def contrastive_loss(images, texts, scale):
    logits = scale * F.cosine_similarity(images[:, None], texts[None], dim=2)
    own = torch.arange(len(images))
    return 0.5 * (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own))
""",
        """
def contrastive_loss(images, texts, scale):
    a, b = F.normalize(images), F.normalize(texts)
    p, q = (scale * a @ b.T).softmax(1), (scale * b @ a.T).softmax(1)
    return -(p.diagonal().log().mean() + q.diagonal().log().mean()) / 2
""",
        """
def contrastive_loss(images, texts, scale):
    x, y = (v / torch.linalg.vector_norm(v, dim=-1, keepdim=True) for v in (images, texts))
    z = torch.einsum("ik,jk->ij", x, y).mul(scale)
    eye = torch.eye(len(x), dtype=torch.bool)
    return torch.cat([-z.log_softmax(d)[eye] for d in (0, 1)]).mean()
""",
        """
def contrastive_loss(images, texts, scale=10.0):
    loss, n, alike = 0.0, len(images), F.cosine_similarity
    for i in range(n):
        row = torch.stack([alike(images[i], y, dim=0) for y in texts]) * scale
        column = torch.stack([alike(x, texts[i], dim=0) for x in images]) * scale
        loss = loss - row.log_softmax(0)[i] - column.log_softmax(0)[i]
    return loss / (2 * n)
""",
    ],
    "quantised": [
        """
def quantise(z, codebook):
    apart = z[:, None, :] - codebook[None, :, :]
    distance = apart.pow(2).sum(2)
    nearest = distance.argmin(1)
    codes = codebook[nearest]
    return z + (codes - z).detach()
""",
        """
def quantise(z, codebook):
    with torch.no_grad():
        square = (z**2).sum(1, keepdim=True) - 2 * z @ codebook.T + (codebook**2).sum(1)
        step = F.embedding(square.argmin(1), codebook) - z
    return z + step
""",
        """
class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, codebook):
        return codebook[torch.cdist(z, codebook).argmin(dim=1)]

    @staticmethod
    def backward(ctx, grad):
        return grad, None

def quantise(z, codebook):
    return _Pass.apply(z, codebook)
""",
        """
def quantise(z, codebook):
    book, rows = codebook.detach(), []
    for row in z.detach():
        rows.append(min(book, key=lambda code: (row - code).norm().item()))
    return torch.stack(rows) - z.detach() + z
""",
        """
def quantise(z, codebook):
    one_hot = F.one_hot((-torch.cdist(z, codebook)).argmax(-1), len(codebook)).float()
    q = one_hot @ codebook
    return q.detach() + z - z.detach()
""",
    ],
    "diffused": [
        """
def noised(x0, t, eps, alpha_bar):
    kept = alpha_bar[t].reshape(len(x0), 1, 1, 1)
    image = kept.sqrt() * x0
    noise = (1 - kept).sqrt() * eps
    return image + noise
""",
        """
def noised(x0, t, eps, alpha_bar):
    a = alpha_bar.gather(0, t)[:, None, None, None]
    return a**0.5 * x0 + (1 - a) ** 0.5 * eps
""",
        """
def noised(x0, t, eps, alpha_bar):
    return torch.stack([
        math.sqrt(alpha_bar[s]) * x + math.sqrt(1 - alpha_bar[s]) * e for x, s, e in zip(x0, t, eps)
    ])
""",
        """
def noised(x0, t, eps, alpha_bar):
    roots, sigmas = alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt()
    return torch.einsum("b,b...->b...", roots[t], x0) + torch.einsum("b,b...->b...", sigmas[t], eps)
""",
        """
def noised(x0, t, eps, alpha_bar):
    angle = alpha_bar[t].sqrt().acos().view(-1, 1, 1, 1)
    return angle.cos() * x0 + angle.sin() * eps
""",
    ],
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_short_and_tells_its_mistakes_apart(name):
    path = Path(QUESTIONS[name].__file__)
    lines = sum(len(p.read_text("utf-8").splitlines()) for p in (path, path.with_suffix(".md")))
    assert lines <= 80
    question = QUESTIONS[name].QUESTION
    assert len({mistake.partition("/")[0] for mistake in question.mistakes}) >= 6
    for seed in range(3):
        assert selftest.reference(question, seed) == []
        assert selftest.mistakes(question, seed) == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_right_answer_is_rejected(name):
    rejected = [
        f"{source}\n{result.feedback}"
        for source in RIGHT[name]
        for seed in range(2)
        if not (result := graded(name, source, seed)).passed
    ]
    assert len(RIGHT[name]) == 5 and not rejected, "\n".join(rejected)


@pytest.mark.parametrize("name", QUESTIONS)
def test_syntax_mutants_are_killed(name):
    made = mutants(RIGHT[name][0])
    survived = [source for source in made if graded(name, source, 1).passed]
    assert len(made) == MUTANTS
    assert len(survived) <= 0.05 * MUTANTS, "\n".join(survived)


def graded(name, source, seed):
    names: dict = {}
    try:
        exec(HEAD + source, names)
    except Exception as error:
        pytest.fail(f"{error}: {source}")
    question = QUESTIONS[name].QUESTION
    return Exam(InProcess(names), seed, lambda id: question).grade(question.id)


def mutants(source):
    """Some thirty of the answers that are one slip away, always the same ones."""
    tree, found = ast.parse(source), {}
    places = [node for node in ast.walk(tree)]
    names = [argument.arg for argument in tree.body[0].args.args]
    names += sorted({n.id for n in places if isinstance(n, ast.Name) and is_stored(n)})
    for number, place in enumerate(places):
        for slip in slips(place, names):
            changed = copy.deepcopy(tree)
            node = [n for n in ast.walk(changed)][number]
            slip(node)
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text != ast.unparse(tree):
                found[text] = True
    return random.Random(0).sample(sorted(found), MUTANTS)


OTHER = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.Sub),
}
CALLS = {
    "sum": "prod",
    "mean": "sum",
    "sqrt": "square",
    "pow": "mul",
    "argmin": "argmax",
    "detach": "clone",
    "logsumexp": "softmax",
    "diagonal": "trace",
}


def is_stored(name):
    return isinstance(name.ctx, ast.Store)


def slips(node, names):
    """Changes of one node: another operator, number, function or name, or a call left out."""
    if isinstance(node, ast.BinOp) and type(node.op) in OTHER:
        for operator in OTHER[type(node.op)]:
            yield lambda n, operator=operator: setattr(n, "op", operator())
        yield lambda n: _become(n, n.left)
        yield lambda n: _become(n, n.right)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda n: setattr(n, "value", n.value + 1)
        yield lambda n: setattr(n, "value", n.value * 2)
        yield lambda n: setattr(n, "value", -n.value - 1)
    if isinstance(node, ast.Attribute) and node.attr in CALLS:
        yield lambda n: setattr(n, "attr", CALLS[n.attr])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield lambda n: _become(
            n,
            n.func.value
            if n.func.value.__class__ is not ast.Name or n.func.value.id not in ("torch", "F")
            else n.args[0],
        )
    if isinstance(node, ast.Name) and not is_stored(node) and node.id in names:
        for other in names:
            yield lambda n, other=other: setattr(n, "id", other)


def _become(node, other):
    """Put another expression in a node's place."""
    node.__class__, node.__dict__ = other.__class__, other.__dict__
