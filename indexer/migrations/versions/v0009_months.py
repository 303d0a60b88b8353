"""The time of the block in tables that grow for ever; on PostgreSQL these become months of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection, inspect, text

from indexer.partitions import make_parts

revision = "0009"
down_revision = "0008"

_TIME = {"block": "timestamp", "event": "recorded_at_s", "event_line": "recorded_at_s",
         "payload": "recorded_at_s", "unit_state": "recorded_at_s", "not_taken": "recorded_at_s"}
_OF_EVENT = ("UPDATE {0} SET recorded_at_s ="
             " (SELECT e.recorded_at_s FROM event e WHERE e.event_id = {0}.event_id)")


def upgrade() -> None:
    """Add the column, filled from the event or block; then cut the tables (PostgreSQL)."""
    for table in ("event_line", "payload", "unit_state", "not_taken"):
        op.add_column(table, sa.Column("recorded_at_s", sa.BigInteger(), nullable=False, server_default="0"))
    for table in ("event_line", "payload", "unit_state"):
        op.execute(_OF_EVENT.format(table))
    op.execute("UPDATE not_taken SET recorded_at_s ="
               " (SELECT b.timestamp FROM block b WHERE b.number = not_taken.block_number)")
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # a part can only be taken away if nothing refers to its rows
        op.execute("ALTER TABLE norm_excess DROP CONSTRAINT IF EXISTS norm_excess_event_id_fkey")
        for table in ("payload", "event_line", "unit_state", "not_taken", "event", "block"):
            _cut(connection, table, _TIME[table])


def _cut(connection: Connection, table: str, time: str) -> None:
    """Put a table in parts in place of the whole one, with its keys and indexes, and move the rows."""
    found = inspect(connection)
    keys = [*found.get_pk_constraint(table)["constrained_columns"], time]
    indexes = [(index["name"], index["column_names"], index["unique"]) for index in found.get_indexes(table)
               if not index.get("duplicates_constraint")]
    unique = [one["column_names"] for one in found.get_unique_constraints(table)]
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
    op.execute(f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS) PARTITION BY RANGE ({time})")
    op.execute(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT")
    times = connection.execute(text(f"SELECT DISTINCT {time} FROM {table}_whole"))  # noqa: S608 - constants
    make_parts(connection, table, times.scalars())
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_whole")  # noqa: S608 - constants
    op.execute(f"DROP TABLE {table}_whole CASCADE")
    op.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(keys)})")
    for columns in unique:
        op.execute(f"ALTER TABLE {table} ADD UNIQUE ({', '.join([*columns, time])})")
    for name, over, is_unique in indexes:
        more = [time] if is_unique else []
        op.create_index(name, table, [*map(str, over), *more], unique=bool(is_unique))


def downgrade() -> None:
    """Drop the column: an index is rebuilt from the chain, never converted back."""
    for table in ("event_line", "payload", "unit_state", "not_taken"):
        op.drop_column(table, "recorded_at_s")
