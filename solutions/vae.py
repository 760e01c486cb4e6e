# %% [markdown]
# # Variational autoencoders
#
# The autoencoder's codes could not be sampled: nobody had told them where to lie. A *variational*
# autoencoder (Kingma & Welling 2014, Rezende et al. 2014) tells them, and pays for it.
#
# **Afterwards you can** derive the ELBO and test a KL with samples; say what β buys, in nats; look
# inside a trained VAE; use one to find what is wrong in a dataset.
#
# |part|difficulty|minutes|
# |---|---|---|
# |1 What to maximise|●●○|15|
# |2 The formulas|●●○|60|
# |3 Model and loop; *a good place to stop for today*|●●○|40|
# |4 Three prices, three questions in words|●●○|60|
# |5 Looking inside|●○○|40|
# |6 A use: wrong labels, odd images|●○○|15|
# |7 Challenge: `iwae_bound`|●●●|20|
#
# All training takes about three minutes on a laptop. It is saved under `runs/` as it goes: stop it,
# or close the browser, and run the cell again; nothing is trained twice.

# %%
import copy
import math

import torch
import torch.nn.functional as F
from torch import distributions, nn

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
few = training.autograding()  # while grading, few images are enough
train = data.load("MNIST", train=True, limit=500 if few else 10_000)
test = data.load("MNIST", train=False, limit=300 if few else 2_000)
digits = torch.stack([test.images[test.labels == d][0] for d in range(10)])  # one of each

# %% [markdown]
# ## 1 · What to maximise
#
# **A story of how images come about.** First a latent is drawn, $z \sim N(0, I)$. Then a decoder
# turns it into logits, and every pixel is a coin that falls on ink with probability
# sigmoid(logit): that is $p(x \mid z)$. (Grey pixels are put into the coin's formula as they are: a
# convention, and no probability of $x$.)
#
# We would like a decoder under which the training images are *likely*:
#
# $$\log p(x) = \log \int p(x \mid z)\, p(z)\, dz$$
#
# The integral is the trouble. For a given 7, nearly every $z$ decodes to something that is not
# this 7, so averaging over random $z$ almost never hits one that matters.

# %% [markdown]
# **Step 1: guess where to look.** An encoder proposes a Gaussian $q(z \mid x)$ over those $z$ that
# could have made $x$. Multiply and divide by it:
#
# $$\log p(x) = \log\, \mathbb{E}_{z \sim q}\!\left[\frac{p(x \mid z)\, p(z)}{q(z \mid x)}\right]$$
#
# **Step 2: swap log and average.** The log of an average is at least the average of the logs:
#
# $$\log p(x) \;\ge\; \mathbb{E}_{z \sim q}\!
# \left[\log p(x \mid z) + \log \frac{p(z)}{q(z \mid x)}\right]$$
#
# **Step 3: give the parts names.** The second term is, by definition, a negative KL divergence:
#
# $$\boxed{\;\text{ELBO} =
# \underbrace{\mathbb{E}_{z \sim q}\left[\log p(x \mid z)\right]}
# _{\text{how well } z \text{ explains } x} \;-\;
# \underbrace{\mathrm{KL}\left[q(z \mid x)\,\|\,p(z)\right]}_{\text{what the guess costs}}\;}$$
#
# **Step 4: how much was lost?** Exactly $\mathrm{KL}\left[q(z \mid x)\,\|\,p(z \mid x)\right]$:
# nothing, if the guess is the true posterior.

# %%
plots.diagram("vae")

# %% [markdown]
# ### See it touch · 5 minutes
#
# One number $x$, one latent $z \sim N(0, 1)$, and $x \mid z \sim N(z, 1)$: then $x \sim N(0, 2)$,
# and $\log p(x)$ is known. We see $x = 2$ and slide the guess $q = N(m, s^2)$ along.
#
# **Before you run it:** the true posterior is $N(1, \tfrac12)$. Which curve touches the line,
# where?

# %%
x, means = torch.tensor(2.0), torch.linspace(-1, 3, 81)
lines = {"log p(x)": torch.full_like(means, distributions.Normal(0, 2**0.5).log_prob(x))}
for s in (0.3, 0.5**0.5, 1.5):
    q = distributions.Normal(means, s)
    explains = -0.5 * math.log(2 * math.pi) - 0.5 * ((x - means) ** 2 + s**2)  # E_q[log p(x|z)]
    costs = distributions.kl_divergence(q, distributions.Normal(0.0, 1.0))
    lines[f"ELBO, s = {s:.2f}"] = explains - costs
plots.curves(
    lines,
    title="A lower bound that can touch",
    x=means,
    xlabel="mean m of the guess q",
    ylabel="nats",
)

# %% [markdown]
# Only the right guess touches it. So maximising the ELBO over $q$ finds the posterior, and over the
# decoder it pushes up $\log p(x)$ from below.
#
# **The convention of this course.** Everything is in *nats per image* (a nat is a bit in base e:
# 1.44 bits): **sum** over pixels and latent dimensions, **mean** over the batch, once, at the very
# end. A Gaussian is `(mu, logvar)` with `logvar` $= \log \sigma^2$.

# %% [markdown]
# ## 2 · The formulas
#
# ### `reparametrize` · 2 points · ●●○ · 10 minutes
#
# **What.** Draw $z \sim N(\mu, \sigma^2)$, one for every row of `mu` and `logvar`.
#
# **Why.** The encoder must learn from what the decoder makes of $z$, so the gradient has to pass
# *through the sampling*. That works if $z$ is a plain function of `mu`, `logvar` and of noise
# that depends on neither.
#
# **Should look like.** Three different clouds in the picture below.


# %% role="solution" id="reparametrize"
def reparametrize(mu, logvar):
    """Sample z ~ N(mu, exp(logvar)), differentiably.

    mu, logvar  (B, nz) means and log-variances
    Returns     (B, nz), fresh noise for every element
    """
    ### BEGIN SOLUTION
    std = torch.exp(0.5 * logvar)
    return mu + std * torch.randn_like(std)
    ### END SOLUTION


# %% role="check"
checks.vae.reparametrize(reparametrize)

# %% [markdown]
# <details><summary>Hint: which noise?</summary>
#
# Standard normal noise of the same shape as `mu` can be shifted and stretched. By how much must
# it be stretched, when what you hold is the logarithm of a *variance*?
#
# </details>

# %%
mu = torch.tensor([[0.0, 0.0], [3.0, 2.0], [-3.0, 2.0]])
logvar = torch.tensor([[0.0, 0.0], [-3.0, 1.0], [-2.0, -2.0]])
z = reparametrize(mu.repeat(400, 1), logvar.repeat(400, 1))
plots.latents(
    z,
    torch.arange(3).repeat(400),
    title="400 samples of three posteriors",
    names=["logvar 0, 0", "logvar −3, 1", "logvar −2, −2"],
)

# %% [markdown]
# ### `kl_gaussian` · 2 points · ●●○ · 15 minutes
#
# **What.** $\mathrm{KL}\left[N(\mu, \sigma^2)\,\|\,N(0, I)\right]$ in closed form, one value for
# each image.
#
# **Why.** It is the price: how many nats it costs to say *where in latent space* an image is, to
# someone who knows the prior only.
#
# **How.** For one dimension, take $\log q(z) - \log p(z)$ and average over $z \sim q$. You need
# only $\mathbb{E}[z^2] = \mu^2 + \sigma^2$ and $\mathbb{E}[(z - \mu)^2] = \sigma^2$. A pencil
# helps. Then add up the dimensions.
#
# **Should look like.** 0 for the prior itself; for $\mu = (3, 4)$ and $\sigma = 1$ it is 12.5.


# %% role="solution" id="kl_gaussian"
def kl_gaussian(mu, logvar):
    """KL divergence of N(mu, exp(logvar)) to the prior N(0, I), in nats.

    mu, logvar  (B, nz)
    Returns     (B,), summed over latent dimensions
    """
    ### BEGIN SOLUTION
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.vae.kl_gaussian(kl_gaussian)

# %% [markdown]
# <details><summary>Hint: the two densities</summary>
#
# $\log N(z; m, v) = -\tfrac12 \log 2\pi - \tfrac12 \log v - (z - m)^2 / 2v$. Write it for $q$ and
# for $p$ and subtract: one term cancels at once.
#
# </details>
#
# <details><summary>Hint: my value is right up to a factor</summary>
#
# Every term of the difference carries the same factor in front. And the course *sums* over
# dimensions.
#
# </details>

# %%
means = torch.linspace(-3, 3, 61)[:, None]
plots.curves(
    {
        f"σ = {s}": kl_gaussian(means, torch.full_like(means, 2 * math.log(s)))
        for s in (0.1, 1.0, 2.0)
    },
    title="What one latent dimension costs",
    x=means[:, 0],
    xlabel="mean μ of the posterior",
)

# %% [markdown]
# Moving away from 0 costs, and so does being *sure*: σ = 0.1 is dear wherever it lies.
#
# ### Do not believe it: check it with samples · not graded · ●●○ · 10 minutes
#
# **What.** Estimate the same KL from `n` samples, with a 95 % confidence interval of ±
# `half_width`.
#
# **Why.** It finds wrong formulas, in papers too; and some posteriors have no closed form.
#
# **How.** A KL is a mean, $\mathbb{E}_{z \sim q}[\log q(z) - \log p(z)]$; use
# `distributions.Normal`. A mean of $n$ numbers with standard deviation $s$ has the standard error
# $s/\sqrt n$; ±1.96 of those cover the truth 95 times in 100.
#
# **Should look like.** For $\mu = (3, 4)$, $\sigma = 1$ and 10 000 samples: 12.5 ± 0.1.


# %% role="solution" id="kl_monte_carlo"
def kl_monte_carlo(mu, logvar, n):
    """Estimate the KL of N(mu, exp(logvar)) to N(0, I) from n samples.

    mu, logvar  (B, nz)
    Returns     (estimate, half_width), each (B,); the interval covers the KL 95 times in 100
    """
    ### BEGIN SOLUTION
    q = distributions.Normal(mu, torch.exp(0.5 * logvar))
    prior = distributions.Normal(torch.zeros_like(mu), 1.0)
    z = q.sample((n,))  # (n, B, nz)
    terms = (q.log_prob(z) - prior.log_prob(z)).sum(dim=-1)  # (n, B)
    return terms.mean(0), 1.96 * terms.std(0) / math.sqrt(n)
    ### END SOLUTION


# %% role="check"
checks.vae.kl_monte_carlo(kl_monte_carlo)

# %%
mu, logvar = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.3, -1.2, 0.8]])
sizes = [10, 30, 100, 300, 1000, 3000, 10_000]
estimates, widths = torch.tensor([kl_monte_carlo(mu, logvar, n) for n in sizes]).T
exact = kl_gaussian(mu, logvar).expand(len(sizes))
plots.curves(
    {"your closed form": exact, "estimate, 95 % interval": estimates},
    title="The closed form, and what samples say",
    x=[math.log10(n) for n in sizes],
    xlabel="log₁₀ of the number of samples",
    ylabel="KL, nats",
    errors={"estimate, 95 % interval": widths},
)

# %% [markdown]
# Does "95 times in 100" hold? Ask 2000 times, with 400 samples each, and count.

# %%
estimates, widths = kl_monte_carlo(mu.repeat(2000, 1), logvar.repeat(2000, 1), 400)
covered = ((estimates - kl_gaussian(mu, logvar)).abs() <= widths).float().mean()
print(f"{covered:.1%} of 2000 intervals cover the closed form")

# %% [markdown]
# ### `kl_between` · 1 point · ●○○ · 5 minutes
#
# **What.** $\mathrm{KL}\left[N(\mu_1, \sigma_1^2)\,\|\,N(\mu_2, \sigma_2^2)\right]$: the same,
# with any Gaussian in the prior's place.
#
# **Why.** It measures how far apart *two images* are, with their uncertainty: you will use it to
# find look-alikes. (No distance: the order matters.)
#
# **Should look like.** 0 between equals. With `mu2 = logvar2 = 0` it is `kl_gaussian`: a free
# test.


# %% role="solution" id="kl_between"
def kl_between(mu1, logvar1, mu2, logvar2):
    """KL divergence of N(mu1, exp(logvar1)) to N(mu2, exp(logvar2)), in nats.

    All four  (B, nz)
    Returns   (B,), summed over latent dimensions
    """
    ### BEGIN SOLUTION
    scaled = ((mu1 - mu2) ** 2 + logvar1.exp()) / logvar2.exp()
    return 0.5 * (scaled - 1 + logvar2 - logvar1).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.vae.kl_between(kl_between)

# %% [markdown]
# ### `bernoulli_log_likelihood` · 1 point · ●○○ · 5 minutes
#
# **What.** $\log p(x \mid z)$: the log-probability of all 784 pixels under the decoder's logits,
# one value an image.
#
# **Why.** The other half of the ELBO: the autoencoder's loss with the opposite sign and no mean.
#
# **Should look like.** Never positive. A decoder that says ½ everywhere gets
# $-784 \log 2 \approx -543.4$ nats. It stays finite for logits of ±200, where `sigmoid` is 0 or 1
# to the last digit and its log is −∞.


# %% role="solution" id="bernoulli_log_likelihood"
def bernoulli_log_likelihood(x, logits):
    """Log-likelihood of images under Bernoulli pixels, in nats.

    x        (B, 1, 28, 28) in [0, 1]
    logits   (B, 1, 28, 28)
    Returns  (B,), summed over pixels
    """
    ### BEGIN SOLUTION
    nats = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -nats.flatten(1).sum(dim=1)
    ### END SOLUTION


# %% role="check"
checks.vae.bernoulli_log_likelihood(bernoulli_log_likelihood)

# %% [markdown]
# ### `elbo` · 2 points · ●○○ · 5 minutes
#
# **What.** Put them together. With a weight β on the price it is
#
# $$\text{ELBO}_\beta = \log p(x \mid z)
# - \beta \cdot \mathrm{KL}\left[q(z \mid x)\,\|\,p(z)\right], \qquad z \sim q(z \mid x)$$
#
# and its mean over the batch (Higgins et al. 2017). One sampled $z$ an image is enough.
#
# **Why.** This is the one number that training makes *larger*. Mind the signs: both terms are at
# most 0.
#
# **Should look like.** A bound on $\log p(x)$ for every β ≥ 1, the tightest at β = 1; none below.


# %% role="solution" id="elbo"
def elbo(x, logits, mu, logvar, beta=1.0):
    """Evidence lower bound of a batch, to be maximised, in nats per image.

    x, logits   (B, 1, 28, 28) images, and logits decoded from a sampled z
    mu, logvar  (B, nz) posteriors
    beta        weight of the KL
    Returns     scalar: the mean over the batch
    """
    ### BEGIN SOLUTION
    return (bernoulli_log_likelihood(x, logits) - beta * kl_gaussian(mu, logvar)).mean()
    ### END SOLUTION


# %% role="check"
checks.vae.elbo(elbo)

# %% role="test" question="vae.reparametrize"

# %% role="test" question="vae.kl_gaussian"

# %% role="test" question="vae.kl_between"

# %% role="test" question="vae.bernoulli_log_likelihood"

# %% role="test" question="vae.elbo"

# %% [markdown]
# ## 3 · Model and loop
#
# ### `VAE` · 7 points · ●●○ · 25 minutes
#
# **What.** An encoder with *two* outputs, `mu` and `logvar`, and a decoder.
#
# |method|takes|returns|
# |---|---|---|
# |`encode(x)`|images `(B, 1, 28, 28)`|`(mu, logvar)`, each `(B, nz)`|
# |`decode(z)`|latents `(B, nz)`|logits `(B, 1, 28, 28)`|
# |`forward(x)`|images|`(logits, mu, logvar)`, logits of a *sampled* z|
# |`reconstruct(x)`|images|images in [0, 1] from the posterior *mean*|
#
# **Architecture.** Yours. Two hidden layers of a few hundred units on each side are fast on a CPU
# and good enough; your convolutions from the first notebook work too, 3 times slower.
#
# **Should look like.** About a million parameters; untrained, everything decodes to grey.


# %% role="solution" id="VAE"
class VAE(nn.Module):
    """Variational autoencoder with nz latent dimensions, a prior N(0, I) and Bernoulli pixels."""

    def __init__(self, nz):
        super().__init__()
        ### BEGIN SOLUTION
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 512),
            nn.BatchNorm1d(512),
            nn.SiLU(),
            nn.Linear(512, 512),
            nn.BatchNorm1d(512),
            nn.SiLU(),
            nn.Linear(512, 2 * nz),
        )
        self.decoder = nn.Sequential(
            nn.Linear(nz, 512),
            nn.BatchNorm1d(512),
            nn.SiLU(),
            nn.Linear(512, 512),
            nn.BatchNorm1d(512),
            nn.SiLU(),
            nn.Linear(512, 784),
            nn.Unflatten(1, (1, 28, 28)),
        )
        ### END SOLUTION

    def encode(self, x):
        """Posterior of images (B, 1, 28, 28): (mu, logvar), each (B, nz)."""
        ### BEGIN SOLUTION
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar
        ### END SOLUTION

    def decode(self, z):
        """Logits (B, 1, 28, 28) of latents (B, nz)."""
        ### BEGIN SOLUTION
        return self.decoder(z)
        ### END SOLUTION

    def forward(self, x):
        """(logits, mu, logvar) of images, the logits decoded from a sampled z."""
        ### BEGIN SOLUTION
        mu, logvar = self.encode(x)
        return self.decode(reparametrize(mu, logvar)), mu, logvar
        ### END SOLUTION

    def reconstruct(self, x):
        """Images (B, 1, 28, 28) in [0, 1], decoded from the posterior mean."""
        ### BEGIN SOLUTION
        return torch.sigmoid(self.decode(self.encode(x)[0]))
        ### END SOLUTION


# %% role="check"
checks.vae.VAE(VAE)

# %% [markdown]
# <details><summary>Hint: two outputs</summary>
#
# Either two `nn.Linear` layers on the same features, or one that is twice as wide and is cut in
# two.
#
# </details>
#
# <details><summary>Hint: what goes wrong most often</summary>
#
# A ReLU *after the last* layer of the encoder: then `mu` and `logvar` cannot be negative. A
# sigmoid at the end of `decode`: then the likelihood applies a second one, and every image comes
# out grey.
#
# </details>

# %% role="test" question="vae.VAE"

# %% [markdown]
# ### `train_epoch` · 2 points · ●●○ · 10 minutes
#
# **What.** One pass over the loader. For each batch one optimizer step that makes the ELBO at
# `beta` larger; and a note of both terms, so that you can watch them separately.
#
# **Should look like.** A list of pairs `(reconstruction, kl)`, floats in nats per image, one a
# batch. `reconstruction` is $-\log p(x \mid z)$, hence positive; `kl` is *not* times β: else runs
# could not be compared.


# %% role="solution" id="train_epoch"
def train_epoch(model, loader, optimizer, beta):
    """Train for one epoch, maximising the ELBO.

    loader   yields (x, y); the labels y are not used
    beta     weight of the KL
    Returns  list of (reconstruction, kl), floats in nats per image, one pair a batch
    """
    ### BEGIN SOLUTION
    model.train()
    terms = []
    for x, _ in loader:
        logits, mu, logvar = model(x)
        loss = -elbo(x, logits, mu, logvar, beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            reconstruction = -bernoulli_log_likelihood(x, logits).mean()
            terms.append((reconstruction.item(), kl_gaussian(mu, logvar).mean().item()))
    return terms
    ### END SOLUTION


# %% role="check"
checks.vae.train_epoch(train_epoch)

# %% role="test" question="vae.train_epoch"

# %% [markdown]
# ### Two tools from the last notebook · not graded · 5 minutes
#
# Bring your `sample_prior` and `latent_grid` along. Here they get a plain *function* `decode` (z to
# logits): leave out what switches modes. Put z on `device`.


# %% role="solution" id="prior_samples"
@torch.no_grad()
def prior_samples(decode, n, nz):
    """Images (n, 1, 28, 28) in [0, 1], decoded from z ~ N(0, I)."""
    ### BEGIN SOLUTION
    return torch.sigmoid(decode(torch.randn(n, nz, device=device)))
    ### END SOLUTION


# %% role="check"
checks.vae.prior_samples(prior_samples)


# %% role="solution" id="manifold"
@torch.no_grad()
def manifold(decode, n=21, span=4.0):
    """One image (28·n, 28·n) of a 2-d latent space: z = (−span, span) at the top left."""
    ### BEGIN SOLUTION
    steps = torch.linspace(-span, span, n, device=device)
    z1, z0 = torch.meshgrid(steps.flip(0), steps, indexing="ij")
    tiles = torch.sigmoid(decode(torch.stack([z0, z1], dim=-1).view(-1, 2)))
    return tiles.view(n, n, 28, 28).transpose(1, 2).reshape(28 * n, 28 * n)
    ### END SOLUTION


# %% role="check"
checks.vae.manifold(manifold)

# %% [markdown]
# ### The rest of the machinery is given
#
# `fit` trains a VAE with your `train_epoch`, shows curves and ten samples as it goes, and saves it
# as `runs/NAME`. Run the cell again, and it goes on, or loads what is finished. After a change in
# what your code does it refuses to mix old and new: then say `fit(…, fresh=True)`.
#
# **This is half-way: a good place to stop for today.** Training comes next.

# %%
NZ = 16  # latent dimensions, for all runs but the plane
CODE = reparametrize, kl_gaussian, bernoulli_log_likelihood, elbo, train_epoch


@torch.no_grad()
def on_test(model, x):
    """The ELBO (β = 1) and its first term on images that were not trained on, one z each."""
    model.eval()
    result = model(x)
    return {
        "test_elbo": elbo(x, *result).item(),
        "test_reconstruction": -elbo(x, *result, beta=0.0).item(),
    }


def fit(name, beta, epochs, nz=NZ, train=train, test=test, dataset="MNIST", fresh=False):
    """Train a VAE as the run `name`, or load it; returns (model in eval mode, run)."""
    torch.manual_seed(0)
    model, rate = VAE(nz).to(device), 4e-3
    z = torch.randn(10, nz, device=device)  # what these decode to is shown after every epoch
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    loader = data.Loader(train.images.to(device), train.labels, batch_size=128)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps + 1, pct_start=0.2)
    optimizer.register_step_post_hook(  # the rate changes with every step, not every epoch
        lambda *_: schedule.step() if schedule.last_epoch < steps else None
    )
    settings = {"beta": beta, "nz": nz, "dataset": dataset} | {f.__name__: f for f in CODE}
    run = training.Run(
        name, model, optimizer, settings, scheduler=schedule, loader=loader, fresh=fresh
    )
    picture = plots.live(name)
    for _ in run.epochs(epochs):
        reconstruction, kl = torch.tensor(train_epoch(model, loader, optimizer, beta)).mean(0)
        run.log(reconstruction=reconstruction, kl=kl, **on_test(model, test.images.to(device)))
        with torch.no_grad():
            picture.show(run.curves, torch.sigmoid(model.decode(z)))
    return model.eval(), run


def report(model, run, what):
    """The three pictures of an experiment: curves, reconstructions, 16 prior samples."""
    lines = {"reconstruction": run.curves["reconstruction"], "KL": run.curves["kl"]}
    plots.panels(lines, title=f"{what}: training")
    with torch.no_grad():
        plots.pairs(
            digits, model.reconstruct(digits.to(device)), title=f"{what}: test reconstructions"
        )
    samples = prior_samples(model.decode, 16, NZ)
    plots.images(samples, rows=2, title=f"{what}: 16 prior samples")


# %% [markdown]
# ## 4 · Three prices
#
# ### β = 0: the latents are free · 2 points for the run `beta-0` with `beta-10` · 20 seconds
#
# **Before you run it,** decide: will the reconstructions be better or worse than with β = 1? The
# samples? Where will the KL go, when nobody minds it?

# %%
model_0, run_0 = fit("beta-0", beta=0.0, epochs=12)

# %% role="check" id="run-beta-0"
checks.vae.curves(run_0.curves)

# %%
report(model_0, run_0, "β = 0")

# %% [markdown]
# *What to look for:* 16 different z: why are the samples so much alike? Compare how far apart the
# posteriors lie with how wide they are; the prior has spread 1.

# %%
with torch.no_grad():
    mu, logvar = model_0.encode(test.images.to(device))
spread, width = mu.std(0).mean(), torch.exp(logvar / 2).mean()
print(f"β = 0: the means spread by {spread:.1f}, each posterior by {width:.3f}")

# %% [markdown] role="rubric" question="vae.beta_0"
# **Question (3 points).** What do you observe at β = 0 (curves, reconstructions, samples), and
# why? Use the two terms of the ELBO, and what the decoder has and has not seen during training.
#
# ### BEGIN MARK SCHEME
# - 1 point, observation: reconstructions are sharp and faithful, the best of the three runs;
#   prior samples are no digits (blots, often nearly the same one); the KL grows far beyond that
#   of the other runs. (½ if only two of the three are named.)
# - 1 point, the objective: without the KL nothing ties q(z|x) to the prior. The means move apart
#   and the posteriors become narrow (σ → 0), so the noise vanishes and the model is in effect an
#   ordinary autoencoder.
# - 1 point, the samples: z ~ N(0, I) falls where no image was encoded, so the decoder was never
#   trained there. "The latent space is discontinuous" without saying that prior and codes do not
#   overlap earns ½.
# - No point for: "the samples are bad because the model is undertrained / overfits", or "the KL
#   is 0".
# ### END MARK SCHEME

# %% [markdown] role="answer" question="vae.beta_0"
# ### BEGIN SOLUTION
# The reconstructions are nearly perfect, the samples are blots that all look alike, and the KL,
# which is not part of the objective, climbs to about 270 nats.
#
# Noise in z only hurts the reconstruction, which is now all that counts. So the encoder makes it
# irrelevant: it spreads the means (by 4.9) and shrinks every posterior (to 0.02), until each
# image has its own small spot. That is an ordinary autoencoder.
#
# The decoder has been trained at these spots only. The prior, of spread 1, is a small region in
# the middle of them, in 16 dimensions far from nearly every spot. There the decoder was never
# asked for anything, so it paints an arbitrary mixture, and from the whole region nearly the same
# one.
# ### END SOLUTION

# %%
answers.count("vae.beta_0")

# %% [markdown]
# ### β = 10: the latents are dear · 20 seconds
#
# **Before you run it:** each nat of KL now costs ten nats of reconstruction. How many will the
# model buy?

# %%
model_10, run_10 = fit("beta-10", beta=10.0, epochs=12)

# %% role="check" id="run-beta-10"
checks.vae.curves(run_10.curves)

# %%
report(model_10, run_10, "β = 10")

# %% [markdown]
# *What to look for:* what is left of each digit? A model that ignores z and always paints the mean
# image pays about 206 nats for reconstruction: how far below that did this one get?

# %% [markdown] role="rubric" question="vae.beta_10"
# **Question (3 points).** What do you observe at β = 10 (curves, reconstructions, samples), and
# why? Say what happens to the posteriors, and what a latent dimension must earn to be used.
#
# ### BEGIN MARK SCHEME
# - 1 point, observation: reconstructions are blurred and many turn into another digit or a
#   mixture; samples look like the reconstructions, smooth digit-like blobs with little variety;
#   the KL stays at a few nats while the reconstruction loss is far above the other runs'. (½ for
#   two of three.)
# - 1 point, the objective: a dimension is used only if a nat of KL saves more than 10 nats of
#   reconstruction, so few survive; in the others q(z|x) falls onto the prior (posterior collapse)
#   and carries no information.
# - 1 point, the consequence: little information passes through z, so the decoder answers with
#   averages over many images. And because posteriors overlap the prior almost completely, prior
#   samples are about as good as reconstructions.
# - No point for: "β = 10 adds noise to the images", "underfitting", or "better disentanglement"
#   without a reference to what is seen.
# ### END MARK SCHEME

# %% [markdown] role="answer" question="vae.beta_10"
# ### BEGIN SOLUTION
# Reconstructions are blurred, and several digits turn into others. Samples look just like them:
# smooth, digit-like, little variety. The KL stays at a few nats; the reconstruction loss is about
# twice that of β = 0 and not very far below that of a model that always paints the mean image.
#
# A nat of KL costs ten nats, so a latent dimension is worth its price only if it saves more than
# that: a few coarse properties (round or straight, slant, thickness) do. In all other dimensions
# the posterior falls onto the prior (posterior collapse) and says nothing about the image.
#
# With so little information the best the decoder can do is an average over all images that share
# those properties; averages are blurred. But posteriors and prior now overlap nearly completely,
# so the decoder has been trained wherever the prior samples: samples are as good, or as bad, as
# reconstructions.
# ### END SOLUTION

# %%
answers.count("vae.beta_10")

# %% [markdown] role="rubric" question="vae.well_tuned"
# **Question (3 points).** Before you tune: describe the reconstructions (1 point) and the prior
# samples (2 points) that you expect of a *well-tuned* VAE, and why one β can serve both.
#
# ### BEGIN MARK SCHEME
# - 1 point, reconstructions: the right digit, recognisably in its own handwriting (slant,
#   thickness), slightly smoother than the original and than at β = 0.
# - 1 point, samples: most are recognisable digits, varied in class and style, without copying
#   training images; a few are in-between shapes.
# - 1 point, why: the posteriors of all images together fill the prior with little left over, so
#   that a z from N(0, I) lies where the decoder was trained, while each posterior is still narrow
#   enough to tell its image from others. Both extremes seen above as the two ways to miss this:
#   full credit.
# - No point for "samples look like the reconstructions/training images" alone.
# ### END MARK SCHEME

# %% [markdown] role="answer" question="vae.well_tuned"
# ### BEGIN SOLUTION
# Reconstructions show the right digit in the right hand: slant, thickness and loops are kept,
# while edges and unusual details are a little smoother than in the original, since every z is
# noisy and must not be too dear.
#
# Samples are mostly recognisable digits of all classes and of various styles, none a copy of a
# training image. Some lie between classes, like a 4 that is half a 9: the prior is continuous,
# and there is nothing to keep it from sampling a border.
#
# Both hold when the posteriors, taken together, cover the prior without gaps (so the decoder
# knows every z it may be asked for), yet each is narrow enough to tell its image from its
# neighbours. β = 0 fails at the first, β = 10 at the second.
# ### END SOLUTION

# %%
answers.count("vae.well_tuned")

# %% [markdown]
# ### Choose your β · 5 points for the run `tuned` · ●●○ · 15 minutes
#
# Bad values of β show early. (For a paper you would choose on a third set of images.)

# %%
scan = {}
for beta in (0.1, 0.5, 2.0, 5.0):
    scan[beta] = fit(f"scan-{beta:g}", beta, epochs=4)

# %%
plots.strips(
    {f"β = {beta:g}": prior_samples(model.decode, 10, NZ) for beta, (model, _) in scan.items()},
    title="Prior samples after 4 epochs",
)
with torch.no_grad():
    plots.strips(
        {"original": digits}
        | {f"β = {b:g}": model.reconstruct(digits.to(device)) for b, (model, _) in scan.items()},
        title="Reconstructions after 4 epochs",
    )
plots.table(
    {
        f"β = {beta:g}": {
            "reconstruction": run.curves["test_reconstruction"][-1],
            "KL": -run.curves["test_elbo"][-1] - run.curves["test_reconstruction"][-1],
            "ELBO (at β = 1)": run.curves["test_elbo"][-1],
        }
        for beta, (_, run) in scan.items()
    },
    title="Test images, nats per image",
)

# %% [markdown]
# **Your turn.** Choose `BETA` and train it long enough. The run is graded by its ELBO and its KL,
# which *we* compute on images that you have not seen. Another try needs `fresh=True` in the call.
#
# **Should look like.** An ELBO above −115 nats earns all points on 10,000 images; our own run
# reaches −103.

# %% role="solution" id="BETA"
### BEGIN SOLUTION
BETA = 1.0
### END SOLUTION

# %% role="check"
checks.vae.BETA(BETA)

# %%
tuned, run_tuned = fit("tuned", beta=BETA, epochs=30)

# %% role="check" id="run-tuned"
checks.vae.curves(run_tuned.curves)

# %%
report(tuned, run_tuned, f"β = {BETA:g}")
print(f"ELBO on test images: {run_tuned.curves['test_elbo'][-1]:.1f} nats per image")

# %% role="test" question="vae.trained"

# %% role="test" question="vae.tuned"

# %% [markdown]
# ### Which β is meant? · 5 minutes
#
# "β = 0.001 works best", says a blog whose loss averages over pixels. The same trade-off has
# another number in every convention:
#
# |reconstruction|KL|their β for our β|
# |---|---|---|
# |sum over pixels|sum over latents|β|
# |mean over pixels (MSE)|mean over latents|β·nz/784|
# |mean over pixels (MSE)|sum over latents|β/784|
#
# **Try it.** Of seven people who published "their" β for this exercise, one has nz = 64, means
# everywhere, and β = 0.08; another a mean over pixels, a sum over 32 latents, and β = 0.0008. Who
# pays more?
#
# <details><summary>Answer</summary>
#
# 0.08 · 784 / 64 = 0.98 and 0.0008 · 784 = 0.63: a hundredfold difference on paper, nearly the same
# β in truth.
#
# </details>

# %% [markdown]
# ## 5 · Looking inside
#
# ### How many epochs? · 1 minute
#
# The ELBO, epoch by epoch, on trained and on new images; then the same model after two epochs.

# %%
curves = run_tuned.curves
on_train = [-r - k for r, k in zip(curves["reconstruction"], curves["kl"], strict=True)]
plots.curves(
    {"trained images": on_train[1:], "test images": curves["test_elbo"][1:]},
    title=f"ELBO from epoch 2 on, trained with β = {BETA:g}",
    ylabel="ELBO, nats per image",
    x=range(2, len(on_train) + 1),
)

# %%
torch.manual_seed(0)
early = VAE(NZ).to(device)
optimizer = torch.optim.Adam(early.parameters(), lr=2e-3, fused=True)
loader = data.Loader(train.images.to(device), train.labels, batch_size=128)
for _ in range(2):
    train_epoch(early, loader, optimizer, BETA)
early.eval()
sheets = {}
for name, model in {"after 2 epochs": early, "after 30 epochs": tuned}.items():
    torch.manual_seed(1)  # the same z for both
    sheets[name] = prior_samples(model.decode, 25, NZ)
plots.sheets(sheets, title="25 samples from the prior, the same z")
del early, optimizer  # their weights and moments are not needed any more

# %% [markdown]
# *What to look for:* early on the test curve lies *higher*, because it is measured after an epoch
# and the other during it. Overfitting begins not where the two cross, but where the test curve
# turns down. Samples that are no digits lie between classes: the prior has no borders.
#
# ### Which samples are fair? · 1 minute
#
# A published report captions its samples "z from uniform distribution", while its text says normal.
# **Predict first:** of a uniform cube of 16 dimensions, which part has the decoder ever seen?

# %%
torch.manual_seed(1)
draws = {
    "normal N(0, I)": torch.randn(25, NZ),
    "uniform (0, 1)": torch.rand(25, NZ),
    "uniform (−3, 3)": 6 * torch.rand(25, NZ) - 3,
}
with torch.no_grad():
    plots.sheets(
        {name: torch.sigmoid(tuned.decode(z.to(device))) for name, z in draws.items()},
        title="25 samples each, z drawn in three ways",
    )
plots.table({name: {"length of z": z.norm(dim=1).mean()} for name, z in draws.items()})

# %% [markdown]
# N(0, I) lives in a thin shell of radius √nz. The small cube is one corner of its middle: hardly
# any variety. The large one has nearly all of its volume outside the shell, where nothing was
# encoded.

# %% [markdown]
# ### What the posterior does not know · 1 minute
#
# Decode the posterior's mean, then four *samples* of it. **Before you look:** what may differ
# between samples, and what must not?

# %%
x = digits.to(device)
with torch.no_grad():
    rows = {"original": x, "mean": tuned.reconstruct(x)}
    rows |= {f"sample {i}": torch.sigmoid(tuned(x)[0]) for i in (1, 2, 3, 4)}
plots.strips(rows, title="Reconstructions through sampled latents")

# %% [markdown]
# ### Look-alikes · 1 minute
#
# For ten test images, the other one whose posterior is nearest in *your* `kl_between`.

# %%
with torch.no_grad():
    mu, logvar = tuned.encode(test.images.to(device))
near = []
for i in range(10):
    kl = kl_between(mu[[i]].expand_as(mu), logvar[[i]].expand_as(mu), mu, logvar)  # (N,)
    kl[i] = math.inf
    near.append(int(kl.argmin()))
plots.strips(
    {"image": test.images[:10], "look-alike": test.images[near]}, title="Nearest posteriors in KL"
)

# %% [markdown]
# ### Which latent dimensions are used? · 2 minutes
#
# The KL of each dimension, the largest first. A dimension at 0 has collapsed: its posterior is the
# prior, for every image. It is *active* if its mean moves with the image, variance above 0.01
# (Burda et al. 2016).

# %%
usage, table = {}, {}
for name, model in {"β = 0": model_0, f"β = {BETA:g}": tuned, "β = 10": model_10}.items():
    with torch.no_grad():
        mu, logvar = model.encode(test.images.to(device))
    kl = torch.stack([kl_gaussian(mu[:, [j]], logvar[:, [j]]).mean() for j in range(NZ)])
    active = int((mu.var(0) > 0.01).sum())
    table[name] = {"KL in all": float(kl.sum()), "active dimensions": f"{active} of {NZ}"}
    if name != "β = 0":  # far off the scale
        usage[name] = kl.sort(descending=True).values
plots.curves(
    usage, title="KL of each latent dimension", xlabel="latent dimension, by size", ylabel="nats"
)
plots.table(table)

# %% [markdown]
# ### Is the collapse the network's fault? · 2 minutes
#
# Train the collapsed model of β = 10 for four epochs at β = 1, and count again. **Before you run
# it:** are the dead dimensions lost, or do they come back?

# %%
torch.manual_seed(0)
cured = copy.deepcopy(model_10)
optimizer = torch.optim.Adam(cured.parameters(), lr=1e-3)
loader = data.Loader(train.images.to(device), train.labels, batch_size=128)
for _ in range(4):
    train_epoch(cured, loader, optimizer, 1.0)
rows = {}
for name, model in {"β = 10": model_10, "then 4 epochs at β = 1": cured}.items():
    now = on_test(model, test.images.to(device))
    with torch.no_grad():
        active = int((model.encode(test.images.to(device))[0].var(0) > 0.01).sum())
    rows[name] = {
        "active dimensions": f"{active} of {NZ}",
        "KL": -now["test_elbo"] - now["test_reconstruction"],
        "ELBO (at β = 1)": now["test_elbo"],
    }
plots.table(rows, title="Collapsed, and cured: test images, nats per image")

# %% [markdown]
# The price did it, so the price undoes it. Where a network collapses at the price that you *do*
# want, let β rise from 0 over the first epochs (*KL warm-up*).
#
# ### Does the prior fit? · 2 minutes
#
# You sample z from the prior, but the decoder was trained on the *aggregate posterior*, that of all
# images together. Samples are good where the two agree: here, in each model's most used dimension.

# %%
edges = torch.linspace(-6, 6, 49)
middles = (edges[1:] + edges[:-1]) / 2
density = {"prior N(0, 1)": distributions.Normal(0.0, 1.0).log_prob(middles).exp()}
for name, model in {"β = 0": model_0, f"β = {BETA:g}": tuned, "β = 10": model_10}.items():
    with torch.no_grad():
        mu, logvar = model.encode(test.images.to(device))
    z = reparametrize(mu, logvar)[:, mu.var(0).argmax()].cpu()
    density[name] = torch.histogram(z, edges).hist / len(z) / (edges[1] - edges[0])
plots.curves(
    density,
    title="What the decoder has seen, and what the prior asks for",
    x=middles,
    xlabel="z in the most used dimension",
    ylabel="density",
)

# %% [markdown]
# *What to look for:* at β = 0 the codes spread far wider than the prior, so its samples crowd in a
# middle where few codes are.
#
# ### Rate and distortion · 2 minutes
#
# Every run as a point: the KL is the *rate*, the nats spent on saying which z; the reconstruction
# loss is the *distortion*, what is still missing. β chooses the point where the slope is −β.


# %%
def rate_and_distortion(run):
    """KL and −log p(x|z) on test images after the last epoch, nats per image."""
    distortion = run.curves["test_reconstruction"][-1]
    return -run.curves["test_elbo"][-1] - distortion, distortion


plots.diagram("rate-distortion")
short = {f"β = {beta:g}": rate_and_distortion(run) for beta, (_, run) in scan.items()}
plots.rate_distortion(
    {
        "4 epochs": short,
        "12 epochs": {"β = 10": rate_and_distortion(run_10)},  # β = 0 is far off, to the right
        "30 epochs, yours": {f"β = {BETA:g}": rate_and_distortion(run_tuned)},
    },
    title="Rate and distortion on test images",
)

# %% [markdown]
# *What to look for:* a thin line joins points of equal ELBO. β moves a model *along* a curve;
# longer training moves the whole curve down and to the left, so compare points of equal epochs
# only.

# %% [markdown]
# ### The plane · 1 minute
#
# A VAE with two latents, as a map, and what it paints; beside it the autoencoder's plane, yours or
# the kit's. The circles are the prior's 1 and 2 standard deviations.

# %%
plots.diagram("plane")
plane, run_plane = fit("plane", beta=1.0, epochs=12, nz=2)
autoencoder = runs.load("plane-autoencoder")
with torch.no_grad():
    mu, _ = plane.encode(test.images.to(device))
plots.maps(
    {
        "VAE: posterior means": (mu, test.labels),
        "autoencoder: codes": (autoencoder.encode(test.images), test.labels),
    },
    title="The test images in two planes, on the same axes",
    same=True,
    circles=(1, 2),
)

# %%
extent, side = (-4, 4, -4, 4), 9 if few else 21
planes = {"VAE": plane.decode, "autoencoder": autoencoder.decode}
plots.grids(
    {name: manifold(decode, side) for name, decode in planes.items()},
    title="What both decoders paint, from −4 to 4",
    extent=extent,
    circles=(1, 2),
)

# %% [markdown]
# *What to look for:* the VAE's posteriors fill the prior; further out nothing was encoded. The
# autoencoder's codes have a scale and a shape of their own: nothing says that this square is the
# right piece to look at.
#
# **The same for clothes,** with the kit's models.

# %%
planes = {"VAE": runs.load("fashion-plane"), "autoencoder": runs.load("fashion-plane-autoencoder")}
plots.grids(
    {name: manifold(model.decode, side) for name, model in planes.items()},
    title="Fashion-MNIST, from −4 to 4",
    extent=extent,
    circles=(1, 2),
)

# %% [markdown]
# ## 6 · A use: what is wrong in this dataset? · 15 minutes
#
# The **reconstruction probability** $\log p(x \mid z)$ says how well a model explains an image (An
# and Cho 2015). We plant 50 pieces of
# clothing among 950 digits, and give 50 of the digits a wrong label. Can your VAE find them?
#
# **Predict first.** The images that it explains *worst*: will they be the planted ones?

# %%
torch.manual_seed(0)
x, y = test.images[:1000].clone(), test.labels[:1000].clone()
number, bad = torch.arange(len(x)), len(x) // 20  # one in twenty
planted, wrong = number < bad, (number >= bad) & (number < 2 * bad)
x[planted] = data.load("FashionMNIST", train=False, limit=bad).images
y[wrong] = (y[wrong] + torch.randint(1, 10, (bad,))) % 10  # another digit, at random
with torch.no_grad():
    logits = tuned.decode(tuned.encode(x.to(device))[0]).cpu()
explained = bernoulli_log_likelihood(x, logits)  # (1000,)


def found(suspicion, guilty):
    """How often a guilty image is more suspicious than an innocent one, and how many of the most
    suspicious are guilty."""
    right = suspicion[guilty][:, None] > suspicion[~guilty]
    first = guilty[suspicion.topk(int(guilty.sum())).indices]
    return {"ranked right": f"{right.float().mean():.1%}", "found": f"{first.float().mean():.0%}"}


plots.table(
    {
        "reconstruction probability": found(-explained, planted),
        "amount of ink": found(x.mean((1, 2, 3)), planted),
        "at random": {"ranked right": "50%", "found": "5%"},
    },
    title="Clothes among digits",
)
odd = explained.masked_fill(planted, 0.0).argsort()[:10]
plots.pairs(x[odd], torch.sigmoid(logits[odd]), title="The ten oddest real digits")

# %% [markdown]
# (One published report calls images of *high* reconstruction probability anomalies: the wrong way
# round. And always compare with the dullest rule.)
#
# **Wrong labels.** A label is a claim. How well do the *other* images with that label explain this
# one, and how well do those with other labels? Suspicious is what its own label explains worse.

# %%
flat, guess = x[~planted].flatten(1), logits[~planted].flatten(1)
labels, guilty = y[~planted], wrong[~planted]
explains = flat @ guess.T - F.softplus(guess).sum(1)  # log p of row's image by column's decoding
explains.fill_diagonal_(-math.inf)
same = labels[:, None] == labels[None]
own = explains.masked_fill(~same, -math.inf).amax(1)
suspicion = explains.masked_fill(same, -math.inf).amax(1) - own
plots.table({"what explains it best": found(suspicion, guilty)}, title="Wrong labels")
worst = suspicion.topk(10).indices
plots.images(
    flat[worst].view(-1, 1, 28, 28),
    rows=1,
    titles=[f"“{labels[i]}”{'' if guilty[i] else ' ?'}" for i in worst],
    title="The ten most suspicious labels (? = not one of ours)",
)

# %% [markdown]
# ## 7 · Challenge: a tighter bound
#
# ### `iwae_bound` · 2 extra points · ●●● · 20 minutes
#
# **What.** Draw $k$ latents an image instead of one, and put the average *inside* the logarithm
# (Burda, Grosse and Salakhutdinov 2016):
#
# $$\mathcal{L}_k(x) = \log \frac1k \sum_{i=1}^{k} w_i, \qquad
# w_i = \frac{p(x \mid z_i)\, p(z_i)}{q(z_i \mid x)}, \qquad z_i \sim q(z \mid x)$$
#
# **Why.** It is step 1 of the derivation without step 2: $k = 1$ is an ELBO sample; with more it
# rises towards $\log p(x)$.
#
# **Mind.** A likelihood of $e^{-100}$ is 0 in 32-bit numbers: stay with logarithms throughout
# (`torch.logsumexp`). Write one value an image, `(B,)`.


# %% role="solution" id="iwae_bound"
def iwae_bound(model, x, k):
    """The k-sample importance-weighted bound on log p(x), in nats.

    model    has encode(x) and decode(z)
    x        (B, 1, 28, 28)
    Returns  (B,)
    """
    ### BEGIN SOLUTION
    mu, logvar = (t.repeat_interleave(k, dim=0) for t in model.encode(x))  # (B·k, nz)
    z = reparametrize(mu, logvar)
    likelihood = bernoulli_log_likelihood(x.repeat_interleave(k, dim=0), model.decode(z))
    prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(dim=1)
    posterior = -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(dim=1)
    weights = likelihood + prior - posterior  # logarithms of w
    return torch.logsumexp(weights.view(-1, k), dim=1) - math.log(k)
    ### END SOLUTION


# %% role="check"
checks.vae.iwae_bound(iwae_bound)

# %% role="test" question="vae.iwae_bound"

# %% [markdown]
# How much each bound gains on the ELBO: the gain of every *single image*, then mean and 95 %
# interval over images. If you skip the challenge, skip the cell.

# %%
ks = [1, 2, 4, 8] if few else [1, 2, 4, 8, 16, 32, 64]
some = test.images[: 20 if few else 100].to(device)
gains, widths = {}, {}
for name, model in {f"β = {BETA:g}": tuned, "β = 10": model_10}.items():
    with torch.no_grad():
        bounds = torch.stack([iwae_bound(model, some, k) for k in ks])  # (len(ks), images)
    gain = (bounds - bounds[0]).cpu()
    gains[name], widths[name] = gain.mean(1), 1.96 * gain.std(1) / math.sqrt(len(some))
    print(
        f"{name}: ELBO {bounds[0].mean():.1f}, bound with k = {ks[-1]} {bounds[-1].mean():.1f} nats"
    )
plots.curves(
    gains,
    title="More samples, tighter bound",
    x=[math.log2(k) for k in ks],
    errors=widths,
    xlabel="log₂ of the number of samples k",
    ylabel="gain on the ELBO, nats",
)

# %% [markdown]
# *What to look for:* the ELBO left out at least this much, the KL of your guess to the true
# posterior. At β = 10 it is more: the price made the posteriors too wide.

# %% [markdown]
# ## What to take away
#
# - The ELBO is reconstruction minus a price for saying where; β sets the rate of exchange.
# - Too cheap, and the codes leave the prior: senseless samples. Too dear: blur.
# - Sampling works when prior and posteriors cover the same ground.
# - A β is a number *in a convention of reductions*.
#
# Next: **interpolation**.

# %% [markdown]
# ## Before you hand in
#
# The first cell saves the notebook and says what you would lose now. The second makes the zip to
# hand in. (`%run -m utils.report` in a cell makes a report of all notebooks.)

# %%
preflight.check()

# %%
hand_in.submit()
