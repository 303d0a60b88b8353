"""Settlements that are kept: what was said when, and what has changed since.

A *question* is a book, a period and a policy. Its answer, forms, exemption and findings, is worked out
from what the index holds; each answer is a *run* and stays readable for ever, with the block at which it was
made, the rules' version and a digest of everything that it was worked out from. Whatever comes later, a late
event, a correction, a payload that can be read now, makes a new run of the questions that it touches and says
what re-opened them; the old run is never changed (domain reference, section 6).

Start with `store` (questions, runs, what people said of findings); `making` works a question out and brings
all of them up to date along the change feed; `touching` says which questions a change is about; `inputs`
digests a book; `comparing` says what two runs of a question differ in.
"""
