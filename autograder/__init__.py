"""What instructors have: the answer key, the examiner, the box, grading, reports."""

import os

# Before numpy is imported: its threads wait for each other longer than they compute here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
