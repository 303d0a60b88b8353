"""The tables of the index (SQLModel). The ER picture and meanings: docs/reference/index.md.

Three groups. *Chain facts*, rebuilt from logs alone: Block, Event, EventLine, NormExcess, NotTaken, Unit,
UnitState, Lot, LotLoaded, LineState, Head and the registry (Participant, Signer, Facility,
FacilityRole, Book, Device) and what governs it (Succession,
GovernanceRole, Announcement). *Opened payloads*, present
only where a reading key opens them and the commitment matches: Payload, PayloadReader, Grant, UnitName,
Material, DeclarationLine, Norm, CountEntry, Reading. *Position, alarm, repairs*: Cursor, Evidence, Repair.
Ids and hashes are 0x-prefixed lower-case hex, `ZERO_ID` where the ledger has zero; quantities are whole
micro-units (`columns.Micro`); times are integers (ms for occurred, s for recorded).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

from indexer.columns import U64, Micro
from indexer.words import MISMATCH as MISMATCH  # noqa: PLC0414 - said here too
from indexer.words import OPEN as OPEN  # noqa: PLC0414 - said here too
from indexer.words import SEALED as SEALED  # noqa: PLC0414 - said here too
from indexer.words import WITHHELD as WITHHELD  # noqa: PLC0414 - said here too
from indexer.words import ZERO_ID as ZERO_ID  # noqa: PLC0414 - said here too


def _micro(*, default: int | None = 0) -> Decimal:
    """A column for micro-units: unsigned 64 bits, `Decimal` in Python (see `columns`)."""
    return Field(default=default, sa_column=Column(Micro(), nullable=False))  # type: ignore[no-any-return]


def _u64(*, index: bool = False) -> Any:
    """A column for an unsigned 64-bit number that a poster may choose freely."""
    return Field(sa_column=Column(U64(), nullable=False, index=index))


def _of_block() -> Any:
    """Time of the block, by which PostgreSQL keeps a table in months (`partitions`)."""
    return Field(default=0, sa_type=BigInteger)


def _number(*, index: bool = False, primary_key: bool = False, unique: bool = False) -> Any:
    """A column for 32-bit numbers of the ledger, block numbers, places in order and block times."""
    return Field(sa_type=BigInteger, index=index, primary_key=primary_key, unique=unique,
                 sa_column_kwargs={"autoincrement": False} if primary_key else {})


class IndexTable(SQLModel):
    """Base of every table of the index; EventLine is kept in `event_line`."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy passes the class
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class Cursor(IndexTable, table=True):
    """How far the index is; moves in the transaction that writes the rows."""

    id: int = Field(default=1, primary_key=True)
    chain_id: int = _number()
    ledger_address: str
    block_number: int = _number()
    block_hash: str
    context: str = ""
    """Fingerprint of the keys, secrets and directory with which payloads were last read."""


class Block(IndexTable, table=True):
    """A block whose parent, hash and receipts root were checked."""

    number: int = _number(primary_key=True)
    hash: str = Field(unique=True)
    parent_hash: str
    timestamp: int = _number()
    receipts_root: str
    rlp: str = Field(sa_column=Column(Text, nullable=False))
    """The header as its hash covers it, so that the row proves itself."""


class Event(IndexTable, table=True):
    """One signed event and its outcome. `seq` is its place in the ledger's order, from 1."""

    # one row for a log: an index is of one chain, so this is the key (chain, block hash, log index)
    __table_args__ = (Index("uq_event_log", "block_hash", "log_index", unique=True),)

    event_id: str = Field(primary_key=True)
    seq: int = _number(index=True, unique=True)
    block_number: int = _number(index=True)
    block_hash: str
    tx_hash: str
    log_index: int
    signer: str
    participant: int = _number(index=True)
    kind: str = Field(index=True)
    step: str
    counterparty: int = _number()
    facility: int = _number()
    book: int = _number(index=True)
    reference: str = Field(index=True)
    occurred_at_ms: int = _u64(index=True)
    recorded_at_s: int = _number()
    deadline_s: int = _u64()
    nonce: str
    commitment: str = Field(index=True)
    outcome: int = Field(index=True)
    outcome_name: str
    voided_by: str | None = None
    """Event id of the CORRECT by its poster or customs that voids it."""
    approved_by: str | None = None
    """Event id of the recorded APPROVE (of a pending event)."""
    ended_by: str | None = None
    """Event id of what ended it unexecuted: a DENY, a CANCEL, or an APPROVE refused by its checks."""


class EventLine(IndexTable, table=True):
    """A unit or declaration line named by an event."""

    event_id: str = Field(primary_key=True, foreign_key="event.event_id")
    position: int = Field(primary_key=True)
    unit: str = Field(index=True)
    material: str
    balance: str
    quantity_micro: Decimal = _micro()
    role: str
    recorded_at_s: int = _of_block()


class NormExcess(IndexTable, table=True):
    """A material of which a recorded TRANSFORM used more than the norm with numbers that it names allows.

    Micro-units as decimal digits: what a norm allows is a product of signed numbers and may pass 64 bits.
    """

    event_id: str = Field(primary_key=True, foreign_key="event.event_id")
    material: str = Field(primary_key=True)
    allowed_micro: str
    used_micro: str


class NotTaken(IndexTable, table=True):
    """A submission the ledger did not take: bad signature, unknown signer, used nonce.

    One row for a log: a number stands for one block hash (`Block.hash`).
    """

    block_number: int = _number(primary_key=True)
    log_index: int = Field(primary_key=True)
    event_id: str = Field(index=True)
    code: int
    code_name: str
    recorded_at_s: int = _of_block()


class Unit(IndexTable, table=True):
    """Present state of a container, cargo or lot, as the contract last reported it."""

    unit: str = Field(primary_key=True)
    thing: str = Field(index=True)
    status: str
    eligible: bool
    empty: bool
    holds: int
    custodian: int = _number(index=True)
    facility: int = _number()
    offeree: int = _number()
    offer_expires_at_s: int = _number()
    """An offer counts as none after this block time; the contract clears it only when the unit is next used.
    """
    offer_event: str | None = None
    inside: str | None = None
    head: str
    changed_by: str
    """Event id under whose outcome the state last changed (for a pending event its APPROVE)."""


class UnitState(IndexTable, table=True):
    """Every state a unit went through, in ledger order: for timelines and for 'as known at'."""

    unit: str = Field(primary_key=True)
    seq: int = _number(primary_key=True)
    event_id: str
    thing: str
    status: str
    eligible: bool
    holds: int
    custodian: int = _number()
    facility: int = _number()
    offeree: int = _number()
    recorded_at_s: int = _of_block()


class Lot(IndexTable, table=True):
    """A lot's identity and present balances (custody is in Unit)."""

    unit: str = Field(primary_key=True)
    book: int = _number(index=True)
    material: str = Field(index=True)
    origin: str
    source_line: str
    created_by: str
    """The event that made it; for an OPENING that event, not its APPROVE."""
    raw_micro: Decimal = _micro()
    wip_micro: Decimal = _micro()
    finished_micro: Decimal = _micro()
    scrap_micro: Decimal = _micro()
    short_micro: Decimal = _micro()
    loaded_micro: Decimal = _micro()


class LotLoaded(IndexTable, table=True):
    """What of a lot is loaded for which export line."""

    unit: str = Field(primary_key=True)
    line: str = Field(primary_key=True)
    quantity_micro: Decimal = _micro()


class LineState(IndexTable, table=True):
    """Present state of a declaration line on chain."""

    line: str = Field(primary_key=True)
    declarant: int = _number()
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


class Participant(IndexTable, table=True):
    """A participant as the chain knows it; its name comes from the directory."""

    number: int = _number(primary_key=True)
    roles: int
    hold_bit: int
    suspended: bool
    reading_key: str
    key_epoch: int = 0
    """How often its keys were recovered; signers of earlier epochs are revoked."""


class Signer(IndexTable, table=True):
    """A key that may sign for a participant, with its window."""

    address: str = Field(primary_key=True)
    participant: int = _number(index=True)
    valid_from_s: int = _u64()
    valid_until_s: int = _u64()
    revoked_at_s: int | None = Field(default=None, sa_type=BigInteger)
    """Block time of its revocation, by name or by a recovery of its participant."""
    facility: int = Field(default=0, sa_type=BigInteger)
    """The one place at which it may act; 0 for anywhere."""


class Device(IndexTable, table=True):
    """A measuring device's Ed25519 key, its window and calibration. Index and verifier judge its readings.
    """

    public_key: str = Field(primary_key=True)
    participant: int = _number(index=True)
    facility: int = _number()
    """Where it stands; 0 for one that is carried about."""
    valid_from_s: int = _u64()
    valid_until_s: int = _u64()
    calibrated_until_s: int = _u64()
    """As stated last; `DeviceCalibration` has what was stated before."""
    revoked_at_s: int | None = Field(default=None, sa_type=BigInteger)


class DeviceCalibration(IndexTable, table=True):
    """Every statement of until when a device's calibration holds, and the block time from which it counts.
    """

    public_key: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    """From 0, in the ledger's order."""
    stated_at_s: int = _number()
    calibrated_until_s: int = _u64()


class Facility(IndexTable, table=True):
    """A place as the chain knows it."""

    number: int = _number(primary_key=True)
    operator: int = _number()
    supervised: bool


class FacilityRole(IndexTable, table=True):
    """Roles that a participant has at one place, beside those that it has everywhere; 0 where they ended."""

    participant: int = _number(primary_key=True)
    facility: int = _number(primary_key=True)
    roles: int


class Book(IndexTable, table=True):
    """A book as the chain knows it."""

    number: int = _number(primary_key=True)
    owner: int = _number()
    regime: int
    options: int
    opening_open: bool


class Succession(IndexTable, table=True):
    """A ledger that ended and the one that follows it; no row while there is no successor."""

    successor: str = Field(primary_key=True)
    """Address of the CustodyLedger whose events count from this block on."""
    block_number: int = _number()
    set_at_s: int = _number()


class GovernanceRole(IndexTable, table=True):
    """An account with a role of the access control: member, registrar, gateway, guardian."""

    role: int = _number(primary_key=True)
    account: str = Field(primary_key=True)
    delay_s: int = _number()
    """Seconds that its acts under this role wait after they were announced."""
    ended_at_s: int | None = Field(default=None, sa_type=BigInteger)


class Announcement(IndexTable, table=True):
    """An act that a member of the authority announced, and what became of it."""

    operation: str = Field(primary_key=True)
    count: int = _number(primary_key=True)
    """Tells announcements of the same act by the same account apart."""
    caller: str
    target: str
    data: str = Field(sa_column=Column(Text, nullable=False))
    """Call data, 0x and hex."""
    announced_at_s: int = _number()
    ready_at_s: int = _number()
    status: str = Field(index=True)
    """announced, executed or cancelled; what is announced ends unexecuted a week after `ready_at_s`."""
    ended_at_s: int | None = Field(default=None, sa_type=BigInteger)


class Payload(IndexTable, table=True):
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
    fault: str | None = Field(default=None, sa_column=Column(Text))
    """`CODE: sentence` where the status is `mismatch`."""
    missing: str | None = Field(default=None, index=True)
    """`event:<eventID>` or `container:<number>` that the content refers to and no open payload names yet: it
    is examined again when one does."""
    recorded_at_s: int = _of_block()


class PayloadReader(IndexTable, table=True):
    """Who may read the payload of an event: sealed to at posting, or granted later."""

    event_id: str = Field(primary_key=True)
    participant: int = _number(primary_key=True, index=True)
    grant_id: str = Field(default="", primary_key=True)
    """Empty when sealed at posting; else the grant that gave the right."""
    until_s: int | None = Field(default=None, sa_type=BigInteger)


class UnitName(IndexTable, table=True):
    """What a pseudonymous unit id stands for."""

    unit: str = Field(primary_key=True)
    type: str
    """container, cargo, lot or line"""
    scope: str = Field(index=True)
    """Consignment, enterprise or declaration."""
    number: str = Field(index=True)
    """Container number, package, lot number or line number."""


class Material(IndexTable, table=True):
    """What a pseudonymous material id stands for."""

    material: str = Field(primary_key=True)
    enterprise: str
    code: str = Field(index=True)
    uom: str
    description: str = ""
    hs: str = ""
    checked: bool = False
    """Recomputed with the enterprise's key; else it is what the poster, who signed the id, says it stands
    for.
    """
    named_by: str = ""
    """The earliest opened event that names it; description and HS code are from there."""


class DeclarationLine(IndexTable, table=True):
    """A declaration line as declared (off-chain content); one row per DECLARE version."""

    event_id: str = Field(primary_key=True)
    unit: str = Field(index=True)
    declaration: str = Field(index=True)
    line: str
    direction: str
    regime: str
    book: str
    """Short id of the book that the declaration names, or empty."""
    purpose: str
    enterprise: str
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


class Norm(IndexTable, table=True):
    """One material of a product's norm, as declared (DECLARE, step NORM)."""

    event_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    book: str = Field(index=True)
    enterprise: str
    product: str = Field(index=True)
    material: str = Field(index=True)
    norm: str
    product_uom: str
    material_uom: str
    flag: str
    valid_from: str
    valid_to: str
    loss_rate: str


class CountEntry(IndexTable, table=True):
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


class Reading(IndexTable, table=True):
    """A device's signed reading that an opened event carries, of refused events too. What it is worth is
    judged when asked (`readings`): by the register as it stood, and by the device's readings before.
    """

    event_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    """Of the sensor element in the event."""
    device: str = Field(index=True)
    """Public key that the reading names."""
    counter: int = _u64(index=True)
    measured_at_ms: int = _u64(index=True)
    genuine: bool
    """Whether the device's key signed it for this network."""
    digest: str
    """SHA-256 of what the device signed."""


class Grant(IndexTable, table=True):
    """A right to read given after posting."""

    __tablename__ = "reading_grant"  # GRANT is a reserved word of SQL

    grant_id: str = Field(primary_key=True)
    grantor: int = _number()
    grantee: int = _number()
    reason: str
    scope: str
    """What it is about, as JSON: units, book, period. What it opens are its `PayloadReader` rows."""
    reference: str
    """Event that caused it (the ACCEPT of a handover), or ZERO_ID."""
    issued_at_s: int = _number()
    until_s: int | None = Field(default=None, sa_type=BigInteger)


class Head(IndexTable, table=True):
    """Head of everything an event ever named, known to the ledger or not: the fold of the outcomes that named
    it.
    """

    unit: str = Field(primary_key=True)
    head: str
    era: int = _number()
    """How many ledgers had ended when it was last named: on the next ledger it begins anew."""


class Evidence(IndexTable, table=True):
    """Two headers that cannot both be true. Kept for ever. With instant finality indexing halts; otherwise
    each block that was rolled back has its row here.
    """

    block_number: int = _number(primary_key=True)
    their_hash: str = Field(primary_key=True)
    our_header: str = Field(sa_column=Column(Text, nullable=False))
    """RLP of the header that this index holds at the number, or just below it."""
    their_header: str = Field(sa_column=Column(Text, nullable=False))
    what: str


class Repair(IndexTable, table=True):
    """A row that an audit found to be other than chain and payloads say, and that was put right. Kept for
    ever.
    """

    id: int = _number(primary_key=True)
    """From 1, in the order of repair."""
    made_at_s: int = _number()
    """The machine's clock."""
    block_number: int = _number()
    """Up to which block the chain was read again."""
    table_name: str
    row_key: str = Field(sa_column=Column(Text, nullable=False))
    kind: str
    """changed, missing, extra, reordered, late or unproven; see docs/audit.md"""
    stored: str | None = Field(default=None, sa_column=Column(Text))
    """The row as it was found, as JSON; empty where it was missing."""
    recomputed: str | None = Field(default=None, sa_column=Column(Text))
    """The row as it is now, as JSON; empty where there is none."""
    proof: str = Field(sa_column=Column(Text, nullable=False))
    """Block, log and receipt that say so, as JSON."""


MODELS: tuple[type[IndexTable], ...] = (
    Cursor, Block, Event, EventLine, NormExcess, NotTaken, Unit, UnitState, Lot, LotLoaded, LineState, Head,
    Participant, Signer, Facility, FacilityRole, Book, Device, DeviceCalibration,
    Succession, GovernanceRole, Announcement,
    Payload, PayloadReader, Grant, UnitName, Material, DeclarationLine, Norm, CountEntry, Reading, Evidence,
    Repair,
)
"""Every table of the index; a table comes after those that it refers to."""

TABLES: tuple[Table, ...] = tuple(model.__table__ for model in MODELS)  # type: ignore[attr-defined]
