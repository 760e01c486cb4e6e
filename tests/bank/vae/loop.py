"""Answers to `train_epoch`."""

from .. import Mutant, Variant, edited
from .common import HEAD, UP

LOOP = (
    HEAD
    + UP
    + """
def elbo(x, logits, mu, logvar, beta=1.0):
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()

def train_epoch(model, loader, optimizer, beta):
    model.train()
    pairs = []
    for x, _ in loader:
        logits, mu, logvar = model(x)
        loss = -elbo(x, logits, mu, logvar, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rec = -bernoulli_log_likelihood(x, logits).mean()
        kl = kl_gaussian(mu, logvar).mean()
        pairs.append((rec.item(), kl.item()))
    return pairs
"""
)
APPEND = "(rec.item(), kl.item())"
LOOP_MUTANTS = tuple(
    Mutant("vae.train_epoch", why, check, mistake, edited(LOOP, *pairs))
    for why, check, mistake, *pairs in (
        ("minimises the ELBO", "update", "elbo-minimised", ("loss = -elbo", "loss = elbo")),
        (
            "beta not handed on",
            "update",
            "beta-ignored",
            ("logvar, beta)\n        optimizer", "logvar)\n        optimizer"),
        ),
        (
            "KL missing",
            "update",
            "kl-missing",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = -bernoulli_log_likelihood(x, logits).mean()",
            ),
        ),
        (
            "KL driven up",
            "update",
            "kl-sign",
            ("logvar, beta)\n        optimizer", "logvar, -beta)\n        optimizer"),
        ),
        (
            "beta on the likelihood",
            "update",
            "beta-on-likelihood",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = (kl_gaussian(mu, logvar) - beta * bernoulli_log_likelihood(x, "
                "logits)).mean()",
            ),
        ),
        (
            "summed over the batch",
            "update",
            "batch-sum",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = -len(x) * elbo(x, logits, mu, logvar, beta)",
            ),
        ),
        (
            "likelihood per pixel",
            "update",
            "mean-pixels",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = F.binary_cross_entropy_with_logits(logits, x) + beta * kl_gaussian(mu, "
                "logvar).mean()",
            ),
        ),
        ("no zero_grad", "update", "no-zero-grad", ("        optimizer.zero_grad()\n", "")),
        (
            "zero_grad too late",
            "update",
            "zero-grad-too-late",
            ("        optimizer.zero_grad()\n", ""),
            ("loss.backward()", "loss.backward(); optimizer.zero_grad()"),
        ),
        ("no step", "update", "no-step", ("        optimizer.step()\n", "")),
        (
            "two steps",
            "update",
            "two-steps",
            ("optimizer.step()", "optimizer.step(); optimizer.step()"),
        ),
        ("mode forgotten", "mode", "eval-mode", ("    model.train()\n", "")),
        (
            "evaluation mode inside the loop",
            "mode",
            "eval-mode",
            ("    return pairs", "        model.eval()\n    return pairs"),
        ),
        (
            "the whole loss logged",
            "values",
            "loss-logged",
            ("pairs.append((", "pairs.append((beta * kl_gaussian(mu, logvar).mean().item() + "),
        ),
        (
            "return in the loop",
            "update",
            "first-batch-only",
            ("    return pairs", "        return pairs"),
        ),
        (
            "last batch left out",
            "update",
            "last-batch-missing",
            ("in loader:", "in list(loader)[:-1]:"),
        ),
        (
            "one mean pair",
            "list",
            "mean-returned",
            ("return pairs", "return tuple(np.mean(pairs, 0).tolist())"),
        ),
        (
            "two lists",
            "list",
            "two-lists",
            ("return pairs", "return [p[0] for p in pairs], [p[1] for p in pairs]"),
        ),
        (
            "running means",
            "values",
            "running-mean",
            ("return pairs", "return [tuple(np.mean(pairs[:i + 1], 0).tolist()) for i in range(len(pairs))]"),
        ),
        (
            "trains on the mean",
            "update",
            "no-sampling",
            (
                "logits, mu, logvar = model(x)",
                "mu, logvar = model.encode(x); logits = model.decode(mu)",
            ),
        ),
        (
            "a beta of 0 is none",
            "update",
            "beta-zero",
            ("    model.train()\n", "    model.train()\n    beta = beta or 1.0\n"),
        ),
        ("losses", "list", "elbo-returned", (APPEND, "loss.item()")),
        ("pair swapped", "values", "pair-swapped", (APPEND, "(kl.item(), rec.item())")),
        ("log-likelihood logged", "values", "likelihood-logged", (APPEND, "(-rec.item(), kl.item())")),
        ("weighted KL", "values", "kl-weighted", (APPEND, "(rec.item(), beta * kl.item())")),
        ("sums", "values", "sums-returned", (APPEND, "(rec.item() * len(x), kl.item() * len(x))")),
        (
            "reconstruction per pixel",
            "values",
            "pixel-mean-returned",
            (APPEND, "(rec.item() / 784, kl.item())"),
        ),
        ("keeps the graph", "graph", "keeps-graph", (APPEND, "(rec, kl)")),
        ("keeps tensors", "list", "tensors", (APPEND, "(rec.detach(), kl.detach())")),
        ("no return", "list", "returns-nothing", ("    return pairs\n", "")),
    )
)
LOOP_VARIANTS = tuple(
    Variant("vae.train_epoch", why, edited(LOOP, *pairs))
    for why, *pairs in (
        ("plain",),
        (
            "zero_grad after the step",
            ("        optimizer.zero_grad()\n", ""),
            ("optimizer.step()", "optimizer.step()\n        optimizer.zero_grad()"),
        ),
        (
            "negated gradient",
            ("loss.backward()", "(-elbo(x, logits, mu, logvar, beta)).backward()"),
        ),
        (
            "encode, sample, decode",
            (
                "logits, mu, logvar = model(x)",
                "mu, logvar = model.encode(x)\n        logits = model.decode(reparametrize(mu, "
                "logvar))",
            ),
        ),
        ("lists for pairs", (APPEND, "[float(rec), float(kl)]")),
        (
            "everything written out",
            (
                "loss = -elbo(x, logits, mu, logvar, beta)",
                "loss = (F.binary_cross_entropy_with_logits(logits, x, reduction='sum')"
                " - beta * 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()) / x.size(0)",
            ),
        ),
        ("on a wrong KL", ("0.5 * (mu**2", "(mu**2")),
        ("on a wrong ELBO", ("- beta * kl_gaussian", "+ beta * kl_gaussian")),
        ("tqdm", ("for x, _ in loader:", "from tqdm import tqdm\n    for x, _ in tqdm(loader):")),
    )
)
