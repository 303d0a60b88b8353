"""Where to look first, and why: explainable scores of books, conduct of actors, proposals of controls.

A score never decides. It is a sum that can be recomputed by hand, of checks that were made; what could not
be checked is no part of it and is listed. Money stands beside it, since one huge shortage weighs little in a
ratio. Everything here is worked out from kept runs and the index: no model, no training, nothing learnt but
how often people confirmed a rule's findings. Domain reference, section 11; numbers without a law named have
no legal force.

Start with `score` (a book), then `conduct` (an actor's record of 365 days and its level), `ranking` (findings
by money and by what people made of such findings) and `controls` (what to do with a given capacity, a part
of it drawn by lot).
"""
