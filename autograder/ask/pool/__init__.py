"""What can be asked about each graded question, assignment by assignment.

Each has `about`, the id of that question, and `item(student, rng, source)`, which makes a question
about her own work or None. `calls` asks what her code gives, `lines` what a line of it does, `runs`
about what she trained.
"""

from autograder.ask.pool.calls import CALLS
from autograder.ask.pool.lines import LINES
from autograder.ask.pool.runs import RUNS

POOL = {
    assignment: (*asked, *LINES.get(assignment, ()), *RUNS.get(assignment, ()))
    for assignment, asked in CALLS.items()
}
