"""Answers to the class `VAE`."""

from .. import Mutant, Variant, edited
from .common import HEAD, UP

MODEL = (
    HEAD
    + UP
    + """
class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.mu = nn.Linear(64, nz)
        self.logvar = nn.Linear(64, nz)
        self.dec = nn.Sequential(
            nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.dec(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = reparametrize(mu, logvar)
        return self.decode(z), mu, logvar

    def reconstruct(self, x):
        mu, logvar = self.encode(x)
        return torch.sigmoid(self.decode(mu))
"""
)
Z = "z = reparametrize(mu, logvar)"
ENCODED = "return self.mu(h), self.logvar(h)"
FORWARD = "return self.decode(z), mu, logvar"
REBUILT = "return torch.sigmoid(self.decode(mu))"
MODEL_MUTANTS = tuple(
    Mutant("vae.VAE", why, check, mistake, edited(MODEL, *pairs))
    for why, check, mistake, *pairs in (
        ("decodes the mean", "sampling", "no-sampling", (Z, "z = mu")),
        (
            "decodes the mean in evaluation",
            "sampling",
            "mean-in-eval",
            (Z, Z + " if self.training else mu"),
        ),
        (
            "samples in evaluation only",
            "sampling",
            "mean-in-train",
            (Z, "z = mu if self.training else reparametrize(mu, logvar)"),
        ),
        (
            "std = exp(logvar)",
            "sampling",
            "variance-as-std",
            (Z, "z = mu + logvar.exp() * torch.randn_like(mu)"),
        ),
        ("std = 1", "sampling", "unit-noise", (Z, "z = mu + torch.randn_like(mu)")),
        (
            "noise shared by the batch",
            "sampling",
            "shared-batch",
            (Z, "z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])"),
        ),
        (
            "mu and logvar swapped in the sample",
            "sampling",
            "swapped-latents",
            (Z, "z = reparametrize(logvar, mu)"),
        ),
        ("prior sampled", "sampling", "prior-sampled", (Z, "z = torch.randn_like(mu)")),
        (
            "detached sample",
            "trainable",
            "sample-detached",
            (Z, "z = reparametrize(mu, logvar).detach()"),
        ),
        ("logits alone", "forward", "forward-alone", (FORWARD, "return self.decode(z)")),
        (
            "another order",
            "forward",
            "forward-order",
            (FORWARD, "return mu, logvar, self.decode(z)"),
        ),
        (
            "mu and logvar swapped",
            "forward",
            "forward-order",
            (FORWARD, "return self.decode(z), logvar, mu"),
        ),
        (
            "the sample returned for mu",
            "forward",
            "sample-returned",
            (FORWARD, "return self.decode(z), z, logvar"),
        ),
        (
            "std returned",
            "forward",
            "std-returned",
            (FORWARD, "return self.decode(z), mu, torch.exp(0.5 * logvar)"),
        ),
        (
            "variance returned",
            "forward",
            "variance-returned",
            (FORWARD, "return self.decode(z), mu, logvar.exp()"),
        ),
        (
            "four results",
            "forward",
            "forward-extra",
            (FORWARD, "return self.decode(z), mu, logvar, z"),
        ),
        (
            "images from forward",
            "sampling",
            "forward-images",
            (FORWARD, "return self.decode(z).sigmoid(), mu, logvar"),
        ),
        (
            "sigmoid in decode",
            "decode",
            "sigmoid",
            ("return self.dec(z)", "return self.dec(z).sigmoid()"),
            (REBUILT, "return self.decode(mu)"),
        ),
        ("tanh in decode", "decode", "tanh", ("return self.dec(z)", "return self.dec(z).tanh()")),
        ("ReLU in decode", "decode", "relu", ("return self.dec(z)", "return self.dec(z).relu()")),
        ("flat logits", "decode", "flattened", (", nn.Unflatten(1, (1, 28, 28)))", ")")),
        (
            "softplus logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), F.softplus(self.logvar(h))"),
        ),
        (
            "ReLU logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), F.relu(self.logvar(h))"),
        ),
        (
            "exp logvar",
            "encode",
            "logvar-one-sided",
            (ENCODED, "return self.mu(h), self.logvar(h).clamp(-9, 4).exp()"),
        ),
        (
            "tanh logvar",
            "encode",
            "logvar-squashed",
            (ENCODED, "return self.mu(h), self.logvar(h).tanh()"),
        ),
        (
            "ReLU mu",
            "encode",
            "mu-squashed",
            (ENCODED, "return F.relu(self.mu(h)), self.logvar(h)"),
        ),
        (
            "tanh mu",
            "encode",
            "mu-squashed",
            (ENCODED, "return torch.tanh(self.mu(h)), self.logvar(h)"),
        ),
        (
            "one tensor from encode",
            "encode",
            "not-split",
            (ENCODED, "return torch.cat([self.mu(h), self.logvar(h)], 1)"),
            ("mu, logvar = self.encode(x)", "mu, logvar = self.encode(x).chunk(2, 1)"),
        ),
        (
            "encode samples",
            "independent",
            "encode-samples",
            (ENCODED, "return reparametrize(self.mu(h), self.logvar(h)), self.logvar(h)"),
            (Z, "z = mu"),
        ),
        (
            "nz written into it",
            "encode",
            "nz-ignored",
            ("def __init__(self, nz):", "def __init__(self, nz):\n        nz = 16"),
        ),
        (
            "logvar detached in the sample",
            "trainable",
            "logvar-detached",
            (Z, "z = reparametrize(mu, logvar.detach())"),
        ),
        (
            "one head for both",
            "encode",
            "one-for-both",
            (ENCODED, "return self.mu(h), self.mu(h)"),
        ),
        (
            "logvar always 0",
            "encode",
            "logvar-constant",
            (ENCODED, "return self.mu(h), 0 * self.logvar(h)"),
        ),
        (
            "dropout in decode",
            "independent",
            "random-in-eval",
            ("return self.dec(z)", "return F.dropout(self.dec(z), 0.2)"),
        ),
        (
            "the images are shifted in place",
            "independent",
            "in-place",
            ("h = self.enc(x)", "h = self.enc(x.mul_(2).sub_(1))"),
        ),
        (
            "pictures stretched from 0 to 1",
            "reconstruct",
            None,
            (
                REBUILT,
                "p = torch.sigmoid(self.decode(mu))\n"
                "        return (p - p.min()) / (p.max() - p.min())",
            ),
        ),
        (
            "logits from reconstruct",
            "reconstruct",
            "no-sigmoid",
            (REBUILT, "return self.decode(mu)"),
        ),
        (
            "reconstruct samples",
            "reconstruct",
            "reconstruct-samples",
            (REBUILT, "return torch.sigmoid(self.decode(reparametrize(mu, logvar)))"),
        ),
        (
            "reconstruct by forward",
            "reconstruct",
            "reconstruct-samples",
            (REBUILT, "return torch.sigmoid(self(x)[0])"),
        ),
        (
            "sigmoid twice",
            "reconstruct",
            "sigmoid-twice",
            (REBUILT, "return self.decode(mu).sigmoid().sigmoid()"),
        ),
        (
            "thresholded",
            "reconstruct",
            "thresholded",
            (REBUILT, "return (self.decode(mu) > 0).float()"),
        ),
        (
            "reconstruct missing",
            "reconstruct",
            "method-missing",
            ("def reconstruct", "def rebuild"),
        ),
        (
            "decode missing",
            "decode",
            "method-missing",
            ("def decode", "def dekode"),
            ("self.decode", "self.dekode"),
        ),
        (
            "layers in a plain list",
            "trainable",
            "unregistered",
            ("self.logvar = nn.Linear(64, nz)", "self.heads = [nn.Linear(64, nz)]"),
            ("self.logvar(h)", "self.heads[0](h)"),
        ),
        (
            "a layer in every call",
            "trainable",
            "unregistered",
            ("self.logvar(h)", "nn.Linear(64, self.mu.out_features)(h)"),
            ("        self.logvar = nn.Linear(64, nz)\n", ""),
        ),
        (
            "logvar head frozen",
            "trainable",
            "frozen",
            (
                "self.logvar = nn.Linear(64, nz)",
                "self.logvar = nn.Linear(64, nz).requires_grad_(False)",
            ),
        ),
        (
            "logvar detached",
            "trainable",
            "no-gradient",
            (ENCODED, "return self.mu(h), self.logvar(h).detach()"),
        ),
        (
            "a layer that is not used",
            "trainable",
            "no-gradient",
            (
                "self.logvar = nn.Linear",
                "self.third = nn.Linear(64, nz)\n        self.logvar = nn.Linear",
            ),
        ),
        (
            "layers on the class",
            "independent",
            "shared-layers",
            (
                "class VAE(nn.Module):\n",
                "TRUNK = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())\n\n"
                "class VAE(nn.Module):\n",
            ),
            (
                "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())",
                "*TRUNK)",
            ),
        ),
        (
            "seed in the constructor",
            "independent",
            "shared-layers",
            ("super().__init__()", "super().__init__()\n        torch.manual_seed(0)"),
        ),
        (
            "dropout in evaluation too",
            "independent",
            "random-in-eval",
            ("h = self.enc(x)", "h = F.dropout(self.enc(x), 0.3)"),
        ),
        (
            "standardised over the batch",
            "independent",
            "batch-mixing",
            ("h = self.enc(x)", "h = self.enc(x)\n        h = h - h.mean(0)"),
        ),
        (
            "batch size in a view",
            "encode",
            "fixed-batch",
            ("h = self.enc(x)", "h = self.enc(x).view(64, 64)"),
        ),
        (
            "squeeze() eats a batch of one",
            "encode",
            "squeezed-batch",
            (ENCODED, "return self.mu(h).squeeze(), self.logvar(h).squeeze()"),
        ),
    )
)
MODEL_VARIANTS = tuple(
    Variant("vae.VAE", why, edited(MODEL, *pairs))
    for why, *pairs in (
        ("plain",),
        (
            "one head of 2 nz",
            (
                "self.mu = nn.Linear(64, nz)\n        self.logvar = nn.Linear(64, nz)",
                "self.head = nn.Linear(64, 2 * nz)",
            ),
            (ENCODED, "return self.head(h).chunk(2, dim=1)"),
        ),
        (
            "one head, split as a list",
            (
                "self.mu = nn.Linear(64, nz)\n        self.logvar = nn.Linear(64, nz)",
                "self.head = nn.Linear(64, 2 * nz)\n        self.nz = nz",
            ),
            (ENCODED, "out = self.head(h)\n        return [out[:, :self.nz], out[:, self.nz:]]"),
        ),
        (
            "softplus std converted",
            (ENCODED, "return self.mu(h), 2 * torch.log(F.softplus(self.logvar(h)) + 1e-6)"),
        ),
        ("clamped logvar", (ENCODED, "return self.mu(h), self.logvar(h).clamp(-10, 4)")),
        (
            "batch normalisation",
            ("nn.Linear(784, 64), nn.ReLU()", "nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU()"),
            ("nn.Linear(nz, 64), nn.ReLU()", "nn.Linear(nz, 64), nn.BatchNorm1d(64), nn.ReLU()"),
        ),
        (
            "layer normalisation and SiLU",
            ("nn.Linear(784, 64), nn.ReLU()", "nn.Linear(784, 64), nn.LayerNorm(64), nn.SiLU()"),
        ),
        ("rsample", (Z, "z = D.Normal(mu, torch.exp(0.5 * logvar)).rsample()")),
        (
            "numpy noise, minus",
            (
                Z,
                "z = mu - torch.exp(0.5 * logvar) * "
                "torch.from_numpy(np.random.randn(*mu.shape)).float()",
            ),
        ),
        (
            "convolutions",
            (
                "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64)",
                "nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 4, 2, 1), nn.ReLU(), "
                "nn.Flatten(), nn.Linear(392, 64)",
            ),
        ),
        (
            "on a wrong reparametrize",
            ("torch.exp(0.5 * logvar) * torch.randn_like", "logvar.exp() * torch.rand_like"),
        ),
        (
            "reconstruct without gradient",
            ("def reconstruct", "@torch.no_grad()\n    def reconstruct"),
        ),
        (
            "dropout module",
            ("nn.Linear(64, 64), nn.ReLU())", "nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2))"),
        ),
        (
            "logvar head begins at zero",
            (
                "    def encode",
                "        nn.init.zeros_(self.logvar.weight)\n        "
                "nn.init.zeros_(self.logvar.bias)\n\n    def encode",
            ),
        ),
        ("a larger net, leaky", ("nn.ReLU()", "nn.LeakyReLU(0.2)"), ("64", "150")),
        (
            "expects the decoder bias",
            ("    def encode", "        self.dec[2].bias.data.fill_(-2.0)\n\n    def encode"),
        ),
    )
)
