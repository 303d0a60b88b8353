"""Norms with numbers that a TRANSFORM exceeded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table. There is nothing to fill it with: until now no norm had numbers on the ledger."""
    op.create_table("norm_excess",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("allowed_micro", sa.String(), nullable=False),
        sa.Column("used_micro", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"]),
        sa.PrimaryKeyConstraint("event_id", "material")
    )


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_table("norm_excess")
