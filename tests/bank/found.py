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

MUTANTS = (
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
VARIANTS = (
    Variant("autoencoder.Encoder", "lazy layers", HEAD + ENCODER),
    Variant("vae.VAE", "a lazy layer", HEAD + VAE.format(**PARTS | {"first": "nn.LazyLinear(128)"})),
    Variant("vae.VAE", "a factory function", HEAD + VAE.format(**PARTS).replace("class VAE(", "class Model(") + "\n\ndef VAE(nz):\n    return Model(nz)\n"),
)
