// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Balances, Things, UnitStatuses} from "./Vocabulary.sol";

// Packed storage words, low bits first. The same words are logged; docs/formats/contracts.md has the layouts
// for those who read logs without Solidity.

/// @title The state word of a container, cargo or lot
/// @dev thing 0..1 | status 2..4 | eligible 5 | empty (of a lot: its offer is a TRANSFER) 6 | inside 7 |
///      holds 8..23 | custodian 24..47 | facility 48..71 | offeree 72..95 | offerExpiry 96..135 |
///      insideCount 136..151 | insideHeld 152..167 | insideNotEligible 168..183 | offerTag 184..255.
///      Zero means that the unit does not exist. What is inside a container keeps neither custodian, facility nor
///      status: they are its container's, and StoreLib.unitAt reads them there.
library UnitWord {
    uint256 private constant STATUS_MASK = 0x7 << 2;
    uint256 private constant ELIGIBLE_BIT = 1 << 5;
    uint256 private constant EMPTY_BIT = 1 << 6;
    uint256 private constant TRANSFER_BIT = 1 << 6; // lots never arrive empty
    uint256 private constant INSIDE_BIT = 1 << 7;
    // Status, custodian and facility: what a thing inside has from its container.
    uint256 private constant PLACE_MASK = (0x7 << 2) | (0xffffff << 24) | (0xffffff << 48);
    uint256 private constant COUNTS_MASK = 0xffffffffffff << 136;
    uint256 private constant HOLDS_MASK = 0xffff << 8;
    uint256 private constant CUSTODIAN_MASK = 0xffffff << 24;
    uint256 private constant FACILITY_MASK = 0xffffff << 48;
    uint256 private constant OFFER_MASK =
        (0xffffff << 72) | (0xffffffffff << 96) | (0xffffffffffffffffff << 184);
    uint64 private constant EXPIRY_MAX = 2 ** 40 - 1;

    function create(uint8 thing_, uint32 custodian_) internal pure returns (uint256) {
        return uint256(thing_) | (uint256(custodian_) << 24);
    }

    function thing(uint256 word) internal pure returns (uint8) {
        return uint8(word & 0x3);
    }

    function status(uint256 word) internal pure returns (uint8) {
        return uint8((word >> 2) & 0x7);
    }

    function isClosed(uint256 word) internal pure returns (bool) {
        return status(word) == UnitStatuses.CLOSED;
    }

    function isEligible(uint256 word) internal pure returns (bool) {
        return word & ELIGIBLE_BIT != 0;
    }

    function holds(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 8);
    }

    /// @dev Nothing unknown is in the container: it arrived empty, or was stripped.
    function arrivedEmpty(uint256 word) internal pure returns (bool) {
        return word & EMPTY_BIT != 0;
    }

    function isInside(uint256 word) internal pure returns (bool) {
        return word & INSIDE_BIT != 0;
    }

    /// @dev The offer that a lot is under is a TRANSFER.
    function isTransfer(uint256 word) internal pure returns (bool) {
        return thing(word) == Things.LOT && word & TRANSFER_BIT != 0;
    }

    /// @dev Held itself, or something inside it is, or (as unitAt reads it) its container is.
    function isHeld(uint256 word) internal pure returns (bool) {
        return word & HOLDS_MASK != 0 || (word >> 152) & 0xffff != 0;
    }

    function custodian(uint256 word) internal pure returns (uint32) {
        return uint32((word >> 24) & 0xffffff);
    }

    function facility(uint256 word) internal pure returns (uint32) {
        return uint32((word >> 48) & 0xffffff);
    }

    /// @dev Zero means that no offer was left standing; see also offerExpired.
    function offeree(uint256 word) internal pure returns (uint32) {
        return uint32((word >> 72) & 0xffffff);
    }

    function offerExpired(uint256 word) internal view returns (bool) {
        return block.timestamp > (word >> 96) & 0xffffffffff;
    }

    /// @dev Whether the offer that stands, if any, is this event: its first 72 bits are kept, of a lot's the first 60.
    function isOffer(uint256 word, bytes32 offer) internal pure returns (bool) {
        uint256 differing = word ^ uint256(offer);
        return thing(word) == Things.LOT ? differing >> 196 == 0 : differing >> 184 == 0;
    }

    function insideCount(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 136);
    }

    function insideHeld(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 152);
    }

    function insideNotEligible(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 168);
    }

    function withInside(uint256 word, bool value) internal pure returns (uint256) {
        return value ? word | INSIDE_BIT : word & ~INSIDE_BIT;
    }

    /// @dev How many things are inside, how many of them held, how many cargo not eligible; each below 2^16.
    function withCounts(uint256 word, uint256 count, uint256 held, uint256 notEligible)
        internal
        pure
        returns (uint256)
    {
        return (word & ~COUNTS_MASK) | (count << 136) | (held << 152) | (notEligible << 168);
    }

    /// @dev A thing inside, with custodian, facility and status of its container, and held if its container is.
    function seenIn(uint256 word, uint256 container) internal pure returns (uint256) {
        uint256 held = holds(container) == 0 ? 0 : 1;
        return withoutPlace(word) | (container & PLACE_MASK) | (held << 152);
    }

    /// @dev A thing inside, without what its container says for it.
    function withoutPlace(uint256 word) internal pure returns (uint256) {
        return word & ~(PLACE_MASK | COUNTS_MASK);
    }

    function withStatus(uint256 word, uint8 value) internal pure returns (uint256) {
        return (word & ~STATUS_MASK) | (uint256(value) << 2);
    }

    function withEligible(uint256 word, bool value) internal pure returns (uint256) {
        return value ? word | ELIGIBLE_BIT : word & ~ELIGIBLE_BIT;
    }

    function withEmpty(uint256 word) internal pure returns (uint256) {
        return word | EMPTY_BIT;
    }

    function withHolds(uint256 word, uint16 value) internal pure returns (uint256) {
        return (word & ~HOLDS_MASK) | (uint256(value) << 8);
    }

    function withCustodian(uint256 word, uint32 value) internal pure returns (uint256) {
        return (word & ~CUSTODIAN_MASK) | (uint256(value) << 24);
    }

    function withFacility(uint256 word, uint32 value) internal pure returns (uint256) {
        return (word & ~FACILITY_MASK) | (uint256(value) << 48);
    }

    function withOffer(uint256 word, bytes32 offer, uint32 offeree_, uint64 expiry)
        internal
        pure
        returns (uint256)
    {
        uint256 seconds40 = expiry > EXPIRY_MAX ? EXPIRY_MAX : expiry;
        return
            withoutOffer(word) | (uint256(offeree_) << 72) | (seconds40 << 96)
                | ((uint256(offer) >> 184) << 184);
    }

    /// @dev The offer just made of a lot is a TRANSFER: only an ACCEPT into another book answers it.
    function withTransfer(uint256 word) internal pure returns (uint256) {
        return word | TRANSFER_BIT;
    }

    function withoutOffer(uint256 word) internal pure returns (uint256) {
        return word & ~(thing(word) == Things.LOT ? OFFER_MASK | TRANSFER_BIT : OFFER_MASK);
    }
}

/// @title The words of a lot
/// @dev balances: raw 0..63 | wip 64..127 | finished 128..191 | scrap 192..255.
///      more: short 0..63 | loaded in total 64..127 (logged); what the lot is: book 128..151 | origin 152..159 |
///      number of its material 160..188 | of its source line 189..217.
library LotWord {
    uint256 private constant AMOUNT_MASK = 0xffffffffffffffff;
    uint256 private constant LOGGED_MASK = (1 << 128) - 1;
    uint256 private constant NUMBER_MASK = 2 ** 29 - 1;

    /// @dev Amount of one of the four balances in `balances` (RAW to SCRAP).
    function amount(uint256 balances, uint8 balance) internal pure returns (uint64) {
        return uint64(balances >> _shift(balance));
    }

    function withAmount(uint256 balances, uint8 balance, uint64 value) internal pure returns (uint256) {
        uint256 shift = _shift(balance);
        return (balances & ~(AMOUNT_MASK << shift)) | (uint256(value) << shift);
    }

    /// @dev A balances word that has `value` in one balance.
    function only(uint8 balance, uint64 value) internal pure returns (uint256) {
        return uint256(value) << _shift(balance);
    }

    /// @dev The one balance (RAW to SCRAP) that is not zero, or NONE if several or none are.
    function single(uint256 balances) internal pure returns (uint8 found) {
        for (uint8 balance = Balances.RAW; balance <= Balances.SCRAP; ++balance) {
            if (amount(balances, balance) == 0) continue;
            if (found != Balances.NONE) return Balances.NONE;
            found = balance;
        }
    }

    function short_(uint256 more) internal pure returns (uint64) {
        return uint64(more);
    }

    function withShort(uint256 more, uint64 value) internal pure returns (uint256) {
        return (more & ~AMOUNT_MASK) | value;
    }

    function loaded(uint256 more) internal pure returns (uint64) {
        return uint64(more >> 64);
    }

    function withLoaded(uint256 more, uint64 value) internal pure returns (uint256) {
        return (more & ~(AMOUNT_MASK << 64)) | (uint256(value) << 64);
    }

    function book(uint256 more) internal pure returns (uint32) {
        return uint32((more >> 128) & 0xffffff);
    }

    function origin(uint256 more) internal pure returns (uint8) {
        return uint8(more >> 152);
    }

    function materialNumber(uint256 more) internal pure returns (uint256) {
        return (more >> 160) & NUMBER_MASK;
    }

    function sourceNumber(uint256 more) internal pure returns (uint256) {
        return (more >> 189) & NUMBER_MASK;
    }

    /// @dev Of the same book, origin, material and source line.
    function isLike(uint256 more, uint256 other) internal pure returns (bool) {
        return more >> 128 == other >> 128;
    }

    /// @dev The part that is logged: short and loaded.
    function logged(uint256 more) internal pure returns (uint256) {
        return more & LOGGED_MASK;
    }

    /// @dev All six balances are zero.
    function isEmpty(uint256 balances, uint256 more) internal pure returns (bool) {
        return balances == 0 && logged(more) == 0;
    }

    function _shift(uint8 balance) private pure returns (uint256) {
        return (uint256(balance) - 1) << 6;
    }
}

/// @title The words of a declaration line
/// @dev state: declarant 0..31 | purpose 32..39 | status 40..47 | holds 48..63; in storage above them the line's number
///      64..95 and its material's 96..127, which no log or view shows. Zero means no such line.
///      amounts: quantity 0..63 | drawn 64..127 | exited 128..191 | returned 192..255.
library LineWord {
    uint256 private constant AMOUNT_MASK = 0xffffffffffffffff;

    function createLine(uint32 declarant_, uint8 purpose_, uint8 status_, uint16 holds_)
        internal
        pure
        returns (uint256)
    {
        return uint256(declarant_) | (uint256(purpose_) << 32) | (uint256(status_) << 40)
            | (uint256(holds_) << 48);
    }

    function declarant(uint256 state) internal pure returns (uint32) {
        return uint32(state);
    }

    function purpose(uint256 state) internal pure returns (uint8) {
        return uint8(state >> 32);
    }

    function lineStatus(uint256 state) internal pure returns (uint8) {
        return uint8(state >> 40);
    }

    function lineHolds(uint256 state) internal pure returns (uint16) {
        return uint16(state >> 48);
    }

    function withLineStatus(uint256 state, uint8 value) internal pure returns (uint256) {
        return createLine(declarant(state), purpose(state), value, lineHolds(state));
    }

    function withLineHolds(uint256 state, uint16 value) internal pure returns (uint256) {
        return createLine(declarant(state), purpose(state), lineStatus(state), value);
    }

    /// @dev Number of the line, from its state as it is stored.
    function lineNumber(uint256 state) internal pure returns (uint256) {
        return uint32(state >> 64);
    }

    /// @dev Number of the line's material, from its state as it is stored.
    function lineMaterial(uint256 state) internal pure returns (uint256) {
        return state >> 96;
    }

    /// @dev The state without the numbers.
    function plainLine(uint256 state) internal pure returns (uint256) {
        return uint64(state);
    }

    /// @dev The state with these numbers, each below 2^29.
    function withLineNumbers(uint256 state, uint256 number, uint256 material)
        internal
        pure
        returns (uint256)
    {
        return uint64(state) | (number << 64) | (material << 96);
    }

    function quantity(uint256 amounts) internal pure returns (uint64) {
        return uint64(amounts);
    }

    function drawn(uint256 amounts) internal pure returns (uint64) {
        return uint64(amounts >> 64);
    }

    function exited(uint256 amounts) internal pure returns (uint64) {
        return uint64(amounts >> 128);
    }

    function returned(uint256 amounts) internal pure returns (uint64) {
        return uint64(amounts >> 192);
    }

    function withReturned(uint256 amounts, uint64 value) internal pure returns (uint256) {
        return (amounts & ~(AMOUNT_MASK << 192)) | (uint256(value) << 192);
    }

    function withQuantity(uint256 amounts, uint64 value) internal pure returns (uint256) {
        return (amounts & ~AMOUNT_MASK) | value;
    }

    function withDrawn(uint256 amounts, uint64 value) internal pure returns (uint256) {
        return (amounts & ~(AMOUNT_MASK << 64)) | (uint256(value) << 64);
    }

    function withExited(uint256 amounts, uint64 value) internal pure returns (uint256) {
        return (amounts & ~(AMOUNT_MASK << 128)) | (uint256(value) << 128);
    }
}
