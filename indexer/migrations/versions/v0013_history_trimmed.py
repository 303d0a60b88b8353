"""From which time on questions as of a time are answered, once old before-images were drawn together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; empty, nothing was drawn together yet."""
    op.add_column("history_start", sa.Column("as_of_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop it: an index is rebuilt from the chain, never converted back."""
    op.drop_column("history_start", "as_of_ms")
