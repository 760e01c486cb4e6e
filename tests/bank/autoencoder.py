"""Answers to `autoencoder`: wrong ones and unusual right ones."""

from . import Mutant, Variant, edited

HEAD = """
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

"""


# -- the two networks -----------------------------------------------------------------------------

ENCODER = (
    HEAD
    + """
class Encoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, stride=2)
        self.conv4 = nn.Conv2d(128, 256, 3, stride=2)
        self.out = nn.Linear(256, nz)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = x.flatten(1)
        return self.out(x)
"""
)

DECODER = (
    HEAD
    + """
class Decoder(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.first = nn.Linear(nz, 256)
        self.deconv1 = nn.ConvTranspose2d(256, 128, 3, stride=2)
        self.deconv2 = nn.ConvTranspose2d(128, 64, 3, stride=2)
        self.deconv3 = nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)
        self.deconv4 = nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, z):
        x = F.relu(self.first(z)).view(-1, 256, 1, 1)
        x = F.relu(self.deconv1(x))
        x = F.relu(self.deconv2(x))
        x = F.relu(self.deconv3(x))
        x = self.deconv4(x)
        return x
"""
)


def _encoder(why, check, mistake, *pairs):
    return Mutant("autoencoder.Encoder", why, check, mistake, edited(ENCODER, *pairs))


def _decoder(why, check, mistake, *pairs):
    return Mutant("autoencoder.Decoder", why, check, mistake, edited(DECODER, *pairs))


LAST = "return self.out(x)"
LOGITS = "return x\n"
NETWORK_MUTANTS = (
    _decoder("a ReLU on the code", "free", "relu-first", ("self.first(z)", "self.first(F.relu(z))")),
    _encoder(
        "shifts the images in place",
        "independent",
        "in-place",
        ("x = F.relu(self.conv1(x))", "x -= 0.5\n        x = F.relu(self.conv1(x))"),
    ),
    _encoder(
        "batch statistics for ever",
        "independent",
        "batch-mixing",
        ("return self.out(x)", "return F.batch_norm(self.out(x), None, None, training=True)"),
    ),
    _encoder("sigmoid at the end", "free", "sigmoid", (LAST, "return torch.sigmoid(self.out(x))")),
    _encoder("tanh at the end", "free", "tanh", (LAST, "return torch.tanh(self.out(x))")),
    _encoder("ReLU at the end", "free", "relu", (LAST, "return F.relu(self.out(x))")),
    _encoder("softmax at the end", "free", "softmax", (LAST, "return self.out(x).softmax(1)")),
    _encoder("no non-linearity", "free", "no-nonlinearity", ("F.relu", "")),
    _encoder(
        "half the channels",
        "stages",
        "stage-channels",
        ("1, 32,", "1, 16,"),
        ("(32, 64", "(16, 64"),
    ),
    _encoder(
        "channels 64 64 128 256",
        "stages",
        "stage-channels",
        ("(1, 32,", "(1, 64,"),
        ("(32, 64", "(64, 64"),
    ),
    _encoder(
        "128 channels at the end",
        "stages",
        "stage-channels",
        ("128, 256", "128, 128"),
        ("Linear(256", "Linear(128"),
    ),
    _encoder(
        "third stage at 4x4, then pooled",
        "stages",
        "stage-size",
        ("128, 3, stride=2)", "128, 3, stride=2, padding=1)"),
        ("256, 3, stride=2)", "256, 4)"),
    ),
    _encoder(
        "ends at 2x2",
        "stages",
        "stage-size",
        ("256, 3, stride=2)", "256, 2)"),
        ("Linear(256", "Linear(4 * 256"),
    ),
    _encoder(
        "a stage is missing",
        "stages",
        "stage-size",
        ("x = F.relu(self.conv3(x))\n", "\n"),
        ("(128, 256, 3, stride=2)", "(64, 256, 7)"),
        ("        self.conv3 = nn.Conv2d(64, 128, 3, stride=2)\n", ""),
    ),
    _encoder(
        "linear layers only",
        "stages",
        "no-convolutions",
        ("nn.Linear(256, nz)", "nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, nz))"),
        ("        self.conv1 = nn.Conv2d(1, 32, 3, stride=2, padding=1)\n", ""),
        ("        self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)\n", ""),
        ("        self.conv3 = nn.Conv2d(64, 128, 3, stride=2)\n", ""),
        ("        self.conv4 = nn.Conv2d(128, 256, 3, stride=2)\n", ""),
        ("        x = F.relu(self.conv1(x))\n", ""),
        ("        x = F.relu(self.conv2(x))\n", ""),
        ("        x = F.relu(self.conv3(x))\n", ""),
        ("        x = F.relu(self.conv4(x))\n", ""),
    ),
    _encoder("nz is 16 whatever is asked", "form", "nz-ignored", ("256, nz)", "256, 16)")),
    _encoder(
        "feature maps returned",
        "form",
        "not-flattened",
        (LAST, "return self.out(x).view(-1, self.out.out_features, 1, 1)"),
    ),
    _encoder(
        "squeeze() eats a batch of one",
        "form",
        "squeezed-batch",
        (LAST, "return self.out(x).squeeze()"),
    ),
    _encoder("batch size in a view", "form", "fixed-batch", ("x.flatten(1)", "x.view(128, 256)")),
    _encoder("flattens the batch too", "form", None, ("x.flatten(1)", "x.flatten()")),
    _encoder("no return", "form", "returns-nothing", (LAST, "self.out(x)")),
    _encoder("returns mean and something", "form", "no-tensor", (LAST, "return self.out(x), x")),
    _encoder(
        "layers in a plain list",
        "trainable",
        "unregistered",
        ("self.out = ", "self.outs = ["),
        ("nn.Linear(256, nz)", "nn.Linear(256, nz)]"),
        ("self.out(x)", "self.outs[0](x)"),
    ),
    _encoder(
        "a new layer in every forward",
        "independent",
        "random-in-eval",
        ("self.out = nn.Linear(256, nz)", "self.nz = nz"),
        ("return self.out(x)", "return nn.Linear(256, self.nz)(x)"),
    ),
    _encoder(
        "detached half way",
        "trainable",
        "no-gradient",
        ("x = x.flatten(1)", "x = x.flatten(1).detach()"),
    ),
    _encoder(
        ".data half way", "trainable", "no-gradient", ("x = x.flatten(1)", "x = x.data.flatten(1)")
    ),
    _encoder(
        "frozen first stage",
        "trainable",
        "frozen",
        ("self.out = ", "self.conv1.requires_grad_(False)\n        self.out = "),
    ),
    _encoder(
        "a layer that is not used",
        "trainable",
        "no-gradient",
        ("self.out = ", "self.extra = nn.Linear(256, 256)\n        self.out = "),
    ),
    _encoder(
        "layers on the class",
        "independent",
        "shared-layers",
        (
            "class Encoder(nn.Module):\n",
            "CONV = nn.Conv2d(1, 32, 3, stride=2, padding=1)\n\nclass Encoder(nn.Module):\n",
        ),
        ("self.conv1 = nn.Conv2d(1, 32, 3, stride=2, padding=1)", "self.conv1 = CONV"),
    ),
    _encoder(
        "seed in the constructor",
        "independent",
        "shared-layers",
        ("super().__init__()", "super().__init__()\n        torch.manual_seed(0)"),
    ),
    _encoder(
        "dropout in evaluation too",
        "independent",
        "random-in-eval",
        ("x = x.flatten(1)", "x = F.dropout(x.flatten(1), 0.3)"),
    ),
    _encoder(
        "standardised over the batch",
        "independent",
        "batch-mixing",
        (LAST, "x = self.out(x)\n        return x - x.mean(0)"),
    ),
    _encoder(
        "batch norm without running statistics",
        "independent",
        "batch-mixing",
        (
            "self.out = nn.Linear(256, nz)",
            "self.out = nn.Linear(256, nz)\n"
            "        self.norm = nn.BatchNorm2d(32, track_running_stats=False)",
        ),
        ("F.relu(self.conv1(x))", "F.relu(self.norm(self.conv1(x)))"),
    ),
    _decoder("sigmoid at the end", "free", "sigmoid", (LOGITS, "return torch.sigmoid(x)\n")),
    _decoder("tanh at the end", "free", "tanh", (LOGITS, "return torch.tanh(x)\n")),
    _decoder(
        "ReLU at the end", "free", "relu", ("x = self.deconv4(x)", "x = F.relu(self.deconv4(x))")
    ),
    _decoder("clamped to [0, 1]", "free", "sigmoid", (LOGITS, "return x.clamp(0, 1)\n")),
    _decoder("no non-linearity", "free", "no-nonlinearity", ("F.relu", "")),
    _decoder(
        "half the channels",
        "stages",
        "stage-channels",
        ("64, 32", "64, 16"),
        ("(32, 1,", "(16, 1,"),
    ),
    _decoder(
        "starts at 128 channels",
        "stages",
        "stage-channels",
        ("nz, 256", "nz, 128"),
        ("-1, 256", "-1, 128"),
        ("(256, 128", "(128, 128"),
    ),
    _decoder(
        "starts at 7x7",
        "stages",
        "stage-size",
        ("nz, 256", "nz, 256 * 9"),
        ("256, 1, 1", "256, 3, 3"),
        ("(256, 128, 3, stride=2)", "(256, 128, 1)"),
    ),
    _decoder(
        "4x4 instead of 3x3",
        "stages",
        "stage-size",
        ("(256, 128, 3, stride=2)", "(256, 128, 4)"),
        ("(128, 64, 3, stride=2)", "(128, 64, 4)"),
    ),
    _decoder(
        "nz is 16 whatever is asked", "form", "nz-ignored", ("nn.Linear(nz,", "nn.Linear(16,")
    ),
    _decoder(
        "29 pixels",
        "form",
        "image-size",
        ("32, 1, 3, stride=2, padding=1, output_padding=1", "32, 1, 3, stride=2"),
    ),
    _decoder("flat pixels", "form", "not-flattened", (LOGITS, "return x.flatten(1)\n")),
    _decoder("no channel axis", "form", "not-flattened", (LOGITS, "return x[:, 0]\n")),
    _decoder("squeeze() eats axes", "form", "not-flattened", (LOGITS, "return x.squeeze()\n")),
    _decoder("batch size in a view", "form", "fixed-batch", ("view(-1, 256", "view(64, 256")),
    _decoder(
        "layers in a plain list",
        "trainable",
        "unregistered",
        (
            "self.deconv4 = nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1)",
            "self.rest = [nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1)]",
        ),
        ("self.deconv4(x)", "self.rest[0](x)"),
    ),
    _decoder(
        "detached half way",
        "trainable",
        "no-gradient",
        ("x = F.relu(self.deconv2(x))", "x = F.relu(self.deconv2(x)).detach()"),
    ),
    _decoder(
        "frozen output layer",
        "trainable",
        "frozen",
        ("    def forward", "        self.deconv4.requires_grad_(False)\n\n    def forward"),
    ),
    _decoder(
        "dropout in evaluation too",
        "independent",
        "random-in-eval",
        ("F.relu(self.deconv2(x))", "F.dropout2d(F.relu(self.deconv2(x)), 0.3)"),
    ),
    _decoder(
        "standardised over the batch",
        "independent",
        "batch-mixing",
        (LOGITS, "return (x - x.mean(0)) / (x.std(0, unbiased=False) + 1)\n"),
    ),
    _decoder(
        "seed in the constructor",
        "independent",
        "shared-layers",
        ("super().__init__()", "super().__init__()\n        torch.manual_seed(1)"),
    ),
)


def _encoder_variant(why, *pairs):
    return Variant("autoencoder.Encoder", why, edited(ENCODER, *pairs))


def _decoder_variant(why, *pairs):
    return Variant("autoencoder.Decoder", why, edited(DECODER, *pairs))


NETWORK_VARIANTS = (
    _encoder_variant("plain"),
    _encoder_variant("LeakyReLU", ("F.relu", "F.leaky_relu")),
    _encoder_variant(
        "GELU and prints",
        ("F.relu", "F.gelu"),
        ("x = x.flatten(1)", "x = x.flatten(1)\n        print('shape', x.shape)"),
    ),
    _encoder_variant("tanh inside", ("F.relu", "torch.tanh")),
    _encoder_variant(
        "one convolution as head",
        ("nn.Linear(256, nz)", "nn.Conv2d(256, nz, 1)"),
        ("x = x.flatten(1)\n", "\n"),
        ("self.out(x)", "self.out(x).flatten(1)"),
    ),
    _encoder_variant(
        "another way to the same sizes",
        ("64, 3, stride=2, padding=1", "64, 4, stride=2, padding=1"),
        ("64, 128, 3, stride=2", "64, 128, 5, stride=2, padding=1"),
        ("256, 3, stride=2", "256, 3"),
    ),
    _encoder_variant(
        "pooling",
        ("32, 64, 3, stride=2, padding=1", "32, 64, 3, padding=1"),
        ("F.relu(self.conv2(x))", "F.max_pool2d(F.relu(self.conv2(x)), 2)"),
    ),
    _encoder_variant(
        "batch normalisation",
        (
            "self.out = ",
            "self.bn1, self.bn2 = nn.BatchNorm2d(32), nn.BatchNorm2d(64)\n        self.out = ",
        ),
        ("self.conv1(x)", "self.bn1(self.conv1(x))"),
        ("self.conv2(x)", "self.bn2(self.conv2(x))"),
    ),
    _encoder_variant(
        "layer normalisation of the code",
        ("nn.Linear(256, nz)", "nn.Sequential(nn.LayerNorm(256), nn.Linear(256, nz))"),
    ),
    _encoder_variant(
        "dropout that knows evaluation",
        ("x = x.flatten(1)", "x = F.dropout(x.flatten(1), 0.2, self.training)"),
    ),
    _encoder_variant(
        "inner double precision",
        (
            "return self.out(x)",
            "return F.linear(x.double(), self.out.weight.double(), self.out.bias.double()).float()",
        ),
    ),
    _decoder_variant("plain"),
    _decoder_variant(
        "kernel four",
        ("64, 32, 3, stride=2, padding=1, output_padding=1", "64, 32, 4, 2, 1"),
        ("32, 1, 3, stride=2, padding=1, output_padding=1", "32, 1, 4, 2, 1"),
    ),
    _decoder_variant(
        "upsampling",
        (
            "nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)",
            "nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(64, 32, 3, padding=1))",
        ),
    ),
    _decoder_variant(
        "batch normalisation",
        ("    def forward", "        self.bn = nn.BatchNorm2d(64)\n\n    def forward"),
        ("self.deconv2(x)", "self.bn(self.deconv2(x))"),
    ),
    _decoder_variant(
        "SiLU, no bias",
        ("F.relu", "F.silu"),
        ("output_padding=1)", "output_padding=1, bias=False)"),
    ),
    _decoder_variant(
        "a convolution as first layer",
        ("nn.Linear(nz, 256)", "nn.ConvTranspose2d(nz, 256, 1)"),
        ("self.first(z)", "self.first(z[:, :, None, None])"),
    ),
)


# -- the loss -------------------------------------------------------------------------------------


def _loss(body):
    return HEAD + f"def reconstruction_loss(logits, x):\n    {body}\n"


def _loss_mutant(why, check, mistake, body):
    return Mutant("autoencoder.reconstruction_loss", why, check, mistake, _loss(body))


BCE = "F.binary_cross_entropy_with_logits"
LOSS_MUTANTS = (
    _loss_mutant("mean over pixels", "values", "mean-not-sum", f"return {BCE}(logits, x)"),
    _loss_mutant(
        "sum over the batch", "values", "batch-sum", f"return {BCE}(logits, x, reduction='sum')"
    ),
    _loss_mutant(
        "one value an image",
        "form",
        "no-batch-mean",
        f"return {BCE}(logits, x, reduction='none').flatten(1).sum(1)",
    ),
    _loss_mutant("one value a pixel", "form", "no-sum", f"return {BCE}(logits, x, reduction='none')"),
    _loss_mutant(
        "likelihood, not loss",
        "values",
        "sign",
        f"return -{BCE}(logits, x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "divided by 28", "values", "row-mean", f"return {BCE}(logits, x, reduction='sum') / 28"
    ),
    _loss_mutant(
        "sigmoid before the logits",
        "values",
        "sigmoid-twice",
        f"return {BCE}(torch.sigmoid(logits), x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "arguments swapped",
        "values",
        "swapped",
        f"return {BCE}(x, logits, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "squared error", "values", "squared-error", "return F.mse_loss(torch.sigmoid(logits), x)"
    ),
    _loss_mutant(
        "summed squared error of logits",
        "values",
        "squared-error",
        "return F.mse_loss(logits, x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "ink only", "values", "ink-only", "return -(x * F.logsigmoid(logits)).sum() / len(x)"
    ),
    _loss_mutant(
        "binarised",
        "values",
        "binarised",
        f"return {BCE}(logits, (x > 0.5).float(), reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "item()",
        "gradients",
        "detached",
        f"return {BCE}(logits, x, reduction='sum').item() / len(x)",
    ),
    _loss_mutant(
        "detached",
        "gradients",
        "detached",
        f"return {BCE}(logits.detach(), x, reduction='sum') / len(x)",
    ),
    _loss_mutant(
        "in place",
        "manners",
        "in-place",
        f"return {BCE}(logits, x, reduction='sum') / len(x) + 0 * x.mul_(0.5).sum()",
    ),
    _loss_mutant(
        "sigmoid and logarithms",
        "stable",
        "unstable",
        "p = torch.sigmoid(logits)\n"
        "    return -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).flatten(1).sum(1).mean()",
    ),
    _loss_mutant(
        "sigmoid and BCE",
        "stable",
        "unstable",
        "return F.binary_cross_entropy(torch.sigmoid(logits), x, reduction='sum') / len(x)",
    ),
    _loss_mutant("no return", "form", "returns-nothing", f"{BCE}(logits, x)"),
    _loss_mutant("a list", "form", "no-tensor", f"return [{BCE}(logits, x)]"),
)

LOSS_VARIANTS = tuple(
    Variant("autoencoder.reconstruction_loss", why, _loss(body))
    for why, body in (
        ("sum over N", f"return {BCE}(logits, x, reduction='sum') / x.shape[0]"),
        ("mean times D", f"return {BCE}(logits, x) * x[0].numel()"),
        (
            "nn.BCEWithLogitsLoss",
            "return nn.BCEWithLogitsLoss(reduction='sum')(logits, x) / len(x)",
        ),
        (
            "torch.distributions",
            "return -torch.distributions.Bernoulli(logits=logits, validate_args=False)"
            ".log_prob(x).sum((1, 2, 3)).mean()",
        ),
        ("softplus", "return (F.softplus(logits) - x * logits).flatten(1).sum(-1).mean()"),
        (
            "double precision",
            f"return {BCE}(logits.double(), x.double(), reduction='sum').float() / len(x)",
        ),
        (
            "a loop over images",
            f"total = 0.0\n    for a, b in zip(logits, x):\n"
            f"        total = total + {BCE}(a, b, reduction='sum')\n    print(total)\n    return "
            "total / len(x)",
        ),
        (
            "view(-1, 784)",
            f"return {BCE}(logits.view(-1, 784), x.view(-1, 784), reduction='none').sum(1).mean()",
        ),
    )
)


# -- the training loop ----------------------------------------------------------------------------

LOOP = (
    HEAD
    + """
def train_epoch(model, loader, loss_fn, optimizer):
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model, x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
"""
)


def _loop(why, check, mistake, *pairs):
    return Mutant("autoencoder.train_epoch", why, check, mistake, edited(LOOP, *pairs))


LOOP_MUTANTS = (
    _loop("no zero_grad", "update", "no-zero-grad", ("        optimizer.zero_grad()\n", "")),
    _loop(
        "zero_grad before the loop",
        "update",
        "no-zero-grad",
        ("        optimizer.zero_grad()\n", ""),
        ("    losses = []\n", "    losses = []\n    optimizer.zero_grad()\n"),
    ),
    _loop(
        "zero_grad after backward",
        "update",
        "zero-grad-too-late",
        ("        optimizer.zero_grad()\n", ""),
        ("loss.backward()\n", "loss.backward()\n        optimizer.zero_grad()\n"),
    ),
    _loop("no step", "update", "no-step", ("        optimizer.step()\n", "")),
    _loop("no backward", "update", "no-backward", ("        loss.backward()\n", "")),
    _loop(
        "a step for the epoch",
        "update",
        "one-step-an-epoch",
        ("        optimizer.zero_grad()\n", ""),
        ("        optimizer.step()\n", ""),
        ("loss.backward()", "(loss).backward()"),
        ("    return losses", "    optimizer.step()\n    return losses"),
    ),
    _loop(
        "two steps",
        "update",
        "two-steps",
        ("optimizer.step()\n", "optimizer.step()\n        optimizer.step()\n"),
    ),
    _loop("eval mode", "mode", "eval-mode", ("model.train()", "model.eval()")),
    _loop("mode forgotten", "mode", "eval-mode", ("    model.train()\n", "")),
    _loop(
        "return in the loop",
        "update",
        "first-batch-only",
        ("    return losses", "        return losses"),
    ),
    _loop(
        "break in the loop",
        "update",
        "first-batch-only",
        ("losses.append(loss.item())", "losses.append(loss.item())\n        break"),
    ),
    _loop(
        "last batch left out",
        "update",
        "last-batch-missing",
        ("in loader:", "in list(loader)[:-1]:"),
    ),
    _loop(
        "first batch left out",
        "update",
        "first-batch-missing",
        ("in loader:", "in list(loader)[1:]:"),
    ),
    _loop(
        "returns the mean",
        "list",
        "mean-returned",
        ("return losses", "return sum(losses) / len(losses)"),
    ),
    _loop(
        "returns numpy's mean", "list", "mean-returned", ("return losses", "return np.mean(losses)")
    ),
    _loop("returns the sum", "list", "sum-returned", ("return losses", "return sum(losses)")),
    _loop("returns the last", "list", "last-returned", ("return losses", "return losses[-1]")),
    _loop(
        "running mean",
        "losses",
        "running-mean",
        ("return losses", "return [float(np.mean(losses[: i + 1])) for i in range(len(losses))]"),
    ),
    _loop(
        "times the batch size",
        "losses",
        "times-batch-size",
        ("loss.item()", "loss.item() * len(x)"),
    ),
    _loop(
        "divided by the number of batches",
        "losses",
        "divided",
        ("loss.item()", "loss.item() / len(loader)"),
    ),
    _loop("keeps the graph", "graph", "keeps-graph", ("loss.item()", "loss")),
    _loop("keeps tensors", "list", "tensors", ("loss.item()", "loss.detach()")),
    _loop(
        "loss after the step",
        "losses",
        "loss-after-step",
        ("loss.item()", "loss_fn(model, x).item()"),
    ),
    _loop("no return", "list", "returns-nothing", ("    return losses\n", "")),
    _loop(
        "learns from the labels",
        "update",
        None,
        ("loss_fn(model, x)", "loss_fn(model, x * 0 + y.view(-1, 1, 1, 1))"),
    ),
)

LOOP_VARIANTS = tuple(
    Variant("autoencoder.train_epoch", why, edited(LOOP, *pairs))
    for why, pairs in (
        ("plain", ()),
        (
            "zero_grad after the step",
            (
                ("        optimizer.zero_grad()\n", ""),
                ("optimizer.step()\n", "optimizer.step()\n        optimizer.zero_grad()\n"),
            ),
        ),
        ("model.zero_grad", (("optimizer.zero_grad()", "model.zero_grad(set_to_none=False)"),)),
        (
            "gradients set to None by hand",
            (
                (
                    "optimizer.zero_grad()",
                    "\n        for p in model.parameters():\n            p.grad = None",
                ),
            ),
        ),
        (
            "tqdm and prints",
            (
                (
                    "for x, y in loader:",
                    "from tqdm import tqdm\n    for i, (x, y) in "
                    "enumerate(tqdm(loader)):\n        print(i)",
                ),
            ),
        ),
        (
            "float and device",
            (
                ("losses.append(loss.item())", "losses.append(float(loss.detach().cpu()))"),
                (
                    "        optimizer.zero_grad()",
                    "        x = x.to(next(model.parameters()).device)\n"
                    "        optimizer.zero_grad()",
                ),
            ),
        ),
        ("batch by name", (("for x, y in loader:", "for batch in loader:\n        x = batch[0]"),)),
        (
            "other argument names",
            (
                (
                    "model, loader, loss_fn, optimizer):",
                    "net, data, criterion, opt):\n"
                    "    model, loader, loss_fn, optimizer = net, data, criterion, opt",
                ),
            ),
        ),
        (
            "train called in the loop",
            (
                ("    model.train()\n", ""),
                (
                    "        optimizer.zero_grad()",
                    "        model.train()\n        optimizer.zero_grad()",
                ),
            ),
        ),
    )
)


# -- samples and grid -----------------------------------------------------------------------------

SAMPLES = (
    HEAD
    + """
def sample_prior(decoder, n, nz):
    was = decoder.training
    decoder.eval()
    with torch.no_grad():
        z = torch.randn(n, nz)
        images = torch.sigmoid(decoder(z))
    decoder.train(was)
    return images
"""
)


def _samples(why, check, mistake, *pairs):
    return Mutant("autoencoder.sample_prior", why, check, mistake, edited(SAMPLES, *pairs))


SAMPLE_MUTANTS = (
    _samples("logits", "images", "no-sigmoid", ("torch.sigmoid(decoder(z))", "decoder(z)")),
    _samples("sigmoid twice", "images", "sigmoid-twice", ("decoder(z))", "decoder(z)).sigmoid()")),
    _samples("thresholded", "images", "thresholded", ("decoder(z))", "decoder(z)).round()")),
    _samples(
        "clamped logits",
        "images",
        "logits-clamped",
        ("torch.sigmoid(decoder(z))", "decoder(z).clamp(0, 1)"),
    ),
    _samples("inverted", "images", "inverted", ("torch.sigmoid", "1 - torch.sigmoid")),
    _samples("uniform", "prior", "uniform", ("torch.randn", "torch.rand")),
    _samples(
        "uniform around zero",
        "prior",
        "uniform",
        ("torch.randn(n, nz)", "torch.rand(n, nz) * 2 - 1"),
    ),
    _samples(
        "one latent for all",
        "prior",
        "shared-batch",
        ("torch.randn(n, nz)", "torch.randn(1, nz).expand(n, nz)"),
    ),
    _samples(
        "one number for all dimensions",
        "prior",
        "shared-dims",
        ("torch.randn(n, nz)", "torch.randn(n, 1).expand(n, nz)"),
    ),
    _samples(
        "seeded inside", "prior", "fixed-seed", ("    was =", "    torch.manual_seed(0)\n    was =")
    ),
    _samples("scaled", "prior", "scaled", ("torch.randn(n, nz)", "torch.randn(n, nz) * 3")),
    _samples("absolute", "prior", "absolute", ("torch.randn(n, nz)", "torch.randn(n, nz).abs()")),
    _samples("shifted", "prior", "not-centred", ("torch.randn(n, nz)", "torch.randn(n, nz) + 1")),
    _samples("zeros", "prior", "shared-batch", ("torch.randn(n, nz)", "torch.zeros(n, nz)")),
    _samples("not put into evaluation", "mode", "train-mode", ("    decoder.eval()\n", "")),
    _samples("left in evaluation", "mode", "stays-eval", ("    decoder.train(was)\n", "")),
    _samples(
        "always trains afterwards",
        "mode",
        "always-train",
        ("decoder.train(was)", "decoder.train()"),
    ),
    _samples("gradient kept", "gradient", "keeps-graph", ("with torch.no_grad():", "if True:")),
    _samples(
        "gradients switched off for good",
        "gradient",
        "grad-left-off",
        ("with torch.no_grad():", "torch.set_grad_enabled(False)\n    if True:"),
    ),
    _samples(
        "the decoder frozen for good",
        "gradient",
        "decoder-frozen",
        ("with torch.no_grad():", "decoder.requires_grad_(False)\n    if True:"),
    ),
    _samples("sixteen images", "form", "n-ignored", ("torch.randn(n, nz)", "torch.randn(16, nz)")),
    _samples("flat pixels", "form", "shape", ("return images", "return images.flatten(1)")),
    _samples("no return", "form", "no-tensor", ("    return images\n", "")),
)

SAMPLE_VARIANTS = tuple(
    Variant("autoencoder.sample_prior", why, edited(SAMPLES, *pairs))
    for why, pairs in (
        ("plain", ()),
        (
            "numpy noise",
            (("torch.randn(n, nz)", "torch.from_numpy(np.random.randn(n, nz)).float()"),),
        ),
        (
            "a generator of its own",
            (
                (
                    "torch.randn(n, nz)",
                    "torch.randn(n, nz, generator=torch.Generator().manual_seed(torch.seed() % "
                    "2**31))",
                ),
            ),
        ),
        (
            "torch.distributions",
            (("torch.randn(n, nz)", "torch.distributions.Normal(0., 1.).sample((n, nz))"),),
        ),
        (
            "one by one",
            (
                (
                    "torch.sigmoid(decoder(z))",
                    "torch.cat([torch.sigmoid(decoder(row[None])) for row in z])",
                ),
            ),
        ),
        (
            "detach instead of no_grad",
            (("with torch.no_grad():", "if True:"), ("decoder(z))", "decoder(z)).detach()")),
        ),
        (
            "a copy of the decoder",
            (
                ("    decoder.eval()\n", "    import copy\n    decoder = copy.deepcopy(decoder).eval()\n"),
                ("    decoder.train(was)\n", ""),
            ),
        ),
        (
            "if was",
            (
                (
                    "decoder.train(was)",
                    "if was:\n        decoder.train()\n    else:\n        decoder.eval()",
                ),
            ),
        ),
    )
)

GRID = (
    HEAD
    + """
def latent_grid(decoder, n=21, span=4.0):
    xs = torch.linspace(-span, span, n)
    ys = torch.linspace(span, -span, n)
    picture = torch.zeros(28 * n, 28 * n)
    with torch.no_grad():
        for i, b in enumerate(ys):
            for j, a in enumerate(xs):
                z = torch.tensor([[a, b]])
                tile = torch.sigmoid(decoder(z))[0, 0]
                picture[28 * i : 28 * (i + 1), 28 * j : 28 * (j + 1)] = tile
    return picture
"""
)


def _grid(why, check, mistake, *pairs):
    return Mutant("autoencoder.latent_grid", why, check, mistake, edited(GRID, *pairs))


GRID_MUTANTS = (
    _grid("logits", "pixels", "no-sigmoid", ("torch.sigmoid(decoder(z))", "decoder(z)")),
    _grid("inverted", "corners", "inverted", ("torch.sigmoid(", "1 - torch.sigmoid(")),
    _grid(
        "upside down",
        "corners",
        "upside-down",
        ("torch.linspace(span, -span, n)", "torch.linspace(-span, span, n)"),
    ),
    _grid(
        "mirrored",
        "corners",
        "mirrored",
        ("xs = torch.linspace(-span, span, n)", "xs = torch.linspace(span, -span, n)"),
    ),
    _grid(
        "half a turn",
        "corners",
        "turned-round",
        ("torch.linspace(-span, span, n)", "torch.linspace(SPAN, -SPAN, n)"),
        ("torch.linspace(span, -span, n)", "torch.linspace(-span, span, n)"),
        ("SPAN", "span"),
    ),
    _grid("codes swapped", "corners", "axes-swapped", ("[[a, b]]", "[[b, a]]")),
    _grid(
        "rows and columns swapped",
        "corners",
        "axes-swapped",
        (
            "28 * i : 28 * (i + 1), 28 * j : 28 * (j + 1)",
            "28 * j : 28 * (j + 1), 28 * i : 28 * (i + 1)",
        ),
    ),
    _grid("tiles on their side", "layout", "tiles-turned", ("[0, 0]", "[0, 0].T")),
    _grid(
        "tiles torn",
        "layout",
        "tiles-torn",
        (
            "    return picture",
            "    return picture.view(n, 28, n, 28).permute(0, 2, 1, 3).reshape(28 * n, 28 * n)",
        ),
    ),
    _grid(
        "span ignored",
        "corners",
        "span-ignored",
        ("linspace(-span, span", "linspace(-4, 4"),
        ("linspace(span, -span", "linspace(4, -4"),
    ),
    _grid(
        "end missing",
        "corners",
        "last-missing",
        ("torch.linspace(-span, span, n)", "-span + torch.arange(n) * 2 * span / n"),
        ("torch.linspace(span, -span, n)", "xs.flip(0)"),
    ),
    _grid(
        "half the range",
        "corners",
        "half-range",
        ("linspace(-span, span", "linspace(0, span"),
        ("linspace(span, -span", "linspace(span, 0"),
    ),
    _grid("n ignored", "form", "n-ignored", ("    xs =", "    n = 21\n    xs =")),
    _grid("another default", "default", "default", ("n=21, span=4.0", "n=20, span=4.0")),
    _grid("default span of 3", "default", "default", ("span=4.0", "span=3.0")),
    _grid(
        "a stack of tiles",
        "form",
        "not-arranged",
        (
            "return picture",
            "return picture.view(n, 28, n, 28).permute(0, 2, 1, 3).reshape(n * n, 1, 28, 28)",
        ),
    ),
    _grid(
        "a border between tiles",
        "form",
        "wrong-size",
        ("return picture", "return F.pad(picture, (2, 2, 2, 2))"),
    ),
    _grid(
        "steps of a normal's quantiles",
        "layout",
        "uneven-steps",
        ("torch.linspace(-span, span, n)", "span * torch.linspace(-1, 1, n) ** 3"),
        ("torch.linspace(span, -span, n)", "xs.flip(0)"),
    ),
    _grid("no return", "form", "returns-nothing", ("    return picture\n", "")),
)

GRID_VARIANTS = tuple(
    Variant("autoencoder.latent_grid", why, edited(GRID, *pairs))
    for why, pairs in (
        ("plain", ()),
        ("a numpy array", (("return picture", "return picture.numpy()"),)),
        ("a gradient kept", (("with torch.no_grad():", "if True:"),)),
        (
            "numpy's steps",
            (
                (
                    "torch.linspace(-span, span, n)",
                    "torch.from_numpy(np.linspace(-span, span, n)).float()",
                ),
            ),
        ),
    )
) + (
    Variant(
        "autoencoder.latent_grid",
        "meshgrid and permute",
        HEAD
        + """
def latent_grid(decoder, n=21, span=4.0):
    steps = torch.linspace(-span, span, n)
    a, b = torch.meshgrid(steps, -steps, indexing="xy")
    z = torch.stack((a.reshape(-1), b.reshape(-1)), 1)
    with torch.inference_mode():
        tiles = decoder(z).sigmoid().reshape(n, n, 28, 28)
    return torch.cat([torch.cat(list(row), dim=1) for row in tiles], dim=0)
""",
    ),
    Variant(
        "autoencoder.latent_grid",
        "einops style with numpy",
        HEAD
        + """
def latent_grid(decoder, n=21, span=4.0):
    z = [[-span + 2 * span * j / (n - 1), span - 2 * span * i / (n - 1)] for i in range(n) for j
    in range(n)]
    with torch.no_grad():
        out = torch.sigmoid(decoder(torch.tensor(z))).squeeze().numpy()
    return np.block([[out[i * n + j] for j in range(n)] for i in range(n)])
""",
    ),
)

MUTANTS = NETWORK_MUTANTS + LOSS_MUTANTS + LOOP_MUTANTS + SAMPLE_MUTANTS + GRID_MUTANTS
VARIANTS = NETWORK_VARIANTS + LOSS_VARIANTS + LOOP_VARIANTS + SAMPLE_VARIANTS + GRID_VARIANTS
