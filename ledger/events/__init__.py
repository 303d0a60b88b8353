"""Events: what is signed (`model`), how it is read from EPCIS (`document`, `schema`, `profile`), and its ids.

Pure: bytes in, values or InputError out; no clock, no network, no files but the shipped schemas.
"""
