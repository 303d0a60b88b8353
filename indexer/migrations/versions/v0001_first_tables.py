"""The first tables of the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from indexer.columns import U64, Micro

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table("block",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("parent_hash", sa.String(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("receipts_root", sa.String(), nullable=False),
        sa.Column("rlp", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("hash")
    )
    op.create_table("book",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("regime", sa.Integer(), nullable=False),
        sa.Column("options", sa.Integer(), nullable=False),
        sa.Column("opening_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number")
    )
    op.create_table("count_entry",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("book", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("lot", sa.String(), nullable=False),
        sa.Column("quantity_micro", Micro(), nullable=False),
        sa.Column("uom", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "position")
    )
    op.create_index("ix_count_entry_book", "count_entry", ["book"], unique=False)
    op.create_table("cursor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("ledger_address", sa.String(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id")
    )
    op.create_table("declaration_line",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("declaration", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("regime", sa.String(), nullable=False),
        sa.Column("book", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("hs", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("quantity_micro", Micro(), nullable=False),
        sa.Column("uom", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("duty_rate", sa.String(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("original_declaration", sa.String(), nullable=False),
        sa.Column("original_line", sa.String(), nullable=False),
        sa.Column("registered_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id")
    )
    op.create_index("ix_declaration_line_declaration", "declaration_line", ["declaration"], unique=False)
    op.create_index("ix_declaration_line_unit", "declaration_line", ["unit"], unique=False)
    op.create_table("event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("signer", sa.String(), nullable=False),
        sa.Column("participant", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("counterparty", sa.BigInteger(), nullable=False),
        sa.Column("facility", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("occurred_at_ms", U64(), nullable=False),
        sa.Column("recorded_at_s", sa.BigInteger(), nullable=False),
        sa.Column("deadline_s", U64(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("outcome_name", sa.String(), nullable=False),
        sa.Column("voided_by", sa.String(), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("event_id")
    )
    op.create_index("ix_event_block_number", "event", ["block_number"], unique=False)
    op.create_index("ix_event_book", "event", ["book"], unique=False)
    op.create_index("ix_event_commitment", "event", ["commitment"], unique=False)
    op.create_index("ix_event_kind", "event", ["kind"], unique=False)
    op.create_index("ix_event_occurred_at_ms", "event", ["occurred_at_ms"], unique=False)
    op.create_index("ix_event_outcome", "event", ["outcome"], unique=False)
    op.create_index("ix_event_participant", "event", ["participant"], unique=False)
    op.create_index("ix_event_reference", "event", ["reference"], unique=False)
    op.create_index("ix_event_seq", "event", ["seq"], unique=True)
    op.create_table("evidence",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("their_hash", sa.String(), nullable=False),
        sa.Column("our_header", sa.Text(), nullable=False),
        sa.Column("their_header", sa.Text(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "their_hash")
    )
    op.create_table("facility",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operator", sa.BigInteger(), nullable=False),
        sa.Column("supervised", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number")
    )
    op.create_table("head",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("unit")
    )
    op.create_table("line_state",
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("declarant", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("holds", sa.Integer(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("original", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("quantity_micro", Micro(), nullable=False),
        sa.Column("drawn_micro", Micro(), nullable=False),
        sa.Column("exited_micro", Micro(), nullable=False),
        sa.Column("returned_micro", Micro(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("line")
    )
    op.create_table("lot",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("book", sa.BigInteger(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source_line", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("raw_micro", Micro(), nullable=False),
        sa.Column("wip_micro", Micro(), nullable=False),
        sa.Column("finished_micro", Micro(), nullable=False),
        sa.Column("scrap_micro", Micro(), nullable=False),
        sa.Column("short_micro", Micro(), nullable=False),
        sa.Column("loaded_micro", Micro(), nullable=False),
        sa.PrimaryKeyConstraint("unit")
    )
    op.create_index("ix_lot_book", "lot", ["book"], unique=False)
    op.create_index("ix_lot_material", "lot", ["material"], unique=False)
    op.create_table("lot_loaded",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("quantity_micro", Micro(), nullable=False),
        sa.PrimaryKeyConstraint("unit", "line")
    )
    op.create_table("material",
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("uom", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("hs", sa.String(), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.Column("named_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("material")
    )
    op.create_index("ix_material_code", "material", ["code"], unique=False)
    op.create_table("norm",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("book", sa.String(), nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("norm", sa.String(), nullable=False),
        sa.Column("product_uom", sa.String(), nullable=False),
        sa.Column("material_uom", sa.String(), nullable=False),
        sa.Column("flag", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(), nullable=False),
        sa.Column("valid_to", sa.String(), nullable=False),
        sa.Column("loss_rate", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "position")
    )
    op.create_index("ix_norm_book", "norm", ["book"], unique=False)
    op.create_index("ix_norm_material", "norm", ["material"], unique=False)
    op.create_index("ix_norm_product", "norm", ["product"], unique=False)
    op.create_table("not_taken",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("code_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index")
    )
    op.create_index("ix_not_taken_event_id", "not_taken", ["event_id"], unique=False)
    op.create_table("participant",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("roles", sa.Integer(), nullable=False),
        sa.Column("hold_bit", sa.Integer(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("reading_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number")
    )
    op.create_table("payload_reader",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("participant", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "participant", "grant_id")
    )
    op.create_index("ix_payload_reader_participant", "payload_reader", ["participant"], unique=False)
    op.create_table("reading_grant",
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("grantor", sa.BigInteger(), nullable=False),
        sa.Column("grantee", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("issued_at_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("grant_id")
    )
    op.create_table("signer",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("participant", sa.BigInteger(), nullable=False),
        sa.Column("valid_from_s", U64(), nullable=False),
        sa.Column("valid_until_s", U64(), nullable=False),
        sa.Column("revoked_at_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("address")
    )
    op.create_index("ix_signer_participant", "signer", ["participant"], unique=False)
    op.create_table("unit",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("thing", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("empty", sa.Boolean(), nullable=False),
        sa.Column("holds", sa.Integer(), nullable=False),
        sa.Column("custodian", sa.BigInteger(), nullable=False),
        sa.Column("facility", sa.BigInteger(), nullable=False),
        sa.Column("offeree", sa.BigInteger(), nullable=False),
        sa.Column("offer_expires_at_s", sa.BigInteger(), nullable=False),
        sa.Column("offer_event", sa.String(), nullable=True),
        sa.Column("inside", sa.String(), nullable=True),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("unit")
    )
    op.create_index("ix_unit_custodian", "unit", ["custodian"], unique=False)
    op.create_index("ix_unit_thing", "unit", ["thing"], unique=False)
    op.create_table("unit_name",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("unit")
    )
    op.create_index("ix_unit_name_number", "unit_name", ["number"], unique=False)
    op.create_index("ix_unit_name_scope", "unit_name", ["scope"], unique=False)
    op.create_table("unit_state",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("thing", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("holds", sa.Integer(), nullable=False),
        sa.Column("custodian", sa.BigInteger(), nullable=False),
        sa.Column("facility", sa.BigInteger(), nullable=False),
        sa.Column("offeree", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("unit", "seq")
    )
    op.create_table("event_line",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("balance", sa.String(), nullable=False),
        sa.Column("quantity_micro", Micro(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"]),
        sa.PrimaryKeyConstraint("event_id", "position")
    )
    op.create_index("ix_event_line_unit", "event_line", ["unit"], unique=False)
    op.create_table("payload",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("epcis_event_id", sa.String(), nullable=True),
        sa.Column("epcis_type", sa.String(), nullable=True),
        sa.Column("is_correction", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("missing", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"]),
        sa.PrimaryKeyConstraint("event_id")
    )
    op.create_index("ix_payload_commitment", "payload", ["commitment"], unique=False)
    op.create_index("ix_payload_epcis_event_id", "payload", ["epcis_event_id"], unique=False)
    op.create_index("ix_payload_missing", "payload", ["missing"], unique=False)
    op.create_index("ix_payload_status", "payload", ["status"], unique=False)


def downgrade() -> None:
    """Drop every table: an index is rebuilt from the chain, never converted back."""
    for name in TABLES_LAST_FIRST:
        op.drop_table(name)


TABLES_LAST_FIRST = (
    "evidence", "count_entry", "norm", "declaration_line", "material", "unit_name", "reading_grant",
    "payload_reader", "payload", "book", "facility", "signer", "participant", "head", "line_state",
    "lot_loaded", "lot", "unit_state", "unit", "not_taken", "event_line", "event", "block",
    "cursor",
)
