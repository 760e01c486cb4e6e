"""`python -m tests.bank`: grade the bank, and print who is caught, by what, under which name."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import sys

from . import mutants, table, variants


def main() -> int:
    """Exit status 0 when all mutants are killed, all variants accepted, whatever the seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bank", description=__doc__)
    parser.add_argument(
        "--question", help="only questions whose id begins so, such as vae or vae.elbo"
    )
    parser.add_argument("--tenth", type=int, metavar="SEED", help="a tenth of it, drawn by SEED")
    parser.add_argument("--seeds", type=int, default=1, help="grade with so many seeds (default 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="print one object an answer and seed")
    parser.add_argument("--markdown", action="store_true", help="print docs/hidden-tests.md")
    parser.add_argument(
        "--unnamed", action="store_true", help="list the mutants without a name, too"
    )
    options = parser.parse_args()
    wanted = [a for a in (*mutants(), *variants()) if a.question.startswith(options.question or "")]
    if not wanted:
        parser.error(f"no answers to a question that begins with {options.question!r}")
    if options.tenth is not None:
        wanted = random.Random(options.tenth).sample(wanted, -(-len(wanted) // 10))
    table.end_with_parent()
    rows = table.run(wanted, range(options.seeds), options.workers)
    first = [row for row in rows if row.seed == 0]
    if options.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows]))
        return 0
    if options.markdown:
        print(table.markdown(first))
        return 0
    problems = table.problems(rows)
    if options.unnamed:
        problems += [row for row in first if row.naming == "unnamed" and row.verdict == "killed"]
    for row in problems:
        print(
            f"{row.question}, {row.why!r}, seed {row.seed}: {row.verdict}, failed "
            f"{', '.join(row.failed) or '-'}"
            f", called {row.mistake}",
            file=sys.stderr,
        )
    unsteady = table.flaky(rows)
    for (question, why), scores in unsteady.items():
        print(
            f"{question}, {why!r}: its score depends on the seed: {sorted(scores)}", file=sys.stderr
        )
    print(table.text(first))
    if options.seeds > 1:
        print(f"{options.seeds} seeds: {len(unsteady)} answers whose score depends on the seed")
    return (
        1
        if unsteady or any(row.verdict in ("survived", "elsewhere", "rejected") for row in rows)
        else 0
    )


if __name__ == "__main__":
    raise SystemExit(main())
