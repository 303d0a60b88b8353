"""Follows material through processing into exports and checks it against what was declared.

Pure functions over what the index holds; no chain access, no clock, no randomness. Start with `book`
(the data of one book), then `graph`, `balance`, `rules` and `settlement`.
"""
