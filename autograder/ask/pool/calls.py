"""What single calls of her code give, assignment by assignment.

Numbers are small enough to be followed on paper; they are drawn afresh for every student.
"""

from __future__ import annotations

import numpy as np

from autograder.ask.item import Asked, Call, number, row, shape, shown

LOG2 = "log 2 ≈ 0.693, an image has 784 pixels"


def _some(rng, *values):
    return values[int(rng.integers(len(values)))]


def _factors(value):
    """Values that a lost factor, sign or term would give."""
    return [2 * value, -value, value / 2, value + 1, 4 * value, value - 2, 3.0, 0.0]


def _kl(about):
    def draw(rng):
        a, b = (float(v) for v in rng.permutation([1, 2, 3, -2, -1, 4])[:2])
        text = (
            f"An image has μ = ({shown(a)}, {shown(b)}) and log σ² = (0, 0). What does your "
            "`kl_gaussian` give for it, in nats?"
        )
        values = {"mu": np.array([[a, b]]), "logvar": np.zeros((1, 2))}
        return text, Call("kl_gaussian", ["mu", "logvar"], values)

    return Asked(about, draw, number(), _factors)


def _kl_between(rng):
    a, b = float(_some(rng, 1, 2, 3)), float(_some(rng, -1, -2, -3))
    one = np.zeros((1, 1))
    values = {"mu1": one + a, "logvar1": one, "mu2": one + b, "logvar2": one}
    text = (
        f"Two Gaussians with σ = 1 have their means at {shown(a)} and {shown(b)}. What does your "
        "`kl_between` give, in nats?"
    )
    return text, Call("kl_between", ["mu1", "logvar1", "mu2", "logvar2"], values)


def _images(n: int, value: float = 0.0):
    return np.full((n, 1, 28, 28), value)


def _likelihood(rng):
    n = int(_some(rng, 2, 3, 5))
    text = (
        "All logits of an image are 0. What does your `bernoulli_log_likelihood` give for it, in "
        f"nats? ({LOG2})"
    )
    ink = (rng.random((n, 1, 28, 28)) > 0.5) * 1.0
    return text, Call("bernoulli_log_likelihood", ["x", "logits"], {"x": ink, "logits": _images(n)})


def _elbo(rng):
    beta, mu = float(_some(rng, 3, 4, 5)), float(_some(rng, 2, 4, 6))
    values = {"x": _images(1), "logits": _images(1), "mu": np.array([[mu, 0.0]])}
    values |= {"logvar": np.zeros((1, 2)), "beta": beta}
    text = (
        f"The log-likelihood of an image is −543.43 nats, its KL {shown(mu**2 / 2)} nats. What "
        f"does your `elbo` give at β = {shown(beta)}?"
    )
    return text, Call("elbo", ["x", "logits", "mu", "logvar"], values, {"beta": "beta"})


def _elbo_more(value):
    return [-value, value + 120, value - 60, value / 784, 2 * value]


def _loss(rng):
    n = int(_some(rng, 2, 4, 8))
    text = (
        f"A batch has {n} images, and all logits are 0. What does your `reconstruction_loss` give, "
        f"in nats? ({LOG2})"
    )
    return text, Call(
        "reconstruction_loss", ["logits", "x"], {"x": _images(n), "logits": _images(n)}
    )


def _spread(rng):
    std = float(_some(rng, 3, 4, 5))
    text = (
        f"Your `reparametrize` gets log σ² = {shown(float(2 * np.log(std)))}, which is log "
        f"{shown(std**2)}, everywhere. What is the standard deviation of many of its samples?"
    )
    logvar = np.full((100, 200), 2 * np.log(std))
    return text, Call("reparametrize", ["mu", "logvar"], {"mu": 0 * logvar, "logvar": logvar})


def _std(evidence):
    return float(np.round(np.std(evidence["it"]) * 2) / 2)  # of 20,000 samples


def _spread_more(std):
    return [std**2, float(2 * np.log(std)), float(np.sqrt(std)), 1.0]


def _network(about, name, method, text, argument, key="it"):
    """The shape of what a class returns for a batch."""

    def draw(rng):
        n, nz = int(_some(rng, 5, 6, 7)), int(_some(rng, 8, 12, 20))
        values = {"x": rng.random((n, 1, 28, 28))} if argument == "x" else {}
        values |= {"z": rng.normal(size=(n, nz))} if argument == "z" else {}
        call = Call(name, [argument], values, nz=nz, method=method)
        return text.format(n=n, nz=nz), call

    return Asked(about, draw, shape(key), _shapes)


def _shapes(right):
    """Other shapes that a result might have."""
    n, *rest = right if len(right) > 1 else (right or (1,))[0:1]
    rest = list(rest)
    return [
        (n,),
        (*rest, n) if rest else (n, 1),
        (n, 1, *rest),
        (n, 784) if right != (n, 784) else (n, 28, 28),
        (n, 2 * rest[-1]) if rest else (1, n),
        (1, *rest) if rest else (),
    ]


def _length(about, args):
    def draw(rng):
        text = (
            "Your `train_epoch` gets a loader with 10 images in batches of 4. How many entries has "
            "the list that it returns?"
        )
        values = {"beta": 1.0} if "beta" in args else {}
        return text, Call("train_epoch", args, values)

    return Asked(about, draw, lambda e: float(e["it.count"]), lambda v: [1.0, 10.0, 4.0, 2.0, 12.0])


def _sample_shape(rng):
    n, nz = int(_some(rng, 5, 6, 7)), int(_some(rng, 3, 8))
    values = {"decoder": f"decoder:{nz}", "n": n, "nz": nz}
    text = f"What shape has the result of your `sample_prior(decoder, {n}, {nz})`?"
    return text, Call("sample_prior", ["decoder", "n", "nz"], values)


def _grid_shape(rng):
    n = int(_some(rng, 3, 4, 5))
    text = f"What shape has the picture that your `latent_grid(decoder, n={n})` returns?"
    return text, Call("latent_grid", ["decoder"], {"n": n}, {"n": "n"})


def _grid_more(right):
    n = right[0] // 28
    return [(n, n), (n * n, 1, 28, 28), (28, 28), (n, n, 28, 28)]


WALK = "Your `{name}` walks from ({a}, 0) to ({b}, 8) in {steps} steps"


def _lerp(about, name, text, seen, more):
    def draw(rng):
        steps = 5
        a, b = (4.0 * v for v in rng.permutation([-2, -1, 1, 2, 3])[:2])
        values = {"z0": np.array([a, 0.0]), "z1": np.array([b, 8.0]), "steps": steps}
        walk = WALK.format(name=name, a=shown(a), b=shown(b), steps=steps)
        return f"{walk}. {text}", Call(name, ["z0", "z1", "steps"], values)

    return Asked(about, draw, seen, more)


def _vectors(right):
    a, b = right
    return [(b, a), (a / 2, b / 2), (a, 0.0), (-a, b), (a + 1, b + 1)]


def _between_shape(rng):
    steps = int(_some(rng, 5, 7, 9))
    x = rng.random((2, 1, 1, 28, 28))
    values = {"x0": x[0], "x1": x[1], "steps": steps}
    text = f"Your `interpolate` gets two images and steps = {steps}. What shape has its result?"
    return text, Call("interpolate", ["encode", "decode", "x0", "x1", "steps"], values)


def _rsample_gaussian(rng):
    mu, std, eps = float(_some(rng, 1, -1)), float(_some(rng, 2, 3)), float(_some(rng, 2, 3))
    text = (
        f"With μ = {shown(mu)}, log σ² = log {shown(std**2)} and ε = {shown(eps)}, what does your "
        "`rsample_gaussian` give?"
    )
    values = {"mu": np.array([[mu]]), "logvar": np.array([[2 * np.log(std)]])}
    return text, Call(
        "rsample_gaussian", ["mu", "logvar", "eps"], {**values, "eps": np.array([[eps]])}
    )


def _rsample_exponential(rng):
    rate = float(_some(rng, 2, 4, 5))
    text = (
        f"With log λ = log {shown(rate)} and u = 0.5, what does your `rsample_exponential` give? "
        "(log 2 ≈ 0.693)"
    )
    values = {"log_rate": np.array([[np.log(rate)]]), "u": np.array([[0.5]])}
    return text, Call("rsample_exponential", ["log_rate", "u"], values)


def _kl_exponential(rng):
    rate = float(_some(rng, 2, 4, 0.5))
    text = (
        f"What does your `kl_exponential` give for log λ = log {shown(rate)}, in nats? "
        f"(log {shown(rate)} ≈ {np.log(rate):.3f})"
    ).replace("≈ -", "≈ −")
    return text, Call("kl_exponential", ["log_rate"], {"log_rate": np.array([[np.log(rate)]])})


def _rsample_laplace(rng):
    mu = float(_some(rng, 1, 2, -3))
    text = (
        f"With μ = {shown(mu)}, log b = 0 and u = 0.5, the median, what does your "
        "`rsample_laplace` give?"
    )
    values = {"mu": np.array([[mu]]), "scale": np.zeros((1, 1)), "u": np.array([[0.5]])}
    return text, Call("rsample_laplace", ["mu", "scale", "u"], values)


def _kl_laplace(rng):
    mu = float(_some(rng, 1, 2, 3))
    text = (
        f"What does your `kl_laplace` give for μ = {shown(mu)} and log b = 0, in nats? "
        f"(exp(−{shown(mu)}) ≈ {np.exp(-mu):.2f})"
    )
    values = {"mu": np.array([[mu]]), "scale": np.zeros((1, 1))}
    return text, Call("kl_laplace", ["mu", "scale"], values)


def _vad(rng):
    beta, kls = float(_some(rng, 2, 3)), [float(v) for v in rng.permutation([10, 30, 50])[:2]]
    text = (
        f"Two images, all logits 0: their reconstruction loss is 543.43 nats. Their KLs are "
        f"{shown(kls[0])} and {shown(kls[1])} nats. What does your `vad_loss` give at "
        f"β = {shown(beta)}?"
    )
    values = {"logits": _images(2), "x": _images(2), "kl": np.array(kls), "beta": beta}
    return text, Call("vad_loss", ["logits", "x", "kl"], values, {"beta": "beta"})


def _vad_more(value):
    return [2 * value, 2 * 543.43 - value, value / 784, -value, 543.43 + (value - 543.43) * 4]


def _rmse(rng):
    error = float(_some(rng, 56, 112, 168))
    text = (
        f"Every pixel of a batch of 4 images is off by {shown(error)}. What does your "
        "`batch_rmse_score` give? (4 · 784 = 56²)"
    )
    values = {"x": _images(4, 0.0), "x_rec": _images(4, error)}
    return text, Call("batch_rmse_score", ["x", "x_rec"], values)


def _rmse_more(value):
    return [56 * value, 2 * value, value / 2, 56 * 56 * value, value / 56]


GIVEN = (
    "Your `digit_statistics` gets three latents, {a} and {b} of digit {digit} and {c} of digit "
    "{single}"
)


def _digits(text, seen, more):
    def draw(rng):
        a, b, c = (float(v) for v in rng.permutation([1, 3, 5, 7, 9])[:3])
        digit, single = (int(v) for v in rng.permutation(10)[:2])
        values = {"mu": np.array([[a], [b], [c]]), "y": np.array([digit, digit, single])}
        values |= {"digit": digit, "single": single}
        given = GIVEN.format(a=shown(a), b=shown(b), c=shown(c), digit=digit, single=single)
        told = f"{given}. {text.format(digit=digit, single=single)}"
        return told, Call("digit_statistics", ["mu", "y"], values)

    def of(evidence):
        whole = evidence.get("it")  # or both in one tensor
        means, stds = (evidence["it.0"], evidence["it.1"]) if whole is None else whole
        return seen(means, stds)

    return Asked("explore.digit_statistics", draw, of, more)


def _given(rows):
    """All finite numbers of ten rows."""
    return [float(v) for v in np.asarray(rows, float).ravel() if np.isfinite(v)]


CALLS = {
    "autoencoder": (
        _network(
            "autoencoder.Encoder",
            "Encoder",
            "",
            "Your `Encoder({nz})` gets {n} images. What shape has its result?",
            "x",
        ),
        _network(
            "autoencoder.Decoder",
            "Decoder",
            "",
            "Your `Decoder({nz})` gets {n} codes. What shape has its result?",
            "z",
        ),
        Asked("autoencoder.reconstruction_loss", _loss, number(), _factors),
        _length("autoencoder.train_epoch", ["autoencoder", "batches of 4", "loss", "optimizer"]),
        Asked("autoencoder.sample_prior", _sample_shape, shape(), _shapes),
        Asked("autoencoder.latent_grid", _grid_shape, shape(), _grid_more),
    ),
    "vae": (
        _kl("vae.kl_gaussian"),
        Asked("vae.kl_between", _kl_between, number(), _factors),
        Asked("vae.bernoulli_log_likelihood", _likelihood, lambda e: float(e["it"][0]), _factors),
        Asked("vae.elbo", _elbo, number(), _elbo_more),
        Asked("vae.reparametrize", _spread, _std, _spread_more),
        _network(
            "vae.VAE",
            "VAE",
            "encode",
            "Your `VAE({nz})` encodes {n} images. What shape has the mu that it returns?",
            "x",
            "it.0",
        ),
        _network(
            "vae.VAE",
            "VAE",
            "decode",
            "Your `VAE({nz})` decodes {n} latents. What shape has the result?",
            "z",
        ),
        _length("vae.train_epoch", ["own VAE", "batches of 4", "optimizer", "beta"]),
    ),
    "interpolation": (
        _lerp("interpolation.lerp", "lerp", "What is its second row?", row(1), _vectors),
        _lerp("interpolation.lerp", "lerp", "What is its last row?", row(-1), _vectors),
        _lerp("interpolation.lerp", "lerp", "What shape has its result?", shape(), _shapes),
        Asked("interpolation.interpolate", _between_shape, shape(), _shapes),
        _lerp("interpolation.slerp", "slerp", "What shape has its result?", shape(), _shapes),
        _lerp("interpolation.slerp", "slerp", "What is its last row?", row(-1), _vectors),
    ),
    "autodecoder": (
        _network(
            "autodecoder.AutoDecoder",
            "AutoDecoder",
            "",
            "Your `AutoDecoder({nz})` gets {n} latents. What shape has its result?",
            "z",
        ),
        Asked("autodecoder.batch_rmse_score", _rmse, number(), _rmse_more),
        Asked("autodecoder.vad_loss", _vad, number(), _vad_more),
        Asked("autodecoder.rsample_gaussian", _rsample_gaussian, number(), _factors),
        _kl("autodecoder.kl_gaussian"),
        Asked("autodecoder.rsample_exponential", _rsample_exponential, number(), _factors),
        Asked("autodecoder.kl_exponential", _kl_exponential, number(), _factors),
        Asked("autodecoder.rsample_laplace", _rsample_laplace, number(), _factors),
        Asked("autodecoder.kl_laplace", _kl_laplace, number(), _factors),
    ),
    "explore": (
        _digits(
            "What mean does it give for digit {digit}?",
            lambda means, stds: float(np.asarray(means)[np.isfinite(stds[:, 0])][0, 0]),
            lambda v: [v + 0.5, 2 * v, v / 2, 3 * v / 2],
        ),
        _digits(
            "What standard deviation does it give for digit {digit}?",
            lambda means, stds: _given(stds)[0],
            lambda v: [v / 2**0.5, v**2, v / 2, 2 * v],
        ),
        _digits(
            "What standard deviation does it give for digit {single}?",
            lambda means, stds: float(
                np.asarray(stds)[np.isfinite(means[:, 0]) & ~np.isfinite(stds[:, 0])][0, 0]
            ),
            lambda v: [0.0, 1.0, 5.0],
        ),
        _digits(
            "In how many of the ten rows of the means is a number, not NaN?",
            lambda means, stds: float(np.isfinite(np.asarray(means)[:, 0]).sum()),
            lambda v: [3.0, 10.0, 1.0, 8.0],
        ),
    ),
}
