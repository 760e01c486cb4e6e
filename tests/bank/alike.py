"""Whether two answers do the same: outputs, gradients, and parameters after three steps, in float64.

This knows nothing of the answer key's probes, so that what those overlook is not taken for equal.
"""

from __future__ import annotations

import contextlib
import io
import random
import signal
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

INPUTS = 50
SECONDS = 10.0  # of computing, for one answer on one input
STILLBORN = (NameError, TypeError, AttributeError, SyntaxError, ImportError)


class _TooLong(BaseException):
    pass


class Broken(Exception):
    """An answer fails at once, by something that no notebook would get past."""


def same(question: str, right: str, changed: str) -> bool:
    """Whether the two sources are seen to do the same on INPUTS random inputs.

    Raises Broken where the changed one cannot even be run, or never ends in anything but a TypeError
    and the like.
    """
    first, second = _observer(question, right), _observer(question, changed)
    for seed in range(INPUTS):
        seen = _seen(second, seed)
        if seed == 0 and isinstance(seen, STILLBORN):
            raise Broken
        if not _equal(_seen(first, seed), seen):
            return False
    return True


def _observer(question: str, source: str) -> Callable:
    names: dict = {}
    try:
        with _quiet():
            exec(compile(source, "answer", "exec"), names)
    except Exception as error:
        raise Broken from error
    watch = WATCHED[question]
    return lambda: list(watch(names[question.split(".")[1]]))


def _seen(observe: Callable, seed: int):
    """What is seen, or the exception that ended it."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with _quiet(), torch.enable_grad():
            return observe()
    except (Exception, _TooLong) as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        torch.set_default_dtype(before)
        torch.set_grad_enabled(True)


def _stop(*_):
    raise _TooLong


@contextlib.contextmanager
def _quiet():
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


def _equal(a, b) -> bool:
    if isinstance(a, BaseException) or isinstance(b, BaseException):
        return type(a) is type(b)
    if isinstance(a, (list, tuple)):
        return (
            isinstance(b, (list, tuple))
            and len(a) == len(b)
            and all(_equal(x, y) for x, y in zip(a, b, strict=True))
        )
    if isinstance(a, (torch.Tensor, np.ndarray)):
        if type(a) is not type(b) or a.shape != b.shape:
            return False
        a, b = (np.asarray(v.detach() if isinstance(v, torch.Tensor) else v) for v in (a, b))
        return a.dtype.kind == b.dtype.kind and bool(
            np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
        )
    if isinstance(a, (float, np.floating)):
        return isinstance(b, (float, np.floating)) and _equal(np.array(a), np.array(b))
    return type(a) is type(b) and a == b


# -- what is looked at ----------------------------------------------------------------------------


def _called(function, *arguments, fixed=()) -> Iterator:
    """One call: its result and whether it has a gradient, the gradients, and the arguments after."""
    leaves = [
        a.clone().requires_grad_(a.is_floating_point() and i not in fixed)
        if isinstance(a, torch.Tensor)
        else a
        for i, a in enumerate(arguments)
    ]
    given = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    result = function(*given)
    yield result
    yield [a.detach() if isinstance(a, torch.Tensor) else a for a in given]
    if isinstance(result, torch.Tensor):
        yield result.requires_grad
        if result.requires_grad:
            leaves = [a for a in leaves if isinstance(a, torch.Tensor) and a.requires_grad]
            weights = torch.linspace(0.5, 1.5, result.numel()).view(result.shape)
            slopes = torch.autograd.grad((result * weights).sum(), leaves, allow_unused=True)
            yield [torch.zeros(()) if s is None else s for s in slopes]


def _formula(draw: Callable, fixed=(), single=True):
    """Watches a function on draw(rows, columns), and on one row."""

    def watch(function):
        scale = random.choice([0.3, 1.0, 3.0])
        rows, columns = random.randint(2, 6), random.randint(2, 7)
        yield from _called(function, *draw(rows, columns, scale), fixed=fixed)
        if single:
            yield from _called(function, *draw(1, columns, scale), fixed=fixed)

    return watch


def _normal(*shape, scale=1.0):
    return scale * torch.randn(*shape)


def _images(count):
    return torch.rand(count, 1, 28, 28) * torch.rand(count, 1, 1, 1)


def _net(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, outputs)
    )


class _Decoder(nn.Module):
    """Logits from latents, different in train and eval mode; notes the mode of every call."""

    def __init__(self, nz):
        super().__init__()
        self.net, self.calls = _net(nz, 784), []

    def forward(self, z):
        self.calls.append((list(z.shape), self.training, torch.is_grad_enabled()))
        return 3 * self.net(z).view(-1, 1, 28, 28)


class _VAE(nn.Module):
    def __init__(self, nz=3):
        super().__init__()
        self.encoder, self.decoder = _net(784, 2 * nz), _Decoder(nz)

    def encode(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (0.5 * logvar).exp() * torch.randn_like(mu)), mu, logvar

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()


def _state(model) -> Iterator:
    yield [part.clone() for part in model.state_dict().values()]
    yield [p.requires_grad for p in model.parameters()]
    yield [part.training for part in model.modules()], torch.is_grad_enabled()


def _sample_prior(function):
    n, nz = random.randint(1, 4), random.randint(2, 4)
    decoder = _Decoder(nz).train(random.random() < 0.5)
    result = function(decoder, n, nz)
    yield result, result.requires_grad
    yield decoder.calls
    yield from _state(decoder)


def _latent_grid(function):
    decoder = _Decoder(2).eval()
    for arguments in ((random.randint(2, 4), random.uniform(1, 5)), ()):
        yield function(decoder, *arguments)


def _slerp(function):
    z, steps = _normal(4), random.randint(2, 5)
    for other in (_normal(4), z, 2 * z, 0 * z, -z):
        yield from _called(function, z, other, steps)


def _interpolate(function):
    nz, steps = 3, random.randint(2, 5)
    encode = nn.Sequential(nn.Flatten(), nn.Linear(784, nz), nn.Tanh())
    decode = _Decoder(nz).eval()
    result = function(encode, decode, _images(1), _images(1), steps)
    yield result, result.requires_grad


def _linear_probe(function):
    y = torch.arange(40) % 4
    z = torch.randn(4, 3)[y] * random.uniform(0.3, 2) + torch.randn(40, 3)
    yield function(z[:28], y[:28], z[28:], y[28:])


def _batches():
    return [(_images(n), torch.randint(0, 10, (n,))) for n in random.sample([3, 5, 6], 3)]


def _loop(call: Callable):
    """Watches a training loop for one epoch of three steps."""

    def watch(function):
        model = _VAE().train(random.random() < 0.5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
        result = call(function, model, _batches(), optimizer)
        yield result, model.decoder.calls
        yield from _state(model)

    return watch


def _plain_loss(model, x):
    error = nn.functional.binary_cross_entropy_with_logits(model(x)[0], x, reduction="sum")
    return error / len(x)


def _fit_latents(function):
    decoder = _Decoder(3).train(random.random() < 0.5)
    x = _images(4)
    result = function(decoder, x, 3, 3, 0.1)
    yield result, result.requires_grad, decoder.calls, x
    yield [p.grad is None or not p.grad.any() for p in decoder.parameters()]
    yield from _state(decoder)


def _network(inputs: Callable, *methods: str):
    """Watches a class: its methods in either mode, and its parameters after three steps."""

    def watch(build):
        nz = random.randint(2, 5)
        model, x = build(nz), inputs(3, nz)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for train in (True, False, True):
            model.train(train)
            results = []
            for method in methods:
                given = _normal(3, nz) if method == "decode" else x.clone()
                result = getattr(model, method)(given)
                results += result if isinstance(result, tuple) else [result]
                yield result, given
            optimizer.zero_grad()
            sum(r.pow(2).mean() for r in results).backward()
            optimizer.step()
        yield sorted((list(p.shape) for p in model.state_dict().values()), key=str)
        yield sorted(float(p.double().sum()) for p in model.state_dict().values())

    return watch


def _pair(rows, columns, scale):
    return _normal(rows, columns, scale=scale), _normal(rows, columns, scale=scale)


def _with_uniform(rows, columns, scale):
    return *_pair(rows, columns, scale), torch.rand(rows, columns)


def _pixels(rows, scale):
    return 4 * scale * torch.randn(rows, 1, 28, 28)


def _tril(rows, columns, scale):
    return _normal(rows, columns), _normal(rows, columns, columns, scale=scale)


def _batch_rmse(function):
    x, other = 255 * _images(random.randint(2, 5)), 255 * _images(1)
    yield from _called(function, x, x.flip(0) * 0.7)
    for wrong in ((x, other), (x, x[:, 0])):
        try:
            yield function(*wrong)
        except Exception as error:
            yield type(error).__name__


def _statistics(function):
    y = torch.randint(0, random.randint(4, 10), (random.randint(6, 40),))
    yield function(_normal(len(y), 3, scale=2.0) + y[:, None], y)


WATCHED = {
    "autoencoder.Encoder": _network(lambda n, nz: _images(n), "forward"),
    "autoencoder.Decoder": _network(_normal, "forward"),
    "autoencoder.reconstruction_loss": _formula(lambda n, d, s: (_pixels(n, s), _images(n))),
    "autoencoder.train_epoch": _loop(lambda f, model, b, o: f(model, b, _plain_loss, o)),
    "autoencoder.sample_prior": _sample_prior,
    "autoencoder.latent_grid": _latent_grid,
    "vae.reparametrize": _formula(_pair),
    "vae.kl_gaussian": _formula(_pair),
    "vae.kl_between": _formula(lambda *a: (*_pair(*a), *_pair(*a))),
    "vae.bernoulli_log_likelihood": _formula(lambda n, d, s: (_images(n), _pixels(n, s))),
    "vae.elbo": _formula(
        lambda n, d, s: (_images(n), _pixels(n, s), *_pair(n, d, s), random.choice([0.0, 0.5, 2.0]))
    ),
    "vae.VAE": _network(lambda n, nz: _images(n), "encode", "decode", "forward", "reconstruct"),
    "vae.train_epoch": _loop(lambda f, model, b, o: f(model, b, o, random.choice([0.0, 0.7]))),
    "vae.iwae_bound": lambda f: iter([f(_VAE().eval(), _images(3), random.randint(1, 6))]),
    "interpolation.lerp": _formula(lambda n, d, s: (_normal(d), _normal(d), n + 1), single=False),
    "interpolation.slerp": _slerp,
    "interpolation.interpolate": _interpolate,
    "interpolation.linear_probe": _linear_probe,
    "autodecoder.AutoDecoder": _network(_normal, "forward"),
    "autodecoder.fit_latents": _fit_latents,
    "autodecoder.rsample_gaussian": _formula(lambda *a: (*_pair(*a), _normal(*a[:2])), fixed=(2,)),
    "autodecoder.kl_gaussian": _formula(_pair),
    "autodecoder.rsample_exponential": _formula(
        lambda n, d, s: (_normal(n, d, scale=s), torch.rand(n, d)), fixed=(1,)
    ),
    "autodecoder.kl_exponential": _formula(lambda n, d, s: (_normal(n, d, scale=s),)),
    "autodecoder.rsample_laplace": _formula(_with_uniform, fixed=(2,)),
    "autodecoder.kl_laplace": _formula(_pair),
    "autodecoder.rsample_uniform": _formula(_with_uniform, fixed=(2,)),
    "autodecoder.kl_uniform": _formula(_pair),
    "autodecoder.rsample_full_gaussian": _formula(
        lambda *a: (*_tril(*a), _normal(*a[:2])), fixed=(2,)
    ),
    "autodecoder.kl_full_gaussian": _formula(_tril),
    "autodecoder.vad_loss": _formula(
        lambda n, d, s: (_pixels(n, s), _images(n), _normal(n).abs(), random.choice([0.0, 2.0]))
    ),
    "autodecoder.batch_rmse_score": _batch_rmse,
    "explore.digit_statistics": _statistics,
}
