// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {ICustodyLedger, Norm} from "./ICustodyLedger.sol";
import {StoreLib} from "./Store.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {BookOptions, LineRoles, Outcomes, Roles} from "./Vocabulary.sol";

/// @title Norms with numbers: DECLARE with step NORM, and what TRANSFORM may use under one
/// @dev A norm is one product of one book: for `base` of it so much of each material, with a tolerance, for
///      production in a span of time. Its version is the id of the DECLARE event; nothing is ever changed. It allows
///      what it names, of its product, in its time, in its book, and of everything else nothing.
library NormRules {
    using ActLib for Act;
    using StoreLib for Store;

    uint256 private constant MICRO = 1e6;
    uint256 private constant TOLERANCE_MAX = 1e6;
    uint256 private constant TERMS_BITS = 160;

    /// @dev DECLARE of a norm with numbers. Who: owner of the book, or customs. Needs: one product with its base
    ///      quantity, materials with their quantities, terms in `reference`: tolerance in 10^-6 (bits 0..31), first
    ///      and last second (32..95, 96..159). Does: keeps it under this event's id.
    function declare(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint32 owner = act.ownerOf(e.book);
        if (owner == 0) return Outcomes.UNKNOWN_BOOK;
        if (owner != act.participant && !act.has(Roles.CUSTOMS)) return Outcomes.NOT_OWNER;
        Norm memory norm = _termsOf(e);
        uint256 terms = uint256(e.reference_);
        if (
            terms >> TERMS_BITS != 0 || norm.toleranceMicro > TOLERANCE_MAX
                || norm.validFrom > norm.validUntil
        ) {
            return Outcomes.FIELD_NOT_ALLOWED;
        }
        uint256 products;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].quantity == 0) return Outcomes.QUANTITY_ZERO;
            if (e.lines[i].role == LineRoles.INPUT) continue;
            ++products;
            norm.product = e.lines[i].unit;
            norm.base = e.lines[i].quantity;
        }
        if (products == 0 || products == e.lines.length) return Outcomes.LINES_MISSING;
        if (products > 1) return Outcomes.FIELD_NOT_ALLOWED;
        act.tell(e, Outcomes.RECORDED);
        s.norms[act.id] = norm;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            if (line.role == LineRoles.INPUT) s.coefficients[act.id][line.unit] = line.quantity;
        }
        return Outcomes.RECORDED;
    }

    /// @dev What a book with strict norms asks of a TRANSFORM: a norm of this book, in force when it happened, for
    ///      something that was made, and no material beyond it. Other books ask nothing.
    function check(Store storage s, Act memory act, CustodyEvent memory e) internal view returns (uint256) {
        if (act.bookAt(e.book).options & BookOptions.STRICT_NORMS == 0) return Outcomes.RECORDED;
        (bool applies, uint256 made) = _covers(s.norms[e.reference_], e);
        if (!applies || made == 0) return Outcomes.NO_NORM;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != LineRoles.INPUT) continue;
            (, uint256 allowed, uint256 used) = _usage(s, e, i, made);
            if (used > allowed) return Outcomes.NORM_EXCEEDED;
        }
        return Outcomes.RECORDED;
    }

    /// @dev Logs each material of which a recorded TRANSFORM used more than the norm that it names allows. Where it
    ///      names no norm with numbers there is nothing to compare with.
    function report(Store storage s, Act memory act, CustodyEvent memory e) internal {
        if (e.reference_ == 0 || s.norms[e.reference_].book == 0) return;
        (bool applies, uint256 made) = _covers(s.norms[e.reference_], e);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != LineRoles.INPUT) continue;
            (bytes32 material, uint256 allowed, uint256 used) = _usage(s, e, i, applies ? made : 0);
            if (used > allowed) emit ICustodyLedger.NormExceeded(act.id, material, allowed, used);
        }
    }

    /// @dev Whether the norm is of this book and in force when it happened, and how much of its product was made.
    function _covers(Norm memory terms, CustodyEvent memory e)
        private
        pure
        returns (bool applies, uint256 made)
    {
        uint256 second = e.occurredAt / 1000;
        applies = terms.book == e.book && second >= terms.validFrom && second <= terms.validUntil;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            bool isMade = e.lines[i].role != LineRoles.INPUT && e.lines[i].role != LineRoles.SCRAP;
            if (isMade && e.lines[i].material == terms.product) made += e.lines[i].quantity;
        }
    }

    /// @dev Material of the input at that place, what the norm allows of it for so much product (rounded down), and
    ///      what all inputs used of it; 0 used at any but the first input of the material, so that each counts once.
    function _usage(Store storage s, CustodyEvent memory e, uint256 place, uint256 made)
        private
        view
        returns (bytes32 material, uint256 allowed, uint256 used)
    {
        material = s.materialOf(s.lotAt(e.lines[place].unit));
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != LineRoles.INPUT) continue;
            if (s.materialOf(s.lotAt(e.lines[i].unit)) != material) continue;
            if (i < place) return (material, 0, 0);
            used += e.lines[i].quantity;
        }
        if (made == 0) return (material, 0, used);
        Norm memory norm = s.norms[e.reference_];
        uint256 coefficient = s.coefficients[e.reference_][material];
        allowed = coefficient * made * (MICRO + norm.toleranceMicro) / (norm.base * MICRO); // below 2^160
    }

    function _termsOf(CustodyEvent memory e) private pure returns (Norm memory norm) {
        uint256 terms = uint256(e.reference_);
        norm.book = e.book;
        norm.toleranceMicro = uint32(terms);
        norm.validFrom = uint64(terms >> 32);
        norm.validUntil = uint64(terms >> 96);
    }
}
