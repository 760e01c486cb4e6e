"""Answers to `iwae_bound`."""

from .. import Mutant, Variant, edited
from .common import HEAD, UP

BOUND = (
    HEAD
    + UP
    + """
def iwae_bound(model, x, k):
    mu, logvar = model.encode(x)
    std = torch.exp(0.5 * logvar)
    weights = []
    for _ in range(k):
        z = mu + std * torch.randn_like(std)
        rec = bernoulli_log_likelihood(x, model.decode(z))
        prior = D.Normal(0.0, 1.0).log_prob(z).sum(1)
        posterior = D.Normal(mu, std).log_prob(z).sum(1)
        weights.append(rec + prior - posterior)
    return torch.logsumexp(torch.stack(weights), 0) - math.log(k)
"""
)
RETURN = "return torch.logsumexp(torch.stack(weights), 0) - math.log(k)"
SUM = "rec + prior - posterior"
BOUND_MUTANTS = tuple(
    Mutant("vae.iwae_bound", why, check, mistake, edited(BOUND, *pairs))
    for why, check, mistake, *pairs in (
        (
            "mean of the logarithms",
            "many",
            "mean-of-logs",
            (RETURN, "return torch.stack(weights).mean(0)"),
        ),
        ("weights added up", "many", "sum-not-mean", (" - math.log(k)", "")),
        (
            "exp and log",
            "form",
            "underflow",
            (RETURN, "return torch.stack(weights).exp().mean(0).log()"),
        ),
        (
            "decodes another sample than it weighs",
            "many",
            "two-samples",
            (
                "rec = bernoulli_log_likelihood(x, model.decode(z))",
                "rec = bernoulli_log_likelihood(x, model(x)[0])",
            ),
        ),
        ("std = exp(logvar) everywhere", "one", "variance-as-std", ("exp(0.5 * logvar)", "exp(logvar)")),
        (
            "density at exp(logvar)",
            "one",
            "variance-as-std",
            ("Normal(mu, std)", "Normal(mu, logvar.exp())"),
        ),
        ("posterior missing", "one", "posterior-missing", (SUM, "rec + prior")),
        ("prior missing", "one", "prior-missing", (SUM, "rec - posterior")),
        ("likelihood only", "one", "likelihood-only", (SUM, "rec")),
        ("prior and posterior swapped", "one", "ratio-inverted", (SUM, "rec - prior + posterior")),
        ("closed-form KL", "many", "closed-form-kl", (SUM, "rec - kl_gaussian(mu, logvar)")),
        ("a loss", "one", "sign", (RETURN, RETURN.replace("return ", "return -(") + ")")),
        (
            "mean over the batch",
            "form",
            "batch-mean",
            (RETURN, "return (torch.logsumexp(torch.stack(weights), 0) - math.log(k)).mean()"),
        ),
        (
            "logsumexp over the images",
            "form",
            "wrong-axis",
            (RETURN, "return torch.logsumexp(torch.stack(weights), 1) - math.log(len(x))"),
        ),
        ("not reduced", "form", "not-reduced", (RETURN, "return torch.stack(weights)")),
        (
            "a constant of the prior lost",
            "one",
            "constant-term",
            ("D.Normal(0.0, 1.0).log_prob(z)", "(-0.5 * (z**2 + math.log(2 + math.pi)))"),
        ),
        ("one sample", "many", "k-ignored", ("range(k)", "range(1)"), (" - math.log(k)", "")),
        ("std = exp(logvar)", "one", "variance-as-std", ("z = mu + std *", "z = mu + std**2 *")),
        (
            "noise shared by the batch",
            "noise",
            "shared-batch",
            ("torch.randn_like(std)", "torch.randn(1, std.shape[1])"),
        ),
        (
            "largest weight",
            "many",
            "maximum",
            (RETURN, "return torch.stack(weights).max(0).values"),
        ),
        (
            "the same sample k times",
            "many",
            "k-ignored",
            ("    weights = []\n", "    weights = []\n    eps = torch.randn_like(std)\n"),
            ("torch.randn_like(std)\n        rec", "eps\n        rec"),
        ),
        ("no return", "form", "returns-nothing", (RETURN, RETURN.replace("return ", ""))),
    )
)
BOUND_VARIANTS = (
    Variant("vae.iwae_bound", "plain", BOUND),
    Variant(
        "vae.iwae_bound",
        "on a wrong likelihood",
        edited(BOUND, ("return -F.binary", "return F.binary")),
    ),
    Variant(
        "vae.iwae_bound",
        "running logaddexp",
        edited(
            BOUND,
            (
                RETURN,
                "total = weights[0]\n    for w in weights[1:]:\n"
                "        total = torch.logaddexp(total, w)\n    return total - math.log(k)",
            ),
        ),
    ),
    Variant(
        "vae.iwae_bound",
        "all at once",
        HEAD
        + """
def iwae_bound(model, x, k):
    mu, logvar = model.encode(x)
    q = D.Independent(D.Normal(mu, torch.exp(0.5 * logvar)), 1)
    z = q.rsample((k,))
    logits = model.decode(z.reshape(k * len(x), -1)).reshape(k, *x.shape)
    rec = (x * logits - F.softplus(logits)).flatten(2).sum(-1)
    prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
    return torch.logsumexp(rec + prior - q.log_prob(z), dim=0) - np.log(k)
""",
    ),
    Variant(
        "vae.iwae_bound",
        "repeated images",
        HEAD
        + UP
        + """
def iwae_bound(model, x, k):
    xs = x.repeat_interleave(k, 0)
    mu, logvar = model.encode(xs)
    eps = torch.randn_like(mu)
    z = mu + eps * torch.exp(logvar / 2)
    w = bernoulli_log_likelihood(xs, model.decode(z)) + 0.5 * (eps**2 + logvar - z**2).sum(1)
    w = w.view(len(x), k).double()
    top = w.max(1, keepdim=True).values
    return (top + (w - top).exp().mean(1, keepdim=True).log())[:, 0].float()
""",
    ),
)
