"""Neutral code that runs beside the student's: it calls what it is told on what it is given, and
reports.

Nothing here knows a right answer, a tolerance or a mistake: this package is all of the autograder
that a student's process may see. A probe is a function `(names, inputs) -> evidence`: `names` maps
a name to the student's object, `inputs` holds numpy arrays and plain values, evidence the same. It
declares what it sends; see `common.Probe`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import warnings

PACKAGES = frozenset(module.name for module in pkgutil.iter_modules(__path__))
# What a student's code imports late, for a second or more.
HEAVY = {"sklearn.linear_model": ("interpolation.scores", "autodecoder.fitting")}

TOO_LONG = "Your code was still running after {:g} seconds and was stopped."
PATIENCE = 4  # limits are in seconds of computing; on a busy clock it may be so many times more
NO_GPU = re.compile(  # what torch says where there is none
    r"not compiled with (CUDA|XPU)|NVIDIA driver|No CUDA GPUs|on a CUDA device but|ATen_cuda|"
    r"requires CUDA|MPS'? backend|not linked with support for \w+ dev|accelerator device when none",
    re.I,
)
UNDEFINED = re.compile(r"`(\w+)` is not defined; was its cell run")  # what `lookup` says


def heavy(asked: set[str]) -> tuple[str, ...]:
    """The modules of `HEAVY` that these probes need, or the notebooks in which they are asked."""
    return tuple(module for module, needed in HEAVY.items() if not asked.isdisjoint(needed))


def find(name: str):
    """The `common.Probe` called "<module>.<function>"; KeyError where there is none."""
    module, function = name.split(".")
    if module not in PACKAGES:
        raise KeyError(f"no probe module {module!r}")
    found = getattr(importlib.import_module(f"{__name__}.{module}"), function, None)
    if not isinstance(found, _common().Probe):
        raise KeyError(f"no probe {name!r}")
    return found


def prepare(name: str) -> None:
    """Import what a probe needs, before a fork: every child then has it."""
    find(name)
    for module in heavy({name}):
        importlib.import_module(module)


def run(name: str, names, inputs) -> dict:
    """Run a probe with seeded generators that are put back afterwards; an exception becomes
    evidence.

    Warnings are dropped: nbgrader counts any text on stderr as zero points. "interpreted" is
    evidence that the answer had a graph.json computed.
    """
    common = _common()
    before = _graphs_computed()
    seed = inputs.get("seed", 0)
    with common.seeded(seed), common.as_torch_starts(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            evidence = find(name)(names, inputs)
        except Exception as error:
            evidence = {"error": common.told(error)}
    return {**evidence, "interpreted": True} if _graphs_computed() != before else evidence


def _common():
    """The module, loaded where it is used: torch with it takes a second."""
    return importlib.import_module(f"{__name__}.common")


def _graphs_computed() -> int:
    """How many programs `utils.graph` has run, if it is there at all."""
    return getattr(sys.modules.get("utils.graph"), "calls", 0)
