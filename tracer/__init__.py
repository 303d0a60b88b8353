"""Follows material through processing into exports and checks it against what was declared.

Pure functions over what the index or a folder of files holds; no chain access, no clock, no randomness. Start
with `book` (the data of one book; `load` reads it from the index, `files` from files, `content` what EPCIS
says), then `replay` (balances), `graph`, `balance`, `production` and `feasibility` (what could have been
made), `yields` and `allocation` (whose material a product took; `came_back` what
of it did not stay away), `rules` and `settlement`. `check` evaluates
a book whole; `filed` reads a report as it was filed; `release` measures how long goods wait; `trace`
answers where one thing came from and where it went, `open_lots` what has not ended. `papers` are documents
for customs abroad and the explanations, `risk` ranks, `runs` keeps answers and opens them again.
"""
