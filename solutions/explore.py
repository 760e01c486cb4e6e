# %% [markdown]
# # Explore: ask the latent space
#
# This notebook is a laboratory. There is little to program and much to try: you move sliders, get
# an idea of what z means, turn the idea into a *hypothesis*, and test it on more images than you
# can look at.
#
# **Afterwards you can** say what a latent dimension does, and how you know; take a claim apart that
# was made from a few examples; state a hypothesis that can fail, test it, and report it.
#
# | part | you do | difficulty | minutes |
# |---|---|---|---|
# | 1 · Explorers | play, with something to find | ●○○ | 30 |
# | 2 · Statistics of z | write one small function | ●○○ | 10 |
# | 3 · A claim to take apart | repeat a report's experiment | ●●○ | 20 |
# | 4, 5 · Your own hypothesis | test and report it, in words | ●●● | 40 |
#
# Nothing is trained here. The models are your own runs of the notebooks before, or the kit's.

# %%
import torch

try:
    from utils import checks, data, hand_in, plots, runs, training
    from utils.explore import explorers, widgets
    from utils.hand_in import answers, preflight
except ImportError as error:
    raise ImportError(
        "The course's package is not here: put vae-course.zip beside this notebook, run "
        "`%pip install ./vae-course.zip` in a cell, and restart the kernel."
    ) from error

test = data.load("MNIST", train=False, limit=500 if training.autograding() else 2_000)
vae = runs.load("tuned")

# %% [markdown]
# ## The words
#
# | | what it is |
# |---|---|
# | **z** | the latent: a few numbers that the decoder turns into an image |
# | **μ, σ** | what the encoder says about *one* image: z is μ, give or take σ (the *posterior*) |
# | **prior** | z before an image is seen: N(0, 1) in every dimension. New digits come from it |
# | **β** | how strongly training pulls all the posteriors towards the prior |
#
# So there are two kinds of spread, and this notebook will need both: **σ**, the uncertainty about
# *one* image, and the spread of **μ** over *many* images.

# %% [markdown]
# ## 1 · Explorers
#
# Keep a line or two of notes on each: you will want them for your hypothesis. They compute in your
# browser; where one stays empty, write `explorers.` instead of `widgets.`: the same with plainer
# controls, and without what only a browser can do, such as dreaming.
#
# ### One slider a dimension · 10 minutes
#
# **Do.** Press a digit's tile until you like the image. Then move one slider at a time from end to
# end and back. Then press *Dream* and lean back: what it does is explained under the sliders.
#
# **Find.** A slider that changes the *slant*. One that changes how *bold* the stroke is. One that
# does nothing: what are its μ and σ, whatever tile you press?

# %%
widgets.latents("tuned", "autoencoder", "beta-10", most=vae.nz)

# %% [markdown]
# <details><summary>What a slider that does nothing tells</summary>
#
# If σ is close to 1 and μ close to 0 for every image, the posterior in this dimension *is* the
# prior: the encoder writes nothing there, and the decoder has learned not to look. One says that
# the dimension has collapsed. The KL charges for every dimension that is used, so a VAE uses only
# those that pay for themselves.
# </details>
#
# ### Your own hand · 5 minutes
#
# **Do.** Draw a digit as you write it. The drawing is centred as MNIST's were, encoded to μ and σ,
# and ten z drawn from N(μ, σ²) are decoded.
#
# **Find.** A drawing on which the ten do not agree: how large is σ there? A drawing with a very low
# *reconstruction probability*, and a legible digit that has a low one too: what has the model never
# seen?

# %%
widgets.pad("tuned", "autoencoder")

# %% [markdown]
# ### The price of β · 5 minutes
#
# **Predict first.** You have seen β = 0 and β = 10. In which direction will the *reconstructions*
# get better, in which the *samples*? Is there a β at which both are at their best?
#
# **Find.** The largest β at which you can still read most reconstructions, and the smallest at
# which most samples look like digits.

# %%
widgets.beta()

# %% [markdown]
# ### Between two images · 5 minutes
#
# **Do.** Choose two digits and move t. Then switch to *spherical*, and then take another example of
# the same two digits. (`images=(x0, x1)` walks between two images of your own.)
#
# **Find.** A walk that passes through a third digit. A t at which one model shows a digit, and the
# other does not.

# %%
widgets.interpolation(autoencoder="autoencoder", vae="tuned")

# %% [markdown]
# ### The plane · 5 minutes
#
# A VAE with only two latent dimensions can be drawn on a map. Every point is a test image, its
# colour the digit: press one to load it.
#
# **Find.** Two digits whose clouds overlap: what does the decoder show there? An empty region: is
# what it decodes to a digit?

# %%
widgets.plane("plane", "plane-autoencoder")

# %% [markdown]
# ## 2 · Statistics of z
#
# Sliders show one image at a time. A claim about *digits* needs all images of a digit at once.
#
# ### `digit_statistics` · 2 points · ●○○ · about 10 minutes
#
# **What.** For every class 0 … 9, the mean of its latents and their standard deviation, in every
# latent dimension.
#
# **Why.** The mean says where a digit lies, the standard deviation how far its images are spread
# around it: what any claim about "the z of a 7" has to be tested with.
#
# **Should look like.** Two tensors `(10, nz)`, row 0 for digit 0. The standard deviation divides
# by n − 1, as it does when the mean was estimated from the same n images. A class without images
# is *unknown*, NaN: not 0, which would be a number.


# %% role="solution" id="digit_statistics"
def digit_statistics(mu, y):
    """Mean and standard deviation of the latents of each class.

    mu  (N, nz) latents
    y   (N,) classes, integers 0 … 9

    Returns means (10, nz) and standard deviations (10, nz), the latter with n - 1. Rows of classes
    that are absent from y are NaN (and so is the standard deviation of a single image).
    """
    ### BEGIN SOLUTION
    means, stds = torch.full((2, 10, mu.shape[1]), torch.nan, dtype=mu.dtype, device=mu.device)
    for digit in range(10):
        members = mu[y == digit]  # (n, nz)
        if len(members) > 0:
            means[digit] = members.mean(dim=0)
        if len(members) > 1:
            stds[digit] = members.std(dim=0)
    return means, stds
    ### END SOLUTION


# %% role="check"
checks.explore.digit_statistics(digit_statistics)

# %% role="test" question="explore.digit_statistics"

# %% [markdown]
# <details><summary>Hint: choosing the images of a digit</summary>
#
# `mu[y == 3]` are the latents of all threes, shape `(n, nz)`. Start from tables filled with NaN
# (`torch.full`), and fill in the rows of the digits that are there.
# </details>
#
# Your function at work. Orange is above the middle value, blue below. **Find** the dimension that
# tells 0 from 1 best, and one that is about the same for all digits.

# %%
explorers.statistics(digit_statistics, "tuned")

# %% [markdown]
# ## 3 · A claim to take apart
#
# A student played with a public demo much like the first explorer and reported:
#
# > For the number "0", the mean and standard deviation values [of z] achieved as −0.02 and 1.14.
# > […] For the number "9", they achieved 0.04 and 0.75. **The same trend is detected for the
# > numbers between zero and nine.** […] I tried number "0" three times and got the standard
# > deviation results of [1.09, 1.13, 1.2]. However, the results for the number "9" were [0.72,
# > 0.77, 0.79].
#
# So: *the spread of z shrinks steadily from digit 0 to digit 9*, and repeating it gave the same.
# Convincing?
#
# ### The report's experiment, again
#
# The demo had **one** image for each digit. Pressing its tile drew z from that image's posterior;
# the report took the standard deviation of the numbers in z. Here it is with our model: one image
# a digit, three draws each.
#
# **Predict first.** Will you get the report's pattern?


# %%
def one_image_each(number):
    """The test image with that number of every digit, (10, 1, 28, 28)."""
    rows = [(test.labels == digit).nonzero().flatten() for digit in range(10)]
    return test.images[torch.stack([row[number % len(row)] for row in rows])]


def spread_of_z(x):
    """Standard deviation of the numbers in one z, drawn from the posterior of each image, (B,)."""
    mu, logvar = vae.posterior(x)
    return torch.normal(mu, logvar.div(2).exp()).std(dim=1)


NUMBER = 0  # which image stands for its digit
torch.manual_seed(0)

x = one_image_each(NUMBER)
draws = {f"draw {k}": spread_of_z(x).tolist() for k in (1, 2, 3)}
plots.images(x, rows=1, title=f"Image {NUMBER} of every digit")
plots.points(
    draws, title="One image a digit, three draws each", xlabel="digit", ylabel="spread of z"
)

# %% [markdown]
# **Compare the three draws.** How far apart they are is how much draws of *one* image differ. In
# the report, three draws of its 0 were within 0.11 of each other and three of its 9 within 0.07,
# and that convinced it. **Now change `NUMBER`** to 1, 2, 3 … and run the cell again: what stays of
# your pattern when other images stand for the digits?
#
# Before you go on: what do repeated draws tell? (a) how much draws of one image differ, (b) how
# much images of one digit differ, (c) how much digits differ. And which of the three is the claim
# about?

# %%
many = {f"image {k}": spread_of_z(one_image_each(k)).tolist() for k in range(1, 6)}
plots.points(many, title="Five images a digit, one draw each", xlabel="digit", ylabel="spread of z")

# %% [markdown]
# ### How often would the report have seen its pattern?
#
# Choose one image a digit at random, 2,000 times, and correlate the spread with the digit, by
# ranks: −1 means that it shrinks at every step from 0 to 9, as claimed; +1 that it grows at every
# step; 0 that there is no trend.

# %%
ranks = torch.arange(10.0)
spread = spread_of_z(test.images)
by_digit = [spread[test.labels == digit] for digit in range(10)]


def trend(values):
    """Rank correlation of ten values with the digits 0 … 9."""
    return torch.corrcoef(torch.stack([ranks, values.argsort().argsort().float()]))[0, 1].item()


torch.manual_seed(0)
chosen = [
    torch.stack([values[torch.randint(len(values), ())] for values in by_digit])
    for _ in range(2_000)
]
trends = torch.tensor([trend(values) for values in chosen])
steady = sum(bool((values.diff() < 0).all()) for values in chosen)
print(f"steadily shrinking from 0 to 9: {steady} of {len(chosen)} choices of images")
low, high = trends.min(), trends.max()
print(f"rank correlation: {trends.mean():+.2f} on average, from {low:+.2f} to {high:+.2f}")

counts = torch.histc(trends, bins=10, min=-1, max=1)
plots.bars(
    {f"{k / 5 - 1:+.1f}": count for k, count in enumerate(counts)},
    title="The trend depends on which images were taken",
    xlabel="rank correlation of spread and digit, lower edge of a bin",
    ylabel="number of choices",
)

# %% [markdown]
# ### With all images
#
# The fair test: the average over all test images of a digit, with its uncertainty (± two standard
# errors). And a second reading of "spread of z": how far apart the *images* of a digit lie, from
# your `digit_statistics`.

# %%
average = torch.stack([values.mean() for values in by_digit])
error = torch.stack([values.std() / len(values) ** 0.5 for values in by_digit])
_, stds = digit_statistics(vae.encode(test.images), test.labels)
between = stds.mean(dim=1)  # over the latent dimensions

for what, spreads, errors in (
    ("of the numbers in one z", average, 2 * error),
    ("between the images of a digit", between, None),
):
    plots.bars(
        {str(digit): value for digit, value in enumerate(spreads)},
        errors=None if errors is None else {str(digit): e for digit, e in enumerate(errors)},
        title=f"Spread {what}: rank correlation with the digit {trend(spreads):+.2f}",
        xlabel="digit",
        ylabel="standard deviation",
    )

# %% [markdown]
# **Conclude for yourself.** Is there a difference between digits? A *steady trend*? Which digit
# stands out, and can you think of a reason? And what did the report do wrong, in one sentence,
# although every one of its numbers was right?
#
# <details><summary>Compare with ours, after you have said it</summary>
#
# Its repetitions repeated the wrong thing. Drawing z again for the same image shows how noisy one
# posterior is, and says nothing about other images of that digit: ten digits, ten images, so "the
# spread of a 9" was the spread of *that* 9. (And two end points plus "the same trend in between"
# is not a measurement of the eight digits in between.)
# </details>

# %% [markdown]
# ## 4 · Your own hypothesis
#
# Go back to the explorers with this in mind: something that you believe, that could be false, and
# that a number can decide.
#
# - *Bold.* The same report believes that lower z means bolder strokes. Is there a dimension that
#   knows how bold a digit is? The share of ink in an image is easy to measure.
# - *Difficult digits.* Images far from the middle of their digit are reconstructed worse.
# - *Uncertain digits.* Some digits have larger σ than others.
# - *Neighbours.* The digits whose means lie closest are those that a linear probe confuses.
# - *Collapsed.* With larger β fewer dimensions are used.
# - *AE.* The same is true (or not) for the latents of the plain autoencoder.
#
# **Write the hypothesis down first**, with what you would have to see to give it up. Then measure,
# on many images. This cell is a worked start for the first one: replace it by your own.

# %%
mu = vae.encode(test.images)
ink = test.images.mean(dim=(1, 2, 3))  # the share of ink in every image
correlation = torch.corrcoef(torch.cat([mu.T, ink[None]]))[-1, :-1]

strongest = correlation.abs().argsort(descending=True)[:10]
plots.bars(
    {f"z{d}": correlation[d] for d in strongest},
    title="Which latent dimensions know how much ink there is?",
    xlabel="latent dimension, strongest first",
    ylabel="correlation with ink",
)

# %%
# your measurements

# %% [markdown] role="rubric" question="explore.hypothesis"
# ## 5 · Report
#
# **Question (4 points).** State a hypothesis about the latent space, how you tested it, and what
# you found.
#
# 1. *Hypothesis*: one sentence that could be false, and what you expected to see if it were.
# 2. *Test*: which model, how many images, what was measured. Another student should be able to
#    repeat it.
# 3. *Finding*: the numbers, how certain they are, and whether the hypothesis survives.
# 4. *Limits*: one thing your test cannot show, or another explanation of the same numbers.
#
# A refuted hypothesis is worth as much as a confirmed one.
#
# ### BEGIN MARK SCHEME
# - 1 point, hypothesis: specific and refutable, with the outcome that would refute it. Half:
#   testable only with good will ("the latent space is smooth").
# - 1 point, test: names model and quantity, uses many images (not one a digit, not a few slider
#   moves), and would be repeatable. Half: one of these missing.
# - 1 point, finding: a number or a figure *with* its uncertainty (standard error, repetition on
#   other images, another run), and a conclusion that follows from it, whether for or against.
#   Half: no uncertainty.
# - 1 point, limits: a real alternative explanation or a restriction (one model, one seed,
#   correlation is not cause, the measure itself). None for "more data would be better" alone.
# - Merely repeating section 3 or the ink example without a step of one's own: at most 2 points.
# ### END MARK SCHEME

# %% [markdown] role="answer" question="explore.hypothesis"
# ### BEGIN SOLUTION
# *Hypothesis.* Images that lie far from the mean of their own digit are reconstructed worse. I
# would give it up if the correlation of distance and error were below 0.2, or present only because
# different digits have different errors.
#
# *Test.* Kit's run `tuned`, all 2,000 test images. Distance: ‖μ − mean μ of its digit‖ over the 24
# dimensions (means from `digit_statistics`). Error: ‖x − x̂‖ over the pixels, x̂ decoded from μ.
# Correlation over all images, within each digit, and once more after removing what ink (mean
# brightness) explains of both.
#
# *Finding.* r = 0.60 ± 0.03 (two standard errors, from 500 bootstrap samples). Within single
# digits it is positive for all ten, from 0.27 (digit 2) to 0.58 (6 and 7), so it is not made by
# the differences between digits. The tenth of the images farthest out has a mean error of 3.0, the
# tenth closest 1.7. Bold images have larger errors too (r = 0.38), but without the part that ink
# explains r is still 0.59. The hypothesis survives.
#
# *Limits.* One model and one seed. A correlation does not say which comes first: an unusual image
# may be hard to encode *and* hard to decode, and the distance gives all 24 dimensions the same
# weight although two of them hardly vary. Moving one image's μ outward and watching the error
# would be the next test.
# ### END SOLUTION

# %%
answers.count("explore.hypothesis")

# %% [markdown]
# ## Before you hand in
#
# The first cell saves the notebook and says what you would lose now. The second makes the zip to
# hand in. (`%run -m utils.report` in a cell makes a report of all notebooks.)

# %%
preflight.check()

# %%
hand_in.submit()
