"""What libraries do otherwise where work is graded, so that right code is right there, too."""

from __future__ import annotations

import importlib.util
import sys


def adapt() -> None:
    """Call it once, before student code runs."""
    import torch

    torch.compile = _not_compiled
    sys.meta_path.insert(0, _Torchvision())


def work_alone() -> None:
    """Have a DataLoader load by itself, and a pool of processes say why there is none: both need
    memory or sockets that processes share. For walls that forbid these.
    """
    import inspect
    import multiprocessing.synchronize

    from torch.utils.data import DataLoader

    make = DataLoader.__init__
    alone: dict = {"num_workers": 0, "persistent_workers": False, "timeout": 0}
    alone |= {"prefetch_factor": None, "multiprocessing_context": None}
    signature = inspect.signature(make)

    def made(*args, **named):
        given = signature.bind(*args, **named)
        make(**{**given.arguments, **alone})

    setattr(DataLoader, "__init__", made)  # noqa: B010

    def refused(*args, **named):
        raise OSError(
            "processes cannot share memory while notebooks are graded here: do it in one process"
        )

    setattr(multiprocessing.synchronize.SemLock, "__init__", refused)  # noqa: B010


def _not_compiled(model=None, **options):
    """In place of `torch.compile`: a compiler takes longer than the homework, and changes nothing
    that is asked.
    """
    return (lambda later: later) if model is None else model


class _Torchvision:
    """Has `import torchvision` work beside a torch that it was not built for, as `utils` does."""

    def find_spec(self, name, path=None, target=None):
        if name != "torchvision":
            return None
        sys.meta_path.remove(self)
        from utils import _torchvision

        self.module = _torchvision.load()
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        return self.module

    def exec_module(self, module): ...
