"""The tables of the index (SQLModel). The ER picture and meanings: docs/reference/index.md.

Three groups. *Chain facts*, rebuilt from logs alone: Block, Event, EventLine, NotTaken, Unit, Lot, LotLoaded,
DeclarationLineState, UnitState, and the registry. *Opened payloads*, present only where a reading key opens
them and the commitment matches: Payload, PayloadReader, UnitName, Material, DeclarationLine, Norm, CountEntry,
QuantityEntry. *Position*: Cursor. Ids and hashes are 0x-prefixed lower-case hex; quantities are integers in
micro-units stored as text-safe 64-bit (see `Micro`); times are integers (ms for occurred, s for recorded).
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Column, Numeric, Text
from sqlmodel import Field, SQLModel


def _micro(*, default: int | None = 0) -> Decimal:
    """A column for unsigned 64-bit micro-units: NUMERIC(20, 0), since SQL integers end at 2**63 - 1."""
    return Field(default=default, sa_column=Column(Numeric(20, 0, asdecimal=True), nullable=False))  # type: ignore[no-any-return]


class Cursor(SQLModel, table=True):
    """How far the index is; moves in the transaction that writes the rows."""

    id: int = Field(default=1, primary_key=True)
    chain_id: int
    ledger_address: str
    block_number: int
    block_hash: str


class Block(SQLModel, table=True):
    """A block whose parent, hash and receipts root were checked."""

    number: int = Field(primary_key=True)
    hash: str = Field(unique=True)
    parent_hash: str
    timestamp: int
    receipts_root: str


class Event(SQLModel, table=True):
    """One signed event and its outcome. `seq` is its place in the ledger's order, from 1."""

    event_id: str = Field(primary_key=True)
    seq: int = Field(index=True, unique=True)
    block_number: int = Field(index=True)
    block_hash: str
    tx_hash: str
    log_index: int
    signer: str
    participant: int = Field(index=True)
    kind: str = Field(index=True)
    step: str
    counterparty: int
    facility: int
    book: int = Field(index=True)
    reference: str = Field(index=True)
    occurred_at_ms: int = Field(index=True)
    recorded_at_s: int
    deadline_s: int
    nonce: str
    commitment: str = Field(index=True)
    outcome: int = Field(index=True)
    outcome_name: str
    voided_by: str | None = None
    """Event id of the CORRECT by its poster or customs that voids it."""
    approved_by: str | None = None
    """Event id of the recorded APPROVE (of a pending event)."""


class EventLine(SQLModel, table=True):
    """A unit or declaration line named by an event."""

    event_id: str = Field(primary_key=True, foreign_key="event.event_id")
    position: int = Field(primary_key=True)
    unit: str = Field(index=True)
    material: str
    balance: str
    quantity_micro: Decimal = _micro()
    role: str


class NotTaken(SQLModel, table=True):
    """A submission the ledger did not take: bad signature, unknown signer, used nonce."""

    block_number: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True)
    event_id: str = Field(index=True)
    code: int
    code_name: str


class Unit(SQLModel, table=True):
    """Present state of a container, cargo or lot, as the contract last reported it."""

    unit: str = Field(primary_key=True)
    thing: str = Field(index=True)
    status: str
    eligible: bool
    empty: bool
    holds: int
    custodian: int = Field(index=True)
    facility: int
    offeree: int
    offer_expires_at_s: int
    offer_event: str | None = None
    inside: str | None = None
    head: str
    changed_by: str
    """Event id that last changed the state."""


class UnitState(SQLModel, table=True):
    """Every state a unit went through, in ledger order: for timelines and for 'as known at'."""

    unit: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    event_id: str
    thing: str
    status: str
    eligible: bool
    holds: int
    custodian: int
    facility: int
    offeree: int


class Lot(SQLModel, table=True):
    """A lot's identity and present balances (custody is in Unit)."""

    unit: str = Field(primary_key=True)
    book: int = Field(index=True)
    material: str = Field(index=True)
    origin: str
    source_line: str
    created_by: str
    raw_micro: Decimal = _micro()
    wip_micro: Decimal = _micro()
    finished_micro: Decimal = _micro()
    scrap_micro: Decimal = _micro()
    short_micro: Decimal = _micro()
    loaded_micro: Decimal = _micro()


class LotLoaded(SQLModel, table=True):
    """What of a lot is loaded for which export line."""

    unit: str = Field(primary_key=True)
    line: str = Field(primary_key=True)
    quantity_micro: Decimal = _micro()


class LineState(SQLModel, table=True):
    """Present state of a declaration line on chain."""

    line: str = Field(primary_key=True)
    declarant: int
    purpose: str
    status: str
    holds: int
    material: str
    original: str
    version: str
    """Event id of the DECLARE it stands at."""
    quantity_micro: Decimal = _micro()
    drawn_micro: Decimal = _micro()
    exited_micro: Decimal = _micro()
    returned_micro: Decimal = _micro()
    head: str


class Participant(SQLModel, table=True):
    """A participant as the chain knows it; its name comes from the directory."""

    number: int = Field(primary_key=True)
    roles: int
    hold_bit: int
    suspended: bool
    reading_key: str


class Signer(SQLModel, table=True):
    """A key that may sign for a participant, with its window."""

    address: str = Field(primary_key=True)
    participant: int = Field(index=True)
    valid_from_s: int
    valid_until_s: int
    revoked_at_s: int | None = None


class Facility(SQLModel, table=True):
    """A place as the chain knows it."""

    number: int = Field(primary_key=True)
    operator: int
    supervised: bool


class Book(SQLModel, table=True):
    """A book as the chain knows it."""

    number: int = Field(primary_key=True)
    owner: int
    regime: int
    options: int
    opening_open: bool


class Payload(SQLModel, table=True):
    """What is known of an event's content.

    `status`: `open` (decrypted, commitment matches), `sealed` (present, no key of ours opens it), `withheld`
    (no store has it), `mismatch` (opened, but does not match commitment or signed lines: kept as evidence).
    """

    event_id: str = Field(primary_key=True, foreign_key="event.event_id")
    commitment: str = Field(index=True)
    status: str = Field(index=True)
    epcis_event_id: str | None = Field(default=None, index=True)
    epcis_type: str | None = None
    is_correction: bool = False
    document: str | None = Field(default=None, sa_column=Column(Text))
    """The EPCIS event as JSON text, exactly as committed (numbers keep their digits)."""
    fault: str | None = None


class PayloadReader(SQLModel, table=True):
    """Who may read the payload of an event: sealed to at posting, or granted later."""

    event_id: str = Field(primary_key=True)
    participant: int = Field(primary_key=True, index=True)
    grant_id: str = Field(default="", primary_key=True)
    """Empty when sealed at posting; else the grant that gave the right."""
    until_s: int | None = None


class UnitName(SQLModel, table=True):
    """What a pseudonymous unit id stands for."""

    unit: str = Field(primary_key=True)
    type: str
    """container, cargo, lot or line"""
    scope: str = Field(index=True)
    """Consignment, enterprise or declaration."""
    number: str = Field(index=True)
    """Container number, package, lot number or line number."""


class Material(SQLModel, table=True):
    """What a pseudonymous material id stands for."""

    material: str = Field(primary_key=True)
    enterprise: str
    code: str = Field(index=True)
    uom: str
    description: str = ""
    hs: str = ""


class DeclarationLine(SQLModel, table=True):
    """A declaration line as declared (off-chain content); one row per DECLARE version."""

    event_id: str = Field(primary_key=True)
    unit: str = Field(index=True)
    declaration: str = Field(index=True)
    line: str
    direction: str
    regime: str
    book: str
    material: str
    code: str
    description: str
    hs: str
    origin: str
    quantity_micro: Decimal = _micro()
    uom: str
    value: str
    currency: str
    duty_rate: str
    partner: str
    original_declaration: str
    original_line: str
    registered_at: str


class Norm(SQLModel, table=True):
    """One material of a product's norm, as declared (DECLARE, step NORM)."""

    event_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    book: str = Field(index=True)
    product: str = Field(index=True)
    material: str = Field(index=True)
    norm: str
    product_uom: str
    material_uom: str
    flag: str
    valid_from: str
    valid_to: str
    loss_rate: str


class CountEntry(SQLModel, table=True):
    """One stock stated by a COUNT."""

    event_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    book: str = Field(index=True)
    at: str
    stock: str
    """material, wip, product or scrap"""
    code: str
    lot: str
    quantity_micro: Decimal = _micro()
    uom: str
    place: str


class Grant(SQLModel, table=True):
    """A right to read given after posting."""

    grant_id: str = Field(primary_key=True)
    grantor: int
    grantee: int
    reason: str
    scope: str
    issued_at_s: int
    until_s: int | None = None
