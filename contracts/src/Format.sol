// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EventHash} from "./EventHash.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, Steps} from "./Vocabulary.sol";

/// @title Which fields an event of each kind may carry
/// @dev What is not named here for a kind must be zero or empty. docs/formats/events.md prints this table.
///      A shape is what a line may say: bit r for role r, bit 32 + b for balance b, then QUANTITY and MATERIAL.
library Format {
    uint256 private constant LINES_MAX = 64;

    // Fields of the event, by the bits that EventHash.load gives them.
    uint256 private constant COUNTERPARTY = 2;
    uint256 private constant FACILITY = 4;
    uint256 private constant BOOK = 8;
    uint256 private constant REFERENCE = 1;
    uint256 private constant EVERY_FIELD = 15;

    // What a line may say. The shifts are the numbers of LineRoles, and 32 + those of Balances.
    uint256 private constant NO_ROLE = 1 << 0;
    uint256 private constant INPUT = 1 << 1;
    uint256 private constant PRODUCT = 1 << 2;
    uint256 private constant PRODUCED = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5; // product, co-product, scrap, semi-finished
    uint256 private constant OUTPUT = 1 << 6;
    uint256 private constant VEHICLE = 1 << 7 | 1 << 8; // container, cargo
    uint256 private constant CONTAINER = 1 << 7;
    uint256 private constant EMPTY_CONTAINER = 1 << 9;
    uint256 private constant FROM_SHORT = 1 << 10;
    uint256 private constant PURPOSE = 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16;
    uint256 private constant ORIGIN = 1 << 21 | 1 << 22 | 1 << 23;
    uint256 private constant TRANSFER_LINES = 1 << 15 | 1 << 16; // transfer in, transfer out
    uint256 private constant NEW_STATUS = 1 << 24 | 1 << 25; // supervised, free
    uint256 private constant NO_BALANCE = 1 << 32;
    uint256 private constant RAW = 1 << 33;
    uint256 private constant WIP = 1 << 34;
    uint256 private constant FINISHED = 1 << 35;
    uint256 private constant SCRAP = 1 << 36;
    uint256 private constant SHORT = 1 << 37;
    uint256 private constant LOADED = 1 << 38;
    uint256 private constant STOCK = 1 << 33 | 1 << 34 | 1 << 35 | 1 << 36; // raw, wip, finished, scrap
    uint256 private constant EVERY_BALANCE = 0x7f << 32;
    uint256 private constant QUANTITY = 1 << 40;
    uint256 private constant MATERIAL = 1 << 41;
    uint256 private constant UNIT_ONLY = 1 << 0 | 1 << 32;
    uint256 private constant FREE = (1 << 48) - 1; // anything at all: evidence

    // A rule: fields 0..7 | fewest lines 8..15 | most lines 16..23 | whether another rule holds for some events of
    // the kind 24 | shape 32..79 | other shape 80..127.
    uint256 private constant MIN = 1 << 8;
    uint256 private constant MAX = 1 << 16;
    uint256 private constant ANY = 64 << 16; // none to 64 lines
    uint256 private constant SOME = 1 << 8 | 64 << 16; // 1 to 64 lines
    uint256 private constant TWO = 2 << 8 | 64 << 16; // 2 to 64 lines
    uint256 private constant VARIES = 1 << 24;
    uint256 private constant SHAPE = 1 << 32;
    uint256 private constant OR = 1 << 80;

    uint256 private constant ANCHOR = BOOK | SHAPE; // DECLARE without a line, of a manifest, norm, contract or document

    // DECLARE of a norm with numbers: its units are material ids.
    uint256 private constant NORM = BOOK | REFERENCE | TWO
        | SHAPE * (PRODUCT | INPUT | NO_BALANCE | QUANTITY);

    // ACCEPT with a book answers a TRANSFER: the lot, the new lot, and both lines.
    uint256 private constant TAKE_TRANSFER = BOOK | REFERENCE | 4 * MIN | 4 * MAX
        | SHAPE * (INPUT | TRANSFER_LINES | NO_BALANCE) | OR * (OUTPUT | RAW | QUANTITY | MATERIAL);

    /// @dev At most 64 lines, units strictly ascending. A list that is not one names nothing.
    function isList(Line[] memory lines) internal pure returns (bool) {
        if (lines.length > LINES_MAX) return false;
        for (uint256 i = 1; i < lines.length; ++i) {
            if (lines[i].unit <= lines[i - 1].unit) return false;
        }
        return true;
    }

    /// @dev Whether nothing is wrong with the form of an event that EventHash.load laid out, in one pass, since of most
    ///      events nothing is. It says no wherever anything may be wrong; `fault` then says what, or that nothing is.
    /// @param e The event; its lines are a list.
    /// @param table What `rules` gives.
    function isRight(CustodyEvent memory e, uint256[] memory table) internal pure returns (bool right) {
        assembly ("memory-safe") {
            let rule := mload(e)
            if lt(rule, mload(table)) {
                rule := mload(add(add(table, 32), shl(5, rule)))
                // What it has of counterparty, facility, book and reference, and may not have; and VARIES.
                let wrong := or(and(mload(sub(e, 32)), not(rule)), byte(28, rule))
                let end := mload(add(e, 64)) // the array of pointers, which follows the lines
                wrong := or(wrong, or(lt(mload(end), byte(30, rule)), gt(mload(end), byte(29, rule))))
                e := add(e, 384) // the first line; the zero of its unit is the only one that may be wrong
                if lt(e, end) {
                    wrong := or(wrong, iszero(mload(e)))
                    let not1 := not(shr(32, rule)) // what lines may not say by the one shape
                    for {} 1 {} {
                        let role := mload(add(e, 128))
                        let amountOf := mload(add(e, 64)) // its balance
                        wrong := or(wrong, or(shr(5, role), shr(3, amountOf)))
                        // As a shape says it; the two shapes of a kind have no role in common.
                        let says :=
                            or(
                                or(shl(role, 1), shl(amountOf, shl(32, 1))),
                                or(shl(40, gt(mload(add(e, 96)), 0)), shl(41, gt(mload(add(e, 32)), 0)))
                            )
                        if and(says, not1) { wrong := or(wrong, and(says, not(shr(80, rule)))) }
                        e := add(e, 160)
                        if eq(e, end) { break }
                    }
                }
                right := iszero(or(wrong, iszero(rule)))
            }
        }
    }

    /// @dev First fault of the form, or RECORDED. In this order: list, kind, number of lines, fields, lines.
    /// @param e The event.
    /// @param isList_ What `isList` says of its lines.
    /// @param table What `rules` gives.
    function fault(CustodyEvent memory e, bool isList_, uint256[] memory table)
        internal
        pure
        returns (uint256)
    {
        Line[] memory lines = e.lines;
        uint256 count = lines.length;
        if (!isList_) return count > LINES_MAX ? Outcomes.TOO_MANY_LINES : Outcomes.LINES_NOT_ASCENDING;
        uint8 kind = e.kind;
        if (kind == 0 || kind > Kinds.CLOSE) return Outcomes.UNKNOWN_KIND;
        uint256 rule = table[kind];
        if (kind == Kinds.DECLARE) {
            if (count == 0) rule = ANCHOR;
            else if (e.step == Steps.NORM) rule = NORM;
        }
        if (kind == Kinds.ACCEPT && e.book != 0) rule = TAKE_TRANSFER;
        if (rule == 0) return Outcomes.KIND_NOT_AVAILABLE;
        if (count < uint8(rule >> 8)) return Outcomes.LINES_MISSING;
        if (count > uint8(rule >> 16) || _fieldsOf(e) & ~rule & 0xff != 0) return Outcomes.FIELD_NOT_ALLOWED;
        if (uint48(rule >> 32) == FREE) return Outcomes.RECORDED;
        for (uint256 i = 0; i < count; ++i) {
            if (i == 0 && kind != Kinds.COUNT && EventHash.unitOf(lines, 0) == 0) {
                return Outcomes.LINES_MISSING;
            }
            uint256 found = _lineFault(lines[i], rule);
            if (found != Outcomes.RECORDED) return found;
        }
        return Outcomes.RECORDED;
    }

    function _fieldsOf(CustodyEvent memory e) private pure returns (uint256 fields) {
        if (e.counterparty != 0) fields |= COUNTERPARTY;
        if (e.facility != 0) fields |= FACILITY;
        if (e.book != 0) fields |= BOOK;
        if (e.reference_ != 0) fields |= REFERENCE;
    }

    /// @dev The line's role decides which of the two shapes it must have.
    function _lineFault(Line memory line, uint256 rule) private pure returns (uint256) {
        uint256 role = line.role;
        if (role > LineRoles.FREE) return Outcomes.WRONG_ROLE;
        uint256 shape = rule >> 32; // no bit from 48 on is asked for
        if ((shape >> role) & 1 == 0) {
            shape = rule >> 80;
            if ((shape >> role) & 1 == 0) return Outcomes.WRONG_ROLE;
        }
        uint256 balance = line.balance;
        if (balance > Balances.LOADED || (shape >> (32 + balance)) & 1 == 0) return Outcomes.WRONG_BALANCE;
        bool says =
            (line.quantity != 0 && shape & QUANTITY == 0) || (line.material != 0 && shape & MATERIAL == 0);
        return says ? Outcomes.FIELD_NOT_ALLOWED : Outcomes.RECORDED;
    }

    /// @dev The table, by kind; 0 would be a kind whose rules are not available on this ledger. Made once a batch,
    ///      since reading it is cheap and asking kind by kind is not.
    function rules() internal pure returns (uint256[] memory table) {
        table = new uint256[](uint256(Kinds.CLOSE) + 1);
        table[Kinds.ARRIVE] = FACILITY | SOME | SHAPE * (VEHICLE | EMPTY_CONTAINER | NO_BALANCE);
        table[Kinds.OBSERVE] = EVERY_FIELD | ANY | SHAPE * FREE;
        table[Kinds.OFFER] = COUNTERPARTY | SOME | SHAPE * (NO_ROLE | EVERY_BALANCE | QUANTITY);
        table[Kinds.ACCEPT] = FACILITY | REFERENCE | SOME | SHAPE * (NO_ROLE | EVERY_BALANCE | QUANTITY);
        table[Kinds.REFUSE] = REFERENCE | SOME | SHAPE * UNIT_ONLY;
        table[Kinds.CANCEL] = REFERENCE | ANY | SHAPE * UNIT_ONLY;
        table[Kinds.STUFF] = TWO | SHAPE * (CONTAINER | INPUT | NO_BALANCE);
        table[Kinds.STRIP] = TWO | SHAPE * (CONTAINER | INPUT | OUTPUT | NO_BALANCE);
        table[Kinds.HOLD] = SOME | SHAPE * UNIT_ONLY;
        table[Kinds.UNHOLD] = SOME | SHAPE * UNIT_ONLY;
        table[Kinds.ELIGIBLE] = SOME | SHAPE * UNIT_ONLY;
        table[Kinds.REVOKE] = SOME | SHAPE * UNIT_ONLY;
        table[Kinds.GATE_OUT] = SOME | SHAPE * UNIT_ONLY;
        table[Kinds.DECLARE] = VARIES | COUNTERPARTY | REFERENCE | MIN | MAX
            | SHAPE * (PURPOSE | NO_BALANCE | QUANTITY | MATERIAL);
        table[Kinds.CLEAR] = REFERENCE | MIN | MAX | SHAPE * UNIT_ONLY;
        table[Kinds.OPENING] = BOOK | SOME | SHAPE * (ORIGIN | STOCK | QUANTITY | MATERIAL);
        table[Kinds.RECEIVE_FACTORY] = BOOK | REFERENCE | MIN | 2 * MAX
            | SHAPE * (OUTPUT | RAW | QUANTITY | MATERIAL) | OR * (VEHICLE | NO_BALANCE);
        table[Kinds.RECEIVE_DOMESTIC] = BOOK | SOME | SHAPE * (OUTPUT | RAW | QUANTITY | MATERIAL);
        table[Kinds.SPLIT] =
            TWO | SHAPE * (INPUT | NO_BALANCE) | OR * (OUTPUT | NO_BALANCE | STOCK | QUANTITY);
        table[Kinds.MERGE] = TWO | SHAPE * (INPUT | OUTPUT | NO_BALANCE);
        table[Kinds.ISSUE_PROD] = BOOK | SOME | SHAPE * (NO_ROLE | NO_BALANCE | RAW | QUANTITY);
        table[Kinds.RETURN_PROD] = BOOK | SOME | SHAPE * (NO_ROLE | NO_BALANCE | WIP | QUANTITY);
        table[Kinds.TRANSFORM] = BOOK | REFERENCE | TWO | SHAPE * (INPUT | WIP | QUANTITY)
            | OR * (PRODUCED | NO_BALANCE | QUANTITY | MATERIAL);
        table[Kinds.EXPORT_LOAD] = REFERENCE | SOME | SHAPE * (NO_ROLE | FINISHED | QUANTITY);
        table[Kinds.REEXPORT] = REFERENCE | SOME | SHAPE * (NO_ROLE | RAW | QUANTITY);
        table[Kinds.UNLOAD] = REFERENCE | SOME | SHAPE * (NO_ROLE | LOADED | QUANTITY);
        table[Kinds.EXIT_CONFIRM] = REFERENCE | SOME | SHAPE * (NO_ROLE | LOADED | QUANTITY);
        table[Kinds.FG_RETURN] =
            BOOK | REFERENCE | MIN | MAX | SHAPE * (OUTPUT | FINISHED | QUANTITY | MATERIAL);
        table[Kinds.REPURPOSE] = BOOK | REFERENCE | SOME | SHAPE * (NO_ROLE | RAW | FINISHED | QUANTITY);
        table[Kinds.SELL_INLAND] = table[Kinds.REPURPOSE];
        table[Kinds.SCRAP_OUT] = BOOK | REFERENCE | SOME | SHAPE * (NO_ROLE | SCRAP | QUANTITY);
        table[Kinds.DESTROY] = BOOK | SOME | SHAPE * (NO_ROLE | STOCK | QUANTITY);
        table[Kinds.TRANSFER] =
            COUNTERPARTY | BOOK | REFERENCE | MIN | MAX | SHAPE * (NO_ROLE | RAW | QUANTITY);
        table[Kinds.COUNT] = BOOK | ANY | SHAPE * (NO_ROLE | EVERY_BALANCE | QUANTITY | MATERIAL);
        table[Kinds.ADJUST] = BOOK | REFERENCE | SOME | SHAPE * (INPUT | STOCK | SHORT | QUANTITY)
            | OR * (OUTPUT | FROM_SHORT | STOCK | QUANTITY);
        table[Kinds.REASSIGN] =
            COUNTERPARTY | FACILITY | REFERENCE | SOME | SHAPE * (NO_ROLE | NEW_STATUS | NO_BALANCE);
        table[Kinds.APPROVE] = REFERENCE | SHAPE;
        table[Kinds.DENY] = REFERENCE | SHAPE;
        table[Kinds.CORRECT] = REFERENCE | ANY | SHAPE * FREE;
        table[Kinds.CLOSE] = SOME | SHAPE * (UNIT_ONLY | INPUT);
    }
}
