"""Answers to `rsample_…`: samples of the five families."""

from .common import FACTOR, FACTORS, writer

_m, _v = writer("rsample_gaussian", "rsample_gaussian(mu, logvar, eps)")
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

_m, _v = writer("rsample_exponential", "rsample_exponential(log_rate, u)")
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

_m, _v = writer("rsample_laplace", "rsample_laplace(mu, log_scale, u)")
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

_m, _v = writer("rsample_uniform", "rsample_uniform(low_logit, width_logit, u)")
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

_m, _v = writer("rsample_full_gaussian", "rsample_full_gaussian(mu, tril, eps)")
APPLY = "return mu + (L @ eps.unsqueeze(2)).squeeze(2)"
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
