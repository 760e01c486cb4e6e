"""Desks that are not nbgrader's: one submission in, one result out, in the form that a desk reads.

`one` grades and writes our own JSON (`result.schema.json`); a format is a module beside it with a
function `told(result) -> str`, its name in `FORMATS` and its line in `command`. `bundle` packs what
a desk asks to be given. docs/desks.md shows how to add another.
"""

FORMATS = ("json", "markdown", "gradescope", "prairielearn", "junit")
