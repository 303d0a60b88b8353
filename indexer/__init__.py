"""Loads the ledger into SQL, exactly once, and trusts no node.

Follow a block: `source` (fetch and check) -> `reconcile` (pure: next, duplicate, gap, fork) -> `decode`
(logs and payloads to facts) -> `store` (rows and cursor in one transaction). `models` are the tables.
"""
