"""Answers to `train_epoch`."""

from .. import Mutant, Variant, edited
from .common import HEAD

LOOP = (
    HEAD
    + """
def train_epoch(model, loader, loss_fn, optimizer):
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model, x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
"""
)


def _loop(why, check, mistake, *pairs):
    return Mutant("autoencoder.train_epoch", why, check, mistake, edited(LOOP, *pairs))


LOOP_MUTANTS = (
    _loop("no zero_grad", "update", "no-zero-grad", ("        optimizer.zero_grad()\n", "")),
    _loop(
        "zero_grad before the loop",
        "update",
        "no-zero-grad",
        ("        optimizer.zero_grad()\n", ""),
        ("    losses = []\n", "    losses = []\n    optimizer.zero_grad()\n"),
    ),
    _loop(
        "zero_grad after backward",
        "update",
        "zero-grad-too-late",
        ("        optimizer.zero_grad()\n", ""),
        ("loss.backward()\n", "loss.backward()\n        optimizer.zero_grad()\n"),
    ),
    _loop("no step", "update", "no-step", ("        optimizer.step()\n", "")),
    _loop("no backward", "update", "no-backward", ("        loss.backward()\n", "")),
    _loop(
        "a step for the epoch",
        "update",
        "one-step-an-epoch",
        ("        optimizer.zero_grad()\n", ""),
        ("        optimizer.step()\n", ""),
        ("loss.backward()", "(loss).backward()"),
        ("    return losses", "    optimizer.step()\n    return losses"),
    ),
    _loop(
        "two steps",
        "update",
        "two-steps",
        ("optimizer.step()\n", "optimizer.step()\n        optimizer.step()\n"),
    ),
    _loop("eval mode", "mode", "eval-mode", ("model.train()", "model.eval()")),
    _loop("mode forgotten", "mode", "eval-mode", ("    model.train()\n", "")),
    _loop(
        "divided by the batch size once more",
        "update",
        "over-batch-size",
        ("loss_fn(model, x)", "loss_fn(model, x) / len(x)"),
    ),
    _loop(
        "return in the loop",
        "update",
        "first-batch-only",
        ("    return losses", "        return losses"),
    ),
    _loop(
        "break in the loop",
        "update",
        "first-batch-only",
        ("losses.append(loss.item())", "losses.append(loss.item())\n        break"),
    ),
    _loop(
        "last batch left out",
        "update",
        "last-batch-missing",
        ("in loader:", "in list(loader)[:-1]:"),
    ),
    _loop(
        "first batch left out",
        "update",
        "first-batch-missing",
        ("in loader:", "in list(loader)[1:]:"),
    ),
    _loop(
        "returns the mean",
        "list",
        "mean-returned",
        ("return losses", "return sum(losses) / len(losses)"),
    ),
    _loop(
        "returns numpy's mean", "list", "mean-returned", ("return losses", "return np.mean(losses)")
    ),
    _loop("returns the sum", "list", "sum-returned", ("return losses", "return sum(losses)")),
    _loop("returns the last", "list", "last-returned", ("return losses", "return losses[-1]")),
    _loop(
        "running mean",
        "losses",
        "running-mean",
        ("return losses", "return [float(np.mean(losses[: i + 1])) for i in range(len(losses))]"),
    ),
    _loop(
        "times the batch size",
        "losses",
        "times-batch-size",
        ("loss.item()", "loss.item() * len(x)"),
    ),
    _loop(
        "divided by the number of batches",
        "losses",
        "divided",
        ("loss.item()", "loss.item() / len(loader)"),
    ),
    _loop("keeps the graph", "graph", "keeps-graph", ("loss.item()", "loss")),
    _loop("keeps tensors", "list", "tensors", ("loss.item()", "loss.detach()")),
    _loop(
        "loss after the step",
        "losses",
        "loss-after-step",
        ("loss.item()", "loss_fn(model, x).item()"),
    ),
    _loop("no return", "list", "returns-nothing", ("    return losses\n", "")),
    _loop(
        "learns from the labels",
        "update",
        None,
        ("loss_fn(model, x)", "loss_fn(model, x * 0 + y.view(-1, 1, 1, 1))"),
    ),
)

LOOP_VARIANTS = tuple(
    Variant("autoencoder.train_epoch", why, edited(LOOP, *pairs))
    for why, pairs in (
        ("plain", ()),
        (
            "zero_grad after the step",
            (
                ("        optimizer.zero_grad()\n", ""),
                ("optimizer.step()\n", "optimizer.step()\n        optimizer.zero_grad()\n"),
            ),
        ),
        ("model.zero_grad", (("optimizer.zero_grad()", "model.zero_grad(set_to_none=False)"),)),
        (
            "gradients set to None by hand",
            (
                (
                    "optimizer.zero_grad()",
                    "\n        for p in model.parameters():\n            p.grad = None",
                ),
            ),
        ),
        (
            "tqdm and prints",
            (
                (
                    "for x, y in loader:",
                    "from tqdm import tqdm\n    for i, (x, y) in "
                    "enumerate(tqdm(loader)):\n        print(i)",
                ),
            ),
        ),
        (
            "float and device",
            (
                ("losses.append(loss.item())", "losses.append(float(loss.detach().cpu()))"),
                (
                    "        optimizer.zero_grad()",
                    "        x = x.to(next(model.parameters()).device)\n"
                    "        optimizer.zero_grad()",
                ),
            ),
        ),
        ("batch by name", (("for x, y in loader:", "for batch in loader:\n        x = batch[0]"),)),
        (
            "other argument names",
            (
                (
                    "model, loader, loss_fn, optimizer):",
                    "net, data, criterion, opt):\n"
                    "    model, loader, loss_fn, optimizer = net, data, criterion, opt",
                ),
            ),
        ),
        (
            "train called in the loop",
            (
                ("    model.train()\n", ""),
                (
                    "        optimizer.zero_grad()",
                    "        model.train()\n        optimizer.zero_grad()",
                ),
            ),
        ),
    )
)
