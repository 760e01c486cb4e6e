"""`python -m autograder ask`: questions to a student about her own work, for an oral exam.

A student whose code is right may not know why. `item` is what a question is made of, `pool` has
what can be asked in each assignment, `interview` makes three for one student by running her code,
`sheets` prints them, `command` does so for a class.
"""
