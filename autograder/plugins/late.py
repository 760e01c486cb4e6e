"""Late penalties: a grace period, so much a day, a floor, or zero; and extensions.

c.LatePolicy.grace_minutes = 15
c.LatePolicy.percent_a_day = 10
c.LatePolicy.floor_percent = 50
c.LatePolicy.timezone = "Europe/Berlin"

nbgrader computes a penalty once, when it autogrades: from the points of the code alone, and from
the due date of that day. Here `settle` follows the marks, the due date, the policy and
`extensions.csv` as they are at the moment; grading, answers, feedback and exports call it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties as StockAssignLatePenalties
from traitlets import Float, Unicode
from traitlets.config import Config

from autograder.plugins import dates, execute
from autograder.plugins.config import only_known


class LatePolicy(LateSubmissionPlugin):
    """The penalty in points for a submission so many seconds late."""

    grace_minutes = Float(0, min=0, help="lateness up to this long costs nothing").tag(config=True)
    percent_a_day = Float(
        0, min=0, max=100, help="share of the score lost for every started day after the deadline"
    ).tag(config=True)
    floor_percent = Float(
        0, min=0, max=100, help="share of the score that is kept however late it is"
    ).tag(config=True)
    timezone = Unicode(
        "", help="the course's zone, such as Europe/Berlin; by default this machine's"
    ).tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late, days=None):
        """Points taken off `score`; 0 within the grace period; all of it when penalty_method is
        'zero'.

        days: started days by the course's clock; by default of 24 hours each.
        """
        if total_seconds_late <= self.grace_minutes * 60:
            return 0.0
        if self.penalty_method == "zero":
            return score
        days = math.ceil(total_seconds_late / 86_400) if days is None else days
        kept = max(self.floor_percent, 100 - days * self.percent_a_day)
        return score * (100 - kept) / 100


class AssignLatePenalties(StockAssignLatePenalties):
    """nbgrader's step in autograding, with extensions and the course's clock."""

    def preprocess(self, nb, resources):
        about, course = resources["nbgrader"], execute.course_of(self)
        with Gradebook(about["db_url"]) as gradebook:
            where = Path(course.root if course else ".")
            settle(gradebook, self.config, where, about["assignment"], {about["student"]})
        return nb, resources


def settle(
    gradebook: Gradebook,
    config,
    root: Path,
    assignment: str,
    students: Collection[str] | None = None,
) -> list[str]:
    """Bring extensions and late penalties of an assignment up to date; a line for each change.

    students: only theirs. WrongCall where `extensions.csv`, the policy or the zone cannot be
    understood.
    """
    only_known(LatePolicy, config)
    zone = dates.zone(config)
    extensions = dates.extensions(root, zone)
    # an exporter's own defaults are in it, which this step has not and would complain of
    step = AssignLatePenalties(
        config=Config({k: config[k] for k in config if k != "NbConvertBase"})
    )
    step.init_plugin()
    changes, due = [], gradebook.find_assignment(assignment).duedate
    for submission in _submissions(gradebook, assignment, students):
        student, said = submission.student_id, ""
        if extensions is not None:
            until = extensions.get((student, assignment))
            longer = until - due if until and due else None
            if (submission.extension or None) != longer:
                submission.extension = longer
                said = f"extended to {dates.shown(until, zone)}" if longer else "no extension"
        elif due is None and submission.extension is not None:
            submission.extension = None  # nbgrader itself cannot add it to nothing
        before = sum(notebook.late_submission_penalty or 0.0 for notebook in submission.notebooks)
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = _penalty(step, submission, notebook, zone)
        after = sum(notebook.late_submission_penalty or 0.0 for notebook in submission.notebooks)
        if abs(before - after) > 1e-6:
            why = f"{said}, {_lateness(submission, zone)}" if said else _lateness(submission, zone)
            changes.append(f"{student}: late penalty {_points(before)} → {_points(after)} ({why})")
        elif said:
            changes.append(f"{student}: {said}")
    gradebook.db.commit()
    return changes


def strangers(config, root: Path, students: Collection[str], assignments) -> list[str]:
    """Lines of `extensions.csv` that count for nobody, because of a name that is not known."""
    told = dates.extensions(root, dates.zone(config)) or {}
    lines = [f"no student {who!r}" for who, _ in told if who not in students]
    lines += [f"no assignment {what!r}" for _, what in told if what not in assignments]
    return [f"{dates.EXTENSIONS}: {line}" for line in dict.fromkeys(lines)]


def _submissions(gradebook, assignment: str, students: Collection[str] | None) -> Iterator:
    if students is None:
        yield from gradebook.assignment_submissions(assignment)
        return
    for student in sorted(students):
        with contextlib.suppress(MissingEntry):
            yield gradebook.find_submission(assignment, student)


def _penalty(step, submission, notebook, zone) -> float | None:
    """Points off one notebook, as the course's policy has it; None where it is not late."""
    late = submission.total_seconds_late
    if late <= 0:
        return None
    policy = step.plugin_inst
    told = {}
    if isinstance(policy, LatePolicy):
        told["days"] = dates.days_late(submission.duedate, submission.timestamp, zone)
    score = notebook.score
    penalty = policy.late_submission_penalty(submission.student_id, score, late, **told)
    return None if penalty is None else min(max(penalty, 0.0), score)


def _lateness(submission, zone) -> str:
    due = f"due {dates.shown(submission.duedate, zone)}" if submission.duedate else "no due date"
    if submission.total_seconds_late <= 0:
        return f"in time, {due}"
    days = dates.days_late(submission.duedate, submission.timestamp, zone)
    return f"late, day {days}, {due}"


def _points(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
