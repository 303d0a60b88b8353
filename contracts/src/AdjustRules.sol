// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {LineRules} from "./LineRules.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, QUANTITY_MAX, Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, LineRoles, Outcomes, Things} from "./Vocabulary.sol";
import {LotWord, UnitWord} from "./Words.sol";

/// @title What changes a book's balances without goods coming or going: DESTROY, ADJUST
library AdjustRules {
    using ActLib for Act;
    using StoreLib for Store;
    using LotWord for uint256;
    using UnitWord for uint256;

    /// @dev DESTROY. Who: owner; approval where the book says so. Needs: raw, wip, finished or scrap >= q. (What is
    ///      short is not there to be destroyed: ADJUST writes it off.)
    function checkDestroy(Store storage s, Act memory poster, CustodyEvent memory e)
        internal
        view
        returns (uint256 fault)
    {
        fault = poster.checkOwner(e.book);
        for (uint256 i = 0; fault == Outcomes.RECORDED && i < e.lines.length; ++i) {
            LotRecord memory lot;
            (fault, lot.balances, lot.more) = s.checkBookLot(e.lines[i].unit, e);
            if (fault == Outcomes.RECORDED) fault = LineRules.checkAmount(e.lines[i], lot);
        }
    }

    /// @dev DESTROY does: balance -= q.
    function executeDestroy(Store storage s, CustodyEvent memory e) internal {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            LotRecord memory lot = s.lotAt(line.unit);
            uint64 rest = lot.balances.amount(line.balance) - line.quantity;
            s.setLot(line.unit, lot.balances.withAmount(line.balance, rest), lot.more);
        }
    }

    /// @dev ADJUST. Who: owner; approval. Needs: a COUNT of this book or a corrected event, which has adjusted none
    ///      of these balances yet; lots, empty ones too, not held, offered or inside; what is taken off is there,
    ///      what is added fits. INPUT takes off (of SHORT: written off), OUTPUT adds, FROM_SHORT moves what was
    ///      short back into the balance named.
    function checkAdjust(Store storage s, Act memory poster, CustodyEvent memory e)
        internal
        view
        returns (uint256)
    {
        uint256 fault = poster.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        uint32 counted = s.countedBook(e.reference_);
        if (counted == 0 && !s.isCorrected(e.reference_)) return Outcomes.UNKNOWN_REFERENCE;
        if (counted != 0 && counted != e.book) return Outcomes.WRONG_BOOK;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            uint256 word = s.unitAt(line.unit);
            fault = s.checkOpen(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
            LotRecord memory lot = s.lotAt(line.unit);
            if (lot.more.book() != e.book) return Outcomes.WRONG_BOOK;
            fault = StoreLib.checkUnhindered(word);
            if (fault != Outcomes.RECORDED) return fault;
            if (s.adjusted[_keyOf(e, line)]) return Outcomes.ALREADY_ADJUSTED;
            if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
            fault = _checkChange(lot, line);
            if (fault != Outcomes.RECORDED) return fault;
        }
        return Outcomes.RECORDED;
    }

    /// @dev ADJUST does, once approved: the balances change, once for each COUNT, unit and balance.
    function executeAdjust(Store storage s, CustodyEvent memory e) internal {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            LotRecord memory lot = s.lotAt(line.unit);
            uint256 balances = lot.balances;
            uint256 more = lot.more;
            if (_changesShort(line)) more = more.withShort(more.short_() - line.quantity);
            if (line.role != LineRoles.INPUT) {
                balances = balances.withAmount(line.balance, balances.amount(line.balance) + line.quantity);
            } else if (line.balance != Balances.SHORT) {
                balances = balances.withAmount(line.balance, balances.amount(line.balance) - line.quantity);
            }
            s.adjusted[_keyOf(e, line)] = true;
            s.setLot(line.unit, balances, more);
        }
    }

    function _checkChange(LotRecord memory lot, Line memory line) private pure returns (uint256) {
        if (_changesShort(line)) {
            if (line.quantity > lot.more.short_()) return Outcomes.NOT_ENOUGH;
            if (line.role == LineRoles.INPUT) return Outcomes.RECORDED;
        }
        uint64 there = lot.balances.amount(line.balance);
        if (line.role == LineRoles.INPUT) {
            return line.quantity > there ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED;
        }
        bool fits = uint256(there) + line.quantity <= QUANTITY_MAX;
        return fits ? Outcomes.RECORDED : Outcomes.QUANTITY_OVERFLOW;
    }

    function _changesShort(Line memory line) private pure returns (bool) {
        return line.balance == Balances.SHORT || line.role == LineRoles.FROM_SHORT;
    }

    /// @dev What may be executed once: this COUNT or corrected event, on this unit, on this balance.
    function _keyOf(CustodyEvent memory e, Line memory line) private pure returns (bytes32) {
        uint8 balance = _changesShort(line) ? Balances.SHORT : line.balance;
        return keccak256(abi.encode(e.reference_, line.unit, balance));
    }
}
