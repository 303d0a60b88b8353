// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DeclaredLine, Norm, Pending} from "./ICustodyLedger.sol";
import {Kinds} from "./Vocabulary.sol";

// What the ledger keeps, as it lies in storage; StoreLib (Store.sol) reads and writes it.

/// @dev What a lot holds and is (LotWord), as StoreLib.lotAt reads it.
struct LotRecord {
    uint256 balances;
    uint256 more;
}

/// @dev What storage has of a lot beside its state word (StoredLot). `more`: short and loaded, once there was any.
struct Stock {
    uint256 balances;
    uint256 more;
}

/// @dev Where a thing that is inside a container is. `eligibleIn`: the container's round in which this cargo was
///      declared eligible, plus 1; 0 if it was not. A container's release uses up the eligibility of all inside.
struct Inside {
    bytes32 container;
    uint32 eligibleIn;
}

/// @dev What a container's word has no room for: how often it was released, how many cargo are inside.
struct Contents {
    uint32 round;
    uint16 cargo;
}

/// @dev Which of 256 nonces in a row are used.
struct Nonces {
    uint256 bits;
}

/// @dev Everything that the ledger keeps.
struct Store {
    mapping(bytes32 unit => uint256 word) units;
    mapping(bytes32 lot => Stock) lots;
    mapping(bytes32 line => DeclaredLine) lines;
    mapping(bytes32 lot => mapping(uint256 lineNumber => uint64 quantity)) loaded;
    mapping(bytes32 unit => bytes32 head) heads;
    mapping(bytes32 eventId => Pending) pending;
    mapping(address signer => mapping(uint64 word => Nonces)) nonces;
    mapping(bytes32 unit => Inside) inside;
    mapping(bytes32 container => Contents) contents;
    mapping(bytes32 eventId => uint256 what) evidence;
    mapping(bytes32 key => bool) adjusted;
    mapping(bytes32 version => Norm) norms;
    mapping(bytes32 version => mapping(bytes32 material => uint64 quantity)) coefficients;
    // Materials and source lines of lots by number, so that a lot's word has room for them. None is ever taken out.
    // Declaration lines have a number of their own out of the same series, in their state, beside their material's.
    mapping(bytes32 id => uint256 number) numbers;
    mapping(uint256 number => bytes32 id) ids;
    uint256 numbered;
}

uint256 constant QUANTITY_MAX = type(uint64).max;
uint256 constant CORRECTED = 1 << 32; // in Store.evidence, above the book of a COUNT

// The kinds of which `reference` names a declaration line, or may (OBSERVE): bit k for kind k. Of the others it names
// an event, so the head of a line of that id does not move. ledger/vocabulary.py has the same as CITES_LINE.
uint256 constant CITES_LINE = (uint256(1) << Kinds.OBSERVE) | (uint256(1) << Kinds.DECLARE)
    | (uint256(1) << Kinds.RECEIVE_FACTORY) | (uint256(1) << Kinds.EXPORT_LOAD)
    | (uint256(1) << Kinds.REEXPORT) | (uint256(1) << Kinds.UNLOAD) | (uint256(1) << Kinds.EXIT_CONFIRM)
    | (uint256(1) << Kinds.FG_RETURN) | (uint256(1) << Kinds.REPURPOSE) | (uint256(1) << Kinds.SELL_INLAND)
    | (uint256(1) << Kinds.SCRAP_OUT) | (uint256(1) << Kinds.TRANSFER);

// Those of them that are not recorded unless the line that they cite, if any, is declared.
uint256 constant DRAWS_LINE = CITES_LINE & ~((uint256(1) << Kinds.OBSERVE) | (uint256(1) << Kinds.DECLARE));
