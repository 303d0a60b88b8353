"""Loads the ledger into SQL, exactly once, and trusts no node. Start reading at `indexer.Indexer.run_once`.

Follow a block: `source` (fetch, check header and receipts root) -> `reconcile` (pure: next, duplicate, gap,
reorganisation) -> `decode` (logs to facts) -> `project` (facts to rows) -> `store` (rows, cursor and
`journal` in one transaction; `rollback` undoes blocks, `history` bounds what is kept of the past). Follow a
payload: `opening` (which, when) -> `desk` (what becomes of it, and who is read again) -> `payloads` (opened,
held to commitment and signature, made rows) and `grants` (who may read). `models` are the tables, `database`
opens and migrates them, `bulk` writes and reads many rows at once; `queries` and `lookups` read them, `past`
and `fold` read them as they were, `feed` is the ordered feed of their changes, `digest` compares two indexes.
"""
