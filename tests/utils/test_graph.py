"""graph.json: what a module computes is run again from the list, with the same result."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import graph


class Pair(nn.Module):
    """A model made of two callables, so that each test states only what it is about."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


class Functional(nn.Module):
    """Methods, operators and functions instead of modules; one head of 2·nz values."""

    def __init__(self, nz=3):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 14 * 14, 2 * nz)
        self.up = nn.Linear(nz, 4 * 7 * 7)
        self.deconv = nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1)
        self.scale = nn.Parameter(torch.tensor([1.5]))

    def encode(self, x):
        h = F.leaky_relu(self.bn(self.conv(2 * x - 1)), 0.2)
        h = F.dropout(h, 0.5, self.training).reshape(x.shape[0], -1)
        mu, raw = self.head(h).chunk(2, dim=-1)
        return mu * self.scale, torch.log(F.softplus(raw) + 1e-6).clamp(-8, 4)

    def decode(self, z):
        h = torch.relu(self.up(z)).view(z.size(0), 4, 7, 7)
        return self.deconv(F.interpolate(h, scale_factor=2, mode="nearest")) / 2 - 0.5


def small_decoder(nz=3):
    return nn.Sequential(nn.Linear(nz, 784), nn.Unflatten(1, (1, 28, 28)))


def warm(model):
    """Gives batch-norm statistics of their own and leaves the model in train mode."""
    model.train()
    x = torch.rand(6, 1, 28, 28)
    (model.encode if hasattr(model, "encode") else model.encoder)(x)
    return model


def agree(model, made=None):
    made = json.loads(json.dumps(made or graph.trace(model)))
    weights = model.state_dict()
    training = model.training
    model.eval()
    with torch.no_grad():
        for batch in (1, 5, 7):
            x, z = torch.rand(batch, 1, 28, 28), torch.randn(batch, made["nz"])
            encode = model.encode if hasattr(model, "encode") else model.encoder
            decode = model.decode if hasattr(model, "decode") else model.decoder
            expected = encode(x)
            expected = expected if isinstance(expected, tuple) else (expected,)
            for ours, theirs in zip(graph.run(made["encode"], weights, x), expected, strict=True):
                torch.testing.assert_close(ours, theirs)
            torch.testing.assert_close(graph.run(made["decode"], weights, z)[0], decode(z))
    model.train(training)
    return made


def test_functional_style_vae():
    model = warm(Functional())
    made = agree(model)
    assert made["kind"] == "vae" and made["nz"] == 3
    assert model.training, "tracing leaves the mode alone"


def test_convolutional_modules():
    encoder = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.GroupNorm(2, 8),
        nn.ELU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, 2, 1, bias=False),
        nn.AvgPool2d(2),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    decoder = nn.Sequential(
        nn.Linear(5, 32),
        nn.BatchNorm1d(32),
        nn.GELU(),
        nn.Unflatten(1, (8, 2, 2)),
        nn.ConvTranspose2d(8, 8, 4, 2, 1),
        nn.Softplus(),
        nn.Upsample(scale_factor=3.5),
        nn.Tanh(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1),
    )
    made = agree(warm(Pair(encoder, decoder)))
    assert made["kind"] == "autoencoder" and made["nz"] == 5


@pytest.mark.parametrize(
    "head",
    [
        lambda h: h[:, :3],
        lambda h: h[..., 3:],
        lambda h: h.split(3, 1)[1],
        lambda h: torch.stack([h[:, 0], h[:, -1]], 1),
        lambda h: h.unsqueeze(1).squeeze(1),
        lambda h: torch.cat([h, h.exp()], 1),
        lambda h: h.view(len(h), 2, 3).mean(1),
        lambda h: h.view(-1, 2, 3).transpose(1, 2).flatten(1),
        lambda h: 1 - h**2 + torch.zeros_like(h),
        lambda h: -h / 3 + torch.log1p(h.abs()),
        lambda h: torch.sqrt(torch.sigmoid(h)).clamp(max=0.9),
    ],
)
def test_ways_to_write_a_head(head):
    class Model(Pair):
        def encode(self, x):
            return head(self.encoder(x))

    nz = head(torch.rand(2, 6)).shape[1]
    agree(Model(nn.Sequential(nn.Flatten(), nn.Linear(784, 6), nn.LayerNorm(6)), small_decoder(nz)))


def test_a_learned_constant_variance():
    class Model(Pair):
        def __init__(self):
            super().__init__(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), small_decoder())
            self.logvar = nn.Parameter(torch.tensor([0.1, -0.2, 0.3]))

        def encode(self, x):
            mu = self.encoder(x)
            return mu, self.logvar.expand_as(mu)

    agree(Model())


def test_a_decoder_alone_needs_the_number_of_latents():
    model = nn.Module()
    model.decoder = small_decoder(4)
    made = graph.trace(model, nz=4)
    assert made["kind"] == "decoder" and made["encode"] is None
    with pytest.raises(graph.Untraceable, match="nz"):
        graph.trace(model)


def test_a_module_that_is_a_decoder():
    made = graph.trace(small_decoder(4), nz=4)
    assert made["kind"] == "decoder" and made["decode"]["ops"][0]["weight"] == "0.weight"


def test_a_decoder_must_return_images():
    model = Pair(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), nn.Linear(3, 784))
    with pytest.raises(graph.Untraceable, match=r"\(784,\) an image instead of \(1, 28, 28\)"):
        graph.trace(model)


def test_every_operation_states_the_shape_of_one_image():
    model = warm(Functional())
    for op in graph.trace(model)["decode"]["ops"]:
        assert all(isinstance(size, int) for size in op["shape"])
    assert graph.trace(model)["decode"]["ops"][-1]["shape"] == [1, 28, 28]


class Sampling(Pair):
    def encode(self, x):
        mu = self.encoder(x)
        return mu + torch.randn_like(mu)


class Mixing(Pair):
    def encode(self, x):
        h = self.encoder(x)
        return h - h.mean(0)


class Odd(Pair):
    def encode(self, x):
        return torch.erf(self.encoder(x))


class Foreign(Pair):
    def encode(self, x):
        return self.encoder(x) * torch.tensor([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "model, what", [(Sampling, "randn"), (Mixing, "mean"), (Odd, "erf"), (Foreign, "neither")]
)
def test_what_cannot_be_expressed_is_named(model, what):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
    with pytest.raises(graph.Untraceable, match=what):
        graph.trace(model(encoder, small_decoder()))


def test_torchs_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    model_state = torch.random.get_rng_state()
    model = Pair(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), small_decoder())
    torch.random.set_rng_state(model_state)
    graph.trace(model)
    assert torch.equal(torch.rand(4), expected)
