"""Proofs: `commitment` (salted tree over an event's fields), `merkle` (RFC 6962), `receipts` (inclusion in a
block), `checkpoint` (the operator's signature over a head), `verify` (all of it, numbered, offline).

Pure; verifiers return None or raise.
"""
