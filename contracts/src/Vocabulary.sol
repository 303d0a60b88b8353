// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The numbers of ledger/vocabulary.py, in the same groups and under the same names; a test compares both.
// They are only ever added to: a number that was published keeps its meaning.

/// @title What an event does on the ledger
library Kinds {
    uint8 internal constant ARRIVE = 1;
    uint8 internal constant OBSERVE = 2;
    uint8 internal constant OFFER = 3;
    uint8 internal constant ACCEPT = 4;
    uint8 internal constant REFUSE = 5;
    uint8 internal constant CANCEL = 6;
    uint8 internal constant STUFF = 7;
    uint8 internal constant STRIP = 8;
    uint8 internal constant HOLD = 9;
    uint8 internal constant UNHOLD = 10;
    uint8 internal constant ELIGIBLE = 11;
    uint8 internal constant REVOKE = 12;
    uint8 internal constant GATE_OUT = 13;
    uint8 internal constant DECLARE = 14;
    uint8 internal constant CLEAR = 15;
    uint8 internal constant OPENING = 16;
    uint8 internal constant RECEIVE_FACTORY = 17;
    uint8 internal constant RECEIVE_DOMESTIC = 18;
    uint8 internal constant SPLIT = 19;
    uint8 internal constant MERGE = 20;
    uint8 internal constant ISSUE_PROD = 21;
    uint8 internal constant RETURN_PROD = 22;
    uint8 internal constant TRANSFORM = 23;
    uint8 internal constant EXPORT_LOAD = 24;
    uint8 internal constant REEXPORT = 25;
    uint8 internal constant UNLOAD = 26;
    uint8 internal constant EXIT_CONFIRM = 27;
    uint8 internal constant FG_RETURN = 28;
    uint8 internal constant REPURPOSE = 29;
    uint8 internal constant SELL_INLAND = 30;
    uint8 internal constant SCRAP_OUT = 31;
    uint8 internal constant DESTROY = 32;
    uint8 internal constant TRANSFER = 33;
    uint8 internal constant COUNT = 34;
    uint8 internal constant ADJUST = 35;
    uint8 internal constant REASSIGN = 36;
    uint8 internal constant APPROVE = 37;
    uint8 internal constant DENY = 38;
    uint8 internal constant CORRECT = 39;
    uint8 internal constant CLOSE = 40;
}

/// @title The steps that change what a kind does; all others are evidence only
library Steps {
    uint16 internal constant MANIFEST = 16;
    uint16 internal constant NORM = 17;
    uint16 internal constant CONTRACT = 18;
    uint16 internal constant DOCUMENT = 19;
    uint16 internal constant LINE_CANCELLED = 20;
}

/// @title What a participant was admitted as; a bit mask
library Roles {
    uint16 internal constant CARRIER = 1;
    uint16 internal constant TERMINAL = 2;
    uint16 internal constant WAREHOUSE = 4;
    uint16 internal constant YARD = 8;
    uint16 internal constant PROCESSOR = 16;
    uint16 internal constant CUSTOMS = 32;
    uint16 internal constant AUDITOR = 64;
    uint16 internal constant AGENCY = 128;
    uint16 internal constant LOCAL = 256; // roles only at single facilities
}

/// @title What a unit is
library Things {
    uint8 internal constant NONE = 0;
    uint8 internal constant CONTAINER = 1;
    uint8 internal constant CARGO = 2;
    uint8 internal constant LOT = 3;
}

/// @title Where a container or cargo stands with customs; lots stay at NONE
library UnitStatuses {
    uint8 internal constant NONE = 0;
    uint8 internal constant SUPERVISED = 1;
    uint8 internal constant FREE = 2;
    uint8 internal constant STRIPPED = 3;
    uint8 internal constant CLOSED = 4;
}

/// @title State of a declaration line
library LineStatuses {
    uint8 internal constant NONE = 0;
    uint8 internal constant REGISTERED = 1;
    uint8 internal constant CLEARED = 2;
    uint8 internal constant CANCELLED = 3;
}

/// @title The balances of a lot
library Balances {
    uint8 internal constant NONE = 0;
    uint8 internal constant RAW = 1;
    uint8 internal constant WIP = 2;
    uint8 internal constant FINISHED = 3;
    uint8 internal constant SCRAP = 4;
    uint8 internal constant SHORT = 5;
    uint8 internal constant LOADED = 6;
}

/// @title What a unit is in the event that names it; in DECLARE the line's purpose, in OPENING the lot's origin,
///        in REASSIGN what the unit becomes
library LineRoles {
    uint8 internal constant NONE = 0;
    uint8 internal constant INPUT = 1;
    uint8 internal constant PRODUCT = 2;
    uint8 internal constant CO_PRODUCT = 3;
    uint8 internal constant SCRAP = 4;
    uint8 internal constant SEMI_FINISHED = 5;
    uint8 internal constant OUTPUT = 6;
    uint8 internal constant CONTAINER = 7;
    uint8 internal constant CARGO = 8;
    uint8 internal constant EMPTY_CONTAINER = 9;
    uint8 internal constant FROM_SHORT = 10;
    uint8 internal constant RECEIVE = 11;
    uint8 internal constant EXPORT = 12;
    uint8 internal constant RE_EXPORT = 13;
    uint8 internal constant CHANGE_OF_PURPOSE = 14;
    uint8 internal constant TRANSFER_IN = 15;
    uint8 internal constant TRANSFER_OUT = 16;
    uint8 internal constant IMPORTED = 21;
    uint8 internal constant DOMESTIC = 22;
    uint8 internal constant OWN = 23;
    uint8 internal constant SUPERVISED = 24;
    uint8 internal constant FREE = 25;
}

/// @title Where the goods of a lot come from
library Origins {
    uint8 internal constant NONE = 0;
    uint8 internal constant IMPORTED = 1;
    uint8 internal constant DOMESTIC = 2;
    uint8 internal constant OWN = 3;
}

/// @title Options that the authority sets on a book
library BookOptions {
    uint8 internal constant STRICT_NORMS = 1;
    uint8 internal constant APPROVE_DESTROY = 2;
    uint8 internal constant LINE_FOR_SCRAP = 4;
    uint8 internal constant NAME_CONTAINER = 8;
}

/// @title Outcome of an event; hundreds are groups: 1 signature, 2 authority, 3 state, 4 custody, 5 quantity,
///        6 reference, 7 format
library Outcomes {
    uint256 internal constant RECORDED = 0;
    uint256 internal constant PENDING = 1;
    uint256 internal constant BAD_SIGNATURE = 100;
    uint256 internal constant UNKNOWN_SIGNER = 101;
    uint256 internal constant NONCE_USED = 102;
    uint256 internal constant SIGNER_NOT_YET_VALID = 103;
    uint256 internal constant SIGNER_EXPIRED = 104;
    uint256 internal constant SIGNER_REVOKED = 105;
    uint256 internal constant DEADLINE_PASSED = 106;
    uint256 internal constant TIME_IN_FUTURE = 107;
    uint256 internal constant SIGNER_ELSEWHERE = 108;
    uint256 internal constant PARTICIPANT_SUSPENDED = 200;
    uint256 internal constant ROLE_MISSING = 201;
    uint256 internal constant NOT_OPERATOR = 202;
    uint256 internal constant NOT_OWNER = 203;
    uint256 internal constant NOT_DECLARANT = 204;
    uint256 internal constant NOT_OFFEREE = 205;
    uint256 internal constant OWN_EVENT = 206;
    uint256 internal constant NOT_POSTER = 207;
    uint256 internal constant NO_HOLD_AUTHORITY = 208;
    uint256 internal constant UNKNOWN_UNIT = 300;
    uint256 internal constant UNIT_EXISTS = 301;
    uint256 internal constant TERMINAL_UNIT = 302;
    uint256 internal constant HELD = 303;
    uint256 internal constant UNDER_OFFER = 304;
    uint256 internal constant INSIDE_CONTAINER = 305;
    uint256 internal constant EMPTY_LOT = 306;
    uint256 internal constant NOT_SUPERVISED = 307;
    uint256 internal constant NOT_FREE = 308;
    uint256 internal constant NOT_ELIGIBLE = 309;
    uint256 internal constant LINE_NOT_REGISTERED = 310;
    uint256 internal constant LINE_NOT_CLEARED = 311;
    uint256 internal constant LINE_DRAWN = 312;
    uint256 internal constant OPENING_CLOSED = 313;
    uint256 internal constant NOT_PENDING = 314;
    uint256 internal constant NOT_EMPTY = 315;
    uint256 internal constant NOT_HELD = 316;
    uint256 internal constant NOT_INSIDE = 317;
    uint256 internal constant NOTHING_TO_STRIP = 318;
    uint256 internal constant ALREADY_ADJUSTED = 319;
    uint256 internal constant NOT_CUSTODIAN = 400;
    uint256 internal constant NO_OPEN_OFFER = 401;
    uint256 internal constant OFFER_EXPIRED = 402;
    uint256 internal constant OFFER_MISMATCH = 403;
    uint256 internal constant SELF_OFFER = 404;
    uint256 internal constant FACILITY_NOT_SUPERVISED = 405;
    uint256 internal constant NOT_TOGETHER = 406;
    uint256 internal constant NOT_ENOUGH = 500;
    uint256 internal constant LINE_EXCEEDED = 501;
    uint256 internal constant QUANTITY_ZERO = 502;
    uint256 internal constant NOT_CONSERVED = 503;
    uint256 internal constant MORE_THAN_OFFERED = 504;
    uint256 internal constant BELOW_DRAWN = 505;
    uint256 internal constant QUANTITY_OVERFLOW = 506;
    uint256 internal constant NORM_EXCEEDED = 507;
    uint256 internal constant UNKNOWN_REFERENCE = 600;
    uint256 internal constant WRONG_PURPOSE = 601;
    uint256 internal constant WRONG_MATERIAL = 602;
    uint256 internal constant WRONG_BOOK = 603;
    uint256 internal constant WRONG_VERSION = 604;
    uint256 internal constant UNKNOWN_FACILITY = 605;
    uint256 internal constant UNKNOWN_BOOK = 606;
    uint256 internal constant UNKNOWN_PARTICIPANT = 607;
    uint256 internal constant WITNESS_MISMATCH = 608;
    uint256 internal constant UNLIKE_LOTS = 609;
    uint256 internal constant UNITS_DIFFER = 610;
    uint256 internal constant NO_NORM = 611;
    uint256 internal constant UNKNOWN_KIND = 700;
    uint256 internal constant KIND_NOT_AVAILABLE = 701;
    uint256 internal constant LINES_NOT_ASCENDING = 702;
    uint256 internal constant TOO_MANY_LINES = 703;
    uint256 internal constant LINES_MISSING = 704;
    uint256 internal constant FIELD_NOT_ALLOWED = 705;
    uint256 internal constant WRONG_THING = 706;
    uint256 internal constant WRONG_BALANCE = 707;
    uint256 internal constant WRONG_ROLE = 708;

    /// @dev Never logged: a flag on a refusal whose outcome its rule has told already.
    uint256 internal constant TOLD = 1 << 16;
}
