"""Answers to `bernoulli_log_likelihood`."""

from .common import BCE, mutants, variants

LIKELIHOOD = "vae.bernoulli_log_likelihood", "bernoulli_log_likelihood(x, logits)"
LIKELIHOOD_MUTANTS = mutants(
    *LIKELIHOOD,
    ("a loss", "values", "sign", f"return {BCE}(logits, x, reduction='none').sum((1, 2, 3))"),
    (
        "arguments swapped",
        "values",
        "swapped",
        f"return -{BCE}(x, logits, reduction='none').sum((1, 2, 3))",
    ),
    (
        "sigmoid twice",
        "values",
        "sigmoid-twice",
        f"return -{BCE}(torch.sigmoid(logits), x, reduction='none').sum((1, 2, 3))",
    ),
    (
        "sigmoid missing",
        "form",
        "sigmoid-missing",
        "return (x * logits.log() + (1 - x) * (1 - logits).log()).sum((1, 2, 3))",
    ),
    ("ink only", "values", "ink-only", "return (x * F.logsigmoid(logits)).sum((1, 2, 3))"),
    (
        "paper only",
        "values",
        "paper-only",
        "return ((1 - x) * F.logsigmoid(-logits)).sum((1, 2, 3))",
    ),
    (
        "terms mixed",
        "values",
        "terms-mixed",
        f"return -{BCE}(-logits, x, reduction='none').sum((1, 2, 3))",
    ),
    (
        "squared error",
        "values",
        "squared-error",
        "return -((x - torch.sigmoid(logits))**2).sum((1, 2, 3))",
    ),
    (
        "binarised",
        "values",
        "binarised",
        f"return -{BCE}(logits, x.round(), reduction='none').sum((1, 2, 3))",
    ),
    (
        "mean over pixels",
        "values",
        "mean-not-sum",
        f"return -{BCE}(logits, x, reduction='none').mean((1, 2, 3))",
    ),
    ("mean over all", "form", "batch-mean", f"return -{BCE}(logits, x)"),
    ("sum over all", "form", "batch-sum", f"return -{BCE}(logits, x, reduction='sum')"),
    (
        "mean of the batch",
        "form",
        "batch-mean",
        f"return -{BCE}(logits, x, reduction='sum') / len(x)",
    ),
    ("not summed", "form", "no-sum", f"return -{BCE}(logits, x, reduction='none')"),
    (
        "summed over a row",
        "form",
        "rows-only",
        f"return -{BCE}(logits, x, reduction='none').sum(-1)",
    ),
    (
        "detached",
        "gradients",
        "detached",
        f"return -{BCE}(logits, x, reduction='none').sum((1, 2, 3)).detach()",
    ),
    (
        "sigmoid and logarithms",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits)\nreturn (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))",
    ),
    (
        "sigmoid and BCE",
        "stable",
        "unstable",
        "return -F.binary_cross_entropy(torch.sigmoid(logits), x, "
        "reduction='none').flatten(1).sum(1)",
    ),
    (
        "probabilities clamped",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits).clamp(1e-6, 1 - 1e-6)\n"
        "return (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)",
    ),
    (
        "in place",
        "manners",
        "in-place",
        f"value = -{BCE}(logits, x, reduction='none').flatten(1).sum(1)\nx.clamp_(0.1, "
        "0.9)\nreturn value",
    ),
)
LIKELIHOOD_VARIANTS = variants(
    *LIKELIHOOD,
    ("plain", f"return -{BCE}(logits, x, reduction='none').flatten(1).sum(1)"),
    (
        "Bernoulli",
        "return D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))",
    ),
    (
        "ContinuousBernoulli-free softplus",
        "return (x * logits - F.softplus(logits)).view(len(x), -1).sum(1)",
    ),
    (
        "logsigmoid",
        "return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(dim=[1, 2, 3])",
    ),
    (
        "logaddexp",
        "return (x * logits - torch.logaddexp(logits, torch.zeros_like(logits))).flatten(1).sum(1)",
    ),
    (
        "image by image",
        f"return torch.stack([-{BCE}(a, b, reduction='sum') for a, b in zip(logits, x)])",
    ),
    (
        "in double precision",
        f"return -{BCE}(logits.double(), x.double(), reduction='none').flatten(1).sum(1)",
    ),
)
