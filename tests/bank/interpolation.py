"""Answers to `interpolation`: wrong ones and unusual right ones."""

from . import Mutant, Variant

HEAD = """
import math
import random
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
"""

LERP = """
def lerp(z0, z1, steps):
    t = torch.linspace(0, 1, steps).unsqueeze(1)
    return (1 - t) * z0 + t * z1
"""


def _lerp(why, check, mistake, body):
    return Mutant("interpolation.lerp", why, check, mistake, _function("lerp(z0, z1, steps)", body))


def _function(signature, body):
    """A whole file with one function; body: its lines, without their indent."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
    return f"{HEAD}\ndef {signature}:\n{lines}\n"


T = "t = torch.linspace(0, 1, steps).unsqueeze(1)\n"

LERP_MUTANTS = (
    _lerp("t = i / steps: the end is never reached", "ends", "last-missing", """
rows = [z0 + (i / steps) * (z1 - z0) for i in range(steps)]
return torch.stack(rows)"""),
    _lerp("arange with a step stops short", "ends", "last-missing", """
t = torch.arange(0, 1 - 1e-6, 1 / steps)[:steps].view(-1, 1)
return z0 * (1 - t) + z1 * t"""),
    _lerp("starts one step late", "ends", "first-missing", """
return torch.stack([torch.lerp(z0, z1, (i + 1) / steps) for i in range(steps)])"""),
    _lerp("both ends left out", "ends", "ends-missing", """
t = torch.linspace(0, 1, steps + 2)[1:-1].unsqueeze(1)
return (1 - t) * z0 + t * z1"""),
    _lerp("steps counts intervals, not rows", "form", "one-row-too-many", """
t = torch.linspace(0, 1, steps + 1).unsqueeze(1)
return (1 - t) * z0 + t * z1"""),
    _lerp("range(steps - 1)", "form", "one-row-too-few", """
return torch.stack([z0 + (z1 - z0) * i / max(steps - 2, 1) for i in range(steps - 1)])"""),
    _lerp("ends added to steps points between", "form", "two-rows-too-many", """
t = torch.linspace(0, 1, steps + 2).unsqueeze(1)
return z0 + t * (z1 - z0)"""),
    _lerp("t stops at 0.8, as in the handout", "ends", "stops-early", """
t = torch.linspace(0, 0.8, steps).unsqueeze(1)
return (1 - t) * z0 + t * z1"""),
    _lerp("from z1 to z0", "ends", "backwards", T + "return t * z0 + (1 - t) * z1"),
    _lerp("always 11 steps", "form", "steps-ignored", """
t = torch.linspace(0, 1, 11).unsqueeze(1)
return (1 - t) * z0 + t * z1"""),
    _lerp("always 10 steps", "form", "steps-ignored", """
return torch.stack([z0 + i / 9 * (z1 - z0) for i in range(10)])"""),
    _lerp("quadratic in t", "between", "uneven", T + "return (1 - t ** 2) * z0 + t ** 2 * z1"),
    _lerp("eased in and out", "between", "uneven", T + """
s = 0.5 - 0.5 * torch.cos(math.pi * t)
return z0 + s * (z1 - z0)"""),
    _lerp("weights do not add up: z0 stays", "ends", "start-not-faded", T + "return z0 + t * z1"),
    _lerp("both get weight t", "ends", "same-weight", T + "return t * z0 + t * z1"),
    _lerp("subtracts the end", "ends", "end-subtracted", T + "return (1 - t) * z0 - t * z1"),
    _lerp("away from the end", "ends", "end-subtracted", T + "return z0 - t * (z1 - z0)"),
    _lerp("the middle, repeated", "ends", "constant", "return ((z0 + z1) / 2).repeat(steps, 1)"),
    _lerp("z0, repeated", "between", "constant", "return z0.expand(steps, -1)"),
    _lerp("transposed", "form", "transposed", """
t = torch.linspace(0, 1, steps)
return (1 - t) * z0[:, None] + t * z1[:, None]"""),
    _lerp("an axis left over", "form", "shape", """
return torch.stack([(z0 + t * (z1 - z0)).unsqueeze(0) for t in torch.linspace(0, 1, steps)])"""),
    _lerp("cat for stack", "form", "joined", """
return torch.cat([z0 + t * (z1 - z0) for t in torch.linspace(0, 1, steps)])"""),
    _lerp("a list of rows", "form", "no-tensor", """
return [z0 + t * (z1 - z0) for t in torch.linspace(0, 1, steps)]"""),
    _lerp("a numpy array", "form", "no-tensor", "return np.linspace(z0.numpy(), z1.numpy(), steps)"),
    _lerp("returns nothing", "form", "returns-nothing", T + "rows = (1 - t) * z0 + t * z1"),
    _lerp("spherical", "between", "on-the-sphere", T + """
u0, u1 = z0 / z0.norm(), z1 / z1.norm()
a = torch.acos((u0 * u1).sum())
r = (1 - t) * z0.norm() + t * z1.norm()
return r * (torch.sin((1 - t) * a) * u0 + torch.sin(t * a) * u1) / torch.sin(a)"""),
    _lerp("rows scaled to length one", "ends", "unit-length", T + """
z = (1 - t) * z0 + t * z1
return z / z.norm(dim=1, keepdim=True)"""),
    _lerp("walks by adding to z0 in place", "manners", "in-place", """
step, rows = (z1 - z0) / (steps - 1), []
for _ in range(steps):
    rows.append(z0.clone())
    z0 += step
return torch.stack(rows)"""),
    _lerp("appends the same tensor each time", "between", "constant", """
z, rows = z0.clone(), []
for _ in range(steps):
    rows.append(z)
    z += (z1 - z0) / (steps - 1)
return torch.stack(rows)"""),
    _lerp("random t, sorted", "between", "random", """
t = torch.rand(steps).sort().values.unsqueeze(1)
t[0], t[-1] = 0, 1
return (1 - t) * z0 + t * z1"""),
    _lerp("latent size written in", "form", "shapes-unfit", """
rows = torch.zeros(steps, 16)
for i in range(steps):
    rows[i] = z0 + i / (steps - 1) * (z1 - z0)
return rows"""),
)


def _lerp_variant(why, body):
    return Variant("interpolation.lerp", why, _function("lerp(z0, z1, steps)", body))


LERP_VARIANTS = (
    _lerp_variant("torch.lerp", "return torch.lerp(z0, z1, torch.linspace(0, 1, steps)[:, None])"),
    _lerp_variant("a loop and stack", """
return torch.stack([z0 + (z1 - z0) * i / (steps - 1) for i in range(steps)])"""),
    _lerp_variant("outer product", """
t = torch.linspace(0, 1, steps)
return torch.outer(1 - t, z0) + torch.outer(t, z1)"""),
    _lerp_variant("einsum", """
t = torch.linspace(0, 1, steps)
return torch.einsum('s,d->sd', 1 - t, z0) + torch.einsum('s,d->sd', t, z1)"""),
    _lerp_variant("matrix product", """
t = torch.linspace(0, 1, steps)
return torch.stack([1 - t, t], dim=1) @ torch.stack([z0, z1])"""),
    _lerp_variant("numpy inside, double precision", """
t = np.linspace(0, 1, steps)[:, None]
return torch.from_numpy((1 - t) * z0.detach().numpy() + t * z1.detach().numpy()).float()"""),
    _lerp_variant("double precision out", """
t = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
return z0 + t * (z1 - z0)"""),
    _lerp_variant("F.interpolate along the steps", """
both = torch.stack([z0, z1], dim=-1)[None]
return F.interpolate(both, size=steps, mode='linear', align_corners=True)[0].T"""),
    _lerp_variant("prints and fills an empty tensor", """
rows = torch.empty(steps, *z0.shape)
for i in range(steps):
    t = i / (steps - 1)
    print('step', i, t)
    rows[i] = (1 - t) * z0 + t * z1
return rows"""),
    _lerp_variant("accumulates a clone", """
z, rows = z0.clone(), [z0]
for _ in range(steps - 2):
    z = z + (z1 - z0) / (steps - 1)
    rows.append(z)
return torch.stack(rows + [z1])"""),
)


# -- interpolate ----------------------------------------------------------------------------------

SIGNATURE = "interpolate(encode, decode, x0, x1, steps)"


def _images(why, check, mistake, body, lerp=LERP):
    source = _function(SIGNATURE, body) + lerp
    return Mutant("interpolation.interpolate", why, check, mistake, source)


def _images_variant(why, body, lerp=LERP):
    source = _function(SIGNATURE, body).replace("\ndef ", "\n@torch.no_grad()\ndef ", 1)
    return Variant("interpolation.interpolate", why, source + lerp)


ENDS = "z0, z1 = encode(x0)[0], encode(x1)[0]\n"

IMAGES_MUTANTS = (
    _images("logits returned", "images", "no-sigmoid", ENDS + "return decode(lerp(z0, z1, steps))"),
    _images("sigmoid twice", "images", "sigmoid-twice", ENDS + """
return torch.sigmoid(torch.sigmoid(decode(lerp(z0, z1, steps))))"""),
    _images("clamp for sigmoid", "images", "logits-clamped", ENDS + """
return torch.clamp(decode(lerp(z0, z1, steps)), 0, 1)"""),
    _images("tanh for sigmoid", "images", "tanh-for-sigmoid", ENDS + "return torch.tanh(decode(lerp(z0, z1, steps)))"),
    _images("shifted tanh", "images", "tanh-for-sigmoid", ENDS + "return decode(lerp(z0, z1, steps)).tanh() / 2 + 0.5"),
    _images("stretched to [0, 1]", "images", "logits-stretched", ENDS + """
x = decode(lerp(z0, z1, steps))
return (x - x.min()) / (x.max() - x.min())"""),
    _images("black and white", "images", "thresholded", ENDS + """
return (decode(lerp(z0, z1, steps)) > 0).float()"""),
    _images("mixes pixels", "path", "pixels-mixed", """
t = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
return (1 - t) * x0 + t * x1"""),
    _images("mixes pixels, then encodes and decodes", "path", "pixels-then-model", """
t = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
return torch.sigmoid(decode(encode((1 - t) * x0 + t * x1)))"""),
    _images("mixes reconstructions", "path", "reconstructions-mixed", """
a, b = torch.sigmoid(decode(encode(x0))), torch.sigmoid(decode(encode(x1)))
t = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
return (1 - t) * a + t * b"""),
    _images("mixes logits", "path", "reconstructions-mixed", """
a, b = decode(encode(x0)), decode(encode(x1))
t = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
return torch.sigmoid((1 - t) * a + t * b)"""),
    _images("originals at the ends", "ends", "originals-at-the-ends", ENDS + """
images = torch.sigmoid(decode(lerp(z0, z1, steps)[1:-1]))
return torch.cat([x0.view(1, 1, 28, 28), images, x1.view(1, 1, 28, 28)])"""),
    _images("x0 twice", "ends", "one-image-only", """
z0, z1 = encode(x0)[0], encode(x0)[0]
return torch.sigmoid(decode(lerp(z0, z1, steps)))"""),
    _images("reversed", "ends", "backwards", ENDS + "return torch.sigmoid(decode(lerp(z1, z0, steps)))"),
    _images("own t, stops short", "ends", "last-missing", ENDS + """
return torch.cat([torch.sigmoid(decode((z0 + i / steps * (z1 - z0))[None])) for i in range(steps)])"""),
    _images("own t, uneven", "path", "uneven", ENDS + """
t = torch.linspace(0, 1, steps).unsqueeze(1) ** 2
return torch.sigmoid(decode((1 - t) * z0 + t * z1))"""),
    _images("channel axis lost", "form", "no-channel", ENDS + """
return torch.sigmoid(decode(lerp(z0, z1, steps))).squeeze()"""),
    _images("stacked with an axis too many", "form", "shape", ENDS + """
return torch.stack([torch.sigmoid(decode(z[None])) for z in lerp(z0, z1, steps)])"""),
    _images("flattened", "form", "flattened", ENDS + """
return torch.sigmoid(decode(lerp(z0, z1, steps))).view(steps, -1)"""),
    _images("always 11", "form", "steps-ignored", ENDS + "return torch.sigmoid(decode(lerp(z0, z1, 11)))"),
    _images("a list of images", "form", "no-tensor", ENDS + """
return [torch.sigmoid(decode(z[None]))[0] for z in lerp(z0, z1, steps)]"""),
    _images("spherical walk", "path", "on-the-sphere", ENDS + """
a = torch.acos(F.cosine_similarity(z0, z1, dim=0))
t = torch.linspace(0, 1, steps).unsqueeze(1)
u = (torch.sin((1 - t) * a) * z0 / z0.norm() + torch.sin(t * a) * z1 / z1.norm()) / torch.sin(a)
return torch.sigmoid(decode(u * ((1 - t) * z0.norm() + t * z1.norm())))"""),
    _images("with the graph", "gradient", "keeps-graph", ENDS + "return torch.sigmoid(decode(lerp(z0, z1, steps)))"),
    _images("decodes columns for rows", "form", "shapes-unfit", ENDS + """
with torch.no_grad():
    return torch.cat([torch.sigmoid(decode(z.unsqueeze(1))) for z in lerp(z0, z1, steps)])"""),
    _images("returns nothing", "form", "returns-nothing", ENDS + "torch.sigmoid(decode(lerp(z0, z1, steps)))"),
    _images("inverts the image in place", "manners", "in-place", ENDS + """
x0.zero_()
return torch.sigmoid(decode(lerp(z0, z1, steps)))"""),
    _images("a noisy latent", "path", "random", ENDS + """
z = lerp(z0, z1, steps)
z = z + 0.3 * torch.randn_like(z)
return torch.sigmoid(decode(z))"""),
    _images("encodes the images with noise on them", "path", "random", """
z0, z1 = encode(x0 + 0.2 * torch.randn_like(x0))[0], encode(x1 + 0.2 * torch.randn_like(x1))[0]
return torch.sigmoid(decode(lerp(z0, z1, steps)))"""),
)

IMAGES_VARIANTS = (
    _images_variant("one batch, no_grad", """
with torch.no_grad():
    z = encode(torch.cat([x0, x1]))
    return decode(lerp(z[0], z[1], steps)).sigmoid()"""),
    _images_variant("decodes in a loop", """
z0, z1 = encode(x0)[0], encode(x1)[0]
return torch.cat([torch.sigmoid(decode(z.unsqueeze(0))) for z in lerp(z0, z1, steps)])"""),
    _images_variant("does not use lerp", """
z0, z1 = encode(x0), encode(x1)
t = torch.linspace(0, 1, steps).view(-1, 1)
return torch.sigmoid(decode(z0 + t * (z1 - z0)))"""),
    _images_variant("expects images without a batch axis", """
z = encode(torch.stack([x0, x1]))
return torch.sigmoid(decode(lerp(z[0], z[1], steps)))"""),
    _images_variant("takes images of any shape", """
z = encode(torch.cat([x.reshape(-1, 1, 28, 28) for x in (x0, x1)]))
return torch.sigmoid(decode(lerp(*z, steps)))"""),
    _images_variant("a hand-written sigmoid, in double", """
z0, z1 = encode(x0).squeeze(0), encode(x1).squeeze(0)
logits = decode(lerp(z0, z1, steps)).double()
return (1 / (1 + torch.exp(-logits))).float()"""),
    _images_variant("decodes in pieces of four", """
z = lerp(encode(x0)[0], encode(x1)[0], steps)
return torch.cat([torch.sigmoid(decode(part)) for part in z.split(4)]).clamp(0, 1)"""),
    _images_variant("builds on a broken lerp: the reference stands in", """
z = lerp(encode(x0)[0], encode(x1)[0], steps)
return torch.sigmoid(decode(z))""",
        "\ndef lerp(z0, z1, steps):\n    return torch.stack([z0 + i / steps * (z1 - z0) for i in range(steps)])\n"),
    _images_variant("hands lerp rows with a batch axis", """
z = lerp(encode(x0), encode(x1), steps)
return torch.sigmoid(decode(z))"""),
)


# -- linear_probe ---------------------------------------------------------------------------------

PROBE = "linear_probe(z_train, y_train, z_test, y_test)"


def _probe(why, check, mistake, body):
    return Mutant("interpolation.linear_probe", why, check, mistake, _function(PROBE, body))


def _probe_variant(why, body):
    return Variant("interpolation.linear_probe", why, _function(PROBE, body))


FIT = """
from sklearn.linear_model import LogisticRegression
model = LogisticRegression(max_iter=2000)
"""
LOOP = """
layer = nn.Linear(z_train.shape[1], 10)
optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
for _ in range(150):
    optimizer.zero_grad()
    F.cross_entropy(layer(z_train), y_train).backward()
    optimizer.step()
"""

PROBE_MUTANTS = (
    _probe("scores the training part", "accuracy", "scored-on-train", FIT + """
model.fit(z_train, y_train)
return model.score(z_train, y_train)"""),
    _probe("fits the test part", "accuracy", "fitted-on-test", FIT + """
model.fit(z_test, y_test)
return model.score(z_test, y_test)"""),
    _probe("fits both parts", "accuracy", "fitted-on-test", FIT + """
model.fit(torch.cat([z_train, z_test]), torch.cat([y_train, y_test]))
return model.score(z_test, y_test)"""),
    _probe("nearest neighbours", "accuracy", "not-linear", """
from sklearn.neighbors import KNeighborsClassifier
return KNeighborsClassifier(5).fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("nearest neighbour by hand", "accuracy", "not-linear", """
nearest = torch.cdist(z_test, z_train).argmin(dim=1)
return (y_train[nearest] == y_test).float().mean().item()"""),
    _probe("a hidden layer", "accuracy", "not-linear", """
net = nn.Sequential(nn.Linear(z_train.shape[1], 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(300):
    optimizer.zero_grad()
    F.cross_entropy(net(z_train), y_train).backward()
    optimizer.step()
return (net(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe("a kernel machine", "accuracy", "not-linear", """
from sklearn.svm import SVC
return SVC().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("a random forest", "accuracy", "not-linear", """
from sklearn.ensemble import RandomForestClassifier
return RandomForestClassifier(50).fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("returns the error rate", "accuracy", "error-rate", FIT + """
model.fit(z_train, y_train)
return 1 - model.score(z_test, y_test)"""),
    _probe("returns per cent", "form", "percent", FIT + """
model.fit(z_train, y_train)
return 100 * model.score(z_test, y_test)"""),
    _probe("returns a count", "form", "count", LOOP + """
return (layer(z_test).argmax(1) == y_test).sum().item()"""),
    _probe("returns one value an image", "form", "not-averaged", LOOP + """
return (layer(z_test).argmax(1) == y_test).float()"""),
    _probe("returns the loss", "form", None, LOOP + """
return F.cross_entropy(layer(z_test), y_test).item()"""),
    _probe("never trained", "learns", "guessing", """
layer = nn.Linear(z_train.shape[1], 10)
return (layer(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe("optimiser without a step", "learns", "guessing", """
layer = nn.Linear(z_train.shape[1], 10)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(50):
    optimizer.zero_grad()
    F.cross_entropy(layer(z_train), y_train).backward()
return (layer(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe("labels shuffled", "learns", "guessing", FIT + """
model.fit(z_train, y_train[torch.randperm(len(y_train))])
return model.score(z_test, y_test)"""),
    _probe("loss turned round", "learns", "guessing", """
layer = nn.Linear(z_train.shape[1], 10)
optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
for _ in range(100):
    optimizer.zero_grad()
    (-F.cross_entropy(layer(z_train), y_train)).backward()
    optimizer.step()
return (layer(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe("takes the lowest score", "learns", "guessing", LOOP + """
return (layer(z_test).argmin(1) == y_test).float().mean().item()"""),
    _probe("always the most frequent class", "learns", "guessing", """
return (y_test == y_train.mode().values).float().mean().item()"""),
    _probe("regresses onto the label as a number", "learns", "guessing", """
from sklearn.linear_model import LinearRegression
guess = LinearRegression().fit(z_train, y_train).predict(z_test)
return float((guess.round() == y_test.numpy()).mean())"""),
    _probe("size of the latents written in", "form", "shapes-unfit", """
layer = nn.Linear(12, 10)
optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
for _ in range(150):
    optimizer.zero_grad()
    F.cross_entropy(layer(z_train), y_train).backward()
    optimizer.step()
return (layer(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe("standardises in place", "manners", "in-place", """
mean, std = z_train.mean(0), z_train.std(0)
z_train.sub_(mean).div_(std)
z_test.sub_(mean).div_(std)
""" + FIT + "return model.fit(z_train, y_train).score(z_test, y_test)"),
    _probe("quadratic discriminant", "accuracy", "not-linear", """
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
return QuadraticDiscriminantAnalysis().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("naive Bayes", "accuracy", "not-linear", """
from sklearn.naive_bayes import GaussianNB
return GaussianNB().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("products of latents", "accuracy", "not-linear", """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.linear_model import LogisticRegression
model = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=300))
return model.fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("each part standardised by itself", "accuracy", "scaled-apart", FIT + """
z_train, z_test = ((z - z.mean(0)) / z.std(0) for z in (z_train, z_test))
return model.fit(z_train, y_train).score(z_test, y_test)"""),
    _probe("returns nothing", "form", "returns-nothing", FIT + "model.fit(z_train, y_train)"),
)

PROBE_VARIANTS = (
    _probe_variant("logistic regression", FIT + "return model.fit(z_train, y_train).score(z_test, y_test)"),
    _probe_variant("nearly unregularised", """
from sklearn.linear_model import LogisticRegression
model = LogisticRegression(C=1e4, max_iter=5000).fit(z_train.numpy(), y_train.numpy())
return float((model.predict(z_test.numpy()) == y_test.numpy()).mean())"""),
    _probe_variant("strongly regularised, standardised", """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
return model.fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("linear SVM", """
from sklearn.svm import LinearSVC
return LinearSVC().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("SVC with a linear kernel", """
from sklearn.svm import SVC
return SVC(kernel='linear').fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("ridge", """
from sklearn.linear_model import RidgeClassifier
return RidgeClassifier().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("linear discriminant analysis", """
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
return LinearDiscriminantAnalysis().fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("SGD classifier", """
from sklearn.linear_model import SGDClassifier
return SGDClassifier(loss='log_loss').fit(z_train, y_train).score(z_test, y_test)"""),
    _probe_variant("least squares, no bias", """
target = F.one_hot(y_train, 10).float()
weights = torch.linalg.lstsq(z_train, target).solution
return (z_test.matmul(weights).argmax(1) == y_test).double().mean().item()"""),
    _probe_variant("Adam, full batch", LOOP + """
with torch.no_grad():
    return (layer(z_test).argmax(1) == y_test).float().mean().item()"""),
    _probe_variant("SGD in mini-batches", """
layer = nn.Linear(z_train.shape[1], int(y_train.max()) + 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for epoch in range(10):
    order = torch.randperm(len(z_train))
    for start in range(0, len(order), 64):
        index = order[start:start + 64]
        loss = F.cross_entropy(layer(z_train[index]), y_train[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
return (layer(z_test).argmax(1) == y_test).float().mean()"""),
    _probe_variant("LBFGS with weight decay by hand", """
w = torch.zeros(z_train.shape[1], 10, requires_grad=True)
b = torch.zeros(10, requires_grad=True)
optimizer = torch.optim.LBFGS([w, b], max_iter=100)
def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(z_train @ w + b, y_train) + 1e-3 * (w ** 2).sum()
    loss.backward()
    return loss
optimizer.step(closure)
return ((z_test @ w + b).argmax(1) == y_test).float().mean().item()"""),
)


# -- slerp ----------------------------------------------------------------------------------------

SLERP = "slerp(z0, z1, steps)"


def _slerp(why, check, mistake, body):
    return Mutant("interpolation.slerp", why, check, mistake, _function(SLERP, body) + LERP)


def _slerp_variant(why, body, lerp=LERP):
    return Variant("interpolation.slerp", why, _function(SLERP, body) + lerp)


ANGLE = """
n0, n1 = z0.norm(), z1.norm()
u0, u1 = z0 / n0, z1 / n1
a = torch.acos(torch.clamp(torch.dot(u0, u1), -1, 1))
if a.sin() < 1e-5:
    return lerp(z0, z1, steps)
t = torch.linspace(0, 1, steps).unsqueeze(1)
"""
TURN = "u = (torch.sin((1 - t) * a) * u0 + torch.sin(t * a) * u1) / torch.sin(a)\n"

SLERP_MUTANTS = (
    _slerp("straight after all", "angles", "straight", "return lerp(z0, z1, steps)"),
    _slerp("the straight walk, scaled to the sphere", "angles", "chord", ANGLE + """
z = (1 - t) * z0 + t * z1
return z / z.norm(dim=1, keepdim=True) * ((1 - t) * n0 + t * n1)"""),
    _slerp("turns the latents themselves", "unequal", "lengths-not-separate", ANGLE + """
return (torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1) / torch.sin(a)"""),
    _slerp("rows of length one", "ends", "unit-length", ANGLE + TURN + "return u"),
    _slerp("not divided by the sine", "ends", "not-divided", ANGLE + """
return torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1"""),
    _slerp("angle from the raw product", "angles", "raw-angle", """
a = torch.acos(torch.clamp(torch.dot(z0, z1), -1, 1))
if a.sin() < 1e-5:
    return lerp(z0, z1, steps)
t = torch.linspace(0, 1, steps).unsqueeze(1)
return (torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1) / torch.sin(a)"""),
    _slerp("other way round", "ends", "backwards", ANGLE + TURN + """
return (u * ((1 - t) * n0 + t * n1)).flip(0)"""),
    _slerp("no fallback: NaN at angle 0", "fallback", "no-fallback", """
n0, n1 = z0.norm(), z1.norm()
a = torch.acos(torch.clamp(torch.dot(z0, z1) / (n0 * n1), -1, 1))
t = torch.linspace(0, 1, steps).unsqueeze(1)
u = (torch.sin((1 - t) * a) * z0 / n0 + torch.sin(t * a) * z1 / n1) / torch.sin(a)
return torch.nan_to_num(u, nan=float('nan')) * ((1 - t) * n0 + t * n1) if a > 1e-3 else u * float('nan')"""),
    _slerp("a cosine that is not clamped", "fallback", "not-clamped", """
n0, n1 = z0.norm(), z1.norm()
u0, u1 = z0 / n0, z1 / n1
a = torch.acos(torch.dot(u0, u1))
if a.sin().abs() < 1e-5:
    return lerp(z0, z1, steps)
t = torch.linspace(0, 1, steps).unsqueeze(1)
""" + TURN + "return u * ((1 - t) * n0 + t * n1)"),
    _slerp("falls back to z0 alone", "fallback", "no-fallback", """
if torch.dot(z0, z1) / (z0.norm() * z1.norm()) > 1 - 1e-6:
    return z0.expand(steps, -1)
""" + ANGLE + TURN + "return u * ((1 - t) * n0 + t * n1)"),
    _slerp("stops one step short", "ends", "last-missing", ANGLE + """
t = torch.arange(steps).unsqueeze(1) / steps
""" + TURN + "return u * ((1 - t) * n0 + t * n1)"),
    _slerp("one row too many", "form", "one-row-too-many", ANGLE + """
t = torch.linspace(0, 1, steps + 1).unsqueeze(1)
return (torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1) / torch.sin(a)"""),
    _slerp("angle in degrees", "angles", "in-degrees", ANGLE + """
a = a * 180 / math.pi
return (torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1) / torch.sin(a)"""),
    _slerp("weights of a quarter circle", "angles", "sphere-of-weights", ANGLE + """
return torch.cos(t * math.pi / 2) * z0 + torch.sin(t * math.pi / 2) * z1"""),
    _slerp("a list of rows", "form", "no-tensor", ANGLE + TURN + "return list(u * ((1 - t) * n0 + t * n1))"),
    _slerp("always 10 rows", "form", "steps-ignored", ANGLE + """
t = torch.linspace(0, 1, 10).unsqueeze(1)
""" + TURN + "return u * ((1 - t) * n0 + t * n1)"),
    _slerp("normalises its arguments in place", "manners", "in-place", """
n0, n1 = z0.norm().clone(), z1.norm().clone()
same = torch.allclose(z0 / n0, z1 / n1, atol=1e-5)
t = torch.linspace(0, 1, steps).unsqueeze(1)
if same:
    return lerp(z0, z1, steps)
z0.div_(n0)
if z1 is not z0:
    z1.div_(n1)
a = torch.acos(torch.clamp(torch.dot(z0, z1), -1, 1))
u = (torch.sin((1 - t) * a) * z0 + torch.sin(t * a) * z1) / torch.sin(a)
return u * ((1 - t) * n0 + t * n1)"""),
)

SLERP_VARIANTS = (
    _slerp_variant("lengths change evenly", ANGLE + TURN + "return u * ((1 - t) * n0 + t * n1)"),
    _slerp_variant("lengths change geometrically", ANGLE + TURN + "return u * n0 ** (1 - t) * n1 ** t"),
    _slerp_variant("an orthogonal companion, cosine and sine", ANGLE + """
side = u1 - torch.dot(u0, u1) * u0
side = side / side.norm()
return (torch.cos(t * a) * u0 + torch.sin(t * a) * side) * torch.lerp(n0, n1, t)"""),
    _slerp_variant("in numpy, double precision", """
a, b = z0.double().numpy(), z1.double().numpy()
na, nb = np.linalg.norm(a), np.linalg.norm(b)
omega = np.arccos(np.clip(a @ b / (na * nb), -1, 1))
t = np.linspace(0, 1, steps)[:, None]
if np.sin(omega) < 1e-3:
    return torch.tensor((1 - t) * a + t * b).float()
u = (np.sin((1 - t) * omega) * a / na + np.sin(t * omega) * b / nb) / np.sin(omega)
return torch.from_numpy(u * ((1 - t) * na + t * nb)).float()"""),
    _slerp_variant("row by row, angle through atan2", """
u0, u1 = F.normalize(z0, dim=0), F.normalize(z1, dim=0)
a = 2 * torch.atan2((u0 - u1).norm(), (u0 + u1).norm())
rows = []
for i in range(steps):
    t = i / (steps - 1)
    r = (1 - t) * z0.norm() + t * z1.norm()
    if a < 1e-4:
        rows.append((1 - t) * z0 + t * z1)
    else:
        rows.append(r * (torch.sin((1 - t) * a) * u0 + torch.sin(t * a) * u1) / torch.sin(a))
return torch.stack(rows)"""),
    _slerp_variant("builds on a broken lerp: the reference stands in", ANGLE + TURN + """
return u * ((1 - t) * n0 + t * n1)""", "\ndef lerp(z0, z1, steps):\n    return z0.expand(steps, -1)\n"),
)

MUTANTS = (*LERP_MUTANTS, *IMAGES_MUTANTS, *PROBE_MUTANTS, *SLERP_MUTANTS)
VARIANTS = (*LERP_VARIANTS, *IMAGES_VARIANTS, *PROBE_VARIANTS, *SLERP_VARIANTS)
