"""What instructors have: the answer key, the examiner, the box, grading, reports."""
