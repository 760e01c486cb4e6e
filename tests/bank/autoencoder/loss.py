"""Answers to `reconstruction_loss`."""

from .. import Mutant, Variant
from .common import HEAD


def _loss(body):
    return HEAD + f"def reconstruction_loss(logits, x):\n    {body}\n"


def _loss_mutant(why, check, mistake, body):
    return Mutant("autoencoder.reconstruction_loss", why, check, mistake, _loss(body))


BCE = "F.binary_cross_entropy_with_logits"
LOSS_MUTANTS = (
    _loss_mutant("mean over pixels", "values", "mean-not-sum", f"return {BCE}(logits, x)"),
    _loss_mutant(
        "sum over the batch", "values", "batch-sum", f"return {BCE}(logits, x, reduction='sum')"
    ),
    _loss_mutant(
        "one value an image",
        "form",
        "no-batch-mean",
        f"return {BCE}(logits, x, reduction='none').flatten(1).sum(1)",
    ),
    _loss_mutant("one value a pixel", "form", "no-sum", f"return {BCE}(logits, x, reduction='none')"),
    _loss_mutant(
        "likelihood, not loss",
        "values",
        "sign",
        f"return -{BCE}(logits, x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "divided by 28", "values", "row-mean", f"return {BCE}(logits, x, reduction='sum') / 28"
    ),
    _loss_mutant(
        "sigmoid before the logits",
        "values",
        "sigmoid-twice",
        f"return {BCE}(torch.sigmoid(logits), x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "arguments swapped",
        "values",
        "swapped",
        f"return {BCE}(x, logits, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "squared error", "values", "squared-error", "return F.mse_loss(torch.sigmoid(logits), x)"
    ),
    _loss_mutant(
        "summed squared error of logits",
        "values",
        "squared-error",
        "return F.mse_loss(logits, x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "ink only", "values", "ink-only", "return -(x * F.logsigmoid(logits)).sum() / len(x)"
    ),
    _loss_mutant(
        "binarised",
        "values",
        "binarised",
        f"return {BCE}(logits, (x > 0.5).float(), reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "item()",
        "gradients",
        "detached",
        f"return {BCE}(logits, x, reduction='sum').item() / len(x)",
    ),
    _loss_mutant(
        "detached",
        "gradients",
        "detached",
        f"return {BCE}(logits.detach(), x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "in place",
        "manners",
        "in-place",
        f"return {BCE}(logits, x, reduction='sum') / len(x) + 0 * x.mul_(0.5).sum()",
    ),
    _loss_mutant(
        "sigmoid and logarithms",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits)\n"
        "    return -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).flatten(1).sum(1).mean()",
    ),
    _loss_mutant(
        "sigmoid and BCE",
        "stable",
        "unstable",
        "return F.binary_cross_entropy(torch.sigmoid(logits), x, reduction='sum') / len(x)",
    ),
    _loss_mutant("no return", "form", "returns-nothing", f"{BCE}(logits, x)"),
    _loss_mutant("a list", "form", "no-tensor", f"return [{BCE}(logits, x)]"),
)

LOSS_VARIANTS = tuple(
    Variant("autoencoder.reconstruction_loss", why, _loss(body))
    for why, body in (
        ("sum over N", f"return {BCE}(logits, x, reduction='sum') / x.shape[0]"),
        ("mean times D", f"return {BCE}(logits, x) * x[0].numel()"),
        (
            "nn.BCEWithLogitsLoss",
            "return nn.BCEWithLogitsLoss(reduction='sum')(logits, x) / len(x)",
        ),
        (
            "torch.distributions",
            "return -torch.distributions.Bernoulli(logits=logits, validate_args=False)"
            ".log_prob(x).sum((1, 2, 3)).mean()",
        ),
        ("softplus", "return (F.softplus(logits) - x * logits).flatten(1).sum(-1).mean()"),
        (
            "double precision",
            f"return {BCE}(logits.double(), x.double(), reduction='sum').float() / len(x)",
        ),
        (
            "a loop over images",
            f"total = 0.0\n    for a, b in zip(logits, x):\n"
            f"        total = total + {BCE}(a, b, reduction='sum')\n    print(total)\n    return "
            "total / len(x)",
        ),
        (
            "view(-1, 784)",
            f"return {BCE}(logits.view(-1, 784), x.view(-1, 784), reduction='none').sum(1).mean()",
        ),
    )
)
