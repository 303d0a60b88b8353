// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {ICustodyLedger} from "./ICustodyLedger.sol";
import {LotRules} from "./LotRules.sol";
import {StoreLib} from "./Store.sol";
import {Contents, LotRecord, Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {LineRoles, Outcomes, Things, UnitStatuses} from "./Vocabulary.sol";
import {LotWord, UnitWord} from "./Words.sol";

/// @title What is inside containers: STUFF, STRIP, CLOSE
/// @dev A thing inside points to its container and has its custodian, facility, status and holds (StoreLib.unitAt).
///      The container counts what is inside, so that no act on it costs more the more is inside. Containers do not
///      nest.
library InsideRules {
    using ActLib for Act;
    using StoreLib for Store;
    using LotWord for uint256;
    using UnitWord for uint256;

    uint256 private constant INSIDE_MAX = 2 ** 16 - 1;

    /// @dev STUFF. Who: custodian of the container and of every thing. Needs: cargo or lots, in no container, not
    ///      empty, into an open container; nothing held or offered; cargo in the same facility and status. No lots
    ///      into a container that arrived full and is supervised still: import goods would leave as exports. Does:
    ///      inside.
    function stuff(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        (uint256 fault, uint256 place) = LotRules.onlyOne(e, LineRoles.CONTAINER);
        if (fault != Outcomes.RECORDED) return fault;
        bytes32 id = e.lines[place].unit;
        uint256 container = s.unitAt(id);
        fault = _checkContainer(s, act, id, container);
        if (fault == Outcomes.RECORDED && container.isHeld()) fault = Outcomes.HELD;
        for (uint256 i = 0; fault == Outcomes.RECORDED && i < e.lines.length; ++i) {
            if (i != place) fault = _checkStuffed(s, act, e.lines[i].unit, container);
        }
        if (fault != Outcomes.RECORDED) return fault;
        if (container.insideCount() + e.lines.length - 1 > INSIDE_MAX) return Outcomes.QUANTITY_OVERFLOW;
        act.tell(e, Outcomes.RECORDED);
        Contents memory contents = s.contents[id];
        uint256 notEligible = container.insideNotEligible();
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i == place) continue;
            bytes32 unit = e.lines[i].unit;
            uint256 word = s.unitAt(unit);
            s.setInside(unit, word, id, word.isEligible() ? contents.round + 1 : 0);
            if (word.thing() != Things.CARGO) continue;
            ++contents.cargo;
            if (!word.isEligible()) ++notEligible;
        }
        s.contents[id] = contents;
        uint256 count = container.insideCount() + e.lines.length - 1;
        s.setUnit(id, container.withCounts(count, container.insideHeld(), notEligible));
        return Outcomes.RECORDED;
    }

    /// @dev STRIP. Who: custodian. Needs: things inside the container; or, of a container that arrived full and of
    ///      which nothing is known, the new cargo. Also under hold. Does: takes things out, where the container
    ///      stands and with every hold on it; or makes cargo of it, with its facility, status and holds, not
    ///      eligible, and the container is stripped.
    function strip(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        (uint256 fault, uint256 place) = LotRules.onlyOne(e, LineRoles.CONTAINER);
        if (fault != Outcomes.RECORDED) return fault;
        bytes32 id = e.lines[place].unit;
        uint8 role = e.lines[place == 0 ? 1 : 0].role;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i != place && e.lines[i].role != role) return Outcomes.FIELD_NOT_ALLOWED;
        }
        uint256 container = s.unitAt(id);
        fault = _checkContainer(s, act, id, container);
        if (fault != Outcomes.RECORDED) return fault;
        bool makes = role == LineRoles.OUTPUT;
        if (makes && container.arrivedEmpty()) return Outcomes.NOTHING_TO_STRIP; // or was stripped already
        if (makes && container.insideCount() != 0) return Outcomes.NOT_EMPTY;
        for (uint256 i = 0; fault == Outcomes.RECORDED && i < e.lines.length; ++i) {
            if (i == place) continue;
            bytes32 unit = e.lines[i].unit;
            if (makes) fault = s.exists(unit) ? Outcomes.UNIT_EXISTS : Outcomes.RECORDED;
            else fault = _checkInside(s, unit, id);
        }
        if (fault != Outcomes.RECORDED) return fault;
        act.tell(e, Outcomes.RECORDED);
        if (makes) _makeCargo(s, e, place, container);
        else _takeOut(s, e, id, container);
        return Outcomes.RECORDED;
    }

    /// @dev CLOSE. Who: the operator, or the custodian. Needs: not held; nothing inside but empty lots, all named
    ///      (then one container only); free, stripped, or all its lots have exited. Does: takes the lots out;
    ///      closed for good.
    function close(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        (uint256 lots, bytes32 id) = _namedIn(e);
        if (lots == e.lines.length) return Outcomes.LINES_MISSING;
        if (lots != 0 && e.lines.length - lots != 1) return Outcomes.FIELD_NOT_ALLOWED;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role == LineRoles.INPUT) continue;
            uint256 word = s.unitAt(e.lines[i].unit);
            uint256 fault = s.checkOpenCargo(e.lines[i].unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.custodian() != act.participant && !act.operates(word)) return Outcomes.NOT_CUSTODIAN;
            fault = StoreLib.checkUnhindered(word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.insideCount() != lots) return Outcomes.NOT_EMPTY;
            if (word.status() == UnitStatuses.SUPERVISED && lots == 0) return Outcomes.NOT_FREE;
        }
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role != LineRoles.INPUT) continue;
            bytes32 unit = e.lines[i].unit;
            uint256 fault = _checkInside(s, unit, id);
            if (fault != Outcomes.RECORDED) return fault;
            LotRecord memory lot = s.lotAt(unit);
            if (s.unitAt(unit).thing() != Things.LOT || !lot.balances.isEmpty(lot.more)) {
                return Outcomes.NOT_EMPTY;
            }
        }
        act.tell(e, Outcomes.RECORDED);
        if (lots != 0) _takeOut(s, e, id, s.unitAt(id));
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role == LineRoles.INPUT) continue;
            bytes32 unit = e.lines[i].unit;
            s.setUnit(unit, s.unitAt(unit).withStatus(UnitStatuses.CLOSED));
        }
        return Outcomes.RECORDED;
    }

    // ---- what other kinds do to things inside, and to containers with something inside

    /// @dev Sets the holds of a unit, of which unitAt says `word`; its container counts how many things inside are
    ///      held.
    function setHolds(Store storage s, bytes32 unit, uint256 word, uint16 holds) internal {
        uint256 before = word.holds() == 0 ? 0 : 1;
        uint256 now_ = holds == 0 ? 0 : 1;
        s.setUnit(unit, word.withHolds(holds));
        if (!word.isInside() || before == now_) return;
        bytes32 id = s.inside[unit].container;
        uint256 container = s.unitAt(id);
        uint256 held = container.insideHeld() + now_ - before;
        s.setUnit(id, container.withCounts(container.insideCount(), held, container.insideNotEligible()));
    }

    /// @dev Declares a container or cargo, of which unitAt says `word`, eligible, or not; its container counts which
    ///      cargo inside are not.
    function setEligible(Store storage s, bytes32 unit, uint256 word, bool eligible) internal {
        if (!word.isInside()) {
            s.setUnit(unit, word.withEligible(eligible));
            return;
        }
        uint256 before = word.isEligible() ? 0 : 1;
        uint256 now_ = eligible ? 0 : 1;
        bytes32 id = s.inside[unit].container;
        s.inside[unit].eligibleIn = eligible ? s.contents[id].round + 1 : 0;
        s.setUnit(unit, word.withEligible(eligible));
        if (before == now_) return;
        uint256 container = s.unitAt(id);
        uint256 notEligible = container.insideNotEligible() + now_ - before;
        s.setUnit(id, container.withCounts(container.insideCount(), container.insideHeld(), notEligible));
    }

    /// @dev The container's word once it is free: its eligibility is used up, and that of all cargo inside.
    function released(Store storage s, bytes32 id, uint256 word) internal returns (uint256) {
        word = word.withStatus(UnitStatuses.FREE).withEligible(false);
        if (word.insideCount() == 0) return word;
        Contents memory contents = s.contents[id];
        ++contents.round;
        s.contents[id] = contents;
        emit ICustodyLedger.ContentsNotEligible(id);
        return word.withCounts(word.insideCount(), word.insideHeld(), contents.cargo);
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev A container, open, in the poster's custody, not under offer.
    function _checkContainer(Store storage s, Act memory act, bytes32 id, uint256 word)
        private
        view
        returns (uint256)
    {
        uint256 fault = s.checkOpen(id, word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.thing() != Things.CONTAINER) return Outcomes.WRONG_THING;
        if (word.custodian() != act.participant) return Outcomes.NOT_CUSTODIAN;
        return word.offeree() != 0 ? Outcomes.UNDER_OFFER : Outcomes.RECORDED;
    }

    function _checkStuffed(Store storage s, Act memory act, bytes32 unit, uint256 container)
        private
        view
        returns (uint256)
    {
        uint256 word = s.unitAt(unit);
        uint256 fault = s.checkOpen(unit, word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.thing() == Things.CONTAINER) return Outcomes.WRONG_THING;
        if (word.custodian() != act.participant) return Outcomes.NOT_CUSTODIAN;
        fault = StoreLib.checkUnhindered(word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.thing() == Things.LOT) {
            LotRecord memory lot = s.lotAt(unit);
            if (lot.balances.isEmpty(lot.more)) return Outcomes.EMPTY_LOT;
            bool full = container.status() == UnitStatuses.SUPERVISED && !container.arrivedEmpty();
            return full ? Outcomes.NOT_EMPTY : Outcomes.RECORDED;
        }
        bool together = word.facility() == container.facility() && word.status() == container.status();
        return together ? Outcomes.RECORDED : Outcomes.NOT_TOGETHER;
    }

    /// @dev The unit is inside that container.
    function _checkInside(Store storage s, bytes32 unit, bytes32 id) private view returns (uint256) {
        uint256 fault = s.checkThere(unit, s.unitAt(unit));
        if (fault != Outcomes.RECORDED) return fault;
        return s.inside[unit].container == id ? Outcomes.RECORDED : Outcomes.NOT_INSIDE;
    }

    /// @dev How many lots a CLOSE names, and the (last) container that it names.
    function _namedIn(CustodyEvent memory e) private pure returns (uint256 lots, bytes32 id) {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (e.lines[i].role == LineRoles.INPUT) ++lots;
            else id = e.lines[i].unit;
        }
    }

    /// @dev Takes the things with role INPUT out of the container. A hold on it goes with them, since it was
    ///      theirs; not with an empty lot, from which nobody could lift it.
    function _takeOut(Store storage s, CustodyEvent memory e, bytes32 id, uint256 container) private {
        uint256 count = container.insideCount();
        uint256 held = container.insideHeld();
        uint256 notEligible = container.insideNotEligible();
        uint16 cargo;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            if (line.role != LineRoles.INPUT) continue;
            uint256 word = s.unitAt(line.unit);
            --count;
            if (word.holds() != 0) --held;
            bool isLot = word.thing() == Things.LOT;
            uint256 out = word.withCounts(0, 0, 0);
            if (isLot) {
                out = out.withFacility(0).withStatus(UnitStatuses.NONE);
            } else {
                ++cargo;
                if (!word.isEligible()) --notEligible;
            }
            LotRecord memory lot = s.lotAt(line.unit);
            if (!isLot || !lot.balances.isEmpty(lot.more)) {
                out = out.withHolds(word.holds() | container.holds());
            }
            s.setInside(line.unit, out, 0, 0);
        }
        if (cargo != 0) s.contents[id].cargo -= cargo;
        s.setUnit(id, container.withCounts(count, held, notEligible));
    }

    function _makeCargo(Store storage s, CustodyEvent memory e, uint256 place, uint256 container) private {
        uint256 word = UnitWord.create(Things.CARGO, container.custodian()).withFacility(container.facility())
            .withStatus(container.status()).withHolds(container.holds());
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (i != place) s.setUnit(e.lines[i].unit, word);
        }
        // Empty for good: a REASSIGN of the status must not fill it again.
        container = container.withStatus(UnitStatuses.STRIPPED).withEligible(false).withEmpty();
        s.setUnit(e.lines[place].unit, container);
    }
}
