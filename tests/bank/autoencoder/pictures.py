"""Answers to `sample_prior` and `latent_grid`."""

from .. import Mutant, Variant, edited
from .common import HEAD

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
