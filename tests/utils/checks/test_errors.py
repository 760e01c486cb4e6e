"""What a check says of errors that are not the step's own: nothing written is called unwritten."""

import pytest
import torch
from torch import nn

from utils import checks


class Misspelt(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.layer = nn.Linear(784, 2 * nz)

    def foward(self, x):
        return self.layer(x.flatten(1))


class Inside(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.layer = nn.Linear(784, nz)

        def forward(self, x):
            return self.layer(x.flatten(1))


def unwritten(mu, logvar):
    raise NotImplementedError(checks.STUB)


def integers(mu, logvar):
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu.long())


def abstract(mu, logvar):
    return torch.distributions.Distribution().rsample()


def said(check, answer):
    with pytest.raises(checks.CheckFailed) as failed:
        check(answer)
    return str(failed.value)


def test_a_missing_forward_is_said():
    assert "`foward`: is it misspelt" in said(checks.vae.VAE, Misspelt)
    assert "inside another method" in said(checks.autoencoder.Encoder, Inside)


def test_only_the_stub_is_still_to_be_written():
    assert "`unwritten` is still to be written" in said(checks.vae.reparametrize, unwritten)
    for answer in (integers, abstract):
        assert "still to be written" not in said(checks.vae.reparametrize, answer)


def rectified(net, x):
    mu, logvar = net.layer(x.flatten(1)).chunk(2, 1)
    return mu.relu(), logvar


def cut(net, x):
    with torch.no_grad():
        return net.layer(x.flatten(1)).chunk(2, 1)


@pytest.mark.parametrize(("encode", "word"), [(rectified, "no ReLU"), (cut, "no_grad")])
def test_an_encoder_that_cannot_learn_fails(encode, word):
    class VAE(Misspelt):
        def __init__(self, nz):
            super().__init__(nz)
            self.back = nn.Linear(nz, 784)

        def encode(self, x):
            return encode(self, x)

        def decode(self, z):
            return self.back(z).view(-1, 1, 28, 28)

        def forward(self, x):
            mu, logvar = self.encode(x)
            return self.decode(mu + (0.5 * logvar).exp() * torch.randn_like(mu)), mu, logvar

        def reconstruct(self, x):
            return torch.sigmoid(self.decode(self.encode(x)[0]))

    assert word in said(checks.vae.VAE, VAE)


def test_a_sum_over_the_batch_is_told_by_its_shape():
    def kl(mu, logvar):
        return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(0)

    for check in (checks.vae.kl_gaussian, checks.autodecoder.kl_gaussian):
        assert "has shape (3,) where (2,)" in said(check, kl)


def test_mixed_logits_are_no_walk():
    def interpolate(encode, decode, x0, x1, steps):
        a, b = decode(encode(x0)).flatten(), decode(encode(x1)).flatten()
        mixed = a + (b - a) * torch.linspace(0, 1, steps)[:, None]
        return torch.sigmoid(mixed).view(-1, 1, 28, 28)

    assert "what was *decoded*" in said(checks.interpolation.interpolate, interpolate)
