"""Views for people who ask with SQL; they themselves are made anew after every upgrade (`indexer.views`)."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing of its own: a new version, so that a database that is there gets the views."""


def downgrade() -> None:
    """Nothing: an index is rebuilt from the chain, never converted back."""
