"""Loads the ledger into SQL, exactly once, and trusts no node. Start reading at `indexer.Indexer.run_once`.

Follow a block: `source` (fetch, check header and receipts root) -> `decode` (logs to facts) -> `sheet` (facts
to plain rows) -> `reconcile` (pure: next, duplicate, gap, reorganisation) -> `project` (what depends on other
rows) -> `store` (rows, cursor and `journal` in one transaction; `rollback` undoes blocks, `history` bounds
what is kept of the past). Where many blocks are missing, `ahead` has them read by another process, `reader`,
up to the sheet; `indexes` leaves out meanwhile what only speeds up questions.

Follow a payload: `opening` (which, when) -> `desk` (what becomes of it, and who is read again) -> `payloads`
(opened, held to commitment and signature, made rows) and `grants` (who may read).

`models` are the tables, `database` opens and migrates them, `bulk` writes and reads many rows at once,
`among` asks for many keys in one parameter; `queries` and `lookups` read them, `past` and `fold` read them as
they were, `feed` is the ordered feed of their changes, `digest` compares two indexes.
"""
