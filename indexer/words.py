"""Texts that stand in the tables. Apart from `models`, since reading a chain needs no tables."""

ZERO_ID = "0x" + "00" * 32
"""A 32-byte id that is zero on the ledger: no reference, no material, no source line."""

WITHHELD, SEALED, OPEN, MISMATCH = "withheld", "sealed", "open", "mismatch"
"""What is known of an event's content; see `models.Payload`."""
