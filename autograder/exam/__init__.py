"""The exam: the examiner, the wall around the student's process, and the verdict."""
