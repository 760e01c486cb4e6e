"""Answers to `AutoDecoder` and `fit_latents`."""

from .. import Mutant, Variant, edited
from .common import HEAD

AUTO_DECODER = HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.first = nn.Linear(nz, 64 * 7 * 7)
        self.norm = nn.BatchNorm2d(64)
        self.up1 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)

    def forward(self, z):
        h = F.relu(self.norm(self.first(z).view(-1, 64, 7, 7)))
        h = F.relu(self.up1(h))
        return self.up2(h)
"""


def _decoder(why, check, mistake, *pairs):
    return Mutant("autodecoder.AutoDecoder", why, check, mistake, edited(AUTO_DECODER, *pairs))


def _decoder_variant(why, *pairs, source=AUTO_DECODER):
    return Variant("autodecoder.AutoDecoder", why, edited(source, *pairs))


LAST = "return self.up2(h)"
DECODERS = (
    _decoder("sigmoid at the end", "logits", "sigmoid", (LAST, "return torch.sigmoid(self.up2(h))")),
    _decoder("tanh at the end", "logits", "tanh", (LAST, "return torch.tanh(self.up2(h))")),
    _decoder("ReLU at the end", "logits", "relu", (LAST, "return F.relu(self.up2(h))")),
    _decoder("log-probabilities", "logits", "one-sided", (LAST, "return F.logsigmoid(self.up2(h))")),
    _decoder("clamped to [0, 1]", "logits", "sigmoid", (LAST, "return self.up2(h).clamp(0, 1)")),
    _decoder("latent size written in", "form", "nz-ignored", ("nn.Linear(nz, 64", "nn.Linear(16, 64")),
    _decoder("batch size written in", "form", "fixed-batch", (".view(-1, 64, 7, 7)", ".view(6, 64, 7, 7)")),
    _decoder("flattened", "form", "flattened", (LAST, "return self.up2(h).flatten(1)")),
    _decoder("channel axis lost", "form", "no-channel", (LAST, "return self.up2(h).squeeze(1)")),
    _decoder("14 by 14", "form", "image-size", (LAST, "return self.up2(h)[:, :, ::2, ::2]")),
    _decoder("25 by 25", "form", "image-size",
             ("nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)", "nn.ConvTranspose2d(32, 1, 3, stride=2, padding=2)")),
    _decoder("32 channels", "form", "channels", ("nn.ConvTranspose2d(32, 1,", "nn.ConvTranspose2d(32, 32,")),
    _decoder("latents detached", "rows", "latent-unused", ("self.first(z)", "self.first(z.detach())")),
    _decoder("one dimension unused", "rows", "dimensions-unused",
             ("nn.Linear(nz, 64", "nn.Linear(nz - 1, 64"), ("self.first(z)", "self.first(z[:, 1:])")),
    _decoder("batch statistics in eval mode", "rows", "batch-mixing",
             ("nn.BatchNorm2d(64)", "nn.BatchNorm2d(64, track_running_stats=False)")),
    _decoder("layers in a plain list", "weights", "unregistered",
             ("self.up1 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)",
              "self.hidden = [nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)]"),
             ("self.up1(h)", "self.hidden[0](h)")),
    _decoder("a layer made in forward", "weights", "random-in-eval",
             ("F.relu(self.up1(h))", "F.relu(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)(h))")),
    _decoder("all layers in a plain list", "weights", "no-parameters",
             ("super().__init__()\n", "super().__init__()\n        self.all = [nn.Linear(nz, 784)]\n        return\n"),
             ("h = F.relu(self.norm(self.first(z).view(-1, 64, 7, 7)))", "return self.all[0](z).view(-1, 1, 28, 28)")),
    _decoder("frozen", "weights", "frozen",
             ("\n    def forward", "\n        self.requires_grad_(False)\n\n    def forward")),
    _decoder("first layer frozen", "weights", "frozen",
             ("\n    def forward", "\n        self.first.weight.requires_grad = False\n\n    def forward")),
    _decoder("under no_grad", "weights", "detached", ("    def forward", "    @torch.no_grad()\n    def forward")),
    _decoder("noise on the output", "rows", "random-in-eval",
             (LAST, "out = self.up2(h)\n        return out + 0.1 * torch.randn_like(out)")),
    _decoder("dropout that eval mode does not switch off", "rows", "random-in-eval",
             ("h = F.relu(self.up1(h))", "h = F.dropout(F.relu(self.up1(h)), 0.5)")),
    _decoder("normalises the latents in place", "manners", "in-place",
             ("        h = F.relu(self.norm(", "        z /= z.norm(dim=1, keepdim=True)\n        h = F.relu(self.norm(")),
    _decoder("returns logits and images", "form", "no-tensor",
             (LAST, "out = self.up2(h)\n        return out, torch.sigmoid(out)")),
    _decoder("forgets to return", "form", "returns-nothing", (LAST, "out = self.up2(h)")),
)

MLP = HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz, hidden=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(nz, hidden), nn.LayerNorm(hidden), nn.ELU(), nn.Dropout(0.1),
            nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28)),
        )

    def forward(self, z):
        return self.net(z)
"""
DECODER_VARIANTS = (
    _decoder_variant("convolutions and batch normalisation"),
    _decoder_variant("a perceptron with LayerNorm and dropout", source=MLP),
    _decoder_variant("a single linear layer", source=HEAD + """
class AutoDecoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.weight = nn.Parameter(0.05 * torch.randn(nz, 784))
        self.bias = nn.Parameter(torch.zeros(784))

    def forward(self, z):
        return (z @ self.weight + self.bias).reshape(z.shape[0], 1, 28, 28)
"""),
    _decoder_variant("upsampling", (LAST, """h = F.interpolate(h, size=(28, 28), mode='bilinear', align_corners=False)
        return self.last(h)"""), ("self.up2 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)",
                                  "self.last = nn.Conv2d(32, 1, 3, padding=1)")),
    _decoder_variant("a function that builds a Sequential", source=HEAD + """
def AutoDecoder(nz):
    return nn.Sequential(
        nn.Linear(nz, 256), nn.GELU(), nn.Unflatten(1, (256, 1, 1)),
        nn.ConvTranspose2d(256, 128, 3), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(128, 64, 3, 2), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
    )
"""),
    _decoder_variant("logits clamped at 30, junk imports, prints", (LAST, """print('decoded', len(h))
        return self.up2(h).clamp(-30, 30)""")),
    _decoder_variant("subclass with ModuleList", source=HEAD + """
import json, os, sys

class Base(nn.Module):
    def forward(self, z):
        for layer in self.layers:
            z = torch.tanh(layer(z))
        return self.out(z).view(len(z), 1, 28, 28)

class AutoDecoder(Base):
    def __init__(self, nz=16):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(nz, 100), nn.Linear(100, 200)])
        self.out = nn.Linear(200, 28 * 28)
"""),
)

FIT = HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    training = decoder.training
    decoder.eval()
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)
        loss.backward()
        optimizer.step()
    decoder.train(training)
    return z.detach()
"""


def _fit(why, check, mistake, *pairs):
    return Mutant("autodecoder.fit_latents", why, check, mistake, edited(FIT, *pairs))


def _fit_variant(why, *pairs, source=FIT):
    return Variant("autodecoder.fit_latents", why, edited(source, *pairs))


EVAL = ("    decoder.eval()\n", "")
FITS = (
    _fit("the decoder trains too", "parameters", "decoder-trained", ("Adam([z],", "Adam([z, *decoder.parameters()],")),
    _fit("the decoder trains instead", "parameters", "decoder-trained", ("Adam([z],", "Adam(decoder.parameters(),")),
    _fit("weight decay on the decoder", "parameters", "decoder-trained",
         ("Adam([z], lr=lr)", "Adam([{'params': [z]}, {'params': decoder.parameters(), 'lr': 1e-4}], lr=lr)")),
    _fit("train mode moves running statistics", "buffers", "statistics-moved", EVAL),
    _fit("train mode on purpose", "buffers", "statistics-moved", ("decoder.eval()", "decoder.train()")),
    _fit("one latent for all", "fits", "one-latent",
         ("z = torch.zeros(len(x), nz, requires_grad=True)", "z = torch.zeros(1, nz, requires_grad=True)"),
         ("decoder(z)", "decoder(z.expand(len(x), -1))"), ("return z.detach()", "return z.detach().repeat(len(x), 1)")),
    _fit("one latent, not repeated", "form", "one-latent",
         ("z = torch.zeros(len(x), nz, requires_grad=True)", "z = torch.zeros(1, nz, requires_grad=True)"),
         ("decoder(z)", "decoder(z.expand(len(x), -1))")),
    _fit("only the first image is fitted", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z)[:1], x[:1], reduction='sum')")),
    _fit("only half of the images", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z)[::2], x[::2], reduction='sum')")),
    _fit("a batch size of 4 written in", "fits", "some-latents-only",
         ("decoder(z), x, reduction='sum') / len(x)", "decoder(z[:4]), x[:4], reduction='sum')")),
    _fit("sign of the loss", "fits", "climbs", ("loss.backward()", "(-loss).backward()")),
    _fit("no step", "fits", "latents-not-moved", ("        optimizer.step()\n", "")),
    _fit("no backward: gradients stay zero", "fits", "latents-not-moved", ("        loss.backward()\n", "        z.grad = torch.zeros_like(z)\n")),
    _fit("optimises a copy", "fits", "latents-not-moved", ("Adam([z],", "Adam([z.clone().detach().requires_grad_()],")),
    _fit("steps written in", "schedule", "steps-ignored", ("range(steps)", "range(300)")),
    _fit("learning rate written in", "schedule", "lr-ignored", ("lr=lr", "lr=0.05")),
    _fit("learning rate left at Adam's own", "fits", "lr-ignored", ("Adam([z], lr=lr)", "Adam([z])")),
    _fit("one step only", "fits", "latents-not-moved", ("        optimizer.step()\n", "        optimizer.step()\n        break\n")),
    _fit("leaves the decoder frozen", "as-found", "left-frozen",
         ("    decoder.eval()\n", "    decoder.eval()\n    for p in decoder.parameters():\n        p.requires_grad_(False)\n")),
    _fit("transposed", "form", "transposed", ("return z.detach()", "return z.detach().T")),
    _fit("returns the reconstructions", "form", "images-returned", ("return z.detach()", "return torch.sigmoid(decoder(z)).detach()")),
    _fit("returns the loss", "form", "losses-returned", ("return z.detach()", "return loss.detach()")),
    _fit("returns latents and losses", "form", "no-tensor", ("return z.detach()", "return z.detach(), loss.item()")),
    _fit("returns nothing", "form", "returns-nothing", ("    return z.detach()\n", "")),
    _fit("fits logits to pixels", "fits", "no-sigmoid",
         ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)", "F.mse_loss(decoder(z), x, reduction='sum')")),
    _fit("targets broadcast over the batch", "fits", "one-latent",
         ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)",
          "(torch.sigmoid(decoder(z)) - x[:, 0]).pow(2).sum() / len(x)")),
    _fit("shuffles the images", "fits", "order", ("    training = decoder.training\n", "    training = decoder.training\n    x = x[torch.randperm(len(x))]\n")),
    _fit("latent size written in", "form", "shapes-unfit", ("torch.zeros(len(x), nz,", "torch.zeros(len(x), 16,")),
    _fit("blanks the images in the end", "as-found", "in-place", ("    return z.detach()", "    x.zero_()\n    return z.detach()")),
)
FIT_VARIANTS = (
    _fit_variant("plain Adam from zeros"),
    _fit_variant("from random latents, mean loss", ("torch.zeros(len(x), nz, requires_grad=True)", "torch.randn(len(x), nz).requires_grad_()"),
                 (", reduction='sum') / len(x)", ")")),
    _fit_variant("small random start, AdamW", ("torch.zeros(len(x), nz, requires_grad=True)", "(0.01 * torch.randn(len(x), nz)).requires_grad_()"),
                 ("optim.Adam(", "optim.AdamW(")),
    _fit_variant("leaves the decoder in eval mode", ("    decoder.train(training)\n", "")),
    _fit_variant("always ends in train mode", ("decoder.train(training)", "decoder.train()")),
    _fit_variant("RMSprop", ("optim.Adam(", "optim.RMSprop(")),
    _fit_variant("gradient descent on the sum", ("optim.Adam(", "optim.SGD("), (" / len(x)", "")),
    _fit_variant("momentum", ("optim.Adam([z], lr=lr)", "optim.SGD([z], lr=lr, momentum=0.9)")),
    _fit_variant("LBFGS", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    was = decoder.training
    decoder.eval()
    z = nn.Parameter(torch.zeros(x.shape[0], nz))
    optimizer = torch.optim.LBFGS([z], lr=lr, max_iter=1)
    def closure():
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum')
        loss.backward()
        return loss
    for _ in range(steps):
        optimizer.step(closure)
    decoder.train(was)
    return z
"""),
    _fit_variant("gradients of the latents alone, by hand", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    mode = decoder.training
    decoder.eval()
    z = torch.zeros(len(x), nz)
    m, v = torch.zeros_like(z), torch.zeros_like(z)
    for i in range(1, steps + 1):
        z.requires_grad_(True)
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum')
        (g,) = torch.autograd.grad(loss, z)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        z = (z - lr * (m / (1 - 0.9 ** i)) / ((v / (1 - 0.999 ** i)).sqrt() + 1e-8)).detach()
    decoder.train(mode)
    return z
"""),
    _fit_variant("on a deep copy", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    twin = copy.deepcopy(decoder).eval().requires_grad_(False)
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    for step in range(steps):
        loss = F.binary_cross_entropy_with_logits(twin(z), x, reduction='none').sum((1, 2, 3)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        print(step, loss.item())
    return z.detach().clone()
"""),
    _fit_variant("frozen and released, zero_grad after step",
                 ("    decoder.eval()\n", "    decoder.eval()\n    decoder.requires_grad_(False)\n"),
                 ("    decoder.train(training)\n", "    decoder.train(training)\n    decoder.requires_grad_(True)\n"),
                 ("        optimizer.zero_grad()\n", ""), ("        optimizer.step()\n", "        optimizer.step()\n        optimizer.zero_grad()\n")),
    _fit_variant("train mode, buffers put back", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    saved = copy.deepcopy(decoder.state_dict())
    z = torch.zeros(len(x), nz, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)
    with torch.no_grad():
        z += 0.1 * torch.randn_like(z)
    for _ in range(steps):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum').backward()
        optimizer.step()
    decoder.load_state_dict(saved)
    decoder.zero_grad()
    return z.detach()
"""),
    _fit_variant("an embedding, image by image order kept", source=HEAD + """
def fit_latents(decoder, x, nz, steps, lr):
    mode = decoder.training
    decoder.eval()
    table = nn.Embedding(len(x), nz)
    nn.init.zeros_(table.weight)
    optimizer = torch.optim.Adam(table.parameters(), lr=lr)
    index = torch.arange(len(x))
    with torch.enable_grad():
        for _ in range(steps):
            logits = torch.func.functional_call(decoder, dict(decoder.named_parameters()), (table(index),))
            loss = F.binary_cross_entropy_with_logits(logits, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    decoder.train(mode)
    return table.weight.data
"""),
    _fit_variant("squared error of images", ("F.binary_cross_entropy_with_logits(decoder(z), x, reduction='sum') / len(x)",
                                             "F.mse_loss(torch.sigmoid(decoder(z)), x, reduction='sum')")),
)
