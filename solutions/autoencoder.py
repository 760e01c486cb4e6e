# %% [markdown]
# # Autoencoders
#
# Run the next two cells and draw a digit. A small network has learned, from images alone, to put
# your drawing into twelve numbers and to draw it again from these (Hinton and Salakhutdinov 2006).
# By the end of this notebook you will have built one like it, and you will know what it cannot do.

# %%
import torch
import torch.nn.functional as F
from torch import nn

try:
    from utils import checks, data, hand_in, plots, training
    from utils.explore import widgets
    from utils.hand_in import answers, preflight
except ImportError as error:
    raise ImportError(
        "The course's package is not here: put vae-course.zip beside this notebook, run "
        "`%pip install ./vae-course.zip` in a cell, and restart the kernel."
    ) from error

torch.manual_seed(0)
device = training.device()
few = training.autograding()  # while grading, few images are enough
train = data.load("MNIST", train=True, limit=500 if few else 10_000)
test = data.load("MNIST", train=False, limit=200 if few else 2_000)

# %%
widgets.pad("autoencoder")

# %% [markdown]
# **Find** a drawing that comes back as another digit, and one that comes back as none. (Where the
# pad stays empty, write `explorers.pad` for `widgets.pad`, after `from utils.explore import
# explorers`.)
#
# **Afterwards you can** build an encoder and a decoder, and predict their shapes; write a training
# loop that has none of the three usual faults; say in nats how good a reconstruction is; explain
# why an autoencoder cannot invent digits.
#
# | part | you write | difficulty | minutes |
# |---|---|---|---|
# | 1 · The data | nothing: look | ●○○ | 5 |
# | 2 · Down and up again | `Encoder`, `Decoder` | ●●○ | 45 |
# | 3 · Learning | `reconstruction_loss`, `train_epoch`; train | ●●○ | 35 |
# | 4 · Can it invent digits? | `sample_prior`; one question in words | ●●○ | 25 |
# | 5 · Two numbers only | `latent_grid`: the whole code space in one picture | ●●○ | 25 |
# | 6 · The same on clothes | nothing: compare | ●○○ | 10 |
#
# Each step has a stub to fill in and a check right below it. Run the check as often as you like:
# its message says what it received and where to look. All training together takes about three
# minutes on a laptop. It is saved under `runs/` as it goes: stop it, or close the browser, and run
# the cell again.

# %%
plots.diagram("autoencoder")

# %% [markdown]
# ## 1 · The data
#
# **What.** Handwritten digits, tensors of shape `(N, 1, 28, 28)`: number, channel, height, width.
# A pixel runs from 0 (paper) to 1 (ink). The labels 0 … 9 are for pictures only; nothing here
# learns from them.

# %%
plots.images(train.images[:30], rows=3, title="30 training images")
ink = train.images
print(f"images {tuple(ink.shape)}, pixels from {ink.min():.0f} to {ink.max():.0f}")
paper, dark = (ink == 0).float().mean(), (ink > 0.5).float().mean()
print(f"{paper:.0%} of the pixels are pure paper, {dark:.0%} are mostly ink")

# %% [markdown]
# ## 2 · Down and up again
#
# ### `Encoder` · 3 points · ●●○ · about 20 minutes
#
# **What.** A convolutional network from an image to a *code* of `nz` numbers, through these
# stages:
#
# | after | channels | height × width |
# |---|---|---|
# | the image | 1 | 28 × 28 |
# | convolution 1 | 32 | 14 × 14 |
# | convolution 2 | 64 | 7 × 7 |
# | convolution 3 | 128 | 3 × 3 |
# | convolution 4 | 256 | 1 × 1 |
# | flatten, then a linear layer | nz | |
#
# **Why.** Each stage sees a larger piece of the image in less detail: first edges, then strokes,
# at last the digit.
#
# **How.** After each convolution an activation such as ReLU; batch normalisation before it makes
# training about twice as fast. *Nothing* after the last layer: a code may be any number.
#
# **Should look like.** About 400 000 parameters.


# %% role="solution" id="Encoder"
class Encoder(nn.Module):
    """Images (B, 1, 28, 28) to codes (B, nz)."""

    def __init__(self, nz):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, stride=2),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 256, 3, stride=2),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(256, nz),
        )
        ### END SOLUTION

    def forward(self, x):
        """x (B, 1, 28, 28) to codes (B, nz)."""
        ### BEGIN SOLUTION
        return self.layers(x)
        ### END SOLUTION


# %% role="check"
checks.autoencoder.Encoder(Encoder)

# %% [markdown]
# <details><summary>Hint: which kernel, stride and padding?</summary>
#
# A convolution with kernel $k$, stride $s$ and padding $p$ turns $n$ pixels into
# $\lfloor (n + 2p - k) / s \rfloor + 1$. Stride 2 halves. Try $k = 3$, and find out for each
# stage which padding gives the size in the table. (Several choices fit; the check looks at sizes
# only.)
#
# </details>
#
# <details><summary>Hint: the check says that there are no parameters</summary>
#
# Layers in a plain Python list are invisible to the optimizer. `nn.Sequential` is the shortest
# way out.
#
# </details>

# %% [markdown]
# ### `Decoder` · 3 points · ●●○ · about 20 minutes
#
# **What.** The table from the bottom up: a linear layer from `nz` to 256 numbers, seen as a 256 ×
# 1 × 1 image, then transposed convolutions to 128 × 3 × 3, 64 × 7 × 7, 32 × 14 × 14 and 1 × 28 ×
# 28.
#
# **Why logits?** The result may be any number; `sigmoid` turns it into a pixel. Keeping it out of
# the network lets the loss work with full precision: `log(sigmoid(-200))` is −∞ on a computer,
# but −200 on paper.
#
# **Should look like.** As many parameters as the encoder, within a few per cent.


# %% role="solution" id="Decoder"
class Decoder(nn.Module):
    """Codes (B, nz) to logits (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Linear(nz, 256),
            nn.ReLU(),
            nn.Unflatten(1, (256, 1, 1)),
            nn.ConvTranspose2d(256, 128, 3, stride=2),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 3, stride=2),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1),
        )
        ### END SOLUTION

    def forward(self, z):
        """z (B, nz) to logits (B, 1, 28, 28)."""
        ### BEGIN SOLUTION
        return self.layers(z)
        ### END SOLUTION


# %% role="check"
checks.autoencoder.Decoder(Decoder)

# %% [markdown]
# <details><summary>Hint: sizes on the way up</summary>
#
# A transposed convolution turns $n$ pixels into $(n - 1)\,s - 2p + k + o$, where $o$ is
# `output_padding`. It exists because stride 2 maps both 13 and 14 to 7: on the way back you have
# to say which.
#
# </details>
#
# <details><summary>Hint: from 256 numbers to a 256 × 1 × 1 image</summary>
#
# `nn.Unflatten(1, (…))` inside a Sequential, or `.view` in `forward`.
#
# </details>

# %% [markdown]
# **Both together.** An autoencoder is the two in a row. Before training, what comes out has
# nothing to do with what goes in:


# %%
class Autoencoder(nn.Module):
    """Encoder and decoder in a row: images to logits, both (B, 1, 28, 28)."""

    def __init__(self, nz):
        super().__init__()
        self.encoder, self.decoder = Encoder(nz), Decoder(nz)

    def forward(self, x):
        return self.decoder(self.encoder(x))


@torch.no_grad()
def reconstruct(model, x):
    """Images in [0, 1] for images x, on any device, in eval mode."""
    model.eval()
    return torch.sigmoid(model(x.to(device)))


digits = torch.stack([test.images[test.labels == d][0] for d in range(10)])  # one of each
plots.pairs(digits, reconstruct(Autoencoder(16).to(device), digits), title="Untrained")

# %% role="test" question="autoencoder.Encoder"

# %% role="test" question="autoencoder.Decoder"

# %% [markdown]
# ## 3 · Learning
#
# ### `reconstruction_loss` · 1 point · ●○○ · about 10 minutes
#
# **What.** How badly the logits predict the pixels. Take each pixel for a coin that falls on
# "ink" with probability $p = \sigma(\text{logit})$; the loss is the negative log-probability of
# the image,
#
# $$-\sum_{\text{pixels}} \big[\, x \log p + (1 - x) \log (1 - p) \,\big]$$
#
# **The convention of this course:** *sum* over pixels, *mean* over the batch. The unit is nats per
# image: a *nat* is information in base e, as a bit is in base 2 (1 nat = 1.44 bits). A loss of 70
# nats means: to write the image down for somebody who has its code takes another 101 bits.
#
# **Why.** It is the number you will look at for the rest of the course, so it should mean
# something.
#
# **Before you write it:** what does a decoder pay that has no idea and answers ½ for each of the
# 784 pixels?


# %% role="solution" id="reconstruction_loss"
def reconstruction_loss(logits, x):
    """Bernoulli negative log-likelihood of images, in nats per image.

    logits, x  (B, 1, 28, 28), x in [0, 1]
    Returns    scalar: sum over pixels, mean over the batch
    """
    ### BEGIN SOLUTION
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    ### END SOLUTION


# %% role="check"
checks.autoencoder.reconstruction_loss(reconstruction_loss)

# %% [markdown]
# <details><summary>Hint</summary>
#
# PyTorch has this loss in a version that takes logits. Look at its argument `reduction`: none of
# the three choices is the course's convention all by itself.
#
# </details>

# %% [markdown]
# **What is a good number?** Three marks to measure by. The last is not 0: a grey pixel is
# uncertain even to someone who knows it exactly.

# %%
x = test.images
average = train.images.mean(0, keepdim=True).expand_as(x)  # knows what digits look like on average
guesses = {"½ everywhere": torch.full_like(x, 0.5), "mean image": average, "the image": x}
plots.bars(
    {
        name: reconstruction_loss(torch.logit(guess, eps=1e-6), x).item()
        for name, guess in guesses.items()
    },
    title="Three ways to guess a test image",
    ylabel="nats per image",
)

# %% [markdown]
# ### `train_epoch` · 4 points · ●●○ · about 15 minutes
#
# **What.** One pass over the loader: for each batch, loss, gradient, one optimizer step; and a
# list of the losses.
#
# **Why.** Every model of the course is trained by a loop like this. Three things go wrong in it
# more often than everything else together:
#
# 1. Gradients *add up* in `.grad` until someone clears them.
# 2. Plotting switched the model to eval mode, and nobody switched it back.
# 3. A loss stored *as a tensor* keeps the whole computation of its batch in memory.


# %% role="solution" id="train_epoch"
def train_epoch(model, loader, loss_fn, optimizer):
    """Train for one epoch.

    loader   yields (x, y); the labels y are not used
    loss_fn  loss_fn(model, x) gives a scalar tensor
    Returns  list of losses, one float a batch, each as it was before its step
    """
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% role="check"
checks.autoencoder.train_epoch(train_epoch)

# %% role="test" question="autoencoder.reconstruction_loss"

# %% role="test" question="autoencoder.train_epoch"

# %% [markdown]
# ### Train · 2 points for the run `autoencoder` · one minute
#
# `fit` is given: it calls your `train_epoch` and saves the model as `runs/NAME` after every epoch.
# If it is interrupted, run the cell again and it goes on; if it is finished, it is loaded. After a
# change in what your code does it refuses to mix old and new: then say `fit(…, fresh=True)`.
#
# **Should look like.** Below 80 nats on test images. Above 100, look for an activation at the end
# of the encoder.


# %%
def loss_fn(model, x):
    return reconstruction_loss(model(x), x)


def fit(name, nz, epochs, train=train, test=test, dataset="MNIST", fresh=False):
    """Train an autoencoder as the run `name`, or load it; returns (model in eval mode, run)."""
    torch.manual_seed(0)
    model, rate = Autoencoder(nz).to(device), 4e-3
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    loader = data.Loader(train.images.to(device), train.labels, batch_size=128)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps + 1, pct_start=0.2)
    optimizer.register_step_post_hook(  # the rate changes with every step, not every epoch
        lambda *_: schedule.step() if schedule.last_epoch < steps else None
    )
    code = {"reconstruction_loss": reconstruction_loss, "train_epoch": train_epoch}
    settings = {"nz": nz, "dataset": dataset} | code
    run = training.Run(
        name, model, optimizer, settings, scheduler=schedule, loader=loader, fresh=fresh
    )
    picture = plots.live(name)
    for _ in run.epochs(epochs):
        losses = train_epoch(model, loader, loss_fn, optimizer)
        model.eval()
        with torch.no_grad():
            on_test = loss_fn(model, test.images.to(device)).item()
        run.log(train=sum(losses) / len(losses), test=on_test)
        picture.show(run.curves, reconstruct(model, test.images[:10]))
    return model.eval(), run


autoencoder, run = fit("autoencoder", nz=16, epochs=8)

# %% role="check"
checks.autoencoder.curve(run.curves)

# %%
plots.curves(run.curves, title="Autoencoder with 16 numbers: reconstruction loss")
plots.pairs(digits, reconstruct(autoencoder, digits), title="Test images and their reconstructions")

# %% [markdown]
# *What to look for:* 784 pixels went through 16 numbers, and each digit came back with its slant
# and thickness. What got lost?

# %% role="test" question="autoencoder.trained"

# %% [markdown]
# ## 4 · Can it invent digits?
#
# ### `sample_prior` · 2 points · ●○○ · about 10 minutes
#
# **What.** Leave the encoder out. Draw codes from a standard normal distribution,
# $z \sim N(0, I)$, and decode them.
#
# **Why.** If random codes decoded to digits, we would have a machine that invents digits.
#
# **How.** The decoder has to be in eval mode while it runs (batch normalisation would otherwise
# mix the images of a batch), and afterwards as you found it. No gradients are needed.
#
# **Before you run it:** what do you expect to see?


# %% role="solution" id="sample_prior"
def sample_prior(decoder, n, nz):
    """Decode n codes drawn from N(0, I).

    decoder  module from codes (B, nz) to logits; its mode is left as it was
    Returns  images (n, 1, 28, 28) in [0, 1], without a graph
    """
    ### BEGIN SOLUTION
    was_training = decoder.training
    decoder.eval()
    with torch.no_grad():
        z = torch.randn(n, nz, device=next(decoder.parameters()).device)
        images = torch.sigmoid(decoder(z))
    decoder.train(was_training)
    return images
    ### END SOLUTION


# %% role="check"
checks.autoencoder.sample_prior(sample_prior)

# %% [markdown]
# <details><summary>Hint: on which device is the decoder?</summary>
#
# z has to be where the decoder's parameters are: `next(decoder.parameters()).device`.
#
# </details>

# %%
plots.images(sample_prior(autoencoder.decoder, 25, 16), title="25 codes from N(0, I), decoded")

# %% [markdown]
# **Has the decoder been there?** It was trained at the codes of the training images. So measure,
# for new images and for random codes, how far the nearest of those 10,000 codes is. The third
# line draws from a Gaussian with the codes' own mean and spread: is the wrong scale the whole
# trouble?

# %%
with torch.no_grad():
    known = torch.cat([autoencoder.encoder(x.to(device)).cpu() for x in train.images.split(1000)])
    points = {"test images": autoencoder.encoder(test.images.to(device)).cpu()}
points["N(0, I)"] = torch.randn(2000, 16)
points["Gaussian like the codes"] = known.mean(0) + known.std(0) * torch.randn(2000, 16)
nearest = {name: torch.cdist(z, known).min(dim=1).values for name, z in points.items()}
reach = torch.linspace(0, 6, 61)
plots.curves(
    {name: (d[:, None] < reach).float().mean(0) for name, d in nearest.items()},
    title="How far is the nearest training code?",
    x=reach,
    xlabel="distance in code space",
    ylabel="share with one so near",
)

# %% role="test" question="autoencoder.sample_prior"

# %% [markdown] role="rubric" question="autoencoder.prior_samples"
# **Question (2 points).** What do the decoded prior samples look like, compared with
# reconstructions, and why? Refer to the distances above.
#
# ### BEGIN MARK SCHEME
# - 1 point, observation: most are no recognisable digits (fragments, blots, strokes of several
#   digits at once), while reconstructions are good. ½ for "blurry" or "noise" without the
#   comparison.
# - 1 point, reason: nothing in the loss ties the codes to N(0, I); they lie where the encoder
#   happened to put them, with another scale and shape, so a random z mostly falls where no
#   training image was encoded, and the decoder was never trained there. ½ for "the latent space
#   is not continuous" alone.
# - No point for "the model is not trained enough" or "the decoder is too small".
# ### END MARK SCHEME

# %% [markdown] role="answer" question="autoencoder.prior_samples"
# ### BEGIN SOLUTION
# Reconstructions are good, but most samples are no digits: there are strokes, loops and blots
# that belong to several digits at once, and a few that look right by luck.
#
# The loss asks only that each code can be decoded. It does not say where codes should lie, so the
# encoder puts them on thin, scattered pieces of the 16-dimensional space, with a scale and a
# shape of their own. A random code mostly falls beside these pieces: its nearest training code is
# about 3.5 away, against 2.8 for a new image. There the decoder was never trained, and what it
# paints is an arbitrary mixture of what it learned nearby. The right mean and spread do not help.
# To sample, we would have to know, or to decide, how codes are distributed.
# ### END SOLUTION

# %%
answers.count("autoencoder.prior_samples")

# %% [markdown]
# ## 5 · Two numbers only
#
# With `nz=2` the code space is a plane, and a plane can be looked at. First train (half a minute),
# then draw the codes.

# %%
plane, run = fit("plane-autoencoder", nz=2, epochs=6)

# %%
with torch.no_grad():
    codes = plane.encoder(test.images.to(device))
plots.latents(codes, test.labels, title="Codes of the test images, nz = 2")
plots.pairs(digits, reconstruct(plane, digits), title="Test images through two numbers")

# %% [markdown]
# ### `latent_grid` · 2 points · ●●○ · about 15 minutes
#
# **What.** Decode an evenly spaced 21 × 21 grid of codes from −4 to 4 and put the images side by
# side into one: 21 · 28 = 588 pixels a side.
#
# **Why.** It is a map of all that the decoder can paint, holes included.
#
# **Which way up?** Like any map: $z_0$ grows to the right, $z_1$ grows *upwards*. Top left is
# $(-4, 4)$, bottom right $(4, -4)$.


# %% role="solution" id="latent_grid"
def latent_grid(decoder, n=21, span=4.0):
    """Decode an n × n grid of the square from −span to span in a 2-d code space.

    decoder  module from codes (B, 2) to logits (B, 1, 28, 28)
    Returns  one image (28·n, 28·n) in [0, 1]; (−span, span) at the top left
    """
    ### BEGIN SOLUTION
    side = torch.linspace(-span, span, n, device=next(decoder.parameters()).device)
    rows = []
    with torch.no_grad():
        for z1 in side.flip(0):  # from the top
            z = torch.stack([side, z1.expand(n)], dim=1)
            tiles = torch.sigmoid(decoder(z))  # (n, 1, 28, 28)
            rows.append(torch.cat(list(tiles[:, 0]), dim=1))  # side by side: (28, 28·n)
    return torch.cat(rows)
    ### END SOLUTION


# %% role="check"
checks.autoencoder.latent_grid(latent_grid)

# %% [markdown]
# <details><summary>Hint: how do I join the tiles?</summary>
#
# Row by row is easiest to get right: decode the n codes of one row, `torch.cat` their images side
# by side, and at the end cat the rows.
#
# </details>
#
# <details><summary>Hint: the check says that a tile comes from several images</summary>
#
# A `view` or `reshape` from `(n, n, 28, 28)` straight to `(28·n, 28·n)` runs through one *whole*
# tile before the next. The axes must first be put in the order row of tiles, row in the tile,
# column of tiles, column in the tile.
#
# </details>

# %%
extent = (-4, 4, -4, 4)
side = 9 if few else 21  # tiles; while grading, a smaller map will do
plots.grid(
    latent_grid(plane.decoder, side), title="Autoencoder, nz = 2: from −4 to 4", extent=extent
)

# %% [markdown]
# *What to look for:* compare with the map of codes. How large a part of the codes does the square
# from −4 to 4 cover? Are there tiles that are no digit?

# %% role="test" question="autoencoder.latent_grid"

# %% [markdown]
# ## 6 · The same on clothes
#
# **What.** Fashion-MNIST: the same format, ten kinds of clothes, harder images. Your code needs
# no change.
#
# **Before you run it:** which of the ten will be confused with which, when only two numbers are
# left?

# %%
fashion = data.load("FashionMNIST", train=True, limit=len(train.images))
fashion_test = data.load("FashionMNIST", train=False, limit=len(test.images))
names = data.CLASSES["FashionMNIST"]
clothes = torch.stack([fashion_test.images[fashion_test.labels == c][0] for c in range(10)])
options = {"train": fashion, "test": fashion_test, "dataset": "FashionMNIST"}
fashion_autoencoder, fashion_run = fit("fashion-autoencoder", nz=16, epochs=4, **options)
fashion_plane, fashion_plane_run = fit("fashion-plane-autoencoder", nz=2, epochs=4, **options)

# %%
plots.curves(
    {"16 numbers": fashion_run.curves["test"], "2 numbers": fashion_plane_run.curves["test"]},
    title="Fashion-MNIST: loss on test images",
)
plots.strips(
    {
        "original": clothes,
        "16 numbers": reconstruct(fashion_autoencoder, clothes),
        "2 numbers": reconstruct(fashion_plane, clothes),
    },
    title="Clothes and their reconstructions",
)

# %%
plots.images(
    sample_prior(fashion_autoencoder.decoder, 25, 16), title="25 codes from N(0, I), decoded"
)
with torch.no_grad():
    codes = fashion_plane.encoder(fashion_test.images.to(device))
plots.latents(codes, fashion_test.labels, title="Codes of clothes, nz = 2", names=names)
plots.grid(
    latent_grid(fashion_plane.decoder, side), title="Clothes, nz = 2: from −4 to 4", extent=extent
)

# %% [markdown]
# ## What to take away
#
# - An autoencoder learns to *describe*: a few numbers keep what matters about an image.
# - It does not learn how descriptions are distributed. Draw one at random, and nobody knows what
#   it describes.
# - A loss has a unit. Nats per image, *sum* over pixels and *mean* over the batch, can be
#   compared from here to the last notebook.
#
# Next: **vae**, where the codes are told where to lie. Before you go: your own model, and your own
# hand. Does it do better than the first one did?

# %%
widgets.pad("autoencoder")

# %% [markdown]
# ## Before you hand in
#
# The first cell saves the notebook and says what you would lose now. The second makes the zip to
# hand in. (`%run -m utils.report` in a cell makes a report of all notebooks.)

# %%
preflight.check()

# %%
hand_in.submit()
