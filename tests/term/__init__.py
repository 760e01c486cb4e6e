"""A term under way: a course as version 1.0 left it, which this version goes on with.

`term-1.0.zip` holds what version 1.0 made: its nbgrader_config.py, source and release of `explore`,
the gradebook, three submissions (right; another standard deviation; no notebook), their grading,
with two answers marked by hand, the ledger, and `marks.csv`, which it exported.
"""
