"""What libraries do otherwise where work is graded, so that right code is right there, too."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

MUCH = 2**22  # bytes of freed memory that are worth the 10 ms of giving them back


def adapt() -> None:
    """Call it once, before student code runs."""
    import torch

    torch.compile = _not_compiled
    spare_the_compiler()
    sys.meta_path.insert(0, _Torchvision())


def spare_the_compiler() -> None:
    """Have an optimizer's first step, and whatever watches operations, do without `torch._dynamo`.

    They import it only to keep themselves from being compiled, which nothing is here; it takes
    1.4 s and 70 MiB of every process. Whoever wants more of it gets it.
    """
    if "torch._dynamo" not in sys.modules:
        _Dynamo("torch._dynamo").step_in()


def give_back(held: int = 0) -> int:
    """Return to the system what was freed: the C library would keep it, and a process would take as
    much memory as it took at its largest.

    held: the last answer; the bytes of memory that this process holds. Where it holds hardly more
    by now, nothing is done.
    """
    holds = _resident()
    if 0 < holds < held + MUCH:
        return held
    with contextlib.suppress(AttributeError, OSError, TypeError):  # it is glibc's
        ctypes.CDLL(None).malloc_trim(0)
    return _resident()


def _resident() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0  # nobody tells


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


class _Dynamo(ModuleType):
    """Stands for `torch._dynamo` until somebody asks for what it has not.

    Its finder is another object: `importlib` asks every finder for more than modules, such as the
    version of a package.
    """

    __path__: list[str] = []  # a package: its modules are looked for, here first

    @staticmethod
    def disable(fn=None, recursive=True, **options):
        return (lambda later: later) if fn is None else fn

    @staticmethod
    def graph_break(msg=""): ...

    def __getattr__(self, name):
        if name.startswith("__"):  # whoever goes through all modules wants nothing of this one
            raise AttributeError(name)
        return getattr(self.real(), name)

    def step_in(self):
        import torch

        sys.modules["torch._dynamo"] = torch._dynamo = self
        self._finder = _Below(self)
        sys.meta_path.insert(0, self._finder)

    def real(self):
        """The package itself, in this one's place."""
        import torch

        if sys.modules["torch._dynamo"] is self:
            sys.meta_path.remove(self._finder)
            del sys.modules["torch._dynamo"], torch._dynamo
            try:
                importlib.import_module("torch._dynamo")
            except BaseException:  # optimizers go on without it
                self.step_in()
                raise
        return sys.modules["torch._dynamo"]


class _Below:
    """Finds the modules of the package that a module stands for; whoever wants one wants it all."""

    def __init__(self, module: _Dynamo):
        self.module = module

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("torch._dynamo."):
            return None
        package = self.module.real()
        if name in sys.modules:  # it came with the package
            return importlib.util.spec_from_loader(name, _There())
        return PathFinder.find_spec(name, package.__path__)


class _There:
    """Loads what is loaded."""

    def create_module(self, spec):
        return sys.modules[spec.name]

    def exec_module(self, module): ...


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
