"""Versions of the tables (Alembic), packaged and run by `indexer.database.migrate`.

Each file in `versions/` goes from one version to the next; the last one equals `indexer.models` (a test
compares).
"""

VERSION = "0014"
"""The last version, so that a database already there needs no migration tool to be started."""
