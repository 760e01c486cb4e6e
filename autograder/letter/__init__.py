"""What a student reads about graded work: a letter, whatever page or desk it is shown on.

`told` takes a record's text apart, `levels` says how much of it is shown, `letter` adds up what was
reached and what is open, `language` says it in the course's language, `text` writes it as Markdown.
The page is nbgrader's business: `autograder.plugins.feedback`.
"""
