"""Signed readings of devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from indexer.columns import U64

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table. There is nothing to fill it with: until now the profile refused the term."""
    op.create_table("reading",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("counter", U64(), nullable=False),
        sa.Column("measured_at_ms", U64(), nullable=False),
        sa.Column("genuine", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "position")
    )
    for column in ("device", "counter", "measured_at_ms"):
        op.create_index(f"ix_reading_{column}", "reading", [column], unique=False)


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_table("reading")
