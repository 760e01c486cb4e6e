"""A question of the answer key: what is asked, what counts, and which mistakes have a name.

A question never touches a student's objects. It draws inputs, has a *probe* (see
`autograder.student.probes`) run beside the student's code on them, and judges the *evidence* that
comes back: arrays and plain values, by the names that the probe declares. The same probe run over
the reference gives what was wanted, and run over each catalogued mistake gives what that mistake
would have produced: a mistake is named when its evidence is the student's evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.key import raised, sentences
from autograder.key.evidence import Evidence, Undeclared
from autograder.key.sentences import Said, SentenceError, Sentences
from autograder.student import probes

if TYPE_CHECKING:  # it loads torch for a second, and most commands that read the key judge nothing
    from autograder.student.probes.common import Kind


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that was recognised.

    id: short and stable ("half-missing"); shown to instructors and in `--json`.
    says: one or two plain sentences for the student: what the numbers show, what it usually means.
        Never a formula of the reference, an expected value or an input.
    reread: the part of the notebook to go back to, or "".
    credit: share of the failed checks' weight that is given back: for a mere convention, or one
        lost factor.
    """

    id: str
    says: str
    reread: str = ""
    credit: float = 0.0


@dataclass(frozen=True)
class Check:
    """One property. `test(got, want, inputs)` returns None, or a sentence saying what was received.

    name: its line under "Tested" in the question's Markdown says the property in words.
    weight: its share of the question's points; a question's weights add up to 1.
    """

    name: str
    weight: float
    test: Callable[[Evidence, Evidence, Mapping], str | None]


WORTH = "give a number, 0 or more"


def is_worth(points) -> bool:
    """Whether something is a number of points."""
    number = isinstance(points, int | float) and not isinstance(points, bool)
    return number and 0 <= points < float("inf")


def name_of(id: str) -> str:
    """What a student defines for a question of that id; ValueError where it is no id."""
    assignment, dot, name = id.partition(".")
    if not (assignment and dot and name.isidentifier()):
        raise ValueError(f"{id!r} should be ASSIGNMENT.NAME")
    return name


@dataclass(frozen=True)
class Question:
    """One graded question. Its sentences stand in Markdown beside it, see `sentences`.

    id: "<assignment>.<name>". names: what the student must define (default: the name itself).
    draw(rng) -> inputs: {name: array or plain value}; fresh for every submission, never degenerate.
    probe: name of the probe that turns a namespace and inputs into evidence.
    reference: {name: object}, a right answer, with everything that it builds on.
    mistakes: {name: what a student who makes this mistake would have written}; it takes the place
        of the question's own name in the reference.
    forms: other ways of writing the reference, which slips are looked for in as well.
    goes_with: {name: mistake -> both at once}: mistakes that are tried together with every other.
    builds_on: names of earlier questions whose reference may stand in when the student's own is
        broken.
    alike(a, b, inputs): whether two pieces of evidence show the same behaviour.
    explain(got, want, inputs, failed) -> name, (name, {word: value}) or None: names what no fixed
        code can (a ratio, an unknown architecture); asked when no mistake matches.
    last: as explain, asked when nothing else has found a name; see `unnamed.VAGUE`.
    examine(student, inputs, stand_ins, seconds) -> evidence: for what takes more than one probe on
        known inputs, such as a submitted training run; no reference runs beside it. sends: the
        names and kinds of its evidence; by default those that the probe declares.
    taken(got, inputs) -> the kit's own network that the answer computes, by name, or None.
    runs: the submitted training runs that it looks at. goals: {run: what its last test ELBO must be
        at least for all points}, told to the student before handing in.
    images: training images with which its thresholds were measured; 0 where it has none.
    compared: whether its tests need the reference's evidence; where they look at the student's
        alone, the probe is not run a second time.
    """

    id: str
    points: float
    probe: str
    draw: Callable[[np.random.Generator], dict]
    reference: Mapping[str, Any]
    checks: tuple[Check, ...]
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    forms: tuple[Callable, ...] = ()
    goes_with: Mapping[str, Callable] = field(default_factory=dict)
    builds_on: tuple[str, ...] = ()
    extra: bool = False
    names: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    goals: Mapping[str, float] = field(default_factory=dict)
    alike: Callable[[Evidence, Evidence, Mapping], bool] | None = None
    explain: Callable[[Evidence, Evidence, Mapping, list], str | tuple | None] | None = None
    last: Callable[[Evidence, Evidence, Mapping, list], str | tuple | None] | None = None
    examine: Callable[..., dict] | None = None
    taken: Callable[[Evidence, Mapping], str | None] | None = None
    sends: Mapping[str, Kind] = field(default_factory=dict)
    images: int = 0
    compared: bool = True
    seconds: float = 10.0
    sentences: Sentences = sentences.UNWRITTEN

    def __post_init__(self):
        if not is_worth(self.points):
            raise ValueError(f"{self.id} is worth {self.points!r} points: {WORTH}")
        total = sum(check.weight for check in self.checks)
        if abs(total - 1) > 1e-9 or any(check.weight < 0 for check in self.checks):
            weights = " + ".join(f"{check.weight:g}" for check in self.checks)
            raise ValueError(f"{self.id}: the weights of its checks, {weights}, should add up to 1")
        for name in self.builds_on:
            if name not in self.reference:
                raise ValueError(f"{self.id} builds on {name!r}, which its reference has not")
        if not self.names:
            object.__setattr__(self, "names", (name_of(self.id),))
        if self.sentences is sentences.UNWRITTEN:
            object.__setattr__(self, "sentences", sentences.of(self.id))
        for check in self.checks:
            self.property(check)
        for name in (*self.mistakes, *self.goes_with):
            self._said(name)

    @property
    def assignment(self) -> str:
        return self.id.split(".")[0]

    @property
    def title(self) -> str:
        return self.sentences.title

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The names and kinds of all that its evidence may hold."""
        return self.sends or probes.find(self.probe).sends

    def property(self, check: Check) -> str:
        """What a check tests, in words, without values; `docs/what-is-tested.md` lists it."""
        return self.sentences.property(check.name)

    def _said(self, name: str) -> tuple[Said, str]:
        """What is said of a mistake, and its name; "part: name" is one of what it builds on."""
        part, colon, of_part = name.partition(": ")
        if not colon:
            return self.sentences.about(name), name
        said = sentences.of(f"{self.assignment}.{part}").about(of_part)
        return replace(said, says=f"In your `{part}`, or what stands for it: {said.says}"), of_part

    def mistake(self, name: str, values: Mapping[str, Any] = MappingProxyType({})) -> Mistake:
        """The mistake of that name; values fill in the words of its sentence."""
        said, name = self._said(name)
        says = said.says.format(**values) if values else said.says
        reread = self.sentences.reread if said.reread is None else said.reread
        reread = "" if reread == sentences.NOTHING else reread
        return Mistake(name.partition("/")[0], says, reread, said.credit)

    def same(self, a: Evidence, b: Evidence, inputs: Mapping) -> bool:
        """Whether two pieces of evidence show the same behaviour."""
        return bool((self.alike or same_arrays)(a, b, inputs))

    def satisfied(self, got: Evidence, inputs: Mapping) -> bool:
        """Whether evidence passes every check."""
        return all(outcome.passed for outcome in tested(self, got, wanted(self, inputs), inputs))

    def read(self, sent: Mapping, inputs: Mapping) -> Evidence:
        """What came back, to be read by the names that are declared."""
        return Evidence(sent, self.kinds, inputs)

    def shown(self, own: Mapping[str, Any], inputs: Mapping) -> Evidence:
        """What the probe sees of the reference with these names in its place."""
        return self.read(probes.run(self.probe, {**self.reference, **own}, inputs), inputs)


@dataclass(frozen=True)
class Outcome:
    """How one check went. message is empty when it passed."""

    check: Check
    passed: bool
    message: str = ""


@dataclass
class Result:
    """One graded question: what nbgrader stores, what the student reads, what a table shows."""

    question: str
    score: float
    points: float
    mistake: str | None
    feedback: str
    outcomes: list[Outcome] = field(default_factory=list)
    stood_in: tuple[str, ...] = ()
    seed: int = 0
    error: str | None = None
    trace: dict | None = None  # of a wrong answer without a name, see `unnamed`

    @property
    def passed(self) -> bool:
        return self.score >= self.points

    def as_json(self) -> dict:
        """The object that `python -m autograder check --json` prints."""
        return {
            "question": self.question,
            "score": self.score,
            "points": self.points,
            "passed": self.passed,
            "mistake": self.mistake,
            "feedback": self.feedback,
        }


class Exam:
    """Grades the questions of one submission, in any order, each once.

    student: answers `ask(probe, inputs, stand_ins, seconds)` and has a `folder`; see
    `autograder.student.asking`.
    seed: recorded with the grade; the same submission and seed give the same result.
    lookup(id) -> Question.
    """

    def __init__(self, student, seed: int, lookup: Callable[[str], Question]):
        self.student, self.seed, self.lookup = student, int(seed), lookup
        self.results: dict[str, Result] = {}

    def grade(self, question_id: str) -> Result:
        """Grade one question; where it builds on broken work, once more with the reference
        there.
        """
        if question_id not in self.results:
            question = self.lookup(question_id)
            result = self._grade(question, stand_ins=())
            if not result.passed:
                broken = tuple(n for n in question.builds_on if not self._sound(question, n))
                if broken:
                    carried = self._grade(question, stand_ins=broken)
                    # Of two mistakes at once one is told where it was made.
                    unclear = result.mistake in (None, "", "both", *raised.NAMES)
                    named = carried.mistake and unclear
                    if carried.score > result.score or named and carried.score == result.score:
                        result = carried
            self.results[question_id] = result
        return self.results[question_id]

    def _sound(self, question: Question, name: str) -> bool:
        return self.grade(f"{question.assignment}.{name}").passed

    def _grade(self, question: Question, stand_ins: tuple[str, ...]) -> Result:
        inputs = drawn(question, self.seed)
        own = {name: question.reference[name] for name in stand_ins}
        if question.examine:
            got = _examined(question, self.student, inputs, own)
        else:
            got = self.student.ask(question.probe, inputs, own, question.seconds)
        seen, want = question.read(got, inputs), wanted(question, inputs)
        return judge(question, seen, want, inputs, stand_ins, self.seed)


def drawn(question: Question, seed: int) -> dict:
    """The inputs of a question for one seed."""
    rng = np.random.default_rng([seed, zlib.crc32(question.id.encode())])
    inputs = question.draw(rng)
    inputs.setdefault("seed", int(rng.integers(2**31)))
    return inputs


def wanted(question: Question, inputs) -> Evidence:
    """What the reference gives; nothing where the tests look at the student's evidence alone."""
    compared = question.compared and not question.examine
    return evidence(question, inputs) if compared else question.read({}, inputs)


def tested(question: Question, got: Evidence, want: Evidence, inputs) -> list[Outcome]:
    """How every check of a question went."""
    outcomes = []
    for check in question.checks:
        message = got.get("error") or _tested(check, got, want, inputs)
        outcomes.append(Outcome(check, not message, message or ""))
    return outcomes


def judge(
    question: Question, got: Evidence, want: Evidence, inputs, stand_ins=(), seed=0
) -> Result:
    """Compare evidence with what was wanted, name the mistake, add up the points."""
    interpreted = question.mistake("interpreted") if _of_the_kit(question, got, inputs) else None
    if interpreted:
        got = question.read({"error": interpreted.says}, inputs)
    outcomes = tested(question, got, want, inputs)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    mistake = interpreted
    if failed and not got.get("error"):
        mistake = recognise(question, got, want, inputs, [o.check.name for o in failed])
    if failed and not mistake:
        stopped = raised.named(outcome.message for outcome in failed)
        mistake = question.mistake(*stopped) if stopped else None
    lost = sum(outcome.check.weight for outcome in failed)
    if mistake:
        lost *= 1 - mistake.credit
    score = round(question.points * (1 - lost), 2) if failed else float(question.points)
    feedback = describe(question, score, outcomes, mistake, got.get("error"), stand_ins)
    return Result(
        question.id,
        score,
        float(question.points),
        mistake.id if mistake else None,
        feedback,
        outcomes,
        tuple(stand_ins),
        seed,
        got.get("error"),
    )


def _of_the_kit(question: Question, got: Evidence, inputs) -> bool:
    """Whether code or a network of the kit gave the answer; evidence that is odd shows nothing."""
    if got.get("interpreted"):
        return True
    try:
        with np.errstate(all="ignore"):
            return bool(question.taken and question.taken(got, inputs))
    except Undeclared:
        raise
    except Exception:
        return False


def _examined(question, student, inputs, own) -> Mapping:
    """Evidence of more than one probe: what is odd in the first answers may not be fit to go on."""
    try:
        return question.examine(student, inputs, own, question.seconds)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return {"error": f"What came back could not be read ({type(error).__name__})."}


def _tested(check: Check, got, want, inputs) -> str | None:
    """Evidence comes from an untrusted process: what a test cannot even read has failed it."""
    try:
        with np.errstate(all="ignore"):
            return check.test(got, want, inputs)
    except Undeclared:
        raise
    except Exception as error:
        return f"what came back could not be read ({type(error).__name__})."


_seen: dict[tuple, tuple] = {}  # the latest evidence of references and mistakes, and of whose
KEPT = 64


def evidence(question: Question, inputs, mistake: str | None = None) -> Evidence:
    """What the reference, or a mistake laid over it, gives: computed once for the same inputs."""
    key = question.id, inputs["seed"], mistake, id(question)
    if key not in _seen:
        own = {question.names[0]: question.mistakes[mistake]} if mistake else {}
        _seen[key] = question.shown(own, inputs), question
        if len(_seen) > KEPT:
            del _seen[next(iter(_seen))]
    return _seen[key][0]


def recognise(question, got, want, inputs, failed: list[str]) -> Mistake | None:
    """The one mistake whose evidence is the student's; None when there is none, or more than
    one kind.
    """
    try:
        with np.errstate(all="ignore"):
            for name in question.mistakes:
                if question.same(got, evidence(question, inputs, name), inputs):
                    return question.mistake(name)
            named = question.explain and question.explain(got, want, inputs, failed)
            named = named or _two_at_once(question, got, inputs)
            from autograder.key import slips

            named = named or slips.named(question, got, inputs)
            named = named or question.last and question.last(got, want, inputs, failed)
    except (SentenceError, Undeclared):
        raise
    except Exception:
        return None  # unreadable evidence has no name
    if not named:
        return None
    return question.mistake(*([named] if isinstance(named, str) else named))


def _two_at_once(question, got, inputs) -> tuple[str, dict] | None:
    """Two known mistakes at once: one that goes with any other, and another."""
    for first, upon in question.goes_with.items():
        for second, mistaken in question.mistakes.items():
            made = question.shown({question.names[0]: upon(mistaken)}, inputs)
            if not made.get("error") and question.same(got, made, inputs):
                return _both(question, first, second)
    for second in question.mistakes if question.goes_with else ():
        first = scaled(got, evidence(question, inputs, second))
        if first:
            return _both(question, f"{first}/beside", second)
    return None


def _both(question, first: str, second: str) -> tuple[str, dict]:
    said = (question.mistake(name).says for name in (first, second))
    return "both", dict(zip(("first", "second"), said, strict=True))


def scaled(got, made) -> str | None:
    """The name of what else was done where result and gradients are those of a mistake times one
    number, or where the results are apart by one number.
    """
    keys = sorted(k for k in made if k == "value" or k.startswith("grad."))
    if "value" not in keys or any(np.shape(got.get(k)) != np.shape(made[k]) for k in keys):
        return None
    if any(e[key] is None for key in keys for e in (got, made)):
        return None
    # Each by its own size: a likelihood of thousands would hide every gradient.
    sizes = [np.abs(made[k]).max() or 1 for k in keys]
    mine, other = (
        np.concatenate([np.ravel(e[k]) / size for k, size in zip(keys, sizes, strict=True)])
        for e in (got, made)
    )
    if mine.size < 4 or not (np.isfinite(mine).all() and np.isfinite(other).all() and other.any()):
        return None
    factor = (mine @ other) / (other @ other)
    if (
        factor
        and abs(factor - 1) > 0.02
        and np.allclose(mine, factor * other, 1e-3, 1e-4 * abs(factor))
    ):
        return "factor" if factor > 0 else "sign-and-factor"
    slopes = [key for key in keys if key != "value"]
    offset = np.ravel(got["value"] - made["value"])
    if any(np.any(made[key]) for key in slopes) and np.ptp(offset) < 1e-4 * abs(offset).max():
        if all(close(got[k], made[k], 1e-3, 1e-4 * abs(made[k]).max() + 1e-9) for k in slopes):
            return "constant-term"
    return None


def describe(question, score, outcomes, mistake, error, stand_ins) -> str:
    """The text that the student reads."""
    lines = [f"{question.id}: {score:g} of {question.points:g} points"]
    if stand_ins:
        names = ", ".join(f"`{name}`" for name in stand_ins)
        lines.append(
            f"  A reference {names} stood in for yours, so its mistake costs nothing here."
        )
    told = set()
    for outcome in outcomes if not error else ():
        lines.append(
            f"  {'passed' if outcome.passed else 'failed'}: {question.property(outcome.check)}"
        )
        message = one_line(outcome.message)
        if message and message not in told:  # once is enough
            told.add(message)
            lines.append(f"      {message}")
    said = [one_line(error)] if error else []
    if mistake and mistake.says not in said:
        said = [f"{text.rstrip('.')}." for text in said]
        said.append(mistake.says + (f" Reread: {mistake.reread}." if mistake.reread else ""))
    if said:
        lines.append(f"  {' '.join(said)}")
    return "\n".join(lines)


def one_line(said: str) -> str:
    """What student code says must not look like lines of ours."""
    return " ".join(str(said).split())


# Comparisons that questions share


def close(a, b, rtol=1e-4, atol=1e-5) -> bool:
    """Same shape and equal within float32 rounding of a short computation (rtol 1e-4)."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return False
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))


def same_arrays(a: Mapping, b: Mapping, inputs=None, keys: Iterable[str] | None = None) -> bool:
    """Every array that either side holds is the other's too (or both lack it)."""
    arrays = {k for e in (a, b) for k, v in e.items() if isinstance(v, np.ndarray)}
    for key in keys or arrays:
        if (a.get(key) is None) != (b.get(key) is None):
            return False
        if a.get(key) is not None and not close(a[key], b[key], rtol=1e-3, atol=1e-4):
            return False
    return True


def matches(key: str, what: str, rtol=1e-4, atol=1e-5):
    """A test: evidence `key` equals the reference's. `what` names it in the message."""

    def test(got, want, inputs):
        problem = well_formed(got, want, key, what)
        if problem:
            return problem
        if not close(got[key], want[key], rtol, atol):
            return f"{what}: {differs(got[key], want[key], rtol, atol)}."

    return test


def differs(value, right, rtol=1e-4, atol=1e-5) -> str:
    """In which way numbers of the right shape are wrong, without saying what they should be."""
    value, right = np.asarray(value, float), np.asarray(right, float)
    good = np.isclose(value, right, rtol=rtol, atol=atol, equal_nan=True)
    if good.all():
        return "not quite the right numbers"
    lost = np.count_nonzero(~np.isfinite(value) & np.isfinite(right))
    if lost:
        return f"{lost} of {good.size} numbers are NaN or infinite"
    every = "the number is" if value.size == 1 else "every number is"
    if good.any():
        return f"{np.count_nonzero(~good)} of {good.size} numbers are wrong"
    if close(-value, right):
        return f"{every} of the right size and the wrong sign"
    if not np.any(value):
        return f"{every} zero"
    if (value > right).all():
        return f"{every} too large"
    if (value < right).all():
        return f"{every} too small"
    return "some numbers are too large, others too small"


def well_formed(got, want, key: str, what: str) -> str | None:
    """What is wrong with the form of an array, whatever its values."""
    if got.get(f"{key}.error"):
        return f"{what}: {got[f'{key}.error']}"
    value = got.get(key)
    if value is None:
        return nothing_tensor(got, key)
    value, wanted = np.asarray(value), np.asarray(want[key])
    if value.dtype.kind not in "fiub":
        return (
            f"{what}: received `{got.get(f'{key}.kind', value.dtype)}` where numbers were expected."
        )
    if value.shape != wanted.shape:
        return f"{what}: received shape {value.shape}, expected shape {wanted.shape}."
    if not np.isfinite(value).all() and np.isfinite(wanted).all():
        return (
            f"{what}: received {np.count_nonzero(~np.isfinite(value))} values that are NaN or "
            "infinite."
        )
    return None


def nothing_tensor(got, key: str) -> str:
    """What is said of a result that is no tensor, wherever one is looked for."""
    kind = got.get(f"{key}.kind", "NoneType")
    return f"received `{'None' if kind == 'NoneType' else kind}` where one tensor is asked for."


def number_problem(got, key: str) -> str | None:
    """What is wrong with one number, whatever its value."""
    if got.get(f"{key}.error"):
        return got[f"{key}.error"]
    value = got.get(key)
    if value is None:
        return f"received `{got.get(f'{key}.kind')}` where one number is asked for."
    if np.size(value) != 1:
        return f"received shape {np.shape(value)} where one number is asked for."
    if not np.isfinite(value).all():
        return "received NaN or infinity."
    return None


def has_form(key: str, what: str):
    """A test: evidence `key` is a tensor of the right shape, finite."""
    return lambda got, want, inputs: well_formed(got, want, key, what)
