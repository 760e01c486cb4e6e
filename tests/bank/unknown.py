"""Mistakes that the key does not know: are they grouped, and is the whole group named?

    python -m tests.bank.unknown

Mistakes of the bank are hidden from the key; each is handed in in five forms (`tests.bank.forms`).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path

from tqdm import tqdm

from autograder.key import catalogue, unnamed
from autograder.key.question import Exam
from tests.support.forked import Forked

from . import Mutant, forms, mutants


@cache
def hidden(question_id: str):
    """A question whose mistakes have no names."""
    return replace(catalogue.find(question_id), mistakes={}, explain=None)


@dataclass(frozen=True)
class Trace:
    """One answer: which mutant, in which form, and what it was seen to do."""

    mutant: Mutant
    form: int
    trace: dict


def sample(count: int, seed: int = 0, dear: bool = True) -> list[Mutant]:
    """Mutants with a name, spread over the questions; those of runs have no source to rewrite."""
    by_question: dict[str, list[Mutant]] = {}
    for mutant in mutants():
        if mutant.mistake and not mutant.prepare and (dear or _cheap(mutant.question)):
            by_question.setdefault(mutant.question, []).append(mutant)
    rng = random.Random(seed)
    for own in by_question.values():
        rng.shuffle(own)
    turns = max(map(len, by_question.values()))
    return [own[i] for i in range(turns) for own in by_question.values() if i < len(own)][:count]


def _cheap(question: str) -> bool:
    return catalogue.find(question).probe in ("common.function", "common.variations")


def traced(mutant: Mutant) -> list[Trace]:
    """What the forms of one mutant do; a form that the key does not see fail is left out."""
    found = []
    name = mutant.question.split(".")[1]
    for number, source in enumerate(forms.forms(mutant.source, name)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "submission.py"
            path.write_text(source, encoding="utf8")
            student = Forked(path)
            try:
                result = Exam(student, 1000 + number, hidden).grade(mutant.question)
                if not result.passed:  # whatever name it has all the same, such as that of a slip
                    trace = unnamed.trace(hidden(mutant.question), student, result)
                    found.append(Trace(mutant, number, trace))
            finally:
                student.close()
    return found


@dataclass
class Measured:
    """Of one question, or of all: how many mistakes were hidden, in how many answers; how many
    groups these made, and how many answers stand in a group of their own mistake; of the pairs of
    a named example and another form, how many are the same; and of those of two mistakes.
    """

    mistakes: int = 0
    answers: int = 0
    groups: int = 0
    pure: int = 0
    forms: int = 0
    named: int = 0
    others: int = 0
    wrongly: int = 0

    def __add__(self, other: Measured) -> Measured:
        return Measured(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def told(self) -> list[str]:
        """The columns of the table."""
        shares = (self.pure, self.answers), (self.named, self.forms), (self.wrongly, self.others)
        counts = map(str, (self.mistakes, self.answers, self.groups))
        return [*counts, *(f"{100 * part / max(of, 1):.1f} %" for part, of in shares)]

    def good(self) -> bool:
        """Whether it is what is promised."""
        pure, named = self.pure >= 0.95 * self.answers, self.named >= 0.9 * self.forms
        return pure and named and self.wrongly <= 0.01 * self.others


def measure(question_id: str, traces: list[Trace], said: list[str]) -> Measured:
    """Group the answers to a question, name one of each mutant, and count; what went wrong is
    said.
    """
    question = hidden(question_id)
    found = Measured(len({t.mutant.why for t in traces}), len(traces))
    for group in unnamed.grouped(question, [t.trace for t in traces]):
        made = Counter(traces[place].mutant.mistake for place in group)
        found += Measured(groups=1, pure=made.most_common(1)[0][1])
        if len(made) > 1:
            said.append(f"{question_id}: one group of {', '.join(sorted(made))}")
    for example in (t for t in traces if t.form == 0):
        for other in (t for t in traces if t is not example):
            same = unnamed.same(question, example.trace, other.trace)
            if other.mutant is example.mutant:
                found += Measured(forms=1, named=same)
                if not same:
                    said.append(f"{question_id}, {other.mutant.why}: form {other.form}")
            elif other.mutant.mistake != example.mutant.mistake:
                found += Measured(others=1, wrongly=same)
    return found


COLUMNS = "mistakes", "answers", "groups", "purity", "other forms named", "wrongly"
HEADING = """
## Mistakes that the key does not know

Mistakes of the bank, hidden from the key, each handed in in five forms: other names, another order, other calls, more steps, and all of
that behind another function. Purity: answers that stand in a group of their own mistake. Then one answer of each mistake was named: how
many of its other forms got that name, and how many answers with another mistake. Written by
(minutes of computing, so not run by the tests)

```bash
python -m tests.bank.unknown --markdown >> docs/hidden-tests.md
```"""


def markdown(lines: dict[str, Measured]) -> str:
    """Their part of the page `docs/hidden-tests.md`."""
    total = sum(lines.values(), Measured())
    rows = [(question, *lines[question].told()) for question in sorted(lines)]
    cells = [("question", *COLUMNS), *rows, ("all", *total.told())]
    table = ["| " + " | ".join(row) + " |" for row in cells]
    table.insert(1, "|---|" + "---:|" * len(COLUMNS))
    return "\n".join([HEADING, "", *table])


def main() -> int:
    """Print the measure; exit status 1 where it is not what is promised."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m tests.bank.unknown")
    parser.add_argument("--count", type=int, default=124)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formulas", action="store_true", help="of formulas alone")
    parser.add_argument("--markdown", action="store_true", help="print their part of the page")
    options = parser.parse_args()
    by_question: dict[str, list[Trace]] = {}
    wanted = sample(options.count, options.seed, not options.formulas)
    for mutant in tqdm(wanted, desc="hidden", disable=None):
        by_question.setdefault(mutant.question, []).extend(traced(mutant))
    said: list[str] = []
    lines = {question: measure(question, t, said) for question, t in by_question.items()}
    total = sum(lines.values(), Measured())
    if options.markdown:
        print(markdown(lines))
    for line in said:
        print(line, file=sys.stderr)
    counts = ", ".join(f"{n}: {t}" for n, t in zip(COLUMNS, total.told(), strict=True))
    print(counts, file=sys.stderr)
    return int(not total.good())


if __name__ == "__main__":
    raise SystemExit(main())
