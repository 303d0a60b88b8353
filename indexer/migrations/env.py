"""Run by Alembic: applies the versions on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from indexer.database import VERSION_TABLE
from indexer.models import TABLES
from indexer.postgresql import order_by_bytes
from indexer.views import drop_views, make_views

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=TABLES[0].metadata, render_as_batch=True,
                  version_table=VERSION_TABLE)
rights = drop_views(connection)
with context.begin_transaction():
    context.run_migrations()
if connection.dialect.name == "postgresql":
    order_by_bytes(connection)
make_views(connection, rights)
