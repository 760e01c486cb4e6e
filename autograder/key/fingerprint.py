"""What a question's grade depends on, as one hash a question: its data and the code it reaches.

A source file is too coarse a unit: a corrected tolerance in one question must not grade the whole
class's other answers again. So the objects themselves are walked, from a `Question` through the
functions and closures it holds to whatever of this kit these name.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import sys
import types
from collections.abc import Mapping

import numpy as np

from autograder.key import catalogue, sentences
from autograder.student import probes

OWN = ("autograder.", "utils.", "utils")


def of(assignment: str) -> dict[str, str]:
    """{question: hash of what it is by itself}; {} for an assignment of a course's own."""
    return {name: _digest(question) for name, question in catalogue.of_any(assignment).items()}


def affected(assignment: str, changed: set[str]) -> set[str]:
    """Changed questions, and those that build on them: stand-ins depend on what went before."""
    found, reached = catalogue.of_any(assignment), set(changed)
    while True:
        more = {
            name
            for name, question in found.items()
            if reached & {f"{assignment}.{other}" for other in question.builds_on}
        }
        if more <= reached:
            return reached
        reached |= more


def _digest(question) -> str:
    return digest(question, probes.find(question.probe))


def digest(*things) -> str:
    """One hash of objects of this kit and all of it that they reach."""
    walk = _Walk()
    for thing in things:
        walk.add(thing)
    return walk.digest.hexdigest()


class _Walk:
    """Feeds everything that is reached into one hash, each object once."""

    def __init__(self):
        self.digest, self.seen, self.kept = hashlib.sha256(), {}, []

    def say(self, *words) -> None:
        self.digest.update("\0".join(map(str, words)).encode("utf-8", "surrogatepass") + b"\1")

    def add(self, thing) -> None:
        """Depth first, in an order that is the same in every process."""
        if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, range)):
            self.say(type(thing).__name__, repr(thing))
            if isinstance(thing, str):  # the name of a shared mistake brings its sentence along
                self.say(sentences.shared().get(thing))
                self.say(sentences.shared().get(thing.partition("/")[0]))
            return
        if id(thing) in self.seen:
            self.say("again", self.seen[id(thing)])
            return
        self.seen[id(thing)] = len(self.seen)
        self.kept.append(thing)  # an id stays its own while the object lives
        self._add(thing)

    def _add(self, thing) -> None:
        self.say(type(thing).__name__)
        if isinstance(thing, (tuple, list)):
            self.say(len(thing))
            for item in thing:
                self.add(item)
        elif isinstance(thing, (set, frozenset)):
            self.say(*sorted(map(repr, thing)))
        elif isinstance(thing, Mapping):
            for key, value in thing.items():
                self.add(key)
                self.add(value)
        elif isinstance(thing, np.ndarray) or type(thing).__module__.startswith("torch"):
            self._array(thing)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, types.MethodType):
            self.add(thing.__func__)
            self.add(thing.__self__)
        elif isinstance(thing, functools.partial):
            self.add([thing.func, thing.args, thing.keywords])
        elif isinstance(thing, (classmethod, staticmethod)):
            self.add(thing.__func__)
        elif isinstance(thing, property):
            self.add([thing.fget, thing.fset])
        elif isinstance(thing, type):
            self._class(thing)
        elif dataclasses.is_dataclass(thing):
            self.add(type(thing).__qualname__)
            self.add({f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)})
        elif hasattr(thing, "__wrapped__"):  # functools.cache
            self.add(thing.__wrapped__)
        else:
            self.say(getattr(thing, "__module__", ""), getattr(thing, "__qualname__", ""))

    def _array(self, thing) -> None:
        values = np.asarray(thing.detach().cpu()) if hasattr(thing, "detach") else thing
        if isinstance(values, np.ndarray) and values.dtype != object:
            self.say(values.dtype, values.shape, hashlib.sha256(values.tobytes()).hexdigest())
        else:
            self.say(type(thing).__qualname__)

    def _class(self, thing) -> None:
        self.say(thing.__module__, thing.__qualname__)
        if thing.__module__.startswith(OWN):
            self.add(list(thing.__bases__))
            for name, value in vars(thing).items():
                if name not in ("__dict__", "__weakref__", "__doc__", "__module__"):
                    self.add(name)
                    self.add(value)

    def _function(self, thing) -> None:
        self.say(thing.__module__, thing.__qualname__)
        if not (thing.__module__ or "").startswith(OWN):
            return
        self._code(thing.__code__, thing.__globals__)
        self.add([thing.__defaults__, thing.__kwdefaults__])
        for cell in thing.__closure__ or ():
            try:
                self.add(cell.cell_contents)
            except ValueError:  # not filled yet
                self.say("empty")

    def _code(self, code, names: dict) -> None:
        """Instructions, constants, and whatever of this kit the names in it stand for."""
        self.say(code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant, names)
            elif constant is not code.co_consts[0] or not isinstance(constant, str):
                self.add(constant)  # the first string may be the docstring
        for name in code.co_names:
            value = names.get(name)
            if isinstance(value, types.ModuleType) and value.__name__.startswith(OWN):
                self._attributes(value, code.co_names)
            elif isinstance(value, (types.FunctionType, type)) or _constant(value):
                self.say(name)
                self.add(value)

    def _attributes(self, module, names) -> None:
        """Of a module of the kit, what the code takes from it."""
        for name in names:
            value = vars(module).get(name)
            if isinstance(value, types.ModuleType):
                if value.__name__.startswith(OWN) and value is not sys.modules[__name__]:
                    self.say(value.__name__)
            elif value is not None:
                self.say(module.__name__, name)
                self.add(value)


def _constant(value) -> bool:
    plain = (bool, int, float, str, bytes, tuple, list, dict, set, frozenset, np.ndarray)
    return isinstance(value, plain) or dataclasses.is_dataclass(value) or callable(value)
