"""Evidence is read by the names and kinds that probes declare."""

import ast
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

from autograder import key
from autograder.key import catalogue, question
from autograder.key.evidence import EVERY, Evidence, Undeclared
from autograder.key.question import Check
from autograder.student import probes

QUESTIONS = [q for assignment in catalogue.ASSIGNMENTS for q in catalogue.of(assignment).values()]
FORMULA = catalogue.find("vae.kl_gaussian")


def drawn(asked):
    probes.prepare(asked.probe)
    return question.drawn(asked, 0)


def test_a_misspelt_name_is_an_error_and_not_a_missing_answer():
    inputs = drawn(FORMULA)
    got = FORMULA.read({"value": np.ones(3)}, inputs)
    assert got["value"].sum() == 3 and got.get("single") is None and got.get("after.mu") is None
    for name in ("valeu", "value.knd", "grad.beta", "after.eps"):
        with pytest.raises(Undeclared, match=re.escape(repr(name))):
            got.get(name)
    assert list(FORMULA.read({"value": 1, "valeu": 2}, inputs)) == ["value"]


@pytest.mark.parametrize("name", ["value", "value.kind", "grad.mu", "error"])
def test_a_value_of_another_kind_cannot_be_read(name):
    got = FORMULA.read({name: [1]}, drawn(FORMULA))
    with pytest.raises(TypeError, match="of type list"):
        got.get(name)


def test_a_test_that_misspells_a_name_stops_the_grading():
    inputs = drawn(FORMULA)
    wrong = Check("form", 1.0, lambda got, want, inputs: got.get("valeu"))
    with pytest.raises(Undeclared):
        question._tested(wrong, FORMULA.read({}, inputs), FORMULA.read({}, inputs), inputs)


def test_labels_come_from_the_inputs():
    sends = {"{walks}": probes.common.RESULT, "{sizes}.{walks}": probes.common.FLAG}
    inputs = {"walks": {"usual": 3, "odd": 4}, "sizes": [[2, 7], [5, 9]]}
    got = Evidence({"usual": np.ones(1), "2.odd": True, "7.odd": True}, sends, inputs)
    assert set(got) == {"usual", "2.odd"}
    assert got.get("5.usual") is None and got.get("odd.error") is None


@pytest.mark.parametrize("asked", [q for q in QUESTIONS if not q.examine], ids=lambda q: q.id)
def test_a_probe_sends_what_it_declares(asked):
    inputs = drawn(asked)
    sent = probes.run(asked.probe, asked.reference, inputs)
    got = asked.read(sent, inputs)
    assert set(sent) == set(got)
    assert [got[name] is value for name, value in sent.items()]


def test_whatever_looks_like_a_probe_declares_what_it_sends():
    for name in probes.PACKAGES:
        module = importlib.import_module(f"autograder.student.probes.{name}")
        for of in vars(module).values():
            if inspect.isfunction(of) and not of.__name__.startswith("_"):
                assert list(inspect.signature(of).parameters) != ["names", "inputs"], of.__name__


# Names in the key's own code, each of which some probe declares.
READERS = {"got", "want", "a", "b", "evidence", "told"}
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(key.__path__, f"{key.__name__}.")
    if module.name.startswith(tuple(f"autograder.key.{a}." for a in catalogue.ASSIGNMENTS))
    or module.name.startswith("autograder.key.kinds.")
]


def read_in(module):
    """Names that a module reads from evidence; `*` for what is filled in."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Subscript):
            of, name = node.value, node.slice
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get" and node.args:
            of, name = node.func.value, node.args[0]
        else:
            continue
        if isinstance(of, ast.Name) and of.id in READERS:
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value
            elif isinstance(name, ast.JoinedStr):
                yield "".join(p.value if isinstance(p, ast.Constant) else "*" for p in name.values)


def may_be(name, sends):
    """Whether a name, or one with a gap, may be one that is declared."""
    wanted = re.escape(name).replace(r"\*", ".*")
    for pattern, kind in {**EVERY, **sends}.items():
        for part in kind:
            found = re.sub(r"\{\w*\}", "\0", pattern) + part
            declared = re.escape(found).replace("\0", ".+").replace("\\\0", ".+")
            plain = found.replace("\0", "x")
            if re.fullmatch(wanted, plain) or re.fullmatch(declared, name):
                return True
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_every_name_that_the_key_reads_is_declared(module):
    sends = [q.kinds for q in QUESTIONS]
    sends += [{"grad.x": probes.common.ARRAY}]
    for name in read_in(module):
        assert any(may_be(name, of) for of in sends), name
