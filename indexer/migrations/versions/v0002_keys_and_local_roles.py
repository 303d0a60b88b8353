"""Devices and their calibrations, roles at single places, keys limited to a place, recoveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from indexer.columns import U64

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables; what is there had none of it, so the new columns begin at 0."""
    op.add_column("participant", sa.Column("key_epoch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("signer", sa.Column("facility", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table("facility_role",
        sa.Column("participant", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("facility", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("roles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("participant", "facility")
    )
    op.create_table("device",
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("participant", sa.BigInteger(), nullable=False),
        sa.Column("facility", sa.BigInteger(), nullable=False),
        sa.Column("valid_from_s", U64(), nullable=False),
        sa.Column("valid_until_s", U64(), nullable=False),
        sa.Column("calibrated_until_s", U64(), nullable=False),
        sa.Column("revoked_at_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("public_key")
    )
    op.create_index("ix_device_participant", "device", ["participant"], unique=False)
    op.create_table("device_calibration",
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stated_at_s", sa.BigInteger(), nullable=False),
        sa.Column("calibrated_until_s", U64(), nullable=False),
        sa.PrimaryKeyConstraint("public_key", "position")
    )


def downgrade() -> None:
    """Drop them: an index is rebuilt from the chain, never converted back."""
    for name in ("device_calibration", "device", "facility_role"):
        op.drop_table(name)
    op.drop_column("signer", "facility")
    op.drop_column("participant", "key_epoch")
