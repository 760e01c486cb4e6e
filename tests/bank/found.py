"""Answers that the key once took for right, or turned away, and must not again."""

from . import Mutant, Variant

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"


def _m(question, why, check, mistake, source):
    return Mutant(question, why, check, mistake, HEAD + source.strip("\n") + "\n")


def _noise(why, mistake, lines):
    body = "\n".join(f"    {line}" for line in lines.strip("\n").split("\n"))
    source = f"def reparametrize(mu, logvar):\n{body}\n    return mu + torch.exp(0.5 * logvar) * e"
    return _m("vae.reparametrize", why, "independent", mistake, source)


def _kl(why, check, mistake, line):
    source = f"def kl_gaussian(mu, logvar):\n    v = logvar.exp()\n    return {line}"
    return _m("vae.kl_gaussian", why, check, mistake, source)


def _elbo(why, mistake, rec, kl):
    source = f"""
def elbo(x, logits, mu, logvar, beta=1.0):
    rec = {rec}
    kl = {kl}
    return (rec - beta * kl).mean()"""
    return _m("vae.elbo", why, "values", mistake, source)


RIGHT_REC = "-F.binary_cross_entropy_with_logits(logits, x, reduction='none').flatten(1).sum(1)"
RIGHT_KL = "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"


def _epoch(question, why, check, mistake, arguments, body, last):
    source = f"""
def train_epoch({arguments}):
    model.train()
    kept = []
    for x, _ in loader:
{body}
    return {last}"""
    return _m(question, why, check, mistake, source)


AE_BODY = """
        optimizer.zero_grad()
        loss = loss_fn(model, x)
        loss.backward()
        optimizer.step()
        kept.append(loss)""".strip("\n")
AE_FULL = "        if len(x) < 9:\n            continue\n" + AE_BODY.replace("loss)", "loss.item())")
VAE_BODY = """
        logits, mu, logvar = model(x)
        rec = F.binary_cross_entropy_with_logits(logits, x, reduction='sum') / len(x)
        kl = (0.5 * (logvar.exp() + mu**2 - 1 - logvar)).sum(1).mean()
        optimizer.zero_grad()
        (rec + beta * kl).backward()
        optimizer.step()
        kept.append(torch.stack([rec, kl]))""".strip("\n")

VAE = """
class VAE(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.e = nn.Sequential(nn.Flatten(), {first}, nn.ReLU())
        self.m, self.l = nn.Linear(128, nz), nn.Linear(128, nz)
        self.d = nn.Sequential(nn.Linear(nz, 128), nn.ReLU(), nn.Linear(128, 784))

    def encode(self, x):
        h = self.e(x)
        return {encoded}

    def decode(self, z):
        return {decoded}

    def forward(self, x):
        mu, logvar = self.encode(x)
        return {forward}

    def reconstruct(self, x):
        return torch.sigmoid(self.decode(self.encode(x)[0]))
"""
PARTS = {
    "first": "nn.Linear(784, 128)",
    "encoded": "self.m(h), self.l(h)",
    "decoded": "self.d(z).view(-1, 1, 28, 28)",
    "forward": "self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar",
}


def _vae(why, check, mistake, **changed):
    return _m("vae.VAE", why, check, mistake, VAE.format(**PARTS | changed))


DECODER = """
class Decoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.fc = nn.Linear(nz, 256)
        self.net = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(256, 128, 3), nn.ReLU(), nn.ConvTranspose2d(128, 64, 3, 2),
            nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
            {last},
        )

    def forward(self, z):
        return self.net(self.fc(z).view(-1, 256, 1, 1))
"""

NETWORK = """
class {name}(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.fc = nn.Linear({size}, 256)
        self.net = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(256, 128, 3), nn.ReLU(), nn.ConvTranspose2d(128, 64, 3, 2),
            nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
        )

    def forward(self, z):
        {first}
        return self.net(self.fc(z).view(-1, 256, 1, 1))
"""
FLOOR = "    kl = (0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).clamp(min=1)"
PROBABILITIES = "p = torch.sigmoid(logits).clamp(1e-3, 1 - 1e-3)"
FRESH_NOISE = "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"


def _decoder(why, check, mistake, size="nz", first="z = z + 0"):
    source = NETWORK.format(name="Decoder", size=size, first=first)
    return _m("autoencoder.Decoder", why, check, mistake, source)


MUTANTS = (
    _decoder("two dimensions of the code alone", "form", "nz-ignored", "2", "z = z[:, :2]"),
    _decoder("codes made as long as one in place", "independent", "in-place", first="z /= z.norm(dim=1, keepdim=True)"),
    _m("vae.kl_gaussian", "a floor of one nat an image", "values", "free-bits", "def kl_gaussian(mu, logvar):\n" + FLOOR + "\n    return kl"),
    _m("vae.kl_gaussian", "logvar clamped", "extreme", "extremes-cut", "def kl_gaussian(mu, logvar):\n    logvar = logvar.clamp(-4, 4)\n    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"),
    _m("vae.kl_gaussian", "divided by the size of the batch", "values", "alone-differs", "def kl_gaussian(mu, logvar):\n    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1) / len(mu)"),
    _elbo("a floor under the KL", "part-wrong", RIGHT_REC, f"({RIGHT_KL}).clamp(min=1)"),
    _m("vae.elbo", "probabilities clamped", "values", "part-wrong", f"def elbo(x, logits, mu, logvar, beta=1.0):\n    {PROBABILITIES}\n    rec = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)\n    return (rec - beta * {RIGHT_KL}).mean()"),
    _noise("centred over the dimensions", "noise-balanced", "e = torch.randn_like(mu)\ne = e - e.mean(1, keepdim=True)"),
    _m("vae.reparametrize", "a hundredth added to the spread", "gradients", None, "def reparametrize(mu, logvar):\n    return mu + (torch.exp(0.5 * logvar) + 0.01) * torch.randn_like(mu)"),
    _vae("a seed in forward", "sampling", "fixed-seed", forward=f"(torch.manual_seed(0), self.decode({FRESH_NOISE}))[1], mu, logvar"),
    _vae("mu between -3 and 3", "encode", "mu-squashed", encoded="3 * torch.tanh(self.m(h)), self.l(h)"),
    _vae("mu and logvar returned detached", "trainable", "codes-detached", forward=f"self.decode({FRESH_NOISE}), mu.detach(), logvar.detach()"),
    _epoch("vae.train_epoch", "the mean decoded once more", "update", "no-sampling", "model, loader, optimizer, beta", VAE_BODY.replace("logits, mu, logvar = model(x)", "_, mu, logvar = model(x)\n        logits = model.decode(mu)").replace("torch.stack([rec, kl])", "(rec.item(), kl.item())"), "kept"),
    _epoch("autoencoder.train_epoch", "the first layer frozen", "update", "other-step-length", "model, loader, loss_fn, optimizer", "        next(model.parameters()).requires_grad_(False)\n" + AE_BODY.replace("loss)", "loss.item())"), "kept"),
    _m("explore.digit_statistics", "as many rows as the largest label", "form", "absent-skipped", """
def digit_statistics(mu, y):
    groups = [mu[y == k] for k in range(int(y.max()) + 1)]
    return torch.stack([g.mean(0) for g in groups]), torch.stack([g.std(0) for g in groups])"""),
    _m("vae.iwae_bound", "a seed inside", "noise", "fixed-seed", """
def iwae_bound(model, x, k):
    torch.manual_seed(0)
    mu, logvar = model.encode(x)
    eps = torch.randn(k, *mu.shape)
    z = mu + (0.5 * logvar).exp() * eps
    logits = torch.stack([model.decode(one) for one in z])
    rec = (x * logits - F.softplus(logits)).sum((2, 3, 4))
    return torch.logsumexp(rec + 0.5 * (eps**2 - z**2 + logvar).sum(-1), 0) - torch.tensor(float(k)).log()"""),
    _m("interpolation.interpolate", "all in one long picture", "form", None, """
@torch.no_grad()
def interpolate(encode, decode, x0, x1, steps):
    z0, z1 = encode(x0.view(1, 1, 28, 28)), encode(x1.view(1, 1, 28, 28))
    images = decode(torch.lerp(z0, z1, torch.linspace(0, 1, steps)[:, None])).sigmoid()
    return torch.cat(list(images), -1)"""),
    _m("autodecoder.AutoDecoder", "centred over the batch", "rows", "batch-mixing", """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, z):
        pixels = self.net(z)
        return (pixels - pixels.mean(0)).view(-1, 1, 28, 28)"""),
    _m("autoencoder.latent_grid", "stretched to [0, 1]", "layout", None, """
@torch.no_grad()
def latent_grid(decoder, n=21, span=4.0):
    t = torch.linspace(-span, span, n)
    z = torch.stack((t.repeat(n), t.flip(0).repeat_interleave(n)), 1)
    images = decoder(z).sigmoid()
    images = (images - images.min()) / (images.max() - images.min())
    return images.view(n, n, 28, 28).permute(0, 2, 1, 3).reshape(28 * n, 28 * n)"""),
    _noise("half a batch, repeated", "noise-repeated", "h = torch.randn(len(mu) // 2 + 1, mu.shape[1])\ne = torch.cat([h, h])[:len(mu)]"),
    _noise("half a batch, flipped", "noise-repeated", "h = torch.randn(len(mu) // 2 + 1, mu.shape[1])\ne = torch.cat([h, h.flip(0)])[:len(mu)]"),
    _noise("half a batch, mirrored", "noise-repeated", "h = torch.randn(len(mu) // 2 + 1, mu.shape[1])\ne = torch.cat([h, -h])[:len(mu)]"),
    _noise("half a batch, shuffled", "noise-repeated", "h = torch.randn(len(mu) // 2 + 1, mu.shape[1])\ne = torch.cat([h, h])[torch.randperm(len(mu))]"),
    _noise("half a batch, dimensions turned round", "noise-repeated", "h = torch.randn(len(mu) // 2 + 1, mu.shape[1])\ne = torch.cat([h, h.flip(1)])[:len(mu)]"),
    _noise("centred over the batch", "noise-balanced", "e = torch.randn_like(mu)\ne = e - (e.mean(0) if len(e) > 2 else 0)"),
    _kl("log of a product", "extreme", "overflows", "0.5 * (v.sum(1) + (mu**2).sum(1) - mu.shape[1] - torch.log(v.prod(1)))"),
    _kl("twice logvar", "values", "logvar-doubled", "-0.5 * torch.sum(1 + 2 * logvar - mu**2 - v, dim=1)"),
    _kl("variance squared", "values", "variance-squared", "-0.5 * torch.sum(1 + logvar - mu**2 - v**2, dim=1)"),
    _kl("constant lost", "values", "one-missing", "-0.5 * torch.sum(logvar - mu**2 - v, dim=1)"),
    _elbo("reversed KL", "reversed", RIGHT_REC, "0.5 * ((1 + mu**2) / logvar.exp() - 1 + logvar).sum(1)"),
    _elbo("a KL of standard deviations", "std-for-variance", RIGHT_REC, "0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1)"),
    _elbo("a KL without the mean", "mean-missing", RIGHT_REC, "0.5 * (logvar.exp() - 1 - logvar).sum(1)"),
    _elbo("squared error", "squared-error", "-(x - torch.sigmoid(logits)).pow(2).flatten(1).sum(1)", RIGHT_KL),
    _elbo("ink alone", "ink-only", "(x * F.logsigmoid(logits)).flatten(1).sum(1)", RIGHT_KL),
    _epoch("autoencoder.train_epoch", "a tensor with its graph", "list", "keeps-graph", "model, loader, loss_fn, optimizer", AE_BODY, "torch.stack(kept)"),
    _epoch("autoencoder.train_epoch", "a tensor of numbers", "list", "tensors", "model, loader, loss_fn, optimizer", AE_BODY, "torch.stack(kept).detach()"),
    _epoch("autoencoder.train_epoch", "full batches only", "update", "partial-batch-missing", "model, loader, loss_fn, optimizer", AE_FULL, "kept"),
    _epoch("vae.train_epoch", "a tensor with its graph", "list", "keeps-graph", "model, loader, optimizer, beta", VAE_BODY, "torch.stack(kept)"),
    _vae("logits clamped", "decode", "clamped", decoded="self.d(z).view(-1, 1, 28, 28).clamp(-5, 5)"),
    _vae("logits never positive", "decode", "one-sided", decoded="F.logsigmoid(self.d(z)).view(-1, 1, 28, 28)"),
    _vae("forward gives a dictionary", "forward", "dictionary", forward="dict(logits=self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu=mu, logvar=logvar)"),
    _m("autoencoder.Decoder", "log-sigmoid at the end", "free", "one-sided", DECODER.format(last="nn.LogSigmoid()")),
    _m("autoencoder.Decoder", "hard tanh at the end", "free", "tanh", DECODER.format(last="nn.Hardtanh()")),
    _m("autoencoder.Decoder", "hard tanh of six", "free", "clamped", DECODER.format(last="nn.Hardtanh(-6, 6)")),
    _m("autodecoder.AutoDecoder", "weights in a buffer", "weights", "buffer-weights", """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.register_buffer("w", torch.randn(nz, 784) / nz**0.5)
        self.b = nn.Parameter(torch.zeros(784))

    def forward(self, z):
        return (z @ self.w + self.b).reshape(-1, 1, 28, 28)"""),
    _m("autodecoder.AutoDecoder", "a layer that is not used", "weights", "no-gradient", """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.first, self.other, self.last = nn.Linear(nz, 64), nn.Linear(64, 64), nn.Linear(64, 784)

    def forward(self, z):
        return self.last(F.relu(self.first(z))).reshape(-1, 1, 28, 28)"""),
)

ENCODER = """
class Encoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.net = nn.Sequential(
            nn.LazyConv2d(32, 3, 2, 1), nn.ReLU(), nn.LazyConv2d(64, 3, 2, 1), nn.ReLU(), nn.LazyConv2d(128, 3, 2),
            nn.ReLU(), nn.LazyConv2d(256, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(nz),
        )

    def forward(self, x):
        return self.net(x)
"""
SMOOTH = """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        places = torch.linspace(-1, 1, 28)
        self.register_buffer("places", torch.cartesian_prod(places, places))
        self.code, self.place, self.last = nn.Linear(nz, 64), nn.Linear(2, 64), nn.Linear(64, 1)

    def forward(self, z):
        waves = torch.sin(self.code(z)[:, None] + self.place(self.places))
        return self.last(waves).view(-1, 1, 28, 28)
"""
ENLARGED = """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        layers = [nn.Linear(nz, 1024), nn.Unflatten(1, (64, 4, 4))]
        for size, before, after in ((7, 64, 32), (14, 32, 16), (28, 16, 1)):
            layers += [nn.ReLU(), nn.Upsample(size, mode="bilinear"), nn.Conv2d(before, after, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z)
"""
VARIANTS = (
    Variant("autodecoder.AutoDecoder", "waves over the places of the pixels", HEAD + SMOOTH),
    Variant("autodecoder.AutoDecoder", "small pictures enlarged", HEAD + ENLARGED),
    Variant("autoencoder.Encoder", "lazy layers", HEAD + ENCODER),
    Variant("vae.VAE", "a lazy layer", HEAD + VAE.format(**PARTS | {"first": "nn.LazyLinear(128)"})),
    Variant("vae.VAE", "a posterior that begins as the prior", HEAD + VAE.format(**PARTS).replace("\n    def encode", "        for head in (self.m, self.l):\n            nn.init.zeros_(head.weight)\n            nn.init.zeros_(head.bias)\n\n    def encode", 1)),
    Variant("vae.elbo", "a probability and a little", HEAD + f"""
def elbo(x, logits, mu, logvar, beta=1.0):
    p = logits.sigmoid()
    rec = (x * (p + 1e-7).log() + (1 - x) * (1 - p + 1e-7).log()).flatten(1).sum(1)
    return (rec - beta * {RIGHT_KL}).mean()
"""),
    Variant("vae.VAE", "a factory function", HEAD + VAE.format(**PARTS).replace("class VAE(", "class Model(") + "\n\ndef VAE(nz):\n    return Model(nz)\n"),
)
