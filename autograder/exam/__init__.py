"""The exam: the examiner, the wall around the student's process, and the verdict."""

import gc

# torch and nbgrader make a million objects that stay. By Python's own thresholds they are gone
# through so often that a start takes half a second longer or more.
gc.set_threshold(50_000, 10, 10)
