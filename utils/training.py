"""Runs: the epochs of a training, with progress, curves and saving; the loop body is the student's.

    run = training.Run("beta-0", model, optimizer, {"beta": 0.0, "nz": 16}, loader=train_loader)
    for epoch in run.epochs(10):
        ...
        run.log(reconstruction=..., kl=...)

Every epoch is saved under runs/NAME. An interrupted run goes on where it stopped, to the same
result as without the interruption; a finished one is loaded instead of trained a second time.
"""

import ast
import hashlib
import inspect
import json
import math
import random
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from utils import autograding, graph, runs, shell


class TrainingError(runs.RunError):
    """A training cannot start or go on; the message says why and what to do."""


class Interrupted(KeyboardInterrupt):
    """The student pressed the stop button; what was saved stays."""

    def _render_traceback_(self):
        return ["Interrupted."]


def device():
    """The fastest device of this machine: cuda, mps or cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Run:
    """One training of one model, saved under FOLDER/NAME.

    `settings` are the numbers and words that define the run; a function among them, such as the
    loss, stands for what its code does: comments and docstrings may change. `optimizer` may be a
    list of optimizers. With `scheduler` and `loader` (a utils.data.Loader) their position is saved
    too, so that a resumed run equals an uninterrupted one. `fresh=True` forgets what is saved and
    trains again.

    Raises TrainingError when the folder holds a run made from other settings or another model.
    """

    _stopped = None  # the run whose loop body was left early, until that has been explained

    def __init__(
        self,
        name,
        model,
        optimizer=None,
        settings=None,
        *,
        scheduler=None,
        loader=None,
        folder="runs",
        fresh=False,
    ):
        if not name or Path(name).name != name:
            raise TrainingError(f"'{name}' cannot be a folder's name; use letters, digits and -")
        model = getattr(model, "_orig_mod", model)  # torch.compile's wrapper renames the weights
        self.name, self.model, self.folder = name, model, Path(folder) / name
        self.finished = 0  # epochs
        self._parts = {"optimizer": _several(optimizer), "scheduler": _several(scheduler)}
        self._loaders = [loader] if loader is not None else []
        self._rows, self._row = [], {}  # {name: number} of the finished epochs; of the current one
        self._fresh, self._opened, self._last, self._failed = fresh, False, False, False
        self._call = _call_of(sys._getframe(1))
        self._before = {  # how version 1.0 wrote down the functions: by their whole source
            key: f"{value.__name__} (code {_hash(_source(value))})"
            for key, value in (settings or {}).items()
            if callable(value) and hasattr(value, "__name__")
        }
        self._identity = {
            "settings": {key: _plain(key, value) for key, value in (settings or {}).items()},
            "optimizer": [_describe(part, part.defaults) for part in self._parts["optimizer"]],
            "scheduler": [_describe(part, part.state_dict()) for part in self._parts["scheduler"]],
            "loader": [
                f"{len(part.images):,} images in batches of {part.batch_size}"
                for part in self._loaders
            ],
        }
        if autograding():  # nothing is resumed; a finished notebook would keep them all in memory
            self._parts = {key: [] for key in self._parts}
        else:
            self._trace()
            if not fresh and (self.folder / "run.json").exists():
                self._compare()
            _explain_in_notebooks()

    @property
    def _resume_file(self):
        return self.folder / "resume.safetensors"

    @property
    def settings(self):
        return self._identity["settings"]

    @property
    def curves(self):
        """{name: one float an epoch}, as logged; the current epoch's as soon as it is logged."""
        rows = self._rows + ([self._row] if self._row else [])
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name, math.nan) for row in rows] for name in names}

    def epochs(self, count):
        """Yields the numbers of the epochs that are still to be trained, 1 … count.

        After each epoch the run is saved. One epoch, and no file, while nbgrader grades.
        """
        if autograding():
            yield from range(1, min(count, 1) + 1)
            self.model.zero_grad()
            return
        self._open(count)
        if self.finished >= count:
            return
        bar = tqdm(
            total=count,
            initial=self.finished,
            desc=self.name,
            unit="epoch",
            file=sys.stdout,
            bar_format="{desc}: {n_fmt}/{total_fmt} |{bar:20}| {elapsed}<{remaining}{postfix}",
        )
        if self.finished == 0:
            self._save_state()  # so that a run stopped in epoch 1 starts from the same weights
        try:
            while self.finished < count:
                self._row, self._last = {}, False
                yield self.finished + 1
                numbers = ", ".join(f"{name} {value:.4g}" for name, value in self._row.items())
                self._rows, self._row = [*self._rows, self._row], {}
                self.finished += 1
                count = self.finished if self._last else count
                self._save(count)
                bar.set_postfix_str(numbers, refresh=False)
                bar.update()
            self.model.zero_grad()  # they are as large as the model, and nobody needs them now
        except GeneratorExit:  # the loop body was left by an exception or a break
            bar.close()
            self._opened, self._row, Run._stopped = False, {}, self
            if not self._failed:
                done = f"{_epochs(self.finished)} saved in {self.folder}. "
                print(
                    f"{self.name}: stopped in epoch {self.finished + 1} of {count}. "
                    f"{done if self.finished else ''}To go on, run the cell again."
                )
            raise
        finally:
            bar.close()

    def log(self, **values):
        """Notes numbers for the current epoch, such as mean losses.

        Raises TrainingError, which ends the training, when one of them is NaN or infinite.
        """
        values = {name: float(value) for name, value in values.items()}
        if bad := [name for name, value in values.items() if not math.isfinite(value)]:
            self._failed = True
            raise TrainingError(self._not_finite(bad, values))
        self._row.update(values)

    def stop(self):
        """Makes the current epoch the last one (early stopping)."""
        self._last = True

    # -- saving and resuming ----------------------------------------------------------------------

    def _trace(self):
        settings = self._identity["settings"]
        try:
            self._graph, self._no_graph = graph.trace(self.model, settings.get("nz")), None
        except graph.Untraceable as error:
            self._graph, self._no_graph = None, str(error)

    def _save(self, epochs):
        info = self._identity | {"epochs": epochs, "finished": self.finished}
        info |= {"torch": torch.__version__}
        if self._no_graph:
            info["no_graph"] = self._no_graph
        try:
            if self.finished < epochs:
                self._save_state()  # first, and in one file: this is what a resumed run reads
            runs.write(self.folder, self.model.state_dict(), self.curves, info, self._graph)
            if self.finished >= epochs:
                self._resume_file.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def _save_state(self):
        state = {
            "identity": self._identity,
            "finished": self.finished,
            "rows": self._rows,
            "model": dict(self.model.state_dict()),
            "parts": {key: [p.state_dict() for p in parts] for key, parts in self._parts.items()},
            "loaders": [loader.epoch for loader in self._loaders],
            "random": _random_state(),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            runs.write_state(self._resume_file, state)
        except OSError as error:
            raise self._unwritable(error) from None
        except TypeError as error:
            raise TrainingError(f"the optimizer's or scheduler's state: {error}") from None

    def _open(self, count):
        """Takes up what is saved, once; later calls go on from what is in memory."""
        if self._opened:
            return
        if self._fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._fresh = False
        try:
            if self._resume_file.exists():
                self._resume(count)
            elif (self.folder / "run.json").exists():
                self._load(count)
        except runs.RunError as error:
            raise self._unusable(error) from None
        self._opened = True

    def _resume(self, count):
        state = runs.read_state(self._resume_file)
        self._modernise(state["identity"])
        same = state["identity"] == self._identity
        same &= _shapes(state["model"]) == _shapes(self.model.state_dict())
        if state["finished"] == 0 and not same:
            return  # nothing was trained, so nothing is lost
        self.model.load_state_dict(state["model"])
        for key, parts in self._parts.items():
            for part, saved in zip(parts, state["parts"][key], strict=True):
                part.load_state_dict(saved)
        for loader, epoch in zip(self._loaders, state["loaders"], strict=False):
            loader.epoch = epoch
        _set_random_state(state["random"])
        self._rows, self.finished = state["rows"], state["finished"]
        if self.finished:
            print(
                f"{self.name}: going on after epoch {self.finished}, from {self.folder}. "
                f"To start over: {self._call}"
            )
        if self.finished >= count:
            self._save(self.finished)

    def _load(self, count):
        info = runs.read_info(self.folder)
        if count != info["epochs"]:
            raise TrainingError(self._refusal([f"epochs: {info['epochs']} there, {count} now"]))
        self.model.load_state_dict(runs.read_weights(self.folder))
        curves = runs.read_curves(self.folder)
        self.finished = info["finished"]
        self._rows = [{k: v[i] for k, v in curves.items()} for i in range(self.finished)]
        print(
            f"{self.name}: already trained ({_epochs(self.finished)}), loaded from {self.folder}. "
            f"To train again: {self._call}"
        )

    def _compare(self):
        """Refuses a folder that was made from something else."""
        try:
            info = runs.read_info(self.folder)
            weights, old_graph = runs.read_weights(self.folder), runs.read_graph(self.folder)
        except runs.RunError as error:
            raise self._unusable(error) from None
        differences = []
        self._modernise(info)
        saved, now = info["settings"], self._identity["settings"]
        for key in [*now, *(key for key in saved if key not in now)]:
            there, here = saved.get(key, "nothing"), now.get(key, "nothing")
            if there != here:
                differences.append(f"{key}: {there} there, {here} now")
        for key in ("optimizer", "scheduler", "loader"):
            if info.get(key, self._identity[key]) != self._identity[key]:
                there, here = ("; ".join(x) or "none" for x in (info[key], self._identity[key]))
                differences.append(f"{key}: {there} there, {here} now")
        graphs = old_graph, json.loads(json.dumps(self._graph))
        differences += _model_differences(weights, self.model.state_dict(), *graphs)
        if differences:
            raise TrainingError(self._refusal(differences))

    def _unusable(self, error):
        if isinstance(error, TrainingError):
            return error
        advice = f"Delete the folder {self.folder}, or train again: {self._call}"
        return TrainingError(f"{error}. {advice}.")

    def _refusal(self, differences):
        return (
            f"{self.folder} holds another run of the name '{self.name}':\n  "
            + "\n  ".join(differences)
            + f"\nTo train again over the old one: {self._call}. To keep it, give this one "
            "another name."
        )

    def _modernise(self, identity):
        """Functions of a run of version 1.0 in today's words, where their source is the same."""
        for key, before in self._before.items():
            if identity["settings"].get(key) == before:
                identity["settings"][key] = self._identity["settings"][key]

    # -- explaining -------------------------------------------------------------------------------

    def _not_finite(self, bad, values):
        what = ", ".join(f"{name} is {values[name]}" for name in bad)
        weights = [k for k, v in self.model.state_dict().items() if not torch.isfinite(v).all()]
        rates = [group["lr"] for part in self._parts["optimizer"] for group in part.param_groups]
        if weights:
            rate = f" of {float(max(rates)):g}" if rates else ""
            cause = (
                f"The weights are not finite either ({weights[0]} …). Most likely the learning rate"
                f"{rate} is too high: try a tenth of it. If that does not help, look in the loss "
                "for log(0), division by 0 or sqrt at 0."
            )
        else:
            cause = (
                "The weights are still finite, so the number comes from the loss: look for the log "
                "of 0, for sigmoid followed by log (use the logits), and for exp of a large logvar."
            )
        cause += " Build the model and the optimizer again before the next try."
        kept = f" {_epochs(self.finished)} saved in {self.folder}." if self.finished else ""
        return f"'{self.name}' stopped in epoch {self.finished + 1}: {what}. {cause}{kept}"

    def _unwritable(self, error):
        self._failed = True
        kept = f"{_epochs(self.finished - 1)} saved before. " if self.finished > 1 else ""
        return TrainingError(
            f"'{self.name}' cannot be saved in {self.folder.absolute()} "
            f"({error.strerror or type(error).__name__}). {kept}Copy the notebook to a folder of "
            "your own with some room on its disk, open it there, and run the cells again."
        )

    def _out_of_memory(self):
        size = getattr(self._loaders[0], "batch_size", None) if self._loaders else None
        advice = "half your batch size" if size is None else f"batch_size={max(1, size // 2)}"
        given = "" if size is None else f" with batches of {size} images"
        return f"out of memory in '{self.name}'{given}: try {advice}, then run the cell again"


def _epochs(count):
    return f"{count} epoch{'' if count == 1 else 's'}"


def _shapes(weights):
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _several(part):
    return [] if part is None else list(part) if isinstance(part, list | tuple) else [part]


def _call_of(frame):
    """What a student writes to train again: the function that she called, else Run itself."""
    code = frame.f_code
    if "fresh" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return f"{code.co_name}(…, fresh=True)"
    return "training.Run(…, fresh=True)"


def _source(function):
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return function.__name__


def _does(source):
    """Source without what changes nothing: comments, layout, docstrings."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:  # such as a lambda in the middle of a call
        return source
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _plain(key, value):
    """A setting as JSON; a function is known by a hash of what its code does."""
    if callable(value) and hasattr(value, "__name__"):
        return f"{value.__name__} (its code does {_hash(_does(_source(value)))})"
    if isinstance(value, torch.Tensor) or hasattr(value, "tolist"):
        value = value.tolist()
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        what = f"settings[{key!r}] is a {type(value).__name__}"
        raise TrainingError(f"{what}; use numbers, words, lists or functions") from None


def _describe(part, numbers):
    """An optimizer or scheduler in words: what it was made with, not how far it is."""
    moving = ("last_epoch", "last_step", "best", "num_bad_epochs", "cooldown_counter")
    kept = {
        key: value
        for key, value in numbers.items()
        if isinstance(value, bool | int | float | str | tuple)
        and not key.startswith("_")
        and key not in moving
    }
    return f"{type(part).__name__}({', '.join(f'{k}={v}' for k, v in kept.items())})"


def _model_differences(saved_weights, weights, saved_graph, graph):
    """What distinguishes two models, at most three lines of it."""
    saved, now = _shapes(saved_weights), _shapes(weights)
    lines = [
        f"model, {key}: {saved.get(key, 'nothing')} there, {now.get(key, 'nothing')} now"
        for key in [*now, *(key for key in saved if key not in now)]
        if saved.get(key) != now.get(key)
    ]
    if lines:
        return lines[:3] + ([f"model: {len(lines) - 3} more"] if len(lines) > 3 else [])
    if saved_graph and graph and saved_graph != graph:
        for part in ("encode", "decode"):
            old, new = ((g[part] or {"ops": []})["ops"] for g in (saved_graph, graph))
            for i in range(max(len(old), len(new))):
                a, b = (ops[i]["op"] if i < len(ops) else "nothing" for ops in (old, new))
                if a != b:
                    return [f"model: step {i + 1} of {part} is {a} there, {b} now"]
        return ["model: it has the same layers, but computes something else"]
    return []


def _random_state():
    kind, keys, *rest = np.random.get_state()
    state = {
        "torch": torch.random.get_rng_state(),
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), *rest],
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def _set_random_state(state):
    torch.random.set_rng_state(state["torch"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])
    if torch.backends.mps.is_available() and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


def _explain_in_notebooks():
    """Replaces the traceback of an interrupted or too large training by a sentence.

    The loop body belongs to the student, so only IPython sees what was raised in it.
    """
    if (ipython := shell()) is not None:
        ipython.set_custom_exc((KeyboardInterrupt, MemoryError, RuntimeError), _explain)


def _explain(shell, kind, error, traceback, tb_offset=None):
    run, Run._stopped = Run._stopped, None
    told = None
    if run is not None and isinstance(error, KeyboardInterrupt):
        told = Interrupted()
    elif run is not None and _is_out_of_memory(error):
        told = TrainingError(run._out_of_memory())
    if told is None:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    else:
        shell.showtraceback((type(told), told, traceback))


def _is_out_of_memory(error):
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        word in str(error).lower() for word in words
    )
