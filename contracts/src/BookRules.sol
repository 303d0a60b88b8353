// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {LineRules} from "./LineRules.sol";
import {Places} from "./Places.sol";
import {StoreLib} from "./Store.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {
    Balances,
    BookOptions,
    LineRoles,
    Origins,
    Outcomes,
    Roles,
    Things,
    UnitStatuses
} from "./Vocabulary.sol";
import {LotWord, UnitWord} from "./Words.sol";

/// @title How goods come into a book, and counts: OPENING, RECEIVE_FACTORY, RECEIVE_DOMESTIC, COUNT
library BookRules {
    using ActLib for Act;
    using StoreLib for Store;
    using LotWord for uint256;
    using UnitWord for uint256;

    /// @dev OPENING. Who: owner. Needs: the book's opening still open; new lots; approval (ApprovalRules).
    function checkOpening(Store storage s, Act memory poster, CustodyEvent memory e)
        internal
        view
        returns (uint256)
    {
        uint256 fault = poster.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        if (!poster.bookAt(e.book).openingOpen) return Outcomes.OPENING_CLOSED;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            fault = checkNewLot(s, e.lines[i]);
            if (fault != Outcomes.RECORDED) return fault;
        }
        return Outcomes.RECORDED;
    }

    /// @dev OPENING does, once approved: lots with raw, wip, finished or scrap, in the poster's custody.
    function executeOpening(Store storage s, Act memory poster, CustodyEvent memory e) internal {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            uint8 origin = Origins.OWN;
            if (line.role == LineRoles.IMPORTED) origin = Origins.IMPORTED;
            if (line.role == LineRoles.DOMESTIC) origin = Origins.DOMESTIC;
            newLot(s, poster, line, line.balance, 0, e.book, origin);
        }
    }

    /// @dev RECEIVE_FACTORY. Who: owner and declarant in one. Needs: a receive line, cleared, enough left, same
    ///      material; what it came in, where named, free and in the owner's custody. Does: a new imported lot,
    ///      raw = q; drawn += q.
    function receiveFactory(Store storage s, Act memory act, CustodyEvent memory e)
        internal
        returns (uint256)
    {
        (uint256 fault, uint256 made, uint256 vehicle) = _partsOf(e);
        if (fault == Outcomes.RECORDED) fault = act.checkOwner(e.book);
        if (fault == Outcomes.RECORDED) {
            fault = s.checkLine(e.reference_, LineRoles.RECEIVE, act.participant);
        }
        if (fault != Outcomes.RECORDED) return fault;
        bool hasVehicle = vehicle < e.lines.length;
        if (!hasVehicle && act.bookAt(e.book).options & BookOptions.NAME_CONTAINER != 0) {
            return Outcomes.LINES_MISSING;
        }
        if (hasVehicle) fault = _checkVehicle(s, act, e.lines[vehicle]);
        if (fault != Outcomes.RECORDED) return fault;
        Line memory line = e.lines[made];
        fault = checkNewLot(s, line);
        if (fault != Outcomes.RECORDED) return fault;
        if (line.material != s.lineAt(e.reference_).material) return Outcomes.WRONG_MATERIAL;
        if (LineRules.exceeds(s, e.reference_, line.quantity)) return Outcomes.LINE_EXCEEDED;
        act.tell(e, Outcomes.RECORDED);
        newLot(s, act, line, Balances.RAW, e.reference_, e.book, Origins.IMPORTED);
        LineRules.draw(s, e.reference_, line.quantity);
        return Outcomes.RECORDED;
    }

    /// @dev RECEIVE_DOMESTIC. Who: owner. Needs: a document, which the commitment binds. Does: new domestic lots,
    ///      raw = q.
    function receiveDomestic(Store storage s, Act memory act, CustodyEvent memory e)
        internal
        returns (uint256)
    {
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            fault = checkNewLot(s, e.lines[i]);
            if (fault != Outcomes.RECORDED) return fault;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            newLot(s, act, e.lines[i], Balances.RAW, 0, e.book, Origins.DOMESTIC);
        }
        return Outcomes.RECORDED;
    }

    /// @dev COUNT. Who: owner, or customs. Needs: lots, where named, of that book. Does: nothing; it is evidence,
    ///      which an ADJUST may name.
    function count(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint32 owner = act.ownerOf(e.book);
        if (owner == 0) return Outcomes.UNKNOWN_BOOK;
        bool isOwner = owner == act.participant && act.has(Roles.PROCESSOR);
        if (!isOwner && !Places.hasRole(s, act, e, Roles.CUSTOMS)) return Outcomes.NOT_OWNER;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            if (line.unit == 0) continue; // a stock named only by code, which the payload has
            uint256 word = s.unitAt(line.unit);
            uint256 fault = s.checkThere(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
            if (s.lotAt(line.unit).more.book() != e.book) return Outcomes.WRONG_BOOK;
            if (line.balance == Balances.NONE) return Outcomes.WRONG_BALANCE;
        }
        act.tell(e, Outcomes.RECORDED);
        s.setCount(act.id, e.book);
        return Outcomes.RECORDED;
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev Nothing of that id exists; material and quantity are given.
    function checkNewLot(Store storage s, Line memory line) internal view returns (uint256) {
        if (s.exists(line.unit)) return Outcomes.UNIT_EXISTS;
        if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
        return line.material == 0 ? Outcomes.WRONG_MATERIAL : Outcomes.RECORDED;
    }

    function newLot(
        Store storage s,
        Act memory poster,
        Line memory line,
        uint8 balance,
        bytes32 sourceLine,
        uint32 book,
        uint8 origin
    ) internal {
        uint256 word = UnitWord.create(Things.LOT, poster.participant);
        uint256 balances = LotWord.only(balance, line.quantity);
        s.createLot(line.unit, word, line.material, sourceLine, book, origin, balances);
    }

    /// @dev Places of the lot made and of what it came in; `vehicle` is beyond the lines if none is named.
    function _partsOf(CustodyEvent memory e)
        private
        pure
        returns (uint256 fault, uint256 made, uint256 vehicle)
    {
        uint256 lineCount = e.lines.length;
        made = e.lines[0].role == LineRoles.OUTPUT ? 0 : 1;
        vehicle = lineCount == 1 ? lineCount : 1 - made;
        if (made >= lineCount || e.lines[made].role != LineRoles.OUTPUT) {
            return (Outcomes.LINES_MISSING, 0, 0);
        }
        if (vehicle < lineCount && e.lines[vehicle].role == LineRoles.OUTPUT) {
            return (Outcomes.FIELD_NOT_ALLOWED, 0, 0);
        }
    }

    /// @dev What the goods came in: free, unhindered, in the poster's custody.
    function _checkVehicle(Store storage s, Act memory act, Line memory line) private view returns (uint256) {
        uint256 word = s.unitAt(line.unit);
        uint256 fault = s.checkOpen(line.unit, word);
        if (fault != Outcomes.RECORDED) return fault;
        uint8 thing = line.role == LineRoles.CONTAINER ? Things.CONTAINER : Things.CARGO;
        if (word.thing() != thing) return Outcomes.WRONG_THING;
        if (word.custodian() != act.participant) return Outcomes.NOT_CUSTODIAN;
        fault = StoreLib.checkUnhindered(word);
        if (fault != Outcomes.RECORDED) return fault;
        return word.status() == UnitStatuses.FREE ? Outcomes.RECORDED : Outcomes.NOT_FREE;
    }
}
