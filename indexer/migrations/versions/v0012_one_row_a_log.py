"""One row for a log of a block: the database itself refuses a second."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Declare it; in parts by month (PostgreSQL) the block's time must be among the columns."""
    time = ["recorded_at_s"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_index("uq_event_log", "event", ["block_hash", "log_index", *time], unique=True)


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_index("uq_event_log", "event")
