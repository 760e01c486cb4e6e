"""Visible checks of `autoencoder`: shapes, worked values and manners; see `utils.checks`."""

import numpy as np
import torch
from torch import nn

from utils.checks import (
    CheckFailed,
    attached,
    check,
    close,
    falls,
    model,
    moved_by,
    require,
    shown,
    tensor,
)

LARGE = 100.0  # inputs so strong that biases do not decide the sign of an untrained network
STAGES = ((32, 14, 14), (64, 7, 7), (128, 3, 3), (256, 1, 1))  # (channels, height, width)


@check
def Encoder(encoder):
    """Encoder(nz)(x): codes (B, nz), through the stages of the table."""
    net = model(encoder, "Encoder", 7)
    codes, seen = _watch(net, torch.rand(5, 1, 28, 28))
    tensor(codes, (5, 7), "The code of 5 images with nz = 7", "Is the last layer Linear(256, nz)?")
    _stages(seen, STAGES, "Encoder")
    codes = net(LARGE * torch.randn(5, 1, 28, 28))
    require(
        codes.min() < 0 < codes.max(),
        f"All codes of strong random inputs have the same sign ({shown(codes)}): a code should be "
        "free to take any value. Is there an activation after the last layer?",
    )
    count = sum(p.numel() for p in net.parameters())
    return f"5 images became 5 codes of 7 numbers, through all four stages; {count:,} parameters."


@check
def Decoder(decoder):
    """Decoder(nz)(z): logits (B, 1, 28, 28), through the stages of the table, backwards."""
    net = model(decoder, "Decoder", 7)
    logits, seen = _watch(net, LARGE * torch.randn(5, 7))
    tensor(
        logits,
        (5, 1, 28, 28),
        "The decoded batch of 5 codes",
        "Go through the table from the bottom up; the hint has the size formula.",
    )
    _stages(seen, STAGES[::-1], "Decoder")
    require(
        logits.min() < 0,
        f"No output is below 0 (they run from {logits.min():.2g} to {logits.max():.2g}). A decoder "
        "returns logits, which may be any number: no sigmoid and no ReLU after the last layer.",
    )
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3)
        loud = net.eval()(LARGE * torch.randn(5, 7)).abs().max()
    require(
        loud > 1,
        f"However large its weights are, its output does not go beyond {loud:.2g}. A decoder "
        "returns logits, which may be any number: no tanh and no clamp after the last layer.",
    )
    count = sum(p.numel() for p in net.parameters())
    return f"5 codes became 5 images of logits, through all four stages; {count:,} parameters."


@check
def reconstruction_loss(loss):
    """loss(logits, x): Bernoulli negative log-likelihood, summed over pixels, mean over batch."""
    x = torch.rand(6, 1, 28, 28)
    zero = loss(torch.zeros(6, 1, 28, 28, requires_grad=True), x)
    tensor(zero, (), "The loss", "Sum over the pixels, then average over the batch: one number.")
    attached(zero, "The loss")
    right = 543.427  # nats: 784 pixels that are a coin toss each
    said = f"A decoder that answers ½ for every pixel should lose 543.4 nats, yours {shown(zero)}"
    require(not close(zero, -right), f"{said}: the sign is wrong. A loss is what you minimise.")
    require(not close(zero * 784, right), f"{said}: the mean over pixels, where the course sums.")
    require(not close(zero / 6, right), f"{said}: summed over the images too, not averaged.")
    require(close(zero, right), f"{said}. Does the loss take logits, and use natural logarithms?")

    grey = loss(torch.full((2, 1, 28, 28), 1.5), torch.full((2, 1, 28, 28), 0.3))
    require(
        close(grey, 981.108),
        f"For logits of 1.5 and pixels of 0.3 the loss should be 981.1 nats, but is {shown(grey)}. "
        "Are logits and images in the right places?",
    )
    logits = torch.randn(6, 1, 28, 28)
    same = close(loss(-logits, 1 - x), loss(logits, x))
    require(same, "The negative of an image under the opposite logits should cost the same.")
    wrong = loss(torch.full((1, 1, 28, 28), -200.0), torch.ones(1, 1, 28, 28))
    require(
        close(wrong, 784 * 200.0),
        f"At logits of −200 on pixels of ink the loss should be 156800 nats, not {shown(wrong)}. "
        "Sigmoid followed by log loses all digits there: use a function that takes logits.",
    )
    return "nats per image; one coin toss a pixel costs 543.4, and confident mistakes stay finite."


@check
def train_epoch(train_epoch):
    """train_epoch(model, loader, loss_fn, optimizer): one step a batch, list of float losses."""
    batches = [(torch.rand(n, 1, 28, 28), torch.zeros(n, dtype=torch.long)) for n in (5, 3, 4)]
    net, seen = _Slope(), []

    def loss_fn(net, x):
        seen.append((len(x), net.training))
        return net() + x.mean()

    net.eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = train_epoch(net, batches, loss_fn, optimizer)
    sizes = [n for n, _ in seen]
    require(
        sizes == [5, 3, 4],
        f"The loader has batches of 5, 3 and 4 images; the loss was asked for batches of {sizes}. "
        f"It is needed once a batch.{' Is the `return` inside the loop?' * (len(sizes) < 3)}",
    )
    require(
        all(mode for _, mode in seen),
        "The model was in eval mode while it trained. Plotting leaves it so: switch at the start.",
    )
    _floats(losses, 3)
    moved = -net.w.item() / 0.1
    require(moved > -1e-6, "The weights moved uphill: the loss got larger with every step.")
    require(
        moved > 1e-6,
        "The weights did not move. A step needs the gradient of this batch's loss, and it must "
        "still be there when the optimizer steps.",
    )
    require(
        abs(moved - 3) < 1e-3,
        f"Three batches with the same gradient should move the weight by 3 steps, but it moved by "
        f"{moved:.3g}. {moved_by(moved)}",
    )
    wanted = [float(x.mean()) - 0.1 * i for i, (x, _) in enumerate(batches)]
    require(
        close(losses, wanted),
        f"The losses should be {shown(wanted)}, but are {shown(losses)}: each is the loss of its "
        "own batch, as it was before the step.",
    )
    return "one step for each batch, fresh gradients each time, and a list of plain floats."


@check
def curve(curves):
    """The curves of a run: finite and falling."""
    require(curves, "The run has no curves: was `run.log(…)` called in the loop?")
    numbers = {name: falls(values, f"The curve '{name}'") for name, values in curves.items()}
    name, values = next(iter(numbers.items()))
    if len(values) == 1:
        return f"one epoch, {name} {values[0]:.1f} nats per image."
    return f"{name} fell from {values[0]:.1f} to {values[-1]:.1f} nats per image."


@check
def sample_prior(sample):
    """sample(decoder, n, nz): images in [0, 1], eval mode inside, mode and graph left alone."""
    decoder = _Recorder()
    decoder.train()
    images = sample(decoder, 6, 3)
    learning = torch.is_grad_enabled() and decoder.weight.requires_grad
    torch.set_grad_enabled(True)
    require(decoder.z, "The decoder was never called.")
    z = torch.cat(decoder.z)
    tensor(z, (6, 3), "The z that the decoder received", "It should be n rows of nz numbers.")
    tensor(images, (6, 1, 28, 28), "The result for n = 6")
    require(
        not any(decoder.modes),
        "The decoder ran in train mode. Dropout and batch norm behave differently there: switch to "
        "eval mode while sampling.",
    )
    require(decoder.training, "The decoder came in train mode and went out in eval mode.")
    decoder.eval()
    sample(decoder, 2, 3)
    require(not decoder.training, "The decoder came in eval mode and went out in train mode.")
    require(
        not images.requires_grad,
        "The images carry a graph with them. Nothing is learned here: use `torch.no_grad`.",
    )
    require(
        learning,
        "After the call nothing can be learned any more: gradients are switched off for good, or "
        "the decoder is frozen. `with torch.no_grad():` puts them back by itself.",
    )
    require(
        0 <= images.min() and images.max() <= 1,
        f"The images run from {images.min():.2g} to {images.max():.2g}, not from 0 to 1: what the "
        "decoder returns are logits.",
    )
    require(
        close(images[:, :, 0, 0], torch.full((6, 1), 0.75)),
        f"A logit of 1.0986 is a pixel of 0.75, but yours is {shown(images[0, 0, 0, 0])}. What "
        "turns a logit into a probability?",
    )
    decoder.z.clear()
    sample(decoder, 4000, 3)
    z = torch.cat(decoder.z)
    require(not close(z[:6], z[6:12]), "Every row of z is the same.")
    spread = f"mean {z.mean():.2f}, standard deviation {z.std():.2f}, minimum {z.min():.1f}"
    require(
        abs(z.mean()) < 0.06 and abs(z.std() - 1) < 0.06 and z.min() < -2.5,
        f"The prior is N(0, I), but your z have {spread}.",
    )
    first = torch.cat(decoder.z)
    decoder.z.clear()
    sample(decoder, 4000, 3)
    fresh = not close(first, torch.cat(decoder.z))
    require(fresh, "Two calls gave the same z: samples should be fresh (is there a seed inside?).")
    return "images in [0, 1] from z ~ N(0, I), the decoder in eval mode and left as it was."


@check
def latent_grid(grid):
    """grid(decoder, n, span): one image (28·n, 28·n), (−span, span) at the top left."""
    check_grid(lambda decoder: lambda n, span: grid(decoder, n=n, span=span))
    image = as_tensor(grid(_Map()))
    tensor(image, (588, 588), "With the defaults the image", "21 tiles of 28 pixels a side.")
    return "588×588, z₀ grows to the right and z₁ upwards, from −4 to 4 and evenly spaced."


def as_tensor(image):
    """A picture may come as a numpy array too."""
    return torch.from_numpy(image) if isinstance(image, np.ndarray) else image


def check_grid(layout) -> None:
    """Whether `layout(decoder)(n, span)` puts its tiles in the right places."""
    look = "The image is n tiles of 28 pixels in each direction."
    image = tensor(as_tensor(layout(_Map())(5, 3.0)), (140, 140), "The image with n = 5", look)
    require(
        0 <= image.min() and image.max() <= 1,
        f"The pixels run from {image.min():.2g} to {image.max():.2g}, not from 0 to 1: the decoder "
        "returns logits.",
    )
    z = torch.logit(image.detach().cpu().double(), eps=1e-9)
    corners = {
        "top left": ((0, 0), (-3, 3)),
        "bottom right": ((4, 4), (3, -3)),
        "top right": ((0, 4), (3, 3)),
        "bottom left": ((4, 0), (-3, -3)),
    }
    for where, ((row, column), wanted) in corners.items():
        tile = z[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
        whole = tile[:, :14].std() < 1e-3 and tile[:, 14:].std() < 1e-3
        require(
            whole,
            f"The tile at the {where} is not one decoded image: its pixels come from several. A "
            "tile has rows of its own, so the order of the axes matters when they are joined.",
        )
        got = (tile[0, 0].item(), tile[0, -1].item())
        require(
            close(got, wanted, atol=1e-2),
            f"With span = 3, z at the {where} should be {wanted}, but is "
            f"({got[0]:.2f}, {got[1]:.2f}). z₀ grows to the right, z₁ grows upwards.",
        )
    across = z[0, ::28]
    require(
        close(across, torch.linspace(-3, 3, 5), atol=1e-2),
        f"Along the top row, z₀ is {shown(across)}; it should go from −3 to 3 in even steps.",
    )
    down = z[::28, 14]
    require(
        close(down, torch.linspace(3, -3, 5), atol=1e-2),
        f"Down the left side, z₁ is {shown(down)}; it should go from 3 to −3 in even steps.",
    )


def _watch(net, x):
    """The output of a model, and the shapes (C, H, W) that went into and out of its layers."""
    seen, hooks = [], []

    def note(layer, given, result):
        for value in (*given, result):
            if isinstance(value, torch.Tensor) and value.ndim == 4:
                seen.append(tuple(value.shape[1:]))

    for layer in net.modules():
        if not list(layer.children()):
            hooks.append(layer.register_forward_hook(note))
    try:
        return net(x), seen
    finally:
        for hook in hooks:
            hook.remove()


def _stages(seen, wanted, name: str) -> None:
    """Fail unless the wanted shapes appear among the seen ones, in order."""
    path = [shape for i, shape in enumerate(seen) if i == 0 or shape != seen[i - 1]]
    rest = iter(path)
    for stage in wanted:
        if stage not in rest:
            walked = " → ".join(map(_sizes, path)) or "through no image-like tensor"
            raise CheckFailed(
                f"The {name} does not pass through {_sizes(stage)} in its turn. It goes {walked}. "
                "Compare with the table; kernel, stride and padding decide the sizes."
            )


def _sizes(shape) -> str:
    return "×".join(map(str, shape))


def _floats(losses, count: int) -> None:
    require(isinstance(losses, list), f"It returned {type(losses).__name__}, not a list of losses.")
    found = len(losses)
    require(found == count, f"{count} batches should give {count} losses, but there are {found}.")
    require(
        not any(isinstance(loss, torch.Tensor) for loss in losses),
        "The list holds tensors. Each keeps its batch's whole graph in memory: store plain floats.",
    )
    kind = type(losses[0]).__name__
    require(all(isinstance(loss, float) for loss in losses), f"The list holds {kind}, not floats.")


class _Slope(nn.Module):
    """A model of one weight, whose loss has the same gradient everywhere."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))

    def forward(self):
        return self.w


class _Notes(list):
    """A list that a copied decoder shares with the first one."""

    def __deepcopy__(self, memo):
        return self


class _Recorder(nn.Module):
    """A decoder that notes what it is given, and whether it is in train mode; its copies, too."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.z, self.modes = _Notes(), _Notes()

    def forward(self, z):
        self.z.append(z.detach())
        self.modes.append(self.training)
        logits = self.weight * 20 * z[:, :1, None, None] * torch.ones(1, 1, 28, 28)
        first = torch.zeros(28, 28)
        first[0, 0] = 1
        return torch.where(first.bool(), self.weight * 1.0986, logits)


class _Map(nn.Module):
    """A decoder that writes z₀ into the left half of its image and z₁ into the right."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, z):
        require(
            z.ndim == 2 and z.shape[1] == 2,
            f"The decoder received z of shape {tuple(z.shape)}; it takes (B, 2).",
        )
        halves = z[:, :, None].repeat_interleave(14, dim=2).flatten(1)  # (B, 28)
        return self.weight * halves[:, None, None, :].expand(-1, 1, 28, -1)
