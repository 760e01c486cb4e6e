# %% [markdown]
# # Auto-decoders: a latent space without an encoder
#
# An autoencoder asks a network for the latent of an image. But a latent is just a few numbers, and
# a gradient can find numbers: give *every image its own latent*, start it anywhere, and train the
# latents together with the decoder. Nothing else is needed. That is an **auto-decoder**.
#
# (Bojanowski et al. 2018 trained images like this, Park et al. 2019 shapes.)
#
# **Afterwards you can** find the latent of an image without an encoder; turn uniform noise into
# samples of a distribution, derive its KL and test both; say what a prior is good for, in numbers.
#
# | part | you write | difficulty | minutes |
# |---|---|---|---|
# | 1 · The auto-decoder | `AutoDecoder`, a score, two loops, `fit_latents` | ●●○ | 50 |
# | 2 · Can it invent clothes? | one question in words | ●○○ | 15 |
# | 3–6 · A distribution an image | a loss, samplers and KLs of three families | ●●○ | 70 |
# | 7, 8 · Challenges | two more families | ●●● | 35 |
# | 9 · Side by side | one question in words | ●●○ | 25 |
#
# The computer needs about five minutes in all, mostly while you read.

# %%
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from sklearn.manifold import TSNE
from torch import nn

try:
    from utils import checks, data, hand_in, plots, runs, training
    from utils.hand_in import answers, preflight
except ImportError as error:
    raise ImportError(
        "The course's package is not here: put vae-course.zip beside this notebook, run "
        "`%pip install ./vae-course.zip` in a cell, and restart the kernel."
    ) from error

torch.manual_seed(0)
device = training.device()
few = training.autograding()  # while grading, a few images and steps are enough
N = 100 if few else 1000  # training images, and as many test images
train = data.load("FashionMNIST", train=True, limit=N)
test = data.load("FashionMNIST", train=False, limit=N)
x_train, x_test = train.images.to(device), test.images.to(device)
CLOTHES = [
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
]
names = [CLOTHES[y] for y in train.labels[:20]]
plots.images(x_train[:20], rows=2, title="Fashion-MNIST", titles=names)
plots.diagram("autodecoder")

# %% [markdown]
# A thousand training images are few, on purpose: with so little data you will *see* what a prior
# is good for.
#
# ## 1 · The auto-decoder
#
# ### `AutoDecoder` · 2 points · ●●○ · about 10 minutes
#
# **What.** A decoder: `nz` numbers in, the 28×28 *logits* of an image out. An image is the sigmoid
# of its logits.
#
# **Should look like.** Any network with the right ends passes. This one is quick and good:
#
# | | output shape |
# |---|---|
# | z | `(B, nz)` |
# | *straight road*: one linear layer from z | `(B, 1568)` |
# | *bent road*: linear to 256, ReLU, linear, also from z | `(B, 1568)` |
# | the two roads added, ReLU, reshaped | `(B, 32, 7, 7)` |
# | 3×3 convolution, 16 channels | `(B, 16, 7, 7)` |
# | transposed convolution, kernel 4, stride 4: each place paints 4×4 pixels | `(B, 1, 28, 28)` |
#
# **Why two roads.** The straight one learns quickly and carries fine detail; the bent one can
# tell trousers from shoes and treat them differently. No BatchNorm, no dropout: an auto-decoder
# is *meant* to know its training images well.


# %% role="solution" id="AutoDecoder"
class AutoDecoder(nn.Module):
    """Decodes latents z (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        ### BEGIN SOLUTION
        self.straight = nn.Linear(nz, 32 * 7 * 7)
        self.bent = nn.Sequential(nn.Linear(nz, 256), nn.ReLU(), nn.Linear(256, 32 * 7 * 7))
        self.paint = nn.Sequential(
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.Conv2d(32, 16, kernel_size=3, padding=1),  # (B, 16, 7, 7)
            nn.ConvTranspose2d(16, 1, kernel_size=4, stride=4),  # (B, 1, 28, 28)
        )
        ### END SOLUTION

    def forward(self, z):
        ### BEGIN SOLUTION
        return self.paint(self.straight(z) + self.bent(z))
        ### END SOLUTION


# %% role="check"
checks.autodecoder.AutoDecoder(AutoDecoder)

# %% role="test" question="autodecoder.AutoDecoder"

# %% [markdown]
# <details><summary>Hint: from a vector to an image</summary>
#
# 1568 numbers become 32 little images of 7×7 with `nn.Unflatten` or `.view`. A 3×3 convolution with
# `padding=1` keeps 7×7; a transposed one with stride 4 and kernel 4 makes 7 · 4 = 28 of it. (Two
# transposed convolutions that double the size, 7 → 14 → 28, do as well, in twice the time.)
# </details>
#
# ### `batch_rmse_score` · 1 point · ●○○ · about 5 minutes
#
# **What.** One number for "how far off are the reconstructions": with a batch as one long vector,
#
# $$\text{score} = \frac{\lVert x - \hat x \rVert}{\text{number of elements of } x}
# \qquad \text{pixels in } 0 \dots 255$$
#
# **Why.** It is the score of the published report that this notebook starts from, so you can
# compare yourself with it. It has a trap: the root grows like √(number of elements), the
# denominator like the number itself. So **the score falls with the batch size, as 1/√B**, and it
# means nothing unless B is stated. Here B = 16 throughout.
#
# **A second trap.** `(B, 1, 28, 28)` minus `(B, 28, 28)` does not fail in torch: it broadcasts to
# every image minus every other. Refuse shapes that differ with a `ValueError`.


# %% role="solution" id="batch_rmse_score"
def batch_rmse_score(x, x_rec):
    """Norm of the error of a whole batch, divided by its number of elements.

    x, x_rec  images of the same shape, in 0 … 255

    Returns one number. Raises ValueError when the shapes differ in any way.
    """
    ### BEGIN SOLUTION
    if x.shape != x_rec.shape:
        raise ValueError(f"shapes differ: {tuple(x.shape)} and {tuple(x_rec.shape)}")
    return (x - x_rec).norm() / x.numel()
    ### END SOLUTION


# %% role="check"
checks.autodecoder.batch_rmse_score(batch_rmse_score)

# %% role="test" question="autodecoder.batch_rmse_score"

# %%
B = 16


def score(x, x_rec):
    """Mean batch_rmse_score over batches of B images in [0, 1]; an incomplete one is left out."""
    batches = zip((255 * x).split(B), (255 * x_rec).split(B), strict=True)
    scores = [float(batch_rmse_score(a, b)) for a, b in batches if len(a) == B]
    return sum(scores) / len(scores)


average = x_train.mean(dim=0, keepdim=True)
print(f"guessing the average image: {score(x_test, average.expand_as(x_test)):.3f} (B = {B})")

# %% [markdown]
# ### The training loop · practice · ●●○ · about 10 minutes
#
# `Fitted` below holds all that is learned: the decoder, and the latents of the training images, one
# row an image. The loader hands out images *and their row numbers*, where you are used to labels:
# the loop must know whose latents to take.


# %%
def reconstruction_loss(logits, x):
    """Bernoulli negative log-likelihood in nats: sum over pixels, mean over images (as always)."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


class Fitted(nn.Module):
    """A decoder, and the latent parameters of every training image: `latents[k]` has N rows."""

    def __init__(self, decoder, *latents):
        super().__init__()
        self.decoder = decoder
        self.latents = nn.ParameterList(latents)


loader = data.Loader(x_train, torch.arange(N, device=device), batch_size=50)
x, rows = next(iter(loader))
print("images", tuple(x.shape), "· rows", rows[:8].tolist(), "…")

# %% [markdown]
# **What.** One epoch: for every batch take the latents of its rows, decode them, compute
# `reconstruction_loss`, and make one optimizer step. The optimizer already knows both the decoder
# and the latents.
#
# **Should look like.** A list with one float a batch, in nats per image.


# %% role="solution" id="autodecoder_epoch"
def autodecoder_epoch(model, loader, optimizer):
    """Train a Fitted model, whose latents[0] is z (N, nz), for one epoch.

    loader  yields (x, rows): images (B, 1, 28, 28) and which rows of the latents are theirs (B,)

    Returns the loss of each batch, a list of floats in nats per image.
    """
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for x, rows in loader:
        z = model.latents[0][rows]  # (B, nz)
        loss = reconstruction_loss(model.decoder(z), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% role="check"
checks.autodecoder.autodecoder_epoch(autodecoder_epoch)

# %% [markdown]
# <details><summary>Hint: only some rows</summary>
#
# Indexing with a tensor of row numbers picks these rows, and the gradient flows back into exactly
# these rows. The other latents get a gradient of zero. (Adam moves them all the same: it steps
# along a running *mean* of gradients, which is not zero at once. Over an epoch it hardly matters.)
# </details>
#
# Train. The latents get a larger learning rate than the decoder: each of them is seen once an
# epoch, the decoder twenty times. Both rates rise and fall again (a *one-cycle schedule*), which
# gets far in few epochs. **Takes** about a minute. If the browser is closed meanwhile, run the cell
# again: it goes on after the last epoch that was saved.

# %%
NZ = 128
EPOCHS = 350


def optimizer_for(model, epochs):
    """Adam with its own rate for latents, and a schedule to be stepped once an epoch."""
    rates = [4e-3, 5e-2]
    groups = [model.decoder.parameters(), model.latents.parameters()]
    optimizer = torch.optim.Adam(
        [{"params": group, "lr": rate} for group, rate in zip(groups, rates, strict=True)],
        fused=True,
    )
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=epochs + 1)


def decode(model, z):
    """Images (B, 1, 28, 28) in [0, 1] of latents (B, nz), without gradients."""
    model.decoder.eval()
    with torch.no_grad():
        return torch.sigmoid(model.decoder(z))


torch.manual_seed(0)
start = 0.1 * torch.randn(N, NZ, device=device)
ad = Fitted(AutoDecoder(NZ).to(device), start)
optimizer, scheduler = optimizer_for(ad, EPOCHS)
run = training.Run(
    "autodecoder",
    ad,
    optimizer,
    {"nz": NZ, "images": N, "loop": autodecoder_epoch},
    scheduler=scheduler,
    loader=loader,
)
picture = plots.live("Auto-decoder")
for _ in run.epochs(EPOCHS):
    losses = autodecoder_epoch(ad, loader, optimizer)
    scheduler.step()
    run.log(reconstruction=sum(losses) / len(losses))
    picture.show(run.curves, lambda: decode(ad, ad.latents[0][:10]))
plots.curves(run.curves, title="Auto-decoder: training loss")

# %% [markdown]
# <details><summary>Why does the loss not go to 0?</summary>
#
# A grey pixel of value 0.5 costs at least ln 2 = 0.69 nats, however well it is predicted: the
# Bernoulli likelihood of grey values has a floor. For these images it lies near 190 nats. What
# counts is the distance from it.
# </details>
#
# ### Training images

# %%
z_train = ad.latents[0].detach()
plots.pairs(x_train[:10], decode(ad, z_train[:10]), title="Training images, as decoded")
print(f"score on the training images: {score(x_train, decode(ad, z_train)):.3f} (B = {B})")

# %% [markdown]
# ### `fit_latents` · 4 points · ●●○ · about 15 minutes
#
# **What.** A *new* image has no latent yet, and there is no encoder to ask. So search: start all
# latents at some value, and improve them by gradient descent while the decoder is held fixed.
#
# **Why it is the heart of the matter.** "Encoding" is now an optimisation for every single image:
# slower than one pass through an encoder, and often better, because it looks at *this* image until
# it fits.
#
# **Should look like.** `(N, nz)`. The decoder must come out *exactly* as it went in: its
# parameters, and its buffers, such as BatchNorm's running means (in which mode do they change?).


# %% role="solution" id="fit_latents"
def fit_latents(decoder, x, nz, steps, lr):
    """Find latents for given images by gradient descent, with the decoder fixed.

    decoder  z (N, nz) -> logits (N, 1, 28, 28); unchanged afterwards, parameters and buffers
    x        images (N, 1, 28, 28)
    steps    optimizer steps on the reconstruction loss; lr their learning rate

    Returns z (N, nz).
    """
    ### BEGIN SOLUTION
    was_training = decoder.training
    decoder.eval()  # in train mode BatchNorm would go on learning
    z = torch.zeros(len(x), nz, device=x.device, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=lr)  # the latents only
    for _ in range(steps):
        loss = reconstruction_loss(decoder(z), x)
        (z.grad,) = torch.autograd.grad(loss, [z])  # no gradient is left behind in the decoder
        optimizer.step()
    decoder.train(was_training)
    return z.detach()
    ### END SOLUTION


# %% role="check"
checks.autodecoder.fit_latents(fit_latents)

# %% role="test" question="autodecoder.fit_latents"

# %% [markdown]
# <details><summary>Hint: an optimizer for something that is not a network</summary>
#
# Any tensor with `requires_grad=True` can be handed to an optimizer, in a list. What the optimizer
# does not know, it does not change. What else in a decoder can change, without any optimizer?
# </details>
#
# Test images, never seen in training. **Takes** about 20 seconds.

# %%
FIT_STEPS = 3 if few else 100

z_test = fit_latents(ad.decoder, x_test, NZ, steps=FIT_STEPS, lr=0.1).detach()
plots.pairs(x_test[:10], decode(ad, z_test[:10]), title="Test images, with fitted latents")
scores = {
    "AD": {"train": score(x_train, decode(ad, z_train)), "test": score(x_test, decode(ad, z_test))}
}
plots.table(scores | {"published report": {"train": 0.06, "test": 0.16}}, title=f"Score (B = {B})")

# %% [markdown]
# **Look at** small things: a logo, a strap, stripes. Which survive on training images, which on
# test images?
#
# ## 2 · Can it invent clothes?
#
# The decoder draws any given garment from 128 numbers. So 128 *random* numbers should give a new
# one?
#
# **Predict first.** What will samples z ~ N(0, I) decode to? And z = (0, …, 0)? And z = (1, …, 1)?

# %%
torch.manual_seed(1)
prior = torch.randn(10, NZ, device=device)
plots.strips(
    {"fitted": decode(ad, z_test[:10]), "N(0, I)": decode(ad, prior)},
    title="Latents that were fitted, and latents from N(0, I)",
)
special = torch.stack([torch.zeros(NZ), torch.ones(NZ)]).to(device)
plots.images(decode(ad, special), rows=1, titles=["all zeros", "all ones"])

# %% [markdown]
# The report that this notebook descends from noticed that the *length* of a latent matters. Fitted
# test latents, shortened and stretched:

# %%
plots.strips(
    {f"{factor} z": decode(ad, factor * z_test[:10]) for factor in (0.5, 1.0, 1.5)},
    title="Fitted test latents, scaled",
)
lengths = {"N(0, I)": prior, "all ones": special[1:], "train": z_train, "test": z_test}
plots.bars(
    {name: z.norm(dim=1).mean() for name, z in lengths.items()},
    title="Mean length of latents: prior samples, ones, fitted",
    ylabel="length of z",
)

# %% [markdown]
# Is the decoder bad, then, or did we ask it about the wrong places? One more experiment. Measure
# where the *fitted* latents lie, their mean and covariance, and draw from a Gaussian of that shape.

# %%
spread = torch.cov(z_train.T) + 1e-5 * torch.eye(NZ, device=device)
shaped = z_train.mean(dim=0) + prior @ torch.linalg.cholesky(spread).T
plots.strips(
    {"N(0, I)": decode(ad, prior), "shaped": decode(ad, shaped)},
    title="The same noise, before and after it is given the shape of the fitted latents",
)

# %% [markdown]
# Are latents of similar clothes at least neighbours? Two instruments will be used from here on.
#
# - **t-SNE** (van der Maaten and Hinton 2008) draws a map on which points that are close in 128
#   dimensions should stay close. It is free to stretch and tear everything else: *distances between
#   clusters, and their sizes, mean little*.
# - **k-NN accuracy**, a number: the share of images whose ten nearest neighbours are mostly of
#   their own class. Chance is 10 %. It is measured in the latent space itself and on the map.


# %%
def tsne_map(z):
    """A t-SNE map (N, 2) of latents (N, nz)."""
    if few:  # while grading, two of the latents will do
        return z[:, :2].cpu()
    tsne = TSNE(perplexity=30, init="pca", random_state=0, max_iter=700, n_jobs=2)
    return torch.from_numpy(tsne.fit_transform(z.cpu().numpy()))


def knn_accuracy(z, y, k=10):
    """Share of points whose class is the most common one among their k nearest others."""
    distance = torch.cdist(z.cpu(), z.cpu()).fill_diagonal_(torch.inf)
    neighbours = distance.topk(k, largest=False).indices  # (N, k)
    return float((y[neighbours].mode(dim=1).values == y).float().mean())


def neighbours(z, at, y):
    """The accuracies of latents z and of their map."""
    return {"k-NN, latents": knn_accuracy(z, y), "k-NN, map": knn_accuracy(at, y)}


at_train, at_test = tsne_map(z_train), tsne_map(z_test)
plots.maps(
    {"training images": (at_train, train.labels), "test images": (at_test, test.labels)},
    title="Auto-decoder: t-SNE of the latents",
    names=CLOTHES,
    ticks=False,
)
scores["AD"] |= neighbours(z_test, at_test, test.labels)
pixels = {"k-NN, latents": knn_accuracy(x_test.flatten(1), test.labels), "k-NN, map": "–"}
plots.table(
    {
        "training images": neighbours(z_train, at_train, train.labels),
        "test images": neighbours(z_test, at_test, test.labels),
        "pixels of test images": pixels,
    },
    title="k-NN accuracy",
)

# %% [markdown] role="rubric" question="autodecoder.fitted_latents"
# ### In words
#
# **Question (3 points).** Fitted latents of test images decode to good images, samples from N(0, I)
# do not, though it is the same decoder. Why? Use what you saw (at least two of: the scaled latents,
# the lengths, the shaped noise, all zeros and ones), and say what in the training decides it.
#
# ### BEGIN MARK SCHEME
# - 1 point, selection: a fitted latent is *searched for*, so that its image comes out right; a
#   prior sample has no image to match and falls anywhere.
# - 1 point, training: the loss only ever visits the latents of training images; nothing asks them
#   to follow N(0, I), nor the decoder to draw clothes elsewhere. Half: "there is no KL" and no
#   more.
# - 1 point, evidence: at least two of the student's own observations, read rightly (for instance:
#   lengths of fitted and prior latents differ; shortened latents fade towards a mean garment and
#   stretched ones saturate; noise shaped like the fitted latents decodes better, so the place was
#   wrong more than the decoder, and still not well, since a Gaussian is not their real shape).
# ### END MARK SCHEME

# %% [markdown] role="answer" question="autodecoder.fitted_latents"
# ### BEGIN SOLUTION
# A fitted latent is *searched for*: gradient descent moves z until this very image comes out. A
# sample of N(0, I) has no image to match and stays wherever it fell.
#
# The training visits the latents of training images only. Its loss neither says where these should
# lie, nor what the decoder should draw anywhere else.
#
# My evidence: (1) Lengths do not explain it. Prior samples are about 11.8 long, training latents
# 10.8, and fitted latents shortened to a half or stretched by a half still show the same garment,
# greyer or harder: it is the *direction* that holds the garment, and a random one holds none. (2)
# All zeros give a grey blur, all ones hard checks. (3) Noise that is given the mean and covariance
# of the fitted latents decodes to something nearer to clothes, still not to clothes: the place was
# wrong, and a Gaussian is not the real shape of the latents.
# ### END SOLUTION

# %%
answers.count("autodecoder.fitted_latents")

# %% [markdown]
# ## 3 · The variational auto-decoder
#
# Let every image $i$ have not a point but a *distribution* $q_i(z)$ over latents, with its own
# parameters: for a Gaussian, its own $\mu_i$ and $\log \sigma_i^2$. In each step $z$ is sampled,
# and two things are asked for:
#
# - whatever is sampled from $q_i$ should decode to image $i$: so the decoder must be good in a
#   whole *region*, not at a point;
# - $q_i$ should stay close to the prior $p(z)$: so the regions together fill the place that new
#   samples will come from.
#
# $$\text{loss} = -\log p(x_i \mid z) + \beta \,\mathrm{KL}[q_i \,\Vert\, p], \qquad z \sim q_i$$
#
# It is the VAE's loss. The only difference is where the parameters of $q_i$ come from: a VAE's
# encoder computes them, here they are learned one image at a time.
#
# ### `vad_loss` · 2 points · ●○○ · about 5 minutes
#
# **What.** The loss above for a batch, in nats per image: *sum* over pixels, *mean* over images.
# `kl` comes with one value an image.


# %% role="solution" id="vad_loss"
def vad_loss(logits, x, kl, beta=1.0):
    """The negative ELBO of a batch with a weight on the KL; to be minimised.

    logits, x  (B, 1, 28, 28)
    kl         (B,) nats

    Returns a scalar in nats per image.
    """
    ### BEGIN SOLUTION
    return reconstruction_loss(logits, x) + beta * kl.mean()
    ### END SOLUTION


# %% role="check"
checks.autodecoder.vad_loss(vad_loss)

# %% role="test" question="autodecoder.vad_loss"

# %% [markdown]
# ### A family: two functions and two sets of numbers
#
# Which distributions? Any *family* will do that offers
#
# - `rsample(*parameters, noise)`: a sample, computed from the parameters and from noise that comes
#   from outside, so that gradients reach the parameters (*reparametrization*);
# - `kl(*parameters)`: its KL to the prior, one value an image;
# - the parameters at which training starts, and those that give the prior itself.
#
# The code below is ready. Read it once: everything later is an instance of `Family`.


# %%
class Family(NamedTuple):
    """A family of distributions over latents, `nz` dimensions each."""

    name: str
    rsample: Callable  # (*parameters, noise) -> z (n, nz)
    kl: Callable  # (*parameters) -> (n,) nats, to the prior
    start: tuple  # what training starts from: a function (n, nz) -> tensor for each parameter
    prior: tuple  # the same for the prior
    normal: bool = False  # whether the noise is standard normal; else it is uniform in (0, 1)
    nz: int = NZ

    def noise(self, n):
        """Fresh noise for n images, (n, nz)."""
        if self.normal:
            return torch.randn(n, self.nz, device=device)
        return torch.rand(n, self.nz, device=device).clamp(1e-6, 1 - 1e-6)  # never log(0)

    def begin(self, n):
        return [make(n, self.nz) for make in self.start]

    def sample_prior(self, n):
        """n latents from the prior, (n, nz)."""
        return self.rsample(*(make(n, self.nz) for make in self.prior), self.noise(n))

    def middle(self, parameters):
        """The sample for noise in the middle of its range: the median in every dimension."""
        calm = torch.full((len(parameters[0]), self.nz), 0.0 if self.normal else 0.5)
        with torch.no_grad():
            return self.rsample(*parameters, calm.to(device))


def constant(value):
    return lambda n, nz: torch.full((n, nz), value, device=device)


def diagonal(value):
    return lambda n, nz: value * torch.eye(nz, device=device).repeat(n, 1, 1)


def written(family):
    """Whether the functions of a family are written; a sentence if not."""
    try:
        family.kl(*family.begin(2))
        family.sample_prior(2)
    except NotImplementedError:
        print(f"{family.name}: its functions are still to be written, so it is skipped here.")
        return False
    return True


# %% [markdown]
# ## 4 · Gaussian latents
#
# The prior is N(0, 1) in every dimension. You know both functions from the VAE notebook; the
# difference is that the noise `eps` is an argument now.
#
# ### `rsample_gaussian` · 1 point and `kl_gaussian` · 1 point · ●○○ · about 5 minutes
#
# **What.** $z = \mu + \sigma \epsilon$ with `logvar` $= \log \sigma^2$; and the KL to N(0, I),
# *summed* over latent dimensions, one value an image.


# %% role="solution" id="rsample_gaussian"
def rsample_gaussian(mu, logvar, eps):
    """A sample of N(mu, exp(logvar)) from standard normal noise; all (B, nz)."""
    ### BEGIN SOLUTION
    return mu + torch.exp(0.5 * logvar) * eps
    ### END SOLUTION


# %% role="check"
checks.autodecoder.rsample_gaussian(rsample_gaussian)

# %% role="test" question="autodecoder.rsample_gaussian"


# %% role="solution" id="kl_gaussian"
def kl_gaussian(mu, logvar):
    """KL of N(mu, exp(logvar)) to N(0, I), in nats; (B, nz) each in, (B,) out."""
    ### BEGIN SOLUTION
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.kl_gaussian(kl_gaussian)

# %% role="test" question="autodecoder.kl_gaussian"

# %% [markdown]
# ### The loop again · practice · ●●○ · about 10 minutes
#
# **What.** `autodecoder_epoch` with three changes. The parameters of the batch's rows are a
# *list* now: `[p[rows] for p in model.latents]`. They give the KL and, with fresh noise from
# `family.noise(len(x))`, a sample z. The loss is `vad_loss`.
#
# **Should look like.** A list with one pair `(reconstruction, kl)` a batch, floats in nats per
# image, *neither* multiplied by β: otherwise runs with different β could not be compared.


# %% role="solution" id="vad_epoch"
def vad_epoch(model, family, loader, optimizer, beta):
    """Train a Fitted model, whose latents are the family's parameters, for one epoch.

    loader  yields (x, rows): images (B, 1, 28, 28) and which rows of the latents are theirs (B,)

    Returns a list of (reconstruction, kl), one pair of floats a batch, in nats per image.
    """
    ### BEGIN SOLUTION
    model.train()
    pairs = []
    for x, rows in loader:
        parameters = [p[rows] for p in model.latents]
        kl = family.kl(*parameters)
        logits = model.decoder(family.rsample(*parameters, family.noise(len(x))))
        loss = vad_loss(logits, x, kl, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pairs.append((reconstruction_loss(logits, x).item(), kl.mean().item()))
    return pairs
    ### END SOLUTION


# %% role="check"
checks.autodecoder.vad_epoch(vad_epoch)

# %% [markdown]
# Two functions run an experiment with any family; both are ready. `fit` trains, then fits
# distributions to the test images, as `fit_latents` did for points. `show` draws
# what came out.
#
# **Your families.** Everybody trains the Gaussian and *one* more: choose it now, and write its name
# into `TRAIN` ("Exponential", "Laplace", or a challenge: "Uniform", "Full Gaussian"). For the
# others the kit's own results are shown at the end. You still write all functions: they are graded.
#
# **Which β?** The Bernoulli likelihood of grey pixels is a forgiving judge: at β = 1 a blurred
# shirt is good enough for it, and the KL saves its nats. A smaller β buys detail. So β starts at
# 1, while the decoder learns what clothes look like and the distributions find their places, and
# falls during the first quarter of the training to `BETA`, at which the details are learned.

# %%
TRAIN = {"Gaussian", "Laplace"}  # the families that you train, about a minute and a half each
BETA = 0.08
experiments = {}  # family name -> what `fit` found


def fit(family, epochs=EPOCHS, fresh=False):
    """Train a VAD with this family, fit the test images, keep the results in `experiments`."""
    if not written(family):
        return
    if family.name not in TRAIN:
        print(f"{family.name} is not in TRAIN: the kit's own results are shown in part 9.")
        return
    torch.manual_seed(0)
    model = Fitted(AutoDecoder(family.nz).to(device), *family.begin(N))
    optimizer, scheduler = optimizer_for(model, epochs)
    settings = {
        "nz": family.nz,
        "images": N,
        "beta": BETA,
        "loop": vad_epoch,
        "rsample": family.rsample,
        "kl": family.kl,
    }
    name = f"vad-{family.name.lower().replace(' ', '-')}"
    run = training.Run(
        name, model, optimizer, settings, scheduler=scheduler, loader=loader, fresh=fresh
    )
    picture = plots.live(family.name)
    for epoch in run.epochs(epochs):
        beta = BETA ** min(1, 4 * epoch / epochs)  # from 1 to BETA in a quarter of the epochs
        pairs = torch.tensor(vad_epoch(model, family, loader, optimizer, beta))
        scheduler.step()
        reconstruction, kl = pairs.mean(dim=0).tolist()
        run.log(reconstruction=reconstruction, kl=kl)
        few_rows = [p[:10].detach() for p in model.latents]
        picture.show(run.curves, lambda rows=few_rows: decode(model, family.middle(rows)))
    test_parameters = fit_distributions(model, family, x_test, steps=2 * FIT_STEPS)
    experiments[family.name] = {
        "family": family,
        "model": model,
        "curves": run.curves,
        "train": family.middle([p.detach() for p in model.latents]),  # (N, nz)
        "test": family.middle(test_parameters),
        "kl": float(family.kl(*test_parameters).mean()),
    }


def fit_distributions(model, family, x, steps, lr=0.1, beta=BETA, start=None):
    """Parameters of q for images, from `start` or from the beginning, with the decoder fixed."""
    model.decoder.eval()
    start = family.begin(len(x)) if start is None else start
    parameters = [p.detach().clone().requires_grad_() for p in start]
    optimizer = torch.optim.Adam(parameters, lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        z = family.rsample(*parameters, family.noise(len(x)))
        loss = vad_loss(model.decoder(z), x, family.kl(*parameters), beta)
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.grad = grad
        optimizer.step()
        scheduler.step()
    return [p.detach() for p in parameters]


# %%
gaussian = Family(
    "Gaussian",
    rsample_gaussian,
    kl_gaussian,
    normal=True,
    start=(constant(0.0), constant(-2.0)),  # mu, logvar
    prior=(constant(0.0), constant(0.0)),
)
fit(gaussian)


# %%
shown = {"AD": {"map": at_test, "labels": test.labels}}  # name -> what part 9 compares


def walk(model, z, steps=10):
    """Images on the straight way from the first trouser to the first shirt, given all latents."""
    first = [int((test.labels == CLOTHES.index(c)).nonzero()[0]) for c in ("trouser", "shirt")]
    t = torch.linspace(0, 1, steps, device=device)[:, None]
    return decode(model, (1 - t) * z[first[0]] + t * z[first[1]])


def show(family):
    """Reconstructions and prior samples of one family; adds to `scores` and to `shown`."""
    name, found = family.name, experiments.get(family.name)
    if found is None:
        return
    model, at = found["model"], tsne_map(found["test"])
    scores[name] = {
        part: score(x, decode(model, found[part]))
        for part, x in (("train", x_train), ("test", x_test))
    } | {"KL (nats)": found["kl"]}
    scores[name] |= neighbours(found["test"], at, test.labels)
    torch.manual_seed(2)
    samples = decode(model, family.sample_prior(20))
    shown[name] = {
        "curves": found["curves"],
        "map": at,
        "labels": test.labels,
        "samples": samples[:10],
        "walk": walk(model, found["test"]),
    }
    plots.strips(
        {
            "training": x_train[:10],
            "median of q": decode(model, found["train"][:10]),
            "test": x_test[:10],
            "median of q ": decode(model, found["test"][:10]),
        },
        title=f"{name}: images, and what the middle of their distribution decodes to",
    )
    plots.images(samples, rows=2, title=f"{name}: samples from the prior")


show(gaussian)
if "Gaussian" in shown:
    curves = shown["Gaussian"]["curves"]
    plots.panels(
        {"reconstruction": curves["reconstruction"], "KL": curves["kl"]}, title="Gaussian: training"
    )

# %% [markdown]
# **Look at**
#
# - the *KL* in the last picture: while β falls it grows. The images buy themselves room in the
#   latent space, nat by nat, as long as the reconstruction gains more than β times what they pay;
# - *prior samples*, beside those of the auto-decoder: same decoder, same data.
#
# ### A hundred steps more · 5 minutes
#
# **What.** The report looked at its training images twice: right after training, and after 100 more
# steps on their *distributions* alone, the decoder fixed. It found that these steps gave "much
# better results" when the KL was left out. Here are both ways.
#
# **Predict first.** What will the missing KL do to the width of the distributions, to the KL, and
# to prior samples?

# %%
if "Gaussian" in experiments:
    found = experiments["Gaussian"]
    model, latents = found["model"], [p.detach() for p in found["model"].latents]
    ways = {"right after training": latents}
    for name, beta in (("100 more steps", BETA), ("100 more, without KL", 0.0)):
        ways[name] = fit_distributions(
            model, gaussian, x_train, FIT_STEPS, lr=0.05, beta=beta, start=latents
        )
    torch.manual_seed(2)
    drawn = gaussian.sample_prior(500)
    rows, strips, maps = {}, {"original": x_train[:10]}, {}
    for name, parameters in ways.items():
        z = gaussian.middle(parameters)
        strips[name] = decode(model, z[:10])
        maps[name] = (tsne_map(z), train.labels)
        rows[name] = {
            "score (train)": score(x_train, decode(model, z)),
            "KL (nats)": float(gaussian.kl(*parameters).mean()),
            "σ": float(parameters[1].div(2).exp().mean()),
            "prior sample to nearest μ": float(torch.cdist(drawn, z).min(dim=1).values.mean()),
            "k-NN, latents": knn_accuracy(z, train.labels),
        }
    plots.strips(strips, title="Training images: the middle of each distribution, decoded")
    plots.table(rows, title=f"Training images (scores with B = {B})")
    plots.maps(maps, title="Gaussian: t-SNE of training latents", names=CLOTHES, ticks=False)

# %% [markdown]
# *What to look for:* without the KL the score falls, and that is the whole of the "better results":
# the KL was what held the distributions wide and near the prior. Prior samples look exactly as
# before, for the decoder is the same; but they now lie farther from everything that the
# distributions know. Trained like that from the start, you are back at the auto-decoder.
#
# ## 5 · Exponential latents
#
# Why should a latent be Gaussian? Let $z$ be *positive*, mostly small and now and then large: $z
# \sim \mathrm{Exp}(\lambda)$, with density $\lambda e^{-\lambda z}$ and mean $1/\lambda$. The
# prior is Exp(1), the parameter is `log_rate` $= \log \lambda$, so that any real number is
# allowed.
#
# ### `rsample_exponential` · 1 point · ●●○ · about 10 minutes
#
# **What.** A sample from uniform noise, by *inverting the distribution function*: $F(z) = 1 -
# e^{-\lambda z}$ says which share of all samples lies below $z$. Set $F(z) = u$ and solve for $z$.
#
# **Mind.** $1 - u$ is as uniform as $u$; but a logarithm wants its argument positive.


# %% role="solution" id="rsample_exponential"
def rsample_exponential(log_rate, u):
    """A sample of Exp(exp(log_rate)) from uniform noise in (0, 1); all (B, nz)."""
    ### BEGIN SOLUTION
    return -torch.log1p(-u) * torch.exp(-log_rate)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.rsample_exponential(rsample_exponential)

# %% role="test" question="autodecoder.rsample_exponential"

# %% [markdown]
# ### `kl_exponential` · 1 point · ●●○ · about 10 minutes, with a pencil
#
# **What.** Derive it: $\mathrm{KL} = \mathbb{E}_q[\log q(z) - \log p(z)]$, with $q =
# \mathrm{Exp}(\lambda)$ and $p = \mathrm{Exp}(1)$. Both logarithms are simple, and you need one
# expectation: $\mathbb{E}_q[z] = 1/\lambda$.
#
# **Should look like.** Zero at λ = 1, positive on both sides. Sum over latent dimensions.


# %% role="solution" id="kl_exponential"
def kl_exponential(log_rate):
    """KL of Exp(exp(log_rate)) to Exp(1), in nats; (B, nz) in, (B,) out."""
    ### BEGIN SOLUTION
    return (log_rate - 1 + torch.exp(-log_rate)).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.kl_exponential(kl_exponential)

# %% role="test" question="autodecoder.kl_exponential"

# %% [markdown]
# <details><summary>Hint: the two logarithms</summary>
#
# The logarithm of the density of Exp(λ) at z has two terms, one of which does not depend on z. In
# the difference of the two densities, only one expectation is left to take.
# </details>
#
# **Predict first.** An exponential has one parameter for both place and spread: its standard
# deviation *is* its mean. What will that do to the reconstructions?

# %%
exponential = Family(
    "Exponential",
    rsample_exponential,
    kl_exponential,
    start=(constant(1.0),),  # log_rate
    prior=(constant(0.0),),
)
fit(exponential)

# %%
show(exponential)

# %% [markdown]
# ## 6 · Laplace latents
#
# A Laplace distribution looks like two exponentials back to back: a sharp peak at $\mu$, long
# tails, scale $b$ (`log_scale` $= \log b$). Its density is $\frac{1}{2b} e^{-|z - \mu| / b}$, the
# prior Laplace(0, 1).
#
# ### `rsample_laplace` · 2 points · ●●○ · about 10 minutes
#
# **What.** Again from uniform noise: $u = ½$ leads to $\mu$; above it, the right tail is an
# exponential; below, its mirror image. Write it in one formula with `sign` and `abs`.


# %% role="solution" id="rsample_laplace"
def rsample_laplace(mu, log_scale, u):
    """A sample of Laplace(mu, exp(log_scale)) from uniform noise in (0, 1); all (B, nz)."""
    ### BEGIN SOLUTION
    v = u - 0.5
    return mu - torch.exp(log_scale) * torch.sign(v) * torch.log1p(-2 * v.abs())
    ### END SOLUTION


# %% role="check"
checks.autodecoder.rsample_laplace(rsample_laplace)

# %% role="test" question="autodecoder.rsample_laplace"

# %% [markdown]
# <details><summary>Hint: how far along the tail</summary>
#
# Let $v = u - ½$, between −½ and ½. Its sign says which tail. Of all samples on that side, the
# share $2|v|$ lies nearer to $\mu$ than this one: that is the distribution function of an
# exponential.
# </details>
#
# ### `kl_laplace` · 1 point · ●○○ · about 5 minutes
#
# **What.** $\mathrm{KL}[\mathrm{Laplace}(\mu, b) \Vert \mathrm{Laplace}(0, 1)] = |\mu| + b\,
# e^{-|\mu|/b} - \log b - 1$. The report used this formula with a remark: "we don't know if it is
# the correct expression". It is, and the next cell but one will let you see it for yourself.


# %% role="solution" id="kl_laplace"
def kl_laplace(mu, log_scale):
    """KL of Laplace(mu, exp(log_scale)) to Laplace(0, 1), in nats; (B, nz) each in, (B,) out."""
    ### BEGIN SOLUTION
    b = torch.exp(log_scale)
    return (mu.abs() + b * torch.exp(-mu.abs() / b) - log_scale - 1).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.kl_laplace(kl_laplace)

# %% role="test" question="autodecoder.kl_laplace"

# %% [markdown]
# **Do not believe a formula that you can test.** A KL is an average of log q(z) − log p(z) over
# samples of q. Your `rsample_laplace` makes samples; torch knows the densities. If the averages
# agree with your closed form within their error (± two standard errors), then *both* of your
# functions are right.

# %%
mu, log_scale = torch.tensor([[0.0], [1.0], [-3.0]]), torch.tensor([[1.0], [-1.0], [0.5]])
z = rsample_laplace(mu, log_scale, torch.rand(3, 100_000).clamp(1e-6, 1 - 1e-6))
q, p = torch.distributions.Laplace(mu, log_scale.exp()), torch.distributions.Laplace(0.0, 1.0)
terms = q.log_prob(z) - p.log_prob(z)  # (3, 100000)
for closed, row in zip(kl_laplace(mu, log_scale), terms, strict=True):
    error = 2 * row.std() / len(row) ** 0.5
    print(f"formula {closed:.4f}   average {row.mean():.4f} ± {error:.4f}")

# %%
laplace = Family(
    "Laplace",
    rsample_laplace,
    kl_laplace,
    start=(constant(0.0), constant(-1.0)),  # mu, log_scale
    prior=(constant(0.0), constant(0.0)),
)
fit(laplace)

# %%
show(laplace)

# %% [markdown]
# ## 7 · Challenge: uniform latents
#
# The report gave up on this one: "a KL between non-overlapping uniform distributions is infinite".
# So choose parameters that *cannot* leave the prior's interval (0, 1). With $s$ the sigmoid,
#
# $$w = s(\texttt{width\_logit}), \qquad \text{low} = s(\texttt{low\_logit})\,(1 - w), \qquad
# z = \text{low} + w\,u$$
#
# The width takes its share first; the lower end is placed in the room that is left.
#
# ### `rsample_uniform` and `kl_uniform` · 1 extra point each · ●●● · about 15 minutes
#
# **What.** The sample above; and the KL to U(0, 1). Write down both densities inside of the
# interval: the KL is one short term. It must stay finite for a `width_logit` of −200 (which
# function of torch computes the logarithm of a sigmoid?).


# %% role="solution" id="rsample_uniform"
def rsample_uniform(low_logit, width_logit, u):
    """A sample of the interval that the two logits describe, from uniform noise; all (B, nz)."""
    ### BEGIN SOLUTION
    width = torch.sigmoid(width_logit)
    return torch.sigmoid(low_logit) * (1 - width) + width * u
    ### END SOLUTION


# %% role="check"
checks.autodecoder.rsample_uniform(rsample_uniform)

# %% role="test" question="autodecoder.rsample_uniform"


# %% role="solution" id="kl_uniform"
def kl_uniform(low_logit, width_logit):
    """KL of that interval's uniform distribution to U(0, 1), in nats; (B, nz) each in, (B,) out."""
    ### BEGIN SOLUTION
    return -F.logsigmoid(width_logit).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.kl_uniform(kl_uniform)

# %% role="test" question="autodecoder.kl_uniform"

# %%
uniform = Family(
    "Uniform",
    rsample_uniform,
    kl_uniform,
    start=(constant(0.0), constant(0.0)),  # low_logit, width_logit
    prior=(constant(0.0), constant(20.0)),
)
fit(uniform)

# %%
show(uniform)

# %% [markdown]
# ## 8 · Challenge: Gaussian with full covariance
#
# So far the latent dimensions of an image were independent. Now each image gets a whole
# covariance matrix. The report could not find "a way to optimise the variance matrix in a way
# that it would make sense": a covariance matrix must be symmetric and positive, and a gradient
# step knows nothing of that. The way out is again a parametrization in which nothing can go
# wrong:
#
# $$\Sigma = L L^\top, \qquad L = \text{strictly lower part of } \texttt{tril} +
# \mathrm{diag}(\exp(\text{diagonal of } \texttt{tril})), \qquad z = \mu + L\,\epsilon$$
#
# Any numbers in `tril` give a valid Σ.
#
# ### `rsample_full_gaussian` and `kl_full_gaussian` · 1 extra point each · ●●● · about 20 minutes
#
# **What.** The sample above for a batch of matrices `(B, nz, nz)`; and the KL to N(0, I),
#
# $$\mathrm{KL} = \tfrac12 \big( \mathrm{tr}\,\Sigma + \mu^\top \mu - nz - \log\det\Sigma \big)$$
#
# **Mind.** No determinant is needed: what is the determinant of a triangular matrix, and what
# stands on the diagonal of `tril`? And the trace of $LL^\top$ is the sum of *all* squares in $L$.


# %% role="solution" id="rsample_full_gaussian"
def rsample_full_gaussian(mu, tril, eps):
    """A sample of N(mu, L Lᵀ) from standard normal noise; mu, eps (B, nz), tril (B, nz, nz)."""
    ### BEGIN SOLUTION
    L = tril.tril(-1) + torch.diag_embed(tril.diagonal(dim1=1, dim2=2).exp())
    return mu + (L @ eps[:, :, None])[:, :, 0]
    ### END SOLUTION


# %% role="check"
checks.autodecoder.rsample_full_gaussian(rsample_full_gaussian)

# %% role="test" question="autodecoder.rsample_full_gaussian"


# %% role="solution" id="kl_full_gaussian"
def kl_full_gaussian(mu, tril):
    """KL of N(mu, L Lᵀ) to N(0, I), in nats; (B, nz) and (B, nz, nz) in, (B,) out."""
    ### BEGIN SOLUTION
    log_diagonal = tril.diagonal(dim1=1, dim2=2)  # (B, nz)
    trace = tril.tril(-1).square().sum(dim=(1, 2)) + log_diagonal.exp().square().sum(dim=1)
    return 0.5 * (trace + mu.square().sum(dim=1) - mu.shape[1]) - log_diagonal.sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.autodecoder.kl_full_gaussian(kl_full_gaussian)

# %% role="test" question="autodecoder.kl_full_gaussian"

# %% [markdown]
# A matrix an image is a lot of numbers: with nz = 128 there would be 16 million parameters for a
# thousand images. So this family gets 32 latent dimensions (remember that when you compare).

# %%
full_gaussian = Family(
    "Full Gaussian",
    rsample_full_gaussian,
    kl_full_gaussian,
    normal=True,
    nz=32,
    start=(constant(0.0), diagonal(-1.0)),  # mu, tril
    prior=(constant(0.0), diagonal(0.0)),
)
fit(full_gaussian)

# %%
show(full_gaussian)

# %% [markdown]
# ## 9 · The families side by side

# %%
kits = {name: kit for name, kit in runs.families().items() if name not in shown}
if kits:
    print(f"The kit's own results, as you did not train these: {', '.join(kits)}.")
everything = shown | {f"{name} (kit)": kit for name, kit in kits.items()}
scores |= {f"{name} (kit)": kit["scores"] for name, kit in kits.items()}
plots.table(scores, title=f"Auto-decoder and variational auto-decoders (scores with B = {B})")

# %%
families = {name: part for name, part in everything.items() if "curves" in part}
plots.panels(
    {
        what: {name: part["curves"][key] for name, part in families.items()}
        for what, key in (("reconstruction", "reconstruction"), ("KL", "kl"))
    },
    title="Training of every family",
)
plots.maps(
    {name: (part["map"], part["labels"]) for name, part in everything.items()},
    title="t-SNE of the test latents",
    names=CLOTHES,
    ticks=False,
)
torch.manual_seed(2)
prior = {"AD": decode(ad, torch.randn(10, NZ, device=device))}
plots.strips(
    prior | {name: part["samples"] for name, part in families.items()},
    title="Samples from each prior",
)
plots.strips(
    {"AD": walk(ad, z_test)} | {name: part["walk"] for name, part in families.items()},
    title="From a trouser to a shirt",
)

# %% [markdown]
# **Look at the walks:** is there something like a dress half-way?
#
# **Read the table in pairs.** Train against test: who has learned the images by heart? Score
# against samples: who draws best what it is given, and who invents best? Latent space against
# map: where does t-SNE show more order than there is, or less?
#
# An accuracy of 75 % measured on 1,000 images has a standard error of
# $\sqrt{0.75 \cdot 0.25 / 1000} \approx 1.4\,\%$.

# %% [markdown] role="rubric" question="autodecoder.tsne"
# ### In words
#
# **Question (3 points).** What do the t-SNE maps of the families show? Compare at least three of
# them, the auto-decoder's among them (the kit's count too).
#
# 1. Which classes lie together, which apart, and is that what you would expect of clothes?
# 2. How do the families differ? Use k-NN accuracies with their uncertainty, in latent space *and*
#    on the map.
# 3. Name one thing that such a map seems to show but cannot prove.
#
# ### BEGIN MARK SCHEME
# - 1 point, classes: footwear (sandal, sneaker, boot) forms one region, trousers and bags their
#   own, while tops (T-shirt, pullover, coat, shirt, dress) overlap, shirts most; grouped by
#   shape, though no label was used. Half: "clusters" without naming classes.
# - 1 point, families: a comparison of at least three maps that agrees with the student's own
#   accuracies, with their uncertainty (about ±1.4 % each, so gaps under 3–4 % are no finding),
#   and says whether space and map agree. Half: a ranking by eye only, or numbers without
#   uncertainty.
# - 1 point, limits: distances between clusters, their sizes, or gaps in a t-SNE map are artefacts
#   of the method, perplexity and seed; or: a tidy map does not mean good samples or
#   reconstructions (here: the table's columns do not rank the families alike).
# ### END MARK SCHEME

# %% [markdown] role="answer" question="autodecoder.tsne"
# ### BEGIN SOLUTION
# *Classes.* No label was used, and yet shape decides: sandals, sneakers and boots form one region
# on every map, trousers and bags lie by themselves. Pullovers, coats and shirts are mixed, with
# T-shirts and dresses at their edge. I expect that of clothes: a shirt *is* something between a
# T-shirt and a coat.
#
# *Families.* k-NN in latent space, then on the map: AD 70.6 and 74.4 %, Gaussian 70.2 and 74.8 %,
# Laplace 69.8 and 74.8 %, uniform (the kit's) 77.2 and 74.7 %; pixels 74.3 %. Each is ± 1.4 %, so
# AD, Gaussian and Laplace do not differ. The uniform family is ahead of them in latent space by
# about 7 %, three standard errors of a difference, and no longer on the map: for the other three
# t-SNE shows more order than there is, for this one less.
#
# *Limits.* Gaps between clusters, and their sizes, are made by t-SNE: another seed or perplexity
# gives others. And a tidy map promises nothing else: the uniform family separates best, but its
# test score is worse than the Gaussian's (0.231 against 0.201), and its samples are less varied.
# ### END SOLUTION

# %%
answers.count("autodecoder.tsne")

# %% [markdown]
# ## If you want to go on
#
# - Change `BETA` to 0.03 or to 1, and train again: `fit(gaussian, fresh=True)`. The *score* wants a
#   small β, the *samples* a large one. Where would you stop?
# - Fit test images with 10 steps, then 1000. When does it pay?
# - Is a *posterior sample* as good as the median? Decode `family.rsample` with fresh noise
#   instead of `family.middle`.

# %% [markdown]
# ## Before you hand in
#
# The first cell saves the notebook and says what you would lose now. The second makes the zip to
# hand in. (`%run -m utils.report` in a cell makes a report of all notebooks.)

# %%
preflight.check()

# %%
hand_in.submit()
