"""Visible checks of `autoencoder` pass right work of any kind, and say what is wrong otherwise."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import checks
from utils.checks import CheckFailed
from utils.checks import autoencoder as visible


def conv(n_in, n_out, padding, kernel=3):
    return nn.Conv2d(n_in, n_out, kernel, stride=2, padding=padding)


def up(n_in, n_out, kernel=3, padding=0):
    return nn.ConvTranspose2d(n_in, n_out, kernel, stride=2, padding=padding)


def encoder(*tail, middle=nn.BatchNorm2d, widths=(32, 64, 128, 256)):
    """An Encoder class of the usual stages, with `tail(nz)` modules at its end."""

    class Encoder(nn.Sequential):
        def __init__(self, nz):
            layers, n_in = [], 1
            for n_out, padding in zip(widths, (1, 1, 0, 0), strict=True):
                layers += [conv(n_in, n_out, padding), middle(n_out), nn.ReLU()]
                n_in = n_out
            super().__init__(*layers, nn.Flatten(), nn.Linear(n_in, nz), *tail)

    return Encoder


def decoder(*tail, widths=(256, 128, 64, 32)):
    class Decoder(nn.Sequential):
        def __init__(self, nz):
            a, b, c, d = widths
            super().__init__(
                nn.Linear(nz, a),
                nn.Unflatten(1, (a, 1, 1)),
                up(a, b),
                nn.ReLU(),
                up(b, c),
                nn.ReLU(),
                up(c, d, 4, 1),
                nn.ReLU(),
                up(d, 1, 4, 1),
                *tail,
            )

    return Decoder


class Functional(nn.Module):
    """The same encoder written in forward, without BatchNorm, with other kernels."""

    def __init__(self, nz):
        super().__init__()
        self.a, self.b = conv(1, 32, 1, kernel=4), conv(32, 64, 1, kernel=4)
        self.c, self.d, self.e = conv(64, 128, 0), conv(128, 256, 0), nn.Linear(256, nz)

    def forward(self, x):
        for layer in (self.a, self.b, self.c, self.d):
            x = F.leaky_relu(layer(x))
        return self.e(x.view(len(x), -1))


class Hidden(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.layers = [nn.Linear(784, nz)]


def loss(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def by_hand(logits, x):
    nats = F.softplus(logits) - x * logits
    return nats.sum((1, 2, 3)).mean()


def loop(model, loader, loss_fn, optimizer):
    model.train()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    return losses


def loop_with(order="clear backward step", keep=float, mode=True, early=False):
    """A training loop of the given steps, in their order."""

    def loop(model, loader, loss_fn, optimizer):
        model.train(mode)
        losses = []
        for x, _ in loader:
            loss = loss_fn(model, x)
            actions = {
                "clear": optimizer.zero_grad,
                "backward": loss.backward,
                "step": optimizer.step,
                "up": (-loss).backward,
            }
            for name in order.split():
                actions[name]()
            losses.append(keep(loss))
            if early:
                break
        return losses

    return loop


def sampler(noise=torch.randn, squash=torch.sigmoid, graph=False, before=False, after=None):
    def sample(decoder, n, nz):
        mode = decoder.training
        decoder.train(before)
        with torch.set_grad_enabled(graph):
            images = squash(decoder(noise(n, nz)))
        decoder.train(mode if after is None else after)
        return images

    return sample


def grid(order="up", squash=torch.sigmoid, fold=True, one_by_one=False):
    @torch.no_grad()
    def latent_grid(decoder, n=21, span=4.0):
        side = torch.linspace(-span, span, n)
        z1, z0 = torch.meshgrid(side.flip(0), side, indexing="ij")
        if order == "down":
            z1 = z1.flip(0)
        if order == "swapped":
            z0, z1 = z1, z0
        z = torch.stack([z0, z1], -1).view(-1, 2)
        tiles = torch.cat([decoder(row[None]) for row in z]) if one_by_one else decoder(z)
        tiles = squash(tiles).view(n, n, 28, 28)
        return (tiles.transpose(1, 2) if fold else tiles).reshape(28 * n, 28 * n)

    return latent_grid


RIGHT = [
    (visible.Encoder, encoder()),
    (visible.Encoder, encoder(middle=nn.Identity)),
    (visible.Encoder, Functional),
    (visible.Decoder, decoder()),
    (visible.reconstruction_loss, loss),
    (visible.reconstruction_loss, by_hand),
    (visible.train_epoch, loop),
    (visible.train_epoch, loop_with()),
    (visible.sample_prior, sampler()),
    (visible.latent_grid, grid()),
    (visible.latent_grid, grid(one_by_one=True)),
]


@pytest.mark.parametrize("check, work", RIGHT)
def test_right_work_passes(check, work, capsys):
    check(work)
    assert capsys.readouterr().out.startswith("Passed: ")


def stub(*_, **__):
    raise NotImplementedError("write this step, then run the check in the next cell")


def crash(*_, **__):
    return torch.zeros(3)[7]


WRONG = [
    (visible.Encoder, stub, "still to be written"),
    (visible.Encoder, encoder(nn.ReLU()), "activation after the last layer"),
    (visible.Encoder, encoder(widths=(16, 32, 64, 128)), "does not pass through 32×14×14"),
    (visible.Encoder, encoder(nn.Unflatten(1, (1, 7))), r"shape \(5, 1, 7\)"),
    (visible.Encoder, Hidden, "no parameters"),
    (visible.Decoder, decoder(nn.Sigmoid()), "returns logits"),
    (visible.Decoder, decoder(nn.Tanh()), "does not go beyond 1"),
    (visible.Decoder, decoder(nn.Flatten()), r"shape \(5, 784\) where \(5, 1, 28, 28\)"),
    (visible.reconstruction_loss, stub, "still to be written"),
    (visible.reconstruction_loss, crash, "IndexError in your line `return torch.zeros"),
    (visible.reconstruction_loss, lambda a, x: None, "Is a `return` missing"),
    (visible.reconstruction_loss, lambda a, x: -loss(a, x), "sign is wrong"),
    (visible.reconstruction_loss, lambda a, x: loss(a, x) / 784, "mean over pixels"),
    (visible.reconstruction_loss, lambda a, x: loss(a, x) * len(x), "not averaged"),
    (visible.reconstruction_loss, lambda a, x: loss(a, x).detach(), "no gradient"),
    (visible.reconstruction_loss, lambda a, x: loss(x, a), "right places|carries no gradient|nats"),
    (
        visible.reconstruction_loss,
        lambda a, x: F.binary_cross_entropy(torch.sigmoid(a), x, reduction="sum") / len(x),
        "loses all digits",
    ),
    (visible.train_epoch, loop_with("backward step"), "fresh|unless they are cleared"),
    (visible.train_epoch, loop_with("backward clear step"), "did not move"),
    (visible.train_epoch, loop_with("clear backward"), "did not move"),
    (visible.train_epoch, loop_with("clear up step"), "uphill"),
    (visible.train_epoch, loop_with(keep=lambda loss: loss), "graph in memory"),
    (visible.train_epoch, loop_with(mode=False), "eval mode"),
    (visible.train_epoch, loop_with(early=True), "inside the loop"),
    (visible.sample_prior, sampler(noise=torch.rand), "prior is N"),
    (visible.sample_prior, sampler(noise=lambda n, nz: 2 * torch.randn(n, nz)), "prior is N"),
    (visible.sample_prior, sampler(noise=lambda n, nz: torch.randn(1, nz).expand(n, nz)), "same"),
    (visible.sample_prior, sampler(squash=lambda a: a), "logits"),
    (visible.sample_prior, sampler(squash=lambda a: a.clamp(0, 1)), "pixel of 0.75"),
    (visible.sample_prior, sampler(graph=True), "graph"),
    (visible.sample_prior, sampler(before=True), "ran in train mode"),
    (visible.sample_prior, sampler(after=False), "went out in eval mode"),
    (visible.sample_prior, sampler(after=True), "went out in train mode"),
    (visible.latent_grid, grid(order="down"), r"at the top left should be \(-3, 3\)"),
    (visible.latent_grid, grid(order="swapped"), r"at the top left should be"),
    (visible.latent_grid, grid(squash=lambda a: a), "from 0 to 1"),
    (visible.latent_grid, grid(fold=False), "not one decoded image"),
    (visible.latent_grid, lambda decoder, n=21, span=4.0: torch.zeros(n, n), r"shape \(5, 5\)"),
]


@pytest.mark.parametrize("check, work, said", WRONG)
def test_wrong_work_is_told_what_is_wrong(check, work, said):
    with pytest.raises(CheckFailed, match=said):
        check(work)


def test_curves_must_be_finite_and_fall(capsys):
    visible.curve({"train": [200.0, 90.0], "test": [150.0, 95.0]})
    assert "200.0 to 90.0" in capsys.readouterr().out
    with pytest.raises(CheckFailed, match="should fall"):
        visible.curve({"train": [200.0, 210.0]})
    with pytest.raises(CheckFailed, match="diverged"):
        visible.curve({"train": [200.0, float("nan")]})
    with pytest.raises(CheckFailed, match="run.log"):
        visible.curve({})


def test_a_check_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    visible.sample_prior(sampler())
    assert torch.equal(torch.rand(2), wanted)


def test_a_failed_check_is_shown_as_a_sentence():
    with pytest.raises(CheckFailed) as failure:
        checks.autoencoder.train_epoch(stub)
    assert failure.value.__cause__ is None and failure.value.__context__ is None
    (shown,) = failure.value._render_traceback_()
    assert shown.startswith("Not yet: `stub` is still to be written.")
