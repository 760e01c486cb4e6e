"""Answers to `elbo`."""

from .. import Mutant, Variant
from .common import BCE, HEAD, UP, indented

ELBO = "vae.elbo", "elbo(x, logits, mu, logvar, beta=1.0)"
REC, KLD = "bernoulli_log_likelihood(x, logits)", "kl_gaussian(mu, logvar)"


def _elbo(body, up=UP, signature=ELBO[1]):
    return HEAD + up + f"def {signature}:\n{indented(body)}"


ELBO_MUTANTS = tuple(
    Mutant("vae.elbo", why, check, mistake, _elbo(body))
    for why, check, mistake, body in (
        ("a loss", "values", "sign", f"return -({REC} - beta * {KLD}).mean()"),
        ("KL added", "values", "kl-sign", f"return ({REC} + beta * {KLD}).mean()"),
        (
            "likelihood subtracted",
            "values",
            "likelihood-sign",
            f"return (-{REC} - beta * {KLD}).mean()",
        ),
        (
            "KL of one more sample",
            "values",
            "random",
            "q = D.Normal(mu, (logvar / 2).exp())\nz = q.rsample()\n"
            f"kl = (q.log_prob(z) - D.Normal(0.0, 1.0).log_prob(z)).sum(1)\nreturn ({REC} - beta * kl).mean()",
        ),
        ("beta ignored", "values", "beta-ignored", f"return ({REC} - {KLD}).mean()"),
        (
            "beta on the likelihood",
            "values",
            "beta-on-likelihood",
            f"return (beta * {REC} - {KLD}).mean()",
        ),
        ("beta on both", "values", "beta-on-both", f"return beta * ({REC} - {KLD}).mean()"),
        ("divided by beta", "values", "beta-inverted", f"return ({REC} - {KLD} / beta).mean()"),
        (
            "one minus beta",
            "values",
            "beta-mixed",
            f"return ((1 - beta) * {REC} - beta * {KLD}).mean()",
        ),
        ("no KL", "values", "kl-missing", f"return {REC}.mean()"),
        ("no likelihood", "values", "likelihood-missing", f"return -beta * {KLD}.mean()"),
        ("twice the KL", "values", "half-kl", f"return ({REC} - 2 * beta * {KLD}).mean()"),
        ("half the KL", "values", "half-kl", f"return ({REC} - 0.5 * beta * {KLD}).mean()"),
        (
            "likelihood per pixel",
            "values",
            "mean-pixels",
            f"return -{BCE}(logits, x) - beta * {KLD}.mean()",
        ),
        (
            "KL per dimension",
            "values",
            "mean-latents",
            f"return {REC}.mean() - beta * {KLD}.mean() / mu.shape[1]",
        ),
        (
            "means everywhere",
            "values",
            "mean-everything",
            f"return -{BCE}(logits, x) - beta * {KLD}.mean() / mu.shape[1]",
        ),
        ("summed over the batch", "values", "batch-sum", f"return ({REC} - beta * {KLD}).sum()"),
        (
            "KL summed over the batch",
            "values",
            "half-reduced",
            f"return {REC}.mean() - beta * {KLD}.sum()",
        ),
        (
            "likelihood summed over the batch",
            "values",
            "half-reduced",
            f"return {REC}.sum() - beta * {KLD}.mean()",
        ),
        ("one value an image", "form", "no-batch-mean", f"return {REC} - beta * {KLD}"),
        (
            "images and logits swapped",
            "values",
            "swapped",
            f"return (bernoulli_log_likelihood(logits, x) - beta * {KLD}).mean()",
        ),
        (
            "mu and logvar swapped",
            "values",
            "swapped-latents",
            f"return ({REC} - beta * kl_gaussian(logvar, mu)).mean()",
        ),
        (
            "a beta of 0 is none",
            "default",
            "beta-zero",
            f"return ({REC} - (beta or 1.0) * {KLD}).mean()",
        ),
        ("absolute value", "values", "sign", f"return ({REC} - beta * {KLD}).mean().abs()"),
        ("item()", "gradients", "detached", f"return ({REC} - beta * {KLD}).mean().item()"),
        (
            "KL detached",
            "gradients",
            "gradient-cut",
            f"return ({REC} - beta * {KLD}.detach()).mean()",
        ),
        (
            "likelihood detached",
            "gradients",
            "gradient-cut",
            f"return ({REC}.detach() - beta * {KLD}).mean()",
        ),
        (
            "batch size written into it",
            "values",
            "factor",
            f"return ({REC} - beta * {KLD}).sum() / 128",
        ),
        ("no return", "form", "returns-nothing", f"({REC} - beta * {KLD}).mean()"),
        ("the two terms", "form", "no-tensor", f"return {REC}.mean(), {KLD}.mean()"),
    )
) + (
    Mutant(
        "vae.elbo",
        "no default beta",
        "default",
        "no-default",
        _elbo(
            f"return ({REC} - beta * {KLD}).mean()", signature="elbo(x, logits, mu, logvar, beta)"
        ),
    ),
    Mutant(
        "vae.elbo",
        "default beta of 0",
        "default",
        "beta-default",
        _elbo(
            f"return ({REC} - beta * {KLD}).mean()",
            signature="elbo(x, logits, mu, logvar, beta=0.0)",
        ),
    ),
)
BROKEN_KL = UP.replace("0.5 * (mu**2", "(mu**2").replace("- 1 - logvar", "- 1 + logvar")
BROKEN_LIKELIHOOD = UP.replace("return -F.binary", "return F.binary")
ELBO_VARIANTS = tuple(
    Variant("vae.elbo", why, _elbo(body, up))
    for why, body, up in (
        ("plain", f"return ({REC} - beta * {KLD}).mean()", UP),
        ("means taken apart", f"return torch.mean({REC}) - beta * torch.mean({KLD})", UP),
        (
            "everything written out",
            f"rec = -{BCE}(logits, x, reduction='sum') / len(x)\n"
            "kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum() / len(x)\nreturn rec - beta * "
            "kl",
            "",
        ),
        (
            "torch.distributions",
            "rec = D.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))\n"
            "kl = D.kl_divergence(D.Normal(mu, (logvar / 2).exp()), D.Normal(0.0, 1.0)).sum(1)\n"
            "return (rec - beta * kl).mean()",
            "",
        ),
        ("on a wrong KL", f"return ({REC} - beta * {KLD}).mean()", BROKEN_KL),
        ("on a wrong likelihood", f"return ({REC} - beta * {KLD}).mean()", BROKEN_LIKELIHOOD),
        ("on nothing upstream", f"return ({REC} - beta * {KLD}).mean()", ""),
        (
            "view(-1, 784)",
            f"rec = -{BCE}(logits.view(-1, 784), x.view(-1, 784), reduction='none').sum(1)\n"
            f"return (rec - beta * {KLD}).mean(0)",
            UP,
        ),
    )
)
