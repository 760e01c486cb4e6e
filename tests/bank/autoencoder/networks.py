"""Answers to the classes `Encoder` and `Decoder`."""

from .. import Mutant, Variant, edited
from .common import HEAD

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
    _encoder("flattens the batch too", "form", "shapes-unfit", ("x.flatten(1)", "x.flatten()")),
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
