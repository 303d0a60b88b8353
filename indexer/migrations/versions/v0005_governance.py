"""Members, guardians, gateways; what the authority announces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables; every head there is is of the first ledger."""
    op.add_column("head", sa.Column("era", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table("governance_role",
        sa.Column("role", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("delay_s", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("role", "account")
    )
    op.create_table("announcement",
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("announced_at_s", sa.BigInteger(), nullable=False),
        sa.Column("ready_at_s", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("ended_at_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("operation", "count")
    )
    op.create_index("ix_announcement_status", "announcement", ["status"], unique=False)


def downgrade() -> None:
    """Drop them: an index is rebuilt from the chain, never converted back."""
    for name in ("announcement", "governance_role"):
        op.drop_table(name)
    op.drop_column("head", "era")
