"""Visible checks of `vae`: shapes, signs, symmetries and worked values; see `utils.checks`."""

import torch
from torch import nn

from utils.checks import (
    attached,
    check,
    close,
    falls,
    kind,
    model,
    moved_by,
    require,
    shown,
    tensor,
)
from utils.checks.autoencoder import LARGE, as_tensor, check_grid

# Three posteriors over three latent dimensions, and their KL to N(0, I) in nats.
MU = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, 4.0], [-0.2, 0.7, 0.1]])
LOGVAR = torch.tensor([[0.3, -1.2, 0.8], [0.0, 0.0, 0.0], [-2.0, 1.0, -0.5]])
KL = torch.tensor([3.1133, 12.5, 1.2501])
MU2 = torch.tensor([[1.0, 0.5, -0.5], [2.0, 1.0, 3.0], [0.4, -0.3, 0.2]])
LOGVAR2 = torch.tensor([[-0.4, 0.9, 0.2], [1.0, -1.0, 0.5], [0.6, -0.8, 1.2]])
# Two flat grey images, flat logits for them, and log p(x|z) in nats.
X = torch.tensor([0.3, 0.9]).view(2, 1, 1, 1).expand(-1, 1, 28, 28)
LOGITS = torch.tensor([1.5, -0.7]).view(2, 1, 1, 1).expand(-1, 1, 28, 28)
LIKELIHOOD = torch.tensor([-981.108, -810.018])
LOOK = "mu = 0, or logvar = 0. Which parts should be gone there?"


@check
def reparametrize(sample):
    """sample(mu, logvar): z like mu, with the right moments, fresh noise, gradients to both."""
    mu = torch.tensor([0.5, -1.0, 2.0]).repeat(40_000, 1).requires_grad_()
    logvar = torch.tensor([-2.0, 0.0, 2.1972]).repeat(40_000, 1).requires_grad_()  # std 0.37, 1, 3
    before = mu.detach().clone(), logvar.detach().clone()
    z = tensor(sample(mu, logvar), (40_000, 3), "z for mu and logvar of shape (40000, 3)")
    require(
        torch.equal(mu, before[0]) and torch.equal(logvar, before[1]),
        "mu or logvar was changed in place. Look for operations that end in an underscore, or +=.",
    )
    attached(z, "z")
    means, stds = z.mean(0), z.std(0)
    require(
        not close(z[0] - mu[0], z[1] - mu[1]),
        "Two rows got the same noise. Every element of z needs noise of its own.",
    )
    require(
        (means - mu[0]).abs().le(6 * stds / 200 + 1e-3).all(),  # six standard errors
        f"Over 40,000 samples the means should be [0.5, -1, 2] (mu), but are {shown(means)}.",
    )
    require(
        close(stds, [0.368, 1.0, 3.0], rtol=0.03),
        "Where logvar is [-2, 0, 2.2], the standard deviations should be [0.37, 1, 3], but are "
        f"{shown(stds)}. "
        + (
            "Of what is logvar the logarithm?"
            if close(stds[1], 1.0, rtol=0.03)
            else "Where logvar is 0 you see the noise itself: is it N(0, 1), and multiplied by the "
            "standard deviation?"
        ),
    )
    noise = (z - mu).detach() / stds.detach()
    require(
        abs(torch.corrcoef(noise.T)[0, 1:]).max() < 0.2,
        "The three latent dimensions of a row got the same noise. Every element needs its own.",
    )
    require(
        not close(sample(mu, logvar), z),
        "A second call gave the same z: the noise should be fresh (is there a seed inside?).",
    )
    grads = torch.autograd.grad(z.sum(), (mu, logvar), allow_unused=True)
    for name, grad in zip(("mu", "logvar"), grads, strict=True):
        require(
            grad is not None and grad.abs().sum() > 0,
            f"No gradient reaches {name} through z. A sample must be a function of {name} and "
            "noise.",
        )
    require(
        close(grads[0], torch.ones_like(z)),
        f"When mu grows by 1, z should grow by 1, but grows by {shown(grads[0][0])}.",
    )
    return "right mean and spread, fresh noise for every element, gradients to mu and logvar."


@check
def kl_gaussian(kl):
    """kl(mu, logvar): (B,), zero only at the prior, positive, symmetric in mu, additive."""
    kl_values(kl, (MU, LOGVAR), KL, "`kl_gaussian`", LOOK)
    prior = kl(torch.zeros(4, 6), torch.zeros(4, 6))
    require(
        close(prior, torch.zeros(4)),
        f"The KL of the prior to itself should be 0, but is {shown(prior)}.",
    )
    mu, logvar = torch.randn(40, 5), torch.randn(40, 5)
    value = kl(mu, logvar)
    require(
        value.min() > 0, f"A KL is never negative; on random inputs it fell to {value.min():.3g}."
    )
    require(close(kl(-mu, logvar), value), "It should not matter on which side of 0 a mean lies.")
    double = kl(mu.repeat(1, 2), logvar.repeat(1, 2))
    require(
        close(double, 2 * value),
        f"Twice the same latent dimensions should cost twice the KL, not {shown(double / value)} "
        "times.",
    )
    return "one value an image, zero only at the prior, and right on three worked examples."


@check
def kl_monte_carlo(estimate):
    """estimate(mu, logvar, n): estimates (B,) and 95 % half-widths (B,) of the KL to N(0, I)."""
    n = 20_000
    mu, logvar, right_kl = MU[:2], LOGVAR[:2], KL[:2]  # not square: an axis may be the wrong one
    result = estimate(mu, logvar, n)
    require(
        isinstance(result, tuple | list) and len(result) == 2,
        f"It should return two things, (estimate, half_width), but returned {kind(result)}.",
    )
    value, half = result
    tensor(value, (2,), "The estimate for 2 posteriors", "Average over samples, not over images.")
    tensor(half, (2,), "The half-width for 2 posteriors")
    spread = torch.tensor([3.271, 5.0])  # standard deviation of one sample's term
    right = 1.96 * spread / n**0.5
    off = (value - right_kl).abs() / right
    require(
        off.max() < 3,
        f"With n = {n} the estimates are {shown(value)}; the KLs are {shown(right_kl)}, which is "
        "outside of any confidence interval. Is the term a difference of two log-densities at a z "
        "that is drawn from q, each summed over the latent dimensions?",
    )
    ratio = float((half / right).mean())
    hints = {
        n**0.5: "that is the spread of single samples; a mean of n of them is surer than each",
        1 / 1.96: "that is one standard error, which covers the truth 68 times in 100, not 95",
        n**-0.5: "it was divided by n, where the standard error falls more slowly",
        2.0: "that is the full width; half of it reaches from the estimate to an end",
    }
    hint = next(
        (said for r, said in hints.items() if abs(ratio / r - 1) < 0.05), "look at its parts"
    )
    require(
        close(half, right, rtol=0.08),
        f"The half-widths are {shown(half)}, about {ratio:.3g} times the right ones: {hint}.",
    )
    again = estimate(mu, logvar, n)[0]
    require(
        not close(again, value, 1e-7, 0), "Two calls agree to the last digit: nothing is sampled."
    )
    return "the closed-form values lie inside the intervals, whose widths are right."


@check
def kl_between(kl):
    """kl(mu1, logvar1, mu2, logvar2): (B,), zero when equal, not symmetric, blind to a shift."""
    right = torch.tensor([4.0816, 2.4427, 4.1164])
    first, second = (MU, LOGVAR), (MU2, LOGVAR2)
    swapped = kl(*second, *first)
    require(
        not close(swapped, right),
        "These are the values of KL[2 ‖ 1]; asked for was KL[1 ‖ 2], in which z is drawn from 1.",
    )
    look = "equal means, or variances of 1. Which parts should be gone there?"
    kl_values(kl, (*first, *second), right, "`kl_between`", look)
    same = kl(*first, *first)
    require(close(same, torch.zeros(3)), f"Between equal Gaussians it should be 0: {shown(same)}.")
    shifted = kl(MU + 5, LOGVAR, MU2 + 5, LOGVAR2)
    require(
        close(shifted, right, atol=1e-3), "Moving both Gaussians together should change nothing."
    )
    return "zero between equals, blind to a common shift, and right on three worked examples."


@check
def bernoulli_log_likelihood(likelihood):
    """likelihood(x, logits): (B,), never positive, symmetric, finite for logits of ±200."""
    value = tensor(
        likelihood(X, LOGITS.clone().requires_grad_()),
        (2,),
        "The result for 2 images",
        "One value an image: reduce over everything but the batch.",
    )
    attached(value, "The result")
    said = f"For two grey images log p(x|z) should be {shown(LIKELIHOOD)}, but is {shown(value)}"
    require(
        not close(-value, LIKELIHOOD), f"{said}: the sign is wrong. A log-probability is below 0."
    )
    require(not close(value * 784, LIKELIHOOD), f"{said}: the mean over pixels, not the sum.")
    swapped = [-317.015, -1466.985]
    require(not close(value, swapped), f"{said}: images and logits have changed places.")
    require(close(value, LIKELIHOOD), f"{said}. Does your formula take logits, not probabilities?")
    x, logits = torch.rand(4, 1, 28, 28), torch.randn(4, 1, 28, 28)
    require(
        close(likelihood(1 - x, -logits), likelihood(x, logits)),
        "The negative of an image under the opposite logits should be as likely as the image.",
    )
    ones, sure = torch.ones(1, 1, 28, 28), torch.full((1, 1, 28, 28), 200.0)
    for logit, wanted in ((sure, 0.0), (-sure, -156_800.0)):
        got = likelihood(ones, logit)
        require(
            close(got, [wanted]),
            f"Pixels of ink under logits of {logit[0, 0, 0, 0]:g} should give {wanted:g} nats, but "
            f"give {shown(got)}. Sigmoid followed by log loses all digits there.",
        )
    return "one value an image, never positive, and finite even when the decoder is sure and wrong."


@check
def elbo(elbo):
    """elbo(x, logits, mu, logvar, beta): a scalar to maximise, mean over the batch."""
    mu, logvar = (t[[0, 2]].clone().requires_grad_() for t in (MU, LOGVAR))
    logits = LOGITS.clone().requires_grad_()
    value = elbo(X, logits, mu, logvar)
    tensor(value, (), "The ELBO of a batch", "One value an image goes in; their mean comes out.")
    attached(value, "The ELBO")
    right = {1.0: -897.745, 0.0: -895.563, 2.5: -901.017}
    got = {beta: elbo(X, logits, mu, logvar, beta=beta) for beta in right}
    said = f"For the worked batch it should be {right[1.0]} at β = 1, but is {shown(value)}"
    require(not close(-value, right[1.0]), f"{said}. The ELBO is to be maximised: check the sign.")
    require(not close(value / 2, right[1.0]), f"{said}: summed over the batch, not averaged.")
    require(
        close(got[0.0], right[0.0]),
        f"At β = 0 it should be {right[0.0]}, the mean log-likelihood, but is {shown(got[0.0])}.",
    )
    rise = (got[2.5] - got[0.0]).item()
    require(
        rise < 0,
        f"From β = 0 to 2.5 the ELBO changed by {rise:.3g}, but should fall: the KL is a price.",
    )
    for beta in (1.0, 2.5):
        require(
            close(got[beta], right[beta]),
            f"At β = {beta:g} it should be {right[beta]}, but is {shown(got[beta])}. If "
            "`kl_gaussian` passes its check, look at how β and the mean over the batch come in.",
        )
    require(close(value, right[1.0]), f"{said}: is the default of beta 1?")
    grads = torch.autograd.grad(got[2.5], (logits, mu, logvar), allow_unused=True)
    for name, grad in zip(("logits", "mu", "logvar"), grads, strict=True):
        flows = grad is not None and grad.abs().sum() > 0
        require(flows, f"No gradient reaches {name} through the ELBO.")
    return "the mean over the batch, β weighs the KL only, and gradients reach all three."


@check
def VAE(vae):
    """VAE(nz): encode, decode, forward with a sampled z, reconstruct from the mean."""
    net = model(vae, "VAE", 7)
    x = torch.rand(5, 1, 28, 28)
    _encodes(net, x)
    _decodes(net)
    logits, mu, logvar = _forwards(net, x)
    _learns(net, logits, mu, logvar)
    _reconstructs(net, x, mu)
    count = sum(p.numel() for p in net.parameters())
    return f"encode, decode, forward and reconstruct fit together; {count:,} parameters."


@check
def train_epoch(train_epoch):
    """train_epoch(model, loader, optimizer, beta): float pairs (reconstruction, kl) by batch."""
    losses, _ = _train(train_epoch, beta=2.0)
    require(isinstance(losses, list), f"It returned {kind(losses)}, not a list.")
    found = len(losses)
    require(found == 3, f"3 batches should give 3 pairs, but there are {found}.")
    for pair in losses:
        whole = isinstance(pair, tuple | list) and len(pair) == 2
        require(whole, f"Each entry should be a pair (reconstruction, kl), but is {kind(pair)}.")
        require(
            not any(isinstance(v, torch.Tensor) for v in pair),
            "The pairs hold tensors. Each keeps its batch's whole graph in memory: store floats.",
        )
        require(
            all(isinstance(v, float) for v in pair),
            f"The pairs hold {kind(pair[0])} and {kind(pair[1])}, not floats.",
        )
    reconstruction, kl = losses[0]
    said = f"The first pair is ({reconstruction:.4g}, {kl:.4g})"
    require(reconstruction > 0, f"{said}. Log the loss, −log p(x|z) in nats: it is positive.")
    require(
        not close(kl, 2 * 3.1133),
        f"{said}: the second looks multiplied by β. Log the KL itself, or runs cannot be compared.",
    )
    require(
        close([reconstruction, kl], [543.427, 3.1133]),
        f"{said}, where (543.4, 3.113) nats per image was expected, from before the first step: "
        "the mean over the batch of each term.",
    )

    _, net = _train(train_epoch, beta=0.0)
    moved = net.level.item() / (313.6 * 1e-6)  # the gradient at the start times the learning rate
    require(
        moved > -1e-3,
        "The reconstruction got worse with every step. The ELBO is maximised; an optimizer "
        "minimises.",
    )
    require(
        moved > 1e-3,
        "The weights did not move. A step needs the gradient of this batch, still there when the "
        "optimizer steps.",
    )
    require(
        abs(moved - 3) < 0.1,
        "Three nearly equal batches should move the weights by 3 steps, but moved them by "
        f"{moved:.3g}. {moved_by(moved)}",
    )
    require(
        close(net.mu, MU[0], 0, 1e-7) and close(net.logvar, LOGVAR[0], 0, 1e-7),
        "At β = 0 the KL has no weight, but it changed the posterior. Is `beta` handed on?",
    )
    _, net = _train(train_epoch, beta=2000.0)
    require(
        net.mu.norm() < MU[0].norm(),
        "At a large β the posterior should move towards the prior, but it did not. Is `beta` used?",
    )
    return "one step a batch, β handed on, and the two terms logged as floats in nats."


@check
def curves(curves):
    """The curves of a run: finite, with reconstruction falling."""
    for name in ("reconstruction", "kl"):
        require(name in curves, f"There is no curve '{name}', only {list(curves)}: see `run.log`.")
    numbers = falls(curves["reconstruction"], "The curve 'reconstruction'")
    kl = [float(v) for v in curves["kl"]]
    require(min(kl) > -1e-3, f"The curve 'kl' falls to {min(kl):.3g}, but a KL is never negative.")
    if len(numbers) == 1:
        return f"one epoch, reconstruction {numbers[0]:.1f} and KL {kl[0]:.1f} nats per image."
    return (
        f"reconstruction fell from {numbers[0]:.1f} to {numbers[-1]:.1f} nats per image; "
        f"the KL ended at {kl[-1]:.2f}."
    )


@check
def prior_samples(sample):
    """sample(decode, n, nz): images in [0, 1] of z ~ N(0, I); decode is a plain function."""
    received = []

    def decode(z):
        received.append(z.detach().cpu())
        return 20 * z[:, :1, None, None] * torch.ones(1, 1, 28, 28, device=z.device)

    images = tensor(sample(decode, 4000, 3), (4000, 1, 28, 28), "The result for n = 4000")
    require(received, "decode was never called.")
    z = tensor(torch.cat(received), (4000, 3), "The z that decode received")
    require(
        0 <= images.min() and images.max() <= 1,
        f"The images run from {images.min():.2g} to {images.max():.2g}, not from 0 to 1: what "
        "decode returns are logits.",
    )
    require(
        abs(z.mean()) < 0.06 and abs(z.std() - 1) < 0.06,
        f"The prior is N(0, I), but your z have mean {z.mean():.2f}, spread {z.std():.2f}.",
    )
    return "images in [0, 1] from z ~ N(0, I)."


@check
def manifold(manifold):
    """manifold(decode, n, span): the latent grid again, of any function from z to logits."""
    check_grid(lambda decoder: lambda n, span: manifold(decoder.forward, n, span))
    image = as_tensor(manifold(lambda z: torch.zeros(len(z), 1, 28, 28)))
    tensor(image, (588, 588), "With the defaults the image", "21 tiles of 28 pixels a side.")
    return "588×588, z₀ grows to the right and z₁ upwards, from −4 to 4."


@check
def BETA(beta):
    """The β that the student chose: a positive number."""
    number = isinstance(beta, int | float) and not isinstance(beta, bool)
    require(number, f"BETA should be a number, but is {kind(beta)}.")
    require(
        0 < beta < 10, f"β = {beta:g} is one of the extremes that you have just seen, or beyond."
    )
    return f"β = {beta:g}. Whether it was a good choice, the pictures will tell."


@check
def iwae_bound(bound):
    """bound(model, x, k): (B,), rises with k from the ELBO, and never above log p(x) on average."""
    net = _Blind()
    one = tensor(bound(net, X, 1), (2,), "The bound of 2 images", "One value an image.")
    many = tensor(bound(net, X, 64), (2,), "The bound of 2 images with k = 64", "Mind underflow.")
    require(not close(bound(net, X, 1), one, 0, 0), "Two calls agree: no z is sampled.")
    x = X[:1].expand(600, -1, -1, -1)
    one = (bound(net, x, 1) - LIKELIHOOD[0]).mean().item()
    require(
        abs(one + 3.1133) < 0.7,
        "With k = 1 it should be an ELBO sample: on average 3.11 nats below log p(x) for this "
        f"model, but yours is {abs(one):.3g} {'below' if one < 0 else 'above'}. Which two "
        "densities of z enter a weight?",
    )
    parts = [bound(net, part, 64) for part in x[:100].split(20)]  # 64 images of each at a time
    many = (torch.cat(parts) - LIKELIHOOD[0]).mean().item()
    require(
        many < 0.5,
        f"With k = 64 the bound is {many:.2f} nats above log p(x) (log 64 is 4.16). It is a "
        "*mean* of weights whose logarithm is taken.",
    )
    require(
        many > one + 1,
        f"From k = 1 to k = 64 the bound should rise, but it changed by {many - one:.2f} nats "
        "only. Average the weights of k different z first, then take the logarithm.",
    )
    return "an ELBO sample at k = 1, higher with more samples, and no overflow."


def _encodes(net, x) -> None:
    """mu and logvar, of their own and of either sign."""
    mu, logvar = _pair(net.encode(x), "encode(x)")
    tensor(mu, (5, 7), "mu, the first result of encode,")
    tensor(logvar, (5, 7), "logvar, the second result of encode,")
    require(
        not close(mu, logvar), "mu and logvar are the same numbers: they need their own outputs."
    )
    attached(mu, "mu, the first result of encode,")
    attached(logvar, "logvar, the second result of encode,")
    mu, logvar = net.encode(LARGE * torch.randn(5, 1, 28, 28))
    require(
        mu.min() < 0 or close(mu, torch.zeros(5, 7)),
        f"No mu is negative, from {mu.min():.2g} up. Posteriors may lie on either side of 0: no "
        "ReLU, softplus or sigmoid on mu.",
    )
    require(
        logvar.min() < 0 or close(logvar, torch.zeros(5, 7)),
        f"Every logvar is positive, from {logvar.min():.2g} up. It is a logarithm and may have any "
        "sign: no ReLU or softplus on it.",
    )


def _decodes(net) -> None:
    """Logits, of either sign."""
    logits = net.decode(LARGE * torch.randn(5, 7))
    tensor(logits, (5, 1, 28, 28), "The result of decode")
    require(
        logits.min() < 0,
        f"decode gives no value below 0 (from {logits.min():.2g} to {logits.max():.2g}). Logits "
        "may be any number: no sigmoid and no ReLU at its end.",
    )


def _forwards(net, x):
    """logits, mu, logvar of a model in eval mode, once it is known that it samples z, for each
    image anew, from what it encodes.
    """
    result = net(x)
    require(
        isinstance(result, tuple | list) and len(result) == 3,
        f"forward should return (logits, mu, logvar), but returned {kind(result)}.",
    )
    for value, shape, name in zip(
        result, ((5, 1, 28, 28), (5, 7), (5, 7)), ("logits", "mu", "logvar"), strict=True
    ):
        tensor(value, shape, f"{name}, as forward returned it,")

    net.eval()
    same = x[:1].repeat(5, 1, 1, 1)
    one, two = net(same)[0], net(same)[0]
    require(
        not close(one, two, 0, 0),
        "Two passes of the same images gave the same logits: forward should decode a sampled z.",
    )
    require(
        not close(one[0], one[1], 0, 0),
        "Equal images in one batch were decoded from the same z: noise is drawn for each image.",
    )
    logits, mu, logvar = net(x)
    expected = net.encode(x)
    require(
        close(mu, expected[0]) and close(logvar, expected[1]),
        "mu and logvar of forward are not those of encode. Are they returned in this order?",
    )
    return logits, mu, logvar


def _learns(net, logits, mu, logvar) -> None:
    """Every parameter gets a gradient, the encoder's through the sample too."""
    parameters = list(net.parameters())
    reached = _reached(logits.sum(), parameters)
    for name, value in (("mu", mu), ("logvar", logvar)):
        require(
            _reached(value.sum(), parameters) <= reached,
            f"The logits do not depend differentiably on {name}, so the encoder would not learn. "
            "Is z sampled with your `reparametrize`, from both mu and logvar?",
        )

    names = [key for key, _ in net.named_parameters()]
    idle = sorted(set(range(len(names))) - _reached((logits.sum() + mu.sum()), parameters))
    require(
        not idle,
        f"No gradient reaches `{names[idle[0]] if idle else ''}`, so it would never learn. Is a "
        "layer not used, or is `torch.no_grad` or `.detach()` on the way?",
    )


def _reconstructs(net, x, mu) -> None:
    """The images that belong to the means."""
    images = net.reconstruct(x)
    tensor(images, (5, 1, 28, 28), "The result of reconstruct")
    require(
        0 <= images.min() and images.max() <= 1,
        f"reconstruct gives pixels from {images.min():.2g} to {images.max():.2g}: images, not "
        "logits.",
    )
    require(
        close(net.reconstruct(x), images),
        "Two reconstructions of the same images differ: they come from the posterior mean, "
        "unsampled.",
    )
    require(
        close(torch.logit(images.double(), eps=1e-12), net.decode(mu), atol=1e-3),
        "reconstruct(x) is not the image that decode gives for the posterior mean of x.",
    )


def kl_values(kl, given, right, name: str, look: str) -> None:
    """Form, gradients and values of a KL on the worked examples, with a word on the usual slips.

    given: the parameters of its distributions, (3, 3) or (3, 3, 3) each; right: their KLs in nats.
    look: where its terms are simple.
    """
    right = right[:2]  # two posteriors: where all is 3 by 3, an axis may be the wrong one
    value = kl(*(t[:2].clone().requires_grad_() for t in given))
    form = "One value an image: sum over the latent dimensions, keep the batch."
    tensor(value, (2,), f"{name} of 2 posteriors over 3 latent dimensions", form)
    attached(value, name)
    said = f"The worked examples have KLs of {shown(right)} nats, yours are {shown(value)}"
    slips = {
        -1.0: "the sign is wrong, and a KL is never negative",
        2.0: "all are twice the right value",
        -2.0: "the sign is wrong, and all are twice the right size",
        0.5: "all are half the right value",
        1 / 3: "a mean over the 3 latent dimensions, where the course sums",
        1.4427: "that is bits; the course uses natural logarithms",
    }
    for ratio, slip in slips.items():
        require(not close(value, ratio * right), f"{said}: {slip}.")
    require(close(value, right), f"{said}. Look at each term at a simple point: {look}")


def _train(train_epoch, beta):
    """One epoch of the student's loop over `_Flat`: what it returned, and the model after it."""
    net = _Flat().eval()
    batches = [
        (torch.full((n, 1, 28, 28), 0.9), torch.zeros(n, dtype=torch.long)) for n in (5, 3, 4)
    ]
    losses = train_epoch(net, batches, torch.optim.SGD(net.parameters(), lr=1e-6), beta)
    require(net.modes, "The model was never called on a batch.")
    require(
        len(net.modes) == 3, f"3 batches came, but the model was called {len(net.modes)} times."
    )
    require(
        all(net.modes),
        "The model was in eval mode while it trained. Plotting leaves it so: switch at the start.",
    )
    return losses, net


def _pair(value, what: str):
    whole = isinstance(value, tuple | list) and len(value) == 2
    require(whole, f"{what} should return two things, (mu, logvar), but returned {kind(value)}.")
    return value


def _reached(value, parameters) -> set[int]:
    """Which parameters a value depends on."""
    grads = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {i for i, grad in enumerate(grads) if grad is not None}


class _Flat(nn.Module):
    """A stand-in for a VAE: one logit for all pixels, one posterior for all images."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))
        self.mu, self.logvar = nn.Parameter(MU[0].clone()), nn.Parameter(LOGVAR[0].clone())
        self.modes = []

    def encode(self, x):
        self.modes.append(self.training)
        return self.mu.expand(len(x), -1), self.logvar.expand(len(x), -1)

    def decode(self, z):
        return self.level.expand(len(z), 1, 28, 28)

    def forward(self, x):
        posterior = self.encode(x)
        return self.decode(posterior[0]), *posterior


class _Blind(nn.Module):
    """A VAE whose decoder ignores z, so that log p(x) is known while q(z|x) is not the prior."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def encode(self, x):
        return MU[0].expand(len(x), -1), LOGVAR[0].expand(len(x), -1)

    def decode(self, z):
        require(
            z.ndim == 2 and z.shape[1] == 3,
            f"decode received z of shape {tuple(z.shape)}; it takes (B, nz).",
        )
        return LOGITS[:1].expand(len(z), -1, -1, -1) + self.weight

    def forward(self, x):
        require(False, "`model(x)` draws a z that you do not see. Use `encode` and `decode`.")
