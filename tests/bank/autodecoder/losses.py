"""Answers to `vad_loss` and `batch_rmse_score`."""

from .. import Mutant
from .common import HEAD, writer

_m, _v = writer("vad_loss", "vad_loss(logits, x, kl, beta=1.0)")
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

_m, _v = writer("batch_rmse_score", "batch_rmse_score(x, x_rec)")
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
