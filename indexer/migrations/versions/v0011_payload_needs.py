"""What payloads refer to by the word of others, and which event gave which names.

Of payloads that were read before, nobody noted what they refer to: all are read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Exchange the table, and let the next run read every payload again."""
    op.drop_table("payload_lean")
    op.create_table("payload_need",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "asked")
    )
    op.create_index(op.f("ix_payload_need_asked"), "payload_need", ["asked"])
    op.create_index(op.f("ix_payload_need_seq"), "payload_need", ["seq"])
    names = sa.text("of_table IN ('material', 'unit_name')")
    op.create_index("ix_row_before_names", "row_before", ["place"],
                    sqlite_where=names, postgresql_where=names)
    op.execute("UPDATE cursor SET context = ''")


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_index("ix_row_before_names", "row_before")
    op.drop_table("payload_need")
    op.create_table("payload_lean",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id")
    )
    op.create_index(op.f("ix_payload_lean_seq"), "payload_lean", ["seq"])
