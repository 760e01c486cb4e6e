"""Visible checks of `autodecoder`: shapes, signs, symmetries, worked values; see `utils.checks`."""

import functools

import torch
from torch import nn

from utils.checks import (
    CheckFailed,
    attached,
    check,
    close,
    device_of,
    kind,
    listed,
    model,
    moved_by,
    require,
    shown,
    tensor,
)
from utils.checks.vae import KL, LOGITS, MU, X, kl_values
from utils.checks.vae import LOGVAR as SCALE

# The posteriors of `vae`, whose second parameter means something else in each family; for the full
# Gaussian, of which only what is not above the diagonal counts, this one.
TRIL = torch.tensor(
    [
        [[0.3, 9.0, 9.0], [0.5, -1.2, 9.0], [-0.7, 0.4, 0.8]],
        [[0.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, -1.0, 0.0]],
        [[-2.0, 5.0, -5.0], [0.0, 1.0, 3.0], [0.6, 0.0, -0.5]],
    ]
)
COVARIANCE = torch.tensor(
    [
        [[1.8221, 0.6749, -0.9449], [0.6749, 0.3407, -0.2295], [-0.9449, -0.2295, 5.6030]],
        [[1.0, 2.0, 0.0], [2.0, 5.0, -1.0], [0.0, -1.0, 2.0]],
        [[0.0183, 0.0, 0.0812], [0.0, 7.3891, 0.0], [0.0812, 0.0, 0.7279]],
    ]
)


def challenge(function):
    """A check of extra credit: while the function is unwritten, a sentence and no error."""
    strict = check(function)

    @functools.wraps(function)
    def checked(student):
        unwritten = []

        def watched(*args):
            try:
                return student(*args)
            except NotImplementedError:
                unwritten.append(student)
                raise

        try:
            strict(watched)
        except CheckFailed:
            if not unwritten:
                raise
            print("Still to be written. It is a challenge: the cells below do without it.")

    return checked


# -- the auto-decoder -----------------------------------------------------------------------------


@check
def AutoDecoder(build):
    """AutoDecoder(nz): logits (B, 1, 28, 28), reached by gradients, any nz."""
    made = {nz: model(build, "AutoDecoder", nz) for nz in (7, 24)}
    for nz, decoder in made.items():
        decoder.eval()
        z = torch.randn(5, nz, device=device_of(decoder), requires_grad=True)
        logits = tensor(
            decoder(z),
            (5, 1, 28, 28),
            f"AutoDecoder({nz})(z) for z of shape (5, {nz})",
            "Print the shape after every layer and compare with the table.",
        )
        attached(logits, "The logits")
        grad = torch.autograd.grad(logits[1].square().sum(), z, retain_graph=True)[0]
        require(grad[1].abs().sum() > 0, "The images do not depend on z.")
        require(not grad[0].any(), "In eval mode an image should depend on its own row of z only.")
    with torch.no_grad():
        for p in decoder.parameters():
            p.mul_(10)
    far = decoder(100 * z)
    require(
        far.min() < 0 < far.max() and far.abs().max() > 1,
        f"For large z and weights the output stays between {far.min():.3g} and {far.max():.3g}. "
        "A decoder ends with its last linear or convolutional layer: logits are any numbers, and "
        "the sigmoid comes later, with the loss.",
    )
    used = torch.autograd.grad(far.sum(), list(decoder.parameters()), allow_unused=True)
    idle = [n for (n, _), g in zip(decoder.named_parameters(), used, strict=True) if g is None]
    require(not idle, f"These parameters are never used in forward: {', '.join(idle)}.")
    size = sum(p.numel() for p in decoder.parameters())
    return f"logits of the right shape for any nz; {size:,} parameters."


@check
def batch_rmse_score(score):
    """score(x, x_rec): a norm over the whole batch by the number of elements; shapes must match."""
    x, y = 255 * torch.rand(2, 6, 1, 28, 28)
    value = _number(score(x, y), "The score of a batch")
    require(value > 0, f"Two different batches have the score {value:.4g}; it should be positive.")
    same = _number(score(x, x), "The score of equal batches")
    require(same == 0, f"A batch against itself should score 0, not {same:.4g}.")
    require(close(score(y, x), value), "x and x_rec should be interchangeable; they are not.")
    tripled = _number(score(x, x + 3 * (y - x)), "The score")
    require(
        close(tripled, 3 * value),
        f"Three times the error should give three times the score, not {tripled / value:.3g} times "
        "(9 would be: the root is missing).",
    )
    flat = _number(score(torch.zeros(2, 1, 28, 28), torch.full((2, 1, 28, 28), 5.0)), "The score")
    slips = {
        1568**0.5: "that is the root of the *mean* square: the root comes first, of the sum",
        2.0: "that divides by the elements of one image; count those of the batch",
        2**0.5: "that is a mean over images; the norm is taken over the whole batch at once",
        784.0: "that divides by the number of images",
        1568.0: "that is the norm alone, not divided",
    }
    right = 5 / 1568**0.5
    for ratio, slip in slips.items():
        require(
            not close(flat, ratio * right, 1e-3, 0),
            f"For 2 images that are off by 5 in every pixel the score is {right:.4f}; "
            f"yours is {flat:.4g}: {slip}.",
        )
    require(
        close(flat, right),
        f"For 2 images that are off by 5 everywhere, the score is {right:.4f}; yours: {flat:.4g}.",
    )
    again = _number(score(x.repeat(4, 1, 1, 1), y.repeat(4, 1, 1, 1)), "The score")
    require(
        close(again, value / 2),
        f"The same batch four times over should score half as much, not {again / value:.3g} times.",
    )
    for a, b in (((4, 1, 28, 28), (4, 28, 28)), ((4, 1, 28, 28), (1, 1, 28, 28))):
        try:
            score(torch.zeros(a), torch.zeros(b))
        except Exception:
            continue
        raise CheckFailed(
            f"Shapes {a} and {b} gave a score without a complaint. Broadcasting compared every "
            "image with every other: refuse, with `raise ValueError(…)`, when the shapes differ."
        )
    return "norm by number of elements, zero for equal images, and different shapes are refused."


@check
def autodecoder_epoch(epoch):
    """epoch(model, loader, optimizer): trains decoder and the latents of the rows that came."""
    net, first, _ = _trained(epoch)
    losses = first
    require(isinstance(losses, list), f"It should return a list, and returned {kind(losses)}.")
    require(len(losses) == 3, f"3 batches should give 3 losses, but there are {len(losses)}.")
    require(
        all(isinstance(loss, float) for loss in losses),
        f"The list holds {kind(losses[0])}, not floats: `.item()` keeps the number and lets the "
        "batch's graph go.",
    )
    require(
        close(losses[0], 543.427, 1e-3),
        f"The first loss should be 543.4 nats an image (784 ln 2: every pixel undecided), not "
        f"{losses[0]:.4g}. Sum over pixels, mean over the batch.",
    )
    _moved(net)
    return "one step a batch; decoder and latents learn, and only the rows that came."


@check
def fit_latents(fit):
    """fit(decoder, x, nz, steps, lr): better latents with more steps; the decoder is left alone."""
    torch.manual_seed(1)
    decoder = nn.Sequential(
        nn.Linear(6, 784), nn.BatchNorm1d(784), nn.Dropout(0.5), nn.Unflatten(1, (1, 28, 28))
    )
    for p in decoder.parameters():
        p.data.mul_(3)
    z = 0.7 * torch.randn(8, 6)
    with torch.no_grad():
        x = torch.sigmoid(decoder.eval()(z))
    decoder.train()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    x_before = x.clone()
    errors = {}
    for steps in (3, 60):
        torch.manual_seed(2)
        found = tensor(
            fit(decoder, x, 6, steps, 0.1), (8, 6), "The fitted latents of 8 images with nz = 6"
        )
        with torch.no_grad():
            errors[steps] = float((torch.sigmoid(_evaluated(decoder, found)) - x).square().mean())
    start = float((torch.sigmoid(_evaluated(decoder, torch.zeros(8, 6))) - x).square().mean())
    for name, value in decoder.state_dict().items():
        if torch.equal(value, before[name]):
            continue
        parameter = name in dict(decoder.named_parameters())
        why = (
            "the decoder's weights moved: give the optimizer the latents, and nothing else"
            if parameter
            else "BatchNorm's running statistics moved. They do so at every forward pass in train "
            "mode: switch the decoder to eval mode first"
        )
        raise CheckFailed(f"`{name}` of the decoder is not what it was: {why}.")
    require(
        all(p.requires_grad for p in decoder.parameters()),
        "The decoder's weights do not require a gradient any more: whoever trains it next would "
        "train nothing. Leave them alone: the optimizer is given the latents only.",
    )
    require(torch.equal(x, x_before), "The images were changed in place.")
    require(
        errors[60] < errors[3],
        f"60 steps should fit better than 3, but the mean squared error went from "
        f"{errors[3]:.4f} to {errors[60]:.4f}. Is the loss minimised, are gradients cleared?",
    )
    require(
        errors[60] < 0.3 * start,
        f"After 60 steps the error is {errors[60]:.4f}; with z = 0 it is {start:.4f}, and these "
        "images could be fitted far better. Do the latents that you return come from the "
        "optimizer, and is the decoder in eval mode (dropout is off there)?",
    )
    return "the latents improve step by step, and the decoder is as it was."


# -- variational: one check a family --------------------------------------------------------------


@check
def vad_loss(loss):
    """loss(logits, x, kl, beta): a scalar to minimise, nats an image, β on the KL only."""
    x, logits = X, LOGITS.clone().requires_grad_()
    kl = torch.tensor([4.0, 10.0], requires_grad=True)
    value = loss(logits, x, kl)
    tensor(value, (), "The loss of a batch", "One number: the mean over the images.")
    attached(value, "The loss")
    right = {1.0: 902.563, 0.0: 895.563, 2.5: 913.063}
    got = {beta: float(loss(logits, x, kl, beta).detach()) for beta in right}
    said = f"At β = 0 the worked batch has a loss of {right[0.0]} nats, yours is {got[0.0]:.6g}"
    slips = {
        -1.0: "the sign is wrong: this one is minimised",
        2.0: "summed over the images, where the course takes their mean",
        1 / 784: "averaged over pixels, where the course sums",
    }
    for ratio, slip in slips.items():
        require(not close(got[0.0], ratio * right[0.0]), f"{said}: {slip}.")
    require(close(got[0.0], right[0.0]), f"{said}.")
    for beta in (1.0, 2.5):
        require(
            close(got[beta], right[beta], 1e-5),
            f"With KLs of 4 and 10 nats, β = {beta:g} should add {7 * beta:g} nats, but adds "
            f"{got[beta] - got[0.0]:.4g}.",
        )
    require(close(value, right[1.0]), "Without a fourth argument, β should be 1.")
    extreme = loss(200 * torch.sign(logits), x.round(), kl)
    require(
        bool(torch.isfinite(extreme)),
        "Logits of ±200 give infinity or NaN. A sigmoid followed by a logarithm does that; work "
        "from the logits.",
    )
    grads = torch.autograd.grad(loss(logits, x, kl), (logits, kl), allow_unused=True)
    for name, grad in zip(("logits", "kl"), grads, strict=True):
        require(grad is not None and grad.any(), f"No gradient reaches {name} through the loss.")
    return "reconstruction plus β times KL, in nats an image, safe for large logits."


@check
def rsample_gaussian(sample):
    """sample(mu, logvar, eps): mu for eps = 0, and a step of one standard deviation for eps = 1."""
    logvar = torch.tensor([[-2.0, 0.0, 2.1972]]).repeat(3, 1)  # std 0.37, 1, 3
    z = _sampled(sample, (MU, logvar), torch.zeros(3, 3), ("mu", "logvar"))
    require(
        close(z, MU), f"For eps = 0 a sample should be mu; for mu {shown(MU)} it is {shown(z)}."
    )
    step = (sample(MU, logvar, torch.ones(3, 3)) - MU).abs()
    require(
        close(step[0], [0.3679, 1.0, 3.0]),
        "For eps = 1 a sample should lie one standard deviation from mu: [0.368, 1, 3] for logvar "
        f"[-2, 0, 2.2]; yours lies {shown(step[0])} away. Of what is logvar the logarithm?",
    )
    eps = torch.randn(3, 3)
    sides = sample(MU, logvar, eps) + sample(MU, logvar, -eps)
    require(close(sides, 2 * MU), "eps and -eps should lead to opposite sides of mu.")
    return "mu plus noise of the right size, from the eps that was given."


@check
def kl_gaussian(kl):
    """kl(mu, logvar) to N(0, I)."""
    _kl(kl, (MU, SCALE), KL, "mu = 0, or logvar = 0.")
    _zero_at(kl, torch.zeros(4, 6), torch.zeros(4, 6))
    _even(kl)
    return "one value an image, zero only at the prior, and right on three worked examples."


@check
def rsample_exponential(sample):
    """sample(log_rate, u): positive, with mean and spread 1/λ; u or 1 - u both serve."""
    z = _sampled(sample, (SCALE,), torch.full((3, 3), 0.3), ("log_rate",))
    u = _quantiles()
    log_rate = torch.tensor([-1.0986, 0.0, 0.6931]).repeat(len(u), 1)  # means 3, 1, 0.5
    z = sample(log_rate, u)
    require(
        z.min() >= 0,
        f"An exponential variable is positive; the smallest of your samples is {z.min():.3g}. "
        "The logarithm of a number below 1 is negative.",
    )
    _monotone(z)
    means = z.mean(0)
    require(
        close(means, [3.0, 1.0, 0.5], 0.02),
        "For rates of [1/3, 1, 2] the means should be [3, 1, 0.5], one over the rate; yours are "
        f"{shown(means)}. Is log_rate turned into a rate, and the rate on the right side of the "
        "fraction?",
    )
    middle = float(sample(torch.zeros(1, 1), torch.full((1, 1), 0.5)))
    require(
        close(middle, 0.6931),
        f"Half of all Exp(1) variables lie below 0.693, so u = 0.5 should give that: {middle:.4g}.",
    )
    return "positive, monotone in u, and with mean 1/λ."


@check
def kl_exponential(kl):
    """kl(log_rate) to Exp(1)."""
    _kl(kl, (SCALE,), [1.4103, 0.0, 4.9057], "log_rate = 0, or a very large one.")
    _zero_at(kl, torch.zeros(4, 6))
    return "one value an image, zero only at the prior, and right on three worked examples."


@check
def rsample_laplace(sample):
    """sample(mu, log_scale, u): median mu, mean distance b from it, symmetric."""
    _sampled(sample, (MU, SCALE), torch.full((3, 3), 0.3), ("mu", "log_scale"))
    middle = sample(MU, SCALE, torch.full((3, 3), 0.5))
    require(
        close(middle, MU),
        f"u = 0.5 is the middle of the distribution, mu = {shown(MU)}; yours is {shown(middle)}.",
    )
    u = _quantiles()
    mu = torch.tensor([0.5, -1.0, 2.0]).expand(len(u), -1)
    log_scale = torch.tensor([-1.0, 0.0, 1.0986]).expand(len(u), -1)  # b = 0.37, 1, 3
    z = sample(mu, log_scale, u)
    require(
        close(z + sample(mu, log_scale, 1 - u), 2 * mu, 1e-2, 1e-2),
        "u and 1 - u should lead to opposite sides of mu, equally far. Is the sign of u - 0.5 in?",
    )
    _monotone(z)
    distance = (z - mu).abs().mean(0)
    require(
        close(distance, [0.3679, 1.0, 3.0], 0.02),
        "The mean distance from mu should be b = [0.368, 1, 3]; yours is "
        f"{shown(distance)}. log_scale is the logarithm of b itself.",
    )
    quarter = float((sample(torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1, 1), 0.75))).abs())
    require(
        close(quarter, 0.6931),
        f"A quarter of Laplace(0, 1) lies beyond 0.693, where u = 0.75 should lead: {quarter:.4g}.",
    )
    return "symmetric about mu, monotone in u, and b is the mean distance from mu."


@check
def kl_laplace(kl):
    """kl(mu, log_scale) to Laplace(0, 1)."""
    _kl(kl, (MU, SCALE), [2.4490, 5.0681, 2.1464], "mu = 0, or log_scale = 0.")
    _zero_at(kl, torch.zeros(4, 6), torch.zeros(4, 6))
    _even(kl)
    return "one value an image, zero only at the prior, and right on three worked examples."


@challenge
def rsample_uniform(sample):
    """sample(low_logit, width_logit, u): inside an interval that lies in (0, 1)."""
    _sampled(sample, (MU, SCALE), torch.full((3, 3), 0.3), ("low_logit", "width_logit"))
    low, width = torch.tensor([[0.0, 0.0, -1.0986]]), torch.tensor([[0.0, -1.0986, 1.0986]])
    ends = torch.stack([sample(low, width, torch.full((1, 3), u))[0] for u in (0.0, 1.0)])
    first, last = ends.min(0).values, ends.max(0).values
    widths = last - first
    require(
        close(widths, [0.5, 0.25, 0.75]),
        "For width_logit [0, -1.0986, 1.0986] the widths should be [0.5, 0.25, 0.75]; yours are "
        f"{shown(widths)}.",
    )
    require(
        close(first, [0.25, 0.375, 0.0625]),
        f"These intervals should start at [0.25, 0.375, 0.0625]; yours start at {shown(first)}. "
        "The sigmoid of low_logit says which share of the *free* room lies below the interval.",
    )
    a, b = 30 * torch.randn(2, 400, 3)
    z = sample(a, b, torch.rand(400, 3))
    require(
        z.min() >= -1e-6 and z.max() <= 1 + 1e-6,
        f"Some samples leave (0, 1): they reach from {z.min():.3g} to {z.max():.3g}. There the "
        "prior has no density, and the KL is infinite.",
    )
    _monotone(sample(low.repeat(4999, 1), width.repeat(4999, 1), _quantiles()))
    return "intervals of the right place and width, never outside of (0, 1)."


@challenge
def kl_uniform(kl):
    """kl(low_logit, width_logit) to U(0, 1): the width alone matters."""
    _kl(kl, (MU, SCALE), [2.3887, 2.0794, 3.4143], "a width of 1, or of one half.")
    require(
        close(kl(MU + 3, SCALE), kl(MU, SCALE)),
        "Moving an interval about inside of (0, 1) should not change its KL: the prior is flat.",
    )
    far = kl(torch.zeros(1, 2), torch.full((1, 2), -200.0))
    require(
        bool(torch.isfinite(far)),
        f"A width_logit of -200 gives {shown(far)}. The sigmoid is 0 there, and its logarithm "
        "infinite: torch has a function that computes both in one.",
    )
    wide = kl(torch.zeros(2, 3), torch.full((2, 3), 30.0))
    require(
        close(wide, torch.zeros(2)), f"The widest interval is the prior: KL 0, not {shown(wide)}."
    )
    return "the width alone matters, zero for the whole of (0, 1), safe for extreme logits."


@challenge
def rsample_full_gaussian(sample):
    """sample(mu, tril, eps): mu for eps = 0, and the right covariance."""
    z = _sampled(sample, (MU, TRIL), torch.zeros(3, 3), ("mu", "tril"))
    require(
        close(z, MU), f"For eps = 0 a sample should be mu; for mu {shown(MU)} it is {shown(z)}."
    )
    axes = [sample(MU, TRIL, row.expand(3, 3)) - MU for row in torch.eye(3)]
    covariance = sum(step[:, :, None] * step[:, None, :] for step in axes)
    upper = TRIL + torch.full((3, 3), 5.0).triu(1)
    eps = torch.randn(3, 3)
    require(
        close(sample(MU, TRIL, eps), sample(MU, upper, eps)),
        "Numbers above the diagonal of tril changed the sample. L is lower triangular: they do "
        "not count.",
    )
    variances = covariance.diagonal(dim1=1, dim2=2)
    right = COVARIANCE.diagonal(dim1=1, dim2=2)
    require(
        close(variances, right, 1e-3, 1e-3),
        f"For the first example the variances should be {shown(right[0])}; yours are "
        f"{shown(variances[0])}. Is exp applied to the diagonal, and to the diagonal only?",
    )
    require(
        close(covariance, COVARIANCE, 1e-3, 1e-3),
        "The variances are right but the covariances are not: is it L times eps, row by row of L?",
    )
    return "mu plus L·eps, with the right covariance, and the upper triangle is ignored."


@challenge
def kl_full_gaussian(kl):
    """kl(mu, tril) to N(0, I)."""
    look = "tril = 0, where L is the identity."
    _kl(kl, (MU, TRIL), [5.1079, 15.0, 4.3376], look, additive=False)
    _zero_at(kl, torch.zeros(4, 6), torch.zeros(4, 6, 6))
    diagonal = kl(MU, torch.diag_embed(SCALE / 2))
    require(
        close(diagonal, KL),
        "With a diagonal L it should agree with your `kl_gaussian`: [3.113, 12.5, 1.25] for the "
        f"worked examples, not {shown(diagonal)}. The diagonal of tril is log σ, not log σ².",
    )
    _even(lambda mu, scale: kl(mu, torch.diag_embed(scale)))
    return "one value an image, zero only at the prior, and kl_gaussian's where L is diagonal."


@check
def vad_epoch(epoch):
    """epoch(model, family, loader, optimizer, beta): pairs (reconstruction, kl) of floats."""
    net, pairs, family = _trained(epoch, beta=0.5)
    require(isinstance(pairs, list), f"It should return a list, and returned {kind(pairs)}.")
    require(len(pairs) == 3, f"3 batches should give 3 pairs, but there are {len(pairs)}.")
    for pair in pairs:
        require(
            isinstance(pair, tuple | list) and len(pair) == 2,
            f"Each entry should be a pair (reconstruction, kl), but is {kind(pair)}.",
        )
        require(
            all(isinstance(value, float) for value in pair),
            f"The pairs hold {kind(pair[0])} and {kind(pair[1])}, not floats: `.item()`.",
        )
    reconstruction, kl = pairs[0]
    said = f"The first pair is ({reconstruction:.4g}, {kl:.4g}), where (543.4, 2) was expected"
    require(
        not close(kl, 1.0),
        f"{said}: log the KL itself, not β times it, or runs cannot be compared.",
    )
    require(
        not close(reconstruction, 544.427),
        f"{said}: the first is the whole loss. Log −log p(x|z) alone.",
    )
    require(close([reconstruction, kl], [543.427, 2.0]), f"{said}, in nats an image.")
    require(
        len(family.sampled) == 3,
        f"3 batches came; family.rsample was called {len(family.sampled)} times.",
    )
    require(
        all(family.sampled),
        "z was not sampled with fresh noise of one row an image: `family.noise(len(x))`.",
    )
    _moved(net)
    strong, _, _ = _trained(epoch, beta=1e4)
    require(
        strong.latents[1].abs().sum() < net.latents[1].abs().sum(),
        "A huge β should press the KL down, but it did not. Is `beta` handed on to vad_loss?",
    )
    return "a fresh sample for every image, one step a batch, and both terms logged in nats."


# -- shared ---------------------------------------------------------------------------------------


def _number(value, what: str) -> float:
    """One number, whether float or tensor."""
    whole = isinstance(value, float | int) or getattr(value, "size", None) is not None
    require(whole and not isinstance(value, bool), f"{what} should be a number, not {kind(value)}.")
    value = torch.as_tensor(value)
    require(value.numel() == 1, f"{what} should be one number, not of shape {tuple(value.shape)}.")
    require(bool(torch.isfinite(value).all()), f"{what} is {value.item()}.")
    return float(value)


def _sampled(sample, given, noise, names):
    """A sample of shape (3, 3): right shape, same for the same noise, gradients to parameters."""
    given = tuple(t.clone().requires_grad_() for t in given)
    z = tensor(sample(*given, noise), (3, 3), "A sample of 3 images and 3 dimensions")
    require(
        close(sample(*given, noise), z, 0, 0),
        "Two calls with the same noise gave two different samples. Draw nothing yourself: all "
        "randomness comes in through the last argument.",
    )
    attached(z, "The sample")
    weights = torch.tensor([1.0, 2.0, 3.0])
    other = sample(*given, noise + 0.2)
    grads = torch.autograd.grad((z * weights + other).sum(), given, allow_unused=True)
    for name, grad in zip(names, grads, strict=True):
        require(
            grad is not None and bool(grad.any()),
            f"No gradient reaches {name} through the sample: it must be computed from {name}.",
        )
    return z


def _quantiles():
    """(4999, 3): the middles of 4999 equal parts of (0, 1), the same in each dimension."""
    return ((torch.arange(4999) + 0.5) / 4999)[:, None].expand(-1, 3)


def _monotone(z):
    steps = z.diff(dim=0)
    require(
        bool((steps >= 0).all() or (steps <= 0).all()),
        "As u runs from 0 to 1 the samples should run through the distribution in one direction, "
        "but yours turn back.",
    )


def _kl(kl, given, right, look, additive=True):
    """Form, gradients and values of a KL on the worked examples; positive elsewhere."""
    kl_values(kl, given, torch.as_tensor(right), "The KL", look)
    if additive:
        random = tuple(torch.randn(40, 5) for _ in given)
        low = kl(*random).min()
        require(low > -1e-5, f"A KL is never negative; on random inputs it fell to {low:.3g}.")
        double = kl(*(t.repeat(1, 2) for t in random))
        require(
            close(double, 2 * kl(*random)),
            "Twice the same latent dimensions should cost twice the KL, and do not.",
        )


def _zero_at(kl, *prior):
    value = kl(*prior)
    require(
        close(value, torch.zeros(len(prior[0]))),
        f"The KL of the prior to itself should be 0, but is {shown(value)}.",
    )


def _even(kl):
    mu, scale = torch.randn(2, 20, 5)
    require(
        close(kl(-mu, scale), kl(mu, scale)),
        "The prior is symmetric: it should not matter on which side of 0 a mean lies.",
    )


def _evaluated(decoder, z):
    """decoder(z) in eval mode, leaving the mode as it was."""
    mode = decoder.training
    decoder.eval()
    try:
        return decoder(z).detach()
    finally:
        decoder.train(mode)


class _Toy(nn.Module):
    """Stands in for a model of 9 images: a linear decoder and two latent parameters an image."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(3, 784), nn.Unflatten(1, (1, 28, 28)))
        nn.init.zeros_(self.decoder[0].bias)
        # Every latent starts at 0, so that the first loss is known whatever the decoder's weights.
        self.latents = nn.ParameterList([torch.zeros(9, 3), torch.full((9, 3), 1.0)])


class _Family:
    """Stands in for a family whose KL is 2 nats an image at the start; notes how it is called."""

    name = "toy"

    def __init__(self):
        self.noises, self.sampled = [], []

    def noise(self, n, nz=3):
        self.noises.append(torch.zeros(n, 3))
        return self.noises[-1]

    def rsample(self, mu, width, noise):
        right = noise.shape == mu.shape and any(noise is known for known in self.noises)
        self.sampled.append(right)
        return mu + width * noise

    def kl(self, mu, width):
        return mu.square().sum(1) + 2 / 3 * width.square().sum(1)


def _trained(epoch, beta=None):
    """One epoch of the student's loop over three batches of a toy that leave out rows 7 and 8."""
    torch.manual_seed(0)
    net, family = _Toy(), _Family()
    x = torch.full((9, 1, 28, 28), 0.9)
    rows = [torch.tensor(r) for r in ([4, 1], [0, 6, 3], [2, 5])]
    loader = [(x[r], r) for r in rows]
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-5)
    given = (net, loader, optimizer) if beta is None else (net, family, loader, optimizer, beta)
    return net, epoch(*given), family


def _moved(net):
    torch.manual_seed(0)
    start = _Toy()
    weights = (net.decoder[0].bias - start.decoder[0].bias).detach().mean() * 1e5 / 0.4
    moved = (net.latents[0] - start.latents[0]).detach().abs().sum(1) > 0
    require(abs(weights) > 1e-2, "The decoder's weights did not move. Is there a step a batch?")
    require(
        weights > 0,
        "The reconstruction got worse with every step: the loss should go down, not up.",
    )
    require(
        abs(weights - 3) < 0.15,
        "Three nearly equal batches should move the decoder by 3 steps, but moved it by "
        f"{weights:.3g}. {moved_by(weights)}",
    )
    require(bool(moved.any()), "The latents did not move: z must be taken from `model.latents`.")
    require(
        bool(moved[:7].all()) and not moved[7:].any(),
        "Rows 0 … 6 came up in the batches, but the latents of rows "
        f"{listed(moved.nonzero()[:, 0])} moved. The second thing a batch holds says which rows "
        "its images are.",
    )
