"""Answers to `kl_…`: divergences of the five families."""

from dataclasses import replace

from .. import vae
from .common import FACTOR, FACTORS, writer

# The question is that of `vae`, and so are the answers.
GAUSSIAN_KLS = tuple(
    replace(answer, question="autodecoder.kl_gaussian")
    for answer in (*vae.MUTANTS, *vae.VARIANTS)
    if answer.question == "vae.kl_gaussian"
)

_m, _v = writer("kl_exponential", "kl_exponential(log_rate)")
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

_m, _v = writer("kl_laplace", "kl_laplace(mu, log_scale)")
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

_m, _v = writer("kl_uniform", "kl_uniform(low_logit, width_logit)")
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

_m, _v = writer("kl_full_gaussian", "kl_full_gaussian(mu, tril)")
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
