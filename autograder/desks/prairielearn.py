"""PrairieLearn's `results.json` for an external grader.

Its contract: docs/externalGrading.md in https://github.com/PrairieLearn/PrairieLearn.
"""

from __future__ import annotations

import json


def told(result: dict) -> str:
    """The file's text. `score` is a share of the points, extra credit on top of it up to 1.

    What could not be read, or is another assignment, is "not gradable": it costs no attempt.
    """
    if result["rung"] is None:
        return json.dumps(
            {"gradable": False, "format_errors": result["notes"]}, ensure_ascii=False, indent=1
        )
    most = result["max_score"]
    return json.dumps(
        {
            "gradable": True,
            "score": min(result["score"] / most, 1.0) if most else 0.0,
            "message": "\n".join([f"{result['score']:g} of {most:g} points", *result["notes"]]),
            "tests": [
                {
                    "name": row["id"] + (" (extra credit)" if row["extra"] else ""),
                    "description": row["title"],
                    "points": row["score"],
                    "max_points": 0.0 if row["extra"] else row["points"],
                    "output": row["feedback"],
                    "message": row["mistake"] or "",
                }
                for row in result["questions"]
            ],
        },
        ensure_ascii=False,
        indent=1,
    )
