"""Gradescope's `results.json`.

Its contract: https://gradescope-autograders.readthedocs.io/en/latest/specs/ and, for what is known
of earlier tries, …/submission_metadata/.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

METADATA = Path("/autograder/submission_metadata.json")
VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")


@dataclass(frozen=True)
class Earlier:
    """What is known of a student's submissions, for the next time: it comes back as `extra_data`.

    tries: earlier ones, counted where something was changed. handed_in: digest of this one.
    """

    tries: int
    handed_in: str

    @classmethod
    def of(cls, metadata: Path, digest: str) -> Earlier:
        """Out of `submission_metadata.json`; no tries where there is none or it cannot be read.

        Gradescope gives back the whole result of the latest try alone, so that one carries the
        count; a try that failed through no fault of the student's has none.
        """
        try:
            before = json.loads(metadata.read_text(encoding="utf-8"))["previous_submissions"]
            before = [one for one in before if not one.get("autograder_error")]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return cls(0, digest)
        for one in reversed(before):
            try:
                last = cls(**one["results"]["extra_data"]["earlier"])
                return cls(last.tries + (last.handed_in != digest), digest)
            except (LookupError, TypeError):
                continue
        return cls(len(before), digest)


def told(result: dict, visibility: str = VISIBILITY[0], earlier: Earlier | None = None) -> str:
    """The file's text. visibility: when students see it, one of VISIBILITY.

    All text is shown as it is ("text"): what students wrote in it is no markup. An extra is worth
    points out of 0, so that it adds to the total and is not missing from it.
    """
    return json.dumps(
        {
            "score": result["score"],
            "execution_time": round(result["seconds"]),
            "output": "\n".join(_summary(result)),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "visibility": visibility,
            "stdout_visibility": "hidden",  # the grader's log is for instructors
            "extra_data": {
                **{key: result[key] for key in ("version", "assignment", "rung", "seed")},
                **({"earlier": asdict(earlier)} if earlier else {}),
            },
            "tests": [
                _test(number, row, visibility) for number, row in enumerate(result["questions"], 1)
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def _test(number: int, row: dict, visibility: str) -> dict:
    tags = ["extra credit"] if row["extra"] else []
    return {
        "name": f"{row['id']}: {row['title']}" + (" (extra credit)" if row["extra"] else ""),
        "name_format": "text",
        "number": str(number),
        "score": row["score"],
        "max_score": 0.0 if row["extra"] else row["points"],
        "status": "passed" if row["passed"] else "failed",
        "output": row["feedback"],
        "output_format": "text",
        "tags": tags + ([row["mistake"]] if row["mistake"] else []),
        "visibility": visibility,
    }


def _summary(result: dict) -> list[str]:
    lines = [f"{result['score']:g} of {result['max_score']:g} points for code."]
    return lines + result["notes"]
