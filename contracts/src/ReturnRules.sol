// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {After} from "./After.sol";
import {BookRules} from "./BookRules.sol";
import {Places} from "./Places.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, QUANTITY_MAX, Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, LineRoles, Origins, Outcomes, Roles, Things} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title What comes back: UNLOAD before it left, FG_RETURN after
library ReturnRules {
    using ActLib for Act;
    using After for uint256;
    using StoreLib for Store;
    using LineWord for uint256;
    using LotWord for uint256;
    using UnitWord for uint256;

    /// @dev UNLOAD. Who: owner of every lot, or customs. Needs: loaded for that line >= q; also under hold of lot or
    ///      line. Does: back where it came from, finished for an export line, raw for a re-export line; drawn -= q.
    function unload(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 state = s.lineAt(e.reference_).state;
        if (state == 0) return Outcomes.UNKNOWN_REFERENCE;
        if (state.purpose() != LineRoles.EXPORT && state.purpose() != LineRoles.RE_EXPORT) {
            return Outcomes.WRONG_PURPOSE;
        }
        bool byCustoms = Places.hasRole(s, act, e, Roles.CUSTOMS);
        uint8 to = state.purpose() == LineRoles.EXPORT ? Balances.FINISHED : Balances.RAW;
        uint256 total;
        LotRecord[] memory lots = StoreLib.noLots(e.lines.length);
        uint256 told = After.create(lots.length);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            uint256 word = s.unitAt(line.unit);
            uint256 fault = s.checkThere(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
            LotRecord memory lot = s.lotAt(line.unit);
            if (!byCustoms && act.ownerOf(lot.more.book()) != act.participant) return Outcomes.NOT_OWNER;
            (fault,,) = s.checkBookLot(line.unit, e);
            if (fault != Outcomes.RECORDED) return fault;
            if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
            uint64 loaded = s.loadedFor(line.unit, e.reference_);
            if (line.quantity > loaded) return Outcomes.NOT_ENOUGH;
            if (uint256(lot.balances.amount(to)) + line.quantity > QUANTITY_MAX) {
                return Outcomes.QUANTITY_OVERFLOW;
            }
            total += line.quantity;
            lot.balances = lot.balances.withAmount(to, lot.balances.amount(to) + line.quantity);
            lot.more = lot.more.withLoaded(lot.more.loaded() - line.quantity);
            lots[i] = lot;
            told.setLoaded(i, to, lot.balances, loaded - line.quantity, lot.more.loaded());
        }
        // Each q was drawn and has not exited, so drawn stays >= exited.
        uint256 amounts = s.lineAt(e.reference_).amounts;
        amounts = amounts.withDrawn(uint64(amounts.drawn() - total));
        told.setLine(After.DRAWN, amounts.drawn());
        act.tellAfter(e, told);
        for (uint256 i = 0; i < lots.length; ++i) {
            uint64 loaded = s.loadedFor(e.lines[i].unit, e.reference_) - e.lines[i].quantity;
            s.setLoaded(e.lines[i].unit, e.reference_, loaded, lots[i]);
        }
        s.lineAt(e.reference_).amounts = amounts;
        return Outcomes.RECORDED;
    }

    /// @dev FG_RETURN. Who: owner, who is declarant of the export line. Needs: exited - returned >= q, same material.
    ///      Does: a new lot that cites the line, finished = q; returned += q.
    function comeBack(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        Line memory line = e.lines[0];
        uint256 fault = act.checkOwner(e.book);
        if (fault == Outcomes.RECORDED) {
            fault = s.checkLine(e.reference_, LineRoles.EXPORT, act.participant);
        }
        if (fault == Outcomes.RECORDED) fault = BookRules.checkNewLot(s, line);
        if (fault != Outcomes.RECORDED) return fault;
        if (line.material != s.lineAt(e.reference_).material) return Outcomes.WRONG_MATERIAL;
        uint256 amounts = s.lineAt(e.reference_).amounts;
        if (line.quantity > amounts.exited() - amounts.returned()) return Outcomes.LINE_EXCEEDED;
        act.tell(e, Outcomes.RECORDED);
        BookRules.newLot(s, act, line, Balances.FINISHED, e.reference_, e.book, Origins.OWN);
        s.setLineAmounts(e.reference_, amounts.withReturned(amounts.returned() + line.quantity));
        return Outcomes.RECORDED;
    }
}
