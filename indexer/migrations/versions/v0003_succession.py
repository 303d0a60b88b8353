"""The ledger that follows this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table("succession",
        sa.Column("successor", sa.String(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("set_at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("successor")
    )


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_table("succession")
