"""The journal: rows as they were, the feed of changes, payloads that lean on later ones."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables. An index that is there already remembers its rows from its present block on."""
    op.create_table("history_start",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id")
    )
    op.create_table("row_before",
        sa.Column("of_table", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("of_table", "key", "place"),
        sqlite_with_rowid=False
    )
    op.create_table("row_change",
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("last")
    )
    op.create_index(op.f("ix_row_change_block_number"), "row_change", ["block_number"])
    op.create_table("payload_lean",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id")
    )
    op.create_index(op.f("ix_payload_lean_seq"), "payload_lean", ["seq"])
    op.execute(
        sa.text("INSERT INTO history_start (id, block_number, feed) "
                'SELECT 1, block_number, :feed FROM "cursor"')
        .bindparams(feed=secrets.token_hex(8)))


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    for table in ("payload_lean", "row_change", "row_before", "history_start"):
        op.drop_table(table)
