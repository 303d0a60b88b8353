"""The words and numbers that contracts, Python, SQL and screens share.

Numbers here are the ones in `contracts/src/Types.sol`; a test compares both. Source: the event model of
CargoLedger (docs/formats/events.md). Nothing here changes meaning once published: numbers are only added.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

MICRO = 1_000_000
"""Quantities are unsigned 64-bit integers in 10⁻⁶ of the unit of measure."""

QUANTITY_MICRO_MAX = 2**64 - 1


class Kind(IntEnum):
    """What an event does on the ledger."""

    ARRIVE = 1
    OBSERVE = 2
    OFFER = 3
    ACCEPT = 4
    REFUSE = 5
    CANCEL = 6
    STUFF = 7
    STRIP = 8
    HOLD = 9
    UNHOLD = 10
    ELIGIBLE = 11
    REVOKE = 12
    GATE_OUT = 13
    DECLARE = 14
    CLEAR = 15
    OPENING = 16
    RECEIVE_FACTORY = 17
    RECEIVE_DOMESTIC = 18
    SPLIT = 19
    MERGE = 20
    ISSUE_PROD = 21
    RETURN_PROD = 22
    TRANSFORM = 23
    EXPORT_LOAD = 24
    REEXPORT = 25
    UNLOAD = 26
    EXIT_CONFIRM = 27
    FG_RETURN = 28
    REPURPOSE = 29
    SELL_INLAND = 30
    SCRAP_OUT = 31
    DESTROY = 32
    TRANSFER = 33
    COUNT = 34
    ADJUST = 35
    REASSIGN = 36
    APPROVE = 37
    DENY = 38
    CORRECT = 39
    CLOSE = 40


CITES_LINE = frozenset({
    Kind.OBSERVE, Kind.DECLARE, Kind.RECEIVE_FACTORY, Kind.EXPORT_LOAD, Kind.REEXPORT, Kind.UNLOAD,
    Kind.EXIT_CONFIRM, Kind.FG_RETURN, Kind.REPURPOSE, Kind.SELL_INLAND, Kind.SCRAP_OUT, Kind.TRANSFER})
"""Kinds whose `reference` names a declaration line, or may: then the head of that line moves with the event.
The reference of the others names an event."""


class Step(IntEnum):
    """The finer step of an event (domain steps map to kinds; the step keeps what was meant)."""

    NONE = 0
    DISCHARGE = 1
    GATE_IN = 2
    STORE = 3
    MOVE = 4
    WEIGH = 5
    SEAL_APPLY = 6
    SEAL_BREAK = 7
    INSPECT = 8
    CHANNEL = 9
    DOC_CHECK = 10
    DUTY_PAID = 11
    PERMIT = 12
    REPACK = 13
    LABEL = 14
    FG_IN = 15
    MANIFEST = 16
    NORM = 17
    CONTRACT = 18
    DOCUMENT = 19
    LINE_CANCELLED = 20
    SENSOR = 21
    LEFT = 22


class Role(IntFlag):
    """What a participant was admitted as; a bit mask."""

    CARRIER = 1
    TERMINAL = 2
    WAREHOUSE = 4
    YARD = 8
    PROCESSOR = 16
    CUSTOMS = 32
    AUDITOR = 64
    AGENCY = 128
    LOCAL = 256
    """Admitted without a role of its own: it has roles at single facilities only."""


class Thing(IntEnum):
    """What a unit is."""

    NONE = 0
    CONTAINER = 1
    CARGO = 2
    LOT = 3


class UnitStatus(IntEnum):
    """Where a container or cargo stands with customs. Lots stay at NONE."""

    NONE = 0
    SUPERVISED = 1
    FREE = 2
    STRIPPED = 3
    CLOSED = 4


class LineStatus(IntEnum):
    """State of a declaration line."""

    NONE = 0
    REGISTERED = 1
    CLEARED = 2
    CANCELLED = 3


class Balance(IntEnum):
    """The balances of a lot."""

    NONE = 0
    RAW = 1
    WIP = 2
    FINISHED = 3
    SCRAP = 4
    SHORT = 5
    LOADED = 6


class LineRole(IntEnum):
    """What a unit is in its event; in DECLARE the purpose of the line, in OPENING the origin of the lot, in
    REASSIGN what it becomes."""

    NONE = 0
    INPUT = 1
    PRODUCT = 2
    CO_PRODUCT = 3
    SCRAP = 4
    SEMI_FINISHED = 5
    OUTPUT = 6
    CONTAINER = 7
    CARGO = 8
    EMPTY_CONTAINER = 9
    FROM_SHORT = 10
    RECEIVE = 11
    EXPORT = 12
    RE_EXPORT = 13
    CHANGE_OF_PURPOSE = 14
    TRANSFER_IN = 15
    TRANSFER_OUT = 16
    IMPORTED = 21
    DOMESTIC = 22
    OWN = 23
    SUPERVISED = 24
    FREE = 25


class Origin(IntEnum):
    """Where the goods of a lot come from."""

    NONE = 0
    IMPORTED = 1
    DOMESTIC = 2
    OWN = 3


class BookOption(IntFlag):
    """Options the authority sets on a book."""

    STRICT_NORMS = 1
    APPROVE_DESTROY = 2
    LINE_FOR_SCRAP = 4
    NAME_CONTAINER = 8


class Regime(IntEnum):
    """Customs regime of a book: for index and tracer, the contract does not judge by it."""

    NONE = 0
    SXXK = 1
    GC = 2
    EPE = 3


class Outcome(IntEnum):
    """The outcome of an event: recorded, pending, or refused with a stable code (hundreds are groups).

    1xx signature, 2xx authority, 3xx state, 4xx custody, 5xx quantity, 6xx reference, 7xx format.
    BAD_SIGNATURE, UNKNOWN_SIGNER, NONCE_USED and WITNESS_MISMATCH are no outcomes: the event was not taken
    and its nonce not burned (log EventNotTaken).
    """

    RECORDED = 0
    PENDING = 1
    BAD_SIGNATURE = 100
    UNKNOWN_SIGNER = 101
    NONCE_USED = 102
    SIGNER_NOT_YET_VALID = 103
    SIGNER_EXPIRED = 104
    SIGNER_REVOKED = 105
    DEADLINE_PASSED = 106
    TIME_IN_FUTURE = 107
    SIGNER_ELSEWHERE = 108
    PARTICIPANT_SUSPENDED = 200
    ROLE_MISSING = 201
    NOT_OPERATOR = 202
    NOT_OWNER = 203
    NOT_DECLARANT = 204
    NOT_OFFEREE = 205
    OWN_EVENT = 206
    NOT_POSTER = 207
    NO_HOLD_AUTHORITY = 208
    UNKNOWN_UNIT = 300
    UNIT_EXISTS = 301
    TERMINAL_UNIT = 302
    HELD = 303
    UNDER_OFFER = 304
    INSIDE_CONTAINER = 305
    EMPTY_LOT = 306
    NOT_SUPERVISED = 307
    NOT_FREE = 308
    NOT_ELIGIBLE = 309
    LINE_NOT_REGISTERED = 310
    LINE_NOT_CLEARED = 311
    LINE_DRAWN = 312
    OPENING_CLOSED = 313
    NOT_PENDING = 314
    NOT_EMPTY = 315
    NOT_HELD = 316
    NOT_INSIDE = 317
    NOTHING_TO_STRIP = 318
    ALREADY_ADJUSTED = 319
    NOT_CUSTODIAN = 400
    NO_OPEN_OFFER = 401
    OFFER_EXPIRED = 402
    OFFER_MISMATCH = 403
    SELF_OFFER = 404
    FACILITY_NOT_SUPERVISED = 405
    NOT_TOGETHER = 406
    NOT_ENOUGH = 500
    LINE_EXCEEDED = 501
    QUANTITY_ZERO = 502
    NOT_CONSERVED = 503
    MORE_THAN_OFFERED = 504
    BELOW_DRAWN = 505
    QUANTITY_OVERFLOW = 506
    NORM_EXCEEDED = 507
    UNKNOWN_REFERENCE = 600
    WRONG_PURPOSE = 601
    WRONG_MATERIAL = 602
    WRONG_BOOK = 603
    WRONG_VERSION = 604
    UNKNOWN_FACILITY = 605
    UNKNOWN_BOOK = 606
    UNKNOWN_PARTICIPANT = 607
    WITNESS_MISMATCH = 608
    UNLIKE_LOTS = 609
    UNITS_DIFFER = 610
    NO_NORM = 611
    UNKNOWN_KIND = 700
    KIND_NOT_AVAILABLE = 701
    LINES_NOT_ASCENDING = 702
    TOO_MANY_LINES = 703
    LINES_MISSING = 704
    FIELD_NOT_ALLOWED = 705
    WRONG_THING = 706
    WRONG_BALANCE = 707
    WRONG_ROLE = 708

    @property
    def refused(self) -> bool:
        """Whether this code says that the act was refused."""
        return self >= 100

    @property
    def taken(self) -> bool:
        """Whether the ledger took the event at all (a nonce was burned and an outcome exists)."""
        return self not in (
            Outcome.BAD_SIGNATURE, Outcome.UNKNOWN_SIGNER, Outcome.NONCE_USED, Outcome.WITNESS_MISMATCH)
