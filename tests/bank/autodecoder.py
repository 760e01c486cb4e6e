"""Answers to `autodecoder`: wrong ones and unusual right ones."""

from dataclasses import replace

from . import Mutant, Variant, edited, vae

HEAD = """
import copy
import math
import numpy as np
import torch
import torch.distributions as D
from torch import nn
import torch.nn.functional as F
"""


def _writer(question, signature):
    """(mutant, variant) makers for one function: from its body, without indent, or one expression."""

    def source(body):
        if "return" not in body and "\n" not in body:
            body = f"return {body}"
        lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
        return f"{HEAD}\ndef {signature}:\n{lines}\n"

    def mutant(why, check, mistake, body):
        return Mutant(f"autodecoder.{question}", why, check, mistake, source(body))

    def variant(why, body):
        return Variant(f"autodecoder.{question}", why, source(body))

    return mutant, variant


# -- samples --------------------------------------------------------------------------------------

_m, _v = _writer("rsample_gaussian", "rsample_gaussian(mu, logvar, eps)")
GAUSSIAN_SAMPLES = (
    _m("variance for std", "values", "variance-as-std", "mu + torch.exp(logvar) * eps"),
    _m("a root too many", "values", "exponent-quartered", "mu + torch.sqrt(torch.exp(0.5 * logvar)) * eps"),
    _m("logvar as std", "values", "logvar-as-std", "mu + logvar * eps"),
    _m("half outside", "values", "half-outside", "mu + torch.exp(logvar) / 2 * eps"),
    _m("sign in the exponent", "values", "inverse-std", "mu + torch.exp(-0.5 * logvar) * eps"),
    _m("mu forgotten", "values", "mean-missing", "torch.exp(0.5 * logvar) * eps"),
    _m("eps forgotten", "values", "no-noise", "mu + torch.exp(0.5 * logvar)"),
    _m("std forgotten", "values", "unit-noise", "mu + eps"),
    _m("mu multiplied", "values", "mean-scaled", "(mu + eps) * torch.exp(0.5 * logvar)"),
    _m("own noise", "values", "noise-redrawn", "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"),
    _m("own noise from a distribution", "values", "noise-redrawn",
       "return D.Normal(mu, torch.exp(0.5 * logvar)).rsample()"),
    _m("noise of the first row", "values", "shared-batch", "mu + torch.exp(0.5 * logvar) * eps[0]"),
    _m("noise of the first dimension", "values", "shared-dims",
       "mu + torch.exp(0.5 * logvar) * eps[:, 0].unsqueeze(1)"),
    _m("std detached", "gradients", "gradient-cut", "mu + torch.exp(0.5 * logvar).detach() * eps"),
    _m("mu detached", "gradients", "gradient-cut", "mu.detach() + torch.exp(0.5 * logvar) * eps"),
    _m("under no_grad", "gradients", "detached", """
with torch.no_grad():
    return mu + torch.exp(0.5 * logvar) * eps"""),
    _m("through numpy", "gradients", "detached", """
std = np.exp(0.5 * logvar.detach().numpy())
return torch.from_numpy(mu.detach().numpy() + std * eps.numpy())"""),
    _m("scales eps in place", "manners", "in-place", """
std = torch.exp(0.5 * logvar)
eps *= std.detach()
return mu + eps * std / std.detach()"""),
    _m("adds to mu in place", "manners", "in-place", "return mu.add_(torch.exp(0.5 * logvar) * eps)"),
    _m("summed over dimensions", "form", "reduced", "(mu + torch.exp(0.5 * logvar) * eps).sum(1)"),
    _m("returns nothing", "form", "returns-nothing", "z = mu + torch.exp(0.5 * logvar) * eps\nprint(z)\nreturn"),
)
GAUSSIAN_SAMPLE_VARIANTS = (
    _v("minus the noise", "mu - torch.exp(0.5 * logvar) * eps"),
    _v("root of the variance", "mu + logvar.exp().sqrt() * eps"),
    _v("addcmul", "torch.addcmul(mu, eps, torch.exp(logvar / 2))"),
    _v("an affine transform", """
return D.transforms.AffineTransform(mu, torch.exp(0.5 * logvar))(eps)"""),
    _v("in double precision", "(mu.double() + (logvar.double() / 2).exp() * eps.double())"),
    _v("logvar clamped, with prints", """
logvar = logvar.clamp(-20, 20)
print(mu.shape, logvar.shape)
return eps.mul(logvar.mul(0.5).exp()).add(mu)"""),
    _v("power of e", "mu + math.e ** (logvar / 2) * eps"),
)

_m, _v = _writer("rsample_exponential", "rsample_exponential(log_rate, u)")
EXPONENTIAL_SAMPLES = (
    _m("multiplied by the rate", "values", "scale-for-rate", "-torch.log(u) * torch.exp(log_rate)"),
    _m("multiplied by the rate, mirrored", "values", "scale-for-rate", "-torch.log(1 - u) * log_rate.exp()"),
    _m("minus forgotten", "values", "sign", "torch.log(u) / torch.exp(log_rate)"),
    _m("ln(u - 1), as in the report", "values", "log-of-negative", "-torch.log(u - 1) / torch.exp(log_rate)"),
    _m("log_rate as rate", "values", "log-not-undone", "-torch.log(u) / log_rate"),
    _m("no logarithm", "values", "noise-not-transformed", "u / torch.exp(log_rate)"),
    _m("rate forgotten", "values", "rate-missing", "-torch.log1p(-u)"),
    _m("log of 1 + u", "values", "plus-for-minus", "-torch.log(1 + u) / torch.exp(log_rate)"),
    _m("logarithms subtracted", "values", "added", "-torch.log(u) - log_rate"),
    _m("the distribution function itself", "values", "distribution-function",
       "1 - torch.exp(-torch.exp(log_rate) * u)"),
    _m("treated as Gaussian", "values", "gaussian", "torch.exp(-log_rate) * (1 + u)"),
    _m("logarithm to base 10", "values", "factor", "-torch.log10(u) / torch.exp(log_rate)"),
    _m("own noise", "values", "noise-redrawn", "-torch.log(torch.rand_like(u)) / torch.exp(log_rate)"),
    _m("rsample of a distribution", "values", "noise-redrawn", "D.Exponential(log_rate.exp()).rsample()"),
    _m("noise of the first row", "values", "shared-batch", "-torch.log(u[:1]) / torch.exp(log_rate)"),
    _m("rate detached", "gradients", "detached", "-torch.log(u) / torch.exp(log_rate).detach()"),
    _m("through data", "gradients", "detached", "-torch.log(u) / log_rate.data.exp()"),
    _m("logarithm in place", "manners", "in-place", "-u.log_() / torch.exp(log_rate)"),
    _m("averaged", "form", "reduced", "(-torch.log(u) / torch.exp(log_rate)).mean(dim=1)"),
    _m("half of the gradient detached", "gradients", "gradient-part-cut",
       "-torch.log(u) * (0.5 * torch.exp(-log_rate) + 0.5 * torch.exp(-log_rate).detach())"),
)
EXPONENTIAL_SAMPLE_VARIANTS = (
    _v("log of u", "-torch.log(u) / torch.exp(log_rate)"),
    _v("log of 1 - u", "-torch.log(1 - u) / torch.exp(log_rate)"),
    _v("icdf", "D.Exponential(log_rate.exp()).icdf(u)"),
    _v("scale instead of rate", "-torch.log1p(-u) * torch.exp(-log_rate)"),
    _v("u clamped", "-torch.log(u.clamp(1e-7, 1 - 1e-7)) / torch.exp(log_rate)"),
    _v("log of the inverse", "(1 / u).log().div(log_rate.exp())"),
    _v("a Weibull of shape one, in double", """
rate = log_rate.double().exp()
return ((-torch.log1p(-u.double())) ** 1.0 / rate).float()"""),
    _v("an exponential of logarithms", "torch.exp(torch.log(-torch.log(u)) - log_rate)"),
)

_m, _v = _writer("rsample_laplace", "rsample_laplace(mu, log_scale, u)")
CENTRED = "v = u - 0.5\nb = torch.exp(log_scale)\n"
LAPLACE_SAMPLES = (
    _m("sign lost", "values", "sign-missing", CENTRED + "return mu - b * torch.log(1 - 2 * v.abs())"),
    _m("u not centred", "values", "not-centred",
       "b = torch.exp(log_scale)\nreturn mu - b * torch.sign(u) * torch.log(1 - 2 * torch.abs(u))"),
    _m("2 lost in the logarithm", "values", "factor-two-missing",
       CENTRED + "return mu - b * torch.sign(v) * torch.log(1 - v.abs())"),
    _m("absolute value lost", "values", "absolute-value-missing",
       CENTRED + "return mu - b * torch.sign(v) * torch.log(1 - 2 * v)"),
    _m("divided by the scale", "values", "scale-inverted",
       CENTRED + "return mu - torch.sign(v) * torch.log(1 - 2 * v.abs()) / b"),
    _m("log_scale as scale", "values", "log-not-undone",
       CENTRED + "return mu - log_scale * torch.sign(v) * torch.log(1 - 2 * v.abs())"),
    _m("scale as variance", "values", "root",
       CENTRED + "return mu - b.sqrt() * torch.sign(v) * torch.log(1 - 2 * v.abs())"),
    _m("mu forgotten", "values", "mean-missing",
       CENTRED + "return -b * torch.sign(v) * torch.log(1 - 2 * v.abs())"),
    _m("scale forgotten", "values", "scale-missing",
       CENTRED + "return mu - torch.sign(v) * torch.log(1 - 2 * v.abs())"),
    _m("treated as Gaussian", "values", "gaussian", "mu + torch.exp(log_scale) * u"),
    _m("centred uniform only scaled", "values", "noise-not-transformed", CENTRED + "return mu + b * v"),
    _m("an exponential", "values", "exponential", "mu - torch.exp(log_scale) * torch.log(u)"),
    _m("own noise", "values", "noise-redrawn", "D.Laplace(mu, torch.exp(log_scale)).rsample()"),
    _m("noise of the first row", "values", "shared-batch", "D.Laplace(mu, log_scale.exp()).icdf(u[:1])"),
    _m("scale detached", "gradients", "gradient-cut",
       CENTRED + "return mu - b.detach() * torch.sign(v) * torch.log(1 - 2 * v.abs())"),
    _m("mu detached", "gradients", "gradient-cut", "D.Laplace(mu.detach(), log_scale.exp()).icdf(u)"),
    _m("under no_grad", "gradients", "detached", """
with torch.no_grad():
    return D.Laplace(mu, log_scale.exp()).icdf(u)"""),
    _m("centres u in place", "manners", "in-place", """
u -= 0.5
return mu - torch.exp(log_scale) * torch.sign(u) * torch.log(1 - 2 * u.abs())"""),
    _m("one side rounds to infinity", "tails", "not-finite-at-the-edge", """
b = torch.exp(log_scale)
q = (u + 1.0) - 1.0
return mu + b * torch.where(q < 0.5, torch.log(2 * q), -torch.log(2 - 2 * q))"""),
    _m("mean over the batch", "form", "reduced", "D.Laplace(mu, log_scale.exp()).icdf(u).mean(0)"),
)
LAPLACE_SAMPLE_VARIANTS = (
    _v("icdf", "D.Laplace(mu, torch.exp(log_scale)).icdf(u)"),
    _v("mirrored", CENTRED + "return mu + b * torch.sign(v) * torch.log1p(-2 * v.abs())"),
    _v("case by case", """
b = log_scale.exp()
return torch.where(u < 0.5, mu + b * torch.log(2 * u), mu - b * torch.log(2 * (1 - u)))"""),
    _v("with 0.5 - u", """
v = 0.5 - u
return mu + torch.exp(log_scale) * v.sign() * torch.log(1 - 2 * v.abs())"""),
    _v("minimum instead of absolute value", """
b = log_scale.exp()
return mu - b * torch.sign(u - 0.5) * torch.log(2 * torch.minimum(u, 1 - u))"""),
    _v("in double precision", """
p = u.double()
v = p - 0.5
return (mu - log_scale.double().exp() * torch.sign(v) * torch.log1p(-2 * torch.abs(v))).float()"""),
    _v("standard Laplace, then an affine transform", """
noise = D.Laplace(torch.zeros_like(mu), torch.ones_like(mu)).icdf(u)
return D.transforms.AffineTransform(mu, log_scale.exp())(noise)"""),
    _v("u clamped", "D.Laplace(mu, torch.exp(log_scale)).icdf(u.clamp(1e-6, 1 - 1e-6))"),
)

_m, _v = _writer("rsample_uniform", "rsample_uniform(low_logit, width_logit, u)")
INTERVAL = "w = torch.sigmoid(width_logit)\nlow = torch.sigmoid(low_logit) * (1 - w)\n"
UNIFORM_SAMPLES = (
    _m("sticks out of (0, 1)", "values", "sticks-out", "torch.sigmoid(low_logit) + torch.sigmoid(width_logit) * u"),
    _m("width as upper end", "values", "width-as-end",
       "low = torch.sigmoid(low_logit)\nreturn low + (torch.sigmoid(width_logit) - low) * u"),
    _m("no sigmoid", "values", "not-squashed", "low_logit * (1 - width_logit) + width_logit * u"),
    _m("exponential for sigmoid", "values", "exponential-for-sigmoid",
       "w = torch.exp(width_logit)\nreturn torch.sigmoid(low_logit) * (1 - w) + w * u"),
    _m("room and width exchanged", "values", "room-not-width",
       "w = torch.sigmoid(width_logit)\nreturn torch.sigmoid(low_logit) * w + (1 - w) * u"),
    _m("u centred", "values", "centred", INTERVAL + "return low + w * (u - 0.5)"),
    _m("u forgotten", "values", "no-noise", INTERVAL + "return low + w / 2"),
    _m("starts at zero", "values", "low-missing", "torch.sigmoid(width_logit) * u"),
    _m("arguments exchanged", "values", "swapped",
       "w = torch.sigmoid(low_logit)\nreturn torch.sigmoid(width_logit) * (1 - w) + w * u"),
    _m("own noise", "values", "noise-redrawn", INTERVAL + "return low + w * torch.rand_like(w)"),
    _m("rsample of a distribution", "values", "noise-redrawn", INTERVAL + "return D.Uniform(low, low + w).rsample()"),
    _m("noise of the first dimension", "values", "shared-dims", INTERVAL + "return low + w * u[:, :1]"),
    _m("width detached", "gradients", "gradient-cut",
       "w = torch.sigmoid(width_logit).detach()\nreturn torch.sigmoid(low_logit) * (1 - w) + w * u"),
    _m("width detached in one place", "gradients", "gradient-part-cut", INTERVAL + "return low + w.detach() * u"),
    _m("scales u in place", "manners", "in-place", INTERVAL + "u.mul_(w.detach())\nreturn low + u * w / w.detach()"),
    _m("summed", "form", "reduced", INTERVAL + "return (low + w * u).sum(dim=1)"),
)
UNIFORM_SAMPLE_VARIANTS = (
    _v("icdf", INTERVAL + "return D.Uniform(low, low + w).icdf(u)"),
    _v("from the upper end", INTERVAL + "return low + w - w * u"),
    _v("lerp between the ends", INTERVAL + "return torch.lerp(low, low + w, u)"),
    _v("the free room by the opposite logit", """
room = torch.sigmoid(-width_logit)
return torch.sigmoid(low_logit) * room + (1 - room) * u"""),
    _v("hand-written sigmoid, double", """
s = lambda a: 1 / (1 + torch.exp(-a.double()))
return (s(low_logit) * (1 - s(width_logit)) + s(width_logit) * u).float()"""),
    _v("clamped into (0, 1)", INTERVAL + "return (low + w * u).clamp(1e-7, 1 - 1e-7)"),
)

_m, _v = _writer("rsample_full_gaussian", "rsample_full_gaussian(mu, tril, eps)")
FACTOR = """
diagonal = torch.diagonal(tril, dim1=1, dim2=2)
L = torch.tril(tril, -1) + torch.diag_embed(torch.exp(diagonal))
"""
APPLY = "return mu + (L @ eps.unsqueeze(2)).squeeze(2)"
# what a student writes instead of L; the same for the sample and the KL
FACTORS = (
    ("upper part kept", "upper-kept",
     "L = tril - torch.diag_embed(diagonal) + torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal as it comes", "diagonal-not-exponentiated", "L = torch.tril(tril)"),
    ("everything exponentiated", "all-exponentiated", "L = torch.tril(torch.exp(tril))"),
    ("diagonal counted twice", "diagonal-twice", "L = torch.tril(tril) + torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal only", "diagonal-only", "L = torch.diag_embed(torch.exp(diagonal))"),
    ("diagonal as log-variance", "diagonal-halved",
     "L = torch.tril(tril, -1) + torch.diag_embed(torch.exp(0.5 * diagonal))"),
    ("softplus for exp", "softplus", "L = torch.tril(tril, -1) + torch.diag_embed(F.softplus(diagonal))"),
)
FULL_SAMPLES = (
    *(_m(why, "values", mistake, FACTOR + line + "\n" + APPLY) for why, mistake, line in FACTORS),
    _m("L transposed", "values", "transposed", FACTOR + "return mu + (eps.unsqueeze(1) @ L).squeeze(1)"),
    _m("covariance for its root", "values", "covariance-for-root",
       FACTOR + "return mu + (L @ L.transpose(1, 2) @ eps.unsqueeze(2)).squeeze(2)"),
    _m("mu forgotten", "values", "mean-missing", FACTOR + "return (L @ eps.unsqueeze(2)).squeeze(2)"),
    _m("own noise", "values", "noise-redrawn", FACTOR + "return D.MultivariateNormal(mu, scale_tril=L).rsample()"),
    _m("factor of the first image", "values", "first-of-batch", FACTOR + "return mu + eps @ L[0].T"),
    _m("factor detached", "gradients", "gradient-cut", FACTOR + "L = L.detach()\n" + APPLY),
    _m("exponentiates the diagonal in place", "manners", "in-place", """
diagonal = torch.diagonal(tril, dim1=1, dim2=2)
L = torch.tril(tril, -1) + torch.diag_embed(torch.exp(diagonal))
tril.data.diagonal(dim1=1, dim2=2).exp_()
""" + APPLY),
    _m("an axis left over", "form", "shape", FACTOR + "return mu.unsqueeze(2) + L @ eps.unsqueeze(2)"),
)
FULL_SAMPLE_VARIANTS = (
    _v("einsum, minus the noise", FACTOR + "return mu - torch.einsum('bij,bj->bi', L, eps)"),
    _v("bmm", FACTOR + "return mu + torch.bmm(L, eps[..., None])[..., 0]"),
    _v("a loop over the batch", """
rows = []
for m, t, e in zip(mu, tril, eps):
    L = torch.tril(t, diagonal=-1) + torch.diag(torch.diag(t).exp())
    rows.append(m + L @ e)
return torch.stack(rows)"""),
    _v("a mask", """
nz = tril.shape[-1]
below = torch.ones(nz, nz).tril(-1)
eye = torch.eye(nz)
return mu + ((tril * below + (tril * eye).exp() * eye) * eps[:, None, :]).sum(-1)"""),
    _v("diagonal apart from the rest", """
diagonal = torch.diagonal(tril, dim1=-2, dim2=-1)
lower = torch.tril(tril, -1) @ eps.unsqueeze(-1)
return mu + lower.squeeze(-1) + diagonal.exp() * eps"""),
    _v("torch's transform to a lower triangle with positive diagonal", """
L = D.transforms.LowerCholeskyTransform()(tril)
return torch.baddbmm(mu.unsqueeze(2), L, eps.unsqueeze(2)).squeeze(2)"""),
)

# -- KL divergences -------------------------------------------------------------------------------

# The question is that of `vae`, and so are the answers.
GAUSSIAN_KLS = tuple(
    replace(answer, question="autodecoder.kl_gaussian")
    for answer in (*vae.MUTANTS, *vae.VARIANTS)
    if answer.question == "vae.kl_gaussian"
)

_m, _v = _writer("kl_exponential", "kl_exponential(log_rate)")
EXPONENTIAL_KLS = (
    _m("scale for rate", "values", "rate-inverted", "(-log_rate - 1 + torch.exp(log_rate)).sum(1)"),
    _m("the prior first", "values", "rate-inverted",
       "rate = log_rate.exp()\nreturn D.kl_divergence(D.Exponential(torch.ones_like(rate)), D.Exponential(rate)).sum(1)"),
    _m("rate not inverted", "values", "rate-for-inverse", "(log_rate - 1 + torch.exp(log_rate)).sum(1)"),
    _m("sign of the logarithm", "values", "log-sign", "(-log_rate - 1 + torch.exp(-log_rate)).sum(1)"),
    _m("minus one forgotten", "values", "one-missing", "(log_rate + torch.exp(-log_rate)).sum(1)"),
    _m("minus one outside the sum", "values", "one-not-summed", "(log_rate + torch.exp(-log_rate)).sum(1) - 1"),
    _m("logarithm forgotten", "values", "log-missing", "(torch.exp(-log_rate) - 1).sum(1)"),
    _m("log_rate as rate", "values", "log-not-undone", "(log_rate - 1 + 1 / log_rate).sum(1)"),
    _m("log of log_rate", "values", "log-not-undone", "(torch.log(log_rate) - 1 + 1 / log_rate).sum(1)"),
    _m("rate for its logarithm", "values", "log-undone-twice", "(log_rate.exp() - 1 + torch.exp(-log_rate)).sum(1)"),
    _m("negated", "values", "sign", "-(log_rate - 1 + torch.exp(-log_rate)).sum(1)"),
    _m("half of it", "values", "factor", "0.5 * (log_rate - 1 + torch.exp(-log_rate)).sum(1)"),
    _m("mean over dimensions", "values", "mean-not-sum", "(log_rate - 1 + torch.exp(-log_rate)).mean(1)"),
    _m("mean over the batch, too", "form", "batch-mean", "(log_rate - 1 + torch.exp(-log_rate)).sum(1).mean()"),
    _m("sum over everything", "form", "batch-sum", "(log_rate - 1 + torch.exp(-log_rate)).sum()"),
    _m("sum over the batch", "form", "wrong-axis", "(log_rate - 1 + torch.exp(-log_rate)).sum(0)"),
    _m("not summed", "form", "no-sum", "log_rate - 1 + torch.exp(-log_rate)"),
    _m("keepdim", "form", "shape", "(log_rate - 1 + torch.exp(-log_rate)).sum(1, keepdim=True)"),
    _m("detached", "gradients", "detached", "(log_rate - 1 + torch.exp(-log_rate)).sum(1).detach()"),
    _m("one term detached", "gradients", "gradient-part-cut", "(log_rate - 1 + torch.exp(-log_rate).detach()).sum(1)"),
    _m("exponential in place", "manners", "in-place", """
log = log_rate.clone()
inverse = log_rate.neg_().exp()
return (log - 1 + inverse).sum(1)"""),
    _m("a Monte Carlo estimate of one draw", "values", "alone-differs", """
p = D.Exponential(log_rate.exp())
z = p.rsample()
return (p.log_prob(z) - D.Exponential(torch.ones(())).log_prob(z)).sum(1)"""),
)
EXPONENTIAL_KL_VARIANTS = (
    _v("kl_divergence", """
return D.kl_divergence(D.Exponential(log_rate.exp()), D.Exponential(torch.ones_like(log_rate))).sum(-1)"""),
    _v("gammas of shape one", """
one = torch.ones_like(log_rate)
return D.kl_divergence(D.Gamma(one, log_rate.exp()), D.Gamma(one, one)).sum(1)"""),
    _v("through the rate", """
rate = torch.exp(log_rate)
return (torch.log(rate) - 1 + 1 / rate).sum(dim=-1)"""),
    _v("expm1", "(log_rate + torch.expm1(-log_rate)).sum(1)"),
    _v("a loop, in double", """
out = []
for row in log_rate.double():
    out.append(sum(s - 1 + torch.exp(-s) for s in row))
return torch.stack(out)"""),
    _v("mean times dimensions", "(log_rate - 1 + torch.exp(-log_rate)).mean(1) * log_rate.size(1)"),
    _v("einsum", """
return torch.einsum('bd->b', log_rate) + torch.einsum('bd->b', (-log_rate).exp()) - log_rate.shape[1]"""),
)

_m, _v = _writer("kl_laplace", "kl_laplace(mu, log_scale)")
B = "b = torch.exp(log_scale)\n"
LAPLACE_KLS = (
    _m("first absolute value lost", "values", "absolute-value-missing",
       B + "return (mu + b * torch.exp(-mu.abs() / b) - log_scale - 1).sum(1)"),
    _m("absolute value lost in the exponent", "values", "absolute-value-missing",
       B + "return (mu.abs() + b * torch.exp(-mu / b) - log_scale - 1).sum(1)"),
    _m("scale lost before the exponential", "values", "scale-before-exponential",
       B + "return (mu.abs() + torch.exp(-mu.abs() / b) - log_scale - 1).sum(1)"),
    _m("scale lost in the exponent", "values", "scale-in-exponent",
       B + "return (mu.abs() + b * torch.exp(-mu.abs()) - log_scale - 1).sum(1)"),
    _m("sign of the exponent", "values", "exponent-sign",
       B + "return (mu.abs() + b * torch.exp(mu.abs() / b) - log_scale - 1).sum(1)"),
    _m("sign of the logarithm", "values", "log-sign",
       B + "return (mu.abs() + b * torch.exp(-mu.abs() / b) + log_scale - 1).sum(1)"),
    _m("logarithm forgotten", "values", "log-missing",
       B + "return (mu.abs() + b * torch.exp(-mu.abs() / b) - 1).sum(1)"),
    _m("minus one forgotten", "values", "one-missing",
       B + "return (mu.abs() + b * torch.exp(-mu.abs() / b) - log_scale).sum(1)"),
    _m("minus one outside the sum", "values", "one-not-summed",
       B + "return (mu.abs() + b * torch.exp(-mu.abs() / b) - log_scale).sum(1) - 1"),
    _m("exponential forgotten", "values", "exponential-missing", "(mu.abs() - log_scale - 1).sum(1)"),
    _m("inverse scale", "values", "scale-inverted", """
b = torch.exp(-log_scale)
return (mu.abs() + b * torch.exp(-mu.abs() / b) - torch.log(b) - 1).sum(1)"""),
    _m("scale as variance", "values", "root", """
b = torch.exp(0.5 * log_scale)
return D.kl_divergence(D.Laplace(mu, b), D.Laplace(0.0, 1.0)).sum(1)"""),
    _m("log_scale as scale", "values", "log-not-undone", """
b = log_scale
return (mu.abs() + b * torch.exp(-mu.abs() / b) - torch.log(b) - 1).sum(1)"""),
    _m("mu squared", "values", "squared", B + "return (mu ** 2 + b * torch.exp(-mu.abs() / b) - log_scale - 1).sum(1)"),
    _m("the prior first", "values", "reversed", """
zero = torch.zeros_like(mu)
return D.kl_divergence(D.Laplace(zero, zero + 1), D.Laplace(mu, log_scale.exp())).sum(1)"""),
    _m("that of a Gaussian", "values", "gaussian",
       "return D.kl_divergence(D.Normal(mu, log_scale.exp()), D.Normal(0.0, 1.0)).sum(1)"),
    _m("negated", "values", "sign", "-D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0)).sum(1)"),
    _m("mean over dimensions", "values", "mean-not-sum",
       "D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0)).mean(1)"),
    _m("mean over the batch, too", "form", "batch-mean",
       "D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0)).sum(1).mean()"),
    _m("sum over the batch", "form", "wrong-axis",
       "D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0)).sum(0)"),
    _m("not summed", "form", "no-sum", "D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0))"),
    _m("mu detached", "gradients", "gradient-cut",
       "D.kl_divergence(D.Laplace(mu.detach(), log_scale.exp()), D.Laplace(0.0, 1.0)).sum(1)"),
    _m("absolute value as a root", "kink", "kink",
       B + "d = torch.sqrt(mu ** 2)\nreturn (d + b * torch.exp(-d / b) - log_scale - 1).sum(1)"),
    _m("absolute value in place", "manners", "in-place", B + """
mu.abs_()
return (mu + b * torch.exp(-mu / b) - log_scale - 1).sum(1)"""),
)
LAPLACE_KL_VARIANTS = (
    _v("kl_divergence", "D.kl_divergence(D.Laplace(mu, log_scale.exp()), D.Laplace(0.0, 1.0)).sum(-1)"),
    _v("kl_divergence to a tensor prior, Independent", """
prior = D.Independent(D.Laplace(torch.zeros_like(mu), torch.ones_like(mu)), 1)
return D.kl_divergence(D.Independent(D.Laplace(mu, log_scale.exp()), 1), prior)"""),
    _v("one exponential", "(mu.abs() + torch.exp(log_scale - mu.abs() / log_scale.exp()) - log_scale - 1).sum(1)"),
    _v("mu times its sign", B + """
d = mu * torch.sign(mu)
return (d + b * torch.exp(-d / b) - torch.log(b) - 1).sum(1)"""),
    _v("maximum for the absolute value, double", """
m, s = mu.double(), log_scale.double()
d = torch.maximum(m, -m)
return (d + s.exp() * (-d / s.exp()).exp() - s - 1).sum(1)"""),
    _v("norms", B + """
return torch.norm(mu, p=1, dim=1) + (b * torch.exp(-mu.abs() / b) - log_scale).sum(1) - mu.shape[1]"""),
)

_m, _v = _writer("kl_uniform", "kl_uniform(low_logit, width_logit)")
UNIFORM_KLS = (
    _m("of the wrong argument", "values", "low-for-width", "-F.logsigmoid(low_logit).sum(1)"),
    _m("both arguments", "values", "low-counted", "-(F.logsigmoid(low_logit) + F.logsigmoid(width_logit)).sum(1)"),
    _m("upper end for width", "values", "upper-end", """
w = torch.sigmoid(width_logit)
high = torch.sigmoid(low_logit) * (1 - w) + w
return -torch.log(high).sum(1)"""),
    _m("no sigmoid", "values", "not-squashed", "-torch.log(width_logit).sum(1)"),
    _m("logit as logarithm", "values", "logit-as-log", "-width_logit.sum(1)"),
    _m("softplus of the logit", "values", "complement", "F.softplus(width_logit).sum(1)"),
    _m("sign: the entropy", "values", "sign", "torch.log(torch.sigmoid(width_logit)).sum(1)"),
    _m("logarithm forgotten", "values", "log-missing", "torch.sigmoid(width_logit).sum(1)"),
    _m("inverse width", "values", "inverse-width", "(1 / torch.sigmoid(width_logit)).sum(1)"),
    _m("logarithm to base 2", "values", "factor", "-torch.log2(torch.sigmoid(width_logit)).sum(1)"),
    _m("mean over dimensions", "values", "mean-not-sum", "-F.logsigmoid(width_logit).mean(1)"),
    _m("mean over the batch, too", "form", "batch-mean", "-F.logsigmoid(width_logit).sum(1).mean()"),
    _m("sum over the batch", "form", "wrong-axis", "-F.logsigmoid(width_logit).sum(0)"),
    _m("not summed", "form", "no-sum", "-F.logsigmoid(width_logit)"),
    _m("detached", "gradients", "detached", "-F.logsigmoid(width_logit.detach()).sum(1)"),
    _m("sigmoid in place", "manners", "in-place", "F.softplus(width_logit.neg_()).sum(1)"),
    _m("log of the sigmoid", "stable", "unstable", "-torch.log(torch.sigmoid(width_logit)).sum(1)"),
    _m("kl_divergence of uniforms", "stable", "unstable", """
w = torch.sigmoid(width_logit)
low = torch.sigmoid(low_logit) * (1 - w)
return D.kl_divergence(D.Uniform(low, low + w, validate_args=False), D.Uniform(0.0, 1.0)).sum(1)"""),
    _m("high minus low", "stable", "unstable", """
w = torch.sigmoid(width_logit)
low = torch.sigmoid(low_logit) * (1 - w)
high = low + w
return torch.log(1 / (high - low)).sum(1)"""),
    _m("by the exponential", "stable", "unstable", "torch.log1p(torch.exp(-width_logit)).sum(1)"),
    _m("a small number for safety", "stable", "unstable", "-torch.log(torch.sigmoid(width_logit) + 1e-8).sum(1)"),
)
UNIFORM_KL_VARIANTS = (
    _v("softplus", "F.softplus(-width_logit).sum(dim=1)"),
    _v("logaddexp", "torch.logaddexp(torch.zeros(()), -width_logit).sum(1)"),
    _v("a module", "-nn.LogSigmoid()(width_logit).sum(-1)"),
    _v("two cases", """
w = width_logit
return (torch.relu(-w) + torch.log1p(torch.exp(-w.abs()))).sum(1)"""),
    _v("cross-entropy with ones", """
ones = torch.ones_like(width_logit)
return F.binary_cross_entropy_with_logits(width_logit, ones, reduction="none").sum(1)"""),
)

_m, _v = _writer("kl_full_gaussian", "kl_full_gaussian(mu, tril)")
KL = """
return 0.5 * (L.pow(2).sum((1, 2)) + mu.pow(2).sum(1) - mu.shape[1] - torch.logdet(L @ L.transpose(1, 2)))"""
PARTS = FACTOR + """
trace, square, nz, log_det = (L ** 2).sum((1, 2)), (mu ** 2).sum(1), mu.shape[1], 2 * diagonal.sum(1)
"""
FULL_KLS = (
    *(
        _m(why, "values", mistake, FACTOR + line + KL)
        for why, mistake, line in FACTORS
        if mistake not in ("diagonal-not-exponentiated", "upper-kept")
    ),
    _m("diagonal not exponentiated in the trace", "values", "diagonal-not-exponentiated",
       PARTS + "trace = torch.tril(tril).pow(2).sum((1, 2))\nreturn 0.5 * (trace + square - nz - log_det)"),
    _m("upper part in the trace", "values", "upper-kept", PARTS + """
full = tril - torch.diag_embed(diagonal) + torch.diag_embed(diagonal.exp())
return 0.5 * (full.pow(2).sum((1, 2)) + square - nz - log_det)"""),
    _m("determinant of L", "values", "determinant-of-root",
       PARTS + "return 0.5 * (trace + square - nz - diagonal.sum(1))"),
    _m("determinant forgotten", "values", "determinant-missing", PARTS + "return 0.5 * (trace + square - nz)"),
    _m("sign of the determinant", "values", "determinant-sign",
       PARTS + "return 0.5 * (trace + square - nz + log_det)"),
    _m("half forgotten", "values", "half-missing", PARTS + "return trace + square - nz - log_det"),
    _m("dimension forgotten", "values", "one-missing", PARTS + "return 0.5 * (trace + square - log_det)"),
    _m("one for the dimension", "values", "one-missing",
       PARTS + "return 0.5 * (trace + square - 1 - log_det)"),
    _m("trace of L", "values", "trace-of-root",
       PARTS + "return 0.5 * (diagonal.exp().sum(1) + square - nz - log_det)"),
    _m("trace of the diagonal's squares", "values", "diagonal-only",
       PARTS + "return 0.5 * (diagonal.exp().pow(2).sum(1) + square - nz - log_det)"),
    _m("mu forgotten", "values", "mean-missing", PARTS + "return 0.5 * (trace - nz - log_det)"),
    _m("mu not squared", "values", "mean-not-squared", PARTS + "return 0.5 * (trace + mu.sum(1) - nz - log_det)"),
    _m("negated", "values", "sign", PARTS + "return -0.5 * (trace + square - nz - log_det)"),
    _m("mean over the batch, too", "form", "batch-mean",
       PARTS + "return (0.5 * (trace + square - nz - log_det)).mean()"),
    _m("per dimension", "values", "mean-not-sum", PARTS + "return 0.5 * (trace + square - nz - log_det) / nz"),
    _m("factor detached", "gradients", "gradient-cut",
       PARTS + "return 0.5 * (trace.detach() + square - nz - log_det.detach())"),
    _m("trace detached", "gradients", "gradient-part-cut", PARTS + "return 0.5 * (trace.detach() + square - nz - log_det)"),
    _m("exponentiates the diagonal in place", "manners", "in-place", PARTS + """
tril.data.diagonal(dim1=1, dim2=2).exp_()
return 0.5 * (trace + square - nz - log_det)"""),
)
FULL_KL_VARIANTS = (
    _v("kl_divergence", FACTOR + """
prior = D.MultivariateNormal(torch.zeros_like(mu), torch.eye(mu.shape[1]))
return D.kl_divergence(D.MultivariateNormal(mu, scale_tril=L), prior)"""),
    _v("trace of the covariance by name", FACTOR + """
S = L @ L.mT
trace = torch.diagonal(S, dim1=1, dim2=2).sum(1)
return 0.5 * (trace + (mu * mu).sum(1) - mu.shape[1] - torch.logdet(S))"""),
    _v("slogdet of L, double", FACTOR + """
L, m = L.double(), mu.double()
return 0.5 * ((L * L).sum((1, 2)) + (m * m).sum(1) - m.shape[1]) - torch.linalg.slogdet(L)[1]"""),
    _v("a loop over the batch", """
out = []
for m, t in zip(mu, tril):
    L = torch.tril(t, -1) + torch.diag(torch.exp(torch.diag(t)))
    out.append(0.5 * (torch.trace(L @ L.T) + m @ m - len(m)) - torch.diag(t).sum())
return torch.stack(out)"""),
    _v("diagonal apart from the rest", """
d = torch.diagonal(tril, dim1=-2, dim2=-1)
below = torch.tril(tril, -1).square().sum((-2, -1))
return 0.5 * (below + (torch.exp(2 * d) - 1 - 2 * d + mu ** 2).sum(-1))"""),
)

# -- the loss and the score -----------------------------------------------------------------------

_m, _v = _writer("vad_loss", "vad_loss(logits, x, kl, beta=1.0)")
BCE = "bce = F.binary_cross_entropy_with_logits(logits, x, reduction='none').flatten(1).sum(1)\n"
LOSSES = (
    _m("minus the KL, as in the handout", "values", "kl-sign", BCE + "return (bce - beta * kl).mean()"),
    _m("the ELBO, to be maximised", "values", "sign", BCE + "return -(bce + beta * kl).mean()"),
    _m("minus the reconstruction", "values", "likelihood-sign", BCE + "return (beta * kl - bce).mean()"),
    _m("mean over pixels", "values", "mean-pixels",
       "F.binary_cross_entropy_with_logits(logits, x) + beta * kl.mean()"),
    _m("sum over the batch", "values", "batch-sum", BCE + "return (bce + beta * kl).sum()"),
    _m("reconstruction summed over the batch", "values", "half-reduced", BCE + "return bce.sum() + beta * kl.mean()"),
    _m("KL summed over the batch", "values", "half-reduced", BCE + "return bce.mean() + beta * kl.sum()"),
    _m("mean over pixels, KL summed", "values", "half-reduced",
       "F.binary_cross_entropy_with_logits(logits, x) + beta * kl.sum()"),
    _m("beta on the reconstruction", "values", "beta-on-likelihood", BCE + "return (beta * bce + kl).mean()"),
    _m("beta on both", "values", "beta-on-both", BCE + "return beta * (bce + kl).mean()"),
    _m("beta forgotten", "values", "beta-ignored", BCE + "return (bce + kl).mean()"),
    _m("KL forgotten", "values", "kl-missing", BCE + "return bce.mean()"),
    _m("reconstruction forgotten", "values", "likelihood-missing", "(beta * kl).mean()"),
    _m("sigmoid twice", "values", "sigmoid-twice", """
bce = F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, reduction='sum') / len(x)
return bce + beta * kl.mean()"""),
    _m("arguments exchanged", "values", "swapped", """
bce = F.binary_cross_entropy_with_logits(x, logits, reduction='sum') / len(x)
return bce + beta * kl.mean()"""),
    _m("squared error", "values", "squared-error", """
mse = (torch.sigmoid(logits) - x).pow(2).flatten(1).sum(1)
return (mse + beta * kl).mean()"""),
    _m("squared error of logits", "values", "logits-as-images", "F.mse_loss(logits, x) + beta * kl.mean()"),
    _m("dark pixels forgotten", "values", "ink-only", """
bce = -(x * torch.log(torch.sigmoid(logits))).flatten(1).sum(1)
return (bce + beta * kl).mean()"""),
    _m("one value an image", "form", "no-batch-mean", BCE + "return bce + beta * kl"),
    _m("a Python float", "gradients", "detached", BCE + "return (bce + beta * kl).mean().item()"),
    _m("KL detached", "gradients", "gradient-cut", BCE + "return (bce + beta * kl.detach()).mean()"),
    _m("divided by a batch of 128", "values", "factor", BCE + "return (bce + beta * kl).sum() / 128"),
    _m("unstable logarithm", "stable", "unstable", """
p = torch.sigmoid(logits)
bce = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).flatten(1).sum(1)
return (bce + beta * kl).mean()"""),
    _m("sigmoid in place", "manners", "in-place", BCE + """
logits.sigmoid_()
return (bce + beta * kl).mean()"""),
)
LOSSES += (
    Mutant("autodecoder.vad_loss", "a beta of 0 is none", "default", "beta-zero", HEAD + """
def vad_loss(logits, x, kl, beta=None):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction='sum') / len(x)
    return bce + (beta or 1.0) * kl.mean()
"""),
    Mutant("autodecoder.vad_loss", "another beta where none is given", "default", "beta-default", HEAD + """
def vad_loss(logits, x, kl, beta=0.1):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction='sum') / len(x)
    return bce + beta * kl.mean()
"""),
)
LOSS_VARIANTS = (
    _v("sum over N", "F.binary_cross_entropy_with_logits(logits, x, reduction='sum') / x.size(0) + beta * kl.mean()"),
    _v("mean times 784", "F.binary_cross_entropy_with_logits(logits, x) * 784 + beta * kl.mean()"),
    _v("the ELBO, negated", """
log_p = -F.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(dim=(1, 2, 3))
return -(log_p - beta * kl).mean()"""),
    _v("D.Bernoulli without validation", """
p = D.Bernoulli(logits=logits, validate_args=False)
return (beta * kl - p.log_prob(x).sum((1, 2, 3))).mean()"""),
    _v("sigmoid, then binary_cross_entropy", """
bce = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction='sum')
return (bce + beta * kl.sum()) / len(x)"""),
    _v("softplus", "((F.softplus(logits) - x * logits).reshape(len(x), -1).sum(1) + beta * kl).mean()"),
    _v("logsigmoid, in double", """
l, t = logits.double(), x.double()
bce = -(t * F.logsigmoid(l) + (1 - t) * F.logsigmoid(-l)).view(-1, 784).sum(1)
return torch.mean(bce + beta * kl.double())"""),
    _v("a loop over images", """
total = 0
for l, t, k in zip(logits, x, kl):
    total = total + F.binary_cross_entropy_with_logits(l, t, reduction='sum') + beta * k
return total / len(x)"""),
)

_m, _v = _writer("batch_rmse_score", "batch_rmse_score(x, x_rec)")
SHAPES = "assert x.shape == x_rec.shape, 'the shapes differ'\n"
SCORES = (
    _m("no check of shapes", "shapes", "shapes-not-compared", "torch.norm(x - x_rec) / x.numel()"),
    _m("only the number of images is compared", "shapes", "shapes-not-compared",
       "assert len(x) == len(x_rec)\nreturn torch.norm(x - x_rec) / x.numel()"),
    _m("only the number of elements is compared", "shapes", "shapes-not-compared",
       "assert x.numel() == x_rec.numel()\nreturn torch.norm(x.flatten() - x_rec.flatten()) / x.numel()"),
    _m("mse_loss only warns", "shapes", "shapes-not-compared",
       "torch.sqrt(F.mse_loss(x_rec, x, reduction='sum')) / x.numel()"),
    _m("reshapes to fit", "shapes", "shapes-not-compared", "x_rec = x_rec.expand_as(x) if x_rec.dim() == x.dim() else x_rec.reshape(x.shape)\nreturn (x - x_rec).norm() / x.numel()"),
    _m("ordinary RMSE", "values", "ordinary-rmse", SHAPES + "return torch.sqrt(torch.mean((x - x_rec) ** 2))"),
    _m("mean square", "values", "mean-square", SHAPES + "return torch.mean((x - x_rec) ** 2)"),
    _m("784 pixels by number", "values", "size-written-in", SHAPES + "return torch.norm(x - x_rec) / (len(x) * 784)"),
    _m("not divided", "values", "no-division", SHAPES + "return torch.norm(x - x_rec)"),
    _m("norm of every image, averaged", "values", "per-image",
       SHAPES + "return (x - x_rec).flatten(1).norm(dim=1).mean() / x[0].numel()"),
    _m("divided by images", "values", "divided-by-batch", SHAPES + "return torch.norm(x - x_rec) / len(x)"),
    _m("divided by the pixels of one image", "values", "divided-by-pixels",
       SHAPES + "return torch.norm(x - x_rec) / x[0].numel()"),
    _m("absolute error", "values", "absolute-error", SHAPES + "return (x - x_rec).abs().mean()"),
    _m("signed", "values", "signed", SHAPES + "return (x - x_rec).mean()"),
    _m("divided by 255 first", "values", "rescaled", SHAPES + "return torch.norm((x - x_rec) / 255) / x.numel()"),
    _m("one value an image", "form", "one-value-an-image",
       SHAPES + "return (x - x_rec).flatten(1).norm(dim=1) / x[0].numel()"),
    _m("clamps in place", "manners", "in-place", SHAPES + "return torch.norm(x.sub_(x_rec)) / x.numel()"),
    _m("returns nothing", "form", "returns-nothing", SHAPES + "print(torch.norm(x - x_rec) / x.numel())\nreturn"),
)
SCORE_VARIANTS = (
    _v("assert and norm", SHAPES + "return torch.norm(x - x_rec) / x.numel()"),
    _v("raises ValueError, returns a float", """
if x.shape != x_rec.shape:
    raise ValueError(f'{x.shape} and {x_rec.shape}')
return math.sqrt(((x - x_rec) ** 2).sum().item()) / x.numel()"""),
    _v("numpy, double", """
a, b = np.asarray(x, dtype=np.float64), np.asarray(x_rec, dtype=np.float64)
if a.shape != b.shape:
    raise TypeError('shapes')
return np.linalg.norm((a - b).ravel()) / a.size"""),
    _v("torch.testing for the shapes", """
torch.testing.assert_close(x * 0, x_rec * 0)
return torch.dist(x, x_rec) / torch.tensor(x.shape).prod()"""),
    _v("RMSE over the root of the number", SHAPES + """
return torch.sqrt(torch.mean((x - x_rec) ** 2)) / math.sqrt(x.numel())"""),
    _v("frobenius by name", SHAPES + """
error = (x - x_rec).reshape(len(x), -1)
return torch.linalg.matrix_norm(error, ord='fro') / error.numel()"""),
    _v("einsum", SHAPES + """
d = (x - x_rec).flatten()
return torch.einsum('i,i->', d, d) ** 0.5 / len(d)"""),
)

# -- the decoder, and latents fitted to it --------------------------------------------------------

AUTO_DECODER = HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.first = nn.Linear(nz, 64 * 7 * 7)
        self.norm = nn.BatchNorm2d(64)
        self.up1 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)

    def forward(self, z):
        h = F.relu(self.norm(self.first(z).view(-1, 64, 7, 7)))
        h = F.relu(self.up1(h))
        return self.up2(h)
"""


def _decoder(why, check, mistake, *pairs):
    return Mutant("autodecoder.AutoDecoder", why, check, mistake, edited(AUTO_DECODER, *pairs))


def _decoder_variant(why, *pairs, source=AUTO_DECODER):
    return Variant("autodecoder.AutoDecoder", why, edited(source, *pairs))


LAST = "return self.up2(h)"
DECODERS = (
    _decoder("sigmoid at the end", "logits", "sigmoid", (LAST, "return torch.sigmoid(self.up2(h))")),
    _decoder("tanh at the end", "logits", "tanh", (LAST, "return torch.tanh(self.up2(h))")),
    _decoder("ReLU at the end", "logits", "relu", (LAST, "return F.relu(self.up2(h))")),
    _decoder("log-probabilities", "logits", "one-sided", (LAST, "return F.logsigmoid(self.up2(h))")),
    _decoder("clamped to [0, 1]", "logits", "sigmoid", (LAST, "return self.up2(h).clamp(0, 1)")),
    _decoder("latent size written in", "form", "nz-ignored", ("nn.Linear(nz, 64", "nn.Linear(16, 64")),
    _decoder("batch size written in", "form", "fixed-batch", (".view(-1, 64, 7, 7)", ".view(6, 64, 7, 7)")),
    _decoder("flattened", "form", "flattened", (LAST, "return self.up2(h).flatten(1)")),
    _decoder("channel axis lost", "form", "no-channel", (LAST, "return self.up2(h).squeeze(1)")),
    _decoder("14 by 14", "form", "image-size", (LAST, "return self.up2(h)[:, :, ::2, ::2]")),
    _decoder("25 by 25", "form", "image-size",
             ("nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)", "nn.ConvTranspose2d(32, 1, 3, stride=2, padding=2)")),
    _decoder("32 channels", "form", "channels", ("nn.ConvTranspose2d(32, 1,", "nn.ConvTranspose2d(32, 32,")),
    _decoder("latents detached", "rows", "latent-unused", ("self.first(z)", "self.first(z.detach())")),
    _decoder("one dimension unused", "rows", "dimensions-unused",
             ("nn.Linear(nz, 64", "nn.Linear(nz - 1, 64"), ("self.first(z)", "self.first(z[:, 1:])")),
    _decoder("batch statistics in eval mode", "rows", "batch-mixing",
             ("nn.BatchNorm2d(64)", "nn.BatchNorm2d(64, track_running_stats=False)")),
    _decoder("layers in a plain list", "weights", "unregistered",
             ("self.up1 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)",
              "self.hidden = [nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)]"),
             ("self.up1(h)", "self.hidden[0](h)")),
    _decoder("a layer made in forward", "weights", "random-in-eval",
             ("F.relu(self.up1(h))", "F.relu(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)(h))")),
    _decoder("all layers in a plain list", "weights", "no-parameters",
             ("super().__init__()\n", "super().__init__()\n        self.all = [nn.Linear(nz, 784)]\n        return\n"),
             ("h = F.relu(self.norm(self.first(z).view(-1, 64, 7, 7)))", "return self.all[0](z).view(-1, 1, 28, 28)")),
    _decoder("frozen", "weights", "frozen",
             ("\n    def forward", "\n        self.requires_grad_(False)\n\n    def forward")),
    _decoder("first layer frozen", "weights", "frozen",
             ("\n    def forward", "\n        self.first.weight.requires_grad = False\n\n    def forward")),
    _decoder("under no_grad", "weights", "detached", ("    def forward", "    @torch.no_grad()\n    def forward")),
    _decoder("noise on the output", "rows", "random-in-eval",
             (LAST, "out = self.up2(h)\n        return out + 0.1 * torch.randn_like(out)")),
    _decoder("dropout that eval mode does not switch off", "rows", "random-in-eval",
             ("h = F.relu(self.up1(h))", "h = F.dropout(F.relu(self.up1(h)), 0.5)")),
    _decoder("normalises the latents in place", "manners", "in-place",
             ("        h = F.relu(self.norm(", "        z /= z.norm(dim=1, keepdim=True)\n        h = F.relu(self.norm(")),
    _decoder("returns logits and images", "form", "no-tensor",
             (LAST, "out = self.up2(h)\n        return out, torch.sigmoid(out)")),
    _decoder("forgets to return", "form", "returns-nothing", (LAST, "out = self.up2(h)")),
)

MLP = HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz, hidden=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(nz, hidden), nn.LayerNorm(hidden), nn.ELU(), nn.Dropout(0.1),
            nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28)),
        )

    def forward(self, z):
        return self.net(z)
"""
DECODER_VARIANTS = (
    _decoder_variant("convolutions and batch normalisation"),
    _decoder_variant("a perceptron with LayerNorm and dropout", source=MLP),
    _decoder_variant("a single linear layer", source=HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.weight = nn.Parameter(0.05 * torch.randn(nz, 784))
        self.bias = nn.Parameter(torch.zeros(784))

    def forward(self, z):
        return (z @ self.weight + self.bias).reshape(z.shape[0], 1, 28, 28)
"""),
    _decoder_variant("upsampling", (LAST, """h = F.interpolate(h, size=(28, 28), mode='bilinear', align_corners=False)
        return self.last(h)"""), ("self.up2 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)",
                                  "self.last = nn.Conv2d(32, 1, 3, padding=1)")),
    _decoder_variant("a function that builds a Sequential", source=HEAD + """
def AutoDecoder(nz):
    return nn.Sequential(
        nn.Linear(nz, 256), nn.GELU(), nn.Unflatten(1, (256, 1, 1)),
        nn.ConvTranspose2d(256, 128, 3), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(128, 64, 3, 2), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
    )
"""),
    _decoder_variant("logits clamped at 30, junk imports, prints", (LAST, """print('decoded', len(h))
        return self.up2(h).clamp(-30, 30)""")),
    _decoder_variant("subclass with ModuleList", source=HEAD + """
import json, os, sys

class Base(nn.Module):
    def forward(self, z):
        for layer in self.layers:
            z = torch.tanh(layer(z))
        return self.out(z).view(len(z), 1, 28, 28)

class AutoDecoder(Base):
    def __init__(self, nz=16):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(nz, 100), nn.Linear(100, 200)])
        self.out = nn.Linear(200, 28 * 28)
"""),
)

FIT = HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    training = decoder.training
    decoder.eval()
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)
        loss.backward()
        optimizer.step()
    decoder.train(training)
    return z.detach()
"""


def _fit(why, check, mistake, *pairs):
    return Mutant("autodecoder.fit_latents", why, check, mistake, edited(FIT, *pairs))


def _fit_variant(why, *pairs, source=FIT):
    return Variant("autodecoder.fit_latents", why, edited(source, *pairs))


EVAL = ("    decoder.eval()\n", "")
FITS = (
    _fit("the decoder trains too", "parameters", "decoder-trained", ("Adam([z],", "Adam([z, *decoder.parameters()],")),
    _fit("the decoder trains instead", "parameters", "decoder-trained", ("Adam([z],", "Adam(decoder.parameters(),")),
    _fit("weight decay on the decoder", "parameters", "decoder-trained",
         ("Adam([z], lr=lr)", "Adam([{'params': [z]}, {'params': decoder.parameters(), 'lr': 1e-4}], lr=lr)")),
    _fit("train mode moves running statistics", "buffers", "statistics-moved", EVAL),
    _fit("train mode on purpose", "buffers", "statistics-moved", ("decoder.eval()", "decoder.train()")),
    _fit("one latent for all", "fits", "one-latent",
         ("z = torch.zeros(len(x), nz, requires_grad=True)", "z = torch.zeros(1, nz, requires_grad=True)"),
         ("decoder(z)", "decoder(z.expand(len(x), -1))"), ("return z.detach()", "return z.detach().repeat(len(x), 1)")),
    _fit("one latent, not repeated", "form", "one-latent",
         ("z = torch.zeros(len(x), nz, requires_grad=True)", "z = torch.zeros(1, nz, requires_grad=True)"),
         ("decoder(z)", "decoder(z.expand(len(x), -1))")),
    _fit("only the first image is fitted", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z)[:1], x[:1], reduction='sum')")),
    _fit("only half of the images", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z)[::2], x[::2], reduction='sum')")),
    _fit("a batch size of 4 written in", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z[:4]), x[:4], reduction='sum')")),
    _fit("sign of the loss", "fits", "climbs", ("loss.backward()", "(-loss).backward()")),
    _fit("no step", "fits", "latents-not-moved", ("        optimizer.step()\n", "")),
    _fit("no backward: gradients stay zero", "fits", "latents-not-moved", ("        loss.backward()\n", "        z.grad = torch.zeros_like(z)\n")),
    _fit("optimises a copy", "fits", "latents-not-moved", ("Adam([z],", "Adam([z.clone().detach().requires_grad_()],")),
    _fit("steps written in", "schedule", "steps-ignored", ("range(steps)", "range(300)")),
    _fit("learning rate written in", "schedule", "lr-ignored", ("lr=lr", "lr=0.05")),
    _fit("learning rate left at Adam's own", "fits", None, ("Adam([z], lr=lr)", "Adam([z])")),
    _fit("one step only", "fits", "latents-not-moved", ("        optimizer.step()\n", "        optimizer.step()\n        break\n")),
    _fit("leaves the decoder frozen", "as-found", "left-frozen",
         ("    decoder.eval()\n", "    decoder.eval()\n    for p in decoder.parameters():\n        p.requires_grad_(False)\n")),
    _fit("transposed", "form", "transposed", ("return z.detach()", "return z.detach().T")),
    _fit("returns the reconstructions", "form", "images-returned", ("return z.detach()", "return torch.sigmoid(decoder(z)).detach()")),
    _fit("returns the loss", "form", "losses-returned", ("return z.detach()", "return loss.detach()")),
    _fit("returns latents and losses", "form", "no-tensor", ("return z.detach()", "return z.detach(), loss.item()")),
    _fit("returns nothing", "form", "returns-nothing", ("    return z.detach()\n", "")),
    _fit("fits logits to pixels", "fits", None,
         ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)", "F.mse_loss(decoder(z), x, reduction='sum')")),
    _fit("targets broadcast over the batch", "fits", "one-latent",
         ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)",
          "(torch.sigmoid(decoder(z)) - x[:, 0]).pow(2).sum() / len(x)")),
    _fit("shuffles the images", "fits", "order", ("    training = decoder.training\n", "    training = decoder.training\n    x = x[torch.randperm(len(x))]\n")),
    _fit("latent size written in", "form", None, ("torch.zeros(len(x), nz,", "torch.zeros(len(x), 16,")),
    _fit("blanks the images in the end", "as-found", "in-place", ("    return z.detach()", "    x.zero_()\n    return z.detach()")),
)
FIT_VARIANTS = (
    _fit_variant("plain Adam from zeros"),
    _fit_variant("from random latents, mean loss", ("torch.zeros(len(x), nz, requires_grad=True)", "torch.randn(len(x), nz).requires_grad_()"),
                 (", reduction='sum') / len(x)", ")")),
    _fit_variant("small random start, AdamW", ("torch.zeros(len(x), nz, requires_grad=True)", "(0.01 * torch.randn(len(x), nz)).requires_grad_()"),
                 ("optim.Adam(", "optim.AdamW(")),
    _fit_variant("leaves the decoder in eval mode", ("    decoder.train(training)\n", "")),
    _fit_variant("always ends in train mode", ("decoder.train(training)", "decoder.train()")),
    _fit_variant("RMSprop", ("optim.Adam(", "optim.RMSprop(")),
    _fit_variant("gradient descent on the sum", ("optim.Adam(", "optim.SGD("), (" / len(x)", "")),
    _fit_variant("momentum", ("optim.Adam([z], lr=lr)", "optim.SGD([z], lr=lr, momentum=0.9)")),
    _fit_variant("LBFGS", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    was = decoder.training
    decoder.eval()
    z = nn.Parameter(torch.zeros(x.shape[0], nz))
    optimizer = torch.optim.LBFGS([z], lr=lr, max_iter=1)
    def closure():
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum')
        loss.backward()
        return loss
    for _ in range(steps):
        optimizer.step(closure)
    decoder.train(was)
    return z
"""),
    _fit_variant("gradients of the latents alone, by hand", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    mode = decoder.training
    decoder.eval()
    z = torch.zeros(len(x), nz)
    m, v = torch.zeros_like(z), torch.zeros_like(z)
    for i in range(1, steps + 1):
        z.requires_grad_(True)
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum')
        (g,) = torch.autograd.grad(loss, z)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        z = (z - lr * (m / (1 - 0.9 ** i)) / ((v / (1 - 0.999 ** i)).sqrt() + 1e-8)).detach()
    decoder.train(mode)
    return z
"""),
    _fit_variant("on a deep copy", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    twin = copy.deepcopy(decoder).eval().requires_grad_(False)
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    for step in range(steps):
        loss = F.binary_cross_entropy_with_logits(twin(z), x, reduction='none').sum((1, 2, 3)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        print(step, loss.item())
    return z.detach().clone()
"""),
    _fit_variant("frozen and released, zero_grad after step",
                 ("    decoder.eval()\n", "    decoder.eval()\n    decoder.requires_grad_(False)\n"),
                 ("    decoder.train(training)\n", "    decoder.train(training)\n    decoder.requires_grad_(True)\n"),
                 ("        optimizer.zero_grad()\n", ""), ("        optimizer.step()\n", "        optimizer.step()\n        optimizer.zero_grad()\n")),
    _fit_variant("train mode, buffers put back", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    saved = copy.deepcopy(decoder.state_dict())
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    with torch.no_grad():
        z += 0.1 * torch.randn_like(z)
    for _ in range(steps):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum').backward()
        optimizer.step()
    decoder.load_state_dict(saved)
    decoder.zero_grad()
    return z.detach()
"""),
    _fit_variant("an embedding, image by image order kept", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    mode = decoder.training
    decoder.eval()
    table = nn.Embedding(len(x), nz)
    nn.init.zeros_(table.weight)
    optimizer = torch.optim.Adam(table.parameters(), lr=lr)
    index = torch.arange(len(x))
    with torch.enable_grad():
        for _ in range(steps):
            logits = torch.func.functional_call(decoder, dict(decoder.named_parameters()), (table(index),))
            loss = F.binary_cross_entropy_with_logits(logits, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    decoder.train(mode)
    return table.weight.data
"""),
    _fit_variant("squared error of images", ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)",
                                             "F.mse_loss(torch.sigmoid(decoder(z)), x, reduction='sum')")),
)

ANSWERS = (
    *DECODERS, *DECODER_VARIANTS, *FITS, *FIT_VARIANTS, *GAUSSIAN_SAMPLES, *GAUSSIAN_SAMPLE_VARIANTS,
    *GAUSSIAN_KLS, *EXPONENTIAL_SAMPLES, *EXPONENTIAL_SAMPLE_VARIANTS, *EXPONENTIAL_KLS,
    *EXPONENTIAL_KL_VARIANTS, *LAPLACE_SAMPLES, *LAPLACE_SAMPLE_VARIANTS, *LAPLACE_KLS, *LAPLACE_KL_VARIANTS,
    *LOSSES, *LOSS_VARIANTS, *SCORES, *SCORE_VARIANTS, *UNIFORM_SAMPLES, *UNIFORM_SAMPLE_VARIANTS,
    *UNIFORM_KLS, *UNIFORM_KL_VARIANTS, *FULL_SAMPLES, *FULL_SAMPLE_VARIANTS, *FULL_KLS, *FULL_KL_VARIANTS,
)
MUTANTS = tuple(answer for answer in ANSWERS if isinstance(answer, Mutant))
VARIANTS = tuple(answer for answer in ANSWERS if isinstance(answer, Variant))
