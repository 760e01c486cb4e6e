"""Answers that stop with an error: what kind of error it is, by what Python and torch say of it.

The kind is a name like any other where nothing better is known: it says which line stopped and what
the usual reason is. It says where an answer is wrong and not what its mistake is, so that such
answers still stand in groups that a course can name (`unnamed.VAGUE`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STOPPED = re.compile(r"Your code raised (\w+): (.*)")
UNFIT = re.compile(r"What your code defines or returns cannot be used: (\w+)(?:: )?(.*)")
# What is missing since its cell stopped is told so; an own name may be, whichever cell stopped.
TOLD = re.compile(r"\bsince [^:]+ stopped: |^`\w+` is not defined; .* stopped: ")
LINE = re.compile(r", at line (\d+) of your code: `")
OTHERS = {  # the first words of what is said of an answer that stopped in another way
    r"`\w+` is not defined; was its cell run": "not-defined",
    r"`\w+` should be a function or class": "not-callable",
    r"Your code calls itself without end": "calls-itself",
    r"Your code was still running": "never-ends",
    r"Your code ended its process": "process-ended",
    r"Your code asks for a GPU": "asks-for-gpu",
}
KINDS = (  # (what was raised, what it says, name), the first that fits
    (r"(Name|UnboundLocal)Error", "", "not-defined"),
    (r"TypeError", r"not callable", "not-callable"),
    (
        r"TypeError",
        r"required positional|required keyword|positional arguments? but|unexpected keyword|"
        r"multiple values for|missing \d+ required|takes no arguments|keyword argument",
        "arguments-unfit",
    ),
    (
        r"ValueError",
        r"must be specified, but not both|Exactly one of|to be passed|option can only be set|"
        r"either .* should be (defined|given|specified)",
        "arguments-unfit",
    ),
    (r"AttributeError", "", "attribute-missing"),
    (r"AssertionError", "", "own-check-failed"),
    (r"ZeroDivisionError", "", "division-by-zero"),
    (r"RuntimeError", r"does not require grad|not to have been used in the graph", "graph-missing"),
    (r"RuntimeError", r"through the graph a second time", "graph-used-twice"),
    (r"RuntimeError", r"in-?place operation|refer to a single memory", "overwritten"),
    (r"ValueError", r"more than 1 value per channel", "batch-of-one"),
    (r"RuntimeError", r"call numpy\(\)", "numpy-of-graph"),
    (
        r"\w+Error",
        r"only one element|only (length-1|one-element)|more than one (value|element)|"
        r"elements? cannot be converted to Scalar|only 0-dim|only integer tensors of a single",
        "many-for-one",
    ),
    (
        r"(Value|Runtime|Type)Error",
        r"satisfy the constraint|within the support|should be between 0 and 1|"
        r"expects (to have )?(std|all elements|p\b)|must be (non-negative|positive|in the range)|"
        r"out of bounds|probabilit",
        "outside-range",
    ),
    (
        r"(Type|Runtime|Value|NotImplemented)Error",
        r"expected to be boolean|is implemented for p type|unsupported operand|bad operand|"
        r"must be Tensor|to be Tensor|as element \d+|"
        r"not implemented for|"
        r"scalar type|data ?type|dtype|can't be cast|found type|not supported between|"
        r"invalid combination of arguments|must be (real|a real) number|is not (iterable|"
        r"subscriptable)|has no len|object of type|must be [\w ]+, not|can't convert|"
        r"cannot be interpreted|iteration over a 0-d",
        "types-unfit",
    ),
    (
        r"IndexError",
        r"index .*out of (bounds|range)|too many indices|used as indices",
        "index-unfit",
    ),
    (
        r"(Axis|Index|Runtime|Value|Type)Error",
        r"Dimension out of range|dimension specified as|[Dd]imension size must|number of "
        r"dimensions|dims? .*appears multiple|axes don't match|invalid dims|dim\(s\)|"
        r"must match the number of dim|dimensions cannot be identical|axis \d+ is out of bounds|"
        r"repeated dim",
        "axis-unfit",
    ),
    (
        r"(Runtime|Value|Index|NotImplemented)Error",
        r"expected a matrix|size|shape|broadcast|dimension|elements? in|multiplied|numel|expand|"
        r"unpack|channels|"
        r"number of (rows|columns|elements)|tensor a|same length|zip\(\)|-D|tensor \d|2D|1D|"
        r"same number|length|inconsistent numbers|should contain \d+ elements",
        "shapes-unfit",
    ),
    (r"(Index|Key)Error|StopIteration", "", "index-unfit"),
    (r"\w+", "", "raises"),
)
NAMES = tuple(dict.fromkeys([*OTHERS.values(), *(name for _, _, name in KINDS)]))


def named(said: Iterable[str]) -> tuple[str, dict] | None:
    """(name, values of its sentence) of the first error among what the checks said, or None."""
    for text in said:
        if TOLD.search(text):
            return None
        for first, name in OTHERS.items():
            if re.search(first, text):
                return name, {"where": _where(text)}
        found = STOPPED.search(text) or UNFIT.search(text)
        if found and not text.startswith("This is still to be written"):
            error, words = found.groups()
            words = LINE.split(words)[0]
            for kind, about, name in KINDS:
                if re.fullmatch(kind, error) and re.search(about, words):
                    return name, {"where": _where(text)}
    return None


def _where(text: str) -> str:
    """The line, as it is said in the text; nothing else of what student code says is repeated."""
    line = LINE.search(text)
    if line:
        return f"at line {line[1]} of your code"
    return "in what your code defines or returns" if UNFIT.search(text) else "in your code"
