# %% [markdown]
# # Interpolation: what lies between two digits?
#
# An autoencoder and a VAE both turn an image into a few numbers, and numbers can be averaged. What
# does the decoder show *half-way* between a 0 and an 8? Whether that picture is a digit, a smudge
# or two digits on top of each other tells much about how a latent space is organised.
#
# **Afterwards you can** walk through a latent space; measure a claim that is usually made by eye,
# and tell a measure that means something from one that does not; compare representations with a
# probe.
#
# | part | you write | difficulty | minutes |
# |---|---|---|---|
# | 1, 2 · Walks | `lerp`, `interpolate` | ●○○ | 25 |
# | 3 · Smooth? | nothing: measure | ●●○ | 15 |
# | 4 · Useful for what? | `linear_probe` | ●●○ | 25 |
# | 5 · Challenge | `slerp` | ●●● | 15 |
# | 6 · What did you find? | one question in words | ●●○ | 15 |
#
# Nothing is trained for long here: the whole notebook computes for about half a minute.

# %%
import torch

try:
    from utils import checks, data, hand_in, plots, runs, training
    from utils.explore import explorers
    from utils.hand_in import answers, preflight
except ImportError as error:
    raise ImportError(
        "The course's package is not here: put vae-course.zip beside this notebook, run "
        "`%pip install ./vae-course.zip` in a cell, and restart the kernel."
    ) from error

torch.manual_seed(0)
few = training.autograding()  # while grading, a few images are enough
train = data.load("MNIST", train=True, limit=400 if few else 10_000)
test = data.load("MNIST", train=False, limit=300 if few else 2_000)

# %% [markdown]
# ## Two models
#
# `runs.load` fetches a model that you trained in an earlier notebook. If there is none yet, it
# takes one that comes with the kit; the line it prints says which. Both offer the same two
# functions:
#
# - `encode(x)`: images `(B, 1, 28, 28)` to latents `(B, nz)`. For the VAE this is the posterior
#   mean `mu`: no noise, so a walk looks the same every time.
# - `decode(z)`: latents `(B, nz)` to *logits* `(B, 1, 28, 28)`.

# %%
autoencoder = runs.load("autoencoder")
vae = runs.load("tuned")
models = {"autoencoder": autoencoder, "VAE": vae}
if autoencoder.nz != vae.nz:
    print(f"No even match: nz is {autoencoder.nz} for the autoencoder and {vae.nz} for the VAE.")

# %% [markdown]
# Before mixing anything, look at what both models do with single images. If the rows below do not
# look like their originals, train that model longer before you go on: a walk cannot be better than
# its ends.

# %%
for name, model in models.items():
    images = test.images[:10]
    decoded = torch.sigmoid(model.decode(model.encode(images)))
    plots.pairs(images, decoded, title=f"{name}: test images")

# %% [markdown]
# ## 1 · A straight walk
#
# ### `lerp` · 2 points · ●○○ · about 5 minutes
#
# **What.** Linear interpolation: `steps` points on the straight line from `z0` to `z1`, at equal
# distances, *both ends included*.
#
# $$z(t) = (1 - t)\,z_0 + t\,z_1 \qquad t = 0, \dots, 1$$
#
# **Why.** The two ends have to be there: they are your check that the picture in between belongs
# to the two images you chose. (The published exercise this one descends from stops at $t = 0.8$,
# and nobody ever sees the end.)
#
# **Should look like.** From `[0, 0]` to `[4, 8]` in 5 steps: `[0, 0]`, `[1, 2]`, `[2, 4]`, `[3,
# 6]`, `[4, 8]`.


# %% role="solution" id="lerp"
def lerp(z0, z1, steps):
    """Walk straight from one latent to another, in equal steps.

    z0, z1  (nz,) latents
    steps   number of rows, at least 2

    Returns (steps, nz); row 0 is z0, the last row is z1.
    """
    ### BEGIN SOLUTION
    t = torch.linspace(0, 1, steps, dtype=z0.dtype, device=z0.device)[:, None]  # (steps, 1)
    return (1 - t) * z0 + t * z1
    ### END SOLUTION


# %% role="check"
checks.interpolation.lerp(lerp)

# %% role="test" question="interpolation.lerp"

# %% [markdown]
# <details><summary>Hint: from a loop to one line</summary>
#
# `torch.linspace` gives the values of $t$, shape `(steps,)`. A `(steps, 1)` tensor times a `(nz,)`
# tensor broadcasts to `(steps, nz)`, so no loop is needed. A loop and `torch.stack` are fine too.
# </details>

# %% [markdown]
# ### `interpolate` · 2 points · ●○○ · about 10 minutes
#
# **What.** The whole trip: encode both images, walk between their latents, decode every step, and
# turn logits into images.
#
# **Why.** Written once for *any* `encode` and `decode`, it serves the autoencoder, the VAE and
# whatever you build next. That is why it gets two functions and not a model.
#
# **Should look like.** `(steps, 1, 28, 28)` with values in [0, 1]; the first image is the
# reconstruction of `x0`, the last that of `x1`.


# %% role="solution" id="interpolate"
def interpolate(encode, decode, x0, x1, steps):
    """Decode the straight walk between the latents of two images.

    encode  images (B, 1, 28, 28) -> latents (B, nz)
    decode  latents (B, nz) -> logits (B, 1, 28, 28)
    x0, x1  one image each, (1, 1, 28, 28)
    steps   number of images on the way, both ends included

    Returns images (steps, 1, 28, 28) in [0, 1], without gradients.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        z0 = encode(x0.reshape(1, 1, 28, 28))[0]  # (nz,)
        z1 = encode(x1.reshape(1, 1, 28, 28))[0]
        return torch.sigmoid(decode(lerp(z0, z1, steps)))
    ### END SOLUTION


# %% role="check"
checks.interpolation.interpolate(interpolate)

# %% role="test" question="interpolation.interpolate"

# %% [markdown]
# <details><summary>Hint: shapes on the way</summary>
#
# `encode(x0)` is a batch of one latent, `(1, nz)`, and `lerp` wants `(nz,)`: take row 0. `lerp`
# returns `(steps, nz)`, which is just a batch for `decode`: one call decodes the whole walk.
# </details>

# %% [markdown]
# ## 2 · Three walks
#
# **Predict first.** Half-way from a 0 to an 8: what will the autoencoder show? The VAE? Say it
# aloud or write it down before you run the cell; being wrong is how this notebook teaches.
#
# The top row is the dullest way to mix two images, for comparison: a cross-fade of *pixels*. What
# makes a latent space interesting is whatever the lower rows do differently.

# %%
STEPS = 11
PAIRS = [(0, 8), (3, 8), (6, 9)]


def example(digit, number=0):
    """The test image of a digit with that number, (1, 1, 28, 28)."""
    rows = (test.labels == digit).nonzero().flatten()
    return test.images[rows[number], None]


def walks(x0, x1, steps=STEPS):
    """The walk from x0 to x1 in pixels and in both latent spaces: a dictionary of images."""
    fade = [x0 + t * (x1 - x0) for t in torch.linspace(0, 1, steps)]
    by_model = {
        name: interpolate(model.encode, model.decode, x0, x1, steps)
        for name, model in models.items()
    }
    return {"pixels": torch.cat(fade), **by_model}


for start, end in PAIRS:
    plots.strips(walks(example(start), example(end)), title=f"From {start} to {end}")

# %% [markdown]
# **Look at** the three images in the middle of each row. Is each of them *one* figure that a hand
# could have drawn? Where do you see two digits at once, grey smears, gaps in strokes? Where do you
# see a *third* digit (a 3 or a 5 on the way from 0 to 8)?
#
# ### A pair of your own · 5 minutes
#
# Choose digits and examples below and run it a few times. One pair is an anecdote: before you
# believe a difference between the models, look for a pair that shows the opposite.

# %%
START, START_NUMBER = 4, 3
END, END_NUMBER = 7, 5

plots.strips(
    walks(example(START, START_NUMBER), example(END, END_NUMBER)),
    title=f"My pair: from {START} to {END}",
)

# %% [markdown]
# The same with a slider, for any two digits. (Sliders need a running notebook. In a printed or
# exported one you see the pictures above only.)

# %%
explorers.interpolation(autoencoder="autoencoder", vae="tuned")

# %% [markdown]
# ### Nine long walks
#
# 25 steps, from test image 1 to 2, from 2 to 3, … from 9 to 10 (every other step is shown). With so
# many steps a latent space shows whether it changes *gradually* or sits still and then jumps.

# %%
LONG = range(1, 4) if few else range(1, 10)
for name, model in models.items():
    long_walks = {
        f"{test.labels[i]} to {test.labels[i + 1]}, no. {i}": interpolate(
            model.encode, model.decode, test.images[i, None], test.images[i + 1, None], 25
        )[::2]
        for i in LONG
    }
    plots.strips(long_walks, title=f"{name}: 25-step walks between test images")

# %% [markdown]
# ## 3 · Smooth? Measure it · ●●○
#
# You have an opinion now. Does it survive 100 random pairs? And what would a number have to
# measure?
#
# **A measure that misleads.** "On a smooth walk all steps are about as long." Guess which of the
# three walks has the most even steps, then run the cell.

# %%
PAIRS_MEASURED = 5 if few else 100


def random_pairs(count, seed=0):
    """`count` pairs of test images of different digits, each image (1, 1, 28, 28)."""
    rows = torch.randint(len(test.labels), (4 * count, 2), generator=torch.manual_seed(seed))
    rows = [(i, j) for i, j in rows.tolist() if test.labels[i] != test.labels[j]]
    return [(test.images[i, None], test.images[j, None]) for i, j in rows[:count]]


walked = [walks(*pair) for pair in random_pairs(PAIRS_MEASURED)]
walked = {name: torch.stack([walk[name] for walk in walked]) for name in walked[0]}  # (pairs, …)
t = torch.linspace(0, 1, STEPS).tolist()
ALONG = "t, from the first image (0) to the second (1)"

plots.curves(
    {
        name: images.flatten(2).diff(dim=1).norm(dim=2).mean(dim=0)
        for name, images in walked.items()
    },
    title="How far the picture moves in a step",
    x=[(a + b) / 2 for a, b in zip(t[:-1], t[1:], strict=True)],
    xlabel=ALONG,
    ylabel="‖x(t + Δt) − x(t)‖, in full pixels of ink",
    from_zero=True,
)

# %% [markdown]
# The cross-fade wins: its steps are *perfectly* even, and half-way it shows two digits on top of
# each other. Even steps say how evenly a walk moves, not through what. So ask what a walk passes:
#
# - **distance to the nearest real image**: how far is the picture from the most similar of the
#   training images? If the middle of a walk is no digit, this rises in the middle;
# - **certainty**: how sure is a small classifier, trained on real digits, that it sees *one* digit?
#
# Guess the shape of the curves, then run it (about 10 seconds).

# %%
torch.manual_seed(0)
judge = torch.nn.Sequential(
    torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
)
optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
for _ in range(5):
    for x, y in data.Loader(train.images, train.labels, batch_size=128):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(judge(x), y).backward()
        optimizer.step()
with torch.no_grad():
    right = (judge(test.images).argmax(dim=1) == test.labels).float().mean()
print(f"the judge gets {right:.1%} of the test images right")


def nearest(images):
    """Distance to the nearest training image, mean over walks (pairs, steps, 1, 28, 28)."""
    away = torch.cdist(images.flatten(2).flatten(0, 1), train.images.flatten(1)).amin(dim=1)
    return away.view(len(images), -1).mean(dim=0)


@torch.no_grad()
def certainty(images):
    """The judge's probability of the digit it finds likeliest, mean over walks."""
    sure = judge(images.flatten(0, 1)).softmax(dim=1).amax(dim=1)
    return sure.view(len(images), -1).mean(dim=0)


plots.curves(
    {name: nearest(images) for name, images in walked.items()},
    title="How far it is from any real digit",
    x=t,
    xlabel=ALONG,
    ylabel="distance to the nearest, in full pixels",
    from_zero=True,
)
plots.curves(
    {name: certainty(images) for name, images in walked.items()},
    title="How sure a classifier is that it sees one digit",
    x=t,
    xlabel=ALONG,
    ylabel="probability of the likeliest digit",
    from_zero=True,
)

# %% [markdown]
# **Read the curves with care.** A blurry image is close to many images, so a small distance alone
# is not praise. Compare the *ends* with the *middle* of the same curve: how much worse does it get
# on the way? Do the numbers agree with what you saw above, and with each other?

# %% [markdown]
# ## 4 · Useful for what? A linear probe
#
# "The VAE's latents are better for downstream tasks" stands in most answers to this exercise, and
# almost nobody measured it. So measure it. *Downstream* here means: the labels were never used in
# training, and now somebody wants to read the digit from the frozen latents with the simplest tool
# there is, a linear classifier.
#
# ### `linear_probe` · 2 points · ●●○ · about 15 minutes
#
# **What.** Fit a linear classifier on `(z_train, y_train)`, return the share of `(z_test, y_test)`
# it gets right.
#
# **Why linear.** A big network can dig the digit out of almost any latent. A linear probe only
# finds what the latent space lays out plainly, so it measures the space and not the probe (Alain
# and Bengio 2016).
#
# **Should look like.** A plain number in [0, 1]. Latent dimensions of an autoencoder can differ a
# lot in size: bring them to the same scale first, with means and standard deviations of the
# *training* latents.


# %% role="solution" id="linear_probe"
def linear_probe(z_train, y_train, z_test, y_test):
    """Accuracy of a linear classifier on frozen latents.

    z_train, z_test  (N, nz) and (M, nz) latents, without gradients
    y_train, y_test  (N,) and (M,) classes, integers

    Returns the share of test latents classified correctly, a float in [0, 1].
    """
    ### BEGIN SOLUTION
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(z_train.numpy(), y_train.numpy())
    return float(probe.score(z_test.numpy(), y_test.numpy()))
    ### END SOLUTION


# %% role="check"
checks.interpolation.linear_probe(linear_probe)

# %% role="test" question="interpolation.linear_probe"

# %% [markdown]
# <details><summary>Hint: two good ways</summary>
#
# scikit-learn: `LogisticRegression` (with `StandardScaler` before it) has `fit` and `score`; give
# it `z.numpy()`, and enough iterations that it does not warn.
#
# torch: one `nn.Linear(nz, 10)`, cross-entropy, Adam, a few hundred full-batch steps. Build it
# from `z_train`'s shape, so that it works for any `nz`.
# </details>

# %% [markdown]
# ### The measurement
#
# **Predict first.** Order these four from worst to best: raw pixels (784 numbers), PCA (the best
# *linear* code, as many numbers as the latents have), autoencoder, VAE. And how large is the gap,
# 1 % or 10 %?
#
# The probe sees few labels, then more. Each number is the mean of five random choices of labelled
# images (about 15 seconds).

# %%
LABELS = [100, 300] if few else [100, 300, 1000, 3000]
REPEATS = 2 if few else 5


def pca(x_train, x_test, nz):
    """Project images on the nz principal directions of the training images."""
    mean = x_train.mean(dim=0)
    torch.manual_seed(0)  # pca_lowrank is a randomised method
    _, _, directions = torch.pca_lowrank(x_train - mean, q=nz, center=False, niter=4)
    return (x_train - mean) @ directions, (x_test - mean) @ directions


pixels = train.images.flatten(1), test.images.flatten(1)
features = {"pixels": pixels, "PCA": pca(*pixels, nz=vae.nz)}
for name, model in models.items():
    features[name] = model.encode(train.images), model.encode(test.images)

accuracy = {name: {} for name in features}  # accuracy[name][count] = REPEATS numbers
for name, (z_train, z_test) in features.items():
    for count in LABELS:
        accuracy[name][count] = scores = []
        for seed in range(REPEATS):  # the same labelled images for every kind of feature
            chosen = torch.randperm(len(z_train), generator=torch.manual_seed(seed))[:count]
            scores.append(linear_probe(z_train[chosen], train.labels[chosen], z_test, test.labels))

plots.curves(
    {name: [sum(scores) / REPEATS for scores in row.values()] for name, row in accuracy.items()},
    x=LABELS,
    title="What a linear classifier reads in frozen features",
    xlabel="labelled images (logarithmic)",
    ylabel="test accuracy, share",
    logx=True,
)
plots.table(
    {
        name: {
            f"{count} labels": "{1:.1%} ± {0:.1%}".format(*torch.std_mean(torch.tensor(scores)))
            for count, scores in row.items()
        }
        for name, row in accuracy.items()
    },
    title="Test accuracy: mean ± standard deviation over the choice of labelled images",
)

# %% [markdown]
# **How sure?** There are two kinds of luck here: which images were labelled (the ± in the table),
# and which images the test has. A share of 90 % measured on 2,000 images has a standard error of
# $\sqrt{0.9 \cdot 0.1 / 2000} \approx 0.7\,\%$. A gap smaller than about two of those is no
# finding.
#
# **Think.** The probe reads a latent *point*; a walk asks about the space *between* points. Can a
# latent space be good at one and bad at the other? Which of your two models is which?

# %% [markdown]
# ## 5 · Challenge: walk on the sphere
#
# A sample of N(0, I) in many dimensions is nearly never close to the origin: its length is close
# to $\sqrt{nz}$. The straight line between two such points cuts through the inside, where the
# decoder has seen little. *Spherical* interpolation turns from one direction to the other instead
# (Shoemake 1985; White 2016 for latents).
#
# ### `slerp` · 1 extra point · ●●● · about 15 minutes
#
# **What.** Turn the direction of `z0` into that of `z1` by *equal angles*; let the length go
# evenly from ‖z0‖ to ‖z1‖. With $\Omega$ the angle between the two directions $u_0, u_1$ (vectors
# of length 1),
#
# $$u(t) = \frac{\sin((1 - t)\,\Omega)\;u_0 + \sin(t\,\Omega)\;u_1}{\sin \Omega}$$
#
# **Should look like.** Same shape and ends as `lerp`. Where the angle is 0 the formula says 0/0:
# return `lerp` there.


# %% role="solution" id="slerp"
def slerp(z0, z1, steps):
    """Walk from one latent to another by equal angles, lengths changing evenly.

    z0, z1  (nz,) latents
    steps   number of rows, at least 2

    Returns (steps, nz); row 0 is z0, the last row is z1. Where the angle is 0, the same as lerp.
    """
    ### BEGIN SOLUTION
    length0, length1 = z0.norm(), z1.norm()
    cosine = torch.dot(z0, z1) / (length0 * length1).clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).arccos()
    if length0 == 0 or length1 == 0 or angle.sin() < 1e-4:
        return lerp(z0, z1, steps)
    t = torch.linspace(0, 1, steps, dtype=z0.dtype, device=z0.device)[:, None]  # (steps, 1)
    u0, u1 = z0 / length0, z1 / length1
    direction = (((1 - t) * angle).sin() * u0 + (t * angle).sin() * u1) / angle.sin()
    return ((1 - t) * length0 + t * length1) * direction
    ### END SOLUTION


# %% role="check"
checks.interpolation.slerp(slerp)

# %% role="test" question="interpolation.slerp"

# %% [markdown]
# <details><summary>Hint: numerically safe</summary>
#
# The cosine of the angle is the dot product of the two *unit* vectors. Rounding can make it
# 1.0000001, whose `arccos` is NaN: clamp it to [−1, 1] first.
# </details>
#
# First the reason in a picture: the length of z on the way, averaged over pairs of prior samples.

# %%
ends = torch.randn(200, 2, vae.nz)
lengths = {
    name: torch.stack([walk(z0, z1, STEPS).norm(dim=1) for z0, z1 in ends]).mean(dim=0).tolist()
    for name, walk in {"lerp": lerp, "slerp": slerp}.items()
}
lengths["typical sample of N(0, I)"] = [vae.nz**0.5] * STEPS
plots.curves(
    lengths,
    title="Length of z between two prior samples",
    x=t,
    xlabel="t, from the first sample (0) to the second (1)",
    ylabel="length of z",
)

# %% [markdown]
# And now what the decoder makes of it. Is the difference as big as the argument is convincing?

# %%
for start, end in PAIRS:
    z0, z1 = vae.encode(torch.cat([example(start), example(end)]))
    with torch.no_grad():
        both = {
            "lerp": torch.sigmoid(vae.decode(lerp(z0, z1, STEPS))),
            "slerp": torch.sigmoid(vae.decode(slerp(z0, z1, STEPS))),
        }
    plots.strips(both, title=f"VAE, from {start} to {end}: straight and on the sphere")

# %% [markdown] role="rubric" question="interpolation.difference"
# ## 6 · What did you find?
#
# **Question (3 points).** How do the interpolations of the autoencoder and of the VAE differ, and
# what does that mean for using their latents in downstream learning?
#
# 1. Describe what you saw, over several pairs: name the pairs, and say what happens in the middle.
# 2. Explain it: what in the training of the two models causes the difference?
# 3. Which latents are more useful downstream? Use *your measured numbers*, with their uncertainty,
#    and say what they do not show.
#
# ### BEGIN MARK SCHEME
# - 1 point, observation: over several named pairs, says what the middle images are (overlaid
#   strokes, gaps, grey, a third digit), agrees with the student's own pictures and with the
#   measured curves, and does not take even steps for a merit. An honest "hardly any difference for
#   this pair" counts if pairs are named. Half: one pair, or "VAE is smoother" without saying where.
# - 1 point, cause: the KL term pulls all posteriors towards one prior and the noise makes
#   neighbouring z decode alike, so that the region between codes is covered; nothing in the
#   autoencoder's loss says what empty regions should decode to. Half: "the VAE is regularised"
#   with no mechanism.
# - 1 point, downstream: quotes the student's own probe accuracies for both models, compares the
#   gap with its standard error, and draws only what follows (typically: the two are closer than
#   the strips suggest; a smooth space helps where one generates or interpolates, a probe does not
#   need it; the KL also discards detail). Half: numbers without uncertainty, or a conclusion they
#   do not support. None: a claim without any measurement.
# ### END MARK SCHEME

# %% [markdown] role="answer" question="interpolation.difference"
# ### BEGIN SOLUTION
# *Observed* (my VAE, the kit's autoencoder). From 3 to 8 both close the open curves without a break
# and hardly differ; half-way from 0 to 8 the VAE's figure is the greyer one, and the autoencoder's
# an 8 already. In the 25-step walks both mostly pass from digit to digit. Measured over 100 pairs,
# the distance to the nearest real image rises half-way to 4.9 for the VAE and to 4.6 for the
# autoencoder, that of a cross-fade of pixels to 5.5; a classifier is 70 % sure half-way, for all
# three. So a straight line in either code space stays nearer to digits than pixels do, and the
# VAE's is not the better one. (Even steps prove nothing: the cross-fade's are perfectly even.)
#
# *Cause.* The autoencoder only has to reconstruct at the codes of training images; nothing says
# what lies between them. The VAE decodes *noisy* codes, and the KL term draws all posteriors to
# one prior, so neighbouring codes overlap and the decoder is trained in the space between: it has
# to change gradually.
#
# *Downstream.* A linear probe reads 81 % (autoencoder) against 70 % (VAE) with 100 labels, where
# the choice of labels alone makes 2 to 3 %, and 91 % against 85 % with 3,000; raw pixels reach 88
# %. The standard error of the test set is 0.7 %, so the autoencoder leads at every number of
# labels. The KL made the space smooth and threw detail away that a classifier could have used:
# smoothness helps where one generates or interpolates, it does not make digits easier to read by a
# line. The comparison is not even (the networks and their latent dimensions differ), uses one
# training of each, and says nothing about tasks other than digits.
# ### END SOLUTION

# %%
answers.count("interpolation.difference")

# %% [markdown]
# ## Before you hand in
#
# The first cell saves the notebook and says what you would lose now. The second makes the zip to
# hand in. (`%run -m utils.report` in a cell makes a report of all notebooks.)

# %%
preflight.check()

# %%
hand_in.submit()
