"""Run by Alembic: applies the versions on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from indexer.database import VERSION_TABLE
from indexer.models import TABLES
from indexer.postgresql import order_by_bytes

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=TABLES[0].metadata, render_as_batch=True,
                  version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
if connection.dialect.name == "postgresql":
    order_by_bytes(connection)
