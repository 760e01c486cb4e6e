"""A class: collected, graded, marked, reported and exported."""
