"""The journal in the order in which it is written: what was added at scattered keys is appended now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NAMES = sa.text("of_table IN ('material', 'unit_name')")


def upgrade() -> None:
    """Begin the key with the place, and make an index for questions about a row."""
    _turn(["place", "of_table", "key"])
    if op.get_bind().dialect.name == "postgresql":  # the feed's long texts: several times as fast to press
        op.execute("DO $$ BEGIN ALTER TABLE row_change ALTER COLUMN body SET COMPRESSION lz4; "
                   "EXCEPTION WHEN feature_not_supported THEN NULL; END $$")
    op.create_index("ix_row_before_row", "row_before", ["of_table", "key", "place"])


def downgrade() -> None:
    """Turn it back: an index is rebuilt from the chain, never converted back."""
    op.drop_index("ix_row_before_row", "row_before")
    _turn(["of_table", "key", "place"])


def _turn(keys: list[str]) -> None:
    """Another order of the key; SQLite lays rows out by it, so that they are written anew."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("row_before_pkey", "row_before")
        op.create_primary_key("row_before_pkey", "row_before", keys)
        return
    op.drop_index("ix_row_before_names", "row_before")
    op.rename_table("row_before", "row_before_old")
    op.create_table("row_before",
        sa.Column("of_table", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(*keys),
        sqlite_with_rowid=False
    )
    old = sa.table("row_before_old", *map(sa.column, ("of_table", "key", "place", "before")))
    op.execute(sa.insert(sa.table("row_before", *map(sa.column, old.c.keys()))).from_select(
        old.c.keys(), sa.select(old).order_by(*(old.c[key] for key in keys))))
    op.drop_table("row_before_old")
    op.create_index("ix_row_before_names", "row_before", ["place"], sqlite_where=_NAMES)
