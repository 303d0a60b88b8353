// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {After} from "./After.sol";
import {BookRules} from "./BookRules.sol";
import {EventHash} from "./EventHash.sol";
import {LineRules} from "./LineRules.sol";
import {NormRules} from "./NormRules.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, QUANTITY_MAX, Store} from "./StoreLayout.sol";
import {StoredLot} from "./StoredLot.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, Kinds, LineRoles, Origins, Outcomes, Things} from "./Vocabulary.sol";
import {LotWord, UnitWord} from "./Words.sol";

/// @title What becomes of lots inside a book: SPLIT, MERGE, ISSUE_PROD, RETURN_PROD, TRANSFORM
/// @dev SPLIT and MERGE conserve every balance; ISSUE_PROD and RETURN_PROD conserve raw + wip; TRANSFORM consumes
///      wip of its inputs and states what was made of it, which the tracer compares with the norm.
library LotRules {
    using ActLib for Act;
    using After for uint256;
    using StoreLib for Store;
    using LotWord for uint256;
    using StoredLot for uint256;
    using UnitWord for uint256;

    /// @dev SPLIT. Who: custodian or owner of the lot; custodian of the cargo. Needs: one input, new outputs; of a
    ///      lot nothing loaded, and no more taken than there is. Does: the parent keeps the rest; what is made is
    ///      like its parent, with every hold of it, and not eligible.
    function split(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        (uint256 fault, uint256 parent) = onlyOne(e, LineRoles.INPUT);
        if (fault != Outcomes.RECORDED) return fault;
        bytes32 id = e.lines[parent].unit;
        uint256 word = s.unitAt(id);
        fault = s.checkOpen(id, word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.thing() == Things.CONTAINER) return Outcomes.WRONG_THING;
        bool isLot = word.thing() == Things.LOT;
        fault = isLot ? _checkLotKeeper(s, act, id, word) : _checkCargoKeeper(act, word);
        if (fault != Outcomes.RECORDED) return fault;

        uint256 rest = s.lotAt(id).balances;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i == parent) continue;
            Line memory line = e.lines[i];
            if (s.exists(line.unit)) return Outcomes.UNIT_EXISTS;
            if (isLot != (line.balance != Balances.NONE)) return Outcomes.WRONG_BALANCE;
            if (!isLot) {
                if (line.quantity != 0) return Outcomes.FIELD_NOT_ALLOWED;
                continue;
            }
            if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
            uint64 left = rest.amount(line.balance);
            if (line.quantity > left) return Outcomes.NOT_ENOUGH;
            rest = rest.withAmount(line.balance, left - line.quantity);
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i == parent) continue;
            Line memory line = e.lines[i];
            if (isLot) {
                _createLike(s, line.unit, id, word, LotWord.only(line.balance, line.quantity));
            } else {
                s.setUnit(line.unit, word.withEligible(false));
            }
        }
        if (isLot) s.setLot(id, rest, s.lotAt(id).more);
        return Outcomes.RECORDED;
    }

    /// @dev MERGE. Who: custodian or owner of every lot. Needs: lots alike in material, book, origin, source and
    ///      custodian; nothing loaded. Does: the inputs are emptied into the output, new or like them, which takes
    ///      over every hold.
    function merge(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        (uint256 fault, uint256 target) = onlyOne(e, LineRoles.OUTPUT);
        if (fault != Outcomes.RECORDED) return fault;
        bytes32 first = e.lines[target == 0 ? 1 : 0].unit;
        uint256[5] memory sums; // raw, wip, finished, scrap, short
        uint16 holds;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            bytes32 id = e.lines[i].unit;
            if (i == target && !s.exists(id)) continue;
            uint256 word = s.unitAt(id);
            fault = s.checkOpen(id, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
            fault = _checkLotKeeper(s, act, id, word);
            if (fault == Outcomes.EMPTY_LOT && i == target) fault = Outcomes.RECORDED;
            if (fault != Outcomes.RECORDED) return fault;
            if (!_areAlike(s, first, id)) return Outcomes.UNLIKE_LOTS;
            _addTo(s, sums, id);
            holds |= word.holds();
        }
        for (uint256 k = 0; k < sums.length; ++k) {
            if (sums[k] > QUANTITY_MAX) return Outcomes.QUANTITY_OVERFLOW;
        }
        act.tell(e, Outcomes.RECORDED);
        _fill(s, e.lines[target].unit, first, holds, sums);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i != target) s.setLot(e.lines[i].unit, 0, s.lotAt(e.lines[i].unit).more.withShort(0));
        }
        return Outcomes.RECORDED;
    }

    /// @dev ISSUE_PROD, RETURN_PROD. Who: owner. Needs: raw >= q; wip >= q. Does: raw to wip; back, also under
    ///      hold. A sub-contractor may be custodian meanwhile.
    function issueOrReturn(Store storage s, Act memory act, CustodyEvent memory e)
        internal
        returns (uint256)
    {
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        uint256 count = e.lines.length;
        uint256 told = After.create(count);
        uint256 balances;
        for (uint256 i = 0; i < count; ++i) {
            (fault, balances) = _moved(s, e, e.lines[i]);
            if (fault != Outcomes.RECORDED) return fault;
            told.setRawAndWip(i, balances);
        }
        act.tellAfter(e, told);
        for (uint256 i = 0; i < count; ++i) {
            if (count != 1) (, balances) = _moved(s, e, e.lines[i]); // of one it is known already
            s.lots[EventHash.unitOf(e.lines, i)].balances = balances;
        }
        return Outcomes.RECORDED;
    }

    /// @dev TRANSFORM. Who: owner. Needs: one book and, so that nothing changes hands unseen, one custodian; at
    ///      least one input, each wip >= q; at least one output, new; products, co-products and semi-finished of
    ///      another material than every input; in a book with strict norms not more material than the norm named
    ///      allows. Does: wip -= q; outputs of own origin: product and co-product finished, semi-finished raw, scrap
    ///      scrap.
    function transform(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        uint256 inputCount;
        uint32 custodian;
        LotRecord[] memory lots = StoreLib.noLots(e.lines.length); // the inputs as they will be
        for (uint256 i = 0; i < lots.length; ++i) {
            Line memory line = e.lines[i];
            if (line.role != LineRoles.INPUT) {
                fault = _checkMade(s, e, line);
            } else {
                LotRecord memory lot;
                (fault, lot.balances, lot.more) = s.checkBookLot(line.unit, e);
                if (fault == Outcomes.RECORDED) fault = LineRules.checkAmount(line, lot);
                uint32 keeper = s.unitAt(line.unit).custodian();
                if (fault == Outcomes.RECORDED && inputCount != 0 && keeper != custodian) {
                    fault = Outcomes.UNLIKE_LOTS;
                }
                if (fault != Outcomes.RECORDED) return fault;
                custodian = keeper;
                ++inputCount;
                uint64 rest = lot.balances.amount(Balances.WIP) - line.quantity;
                lot.balances = lot.balances.withAmount(Balances.WIP, rest);
                lots[i] = lot;
            }
            if (fault != Outcomes.RECORDED) return fault;
        }
        if (inputCount == 0 || inputCount == e.lines.length) return Outcomes.LINES_MISSING;
        fault = NormRules.check(s, act, e);
        if (fault != Outcomes.RECORDED) return fault;
        act.tell(e, Outcomes.RECORDED);
        NormRules.report(s, act, e);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            if (line.role == LineRoles.INPUT) {
                s.setBalances(line.unit, lots[i].balances, lots[i].more);
            } else {
                uint256 word = UnitWord.create(Things.LOT, custodian);
                uint256 balances = LotWord.only(_madeAs(line.role), line.quantity);
                s.createLot(line.unit, word, line.material, 0, e.book, Origins.OWN, balances);
            }
        }
        return Outcomes.RECORDED;
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev Place of the one line with that role: LINES_MISSING if none, FIELD_NOT_ALLOWED if several.
    function onlyOne(CustodyEvent memory e, uint8 role) internal pure returns (uint256 fault, uint256 found) {
        uint256 count;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != role) continue;
            found = i;
            ++count;
        }
        if (count == 0 || count == e.lines.length) return (Outcomes.LINES_MISSING, 0);
        if (count > 1) return (Outcomes.FIELD_NOT_ALLOWED, 0);
    }

    /// @dev What the lot's balances will be once q is moved from raw to wip, or back.
    function _moved(Store storage s, CustodyEvent memory e, Line memory line)
        private
        view
        returns (uint256 fault, uint256 balances)
    {
        if (s.units[line.unit].isPlainLotOf(e.book)) balances = s.lots[line.unit].balances;
        if (balances == 0) {
            (fault, balances,) = s.checkBookLot(line.unit, e);
            if (fault != Outcomes.RECORDED) return (fault, 0);
        }
        uint256 quantity = line.quantity;
        if (quantity == 0) return (Outcomes.QUANTITY_ZERO, 0);
        unchecked {
            uint256 from = e.kind == Kinds.ISSUE_PROD ? 0 : 64; // where raw is in the word, and wip
            uint256 to = 64 - from;
            if (uint64(balances >> from) < quantity) return (Outcomes.NOT_ENOUGH, 0);
            if (uint64(balances >> to) + quantity > QUANTITY_MAX) return (Outcomes.QUANTITY_OVERFLOW, 0);
            balances = balances - (quantity << from) + (quantity << to); // so neither touches its neighbours
        }
    }

    /// @dev Poster is custodian or owner of the lot, which is not under offer, not empty, with nothing loaded.
    function _checkLotKeeper(Store storage s, Act memory act, bytes32 id, uint256 word)
        private
        view
        returns (uint256)
    {
        LotRecord memory lot = s.lotAt(id);
        if (word.custodian() != act.participant && act.ownerOf(lot.more.book()) != act.participant) {
            return Outcomes.NOT_OWNER;
        }
        if (word.offeree() != 0) return Outcomes.UNDER_OFFER;
        if (lot.balances.isEmpty(lot.more)) return Outcomes.EMPTY_LOT;
        return lot.more.loaded() != 0 ? Outcomes.NOT_EMPTY : Outcomes.RECORDED;
    }

    function _checkCargoKeeper(Act memory act, uint256 word) private pure returns (uint256) {
        if (word.custodian() != act.participant) return Outcomes.NOT_CUSTODIAN;
        return word.offeree() != 0 ? Outcomes.UNDER_OFFER : Outcomes.RECORDED;
    }

    function _areAlike(Store storage s, bytes32 one, bytes32 other) private view returns (bool) {
        LotRecord memory a = s.lotAt(one);
        LotRecord memory b = s.lotAt(other);
        return a.more.isLike(b.more) && s.unitAt(one).custodian() == s.unitAt(other).custodian();
    }

    function _addTo(Store storage s, uint256[5] memory sums, bytes32 id) private view {
        uint256 balances = s.lotAt(id).balances;
        for (uint8 balance = Balances.RAW; balance <= Balances.SCRAP; ++balance) {
            sums[balance - 1] += balances.amount(balance);
        }
        sums[4] += s.lotAt(id).more.short_();
    }

    /// @dev Puts the sums into the output of a MERGE, making it if it is new.
    function _fill(Store storage s, bytes32 id, bytes32 like, uint16 holds, uint256[5] memory sums) private {
        uint256 balances;
        for (uint8 balance = Balances.RAW; balance <= Balances.SCRAP; ++balance) {
            balances = balances.withAmount(balance, uint64(sums[balance - 1])); // at most QUANTITY_MAX, checked
        }
        uint256 word = s.unitAt(id);
        if (word == 0) {
            _createLike(s, id, like, s.unitAt(like).withHolds(holds), balances);
            if (sums[4] == 0) return;
        } else if (word.holds() != holds) {
            s.setUnit(id, word.withHolds(holds));
        }
        s.setLot(id, balances, s.lotAt(id).more.withShort(uint64(sums[4])));
    }

    /// @dev A new lot that is like another in everything but its balances.
    function _createLike(Store storage s, bytes32 id, bytes32 like, uint256 word, uint256 balances) private {
        LotRecord memory lot = s.lotAt(like);
        s.createLot(
            id, word, s.materialOf(lot), s.sourceOf(lot), lot.more.book(), lot.more.origin(), balances
        );
    }

    /// @dev An output is new and, unless it is scrap, of another material than every input.
    function _checkMade(Store storage s, CustodyEvent memory e, Line memory made)
        private
        view
        returns (uint256)
    {
        uint256 fault = BookRules.checkNewLot(s, made);
        if (fault != Outcomes.RECORDED || made.role == LineRoles.SCRAP) return fault;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != LineRoles.INPUT) continue;
            if (s.isOf(e.lines[i].unit, made.material)) return Outcomes.WRONG_MATERIAL;
        }
        return Outcomes.RECORDED;
    }

    function _madeAs(uint8 role) private pure returns (uint8) {
        if (role == LineRoles.SCRAP) return Balances.SCRAP;
        return role == LineRoles.SEMI_FINISHED ? Balances.RAW : Balances.FINISHED;
    }
}
