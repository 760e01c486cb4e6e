"""Mistakes that the key does not know: are they grouped, and is the whole group named?

    python -m tests.bank.unknown --count 100

Mistakes of the bank are hidden from the key; each is handed in in five forms (`tests.bank.forms`).
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

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
                result = unnamed.traced(Exam(student, 1000 + number, hidden), mutant.question)
            finally:
                student.close()
        if result.trace:
            found.append(Trace(mutant, number, result.trace))
    return found


@dataclass
class Measured:
    """purity: of the groups. named: of the other forms, after one was named. wrongly: of the
    answers with another mistake.
    """

    mistakes: int
    answers: int
    groups: int
    purity: float
    named: float
    wrongly: float
    wrong: list[str]
    missed: list[str]


def measure(wanted: list[Mutant]) -> Measured:
    """Group the answers, name one of each mutant, and count."""
    by_question: dict[str, list[Trace]] = {}
    for mutant in wanted:
        by_question.setdefault(mutant.question, []).extend(traced(mutant))
    groups = major = forms_named = forms_all = wrongly = others = 0
    wrong, missed = [], []
    for question_id, traces in by_question.items():
        question = hidden(question_id)
        for group in unnamed.grouped(question, [t.trace for t in traces]):
            groups += 1
            made = Counter(traces[place].mutant.mistake for place in group)
            major += made.most_common(1)[0][1]
            if len(made) > 1:
                wrong.append(f"{question_id}: one group of {', '.join(sorted(made))}")
        for example in (t for t in traces if t.form == 0):
            for other in (t for t in traces if t is not example):
                same = unnamed.same(question, example.trace, other.trace)
                if other.mutant is example.mutant:
                    forms_all += 1
                    forms_named += same
                    if not same:
                        missed.append(f"{question_id}, {other.mutant.why}: form {other.form}")
                elif other.mutant.mistake != example.mutant.mistake:
                    others += 1
                    wrongly += same
    answers = sum(map(len, by_question.values()))
    return Measured(
        len(wanted),
        answers,
        groups,
        major / max(answers, 1),
        forms_named / max(forms_all, 1),
        wrongly / max(others, 1),
        wrong,
        missed,
    )


def main() -> int:
    """Print the measure; exit status 1 where it is not what is promised."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m tests.bank.unknown")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formulas", action="store_true", help="of formulas alone")
    options = parser.parse_args()
    done = measure(sample(options.count, options.seed, not options.formulas))
    for line in done.wrong + done.missed:
        print(line)
    print(
        f"{done.mistakes} hidden mistakes, {done.answers} answers in {done.groups} groups: purity "
        f"{done.purity:.1%}, other forms named {done.named:.1%}, wrongly {done.wrongly:.2%}"
    )
    return int(done.purity < 0.95 or done.named < 0.9 or done.wrongly > 0.01)


if __name__ == "__main__":
    raise SystemExit(main())
