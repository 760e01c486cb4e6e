"""Late policies as an nbgrader plug-in: a grace period, so much a day, a floor, or zero.

c.AssignLatePenalties.plugin_class = "autograder.plugins.late.LatePolicy"
c.LatePolicy.grace_minutes = 15
c.LatePolicy.percent_a_day = 10
c.LatePolicy.floor_percent = 50
"""

from __future__ import annotations

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float


class LatePolicy(LateSubmissionPlugin):
    """The penalty in points for a submission so many seconds late."""

    grace_minutes = Float(0, min=0, help="lateness up to this long costs nothing").tag(config=True)
    percent_a_day = Float(
        0, min=0, max=100, help="share of the score lost for every started day after the deadline"
    ).tag(config=True)
    floor_percent = Float(
        0, min=0, max=100, help="share of the score that is kept however late it is"
    ).tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Points taken off `score`; 0 within the grace period; all of it when penalty_method is
        'zero'.
        """
        if total_seconds_late <= self.grace_minutes * 60:
            return 0.0
        if self.penalty_method == "zero":
            return score
        days = math.ceil(total_seconds_late / 86_400)
        kept = max(self.floor_percent, 100 - days * self.percent_a_day)
        return score * (100 - kept) / 100
