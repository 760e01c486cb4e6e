"""The training loop of the autoencoder."""

from __future__ import annotations

from autograder.key.kinds.loop import (
    in_eval_mode,
    loop_alike,
    loop_graph,
    loop_list,
    loop_mode,
    loop_named,
    loop_update,
    loop_values,
    training_inputs,
    whole,
)
from autograder.key.question import Check, Question


def train_epoch(model, loader, loss_fn, optimizer):
    """One pass over the loader in train mode; the loss of every batch, a list of floats. As in the
    master.
    """
    model.train()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _loop(
    train="train",
    keep="item",
    clear="before",
    step=True,
    last=None,
    backward=True,
    batches=slice(None),
    retake=False,
    twice=False,
    each=lambda loss, x: loss,
):
    """A `train_epoch` with one of its parts wrong."""

    def mistaken(model, loader, loss_fn, optimizer):
        getattr(model, train)() if train else None
        losses = []
        for x, _ in batches(list(loader)) if callable(batches) else list(loader)[batches]:
            loss = each(loss_fn(model, x), x)
            if clear == "before":
                optimizer.zero_grad()
            if backward:
                loss.backward()
            if clear == "between":
                optimizer.zero_grad()
            if step:
                optimizer.step()
            if twice:
                optimizer.step()
            if retake:
                loss = loss_fn(model, x)
            losses.append(
                {
                    "item": loss.item(),
                    "graph": loss,
                    "tensor": loss.detach(),
                    "sum": loss.item() * len(x),
                }[keep]
            )
        return last(losses) if last else losses

    return mistaken


def _step_at_the_end(model, loader, loss_fn, optimizer):
    model.train()
    losses = [loss_fn(model, x) for x, _ in loader]
    optimizer.zero_grad()
    sum(losses).backward()
    optimizer.step()
    return [loss.item() for loss in losses]


def _step_after_all(model, loader, loss_fn, optimizer):
    model.train()
    optimizer.zero_grad()
    losses = []
    for x, _ in loader:
        loss = loss_fn(model, x)
        loss.backward()
        losses.append(loss.item())
    optimizer.step()
    return losses


def _clear_once(model, loader, loss_fn, optimizer):
    optimizer.zero_grad()
    return _loop(clear="")(model, loader, loss_fn, optimizer)


def _return_in_loop(model, loader, loss_fn, optimizer):
    return _loop(batches=slice(1))(model, loader, loss_fn, optimizer)


QUESTION = Question(
    id="autoencoder.train_epoch",
    points=4,
    probe="autoencoder.training",
    draw=training_inputs,
    reference={"train_epoch": train_epoch},
    checks=(
        Check("list", 0.15, loop_list("floats")),
        Check("losses", 0.2, loop_values),
        Check("graph", 0.1, loop_graph),
        Check("mode", 0.15, loop_mode),
        Check("update", 0.4, loop_update()),
    ),
    alike=loop_alike(1e-3),
    goes_with={"eval-mode": in_eval_mode},
    explain=loop_named,
    mistakes={
        "no-zero-grad": _clear_once,
        "zero-grad-too-late": _loop(clear="between"),
        "no-step": _loop(step=False),
        "no-backward": _loop(backward=False),
        "eval-mode": _loop(train=""),
        "first-batch-only": _return_in_loop,
        "partial-batch-missing": _loop(batches=whole),
        "last-batch-missing": _loop(batches=slice(-1)),
        "first-batch-missing": _loop(batches=slice(1, None)),
        "mean-returned": _loop(last=lambda losses: sum(losses) / len(losses)),
        "sum-returned": _loop(last=sum),
        "last-returned": _loop(last=lambda losses: losses[-1]),
        "mean-returned/2": _loop(last=lambda losses: [sum(losses) / len(losses)]),
        "running-mean": _loop(
            last=lambda losses: [sum(losses[: i + 1]) / (i + 1) for i in range(len(losses))]
        ),
        "running-sum": _loop(
            last=lambda losses: [sum(losses[: i + 1]) for i in range(len(losses))]
        ),
        "divided": _loop(last=lambda losses: [loss / len(losses) for loss in losses]),
        "times-batch-size": _loop(keep="sum"),
        "over-batch-size": _loop(each=lambda loss, x: loss / len(x)),
        "keeps-graph": _loop(keep="graph"),
        "tensors": _loop(keep="tensor"),
        "loss-after-step": _loop(retake=True),
        "two-steps": _loop(twice=True),
        "one-step-an-epoch": _step_at_the_end,
        "one-step-an-epoch/2": _step_after_all,
    },
)
